"""Sample size: the examples of pmsampsize, pmvalsampsize and Pate's paper, inverses, and hostile numbers."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from isocenter.metrics import sample_size as s


@pytest.mark.parametrize(
    "parameters, prevalence, r2, expected",
    [
        # The package's own checks: cran/pmsampsize 1.1.3, tests/testthat/test_bin.R; the first is the manual's example.
        (24, 0.174, 0.288, (623, 662, 221)),
        (24, 0.174, 0.55, (255, 532, 221)),
        (36, 0.174, 0.288, (934, 992, 221)),
        (24, 0.25, 0.288, (623, 590, 289)),
        # Pre-eclampsia in Riley et al., BMJ 2020;368:m441; criteria as its authors' Python package prints them.
        (30, 0.05, 0.05, (5249, 1770, 73)),
    ],
)
def test_events_are_those_of_pmsampsize(
    parameters: int, prevalence: float, r2: float, expected: tuple[int, int, int]
) -> None:
    assert tuple(s.for_events(parameters, prevalence, r2).values()) == expected


@pytest.mark.parametrize(
    "parameters, r2, mean, sd, shrinkage, expected, final",
    [
        # cran/pmsampsize 1.1.3, tests/testthat/test_cont.R; the first is the manual's example.
        (25, 0.2, 1.9, 0.6, 0.9, (918, 401, 259), 918),
        (25, 0.3, 1.9, 0.6, 0.9, (574, 351, 259), 574),
        (50, 0.2, 1.9, 0.6, 0.9, (1924, 801, 284), 1924),
        (100, 0.5, 1.9, 2.0, 0.9, (1264, 1001, 334), 1264),
        (30, 0.89, 3.3, 1.1, 0.84, (32, 67, 264), 264),
        # Fat-free mass of children in Riley et al., BMJ 2020.
        (20, 0.9, 26.7, 8.7, 0.9, (68, 41, 254), 254),
    ],
)
def test_numbers_are_those_of_pmsampsize(
    parameters: int, r2: float, mean: float, sd: float, shrinkage: float, expected: tuple[int, int, int], final: int
) -> None:
    found = s.for_numbers(parameters, r2, mean, sd, shrinkage)
    assert tuple(found.values())[:3] == expected
    assert max(found.values()) == final


def test_a_mean_hard_to_know_asks_for_more_than_the_rest() -> None:
    found = s.for_numbers(5, 0.5, 1.0, 3.0)
    assert max(found, key=lambda name: found[name]) == "mean"
    # 1.96 sd sqrt(1 - r2) / sqrt(n) = 0.1, with t for z.
    assert found["mean"] == pytest.approx((1.96 * 3 / 0.1) ** 2 * 0.5, rel=0.005)


# The worked example of Pate et al., Stat Methods Med Res 2023, as in the README of alexpate30/multsampsize.
PATE_COUNTS = [2557, 186, 176, 467, 120]
PATE_AUCS = [0.85, 0.92, 0.99, 0.95, 0.75, 0.95, 0.87, 0.87, 0.71, 0.82]
PATE_R2 = [0.116, 0.179, 0.497, 0.168, 0.185, 0.499, 0.372, 0.329, 0.128, 0.210]


def test_classes_are_those_of_pate() -> None:
    pairs = list(combinations(range(5), 2))
    shares = [PATE_COUNTS[i] / (PATE_COUNTS[i] + PATE_COUNTS[j]) for i, j in pairs]
    r2 = [s.r2_of_auc(auc, share) for auc, share in zip(PATE_AUCS, shares)]
    assert r2 == pytest.approx(PATE_R2, abs=0.0012)  # theirs are simulated
    found = s.for_classes(17, PATE_COUNTS, dict(zip(pairs, r2)))
    assert (found["optimism"], found["risk"]) == (1477, 524)
    assert found["shrinkage"] == pytest.approx(13136, rel=0.006)  # with their R2 of .1279, ours is .1286
    theirs = s.for_classes(17, PATE_COUNTS, dict(zip(pairs, PATE_R2)))
    assert theirs["shrinkage"] == pytest.approx(13136, rel=0.002)


def test_r2_from_an_auc_is_that_of_the_authors_simulation() -> None:
    # pmsampsize simulates 1e6 cases: .2908 for its manual's example (AUC .89, prevalence .174), n 660.
    assert s.r2_of_auc(0.89, 0.174) == pytest.approx(0.2908, abs=3e-4)
    assert max(s.for_events(24, 0.174, s.r2_of_auc(0.89, 0.174)).values()) == 660
    assert s.r2_of_auc(0.7, 0.4) == pytest.approx(0.1163, abs=3e-4)
    assert s.r2_of_auc(0.78, 0.2) == pytest.approx(0.158, abs=1e-3)  # quoted for pmsampsize's conversion


def test_r2_from_an_auc_is_that_of_a_fitted_model() -> None:
    rng = np.random.default_rng(0)
    events = np.arange(200_000) < 40_000
    scores = rng.normal(size=len(events)) + events * math.sqrt(2) * 0.8416212335729143  # AUC 0.8
    fitted = LogisticRegression(C=np.inf).fit(scores[:, None], events).predict_proba(scores[:, None])[:, 1]
    empty = log_loss(events, np.full(len(events), 0.2))
    assert s.r2_of_auc(0.8, 0.2) == pytest.approx(1 - math.exp(2 * (log_loss(events, fitted) - empty)), abs=0.003)


@given(auc=st.floats(0.51, 0.99), prevalence=st.floats(0.02, 0.98))
def test_auc_and_r2_are_inverse_and_symmetric(auc: float, prevalence: float) -> None:
    r2 = s.r2_of_auc(auc, prevalence)
    assert s.auc_of_r2(r2, prevalence) == pytest.approx(auc, abs=1e-6)
    assert s.r2_of_auc(auc, 1 - prevalence) == pytest.approx(r2)
    assert 0 < r2 < s.largest_r2((prevalence, 1 - prevalence))


def test_largest_r2() -> None:
    assert s.largest_r2((0.5, 0.5)) == pytest.approx(0.75)
    assert s.largest_r2((0.174, 0.826)) == pytest.approx(0.603, abs=5e-4)  # pmsampsize's Max_Rsq
    assert s.largest_r2((1.0, 0.0)) == 0.0


def test_external_tests_are_those_of_pmvalsampsize() -> None:
    # cran/pmvalsampsize, tests/testthat/test_bin.R: 905 and 4252; its search for a standard error steps by 1e-4.
    found = s.for_external_test(0.018, 0.8, ratio_width=1.0)
    assert found["auc"] == 4252
    assert found["ratio"] == pytest.approx(905, abs=1)


def test_the_slope_of_so_many_patients_is_so_precise() -> None:
    prevalence, auc, width = 0.3, 0.75, 0.8
    n = int(s.for_external_test(prevalence, auc, slope_width=width)["slope"])
    distance = math.sqrt(2) * 0.6744897501960817
    rng = np.random.default_rng(1)
    slopes = []
    for _ in range(300):
        events = rng.random(n) < prevalence
        logits = math.log(0.3 / 0.7) + distance * rng.normal(size=n) + np.where(events, 1, -1) * distance**2 / 2
        slopes.append(_slope(logits, events))
    assert 2 * 1.96 * np.std(slopes) == pytest.approx(width, rel=0.15)


def _slope(logits: np.ndarray, events: np.ndarray) -> float:
    design, beta = np.column_stack([np.ones(len(logits)), logits]), np.array([0.0, 1.0])
    for _ in range(20):
        chance = expit(design @ beta)
        beta = beta + np.linalg.solve(design.T * (chance * (1 - chance)) @ design, design.T @ (events - chance))
    return float(beta[1])


def test_affordable_is_the_inverse_of_needed() -> None:
    def needed(parameters: int) -> float:
        return max(s.for_events(parameters, 0.174, 0.288).values())

    assert s.affordable(662, needed) == 24
    assert s.affordable(661, needed) == 23
    assert s.affordable(10, needed) == 0
    assert s.affordable(math.nan, needed) == 0


def test_expected_widths() -> None:
    # Fisher's interval for r = 0.5, n = 100: 0.337 to 0.634 (any textbook table).
    assert s.correlation_width(100, 0.5) == pytest.approx(0.6341 - 0.3366, abs=2e-4)
    assert s.r2_width(1000, 0.5) == pytest.approx(2 * 1.96 * math.sqrt(4 * 0.5 * 0.25 / 1000))
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2000, 400))
    y = x + rng.normal(size=x.shape)
    r2 = [np.corrcoef(a, b)[0, 1] ** 2 for a, b in zip(x, y)]
    assert s.r2_width(400, 0.5) == pytest.approx(2 * 1.96 * np.std(r2), rel=0.06)
    assert math.isnan(s.r2_width(0, 0.5))
    assert math.isnan(s.correlation_width(3, 0.5))


@pytest.mark.parametrize(
    "prevalence, r2", [(0.0, 0.1), (1.0, 0.1), (0.05, 0.5), (0.5, -0.1), (math.nan, 0.1), (0.5, math.nan)]
)
def test_what_cannot_be_is_not_a_number(prevalence: float, r2: float) -> None:
    assert all(math.isnan(n) for n in list(s.for_events(3, prevalence, r2).values())[:2])


def test_edges() -> None:
    assert s.for_events(5, 0.3, 0.0)["shrinkage"] == math.inf
    assert s.for_numbers(5, 0.0, 3.0, 1.0)["shrinkage"] == math.inf
    assert math.isnan(s.for_numbers(5, 0.3, 0.0, 1.0)["mean"])
    assert all(math.isnan(n) for n in s.for_numbers(5, 1.0, 3.0, 1.0).values())
    assert all(math.isnan(n) for n in s.for_classes(5, [3, 0, 9], {}).values())
    assert all(math.isnan(n) for n in s.for_external_test(0.2, 0.5).values())
    assert math.isnan(s.r2_of_auc(0.4, 0.3))
    assert math.isnan(s.auc_of_r2(0.9, 0.5))
    assert s.for_numbers(1, 0.5, 3.0, 1.0)["shrinkage"] == 3  # a single predictor needs no shrinkage
