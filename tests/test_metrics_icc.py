"""Intraclass correlation: the table of Shrout and Fleiss, what intervals cover, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isocenter.errors import BadShape
from isocenter.metrics import icc as i
from isocenter.metrics.intervals import NONE

# Four judges of six targets: Shrout and Fleiss, Psychol Bull 1979, table 2.
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)


@pytest.mark.parametrize(
    "form, average, value, low, high",  # values: the paper; limits: R's psych (three digits), as pingouin has them
    [
        ("1", False, 0.17, -0.133, 0.723),
        ("2", False, 0.29, 0.019, 0.761),
        ("3", False, 0.71, 0.342, 0.946),
        ("1", True, 0.44, -0.884, 0.912),
        ("2", True, 0.62, 0.071, 0.927),
        ("3", True, 0.91, 0.676, 0.986),
    ],
)
def test_the_table_of_shrout_and_fleiss(form: i.Form, average: bool, value: float, low: float, high: float) -> None:
    assert float(i.icc(JUDGES, form, average)) == pytest.approx(value, abs=5e-3)
    assert i.icc_interval(JUDGES, form, average) == (
        pytest.approx(low, abs=6e-4),
        pytest.approx(high, abs=6e-4),
        f"f-icc-{form}",
    )


def test_mean_squares_are_those_of_the_paper() -> None:
    m = i.mean_squares_of(i.icc_columns(JUDGES).sum(axis=0))
    found = [float(v) for v in (m.cases, m.within, m.readers, m.residual)]
    assert found == pytest.approx([11.24, 6.26, 32.49, 1.02], abs=6e-3)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_weight_of_two_is_a_case_that_is_there_twice(offset: float) -> None:
    rng = np.random.default_rng(0)
    values = offset + rng.normal(size=(30, 1)) + rng.normal(size=(1, 3)) + rng.normal(size=(30, 3))
    values[4, 1] = np.nan
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=5)
    for form in i.FORMS:
        for average in (False, True):
            found = i.icc(values, form, average, weights)
            for row, w in enumerate(weights):
                assert found[row] == pytest.approx(float(i.icc(np.repeat(values, w, axis=0), form, average)), abs=1e-6)


def test_a_bias_counts_against_agreement_but_not_against_consistency() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 1)) + 0.3 * rng.normal(size=(200, 2))
    biased = values + np.array([0.0, 2.0])
    assert float(i.icc(biased, "3")) == pytest.approx(float(i.icc(values, "3")))
    assert float(i.icc(biased, "2")) < float(i.icc(values, "2")) - 0.3


def test_a_case_that_one_reader_missed_is_left_out() -> None:
    more = np.vstack([JUDGES, [[np.nan, 3, 3, 3], [np.nan] * 4]])
    for form in i.FORMS:
        assert float(i.icc(more, form)) == pytest.approx(float(i.icc(JUDGES, form)))
        assert i.icc_interval(more, form)[:2] == pytest.approx(i.icc_interval(JUDGES, form)[:2])


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 3)), np.ones((1, 3)), np.ones((5, 3)), np.ones((4, 1)), np.zeros((5, 0)), np.full((4, 3), np.nan)],
    ids=["no case", "one case", "constant", "one reader", "no reader", "all missing"],
)
def test_what_cannot_be_told_is_nan(values: np.ndarray) -> None:
    for form in i.FORMS:
        for average in (False, True):
            assert math.isnan(float(i.icc(values, form, average)))
            assert i.icc_interval(values, form, average) == NONE


def test_readers_who_never_differ_agree_wholly_but_leave_no_interval() -> None:
    same = np.repeat(np.arange(5.0)[:, None], 3, axis=1) + 0.1
    for form in i.FORMS:
        assert float(i.icc(same, form)) == 1.0
        assert i.icc_interval(same, form) == NONE
    two = i.icc_interval(np.array([[1.0, 1.1], [2.0, 2.3]]), "3")
    assert two.low < float(i.icc(np.array([[1.0, 1.1], [2.0, 2.3]]), "3")) < two.high


def test_shapes_are_checked() -> None:
    with pytest.raises(BadShape, match="one column a reader"):
        i.icc(np.zeros(4))
    with pytest.raises(BadShape, match="for 6 cases"):
        i.icc(JUDGES, weights=np.ones(5))


@pytest.mark.parametrize(
    "form, n, k, least", [("1", 10, 3, 0.93), ("3", 20, 2, 0.93), ("2", 8, 4, 0.92), ("2", 15, 3, 0.84)]
)
def test_intervals_cover(form: i.Form, n: int, k: int, least: float) -> None:
    # Form 2 is Satterthwaite's approximation: with three readers as different as the cases it covers 87 %.
    rng, bias = np.random.default_rng(2), {"1": 0.0, "3": 1.0}.get(form, 0.3 if k == 4 else 1.0)
    noise, inside = 0.5, 0
    truth = 1 / (1 + noise**2 + (bias**2 if form == "2" else 0))
    for _ in range(600):
        values = rng.normal(size=(n, 1)) + bias * rng.normal(size=(1, k)) + noise * rng.normal(size=(n, k))
        low, high, _ = i.icc_interval(values, form)
        inside += low <= truth <= high
    assert least < inside / 600 < 0.985
