"""Tables and matrices in batches of rows, for what does not fit in memory: .npy, .parquet, .csv, .tsv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import BadShape, UnknownFormat
from isocenter.formats import arrays, tables, text
from isocenter.formats.limits import check_present, reading

KINDS = (".npy", ".parquet", ".csv", ".tsv")
VALUES = 4_000_000  # numbers of a batch, about
_ROWS = (1_000, 50_000)  # of a batch, at least and at most


def read_batches(path: Path) -> Iterator[pd.DataFrame]:
    """The rows of a table (as `read_table`) or of a matrix (columns f0, f1...), in order, some at a time.

    No limit of size applies: at most about 4,000,000 values are held, of Parquet one row group beside. The kind
    of a CSV's column is told batch by batch. UnknownFormat, BadShape, UnreadableFile, UnsafeFile, EmptyInput.
    """
    check_present(path)
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise UnknownFormat(f"{path} cannot be read in batches.", f"Save it as one of {', '.join(KINDS)}.")
    if suffix == ".npy":
        return _npy(path)
    return _parquet(path) if suffix == ".parquet" else _text(path)


def _at_a_time(columns: int) -> int:
    return int(np.clip(VALUES // max(columns, 1), *_ROWS))


def _npy(path: Path) -> Iterator[pd.DataFrame]:
    values = arrays.mapped(path)
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not values.size:
        shape = " x ".join(map(str, values.shape))
        raise BadShape(f"{path} holds {shape} of {values.dtype}, not rows of numbers.", "Save n x m numbers.")
    names = pd.Index([f"f{i}" for i in range(values.shape[1])], dtype="str")
    rows = _at_a_time(values.shape[1])
    for start in range(0, len(values), rows):
        with reading(path, ".npy file"):
            block = _rows(path, values, start, min(rows, len(values) - start))
        yield pd.DataFrame(block, columns=names)


def _rows(path: Path, values: NDArray[Any], start: int, count: int) -> NDArray[Any]:
    """Read, not mapped: pages that were touched once would stay in the process's memory."""
    if not (isinstance(values, np.memmap) and values.flags.c_contiguous):
        return np.array(values[start : start + count])
    width = values.shape[1]
    at = values.offset + start * width * values.dtype.itemsize
    return np.fromfile(path, values.dtype, count * width, offset=at).reshape(count, width)


def _parquet(path: Path) -> Iterator[pd.DataFrame]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with reading(path, "Parquet file"):
        file = pq.ParquetFile(path)
        parts = file.iter_batches(_at_a_time(len(file.schema_arrow)), use_threads=False)
    with file:
        for part in _guarded(path, "Parquet file", parts):
            yield _single(path, tables.frame_of(path, pa.Table.from_batches([part])))


def _text(path: Path) -> Iterator[pd.DataFrame]:
    for part in _guarded(path, "table", text.text_batches(path)):
        yield _single(path, part)


def _guarded(path: Path, what: str, parts: Iterator[Any]) -> Iterator[Any]:
    """Faults of the library become ours; those of whoever takes the parts do not."""
    while True:
        with reading(path, what):
            part = next(parts, None)
        if part is None:
            return
        yield part


def _single(path: Path, table: pd.DataFrame) -> pd.DataFrame:
    """BadShape for a column that is there twice."""
    if twice := [name for name, n in Counter(table.columns).items() if n > 1]:
        raise BadShape(f"{path} has the column '{twice[0]}' more than once.", "Rename or remove one of them.")
    return table
