"""Tables of labels, features and results: .csv, .tsv, .xlsx, .parquet and .mat, in and out."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import disk
from isocenter.errors import BadShape, EmptyInput, UnknownFormat, UnreadableFile
from isocenter.formats.limits import check_present, check_size, empty, reading
from isocenter.formats.office import workbook
from isocenter.formats.text import read_text

if TYPE_CHECKING:
    from isocenter.formats.matlab import MatFile

_READ = "Tables are read from .csv, .tsv, .xlsx, .parquet and .mat."
_FORMULA = re.compile(r"^[=+\-@\t\r]")
_NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_NAMES = "names"  # of the columns, in a .mat


def read_table(path: Path) -> pd.DataFrame:
    """A table with a header row as a DataFrame; columns are str, the index counts rows from 0.

    In CSV and TSV a column is numeric (int64, or float64 exactly as written) if every value is a
    number and none has a leading zero (007); other columns are text, blanks around it removed;
    "", NA, N/A, NaN, nan, null and None are missing. XLSX and Parquet keep their own types.
    .mat: see `mat_table`. EmptyInput, UnreadableFile (ragged rows, NUL bytes, torn), BadShape (a
    column twice), OpaqueMatlab.
    """
    check_present(path)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        table = read_text(path)
    elif suffix == ".xlsx":
        table = _read_xlsx(path)
    elif suffix == ".parquet":
        table = _read_parquet(path)
    elif suffix == ".mat":
        from isocenter.formats.matlab import read_mat

        table = mat_table(path, read_mat(path).readable())
    else:
        raise UnknownFormat(f"{path} is not a table.", _READ)
    twice = [name for name, n in Counter(table.columns).items() if n > 1]
    if twice:
        raise BadShape(f"{path} has the column '{twice[0]}' more than once.", "Rename or remove one of them.")
    if table.empty:
        raise empty(path, "rows")
    return table


def _read_xlsx(path: Path) -> pd.DataFrame:
    """The first sheet; formulas by the value that Excel last computed."""
    import zipfile

    import openpyxl

    with reading(path, "Excel file"):
        with zipfile.ZipFile(path) as archive:
            check_size(path, sum(info.file_size for info in archive.infolist()))
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)] if book.worksheets else []
        book.close()
    rows = [_trimmed(row) for row in rows]
    numbered = [(i, row) for i, row in enumerate(rows, start=1) if row]
    if not numbered:
        raise EmptyInput(f"{path} has nothing on its first sheet.", "Put the table on the first sheet.")
    names = [f"Unnamed: {i}" if name is None else str(name).strip() for i, name in enumerate(numbered[0][1])]
    for number, row in numbered[1:]:
        if len(row) > len(names):
            raise UnreadableFile(
                f"{path}: row {number} has {len(row)} cells, the header only {len(names)}.", "Complete the header."
            )
    cells = [row + [None] * (len(names) - len(row)) for _, row in numbered[1:]]
    columns = [_typed(list(column)) for column in zip(*cells, strict=True)] if cells else [[] for _ in names]
    return _frame(names, columns)


def _trimmed(row: list[Any]) -> list[Any]:
    """A row without the empty cells at its end."""
    while row and row[-1] in (None, ""):
        row.pop()
    return row


def _typed(values: list[Any]) -> Any:
    """A column of cells: numbers, truth values, dates or, where they are mixed, text."""
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {int}:
        return (
            pd.Series(values, dtype="float64" if None in values else "int64")
            if kinds
            else pd.Series(values, dtype="float64")
        )
    if kinds <= {int, float}:
        return pd.Series(values, dtype="float64")
    if kinds == {bool} and None not in values:
        return pd.Series(values, dtype="bool")
    return pd.Series([None if v is None else str(v).strip() for v in values], dtype="str")


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with reading(path, "Parquet file"), pq.ParquetFile(path) as file:
        groups = range(file.metadata.num_row_groups)
        check_size(path, sum(file.metadata.row_group(i).total_byte_size for i in groups))
        table = file.read(use_threads=False)  # Arrow's threads can abort a short process at its end
    return frame_of(path, table)


def frame_of(path: Path, table: Any) -> pd.DataFrame:
    """A DataFrame of Arrow's table: plain columns, names as text. BadShape for lists or records."""
    import pyarrow as pa

    names, columns = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_nested(column.type):
            raise BadShape(f"{path}: the column '{name}' holds lists or records.", "Write one value a cell.")
        with reading(path, "Parquet file"):
            if pa.types.is_dictionary(column.type):
                column = column.cast(column.type.value_type)
            if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
                column = column.cast(pa.float64())
            columns.append(column.to_pandas())
        names.append(str(name))
    return _frame(names, columns)


