"""Several feature steps side by side, as one table that keeps its names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import FeatureUnion

from isocenter.features.base import index_of


class Joined(FeatureUnion):  # type: ignore[misc]  # scikit-learn has no types
    """A FeatureUnion whose output is a table (n, features), columns `<step>__<feature>`, index of the input."""

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> pd.DataFrame:
        """Fit all steps and join what they give."""
        return self._named(super().fit_transform(X, y, **params), X)

    def transform(self, X: Any, **params: Any) -> pd.DataFrame:
        """Join what the fitted steps give."""
        return self._named(super().transform(X, **params), X)

    def _named(self, found: Any, X: Any) -> pd.DataFrame:
        columns = pd.Index(self.get_feature_names_out(), dtype="str")
        return pd.DataFrame(np.asarray(found), index=index_of(X), columns=columns)
