"""AUC and average precision against scikit-learn: ties, weights, draws; placements against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn import metrics as sk

from isocenter.metrics.ranking import Ranking, auc, average_precision, midranks, placements

CASES = st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=60)


@given(CASES)
@settings(max_examples=150, deadline=None)
def test_weighted_ties_agree_with_scikit_learn(rows: list[tuple[bool, int, int]]) -> None:
    events, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    scores, weights = scores.astype(float), weights.astype(float)
    there = weights > 0
    if len(set(events[there])) < 2:
        assert np.isnan(auc(events, scores, weights))
        assert np.isnan(average_precision(events, scores, weights))
        return
    expected = sk.roc_auc_score(events, scores, sample_weight=weights)
    assert auc(events, scores, weights) == pytest.approx(expected, abs=1e-12)
    expected = sk.average_precision_score(events[there], scores[there], sample_weight=weights[there])
    assert average_precision(events, scores, weights) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 12])
def test_all_draws_at_once_are_the_draws_one_by_one(decimals: int) -> None:
    rng = np.random.default_rng(3)
    events, scores = rng.random(200) < 0.3, np.round(rng.normal(size=200), decimals)
    weights = rng.multinomial(200, np.full(200, 1 / 200), size=20).astype(float)
    for metric, second in ((auc, sk.roc_auc_score), (average_precision, sk.average_precision_score)):
        expected = [second(events, scores, sample_weight=w) for w in weights]
        np.testing.assert_allclose(metric(events, scores, weights), expected)


def test_auc_and_average_precision_leave_their_input_alone() -> None:
    events, scores, weights = np.array([True, False, True]), np.array([0.2, 0.5, 0.1]), np.ones((2, 3))
    before = weights.copy()
    first = auc(events, scores, weights), average_precision(events, scores, weights)
    np.testing.assert_array_equal(weights, before)
    np.testing.assert_array_equal(first, (auc(events, scores, weights), average_precision(events, scores, weights)))


def test_constant_scores_are_a_coin() -> None:
    events = np.array([True, False, False, False])
    assert auc(events, np.zeros(4)) == 0.5
    assert average_precision(events, np.zeros(4)) == 0.25


def test_midranks_of_a_weighted_sample_are_those_of_the_repeated_one() -> None:
    rng = np.random.default_rng(0)
    values, weights = rng.integers(0, 8, 40).astype(float), rng.integers(0, 4, 40)
    repeated = rankdata(np.repeat(-values, weights))
    ours = midranks(Ranking.of(values), weights.astype(float))
    np.testing.assert_allclose(np.repeat(ours, weights), repeated)


def test_placements_are_shares_of_the_other_kind_below() -> None:
    rng = np.random.default_rng(1)
    events, scores = rng.random(70) < 0.4, rng.integers(0, 12, 70).astype(float)
    pairs = scores[events][:, None] - scores[~events]
    won = (pairs > 0) + 0.5 * (pairs == 0)
    of_events, of_others = placements(events, scores)
    np.testing.assert_allclose(of_events, won.mean(axis=1))
    np.testing.assert_allclose(of_others, won.mean(axis=0))
