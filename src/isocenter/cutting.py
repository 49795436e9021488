"""Patches of slides and tissue regions as files that every other command takes, with a table that says whose they are.

    OUTPUT/IMAGE/x000000_y000224.png    a patch: column and row of its upper left pixel
    OUTPUT/patches.csv                  a row a patch, written last
    OUTPUT/left_out.csv                 images without a patch, and why; then rows of the table without an image
    OUTPUT/patches.html                 each image with what was kept and thrown away

The folder of an image appears when all of its patches are in it, with a record of what it gave: interrupted, the same
command goes on with the next image.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import __version__, compute, disk, ingest
from isocenter.cohort import PATIENT, Cohort
from isocenter.compute import Outcome
from isocenter.errors import Fault, NotWritable, OtherStudy, UsageError
from isocenter.formats import tables
from isocenter.formats.raster import write_picture
from isocenter.ingest.columns import commonest
from isocenter.ingest.patches import LEFT_OUT, MARK, ONE_IMAGE_ONE_PATIENT, OWN, PAGE, TABLE
from isocenter.preparation.patches import Cutting, Pixels, cut
from isocenter.reporting.map import render
from isocenter.reporting.map.patches import CARDS, patches_atlas

OVERVIEW = ".overview.png"  # beside the patches of an image; hidden, so that it is taken for none


def patches(
    input: str | Path,
    output: str | Path,
    *,
    size: int = 224,
    stride: int | None = None,
    tissue: float = 0.5,
    level: int = 0,
    background: str = "auto",
    labels: str | Path | None = None,
    id_column: str | None = None,
    patient_column: str | None = None,
    image: Sequence[str] = (),
) -> dict[str, Any]:
    """Cut the pictures of a folder (or one) into patches that hold enough tissue, as files; counts as plain data.

    size: pixels a side; stride: pixels from one patch to the next, None: size, so that none overlap; tissue: least
    share of a patch that is tissue; level: of a TIFF's pyramid, 0 the largest, x and y are its pixels; background:
    "light", "dark" or "auto", which is told (`imaging.tissue` says how tissue is found); labels, id_column,
    patient_column, image: as in `index`: the table's columns go into patches.csv.

    Raises InputError, LabelError; UsageError for options that cannot be; OtherStudy for a folder that is not empty and
    not of this command. Images that give no patch are collected, with their reason.
    """
    cutting = Cutting(size, size if stride is None else stride, tissue, level, background)
    place, folder = disk.as_path(input, "INPUT").absolute(), disk.as_path(output, "OUTPUT").absolute()
    cohort = ingest.index(
        place, labels=labels, id_column=id_column, patient_column=patient_column,
        image=image, with_labels=False,
    )  # fmt: skip
    _open(folder, place, cutting)
    tasks = _tasks(cohort, folder, cutting)
    if any(not (task.folder / MARK).is_file() for task in tasks):
        (folder / TABLE).unlink(missing_ok=True)  # until all is there, other commands refuse the folder
    outcomes = list(compute.stream(_cut, tasks, stage="cutting patches"))
    for fault in (one.fault for one in outcomes if isinstance(one.fault, NotWritable)):
        raise fault
    told = _told(cohort, tasks, outcomes)
    cut = [(task, one.get()) for task, one in zip(tasks, outcomes, strict=True) if one.fault is None]
    _write(
        folder / LEFT_OUT,
        pd.DataFrame([*told["left_out"], *told["rows"]], columns=["where", "code", "reason", "remedy"]),
    )
    pictures = {task.case_id: (task.folder / OVERVIEW).read_bytes() for task, _ in cut[:CARDS]}
    records = {task.case_id: record for task, record in cut}
    disk.write_text(folder / PAGE, render(patches_atlas(told, records, pictures, place.name)))
    if not told["kept"]:
        faults = [Fault(**one) for one in told["left_out"]]
        raise commonest(faults, f"No patch was cut from {place}; {folder / PAGE} shows it.")
    root = place if place.is_dir() else place.parent
    tables.write_table(_table(cohort, root, folder, [one for one in cut if one[1]["kept"]]), folder / TABLE)
    warnings = [] if told["patients"] else [ONE_IMAGE_ONE_PATIENT]
    return {"patches": told, "warnings": warnings, "table": str(folder / TABLE), "page": str(folder / PAGE)}


@dataclass(frozen=True, slots=True)
class _Task:
    """One image: where it lies, where its patches go, how they are cut."""

    case_id: str
    file: Path
    folder: Path
    cutting: Cutting


def _write(path: Path, table: pd.DataFrame) -> None:
    """A table, or none where it would be empty."""
    path.unlink(missing_ok=True)
    if len(table):
        tables.write_table(table, path)


def _open(folder: Path, place: Path, cutting: Cutting) -> None:
    """Take the folder into use, or go on in it; OtherStudy where it holds anything else."""
    if place.is_dir() and (folder == place or folder.is_relative_to(place)):
        raise UsageError(f"{folder} lies in INPUT: patches would be taken for images.", "Name a folder elsewhere.")
    told = {"input": str(place), "cutting": asdict(cutting)}
    if (folder / MARK).is_file():
        known = json.loads((folder / MARK).read_text("utf-8"))
        if {k: known.get(k) for k in told} == told:
            disk.sweep(folder)
            return
        if known.get("input") != told["input"] or not _emptied(folder):
            own = ", ".join(f"{k} {v}" for k, v in known.get("cutting", {}).items())
            raise OtherStudy(f"{folder} holds patches of {known.get('input')} ({own}).", "Name another folder.")
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OtherStudy(f"{folder} is not empty; nothing in it is overwritten.", "Name a new folder.")
    disk.write_text(folder / MARK, json.dumps({**told, "isocenter": __version__}, indent=1) + "\n")


def _emptied(folder: Path) -> bool:
    """Whether no patch was cut into the folder; what tells so, image by image, is then removed: it may be used anew."""
    marks = [path for path in folder.rglob(MARK) if path.parent != folder]
    if (folder / TABLE).exists() or any(json.loads(path.read_text("utf-8"))["kept"] for path in marks):
        return False
    for path in marks:
        path.with_name(OVERVIEW).unlink(missing_ok=True)
        path.unlink()
    return True


def _tasks(cohort: Cohort, folder: Path, cutting: Cutting) -> list[_Task]:
    """Patches lie where their image lay; an image called like a folder beside it gets another name."""
    ids = [case.case_id for case in cohort.cases]
    taken = {str(parent) for case_id in ids for parent in Path(case_id).parents}
    places = (folder / (f"{case_id} (image)" if case_id in taken else case_id) for case_id in ids)
    files = (Path(case.sources[0].files[0]) for case in cohort.cases)
    return [_Task(*one, cutting) for one in zip(ids, files, places, strict=True)]


def _record(task: _Task) -> dict[str, Any] | None:
    """What the image gave when it was cut before; OtherStudy where the file is another by now."""
    path = task.folder / MARK
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if found["file"] != _state(task.file):
        raise OtherStudy(
            f"{task.file} has changed since its patches were cut.",
            "Cut into a new folder, or delete those of this image.",
        )
    return found


def _state(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]


def _cut(task: _Task) -> dict[str, Any]:
    """Write the patches of one image, all or none; the record beside them, read again where there is one."""
    if (known := _record(task)) is not None:
        return known
    state = _state(task.file)
    record: dict[str, Any] = {}

    def fill(folder: Path) -> None:
        names: list[str] = []

        def write(x: int, y: int, pixels: Pixels) -> None:
            names.append(write_picture(folder / f"x{x:06}_y{y:06}", pixels).name)

        found = cut(task.file, task.cutting, write)
        record.update(
            file=state, names=names, kept=found.kept.tolist(), shares=found.shares.tolist(), how=found.how,
            positions=found.positions, most=found.most,
        )  # fmt: skip
        (folder / OVERVIEW).write_bytes(found.overview)
        (folder / MARK).write_text(json.dumps(record) + "\n", "utf-8")

    disk.write_folder(task.folder, fill)
    return record


def _fault(task: _Task, outcome: Outcome[dict[str, Any]]) -> Fault | None:
    """Why an image gave no patch; None where it gave some."""
    if outcome.fault is not None:
        return Fault.of(task.case_id, outcome.fault)
    record = outcome.get()
    if record["kept"]:
        return None
    said = f"No patch of {record['positions']} holds {task.cutting.tissue:.0%} tissue"
    most = f"{said}: the most is {record['most']:.1%} ({record['how']})."
    return Fault(task.case_id, "EmptyRegion", most, "Give a smaller --tissue, or leave it out; patches.html shows it.")


def _table(cohort: Cohort, root: Path, folder: Path, cut: Sequence[tuple[_Task, dict[str, Any]]]) -> pd.DataFrame:
    """A row a patch: the columns of OWN, then what the table of labels says of its image."""
    others: Any = cohort.table[list(cohort.attributes)].rename(columns={c: f"table_{c}" for c in OWN})
    others = others.to_dict("index")
    patients = dict(zip(cohort.case_ids, cohort.table[PATIENT].fillna(""), strict=True))
    pieces = []
    for task, record in cut:
        below, source = task.folder.relative_to(folder).as_posix(), task.file.relative_to(root).as_posix()
        x, y = zip(*record["kept"], strict=True)
        names = [f"{below}/{name}" for name in record["names"]]
        own = (names, patients[task.case_id] or source, source, x, y, np.round(record["shares"], 4))
        pieces.append(pd.DataFrame(dict(zip(OWN, own, strict=True)) | others[task.case_id]))
    return pd.concat(pieces, ignore_index=True)


def _told(cohort: Cohort, tasks: Sequence[_Task], outcomes: Sequence[Outcome[dict[str, Any]]]) -> dict[str, Any]:
    """Counts that reconcile, images and patches, as plain data."""
    records = [outcome.get() for outcome in outcomes if outcome.fault is None]
    lone = [fault for pair in zip(tasks, outcomes, strict=True) if (fault := _fault(*pair)) is not None]
    rows = [fault for fault in cohort.excluded if fault.of_row]
    faults = [*lone, *(fault for fault in cohort.excluded if not fault.of_row)]
    known = cohort.table[PATIENT].dropna()
    return {
        "images": cohort.found - len(rows),
        "cut": len(tasks) - len(lone),
        "left_out": [asdict(fault) for fault in faults],
        "rows": [asdict(fault) for fault in rows],
        "positions": sum(record["positions"] for record in records),
        "kept": sum(len(record["kept"]) for record in records),
        "backgrounds": dict(Counter(record["how"].partition(" ")[0] for record in records)),
        "patients": int(known.nunique()) if len(known) else None,
        **asdict(tasks[0].cutting),
    }
