"""One picture of a slide to patches: where tissue is, which patches hold enough of it, and their pixels.

Nothing is held in full that need not be: tissue is looked for in a reduced picture, and patches are cut from one band
of rows at a time (`formats.bands` says of which files).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from isocenter.errors import BadShape, UsageError
from isocenter.formats.bands import Bands, open_bands
from isocenter.imaging.tissue import BACKGROUNDS, Tissue, find_tissue
from isocenter.preparation.thumbnails import OUTLINE, colours

Pixels = NDArray[Any]
_REDUCED = 2048  # pixels of the longer side in which tissue is looked for, and
_FINE = 16  # pixels at the least that a patch has there, a side
_BAND = 512  # rows read at a time for it
_SHOWN = 360  # pixels of the longer side of the overview
_PALE = 0.7  # how far what is thrown away fades in it
Write = Callable[[int, int, Pixels], object]


@dataclass(frozen=True, slots=True)
class Cutting:
    """How patches are cut. size: pixels a side; stride: from one to the next; tissue: least share of tissue, 0 to 1;
    level: of a TIFF's pyramid; background: as in `imaging.tissue`. UsageError for what cannot be.
    """

    size: int = 224
    stride: int = 224
    tissue: float = 0.5
    level: int = 0
    background: str = "auto"

    def __post_init__(self) -> None:
        for name, value, least in (("size", self.size, 8), ("stride", self.stride, 1), ("level", self.level, 0)):
            if value < least:
                raise UsageError(f"--{name} {value} cannot be.", f"Give a whole number from {least}.")
        if not 0 <= self.tissue <= 1:
            raise UsageError(f"--tissue {self.tissue:g} cannot be.", "Give the least share of a patch, from 0 to 1.")
        if self.background not in BACKGROUNDS:
            raise UsageError(f"There is no background '{self.background}'.", f"Choose one of {', '.join(BACKGROUNDS)}.")


@dataclass(frozen=True, eq=False)
class Patches:
    """What one picture gave. kept (n, 2): column x and row y of each patch's upper left pixel, row by row; shares (n,)
    of tissue; positions: patches that were looked at; most: the largest share among all; how: which side is tissue;
    overview: PNG, what was thrown away is pale.
    """

    kept: NDArray[np.int64]
    shares: NDArray[np.float64]
    positions: int
    most: float
    how: str
    overview: bytes


def cut(path: Path, cutting: Cutting, write: Write) -> Patches:
    """Call write(x, y, pixels (C, size, size)) for every whole patch with enough tissue; the grid starts at 0, 0.

    Raises what `open_bands` raises, and BadShape for a picture smaller than a patch.
    """
    with open_bands(path, cutting.level) as picture:
        _, height, width = picture.shape
        if min(height, width) < cutting.size:
            raise BadShape(
                f"{path} has {width} x {height} pixels: smaller than a patch of {cutting.size}.",
                "Give a smaller --size, or leave it out.",
            )
        step = max(1, min(math.ceil(max(height, width) / _REDUCED), cutting.size // _FINE))
        reduced = _reduced(picture, step)
        tissue = find_tissue(reduced, cutting.background)
        x, y = (np.arange(0, length - cutting.size + 1, cutting.stride) for length in (width, height))
        shares = _shares(tissue.mask, step, cutting.size, x, y)
        enough = shares >= cutting.tissue
        for i in np.flatnonzero(enough.any(axis=1)):
            band = picture.rows(int(y[i]), int(y[i]) + cutting.size)
            for j in np.flatnonzero(enough[i]):
                write(int(x[j]), int(y[i]), band[:, :, x[j] : x[j] + cutting.size])
    rows, columns = np.nonzero(enough)
    kept = np.stack([x[columns], y[rows]], axis=1).astype(np.int64)
    overview = _overview(reduced, tissue, kept / step, cutting.size / step)
    return Patches(kept, shares[enough], shares.size, float(shares.max()), tissue.how, overview)


def _reduced(picture: Bands, step: int) -> Pixels:
    """(C, h, w) means of blocks of step x step pixels, those at the far borders of what is there."""
    channels, height, width = picture.shape
    if step == 1:
        return picture.rows(0, height)
    found = np.empty((channels, -(-height // step), -(-width // step)), dtype=picture.dtype)
    columns = np.arange(0, width, step)
    deep = max(1, _BAND // step)
    for top in range(0, found.shape[1], deep):
        band = picture.rows(top * step, min((top + deep) * step, height))
        rows = np.arange(0, band.shape[1], step)
        total = np.add.reduceat(np.add.reduceat(band, rows, axis=1, dtype=np.float32), columns, axis=2)
        sizes = np.outer(np.diff(rows, append=band.shape[1]), np.diff(columns, append=width))
        found[:, top : top + len(rows)] = total / sizes
    return found


def _shares(
    mask: NDArray[np.bool_], step: int, size: int, x: NDArray[np.int64], y: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(rows, columns) share of tissue in each patch: of the reduced pixels whose middle lies in it."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1))
    total[1:, 1:] = mask.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    top, bottom = _inside(y, step, size)
    left, right = _inside(x, step, size)
    within = total[bottom][:, right] - total[bottom][:, left] - total[top][:, right] + total[top][:, left]
    return np.asarray(within / np.outer(bottom - top, right - left))


def _inside(start: NDArray[np.int64], step: int, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    middle = (step - 1) / 2
    first = np.ceil((start - middle) / step).astype(np.int64)
    return first, np.floor((start + size - 1 - middle) / step).astype(np.int64) + 1


def _overview(reduced: Pixels, tissue: Tissue, kept: NDArray[np.float64], size: float) -> bytes:
    """The picture with what was thrown away pale, and a line around every patch that was kept."""
    scale = min(1.0, _SHOWN / max(reduced.shape[1:]))
    wide, high = (max(1, round(reduced.shape[axis] * scale)) for axis in (2, 1))
    shown = Picture.fromarray(colours(reduced)).resize((wide, high), Picture.Resampling.BOX)
    bright = np.asarray(shown, dtype=np.float32)
    faded = bright * (1 - _PALE) + (255 if tissue.background == "light" else 0) * _PALE
    for left, top in np.rint(kept * scale).astype(int):
        side = max(1, round(size * scale))
        part = (slice(top, top + side), slice(left, left + side))
        faded[part] = bright[part]
        if side >= 6:
            for edge in ((part[0], left), (part[0], min(left + side, wide) - 1), (top, part[1])):
                faded[edge] = OUTLINE
            faded[min(top + side, high) - 1, part[1]] = OUTLINE
    buffer = io.BytesIO()
    Picture.fromarray(faded.round().astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
