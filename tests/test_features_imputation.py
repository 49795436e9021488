"""Medians for missing numbers: SimpleImputer's, bit by bit, also from a saved bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.extra.numpy as arrays
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import bundles
from isocenter import bundle
from isocenter.cohort import Task
from isocenter.features.imputation import MedianImputer
from isocenter.recipes import Recipe

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 5))
NUMBERS = st.one_of(st.just(np.nan), st.sampled_from([0.0, 1.0, 2.0]), st.floats(-1e6, 1e6, width=32))


def theirs() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


@settings(max_examples=200)
@given(st.data(), st.sampled_from([np.float64, np.float32]), SHAPES)
def test_simple_imputers_numbers(data: st.DataObject, kind: Any, shape: tuple[int, int]) -> None:
    training, new = (data.draw(arrays.arrays(kind, shape, elements=NUMBERS)) for _ in range(2))
    ours, wanted = MedianImputer().fit(training), theirs().fit(training)
    np.testing.assert_array_equal(ours.statistics_, wanted.statistics_)
    kept = new.copy()
    found = ours.transform(new)
    np.testing.assert_array_equal(found, wanted.transform(new))
    np.testing.assert_array_equal(new, kept)
    assert found.dtype == kind
    assert np.isfinite(found).all()


def test_whole_numbers_names_and_columns_without_a_value() -> None:
    table = pd.DataFrame({"n": pd.array([3, None, 8], dtype="Int64"), "none": [np.nan] * 3, "x": [1.5, 0.5, np.nan]})
    ours = MedianImputer().fit(table)
    assert ours.transform(table).tolist() == [[3, 0, 1.5], [5.5, 0, 0.5], [8, 0, 1]]
    np.testing.assert_array_equal(ours.transform(table), theirs().fit(table).transform(table))
    assert ours.get_feature_names_out().tolist() == ["n", "none", "x"]
    with pytest.raises(ValueError, match="feature names should match"):
        ours.transform(table.rename(columns={"x": "y"}))


@pytest.mark.parametrize("bad", [[["text"]], [[np.inf]], np.empty((0, 2))])
def test_what_has_no_median_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"could not convert|infinity|0 sample"):
        MedianImputer().fit(bad)


@pytest.mark.slow
def test_scikit_learns_own_checks() -> None:
    check_estimator(MedianImputer(), on_skip=None)


def test_a_bundle_brings_it_back(tmp_path: Path) -> None:
    X, _ = bundles.data()
    model = bundles.model(make_pipeline(MedianImputer(), LogisticRegression()))
    bundle.save(model, tmp_path / "m.iso")
    fitted, again = model.estimator, bundle.load(tmp_path / "m.iso").estimator
    assert isinstance(again[0], MedianImputer)
    np.testing.assert_array_equal(again[0].statistics_, fitted[0].statistics_)
    assert X.isna().any(axis=None)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_every_recipe_imputes_by_it() -> None:
    built = Recipe("forest", "forest", ("given",)).build(Task.CLASSIFICATION, 0)
    assert isinstance(built.named_steps["impute"], MedianImputer)
