"""A folder that `isocenter patches` wrote: what its table says of each patch joins the patch, as a header would.

So the patient, or the image where no patient is known, stays the unit of every split, fold and draw, whatever command
reads the folder and whatever table of labels stands beside it. Such a table may have a row a patch, image or patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from isocenter.cohort import PATIENT
from isocenter.errors import Fault, MissingStep, UnknownColumn
from isocenter.formats import tables
from isocenter.ingest.columns import as_ids, count
from isocenter.ingest.files import Found, Item, stem
from isocenter.ingest.rows import row_name

TABLE, LEFT_OUT = "patches.csv", "left_out.csv"  # a row a patch; a row an image or file that gave none
PAGE = "patches.html"  # each image with what was kept and thrown away
MARK = ".patches.json"  # in the folder: how it was cut; beside the patches of an image: what it gave
PATH, SOURCE = "path", "source"  # of the patch below the folder, of its image below INPUT
OWN = (PATH, PATIENT, SOURCE, "x", "y", "tissue")
ONE_IMAGE_ONE_PATIENT = (
    "No patient id is known: all patches of an image count as those of one patient. If a patient has several images, "
    "the results will be too good: cut again with --labels and --patient-column."
)


@dataclass
class Told:
    """What was found, with what the table says; nothing is changed in a folder of another kind."""

    found: Found
    cut: bool = False
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def told(found: Found, one: bool = False) -> Told:
    """Join the table of a folder of patches, also where only a folder in it is read, or one of its files.

    MissingStep where cutting was interrupted.
    """
    root = found.root.absolute()
    home = next((folder for folder in (root, *root.parents) if _is_whole(folder)), None)
    if home is None and (root / MARK).is_file():
        raise MissingStep(
            f"The patches in {found.root} are not complete: cutting was interrupted.",
            "Run the same isocenter patches command again; it goes on where it stopped.",
        )
    if home is None:
        return Told(found)
    above = "" if root == home else f"{root.relative_to(home).as_posix()}/"
    table = _read(home / TABLE)
    table = table[table.index.str.startswith(above)]
    table = table.set_axis(table.index.str.removeprefix(above))
    if one:
        table = table[table.index.isin([item.path for item in found.items])]
    if root != home and not len(table):
        return Told(found)  # something else that lies there
    rows = dict(zip(table.index, table.to_dict("records"), strict=True))
    named = bool((table[PATIENT] != table[SOURCE]).any())
    items = [_joined(item, rows[item.path]) for item in found.items if item.path in rows]
    faults = [_stranger(item) for item in found.items if item.path not in rows]
    here = {item.path for item in items}
    faults += [_gone(row, str(name)) for row, name in enumerate(table.index) if name not in here]
    ours = {found.root / name for name in (TABLE, LEFT_OUT)}
    others = [path for path in found.tables if path not in ours]
    ignored = [name for name in found.ignored if name != PAGE]
    of = f" of {count(table[PATIENT].nunique(), 'patient')}" if named else ""
    notes = [f"Patches, by {TABLE}: {len(items)} of {count(table[SOURCE].nunique(), 'image')}{of}."]
    warnings = [] if named else [ONE_IMAGE_ONE_PATIENT]
    return Told(replace(found, items=items, tables=others, ignored=ignored), True, faults, notes, warnings)


def _is_whole(folder: Path) -> bool:
    return (folder / MARK).is_file() and (folder / TABLE).is_file()


def _read(path: Path) -> pd.DataFrame:
    """The table by path of the patch; patients and images as text."""
    table = tables.read_table(path)
    if lacking := [name for name in OWN if name not in table]:
        raise UnknownColumn(f"{path} has no column '{lacking[0]}'.", "Cut the patches again, into another folder.")
    names = table[PATH].astype("str").str.removeprefix("'")  # put before what looks like a formula
    texts = {name: as_ids(table[name]) for name in (PATIENT, SOURCE)}
    return table.drop(columns=PATH).assign(**texts).set_axis(pd.Index(names))


def _stranger(item: Item) -> Fault:
    return Fault(item.case_id, "NoMatch", f"{TABLE} does not know this image.", "Keep other images elsewhere.")


def _gone(row: int, name: str) -> Fault:
    reason = f"{row_name(row).capitalize()} of {TABLE}: there is no {name}."
    return Fault(stem(name), "MissingPath", reason, "Cut the patches again, into another folder.")


def _joined(item: Item, row: Mapping[Any, Any]) -> Item:
    """Its image's folder stands for its own: classes are the folders of images, not images those of patches."""
    source, patient = str(row[SOURCE]), str(row[PATIENT])
    name = PurePosixPath(source).name
    keys = {"image": source, "image without extension": stem(source), "image name": name,
            "image name without extension": stem(name), "patient": patient}  # fmt: skip
    known = {str(k): v for k, v in row.items() if k not in (PATIENT, SOURCE) and not pd.isna(v)}
    folder = source.rpartition("/")[0]
    attributes = item.attributes | known
    return replace(item, folder=folder, keys=item.keys | keys, patient_id=patient, attributes=attributes)
