"""MATLAB's table to a DataFrame: each variable a column, of several columns one each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter.errors import OpaqueMatlab
from isocenter.formats.matlab.nodes import DTYPES, Array, Node
from isocenter.formats.matlab.objects import NotDecodedError, Object, Objects

ROW_NAMES = "Row"  # what MATLAB calls the first dimension, and writetable the column of row names
_TO_TYPE = {
    "datetime": "cellstr({it})", "duration": "hours({it})", "cell": "cell2mat({it})", "sparse": "full({it})",
    "calendarDuration": "cellstr({it})",
}  # fmt: skip


def to_table(path: Path, name: str, found: Object | None, objects: Objects) -> pd.DataFrame:
    """The table `name`: numbers keep their type, logical is bool, text is str with "" and undefined missing.

    Row names become the first column, `Row`. OpaqueMatlab names a column that is not read, and the
    line that changes it; NotDecodedError where the table is not laid out as tables are.
    """
    if found is None or found.class_name != "table":
        raise NotDecodedError("it refers to no table")
    rows = _count(found["nrows"])
    names = [str(text) for text in objects.texts(found["varnames"]).ravel(order="F")]
    if found["data"].kind != "cell" or found["data"].size != len(names):
        raise NotDecodedError("names and columns do not agree")
    columns: dict[str, Any] = {}
    named = found.properties.get("rownames")
    if named is not None and named.size:
        columns[ROW_NAMES] = _text(objects.texts(named).ravel())
    for column, node in zip(names, found["data"].cells(), strict=True):
        for label, values in _columns(path, f"{name}.{column}", column, node, objects):
            if len(values) != rows or label in columns:
                raise NotDecodedError(f"its column '{label}' has {len(values)} rows of {rows}, or stands twice")
            columns[label] = values
    return pd.DataFrame(columns, index=pd.RangeIndex(rows))


def _count(node: Node) -> int:
    if node.kind != "double" or node.size != 1:
        raise NotDecodedError("it has no number of rows")
    return int(node.numbers().item())


def _columns(path: Path, where: str, name: str, node: Node, objects: Objects) -> Iterator[tuple[str, Any]]:
    """The columns of one variable: itself, or name_1, name_2... where it is a matrix."""
    values = _values(path, where, node, objects)
    if values.ndim != 2:
        raise _refusal(path, where, f"has {values.ndim} dimensions", "Keep it in a variable of its own.")
    for i in range(values.shape[1]):
        label = name if values.shape[1] == 1 else f"{name}_{i + 1}"
        yield label, _text(values[:, i]) if values.dtype == object else values[:, i].copy()


def _values(path: Path, where: str, node: Node, objects: Objects) -> Array:
    """The values of one variable, rows x columns; text as objects."""
    found = objects.find(node)
    if found is None and node.kind in DTYPES and node.kind != "char" and not node.is_complex:
        return node.numbers()
    kind = found.class_name if found is not None else "complex number" if node.is_complex else node.kind
    if kind in ("char", "cell", "string", "categorical"):
        try:
            return objects.texts(node)
        except NotDecodedError as reason:
            if kind != "cell":
                raise
            raise _refusal(path, where, "is a cell that holds more than text", _line(where, kind)) from reason
    raise _refusal(path, where, f"is a {kind}, which is not read", _line(where, kind))


def _line(where: str, kind: str) -> str:
    table = where.partition(".")[0]
    change = f"{where} = {_TO_TYPE[kind].format(it=where)};" if kind in _TO_TYPE else f"{where} = [];"
    return f"In MATLAB type {change} save('file.mat', '{table}', '-v7')."


def _refusal(path: Path, where: str, said: str, remedy: str) -> OpaqueMatlab:
    return OpaqueMatlab(f"{path}: the column '{where}' of a table {said}.", remedy)


def _text(values: Array) -> pd.Series:
    """Text as a column; empty is missing, as in a CSV file."""
    texts = [None if text is None else text.rstrip(" \0") or None for text in values]
    return pd.Series(texts, dtype="str")
