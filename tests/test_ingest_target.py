"""Task, classes and positive class: inferred, overridden, refused, and never a matter of row order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocenter.cohort import Target, Task
from isocenter.errors import BadTarget, NoTarget, UnknownColumn, UsageError
from isocenter.ingest.target import choose_column, infer


def found(
    values: list[object],
    task: str | None = None,
    positive: str | None = None,
    dtype: object = None,
    order: tuple[str, ...] = (),
) -> Target:
    return infer(pd.Series(values, dtype=dtype), "t", task, positive, order)[0]


@pytest.mark.parametrize(
    "values, classes, positive",
    [
        ([0, 0, 1, 1, 1], ("0", "1"), "1"),
        ([0.0, 1.0, 1.0, np.nan], ("0", "1"), "1"),
        ([True, False, True], ("False", "True"), "True"),
        (["no", " yes", "no "], ("no", "yes"), "yes"),
        (["benign"] * 3 + ["malignant"] * 2, ("benign", "malignant"), "malignant"),
        (["a", "b", "a", "b"], ("a", "b"), "b"),
        ([2, 10, 9, 2, 10, 9], ("2", "9", "10"), None),
        (["10", "9", "2"] * 2, ("2", "9", "10"), None),
        ([1, 2, 2], ("1", "2"), "1"),
    ],
)
def test_classes_and_positive(values: list[object], classes: tuple[str, ...], positive: str | None) -> None:
    target = found(values)
    assert (target.task, target.classes, target.positive) == (Task.CLASSIFICATION, classes, positive)
    assert positive is None or f"Positive class: {positive}" in target.how


@pytest.mark.parametrize("values", [[0.5, 1.0, 2.0], list(range(11)), [1e6, 2.5, 3.0]])
def test_measurements_are_regression(values: list[object]) -> None:
    target, numbers, _ = infer(pd.Series(values), "t", None, None)
    assert target.task is Task.REGRESSION
    assert numbers.dtype == np.float64


def test_the_task_can_be_overridden() -> None:
    assert found([0, 1, 2], task="regression").task is Task.REGRESSION
    assert len(found(list(range(30)), task="classification").classes) == 30
    assert found(["1.5", "2", None], task="regression").task is Task.REGRESSION
    assert found([0, 1, 1], positive="0").positive == "0"


@pytest.mark.parametrize(
    "values, task, positive, says",
    [
        (["x"] * 4, None, None, "one class only: x"),
        ([3.5, 3.5], "regression", None, "one value only"),
        ([None, None], None, None, "no value"),
        (["x", "y"], "regression", None, "text"),
        ([f"p{i}" for i in range(60)] * 3, None, None, "60 different"),
        (list("abcdef"), None, None, "6 different"),
        ([0, 1], None, "yes", "Classes: 0, 1"),
        ([0, 1, 2], None, "1", "two classes"),
        ([0.5, 1.5], None, "1", "measurement"),
        ([1.5, np.inf], None, None, "infinite"),
        ([0, 1], "survival", None, "multilabel or regression"),
    ],
)
def test_refusals(values: list[object], task: str | None, positive: str | None, says: str) -> None:
    with pytest.raises(BadTarget, match=says):
        found(values, task, positive)


def test_a_lonely_class_is_warned_of() -> None:
    assert "one case has class b" in infer(pd.Series(["a", "a", "b"]), "t", None, None)[2][0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 7]), min_size=3, max_size=12).filter(lambda v: len(set(v)) > 1), st.randoms())
def test_row_order_means_nothing(values: list[int], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for kind in (int, str, float):
        assert found([kind(v) for v in values], task="classification") == found(
            [kind(v) for v in shuffled], task="classification"
        )


def test_the_column_is_named_or_found_by_its_name_or_the_only_one() -> None:
    columns = ["age", "Diagnosis", "site"]
    assert choose_column(columns, columns, "age", only=False) == ("age", "")
    assert choose_column(columns, columns, None, only=False)[0] == "Diagnosis"
    assert choose_column(["a"], ["a"], None, only=True)[0] == "a"
    with pytest.raises(UnknownColumn, match="age, Diagnosis, site"):
        choose_column(columns, columns, "malignant", only=False)
    with pytest.raises(NoTarget, match="age, site"):
        choose_column(columns, ["age", "site"], None, only=True)
    with pytest.raises(NoTarget, match="label, y"):
        choose_column(["label", "y"], ["label", "y"], None, only=False)
    with pytest.raises(NoTarget, match="--target"):
        choose_column(["a"], ["a"], None, only=False)


GRADES = ["Low", "High", "Intermediate", "Low", "High"]


def test_an_order_makes_grades_of_text_and_of_whole_numbers() -> None:
    target, values, warnings = infer(pd.Series([*GRADES, None]), "t", None, None, ("Low", "Intermediate", " High "))
    assert (target.task, target.classes, target.positive) == (Task.ORDINAL, ("Low", "Intermediate", "High"), None)
    assert "Low < Intermediate < High" in target.how and values.isna().tolist() == [False] * 5 + [True]
    assert warnings == ["Only one case has class Intermediate: it cannot be in training and test."]
    assert target.encode(values.dropna()).tolist() == [0, 2, 1, 0, 2]
    for numbers in ([1, 2, 3] * 3, [1.0, 2.0, 3.0] * 3):
        assert found(numbers, order=("3", "2", "1")).classes == ("3", "2", "1")


def test_numbers_have_an_order_of_their_own() -> None:
    target = found([10, 9, 2, 10, 9, 2], task="ordinal")
    assert (target.task, target.classes) == (Task.ORDINAL, ("2", "9", "10"))
    assert found(["10", "9", "2"] * 2, task="ordinal").classes == ("2", "9", "10")
    assert found([0.5, 1.0, 1.5] * 2, task="ordinal").classes == ("0.5", "1.0", "1.5")


def test_two_grades_are_a_classification_of_the_upper_one() -> None:
    target = found(["Low", "High", "Low"], order=("Low", "High"))
    assert (target.task, target.classes, target.positive) == (Task.CLASSIFICATION, ("Low", "High"), "High")
    assert found(["Low", "High", "High"], order=("Low", "High")).positive == "High"  # not the rarer one


@pytest.mark.parametrize(
    "order, task, positive, error, says",
    [
        (("Low", "High"), None, None, BadTarget, "does not name Intermediate"),
        (("Low", "Intermediate", "High", "Severe"), None, None, BadTarget, "names Severe"),
        (("low", "Intermediate", "High"), None, None, BadTarget, "does not name Low"),
        (("Low", "Low", "High"), None, None, UsageError, "Low more than once"),
        (("Low", "Intermediate", "High"), "regression", None, BadTarget, "--order and --task regression"),
        (("Low", "Intermediate", "High"), None, "High", BadTarget, "--positive"),
        ((), "ordinal", None, BadTarget, "--order High,Intermediate,Low"),
    ],
)
def test_orders_that_do_not_fit(
    order: tuple[str, ...], task: str | None, positive: str | None, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        found(GRADES, task=task, positive=positive, order=order)


def test_too_many_numbers_are_no_grades() -> None:
    with pytest.raises(BadTarget, match="--task regression"):
        found(list(range(51)), task="ordinal")
    with pytest.raises(BadTarget, match="one grade only"):
        found([3, 3, 3], task="ordinal")


def test_a_bar_in_classes_is_asked_about() -> None:
    values = ["Mass|Effusion", "Mass", "Effusion"] * 4
    _, _, warnings = infer(pd.Series(values), "t", None, None)
    assert "--task multilabel" in warnings[0]
    with pytest.raises(BadTarget, match="--task multilabel"):
        infer(pd.Series([f"Mass|{i}" for i in range(60)]), "t", None, None)
