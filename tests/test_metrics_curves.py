"""Curves: their area is the metric, their ends are exact, thinning cannot be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from isocenter.metrics import Floats
from isocenter.metrics.curves import pr_curve, roc_curve
from isocenter.metrics.ranking import auc, average_precision


def sample(n: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Floats]:
    rng = np.random.default_rng(5)
    events = rng.random(n) < 0.2
    return events, rng.normal(size=n) + events


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=80))
@settings(max_examples=100, deadline=None)
def test_areas_are_auc_and_average_precision(rows: list[tuple[bool, int]]) -> None:
    events, scores = np.array([e for e, _ in rows]), np.array([float(s) for _, s in rows])
    roc, pr = roc_curve(events, scores), pr_curve(events, scores)
    if len(set(events)) < 2:
        assert not roc.x.size
        assert not pr.x.size
        return
    assert np.trapezoid(roc.y, roc.x) == pytest.approx(float(auc(events, scores)))
    assert np.sum(np.diff(pr.x) * pr.y[1:]) == pytest.approx(float(average_precision(events, scores)))
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert (pr.x[0], pr.x[-1]) == (0, 1)


def test_points_are_scikit_learns() -> None:
    events, scores = sample(300)
    x, y, thresholds = sk.roc_curve(events, scores, drop_intermediate=False)
    ours = roc_curve(events, scores)
    corners = np.flatnonzero(np.isin(thresholds, ours.threshold))
    assert len(corners) == len(ours.x) < len(x)
    np.testing.assert_allclose(ours.x, x[corners])
    np.testing.assert_allclose(ours.y, y[corners])
    precision, recall, thresholds = sk.precision_recall_curve(events, scores)
    ours = pr_curve(events, scores)
    first = int(np.flatnonzero(recall == 1)[-1])  # points after full recall are not drawn
    np.testing.assert_allclose(ours.x[:0:-1], recall[first:-1])
    np.testing.assert_allclose(ours.y[:0:-1], precision[first:-1])
    np.testing.assert_allclose(ours.threshold[:0:-1], thresholds[first:])


@pytest.mark.parametrize("draw", [roc_curve, pr_curve])
def test_thinning_keeps_ends_and_shape(draw: type) -> None:
    events, scores = sample(20_000)
    whole, thin = draw(events, scores, most=10**9), draw(events, scores)
    assert len(thin.x) <= 500 < len(whole.x)
    assert [c[i] for c in thin for i in (0, -1)] == [c[i] for c in whole for i in (0, -1)]
    settled = whole.x > 0.02  # precision jumps among the first few cases
    assert np.abs(np.interp(whole.x[settled], thin.x, thin.y) - whole.y[settled]).max() < 0.015
