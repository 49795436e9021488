"""MetaImage (.mha, .mhd): raw or zlib, in one file, or with the voxels in the same folder.

Source of the layout: MetaIO, itk.org/Wiki/MetaIO/Documentation. Directions are those of ITK: LPS, and each row of
TransformMatrix is the direction of an axis.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isocenter.errors import UnreadableFile
from isocenter.formats.inflate import Bytes, gunzipped, plain, unzlibbed
from isocenter.formats.limits import reading
from isocenter.formats.volumes import (
    MOST_CHANNELS,
    Layout,
    beside,
    header_lines,
    image_of,
    numbers,
    refuse,
    sized,
    wholes,
)
from isocenter.image import Image

WHAT = "MetaImage file"
_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_LOCAL = "LOCAL"
_NAMES = {
    "transformmatrix": ("transformmatrix", "rotation", "orientation"),
    "offset": ("offset", "position", "origin"),
    "elementspacing": ("elementspacing", "elementsize"),
    "msb": ("elementbyteordermsb", "binarydatabyteordermsb"),
}


def read_metaimage(path: Path) -> Image:
    """The volume (C, D, H, W), LPS mm. UnreadableFile, UnknownFormat, UnsafeFile, BadGeometry."""
    fields, start = _fields(path)
    layout = sized(path, _layout(path, fields))
    return image_of(path, layout, _content(path, fields, start, layout))


def voxel_file(path: Path) -> Path | None:
    """Where the voxels of a header of its own are; None where they are in the file itself."""
    name = _fields(path)[0].get("elementdatafile", "")
    return None if name.upper() == _LOCAL else beside(path, name)


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """By name in small letters; the last, ElementDataFile, ends the header."""
    lines, start = header_lines(path, WHAT, b"ElementDataFile")
    pairs = [line.partition("=") for line in lines]
    found = {name.strip().lower(): text.strip() for name, equals, text in pairs if equals}
    for name, others in _NAMES.items():
        text = next((found[other] for other in others if other in found), None)
        if text is not None:
            found[name] = text
    return found, start


def _content(path: Path, fields: dict[str, str], start: int, layout: Layout) -> Bytes:
    name, file = fields["elementdatafile"], path
    if name.upper() != _LOCAL:
        file, start = beside(path, name), 0
    if not _true(fields.get("binarydata", "true")):
        raise refuse(path, "its voxels as text", "Save them as binary data.")
    if _true(fields.get("compresseddata", "false")):
        with reading(path, WHAT), file.open("rb") as stream:
            stream.seek(start)
            is_gzip = stream.read(2) == b"\x1f\x8b"
        inflate = gunzipped if is_gzip else unzlibbed
        return inflate(file, layout.n_bytes, WHAT, start)
    skip = fields.get("headersize", "0")
    if skip == "-1":
        start = max(file.stat().st_size - layout.n_bytes, 0)
    elif skip.isdigit() and int(skip) <= 2**32:
        start += int(skip)
    else:
        raise UnreadableFile(f"{path} has a header that does not add up: HeaderSize is '{skip}'.", "Export it again.")
    return plain(file, layout.n_bytes, WHAT, start)


def _layout(path: Path, fields: dict[str, str]) -> Layout:
    (n,) = wholes(path, fields, "ndims", 1)
    if n not in (2, 3):
        raise refuse(path, f"{n} dimensions", "Save one volume, or one picture.")
    columns, rows, *slices = wholes(path, fields, "dimsize", n)
    channels = wholes(path, fields, "elementnumberofchannels", 1)[0] if "elementnumberofchannels" in fields else 1
    if channels > MOST_CHANNELS:
        raise refuse(path, f"{channels} values a voxel", "Save the volume wanted as its own file.")
    kind = fields.get("elementtype", "").upper().removesuffix("_ARRAY")
    if kind not in _TYPES:
        raise refuse(path, f"voxels of type '{kind}'", "Save it with one real number a voxel.")
    directions, origin = np.eye(3), np.zeros(3)
    if "transformmatrix" in fields:
        directions[:n, :n] = np.array(numbers(path, fields, "transformmatrix", n * n)).reshape(n, n).T
    spacing = np.ones(3)
    if "elementspacing" in fields:
        spacing[:n] = numbers(path, fields, "elementspacing", n)
    if "offset" in fields:
        origin[:n] = numbers(path, fields, "offset", n)
    order = ">" if _true(fields.get("msb", "false")) else "<"
    return Layout(
        (columns, rows, slices[0] if slices else 1), np.dtype(order + _TYPES[kind]), directions * spacing, origin,
        "elementspacing" in fields, channels,
    )  # fmt: skip


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "1", "t")
