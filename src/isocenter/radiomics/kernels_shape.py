"""One pass over a mask: how often each corner pattern of a cube occurs, and the corners of its outline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled, part

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Places = NDArray[np.int32]


@compiled("void(uint8[:, :, ::1], int64[:, ::1])")
def cubes(mask: Bytes, counts: Ints) -> None:
    """Into counts (D - 1, 256), in place: cubes between slices z and z + 1 of `mask` (D, H, W), of zeros and ones.

    Bit 4 dz + 2 dy + dx of a pattern is the corner at (dz, dy, dx).
    """
    depth, height, width = mask.shape
    for z in range(depth - 1):
        row = counts[z]
        for y in range(height - 1):
            left = mask[z, y, 0] | mask[z, y + 1, 0] << 2 | mask[z + 1, y, 0] << 4 | mask[z + 1, y + 1, 0] << 6
            for x in range(1, width):
                right = mask[z, y, x] | mask[z, y + 1, x] << 2 | mask[z + 1, y, x] << 4 | mask[z + 1, y + 1, x] << 6
                row[left | right << 1] += 1
                left = right


@part
def _chain(lows: Places, highs: Places, plane: int, rows: Places, kept: Places, out: Places, at: int) -> int:
    """The convex hull of points (row, low) and (row, high), rows ascending, appended to `out`."""
    for side in range(2):
        ends = lows if side == 0 else highs
        sign = 1 if side == 0 else -1
        n = 0
        for row in range(len(lows)):
            if lows[row] > highs[row]:
                continue
            while n >= 2:
                a, b = kept[n - 2], kept[n - 1]
                turn = (rows[b] - rows[a]) * np.int64(ends[row] - ends[a])
                turn -= (rows[row] - rows[a]) * np.int64(ends[b] - ends[a])
                if sign * turn > 0:
                    break
                n -= 1
            kept[n] = row
            n += 1
        for i in range(n):
            out[at, 0], out[at, 1], out[at, 2] = plane, rows[kept[i]], ends[kept[i]]
            at += 1
    return at


@compiled("int64(uint8[:, :, ::1], int32[:, ::1])")
def outline(mask: Bytes, out: Places) -> int:
    """Vertices of the mesh of `mask` (D, H, W) that can be corners of its convex hull, in half voxels; how many.

    The vertices are the centres of faces between a voxel and none. In each plane of them only the
    corners of the plane's own hull are kept: out (n, 3), in place, n up to (2 D + 1) (4 H + 2).
    """
    depth, height, width = mask.shape
    size = 2 * height + 1
    lows, highs = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    rows = np.arange(-1, 2 * height, dtype=np.int32)
    kept = np.empty(size, dtype=np.int32)
    at = 0
    for plane in range(-1, 2 * depth):
        lows[:] = 2 * width + 2
        highs[:] = -2
        z = plane // 2
        if plane % 2:  # between two slices: faces that look along the slices
            for y in range(height):
                for x in range(width):
                    below = mask[z, y, x] if z >= 0 else np.uint8(0)
                    above = mask[z + 1, y, x] if z + 1 < depth else np.uint8(0)
                    if below != above:
                        lows[2 * y + 1] = min(lows[2 * y + 1], 2 * x)
                        highs[2 * y + 1] = max(highs[2 * y + 1], 2 * x)
        else:  # within a slice: faces that look along rows, and along columns
            for y in range(height):
                for x in range(width):
                    if mask[z, y, x]:
                        lows[2 * y + 1] = min(lows[2 * y + 1], 2 * x - 1)
                        highs[2 * y + 1] = max(highs[2 * y + 1], 2 * x + 1)
                        if y == 0 or not mask[z, y - 1, x]:
                            lows[2 * y] = min(lows[2 * y], 2 * x)
                            highs[2 * y] = max(highs[2 * y], 2 * x)
                        if y == height - 1 or not mask[z, y + 1, x]:
                            lows[2 * y + 2] = min(lows[2 * y + 2], 2 * x)
                            highs[2 * y + 2] = max(highs[2 * y + 2], 2 * x)
        at = _chain(lows, highs, plane, rows, kept, out, at)
    return at
