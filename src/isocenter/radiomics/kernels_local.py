"""Mean intensity in a sphere around every voxel of a region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled(
    "UniTuple(float64, 2)(float64[:, :, ::1], int32[:, :, ::1], boolean, float64[:, :, ::1], boolean[:, :, ::1],"
    " int64[::1], int64[:, ::1], int64)"
)
def peaks(
    sums: Floats,
    counts: NDArray[np.int32],
    gaps: bool,
    image: Floats,
    inside: NDArray[np.bool_],
    low: Ints,
    reach: Ints,
    n_sphere: int,
) -> tuple[float, float]:
    """The sphere's mean at the voxel of the highest intensity (of several: the highest mean), and the highest of all.

    image (D, H, W); inside (d, h, w), the region's box, which starts at `low` in the image; sums (D, H,
    W + 2 r + 1): running sums along x of the image with r zeros on either side, and counts those of the voxels
    that have a value; reach (2 a + 1, 2 b + 1): half width of the sphere's row there, -1: none; n_sphere: voxels
    of a whole one; gaps: whether some have no value. Without, only rows near the image's border are counted.
    """
    depth, height, width = image.shape
    r = (sums.shape[2] - width - 1) // 2
    a, b = reach.shape[0] // 2, reach.shape[1] // 2
    total, number = np.empty(width), np.empty(width, dtype=np.int64)
    top, at_top, best = -np.inf, -np.inf, -np.inf
    for z in range(inside.shape[0]):
        for y in range(inside.shape[1]):
            first, last = -1, -2
            for x in range(inside.shape[2]):
                if inside[z, y, x]:
                    first = x if first < 0 else first
                    last = x
            if first < 0:
                continue
            n = last - first + 1
            at_z, at_y, at_x = z + low[0], y + low[1], first + low[2]
            near = at_z < a or at_z >= depth - a or at_y < b or at_y >= height - b or at_x < r or at_x + n > width - r
            whole = not (gaps or near)
            total[:n] = 0
            number[:n] = n_sphere if whole else 0
            for dz in range(-a, a + 1):
                k = at_z + dz
                if k < 0 or k >= depth:
                    continue
                for dy in range(-b, b + 1):
                    half = reach[dz + a, dy + b]
                    j = at_y + dy
                    if half < 0 or j < 0 or j >= height:
                        continue
                    start = at_x + r - half
                    stop = start + 2 * half + 1
                    ending, beginning = sums[k, j, stop : stop + n], sums[k, j, start : start + n]
                    for i in range(n):
                        total[i] += ending[i] - beginning[i]
                    if not whole:
                        for i in range(n):
                            number[i] += counts[k, j, stop + i] - counts[k, j, start + i]
            for i in range(n):
                if inside[z, y, first + i]:
                    mean = total[i] / number[i]
                    value = image[at_z, at_y, at_x + i]
                    best = max(best, mean)
                    if value > top or (value == top and mean > at_top):
                        top, at_top = value, mean
    return at_top, best
