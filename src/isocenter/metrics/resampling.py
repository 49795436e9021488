"""Intervals for cross-validation that know that folds share their training cases.

They speak of the *procedure* trained on that many patients, never of one model. Arrays are (repeats, folds):
one value of the metric for each held-out fold, NaN where it is not defined there (left out, and counted).
Folds are made of patients; a loss is averaged over a patient's cases first.

Which one: `corrected`, with ten repeats of five folds. Simulated (benchmarks/resampling.py: 50 to 100 patients, 9 to 50
events) it covers 94 to 98 % whatever the metric, at a third of the fits of `nested` (91 to 98 %). `bootstrapped` is the
cautious one (95 to 99 %). Pooled folds taken for so many patients cover 85 to 93 % once, and 34 to 49 % in ten repeats.
Where a penalty is chosen inside, AUC and Brier score are covered as well. Accuracy at a threshold chosen inside is not
(60 and 120 patients: `nested` 80 to 88 %, `corrected` 85 to 96 %): it moves with the sample, and all folds share that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import t

from isocenter.metrics import Floats, Ints, ratio
from isocenter.metrics.bootstrap import percentiles
from isocenter.metrics.intervals import LEVEL, NONE, Interval, delong, wilson, z_of

Scale = Literal["identity", "logit"]


@dataclass(frozen=True, slots=True)
class Resampled:
    """The procedure's value and its interval.

    error: standard error of the value; used: fold values (or draws) that it rests on; bias: by how much the value
    would move, were it trained on all patients instead of all but a fold (only `nested` knows).
    """

    value: float
    interval: Interval = NONE
    error: float = math.nan
    used: int = 0
    bias: float = math.nan


def fold_means(losses: Floats, folds: Ints) -> tuple[Floats, Floats]:
    """(k,) mean of the patients' losses in each fold and its sampling variance; losses, folds: (n,), folds 0..k-1."""
    counts = np.bincount(folds).astype(np.float64)
    means = ratio(np.bincount(folds, losses), counts)
    squares = np.bincount(folds, (losses - means[folds]) ** 2)
    return means, ratio(squares, (counts - 1) * counts)


def fold_aucs(events: NDArray[np.bool_], scores: Floats, folds: Ints) -> tuple[Floats, Floats]:
    """(k,) AUC in each fold and DeLong's variance; NaN without both kinds of patients, or two of each."""
    found = []
    for fold in range(int(folds.max()) + 1):
        own = folds == fold
        both = len(np.unique(events[own])) == 2
        found.append(delong(events[own], scores[own]) if both else (math.nan, math.nan))
    return np.array([area for area, _ in found]), np.array([variance for _, variance in found])


def corrected(
    values: Floats,
    variances: Floats | None,
    n_train: float,
    n_test: float,
    *,
    scale: Scale = "identity",
    level: float = LEVEL,
) -> Resampled:
    """Corrected resampled t interval (Nadeau and Bengio, Mach Learn 2003; Bouckaert and Frank, PAKDD 2004).

    The variance of the mean of J values is (1 / J + n_test / n_train) s2, with J - 1 degrees of freedom. s2 is their
    variance, or, if that is larger, the mean sampling variance within a fold (`fold_means`, `fold_aucs`), which has
    n - 1: stratified folds hold equally many events, agree too well, and the published interval then covers as little
    as 76 %. n_train, n_test: patients. scale: "logit" for an AUC. With one repeat it is wide (98 % and more).
    """
    found = values[np.isfinite(values)]
    j = len(found)
    if j < 2:
        return Resampled(float(found.mean()) if j else math.nan, used=j)
    within = 0.0 if variances is None else _mean(variances)
    value, spread, degrees = float(found.mean()), float(found.var(ddof=1)), j - 1.0
    if within > spread:  # not where it is NaN
        spread, degrees = within, max(degrees, n_train + n_test - 1)
    error = math.sqrt((1 / j + n_test / n_train) * spread)
    interval = _around(value, error, float(t.isf((1 - level) / 2, degrees)), scale, "corrected-resampled")
    return Resampled(value, interval, error, j)


