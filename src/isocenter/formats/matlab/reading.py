"""A .mat file of any version to arrays and tables; what is not read is refused by name, with the line to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter.errors import BadShape, BadValues, IsocenterError, OpaqueMatlab, UnreadableFile
from isocenter.formats.limits import check_present, empty, reading
from isocenter.formats.matlab import v4, v5
from isocenter.formats.matlab.nodes import DTYPES, Array, Budget, Node
from isocenter.formats.matlab.objects import NotDecodedError, Objects
from isocenter.formats.matlab.tables import to_table

_HDF5 = b"\x89HDF\r\n\x1a\n"
_SAVE = "save('file.mat', '{name}', '-v7')"
_REMEDIES = {
    "cell": "Make it a cellstr, or save its contents as a numeric matrix.",
    "struct": "Save its fields as variables of their own: save(file, '-struct', '{name}').",
    "sparse": "Type {name} = full({name}); and save again.",
    "string": "In MATLAB type {name} = cellstr({name}); " + _SAVE + ".",
    "categorical": "In MATLAB type {name} = cellstr({name}); " + _SAVE + ".",
    "datetime": "In MATLAB type {name} = cellstr({name}); (text) or {name} = datenum({name}); (days) and save again.",
    "duration": "In MATLAB type {name} = hours({name}); and save again.",
    "table": "In MATLAB type writetable({name}, '{name}.csv'); and give that file.",
    "timetable": "In MATLAB type writetimetable({name}, '{name}.csv'); and give that file.",
}
_LEAVE_OUT = "Leave it out: save(file, 'features', 'labels') writes only what is named."


@dataclass(frozen=True)
class MatFile:
    """What a file holds, by the names of its variables.

    arrays: numbers as MATLAB shows them (rows x columns; image stacks with cases first, as an .npy
    has them), logical as bool, text as objects (str, None where missing; vectors 1-D);
    tables: one row a row; refused: why a variable is not read.
    """

    arrays: dict[str, Array] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    refused: dict[str, IsocenterError] = field(default_factory=dict)

    def readable(self) -> MatFile:
        """This, where every variable could be read; else why the first could not is raised."""
        for fault in self.refused.values():
            raise fault
        return self


def read_mat(path: Path, only: str | None = None) -> MatFile:
    """The variables of a .mat file (version 4, 5, 6, 7 or 7.3), or the one called `only`.

    MissingPath, UnreadableFile (torn, not MATLAB's, too large), UnsafeFile (v7.3 that leads to
    other files), OpaqueMatlab (Octave's own formats), EmptyInput. What is wrong with single
    variables is collected in `refused`.
    """
    check_present(path)
    found = MatFile()
    budget = Budget(path)
    with _opened(path, budget) as reader:
        objects = Objects(reader.wrapped, budget)
        for name, node in reader.variables(only):
            try:
                if isinstance(node, IsocenterError):
                    raise node
                _add(found, path, name, node, objects)
            except (OpaqueMatlab, BadValues, BadShape) as refusal:
                found.refused[name] = refusal
    if not (found.arrays or found.tables or found.refused):
        raise empty(path, "variables" if only is None else f"variable '{only}'")
    return found


@contextmanager
def _opened(path: Path, budget: Budget) -> Iterator[Any]:
    """The reader that the first bytes ask for."""
    with reading(path), path.open("rb") as file:
        head = file.read(520)
    if head.startswith((b"# Created by Octave", b"Octave-1")):
        raise OpaqueMatlab(f"{path} is in Octave's own format, not MATLAB's.", "Save it with save('-v7', ...).")
    if _HDF5 in (head[:8], head[512:520]):
        import h5py  # a tenth of a second, for v7.3 alone

        from isocenter.formats.matlab import v73

        with reading(path, "MATLAB v7.3 file"):
            hdf5 = h5py.File(path, "r", locking=False)
        with hdf5:
            yield v73.Reader(hdf5, path, budget)
    elif v5.order_of(head) is not None:
        with path.open("rb") as file:
            yield v5.Reader(file, path, budget)
    elif v4.looks_like(head):
        with path.open("rb") as file:
            yield v4.Reader(file, path, budget)
    else:
        raise UnreadableFile(f"{path} is not a .mat file.", "It is damaged or of another kind; save it again.")


def _add(found: MatFile, path: Path, name: str, node: Node, objects: Objects) -> None:
    """Decode one variable into `found`; OpaqueMatlab, BadValues or BadShape where it cannot be."""
    what = node.class_name or node.kind
    if node.kind == "opaque" and what in ("string", "categorical", "table"):
        try:
            if what == "table":
                found.tables[name] = to_table(path, name, objects.find(node), objects)
            else:
                found.arrays[name] = _vector(objects.texts(node))
        except NotDecodedError as reason:
            raise _refusal(path, name, what, f"is a {what} that cannot be decoded: {reason}.") from reason
    elif node.kind == "cell":
        try:
            found.arrays[name] = _vector(objects.texts(node))
        except NotDecodedError as reason:
            raise _refusal(path, name, "cell", "is a cell that holds more than text.") from reason
    elif node.kind not in DTYPES:
        raise _refusal(path, name, what, f"is a {what}, which is not read.")
    elif node.is_complex:
        raise BadValues(f"{path}: the variable '{name}' holds complex numbers.", f"Save real({name}) or abs({name}).")
    elif node.kind == "char" and len(node.shape) == 2:
        found.arrays[name] = _vector(objects.texts(node))
    elif node.kind == "char":
        raise _refusal(path, name, "char", f"is char of {len(node.shape)} dimensions.")
    else:
        found.arrays[name] = _cases_first(path, name, node)


def _refusal(path: Path, name: str, what: str, said: str) -> OpaqueMatlab:
    return OpaqueMatlab(f"{path}: the variable '{name}' {said}", _REMEDIES.get(what, _LEAVE_OUT).format(name=name))


def _vector(texts: Array) -> Array:
    """Text without the trailing blanks; n x 1 and 1 x n as (n,)."""
    flat = [text if text is None else text.rstrip(" \0") for text in texts.ravel()]
    found = np.empty(len(flat), dtype=object)
    found[:] = flat
    return found if texts.ndim == 2 and (1 in texts.shape or not flat) else found.reshape(texts.shape)


def _cases_first(path: Path, name: str, node: Node) -> Array:
    """Matrices as they are; stacks, whose last axis counts the images in MATLAB, as an .npy has them.

    H x W x N -> N x H x W; H x W x C x N with 1, 3 or 4 channels -> N x H x W x C; any other
    H x W x D x N is volumes -> N x D x H x W; H x W x D x C x N -> N x D x H x W x C.
    """
    orders = {2: (0, 1), 3: (2, 0, 1), 4: (3, 0, 1, 2), 5: (4, 2, 0, 1, 3)}
    order = orders.get(len(node.shape))
    if order is None:
        size = " x ".join(map(str, node.shape))
        raise BadShape(
            f"{path}: the variable '{name}' has {len(node.shape)} dimensions ({size}).",
            "Images are H x W x N, H x W x C x N or H x W x D x C x N.",
        )
    if len(node.shape) == 4 and node.shape[2] not in (1, 3, 4):
        order = (3, 2, 0, 1)
    return node.numbers().transpose(order)
