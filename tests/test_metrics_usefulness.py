"""Usefulness: net benefit as dcurves has it, predictive values by Bayes' rule, intervals that cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from calibrated import draws, perfect, simulated
from isocenter.errors import BadValues, UsageError
from isocenter.metrics import usefulness as u
from isocenter.metrics.bootstrap import bootstrap
from isocenter.metrics.intervals import NONE, wilson

AT = np.array([0.1, 0.25, 0.5, 0.75])


def test_net_benefit_is_that_of_dcurves() -> None:
    events, scores = simulated()
    curve = u.decision_curve(events, scores, thresholds=AT)
    np.testing.assert_allclose(curve.model, [0.2655555556, 0.1708333333, 0.0525, 0.04], atol=1e-10)
    np.testing.assert_allclose(curve.treat_all, [0.2638888889, 0.1166666667, -0.325, -1.65], atol=1e-10)
    np.testing.assert_array_equal(curve.treat_none, 0)
    np.testing.assert_allclose(curve.avoided, [1.5, 16.25, 37.75, 100 * 0.5633333333], atol=1e-8)
    assert u.net_benefit(events, scores, 0.25) == pytest.approx(0.1708333333, abs=1e-10)


def test_a_score_at_the_threshold_is_treated() -> None:
    events, scores = np.array([1, 0, 1, 0], dtype=bool), np.array([0.07, 0.29, 0.29, 0.57])
    curve = u.decision_curve(events, scores)
    for threshold, value in (
        (0.07, (2 - 2 * 7 / 93) / 4),
        (0.29, (1 - 2 * 29 / 71) / 4),
        (0.3, -30 / 70 / 4),
        (0.58, 0),
    ):
        assert curve.model[round(threshold * 100) - 1] == pytest.approx(value)


def test_draws_are_repeated_cases_and_fit_the_bootstrap() -> None:
    events, scores = simulated()
    weights = draws(np.random.default_rng(0), 400, 4)
    curve = u.decision_curve(events, scores, weights)
    rows = np.repeat(np.arange(400), weights[2].astype(int))
    again = u.decision_curve(events[rows], scores[rows])
    np.testing.assert_allclose(curve.model[2], again.model, atol=1e-12)
    np.testing.assert_allclose(curve.treat_all[2], again.treat_all, atol=1e-12)
    prepared = u.Treatable.of(events, scores, AT)
    drawn = bootstrap(lambda w: {"model": prepared.curve(w).model}, np.arange(400), draws=500)["model"]
    assert drawn.shape == (500, 4)
    np.testing.assert_allclose(drawn.mean(axis=0), prepared.curve(np.ones(400)).model, atol=0.01)


def test_a_perfect_model_is_never_worse_than_all_or_none_and_a_useless_one_never_better() -> None:
    events, risk = perfect(np.random.default_rng(1), 100_000)
    curve = u.decision_curve(events, risk)
    assert (curve.model >= np.maximum(curve.treat_all, 0) - 0.003).all()
    constant = u.decision_curve(events, np.full(len(events), 0.305))
    np.testing.assert_allclose(constant.model[:30], constant.treat_all[:30])
    np.testing.assert_allclose(constant.model[30:], 0)


@pytest.mark.parametrize("share", [0, 1])
def test_one_class_is_defined_and_nothing_is_nan(share: int) -> None:
    events, scores = np.full(6, bool(share)), np.linspace(0, 1, 6)
    curve = u.decision_curve(events, scores, thresholds=AT)
    np.testing.assert_allclose(curve.treat_all, 1 if share else -AT / (1 - AT))
    assert np.isfinite(curve.model).all()
    assert np.isnan(u.decision_curve(events[:0], scores[:0]).model).all()
    empty = u.decision_curve(events, scores, np.stack([np.zeros(6), np.ones(6)]), AT)
    assert np.isnan(empty.model).all(axis=1).tolist() == [True, False]
    assert np.isnan(empty.treat_all).all(axis=1).tolist() == [True, False]


def test_bad_scores_and_thresholds_are_refused() -> None:
    events, scores = simulated()
    with pytest.raises(BadValues, match="recalibrate"):
        u.decision_curve(events, scores * 2)
    for wrong in ([0.0, 0.5], [0.5, 1.0], [0.5, 0.4]):
        with pytest.raises(ValueError, match="rise"):
            u.decision_curve(events, scores, thresholds=np.array(wrong))


def test_bayes_rule() -> None:
    # 1,000 people, 50 ill: 45 found, 95 of the 950 others called
    assert u.ppv_at(0.9, 0.9, 0.05) == pytest.approx(45 / 140)
    assert u.npv_at(0.9, 0.9, 0.05) == pytest.approx(855 / 860)
    np.testing.assert_allclose(u.ppv_at([0.9, 0.5], 0.9, np.array([[0.0], [1.0]])), [[0, 0], [1, 1]])
    assert np.isnan(u.ppv_at(0, 1, 0.3))
    assert np.isnan(u.npv_at(1, 0, 0.3))
    assert np.isnan(u.ppv_at(np.nan, 0.9, 0.3))


def test_at_a_declared_prevalence() -> None:
    found = u.at_prevalence(45, 50, 180, 200, 0.05)
    assert found.ppv[0] == pytest.approx(45 / 140)
    assert found.npv[0] == pytest.approx(855 / 860)
    assert found.false_alarms[0] == pytest.approx(95)
    assert found.missed[0] == pytest.approx(5)
    low, high, how = wilson(20, 200)
    assert found.false_alarms[1] == pytest.approx((950 * low, 950 * high, how))
    for value, (low, high, _) in (found.ppv, found.npv, found.missed):
        assert low < value < high
    rarer = u.at_prevalence(45, 50, 180, 200, 0.01)
    assert rarer.ppv[0] < found.ppv[0]
    assert rarer.false_alarms[0] == pytest.approx(99)


@pytest.mark.parametrize("prevalence, ppv, npv", [(0.0, 0.0, 1.0), (1.0, 1.0, 0.0)])
def test_prevalence_of_0_or_1_is_certain_by_declaration(prevalence: float, ppv: float, npv: float) -> None:
    found = u.at_prevalence(45, 50, 180, 200, prevalence)
    assert (found.ppv, found.npv) == ((ppv, NONE), (npv, NONE))
    assert (found.missed[0], found.false_alarms[0]) == pytest.approx((100 * prevalence, 100 * (1 - prevalence)))
    with pytest.raises(UsageError, match="cannot be"):
        u.at_prevalence(45, 50, 180, 200, prevalence * 1.2 - 0.1)


def test_without_cases_of_a_kind_there_is_no_value() -> None:
    for counts in ((0, 0, 9, 10), (9, 10, 0, 0), (0, 0, 0, 0)):
        found = u.at_prevalence(*counts, 0.1)
        assert math.isnan(found.ppv[0])
        assert found.ppv[1] is found.npv[1] is NONE
    nobody_called = u.at_prevalence(0, 10, 20, 20, 0.1)
    assert math.isnan(nobody_called.ppv[0])
    assert nobody_called.ppv[1] is NONE
    assert nobody_called.npv[0] == pytest.approx(0.9)


def test_no_error_seen_is_no_certainty() -> None:
    found = u.at_prevalence(20, 20, 100, 100, 0.05)
    assert (found.ppv[0], found.ppv[1].high) == (1.0, 1.0)
    assert found.ppv[1].low < 0.7
    assert found.npv[1].low < 1


@pytest.mark.parametrize(
    "counts, expected",
    [
        ((18, 20, 5, 100), (7.901503147429672, 42.18514057277217)),
        ((49, 50, 1, 100), (17.97906973695747, 554.6327612801291)),
        ((20, 20, 5, 100), (8.948508287018182, 46.41732699575831)),
        ((95, 100, 2, 20), (3.1519252222162075, 34.11156090761119)),
    ],
)
def test_ratio_of_shares_is_that_of_statsmodels(counts: tuple[float, ...], expected: tuple[float, float]) -> None:
    assert u.ratio_interval(*counts)[:2] == pytest.approx(expected, rel=1e-7)
    x, m, y, n = counts
    low, high, _ = u.ratio_interval(y, n, x, m)
    assert (1 / high, 1 / low) == pytest.approx(expected, rel=1e-7)


def test_ratio_of_nothing() -> None:
    assert u.ratio_interval(0, 9, 0, 9) == (0.0, math.inf, "score")
    assert u.ratio_interval(0, 0, 3, 9) is NONE
    assert u.ratio_interval(9, 9, 9, 9)[0] < 1 < u.ratio_interval(9, 9, 9, 9)[1]


@pytest.mark.parametrize("m, n", [(20, 60), (50, 100)])
def test_predictive_values_cover(m: int, n: int) -> None:
    """Exactly, over all outcomes; by share it swings about 95 %, so the mean over shares is what holds."""
    limits = np.array(
        [[u.at_prevalence(x, m, y, n, 0.05).ppv[1][:2] for y in range(n + 1)] for x in range(m + 1)]
    )  # (m + 1, n + 1, 2)
    limits = np.where(np.isnan(limits), [0.0, 1.0], limits)
    covered = []
    for sensitivity in np.linspace(0.6, 0.98, 7):
        for specificity in np.linspace(0.6, 0.98, 7):
            truth = u.ppv_at(sensitivity, specificity, 0.05)
            inside = (limits[..., 0] <= truth) & (truth <= limits[..., 1])
            chance = np.outer(binom.pmf(np.arange(m + 1), m, sensitivity), binom.pmf(np.arange(n + 1), n, specificity))
            covered.append((chance * inside).sum())
    assert 0.94 < np.mean(covered) < 0.965
    assert min(covered) > 0.91
