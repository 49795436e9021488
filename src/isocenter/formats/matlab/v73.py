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
from typing import Any

import h5py
import numpy as np

from isocenter.errors import IsocenterError, OpaqueMatlab, UnreadableFile, UnsafeFile
from isocenter.formats.limits import FRAME_BYTES, check_size, reading
from isocenter.formats.matlab.nodes import DTYPES, Array, Budget, Node

_LINKS = 10_000  # so many variables one file may hold
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_ATTRIBUTE_BYTES = 256
_SUBSYSTEM, _REFERENCES = "#subsystem#", "#refs#"
_ELSEWHERE = "Save the file again in MATLAB, with everything in one file."


class Reader:
    """The variables of one open file, and the contents of its objects."""

    def __init__(self, file: h5py.File, path: Path, budget: Budget) -> None:
        self._file, self._path, self._budget = file, path, budget

    def variables(self, only: str | None = None) -> Iterator[tuple[str, Node | IsocenterError]]:
        """Name of each variable (or of the one called `only`) with its node, or with why it has none."""
        with reading(self._path, ".mat file"):
            if len(self._file) > _LINKS:
                raise UnreadableFile(f"{self._path} holds more than {_LINKS:,} variables.", "Save what is needed.")
            names = [str(name) for name in self._file]
        for name in names:
            if name not in (_SUBSYSTEM, _REFERENCES) and only in (None, name):
                try:
                    yield name, self._node(self._linked(self._file, name), f"the variable '{name}'")
                except OpaqueMatlab as fault:
                    yield name, fault

    def wrapped(self) -> Sequence[Node] | None:
        """The cells of `FileWrapper__`, the store of objects; None where the file has none."""
        with reading(self._path, ".mat file"):
            if _SUBSYSTEM not in self._file:
                return None
            group = self._linked(self._file, _SUBSYSTEM)
            if not isinstance(group, h5py.h5g.GroupID) or b"MCOS" not in group:
                return None
            store = self._linked(h5py.Group(group), "MCOS")
            if not isinstance(store, h5py.h5d.DatasetID):
                return None
        return list(self._cells(store))

    # -- objects of the file ---------------------------------------------------------------
    def _linked(self, group: h5py.Group, name: str) -> Any:
        """The low-level object behind a hard link; UnsafeFile for links that lead elsewhere."""
        with reading(self._path, ".mat file"):
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise UnsafeFile(f"{self._path}: '{name}' is a link to another place or file, not data.", _ELSEWHERE)
            return h5py.h5o.open(group.id, name.encode())

    def _attribute(self, thing: Any, name: bytes) -> Any:
        """A short attribute as bytes or number; None where there is none. UnreadableFile for long ones."""
        with reading(self._path, ".mat file"):
            if not h5py.h5a.exists(thing, name):
                return None
            attribute = h5py.h5a.open(thing, name)
            kind = attribute.get_type()
            short = attribute.get_storage_size() <= _ATTRIBUTE_BYTES and attribute.get_space().get_simple_extent_npoints() == 1
            if not short or kind.get_class() not in (h5py.h5t.STRING, h5py.h5t.INTEGER) or _is_variable(kind):
                raise self._budget.damaged(f"its attribute {name.decode()} is not MATLAB's")
            value = np.empty((), attribute.dtype)
            attribute.read(value)
            return value.item()

    def _node(self, thing: Any, what: str) -> Node:
        """OpaqueMatlab for what has no MATLAB class; `what` names it in messages."""
        found = self._attribute(thing, b"MATLAB_class")
        if not isinstance(found, bytes):
            raise OpaqueMatlab(
                f"{self._path}: {what} has no MATLAB class: this HDF5 file was not written by MATLAB.",
                "Save it with save(file, '-v7') in MATLAB or Octave, or as .npy.",
            )
        kind = found.decode("utf-8", "replace")
        if isinstance(thing, h5py.h5d.DatasetID):
            return self._dataset_node(thing, kind)
        if self._attribute(thing, b"MATLAB_sparse") is not None:
            return Node("sparse", (0, 0))
        return Node({"function_handle": "function"}.get(kind, "struct"), (1, 1), class_name=kind)

    def _dataset_node(self, data: h5py.h5d.DatasetID, kind: str) -> Node:
        self._check_storage(data)
        decode = self._attribute(data, b"MATLAB_object_decode")
        if decode is not None:
            values = partial(self._reference, data)
            return Node({1: "function", 3: "opaque"}.get(decode, "object"), (1, 1), values, class_name=kind)
        if kind == "canonical empty":
            kind = "double"
        if kind not in DTYPES and kind not in ("cell", "struct"):
            return Node("object", (1, 1), class_name=kind)
        with reading(self._path, ".mat file"):
            shape = tuple(int(n) for n in data.shape[::-1])
            is_complex = data.dtype.names is not None
        if self._attribute(data, b"MATLAB_empty"):
            shape = self._budget.checked_shape(self._dimensions(data))
            if math.prod(shape) and kind != "struct":  # one struct without fields is empty too
                raise self._budget.damaged(f"an empty array says that its size is {shape}")
            return Node(kind, shape, lambda: np.zeros(shape, DTYPES.get(kind, "f8")), lambda: iter(()))
        if kind == "struct":
            return Node("struct", shape)
        self._budget.checked_shape(np.array(shape, dtype=object))
        return Node(kind, shape, partial(self._numbers, data, kind), partial(self._cells, data), is_complex=is_complex)

    def _check_storage(self, data: h5py.h5d.DatasetID) -> None:
        """UnsafeFile for values that lie in other files or need a plug-in; UnreadableFile for chunks beyond the limit."""
        with reading(self._path, ".mat file"):
            plan = data.get_create_plist()
            layout, itemsize = plan.get_layout(), data.get_type().get_size()
            filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
            chunk = math.prod(plan.get_chunk()) if layout == h5py.h5d.CHUNKED else 0
            outside = layout == h5py.h5d.VIRTUAL or plan.get_external_count() > 0
        if outside:
            raise UnsafeFile(f"{self._path} takes values from other files.", _ELSEWHERE)
        if filters - _FILTERS:
            raise UnsafeFile(f"{self._path} is compressed in a way that needs a plug-in.", "Save it again in MATLAB.")
        check_size(self._path, chunk * itemsize, FRAME_BYTES)

    # -- values ----------------------------------------------------------------------------
    def _read(self, data: h5py.h5d.DatasetID, kinds: str) -> Array:
        """All values in the file's order of axes, once they are counted; UnreadableFile for another type."""
        with reading(self._path, ".mat file"):
            shape, dtype = data.shape, data.dtype
        if dtype.kind not in kinds:
            raise self._budget.damaged(f"an array holds {dtype}")
        self._budget.take(math.prod(shape) * dtype.itemsize)
        values: Array = np.empty(shape, dtype)
        with reading(self._path, ".mat file"):
            data.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
        return values

    def _dimensions(self, data: h5py.h5d.DatasetID) -> Array:
        if len(data.shape) != 1 or data.shape[0] > 64:
            raise self._budget.damaged("an empty array has no size")
        return self._read(data, "u")

    def _numbers(self, data: h5py.h5d.DatasetID, kind: str) -> Array:
        values = self._read(data, "iuf")
        wanted = np.dtype(DTYPES[kind])
        if wanted != values.dtype:
            self._budget.take(values.size * wanted.itemsize)
        return values.astype(wanted, copy=False).T

    def _reference(self, data: h5py.h5d.DatasetID) -> Array:
        """The numbers by which an opaque variable names its object; none where it holds something else."""
        if data.dtype != np.dtype("u4") or math.prod(data.shape) > 64:
            return np.zeros(0, np.uint32)
        return self._read(data, "u").ravel()

    def _cells(self, data: h5py.h5d.DatasetID) -> Iterator[Node]:
        with reading(self._path, ".mat file"):
            references = h5py.check_ref_dtype(data.dtype) is h5py.Reference
        if not references:
            raise self._budget.damaged("a cell array holds no references")
        self._budget.take_cells(math.prod(data.shape))
        for reference in self._read(data, "O").ravel():
            with reading(self._path, ".mat file"):
                thing = h5py.h5r.dereference(reference, self._file.id)
            yield self._node(thing, "a cell")


def _is_variable(kind: Any) -> bool:
    return kind.get_class() == h5py.h5t.STRING and bool(kind.is_variable_str())
