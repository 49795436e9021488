"""Agreement on classes: published examples, values of independent programs, what intervals cover."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from isocenter.errors import BadShape, BadValues
from isocenter.metrics import Floats
from isocenter.metrics import agreement as a
from isocenter.metrics.intervals import NONE

# Six psychiatrists of 30 patients, five diagnoses: Fleiss, Psychol Bull 1971, table 1. Votes by diagnosis.
PSYCHIATRISTS = """00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"""
# Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011: four observers, twelve units.
_ = math.nan
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
# Two clinicians of 100 patients: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, ch. 18.
CLINICIANS = np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
# Answers of wives and husbands: Agresti, Categorical Data Analysis (Hout, Duncan and Sobel 1987).
COUPLES = np.array([[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]])


def psychiatrists() -> Floats:
    return np.array([np.repeat(np.arange(5.0), list(map(int, votes))) for votes in PSYCHIATRISTS.split()])


def from_table(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.indices(table.shape).reshape(2, -1)
    return np.repeat(first, table.ravel()), np.repeat(second, table.ravel())


def scattered(seed: int = 3) -> Floats:
    """40 cases, five readers who agree with the first in six of ten, a quarter missing."""
    rng = np.random.default_rng(seed)
    ratings = rng.integers(0, 4, (40, 5)).astype(float)
    ratings[:, 1:] = np.where(rng.random((40, 4)) < 0.6, ratings[:, :1], ratings[:, 1:])
    ratings[rng.random((40, 5)) < 0.25] = np.nan
    return ratings


@pytest.mark.parametrize(
    "table, weighting, kappa, error",  # statsmodels 0.15; the books print .68 (.087), and .129 (.0686), .237 (.0783)
    [
        (CLINICIANS, "nominal", 0.676470588235294, 0.08770295347521254),
        (CLINICIANS, "linear", 0.7222222222222223, 0.08430095392318866),
        (CLINICIANS, "quadratic", 0.7553191489361702, 0.08670713249380735),
        (COUPLES, "nominal", 0.12933025404157042, 0.06859853248070859),
        (COUPLES, "linear", 0.23738062755798084, 0.07831633477837283),
        (COUPLES, "quadratic", 0.3320455862468612, 0.09729752195860462),
    ],
)
def test_kappa_and_its_error_are_published(
    table: np.ndarray, weighting: a.Weighting, kappa: float, error: float
) -> None:
    first, second = from_table(table)
    np.testing.assert_array_equal(a.pair_table(first, second, len(table)), table)
    assert float(a.cohen_kappa(first, second, len(table), weighting)) == pytest.approx(kappa, abs=1e-12)
    value, variance, *_ = a.kappa_variance(table.astype(float), weighting)
    assert (value, math.sqrt(variance)) == pytest.approx((kappa, error), abs=1e-12)
    low, high, _ = a.cohen_interval(first, second, len(table), weighting)
    assert low < kappa < high


@pytest.mark.parametrize("weighting", get_args(a.Weighting))
def test_every_draw_of_kappa_is_scikit_learns(weighting: a.Weighting) -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, 90), rng.integers(0, 4, 90)
    second = np.where(rng.random(90) < 0.5, first, second)
    weights = rng.multinomial(90, np.full(90, 1 / 90), size=4)
    found = a.cohen_kappa(first, second, 4, weighting, weights)
    name = None if weighting == "nominal" else weighting
    for row, w in enumerate(weights):
        expected = cohen_kappa_score(first, second, labels=range(4), weights=name, sample_weight=w)
        assert found[row] == pytest.approx(expected)


def test_case_that_one_did_not_read_is_left_out() -> None:
    first, second = from_table(COUPLES)
    more = np.append(first, [0, math.nan, 2]), np.append(second.astype(float), [math.nan, 1, math.nan])
    assert float(a.cohen_kappa(*more, 4)) == pytest.approx(float(a.cohen_kappa(first, second, 4)))
    assert a.cohen_interval(*more, 4) == a.cohen_interval(first, second, 4)
    alone = np.full((5, 6), np.nan)
    alone[:, 0] = 1.0
    together = np.vstack([psychiatrists(), np.full((4, 6), np.nan)])
    assert float(a.fleiss_kappa(together, 5)) == pytest.approx(float(a.fleiss_kappa(psychiatrists(), 5)))
    assert float(a.percent_agreement(np.vstack([psychiatrists(), alone]), 5)) == pytest.approx(5 / 9)


def test_fleiss_is_that_of_1971() -> None:
    assert float(a.fleiss_kappa(psychiatrists(), 5)) == pytest.approx(0.430, abs=5e-4)
    assert float(a.percent_agreement(psychiatrists(), 5)) == pytest.approx(0.5556, abs=5e-5)


def test_alpha_is_krippendorffs() -> None:
    found = [float(a.krippendorff_alpha(OBSERVERS, scale)) for scale in get_args(a.Scale)]
    assert found == pytest.approx([0.743421052631579, 0.8153875037548813, 0.8491071428571428], abs=1e-12)
    # the package krippendorff 0.9
    found = [float(a.krippendorff_alpha(scattered(), scale)) for scale in get_args(a.Scale)]
    assert found == pytest.approx([0.4223907033005012, 0.43725854035285827, 0.4241488821138212], abs=1e-12)


@pytest.mark.parametrize(
    "ratings, fleiss, ac1",  # the package irrCAC 0.4.4
    [(OBSERVERS - 1, 0.76116928, 0.77544407), (scattered(), 0.41575621, 0.42132532)],
)
def test_missing_ratings_are_gwets(ratings: Floats, fleiss: float, ac1: float) -> None:
    k = int(np.nanmax(ratings)) + 1
    assert (float(a.fleiss_kappa(ratings, k)), float(a.ac1(ratings, k))) == pytest.approx((fleiss, ac1), abs=5e-9)


@pytest.mark.parametrize("chance, error", [(a._drawn_alike, 0.054198935515), (a._guessed, 0.055662141682)])
def test_errors_are_gwets_where_nothing_is_missing_and_the_jackknifes_where_it_is(
    chance: a.Chance, error: float
) -> None:
    columns = a.reader_columns(psychiatrists(), 5)  # the package irrCAC 0.4.4
    assert math.sqrt(a.linearised_variance(columns, np.ones(30), chance).variance) == pytest.approx(error, abs=5e-8)
    columns = np.tile(a.reader_columns(scattered(), 4), (5, 1))
    n, without = len(columns), a._beyond((1 - np.eye(len(columns))) @ columns, chance)
    jackknifed = (n - 1) / n * ((without - without.mean()) ** 2).sum()
    assert a.linearised_variance(columns, np.ones(n), chance).variance == pytest.approx(jackknifed, rel=0.02)


def test_a_rare_class_pulls_kappa_down_but_not_ac1() -> None:
    # Gwet, Kappa statistic is not satisfactory, 2002: of 125 cases 118 and 0 agree
    first, second = from_table(np.array([[118, 5], [2, 0]]))
    ratings = np.column_stack([first, second])
    assert float(a.percent_agreement(ratings, 2)) == pytest.approx(0.944)
    assert float(a.cohen_kappa(first, second, 2)) == pytest.approx(-0.0234, abs=5e-5)
    assert float(a.ac1(ratings, 2)) == pytest.approx(0.9408, abs=5e-5)


COEFFICIENTS = {
    "percent": lambda x, w=None: a.percent_agreement(x, 5, w),
    "fleiss": lambda x, w=None: a.fleiss_kappa(x, 5, w),
    "ac1": lambda x, w=None: a.ac1(x, 5, w),
    "nominal": lambda x, w=None: a.krippendorff_alpha(x, "nominal", w),
    "ordinal": lambda x, w=None: a.krippendorff_alpha(x, "ordinal", w),
    "interval": lambda x, w=None: a.krippendorff_alpha(x, "interval", w),
}


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_a_weight_of_two_is_a_case_that_is_there_twice(name: str) -> None:
    ratings, rng = scattered(), np.random.default_rng(1)
    weights = rng.multinomial(40, np.full(40, 1 / 40), size=(2, 3))
    found = COEFFICIENTS[name](ratings, weights)
    assert found.shape == (2, 3)
    for at in np.ndindex(2, 3):
        assert found[at] == pytest.approx(float(COEFFICIENTS[name](np.repeat(ratings, weights[at], axis=0))))


def test_ordinal_alpha_knows_order_only_and_interval_alpha_distances() -> None:
    ratings = scattered()
    stretched = np.array([0.0, 1.0, 5.0, 100.0])[np.nan_to_num(ratings).astype(int)]
    stretched[np.isnan(ratings)] = np.nan
    alpha = a.krippendorff_alpha
    assert float(alpha(stretched, "ordinal")) == pytest.approx(float(alpha(ratings, "ordinal")))
    assert float(alpha(ratings * 1e3 + 1e9, "interval")) == pytest.approx(float(alpha(ratings, "interval")), abs=1e-6)
    assert float(alpha(stretched, "interval")) != pytest.approx(float(alpha(ratings, "interval")), abs=0.01)


@pytest.mark.parametrize("name", [name for name in COEFFICIENTS if name != "percent"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 3), (4, 1), (3, 0)])
def test_few_cases_or_readers_are_nan_or_a_number_never_an_error(name: str, shape: tuple[int, int]) -> None:
    for ratings in (np.zeros(shape), np.full(shape, np.nan)):
        value = float(COEFFICIENTS[name](ratings))
        agreed = name == "ac1" and shape[1] > 1 and shape[0] > 0 and not np.isnan(ratings).any()
        assert value == 1.0 if agreed else math.isnan(value)
        assert COEFFICIENTS[name](ratings, np.ones((2, shape[0]))).shape == (2,)
    assert a.fleiss_interval(np.zeros(shape), 2) == NONE


def test_one_class_only_is_no_agreement_beyond_chance() -> None:
    same = np.ones(9)
    assert math.isnan(float(a.cohen_kappa(same, same, 2)))
    assert a.cohen_interval(same, same, 2) == NONE
    assert float(a.ac1(np.column_stack([same, same]), 2)) == 1.0
    assert a.ac1_interval(np.column_stack([same, same]), 2).low < 0.9
    assert float(a.cohen_kappa(same, 0 * same, 2)) == 0.0
    draws = np.array([[1.0, 0, 0], [1, 1, 0]])  # one case thrice, and two classes
    assert np.isnan(a.cohen_kappa(np.array([0, 1, 1]), np.array([0, 1, 0]), 2, weights=draws)).tolist() == [True, False]
    for n in (0, 1):
        assert math.isnan(float(a.cohen_kappa(np.zeros(n), np.zeros(n), 2)))
        assert a.cohen_interval(np.zeros(n), np.ones(n), 2) == NONE


def test_perfect_agreement_is_no_certainty() -> None:
    halves = np.arange(20) % 2
    low, high, how = a.cohen_interval(halves, halves, 2)
    assert 0.55 < low < 0.75
    assert (high, how) == (1.0, "fleiss-cohen-everitt-wilson")
    low, high, _ = a.cohen_interval(halves, 1 - halves, 2)
    assert low == -1.0
    assert -0.75 < high < -0.55


def test_shapes_and_codes_are_checked() -> None:
    with pytest.raises(BadShape, match="cannot be compared"):
        a.cohen_kappa(np.zeros(3), np.zeros(4), 2)
    for function in (a.fleiss_kappa, a.ac1, a.percent_agreement):
        with pytest.raises(BadShape, match="one column a reader"):
            function(np.zeros(3), 2)
    with pytest.raises(BadShape, match="one column a reader"):
        a.krippendorff_alpha(np.zeros(3))
    with pytest.raises(BadShape, match="for 3 cases"):
        a.cohen_kappa(np.zeros(3), np.zeros(3), 2, weights=np.ones(4))
    for code in (2, -1, 0.5, math.inf):
        with pytest.raises(BadValues, match="no class code 0 to 1"):
            a.cohen_kappa(np.array([0, code]), np.array([0, 1]), 2)


def joint(shares: list[float], kappa: float) -> Floats:
    return kappa * np.diag(shares) + (1 - kappa) * np.outer(shares, shares)


@pytest.mark.parametrize(
    "shares, kappa, n, least",
    [
        ([0.5, 0.5], 0.6, 20, 0.93),
        ([0.9, 0.1], 0.2, 30, 0.93),  # kappa -+ 1.96 standard errors: 61 %
        ([0.8, 0.2], 0.85, 30, 0.93),
        ([0.6, 0.3, 0.1], 0.6, 50, 0.93),
        ([0.4, 0.3, 0.2, 0.1], 0.85, 100, 0.93),
        ([0.9, 0.1], 0.2, 100, 0.9),  # the worst
    ],
)
def test_kappa_interval_covers(shares: list[float], kappa: float, n: int, least: float) -> None:
    k, rng = len(shares), np.random.default_rng(4)
    tables = rng.multinomial(n, joint(shares, kappa).ravel(), size=1000).reshape(-1, k, k).astype(float)
    limits = [i for i in map(a.table_interval, tables) if i is not NONE]
    assert len(limits) > 850
    assert least < np.mean([low <= kappa <= high for low, high, _ in limits]) < 0.99


@pytest.mark.parametrize(
    "shares, kappa, n", [([0.5, 0.5], 0.6, 20), ([0.8, 0.2], 0.2, 50), ([0.6, 0.3, 0.1], 0.85, 40)]
)
def test_intervals_of_several_readers_cover(shares: list[float], kappa: float, n: int) -> None:
    rng, k = np.random.default_rng(5), len(shares)
    agreed, by_guess = kappa + (1 - kappa) * np.dot(shares, shares), (1 - np.dot(shares, shares)) / (k - 1)
    truth = {a.fleiss_interval: kappa, a.ac1_interval: (agreed - by_guess) / (1 - by_guess)}
    inside = dict.fromkeys(truth, 0)
    for _ in range(500):
        ratings = rng.choice(k, p=shares, size=(n, 3))
        same = rng.random(n) < kappa
        ratings[same] = ratings[same][:, :1]
        for interval, value in truth.items():
            low, high, _ = interval(ratings, k)
            inside[interval] += low <= value <= high
    assert all(0.91 < hits / 500 < 0.995 for hits in inside.values())
