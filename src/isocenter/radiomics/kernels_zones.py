"""Compiled passes over zones of equal grey level (GLSZM, GLDZM) and the distance to the border.

8 bytes a voxel in all: 2 the level, 4 the parent of a forest of zones, whose roots hold their size as a
negative number, and 2 the distance, whose roots gather the least of their zone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled, part

Levels = NDArray[np.uint16]
Counts = NDArray[np.int32]
Ints = NDArray[np.int64]


@compiled("void(uint16[:, :, ::1], boolean)")
def distances(field: Levels, planar: bool) -> None:
    """City-block distance to the outside, in place: 0 outside (a border of it is given), 65535 inside before.

    A voxel at the border has 1; planar: within its slice. One pass forth and one back are exact.
    """
    depth, height, width = field.shape
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                here = np.int64(field[z, y, x])
                if here:
                    here = min(here, np.int64(field[z, y, x - 1]) + 1, np.int64(field[z, y - 1, x]) + 1)
                    if not planar:
                        here = min(here, np.int64(field[z - 1, y, x]) + 1)
                    field[z, y, x] = here
    for z in range(depth - 2, 0, -1):
        for y in range(height - 2, 0, -1):
            for x in range(width - 2, 0, -1):
                here = np.int64(field[z, y, x])
                if here:
                    here = min(here, np.int64(field[z, y, x + 1]) + 1, np.int64(field[z, y + 1, x]) + 1)
                    if not planar:
                        here = min(here, np.int64(field[z + 1, y, x]) + 1)
                    field[z, y, x] = here


@part
def _root(parent: Counts, place: int) -> int:
    """The root above `place`; the way there is halved."""
    above = parent[place]
    while above >= 0:
        higher = parent[above]
        if higher < 0:
            return int(above)
        parent[place] = higher
        place, above = higher, parent[higher]
    return place


@part
def _join(parent: Counts, nearest: Levels, one: int, other: int) -> None:
    a, b = _root(parent, one), _root(parent, other)
    if a != b:
        if parent[a] > parent[b]:  # sizes are negative: a is the smaller
            a, b = b, a
        parent[a] += parent[b]
        parent[b] = a
        nearest[a] = min(nearest[a], nearest[b])


@compiled("void(uint16[:, :, ::1], boolean, int32[::1], uint16[::1])")
def label(levels: Levels, planar: bool, parent: Counts, nearest: Levels) -> None:
    """Joins neighbours of equal level: 26 of them, planar: 8 in the slice; `levels` padded by one or more.

    Neighbours that touch each other need only one joining: the voxel straight above (or straight
    behind in the row before) touches nearly all the others.
    """
    depth, height, width = levels.shape
    flat = levels.reshape(levels.size)
    plane = height * width
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            start = (z * height + y) * width
            for i in range(start + 1, start + width - 1):
                level = flat[i]
                if level == 0:
                    continue
                parent[i] = -1
                up, before = i - plane, i - width
                if not planar and flat[up] == level:
                    _join(parent, nearest, up, i)
                    continue
                if flat[before] == level:
                    _join(parent, nearest, before, i)
                else:
                    if flat[i - 1] == level:
                        _join(parent, nearest, i - 1, i)
                    elif flat[before - 1] == level:
                        _join(parent, nearest, before - 1, i)
                    if flat[before + 1] == level:
                        _join(parent, nearest, before + 1, i)
                    if not planar:
                        for j in (up - 1, up + 1, up - width - 1, up - width, up - width + 1):
                            if flat[j] == level:
                                _join(parent, nearest, j, i)
                if not planar:
                    for j in (up + width - 1, up + width, up + width + 1):
                        if flat[j] == level:
                            _join(parent, nearest, j, i)


@compiled("void(uint16[::1], int32[::1], uint16[::1], int64[::1], int32[::1], int64[::1], int32[::1])")
def tally(
    levels: Levels, parent: Counts, nearest: Levels, starts: Ints, sizes: Counts, reaches: Ints, depths: Counts
) -> None:
    """Zones of level g: one more in sizes[starts[g] + size - 1] and in depths[reaches[g] + distance - 1]."""
    for i in range(len(levels)):
        level = levels[i]
        if level and parent[i] < 0:
            sizes[starts[level] - parent[i] - 1] += 1
            depths[reaches[level] + max(np.int64(nearest[i]), 1) - 1] += 1
