"""What MATLAB keeps apart from its variables: the contents of string, categorical and table.

Such a variable is only a reference: 0xDD000000, number of dimensions, dimensions, object ids, class
id. The contents lie in one cell array, `FileWrapper__`: first a block of bytes that says which
object has which properties, an empty cell, then the values, which the block counts from there.
MathWorks documents none of it. The layout was learned from the notes of those who worked it out
(foreverallama/matio, docs/subsystem_data_format.md; M. Bauman, 2014), and checked against files that
MATLAB R2018a, R2018b and R2025 wrote. Whatever does not fit it exactly is refused, never guessed.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from isocenter.formats.matlab.nodes import Array, Budget, Node

_MARK = 0xDD000000
_VERSIONS = (2, 3, 4)
_OFFSETS = 8  # after version and number of names; they begin the regions below
_HEAD = 4 * (2 + _OFFSETS)
_VALUES = 2  # cells before the first value
_STORED = 1  # type of a property whose value is a cell; others are enumerations and literals
_INDEX_BYTES = 32 * 2**20  # some 500,000 objects
_STRING_HEAD = 2
_MISSING = 2**64 - 1

T = TypeVar("T")


class NotDecodedError(Exception):
    """An object that does not look as it should; its variable is refused by name."""


@dataclass(frozen=True)
class Object:
    """One object: its class, and its properties by name."""

    class_name: str
    properties: Mapping[str, Node]

    def __getitem__(self, name: str) -> Node:
        if name not in self.properties:
            raise NotDecodedError(f"it has no {name}; is it empty?")
        return self.properties[name]


class Objects:
    """The objects of a file, by the reference that a variable holds; the store is read when one is met."""

    def __init__(self, wrapped: Callable[[], Sequence[Node] | None], budget: Budget) -> None:
        """wrapped: gives the cells of `FileWrapper__`, None where the file has no objects."""
        self._wrapped, self._budget = wrapped, budget

    @cached_property
    def _cells(self) -> Sequence[Node]:
        return self._wrapped() or []

    @cached_property
    def _index(self) -> bytes:
        cells = self._cells
        if not cells or cells[0].kind != "uint8" or cells[0].size > _INDEX_BYTES:
            raise NotDecodedError("the file has no index of its objects")
        return cells[0].numbers().tobytes(order="F")

    @cached_property
    def _parsed(self) -> tuple[list[str], list[Object]]:
        """Names of the classes and all objects, each in the order of its ids, which start at 1."""
        version, n_names, *offsets = self._integers(0, _HEAD)
        if version not in _VERSIONS:
            raise NotDecodedError(f"the store of objects has version {version}")
        names = ["", *(n.decode("utf-8", "replace") for n in self._index[_HEAD : offsets[0]].split(b"\0")[:n_names])]
        if len(names) != n_names + 1:
            raise NotDecodedError("its names are missing")
        regions = [self._integers(a, b) for a, b in itertools.pairwise(offsets[:5])]
        classes = ["", *(_qualified(names, c) for c in _blocks(regions[0], 4)[1:])]
        own, plain = _properties(regions[1]), _properties(regions[3])
        objects = [Object("", {})]
        for class_id, _, _, saved, normal, _ in _blocks(regions[2], 6)[1:]:
            triples = _at(own, saved) if saved else _at(plain, normal)
            found = {_at(names, n): _at(self._cells, _VALUES + v) for n, kind, v in triples if kind == _STORED}
            objects.append(Object(_at(classes, class_id), found))
        return classes, objects

    def _integers(self, start: int, stop: int) -> list[int]:
        if not 0 <= start <= stop <= len(self._index) or (stop - start) % 4:
            raise NotDecodedError("its index is cut short")
        return list(struct.unpack(f"<{(stop - start) // 4}I", self._index[start:stop]))

    def find(self, node: Node) -> Object | None:
        """The one object that an array refers to; None where it is an ordinary array."""
        if node.kind not in ("uint32", "opaque") or not 0 < node.size <= 64:
            return None
        reference = [int(n) for n in node.numbers().ravel()]
        if not reference or reference[0] != _MARK:
            return None
        if len(reference) != 6 or reference[1:4] != [2, 1, 1]:
            raise NotDecodedError("it is an array of objects")
        classes, objects = self._parsed
        found = _at(objects, reference[4])
        if found.class_name != _at(classes, reference[5]) or not reference[4]:
            raise NotDecodedError("its class is not that of its contents")
        return found

    # -- text ------------------------------------------------------------------------------
    def string(self, found: Object) -> Array:
        """A string array as objects (str, None where missing) in MATLAB's shape.

        One vector of uint64: version, number of dimensions, dimensions, the length of each text,
        then all texts in UTF-16, four code units a number. A length of all ones is a missing
        text: that is matio's word, none of the files looked at holds one.
        """
        values = self._vector(found["any"], "uint64").astype("<u8")
        head = [int(n) for n in values[:_STRING_HEAD]]
        if len(head) < 2 or head[0] != 1 or not 2 <= head[1] <= len(values) - _STRING_HEAD:
            raise NotDecodedError("a string of an unknown version")
        shape = tuple(int(n) for n in values[2 : 2 + head[1]])
        n, start = math.prod(shape), 2 + head[1]
        self._budget.take_texts(n)
        lengths = [int(k) for k in values[start : start + n]]
        content = values[start + n :].tobytes() if len(lengths) == n else b""
        known = [0 if k == _MISSING else k for k in lengths]
        if len(lengths) != n or not 0 <= len(content) - 2 * sum(known) < 8:
            raise NotDecodedError("its texts and their lengths do not agree")
        ends = np.cumsum([0, *known])
        texts = [
            None if k == _MISSING else content[2 * a : 2 * b].decode("utf-16-le", "replace")
            for k, a, b in zip(lengths, ends.tolist(), ends[1:].tolist(), strict=False)
        ]
        return _objects(texts, shape)

    def categorical(self, found: Object) -> Array:
        """A categorical array as objects (str, None where undefined) in MATLAB's shape."""
        codes = found["codes"]
        if not codes.kind.startswith("uint"):
            raise NotDecodedError("categories without codes")
        names = np.array([None, *self.texts(found["categoryNames"], ("string",)).ravel(order="F")], dtype=object)
        self._budget.take(8 * codes.size)
        numbers = codes.numbers()
        if numbers.size and int(numbers.max()) >= len(names):
            raise NotDecodedError("a code without a category")
        return names[numbers.astype(np.int64)]

    def texts(self, node: Node, classes: Sequence[str] = ("string", "categorical")) -> Array:
        """Text of any kind, as objects (str or None) in MATLAB's shape; the rows of a char matrix as a column.

        classes: the objects that may stand there; categories are not made of categories.
        """
        found = self.find(node)
        if found is not None and found.class_name in classes:
            return self.string(found) if found.class_name == "string" else self.categorical(found)
        if node.kind == "char" and len(node.shape) == 2:
            self._budget.take_texts(node.shape[0])
            rows = char_rows(node)
            return _objects(rows, (len(rows), 1))
        if node.kind == "cell":
            return _objects([self._one_text(cell) for cell in node.cells()], node.shape)
        raise NotDecodedError(f"a {node.class_name or node.kind} where text should be")

    def _one_text(self, cell: Node) -> str | None:
        """The text in a cell: a char row, an empty array, or one string."""
        if cell.size == 0:
            return ""
        if cell.kind == "char" and len(cell.shape) == 2:
            rows: list[str | None] = [*char_rows(cell)]
        else:
            rows = list(self.texts(cell, ("string",)).ravel()) if self.find(cell) is not None else []
        if len(rows) != 1:
            raise NotDecodedError("a cell that holds more than text")
        return rows[0]

    def _vector(self, node: Node, kind: str) -> Array:
        if node.kind != kind or not node.is_vector:
            raise NotDecodedError(f"a {node.kind} where {kind} should be")
        return node.numbers().ravel()


