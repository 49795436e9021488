"""The features of a cohort as one table, without a target: what clusters, maps and retrieval start from.

What is learned on the way (standardisation, harmonisation, filters) is learned from these cases and kept, so that
others meet it as it is.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import FeatureUnion, Pipeline

from isocenter import checking, preparation, training
from isocenter.cohort import Cohort
from isocenter.errors import UsageError
from isocenter.features import FEATURES, default_features
from isocenter.features.harmonised import feature_steps
from isocenter.features.regions import ONE
from isocenter.preparation.pictures import AUTO
from isocenter.refining import Refining, told
from isocenter.tables.told import sentences

JOINS = "+"
_ROWS = 4096  # of a table at a time
WIDE = 64  # columns of a table from which they tell cases apart by themselves
# Features in which what looks alike is near, and the cosine (columns centred and scaled) from which two cases are
# near-duplicates. Measured on BUSI: all but 2 of the 17 pairs whose 32 x 32 pictures correlate above 0.995 have 0.85
# and more in SqueezeNet's embedding, and no other pair there looks unlike; in pixels all have 0.98.
_LIKENESS = {"embedding": 0.85, "pixels": 0.98, "given": 0.98}


@dataclass(frozen=True, eq=False)
class Measured:
    """name: "intensity", "embedding+intensity"...; table: rows by case id, numbers; pipeline: the fitted steps, as
    `table_of` takes them: "features" (a FeatureUnion), then the filters by name.
    """

    name: str
    table: pd.DataFrame
    pipeline: Pipeline

    @property
    def likeness(self) -> float | None:
        """Cosine from which two cases are near-duplicates; None where features do not tell cases apart (statistics)."""
        return _LIKENESS.get(self.name) if self.table.shape[1] >= WIDE else None

    @property
    def done(self) -> list[str]:
        """How images were measured and what was done to intensities and features first, a sentence a step."""
        steps = feature_steps(self.pipeline)
        how = [step.said(()) for step in steps if hasattr(step, "said")]
        windows = dict.fromkeys(step.window for step in steps if getattr(step, "window", AUTO) != AUTO)
        how += [f"Shown from black to white: {window}." for window in windows]
        return list(dict.fromkeys([*how, *sentences(told(self.pipeline))]))


def measure(
    cohort: Cohort,
    features: str | None = None,
    *,
    preset: Sequence[str] = (),
    regions: str = ONE,
    image_filters: Sequence[str] = (),
    weights: str | None = None,
    window: str = "auto",
    standardise: str | None = None,
    filters: Sequence[str] = (),
    reference_site: str | None = None,
    store: str | None = None,
) -> Measured:
    """The named features of every case (a key of FEATURES, or several joined by +), through the store.

    features: None for what suits the input; the others as in `fit`. Features are harmonised where the cohort was
    indexed with `harmonise`. UsageError for features that do not suit.
    """
    site, preserve = cohort.beside[:1], cohort.beside[1:]
    refining = Refining.of(
        filters, harmonise=site[0] if site else None, reference_site=reference_site, preserve=preserve
    )
    checking.check_sites(cohort, reference_site)
    if features is None:
        features = "given" if cohort.features else default_features(preparation.facts(cohort.cases, store=store)[0])
    names = [name.strip() for name in features.split(JOINS)]
    for name in names:
        _refuse(name, cohort)
    settings = training.settings_of(cohort, [features], preset, regions, store, weights, window, image_filters)
    if standardise is not None:
        training.standardised(settings, standardise, [features])
    steps = [(name, refining.around(_step(name, settings[name])).fit(cohort.X)) for name in names]
    return fitted(JOINS.join(names), steps, cohort, refining)


def fitted(name: str, steps: list[tuple[str, Any]], cohort: Cohort, refining: Refining = Refining()) -> Measured:  # noqa: B008  frozen
    """The features that fitted steps measure in these cases, with filters learned from them."""
    parts: list[tuple[str, Any]] = [("features", FeatureUnion(steps))]
    table = table_of(Pipeline(parts), cohort)
    for named, step in refining.filters():
        table = step.fit(table).transform(table)
        parts.append((named, step))
    return Measured(name, table, Pipeline(parts))


def table_of(pipeline: Pipeline, cohort: Cohort) -> pd.DataFrame:
    """What the fitted steps of a `Measured` say of the cases, side by side."""
    steps = pipeline.named_steps["features"].transformer_list
    tables = [step.transform(cohort.X) for _, step in steps]
    if len(tables) > 1:
        tables = [one.add_prefix(f"{name}: ") for (name, _), one in zip(steps, tables, strict=True)]
    found: pd.DataFrame = pd.concat(tables, axis=1) if len(tables) > 1 else tables[0]
    found = found.set_axis(pd.Index(cohort.case_ids, dtype="str", name="case_id"), axis=0)
    for _, step in pipeline.steps[1:]:
        found = step.transform(found)
    return found


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
    learned = table if by is None else by[table.columns]
    mean, spread = _spread(learned)
    away = spread > 1e-9 * np.maximum(np.abs(mean), 1e-300)
    found = np.zeros(table.shape, dtype=np.float32)
    for start, values in _values(table):
        centred = np.where(np.isfinite(values), values - mean, 0.0)
        np.divide(centred, spread, out=centred, where=away)
        centred[:, ~away] = 0
        found[start : start + len(values)] = centred
    return found


def _spread(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each column's finite values."""
    count, total, squares = (np.zeros(table.shape[1]) for _ in range(3))
    for _, values in _values(table):
        known = np.isfinite(values)
        count += known.sum(axis=0)
        total += np.where(known, values, 0).sum(axis=0)
    count = np.maximum(count, 1)
    mean = total / count
    for _, values in _values(table):
        squares += (np.where(np.isfinite(values), values - mean, 0.0) ** 2).sum(axis=0)
    return mean, np.sqrt(squares / count)


def _values(table: pd.DataFrame) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Some rows at a time, so that large tables are never held twice as doubles."""
    for start in range(0, len(table), _ROWS):
        yield start, np.asarray(table.iloc[start : start + _ROWS].to_numpy(dtype=np.float64, na_value=np.nan))
