"""Intervals from draws: their scales, what they cost when patients repeat, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from isocenter.metrics import drawn as d
from isocenter.metrics.bootstrap import percentiles
from isocenter.metrics.intervals import NONE, wilson

T19 = 2.093024054408263  # Student's t, 97.5 %, 19 degrees of freedom


def draws_of(value: float, error: float, n: int = 4000) -> np.ndarray:
    """Draws whose spread is exactly `error`."""
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return value + error * z / z.std()


def test_mean_of_normal_cases_has_students_interval() -> None:
    x = np.random.default_rng(0).normal(3, 2, 20)
    found = d.interval_of_draws(float(x.mean()), draws_of(x.mean(), x.std() / math.sqrt(20)), 20).interval
    expected = stats.t.interval(0.95, 19, x.mean(), stats.sem(x))
    assert found[:2] == pytest.approx(expected)
    assert found.how == "bootstrap-patients-t"


@pytest.mark.parametrize(
    "bounds, scale, how",
    [
        (d.SHARE, lambda p: math.log(p / (1 - p)), "logit"),
        (d.CORRELATION, lambda r: 2 * math.atanh(r), "fisher-z"),
        (d.POSITIVE, math.log, "log"),
        (d.BELOW_ONE, lambda r: -math.log(1 - r), "log"),
        ((0.4, 0.9), lambda a: math.log((a - 0.4) / (0.9 - a)), "logit"),
    ],
)
def test_bounds_choose_the_scale(bounds: d.Bounds, scale, how: str) -> None:
    value, error = 0.7, 0.01
    low, high, name = d.interval_of_draws(value, draws_of(value, error), 20, bounds).interval
    slope = (scale(value + 1e-6) - scale(value - 1e-6)) / 2e-6
    half = T19 * error * math.sqrt(20 / 19) * slope
    assert (scale(high) - scale(value), scale(value) - scale(low)) == pytest.approx((half, half), rel=2e-3)
    assert name == f"bootstrap-patients-{how}"


def test_limits_never_leave_the_bounds() -> None:
    for bounds in (d.SHARE, d.CORRELATION, d.POSITIVE, d.BELOW_ONE):
        low, high, _ = d.interval_of_draws(0.98, draws_of(0.98, 0.6), 5, bounds).interval
        assert bounds[0] <= low < 0.98 < high <= bounds[1]


def test_at_a_bound_the_percentiles_are_left_and_lie_further_out_for_few_patients() -> None:
    values = np.clip(draws_of(0.9, 0.1), 0, 1)
    low, high, how = d.interval_of_draws(1.0, values, 10, d.SHARE).interval
    assert (high, how) == (1.0, "bootstrap-patients")
    assert low < percentiles(values).interval.low
    # Hesterberg's table (Am Stat 2015): for n = 10 the 2.5 % percentile becomes that of 0.9 %
    assert low == pytest.approx(np.quantile(values, stats.norm.cdf(-math.sqrt(10 / 9) * stats.t.ppf(0.975, 9))))


def test_undefined_draws_are_counted_and_draws_that_agree_are_no_certainty() -> None:
    values = draws_of(0.5, 0.1, 1000)
    values[:30] = np.nan
    found = d.interval_of_draws(0.5, values, 50)
    assert (found.undefined, found.draws, found.interval.how) == (30, 1000, "bootstrap-patients-t")
    values[:60] = np.nan
    for door in (d.interval_of_draws, d.interval_of_loss):
        assert door(0.5, values, 50)[:2] == (NONE, 60)
        assert door(0.5, np.full(100, 0.5), 50).interval == NONE
        assert door(0.5, draws_of(0.5, 0.1), 1).interval == NONE
        assert door(0.5, np.full(100, np.nan), 50).interval == NONE


def test_share_of_independent_cases_is_nearly_wilsons() -> None:
    hits, n = 40, 50
    error = math.sqrt(0.8 * 0.2 / n)
    found = d.interval_of_share(0.8, draws_of(0.8, error), np.ones(n, dtype=np.int64)).interval
    closed = wilson(hits, n)
    assert found[:2] == pytest.approx(closed[:2], abs=0.006)  # Student's t and n - 1
    assert found.high - found.low > closed.high - closed.low


def test_share_whose_patients_agree_is_that_of_patients_and_never_better_than_that_of_cases() -> None:
    sizes = np.full(30, 4)
    as_patients = d.interval_of_share(0.8, draws_of(0.8, math.sqrt(0.16 / 30)), sizes).interval
    assert as_patients[:2] == pytest.approx(wilson(24, 30)[:2], abs=0.015)
    # Draws that happen to hardly vary: as good as 120 independent cases at most
    low, high, _ = d.interval_of_share(0.8, draws_of(0.8, 0.001), sizes).interval
    best = wilson(96, 120)
    assert high - low > best.high - best.low


def test_share_without_an_error_counts_patients_of_unequal_size_for_less() -> None:
    same = d.interval_of_share(1.0, np.ones(100), np.full(20, 3)).interval
    assert same == wilson(20, 20)._replace(how="wilson-patients")
    unequal = d.interval_of_share(1.0, np.ones(100), np.array([41] + [1] * 19)).interval
    assert unequal.low < 0.5 < same.low  # one patient is most of it
    assert d.interval_of_share(0.0, np.zeros(100), np.ones(12, dtype=np.int64)).interval == wilson(0, 12)
    assert d.interval_of_share(math.nan, np.full(100, np.nan), np.zeros(0, dtype=np.int64)).interval == NONE
    # Two patients called positive: a seventh of the draws has none of them
    values = np.where(np.arange(100) < 14, np.nan, draws_of(0.5, 0.2, 100))
    assert d.interval_of_share(0.5, values, np.full(2, 4)).interval == wilson(1, 2)._replace(how="wilson-patients")


def test_skewed_losses_reach_further_up() -> None:
    rng = np.random.default_rng(4)
    losses = rng.exponential(size=30) ** 2
    weights = rng.multinomial(30, np.full(30, 1 / 30), 4000) / 30
    found = d.interval_of_loss(float(losses.mean()), weights @ losses, 30).interval
    low, high = stats.t.interval(0.95, 29, losses.mean(), stats.sem(losses))
    assert found.low > low
    assert found.high > high
    assert found.how == "bootstrap-patients-hall"
    # ... and symmetric ones do not
    even = d.interval_of_loss(5.0, draws_of(5.0, 0.1), 30).interval
    assert even.high - 5 == pytest.approx(5 - even.low, rel=1e-3)


def test_loss_stays_between_nothing_and_the_most() -> None:
    low, high, _ = d.interval_of_loss(0.5, draws_of(0.5, 0.4), 10, most=1.0).interval
    assert (low, high) == (0.0, 1.0)
