"""A block of an image with as much around it as a kernel needs: beyond the edge, the image goes on as `boundary` says.

So each filter is a `valid` convolution of a block, and a region costs its own size, not that of the image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Box = tuple[slice, slice, slice]
Reach = tuple[int, int, int]


def block(image: NDArray[np.generic], box: Box, reach: Reach, boundary: str) -> Floats:
    """`image` (D, H, W) in `box`, and `reach` voxels more at both ends of each axis; floats of at least 32 bits."""
    index, outside = [], []
    for length, part, more in zip(image.shape, box, reach, strict=True):
        wanted = np.arange(part.start - more, part.stop + more)
        index.append(_inside(wanted, length, boundary))
        outside.append((wanted < 0) | (wanted >= length))
    cut = image
    for axis, places in enumerate(index):
        cut = cut[tuple(_run(places) if axis == other else slice(None) for other in range(3))]
    floats: Floats = cut.astype(np.result_type(cut.dtype, np.float32), copy=boundary == "zero")
    if boundary == "zero":
        for axis, beyond in enumerate(outside):
            floats[tuple(beyond if axis == other else slice(None) for other in range(3))] = 0
    return floats


def _run(places: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Neighbours in order are a slice, which copies nothing."""
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) and (np.diff(places) == 1).all() else places


def _inside(places: NDArray[np.intp], length: int, boundary: str) -> NDArray[np.intp]:
    """The voxel of the image that stands for each place."""
    if boundary == "periodic":
        return places % length
    if boundary == "mirror":
        turned = places % (2 * length)
        return np.minimum(turned, 2 * length - 1 - turned)
    return places.clip(0, length - 1)
