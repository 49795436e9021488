"""Resizing by averaging areas: each new pixel is the mean of what it covers. And pictures, as networks are fed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def area_resize(array: NDArray[np.generic], shape: tuple[int, int, int]) -> NDArray[np.generic]:
    """(C, D, H, W) to (C, *shape), float64; the array itself where nothing changes.

    Slice by slice, so that a large volume is never held as float64. The sums do not depend on
    the number of threads. Means are kept: a constant stays constant.
    """
    if array.shape[1:] == shape:
        return array
    small = np.empty((array.shape[0], array.shape[1], *shape[1:]))
    for channel, into in zip(array, small, strict=True):
        for plane, target in zip(channel, into, strict=True):
            target[...] = _along(_along(plane.astype(np.float64), shape[1], 0), shape[2], 1)
    return _along(small, shape[0], 1)


def square_picture(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """(C, H, W), C 1 or 3, to (C, side, side): bilinear, averaged where it shrinks, whatever the proportions."""
    from PIL import Image as Picture

    if picture.shape[1:] == (side, side):
        return picture
    flat = picture[0] if len(picture) == 1 else np.moveaxis(picture, 0, -1)
    resized = Picture.fromarray(np.ascontiguousarray(flat)).resize((side, side), Picture.Resampling.BILINEAR)
    values = np.asarray(resized)
    return values[None] if values.ndim == 2 else np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _along(array: Floats, n: int, axis: int) -> Floats:
    """Average along one axis to `n` equal intervals, through the running sum."""
    if array.shape[axis] == n:
        return array
    moved = np.moveaxis(array, axis, 0)
    before = np.concatenate([np.zeros((1, *moved.shape[1:])), np.cumsum(moved, axis=0)])
    edges = np.arange(n + 1) * (len(moved) / n)
    whole = np.minimum(edges.astype(np.intp), len(moved) - 1)
    part = (edges - whole).reshape(-1, *[1] * (moved.ndim - 1))
    sums = before[whole] + part * moved[whole]
    return np.moveaxis(np.diff(sums, axis=0) * (n / len(moved)), 0, axis)
