"""Compiled passes along directions: pairs of grey levels (GLCM) and runs of equal ones (GLRLM).

`levels` is padded: (D, H, W) uint16, 0 outside the region and in a border at least as wide as a step
is long, so no step leaves the array. `steps` (m, 3) are whole voxels (slice, row, column), each lying
before its voxel in memory: slices 0 or more; one pass serves all of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled, part

Levels = NDArray[np.uint16]
Counts = NDArray[np.int32]
Ints = NDArray[np.int64]


@compiled("void(uint16[:, :, ::1], int64[:, ::1], int64, int32[:, :, ::1])")
def pairs(levels: Levels, steps: Ints, pad: int, out: Counts) -> None:
    """Adds each voxel and the one a step before it to out[step, level, level before], (m, n + 1, n + 1).

    Row by row; what pairs with the outside lands in column 0, which is read by nobody: no branch.
    """
    depth, height, width = levels.shape
    flat, table = levels.reshape(levels.size), out.reshape(out.size)
    n_steps, side, cells = len(steps), np.uint64(out.shape[2]), np.uint64(out.shape[1] * out.shape[2])
    back = np.empty(n_steps, np.uint64)
    for m in range(n_steps):
        back[m] = (steps[m, 0] * height + steps[m, 1]) * width + steps[m, 2]
    for z in range(pad, depth - pad):
        for y in range(pad, height - pad):
            start = (z * height + y) * width
            for place in range(start + pad, start + width - pad):
                here = np.uint64(place)
                level = flat[here]
                if level == 0:
                    continue
                row = np.uint64(level) * side
                for m in range(n_steps):
                    table[row + np.uint64(flat[here - back[m]])] += np.int32(1)
                    row += cells


@part
def _ended(starts: Ints, out: Counts) -> None:
    """From how many voxels are at place k of a run to how many runs end there."""
    for m in range(len(out)):
        for g in range(len(starts) - 1):
            for k in range(starts[g], starts[g + 1] - 1):
                out[m, k] -= out[m, k + 1]


@compiled("void(uint16[:, :, ::1], int64[:, ::1], int64, int64[::1], int32[:, ::1])")
def runs(levels: Levels, steps: Ints, pad: int, starts: Ints, out: Counts) -> None:
    """Runs of level g and length k: added to out[step, starts[g] + k - 1].

    Each voxel knows how far into its run it is from the voxel a step before; voxels at place k,
    less those at place k + 1, are the runs that end there. Only two slices of places are kept.
    """
    depth, height, width = levels.shape
    flat, table = levels.reshape(levels.size), out.reshape(out.size)
    n_steps, total, plane = len(steps), np.uint64(out.shape[1]), height * width
    place_of = np.zeros(2 * plane * n_steps, np.uint16)
    back = np.empty(n_steps, np.uint64)
    kept = np.empty((2, n_steps), np.int64)
    for m in range(n_steps):
        back[m] = (steps[m, 0] * height + steps[m, 1]) * width + steps[m, 2]
        within = steps[m, 1] * width + steps[m, 2]
        for odd in range(2):
            kept[odd, m] = ((odd ^ (steps[m, 0] & 1)) * plane - within) * n_steps + m
    for z in range(pad, depth - pad):
        odd = z & 1
        for y in range(pad, height - pad):
            start = (z * height + y) * width
            for x in range(pad, width - pad):
                here = np.uint64(start + x)
                level = flat[here]
                if level == 0:
                    continue
                pixel = (y * width + x) * n_steps
                mine = np.uint64(odd * plane * n_steps + pixel)
                row = np.uint64(starts[level])
                for m in range(n_steps):
                    before = place_of[np.uint64(pixel + kept[odd, m])]
                    place = np.uint16(before + 1) if flat[here - back[m]] == level else np.uint16(1)
                    place_of[mine + np.uint64(m)] = place
                    table[row + np.uint64(place) - np.uint64(1)] += np.int32(1)
                    row += total
    _ended(starts, out)
