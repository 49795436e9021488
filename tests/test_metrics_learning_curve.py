"""Learning curves: known curves come back, intervals cover, and the answer is no more certain than they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit

from isocenter.metrics import Floats
from isocenter.metrics.intervals import NONE
from isocenter.metrics.learning_curve import fit_curve, would_more_help

SIZES = np.array([20.0, 40, 60, 80, 100, 120])


def power(n: Floats, a: float, b: float, c: float) -> Floats:
    return np.asarray(a - b * n**-c)


def test_an_exact_curve_comes_back() -> None:
    curve = fit_curve(SIZES, power(SIZES, 0.85, 0.9, 0.5), np.full(6, 1e-6), best=1.0)
    assert curve.found == pytest.approx([0.85, 0.9, 0.5])
    assert curve.end == pytest.approx(0.85)
    assert curve.at(220)[0] == pytest.approx(0.85 - 0.9 * 220**-0.5)
    assert curve.gain(120, 100)[0] == pytest.approx(0.9 * (120**-0.5 - 220**-0.5))


def test_an_error_falls() -> None:
    curve = fit_curve(SIZES, 2.0 + 3.0 * SIZES**-0.8, np.full(6, 1e-6), larger_is_better=False, best=0.0)
    value, interval = curve.at(220)
    assert value == pytest.approx(2.0 + 3.0 * 220**-0.8, abs=1e-3)
    assert interval.low <= value <= interval.high
    assert curve.gain(120, 100)[0] > 0
    assert curve.end == pytest.approx(2.0, abs=0.02)


def test_least_squares_agree_with_scipy() -> None:
    rng = np.random.default_rng(4)
    errors = 0.02 * np.sqrt(60 / SIZES)
    values = power(SIZES, 0.9, 1.5, 0.6) + rng.normal(size=6) * errors
    curve = fit_curve(SIZES, values, errors)
    theirs, _ = curve_fit(power, SIZES, values, p0=[0.9, 1.0, 0.5], sigma=errors, bounds=([-9, 0, 0.1], [9, 99, 2]))

    def missed(parameters: Floats) -> float:
        return float((((values - power(SIZES, *parameters)) / errors) ** 2).sum())

    assert missed(curve.found) == pytest.approx(missed(theirs), rel=1e-3)
    assert curve.at(200)[0] == pytest.approx(power(np.array([200.0]), *theirs)[0], abs=2e-3)


def test_the_ceiling_holds_and_more_patients_never_harm() -> None:
    rising = fit_curve(SIZES, np.array([0.7, 0.8, 0.88, 0.95, 0.99, 1.0]), np.full(6, 0.01), best=1.0)
    assert rising.end <= 1.0
    assert rising.at(1e6)[1].high <= 1.0
    falling = fit_curve(SIZES, np.array([0.9, 0.85, 0.8, 0.75, 0.7, 0.65]), np.full(6, 0.01), best=1.0)
    assert falling.gain(120, 100)[0] == 0.0


def test_intervals_cover() -> None:
    rng = np.random.default_rng(0)
    truth, errors = power(SIZES, 0.85, 0.9, 0.5), 0.02 * np.sqrt(60 / SIZES)
    value, gain = power(np.array([120.0, 220.0]), 0.85, 0.9, 0.5)[1], 0.9 * (120**-0.5 - 220**-0.5)
    hits = np.zeros(2)
    for seed in range(200):
        curve = fit_curve(SIZES, truth + rng.normal(size=6) * errors, errors, best=1.0, draws=200, seed=seed)
        (_, at), (_, more) = curve.at(220), curve.gain(120, 100)
        hits += [at.low <= value <= at.high, more.low <= gain <= more.high]
    assert (hits / 200 > 0.9).all()


@pytest.mark.parametrize(
    "values, answer, words",
    [
        (power(SIZES, 0.9, 3.0, 0.6), "yes", "would help"),
        (power(SIZES, 0.8, 0.5, 1.8), "no", "would hardly help"),
    ],
)
def test_clear_curves_get_clear_answers(values: Floats, answer: str, words: str) -> None:
    found = would_more_help(fit_curve(SIZES, values, np.full(6, 0.001), best=1.0), 120, 100, metric="the AUC")
    assert found.answer == answer
    assert words in found.sentence
    assert found.sentence.startswith("With 220 patients the AUC is expected at")


def test_noise_gets_no_clear_answer() -> None:
    values = np.array([0.62, 0.70, 0.66, 0.75, 0.71, 0.77])
    found = would_more_help(fit_curve(SIZES, values, np.full(6, 0.05), best=1.0), 120, 100)
    assert found.answer == "unclear"
    assert "cannot be told" in found.sentence


def test_far_beyond_is_called_so() -> None:
    curve = fit_curve(SIZES, power(SIZES, 0.9, 3.0, 0.6), np.full(6, 0.001))
    assert "a hint only" not in would_more_help(curve, 120, 100).sentence
    assert "a hint only" in would_more_help(curve, 120, 500).sentence


@pytest.mark.parametrize(
    "sizes, values",
    [([], []), ([50.0], [0.8]), ([50.0, 50.0, 60.0], [0.8, 0.7, 0.8]), ([50.0, 60.0, 70.0], [0.8, math.nan, 0.9])],
)
def test_too_few_points_say_nothing(sizes: list[float], values: list[float]) -> None:
    curve = fit_curve(np.array(sizes), np.array(values), np.full(len(sizes), 0.1))
    assert math.isnan(curve.at(100)[0])
    assert curve.at(100)[1] == NONE
    found = would_more_help(curve, 60)
    assert found.answer == "unknown"
    assert "more points" in found.sentence


def test_without_errors_the_scatter_serves() -> None:
    values = power(SIZES, 0.85, 0.9, 0.5) + 0.01 * np.array([1, -1, 1, -1, 1, -1])
    for errors in (None, np.zeros(6), np.full(6, math.nan)):
        _, interval = fit_curve(SIZES, values, errors, best=1.0).at(220)
        assert 0.01 < interval.high - interval.low < 0.3
    three = fit_curve(SIZES[:3], values[:3])
    assert not math.isnan(three.at(220)[0])
    assert three.at(220)[1] == NONE


def test_one_seed_same_numbers() -> None:
    one, same, other = (fit_curve(SIZES, power(SIZES, 0.85, 0.9, 0.5), np.full(6, 0.02), seed=s) for s in (1, 1, 2))
    assert one.at(220) == same.at(220)
    assert one.at(220) != other.at(220)
