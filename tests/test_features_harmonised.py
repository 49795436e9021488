"""Harmonisation as a feature step: sites by name, unseen ones flagged, nothing learned from what is transformed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from isocenter.case import Case
from isocenter.errors import InputDoesNotFit, UnknownColumn, UsageError
from isocenter.features import Covariates, Given
from isocenter.features.harmonised import Harmonised, sites_of

NAMES = tuple(f"x{i}" for i in range(8))


def table(seed: int = 0, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 8)), columns=list(NAMES))
    frame["site"] = np.resize(["A", "B", "C"], n)
    frame["age"], frame["sex"] = rng.normal(60, 9, n), rng.choice(["F", "M"], n)
    frame.loc[frame["site"] == "B", list(NAMES)] += 4
    return frame


def step(**how: object) -> Harmonised:
    return Harmonised(Given(NAMES), **how)  # type: ignore[arg-type]


def test_sites_meet_and_the_reference_stays() -> None:
    X = table()
    found = step(reference="B").fit_transform(X)
    assert list(found.columns) == list(NAMES) and found.index.equals(X.index)
    own = X["site"] == "B"
    assert (found[own] == X.loc[own, list(NAMES)]).all(axis=None)
    means = found.groupby(X["site"]).mean().mean(axis=1)
    assert np.ptp(means) < 0.1 < 3 < np.ptp(X[list(NAMES)].groupby(X["site"]).mean().mean(axis=1))


def test_rows_that_are_transformed_teach_nothing_and_stand_alone() -> None:
    X = table()
    learned = step(preserve=("age", "sex")).fit(X)
    whole = learned.transform(X)
    one = learned.transform(X.iloc[[5]])
    assert (one.to_numpy() == whole.iloc[[5]].to_numpy()).all()


def test_unseen_and_missing_sites_are_left_alone_and_flagged() -> None:
    X, new = table(), table(1, 4)
    new["site"] = ["Z", None, "A", np.nan]
    plain, named = step().fit(X), step(reference="A").fit(X)
    for learned in (plain, named):
        found = learned.transform(new)
        assert (found.iloc[[0, 1, 3]] == new.loc[[0, 1, 3], list(NAMES)]).all(axis=None)
    assert plain.strange(new) == [
        "site 'Z' was not learned from: not harmonised", "no value of 'site': not harmonised", "",
        "no value of 'site': not harmonised",
    ]  # fmt: skip
    assert named.strange(new)[0] == "site 'Z' was not learned from: taken for the reference, A"


def test_training_cases_without_a_site_or_a_covariate() -> None:
    X = table()
    X.loc[3, "site"] = None
    X.loc[[4, 5], "age"], X.loc[7, "sex"] = np.nan, None
    found = step(preserve=("age", "sex")).fit_transform(X)
    assert (found.loc[3] == X.loc[3, list(NAMES)]).all() and not found.isna().any(axis=None)
    other = X.drop(index=3)
    one, two = step().fit(X), step().fit(other)
    assert (one.shift_ == two.shift_).all()


def test_numbers_and_attributes_name_sites_too() -> None:
    assert sites_of(pd.DataFrame({"s": [1.0, np.nan, 2.5]}), "s", UnknownColumn) == ["1", None, "2.5"]
    assert sites_of([Case("a", None, (), {"s": 1}), Case("b", None, (), {"s": " "})], "s", UnknownColumn) == ["1", None]


def test_what_cannot_be_is_told() -> None:
    X = table()
    with pytest.raises(UnknownColumn, match="no column 'hospital'"):
        step(site="hospital").fit(X)
    with pytest.raises(UsageError, match="'Q' is not among"):
        step(reference="Q").fit(X)
    with pytest.raises(UsageError, match="No case that is learned from has a value"):
        step().fit(X.assign(site=None))
    with pytest.raises(UsageError, match="cannot be told apart"):
        step(preserve=("twin",)).fit(X.assign(twin=X["site"]))
    with pytest.raises(InputDoesNotFit, match="no column 'site'"):
        step().fit(X).transform(X.drop(columns="site"))


def test_one_site_changes_nothing() -> None:
    X = table().assign(site="A")
    assert (step().fit_transform(X) == X[list(NAMES)]).all(axis=None)


def test_it_is_a_scikit_learn_step() -> None:
    copy = clone(step(reference="A", preserve=("age",)))
    assert copy.get_params()["step__columns"] == NAMES and copy.reference == "A"
    assert isinstance(clone(Harmonised(Covariates(("age",)))).step, Covariates)
