"""MATLAB's .mat, versions 4, 5 and 7, through scipy; what only MATLAB can read is refused by name.

Checked against files that GNU Octave wrote, and by Octave reading ours.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from isocenter import disk
from isocenter.errors import BadValues, OpaqueMatlab, UnreadableFile
from isocenter.formats.limits import check_present, check_size, empty, reading

_HDF5 = b"\x89HDF\r\n\x1a\n"
_NUMERIC = {"double", "single", "logical", "char", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))}
_TYPES = {"double": "float64", "single": "float32", "logical": "bool"}  # the others are called alike
_REMEDIES = {
    "cell": "Make it a cellstr, or save its contents as a numeric matrix.",
    "struct": "Save its fields as variables of their own: save(file, '-struct', '{name}').",
    "sparse": "Type {name} = full({name}); and save again.",
    "function": "Leave it out of the file.",
    # table, categorical, string and datetime all look alike from outside.
    "opaque": "In MATLAB type {name} = cellstr({name}); (string, categorical) or {name} = table2array({name}); "
    "(table) and save again.",
}
_HEADER_TEXT, _HEADER_SIZE = 116, 128
_COMPRESSED, _OPAQUE, _PEEK = 15, 17, 512
_NAME_LIMIT = 63  # MATLAB's namelengthmax

Array = NDArray[Any]


def read_mat(path: Path) -> dict[str, Array]:
    """The variables of a .mat file, by name.

    Numbers keep MATLAB's type (double -> float64), logical is bool; matrices are 2-D, rows and
    columns 1-D; char rows and cellstr are 1-D object arrays of str without trailing blanks.
    OpaqueMatlab (v7.3, Octave text, struct, table, image stacks...), BadValues (complex),
    UnreadableFile, EmptyInput.
    """
    check_present(path)
    _check_version(path)
    _refuse_opaque(path)
    from scipy.io import loadmat, whosmat

    with reading(path, ".mat file"):
        listed = whosmat(path)
    for name, shape, kind in listed:
        _check_variable(path, str(name), tuple(shape), str(kind))
    with reading(path, ".mat file"):
        loaded = loadmat(path, chars_as_strings=True, struct_as_record=True)
    kinds = {str(name): str(kind) for name, _, kind in listed}
    found = {name: _plain(path, name, loaded[name], kind) for name, kind in kinds.items() if name in loaded}
    if not found:
        raise empty(path, "variables")
    return found


def _check_version(path: Path) -> None:
    """Refuse what is called .mat and is something else: HDF5 (v7.3), Octave's own text and binary."""
    with reading(path), path.open("rb") as file:
        head = file.read(520)
    if _HDF5 in (head[:8], head[512:520]) or head.startswith(b"MATLAB 7.3"):
        raise OpaqueMatlab(f"{path} is a MATLAB v7.3 file, which is not read yet.", "Save it with save(..., '-v7').")
    if head.startswith((b"# Created by Octave", b"Octave-1")):
        raise OpaqueMatlab(f"{path} is in Octave's own format, not MATLAB's.", "Save it with save('-v7', ...).")


def _refuse_opaque(path: Path) -> None:
    """OpaqueMatlab for the first variable whose class is mxOPAQUE: scipy breaks on these without a name.

    Walks the elements of a v5 file (MAT-File Format, MathWorks, chapter 1): a tag of type and
    length, then flags with the class in the lowest byte, then, for opaque ones, the name.
    """
    with reading(path, ".mat file"), path.open("rb") as file:
        head = file.read(_HEADER_SIZE)
        order = {b"IM": "<", b"MI": ">"}.get(head[-2:])
        while order and len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            start = file.tell()
            element = tag + file.read(min(length, _PEEK))
            if kind == _COMPRESSED:
                element = zlib.decompressobj().decompress(element[8:], _PEEK)
            if (name := _opaque_name(element, order)) is not None:
                raise _only_matlab(path, name)
            file.seek(start + length)


def _opaque_name(element: bytes, order: str) -> str | None:
    """The name of an mxOPAQUE matrix from its first bytes; None for every other class."""
    if len(element) < 32 or struct.unpack_from(f"{order}I", element, 16)[0] & 0xFF != _OPAQUE:
        return None
    kind, length = struct.unpack_from(f"{order}II", element, 24)
    short = kind >> 16  # names up to 4 letters stand inside their tag
    text = element[28 : 28 + short] if short else element[32 : 32 + length]
    return text[:_NAME_LIMIT].decode("ascii", "replace")


