"""Local intensity: peaks as means over a sphere of 1 cm3 (reference manual, section 3.2)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics.prepared import PEAK_RADIUS, Prepared

Floats = NDArray[np.float64]


def local_intensity(one: Prepared) -> dict[str, float]:
    """Local and global peak; voxels around the region count, those beyond the image or without a value do not."""
    from isocenter.radiomics.kernels_local import peaks

    low = np.array([side.start for side in one.core], dtype=np.int64)
    inside = np.ascontiguousarray(one.inside[one.core])
    reach = _sphere(one.spacing)
    r = int(reach.max())
    known = np.isfinite(one.image)
    gaps = not known.all()
    around = np.array([*(n // 2 for n in reach.shape), r])
    beyond = low + inside.shape + around > one.image.shape
    whole = not (gaps or (low < around).any() or beyond.any())  # every sphere: there is nothing to count
    sums = _running(np.where(known, one.image, 0.0) if gaps else one.image, r, np.float64)
    counts = np.zeros((1, 1, 1), dtype=np.int32) if whole else _running(known, r, np.int32)
    n_sphere = int((2 * reach[reach >= 0] + 1).sum())
    at_top, best = peaks(sums, counts, gaps, one.image, inside, low, reach, n_sphere)
    return {"loc_peak_loc": at_top, "loc_peak_glob": best}


def _sphere(spacing: tuple[float, float, float]) -> NDArray[np.int64]:
    """Half width along x, in voxels, of each row of the sphere (2 a + 1, 2 b + 1); -1 where there is none."""
    a, b = (math.floor(PEAK_RADIUS / side) for side in spacing[:2])
    z, y = np.arange(-a, a + 1) * spacing[0], np.arange(-b, b + 1) * spacing[1]
    left = PEAK_RADIUS**2 - (z * z)[:, None] - (y * y)[None, :]
    return np.where(left >= 0, np.floor(np.sqrt(np.maximum(left, 0)) / spacing[2]), -1).astype(np.int64)


def _running(values: NDArray[np.generic], r: int, kind: type) -> NDArray[Any]:
    """Running sums along the last axis, which has r zeros added on either side."""
    n = values.shape[2]
    sums = np.zeros((*values.shape[:2], n + 2 * r + 1), dtype=kind)
    np.cumsum(values, axis=2, dtype=kind, out=sums[:, :, r + 1 : r + n + 1])
    sums[:, :, r + n + 1 :] = sums[:, :, r + n, None]
    return sums
