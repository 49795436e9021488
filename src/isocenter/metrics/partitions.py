"""How alike two partitions of the same cases are: clusters against each other, or against a reference.

Numbers of groups mean nothing here, only who is with whom. -1 (in no cluster) is a group as any other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from isocenter.metrics import Floats, ratio, same_shape, weighted


def contingency(first: ArrayLike, second: ArrayLike, weights: Floats | None = None) -> Floats:
    """(..., a, b) cases in each group of the first and each of the second."""
    same_shape(first, second)
    rows, i = np.unique(np.asarray(first), return_inverse=True)
    columns, j = np.unique(np.asarray(second), return_inverse=True)
    cell, cells = i * len(columns) + j, len(rows) * len(columns)
    counted = weighted(weights, len(cell))
    flat = counted.reshape(-1, len(cell))
    table = np.array([np.bincount(cell, row, minlength=cells) for row in flat])
    return table.reshape(*counted.shape[:-1], len(rows), len(columns))


def adjusted_rand(first: ArrayLike, second: ArrayLike, weights: Floats | None = None) -> Floats:
    """Adjusted Rand index (Hubert and Arabie, J Classif 1985): 1 alike, 0 as by chance; NaN if neither parts."""
    table = contingency(first, second, weights)
    pairs = _pairs(table).sum(axis=(-2, -1))
    rows, columns = _pairs(table.sum(axis=-1)).sum(axis=-1), _pairs(table.sum(axis=-2)).sum(axis=-1)
    expected = ratio(rows * columns, _pairs(table.sum(axis=(-2, -1))))
    return ratio(pairs - expected, (rows + columns) / 2 - expected)


def purity(reference: ArrayLike, clusters: ArrayLike, weights: Floats | None = None) -> Floats:
    """Share of cases that belong to the commonest group of the reference in their cluster; grows with more clusters."""
    table = contingency(reference, clusters, weights)
    return ratio(table.max(axis=-2).sum(axis=-1), table.sum(axis=(-2, -1)))


def cramer_v(table: ArrayLike) -> Floats:
    """(...) association in counts (..., a, b), 0 to 1, corrected for bias (Bergsma, J Korean Stat Soc 2013).

    Rows and columns without a case do not count; NaN where fewer than two are left.
    """
    counts = np.asarray(table, dtype=np.float64)
    n = counts.sum(axis=(-2, -1))
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    expected = ratio(rows[..., :, None] * columns[..., None, :], n[..., None, None])
    chi2 = np.nansum(ratio((counts - expected) ** 2, expected), axis=(-2, -1))
    r, c = (rows > 0).sum(axis=-1), (columns > 0).sum(axis=-1)
    phi = np.maximum(ratio(chi2, n) - ratio((r - 1) * (c - 1), n - 1), 0.0)
    fewest = np.minimum(r - ratio((r - 1) ** 2, n - 1), c - ratio((c - 1) ** 2, n - 1)) - 1
    found = np.sqrt(ratio(phi, fewest))
    return np.where(np.minimum(r, c) > 1, np.minimum(found, 1.0), np.nan)


def _pairs(counts: Floats) -> Floats:
    return counts * (counts - 1) / 2
