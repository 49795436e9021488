"""What NRRD and MetaImage share: a header of text with the layout of the voxels behind it, or in a file beside it.

The layout is checked before memory is taken. A file beside the header must lie in the same folder under its own
name: what a header from outside says must not open anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadGeometry, UnknownFormat, UnreadableFile, UnsafeFile
from isocenter.formats.channels import grey_if_equal
from isocenter.formats.inflate import Bytes
from isocenter.formats.limits import check_present, check_size, reading
from isocenter.image import Geometry, Image

HEADER = 2**20  # bytes; longer ones are no header
MOST_CHANNELS = 4  # as of NIfTI: sequences or colours; more is a series of times


@dataclass(frozen=True)
class Layout:
    """sizes: of (column, row, slice), the fastest first; channels: 1 to 4, the fastest or the slowest axis;
    directions: 3 x 3, a column an axis, in LPS mm a voxel; origin: of the first voxel, LPS mm."""

    sizes: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    directions: NDArray[np.float64]
    origin: NDArray[np.float64]
    calibrated: bool = True
    channels: int = 1
    channels_first: bool = True

    @property
    def n_bytes(self) -> int:
        return prod(self.sizes) * self.channels * self.dtype.itemsize


def header_lines(path: Path, what: str, end: bytes) -> tuple[list[str], int]:
    """Lines of text up to the one that starts with `end` (included), and where what follows starts.

    end: b"" for an empty line, where the end of the file does as well. UnreadableFile where there is none.
    """
    check_present(path)
    with reading(path, what), path.open("rb") as file:
        head = file.read(HEADER)
    lines, at = [], 0
    while at < len(head):
        stop = head.find(b"\n", at)
        line, at = (head[at:], len(head)) if stop < 0 else (head[at:stop], stop + 1)
        line = line.rstrip(b"\r")
        lines.append(line.decode("latin-1"))
        if line.startswith(end) and (end or not line):
            return lines, at
    if end or len(head) == HEADER:
        raise UnreadableFile(f"{path} is no readable {what}: its header does not end.", "Copy or export it again.")
    return lines, at


def sized(path: Path, layout: Layout) -> Layout:
    """The layout, if it holds voxels and fits into memory. Raises UnreadableFile, BadGeometry."""
    if min(*layout.sizes, layout.channels) < 1:
        raise UnreadableFile(f"{path} declares a volume without voxels.", "Export it again.")
    check_size(path, prod(layout.sizes) * layout.channels * max(layout.dtype.itemsize, 4))
    if not (np.isfinite(layout.directions).all() and np.isfinite(layout.origin).all()) or _is_flat(layout.directions):
        raise BadGeometry(
            f"{path} has directions without volume: its voxels have no place in space.", "Write valid directions."
        )
    return layout


def _is_flat(directions: NDArray[np.float64]) -> bool:
    return bool(abs(np.linalg.det(directions)) < 1e-12)


def image_of(path: Path, layout: Layout, content: Bytes) -> Image:
    """(C, D, H, W) and its geometry from `layout.n_bytes` bytes."""
    if layout.channels > MOST_CHANNELS:
        raise UnknownFormat(
            f"{path} holds {layout.channels} values a voxel: a series of times or vectors, not one volume.",
            "Save the volume wanted as its own 3-D file.",
        )
    columns, rows, slices = layout.sizes
    values = content.view(layout.dtype)
    if layout.channels_first:
        array = np.moveaxis(values.reshape(slices, rows, columns, layout.channels), -1, 0)
    else:
        array = values.reshape(layout.channels, slices, rows, columns)
    native = np.ascontiguousarray(array, dtype=layout.dtype.newbyteorder("="))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = layout.directions[:, ::-1], layout.origin
    return Image(grey_if_equal(native), Geometry((slices, rows, columns), affine, layout.calibrated))


def beside(path: Path, name: str) -> Path:
    """The file with the voxels of a detached header. UnsafeFile for any place but the header's folder."""
    if name.upper().startswith("LIST") or "%" in name:
        raise refuse(path, "its voxels in several files", "Save it as one file.")
    found = path.parent / name
    inside = name not in ("", ".", "..") and not {"/", "\\", "\0"} & set(name)
    if not inside or found.resolve().parent != path.resolve().parent:
        raise UnsafeFile(
            f"{path} says that its voxels are in '{name[:80]}', outside its own folder.",
            "Put both files into one folder, the name alone in the header; or save them as one file.",
        )
    check_present(found)
    return found


def numbers(path: Path, fields: Mapping[str, str], key: str, count: int) -> list[float]:
    """`count` numbers of a field. UnreadableFile: other ones, or none."""
    texts = fields.get(key, "").split()
    try:
        found = [float(text) for text in texts]
    except ValueError:
        found = []
    if len(found) != count:
        raise UnreadableFile(
            f"{path} has a header that does not add up: '{key}' is '{fields.get(key, '')[:60]}', not {count} numbers.",
            "Export it again.",
        )
    return found


def wholes(path: Path, fields: Mapping[str, str], key: str, count: int) -> list[int]:
    """`count` whole numbers of a field, from 0 to 2^40."""
    found = numbers(path, fields, key, count)
    if any(not 0 <= value <= 2**40 or value != int(value) for value in found):
        raise UnreadableFile(
            f"{path} has a header that does not add up: '{key}' is '{fields[key][:60]}'.", "Export it again."
        )
    return [int(value) for value in found]


def refuse(path: Path, what: str, remedy: str) -> UnknownFormat:
    """The fault of what is right by the format and not read here."""
    return UnknownFormat(f"{path} has {what}, which is not read.", remedy)
