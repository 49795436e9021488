"""Grey level co-occurrence (GLCM): IBSI 1, section 3.6."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics import kernels_directions, kernels_features
from isocenter.radiomics.region import PLANE, STEPS, Ints, Region, mean, starts

Floats = NDArray[np.float64]

FEATURES = tuple(
    f"cm_{name}"
    for name in (
        "joint_max", "joint_avg", "joint_var", "joint_entr", "diff_avg", "diff_var", "diff_entr",
        "sum_avg", "sum_var", "sum_entr", "energy", "contrast", "dissimilarity",
        "inv_diff", "inv_diff_norm", "inv_diff_mom", "inv_diff_mom_norm", "inv_var",
        "corr", "auto_corr", "clust_tend", "clust_shade", "clust_prom", "info_corr1", "info_corr2",
    )
)  # fmt: skip

_ALWAYS = 128  # a matrix of so many levels is small beside what else is in a processor's cache
_NEVER = 700  # and one of so many in 13 directions beside what one program may take: 25 MB


def features(region: Region, aggregation: str, distance: int) -> dict[str, Floats]:
    """Features (25,) of `aggregation` + "_avg" and + "_comb", aggregation being "2D", "2_5D" or "3D"."""
    if aggregation == "2D":
        each = [_described(part, PLANE * distance) for part in region.slices()]
        return {
            "avg": mean([row for rows, _ in each for row in rows]),
            "comb": mean([together for _, together in each]),
        }
    rows, together = _described(region, (STEPS if aggregation == "3D" else PLANE) * distance)
    return {"avg": mean(rows), "comb": together}


def _described(region: Region, steps: Ints) -> tuple[list[Floats], Floats]:
    """Features of each direction, and of all of them merged."""
    side = region.n_levels + 1
    if side <= _ALWAYS or (side <= _NEVER and side**2 < 4 * region.n_voxels):
        return _by_matrices(region, steps)
    return _by_rows(region, steps)


def matrices(region: Region, steps: Ints) -> NDArray[np.int32]:
    """Pairs (directions, n + 1, n + 1) of level and level a step before; row and column 0 mean nothing."""
    side = region.n_levels + 1
    found = np.zeros((len(steps), side, side), dtype=np.int32)
    kernels_directions.pairs(region.levels, steps, region.pad, found)
    return found


def _by_matrices(region: Region, steps: Ints) -> tuple[list[Floats], Floats]:
    found = matrices(region, steps)
    described = [np.empty(25) for _ in range(len(found) + 1)]
    for matrix, out in zip([*found, found.sum(axis=0, dtype=np.int32)], described):
        kernels_features.described_pairs(matrix, region.n_levels, out)
    return described[:-1], described[-1]


def _by_rows(region: Region, steps: Ints) -> tuple[list[Floats], Floats]:
    flat = region.levels.ravel()
    places = np.flatnonzero(flat)
    order = places[np.argsort(flat[places], kind="stable")]
    begins = starts(region.counts())
    _, height, width = region.levels.shape
    jumps = (steps[:, 0] * height + steps[:, 1]) * width + steps[:, 2]

    def described(chosen: Ints) -> Floats:
        out = np.empty(25)
        kernels_features.described_rare_pairs(flat, order, begins, chosen, region.n_levels, out)
        return out

    return [described(jumps[m : m + 1]) for m in range(len(jumps))], described(jumps)


def second_correlation(region: Region, steps: Ints) -> Iterator[float]:
    """PyRadiomics' maximal correlation coefficient of each direction that has pairs; not in IBSI.

    The root of the second largest eigenvalue of Q = sum over k of p(i,k) p(j,k) / p(i) p(k), which is the
    second singular value of p(i,k) / sqrt(p(i) p(k)). A region of one level has 1.
    """
    for matrix in matrices(region, steps):
        joint = (matrix + matrix.T)[1:, 1:].astype(np.float64)
        single = joint.sum(axis=1)
        kept = single > 0
        if kept.sum() > 1:
            scale = 1 / np.sqrt(single[kept])
            yield float(np.sort(np.abs(np.linalg.eigvalsh(joint[np.ix_(kept, kept)] * np.outer(scale, scale))))[-2])
        elif kept.any():
            yield 1.0
