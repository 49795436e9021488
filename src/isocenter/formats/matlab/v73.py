"""Version 7.3: HDF5 with MATLAB's attributes, read without following anything that leads elsewhere.

Axes are reversed in the file (HDF5 counts rows first, MATLAB columns). `MATLAB_class` names the
class; `MATLAB_empty` marks arrays without elements, whose sizes are then the values; cells are
references into `#refs#`; contents of objects lie under `#subsystem#`. Never read: external and
soft links, external storage, virtual data sets, and filters other than HDF5's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5r, h5s, h5t, h5z

from isocenter.errors import IsocenterError, OpaqueMatlab, UnreadableFile, UnsafeFile
from isocenter.formats.limits import FRAME_BYTES, check_size
from isocenter.formats.matlab.nodes import DTYPES, Array, Budget, Node

_LINKS = 10_000  # so many variables one file may hold
_FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
_ATTRIBUTE_BYTES = 256
_SIZES = 64  # numbers that say how large an empty array is, or which object is meant
_SUBSYSTEM, _REFERENCES = "#subsystem#", "#refs#"
_ELSEWHERE = "Save the file again in MATLAB, with everything in one file."


class _Library:
    """What HDF5 throws inside becomes UnreadableFile; one object a file, for it is entered for every text."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(fault, (OSError, RuntimeError, ValueError, TypeError, KeyError)):
            raise self._budget.damaged(" ".join(str(fault).split())[:200]) from fault


