"""A discretised region as the texture families read it: cropped, padded, in 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint16]
Ints = NDArray[np.int64]
MOST_LEVELS = 65535

# Half of the 26 neighbours (slice, row, column): those that come first in memory, turned around.
STEPS = np.array(
    [(0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1)] + [(1, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)], dtype=np.int64
)
PLANE = STEPS[:4]


@dataclass(frozen=True)
class Region:
    """levels: (D, H, W) uint16, padded with `pad` zeros on every side; inside: the morphological mask alike, or
    None where it is the same; n_levels: of the discretisation, whether all occur or not."""

    levels: Levels
    n_levels: int
    pad: int
    inside: NDArray[np.bool_] | None = None

    @property
    def n_voxels(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def counts(self) -> Ints:
        """Voxels of each level (n + 1,); level 0, outside, has none."""
        counts = np.bincount(self.levels.ravel(), minlength=self.n_levels + 1).astype(np.int64)
        counts[0] = 0
        return counts

    def slices(self) -> list[Region]:
        """Each slice that holds a voxel, as a region of its own."""
        within = range(self.pad, len(self.levels) - self.pad)
        return [self._slice(z) for z in within if self.levels[z].any()]

    def _slice(self, z: int) -> Region:
        levels = np.zeros((1 + 2 * self.pad, *self.levels.shape[1:]), dtype=np.uint16)
        levels[self.pad] = self.levels[z]
        return Region(levels, self.n_levels, self.pad)


def region(levels: NDArray[np.int32], n_levels: int, inside: NDArray[np.bool_] | None, pad: int) -> Region:
    """Cropped to what is in the region or the morphological mask.

    Raises ValueError: no voxel, or levels outside 0..n_levels, for which kernels would write beyond their tables.
    """
    if not 0 < levels.max(initial=0) <= n_levels or levels.min(initial=0) < 0:
        raise ValueError(f"levels must lie between 0 and {n_levels}, and one voxel above 0")
    box = _box((levels > 0) if inside is None else (levels > 0) | inside)
    small = np.pad(levels[box].astype(np.uint16), pad)
    return Region(small, n_levels, pad, None if inside is None else np.pad(inside[box], pad))


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    found = []
    for axis in range(3):
        hits = np.nonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))[0]
        found.append(slice(int(hits[0]), int(hits[-1]) + 1))
    return tuple(found)


def starts(lengths: Ints) -> Ints:
    """Where the row of each level starts, and after the last where it ends: (n + 2,) for lengths (n + 1,)."""
    return np.concatenate([[0], np.cumsum(lengths)])


def mean(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean over matrices; where a feature is undefined in some, over the others; NaN if in all."""
    stacked = np.array(rows)
    known = ~np.isnan(stacked)
    total = np.where(known, stacked, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
