"""The calibration curve: an independent fit, coverage of its band, and scores that carry no curve."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from sklearn.linear_model import LogisticRegression

from calibrated import draws, perfect, simulated
from isocenter.errors import BadValues
from isocenter.metrics import reliability as r


def test_curve_is_that_of_statsmodels_on_the_same_knots() -> None:
    events, proba = simulated()
    curve = r.calibration_curve(events, proba, knots=4, points=100)
    assert curve.knots == 4
    assert len(curve.predicted) == 100
    ends = [0, -1]
    assert curve.predicted[ends] == pytest.approx([0.0444847519, 0.9140854472])
    assert curve.observed[ends] == pytest.approx([0.0012346624, 0.9905460310], abs=1e-8)
    # statsmodels' band is Wald's on the logit scale as well
    assert curve.low[ends] == pytest.approx([0.0000251319, 0.9234333741], abs=1e-8)
    assert curve.high[ends] == pytest.approx([0.0573188428, 0.9989025917], abs=1e-8)
    middle = {0.2: 0.1311433216, 0.4: 0.3016498442, 0.6: 0.4833958203}
    assert np.interp(list(middle), curve.predicted, curve.observed) == pytest.approx(list(middle.values()), abs=1e-4)
    found = r.distances(events, proba, knots=4)
    assert found == pytest.approx((0.08363264007, 0.08014221420, 0.15189357291), abs=1e-9)


@pytest.mark.parametrize("knots", [3, 4, 5])
def test_columns_span_the_natural_cubic_splines(knots: int) -> None:
    """scipy's natural splines through the same knots, fitted by scikit-learn, give the same risks."""
    events, proba = simulated()
    x = np.log(proba / (1 - proba))
    places = np.quantile(x, r._KNOTS[knots])
    inside = (x >= places[0]) & (x <= places[-1])
    basis = CubicSpline(places, np.eye(knots), bc_type="natural")(x[inside])
    model = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=5000).fit(basis, events[inside])
    spline = r.Spline(tuple(places))
    assert spline.size == knots
    columns = spline.columns(x[inside])
    ours = 1 / (1 + np.exp(-columns @ r.logistic.fit(columns, events[inside])))
    np.testing.assert_allclose(ours, model.predict_proba(basis)[:, 1], atol=2e-5)


def test_splines_are_straight_beyond_the_outer_knots() -> None:
    spline = r.Spline((-1.0, 0.0, 0.5, 2.0))
    for side in (np.linspace(-9, -1, 30), np.linspace(2, 9, 30)):
        np.testing.assert_allclose(np.diff(spline.columns(side), 2, axis=0), 0, atol=1e-9)


def test_a_perfect_model_has_the_diagonal() -> None:
    events, risk = perfect(np.random.default_rng(0), 100_000)
    curve = r.calibration_curve(events, risk)
    assert curve.knots == 5
    assert np.abs(curve.observed - curve.predicted).max() < 0.03
    assert r.distances(events, risk).ici < 0.005
    shifted = r.distances(events, risk**2)
    assert shifted.ici == pytest.approx(np.mean(risk - risk**2), abs=0.005)
    assert shifted.e50 == pytest.approx(np.median(risk - risk**2), abs=0.01)
    assert shifted.e90 == pytest.approx(np.quantile(risk - risk**2, 0.9), abs=0.01)


def test_distances_of_draws_are_those_of_repeated_cases() -> None:
    events, proba = simulated()
    weights = draws(np.random.default_rng(1), 400, 3)
    found = r.distances(events, proba, weights)
    x = np.log(proba / (1 - proba))
    spline = r.Spline(tuple(np.quantile(x, r._KNOTS[5])))
    for draw, weight in enumerate(weights):
        rows = np.repeat(np.arange(400), weight.astype(int))
        columns = spline.columns(x[rows])
        off = np.abs(1 / (1 + np.exp(-columns @ r.logistic.fit(columns, events[rows]))) - proba[rows])
        expected = (off.mean(), np.median(off), np.quantile(off, 0.9))
        assert tuple(part[draw] for part in found) == pytest.approx(expected, abs=1e-8)


