"""The same region drawn a little otherwise: which features would another drawing change?

After Zwanenburg et al., Assessing robustness of radiomic features by image perturbation, Sci Rep 9:614 (2019): of
their perturbations change of volume and translation, here by half a voxel and of the mask alone. Rotation, noise and
random contours are left out: what fails here is not stable, what passes is not proven to be. How far masks are changed
is our choice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.features.regions import Bools, Region
from isocenter.metrics.icc import icc

SHARE = 0.15  # of the volume
HALF = 0.5  # voxels along each axis
# Name of each perturbation: how the volume is changed, and how far the region moves along all axes.
WAYS: dict[str, tuple[float, float]] = {
    "grown": (1 + SHARE, 0.0),
    "shrunk": (1 - SHARE, 0.0),
    "forth": (1.0, HALF),
    "back": (1.0, -HALF),
}
_TIES = 1e-3  # voxels: which of equally distant voxels go is drawn, else all would lie on one side


def perturbed(region: Region, shape: tuple[int, ...], spacing: Sequence[float], way: str) -> Region:
    """A region grown, shrunk or moved, with as many voxels as the way says: those deepest in it by signed distance.

    shape: of the image, which it cannot leave; spacing: (slice, row, column) mm; way: of `WAYS`. At least one voxel
    stays. The same region is always changed in the same way.
    """
    times, step = WAYS[way]
    pad = [2 + math.ceil(SHARE * n) for n in region.mask.shape]
    place = tuple(
        slice(max(one.start - more, 0), min(one.stop + more, n))
        for one, more, n in zip(region.place, pad, shape, strict=True)
    )
    mask = np.zeros([one.stop - one.start for one in place], dtype=np.bool_)
    mask[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(region.place, place, strict=True))] = (
        region.mask
    )
    depth = _depth(mask, spacing)
    if step:
        depth = ndimage.shift(depth, [step if n > 1 else 0.0 for n in mask.shape], order=1, mode="nearest")
    depth += np.random.default_rng(0).uniform(0, _TIES * min(spacing), depth.shape)
    n = min(max(round(times * int(mask.sum())), 1), mask.size)
    found = np.zeros(mask.size, dtype=np.bool_)
    found[np.argpartition(depth, mask.size - n, axis=None)[mask.size - n :]] = True
    return Region(region.name, found.reshape(mask.shape), place)


def _depth(mask: Bools, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Signed distance (mm) of each voxel to the nearest on the other side: above 0 inside."""
    around = np.pad(mask, 1)  # outside of the image nothing is marked
    inward = ndimage.distance_transform_edt(around, sampling=spacing)
    outward = ndimage.distance_transform_edt(~around, sampling=spacing)
    return np.array((inward - outward)[1:-1, 1:-1, 1:-1], dtype=np.float64)


def reliable(tables: Sequence[NDArray[np.float64]], least: float) -> Bools:
    """(p,) whether the ICC(2,1) of each column over tables (cases, p), a perturbation each, is at least `least`.

    Cases that some perturbation leaves without a value do not count; undefined is not reliable.
    """
    values = np.stack(tables, axis=-1)
    return np.array([float(icc(values[:, j])) >= least for j in range(values.shape[1])], dtype=np.bool_)
