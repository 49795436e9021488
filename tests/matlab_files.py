"""Makes .mat files in MATLAB's layout: v5 and v7 by hand, v7.3 with h5py; Octave can write neither objects nor v7.3.

Values are NumPy arrays, str (char), lists of str (cellstr), dict (struct), and `String`,
`Categorical`, `Table` and `Alien` (an object of any other class). Objects are kept as MATLAB keeps
them: a reference in the variable, contents in the `FileWrapper__` of the subsystem. The layout is
that of files which MATLAB R2018 to R2025 wrote; the index of three strings is theirs, byte for byte.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

MARK = 0xDD000000


@dataclass(frozen=True)
class String:
    """A string array; None is missing."""

    texts: Sequence[str | None]
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Categorical:
    """A categorical column; None is undefined."""

    values: Sequence[str | None]
    names: Sequence[str] | String


@dataclass(frozen=True)
class Table:
    """A table; row names where there are any."""

    columns: Mapping[str, Any]
    rows: int
    row_names: Sequence[str] = ()


@dataclass(frozen=True)
class Alien:
    """An object of any class: datetime, timetable, a user's."""

    class_name: str
    properties: Mapping[str, Any] = field(default_factory=dict)


def is_object(value: Any) -> bool:
    return isinstance(value, (String, Categorical, Table, Alien))


def column(values: Sequence[float] | NDArray[Any], dtype: Any = float) -> NDArray[Any]:
    return np.array(values, dtype=dtype).reshape(-1, 1)


