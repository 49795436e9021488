"""Grey level run lengths (GLRLM): IBSI 1, section 3.7."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics import kernels_directions
from isocenter.radiomics.region import PLANE, STEPS, Ints, Region, mean, starts
from isocenter.radiomics.tables import described

Floats = NDArray[np.float64]
_MOST_CELLS = 1 << 23  # of tables at a time: 32 MB; more directions than fit take another pass


def features(region: Region, aggregation: str) -> dict[str, Floats]:
    """Features (17,) of `aggregation` + "_avg" and + "_comb", aggregation being "2D", "2_5D" or "3D"."""
    if aggregation == "2D":
        each = [_described(part, PLANE) for part in region.slices()]
        return {
            "avg": mean([row for rows, _ in each for row in rows]),
            "comb": mean([together for _, together in each]),
        }
    rows, together = _described(region, STEPS if aggregation == "3D" else PLANE)
    return {"avg": mean(rows), "comb": together}


def _described(region: Region, steps: Ints) -> tuple[list[Floats], Floats]:
    """Features of each direction, and of all of them merged."""
    begins = starts(np.minimum(region.counts, max(region.levels.shape)))
    n_voxels, together = region.n_voxels, np.zeros(begins[-1], dtype=np.int32)
    rows = []
    several = max(int(_MOST_CELLS // max(begins[-1], 1)), 1)
    for first in range(0, len(steps), several):
        some = steps[first : first + several]
        found = np.zeros((len(some), begins[-1]), dtype=np.int32)
        kernels_directions.runs(region.levels, some, region.pad, begins, found)
        rows += [described(begins, table, n_voxels) for table in found]
        together += found.sum(axis=0, dtype=np.int32)
    return rows, described(begins, together, n_voxels * len(steps))
