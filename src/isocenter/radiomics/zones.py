"""Zones of equal grey level by size (GLSZM) and by distance to the border (GLDZM): IBSI 1, sections 3.8, 3.9."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics import kernels_zones
from isocenter.radiomics.region import Region, mean, starts
from isocenter.radiomics.tables import described

Floats = NDArray[np.float64]


def features(region: Region, aggregations: set[str]) -> dict[str, tuple[Floats, Floats]]:
    """For each of the aggregations ("2D" and "2_5D", or "3D"), which share one labelling, features (17,) by size and
    by distance."""
    planar = "3D" not in aggregations
    nearest = _distances(region, planar)
    parent = np.empty(region.levels.size, dtype=np.int32)
    longest = int(nearest.max())
    kernels_zones.label(region.levels, planar, parent, nearest.ravel())
    found = {}
    if "2D" in aggregations:
        filled = [z for z in range(len(region.levels)) if region.levels[z].any()]
        alone = [Region(region.levels[z : z + 1], region.n_levels, region.pad) for z in filled]
        forest = parent.reshape(len(region.levels), -1)
        per = [_tallied(one, forest[z], nearest[z], longest) for z, one in zip(filled, alone, strict=True)]
        found["2D"] = (mean([sizes for sizes, _ in per]), mean([depths for _, depths in per]))
    if aggregations - {"2D"}:
        merged = _tallied(region, parent, nearest, longest)
        found.update(dict.fromkeys(aggregations - {"2D"}, merged))
    return found


def _distances(region: Region, planar: bool) -> NDArray[np.uint16]:
    """Of the morphological mask: what was cut out of the region for its intensity alone is no border (IBSI)."""
    inside = region.levels > 0 if region.inside is None else region.inside
    nearest = np.where(inside, np.uint16(65535), np.uint16(0))
    kernels_zones.distances(nearest, planar)
    return nearest


def _tallied(
    region: Region, parents: NDArray[np.int32], nearest: NDArray[np.uint16], longest: int
) -> tuple[Floats, Floats]:
    by_size, by_distance = starts(region.counts), starts(np.where(region.counts > 0, max(longest, 1), 0))
    sizes, depths = np.zeros(by_size[-1], dtype=np.int32), np.zeros(by_distance[-1], dtype=np.int32)
    kernels_zones.tally(region.levels.ravel(), parents, nearest.ravel(), by_size, sizes, by_distance, depths)
    return described(by_size, sizes, region.n_voxels), described(by_distance, depths, region.n_voxels)
