"""Interpolation onto the grid that IBSI defines, computed only where it is wanted.

The new grid covers the whole image and shares its centre (reference manual, section 2.4): a crop must not
move it, or features change. So positions are counted in the whole image and only values are cropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter import compute

Floats = NDArray[np.float64]
Box = tuple[slice, ...]

_SAME = 1e-6  # relative; closer spacings are one
# Files round spacings to 32 bits, or work them out of an oblique affine: positions of one grid differ by some 1e-5 of
# a voxel from file to file. What is decided at a tie (a voxel more, which is the nearest, half of a mask) must not.
TIE = 1e-4
_REACH = {"nearest": 1, "linear": 1, "cubic": 28}  # voxels: what lies further weighs less than rounding (0.27 ** 28)
_LARGE = 100_000  # new voxels from which threads pay for their start


@dataclass(frozen=True)
class Axis:
    """One direction of the image: n voxels of `given` mm, and of the new grid."""

    n: int
    given: float
    wanted: float

    @property
    def kept(self) -> bool:
        return abs(self.wanted - self.given) <= _SAME * self.given

    @property
    def new(self) -> int:
        """Voxels of the new grid: enough to cover the old extent."""
        return self.n if self.kept else max(1, math.ceil(self.n * self.given / self.wanted - TIE))

    def at(self, index: NDArray[np.int64]) -> Floats:
        """Where new voxels lie, in old voxels."""
        if self.kept:
            return index.astype(np.float64)
        shift = (self.n - 1) / 2 * self.given - (self.new - 1) / 2 * self.wanted
        return np.asarray((shift + index * self.wanted) / self.given, dtype=np.float64)

    def around(self, old: slice, margin_mm: float) -> slice:
        """New voxels that the old ones old.start..old.stop touch, and a margin; clipped to the image."""
        step = 1.0 if self.kept else self.wanted / self.given
        origin = float(self.at(np.zeros(1, dtype=np.int64))[0])
        margin = math.ceil(margin_mm / self.wanted - _SAME)
        first = math.floor((old.start - 1 - origin) / step) - margin
        last = math.ceil((old.stop - origin) / step) + margin
        return slice(max(first, 0), min(last + 1, self.new))


@dataclass(frozen=True)
class Pasted:
    """A mask of `shape` that is `part` in `box` and unmarked elsewhere: crops are made, the whole never is."""

    part: NDArray[np.bool_]
    box: Box
    shape: tuple[int, ...]

    def __getitem__(self, crop: Box) -> NDArray[np.bool_]:
        found = np.zeros([one.stop - one.start for one in crop], dtype=np.bool_)
        pairs = list(zip(crop, self.box, strict=True))
        both = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in pairs]
        if all(low < high for low, high in both):
            into = tuple(slice(low - a.start, high - a.start) for (low, high), (a, _) in zip(both, pairs, strict=True))
            out = tuple(slice(low - b.start, high - b.start) for (low, high), (_, b) in zip(both, pairs, strict=True))
            found[into] = self.part[out]
        return found


@dataclass(frozen=True)
class Grid:
    """The image's grid and the new one, axis by axis (slice, row, column)."""

    axes: tuple[Axis, Axis, Axis]

    @classmethod
    def of(cls, shape: tuple[int, ...], given: tuple[float, ...], wanted: tuple[float, ...]) -> Grid:
        z, y, x = (Axis(*one) for one in zip(shape, given, wanted, strict=True))
        return cls((z, y, x))

    @property
    def spacing(self) -> tuple[float, float, float]:
        z, y, x = (axis.given if axis.kept else axis.wanted for axis in self.axes)
        return z, y, x

    @property
    def whole(self) -> Box:
        return tuple(slice(0, axis.new) for axis in self.axes)

    def around(self, old: Box, margin_mm: float) -> Box:
        return tuple(axis.around(one, margin_mm) for axis, one in zip(self.axes, old, strict=True))

    def values(
        self,
        array: NDArray[np.generic] | Pasted,
        box: Box,
        method: str,
        first: Callable[[Floats], Floats] | None = None,
    ) -> Floats:
        """`array` (the whole image) interpolated at the new voxels of `box`; beyond the border its edge.

        first: what to do with the part of the array that is needed, before.
        """
        places = [axis.at(np.arange(one.start, one.stop)) for axis, one in zip(self.axes, box, strict=True)]
        moved = [not axis.kept for axis in self.axes]
        crop = [
            _needed(at, axis.n, _REACH[method] if move else 0)
            for at, axis, move in zip(places, self.axes, moved, strict=True)
        ]
        part = array[tuple(crop)].astype(np.float64, order="C")
        part = part if first is None else np.ascontiguousarray(first(part), dtype=np.float64)
        if not any(moved):
            return part
        local = [np.clip(at - one.start, 0, one.stop - one.start - 1) for at, one in zip(places, crop, strict=True)]
        if method == "cubic":
            return _cubic(part, local, moved)
        if method == "nearest":
            z, y, x = (np.floor(at + 0.5 + TIE).astype(np.intp) for at in local)
            return np.ascontiguousarray(part[np.ix_(z, y, x)])
        return _linear(part, local)


def _needed(at: Floats, n: int, reach: int) -> slice:
    low = min(max(math.floor(at[0]) - reach, 0), n - 1)
    return slice(low, max(low, min(math.ceil(at[-1]) + reach, n - 1)) + 1)


def _linear(part: Floats, places: list[Floats]) -> Floats:
    from isocenter.radiomics.kernels_grid import trilinear

    starts, weights = [], []
    for at, n in zip(places, part.shape, strict=True):
        below = np.minimum(np.floor(at + 1e-9).astype(np.int64), max(n - 2, 0))
        starts.append(below)
        weights.append(np.maximum(at - below, 0.0))
    out = np.empty([len(at) for at in places])
    (z, y, x), (wz, wy, wx) = starts, weights

    def slab(one: slice) -> None:
        trilinear(part, z[one], y, x, wz[one], wy, wx, out[one])

    compute.together([partial(slab, one) for one in _slabs(out)])
    return out


def _slabs(array: Floats) -> list[slice]:
    """Along the first axis, to be worked on side by side; one where that would not pay."""
    n = compute.processes() if array.size > _LARGE else 1
    edges = np.linspace(0, len(array), n + 1, dtype=np.intp)
    return [slice(low, high) for low, high in pairwise(edges.tolist())]


def _cubic(part: Floats, places: list[Floats], moved: list[bool]) -> Floats:
    """Cubic B-splines through the voxels, mirrored at the border."""
    for axis, (at, move) in enumerate(zip(places, moved, strict=True)):
        if move and part.shape[axis] > 1:
            part = _spline_along(part, at, axis)
        elif move:
            part = part.take(np.zeros(len(at), dtype=np.intp), axis=axis)
    return np.ascontiguousarray(part)


def _spline_along(part: Floats, at: Floats, axis: int) -> Floats:
    n = part.shape[axis]
    coefficients = ndimage.spline_filter1d(part, order=3, axis=axis, mode="mirror")
    below = np.floor(at).astype(np.intp)
    t = at - below
    weights = ((1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, 3 * (1 - t) ** 3 - 6 * (1 - t) ** 2 + 4, t**3)
    shape = [1, 1, 1]
    shape[axis] = -1
    total: Floats | None = None
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        index = np.abs(below + offset)
        index = np.clip(np.where(index > n - 1, 2 * (n - 1) - index, index), 0, n - 1)
        piece = coefficients.take(index, axis=axis) * (weight / 6).reshape(shape)
        total = piece if total is None else total + piece
    return np.asarray(total)
