"""Brier's parts add up; the calibration error is that of the bins, and biased as known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, d2_brier_score

from calibrated import draws, simulated
from isocenter.errors import BadValues
from isocenter.metrics import scoring as s


@pytest.mark.parametrize("bins", [1, 4, 10, 37])
def test_parts_add_up_to_brier(bins: int) -> None:
    events, proba = simulated()
    parts = s.brier_parts(events, proba, bins=bins)
    assert parts.brier == pytest.approx(brier_score_loss(events, proba), abs=1e-14)
    assert parts.brier == pytest.approx(0.1829373620671968, abs=1e-14)
    assert parts.uncertainty == pytest.approx(events.mean() * (1 - events.mean()))


def test_parts_of_few_distinct_scores_are_murphys() -> None:
    """Worked by hand: 4 cases at 0.2 with one event, 2 at 0.8 with two."""
    proba, events = np.array([0.2] * 4 + [0.8] * 2), np.array([1, 0, 0, 0, 1, 1], dtype=bool)
    brier, reliability, resolution, uncertainty, within = s.brier_parts(events, proba)
    assert reliability == pytest.approx((4 * 0.05**2 + 2 * 0.2**2) / 6)
    assert resolution == pytest.approx((4 * 0.25**2 + 2 * 0.5**2) / 6)
    assert uncertainty == pytest.approx(0.25)
    assert within == pytest.approx(0, abs=1e-15)
    assert brier == pytest.approx((0.64 + 3 * 0.04 + 2 * 0.04) / 6)


def test_draws_are_repeated_cases_in_the_same_bins() -> None:
    events, scores = simulated()
    proba = np.round(scores, 1)
    weights = draws(np.random.default_rng(0), 400, 3)
    parts, error, scaled = (f(events, proba, weights) for f in (s.brier_parts, s.calibration_error, s.scaled_brier))
    rows = np.repeat(np.arange(400), weights[1].astype(int))
    again = s.brier_parts(events[rows], proba[rows], bins=11)
    assert [part[1] for part in s.brier_parts(events, proba, weights, bins=11)] == pytest.approx(
        [float(part) for part in again]
    )
    assert parts.brier[1] == pytest.approx(brier_score_loss(events[rows], proba[rows]))
    assert scaled[1] == pytest.approx(d2_brier_score(events[rows], proba[rows]))
    assert error.shape == (3,)


def test_scaled_brier_is_scikit_learns_and_0_for_the_prevalence() -> None:
    events, proba = simulated()
    assert s.scaled_brier(events, proba) == pytest.approx(d2_brier_score(events, proba))
    assert s.scaled_brier(events, np.full(400, events.mean())) == pytest.approx(0)
    assert s.scaled_brier(events, events.astype(float)) == 1


def test_calibration_error_is_that_of_equal_bins() -> None:
    events, proba = simulated()
    order = np.argsort(proba)
    gaps = (proba - events)[order].reshape(10, 40).mean(axis=1)
    assert s.calibration_error(events, proba) == pytest.approx(np.abs(gaps).mean())


def test_a_perfect_model_has_the_known_calibration_error() -> None:
    """The README of the reference values: mean 0.086 for n = 200 and 15 bins; what it is for our bins."""
    rng = np.random.default_rng(1)
    ours, wide = [], []
    for _ in range(1500):
        proba = rng.random(200)
        events = rng.random(200) < proba
        ours.append(s.calibration_error(events, proba, bins=15))
        wide.append(np.abs(np.bincount((proba * 15).astype(int), proba - events)).sum() / 200)
    assert np.mean(wide) == pytest.approx(0.086, abs=0.001)
    assert np.mean(ours) == pytest.approx(0.087, abs=0.001)


def test_equal_scores_share_a_bin() -> None:
    proba = np.random.default_rng(2).choice(np.linspace(0, 1, 33), 500)
    bins = s.equal_mass_bins(proba, 10)
    for value in np.unique(proba):
        assert len(np.unique(bins[proba == value])) == 1
    assert (np.diff(bins[np.argsort(proba)]) >= 0).all()
    assert 8 <= len(np.unique(bins)) <= 10
    assert len(np.unique(s.equal_mass_bins(np.repeat([0.1, 0.2, 0.9], 7)))) == 3


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_and_one_class_are_nan_not_errors(n: int) -> None:
    events, proba = np.ones(n, dtype=bool), np.full(n, 0.25)
    assert np.isnan(s.scaled_brier(events, proba))
    assert s.calibration_error(events, proba) == pytest.approx(0.75 if n else np.nan, nan_ok=True)
    assert s.brier_parts(events, proba).brier == pytest.approx(0.5625 if n else np.nan, nan_ok=True)


def test_no_weight_is_nan_and_bad_scores_are_refused() -> None:
    events, proba = simulated()
    for metric in (s.scaled_brier, s.calibration_error, lambda *a: s.brier_parts(*a).brier):
        assert np.isnan(metric(events, proba, np.stack([np.zeros(400), np.ones(400)]))).tolist() == [True, False]
        with pytest.raises(BadValues):
            metric(events, proba + 1)
