"""Calibration slope and intercepts: values from R and statsmodels, coverage, and what has no slope."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from calibrated import draws, perfect, simulated
from isocenter.errors import BadValues
from isocenter.metrics import calibration as c
from isocenter.metrics.intervals import NONE

SLOPE, INTERCEPT, LARGE = "calibration_slope", "calibration_intercept", "calibration_in_the_large"


def test_values_are_those_of_r(shared_data: Path) -> None:
    table = pd.read_csv(shared_data / "statistics" / "cal.csv")
    events, proba = table["y"].to_numpy() == 1, table["p"].to_numpy(dtype=float)
    slope, intercept = c.slope_and_intercept(events, proba)
    assert slope == pytest.approx(1.42857143, abs=5e-9)
    assert intercept == pytest.approx(-0.71428571, abs=5e-9)
    assert c.in_the_large(events, proba) == pytest.approx(-0.6731599836, abs=5e-11)
    found = c.estimates(events, proba)
    assert [found[name][0] for name in (SLOPE, INTERCEPT, LARGE)] == pytest.approx(
        [float(slope), float(intercept), -0.6731599836]
    )


def test_intervals_are_those_of_statsmodels() -> None:
    events, proba = simulated()
    found = c.estimates(events, proba, np.arange(400))
    assert found[SLOPE][1][:2] == pytest.approx((0.9300093673, 1.5313592438), abs=1e-9)
    assert found[INTERCEPT][1][:2] == pytest.approx((-0.5543487691, -0.0735609727), abs=1e-9)
    value, interval = found[LARGE]
    assert value == pytest.approx(-0.3610304601, abs=1e-10)
    assert interval.high - value == pytest.approx(1.959963984540054 * 0.1151952715, abs=1e-9)
    assert {how for _, (_, _, how) in found.values()} == {"wald"}


def test_patients_that_repeat_get_the_robust_interval() -> None:
    events, proba = simulated()
    found = c.estimates(events, proba, np.arange(400) // 4)
    t, inflated = 1.9842169515, math.sqrt(100 / 99)  # t with 99 degrees of freedom
    for name, error in ((SLOPE, 0.1399988394), (LARGE, 0.1107379027)):
        value, (low, high, how) = found[name]
        assert (high - value, value - low) == pytest.approx((t * inflated * error,) * 2, abs=1e-8)
        assert how == "wald-patients"


def test_draws_are_repeated_cases() -> None:
    events, proba = simulated()
    weights = draws(np.random.default_rng(1), 400, 5)
    slopes, intercepts = c.slope_and_intercept(events, proba, weights)
    large = c.in_the_large(events, proba, weights)
    assert slopes.shape == intercepts.shape == large.shape == (5,)
    rows = np.repeat(np.arange(400), weights[3].astype(int))
    again = (*c.slope_and_intercept(events[rows], proba[rows]), c.in_the_large(events[rows], proba[rows]))
    np.testing.assert_allclose((slopes[3], intercepts[3], large[3]), again, atol=1e-9)


def test_a_known_distortion_is_found_exactly_and_a_perfect_model_has_slope_1() -> None:
    events, risk = perfect(np.random.default_rng(2), 200_000)
    slope, intercept = c.slope_and_intercept(events, risk)
    assert slope == pytest.approx(1, abs=0.02)
    assert intercept == pytest.approx(0, abs=0.02)
    extreme = 1 / (1 + np.exp(-(2 * np.log(risk / (1 - risk)) + 1)))  # logits doubled, 1 added
    assert c.slope_and_intercept(events, extreme)[0] == pytest.approx(slope / 2)
    assert c.slope_and_intercept(events, extreme)[1] == pytest.approx(intercept - slope / 2)
    # The other class tells the same story
    assert c.slope_and_intercept(~events, 1 - risk)[0] == pytest.approx(slope)
    assert c.in_the_large(~events, 1 - risk) == pytest.approx(-c.in_the_large(events, risk), abs=1e-9)


def test_certain_scores_of_a_forest_do_not_decide_the_slope() -> None:
    events, risk = perfect(np.random.default_rng(4), 4000, -1.5)
    votes = np.random.default_rng(5).binomial(100, risk) / 100
    assert (votes == 0).sum() > 20
    slope = c.slope_and_intercept(events, votes)[0]
    kept = (votes > 0) & (votes < 1)
    assert slope == pytest.approx(c.slope_and_intercept(events[kept], votes[kept])[0], abs=0.1)


@pytest.mark.parametrize(
    "events, proba",
    [
        (np.zeros(0, dtype=bool), np.zeros(0)),
        (np.ones(1, dtype=bool), np.full(1, 0.3)),
        (np.ones(8, dtype=bool), np.linspace(0.1, 0.8, 8)),
        (np.arange(8) > 3, np.linspace(0.1, 0.8, 8)),
        (np.arange(8) > 3, np.full(8, 0.4)),
    ],
    ids=["none", "one", "one class", "separated", "constant"],
)
@pytest.mark.parametrize("patients", [None, "pairs", "one"])
def test_no_slope_is_nan_without_interval(events: np.ndarray, proba: np.ndarray, patients: str | None) -> None:
    n = len(events)
    codes = {None: None, "pairs": np.arange(n) // 2, "one": np.zeros(n, dtype=int)}[patients]
    for name, (value, interval) in c.estimates(events, proba, codes).items():
        if name != LARGE:
            assert math.isnan(value)
        assert interval is NONE or (name == LARGE and math.isfinite(value))


def test_a_draw_of_constant_predictions_has_no_line() -> None:
    reference, predicted = measured()
    weights = np.zeros((2, 60))
    weights[0, 7], weights[1, :] = 5, 1
    assert np.isnan(c.line(reference, predicted, weights)[0]).tolist() == [True, False]


def test_constant_scores_still_have_calibration_in_the_large() -> None:
    events, proba = np.arange(10) < 3, np.full(10, 0.5)
    assert c.in_the_large(events, proba) == pytest.approx(math.log(0.3 / 0.7))


def test_weights_that_sum_to_0_and_one_class_in_a_draw() -> None:
    events, proba = simulated()
    weights = np.stack([np.zeros(400), events.astype(float), np.ones(400)])
    assert np.isnan(c.slope_and_intercept(events, proba, weights)[0]).tolist() == [True, True, False]
    assert np.isnan(c.in_the_large(events, proba, weights)).tolist() == [True, True, False]


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(BadValues):
        c.slope_and_intercept(np.arange(3) > 1, np.array([-1.0, 0.2, 3.0]))


def covers(n: int, centre: float, patients: int, rounds: int) -> dict[str, float]:
    """Share of intervals that hold the truth; cases of a patient share half of what is not explained."""
    rng, hit = np.random.default_rng(6), dict.fromkeys((SLOPE, INTERCEPT, LARGE), 0)
    codes = np.arange(n) % patients
    for _ in range(rounds):
        _, risk = perfect(rng, n, centre)
        shared = rng.normal(size=patients)[codes] if patients < n else rng.normal(size=n)
        events = ndtr(math.sqrt(0.5) * shared + math.sqrt(0.5) * rng.normal(size=n)) < risk
        for name, (_, (low, high, _)) in c.estimates(events, risk, codes).items():
            hit[name] += low <= (1 if name == SLOPE else 0) <= high
    return {name: count / rounds for name, count in hit.items()}


@pytest.mark.parametrize("n, centre, patients", [(100, 0, 100), (150, 0, 50), (200, -2.5, 200)])
def test_intervals_cover(n: int, centre: float, patients: int) -> None:
    for name, covered in covers(n, centre, patients, 400).items():
        assert 0.92 < covered < 0.985, name


@pytest.mark.slow
@pytest.mark.parametrize(
    "n, centre, patients", [(50, 0, 50), (100, -2.5, 100), (500, -2, 500), (60, 0, 20), (150, -2, 50), (600, -2, 150)]
)
def test_intervals_cover_at_length(n: int, centre: float, patients: int) -> None:
    for name, covered in covers(n, centre, patients, 1500).items():
        assert 0.93 < covered < 0.975, name


def measured() -> tuple[np.ndarray, np.ndarray]:
    """What follows the simulated scores in the same stream, as statsmodels had it."""
    rng = np.random.default_rng(5)
    rng.beta(2, 3, 400)
    rng.random(400)
    predicted = rng.normal(size=60)
    return 2 + 0.8 * predicted + rng.normal(size=60), predicted


def test_line_is_that_of_statsmodels() -> None:
    reference, predicted = measured()
    found = c.line_estimates(reference, predicted)
    assert found[SLOPE][0] == pytest.approx(0.8936740817, abs=1e-9)
    assert found[SLOPE][1][:2] == pytest.approx((0.5849539673, 1.2023941961), abs=1e-9)
    assert found[INTERCEPT][0] == pytest.approx(1.8197998258, abs=1e-9)
    assert found[INTERCEPT][1] == pytest.approx((1.5149814125, 2.1246182392, "least-squares"), abs=1e-9)
    value, (_, high, how) = c.line_estimates(reference, predicted, np.arange(60) // 2)[SLOPE]
    assert high - value == pytest.approx(2.0452296421 * math.sqrt(30 / 29) * 0.1371917921, abs=1e-8)
    assert how == "least-squares-patients"


def test_line_of_draws_is_that_of_repeated_cases_and_shifts_do_not_drown_it() -> None:
    reference, predicted = measured()
    weights = draws(np.random.default_rng(1), 60, 4)
    slopes, intercepts = c.line(reference, predicted, weights)
    rows = np.repeat(np.arange(60), weights[2].astype(int))
    assert (slopes[2], intercepts[2]) == pytest.approx(np.polyfit(predicted[rows], reference[rows], 1))
    assert c.line(reference + 1e6, predicted + 1e6)[0] == pytest.approx(0.8936740817, abs=1e-7)


def test_line_through_constant_predictions_or_too_few_cases() -> None:
    slope, intercept = c.line(np.arange(5.0), np.full(5, 0.1))
    assert math.isnan(slope)
    assert math.isnan(intercept)
    for n in (0, 1, 2):
        found = c.line_estimates(np.arange(n) * 1.0, np.arange(n) * 2.0)
        assert found[SLOPE][1] is NONE
        assert c.line_estimates(np.arange(n) * 1.0, np.arange(n) * 2.0, np.zeros(n, dtype=int))[SLOPE][1] is NONE