class Store:
    """The contents of objects: what becomes the cells of `FileWrapper__`."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.classes: list[str] = []
        self.rows: list[tuple[int, int, int]] = []  # class, place among the saved, among the plain ones
        self.saved: list[list[int]] = []
        self.plain: list[list[int]] = []
        self.values: list[Any] = []

    def _number(self, items: list[str], name: str) -> int:
        if name not in items:
            items.append(name)
        return items.index(name) + 1

    def add(self, value: Any) -> NDArray[np.uint32]:
        """Keep an object; its reference."""
        name, properties, saved = _described(value)
        row = len(self.rows)
        self.rows.append((0, 0, 0))  # ids count from the outside in
        triples: list[int] = []
        for key, content in properties.items():
            number = self._number(self.names, key)
            inner = self.referred(content)
            triples += [number, 1, len(self.values)]
            self.values.append(inner)
        self._number(self.names, name)
        class_id = self._number(self.classes, name)
        place = self.saved if saved else self.plain
        place.append(triples)
        self.rows[row] = (class_id, len(place) if saved else 0, 0 if saved else len(place))
        return np.array([MARK, 2, 1, 1, row + 1, class_id], dtype=np.uint32).reshape(-1, 1)

    def referred(self, value: Any) -> Any:
        """The value with references in the place of objects."""
        if is_object(value):
            return self.add(value)
        return [self.referred(v) for v in value] if isinstance(value, list) else value

    def cells(self, version: int = 4) -> list[Any]:
        empty = [dict[str, Any]() for _ in range(len(self.classes) + 1)]
        aliases = np.zeros((len(self.classes) + 1, 1), np.int32)
        index = np.frombuffer(self.index(version), np.uint8).reshape(-1, 1)
        return [index, None, *self.values, empty, aliases, empty]

    def index(self, version: int = 4) -> bytes:
        texts = b"".join(name.encode() + b"\0" for name in self.names)
        texts += bytes(-len(texts) % 8)
        classes = _integers([0] * 4, *([0, self.names.index(c) + 1, 0, 0] for c in self.classes))
        objects = _integers([0] * 6, *([c, 0, 0, s, p, i] for i, (c, s, p) in enumerate(self.rows, 1)))
        saved = _blocks(self.saved) if self.saved else b""
        dynamic = _integers(*[[0, 0]] * (len(self.rows) + 1))
        regions = [classes, saved, objects, _blocks(self.plain), dynamic, b"", bytes(8)]
        ends = np.cumsum([40 + len(texts), *map(len, regions)]).tolist()
        return struct.pack("<10I", version, len(self.names), *ends) + texts + b"".join(regions)


def _integers(*blocks: Sequence[int]) -> bytes:
    return np.array([n for block in blocks for n in block], dtype="<u4").tobytes()


def _blocks(blocks: Sequence[Sequence[int]]) -> bytes:
    padded = [[0, 0]]
    for block in blocks:
        padded.append([len(block) // 3, *block])
        padded[-1] += [0] * (len(padded[-1]) % 2)
    return _integers(*padded)


def _described(value: Any) -> tuple[str, Mapping[str, Any], bool]:
    """Class, properties, and whether they are what its saveobj returned."""
    if isinstance(value, String):
        return "string", {"any": _string(value)}, True
    if isinstance(value, Categorical):
        names = list(value.names.texts) if isinstance(value.names, String) else list(value.names)
        codes = [0 if v is None else names.index(v) + 1 for v in value.values]
        kept = value.names if isinstance(value.names, String) else [*value.names]
        falsy = np.zeros((1, 1), bool)
        found = {"categoryNames": kept, "codes": column(codes, np.uint8), "isProtected": falsy, "isOrdinal": falsy}
        return "categorical", found, False
    if isinstance(value, Table):
        numbers = {"ndims": 2.0, "nrows": float(value.rows), "nvars": float(len(value.columns))}
        wrapped = {name: np.array([[n]]) for name, n in numbers.items()}
        found = {
            "data": [*value.columns.values()],
            **wrapped,
            "rownames": [*value.row_names],
            "varnames": [*value.columns],
            "props": {"Description": "", "UserData": np.zeros((0, 0))},
        }
        order = ("data", "ndims", "nrows", "rownames", "nvars", "varnames", "props")
        return "table", {name: found[name] for name in order}, False
    assert isinstance(value, Alien)
    return value.class_name, value.properties, False


def _string(value: String) -> NDArray[np.uint64]:
    shape = value.shape or (len(value.texts), 1)
    encoded = [None if t is None else t.encode("utf-16-le") for t in value.texts]
    lengths = [2**64 - 1 if t is None else len(t) // 2 for t in encoded]
    content = b"".join(t or b"" for t in encoded)
    content += bytes(-len(content) % 8)
    head = np.array([1, len(shape), *shape, *lengths], dtype="<u8")
    return np.concatenate([head, np.frombuffer(content, "<u8")]).reshape(1, -1)


# -- versions 5 and 7 --------------------------------------------------------------------------
_TYPES = {"b": 1, "B": 2, "h": 3, "H": 4, "i": 5, "I": 6, "f": 7, "d": 9, "l": 12, "L": 13, "?": 2}
_CLASSES = {"d": 6, "f": 7, "b": 8, "B": 9, "h": 10, "H": 11, "i": 12, "I": 13, "l": 14, "L": 15, "?": 9 | 0x200}


def element(kind: int, data: bytes) -> bytes:
    """One data element of v5; up to four bytes stand in the tag, as MATLAB writes them."""
    if 0 < len(data) <= 4 and kind not in (14, 15):
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(value: Any, name: str = "") -> bytes:
    """One array of v5 as an element."""
    if value is None:
        return element(14, b"")
    label = element(1, name.encode())

    def begun(kind: int, shape: Sequence[int]) -> bytes:
        return element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape)) + label

    if isinstance(value, str):
        ascii_ = value.isascii()
        units = value.encode("utf-16-le")
        shape = (1, len(units) // 2) if value else (0, 0)
        return element(14, begun(4, shape) + element(16 if ascii_ else 17, value.encode() if ascii_ else units))
    if isinstance(value, list):
        shape = (len(value), 1) if value else (0, 0)
        return element(14, begun(1, shape) + b"".join(matrix(v) for v in value))
    if isinstance(value, dict):
        names = b"".join(key.encode().ljust(32, b"\0") for key in value)
        fields = element(5, struct.pack("<i", 32)) + element(1, names)
        shape = (1, 1) if value else (1, 0)
        return element(14, begun(2, shape) + fields + b"".join(matrix(v) for v in value.values()))
    array = np.asarray(value)
    data = array.tobytes(order="F")
    return element(14, begun(_CLASSES[array.dtype.char], array.shape) + element(_TYPES[array.dtype.char], data))


def opaque(class_name: str, contents: bytes, name: str = "") -> bytes:
    """An opaque variable of v5: no dimensions, but the type system and the class."""
    flags = element(6, struct.pack("<II", 17, 0))
    texts = b"".join(element(1, text.encode()) for text in (name, "MCOS", class_name))
    return element(14, flags + texts + contents)


def save_v5(path: Path, variables: Mapping[str, Any], *, compress: bool = True, version: int = 4) -> Path:
    """A file of version 7 (compress) or 6, as MATLAB lays it out."""
    store = Store()
    parts = []
    for name, value in variables.items():
        if is_object(value):
            parts.append(opaque(_described(value)[0], matrix(store.add(value)), name))
        else:
            parts.append(matrix(value, name))
    offset = 0
    body = b"".join(_packed(part) if compress else part for part in parts)
    if store.rows:
        offset = 128 + len(body)
        wrapper = opaque("FileWrapper__", matrix(store.cells(version)))
        fields = element(5, struct.pack("<i", 5)) + element(1, b"MCOS\0")
        head = element(6, struct.pack("<II", 2, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, b"")
        inner = struct.pack("<H", 0x0100) + b"IM" + bytes(4) + element(14, head + fields + wrapper)
        hidden = matrix(np.frombuffer(inner, np.uint8).reshape(1, -1))
        body += _packed(hidden) if compress else hidden
    text = b"MATLAB 5.0 MAT-file, in MATLAB's layout, made by a test".ljust(116)
    path.write_bytes(text + struct.pack("<QH", offset, 0x0100) + b"IM" + body)
    return path


def _packed(part: bytes) -> bytes:
    squeezed = zlib.compress(part)
    return struct.pack("<II", 15, len(squeezed)) + squeezed


# -- version 7.3 -------------------------------------------------------------------------------
_NAMES = {"d": "double", "f": "single", "?": "logical", "b": "int8", "B": "uint8", "h": "int16", "H": "uint16",
          "i": "int32", "I": "uint32", "l": "int64", "L": "uint64"}  # fmt: skip


class Writer73:
    """One file of version 7.3 in MATLAB's layout, made with h5py."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = h5py.File(path, "w", userblock_size=512, libver="earliest")
        self.store = Store()

    def close(self) -> Path:
        if self.store.rows:
            cells = self._references(self.store.cells(), (1, -1))
            wrapper = self.file.create_group("#subsystem#").create_dataset("MCOS", data=cells, dtype=h5py.ref_dtype)
            _mark(wrapper, "FileWrapper__", MATLAB_object_decode=np.int32(3))
        self.file.close()
        head = b"MATLAB 7.3 MAT-file, in MATLAB's layout, made with h5py.".ljust(116)
        with self.path.open("r+b") as file:
            file.write(head + bytes(8) + struct.pack("<H", 0x0200) + b"IM")
        return self.path

    def put(self, name: str, value: Any) -> Any:
        """Write a variable; the data set."""
        if is_object(value):
            data = self.file.create_dataset(name, data=self.store.add(value).T)
            _mark(data, _described(value)[0], MATLAB_object_decode=np.int32(3))
            return data
        return self._write(name, value)

    def _write(self, name: str, value: Any) -> Any:
        if value is None:
            return _mark(self.file.create_dataset(name, data=np.zeros(2, np.uint64)), "canonical empty", empty=True)
        if isinstance(value, dict):
            if not value:
                shape = np.array([1, 0], np.uint64)
                return _mark(self.file.create_dataset(name, data=shape), "struct", empty=True)
            group = _mark(self.file.create_group(name), "struct")
            for key, field_value in value.items():
                self._write(f"{name}/{key}", field_value)
            return group
        if isinstance(value, str):
            units = np.frombuffer(value.encode("utf-16-le"), "<u2").reshape(1, -1)
            return self._array(name, units if value else np.zeros((0, 0), np.uint16), "char", decode=2)
        if isinstance(value, list):
            if not value:
                return _mark(self.file.create_dataset(name, data=np.zeros(2, np.uint64)), "cell", empty=True)
            cells = self._references(value, (1, -1))
            return _mark(self.file.create_dataset(name, data=cells, dtype=h5py.ref_dtype), "cell")
        array = np.asarray(value)
        logical = array.dtype == np.bool_
        stored = array.astype(np.uint8) if logical else array
        return self._array(name, stored, _NAMES[array.dtype.char], decode=1 if logical else None)

    def _array(self, name: str, array: NDArray[Any], kind: str, *, decode: int | None) -> Any:
        """Axes reversed; what is large enough in chunks, with gzip as MATLAB sets it."""
        more = {} if decode is None else {"MATLAB_int_decode": np.int32(decode)}
        if array.size == 0:
            size = np.array(array.shape, dtype=np.uint64)
            return _mark(self.file.create_dataset(name, data=size), kind, empty=True, **more)
        packed = {"chunks": True, "compression": "gzip", "compression_opts": 3} if array.nbytes > 1000 else {}
        return _mark(self.file.create_dataset(name, data=array.T, **packed), kind, **more)

    def _references(self, values: Sequence[Any], shape: tuple[int, int]) -> NDArray[Any]:
        group = self.file.require_group("#refs#")
        cells = np.empty(len(values), dtype=h5py.ref_dtype)
        for i, value in enumerate(values):
            inner = self.store.referred(value)
            cells[i] = self._write(f"#refs#/r{len(group)}_{i}", inner).ref
        return cells.reshape(shape)


def _mark(thing: Any, kind: str, *, empty: bool = False, **more: Any) -> Any:
    thing.attrs["MATLAB_class"] = np.bytes_(kind)
    if empty:
        thing.attrs["MATLAB_empty"] = np.uint8(1)
    for name, value in more.items():
        thing.attrs[name] = value
    return thing


def save_v73(path: Path, variables: Mapping[str, Any]) -> Path:
    """A file of version 7.3."""
    writer = Writer73(path)
    for name, value in variables.items():
        writer.put(name, value)
    return writer.close()
