"""Two methods on the same cases: the difference (first minus second), its 95 % interval, and p.

- AUC, one case a patient: DeLong's test; the interval from the two AUCs' own (MOVER).
- Shares of the same cases (accuracy, sensitivity, specificity): McNemar; with several cases a patient Obuchowski.
- Everything else, and several cases a patient: both methods in the same bootstrap draws of patients.
- Scores of cross-validation folds: the corrected resampled t-test.

`pairs` chooses among them for every metric of two panels; `holm` corrects p where many are looked
at; `verdict` says what an interval allows to claim. Undefined numbers are NaN, never an error.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import percentiles
from isocenter.metrics.intervals import LEVEL, NONE, TINY, Interval, auc_interval, t_of, z_of
from isocenter.metrics.ranking import Ranking, placements

Mask = NDArray[np.bool_]
Verdict = Literal["better", "non-inferior", "inconclusive", "worse"]
# Fewer discordant pairs than this get the exact p; with more mid-p, which does not waste power, keeps its
# level as well (Fagerland, Lydersen and Laake, BMC Med Res Methodol 2013).
FEW_DISCORDANT = 25
_ROUNDING = 1e-12


class Comparison(NamedTuple):
    """Difference first - second, its interval, two-sided p against no difference, and how they were made."""

    difference: float
    low: float
    high: float
    p: float
    how: str


class PairedAreas(NamedTuple):
    """AUCs of two scores of the same cases, their variances and covariance."""

    first: float
    second: float
    var_first: float
    var_second: float
    covariance: float

    @property
    def difference(self) -> float:
        return self.first - self.second

    @property
    def variance(self) -> float:
        """Of the difference."""
        return self.var_first + self.var_second - 2 * self.covariance


def paired_areas(events: Mask, first: Floats, second: Floats) -> PairedAreas:
    """DeLong, DeLong and Clarke-Pearson, Biometrics 1988. events, first, second: (n,), independent cases.

    NaN areas without both kinds of cases, NaN variances with fewer than two of either.
    """
    m, n = int(events.sum()), int((~events).sum())
    if min(m, n) == 0:
        return PairedAreas(*(math.nan,) * 5)
    sides = [placements(events, scores) for scores in (first, second)]
    areas = [float(with_event.mean()) for with_event, _ in sides]
    if min(m, n) < 2:
        return PairedAreas(areas[0], areas[1], *(math.nan,) * 3)
    both = np.cov([s[0] for s in sides]) / m + np.cov([s[1] for s in sides]) / n
    return PairedAreas(areas[0], areas[1], float(both[0, 0]), float(both[1, 1]), float(both[0, 1]))


def compare_auc(events: Mask, first: Floats, second: Floats, level: float = LEVEL) -> Comparison:
    """DeLong's test of two AUCs of the same independent cases; the interval from those of the two AUCs.

    Difference +- z standard errors knows no bounds: against a score without information it covered 86 % and held AUCs
    above 1. So the two logit intervals make the interval, with DeLong's correlation. p is DeLong's, but for fewer than
    `TINY` cases of a kind, an AUC of 0 or 1, or a constant score, where its variance is a guess or 0: there p goes
    with the interval. Against a constant score that is the other AUC's own, less 0.5. Scores in one and the same
    order differ in no sample.
    """
    pair = paired_areas(events, first, second)
    if math.isnan(pair.difference):
        return _unknown(math.nan)
    if np.array_equal(Ranking.of(first).group, Ranking.of(second).group):
        return Comparison(0.0, 0.0, 0.0, 1.0, "same-order")
    fewer = int(min(events.sum(), (~events).sum()))
    sides = auc_interval(events, first, level), auc_interval(events, second, level)
    edge = min(pair.var_first, pair.var_second) <= 0 or not (0 < pair.first < 1 and 0 < pair.second < 1)
    if fewer < TINY or edge or pair.variance <= _ROUNDING * (pair.var_first + pair.var_second):
        return _mover(pair, *sides, 1 - 1 / fewer, level)
    p = _p_of(pair.difference / math.sqrt(pair.variance))
    return _mover(pair, *sides, 1.0, level)._replace(p=p, how="delong-paired")


def _mover(pair: PairedAreas, first: Interval, second: Interval, trust: float, level: float) -> Comparison:
    """Interval of a difference from those of its two sides and their correlation (Zou, Stat Med 2008).

    trust: how much of the correlation is believed. Simulated with 3 to 8 cases of a kind, all of it covers 89 to
    96 %, (k - 1) / k of it 94 to 100 %. p belongs to the normal deviate at which the limit next to 0 would touch it.
    """
    product = pair.var_first * pair.var_second
    r = trust * min(max(pair.covariance / math.sqrt(product), -1.0), 1.0) if product > 0 else 0.0

    def reach(x: float, y: float) -> float:
        return math.sqrt(max(x**2 + y**2 - 2 * r * x * y, 0.0))

    below = reach(pair.first - first.low, second.high - pair.second)
    above = reach(first.high - pair.first, pair.second - second.low)
    return touching(pair.difference, pair.difference - below, pair.difference + above, "mover", level=level)


def touching(
    difference: float, low: float, high: float, how: str, *, freedom: float = math.inf, level: float = LEVEL
) -> Comparison:
    """A comparison by its interval: p belongs to the deviate (Student's t) at which the limit next to 0 touches it."""
    from scipy.special import stdtr

    if difference == 0:
        return Comparison(difference, low, high, 1.0, how)
    towards = difference - low if difference > 0 else high - difference
    quantile = z_of(level) if math.isinf(freedom) else t_of(level, freedom)
    deviate = quantile * difference / towards if towards > 0 else math.nan
    p = _p_of(deviate) if math.isinf(freedom) else 2 * float(stdtr(freedom, -abs(deviate)))
    return Comparison(difference, low, high, p, how)


def mcnemar(first: Mask, second: Mask, level: float = LEVEL) -> Comparison:
    """Difference of two shares of the same independent cases. first, second: (n,) was it right?

    p from the cases on which they disagree, whose direction is a coin if there is no difference: exact (binomial)
    where they are few, else mid-p. Interval: Wald's with half a case more of each kind (Agresti and Min, Stat Med
    2005), which has width even where they never disagree.
    """
    n, only_first, only_second = len(first), int((first & ~second).sum()), int((second & ~first).sum())
    if n == 0:
        return _unknown(math.nan)
    exact = only_first + only_second < FEW_DISCORDANT
    p = discordant_p(only_first, only_second, mid=not exact)
    a, b = (only_first + 0.5) / (n + 2), (only_second + 0.5) / (n + 2)
    half = z_of(level) * math.sqrt((a + b - (a - b) ** 2) / (n + 2))
    low, high = max(a - b - half, -1.0), min(a - b + half, 1.0)
    return Comparison((only_first - only_second) / n, low, high, p, "mcnemar-exact" if exact else "mcnemar-midp")


def discordant_p(only_first: int, only_second: int, *, mid: bool = False) -> float:
    """Two-sided binomial p of the discordant pairs (McNemar, Psychometrika 1947).

    mid: what was observed itself counts half.
    """
    from scipy.special import bdtr

    fewer, n = min(only_first, only_second), only_first + only_second
    at_most = float(bdtr(fewer, n, 0.5))
    below = float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0
    return min(at_most + (below if mid else at_most), 1.0)


def obuchowski(first: Mask, second: Mask, patients: Ints, level: float = LEVEL) -> Comparison:
    """McNemar's question where patients have several cases (Obuchowski, Stat Med 1998).

    first, second: (n,) was it right? patients: (n,) codes, gaps allowed. p under no difference; the interval from
    the spread of the patients about the difference that was found, NaN if all show the same.
    """
    sizes = np.bincount(patients)
    surplus = np.bincount(patients, first.astype(np.float64) - second)[sizes > 0]
    sizes, k = sizes[sizes > 0], len(surplus)
    difference = float(surplus.sum() / sizes.sum()) if k else math.nan
    if k < 2 or not surplus.any():
        return _unknown(difference)
    correction = k / (k - 1)
    p = _p_of(float(surplus.sum()) / math.sqrt(correction * float(np.sum(surplus**2))))
    spread = float(np.sum((surplus - difference * sizes) ** 2))
    half = z_of(level) * math.sqrt(correction * spread) / int(sizes.sum()) if spread > 0 else math.nan
    low, high = max(difference - half, -1.0), min(difference + half, 1.0)
    return Comparison(difference, low, high, p, "obuchowski")


def compare_drawn(first: float, second: float, drawn: tuple[Floats, Floats], level: float = LEVEL) -> Comparison:
    """Percentile interval and p from both methods' values in the same bootstrap draws (draws,).

    p: twice the share of draws on the far side of 0, the sample itself counted among them (Davison and
    Hinkley, Bootstrap Methods, 1997), so never 0: 2,000 draws tell nothing below 0.001.
    """
    differences = drawn[0] - drawn[1]
    interval = percentiles(differences, level).interval
    if math.isnan(interval.low):
        return _unknown(first - second)
    defined = differences[np.isfinite(differences)]
    beyond = min((defined <= 0).sum(), (defined >= 0).sum())
    p = min(2 * (1 + int(beyond)) / (1 + len(defined)), 1.0)
    return Comparison(first - second, interval.low, interval.high, p, "bootstrap-paired")


def corrected_t(differences: ArrayLike, n_train: float, n_test: float, level: float = LEVEL) -> Comparison:
    """Mean difference over the folds of a (repeated) cross-validation.

    differences: (...) one for each repeat and fold, NaN where undefined; n_train, n_test: patients in
    the parts (means, if folds differ). Folds share their training patients, so the variance of the
    mean is taken as (1 / J + n_test / n_train) times that between folds (Nadeau and Bengio, Mach Learn 2003; for
    repeats Bouckaert and Frank, PAKDD 2004). It is about the procedure, not about one fitted model.
    """
    from scipy.special import stdtr, stdtrit

    values = np.asarray(differences, dtype=np.float64).ravel()
    values = values[np.isfinite(values)]
    mean = float(values.mean()) if values.size else math.nan
    if values.size < 2 or np.ptp(values) <= _ROUNDING * np.abs(values).max():
        return _unknown(mean)
    error = math.sqrt((1 / values.size + n_test / n_train) * float(values.var(ddof=1)))
    half = float(stdtrit(values.size - 1, 0.5 + level / 2)) * error
    p = 2 * float(stdtr(values.size - 1, -abs(mean / error)))
    return Comparison(mean, mean - half, mean + half, p, "corrected-t")


def holm(p: ArrayLike) -> Floats:
    """All p of several comparisons, corrected so that they hold together (Holm, Scand J Stat 1979).

    Same shape; NaN is no comparison and stays NaN.
    """
    values = np.asarray(p, dtype=np.float64)
    corrected = np.full(values.shape, np.nan)
    asked = np.isfinite(values)
    some = values[asked]
    order = np.argsort(some, kind="stable")
    stepped = np.maximum.accumulate(some[order] * np.arange(len(some), 0, -1))
    back = np.empty(len(some))
    back[order] = np.minimum(stepped, 1.0)
    corrected[asked] = back
    return corrected


def verdict(found: Comparison, margin: float = 0.0, *, larger_is_better: bool = True) -> Verdict:
    """What the interval of first - second allows to say of the first.

    "better": all of it above 0; "non-inferior": all of it above -margin, the loss that was declared
    tolerable *before* looking; "worse": all of it below -margin; else "inconclusive", also without an interval.
    """
    if margin < 0:
        raise ValueError(f"a margin is a tolerable loss, 0 or more, not {margin}")
    low, high = (found.low, found.high) if larger_is_better else (-found.high, -found.low)
    if low > 0:
        return "better"
    if margin > 0 and low > -margin:
        return "non-inferior"
    return "worse" if high < -margin else "inconclusive"


def _unknown(difference: float) -> Comparison:
    """No interval; p 1 where the sample shows no difference at all."""
    return Comparison(difference, math.nan, math.nan, 1.0 if difference == 0 else math.nan, NONE.how)


def _p_of(z: float) -> float:
    """Two-sided, of a standard normal deviate."""
    return math.erfc(abs(z) / math.sqrt(2))
