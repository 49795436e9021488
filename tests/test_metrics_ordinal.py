"""Grades: against scikit-learn and scipy, draw by draw, worked examples, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from isocenter.errors import BadShape
from isocenter.metrics import Floats, Ints, larger_is_better
from isocenter.metrics import classification as c
from isocenter.metrics import ordinal as o
from isocenter.metrics.agreement import kappa_of
from isocenter.metrics.ranking import auc


def sample(k: int = 4, n: int = 120) -> tuple[Ints, Floats, NDArray[np.int64]]:
    """Reference, probabilities (n, k) and draws' weights."""
    rng = np.random.default_rng(0)
    reference = rng.choice(k, size=n, p=np.arange(k, 0, -1) / (k * (k + 1) / 2))
    logits = -((np.arange(k) - reference[:, None] - rng.normal(size=(n, 1))) ** 2)
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return reference, proba, rng.multinomial(n, np.full(n, 1 / n), size=4)


def test_orc_is_the_mean_auc_of_pairs_of_grades() -> None:
    reference, proba, weights = sample()
    scores = np.round(o.expected_grade(proba), 1)
    found = o.orc(reference, scores, weights)
    for row, w in enumerate(weights):
        areas = []
        for low in range(4):
            for high in range(low + 1, 4):
                of = (reference == low) | (reference == high)
                areas.append(roc_auc_score(reference[of] == high, scores[of], sample_weight=w[of]))
        assert found[row] == pytest.approx(np.mean(areas))


def test_orc_is_worked_by_hand_and_no_frequent_grade_rules_it() -> None:
    # AUC of 0 against 1: 1, of 0 against 2: 1/2, of 1 against 2: 0
    assert float(o.orc(np.array([0, 1, 2, 0]), np.array([1.0, 3.0, 2.0, 2.5]))) == pytest.approx(0.5)
    many = np.repeat([0, 1, 2, 0], [50, 1, 1, 50])
    assert float(o.orc(many, np.repeat([1.0, 3.0, 2.0, 2.5], [50, 1, 1, 50]))) == pytest.approx(0.5)


def test_with_two_grades_all_is_as_for_two_classes() -> None:
    reference, proba, weights = sample(2)
    scores = o.expected_grade(proba)
    np.testing.assert_allclose(o.orc(reference, scores, weights), auc(reference == 1, scores, weights))
    np.testing.assert_allclose(o.cumulative_aucs(reference, proba, weights)[:, 0], auc(reference == 1, scores, weights))
    np.testing.assert_allclose(o.rps(reference, proba, weights), c.brier(reference, proba, 1, weights))


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_kendall_is_scipys_with_ties_and_draws(decimals: int) -> None:
    reference, proba, weights = sample()
    scores = np.round(o.expected_grade(proba), decimals)
    found = o.kendall_tau(reference, scores, weights)
    for row, w in enumerate(weights):
        assert found[row] == pytest.approx(kendalltau(np.repeat(reference, w), np.repeat(scores, w)).statistic)
    assert float(o.kendall_tau(reference, reference.astype(float))) == pytest.approx(1.0)
    assert float(o.kendall_tau(reference, -reference.astype(float))) == pytest.approx(-1.0)


def test_cumulative_aucs_are_scikit_learns() -> None:
    reference, proba, weights = sample()
    found = o.cumulative_aucs(reference, proba, weights)
    assert found.shape == (4, 3)
    for row, w in enumerate(weights):
        for k in range(3):
            score = proba[:, k + 1 :].sum(axis=1)
            assert found[row, k] == pytest.approx(roc_auc_score(reference > k, score, sample_weight=w))


def test_kappas_come_from_what_a_tally_knows() -> None:
    reference, proba, weights = sample()
    decided = o.median_grade(proba)
    for weighting, power in (("linear", 1), ("quadratic", 2)):
        apart = (np.abs(decided - reference) / 3) ** power
        t = c.tally(reference, decided, 4, weights)
        found = kappa_of(weights @ apart, t.actual, t.called, weighting)  # type: ignore[arg-type]
        for row, w in enumerate(weights):
            expected = cohen_kappa_score(reference, decided, labels=range(4), weights=weighting, sample_weight=w)
            assert found[row] == pytest.approx(expected)


