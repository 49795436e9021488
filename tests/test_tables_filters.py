"""Filters: what goes, what stays, in which order; nothing left is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from isocenter.errors import InputDoesNotFit, NothingLeft
from isocenter.tables.filters import Correlated, Missing, NearConstant, Reliable


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_missing_share_is_of_the_cases_and_the_limit_stays() -> None:
    X = table(half=[1, np.nan, 2, np.nan], most=[np.nan, np.nan, np.nan, 1.0], all=[1.0, 2, 3, 4])
    step = Missing(0.5).fit(X)
    assert step.names_ == ["half", "all"] and step.removed == 1
    assert list(step.transform(X).columns) == ["half", "all"]
    with pytest.raises(NothingLeft, match="None of 1 feature"):
        Missing(0.0).fit(X[["half"]])


def test_near_constant_by_kuhns_two_numbers() -> None:
    n = 100
    X = table(
        same=[3.0] * n, empty=[np.nan] * n, rare=[0.0] * 98 + [1.0, 1.0], common=[0.0] * 90 + [1.0] * 10,
        continuous=np.arange(n) * 1.0, mostly_zero=[0.0] * 80 + list(range(1, 21)),
    )  # fmt: skip
    assert NearConstant().fit(X).names_ == ["common", "continuous", "mostly_zero"]


def test_the_first_of_a_cluster_stays() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    X = table(a=a, twin=-2 * a + 1e-3 * b, b=b, near=a + 0.1 * rng.normal(size=200), flat=np.zeros(200))
    X.loc[::9, "near"] = np.nan
    assert Correlated(0.95).fit(X).names_ == ["a", "b", "near", "flat"]  # its missing values became medians
    assert Correlated(0.8).fit(X).names_ == ["a", "b", "flat"]
    assert Correlated(0.8).fit(X[["near", "twin", "a"]]).names_ == ["near"]


def test_a_chain_keeps_who_is_like_only_what_was_dropped() -> None:
    t = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    X = table(**{f"x{d}": np.sin(t + np.radians(d)) for d in (0, 20, 40)})
    assert Correlated(0.9).fit(X).names_ == ["x0", "x40"]  # cos 20 = .94, cos 40 = .77


def test_reliable_by_name_with_or_without_its_step() -> None:
    X = pd.DataFrame(np.zeros((3, 4)), columns=["intensity__a", "b", "c", "unknown"])
    step = Reliable((("a", 0.8), ("b", 0.74), ("c", 0.75), ("d", float("nan"))))
    assert step.fit(X).names_ == ["intensity__a", "c"]
    with pytest.raises(NothingLeft, match="it has: a, b"):
        step.fit(X[["unknown"]])


@pytest.mark.parametrize("step", [Missing(0.0), NearConstant(), Correlated(0.1), Reliable()])
def test_spared_columns_are_not_looked_at(step: object) -> None:
    X = table(covariates__sex=[0.0, 0.0, np.nan], x=[1.0, 2.0, 4.0], covariates__x=[1.0, 2.0, 4.0])
    spared = clone(step).set_params(spare=("covariates__",))
    if isinstance(step, Reliable):
        spared.set_params(correlations=(("x", 1.0),))
    assert spared.fit(X).names_ == list(X.columns) and spared.left == 1


def test_arrays_and_other_widths() -> None:
    X = np.array([[1.0, 2.0], [1.0, 3.0]])
    step = NearConstant().fit(X)
    assert step.transform(X).tolist() == [[2.0], [3.0]] and list(step.get_feature_names_out()) == ["x1"]
    with pytest.raises(InputDoesNotFit, match="3 columns, 2 were learned"):
        step.transform(np.zeros((1, 3)))