def test_repeated_patients_widen_the_band() -> None:
    events, proba = simulated()
    twice = np.repeat(np.arange(400), 3)
    once = r.calibration_curve(events, proba)
    naive = r.calibration_curve(events[twice], proba[twice], knots=5)
    honest = r.calibration_curve(events[twice], proba[twice], twice, knots=5)
    np.testing.assert_allclose(honest.observed, naive.observed)
    middle = slice(20, 80)
    assert ((naive.high - naive.low)[middle] < 0.7 * (once.high - once.low)[middle]).all()
    assert (honest.high - honest.low)[middle] == pytest.approx((once.high - once.low)[middle], rel=0.2)


@pytest.mark.parametrize("n, centre", [(150, 0.0), (400, -2.0)])
def test_the_band_covers_the_diagonal_pointwise(n: int, centre: float) -> None:
    rng, rounds = np.random.default_rng(2), 400
    places = 1 / (1 + np.exp(-(centre + np.array([-1.5, 0.0, 1.5]))))
    inside = np.zeros(3)
    for _ in range(rounds):
        curve = r.calibration_curve(*perfect(rng, n, centre))
        low, high = (np.interp(places, curve.predicted, side) for side in (curve.low, curve.high))
        inside += (low <= places) & (places <= high)
    assert (inside / rounds > 0.92).all()
    assert (inside / rounds < 0.985).all()


def test_knots_follow_the_rarer_class() -> None:
    rng = np.random.default_rng(3)
    risk = rng.random(1000)
    for rarer, knots in ((200, 5), (70, 4), (30, 3)):
        assert r.calibration_curve(rng.permutation(1000) < rarer, risk).knots == knots


@pytest.mark.parametrize(
    "proba, knots",
    [
        (np.tile([0.0, 0.5, 1.0], 20), 3),
        (np.tile([0.2, 0.7], 30), 2),
        (np.full(60, 0.3), 1),
        (np.r_[np.full(57, 0.0), 0.2, 0.3, 0.4], 2),  # quantiles all the same
    ],
)
def test_few_distinct_scores_get_a_plainer_curve(proba: np.ndarray, knots: int) -> None:
    events = np.random.default_rng(4).permutation(60) < 25
    curve = r.calibration_curve(events, proba)
    assert curve.knots == knots
    assert np.isfinite(np.stack(curve[:4])).all()
    if knots in (1, 3):  # as many numbers as distinct scores: the shares themselves
        share = np.array([events[proba == value].mean() for value in proba])
        assert r.distances(events, proba).ici == pytest.approx(np.abs(share - proba).mean(), abs=1e-9)


@pytest.mark.parametrize(
    "events, proba",
    [
        (np.zeros(0, dtype=bool), np.zeros(0)),
        (np.ones(1, dtype=bool), np.full(1, 0.4)),
        (np.zeros(9, dtype=bool), np.linspace(0.1, 0.9, 9)),
        (np.arange(9) > 4, np.linspace(0.1, 0.9, 9)),
    ],
    ids=["none", "one", "one class", "separated"],
)
def test_no_curve_where_there_is_nothing_to_fit(events: np.ndarray, proba: np.ndarray) -> None:
    curve = r.calibration_curve(events, proba)
    assert curve.knots == 0
    assert curve.predicted.size == 0
    assert np.isnan(np.stack(r.distances(events, proba))).all()
    assert r.distances(events, proba, np.ones((2, len(events)))).ici.shape == (2,)


def test_bad_scores_and_knots_are_refused() -> None:
    events, proba = simulated()
    with pytest.raises(BadValues):
        r.calibration_curve(events, proba * 2)
    with pytest.raises(ValueError, match="3, 4 or 5"):
        r.calibration_curve(events, proba, knots=7)
