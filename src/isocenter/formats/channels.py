"""From the shapes that files use to (C, D, H, W)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape

Pixels = NDArray[np.generic]


def arranged(item: Pixels, where: str) -> Pixels:
    """One image of an array file as (C, D, H, W).

    H x W; H x W x C with C = 1, 3 or 4 (alpha dropped); else D x H x W; D x H x W x C with C up
    to 4. A last axis of 1, 3 or 4 therefore means channels: no volume is that narrow.
    """
    if item.ndim == 2:
        return item[None, None]
    if item.ndim == 3:
        if item.shape[-1] in (1, 3, 4):
            return without_alpha(np.moveaxis(item, -1, 0)[:, None])
        return item[None]
    if item.ndim == 4 and item.shape[-1] <= 4:
        return grey_if_equal(np.moveaxis(item, -1, 0))
    shape = " x ".join(map(str, item.shape))
    raise BadShape(f"{where} has the shape {shape}.", "An image is H x W, H x W x 3, D x H x W or D x H x W x C.")


def without_alpha(array: Pixels) -> Pixels:
    """(C, D, H, W) with an 8-bit fourth channel dropped, and grey where the three colours are equal."""
    if array.shape[0] == 4 and array.dtype == np.uint8:
        array = array[:3]
    return grey_if_equal(array)


def grey_if_equal(array: Pixels) -> Pixels:
    """(3, D, H, W) whose channels are identical to (1, D, H, W): grey saved as colour is grey."""
    if array.shape[0] != 3 or not np.array_equal(array[0], array[1]) or not np.array_equal(array[0], array[2]):
        return array
    return array[:1]
