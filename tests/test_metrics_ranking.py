"""AUC and average precision against scikit-learn: ties, weights, draws; placements against their definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn import metrics as sk

from isocenter.metrics.comparison import compare_auc
from isocenter.metrics.curves import roc_curve
from isocenter.metrics.intervals import NONE, auc_interval
from isocenter.metrics.ordinal import orc
from isocenter.metrics.panels import ClassPanel
from isocenter.metrics.ranking import Ranking, auc, average_precision, midranks, partial_auc, placements

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


def test_partial_auc_is_that_of_proc(shared_data: Path) -> None:
    table = pd.read_csv(shared_data / "statistics" / "aSAH.csv")
    events, scores = (table["outcome"] == "Poor").to_numpy(), table["s100b"].to_numpy(dtype=float)
    assert partial_auc(events, scores) == pytest.approx(0.0327574526, abs=5e-11)
    assert partial_auc(events, scores, corrected=True) == pytest.approx(0.6460918557, abs=5e-11)
    proba = np.column_stack([1 - scores, scores])
    panel = ClassPanel(events.astype(np.int64), events.astype(np.int64), proba, 1)
    found = panel.measures(np.ones(len(events)), {("partial_auc", None)})
    assert found["partial_auc", None] == pytest.approx(0.6460918557, abs=5e-11)
    assert ("partial_auc", None) not in panel.measures(np.ones(len(events)))


@given(CASES, st.floats(0.05, 0.95))
@settings(max_examples=100, deadline=None)
def test_partial_auc_agrees_with_scikit_learn(rows: list[tuple[bool, int, int]], most: float) -> None:
    events, scores, weights = (np.array(column) for column in zip(*rows, strict=True))
    scores, weights = scores.astype(float), weights.astype(float)
    found = partial_auc(events, scores, 1 - most, 1.0, corrected=True, weights=weights)
    if len(set(events[weights > 0])) < 2:
        assert np.isnan(found)
    else:
        expected = sk.roc_auc_score(events, scores, sample_weight=weights, max_fpr=1 - (1 - most))
        assert found == pytest.approx(expected, abs=1e-9)


def test_strips_add_up_to_the_auc() -> None:
    rng = np.random.default_rng(4)
    events, scores = rng.random(90) < 0.4, rng.integers(0, 15, 90).astype(float)
    weights = rng.integers(0, 4, (30, 90)).astype(float)
    whole = auc(events, scores, weights)
    for of in ("specificity", "sensitivity"):
        strips = [partial_auc(events, scores, low, low + 0.25, of=of, weights=weights) for low in (0, 0.25, 0.5, 0.75)]  # type: ignore[arg-type]
        np.testing.assert_allclose(np.sum(strips, axis=0), whole)


@pytest.mark.parametrize("at", [0, 5])
def test_a_missing_score_makes_everything_nan(at: int) -> None:
    events = np.array([1, 1, 0, 0, 1, 0], dtype=bool)
    scores = np.array([0.9, 0.8, 0.2, 0.1, 0.7, 0.3])
    scores[at] = np.nan
    for metric in (auc, average_precision, partial_auc):
        assert np.isnan(metric(events, scores)), metric.__name__
        assert np.isnan(metric(events, scores, weights=np.ones((20_000, 6)))).all()  # by compiled loops
    assert all(np.isnan(side).all() for side in placements(events, scores))
    assert np.isnan(midranks(Ranking.of(scores), np.ones(6))).all()
    assert auc_interval(events, scores) == NONE
    assert np.isnan(compare_auc(events, scores, np.arange(6.0))[:4]).all()
    assert np.isnan(orc(events.astype(np.int64), scores))
    assert not roc_curve(events, scores).x.size


def test_partial_auc_over_sensitivity_is_specificity_there() -> None:
    # One case without the event above half of those with it: specificity 1 up to sensitivity 0.5, then 0.5
    events = np.array([True, True, False, True, True, False])
    scores = np.arange(6.0)[::-1]
    assert partial_auc(events, scores, 0.5, 1.0, of="sensitivity") == pytest.approx(0.25)
    assert partial_auc(events, scores, 0.25, 0.75, of="sensitivity") == pytest.approx(0.25 + 0.125)
    assert partial_auc(events, scores, 0.5, 1.0) == pytest.approx(0.25)
