"""Selection: what it finds, what it leaves, and that outside the folds it invents."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import f_classif, f_regression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from isocenter.errors import NothingLeft
from isocenter.tables.narrowing import standardised
from isocenter.tables.selection import WAYS, Select, indicators, relevance


def planted(task: str, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """40 features: s0 tells much, its copies c0..c4 the same again, s1 and s2 less, the rest nothing."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(200, 3))
    X = pd.DataFrame(rng.normal(size=(200, 40)), columns=[f"n{i}" for i in range(40)])
    for i in range(5):
        X[f"n{i}"] = s[:, 0] + 0.2 * rng.normal(size=200)
    X = X.rename(columns={f"n{i}": f"c{i}" for i in range(5)})
    X["s0"], X["s1"], X["s2"] = s.T
    score = s @ [2.0, 1.5, 1.2]
    if task == "regression":
        return X, score
    if task == "multilabel":
        return X, np.column_stack([s[:, 0] > 0, s[:, 1] + s[:, 2] > 0]).astype(int)
    return X, np.digitize(score, [-1, 1]) if task == "ordinal" else (score > 0).astype(int)


@pytest.mark.parametrize("task", ["classification", "regression", "ordinal", "multilabel"])
def test_mrmr_takes_each_signal_where_univariate_takes_copies(task: str) -> None:
    X, y = planted(task)
    apart = set(Select("mrmr", 5, task).fit(X, y).names_)
    assert {"s1", "s2"} <= apart and len(apart) == 5
    strongest = set(Select("univariate", 5, task).fit(X, y).names_)
    copies = {"s0", *(f"c{i}" for i in range(5))}
    assert len(strongest & copies) > len(apart & copies)
    assert {"s0", "s1", "s2"} <= set(Select("elastic-net", 12, task).fit(X, y).names_)


def test_f_statistics_are_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    X, classes, value = rng.normal(size=(50, 8)), rng.integers(0, 3, 50), rng.normal(size=50)
    for y in (classes, (classes > 0).astype(int)):
        found = relevance(standardised(X), indicators(y, "classification"), "classification")
        np.testing.assert_allclose(found, f_classif(X, y)[0], rtol=1e-9)
    found = relevance(standardised(X), indicators(value, "regression"), "regression")
    np.testing.assert_allclose(found, f_regression(X, value)[0], rtol=1e-9)


@pytest.mark.parametrize("how", WAYS)
def test_hostile_tables(how: str) -> None:
    X, y = planted("classification")
    X["flat"], X["empty"], X["answer"] = 1.0, np.nan, y * 1.0
    X.loc[::3, "s0"] = np.nan
    names = Select(how, 3).fit(X, y).names_
    assert "answer" in names and not {"flat", "empty"} & set(names)
    assert Select(how, 1000).fit(X, y).names_ == list(X.columns)  # K larger than there are features
    assert len(Select(how, 1).fit(X, y).names_) == 1


@pytest.mark.parametrize("how", WAYS)
def test_order_of_rows_changes_nothing(how: str) -> None:
    X, y = planted("classification", 3)
    order = np.random.default_rng(0).permutation(len(y))
    assert Select(how, 7).fit(X, y).names_ == Select(how, 7).fit(X.iloc[order], y[order]).names_


def test_no_signal_at_all_is_told() -> None:
    with pytest.raises(NothingLeft, match="after selection"):
        Select("elastic-net", 1).fit(np.ones((10, 3)), np.arange(10) % 2)


@pytest.mark.parametrize("how", ["mrmr", "univariate"])
def test_on_noise_selection_inside_the_folds_finds_chance_and_outside_a_miracle(how: str) -> None:
    inside, outside = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(60, 1000)), np.arange(60) % 2
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        learner = LogisticRegression()
        honest = make_pipeline(Select(how, 10), learner)
        inside.append(roc_auc_score(y, cross_val_predict(honest, X, y, cv=folds, method="decision_function")))
        leaked = Select(how, 10).fit(X, y).transform(X)
        outside.append(roc_auc_score(y, cross_val_predict(learner, leaked, y, cv=folds, method="decision_function")))
    assert abs(np.mean(inside) - 0.5) < 3 * np.std(inside) / np.sqrt(20) < 0.08
    assert np.mean(outside) > 0.8 and np.min(outside) > 0.7
