"""Closed-form intervals: values from R, the edges, and what they cover."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri
from scipy.stats import binom, binomtest, t

from isocenter.errors import BadShape, BadValues
from isocenter.metrics import intervals as i
from isocenter.metrics import ranking


@pytest.mark.parametrize(
    "column, expected",
    [
        ("s100b", (0.7313685637, 0.6301182118, 0.8326189156)),
        ("ndka", (0.6119579946, 0.5012449993, 0.7226709899)),
        ("wfns", (0.8236788618, 0.7485348878, 0.8988228358)),
    ],
)
def test_delong_is_that_of_proc(shared_data: Path, column: str, expected: tuple[float, float, float]) -> None:
    table = pd.read_csv(shared_data / "statistics" / "aSAH.csv")
    events, scores = (table["outcome"] == "Poor").to_numpy(), table[column].to_numpy(dtype=float)
    area, variance = i.delong(events, scores)
    low, high, how = i.delong_plain(events, scores)
    assert (area, low, high) == pytest.approx(expected, abs=5e-11)
    assert how == "delong"
    logit = i.auc_interval(events, scores)
    half = t.ppf(0.975, events.sum() - 1) * math.sqrt(variance) / (area * (1 - area))
    assert math.log(logit.high / (1 - logit.high)) - math.log(area / (1 - area)) == pytest.approx(half)
    assert logit.how == "delong-logit"


def test_wilson_is_that_of_r() -> None:
    assert i.wilson(45, 50)[:2] == pytest.approx((0.7863976856, 0.9565242351), abs=5e-11)


def test_wilson_has_width_at_the_ends() -> None:
    assert i.wilson(0, 10)[:2] == pytest.approx((0.0, 0.2775327998628892))
    low, high, _ = i.wilson(10, 10)
    assert (low, high) == (pytest.approx(1 - 0.2775327998628892), 1.0)
    assert i.wilson(0, 0) == i.NONE


def test_clopper_pearson_is_that_of_r_and_of_scipy() -> None:
    assert i.clopper_pearson(45, 50)[:2] == pytest.approx((0.7818646336, 0.9667249064), abs=5e-11)
    for x in range(13):
        exact = binomtest(x, 12).proportion_ci(0.9, method="exact")
        assert i.clopper_pearson(x, 12, 0.9)[:2] == pytest.approx((exact.low, exact.high), abs=1e-10)
    assert i.clopper_pearson(0, 0) == i.NONE
    assert i.clopper_pearson(0, 9).low == 0
    assert i.clopper_pearson(9, 9).high == 1


def test_mover_is_exact_for_standard_errors() -> None:
    # Of limits +- z standard errors it must make the standard error of the sum, correlation and signs included
    values, errors, factors = np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.3, 0.2]), np.array([0.5, -1.0, 2.0])
    r = np.array([[1, 0.4, -0.2], [0.4, 1, 0.6], [-0.2, 0.6, 1]])
    limits = [i.Interval(v - e, v + e, "wald") for v, e in zip(values, errors, strict=True)]
    error = math.sqrt(factors @ (r * np.outer(errors, errors)) @ factors)
    low, high, how = i.mover(values, limits, factors, r)
    assert (low, high, how) == (pytest.approx(6.5 - error), pytest.approx(6.5 + error), "wald-mover")
    assert i.mover(values, [*limits[:2], i.NONE], factors) == i.NONE
    assert i.mover(values, [*limits[:2], limits[2]._replace(how="score")], factors).how == "mover"


@pytest.mark.parametrize(
    "first, second, limits",
    [  # Newcombe, Stat Med 1998;17:873, table II, method 10
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
    ],
)
def test_difference_of_shares_is_newcombes(
    first: tuple[int, int], second: tuple[int, int], limits: tuple[float, float]
) -> None:
    assert i.share_difference(first, second)[:2] == pytest.approx(limits, abs=5e-5)
    assert i.share_difference(second, first)[:2] == pytest.approx((-limits[1], -limits[0]), abs=5e-5)
    assert i.share_difference(first, (0, 0)) == i.NONE


def mean_of(counts: list[tuple[int, int]]) -> i.Interval:
    """Balanced accuracy of independent cases."""
    k = len(counts)
    return i.mover([x / n for x, n in counts], [i.wilson(*count) for count in counts], np.full(k, 1 / k))


def test_mean_of_one_share_is_wilsons_and_of_equal_ones_is_narrower() -> None:
    assert mean_of([(7, 9)])[:2] == pytest.approx(i.wilson(7, 9)[:2])
    one, two = i.wilson(7, 9), mean_of([(7, 9), (7, 9)])
    assert (two.high - two.low) == pytest.approx((one.high - one.low) / math.sqrt(2))
    perfect = mean_of([(5, 5), (5, 5)])
    assert perfect.low < 0.8
    assert perfect.high == 1.0


def test_newcombe_limits_are_z_standard_errors_away() -> None:
    low, high, _ = i.newcombe(0.8, 6, 30)
    for limit in (low, high):
        distance = abs(limit - 0.8) / i._hanley_mcneil_sd(limit, 6, 30, balanced=True)
        assert distance == pytest.approx(1.959963984540054)
    assert low < 0.8 < high


def test_auc_of_one_is_no_certainty() -> None:
    events, scores = np.repeat([True, False], 12), np.repeat([1.0, 0.0], 12) + np.linspace(0, 0.1, 24)
    low, high, how = i.auc_interval(events, scores)
    assert 0.6 < low < 0.95
    assert (high, how) == (1.0, "newcombe")
    mirrored = i.auc_interval(events, -scores)
    assert mirrored[:2] == pytest.approx((0.0, 1 - low))


def test_tiny_one_class_and_constant() -> None:
    rng = np.random.default_rng(0)
    events = np.arange(30) < 4
    assert i.auc_interval(events, rng.normal(size=30)).how == "newcombe"
    assert i.auc_interval(np.arange(30) < 1, rng.normal(size=30)).how == "newcombe"
    assert i.auc_interval(np.zeros(30, dtype=bool), rng.normal(size=30)) == i.NONE
    assert i.auc_interval(events, np.full(30, 0.3)) == (0.5, 0.5, "constant-scores")


def test_expected_width_is_hanley_and_mcneils() -> None:
    # Q1 = A / (2 - A), Q2 = 2 A^2 / (1 + A): the paper's own form of the variance
    a, m, n = 0.8, 30, 84
    q1, q2 = a / (2 - a), 2 * a**2 / (1 + a)
    se = math.sqrt((a * (1 - a) + (m - 1) * (q1 - a**2) + (n - 1) * (q2 - a**2)) / (m * n))
    assert i.expected_auc_width(m, n) == pytest.approx(2 * 1.959963984540054 * se)
    assert i.expected_auc_width(4, 6) > i.expected_auc_width(40, 60)
    assert math.isnan(i.expected_auc_width(0, 20))
    assert i.expected_auc_width(1, 1) <= 1


def test_what_is_no_share_and_no_score_is_refused() -> None:
    for successes, trials in ((5, 3), (-1, 50), (0, -1), (math.inf, 3)):
        for interval in (i.wilson, i.clopper_pearson):
            with pytest.raises(BadValues, match="is no share"):
                interval(successes, trials)
    assert i.wilson(3 * (1 + 1e-12), 3).high == 1  # rounding is no fault
    assert i.wilson(math.nan, 3) == i.wilson(0, 0) == i.NONE
    events, scores = np.arange(30) < 15, np.linspace(0, 1, 30)
    for score in (i.auc_interval, i.delong, ranking.auc, ranking.average_precision, ranking.partial_auc):
        with pytest.raises(BadShape):
            score(events, scores[:-1])
        for infinite in (math.inf, -math.inf):
            with pytest.raises(BadValues, match="1 of 30 scores are infinite"):
                score(events, np.append(scores[:-1], infinite))


def coverage(truth: float, limits: list[i.Interval]) -> float:
    return float(np.mean([low <= truth <= high for low, high, _ in limits]))


@pytest.mark.parametrize("n", [10, 20, 50])
def test_wilson_covers(n: int) -> None:
    # Exactly, over all outcomes; by share it swings about 95 %, so the mean over shares is what holds.
    limits = np.array([i.wilson(x, n)[:2] for x in range(n + 1)])
    shares = np.linspace(0.05, 0.95, 181)[:, None]
    inside = (limits[:, 0] <= shares) & (shares <= limits[:, 1])
    covered = (binom.pmf(np.arange(n + 1), n, shares) * inside).sum(axis=1)
    assert 0.945 < covered.mean() < 0.965
    assert covered.min() > 0.83


@pytest.mark.parametrize("n", [5, 20, 50])
def test_clopper_pearson_never_covers_less(n: int) -> None:
    limits = np.array([i.clopper_pearson(x, n)[:2] for x in range(n + 1)])
    shares = np.linspace(0.01, 0.99, 197)[:, None]
    inside = (limits[:, 0] <= shares) & (shares <= limits[:, 1])
    assert (binom.pmf(np.arange(n + 1), n, shares) * inside).sum(axis=1).min() >= 0.95


@pytest.mark.parametrize("sensitivity, specificity", [(0.9, 0.8), (0.98, 0.6)])
def test_mean_of_shares_covers(sensitivity: float, specificity: float) -> None:
    rng = np.random.default_rng(1)
    pairs = zip(rng.binomial(25, sensitivity, 1000), rng.binomial(60, specificity, 1000), strict=True)
    limits = [mean_of([(int(a), 25), (int(b), 60)]) for a, b in pairs]
    assert 0.93 < coverage((sensitivity + specificity) / 2, limits) < 0.975


@pytest.mark.parametrize("area, m, n", [(0.7, 40, 100), (0.9, 30, 60), (0.95, 5, 100), (0.8, 8, 30), (0.95, 12, 120)])
def test_auc_interval_covers(area: float, m: int, n: int) -> None:
    rng, events = np.random.default_rng(2), np.arange(m + n) < m
    shift = math.sqrt(2) * float(ndtri(area))
    limits = [i.auc_interval(events, rng.normal(size=m + n) + shift * events) for _ in range(500)]
    assert 0.92 < coverage(area, limits) < 0.985
