"""Intensities of MR, which have no unit, made comparable between scans.

- z-score: mean 0 and standard deviation 1 over the foreground (not over the lesion: that would take its own
  brightness away);
- Nyul and Udupa (Magn Reson Med 1999), with deciles as landmarks (Shah and others, Med Image Anal 2011): a
  piecewise linear map of the scan's landmarks to a standard scale, learned on training scans (`standard_scale`);
- N4 (Tustison and others, IEEE Trans Med Imaging 2010): the bias field, in `bias`.

The foreground are the finite voxels above Otsu's threshold (IEEE Trans Syst Man Cybern 1979): air is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WAYS = ("zscore", "nyul", "n4", "n4+zscore", "n4+nyul")
PERCENTS = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99)
SCALE = 100.0  # where the last landmark lies; the first is 0
_BINS = 256


def foreground(array: NDArray[np.generic]) -> Flags:
    """Of an array of any shape: finite and above Otsu's threshold; every finite voxel where all are equal."""
    values = np.asarray(array, dtype=np.float64)
    finite = np.isfinite(values)
    known = values[finite]
    if known.size == 0 or known.min() == known.max():
        return finite
    return finite & (values > otsu(known))


def otsu(values: Floats) -> float:
    """The threshold that parts values (n,) into two groups of largest variance between them; 256 bins."""
    counts, edges = np.histogram(values, _BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts)[:-1].astype(np.float64), float(counts.sum())
    sums = np.cumsum(counts * middles)
    low = sums[:-1] / np.maximum(below, 1)
    high = (sums[-1] - sums[:-1]) / np.maximum(total - below, 1)
    between = below * (total - below) * (low - high) ** 2
    return float(edges[1:-1][int(np.argmax(between))])


def zscored(array: NDArray[np.generic], inside: Flags | None = None) -> Floats:
    """Float64 of the same shape, mean 0 and standard deviation 1 inside (None: the foreground); flat: all 0."""
    values = np.asarray(array, dtype=np.float64)
    known = values[foreground(values) if inside is None else inside]
    spread = known.std() if known.size else 0.0
    if spread == 0:
        return np.where(np.isfinite(values), 0.0, values)
    return np.asarray((values - known.mean()) / spread)


def landmarks(array: NDArray[np.generic], inside: Flags | None = None) -> Floats:
    """(11,) the percentiles of the foreground that `PERCENTS` names; NaN without a finite voxel."""
    values = np.asarray(array, dtype=np.float64)
    known = values[foreground(values) if inside is None else inside]
    return np.percentile(known, PERCENTS) if known.size else np.full(len(PERCENTS), np.nan)


def standard_scale(found: Iterable[Floats]) -> Floats:
    """(11,) the mean of the scans' landmarks, each stretched to 0..100; the order of scans changes no digit.

    Scans without contrast are left out; an even scale where none is left.
    """
    usable = [marks for marks in found if marks[-1] > marks[0]]
    if not usable:
        return np.linspace(0.0, SCALE, len(PERCENTS))
    stretched = [(marks - marks[0]) / (marks[-1] - marks[0]) * SCALE for marks in usable]
    return np.array([math.fsum(column) / len(stretched) for column in zip(*stretched, strict=True)])


def nyul(array: NDArray[np.generic], scale: Floats, inside: Flags | None = None) -> Floats:
    """Float64 of the same shape on the standard scale; beyond the last landmarks the line goes on.

    Landmarks that fall together count once. Without contrast: 0.
    """
    values = np.asarray(array, dtype=np.float64)
    own = landmarks(values, inside)
    if not own[-1] > own[0]:
        return np.where(np.isfinite(values), 0.0, values)
    last = np.append(np.diff(own) > 0, True)
    own, to = own[last], scale[last]
    if len(own) < 2:
        return np.where(np.isfinite(values), 0.0, values)
    piece = np.clip(np.searchsorted(own, values, side="right") - 1, 0, len(own) - 2)
    slope = np.diff(to) / np.diff(own)
    return np.asarray(to[piece] + (values - own[piece]) * slope[piece])
