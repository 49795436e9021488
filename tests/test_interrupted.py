"""kill -9 and Ctrl-C at any moment: the same command completes, with the same numbers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
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
            "3",
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
        if how is signal.SIGINT and process.returncode != -signal.SIGINT:  # that: before Python listened
            ended = process.returncode == 0 and (project / "report.html").exists()
            assert ended or (process.returncode == 130 and b"Interrupted." in said), (process.returncode, said)
            assert b"Traceback" not in said, said.decode()
        assert results(data, project) == expected


# Loaded by every Python that the command starts: writes down each case that was measured and kept.
SPY = """
import os
from isocenter.preparation import results
whole = results._Keeping.__call__
def spied(self, item):
    row = whole(self, item)
    if self.step == "radiomics":
        with open(os.environ["SPY_LOG"], "a") as log:
            log.write(item[0] + "\\n")
    return row
results._Keeping.__call__ = spied
"""


@pytest.mark.slow
def test_killed_ten_times_no_finished_case_is_measured_twice(tmp_path: Path) -> None:
    rng, lines = np.random.default_rng(0), ["case,label"]
    ball = (np.indices((40, 72, 72)) - np.array([20, 36, 36])[:, None, None, None]) ** 2
    mask = nibabel.Nifti1Image((ball.sum(axis=0) < 18**2).astype(np.uint8), np.eye(4))
    for i in range(150):
        folder = tmp_path / "scans" / f"c{i:03}"
        folder.mkdir(parents=True)
        values = rng.normal(100 + i % 2 * 5, 30, ball.shape[1:]).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / "image.nii.gz")
        nibabel.save(mask, folder / "mask.nii.gz")
        lines.append(f"c{i:03},{i % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    (tmp_path / "spy").mkdir()
    (tmp_path / "spy" / "sitecustomize.py").write_text(SPY)
    log = tmp_path / "log"
    path = os.pathsep.join([str(tmp_path / "spy"), *filter(None, [os.environ.get("PYTHONPATH")])])
    surroundings = {**os.environ, "PYTHONPATH": path, "SPY_LOG": str(log)}

    def command(project: str) -> list[str]:
        given = ["--labels", str(tmp_path / "labels.csv"), "--image", "image.nii.gz", "--mask", "mask.nii.gz"]
        how = ["--features", "radiomics", "--preset", "mr", "--method", "linear", "--json"]
        scans = str(tmp_path / "scans")
        return [sys.executable, "-m", "isocenter", "run", scans, *given, *how, "--project", str(tmp_path / project)]

    def measured() -> list[str]:
        return log.read_text().split() if log.exists() else []

    killed = 0
    for _ in range(10):
        before = len(measured())
        process = subprocess.Popen(
            command("killed"), env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(measured()) == before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.6))
        killed += process.poll() is None
        process.kill()
        process.wait()
        time.sleep(0.5)  # its workers finish what they hold
    assert killed == 10 and 10 < len(measured()) < 150
    done = subprocess.run(command("killed"), env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(measured()) == len(set(measured())) == 150
    whole = subprocess.run(command("whole"), capture_output=True, text=True)
    assert json.loads(done.stdout)["results"] == json.loads(whole.stdout)["results"]
