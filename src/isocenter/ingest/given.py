"""Extracted features, from a table or an array file, become a draft cohort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter import formats
from isocenter.cohort import PATIENT
from isocenter.errors import EmptyInput, Fault
from isocenter.formats import tables
from isocenter.ingest.arrays import LABEL, beside, labels_from, patients_of, pick_data
from isocenter.ingest.columns import TARGET_NAMES, as_ids, count, id_like, patient_like, plain, wanted
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.rows import cleaned, unique_rows


def draft_array(path: Path, found: Mapping[str, NDArray[Any]], request: Request) -> Draft:
    """A matrix of features (.npy, .npz, .mat), columns f0, f1..., with labels beside or in another file."""
    name, data = pick_data(path, found)
    n = len(data)
    if not data.size:
        raise EmptyInput(
            f"{path} holds a matrix of {data.shape[0]} x {data.shape[1]}: nothing.", "Give rows and columns."
        )
    features = pd.DataFrame(np.array(data, dtype=np.float64), columns=_names(found, data.shape[1]), copy=False)
    extra, sure = beside(path, found, name, n)
    draft = _draft(path, features, extra, None, request)
    if not request.reads_labels:
        draft.candidates = [c for c in extra.columns if c in draft.table and c != PATIENT]
        draft.target = LABEL if LABEL in draft.candidates else None
        draft.labels = tuple(sure) if len(sure) > 1 else ()
    return draft


def _names(found: Mapping[str, NDArray[Any]], m: int) -> list[str]:
    """Names of the columns: those in the file (`feature_names`), else f0, f1..."""
    given = found.get("feature_names")
    if given is not None and given.ndim == 1 and len(given) == m == len(set(map(str, given))):
        return [str(name) for name in given]
    return [f"f{i}" for i in range(m)]


def draft_table(path: Path, request: Request, read: pd.DataFrame | None = None) -> Draft:
    """A table of features: every numeric column that is nothing else; the others describe.

    read: the table of `path`, where it has been read.
    """
    table, notes = cleaned(tables.read_table(path) if read is None else read)
    if table.empty:
        raise EmptyInput(f"{path} holds no rows.", "Give a table with a header and one row a case.")
    column = id_column(table, request)
    faults: list[Fault] = []
    ids: pd.Series | None = None
    if column is not None:
        rows = unique_rows(
            table, as_ids(table[column]), column, f"Keep the right row, or give --patient-column {column}."
        )
        kept = rows.ids.notna()
        table, ids = table[kept].reset_index(drop=True), rows.ids[kept].reset_index(drop=True).rename(column)
        faults, notes = [*rows.faults, *rows.conflicts.values()], [*notes, f"Case ids: column '{column}'.", *rows.notes]
    numeric = [c for c in table.columns if _numeric(table[c]) and c != column]
    others = [c for c in table.columns if c not in numeric]
    draft = _draft(path, table[numeric], table[others], ids, request)
    draft.faults[:0], draft.notes[:0] = faults, notes
    if not request.reads_labels:
        draft.candidates = draft.without([])
    return draft


def _numeric(values: pd.Series) -> bool:
    return types.is_numeric_dtype(values) or types.is_bool_dtype(values)


def id_column(table: pd.DataFrame, request: Request) -> str | None:
    """The column of case ids: named, or the first of the usual names that differs from row to row."""
    if request.id_column is not None and (request.labels is None or request.id_column in table):
        return wanted(table.columns, request.id_column, "id")
    never = {request.patient_column, *request.never_ids}
    usual = [c for c in id_like(table.columns) if c not in never]
    patient = request.patient_column or next(iter(patient_like(table.columns)), None)
    for column in [*usual, *([patient] if patient in table else [])]:
        if column is not None and table[column].notna().all() and table[column].is_unique:
            return column
    return usual[0] if usual and plain(usual[0]) in ("caseid", "imageid", "id") else None


def _draft(path: Path, features: pd.DataFrame, others: pd.DataFrame, ids: pd.Series | None, request: Request) -> Draft:
    """One table of features, other columns and labels; indexes are 0..n-1; ids: case ids, if there are any."""
    labels = pd.DataFrame(index=features.index)
    faults: list[Fault] = []
    said: list[str] = []
    if request.labels is not None and request.reads_labels:
        labels, faults, said = labels_from(
            request.labels, len(features), ids, request, _known_patients(others, request)
        )
    features, others, labels = _apart(features, others, labels, request)
    table = pd.concat([features, others, labels], axis=1, join="inner")  # a row without label is a fault already
    named, patients = patients_of(table, request)
    names = features.index.astype("str") if ids is None else pd.Index(ids)
    drop = {named, request.mask_column, None if ids is None else ids.name} & set(table.columns)
    draft = Draft(table.drop(columns=list(drop)) if drop else table, "table", faults=faults)
    draft.table[PATIENT] = patients
    draft.table.index = names[table.index.to_numpy()].rename("case_id")
    draft.features = [c for c in features.columns if c in draft.table and c != PATIENT]
    draft.candidates = [c for c in labels.columns if c in draft.table and c != PATIENT]
    draft.target = LABEL if list(labels.columns) == [LABEL] else None
    if request.labels is not None and formats.kind_of(request.labels) in ("array", "matlab") and draft.target is None:
        draft.labels = tuple(draft.candidates)
    draft.notes = [f"Given features: {path.name}, {count(len(features), 'row')}.", *said]
    return draft


def _known_patients(others: pd.DataFrame, request: Request) -> pd.Series | None:
    """The patient of each row, by whom a table of labels may call it; None where no column says so."""
    named = request.patient_column or next(iter(patient_like(others.columns)), None)
    return as_ids(others[named]) if named in others else None


def _apart(
    features: pd.DataFrame, others: pd.DataFrame, labels: pd.DataFrame, request: Request
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The three without a column in two of them: labels come from their own file, all else from the features'."""
    ours, named = {*features.columns, *others.columns}, (request.target, *request.targets)
    theirs = [c for c in labels.columns if c not in ours or c in named or plain(c) in TARGET_NAMES]
    features, others = (p.drop(columns=c) if (c := [c for c in theirs if c in p]) else p for p in (features, others))
    return features, others, labels[theirs]
