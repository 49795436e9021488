"""What embeddings and classic descriptors share: a case's pictures, a vector each, pooled to one row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isocenter.case import MASK, Case
from isocenter.compute import Outcome
from isocenter.errors import UsageError
from isocenter.features.base import FeatureStep, Task, case_index, values
from isocenter.preparation import parse_window
from isocenter.store import Row

Vectors = NDArray[np.float32]
POOLS = ("mean", "max", "mean+max")


class PooledStep(FeatureStep):
    """Base of steps that look at pictures (`preparation.pictures`). A subclass gives names and rows.

    Constructor parameters that it must have: image, mask, window, slices, pool, store.
    """

    image: str | None
    mask: str | bool | None
    window: str
    slices: int
    pool: str

    def _vector_names(self) -> Sequence[str]:
        raise NotImplementedError

    def _outcomes(self, tasks: Sequence[Task]) -> list[Outcome[Row]]:
        raise NotImplementedError

    def _learn(self, X: list[Case]) -> None:
        """Learn whether there are masks; the vectors are frozen."""
        parse_window(self.window)
        if self.pool not in POOLS:
            raise UsageError(f"Slices cannot be pooled by '{self.pool}'.", f"Give {', '.join(POOLS)}.")
        if self.slices < 1:
            raise UsageError(f"{self.slices} slices cannot be.", "Give 1 or more.")
        self.mask_: str | bool = all(case.source(MASK) for case in X) if self.mask is None else self.mask
        names = list(self._vector_names())
        self.names_ = [f"{name}{'_max' if how == 'max' else ''}" for how in self.pool.split("+") for name in names]

    def transform(self, X: list[Case]) -> pd.DataFrame:
        """(n, features) float32. Raises the first case's fault."""
        check_is_fitted(self, "names_")
        rows = values(X, self._outcomes([Task(case, self.image, self.mask_) for case in X]))
        table = np.array([of_row(row, self.pool) for row in rows], dtype=np.float32)
        columns = pd.Index(self.names_, dtype="str")
        return pd.DataFrame(table.reshape(len(X), len(self.names_)), index=case_index(X), columns=columns)


def pooled(vectors: Vectors) -> Row:
    """(n, width), one a picture, as a row of the store: their mean, and of several their maximum."""
    row: Row = {"mean": vectors.mean(axis=0, dtype=np.float64).astype("<f4").tobytes()}
    if len(vectors) > 1:
        row["max"] = vectors.max(axis=0).astype("<f4").tobytes()
    return row


def of_row(row: Row, pool: str) -> Vectors:
    """The vector of a row that `pooled` made, (width,) or (2 * width,)."""
    parts = [row.get(how, row["mean"]) for how in pool.split("+")]  # of one picture mean and maximum are the same
    return np.frombuffer(b"".join(part for part in parts if isinstance(part, bytes)), dtype="<f4")
