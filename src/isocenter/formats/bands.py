"""Large pictures, read in bands of rows: of a TIFF only the tiles or strips that are asked for are decoded.

Plain TIFF (uncompressed, Deflate, PackBits; grey or colour of 8 or 16 bit) is read in parts, so its size does not
matter. Whatever else a picture may be is decoded whole, up to the limit for one picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape, UnknownFormat
from isocenter.formats.limits import FRAME_BYTES, check_present, check_size, reading
from isocenter.formats.raster import PLAIN_CODECS, read_page, read_raster
from isocenter.formats.sniff import kind_of

Pixels = NDArray[Any]
_GREY, _RGB = 1, 2  # TIFF's photometric interpretation
_CONTIGUOUS = 1  # planar configuration: samples of a pixel side by side


@dataclass(frozen=True, eq=False)
class Bands:
    """A picture (C, H, W). rows(start, stop): (C, stop - start, W); cheapest when asked from top to bottom."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    rows: Callable[[int, int], Pixels]


@contextmanager
def open_bands(path: Path, level: int = 0) -> Iterator[Bands]:
    """The picture in `path`; level: of a pyramid in a TIFF, 0 the largest.

    C is 1 or 3, alpha is dropped. UnknownFormat (no picture), BadShape (a stack; no such level), UnreadableFile
    (damaged; too large to be decoded whole).
    """
    check_present(path)
    if kind_of(path) != "raster":
        raise UnknownFormat(f"{path} is no picture.", "Patches are cut from PNG, JPEG, BMP and TIFF.")
    if path.suffix.lower() not in (".tif", ".tiff"):
        if level:
            raise _no_level(path, level, 1)
        yield _whole(path, read_raster(path).array)
        return
    import tifffile

    with reading(path, "TIFF"):
        opened = tifffile.TiffFile(path)
    with opened:
        with reading(path, "TIFF"):
            levels = opened.series[0].levels
        if level >= len(levels):
            raise _no_level(path, level, len(levels))
        with reading(path, "TIFF"):
            first, single = levels[level].pages[0], len(levels[level].pages) == 1
            page: Any = None if first is None else first.aspage()
        if page is not None and single and _is_plain(page):
            yield _Segments(path, page).bands()
        elif page is not None and single and int(page.compression) not in PLAIN_CODECS and len(page.treeindex) == 1:
            yield _whole(path, read_page(path, page.index)[:, None])
        elif level == 0:
            yield _whole(path, read_raster(path).array)
        else:
            raise UnknownFormat(
                f"Level {level} of {path} is of a kind that is not read.", "Save it as a file of its own."
            )


def _no_level(path: Path, level: int, have: int) -> BadShape:
    levels = "1 level" if have == 1 else f"{have} levels"
    return BadShape(
        f"{path} has {levels}: there is no level {level}.", "Level 0 is the largest; --level names another."
    )


def _whole(path: Path, array: Pixels) -> Bands:
    if array.shape[1] != 1:
        raise BadShape(f"{path} is a stack of {array.shape[1]} pages.", "Save the page that is meant as its own file.")
    plane = array[:, 0]
    return Bands(plane.shape, plane.dtype, lambda start, stop: plane[:, start:stop])


def _is_plain(page: Any) -> bool:
    grey = page.samplesperpixel == 1 and page.axes == "YX" and int(page.photometric) == _GREY
    colour = page.samplesperpixel in (3, 4) and page.axes == "YXS" and int(page.photometric) == _RGB
    side_by_side = page.samplesperpixel == 1 or int(page.planarconfig) == _CONTIGUOUS
    deep = page.dtype in (np.uint8, np.uint16)
    return int(page.compression) in PLAIN_CODECS and (grey or colour) and side_by_side and deep


class _Segments:
    """Rows of one page of a TIFF from its tiles or strips; a row of them is kept until rows below it are asked for."""

    def __init__(self, path: Path, page: Any) -> None:
        self.path, self.page = path, page
        self.high = page.tilelength if page.is_tiled else page.rowsperstrip
        wide = page.tilewidth if page.is_tiled else page.imagewidth
        self.across = math.ceil(page.imagewidth / wide)
        self.channels = min(page.samplesperpixel, 3)
        line = page.imagewidth * page.samplesperpixel * page.dtype.itemsize
        self.contiguous = self._mapped() if page.is_memmappable else None
        if self.contiguous is None:
            check_size(path, line * min(self.high, page.imagelength), FRAME_BYTES)
        self.held: dict[int, Pixels] = {}

    def bands(self) -> Bands:
        shape = (self.channels, self.page.imagelength, self.page.imagewidth)
        return Bands(shape, self.page.dtype.newbyteorder("="), self.rows)

    def _mapped(self) -> Pixels:
        """Uncompressed in one piece: the file itself is the array."""
        with reading(self.path, "TIFF"):
            array: Pixels = self.page.asarray(out="memmap")
        return array

    def rows(self, start: int, stop: int) -> Pixels:
        if self.contiguous is not None:
            found = np.array(self.contiguous[start:stop])
        else:
            first, last = start // self.high, (stop - 1) // self.high
            self.held = {row: lines for row, lines in self.held.items() if row >= first}
            for row in range(first, last + 1):
                if row not in self.held:
                    self.held[row] = self._decoded(row)
            found = np.concatenate([self.held[row] for row in range(first, last + 1)])
            found = found[start - first * self.high : stop - first * self.high]
        found = found[..., None] if found.ndim == 2 else found[..., : self.channels]
        return np.moveaxis(found.astype(found.dtype.newbyteorder("="), copy=False), -1, 0)

    def _decoded(self, row: int) -> Pixels:
        """One row of tiles, or one strip: (rows, W, samples)."""
        page = self.page
        top = row * self.high
        shape = (min(self.high, page.imagelength - top), page.imagewidth, page.samplesperpixel)
        lines: Pixels = np.full(shape, page.nodata, dtype=page.dtype)
        at = range(row * self.across, (row + 1) * self.across)
        offsets, counts = [page.dataoffsets[i] for i in at], [page.databytecounts[i] for i in at]
        with reading(self.path, "TIFF"):
            pieces = [
                page.decode(content, index)
                for content, index in page.parent.filehandle.read_segments(offsets, counts, at, flat=True)
            ]
        for piece, where, _ in pieces:
            if piece is not None:  # a tile that was never written stays blank; those at the right reach over the border
                part = lines[: piece.shape[1], where[-2] : where[-2] + piece.shape[2]]
                part[:] = piece[0, : part.shape[0], : part.shape[1]]
        return lines
