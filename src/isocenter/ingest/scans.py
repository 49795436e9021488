"""A folder of scans, with a table of labels or with classes as folders, becomes a draft cohort."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from isocenter.case import MASK, Source
from isocenter.cohort import PATIENT
from isocenter.errors import Fault, NoMatch, NoTarget
from isocenter.ingest import folders, patches
from isocenter.ingest.columns import as_ids, count, patient_like, plain, wanted
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.files import Found, Item, scan, stem
from isocenter.ingest.habit import by_habit
from isocenter.ingest.labels import Joined, join
from isocenter.ingest.lone import lone
from isocenter.ingest.patches import Told
from isocenter.ingest.pathed import ROW, Pathed, pathed
from isocenter.ingest.roles import Unit, assign
from isocenter.ingest.rows import read_labels
from isocenter.wording import listed

MASK_NAME = re.compile(r"(^|[^a-z])(mask|seg|segmentation|label|gtv|roi)s?$", re.IGNORECASE)


def draft_scans(path: Path, request: Request) -> Draft:
    """Images below `path` (or the one image `path`) with all that is known of them."""
    beside = None if request.labels is None else request.labels.absolute().parent
    told = patches.told(scan(path, beside), one=path.is_file())
    found = told.found
    labels, notes = _labels(found, request)
    table = None
    if labels is not None:
        table, cleaning = read_labels(labels)
        notes += cleaning
        _check(table, request)
    items = found.items if table is None or labels is None else _but_masks(found, table, labels, request)
    named = told.cut or request.image or request.mask or request.mask_column
    habit = None if named else by_habit(items, request.like)
    paths = Pathed()
    if table is not None and labels is not None:
        paths = pathed(table, labels.parent, found, request.image, request.mask, request.id_column)
    units, roles = habit or assign(items, request.image, request.mask, paths.rows)
    units += lone(items, units, request.image, request.mask, paths.rows)
    if table is None or labels is None:
        draft = _unlabelled(units, found, request)
    else:
        draft = _labelled(units, table, labels, told, request, paths)
    draft.warnings += [] if habit else _masks_unsaid(items, request)
    if invented := sum(item.synthetic for item in items):
        draft.warnings.append(
            f"Synthetic data: {count(invented, 'series')} say so of themselves; these are no patients."
        )
    draft.warnings += told.warnings
    draft.notes[:0] = [*found.notes(), *told.notes, *notes, *roles]
    draft.faults += [*found.faults, *told.faults]
    draft.broken |= {u.case_id: u.fault for u in units if u.fault is not None and u.case_id in draft.table.index}
    return draft


def _masks_unsaid(items: Sequence[Item], request: Request) -> list[str]:
    """A warning where files (or their folder) called like masks would be taken for images."""
    masks = [i.path for i in items if MASK_NAME.search(i.stem) or MASK_NAME.search(i.folder)]
    if request.image or request.mask or not 0 < len(masks) < len(items):
        return []
    said = f"{count(len(masks), 'file')} called like masks ({listed(masks, 2)}) are taken as images"
    return [f"{said}; name them with --mask GLOB if they are masks."]


def _labels(found: Found, request: Request) -> tuple[Path | None, list[str]]:
    """The table to take: the one named, else the only one of the folder if it is called labels."""
    if request.labels is not None or not request.with_labels:
        return request.labels, []
    if len(found.tables) == 1 and found.tables[0].stem.lower() == "labels":
        table = found.tables.pop()
        return table, [f"Labels: {table}, the only table of the folder."]
    return None, []


def _check(table: pd.DataFrame, request: Request) -> None:
    """Options that name a column name one that is there."""
    for name, what in ((request.patient_column, "patient"), (request.mask_column, "mask")):
        wanted(table.columns, name, what)


def _but_masks(found: Found, table: pd.DataFrame, labels: Path, request: Request) -> list[Item]:
    """Images without those files that `--mask-column` names."""
    if request.mask_column is None:
        return found.items
    given = table[request.mask_column].dropna().astype("str")
    masks = {(place / text).resolve() for text in given for place in (labels.parent, found.root)}
    return [i for i in found.items if len(i.source.files) > 1 or Path(i.source.files[0]).resolve() not in masks]


def _base(units: Sequence[Unit]) -> pd.DataFrame:
    """What the files themselves say: patient and attributes, index case ids."""
    index = pd.Index([u.case_id for u in units], dtype="str", name="case_id")
    own = pd.DataFrame([u.lead.attributes for u in units], index=index)
    patients = pd.Series([u.lead.patient_id for u in units], index=index, dtype="str")
    return pd.concat([patients.rename(PATIENT), own.infer_objects()], axis=1)


def _unlabelled(units: Sequence[Unit], found: Found, request: Request) -> Draft:
    """Cases without a table: classes and parts from folders, or no target at all."""
    table = _base(units)
    draft = Draft(table, "files", sources=[u.sources for u in units])
    if not request.with_labels:
        return draft
    given = folders.read([u.lead.folder for u in units], table.index)
    if given is not None and request.target in (None, folders.CLASS):
        draft.table = pd.concat([table, given.columns], axis=1)
        draft.target, draft.split = folders.CLASS, given.split
        draft.broken |= given.broken
        draft.notes += given.notes
    elif request.target is None:
        raise _no_labels(found)
    return draft


def _no_labels(found: Found) -> NoTarget:
    remedy = "Give a table with --labels TABLE and --target COLUMN, or sort the images into one folder a class."
    if found.tables:
        names = listed(p.name for p in found.tables)
        remedy = f"Give a table with --labels, e.g. --labels {found.tables[0]} (found: {names})."
    return NoTarget("There are no labels for these images.", remedy)


def _labelled(
    units: Sequence[Unit],
    labels: pd.DataFrame,
    path: Path,
    told: Told,
    request: Request,
    paths: Pathed,
) -> Draft:
    """Cases with their row of the table; paths: files that it names, whose rows are known."""
    found = told.found
    if paths.columns:
        units, labels = paths.keyed(units), paths.named(labels)
    base = _base(units)
    keys = pd.DataFrame([u.lead.keys for u in units], index=base.index).astype("str")
    never = (*request.never_ids, request.mask_column)
    id_column = ROW if paths.columns else request.id_column
    several = bool(request.image) or told.cut
    explained = _named_in(found.faults)
    joined = join(keys, labels, path.name, id_column=id_column, never=never, several=several, explained=explained)
    kept = [int(i) for i in np.flatnonzero(joined.rows >= 0)]
    rows = labels.take(joined.rows[kept]).set_axis(base.index[kept])
    draft = Draft(_columns(rows, base.iloc[kept], joined, request, (*paths.columns, paths.id_column)), "files")
    draft.sources = [units[i].sources for i in kept]
    draft.candidates = [c for c in _free(labels, joined, request) if c in draft.table]
    draft.faults, draft.notes = joined.faults, joined.notes
    if paths.columns:  # a row that names its files is a case, also where they are gone
        draft.faults = [replace(one, code=NoMatch.__name__) if one.of_row else one for one in joined.faults]
        draft.notes[0] = f"Files named by {listed(paths.columns)}: {len(kept)} of {count(len(labels), 'row')}."
    if request.mask_column is not None:
        _mask_column(draft, rows[request.mask_column], (path.parent, found.root))
    part = folders.parts([units[i].lead.folder for i in kept])
    if part is not None and request.split_name in (None, folders.PART) and folders.PART not in draft.table:
        draft.table[folders.PART], draft.split = part, folders.PART
        draft.notes.append(folders.PART_NOTE)
    return draft


def _named_in(faults: Sequence[Fault]) -> frozenset[str]:
    """What a table may call the files of these faults: a row of theirs is no second fault."""
    names: set[str] = set()
    for fault in faults:
        names |= {fault.where, stem(fault.where), *fault.where.split("/"), stem(fault.where.rpartition("/")[2])}
        names |= set(re.findall(r"\(patient ([^)]+)\)", fault.reason))
    return frozenset(names)


def _free(labels: pd.DataFrame, joined: Joined, request: Request) -> list[str]:
    """Columns of the table that could be a target."""
    taken = {joined.column, request.patient_column, request.mask_column, *request.reserved, *request.covariates}
    return [c for c in labels.columns if c not in taken and c not in patient_like([c])]


def _columns(
    rows: pd.DataFrame, base: pd.DataFrame, joined: Joined, request: Request, naming: tuple[str | None, ...]
) -> pd.DataFrame:
    """Patient, the table's other columns, and what the files say where the table does not.

    naming: columns that name files or rows and say no more.
    """
    patient = request.patient_column or next(iter(patient_like([joined.column, *rows.columns])), None)
    known = base[PATIENT]
    if patient is not None:
        known = as_ids(rows[patient]).fillna(known)
    if bool(request.image):
        ids = joined.ids.reindex(base.index)
        known = known.fillna(ids.where(ids.duplicated(keep=False)))  # images of one row are one person's
    # The id says nothing about a case beyond its name, and a mask's path nothing that a model may use.
    others = rows.drop(columns=[c for c in {joined.column, patient, request.mask_column, *naming} if c is not None])
    others = others.rename(columns={c: f"table_{c}" for c in others.columns if c in (PATIENT, "case_id")})
    have = {plain(c) for c in rows.columns}
    extra = base.drop(columns=[PATIENT, *(c for c in base.columns if plain(c) in have)])
    return pd.concat([known.rename(PATIENT), others, extra], axis=1)


def _mask_column(draft: Draft, column: pd.Series, places: Sequence[Path]) -> None:
    """Add the masks that a column of the table names, relative to the table or to INPUT."""
    for i, (case_id, text) in enumerate(column.items()):
        name = str(case_id)
        if name in draft.broken:
            continue
        if not isinstance(text, str):
            draft.broken[name] = Fault(name, "NoMatch", f"Column '{column.name}' names no mask.", "Fill it in.")
            continue
        path = next((p / text for p in places if (p / text).is_file()), None)
        if path is None:
            draft.broken[name] = Fault(
                name, "MissingPath", f"There is no mask {text}.", "Paths start at the table or at INPUT."
            )
            continue
        draft.sources[i] = (*draft.sources[i], Source(MASK, "mask", (str(path),)))
