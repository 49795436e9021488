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

_SMALL, _LARGEST = 1 << 14, 1 << 24  # cells of a matrix: beside a processor's cache nothing; 64 MB
_MOST_RANKS = 1000  # levels whose eigenvalues are asked for: some seconds
_MOST_CELLS = 1 << 22  # of matrices at a time; more directions than fit take another pass


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
    cells = (region.n_levels + 1) ** 2
    if cells <= max(_SMALL, min(4 * region.n_voxels, _LARGEST)):
        return _by_matrices(region, steps)
    return _by_rows(region, steps)


def _matrices(region: Region, steps: Ints) -> Iterator[NDArray[np.int32]]:
    """Pairs (n + 1, n + 1) of level and level a step before, for each step; row and column 0 mean nothing."""
    side = region.n_levels + 1
    several = max(_MOST_CELLS // side**2, 1)
    for first in range(0, len(steps), several):
        some = steps[first : first + several]
        found = np.zeros((len(some), side, side), dtype=np.int32)
        kernels_directions.pairs(region.levels, some, region.pad, found)
        yield from found


def _by_matrices(region: Region, steps: Ints) -> tuple[list[Floats], Floats]:
    together = np.zeros((region.n_levels + 1, region.n_levels + 1), dtype=np.int32)
    rows = []
    for matrix in _matrices(region, steps):
        together += matrix
        rows.append(_features(matrix))
    return rows, _features(together)


def _features(matrix: NDArray[np.int32]) -> Floats:
    out = np.empty(len(FEATURES))
    kernels_features.described_pairs(matrix, len(matrix) - 1, out)
    return out


def _by_rows(region: Region, steps: Ints) -> tuple[list[Floats], Floats]:
    flat = region.levels.ravel()
    places = np.flatnonzero(flat)
    order = places[np.argsort(flat[places], kind="stable")]
    _, height, width = region.levels.shape
    jumps = (steps[:, 0] * height + steps[:, 1]) * width + steps[:, 2]
    out = np.empty((len(steps) + 1, len(FEATURES)))
    kernels_features.described_rare_pairs(flat, order, starts(region.counts), jumps, region.n_levels, out)
    return list(out[:-1]), out[-1]


def maximal_correlation(region: Region, steps: Ints, *, merged: bool) -> float:
    """PyRadiomics' maximal correlation coefficient (MCC), which IBSI does not have: mean over directions that have
    pairs, or of all of them merged.

    The root of the second largest eigenvalue of Q = sum over k of p(i,k) p(j,k) / p(i) p(k), which is the
    second singular value of p(i,k) / sqrt(p(i) p(k)). A region of one level has 1.
    """
    ranks = np.cumsum(region.counts > 0).astype(np.uint16)  # only levels that occur; 0, outside, stays 0
    few = Region(ranks[region.levels], int(ranks[-1]), region.pad)
    if few.n_levels > _MOST_RANKS:
        return float("nan")
    matrices = list(_matrices(few, steps))
    if merged:
        matrices = [np.sum(matrices, axis=0, dtype=np.int32)]
    values = [_second(matrix) for matrix in matrices if matrix[1:, 1:].any()]
    return float(np.mean(values)) if values else float("nan")


def _second(matrix: NDArray[np.int32]) -> float:
    joint = (matrix + matrix.T)[1:, 1:].astype(np.float64)
    single = joint.sum(axis=1)
    kept = single > 0
    if kept.sum() == 1:
        return 1.0
    scale = 1 / np.sqrt(single[kept])
    return float(np.sort(np.abs(np.linalg.eigvalsh(joint[np.ix_(kept, kept)] * np.outer(scale, scale))))[-2])