def _only_matlab(path: Path, name: str) -> OpaqueMatlab:
    return OpaqueMatlab(
        f"{path}: the variable '{name}' is of a type that only MATLAB can read (table, string, categorical, datetime).",
        _REMEDIES["opaque"].format(name=name),
    )


def _check_variable(path: Path, name: str, shape: tuple[int, ...], kind: str) -> None:
    """OpaqueMatlab for what `kind` (a MATLAB class) or `shape` puts out of reach, before it is read."""
    if kind in ("opaque", "object", "unknown"):
        raise _only_matlab(path, name)
    if kind not in _NUMERIC and kind != "cell":
        raise OpaqueMatlab(
            f"{path}: the variable '{name}' is a {kind}, which is not read.",
            _REMEDIES.get(kind, _REMEDIES["function"]).format(name=name),
        )
    if len(shape) > 2:
        size = " x ".join(map(str, shape))
        raise OpaqueMatlab(
            f"{path}: the variable '{name}' is an image stack ({size}).",
            "Image stacks in .mat come with a later version; save it as .npy.",
        )
    check_size(path, int(np.prod(shape, dtype=object)) * 8)


def _plain(path: Path, name: str, value: Any, kind: str) -> Array:
    """One loaded variable as numbers, bool or text.

    Files store double in the smallest type that holds the values; `kind` brings MATLAB's back.
    (scipy's own option for that drops imaginary parts without a word.)
    """
    array = np.asarray(value)
    if array.dtype == object:
        return _cellstr(path, name, array)
    if array.dtype.kind in "US":
        return _texts(str(text) for text in array.ravel())
    if array.dtype.kind == "c":
        raise BadValues(f"{path}: the variable '{name}' holds complex numbers.", f"Save real({name}) or abs({name}).")
    if array.dtype.kind not in "biuf":
        raise OpaqueMatlab(f"{path}: the variable '{name}' is not read.", "Save a numeric matrix or a cellstr.")
    numbers = array.astype(_TYPES.get(kind, kind))
    return numbers.ravel() if 1 in numbers.shape else numbers


def _cellstr(path: Path, name: str, cells: Array) -> Array:
    """A cell of char rows as text; every other cell is refused."""
    inside = [np.asarray(cell) for cell in cells.ravel()]
    if any(cell.size > 1 or (cell.size == 1 and cell.dtype.kind != "U") for cell in inside):
        raise OpaqueMatlab(f"{path}: the cell '{name}' holds more than text.", _REMEDIES["cell"])
    return _texts(str(cell.item()) if cell.size else "" for cell in inside)


def _texts(texts: Iterable[str]) -> Array:
    return np.array([text.rstrip(" \0") for text in texts], dtype=object)


def write_mat(path: Path, variables: Mapping[str, ArrayLike]) -> None:
    """Write variables as .mat v5, all or nothing: text as a column cellstr, numbers as double, bool as logical.

    One-dimensional variables become columns, matrices stay. The same variables give the same
    bytes (scipy's header would carry the time). Names must be MATLAB's (see `matlab_names`).
    """
    from scipy.io import savemat

    for name in variables:
        if matlab_names([name]) != [name]:
            raise UnreadableFile(f"'{name}' cannot be the name of a MATLAB variable.", "Use letters, digits and _.")
    content = io.BytesIO()
    target: Any = content  # scipy takes a file as well; its stubs say only paths
    savemat(target, {n: _written(v) for n, v in variables.items()}, oned_as="column", long_field_names=True)
    text = b"MATLAB 5.0 MAT-file, written by Isocenter".ljust(_HEADER_TEXT)
    disk.write_bytes(path, text + content.getvalue()[_HEADER_TEXT:])


def _written(value: ArrayLike) -> Array:
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array if array.dtype == np.bool_ else array.astype(np.float64)
    texts = ["" if missing else str(text) for text, missing in zip(array.ravel(), pd.isna(array.ravel()), strict=True)]
    cells = np.empty((len(texts), 1), dtype=object)
    cells[:, 0] = texts
    return cells


def matlab_names(columns: Iterable[str]) -> list[str]:
    """Names that MATLAB accepts for `columns`, in order, no two alike: letters, digits and _, at most 63."""
    taken: set[str] = set()
    names = []
    for column in columns:
        name = re.sub(r"\W", "_", column, flags=re.ASCII)
        name = (name if name[:1].isalpha() else f"x{name}")[:_NAME_LIMIT]
        base, number = name, 2
        while name.lower() in taken:
            name, number = f"{base[: _NAME_LIMIT - 4]}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names
