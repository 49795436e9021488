"""CSV and TSV: Arrow's fast parser where rows are even, Python's careful one to say what is wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import UnreadableFile
from isocenter.formats.limits import check_size, empty, reading

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None")
_DELIMITERS = (",", ";", "\t")
# 007 is an id, and so is what has more digits than a float64 can hold.
_NOT_A_NUMBER = r"^[+-]?(0[0-9]|[0-9]{16,}$)"


def read_text(path: Path) -> pd.DataFrame:
    """A delimited text file; see `tables.read_table`. Arrow's float parser rounds exactly."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    text = _decoded(path)
    names, delimiter = _header(path, text)
    keys = [str(i) for i in range(len(names))]  # names may repeat, which is refused further up
    try:
        if text.count('"') % 2:
            raise pa.ArrowInvalid("a quotation mark is never closed")
        parsed = arrow_csv.read_csv(
            io.BytesIO(text.encode()),
            # Arrow's threads, still running when a short process ends, abort it.
            read_options=arrow_csv.ReadOptions(column_names=keys, skip_rows_after_names=1, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values='"' in text),
            convert_options=_as_text(keys),
        )
    except pa.ArrowInvalid as fault:
        raise _what_is_wrong(path, text, delimiter, len(names), str(fault)) from fault
    columns = {i: _recognised(parsed.column(key), delimiter) for i, key in enumerate(keys)}
    kept = [i for i, name in enumerate(names) if name or not columns[i].isna().all()]
    table = pd.DataFrame({i: columns[i] for i in kept})
    table.columns = pd.Index([names[i] or f"Unnamed: {i}" for i in kept], dtype="str")
    return table


def text_batches(path: Path, size: int = 16 * 2**20) -> Iterator[pd.DataFrame]:
    """The rows of a delimited text file in UTF-8, about `size` bytes of it at a time; columns as in `read_text`.

    Whether a column holds numbers is told by each batch. UnreadableFile for another encoding; Arrow's faults.
    """
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    with path.open("rb") as file:
        line = file.readline(size)
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in line:
        raise UnreadableFile(f"{path} is not UTF-8 text.", "Save it as CSV in UTF-8, or as .parquet.")
    if not line.strip():
        raise empty(path, "header in its first line")
    names, delimiter = _header(path, _utf8_or_latin(line))
    keys = [str(i) for i in range(len(names))]
    reader = arrow_csv.open_csv(
        path,
        read_options=arrow_csv.ReadOptions(
            column_names=keys, skip_rows_after_names=1, use_threads=False, block_size=size
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=_as_text(keys),
    )
    for batch in reader:
        parsed = pa.Table.from_batches([batch])
        table = pd.DataFrame({i: _recognised(parsed.column(key), delimiter) for i, key in enumerate(keys)})
        table.columns = pd.Index([name or f"Unnamed: {i}" for i, name in enumerate(names)], dtype="str")
        if len(table):
            yield table


def _as_text(keys: list[str]) -> Any:
    """Every column as text, so that ids keep their zeros."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    return arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=True, null_values=list(MISSING)
    )


def _decoded(path: Path) -> str:
    """The file's text from its first line on: UTF-8, UTF-16 (Excel's "Unicode text") or Latin-1."""
    check_size(path, path.stat().st_size)
    with reading(path):
        raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        with reading(path, "UTF-16 text"):
            text = raw.decode("utf-16")
    elif b"\0" in raw:
        raise UnreadableFile(f"{path} holds NUL bytes: it is not text, or is damaged.", "Export the table again.")
    else:
        text = _utf8_or_latin(raw)
    if not text.strip():
        raise empty(path, "rows")
    text = text.lstrip("\r\n")
    return text if "\n" in text else text.replace("\r", "\n")


def _utf8_or_latin(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _header(path: Path, text: str) -> tuple[list[str], str]:
    """The column names and the delimiter: a .tsv's tab, else the one that the first line holds most often."""
    line = text[: text.find("\n")] if "\n" in text else text
    bare = "".join(line.split('"')[::2])  # what stands outside quotation marks
    tabs = path.suffix.lower() == ".tsv" and "\t" in bare
    delimiter = "\t" if tabs else max(_DELIMITERS, key=bare.count)
    with reading(path):
        names = next(_rows(text, delimiter))
    return [name.strip() for name in names], delimiter


def _rows(text: str, delimiter: str, *, strict: bool = False) -> Any:
    """Python's own reader over the lines of `text`, cut off one by one."""
    lines = (found.group() for found in re.finditer(r"[^\n]*\n|[^\n]+$", text))
    return csv.reader(lines, delimiter=delimiter, strict=strict)


def _what_is_wrong(path: Path, text: str, delimiter: str, width: int, reason: str) -> UnreadableFile:
    """The fault of the first row that does not fit, by its number in the file."""
    reader = _rows(text, delimiter, strict=True)
    try:
        for row in reader:
            if row and len(row) != width:
                return UnreadableFile(
                    f"{path}: line {reader.line_num} has {len(row)} values, the header {width}.",
                    "The file is torn, or a value holds the delimiter: complete the line, or quote the value.",
                )
    except csv.Error as fault:
        reason = f"line {reader.line_num}: {fault}"
    return UnreadableFile(f"{path} is not a readable table: {reason[:200]}.", "Export it again.")


def _recognised(column: Any, delimiter: str) -> pd.Series:
    """A column of text as int64, float64 or text (see `tables.read_table`).

    Casting comes before any look at the single values: tables of features are large, and all numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return pd.Series(np.full(len(column), np.nan))
    if (numbers := _numbers(column)) is None:
        column = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.is_in(column, value_set=pa.array(MISSING)), None, column)
        numbers = _numbers(column)
    if numbers is None and delimiter == ";" and not pc.any(pc.match_substring(column, ".")).as_py():
        numbers = _numbers(pc.replace_substring(column, ",", "."))
    if numbers is None or pc.any(pc.match_substring_regex(column, _NOT_A_NUMBER)).as_py():
        return pd.Series(column.to_pandas(), dtype="str")
    return pd.Series(numbers)


def _numbers(column: Any) -> NDArray[Any] | None:
    """int64 where every value is a whole number, float64 where there are others or gaps; None for text."""
    import pyarrow as pa

    for kind in (pa.int64(), pa.float64()):
        if kind == pa.int64() and column.null_count:
            continue
        try:
            return np.array(column.cast(kind).to_numpy())
        except pa.ArrowInvalid:
            continue
    return None
