"""Array files by what they hold: a matrix of features or a stack of images, with labels beside or elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import formats
from isocenter.errors import BadShape, MissingPath, UnknownFormat
from isocenter.formats import arrays, tables
from isocenter.ingest.columns import as_ids, count, id_like, patient_like, wanted
from isocenter.ingest.draft import Request
from isocenter.ingest.labels import join
from isocenter.ingest.rows import cleaned, read_labels
from isocenter.wording import listed

Array = NDArray[Any]
LABEL = "label"
LABEL_NAMES = ("labels", "label", "y", "target", "targets")
_DATA_NAMES = ("features", "x", "images", "data")
_NAMES = ("label_names", "class_names")
_PART_ENDINGS = ("_images", "_labels")


@dataclass
class Opened:
    """What an array file holds: arrays by name, or the table that is meant; notes on what was not read."""

    arrays: dict[str, Array]
    table: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)


def opened(path: Path, *, labels: bool = False) -> Opened:
    """The arrays or the table of an .npy, .npz or .mat file; labels: a file that holds labels.

    In a .mat a table counts as the data where no variable is called like data, and separate
    vectors do where there is no matrix. As labels, vectors beside one of ids are a table.
    Variables that cannot be read are left out and noted, unless their names say that they are
    meant, or nothing else is there.
    """
    if not is_mat(path):
        return Opened(arrays.read_arrays(path))
    from isocenter.formats.matlab import read_mat

    held = read_mat(path)
    for name, fault in held.refused.items():
        if _meant(name) or not (held.arrays or held.tables):
            raise fault
    notes = [f"Not read in {path.name}: {listed(held.refused)}."] if held.refused else []
    if _is_table(held.arrays, held.tables, labels):
        return Opened(held.arrays, tables.mat_table(path, held), notes)
    return Opened(held.arrays, None, notes)


def _meant(name: str) -> bool:
    low = name.lower()
    return low in (*LABEL_NAMES, *_DATA_NAMES) or low.endswith(_PART_ENDINGS)


def _is_table(found: Mapping[str, Array], held: Mapping[str, pd.DataFrame], labels: bool) -> bool:
    names = {n.lower() for n in found}
    if labels:
        ids = [*id_like(found), *patient_like(found)]
        return bool(ids) or bool(held and not names & set(LABEL_NAMES))
    numeric = {n.lower(): a for n, a in found.items() if a.dtype.kind in "biuf"}
    if held:
        return not names & set(_DATA_NAMES)
    matrix = any(not is_vector(a) for a in numeric.values()) or bool(set(numeric) & set(_DATA_NAMES))
    return not matrix and len(found) > 1


def is_mat(path: Path) -> bool:
    """Whether it is MATLAB's: there the last axis counts the images."""
    return path.suffix.lower() == ".mat"


def is_vector(array: Array) -> bool:
    """Whether it has one value a case: (n,), n x 1 and 1 x n, as MATLAB has them."""
    return array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)


def pick_data(path: Path, found: Mapping[str, Array]) -> tuple[str, Array]:
    """The features (2-D) or images (3-D and more): by name, else the only array of two dimensions or more."""
    numeric = {n: a for n, a in found.items() if a.dtype.kind in "biuf" and n.lower() not in LABEL_NAMES}
    for wanted_name in _DATA_NAMES:
        for name, array in numeric.items():
            if name.lower() == wanted_name:
                return name, _needs_two(path, name, array)
    wide = {n: a for n, a in numeric.items() if a.ndim >= 2}
    if len(matrices := {n: a for n, a in wide.items() if not is_vector(a)} or wide) == 1:
        return next(iter(matrices.items()))
    if wide:
        raise BadShape(f"{path} holds several matrices: {arrays.names_of(wide)}.", "Call the features 'features'.")
    if len(numeric) == 1:
        name, array = next(iter(numeric.items()))
        return name, _needs_two(path, name, array)
    raise BadShape(
        f"{path} holds no matrix of numbers: {arrays.names_of(found)}.", "Features are rows (cases) x columns."
    )


def _needs_two(path: Path, name: str, array: Array) -> Array:
    if array.ndim >= 2:
        return array
    shown = f"'{name}' in {path}" if name else str(path)
    raise BadShape(
        f"Features are a table of rows (cases) and columns; {shown} has {count(array.ndim, 'dimension')}.",
        "Save it as n x m, e.g. features.reshape(-1, 1) for one feature.",
    )


def pick_labels(path: Path, found: Mapping[str, Array], *, sure: bool) -> tuple[str, Array] | None:
    """The labels of a file: by name; sure: a file that holds labels, so its only array will do."""
    for wanted_name in LABEL_NAMES:
        for name, array in found.items():
            if name.lower() == wanted_name:
                return name, array
    if not sure:
        return None
    if len(found) == 1:
        return next(iter(found.items()))
    raise BadShape(f"{path} holds several arrays: {arrays.names_of(found)}.", "Call the labels 'labels'.")


def one_column(path: Path, array: Array, n: int) -> Array:
    """Labels as (n,): n, n x 1 and 1 x n are taken. BadShape for everything else, with both lengths."""
    values = array.reshape(-1) if is_vector(array) else array
    if values.ndim != 1:
        raise BadShape(
            f"The labels in {path} have the shape {' x '.join(map(str, array.shape)) or 'of a single number'}; "
            "one label a case is needed.",
            "Save them as one column.",
        )
    if len(values) != n:
        raise BadShape(
            f"There are {n} rows and {len(values)} labels in {path}.",
            "Each row needs one label, in the same order.",
        )
    return values