def char_rows(node: Node) -> list[str]:
    """The rows of a char matrix, without the blanks and zeros that fill them."""
    rows, _ = node.shape
    content, width = node.numbers().astype("<u2").tobytes(), 2 * node.shape[1]
    return [content[i * width : (i + 1) * width].decode("utf-16-le", "replace").rstrip(" \0") for i in range(rows)]


def _qualified(names: Sequence[str], block: Sequence[int]) -> str:
    space, name = _at(names, block[0]), _at(names, block[1])
    return f"{space}.{name}" if space else name


def _blocks(numbers: Sequence[int], width: int) -> list[Sequence[int]]:
    if not numbers or len(numbers) % width:
        raise NotDecodedError("its index is cut short")
    return [numbers[i : i + width] for i in range(0, len(numbers), width)]


def _properties(numbers: Sequence[int]) -> list[list[tuple[int, int, int]]]:
    """Blocks of (name, type, value): their number, then the triples, to an even number of integers."""
    return list(_property_blocks(numbers))


def _property_blocks(numbers: Sequence[int]) -> Iterator[list[tuple[int, int, int]]]:
    at = 0
    while at < len(numbers):
        n = numbers[at]
        stop = at + 1 + 3 * n
        if stop > len(numbers):
            raise NotDecodedError("its index is cut short")
        some = numbers[at + 1 : stop]
        yield list(zip(some[::3], some[1::3], some[2::3], strict=True))
        at = stop + stop % 2


def _at(items: Sequence[T], i: int) -> T:
    if not 0 <= i < len(items):
        raise NotDecodedError("its index points nowhere")
    return items[i]


def _objects(values: Sequence[str | None], shape: tuple[int, ...]) -> Array:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    if math.prod(shape) != len(values):
        raise NotDecodedError("texts that do not fill their array")
    return found.reshape(shape, order="F")
