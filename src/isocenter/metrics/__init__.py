"""Metrics are plain functions: arrays in, numbers out.

They know no cohort, no model and no subgroup; `isocenter.evaluation` wraps them.

Contract of every metric: `weights` is None (each case counts once) or an array (..., n) that says
how often each case counts; the answer then has shape (...). One formula so serves the value and
all bootstrap draws at once, and a weight of 2 is a case that is there twice. Where a metric is not
defined (no case of the class, a constant reference) the answer is NaN, never an error.

`classification` (decisions and probabilities), `ranking` (AUC, average precision), `regression`,
`curves` (ROC and precision-recall points), `intervals` (closed forms), `bootstrap` (the rest).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLER_IS_BETTER = frozenset({"brier", "mae", "rmse"})


def larger_is_better(metric: str) -> bool:
    """False for errors and losses."""
    return metric not in _SMALLER_IS_BETTER


def ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    """Quotient, NaN where `below` is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0))


def weighted(weights: Floats | None, n: int) -> Floats:
    """Weights (..., n); ones where None."""
    return np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
