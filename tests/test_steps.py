"""Studies in their folders: a run.toml repeats where one expects it, and never over another study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import isocenter
from designs import write_table
from isocenter import cli, progress
from isocenter.errors import OtherStudy
from isocenter.progress import Event
from isocenter.project import DEFAULT

QUICK: dict[str, Any] = {"target": "label", "method": "linear", "folds": 2}


def test_a_run_toml_repeats_in_its_own_project_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = isocenter.run(write_table(tmp_path / "t.csv", 60), project="mine", **QUICK).summary()
    again = cli.run("mine/run.toml", project=Path(DEFAULT))
    assert again["project"] == "mine" and again["results"] == first["results"]
    assert again["looks"] == 1 and not Path(DEFAULT).exists()
    assert cli.run("mine/run.toml", project=Path("other"))["project"] == "other"
    Path("kept.toml").write_text(Path("mine/run.toml").read_text("utf-8"), "utf-8")
    assert cli.run("kept.toml", project=Path(DEFAULT))["project"] == DEFAULT


def test_a_run_toml_never_overwrites_another_study_and_an_input_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours, theirs = write_table(tmp_path / "ours.csv", 60), write_table(tmp_path / "theirs.csv", 60, seed=1)
    isocenter.run(ours, project=DEFAULT, **QUICK)
    before = {path: path.read_bytes() for path in Path(DEFAULT).rglob("*.*") if path.is_file()}
    text = Path(DEFAULT, "run.toml").read_text("utf-8")
    Path("kept.toml").write_text(text.replace("ours.csv", "theirs.csv"), "utf-8")
    with pytest.raises(OtherStudy, match=r"holds a study of .*ours\.csv: this one of .*theirs\.csv would overwrite it"):
        cli.run("kept.toml", project=Path(DEFAULT))
    with pytest.raises(OtherStudy):
        isocenter.run("kept.toml", project=DEFAULT)
    assert {path: path.read_bytes() for path in before} == before
    heard: list[Event] = []
    with progress.listening(heard.append):
        cli.index(str(theirs), project=Path(DEFAULT), target="label")
    assert any(e.kind == "warning" and "its results are replaced" in e.text for e in heard)


def test_what_was_left_out_is_warned_of_once(tmp_path: Path) -> None:
    table = pd.read_csv(write_table(tmp_path / "t.csv", 60)).assign(case_id=lambda t: [f"C{i}" for i in range(len(t))])
    twice = table.head(9).assign(label=lambda t: 1 - t["label"])
    pd.concat([table, twice]).to_csv(tmp_path / "t.csv", index=False)
    heard: list[Event] = []
    with progress.listening(heard.append):
        isocenter.run(tmp_path / "t.csv", project=tmp_path / "p", allow_excluded=True, **QUICK).summary()
    assert sum("are left out; the limit" in e.text for e in heard if e.kind == "warning") == 1
