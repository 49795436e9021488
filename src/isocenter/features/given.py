"""Features that came as a table: chosen by name, checked, passed on.

>>> import pandas as pd
>>> Given(("a",)).fit_transform(pd.DataFrame({"b": [1.0], "a": [2.0]})).to_dict("list")
{'a': [2.0]}
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from isocenter.errors import BadShape, InputDoesNotFit
from isocenter.features.base import FeatureStep, Table, column, index_of, refuse_infinite
from isocenter.wording import listed


class Given(FeatureStep):
    """Selects columns of a DataFrame or a 2-D array, or numeric attributes of cases, as float64.

    columns: their names; None takes every numeric column that `fit` saw. A 2-D array is taken by
    position and needs as many columns (unnamed they are f0, f1, ...). NaN passes.
    """

    def __init__(self, columns: tuple[str, ...] | None = None) -> None:
        self.columns = columns

    def _learn(self, X: Table) -> None:
        """Learn the columns' names. Raises InputDoesNotFit, BadValues."""
        self.names_ = _names(X) if self.columns is None else [str(name) for name in self.columns]
        self.transform(X)

    def transform(self, X: Table) -> pd.DataFrame:
        """(n, columns) float64, index of the input. InputDoesNotFit lists missing columns."""
        check_is_fitted(self, "names_")
        found = _from_table(X, self.names_) if not isinstance(X, list) else _from_cases(X, self.names_)
        refuse_infinite(found, self.names_)
        return pd.DataFrame(found, index=index_of(X), columns=pd.Index(self.names_, dtype="str"))


def _names(X: Table) -> list[str]:
    if isinstance(X, pd.DataFrame):
        return [str(name) for name in X.select_dtypes(["number", "bool"]).columns]
    if isinstance(X, np.ndarray):
        return [f"f{i}" for i in range(X.shape[1] if X.ndim == 2 else 0)]
    first = X[0].attributes if X else {}
    return [name for name, value in first.items() if isinstance(value, int | float | np.number)]


def _from_table(X: pd.DataFrame | np.ndarray[Any, Any], names: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if isinstance(X, np.ndarray):
        if X.ndim != 2:
            raise BadShape(f"Features have {X.ndim} dimensions.", "Give a 2-D array, one row a case.")
        if X.shape[1] != len(names):
            raise InputDoesNotFit(
                f"The input has {X.shape[1]} columns, {len(names)} are needed.",
                "Give the same columns in the same order.",
            )
        return numbers(X, names)
    if missing := [name for name in names if name not in X.columns]:
        raise _missing(missing, len(names), [str(c) for c in X.columns])
    return numbers(X[names], names)


def _from_cases(cases: list[Any], names: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    columns = [column(cases, name, 0, lambda n, has: _missing([n], len(names), has)) for name in names]
    return numbers(np.array(columns, dtype=object).T.reshape(len(cases), len(names)), names)


def numbers(found: pd.DataFrame | np.ndarray[Any, Any], names: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """As float64, None and NA as NaN; InputDoesNotFit names the columns that hold text, and what."""
    try:
        if isinstance(found, pd.DataFrame):
            return np.asarray(found.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as fault:
        columns = pd.DataFrame(found).set_axis(names, axis=1)
        told = [f"'{name}' holds {listed(odd, 3)}" for name in names if (odd := _texts(columns[name]))]
        raise InputDoesNotFit(
            f"Features that are not numbers: {listed(told or [fault])}.",
            "Features are numbers or empty.",
        ) from fault


def _texts(values: pd.Series[Any]) -> list[str]:
    """What of a column is no number, each once."""
    odd = pd.to_numeric(values, errors="coerce").isna() & values.notna()
    return list(dict.fromkeys(map(str, values[odd])))


def _missing(missing: list[str], wanted: int, has: list[str]) -> InputDoesNotFit:
    more = "..." if len(missing) > 8 else ""
    listed = ", ".join(has[:8]) + ("..." if len(has) > 8 else "")
    return InputDoesNotFit(
        f"{len(missing)} of {wanted} features are missing: {', '.join(missing[:8])}{more}.",
        f"The input has: {listed or 'none'}.",
    )
