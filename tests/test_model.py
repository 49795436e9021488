"""A decision is applied once, and probability columns keep the order of the target's classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge

from isocenter.case import Case
from isocenter.cohort import Target, Task
from isocenter.model import Decision, Model, case_ids, outputs

THREE = Target(Task.CLASSIFICATION, "grade", ("1", "2", "10"))
TWO = Target(Task.CLASSIFICATION, "target", ("benign", "malignant"), "malignant")


def test_a_tie_goes_to_the_first_class() -> None:
    decision = Decision(("a", "b", "c"))
    assert decision.apply(np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])).tolist() == ["a", "b"]


@pytest.mark.parametrize("positive, expected", [("malignant", ["malignant", "benign"]), ("benign", ["benign"] * 2)])
def test_a_threshold_is_about_the_positive_class(positive: str, expected: list[str]) -> None:
    decision = Decision(TWO.classes, positive, threshold=0.3)
    assert decision.apply(np.array([[0.7, 0.3], [0.71, 0.29]])).tolist() == expected


def test_a_threshold_without_a_positive_class_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        Decision(("a", "b", "c"), "a", threshold=0.5)


def test_a_class_absent_from_training_has_probability_zero() -> None:
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(40, 3)), np.where(rng.random(40) < 0.5, 0, 2)
    estimator = RandomForestClassifier(5, random_state=0).fit(X, codes)
    model = Model(estimator, THREE, Decision(THREE.classes))
    said = model.predict(X)
    assert said.proba is not None
    assert said.label is not None
    assert said.proba.shape == (40, 3)
    assert (said.proba[:, 1] == 0).all()
    np.testing.assert_array_equal(said.proba[:, [0, 2]], estimator.predict_proba(X))
    np.testing.assert_array_equal(said.label, np.array(THREE.classes, dtype=object)[estimator.predict(X)])


def test_measurements_are_a_column_of_values() -> None:
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0]}, index=["x", "y", "z"])
    target = Target(Task.REGRESSION, "size")
    model = Model(Ridge(alpha=0.0).fit(X, [1.0, 3.0, 5.0]), target, Decision(()), {"name": "linear"})
    said = model.predict(X)
    assert said.proba is None
    assert said.value is not None
    np.testing.assert_allclose(said.value, [1.0, 3.0, 5.0])
    assert said.case_id.tolist() == ["x", "y", "z"]
    assert model.name == "linear"


def test_case_ids_come_from_cases_tables_and_arrays() -> None:
    assert case_ids([Case("p1"), Case("p2")]).tolist() == ["p1", "p2"]
    assert case_ids(pd.DataFrame({"a": [1, 2]}, index=[7, 8])).tolist() == ["7", "8"]
    assert case_ids(np.zeros((2, 3))).tolist() == ["0", "1"]


def test_nothing_in_nothing_out() -> None:
    assert outputs(None, [], TWO).shape == (0, 2)
    assert outputs(None, np.zeros((0, 4)), Target(Task.REGRESSION, "size")).shape == (0, 1)


def test_the_name_falls_back_on_the_method() -> None:
    assert Model(Ridge(), TWO, Decision(TWO.classes), {"method": "linear"}).name == "linear"
    assert Model(Ridge(), TWO, Decision(TWO.classes)).name == "ridge"
