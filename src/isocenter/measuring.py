"""The features of a cohort as one table, without a target: what clusters, maps and retrieval start from."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion

from isocenter import preparation, training
from isocenter.cohort import Cohort
from isocenter.errors import UsageError
from isocenter.features import FEATURES, default_features
from isocenter.features.regions import ONE

JOINS = "+"
WIDE = 64  # columns of a table from which they tell cases apart by themselves
# Features in which what looks alike is near, and the cosine (columns centred and scaled) from which two cases are
# near-duplicates. Measured on BUSI: all but 2 of the 17 pairs whose 32 x 32 pictures correlate above 0.995 have 0.85
# and more in SqueezeNet's embedding, and no other pair there looks unlike; in pixels all have 0.98.
_LIKENESS = {"embedding": 0.85, "pixels": 0.98, "given": 0.98}


@dataclass(frozen=True, eq=False)
class Measured:
    """name: "intensity", "embedding+intensity"...; table: rows by case id, numbers; steps: fitted, by name."""

    name: str
    table: pd.DataFrame
    steps: tuple[tuple[str, Any], ...]

    @property
    def likeness(self) -> float | None:
        """Cosine from which two cases are near-duplicates; None where features do not tell cases apart (statistics)."""
        return _LIKENESS.get(self.name) if self.table.shape[1] >= WIDE else None

    @property
    def union(self) -> FeatureUnion:
        """The steps as one object, to be saved."""
        return FeatureUnion(list(self.steps))


def measure(
    cohort: Cohort,
    features: str | None = None,
    *,
    preset: Sequence[str] = (),
    regions: str = ONE,
    weights: str | None = None,
    window: str = "auto",
    store: str | None = None,
) -> Measured:
    """The named features of every case (a key of FEATURES, or several joined by +), through the store.

    features: None for what suits the input; the others as in `fit`. UsageError for features that do not suit.
    """
    if features is None:
        features = "given" if cohort.features else default_features(preparation.facts(cohort.cases, store=store)[0])
    names = [name.strip() for name in features.split(JOINS)]
    for name in names:
        _refuse(name, cohort)
    settings = training.settings_of(cohort, [features], preset, regions, store, weights, window)
    steps = tuple((name, _step(name, settings[name]).fit(cohort.X)) for name in names)
    return Measured(JOINS.join(names), table_of(steps, cohort), steps)


def table_of(steps: tuple[tuple[str, Any], ...] | list[tuple[str, Any]], cohort: Cohort) -> pd.DataFrame:
    """What fitted steps say of the cases, side by side."""
    tables = [step.transform(cohort.X) for _, step in steps]
    if len(tables) > 1:
        tables = [one.add_prefix(f"{name}: ") for (name, _), one in zip(steps, tables, strict=True)]
    found: pd.DataFrame = pd.concat(tables, axis=1) if len(tables) > 1 else tables[0]
    return found.set_axis(pd.Index(cohort.case_ids, dtype="str", name="case_id"), axis=0)


def _refuse(name: str, cohort: Cohort) -> None:
    known = [one for one in FEATURES if one != "covariates" and (one == "given") == bool(cohort.features)]
    if name not in known:
        what = "do not suit this input" if name in FEATURES else "do not exist"
        raise UsageError(f"Features '{name}' {what}.", f"Features here: {', '.join(known)}; join several with +.")


def _step(name: str, settings: dict[str, object]) -> Any:
    module, _, attribute = FEATURES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)(**settings)


def vectors_of(table: pd.DataFrame, by: pd.DataFrame | None = None) -> NDArray[np.float32]:
    """(n, p) each column centred and divided by its standard deviation; missing values are the mean, constants 0.

    by: the table whose means and deviations count, where it is another (new cases beside a database).
    """
    values = _values(table)
    learned = values if by is None else _values(by[table.columns])
    known = np.isfinite(learned)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, learned, 0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, learned - mean, 0.0) ** 2).sum(axis=0) / count)
    away = spread > 1e-9 * np.maximum(np.abs(mean), 1e-300)
    centred = np.where(np.isfinite(values), values - mean, 0.0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=away), dtype=np.float32)


def _values(table: pd.DataFrame) -> NDArray[np.float64]:
    return np.asarray(table.to_numpy(dtype=np.float64, na_value=np.nan))
