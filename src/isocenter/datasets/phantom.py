"""A synthetic CT cohort on disk: genuine DICOM series, lesion masks, a table of labels.

    folder/
        scans/PHANTOM-001/ct/0001.dcm ...      one series a patient
        scans/PHANTOM-001/lesion_mask.nii.gz   on the grid of the series
        labels.csv       patient_id, malignant, age, sex, site, scanner
        truth.csv        what was drawn for each lesion, and the oracle's score: not for training
        README.txt
        phantom.json     written last: what this phantom is, and the SHA-256 of the rest

The whole is made in a folder of its own and moved into place, so a phantom is complete or absent.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from isocenter import disk
from isocenter.datasets import patients as drawing
from isocenter.datasets import rendering, writing
from isocenter.datasets.patients import Difficulty, Patient
from isocenter.errors import UsageError
from isocenter.progress import track

VERSION = 1  # of what is written; a phantom of another version is written anew
MARKER = "phantom.json"
_UNFINISHED = ".phantom-unfinished"
_TABLES = ("labels.csv", "truth.csv", "README.txt")
_PARTS = (MARKER, "scans", *_TABLES)

_README = """\
SYNTHETIC DATA: no patient, no scanner, no hospital.

A computer-made phantom of {n} chest CT series, written by Isocenter (seed {seed}, version {version}).
For trying software and for teaching; it says nothing about cancer, and results on it prove nothing
about patients.

scans/       one DICOM CT series a patient, and lesion_mask.nii.gz on its grid (1 = lesion)
labels.csv   malignant (1 yes, 0 no), age in years, sex, and the invented site and scanner
truth.csv    how each lesion was drawn (diameter in mm, attenuation and heterogeneity in HU, spiculation
             as a share of the radius, place in LPS mm) and the oracle's score. For checking answers:
             training on it is cheating.

Difficulty is designed. AUC of the best possible score from:
    everything that was drawn (the oracle)   {d.oracle:.3f}
    what shapes the images                   {d.image:.3f}
    age and sex                              {d.covariate:.3f}
    lesion size alone                        {d.size:.3f}
    scanner alone                            {d.scanner:.3f}
"""


@dataclass(frozen=True)
class PhantomSummary:
    """What was written, and how hard it is: AUCs of the best possible score from each kind of knowledge.

    reused: it was already there, complete and unchanged. as_designed: the AUCs lie inside the
    designed bounds (a small cohort may miss them).
    """

    folder: Path
    patients: int
    malignant: int
    seed: int
    reused: bool
    as_designed: bool
    oracle_auc: float
    image_auc: float
    size_auc: float
    scanner_auc: float
    covariate_auc: float

    def lines(self) -> list[str]:
        """Text to print."""
        benign, sites = self.patients - self.malignant, len(drawing.SCANNERS)
        state = "found complete" if self.reused else "written"
        miss = "" if self.as_designed else " (too small a cohort to meet the design exactly)"
        return [
            f"Synthetic CT phantom, no real persons: {state} in {self.folder}",
            f"{self.patients} patients, {self.malignant} malignant, {benign} benign, {sites} sites, seed {self.seed}",
            f"Designed difficulty: the oracle, which knows all that was drawn, reaches AUC {self.oracle_auc:.3f}{miss}",
            f"    what shapes the images   {self.image_auc:.3f}   at best",
            f"    age and sex              {self.covariate_auc:.3f}",
            f"    lesion size alone        {self.size_auc:.3f}",
            f"    scanner alone            {self.scanner_auc:.3f}",
        ]


def phantom(folder: Path, *, patients: int = 120, seed: int = 0) -> PhantomSummary:
    """Write the synthetic cohort into `folder`, or reuse it where it lies there complete.

    The same arguments give the same bytes. Raises UsageError (too few patients; a folder that holds
    other scans or labels) and NotWritable; then nothing half-written is left.
    """
    folder = Path(folder)
    cohort = drawing.draw_patients(seed, patients)
    identity: dict[str, object] = {"synthetic": True, "version": VERSION, "patients": patients, "seed": seed}
    reused = _is_complete(folder, cohort, identity)
    if not reused:
        _refuse_foreign(folder)
        _write(folder, cohort, identity)
    difficulty = Difficulty.of(cohort)
    return PhantomSummary(
        folder=folder,
        patients=patients,
        malignant=sum(p.malignant for p in cohort),
        seed=seed,
        reused=reused,
        as_designed=difficulty.misses() == 0,
        oracle_auc=difficulty.oracle,
        image_auc=difficulty.image,
        size_auc=difficulty.size,
        scanner_auc=difficulty.scanner,
        covariate_auc=difficulty.covariate,
    )


def _files(cohort: Sequence[Patient]) -> Iterator[str]:
    """Every file but the marker, relative to the phantom's folder."""
    yield from _TABLES
    for patient in cohort:
        yield from (f"scans/{patient.patient_id}/{name}" for name in (*writing.slice_names(patient), writing.MASK))


