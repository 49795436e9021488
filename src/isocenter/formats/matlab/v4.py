"""Version 4: numeric, char and sparse matrices, one after the other, each behind 20 bytes that describe it.

Source: MAT-File Format, MathWorks, chapter 2.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from isocenter.formats.matlab.nodes import Array, Budget, Node

_STORED = ("f8", "f4", "i4", "i2", "u2", "u1")
_CLASSES = ("double", "char", "sparse")
_HEAD = 20
_ORDERS = ("<", ">")


def looks_like(head: bytes) -> bool:
    """Whether a file begins as version 4 does: with a number MOPT below 4052, one of its bytes being zero."""
    return 0 in head[:4] and any(_described(head, order) is not None for order in _ORDERS)


def _described(head: bytes, order: str) -> tuple[str, str] | None:
    """The stored type and the class, of the digits M (byte order), O (0), P and T; None where they make no sense."""
    if len(head) < _HEAD:
        return None
    (mopt,) = struct.unpack_from(f"{order}i", head)
    digits = [mopt // 10**i % 10 for i in (3, 2, 1, 0)]
    byte_order, zero, stored, kind = digits
    fits = 0 <= mopt < 2000 and zero == 0 and stored < len(_STORED) and kind < len(_CLASSES)
    return (_STORED[stored], _CLASSES[kind]) if fits and order == _ORDERS[byte_order] else None


class Reader:
    """The variables of one open file."""

    def __init__(self, file: IO[bytes], path: Path, budget: Budget) -> None:
        self._file, self._path, self._budget = file, path, budget

    def wrapped(self) -> None:
        """Version 4 has no objects."""
        return

    def variables(self, only: str | None = None) -> Iterator[tuple[str, Node]]:
        """Name and node of each variable, or of the one called `only`."""
        self._file.seek(0)
        size = self._path.stat().st_size
        while head := self._file.read(_HEAD):
            found = next(((o, d) for o in _ORDERS if (d := _described(head, o)) is not None), None)
            if found is None:
                raise self._budget.damaged("a matrix of version 4 is not described")
            order, (stored, kind) = found
            rows, columns, imaginary, name_length = struct.unpack(f"{order}4i", head[4:])
            shape = self._budget.checked_shape((rows, columns))
            length = math.prod(shape) * int(stored[1:]) * (2 if imaginary else 1)
            if not 0 < name_length <= size or name_length + length > size - self._file.tell():
                raise self._budget.damaged("it ends within a matrix")
            name = self._file.read(name_length).rstrip(b"\0").decode("latin-1")
            start = self._file.tell()
            if only in (None, name):
                numbers = partial(self._numbers, start, order + stored, kind, shape)
                yield name, Node(kind, shape, numbers, is_complex=bool(imaginary))
            self._file.seek(start + length)

    def _numbers(self, start: int, stored: str, kind: str, shape: tuple[int, ...]) -> Array:
        self._file.seek(start)
        values = np.frombuffer(self._file.read(math.prod(shape) * int(stored[2:])), stored)
        return self._budget.as_class(values, kind).reshape(shape, order="F")
