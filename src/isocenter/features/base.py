"""What feature steps share: rows of cases, values by name, the first fault raised with its case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isocenter.case import Case
from isocenter.compute import Outcome
from isocenter.errors import BadValues, InputDoesNotFit, IsocenterError
from isocenter.preparation import facts, image_source, mask_source, per_case
from isocenter.preparation.cases import MaskChoice, named
from isocenter.store import Row

Table = list[Case] | pd.DataFrame | NDArray[Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """One case's work, small enough to send to another process: which image, which mask (False: none)."""

    case: Case
    image: str | None
    mask: str | bool


K = TypeVar("K", bound=Task)


class FeatureStep(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of all feature steps. A subclass learns `names_`, and whatever else it needs, in `_learn`."""

    names_: list[str]

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002  scikit-learn passes the target
        """Learn from the training cases; what they are labelled is not looked at."""
        self._learn(X)
        return self

    def _learn(self, X: Any) -> None:
        raise NotImplementedError

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  likewise
        """Names of the columns that `transform` gives."""
        check_is_fitted(self, "names_")
        return np.array(self.names_, dtype=object)


def case_index(cases: Sequence[Case]) -> pd.Index[str]:
    """The row names of a table of cases."""
    return pd.Index([case.case_id for case in cases], dtype="str", name="case_id")


def values(cases: Sequence[Case], outcomes: Sequence[Outcome[T]]) -> list[T]:
    """All values; the first fault is raised, its message beginning with the case it belongs to."""
    for case, outcome in zip(cases, outcomes, strict=True):
        if outcome.fault is not None:
            raise named(case, outcome.fault) from outcome.fault
    return [outcome.get() for outcome in outcomes]


def case_rows(
    step: str,
    version: int,
    parameters: Mapping[str, object],
    function: Callable[[K], Row] | None,
    tasks: Sequence[K],
    *,
    store: str | Path | None,
    stage: str,
    run: Callable[[Sequence[K]], Iterable[Outcome[Row]]] | None = None,
) -> list[Outcome[Row]]:
    """`preparation.per_case` of tasks, known by the bytes of image and mask; a case without them is its own fault."""
    sources, good = [], []
    outcomes: list[Outcome[Row]] = []
    for i, task in enumerate(tasks):
        try:
            mask = mask_source(task.case, task.mask)
            sources.append((image_source(task.case, task.image), *([] if mask is None else [mask])))
            good.append(i)
            outcomes.append(Outcome())
        except IsocenterError as fault:
            outcomes.append(Outcome(fault=fault))
    wanted = [tasks[i] for i in good]
    rows = per_case(step, version, parameters, function, wanted, sources, store=store, stage=stage, run=run)
    for i, row in zip(good, rows, strict=True):
        outcomes[i] = row
    return outcomes


def image_facts(cases: Sequence[Case], store: str | Path | None, mask: MaskChoice = False) -> pd.DataFrame:
    """`preparation.facts` of cases that are all readable; raises the first fault."""
    table, faults = facts(cases, mask=mask, store=store)
    if faults:
        first = faults[0]
        raise InputDoesNotFit(f"Case '{first.where}': {first.reason}", first.remedy)
    return table


def column(X: Table, name: str, position: int, missing: Callable[[str, list[str]], Exception]) -> list[object]:
    """One column of a table, of a 2-D array (by position), or of the cases' attributes."""
    if isinstance(X, pd.DataFrame):
        if name not in X.columns:
            raise missing(name, [str(c) for c in X.columns])
        return X[name].tolist()
    if isinstance(X, np.ndarray):
        found: list[object] = X[:, position].tolist()
        return found
    for case in X:
        if name not in case.attributes:
            raise missing(name, sorted(case.attributes))
    return [case.attributes[name] for case in X]


def index_of(X: Table) -> pd.Index[Any]:
    """The row names of any input: case ids, the table's own index, or row numbers."""
    if isinstance(X, pd.DataFrame):
        return X.index
    return pd.RangeIndex(len(X)) if isinstance(X, np.ndarray) else case_index(X)


def refuse_infinite(found: NDArray[np.float64], names: Sequence[str]) -> None:
    """BadValues naming the columns that hold infinite numbers; NaN passes, it is imputed later."""
    bad = [name for name, column in zip(names, np.isinf(found).T, strict=True) if column.any()]
    if bad:
        raise BadValues(
            f"Infinite values in: {', '.join(bad[:8])}.", "Replace them by numbers, or leave them empty if unknown."
        )