def _digest(folder: Path, cohort: Sequence[Patient]) -> str:
    total = hashlib.sha256()
    for name in _files(cohort):
        total.update(name.encode())
        total.update(hashlib.sha256((folder / name).read_bytes()).digest())
    return total.hexdigest()


def _is_complete(folder: Path, cohort: Sequence[Patient], identity: dict[str, object]) -> bool:
    try:
        marker = json.loads((folder / MARKER).read_bytes())
        return bool(marker == {**identity, "sha256": _digest(folder, cohort)})
    except (OSError, ValueError):  # absent, cut short, or one of its files is
        return False


def _refuse_foreign(folder: Path) -> None:
    """Only what a phantom wrote is ever replaced."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, not a folder.", "Name another folder for the phantom.")
    if (folder / MARKER).exists() or (folder / _UNFINISHED).exists():
        return
    if foreign := [name for name in _PARTS if (folder / name).exists()]:
        names = ", ".join(foreign)
        raise UsageError(f"{folder} already holds {names}, not a phantom's.", "Name an empty folder for the phantom.")


def _write(folder: Path, cohort: Sequence[Patient], identity: dict[str, object]) -> None:
    """All files, then the marker. Everything happens inside `write_with`, which names a faulty disk."""

    def write(marker: Path) -> None:
        unfinished = folder / _UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)
        for patient in track(cohort, "Writing the synthetic phantom", len(cohort)):
            writing.write_patient(patient, unfinished / "scans" / patient.patient_id)
        for name, text in _texts(cohort, identity):
            (unfinished / name).write_bytes(text.encode())
        sha256 = _digest(unfinished, cohort)
        _move_into_place(unfinished, folder)
        marker.write_bytes(json.dumps({**identity, "sha256": sha256}, indent=1).encode())

    try:
        disk.write_with(folder / MARKER, write)
    except BaseException:
        _clear(folder)
        raise
    shutil.rmtree(folder / _UNFINISHED, ignore_errors=True)


def _move_into_place(unfinished: Path, folder: Path) -> None:
    """Until `unfinished` is gone, whatever is in `folder` counts as incomplete."""
    for name in _PARTS:
        _remove(folder / name)
    for name in _PARTS[1:]:
        (unfinished / name).replace(folder / name)


def _clear(folder: Path) -> None:
    """After a fault: an older phantom stays if it was not touched yet; nothing of the new one does."""
    if not (folder / MARKER).exists():
        for name in _PARTS:
            _remove(folder / name)
    _remove(folder / _UNFINISHED)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _texts(cohort: Sequence[Patient], identity: dict[str, object]) -> list[tuple[str, str]]:
    readme = _README.format(n=len(cohort), seed=identity["seed"], version=VERSION, d=Difficulty.of(cohort))
    return [("labels.csv", _csv(_labels(cohort))), ("truth.csv", _csv(_truth(cohort))), ("README.txt", readme)]


def _labels(cohort: Sequence[Patient]) -> Iterator[Sequence[object]]:
    yield "patient_id", "malignant", "age", "sex", "site", "scanner"
    for p in cohort:
        yield p.patient_id, int(p.malignant), p.age, p.sex, p.site, f"{p.scanner.manufacturer} {p.scanner.model}"


def _truth(cohort: Sequence[Patient]) -> Iterator[Sequence[object]]:
    properties = [prop.name for prop in drawing.IMAGE]
    yield "patient_id", *properties, "side", "x", "y", "z", "oracle_score"
    for p, score in zip(cohort, drawing.oracle(cohort), strict=True):
        centre = [f"{v:.2f}" for v in rendering.lesion_centre(p)]
        yield p.patient_id, *(getattr(p, name) for name in properties), p.side, *centre, f"{score:.6f}"


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
