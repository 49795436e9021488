"""Simulated cohorts, and thousands of fits and values at once: what benchmarks/resampling.py stands on. No benchmark.

Weights (f, n) say who is trained on, or how often; predictions are (f, m). So the fits of a whole bootstrap are one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import rankdata

Floats = NDArray[np.float64]
NEIGHBOURS = 5


@dataclass(frozen=True)
class Setting:
    """signal: SD of the true logits, or of the true values with noise of SD 1; prevalence 0: a number."""

    name: str
    method: str
    n: int
    p: int
    signal: float
    prevalence: float = 0.0
    folds: int = 5

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy", "AUC", "Brier") if self.prevalence else ("MAE",)


class Cohort(NamedTuple):
    x: Floats
    y: Floats


def intercept(setting: Setting) -> float:
    """Intercept of the true logits that gives the prevalence."""
    z, low, high = np.random.default_rng(1).normal(size=200_000) * setting.signal, -10.0, 10.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(z + middle).mean() < setting.prevalence else (low, middle)
    return low


def draw(setting: Setting, n: int, rng: np.random.Generator, constant: float) -> Cohort:
    """So many patients; half of the predictors carry the signal."""
    x = rng.normal(size=(n, setting.p))
    half = max(1, setting.p // 2)
    truth = x[:, :half].sum(axis=1) * setting.signal / np.sqrt(half)
    if not setting.prevalence:
        return Cohort(x, truth + rng.normal(size=n))
    return Cohort(x, (rng.random(n) < expit(truth + constant)).astype(float))


# --- many fits at once: weights (f, n) in, predictions (f, m) out


def linear(train: Cohort, weights: Floats, x: Floats) -> Floats:
    a = np.column_stack([np.ones(len(train.x)), train.x])
    squares = (a[:, :, None] * a[:, None, :]).reshape(len(a), -1)
    left = (weights @ squares).reshape(-1, a.shape[1], a.shape[1]) + 1e-3 * np.eye(a.shape[1])
    beta = np.linalg.solve(left, ((weights * train.y) @ a)[..., None])[..., 0]
    return beta @ np.column_stack([np.ones(len(x)), x]).T


def logistic(train: Cohort, weights: Floats, x: Floats, strength: float = 1.0) -> Floats:
    """With scikit-learn's penalty (1 / C, by default 1), the intercept free; Newton's steps, kept short."""
    a = np.column_stack([np.ones(len(train.x)), train.x])
    squares = (a[:, :, None] * a[:, None, :]).reshape(len(a), -1)
    penalty = np.diag([1e-6] + [strength] * train.x.shape[1])
    beta = np.zeros((len(weights), a.shape[1]))
    for _ in range(10):
        chance = expit(np.clip(beta @ a.T, -30, 30))
        curvature = ((weights * chance * (1 - chance)) @ squares).reshape(-1, *penalty.shape) + penalty
        step = np.linalg.solve(curvature, ((weights * (train.y - chance)) @ a - beta @ penalty)[..., None])[..., 0]
        step /= np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True) / 3)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    return expit(beta @ np.column_stack([np.ones(len(x)), x]).T)


def neighbours(train: Cohort, weights: Floats, x: Floats) -> Floats:
    """Share of events among the nearest five; a patient with weight 2 is there twice."""
    order = ((x[:, None] - train.x[None]) ** 2).sum(axis=-1).argsort(axis=1)
    found = np.empty((len(weights), len(x)))
    for start in range(0, len(weights), 50):
        w = weights[start : start + 50][:, order]
        taken = np.clip(NEIGHBOURS - (np.cumsum(w, axis=2) - w), 0, w)
        found[start : start + 50] = (taken * train.y[order]).sum(axis=2) / NEIGHBOURS
    return found


METHODS: dict[str, Callable[[Cohort, Floats, Floats], Floats]] = {
    "linear": linear, "logistic": logistic, "neighbours": neighbours,
}  # fmt: skip


# --- many values at once: predictions (f, n) and who is looked at (f, n) in; value and sampling variance (f,) out


def score(metric: str, y: Floats, predicted: Floats, seen: Floats) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        if metric == "AUC":
            return auc(y, predicted, seen)
        losses, m = loss(metric, y, predicted), seen.sum(axis=1)
        value = (losses * seen).sum(axis=1) / m
        return value, ((losses - value[:, None]) ** 2 * seen).sum(axis=1) / (m - 1) / m


def loss(metric: str, y: Floats, predicted: Floats) -> Floats:
    if metric == "accuracy":
        return ((predicted > 0.5) == (y > 0.5)).astype(float)
    return (predicted - y) ** 2 if metric == "Brier" else np.abs(predicted - y)


def auc(y: Floats, predicted: Floats, seen: Floats) -> tuple[Floats, Floats]:
    """AUC by every pair, and DeLong's variance; seen holds 0, 1 or how often."""
    e, o = np.flatnonzero(y > 0.5), np.flatnonzero(y < 0.5)
    above = (predicted[:, e, None] > predicted[:, None, o]) + 0.5 * (predicted[:, e, None] == predicted[:, None, o])
    events, others = seen[:, e], seen[:, o]
    m, n = events.sum(axis=1), others.sum(axis=1)
    with_event = np.einsum("feo,fo->fe", above, others) / n[:, None]
    without = np.einsum("feo,fe->fo", above, events) / m[:, None]
    value = (with_event * events).sum(axis=1) / m
    parts = [
        ((share - value[:, None]) ** 2 * mass).sum(axis=1) / (count - 1) / count
        for share, mass, count in ((with_event, events, m), (without, others, n))
    ]
    return value, np.where((m > 1) & (n > 1), parts[0] + parts[1], np.nan)


def population(metric: str, y: Floats, predicted: Floats) -> float:
    """Value on the many new patients; predicted (m,)."""
    if metric != "AUC":
        return float(loss(metric, y, predicted).mean())
    events = y > 0.5
    m, n = events.sum(), (~events).sum()
    return float((rankdata(predicted)[events].sum() - m * (m + 1) / 2) / (m * n))
