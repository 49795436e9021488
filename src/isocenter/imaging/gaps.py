"""Voxels without a value: NaN, or infinite, as files have them where nothing was measured.

What is measured leaves them out. Only what cannot do without (pictures, networks, splines, filters) sees them filled.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]


def gaps(array: NDArray[np.generic]) -> NDArray[np.bool_] | None:
    """Where an array of any shape and type holds no finite number; None where it does everywhere."""
    if not np.issubdtype(array.dtype, np.inexact):
        return None
    known = np.isfinite(array)
    return None if known.all() else np.asarray(~known)


def filled(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """(C, D, H, W) with the lowest value of its channel in each gap, or of the image where the channel has none.

    The lowest value is what an image shows where there is nothing (air, the black around a field of view), and that is
    where files have their gaps; a mean would draw tissue there. At least one value must be finite.
    """
    lost = gaps(array)
    if lost is None:
        return array
    lowest = np.where(lost, np.inf, array).min(axis=(1, 2, 3), keepdims=True)
    lowest = np.where(np.isfinite(lowest), lowest, lowest.min())
    return np.asarray(np.where(lost, lowest.astype(array.dtype), array))


def from_nearest(array: Floats) -> Floats:
    """An array with the nearest value in each gap, so that a spline or a filter does not carry it further.

    As it is where there is no gap, or nothing else.
    """
    lost = gaps(array)
    if lost is None or lost.all():
        return array
    nearest = ndimage.distance_transform_edt(lost, return_distances=False, return_indices=True)
    return np.asarray(array[tuple(nearest)])