def mat_table(path: Path, held: MatFile) -> pd.DataFrame:
    """The one table of a .mat file, else its columns: the numeric and text vectors of the greatest length.

    logical is 0 and 1, as MATLAB shows it; "" is missing. Columns get back the names that
    `write_table` kept. BadShape where there are several tables, or no column.
    """
    if len(held.tables) > 1:
        raise BadShape(f"{path} holds several tables: {', '.join(held.tables)}.", "Save the one that is meant.")
    vectors = {n: a.ravel() for n, a in held.arrays.items() if a.ndim == 1 or (a.ndim == 2 and 1 in a.shape)}
    columns = {name: _mat_column(values) for name, values in _named(vectors).items()}
    if held.tables:
        table = next(iter(held.tables.values()))
        beside = {n: c for n, c in columns.items() if len(c) == len(table) and n not in table}
        table = table.assign(**beside)
    else:
        longest = max((len(c) for c in columns.values()), default=0)
        table = pd.DataFrame({n: c for n, c in columns.items() if len(c) == longest})
    if not table.shape[1]:
        raise BadShape(f"{path} holds no table and no columns.", "Save a table, or one vector a column.")
    logical = table.select_dtypes(bool).columns
    return table.astype(dict.fromkeys(logical, "int64"))


def _mat_column(values: NDArray[Any]) -> pd.Series:
    if values.dtype != object:
        return pd.Series(values.copy())
    return pd.Series([text or None for text in values], dtype="str")


def _named(vectors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The columns under their own names, where `names` are what `write_table` made MATLAB's names of."""
    from isocenter.formats.matlab import matlab_names

    others = {name: values for name, values in vectors.items() if name != _NAMES}
    given = vectors.get(_NAMES, np.empty(0)).tolist()
    if matlab_names([_NAMES, *map(str, given)])[1:] != list(others):
        return vectors
    return dict(zip(map(str, given), others.values(), strict=True))


def _frame(names: Iterable[str], columns: list[Any]) -> pd.DataFrame:
    table = pd.DataFrame(dict(enumerate(columns)))
    table.columns = pd.Index(list(names), dtype="str")
    return table.reset_index(drop=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write by extension (.csv, .tsv, .parquet, .xlsx, .mat), all or nothing; a named index becomes the first column.

    Numbers are written exactly, in XLSX with 16 digits. In CSV, TSV and XLSX text that a spreadsheet would run as a
    formula (it starts with = + - @ tab or CR and is no number) gets a ' in front. .mat has one
    variable a column, and `names`, the columns' own names in the same order.
    """
    check_writable(path)
    whole = table if table.index.name is None else table.reset_index()
    whole = whole.set_axis([str(name) for name in whole.columns], axis="columns")
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        separator = "," if suffix == ".csv" else "\t"
        disk.write_text(path, _guarded(whole).to_csv(index=False, sep=separator, lineterminator="\n"))
    elif suffix == ".parquet":
        disk.write_bytes(path, _parquet_bytes(whole))
    elif suffix == ".xlsx":
        write_workbook({"Sheet1": whole}, path)
    else:
        from isocenter.formats.matlab import write_mat

        write_mat(path, mat_variables(whole))


def check_writable(path: Path) -> None:
    """UnknownFormat for a name that `write_table` does not know, before anything is computed for it."""
    if path.suffix.lower() not in (".csv", ".tsv", ".parquet", ".xlsx", ".mat"):
        raise UnknownFormat(f"Tables cannot be written to {path}.", "Use .csv, .tsv, .parquet, .xlsx or .mat.")


def _guarded(table: pd.DataFrame) -> pd.DataFrame:
    """The same table with text that looks like a formula made harmless."""
    safe = {i: _guarded_column(table.iloc[:, i]) for i in range(table.shape[1])}
    guarded = pd.DataFrame(safe, index=table.index)
    guarded.columns = pd.Index([_harmless(name) for name in table.columns], dtype="str")
    return guarded


def _guarded_column(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    return column.map(_harmless, na_action="ignore").astype(object)


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.match(value):
        return f"'{value}"
    return value


def _parquet_bytes(table: pd.DataFrame) -> bytes:
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def write_workbook(sheets: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Several tables as one .xlsx, a sheet each, all or nothing; formulas are made harmless as in `write_table`."""
    disk.write_bytes(path, workbook({name: _guarded(table) for name, table in sheets.items()}, path))


def mat_variables(table: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """A table as variables for `write_mat`: `names` (the columns' own), then one a column.

    Missing numbers are NaN, missing text is "", booleans are logical; where one is missing they
    are 1, 0 and NaN.
    """
    from isocenter.formats.matlab import matlab_names

    names = matlab_names([_NAMES, *map(str, table.columns)])
    columns = [_variable(table.iloc[:, i]) for i in range(table.shape[1])]
    return {_NAMES: np.array([*map(str, table.columns)], dtype=object), **dict(zip(names[1:], columns, strict=True))}


def _variable(column: pd.Series) -> NDArray[Any]:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(object)
    if column.isna().any():
        return column.to_numpy(np.float64, na_value=np.nan)
    return column.to_numpy(bool if pd.api.types.is_bool_dtype(column.dtype) else column.to_numpy().dtype)