class Reader:
    """The variables of one open file, and the contents of its objects."""

    def __init__(self, file: h5py.File, path: Path, budget: Budget) -> None:
        self._file, self._path, self._budget = file, path, budget
        self._library = _Library(budget)

    def variables(self, only: str | None = None) -> Iterator[tuple[str, Node | IsocenterError]]:
        """Name of each variable (or of the one called `only`) with its node, or with why it has none."""
        with self._library:
            many = len(self._file) > _LINKS
            names = [] if many else [str(name) for name in self._file]
        if many:
            raise UnreadableFile(f"{self._path} holds more than {_LINKS:,} variables.", "Save what is needed.")
        for name in names:
            if name not in (_SUBSYSTEM, _REFERENCES) and only in (None, name):
                try:
                    yield name, self._node(self._linked(self._file, name), f"the variable '{name}'")
                except OpaqueMatlab as fault:
                    yield name, fault

    def wrapped(self) -> Sequence[Node] | None:
        """The cells of `FileWrapper__`, the store of objects; None where the file has none."""
        with self._library:
            there = _SUBSYSTEM in self._file
        group = self._linked(self._file, _SUBSYSTEM) if there else None
        if not isinstance(group, h5g.GroupID):
            return None
        with self._library:
            there = b"MCOS" in group
        store = self._linked(h5py.Group(group), "MCOS") if there else None
        if not isinstance(store, h5d.DatasetID):
            return None
        self._check_storage(store)
        return list(self._cells(store))

    # -- things in the file ----------------------------------------------------------------
    def _linked(self, group: h5py.Group, name: str) -> Any:
        """The low-level object behind a hard link; UnsafeFile for links that lead elsewhere."""
        with self._library:
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                return h5o.open(group.id, name.encode())
        raise UnsafeFile(f"{self._path}: '{name}' is a link to another place or file, not data.", _ELSEWHERE)

    def _attribute(self, thing: Any, name: bytes) -> Any:
        """A short attribute as bytes or number; None where there is none. UnreadableFile for others."""
        with self._library:
            if not h5a.exists(thing, name):
                return None
            attribute = h5a.open(thing, name)
            kind = attribute.get_type()
            what, size = kind.get_class(), attribute.get_storage_size()
            fixed = what == h5t.INTEGER or (what == h5t.STRING and not kind.is_variable_str())
            if fixed and size == kind.get_size() and size <= _ATTRIBUTE_BYTES:  # one value
                value = np.empty((), kind.dtype)
                attribute.read(value)
                return value.item()
        raise self._budget.damaged(f"its attribute {name.decode()} is not MATLAB's")

    def _node(self, thing: Any, what: str) -> Node:
        """OpaqueMatlab for what has no MATLAB class; `what` names it in messages."""
        found = self._attribute(thing, b"MATLAB_class")
        if not isinstance(found, bytes):
            raise OpaqueMatlab(
                f"{self._path}: {what} has no MATLAB class: this HDF5 file was not written by MATLAB.",
                "Save it with save(file, '-v7') in MATLAB or Octave, or as .npy.",
            )
        kind = found.decode("utf-8", "replace")
        if isinstance(thing, h5d.DatasetID):
            return self._dataset_node(thing, kind)
        if self._attribute(thing, b"MATLAB_sparse") is not None:
            return Node("sparse", (0, 0))
        return Node("function_handle" if kind == "function_handle" else "struct", (1, 1), class_name=kind)

    def _dataset_node(self, data: h5d.DatasetID, kind: str) -> Node:
        self._check_storage(data)
        decode = None if kind in ("double", "char") else self._attribute(data, b"MATLAB_object_decode")
        if decode is not None:
            values = partial(self._reference, data)
            return Node({1: "function_handle", 3: "opaque"}.get(decode, "object"), (1, 1), values, class_name=kind)
        kind = "double" if kind == "canonical empty" else kind
        if kind not in DTYPES and kind not in ("cell", "struct"):
            return Node("object", (1, 1), class_name=kind)
        if self._attribute(data, b"MATLAB_empty"):
            return self._empty(data, kind)
        with self._library:
            shape, dtype = tuple(map(int, data.shape[::-1])), data.dtype
        if kind == "struct":
            return Node("struct", shape)
        self._budget.checked_shape(shape)
        numbers, cells = partial(self._numbers, data, dtype, kind), partial(self._cells, data)
        return Node(kind, shape, numbers, cells, is_complex=dtype.names is not None)

    def _empty(self, data: h5d.DatasetID, kind: str) -> Node:
        """An array without elements; its values are its size. (A struct without fields is one, too.)"""
        shape = self._budget.checked_shape(self._few(data))
        if math.prod(shape) and kind != "struct":
            raise self._budget.damaged(f"an empty array says that its size is {shape}")
        return Node(kind, shape, lambda: np.zeros(shape, DTYPES.get(kind, "f8")), lambda: iter(()))

    def _check_storage(self, data: h5d.DatasetID) -> None:
        """UnsafeFile for values in other files, or that need a plug-in; UnreadableFile for chunks beyond the limit."""
        with self._library:
            plan = data.get_create_plist()
            layout = plan.get_layout()
            outside = layout == h5d.VIRTUAL or (layout == h5d.CONTIGUOUS and plan.get_external_count() > 0)
            chunked = layout == h5d.CHUNKED
            filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())} if chunked else set()
            chunk = math.prod(plan.get_chunk()) * data.get_type().get_size() if chunked else 0
        if outside:
            raise UnsafeFile(f"{self._path} takes values from other files.", _ELSEWHERE)
        if filters - _FILTERS:
            raise UnsafeFile(f"{self._path} is compressed in a way that needs a plug-in.", "Save it again in MATLAB.")
        check_size(self._path, chunk, FRAME_BYTES)

    # -- values ----------------------------------------------------------------------------
    def _read(self, data: h5d.DatasetID, dtype: np.dtype[Any], kinds: str) -> Array:
        """All values in the file's order of axes, once they are counted; UnreadableFile for another type."""
        if dtype.kind not in kinds:
            raise self._budget.damaged(f"an array holds {dtype}")
        with self._library:
            shape = data.shape
        self._budget.take(math.prod(shape) * dtype.itemsize)
        values: Array = np.empty(shape, dtype)
        with self._library:
            data.read(h5s.ALL, h5s.ALL, values)
        return values

    def _few(self, data: h5d.DatasetID) -> list[int]:
        """A short vector of unsigned numbers."""
        with self._library:
            few, dtype = math.prod(data.shape) <= _SIZES, data.dtype
        if not few:
            raise self._budget.damaged("an array that should hold a few numbers is long")
        return [int(n) for n in self._read(data, dtype, "u").ravel()]

    def _numbers(self, data: h5d.DatasetID, dtype: np.dtype[Any], kind: str) -> Array:
        return self._budget.as_class(self._read(data, dtype, "iuf"), kind).T

    def _reference(self, data: h5d.DatasetID) -> Array:
        """The numbers by which an opaque variable names its object; none where it holds something else."""
        with self._library:
            numbers = data.dtype == np.dtype("u4")
        return np.array(self._few(data) if numbers else [], dtype=np.uint32)

    def _cells(self, data: h5d.DatasetID) -> Iterator[Node]:
        with self._library:
            dtype, n = data.dtype, math.prod(data.shape)
        if h5py.check_ref_dtype(dtype) is not h5py.Reference:
            raise self._budget.damaged("a cell array holds no references")
        self._budget.take_texts(n)
        for reference in self._read(data, dtype, "O").ravel():
            with self._library:
                thing = h5r.dereference(reference, self._file.id)
            yield self._node(thing, "a cell")
