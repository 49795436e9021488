"""Nested cross-validation with the choices that the product makes in its inner folds. No benchmark: `resampling.py` runs it.

In every training part inner folds choose the penalty (AUC within 0.01 of the best, then the Brier score, as
`fitting` does) and the threshold (`--decide sensitivity=0.8`); inner values are those of the chosen candidate on the
rows that chose it. Truth: the mean over all repetitions of the whole procedure on all n, choices included, on 20,000
new patients.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from many_fits import Cohort, Floats, Setting, logistic, population, score
from numpy.typing import NDArray

from isocenter.fitting import NEAR
from isocenter.methods.linear import CHOICES
from isocenter.metrics.intervals import Interval
from isocenter.metrics.resampling import corrected, nested
from isocenter.metrics.thresholds import nearest

CRITERION = "sensitivity=0.8"
REPEATS = 5
PENALTIES = [float(str(penalty)) for penalty in CHOICES["penalty"]]
SETTINGS = [
    Setting("logistic, n 60, p 10, 40 % events, choices inside", "logistic", 60, 10, 1.2, 0.4),
    Setting("logistic, n 120, p 10, 30 % events, choices inside", "logistic", 120, 10, 1.2, 0.3),
]
Bools = NDArray[np.bool_]
Assign = Callable[[np.random.Generator, Floats, int, bool], NDArray[np.int64]]


def repetition(
    setting: Setting, cohort: Cohort, rng: np.random.Generator, new: Cohort, assign: Assign
) -> dict[str, dict[str, object]]:
    """For each metric: intervals by name, and the value of the whole procedure on new patients."""
    n, k, y = setting.n, setting.folds, cohort.y
    folds = np.array([assign(rng, y, k, True) for _ in range(REPEATS)])
    parts = np.concatenate([(folds[:, None, :] != np.arange(k)[:, None]).reshape(-1, n), np.ones((1, n), dtype=bool)])
    inside = np.full(parts.shape, -1, dtype=np.int64)  # inner fold of each patient of a training part
    for part, found in zip(parts, inside, strict=True):
        found[part] = assign(rng, y[part], k, True)
    held = (inside[:, None, :] == np.arange(k)[:, None]).reshape(-1, n)  # (parts x k, n)
    learned = np.repeat(parts, k, axis=0) & ~held
    each = [logistic(cohort, learned.astype(float), cohort.x, penalty) for penalty in PENALTIES]
    out = np.stack([(one * held).reshape(len(parts), k, n).sum(axis=1) for one in each])  # (c, parts, n)
    best = chosen(y, out, parts)
    cuts = np.array([cut(y[part], out[c, i, part]) for i, (c, part) in enumerate(zip(best, parts, strict=True))])
    whole = [logistic(cohort, parts.astype(float), cohort.x, penalty) for penalty in PENALTIES]
    tested = np.array([whole[c][i] for i, c in enumerate(best)])[:-1]
    own = np.repeat(out[best, np.arange(len(best))], k, axis=0)[:-k]
    on_new = logistic(cohort, np.ones((1, n)), new.x, PENALTIES[best[-1]])[0]
    found = {}
    for metric in setting.metrics:
        outer, variance = values(metric, y, tested, ~parts[:-1], cuts[:-1])
        inner, _ = values(metric, y, own, held[:-k], np.repeat(cuts[:-1], k))
        arrays = inner.reshape(REPEATS, k, k).mean(axis=2), outer.reshape(REPEATS, k), variance.reshape(REPEATS, k)
        truth = population(metric, new.y, moved(metric, on_new, cuts[-1]))
        found[metric] = {"intervals": intervals(metric, *arrays, n, k), "truth": truth, "estimate": outer.mean()}
    return found


def chosen(y: Floats, out: Floats, parts: Bools) -> NDArray[np.int64]:
    """(parts,) the penalty that `fitting` would take."""
    areas = np.array([score("AUC", y, one, parts.astype(float))[0] for one in out])
    losses = np.array([score("Brier", y, one, parts.astype(float))[0] for one in out])
    near = areas >= areas.max(axis=0) - NEAR
    return np.where(near, losses, np.inf).argmin(axis=0)


def cut(y: Floats, scores: Floats) -> float:
    return float(nearest(CRITERION, y > 0.5, scores).threshold)


def moved(metric: str, predicted: Floats, cuts: Floats | float) -> Floats:
    """Accuracy is counted at one half: what reaches its threshold is moved above it."""
    return np.where(predicted >= cuts, 0.9, 0.1) if metric == "accuracy" else predicted


def values(metric: str, y: Floats, predicted: Floats, seen: Bools, cuts: Floats) -> tuple[Floats, Floats]:
    return score(metric, y, moved(metric, predicted, cuts[:, None]), seen.astype(float))


def intervals(metric: str, inner: Floats, outer: Floats, variance: Floats, n: int, k: int) -> dict[str, Interval]:
    scale, found = "logit" if metric == "AUC" else "identity", {}
    for r in (1, 2, REPEATS):
        found[f"corrected, {r} x"] = corrected(outer[:r], variance[:r], n - n / k, n / k, scale=scale).interval
        found[f"nested, {r} x"] = nested(inner[:r], outer[:r], variance[:r], n, scale=scale).interval
    return found
