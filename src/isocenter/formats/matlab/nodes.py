"""One MATLAB array in a file, described but not yet read: what both file formats hand to the rest of this room."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UnreadableFile
from isocenter.formats.limits import VOLUME_BYTES, check_size

Array = NDArray[Any]
# MATLAB's class -> NumPy's type. Files store double in the smallest type that holds the values.
DTYPES = {
    "double": "f8", "single": "f4", "logical": "?", "char": "u2",
    "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8",
}  # fmt: skip
TEXTS = 5_000_000  # so many cells and texts one file may hold: each is an object, however small it is on disk
_DIMENSIONS = 32


def _nothing() -> Any:
    raise NotImplementedError  # only what `kind` promises is asked for


@dataclass(frozen=True, slots=True)
class Node:
    """One array.

    kind: its MATLAB class: a key of DTYPES, "cell", "struct", "sparse", "function_handle", "object" or "opaque";
    shape: as MATLAB shows it; class_name: what an opaque or an object is called;
    numbers(): values in that shape, char as UTF-16 code units, of opaque ones their reference (1-D);
    cells(): the cells column by column; fields(): those of a 1 x 1 struct.
    """

    kind: str
    shape: tuple[int, ...]
    numbers: Callable[[], Array] = _nothing
    cells: Callable[[], Iterator[Node]] = _nothing
    fields: Callable[[], dict[str, Node]] = _nothing
    is_complex: bool = False
    class_name: str = ""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_vector(self) -> bool:
        """Whether it is n x 1, 1 x n or empty."""
        return len(self.shape) == 2 and (1 in self.shape or 0 in self.shape)


EMPTY = Node("double", (0, 0), numbers=lambda: np.zeros((0, 0)))


@dataclass
class Budget:
    """What reading one file may cost: decoded bytes and texts, counted before they are taken."""

    path: Path
    bytes_taken: int = field(default=0)
    texts_taken: int = field(default=0)

    def take(self, n: int) -> None:
        """UnreadableFile if `n` bytes more are too many."""
        self.bytes_taken += n
        check_size(self.path, self.bytes_taken, VOLUME_BYTES)

    def take_texts(self, n: int) -> None:
        """UnreadableFile if `n` cells or texts more are too many."""
        self.texts_taken += n
        if self.texts_taken > TEXTS:
            raise UnreadableFile(
                f"{self.path} holds more than {TEXTS:,} cells and texts.",
                "Save numbers as a matrix, and text as categorical.",
            )

    def damaged(self, why: str) -> UnreadableFile:
        return UnreadableFile(f"{self.path} is not a readable .mat file: {why}.", "Copy or save it again.")

    def as_class(self, values: Array, kind: str) -> Array:
        """Stored values as NumPy's type of a MATLAB class; UnreadableFile where whole numbers would change."""
        wanted = np.dtype(DTYPES[kind])
        if wanted == values.dtype:
            return values
        self.take(values.size * wanted.itemsize)
        with np.errstate(invalid="ignore"):
            found = values.astype(wanted)
        if wanted.kind in "iu" and not np.can_cast(values.dtype, wanted) and not np.array_equal(found, values):
            raise self.damaged(f"an array of class {kind} holds other values")
        return found

    def checked_shape(self, dimensions: Iterable[int]) -> tuple[int, ...]:
        """Dimensions of an array as a tuple; UnreadableFile where they make no sense."""
        shape = tuple(int(n) for n in dimensions)
        if not 2 <= len(shape) <= _DIMENSIONS or min(shape) < 0:
            raise self.damaged(f"an array says that its size is {shape[:_DIMENSIONS]}")
        return shape
