"""Task, classes and positive class: inferred, overridden, refused, and never a matter of row order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isocenter.cohort import Target, Task
from isocenter.errors import BadTarget, NoTarget, UnknownColumn
from isocenter.ingest.target import choose_column, infer


def found(values: list[object], task: str | None = None, positive: str | None = None, dtype: object = None) -> Target:
    return infer(pd.Series(values, dtype=dtype), "t", task, positive)[0]


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
