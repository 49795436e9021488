"""Features of another step, brought to one scale across sites (ComBat, `tables.combat`).

Learned on the training cases only. A site that was not among them gets the reference site's place where one is
named, and is left as it is otherwise; both are flagged (`strangers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from isocenter.errors import InputDoesNotFit, UnknownColumn, UsageError
from isocenter.features.base import FeatureStep, Table, column
from isocenter.features.covariates import Covariates
from isocenter.tables import combat

Floats = NDArray[np.float64]


class Harmonised(FeatureStep):
    """step: the feature step whose columns are harmonised; site: column or attribute that names the scanner or
    hospital; reference: the site that stays as it is, None for the mean of all; preserve: covariates whose effect
    on the features is kept where sites differ in them (age, sex). The outcome is never among them.

    A case without a site is not learned from and left as it is. With one site there is nothing to do.
    """

    def __init__(
        self, step: Any = None, site: str = "site", reference: str | None = None, preserve: tuple[str, ...] = ()
    ) -> None:
        self.step = step
        self.site = site
        self.reference = reference
        self.preserve = preserve

    def _learn(self, X: Table) -> None:
        """Learn the step, then the sites. UnknownColumn, UsageError (a reference that is no site here)."""
        self.step_ = clone(self.step).fit(X)
        self.names_ = [str(name) for name in self.step_.get_feature_names_out()]
        names = sites_of(X, self.site, UnknownColumn)
        known = np.array([name is not None for name in names], dtype=np.bool_)
        self.sites_ = sorted({name for name in names if name is not None})
        self.counts_ = [names.count(name) for name in self.sites_]
        self._check()
        self.covariates_ = Covariates(self.preserve).fit(X) if self.preserve else None
        raw = self._raw_covariates(X)
        self.centre_ = np.array([_mean(values) for values in raw[known].T]).reshape(-1)
        self.used_ = np.ones(raw.shape[1], dtype=np.bool_)
        self.used_ = self._further_levels() & (np.ptp(self._preserved(X)[known], axis=0) > 0)
        codes = self._codes(names)
        reference = None if self.reference is None else self.sites_.index(self.reference)
        values = np.asarray(self.step_.transform(X), dtype=np.float64)
        learned = combat.learn(values[known], codes[known], self._preserved(X)[known], reference)
        self.level_, self.slopes_, self.spread_ = learned.level, learned.slopes, learned.spread
        self.shift_, self.scale_ = learned.shift, learned.scale

    def _check(self) -> None:
        if not self.sites_:
            raise UsageError(f"No case that is learned from has a value of '{self.site}'.", "Leave --harmonise out.")
        if self.reference is not None and self.reference not in self.sites_:
            raise UsageError(
                f"Reference site '{self.reference}' is not among the sites that are learned from.",
                f"These are: {', '.join(self.sites_)}. With sites left out in turn there can be no reference site.",
            )

    def transform(self, X: Table) -> pd.DataFrame:
        """(n, features) float64. InputDoesNotFit where the column of sites, or a preserved covariate, is missing."""
        check_is_fitted(self, "sites_")
        found = self.step_.transform(X)
        codes = self._codes(sites_of(X, self.site, InputDoesNotFit))
        learned = combat.Sites(self.level_, self.slopes_, self.spread_, self.shift_, self.scale_)
        values = learned.harmonised(np.asarray(found, dtype=np.float64), codes, self._preserved(X))
        return pd.DataFrame(values, index=found.index, columns=found.columns)

    def _codes(self, names: list[str | None]) -> NDArray[np.int64]:
        place = {name: code for code, name in enumerate(self.sites_)}
        return np.array([-1 if name is None else place.get(name, -1) for name in names], dtype=np.int64)

    def _raw_covariates(self, X: Table) -> Floats:
        if self.covariates_ is None:
            return np.zeros((len(X), 0))
        return np.asarray(self.covariates_.transform(X), dtype=np.float64)

    def _preserved(self, X: Table) -> Floats:
        """(n, q) covariates around the mean of the training cases, which stands for a missing value."""
        raw = self._raw_covariates(X)
        return np.where(np.isnan(raw), 0.0, raw - self.centre_)[:, self.used_]

    def _further_levels(self) -> NDArray[np.bool_]:
        """(q,) False for the first level of each text, which the others are compared with."""
        if self.covariates_ is None:
            return np.ones(0, dtype=np.bool_)
        first = {f"{name}_{own[0]}" for name, own in self.covariates_.levels_.items() if own}
        return np.array([name not in first for name in self.covariates_.names_], dtype=np.bool_)

    def strange(self, X: Table) -> list[str]:
        """(n,) what is to be said of each case's site; "" where it was learned from."""
        check_is_fitted(self, "sites_")
        told = []
        for name in sites_of(X, self.site, InputDoesNotFit):
            if name in self.sites_:
                told.append("")
            elif name is None:
                told.append(f"no value of '{self.site}': not harmonised")
            elif self.reference is not None:
                told.append(f"{self.site} '{name}' was not learned from: taken for the reference, {self.reference}")
            else:
                told.append(f"{self.site} '{name}' was not learned from: not harmonised")
        return told


def sites_of(X: Table, name: str, error: type[UnknownColumn] | type[InputDoesNotFit]) -> list[str | None]:
    """(n,) the site of each case as text, None where it is missing; 1.0 is "1"."""

    def missing(name: str, has: list[str]) -> Exception:
        return error(f"There is no column '{name}' of sites.", f"There are: {', '.join(has[:20]) or 'none'}.")

    if isinstance(X, np.ndarray):
        raise missing(name, [])
    return [_text(value) for value in column(X, name, 0, missing)]


def harmonised_in(estimator: Any) -> Iterator[Harmonised]:
    """The harmonised steps of a fitted pipeline."""
    return (step for step in _outer(estimator) if isinstance(step, Harmonised))


def feature_steps(estimator: Any) -> list[Any]:
    """The feature steps of a fitted pipeline, without what is around them."""
    return [step.step_ if isinstance(step, Harmonised) else step for step in _outer(estimator)]


def _outer(estimator: Any) -> list[Any]:
    features = getattr(estimator, "named_steps", {}).get("features")
    return [step for _, step in getattr(features, "transformer_list", [("", features)])]


def strangers(estimator: Any, X: Table) -> list[str]:
    """(n,) a flag for each case whose site the model has not learned from, else ""; [] without harmonisation."""
    return next((step.strange(X) for step in harmonised_in(estimator)), [])


def _text(value: Any) -> str | None:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return (str(int(value)) if whole else str(value).strip()) or None


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
