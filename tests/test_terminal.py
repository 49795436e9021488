"""What a person sees, and when: each step's facts as it ends, nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from designs import write_table
from isocenter import cli, progress, running
from isocenter.terminal import Terminal


def isocenter_cli(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "isocenter", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_a_run_that_fails_has_said_what_it_found(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", 60)
    wrong = ("run", "t.csv", "--target", "label", "--method", "linear", "--set", "nonsense=1")
    done = isocenter_cli(*wrong, cwd=tmp_path)
    assert done.returncode == 2 and "nonsense" in done.stderr
    found = (
        "Note      Given features: t.csv, 60 rows.",
        "Cohort    60 cases found",
        "Target    label",
        "WARNING   No patient id",
    )
    for line in found:
        assert done.stdout.count(line) == 1, done.stdout
    failed = isocenter_cli(*wrong, "--json", cwd=tmp_path)
    assert json.loads(failed.stdout)["error"] == "UsageError"


@pytest.mark.slow
def test_a_run_says_each_thing_once_and_json_is_one_object(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", 60)
    words = ("run", "t.csv", "--target", "label", "--method", "linear")
    said = isocenter_cli(*words, cwd=tmp_path).stdout
    starts = ("Cohort ", "Target ", "Split ", "Sample ", "Fitted    linear", "Test part: 12 cases;", "Report ")
    assert [said.count(f"\n{start}") for start in starts] == [1] * len(starts), said
    assert sorted(starts, key=said.index) == list(starts)
    assert json.loads(isocenter_cli(*words, "--json", cwd=tmp_path).stdout)["cohort"]["used"] == 60


def test_facts_are_printed_as_they_come_and_only_what_changed_again(capsys: pytest.CaptureFixture[str]) -> None:
    cohort = {"found": 3, "used": 3, "excluded": [], "unlabelled": 0, "patients": None}
    terminal = Terminal(as_json=False)
    with terminal.listening():
        progress.facts({"notes": ["one"], "cohort": cohort})
        assert capsys.readouterr().out.splitlines() == [
            "Note      one",
            "Cohort    3 cases found = 3 used + 0 excluded + 0 without a target",
        ]
        progress.facts({"notes": ["one", "two"], "cohort": cohort, "duplicates": [["a", "b"]]})
    assert capsys.readouterr().out.splitlines() == [
        "Note      two",
        "Bit-identical pixels: 1 group, for instance a = b",
    ]
    terminal.show({"cohort": {**cohort, "used": 2}, "report": "r.html"})
    assert "2 used" in (shown := capsys.readouterr().out) and "Report    r.html" in shown
    with Terminal(as_json=True).listening():
        progress.facts({"cohort": cohort})
    with terminal.listening(), progress.without_facts():
        progress.facts({"cohort": cohort})
    assert capsys.readouterr().out == ""


def test_ctrl_c_inside_an_import_is_an_interruption_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python up to 3.11 says RuntimeError when an interrupt falls into a class being made."""

    def wrapped(**_: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise RuntimeError("Error calling __set_name__") from stop

    monkeypatch.setattr(cli, "app", wrapped)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "\nInterrupted. The same command goes on where this one stopped.\n"


def test_ctrl_c_in_a_command_is_told_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Through the real parser, which catches the interrupt before `main` can."""

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "demo", stopped)
    monkeypatch.setattr(sys, "argv", ["isocenter", "demo", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.endswith("Interrupted. The same command goes on where this one stopped.\n")