def test_grades_and_scores_worked_by_hand() -> None:
    proba = np.array([[0.2, 0.5, 0.3], [0.5, 0.0, 0.5], [0.1, 0.2, 0.7], [0.4, 0.25, 0.35]])
    assert o.median_grade(proba).tolist() == [1, 0, 2, 1]  # the last one's most probable grade is 0
    np.testing.assert_allclose(o.expected_grade(proba), [1.1, 1.0, 1.6, 0.95])
    np.testing.assert_allclose(o.at_least(proba), [[0.8, 0.3], [0.5, 0.5], [0.9, 0.7], [0.6, 0.35]])
    reference = np.array([2, 0, 2, 1])
    np.testing.assert_allclose(o.rps_losses(reference, proba), [0.265, 0.25, 0.05, 0.14125])
    assert float(o.rps(reference, proba, np.array([1.0, 0, 1, 0]))) == pytest.approx((0.265 + 0.05) / 2)
    assert float(o.grade_error(reference, o.median_grade(proba))) == pytest.approx(0.25)
    assert not larger_is_better("rps")


def test_the_median_survives_rounding_and_rows_that_do_not_sum_to_one() -> None:
    rounded = np.array([[0.15, 0.3, 0.05, 0.5]])  # the first three add up to 0.49999999999999994
    assert o.median_grade(rounded).tolist() == [2]
    assert o.median_grade(rounded / 3).tolist() == [2]
    assert o.median_grade(np.array([[0.5, np.nan], [1.0, 0.0]])).tolist() == [-1, 0]


def test_the_median_makes_the_expected_distance_least() -> None:
    _, proba, _ = sample(5)
    expected = proba @ np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    np.testing.assert_allclose(expected[np.arange(len(proba)), o.median_grade(proba)], expected.min(axis=1))


def test_a_near_miss_costs_less_than_a_far_one() -> None:
    near, far = np.array([[0.0, 1.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    losses = [float(o.rps(np.array([0]), p)) for p in (near, far)]
    assert losses == [0.5, 1.0]
    assert float(c.brier(np.array([0]), near)) == float(c.brier(np.array([0]), far))


def test_one_grade_no_case_constants_and_missing_scores_are_nan() -> None:
    one = np.zeros(5, dtype=np.int64)
    assert math.isnan(float(o.orc(one, np.arange(5.0))))
    assert math.isnan(float(o.kendall_tau(one, np.arange(5.0))))
    assert np.isnan(o.cumulative_aucs(one, np.full((5, 3), 1 / 3))).all()
    none = np.zeros(0, dtype=np.int64)
    for value in (o.orc(none, none * 1.0), o.kendall_tau(none, none * 1.0), o.grade_error(none, none)):
        assert math.isnan(float(value))
    assert math.isnan(float(o.rps(none, np.zeros((0, 3)))))
    assert np.isnan(o.cumulative_aucs(none, np.zeros((0, 3)), np.zeros((2, 0)))).tolist() == [[True] * 2] * 2
    assert float(o.orc(np.array([0, 1, 2]), np.ones(3))) == 0.5
    assert math.isnan(float(o.kendall_tau(np.array([0, 1, 2]), np.ones(3))))
    assert math.isnan(float(o.orc(np.array([0, 1, 2]), np.array([1.0, np.nan, 2.0]))))
    assert float(o.orc(np.array([0, 1]), np.array([1.0, 2.0]))) == 1.0
    assert math.isnan(float(o.rps(np.array([0, 0]), np.ones((2, 1)))))  # one grade: nothing to be off by


def test_a_draw_without_a_grade_is_nan_for_orc_but_not_for_kendall() -> None:
    reference, scores, w = np.array([0, 1, 2]), np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0, 0.0])
    assert math.isnan(float(o.orc(reference, scores, w)))
    assert float(o.kendall_tau(reference, scores, w)) == 1.0


def test_shapes_are_checked() -> None:
    for function in (o.orc, o.kendall_tau, o.grade_error):
        with pytest.raises(BadShape, match="cannot be compared"):
            function(np.zeros(3, dtype=np.int64), np.zeros(4))
        with pytest.raises(BadShape, match="for 3 cases"):
            function(np.zeros(3, dtype=np.int64), np.zeros(3), np.ones(4))
    for function in (o.rps, o.cumulative_aucs):
        with pytest.raises(BadShape, match="one a row"):
            function(np.zeros(3, dtype=np.int64), np.zeros((4, 2)))
        with pytest.raises(BadShape, match="one column a grade"):
            function(np.zeros(3, dtype=np.int64), np.zeros(3))
