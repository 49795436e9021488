"""What a model says of new rows or scans: refused by name, flagged, or predicted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import preparation
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault, InputDoesNotFit
from isocenter.model import Model
from isocenter.prediction import Prediction


def predict(model: Model, cohort: Cohort, store: str | None = None) -> Prediction:
    """Rows for a model of a feature table, scans for a model of scans; InputDoesNotFit otherwise."""
    if model.card["inputs"]:
        return _predict_rows(model, cohort)
    return _predict_scans(model, cohort, store)


def _predict_rows(model: Model, cohort: Cohort) -> Prediction:
    if not cohort.features:
        raise InputDoesNotFit(
            f"Model '{model.name}' was trained on a feature table; this input holds scans.",
            "Give a table with the same features.",
        )
    wanted = list(model.card["inputs"])
    table = cohort.table[[c for c in cohort.table.columns if c != PATIENT]]
    if missing := [c for c in wanted if c not in table]:
        raise InputDoesNotFit(
            f"{len(missing)} of the model's {len(wanted)} features are missing: {', '.join(missing[:8])}.",
            f"The input has: {', '.join(map(str, list(table.columns)[:8]))}{'...' if table.shape[1] > 8 else ''}.",
        )
    own = (model.target.column, *(model.target.classes if model.target.is_labels else ()))
    extra = [c for c in cohort.features if c not in wanted and c not in own]
    if extra and all(c[:1] == "f" and c[1:].isdigit() for c in wanted):
        raise InputDoesNotFit(
            f"The model was trained on {len(wanted)} unnamed columns, the input has {len(cohort.features)}.",
            "Give an array with the same columns in the same order.",
        )
    said = model.predict(table[wanted])
    ignored = f"ignored columns: {', '.join(extra[:5])}" if extra else ""
    return replace(said, flags=_far_out(table, model.card["ranges"], ignored))


def _far_out(table: pd.DataFrame, ranges: dict[str, list[float]], also: str) -> NDArray[np.object_]:
    """A flag for each row with values further outside the training range than half its width."""
    names = list(ranges)
    low, high = np.array([ranges[name] for name in names]).reshape(-1, 2).T
    values, margin = table[names].to_numpy(dtype=np.float64), (high - low) / 2
    outside = (values < low - margin) | (values > high + margin)
    flags = np.full(len(table), also, dtype=object)
    for row in np.flatnonzero(outside.any(axis=1)):
        far = [names[i] for i in np.flatnonzero(outside[row])]
        more = f" and {len(far) - 5} more" if len(far) > 5 else ""
        told = f"far outside the training range: {', '.join(far[:5])}{more}"
        flags[row] = "; ".join(filter(None, [also, told]))
    return flags


def _predict_scans(model: Model, cohort: Cohort, store: str | None) -> Prediction:
    if cohort.features:
        raise InputDoesNotFit(
            f"Model '{model.name}' was trained on scans; this input is a feature table.", "Give a folder of scans."
        )
    facts, faults = preparation.facts(cohort.cases, store=store)
    profile = preparation.Profile.from_dict(model.card["profile"])
    refused, flags = profile.check(facts)
    refused = {**{f.where: f for f in (*cohort.excluded, *faults)}, **refused, **_without_covariates(model, cohort)}
    fit_ids = [i for i in cohort.case_ids if i not in refused]
    if not fit_ids:
        first = next(iter(refused.values()))
        raise InputDoesNotFit(
            f"None of the {len(refused)} cases fits the model. {first.where}: {first.reason}", first.remedy
        )
    said = model.predict(cohort.select(fit_ids).cases)
    said = replace(said, flags=np.array([flags.get(i, "") for i in fit_ids], dtype=object))
    return said.with_refused({where: f"refused: {fault.reason}" for where, fault in refused.items()})


def _without_covariates(model: Model, cohort: Cohort) -> dict[str, Fault]:
    if not (missing := [c for c in model.card["covariates"] if c not in cohort.table]):
        return {}
    error = InputDoesNotFit(f"the model wants {', '.join(missing)}.", "Give a table with them: --labels TABLE.")
    return {case_id: Fault.of(case_id, error) for case_id in cohort.case_ids}
