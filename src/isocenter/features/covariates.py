"""Declared covariates (age, sex, stage...) as numbers: numbers pass, text becomes one column a level.

>>> import pandas as pd
>>> Covariates(("sex",)).fit_transform(pd.DataFrame({"sex": ["F", "M"]})).to_dict("list")
{'sex_F': [1.0, 0.0], 'sex_M': [0.0, 1.0]}
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isocenter.errors import InputDoesNotFit, UnknownColumn
from isocenter.features.base import FeatureStep, Table, column, index_of, refuse_infinite

Floats = NDArray[np.float64]


class Covariates(FeatureStep):
    """Columns of a table, or attributes of cases, that may enter a model beside the images.

    columns: their names. Numbers and truth values (0, 1) pass; a column with text gets one 0/1
    column a level seen in training, `<column>_<level>`. A level never seen is 0 in all of them.
    A missing value is NaN in all of them: it is imputed inside the folds like any other, which
    takes no "missing" for a level (that it is missing often tells the site, not the disease).
    """

    def __init__(self, columns: tuple[str, ...] = ()) -> None:
        self.columns = columns

    def _learn(self, X: Table) -> None:
        """Learn which columns are text, and their levels. UnknownColumn lists what there is."""
        found = self._columns(X, UnknownColumn)
        self.levels_ = {name: _levels(column) for name, column in found.items() if _is_text(column)}
        self.names_ = [n for name in found for n in self._names_of(name)]

    def transform(self, X: Table) -> pd.DataFrame:
        """(n, columns) float64. InputDoesNotFit for a missing column or text where numbers were learned."""
        check_is_fitted(self, "names_")
        blocks = [self._encoded(name, found) for name, found in self._columns(X, InputDoesNotFit).items()]
        table = np.hstack(blocks) if blocks else np.zeros((len(X), 0))
        refuse_infinite(table, self.names_)
        return pd.DataFrame(table, index=index_of(X), columns=pd.Index(self.names_, dtype="str"))

    def _names_of(self, name: str) -> list[str]:
        return [f"{name}_{level}" for level in self.levels_[name]] if name in self.levels_ else [name]

    def _columns(self, X: Table, error: type[UnknownColumn] | type[InputDoesNotFit]) -> dict[str, list[object]]:
        def missing(name: str, has: list[str]) -> Exception:
            return error(f"There is no covariate '{name}'.", f"There are: {', '.join(has) or 'none'}.")

        return {name: column(X, name, i, missing) for i, name in enumerate(self.columns)}

    def _encoded(self, name: str, found: list[object]) -> Floats:
        if name not in self.levels_:
            return np.array([_number(value, name) for value in found], dtype=np.float64).reshape(-1, 1)
        levels = self.levels_[name]
        texts = np.array([None if _is_missing(v) else str(v) for v in found], dtype=object)
        block = np.array([[float(text == level) for level in levels] for text in texts]).reshape(
            len(texts), len(levels)
        )
        block[[text is None for text in texts]] = np.nan
        return block


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def _is_text(found: list[object]) -> bool:
    return any(not _is_missing(v) and not isinstance(v, int | float | np.number | np.bool_) for v in found)


def _levels(found: list[object]) -> list[str]:
    return sorted({str(v) for v in found if not _is_missing(v)})


def _number(value: object, name: str) -> float:
    if _is_missing(value):
        return float("nan")
    try:
        return float(str(float(value)) if isinstance(value, bool | np.bool_) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as fault:
        raise InputDoesNotFit(
            f"Covariate '{name}' is '{value}' where the model learned numbers.", "Give a number, or leave it empty."
        ) from fault
