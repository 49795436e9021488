"""NRRD (.nrrd, .nhdr): raw or gzip, attached, or detached in the same folder.

Source of the layout: "Definition of NRRD File Format", teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UnreadableFile
from isocenter.formats.inflate import Bytes, gunzipped, plain
from isocenter.formats.volumes import (
    MOST_CHANNELS,
    Layout,
    beside,
    header_lines,
    image_of,
    refuse,
    sized,
    wholes,
)
from isocenter.image import Image

WHAT = "NRRD file"
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: np.dtype(code) for code, names in _TYPES.items() for name in names}
_RAW, _GZIP = ("raw",), ("gzip", "gz")
# To LPS: the signs of (x, y, z). Spaces that name no direction of the body are taken as they are, as ITK does.
_SPACES = {
    "right-anterior-superior": (-1.0, -1.0, 1.0), "ras": (-1.0, -1.0, 1.0),
    "left-anterior-superior": (1.0, -1.0, 1.0), "las": (1.0, -1.0, 1.0),
    "left-posterior-superior": (1.0, 1.0, 1.0), "lps": (1.0, 1.0, 1.0),
    "scanner-xyz": (1.0, 1.0, 1.0), "3d-right-handed": (1.0, 1.0, 1.0), "3d-left-handed": (1.0, 1.0, 1.0),
}  # fmt: skip
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "µm": 0.001}
_SHORT = {"datafile": "data file", "lineskip": "line skip", "byteskip": "byte skip", "centers": "centerings"}
_VECTOR = re.compile(r"none|\(([^()]*)\)", re.IGNORECASE)


@dataclass(frozen=True)
class _Header:
    fields: dict[str, str]
    start: int  # of the voxels, in the file that holds them
    file: Path
    layout: Layout


def read_nrrd(path: Path) -> Image:
    """The volume (C, D, H, W), LPS mm. UnreadableFile, UnknownFormat, UnsafeFile, BadGeometry."""
    header = _header(path)
    return image_of(path, header.layout, _content(path, header))


def voxel_file(path: Path) -> Path | None:
    """Where the voxels of a detached header are; None where they are in the file itself."""
    fields, _ = _fields(path)
    return beside(path, fields["data file"]) if "data file" in fields else None


def _fields(path: Path) -> tuple[dict[str, str], int]:
    lines, start = header_lines(path, WHAT, b"")
    if not lines[0].startswith("NRRD000"):
        raise UnreadableFile(f"{path} is no NRRD file: it does not begin like one.", "Copy or export it again.")
    found: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, text = line.partition(": ")
        if colon and not line.startswith("#") and ":=" not in name:
            key = name.strip().lower()
            found[_SHORT.get(key, key)] = text.strip()
    return found, start


def _header(path: Path) -> _Header:
    fields, start = _fields(path)
    file = path
    if "data file" in fields:
        file, start = beside(path, fields["data file"]), 0
    return _Header(fields, start, file, sized(path, _layout(path, fields)))


def _content(path: Path, header: _Header) -> Bytes:
    encoding, size = header.fields.get("encoding", "").lower(), header.layout.n_bytes
    if header.fields.get("line skip", "0") != "0":
        raise refuse(path, "lines to skip", "Save it without.")
    skip = header.fields.get("byte skip", "0")
    if encoding in _RAW and skip == "-1":
        return plain(header.file, size, WHAT, max(header.file.stat().st_size - size, 0))
    if not skip.isdigit() or int(skip) > 2**32:
        raise UnreadableFile(f"{path} has a header that does not add up: 'byte skip' is '{skip}'.", "Export it again.")
    if encoding in _RAW:
        return plain(header.file, size, WHAT, header.start + int(skip))
    if encoding in _GZIP and skip == "0":
        return gunzipped(header.file, size, WHAT, header.start)
    raise refuse(path, f"the encoding '{encoding}'", "Save it as raw or gzip.")


def _layout(path: Path, fields: dict[str, str]) -> Layout:
    (n,) = wholes(path, fields, "dimension", 1)
    if not 2 <= n <= 4:
        raise refuse(path, f"{n} dimensions", "Save one volume, or one picture.")
    sizes = wholes(path, fields, "sizes", n)
    axes = _axes(path, fields, n)
    others = [i for i, axis in enumerate(axes) if axis is None]
    if len(others) > 1 or n - len(others) > 3 or any(0 < i < n - 1 for i in others):
        raise refuse(path, "several axes that are not in space", "Save one volume, or one picture.")
    channels = sizes[others[0]] if others else 1
    if channels > MOST_CHANNELS:
        raise refuse(path, f"{channels} values a voxel", "Save the volume wanted as its own file.")
    spatial = [i for i in range(n) if axes[i] is not None]
    columns, rows, *slices = (sizes[i] for i in spatial)
    known = [axis for axis in axes if axis is not None]
    directions, calibrated = _directions(path, fields, known)
    return Layout(
        (columns, rows, slices[0] if slices else 1), _dtype(path, fields), directions, _origin(path, fields),
        calibrated, channels, not others or others[0] == 0,
    )  # fmt: skip


def _axes(path: Path, fields: dict[str, str], n: int) -> list[str | None]:
    """Of each axis the text of its direction, "" where none is told, None where it is no axis of space."""
    told = fields.get("space directions")
    kinds = fields.get("kinds", "").lower().split()
    if told is not None:
        vectors = [match.group(0) for match in _VECTOR.finditer(told)]
        if len(vectors) != n:
            raise UnreadableFile(
                f"{path} has a header that does not add up: 'space directions' is '{told[:80]}'.", "Export it again."
            )
        return [None if text.lower() == "none" else text for text in vectors]
    if len(kinds) == n:
        return ["" if kind in ("domain", "space", "???", "none") else None for kind in kinds]
    return ["", "", "", None][:n]


def _directions(path: Path, fields: dict[str, str], axes: list[str]) -> tuple[NDArray[np.float64], bool]:
    signs, scale = _to_lps(path, fields)
    found = np.eye(3)
    if all(axes):
        for i, text in enumerate(axes):
            found[:, i] = 0.0
            vector = _vector(path, text)
            found[: len(vector), i] = vector
        return signs[:, None] * found * scale, True
    spacings = fields.get("spacings", "").split()
    own = [float(text) for text in spacings if re.fullmatch(r"[-+0-9.eE]+", text)]
    if len(own) != len(axes) or any(size != size for size in own):
        return found, False
    found[range(len(own)), range(len(own))] = np.abs(own)
    return found, True


def _to_lps(path: Path, fields: dict[str, str]) -> tuple[NDArray[np.float64], float]:
    space = fields.get("space", "lps").lower()
    if space not in _SPACES:
        raise refuse(path, f"the space '{space}'", "Save it in left-posterior-superior.")
    units = {text.strip('"').lower() for text in fields.get("space units", "").split()} - {""}
    if len(units) > 1 or units - set(_MM):
        raise refuse(path, f"the units {', '.join(sorted(units))}", "Save it in mm.")
    return np.array(_SPACES[space]), _MM[units.pop()] if units else 1.0


def _origin(path: Path, fields: dict[str, str]) -> NDArray[np.float64]:
    found = np.zeros(3)
    if "space origin" in fields:
        vector = _vector(path, fields["space origin"])
        found[: len(vector)] = vector
    signs, scale = _to_lps(path, fields)
    return signs * found * scale


def _vector(path: Path, text: str) -> list[float]:
    try:
        found = [float(part) for part in text.strip("() ").split(",")]
    except ValueError:
        found = []
    if len(found) not in (2, 3):
        raise UnreadableFile(
            f"{path} has a header that does not add up: '{text[:60]}' is no vector.", "Export it again."
        )
    return found


def _dtype(path: Path, fields: dict[str, str]) -> np.dtype[np.generic]:
    kind = " ".join(fields.get("type", "").lower().split())
    if kind not in _DTYPES:
        raise refuse(path, f"voxels of type '{kind}'", "Save it with one real number a voxel.")
    return _DTYPES[kind].newbyteorder(">" if fields.get("endian", "little").lower() == "big" else "<")
