"""One compiled pass over neighbourhoods: differences from their mean (NGTDM), dependent voxels (NGLDM)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled, part

Levels = NDArray[np.uint16]
Counts = NDArray[np.int32]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@part
def _add_row(row: Levels, other: Levels, coarseness: int, total: Counts, number: Counts, alike: Counts) -> None:
    """Adds one neighbour of each voxel of a row; written so that several voxels go at once."""
    if coarseness == 0:
        for x in range(len(row)):
            w = np.int32(other[x])
            total[x] += w
            number[x] += np.int32(w != 0)
            alike[x] += np.int32(w == np.int32(row[x]))
    else:
        for x in range(len(row)):
            w = np.int32(other[x])
            total[x] += w
            number[x] += np.int32(w != 0)
            alike[x] += np.int32((w != 0) & (abs(w - np.int32(row[x])) <= coarseness))


@compiled("void(uint16[:, :, ::1], int64, int64, int64, int32, int32[::1], float64[::1], int64[::1], int32[::1])")
def neighbours(
    levels: Levels, pad: int, reach: int, across: int, coarseness: int,
    seen: Counts, apart: Floats, starts: Ints, dependent: Counts,
) -> None:  # fmt: skip
    """Neighbours up to `reach` rows and columns and `across` slices away; `levels` padded by `pad` in plane,
    by `across` slices.

    Voxels with a neighbour are counted in seen[g], their distances from its mean level summed in
    apart[g]; dependent[starts[g] + k - 1] counts those with k voxels, itself included, of levels
    within `coarseness` of their own.
    """
    depth, height, width = levels.shape
    total, number, alike = np.empty(width, np.int32), np.empty(width, np.int32), np.empty(width, np.int32)
    for z in range(across, depth - across):
        for y in range(pad, height - pad):
            row = levels[z, y]
            first, last = pad, width - pad
            while first < last and row[first] == 0:
                first += 1
            while last > first and row[last - 1] == 0:
                last -= 1
            if first == last:
                continue
            n = last - first
            row = row[first:last]
            total[:n] = 0
            number[:n] = 0
            alike[:n] = 0
            for dz in range(-across, across + 1):
                for dy in range(-reach, reach + 1):
                    beside = levels[z + dz, y + dy]
                    for dx in range(-reach, reach + 1):
                        _add_row(row, beside[first + dx : last + dx], coarseness, total[:n], number[:n], alike[:n])
            for x in range(n):
                g = row[x]
                if g:
                    dependent[starts[g] + alike[x] - 1] += 1
                    others = number[x] - 1
                    if others > 0:
                        seen[g] += 1
                        apart[g] += abs(g - (total[x] - np.int32(g)) / others)
