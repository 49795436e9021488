"""Targets of every task: values to codes and back; a cohort's y, counts and patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isocenter.cohort import Cohort, Target, Task, label_texts
from isocenter.errors import BadTarget

GRADES = Target(Task.ORDINAL, "grade", ("low", "mid", "high"))
LABELS = Target(Task.MULTILABEL, "labels", ("edema", "effusion", "mass"))
SIZE = Target(Task.REGRESSION, "size")


def cohort(target: Target, values: list[object], patients: list[str]) -> Cohort:
    index = pd.Index([f"c{i}" for i in range(len(values))], name="case_id")
    return Cohort(pd.DataFrame({"patient_id": patients, target.column: values}, index=index), target)


def test_a_task_is_of_one_kind() -> None:
    for target, kind in ((GRADES, "is_classes"), (LABELS, "is_labels"), (SIZE, "is_value")):
        assert [k for k in ("is_classes", "is_labels", "is_value") if getattr(target, k)] == [kind]


@given(arrays(np.bool_, st.tuples(st.integers(0, 20), st.just(3))))
def test_labels_survive_being_written_as_text(has: np.ndarray) -> None:
    codes = LABELS.encode(label_texts(LABELS.classes, has))
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, has)


def test_grades_are_coded_in_their_order_and_strangers_are_named() -> None:
    assert GRADES.encode(["high", "low", "mid"]).tolist() == [2, 0, 1]
    for target, strange in ((GRADES, ["low", "severe"]), (LABELS, ["edema|severe", ""])):
        with pytest.raises(BadTarget, match="severe"):
            target.encode(strange)


def test_y_counts_and_patients() -> None:
    labelled = cohort(LABELS, ["edema|mass", "", "mass", "mass"], ["A", "A", "B", "B"])
    assert labelled.y is not None and labelled.y.dtype == np.bool_
    assert labelled.y.tolist() == [[True, False, True], [False] * 3, [False, False, True], [False, False, True]]
    assert labelled.counts == {"edema": 1, "effusion": 0, "mass": 3}
    assert labelled.patients_with() == {"edema": 1, "effusion": 0, "mass": 2}
    graded = cohort(GRADES, ["low", "low", "high"], ["A", "A", "B"])
    assert graded.y is not None and graded.y.tolist() == ["low", "low", "high"]
    assert (graded.counts, graded.patients_with()) == ({"low": 2, "mid": 0, "high": 1}, {"low": 1, "mid": 0, "high": 1})
    measured = cohort(SIZE, [1.0, 2.0], ["A", "B"])
    assert measured.counts == measured.patients_with() == {}
