"""Variables to a .mat file of version 5 that MATLAB and Octave load.

Written here rather than by scipy, whose text beyond ASCII Octave cuts short (it counts characters,
the format counts UTF-16 code units).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from isocenter import disk
from isocenter.errors import BadShape

_NAME_LIMIT = 63  # MATLAB's namelengthmax until R2024b
_EXACT = 2**53  # whole numbers beyond it have no double of their own
_KEYWORDS = frozenset({
    "break", "case", "catch", "classdef", "continue", "else", "elseif", "end", "for", "function", "global", "if",
    "otherwise", "parfor", "persistent", "return", "spmd", "switch", "try", "while",
})  # fmt: skip
_HEADER = b"MATLAB 5.0 MAT-file, written by Isocenter".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
_UINT8, _INT8, _INT32, _UINT32, _MATRIX, _UTF8, _UTF16 = 2, 1, 5, 6, 14, 16, 17  # types of elements
_CELL, _CHAR = 1, 4  # classes of arrays
_NUMBERS = {"f8": (6, 9), "i8": (14, 12), "u8": (15, 13), "b1": (9 | 0x200, _UINT8)}  # class with flags, and type
_LARGEST = 2**32 - 9

Array = NDArray[Any]


def write_mat(path: Path, variables: Mapping[str, ArrayLike]) -> None:
    """Write variables as .mat v5, all or nothing: text as a column cellstr, numbers as double, bool as logical.

    One-dimensional variables become columns, matrices stay; whole numbers that a double would
    round are int64. The same variables give the same bytes. BadShape for names that are not
    MATLAB's (see `matlab_names`) and variables over 4 GB.
    """
    parts = [_HEADER]
    for name, value in variables.items():
        if matlab_names([name]) != [name]:
            raise BadShape(f"'{name}' cannot be the name of a MATLAB variable.", "Use letters, digits and _.")
        part = _variable(name, np.asarray(value))
        if len(part) > _LARGEST:
            raise BadShape(f"{path}: '{name}' is larger than a .mat variable can be.", "Write .parquet or .csv.")
        parts.append(part)
    disk.write_bytes(path, b"".join(parts))


def _variable(name: str, array: Array) -> bytes:
    if array.dtype.kind not in "biuf":
        texts = [
            "" if missing else str(text) for text, missing in zip(array.ravel(), pd.isna(array.ravel()), strict=True)
        ]
        return _matrix(_CELL, (len(texts), 1), name, b"".join(_char(text) for text in texts))
    array = array.reshape(-1, 1) if array.ndim < 2 else array
    if array.dtype != np.bool_ and not (array.dtype.kind in "iu" and _beyond_double(array)):
        array = array.astype(np.float64)
    kind, stored = _NUMBERS[array.dtype.str[1:]]
    return _matrix(kind, array.shape, name, _element(stored, array.astype(array.dtype.newbyteorder("<")).tobytes("F")))


def _beyond_double(array: Array) -> bool:
    return array.dtype.itemsize == 8 and array.size > 0 and max(-int(array.min()), int(array.max())) > _EXACT


def _char(text: str) -> bytes:
    """A char row; empty text is 0 x 0, as MATLAB's ''."""
    wide = text.encode("utf-16-le", "surrogatepass")
    units = len(wide) // 2
    content = _element(_UTF8, text.encode()) if text.isascii() else _element(_UTF16, wide)
    return _matrix(_CHAR, (1, units) if units else (0, 0), "", content)


def _matrix(kind: int, shape: tuple[int, ...], name: str, content: bytes) -> bytes:
    flags = _element(_UINT32, struct.pack("<II", kind, 0))
    dimensions = _element(_INT32, struct.pack(f"<{len(shape)}i", *shape))
    return _element(_MATRIX, flags + dimensions + _element(_INT8, name.encode()) + content)


def _element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data) & 0xFFFFFFFF) + data + bytes(-len(data) % 8)


def matlab_names(columns: Iterable[str]) -> list[str]:
    """Names that MATLAB accepts for `columns`, in order, no two alike: letters, digits and _, at most 63."""
    taken: set[str] = set()
    names = []
    for column in columns:
        name = re.sub(r"\W", "_", column, flags=re.ASCII)
        plain = name[:1].isalpha() and name not in _KEYWORDS
        name = (name if plain else f"x{name}")[:_NAME_LIMIT]
        base, number = name, 2
        while name.lower() in taken:
            name, number = f"{base[: _NAME_LIMIT - 4]}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names
