"""Bland-Altman: the published examples, what intervals cover, several images a patient, the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import linregress, nct

from isocenter.errors import BadShape
from isocenter.metrics import differences as d
from isocenter.metrics import regression as r
from isocenter.metrics.intervals import NONE

# Peak expiratory flow (l/min), first reading with each meter: Bland and Altman, Lancet 1986, table 1.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], dtype=float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], dtype=float)
# Cardiac output (l/min) by radionuclides and by impedance: Bland and Altman, Stat Methods Med Res 1999, table 4;
# the first three pairs of each of the twelve patients.
RADIONUCLIDE = """7.83 7.42 7.89 6.16 7.26 6.71 4.75 5.24 4.86 4.21 3.61 3.72 3.13 2.98 2.85 5.92 6.42 5.92
7.13 6.62 6.58 4.54 4.81 5.11 4.48 4.92 3.97 4.22 4.65 4.74 6.78 6.07 6.52 5.06 4.72 4.90"""
IMPEDANCE = """6.57 5.62 6.90 4.06 4.29 4.26 4.71 5.50 5.08 4.14 4.20 4.61 3.03 2.86 2.77 5.90 5.81 5.70
5.09 4.63 4.61 4.72 4.61 4.36 3.17 3.12 2.96 4.35 4.62 3.16 7.20 6.09 7.00 4.50 4.20 3.80"""


def numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=float)


def of_given(mean: float, sd: float, n: int) -> np.ndarray:
    values = np.random.default_rng(0).normal(size=n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def test_peak_flow_is_that_of_1986() -> None:
    found = d.bland_altman(MINI, WRIGHT)
    assert (found.n, found.n_patients) == (17, 17)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    # the paper takes 2 SD of rounded numbers
    assert (round(found.bias, 1) - 2 * 38.8, round(found.bias, 1) + 2 * 38.8) == pytest.approx((-79.7, 75.5))
    assert (found.low, found.high) == pytest.approx(
        (found.bias - 1.959964 * found.sd, found.bias + 1.959964 * found.sd)
    )
    assert found.bias_interval == (pytest.approx(-22.0, abs=0.06), pytest.approx(17.8, abs=0.06), "t")


def test_limits_intervals_are_exact_and_near_those_of_1999() -> None:
    # Blood pressure by observer and machine: n 85, mean -16.29, SD 19.61; limits -54.7 (-61.9 to -47.5), 22.1 (14.9 to 29.3)
    found = d.bland_altman(np.zeros(85), of_given(-16.29, 19.61, 85))
    assert (found.low, found.high) == pytest.approx((-54.7, 22.1), abs=0.06)
    assert found.bias_interval[:2] == pytest.approx((-20.5, -12.1), abs=0.06)
    assert found.high_interval[:2] == pytest.approx((14.9, 29.3), abs=1.2)
    assert found.high_interval.how == "carkeet-exact"
    # As defined by Carkeet: with the limit at its own interval's end the estimate has 2.5 % beyond it.
    for limit, tail in ((found.high_interval.low, 0.025), (found.high_interval.high, 0.975)):
        standardised = math.sqrt(85) * (limit - found.bias) / found.sd
        assert nct.cdf(standardised, 84, math.sqrt(85) * 1.959963984540054) == pytest.approx(tail, abs=1e-9)
    mirrored = d.bland_altman(of_given(-16.29, 19.61, 85), np.zeros(85))
    assert mirrored.low_interval[:2] == pytest.approx((-found.high_interval.high, -found.high_interval.low))
    narrower = d.bland_altman(np.zeros(85), of_given(-16.29, 19.61, 85), share=0.9, level=0.9)
    assert narrower.high == pytest.approx(-16.29 + 1.644854 * 19.61, abs=1e-4)
    assert narrower.bias_interval.low > found.bias_interval.low


def test_several_images_a_patient_are_between_and_within() -> None:
    """With as many images of each, the analysis of variance of Bland and Altman 1999, section 5.3."""
    patients = np.repeat(np.arange(12), 3)
    found = d.bland_altman(numbers(IMPEDANCE), numbers(RADIONUCLIDE), patients)
    difference = (numbers(RADIONUCLIDE) - numbers(IMPEDANCE)).reshape(12, 3)
    between, within = 3 * difference.mean(axis=1).var(ddof=1), difference.var(axis=1, ddof=1).mean()
    assert found.bias == pytest.approx(difference.mean())
    assert found.sd == pytest.approx(math.sqrt((between - within) / 3 + within))
    assert (found.n, found.n_patients, found.low_interval.how) == (36, 12, "zou-mover")
    alone = d.bland_altman(numbers(IMPEDANCE), numbers(RADIONUCLIDE))
    assert found.low_interval.low < alone.low_interval.low  # 36 images are not 36 patients
    assert found.bias_interval.low < alone.bias_interval.low


def test_proportional_bias_is_the_regression_of_1999() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(100, 20, 60)
    y, f = truth + rng.normal(0, 4, 60), 1.2 * truth + rng.normal(0, 4, 60)
    found, expected = d.bland_altman(y, f), linregress((y + f) / 2, f - y)
    assert (found.slope, found.slope_p) == pytest.approx((expected.slope, expected.pvalue))
    assert 0.1 < found.slope_interval.low < found.slope < found.slope_interval.high < 0.3
    assert d.bland_altman(MINI, WRIGHT).slope_p > 0.5
    twice = d.bland_altman(np.repeat(y, 2), np.repeat(f, 2), np.repeat(np.arange(60), 2))
    assert twice.slope_p == pytest.approx(found.slope_p)  # the unit is the patient


def test_weighted_limits_are_those_of_cases_that_are_there_twice() -> None:
    weights = np.random.default_rng(2).multinomial(17, np.full(17, 1 / 17), size=3)
    low, high = d.limits_of(r.moments(MINI, WRIGHT, weights))
    for row, w in enumerate(weights):
        found = d.bland_altman(np.repeat(MINI, w), np.repeat(WRIGHT, w))
        assert (low[row], high[row]) == pytest.approx((found.low, found.high))


def test_missing_pairs_are_left_out() -> None:
    patients = np.arange(19)
    more = d.bland_altman(np.append(MINI, [np.nan, 5.0]), np.append(WRIGHT, [1.0, np.nan]), patients)
    assert more == d.bland_altman(MINI, WRIGHT)


def test_too_few_cases_and_no_spread_have_no_interval() -> None:
    none = d.bland_altman(np.zeros(0), np.zeros(0))
    assert (none.n, none.n_patients) == (0, 0)
    one = d.bland_altman(np.ones(1), np.full(1, 3.0))
    assert one.bias == 2.0
    same_patient = d.bland_altman(np.zeros(3), np.arange(3.0), np.zeros(3, dtype=np.int64))
    for found in (none, one, same_patient):
        assert all(map(math.isnan, (found.sd, found.low, found.high, found.slope, found.slope_p)))
        assert found.bias_interval == found.low_interval == found.high_interval == found.slope_interval == NONE
    flat = d.bland_altman(np.arange(5.0), np.arange(5.0) + 2)
    assert (flat.bias, flat.sd, flat.low, flat.high) == (2.0, 0.0, 2.0, 2.0)
    assert flat.bias_interval == flat.high_interval == NONE
    two = d.bland_altman(np.zeros(2), np.array([0.0, 1.0]))
    assert two.high_interval.low < two.high < two.high_interval.high
    assert math.isnan(two.slope)


def test_shapes_are_checked() -> None:
    with pytest.raises(BadShape, match="cannot be compared"):
        d.bland_altman(np.zeros(3), np.zeros(4))
    with pytest.raises(BadShape, match="cannot be compared"):
        d.bland_altman(np.zeros(3), np.zeros(3), np.zeros(2, dtype=np.int64))


@pytest.mark.parametrize("n_patients, most", [(8, 1), (40, 1), (10, 4), (30, 6)])
def test_intervals_cover(n_patients: int, most: int) -> None:
    rng, inside = np.random.default_rng(3), np.zeros(3)
    within = 0.7 if most > 1 else 0.0
    half = 1.959964 * math.hypot(1.0, within)
    for _ in range(1000):
        patients = np.repeat(np.arange(n_patients), rng.integers(1, most + 1, n_patients))
        difference = rng.normal(size=n_patients)[patients] + within * rng.normal(size=len(patients))
        found = d.bland_altman(np.zeros(len(patients)), difference, patients)
        pairs = ((0.0, found.bias_interval), (-half, found.low_interval), (half, found.high_interval))
        inside += [i.low <= truth <= i.high for truth, i in pairs]
    assert (inside > 930).all()
    assert (inside < 980).all()
