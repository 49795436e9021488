"""kill -9 and Ctrl-C at any moment: the same command completes, with the same numbers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted")
    rng = np.random.default_rng(0)
    (folder / "scans").mkdir()
    lines = ["file,patient_id,label"]
    for i in range(80):
        pixels = rng.integers(0, 120, (48, 48)) + i % 2 * 20
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "scans" / f"{i:03}.png")
        lines.append(f"{i:03}.png,P{i // 2},{i % 2}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


def words(data: Path, project: Path, method: str = "forest,linear") -> list[str]:
    return [sys.executable, "-m", "isocenter", "run", str(data / "scans"), "--labels", str(data / "labels.csv"),
            "--target", "label", "--method", method, "--project", str(project), "--json"]  # fmt: skip


def results(data: Path, project: Path, command: list[str] | None = None) -> object:
    done = subprocess.run(command or words(data, project), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert not [p for p in project.rglob("*") if ".partial" in p.name]
    return found["results"], found.get("seeds"), found.get("learning")


@pytest.mark.slow
def test_a_killed_cross_validation_with_all_its_surroundings_goes_on(data: Path, tmp_path: Path) -> None:
    def command(project: Path) -> list[str]:
        return [
            *words(data, project, "linear"),
            "--design",
            "kfold",
            "--folds",
            "3",
            "--seeds",
            "2",
            "--learning-curve",
        ]

    started = time.monotonic()
    expected = results(data, tmp_path / "whole", command(tmp_path / "whole"))
    lasts = time.monotonic() - started
    for k in range(4):
        project = tmp_path / f"killed-{k}"
        process = subprocess.Popen(command(project), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(lasts * (k + 0.5) / 4)
        process.kill()
        process.wait()
        before = {p: p.stat().st_mtime_ns for p in project.rglob("folds/**/*.iso")}
        assert results(data, project, command(project)) == expected
        kept = [p for p, at in before.items() if p.stat().st_mtime_ns == at]
        assert len(kept) >= len(before) - 1  # all but the fold whose memory was not written yet


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_at_ten_points_it_completes_with_the_same_numbers(
    data: Path, tmp_path: Path, how: signal.Signals
) -> None:
    started = time.monotonic()
    expected = results(data, tmp_path / "whole")
    lasts = time.monotonic() - started
    for k in range(10):
        project = tmp_path / f"killed-{k}"
        process = subprocess.Popen(words(data, project), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(lasts * (k + 0.5) / 10)
        process.send_signal(how)
        _, said = process.communicate()
        if how is signal.SIGINT and process.returncode not in (0, -signal.SIGINT):
            assert process.returncode == 130 and b"Traceback" not in said, said.decode()
        assert results(data, project) == expected
