"""What every step shares that keeps some columns of a table and drops the rest."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isocenter.errors import InputDoesNotFit, NothingLeft

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Narrowing(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the steps; a subclass says in `_keeps` which columns stay.

    spare: beginnings of the names of columns that are no business of the step (declared covariates):
    they are kept and not looked at. Learned: kept_ (p,) bool, names_ of what is kept, gone_ of what is not.
    """

    spare: tuple[str, ...] = ()
    what = "this step"
    kept_: Flags
    names_: list[str]
    gone_: list[str]

    def _keeps(self, values: Floats, names: list[str], y: Any) -> Flags:
        """(q,) whether each of the q columns stays; values: (n, q), NaN where missing."""
        raise NotImplementedError

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn which columns stay; NothingLeft where none would."""
        names, values = names_of(X), np.asarray(X, dtype=np.float64)
        free = np.array([not name.startswith(self.spare) if self.spare else True for name in names], dtype=np.bool_)
        kept = np.ones(len(names), dtype=np.bool_)
        if free.any():
            own = [name for name, mine in zip(names, free, strict=True) if mine]
            kept[free] = self._keeps(values[:, free], own, y)
            if not kept[free].any():
                raise NothingLeft(f"None of {free.sum()} features is left after {self.what}.", self._remedy())
        self.kept_ = kept
        self.names_, self.gone_ = (
            [name for name, stays in zip(names, kept, strict=True) if stays == way] for way in (True, False)
        )
        return self

    def _remedy(self) -> str:
        return "Ask less of them, or look at the features: they may all be empty or constant."

    def transform(self, X: Any) -> Any:
        """The kept columns, as a table if X is one; InputDoesNotFit for another number of columns."""
        check_is_fitted(self, "kept_")
        if np.shape(X)[1] != len(self.kept_):
            raise InputDoesNotFit(
                f"The table has {np.shape(X)[1]} columns, {len(self.kept_)} were learned.", "Give the same features."
            )
        return X.loc[:, self.kept_] if isinstance(X, pd.DataFrame) else np.asarray(X)[:, self.kept_]

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  sklearn's
        """Names of the columns that `transform` gives."""
        check_is_fitted(self, "kept_")
        return np.array(self.names_, dtype=object)

    @property
    def removed(self) -> int:
        """How many columns were dropped."""
        return int((~self.kept_).sum())

    @property
    def left(self) -> int:
        """How many stay, without those that were passed by."""
        return sum(not (self.spare and name.startswith(self.spare)) for name in self.names_)


def names_of(X: Any) -> list[str]:
    """Names of the columns of a table; x0, x1... of an array."""
    if isinstance(X, pd.DataFrame):
        return [str(name) for name in X.columns]
    return [f"x{i}" for i in range(np.shape(X)[1])]


def filled(values: Floats) -> Floats:
    """(n, p) with the median of the column where a value is missing; 0 in a column without any."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    known = values.copy()
    known[:, missing.all(axis=0)] = 0.0
    medians = np.nanmedian(known, axis=0)
    return np.where(missing, medians, values)


def standardised(values: Floats) -> Floats:
    """(n, p) columns of mean 0 and length 1; 0 where a column does not vary beyond rounding."""
    centred = values - values.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    varies = length > 1e-12 * np.maximum(np.abs(values).max(axis=0, initial=0.0), 1e-300) * np.sqrt(len(values))
    return np.asarray(np.where(varies, centred / np.where(varies, length, 1.0), 0.0), dtype=np.float64)