def nested(
    inner: Floats, outer: Floats, variances: Floats, n: int, *, scale: Scale = "identity", level: float = LEVEL
) -> Resampled:
    """Nested cross-validation (Bates, Hastie and Tibshirani, J Am Stat Assoc 2024). Nothing is chosen in its loops.

    For each outer fold, all (repeats, folds): inner, the mean value of the models trained without it and one further
    fold, each on that further fold; outer, the value on it of the model trained on all the rest; variances, the
    sampling variance of outer. What the two differ by, beyond that variance, is the error of cross-validation itself:
    MSE = mean((inner - outer)^2 - variance), as standard error kept between the naive one and sqrt(folds) times it.
    For an AUC, which is no mean of losses, DeLong's variance takes its place: an assumption that the
    simulation bears out. n: patients; t with n - 1 degrees of freedom. Their correction for the smaller training
    parts is told as `bias` but not made: it adds more noise than it removes. Where inner values
    are of a candidate chosen by them, they flatter, and inner - outer holds that too: of five penalties it costs no
    coverage.
    """
    usable = np.isfinite(inner) & np.isfinite(outer) & np.isfinite(variances)
    value, folds, used = _mean(outer), outer.shape[1], int(np.isfinite(outer).sum())
    if not usable.any() or n < 2:
        return Resampled(value, used=used)
    naive = float(variances[usable].mean()) / folds
    mse = float(((inner - outer) ** 2 - variances)[usable].mean()) * (folds - 1) / folds
    error = math.sqrt(min(max(mse, naive), folds * naive))
    interval = _around(value, error, float(t.isf((1 - level) / 2, n - 1)), scale, "nested-cv")
    # Training on all but two folds, one, none: with an error that falls as 1 / patients.
    bias = float((outer - inner)[usable].mean()) * (folds - 2) / folds
    return Resampled(value, interval, error, used, bias)


def bootstrapped(values: Floats, apparent: float | None = None, *, level: float = LEVEL) -> Resampled:
    """Bootstrap of the whole procedure: percentiles of (b,) values of refits, each on patients drawn with replacement.

    values: on the patients that a draw left out. They are trained on 63 % of the patients, so the value is cautious;
    with the apparent value (of the procedure on its own training patients) it moves to Efron's .632 estimate, and the
    percentiles with it: not for methods that fit their training patients perfectly. Covers 95 to 99 %.
    """
    drawn = percentiles(values, level)
    out = _mean(values)
    value = out if apparent is None else 0.368 * apparent + 0.632 * out
    used, shift = drawn.draws - drawn.undefined, value - out
    low, high, how = drawn.interval
    if how == "none":
        return Resampled(value, used=used)
    return Resampled(
        value, Interval(low + shift, high + shift, "bootstrap-procedure"), float(np.nanstd(values, ddof=1)), used
    )


def _around(value: float, error: float, quantile: float, scale: Scale, how: str) -> Interval:
    """Limits value +- quantile x error, on the logit scale by the delta method; none where nothing varies."""
    if error == 0 or not math.isfinite(value):
        return NONE
    if scale == "identity":
        return Interval(value - quantile * error, value + quantile * error, how)
    if not 0 < value < 1:
        return NONE
    half = quantile * error / (value * (1 - value))
    return Interval(float(expit(logit(value) - half)), float(expit(logit(value) + half)), how)


def of_share(value: float, error: float, quantile: float, how: str, most: float = math.inf) -> Interval:
    """Wilson's limits of what lies between 0 and 1, with as many cases as its standard error is worth.

    These are value (1 - value) / error^2, but no more than `most`, the patients that were counted, and lowered by the
    quantile of Student's t (Korn and Graubard, Surv Methodol 1998). Near an end the logit's delta method explodes with
    t of few folds (.67 to 1 for a specificity of .997), where a score interval asks how far another truth could lie.
    None at 0 and 1, where the error says nothing.
    """
    if not (0 < value < 1 and error > 0):
        return NONE
    worth = min(value * (1 - value) / error**2, most) * (z_of() / quantile) ** 2
    return wilson(value * worth, worth)._replace(how=how)


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else math.nan


Kind = Literal["corrected", "nested", "bootstrapped"]


def fits(kind: Kind, folds: int = 5, repeats: int = 10, draws: int = 200) -> int:
    """How often the whole procedure (its inner choices included) is fitted for an interval of this kind."""
    if kind == "bootstrapped":
        return draws
    pairs = folds * (folds - 1) // 2 if kind == "nested" else 0
    return repeats * (folds + pairs)
