"""Missing numbers replaced by the median of the training cases.

>>> import numpy as np
>>> MedianImputer().fit_transform(np.array([[1.0], [np.nan], [4.0], [2.0]])).ravel().tolist()
[1.0, 2.0, 4.0, 2.0]
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import FLOAT_DTYPES, check_is_fitted, validate_data


class MedianImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # has no types
    """NaN becomes its column's median, 0 where a column had no value in training.

    The numbers of scikit-learn's SimpleImputer(strategy="median", keep_empty_features=True), which sorts whole
    masked arrays and takes several times as long on large tables.
    """

    statistics_: NDArray[np.floating[Any]]

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn passes the target
        """Learn `statistics_`, (p,) medians of (n, p) numbers. ValueError for text and infinite numbers."""
        found = validate_data(self, X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan")
        self.statistics_ = np.array([_median(column) for column in found.T], dtype=found.dtype)
        return self

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:
        """(n, p) of the same type without NaN; X stays as it is."""
        check_is_fitted(self)
        found = validate_data(self, X, dtype=FLOAT_DTYPES, ensure_all_finite="allow-nan", reset=False)
        return np.where(np.isnan(found), self.statistics_.astype(found.dtype), found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _median(column: NDArray[np.floating[Any]]) -> Any:
    known = column[~np.isnan(column)]
    return np.median(known) if known.size else 0.0
