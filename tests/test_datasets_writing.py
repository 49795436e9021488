"""Writing the phantom: the same bytes again, damage made good, nothing half-written, nothing of others touched."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from isocenter import datasets, progress
from isocenter.datasets import writing
from isocenter.datasets.phantom import MARKER
from isocenter.errors import NotWritable, UsageError

FEW = 6


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    datasets.phantom(folder, patients=FEW, seed=3)
    return folder


def test_same_arguments_same_bytes(written: Path, tmp_path: Path) -> None:
    datasets.phantom(tmp_path, patients=FEW, seed=3)
    assert contents(tmp_path) == contents(written)


def test_complete_phantom_is_reused_untouched(tmp_path: Path) -> None:
    assert not datasets.phantom(tmp_path, patients=4).reused
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert datasets.phantom(tmp_path, patients=4).reused
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == times


@pytest.mark.parametrize("harm", ["cut", "missing", "marker", "label"])
def test_damaged_phantom_is_written_anew(tmp_path: Path, harm: str) -> None:
    datasets.phantom(tmp_path, patients=4)
    whole = contents(tmp_path)
    scan = tmp_path / "scans" / "PHANTOM-003" / "ct" / "0004.dcm"
    match harm:
        case "cut":
            scan.write_bytes(scan.read_bytes()[:1000])
        case "missing":
            scan.unlink()
        case "marker":
            (tmp_path / MARKER).write_text('{"synthetic": tr')
        case "label":
            (tmp_path / "labels.csv").write_text((tmp_path / "labels.csv").read_text().replace(",1,", ",0,"))
    assert not datasets.phantom(tmp_path, patients=4).reused
    assert contents(tmp_path) == whole


def test_other_arguments_replace_it_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    datasets.phantom(tmp_path, patients=5, seed=1)
    datasets.phantom(tmp_path, patients=4, seed=2)
    assert len(list((tmp_path / "scans").iterdir())) == 4
    assert json.loads((tmp_path / MARKER).read_text())["seed"] == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_folder_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("patient_id,malignant\n")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"labels\.csv"):
        datasets.phantom(tmp_path, patients=4)
    assert contents(tmp_path) == before
    with pytest.raises(UsageError, match="is a file"):
        datasets.phantom(tmp_path / "labels.csv", patients=4)


class Failing:
    """Stands in for `write_patient`: writes some patients, then fails."""

    def __init__(self, fault: BaseException, after: int = 2) -> None:
        self.fault, self.left, self.write = fault, after, writing.write_patient

    def __call__(self, patient: datasets.Patient, folder: Path) -> None:
        if self.left == 0:
            raise self.fault
        self.left -= 1
        self.write(patient, folder)


def test_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "write_patient", Failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(NotWritable, match="No space left"):
        datasets.phantom(tmp_path / "phantom", patients=4)
    assert not contents(tmp_path)


def test_interrupted_phantom_keeps_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.phantom(tmp_path, patients=4)
    before = contents(tmp_path)
    monkeypatch.setattr(writing, "write_patient", Failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        datasets.phantom(tmp_path, patients=5)
    assert contents(tmp_path) == before
    assert datasets.phantom(tmp_path, patients=4).reused


@pytest.mark.parametrize("moved", [[], ["scans"], ["scans", "labels.csv", "truth.csv", "README.txt"]])
def test_killed_process_is_made_good(written: Path, tmp_path: Path, moved: list[str]) -> None:
    """What `kill -9` leaves: no marker, a part in place, the rest unfinished."""
    unfinished = tmp_path / ".phantom-unfinished"
    for name, content in contents(written).items():
        if name != MARKER:
            place = (tmp_path if name.split("/")[0] in moved else unfinished) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    unfinished.mkdir(exist_ok=True)
    assert not datasets.phantom(tmp_path, patients=FEW, seed=3).reused
    assert contents(tmp_path) == contents(written)


def test_progress_counts_patients(tmp_path: Path) -> None:
    seen: list[progress.Event] = []
    with progress.listening(seen.append):
        datasets.phantom(tmp_path, patients=4)
    assert [e.kind for e in seen] == ["start", *["advance"] * 4, "end"]