def label_columns(path: Path, array: Array, n: int, found: Mapping[str, Array]) -> pd.DataFrame:
    """Labels as columns, index 0..n-1: one called `label`; or n x k of 0 and 1 as one a label.

    These are called as `label_names` in the same file says, else label0, label1... BadShape for everything else.
    """
    if array.ndim == 2 and len(array) == n and array.shape[1] > 1 and _zeros_and_ones(array):
        k = array.shape[1]
        given = next((a for name, a in found.items() if name.lower() in _NAMES and a.size == k), None)
        names = [f"{LABEL}{i}" for i in range(k)] if given is None else [str(name) for name in given.ravel()]
        return pd.DataFrame({name: as_column(column, path) for name, column in zip(names, array.T, strict=True)})
    return as_column(one_column(path, array, n), path).rename(LABEL).to_frame()


def _zeros_and_ones(array: Array) -> bool:
    if array.dtype.kind not in "biuf":
        return False
    return bool(((array == 0) | (array == 1) | (array != array)).all())  # what is not itself is missing


def as_column(values: Array, path: Path) -> pd.Series:
    """Values as a column; MATLAB's logical are 0 and 1, as MATLAB shows them."""
    if values.dtype == np.bool_ and is_mat(path):
        values = values.astype(np.int64)
    if values.dtype.kind in "UO":
        return pd.Series(values.astype(object), dtype="str")
    return pd.Series(np.array(values))


def beside(path: Path, found: Mapping[str, Array], data: str, n: int) -> tuple[pd.DataFrame, list[str]]:
    """The other arrays of a file that have one value a case, as columns; and which of these are the labels."""
    labels = pick_labels(path, found, sure=False)
    columns: dict[str, pd.Series] = {}
    if labels is not None:
        columns |= {str(name): values for name, values in label_columns(path, labels[1], n, found).items()}
    sure = list(columns)
    for name, array in found.items():
        taken = name == data or (labels is not None and name == labels[0]) or name in columns
        if not taken and is_vector(array) and array.size == n:
            columns[name] = as_column(array.reshape(-1), path)
    return pd.DataFrame(columns, index=pd.RangeIndex(n)), sure


def labels_from(
    path: Path, n: int, ids: pd.Series | None, request: Request, patients: pd.Series | None = None
) -> tuple[pd.DataFrame, list[Any], list[str]]:
    """The columns that a file of labels adds to n cases: (index 0..n-1), faults, notes.

    ids: what the cases are called, if they are; a table with such ids, or with those of their patients, is joined by
    them, anything else by the order of rows. Cases without a row are missing in the index. Raises BadShape,
    UnknownFormat, MissingPath and what the join raises.
    """
    if not path.exists():
        raise MissingPath(f"There is no file of labels {path}.", "Check the path given with --labels.")
    kind = formats.kind_of(path)
    if kind in ("array", "matlab"):
        held = opened(path, labels=True)
        if held.table is not None:
            table, notes = cleaned(held.table)
            return _labels_table(path, table, [*held.notes, *notes], n, ids, request, patients)
        name, values = pick_labels(path, held.arrays, sure=True) or ("", np.empty(0))
        where = f"'{name}' in {path.name}" if name else path.name
        columns = label_columns(path, values, n, held.arrays)
        return columns, [], [*held.notes, f"Labels: {where}, in the order of the rows."]
    if kind != "table":
        raise UnknownFormat(
            f"Labels cannot be read from {path.name}.", "Give .csv, .tsv, .xlsx, .parquet, .npy, .npz or .mat."
        )
    table, notes = read_labels(path)
    return _labels_table(path, table, notes, n, ids, request, patients)


def _labels_table(
    path: Path,
    table: pd.DataFrame,
    notes: list[str],
    n: int,
    ids: pd.Series | None,
    request: Request,
    patients: pd.Series | None,
) -> tuple[pd.DataFrame, list[Any], list[str]]:
    id_column = request.id_column if request.id_column in table else None
    named = {*id_like(table.columns), *patient_like(table.columns), *([] if id_column is None else [id_column])}
    if ids is not None and (named or ids.name in table):
        keys = ids.rename("id").to_frame()
        keys = keys if patients is None else keys.assign(patient=patients)
        keys = keys.set_axis(pd.Index(ids), axis=0)
        joined = join(keys, table, path.name, id_column=id_column, never=request.never_ids, things="row of features")
        at = np.flatnonzero(joined.rows >= 0)
        rows = table.take(joined.rows[at]).set_axis(pd.Index(at)).drop(columns=[joined.column])
        return rows, joined.faults, [*notes, *joined.notes]
    if len(table) != n:
        raise BadShape(
            f"There are {n} rows of features and {len(table)} rows in {path}.",
            "Each needs one row in the same order, or both an id column (--id-column).",
        )
    table.index = pd.RangeIndex(n)
    return table, [], [*notes, f"Labels: {path.name}, in the order of the rows (no id column in both)."]


def patients_of(table: pd.DataFrame, request: Request) -> tuple[str | None, pd.Series]:
    """The column of patients and its values, missing where unknown. Raises UnknownColumn."""
    named = wanted(table.columns, request.patient_column, "patient")
    names = [named] if named is not None else patient_like(table.columns)
    if not names:
        return None, pd.Series(pd.NA, index=table.index, dtype="str")
    return names[0], as_ids(table[names[0]])
