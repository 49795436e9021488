"""Given columns and covariates: names checked, levels learned, what is missing or unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline

from isocenter.case import Case
from isocenter.errors import BadShape, BadValues, InputDoesNotFit, UnknownColumn
from isocenter.features import Covariates, Given

TABLE = pd.DataFrame(
    {"a": [1.0, np.nan, 3.0], "b": [4, 5, 6], "sex": ["F", "M", None], "smoker": [True, False, True]}, index=list("xyz")
)
CASES = [Case(i, None, (), row) for i, row in zip(TABLE.index, TABLE.to_dict("records"), strict=True)]


def test_given_selects_by_name_whatever_the_order() -> None:
    step = Given(("b", "a")).fit(TABLE)
    shuffled = TABLE[["sex", "a", "smoker", "b"]]
    found = step.transform(shuffled)
    assert list(found.columns) == list(step.get_feature_names_out()) == ["b", "a"]
    assert found["b"].tolist() == [4, 5, 6]
    assert list(found.index) == ["x", "y", "z"]
    pd.testing.assert_frame_equal(
        Given(("b", "a")).fit_transform(CASES), found, check_index_type=False, check_names=False
    )


def test_given_takes_every_number_where_nothing_is_named() -> None:
    assert list(Given().fit(TABLE).get_feature_names_out()) == ["a", "b", "smoker"]
    assert list(Given().fit(np.zeros((2, 3))).get_feature_names_out()) == ["f0", "f1", "f2"]


def test_given_names_what_is_missing() -> None:
    step = Given(("a", "b")).fit(TABLE)
    with pytest.raises(InputDoesNotFit, match=r"1 of 2 features are missing: b. The input has: a, sex"):
        step.transform(TABLE.drop(columns="b"))
    with pytest.raises(InputDoesNotFit, match="3 columns, 2 are needed"):
        step.transform(np.zeros((4, 3)))
    with pytest.raises(BadShape, match="3 dimensions"):
        step.transform(np.zeros((4, 2, 1)))


def test_given_refuses_infinity_and_text_by_name() -> None:
    with pytest.raises(BadValues, match="Infinite values in: a"):
        Given(("a", "b")).fit(TABLE.assign(a=np.inf))
    with pytest.raises(InputDoesNotFit, match="not numbers: 'sex' holds F, M"):
        Given(("sex",)).fit(TABLE)


def test_given_changes_no_digit_of_a_forest() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 5)), rng.integers(0, 2, 80)
    table = pd.DataFrame(X, columns=list("abcde"))
    plain = RandomForestClassifier(20, random_state=0).fit(X, y).predict_proba(X)
    ours = make_pipeline(Given(tuple("abcde")), RandomForestClassifier(20, random_state=0)).fit(table, y)
    assert (ours.predict_proba(table) == plain).all()


@pytest.mark.parametrize("X", [TABLE, CASES])
def test_covariates_of_a_table_and_of_cases(X: object) -> None:
    found = Covariates(("a", "sex", "smoker")).fit_transform(X)
    assert list(found.columns) == ["a", "sex_F", "sex_M", "smoker"]
    assert found["smoker"].tolist() == [1, 0, 1]
    assert found.loc[["x", "y"], ["sex_F", "sex_M"]].to_numpy().tolist() == [[1, 0], [0, 1]]
    assert found.loc["z", ["sex_F", "sex_M"]].isna().all()
    assert np.isnan(found.loc["y", "a"])


def test_a_level_never_seen_is_zero_everywhere_and_changes_no_name() -> None:
    step = Covariates(("sex",)).fit(TABLE)
    assert step.transform(pd.DataFrame({"sex": ["D", "M"]})).to_numpy().tolist() == [[0, 0], [0, 1]]
    assert step.transform(pd.DataFrame({"sex": [None, pd.NA]})).isna().all(axis=None)


def test_covariates_name_what_is_not_there() -> None:
    with pytest.raises(UnknownColumn, match=r"no covariate 'age'. There are: a, b, sex, smoker"):
        Covariates(("age",)).fit(TABLE)
    step = Covariates(("b",)).fit(TABLE)
    with pytest.raises(InputDoesNotFit, match="no covariate 'b'"):
        step.transform([Case("n", None, (), {"age": 3})])
    with pytest.raises(InputDoesNotFit, match="'b' is 'old' where the model learned numbers"):
        step.transform(pd.DataFrame({"b": ["old"]}))
    with pytest.raises(BadValues, match="Infinite values in: b"):
        step.transform(pd.DataFrame({"b": [np.inf]}))


def test_an_all_missing_covariate_stays_a_column_of_nan() -> None:
    assert Covariates(("n",)).fit_transform(pd.DataFrame({"n": [None, None]})).isna().all(axis=None)


def test_extension_types_and_categories() -> None:
    table = pd.DataFrame({"n": pd.array([1, None], dtype="Int64"), "c": pd.Categorical(["hi", "lo"])})
    found = Covariates(("n", "c")).fit_transform(table)
    assert list(found.columns) == ["n", "c_hi", "c_lo"]
    assert np.isnan(found.loc[1, "n"])


def test_given_and_covariates_join() -> None:
    union = FeatureUnion([("given", Given(("b",))), ("covariates", Covariates(("sex",)))])
    assert union.fit_transform(TABLE).shape == (3, 3)
    assert list(union.get_feature_names_out()) == ["given__b", "covariates__sex_F", "covariates__sex_M"]
