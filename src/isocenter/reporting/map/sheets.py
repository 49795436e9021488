"""Small pictures of many cases in a few files: sheets of 256, as JPEG."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

ACROSS = 16  # pictures in a row of a sheet
PER = ACROSS * ACROSS
_SIZES = ((1000, 96), (4000, 64), (12000, 48))  # up to so many cases, pixels a side
SMALLEST = 32
_QUALITY = 72
Plane = NDArray[np.uint8]


def picture_size(n: int) -> int:
    """Pixels a side, so that the page of n cases stays near 14 MB at 50,000 and below."""
    return next((size for most, size in _SIZES if n <= most), SMALLEST)


@dataclass(frozen=True)
class Sheets:
    """size: pixels a side of a picture; sheets: JPEG files, case i on sheet i // 256, in rows of 16."""

    size: int
    sheets: tuple[bytes, ...]

    @classmethod
    def of(cls, pictures: Iterable[bytes | Plane | None], size: int) -> Sheets:
        """Pictures in the order of the cases, as PNG or (H, W, 3) arrays; None leaves a place black."""
        found, waiting = [], []
        for one in pictures:
            waiting.append(one)
            if len(waiting) == PER:
                found.append(_sheet(waiting, size))
                waiting = []
        if waiting:
            found.append(_sheet(waiting, size))
        return cls(size, tuple(found))

    def greys(self, n: int, side: int = SMALLEST) -> NDArray[np.float32]:
        """(n, side * side) the first n pictures in grey, averaged down, each less its own mean."""
        found = np.zeros((len(self.sheets) * PER, side, side), dtype=np.float32)
        for k, one in enumerate(self.sheets):
            sheet = Picture.open(io.BytesIO(one)).convert("L")
            rows = sheet.height // self.size
            small = sheet.resize((ACROSS * side, rows * side), Picture.Resampling.BOX)
            tiles = np.asarray(small, dtype=np.float32).reshape(rows, side, ACROSS, side).swapaxes(1, 2)
            found[k * PER : k * PER + rows * ACROSS] = tiles.reshape(-1, side, side)
        flat = found.reshape(len(found), -1)[:n]
        return np.asarray(flat - flat.mean(axis=1, keepdims=True), dtype=np.float32)


def _sheet(pictures: list[bytes | Plane | None], size: int) -> bytes:
    rows = -(-len(pictures) // ACROSS)
    sheet = Picture.new("RGB", (ACROSS * size, rows * size))
    for k, one in enumerate(pictures):
        if one is None:
            continue
        picture = Picture.open(io.BytesIO(one)) if isinstance(one, bytes) else Picture.fromarray(one)
        picture = picture.convert("RGB")
        if max(picture.size) != size:
            scale = size / max(picture.size)
            wanted = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture = picture.resize(wanted, Picture.Resampling.BOX if scale < 1 else Picture.Resampling.BILINEAR)
        left, top = (size - picture.width) // 2, (size - picture.height) // 2
        sheet.paste(picture, (k % ACROSS * size + left, k // ACROSS * size + top))
    if _is_grey(sheet):
        sheet = sheet.convert("L")
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()


def _is_grey(sheet: Picture.Image) -> bool:
    colours = np.asarray(sheet)
    return bool((colours[..., 0] == colours[..., 1]).all() and (colours[..., 0] == colours[..., 2]).all())
