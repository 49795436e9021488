"""Array files by what they hold: a matrix of features or a stack of images, with labels beside or elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import formats
from isocenter.errors import BadShape, MissingPath, UnknownFormat
from isocenter.formats import arrays
from isocenter.ingest.columns import as_ids, count, id_like, patient_like, wanted
from isocenter.ingest.draft import Request
from isocenter.ingest.labels import join
from isocenter.ingest.rows import read_labels

Array = NDArray[Any]
LABEL = "label"
LABEL_NAMES = ("labels", "label", "y", "target", "targets")
_DATA_NAMES = ("features", "x", "images", "data")
_NAMES = ("label_names", "class_names")


def pick_data(path: Path, found: Mapping[str, Array]) -> tuple[str, Array]:
    """The features (2-D) or images (3-D and more): by name, else the only array of two dimensions or more."""
    numeric = {n: a for n, a in found.items() if a.dtype.kind in "biuf" and n.lower() not in LABEL_NAMES}
    for wanted_name in _DATA_NAMES:
        for name, array in numeric.items():
            if name.lower() == wanted_name:
                return name, _needs_two(path, name, array)
    wide = {n: a for n, a in numeric.items() if a.ndim >= 2}
    if len(wide) == 1:
        return next(iter(wide.items()))
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
    values = array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array
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
    if values.dtype == np.bool_ and path.suffix.lower() == ".mat":
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
        if not taken and array.ndim == 1 and len(array) == n:
            columns[name] = as_column(array, path)
    return pd.DataFrame(columns, index=pd.RangeIndex(n)), sure


def labels_from(
    path: Path, n: int, ids: pd.Series | None, request: Request
) -> tuple[pd.DataFrame, list[Any], list[str]]:
    """The columns that a file of labels adds to n cases: (index 0..n-1), faults, notes.

    ids: what the cases are called, if they are; a table with such ids is joined by them, anything
    else by the order of rows. Cases without a row are missing in the index. Raises BadShape,
    UnknownFormat, MissingPath and what the join raises.
    """
    if not path.exists():
        raise MissingPath(f"There is no file of labels {path}.", "Check the path given with --labels.")
    kind = formats.kind_of(path)
    if kind in ("array", "matlab"):
        found = arrays.read_arrays(path)
        name, values = pick_labels(path, found, sure=True) or ("", np.empty(0))
        where = f"'{name}' in {path.name}" if name else path.name
        return label_columns(path, values, n, found), [], [f"Labels: {where}, in the order of the rows."]
    if kind != "table":
        raise UnknownFormat(
            f"Labels cannot be read from {path.name}.", "Give .csv, .tsv, .xlsx, .parquet, .npy, .npz or .mat."
        )
    return _labels_table(path, n, ids, request)


def _labels_table(
    path: Path, n: int, ids: pd.Series | None, request: Request
) -> tuple[pd.DataFrame, list[Any], list[str]]:
    table, notes = read_labels(path)
    id_column = request.id_column if request.id_column in table else None
    named = {*id_like(table.columns), *patient_like(table.columns), *([] if id_column is None else [id_column])}
    if ids is not None and (named or ids.name in table):
        keys = ids.rename("id").to_frame().set_axis(pd.Index(ids), axis=0)
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
