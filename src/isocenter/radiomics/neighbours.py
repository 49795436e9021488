"""Neighbourhoods: difference of tone (NGTDM) and dependence (NGLDM): IBSI 1, sections 3.10, 3.11."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics import kernels_features, kernels_neighbours
from isocenter.radiomics.region import Ints, Region, mean, starts
from isocenter.radiomics.tables import described

Floats = NDArray[np.float64]
Counts = tuple[NDArray[np.int32], Floats, NDArray[np.int32]]

TONES = ("ngt_coarseness", "ngt_contrast", "ngt_busyness", "ngt_complexity", "ngt_strength")


def features(
    region: Region, aggregations: set[str], distance: int, coarseness: int
) -> dict[str, tuple[Floats, Floats]]:
    """For each of the aggregations ("2D" and "2_5D", or "3D"), which share one pass, features of tone (5,) and of
    dependence (17,)."""
    if "3D" in aggregations:
        begins = _rows(region, (2 * distance + 1) ** 3)
        counted = _counted(region.levels, region, distance, distance, coarseness, begins)
        return {"3D": _described(counted, begins)}
    begins = _rows(region, (2 * distance + 1) ** 2)
    found = {}
    if "2D" in aggregations:
        filled = [region.levels[z : z + 1] for z in range(len(region.levels)) if region.levels[z].any()]
        per = [_described(_counted(one, region, distance, 0, coarseness, begins), begins) for one in filled]
        found["2D"] = (mean([tones for tones, _ in per]), mean([dependences for _, dependences in per]))
    if "2_5D" in aggregations:
        found["2_5D"] = _described(_counted(region.levels, region, distance, 0, coarseness, begins), begins)
    return found


def _rows(region: Region, longest: int) -> Ints:
    return starts(np.where(region.counts > 0, longest, 0))


def _counted(
    levels: NDArray[np.uint16], region: Region, distance: int, across: int, coarseness: int, begins: Ints
) -> Counts:
    seen, apart = np.zeros(region.n_levels + 1, dtype=np.int32), np.zeros(region.n_levels + 1)
    dependent = np.zeros(begins[-1], dtype=np.int32)
    kernels_neighbours.neighbours(levels, region.pad, distance, across, coarseness, seen, apart, begins, dependent)
    return seen, apart, dependent


def _described(counted: Counts, begins: Ints) -> tuple[Floats, Floats]:
    seen, apart, dependent = counted
    tones = np.empty(5)
    kernels_features.described_tones(seen, apart, tones)
    return tones, described(begins, dependent, int(dependent.sum()))
