"""Metrics are plain functions: arrays in, numbers out.

They know no cohort, no model and no subgroup; `isocenter.evaluation` wraps them.

Contract of every metric: `weights` is None (each case counts once) or an array (..., n) that says
how often each case counts; the answer then has shape (...). One formula so serves the value and
all bootstrap draws at once, and a weight of 2 is a case that is there twice. Where a metric is not
defined (no case of the class, a constant reference) the answer is NaN, never an error.

- Formulas: `classification` (decisions and probabilities), `ranking` (AUC, average precision), `ordinal`,
  `multilabel`, `regression`, `differences` (Bland-Altman), `curves` (ROC and precision-recall points).
- Probabilities: `calibration`, `reliability` (its curve), `scoring` (parts of the Brier score), `recalibration`;
  `logistic` and `probabilities` serve them.
- Decisions: `thresholds`, `operating` (points on tuning and test scores), `usefulness` (net benefit, prevalences).
- All metrics of a task at once: `panels`, `grade_panel`, `label_panel`; `estimation` gives each its interval, from
  `closed` and `intervals` (closed forms) or `bootstrap` and `drawn`; `groups` and `kernels` (compiled) are for speed.
- Several splits or sites: `resampling`, `pooling`; other seeds: `seeds`.
- Methods against each other: `comparison`, `pairs`. Readers: `agreement`, `icc`, `readers`.
- How many patients: `sample_size` (criteria), `adequacy` (the verdict), `learning_curve`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isocenter.errors import BadShape

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SMALLER_IS_BETTER = frozenset(
    {
        "brier",
        "mae",
        "rmse",
        "median_absolute_error",
        "mape",
        "rps",
        "grade_error",
        "hamming_loss",
        "ici",
        "ece",
        "brier_reliability",
    }
)


def larger_is_better(metric: str) -> bool:
    """False for errors and losses."""
    return metric not in _SMALLER_IS_BETTER


def ratio(above: ArrayLike, below: ArrayLike) -> Floats:
    """Quotient, NaN where `below` is 0."""
    top, bottom = np.broadcast_arrays(np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64))
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0))


def weighted(weights: Floats | None, n: int) -> Floats:
    """Weights (..., n); ones where None. BadShape if they are of another number of cases."""
    if weights is None:
        return np.ones(n)
    if np.shape(weights)[-1:] != (n,):
        raise BadShape(f"Weights of shape {np.shape(weights)} for {n} cases.", "Their last axis is the cases.")
    return np.asarray(weights, dtype=np.float64)


def same_shape(first: ArrayLike, second: ArrayLike, dimensions: int = 1) -> None:
    """BadShape unless both have this number of dimensions, and the same lengths."""
    if np.ndim(first) != dimensions or np.shape(first) != np.shape(second):
        shapes = f"Arrays of shapes {np.shape(first)} and {np.shape(second)} cannot be compared."
        raise BadShape(shapes, f"Give two of {dimensions} dimension(s) and the same lengths, one row a case.")
