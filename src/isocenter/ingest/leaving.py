"""What of a draft is left out: cases and patients by name, columns by name, rows that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pandas.api import types

from isocenter.cohort import PATIENT
from isocenter.errors import REQUESTED, EmptyInput, Fault, IsocenterError, UnknownColumn, UsageError
from isocenter.ingest.columns import commonest
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.target import class_names
from isocenter.wording import listed

Flags = NDArray[np.bool_]


def ignore(draft: Draft, request: Request) -> None:
    """Columns that the user leaves out: neither feature, covariate, target nor attribute; UnknownColumn, UsageError."""
    if not request.ignore:
        return
    needed = {*request.never_ids, request.id_column, request.patient_column, request.mask_column}
    if both := [name for name in request.ignore if name in needed]:
        raise UsageError(
            f"Column '{both[0]}' is to be ignored and is named by another option as well.", "Leave one of the two out."
        )
    columns = draft.without([])
    if unknown := [name for name in request.ignore if name not in columns]:
        raise UnknownColumn(
            f"There is no column '{unknown[0]}' that --ignore could leave out.",
            f"Columns: {listed(columns, 40)}. Ids are never learned from.",
        )
    gone = list(dict.fromkeys(request.ignore))
    draft.table = draft.table.drop(columns=gone)
    draft.target = None if draft.target in gone else draft.target
    draft.split = None if draft.split in gone else draft.split
    draft.labels = tuple(name for name in draft.labels if name not in gone)
    draft.notes.append(f"Left out by --ignore: {listed(gone, 8)}.")


def exclude(draft: Draft, ids: Sequence[str]) -> None:
    """Cases and patients that the user leaves out."""
    if not ids:
        return
    names = {str(i).strip() for i in ids}
    hit = draft.table.index.isin(names) | draft.table[PATIENT].isin(names).to_numpy()
    for case_id in draft.table.index[hit]:
        draft.broken[case_id] = Fault(case_id, REQUESTED, "Left out by --exclude.")
    known = {*draft.table.index, *draft.table[PATIENT].dropna(), *(f.where for f in draft.faults)}
    if unknown := sorted(n for n in names - known if not any(n in f.reason for f in draft.faults)):
        draft.warnings.append(f"--exclude names no case and no patient: {listed(unknown)}.")


def broken(draft: Draft, column: str | None) -> list[Fault]:
    """The faults of rows that cannot be used, with their class where it is known."""
    if column is None or types.is_float_dtype(draft.table[column]) or not draft.broken:
        return list(draft.broken.values())
    names = class_names(draft.table.loc[list(draft.broken), column])
    labels = [None if missing else str(n) for n, missing in zip(names, names.isna(), strict=True)]
    return [replace(fault, label=label) for fault, label in zip(draft.broken.values(), labels, strict=True)]


def keep(draft: Draft, mask: Flags) -> None:
    """Keep these rows, with their sources."""
    if mask.all():
        return
    draft.table = draft.table[mask]
    if draft.sources:
        draft.sources = [s for s, keep in zip(draft.sources, mask, strict=True) if keep]


def nothing_left(excluded: Sequence[Fault], found: int, path: Path) -> IsocenterError:
    """The commonest reason why no case is left, as an error of its own class."""
    if not excluded:
        return EmptyInput(f"{path} holds no cases.", "")
    return commonest(excluded, f"None of {max(found, len(excluded))} cases can be used.")
