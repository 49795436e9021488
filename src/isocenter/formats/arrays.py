"""Named arrays of numbers and labels: .npy, .npz and .mat; nothing in them is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape, BadValues, UnknownFormat, UnreadableFile, UnsafeFile
from isocenter.formats.channels import arranged
from isocenter.formats.limits import VOLUME_BYTES, check_present, check_size, empty, reading
from isocenter.formats.matlab import read_mat, write_mat
from isocenter.image import Geometry, Image

__all__ = ["read_arrays", "read_item", "write_mat"]

Array = NDArray[Any]
_NPY = b"\x93NUMPY"
_SEVERAL = "Name one as a Source's member."


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a file: .npy under the name "", the members of .npz, the variables of .mat.

    .npy is mapped (read when touched), so it is read-only. .mat: as `matlab.MatFile` says.
    EmptyInput, UnreadableFile (torn, damaged), UnsafeFile (object arrays), OpaqueMatlab, BadValues
    (complex numbers), BadShape (records; a table among the variables, see `tables.read_table`).
    """
    check_present(path)
    if path.suffix.lower() == ".mat":
        held = read_mat(path).readable()
        for name in held.tables:
            raise BadShape(f"{path}: the variable '{name}' is a table, not an array.", "Save it as a matrix.")
        return held.arrays
    if path.suffix.lower() == ".npz":
        return {name: _member(path, info) for name, info in _members(path).items()}
    return {"": _read_npy(path)}


def read_item(path: Path, member: str | None, index: int | None) -> Image:
    """One image out of an array file: row `index` of a stack, or the whole array where it is None."""
    status = path.stat()
    stack = _cached(str(path), member, status.st_size, status.st_mtime_ns)
    where = str(path) if index is None else f"{path} row {index}"
    if index is None:
        item = stack
    elif stack.ndim >= 3 and 0 <= index < len(stack):
        item = stack[index]
    else:
        raise BadShape(f"{path} has no image {index}: its shape is {stack.shape}.", "An image stack is N x H x W.")
    if item.dtype.kind not in "biuf":
        raise UnknownFormat(f"{where} holds {item.dtype}, not numbers.", "Images are arrays of numbers.")
    if index is None and item.ndim == 3 and len(item) in (3, 4) and path.suffix.lower() == ".mat":
        item = np.moveaxis(item, 0, -1)  # one H x W x 3 picture; as a stack its channels would be cases
    array = arranged(np.asarray(item), where)
    _, depth, rows, columns = array.shape
    return Image(np.ascontiguousarray(array), Geometry.pixels((depth, rows, columns)))


@lru_cache(maxsize=3)  # the train, val and test images of one file
def _cached(path: str, member: str | None, size: int, changed: int) -> Array:  # noqa: ARG001  the key
    """One array of a file, kept as long as the file does not change: cases read their rows one by one."""
    file = Path(path)
    if file.suffix.lower() == ".mat" and member is not None:
        held = read_mat(file, only=member).readable()
        if member not in held.arrays:
            raise BadShape(f"{path}: the variable '{member}' is a table, not an array.", _SEVERAL)
        return held.arrays[member]
    if file.suffix.lower() != ".npz":
        arrays = read_arrays(file)
        name = member or next(iter(arrays))
        if name not in arrays:
            raise UnreadableFile(f"{path} has no array '{name}'.", f"It has: {', '.join(arrays)}.")
        return arrays[name]
    members = _members(file)
    if member is None and len(members) > 1:
        raise BadShape(f"{path} holds several arrays: {', '.join(members)}.", _SEVERAL)
    name = next(iter(members)) if member is None else member
    if name not in members:
        raise UnreadableFile(f"{path} has no array '{name}'.", f"It has: {', '.join(members)}.")
    return _member(file, members[name])


def _members(path: Path) -> dict[str, zipfile.ZipInfo]:
    with reading(path, ".npz file"), zipfile.ZipFile(path) as archive:
        found = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if not found:
        raise empty(path, "arrays")
    check_size(path, sum(info.file_size for info in found.values()))
    return found


def _member(path: Path, info: zipfile.ZipInfo) -> Array:
    where = f"{path}[{info.filename.removesuffix('.npy')}]"
    with reading(path, ".npz file"), zipfile.ZipFile(path) as archive, archive.open(info) as file:
        _checked_header(path, file, info.file_size, where, exact=True)
    with reading(path, ".npz file"), zipfile.ZipFile(path) as archive, archive.open(info) as file:
        values: Array = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # reaches the end, where zipfile checks the CRC
    return _text_decoded(values)


def _read_npy(path: Path) -> Array:
    return _text_decoded(mapped(path, VOLUME_BYTES))


def mapped(path: Path, limit: int | None = None) -> Array:
    """An .npy as it lies on disk, read where it is touched; limit: of its bytes, where all will be touched at once."""
    with reading(path, ".npy file"), path.open("rb") as file:
        shape = _checked_header(path, file, path.stat().st_size, str(path), limit=limit)
    with reading(path, ".npy file"):
        # An array without elements cannot be mapped.
        values: Array = np.load(path, allow_pickle=False, mmap_mode="r" if 0 not in shape else None)
    return values


def _checked_header(
    path: Path, file: IO[bytes], size: int, where: str, *, exact: bool = False, limit: int | None = VOLUME_BYTES
) -> tuple[int, ...]:
    """The shape, once the header promises neither objects nor more bytes than there are (`exact`: nor fewer)."""
    start = file.read(len(_NPY) + 2)
    if start[:1] == b"\x80":
        raise UnsafeFile(f"{where} is a pickle, which can run code.", "Save a plain array with numpy.save.")
    if not start.startswith(_NPY):
        raise UnreadableFile(f"{where} is not an .npy array.", "Save it with numpy.save.")
    version = (start[-2], start[-1])
    if version not in ((1, 0), (2, 0)):
        raise UnreadableFile(f"{where} has .npy version {version}, which is not read.", "Save a plain array.")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    _check_type(dtype, where)
    declared = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if limit is not None:
        check_size(path, declared, limit)
    there = size - file.tell()
    if min(shape, default=1) < 0 or declared > there or (exact and declared < there):
        raise UnreadableFile(
            f"{where} is damaged: {declared} bytes of values promised, {there} there.", "Copy or save it again."
        )
    return tuple(shape)


def _check_type(dtype: np.dtype[Any], where: str) -> None:
    if dtype.hasobject:
        raise UnsafeFile(
            f"{where} is an object array: reading it would unpickle, which can run code.",
            "Save numbers or text: numpy.save(path, array.astype(float)), or .astype(str) for labels.",
        )
    if dtype.kind == "c":
        raise BadValues(f"{where} holds complex numbers.", "Save their real part or magnitude.")
    if dtype.kind == "V":
        raise BadShape(f"{where} is an array of records.", "Save a plain 2-D array, or a table as .csv or .parquet.")


def _text_decoded(values: Array) -> Array:
    """Bytes as text; everything else as it is."""
    return np.char.decode(values, "latin-1") if values.dtype.kind == "S" else values


def names_of(arrays: Mapping[str, Array]) -> str:
    """The arrays of a file with their shapes, as shown to users: "X (569 x 30), y (569)"."""
    return ", ".join(f"{name or 'array'} ({' x '.join(map(str, a.shape))})" for name, a in arrays.items())
