"""Versions 5, 6 and 7: a header, then tagged elements, each compressed or not.

Source: MAT-File Format, MathWorks (R2019b), chapter 1. What it leaves out, opaque variables and the
subsystem that holds their contents, is in `objects`. Every length is checked against what is there.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from isocenter.formats.limits import reading
from isocenter.formats.matlab.nodes import DTYPES, EMPTY, Array, Budget, Node

HEADER = 128
_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}  # version and byte order, as they end the header
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8", 17: "u2"}
_ENCODINGS = {16: "utf-8", 18: "utf-32"}  # of text; 17 (UTF-16) are the code units themselves
_MATRIX, _COMPRESSED = 14, 15
_CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single", 8: "int8", 9: "uint8",
    10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64", 15: "uint64",
    16: "function_handle", 17: "opaque",
}  # fmt: skip
_LOGICAL, _COMPLEX = 0x200, 0x800
_PEEK = 4096  # bytes of an element: enough for its flags, dimensions and name

Element = tuple[int, memoryview, int]


def order_of(head: bytes) -> str | None:
    """The byte order, "<" or ">", that a file of version 5 to 7 names in its first 128 bytes; None for any other."""
    return _ORDERS.get(head[124:HEADER])


class Reader:
    """The variables of one open file, and the contents of its objects."""

    def __init__(self, file: IO[bytes], path: Path, budget: Budget) -> None:
        self._file, self._path, self._budget = file, path, budget
        head = file.read(HEADER)
        self._order = order_of(head) or "<"
        self._tag = struct.Struct(f"{self._order}II")
        (self._subsystem,) = struct.unpack(f"{self._order}Q", head[116:124])

    def variables(self, only: str | None = None) -> Iterator[tuple[str, Node]]:
        """Name and node of each variable, or of the one called `only`; without the unnamed (subsystem, workspace)."""
        self._file.seek(HEADER)
        while tag := self._file.read(8):
            content = self._content(tag, only)
            if content is not None:
                name, node = self._matrix(content)
                if name and only in (None, name):
                    yield name, node

    def wrapped(self) -> list[Node] | None:
        """The cells of `FileWrapper__`, the store of objects; None where the file has none, or is not little-endian."""
        if self._order != "<" or not HEADER <= self._subsystem < self._path.stat().st_size:  # spaces are none, too
            return None
        at = self._file.tell()
        self._file.seek(self._subsystem)
        content = self._content(self._file.read(8), None)
        self._file.seek(at)
        if content is None:
            return None
        _, node = self._matrix(content)
        if node.kind != "uint8" or node.size < 8:
            return None
        inner = memoryview(node.numbers().tobytes(order="F"))[8:]  # behind version and byte order, as in the header
        for kind, data in self._elements(inner):
            _, found = self._matrix(data) if kind == _MATRIX else ("", EMPTY)
            store = found.fields().get("MCOS", EMPTY) if found.kind == "struct" else EMPTY
            if store.kind == "opaque":
                return list(store.cells())
        return None

    # -- elements --------------------------------------------------------------------------
    def _content(self, tag: bytes, only: str | None) -> memoryview | None:
        """What a variable's element holds, decompressed; None if it is not a matrix, or is not the one wanted."""
        if len(tag) < 8:
            raise self._budget.damaged("it ends within an element")
        kind, length = self._tag.unpack(tag)
        if kind not in (_MATRIX, _COMPRESSED):
            raise self._budget.damaged(f"an element has the unknown type {kind}")
        if length > self._path.stat().st_size - self._file.tell():
            raise self._budget.damaged("it ends within an element")
        data = self._file.read(length)
        if kind == _COMPRESSED:
            return self._decompressed(data, only)
        self._budget.take(length)
        return memoryview(data)

    def _decompressed(self, data: bytes, only: str | None) -> memoryview | None:
        with reading(self._path, ".mat file"):
            stream = zlib.decompressobj()
            head = stream.decompress(data, _PEEK)
        if len(head) < 8:
            raise self._budget.damaged("a compressed element is empty")
        kind, length = self._tag.unpack_from(head)
        if kind != _MATRIX:
            return None
        if only is not None and self._name(memoryview(head)[8:]) != only:
            return None
        self._budget.take(length)
        with reading(self._path, ".mat file"):
            rest = stream.decompress(stream.unconsumed_tail, max(length + 8 - len(head), 1))
            more = stream.decompress(stream.unconsumed_tail, 1)  # nothing: it reaches the checksum
        if len(head) + len(rest) < length + 8 or more or not stream.eof:
            raise self._budget.damaged("a compressed element has another length than it says")
        return memoryview(head + rest)[8 : length + 8]

    def _element(self, data: memoryview, at: int) -> Element:
        """Type, content and end of the element at `at`; short ones (up to 4 bytes) stand inside their tag."""
        if at + 8 > len(data):
            raise self._budget.damaged("an array ends too early")
        kind, length = self._tag.unpack_from(data, at)
        if kind >> 16:
            kind, length, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            start, end = at + 8, at + 8 + length + -length % 8
        if start + length > len(data) or start + length > end:
            raise self._budget.damaged("an element is longer than the array it belongs to")
        return kind, data[start : start + length], end

    def _elements(self, data: memoryview, at: int = 0) -> Iterator[tuple[int, memoryview]]:
        """Type and content of each element from `at` on."""
        while at < len(data):
            kind, content, at = self._element(data, at)
            yield kind, content

    def _kind(self, flags: memoryview) -> tuple[str, int]:
        """The class and the flags of an array from its first element."""
        if len(flags) != 8:
            raise self._budget.damaged("an array has no flags")
        word, _ = self._tag.unpack_from(flags)
        return _CLASSES.get(word & 0xFF, "unknown"), word

    def _name(self, data: memoryview) -> str:
        """The name of a matrix from its beginning; opaque ones have no dimensions before it."""
        _, flags, at = self._element(data, 0)
        if self._kind(flags)[0] != "opaque":
            at = self._element(data, at)[2]
        return _text(self._element(data, at)[1])

    # -- arrays ----------------------------------------------------------------------------
    def _matrix(self, data: memoryview) -> tuple[str, Node]:
        """Name and node of a matrix element; one of zero bytes is an empty array."""
        if not len(data):
            return "", EMPTY
        _, flags, at = self._element(data, 0)
        kind, word = self._kind(flags)
        if kind == "opaque":
            return self._opaque(data, at)
        _, dimensions, at = self._element(data, at)
        _, name, at = self._element(data, at)
        if len(dimensions) % 4:
            raise self._budget.damaged("an array has broken dimensions")
        shape = self._budget.checked_shape(struct.unpack(f"{self._order}{len(dimensions) // 4}i", dimensions))
        if word & _LOGICAL and kind in DTYPES and kind != "char":
            kind = "logical"
        node = Node(
            kind,
            shape,
            numbers=partial(self._numbers, data, at, kind, shape),
            cells=partial(self._cells, data, at, shape),
            fields=partial(self._fields, data, at, shape),
            is_complex=bool(word & _COMPLEX),
        )
        return _text(name), node

    def _numbers(self, data: memoryview, at: int, kind: str, shape: tuple[int, ...]) -> Array:
        stored, content, _ = self._element(data, at)
        if stored in _ENCODINGS and kind == "char":
            values = self._units(content, _ENCODINGS[stored])
        elif stored in _STORED and len(content) % int(_STORED[stored][1:]) == 0:
            values = np.frombuffer(content, self._order + _STORED[stored])
        else:
            raise self._budget.damaged(f"an array's values have the unknown type {stored}")
        if len(values) != math.prod(shape):
            raise self._budget.damaged(f"{len(values)} values do not fill an array of {shape}")
        return self._budget.as_class(values, kind).reshape(shape, order="F")

    def _units(self, content: memoryview, encoding: str) -> Array:
        """Encoded text as UTF-16 code units, in which MATLAB counts the length of a text."""
        suffix = {"<": "-le", ">": "-be"}[self._order] if encoding != "utf-8" else ""
        text = bytes(content).decode(encoding + suffix, "replace")
        return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), "<u2")

    def _cells(self, data: memoryview, at: int, shape: tuple[int, ...]) -> Iterator[Node]:
        n = math.prod(shape)
        self._budget.take_texts(n)
        found = 0
        for kind, content in self._elements(data, at):
            if kind == _MATRIX:
                found += 1
                yield self._matrix(content)[1]
        if found != n:
            raise self._budget.damaged(f"{found} cells do not fill a cell array of {shape}")

    def _fields(self, data: memoryview, at: int, shape: tuple[int, ...]) -> dict[str, Node]:
        """The fields of a 1 x 1 struct: the length of names, all names, then the arrays."""
        found = list(self._elements(data, at))
        if shape != (1, 1) or len(found) < 2 or len(found[0][1]) != 4:
            raise self._budget.damaged("a struct is not laid out like one")
        (width,) = struct.unpack(f"{self._order}i", found[0][1])
        names = bytes(found[1][1])
        if not 0 < width <= _PEEK or len(names) != width * (len(found) - 2):
            raise self._budget.damaged("a struct's fields have no names")
        keys = [_text(memoryview(names[i : i + width])) for i in range(0, len(names), width)]
        return {key: self._matrix(content)[1] for key, (_, content) in zip(keys, found[2:], strict=True)}

    def _opaque(self, data: memoryview, at: int) -> tuple[str, Node]:
        """Behind the flags: name, type system, class, and a matrix: the reference to what the subsystem holds."""
        found = list(self._elements(data, at))
        if len(found) < 4:
            raise self._budget.damaged("an array ends too early")
        name, system, class_name = (_text(content) for _, content in found[:3])
        inner = self._matrix(found[3][1])[1] if found[3][0] == _MATRIX else EMPTY
        node = Node(
            "opaque",
            inner.shape,
            numbers=lambda: inner.numbers().ravel() if inner.kind == "uint32" else np.zeros(0, np.uint32),
            cells=inner.cells if inner.kind == "cell" else lambda: iter(()),
            class_name=class_name if system == "MCOS" else f"{system} {class_name}",
        )
        return name, node


def _text(content: memoryview) -> str:
    return bytes(content).split(b"\0")[0].decode("utf-8", "replace")
