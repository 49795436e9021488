"""The verdict before training: what it proposes, what it counts, and that it never fails."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isocenter.metrics import sample_size
from isocenter.metrics.adequacy import (
    HOLD_OUT,
    REPEATED,
    Criterion,
    Verdict,
    repeated,
    verdict_for_classes,
    verdict_for_numbers,
)
from isocenter.metrics.intervals import expected_auc_width, wilson


def by_name(verdict: Verdict) -> dict[str, Criterion]:
    return {row.name: row for row in verdict.rows}


def test_a_small_cohort_is_told_so() -> None:
    # 51 patients, 19 events: a 20 % hold-out leaves 4 of them (evidence.md).
    verdict = verdict_for_classes({"no": 32, "yes": 19}, 107)
    rows = by_name(verdict)
    assert verdict.design == REPEATED
    assert not verdict.enough
    assert rows["test events"].have == pytest.approx(3.8)
    assert "4 events" in rows["test events"].sentence
    assert rows["width of AUC"].have == expected_auc_width(4, 6, _auc(19 / 51)) > 0.6
    assert verdict.affordable == 0
    assert "not even one candidate predictor; there are 107" in verdict.summary
    assert f"use {repeated(19)}, and read its interval" in verdict.summary
    assert "--design kfold --folds 5 --repeats 10" in verdict.summary and "nested" not in verdict.summary
    assert "--folds 3" in verdict_for_classes({"no": 32, "yes": 3}, 4).summary


def test_a_single_patient_is_offered_no_folds() -> None:
    alone = verdict_for_classes({"no": 32, "yes": 1}, 4).summary
    assert "--folds" not in alone and "never both: add patients" in alone


def _auc(prevalence: float) -> float:
    return sample_size.auc_of_r2(0.15 * sample_size.largest_r2((prevalence, 1 - prevalence)), prevalence)


def test_a_large_cohort_may_hold_out() -> None:
    verdict = verdict_for_classes({"no": 3600, "yes": 1500}, 30)
    assert verdict.enough
    assert verdict.design == HOLD_OUT
    assert verdict.affordable >= 30
    assert "large enough for a hold-out" in verdict.summary


def test_training_rows_are_rileys_with_the_training_part_as_what_is_there() -> None:
    rows = by_name(verdict_for_classes({"no": 826, "yes": 174}, 24, auc=0.89))
    assert (rows["shrinkage"].needed, rows["optimism"].needed, rows["risk"].needed) == (615, 660, 221)
    assert rows["optimism"].have == pytest.approx(800)
    assert rows["optimism"].met is True
    assert verdict_for_classes({"no": 826, "yes": 174}, 24, auc=0.89, test_fraction=0.4).rows[1].met is False


def test_the_rarer_class_is_the_event_whatever_its_name() -> None:
    first, second = verdict_for_classes({"a": 90, "b": 10}, 3), verdict_for_classes({"b": 10, "a": 90}, 3)
    assert first.rows == second.rows
    assert by_name(first)["test events"].have == pytest.approx(2)


def test_widths_are_those_of_the_intervals() -> None:
    rows = by_name(verdict_for_classes({"no": 500, "yes": 500}, 2, auc=0.8))
    low, high, _ = wilson(80, 100)
    assert rows["width of sensitivity"].have == pytest.approx(high - low)
    assert rows["width of AUC"].have == expected_auc_width(100, 100, 0.8)
    assert rows["width of AUC"].met is None


def test_more_classes_take_pates_criteria() -> None:
    rows = by_name(verdict_for_classes({"a": 600, "b": 300, "c": 100}, 5, auc=0.8))
    assert rows["risk"].needed == math.ceil(5.731 * 0.24 / 0.0025)  # chi2 quantile 1 - .05 / 3
    assert rows["test events"].have == pytest.approx(20)


def test_numbers() -> None:
    verdict = verdict_for_numbers(1300, 1.9, 0.6, 25, r2=0.2)
    rows = by_name(verdict)
    assert (rows["shrinkage"].needed, rows["optimism"].needed, rows["residual"].needed) == (918, 401, 259)
    assert verdict.enough
    assert verdict.affordable >= 25
    assert verdict_for_numbers(100, 1.9, 0.6, 25).design == REPEATED
    around_zero = by_name(verdict_for_numbers(1300, 0.0, 0.6, 25))["mean"]
    assert around_zero.met is None
    assert "no answer" in around_zero.sentence


@pytest.mark.parametrize("counts", [{}, {"a": 5}, {"a": 5, "b": 0}, {"a": 0, "b": 0}])
def test_without_a_second_class_there_is_nothing_to_judge(counts: dict[str, int]) -> None:
    verdict = verdict_for_classes(counts, 3)
    assert not verdict.enough
    assert "second class" in verdict.summary


@given(
    counts=st.lists(st.integers(0, 10_000), min_size=2, max_size=5),
    parameters=st.integers(1, 100_000),
    fraction=st.floats(0.01, 0.99),
    auc=st.none() | st.floats(0.0, 1.0),
)
def test_it_never_fails_and_says_no_nan(counts: list[int], parameters: int, fraction: float, auc: float | None) -> None:
    verdict = verdict_for_classes(
        {str(i): n for i, n in enumerate(counts)}, parameters, test_fraction=fraction, auc=auc
    )
    assert verdict.design in (HOLD_OUT, REPEATED)
    assert not any("nan" in text for text in [verdict.summary, *(row.sentence for row in verdict.rows)])


@given(
    n=st.integers(0, 10_000),
    mean=st.floats(-10, 10),
    sd=st.floats(0, 10),
    parameters=st.integers(1, 10_000),
    r2=st.floats(0, 1),
)
def test_neither_does_that_for_numbers(n: int, mean: float, sd: float, parameters: int, r2: float) -> None:
    verdict = verdict_for_numbers(n, mean, sd, parameters, r2=r2)
    assert not any("nan" in text for text in [verdict.summary, *(row.sentence for row in verdict.rows)])
