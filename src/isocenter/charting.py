"""What a map of clusters shows, as plain data: nothing here draws or keeps anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from isocenter import grouping
from isocenter.associations import is_no_measurement
from isocenter.cohort import PATIENT, Cohort
from isocenter.measuring import Measured
from isocenter.unsupervised import Clustering, numbered
from isocenter.unsupervised.telling import about_numbers
from isocenter.wording import listed

_TSNE = 3000  # cases up to which t-SNE takes seconds
_LEVELS = 60  # texts with more values are not for colouring


def layout_of(asked: str, n: int) -> Any:
    """The layout that is asked for; auto: t-SNE where it takes seconds."""
    if asked != "auto":
        return asked
    return "tsne" if n <= _TSNE else "pca"


def columns_of(cohort: Cohort, clustering: Clustering) -> pd.DataFrame:
    """What the map can be coloured by: cluster first, the target, attributes, confidence; few given features."""
    table = cohort.table
    target = [cohort.target.column] if cohort.target else []
    found = {"cluster": grouping.column_of(clustering)}
    if clustering.rare is not None:
        found["rare group"] = pd.Series(np.where(table.index.isin(clustering.rare.cases), "yes", "no"), table.index)
    for name in [*target, *cohort.attributes, *cohort.readers, *cohort.features[:20]]:
        values = table[name]
        numbers = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
        if numbers and values.nunique() <= 6:
            values = values.map(lambda v: f"{v:g}", na_action="ignore").astype("str")
        if numbers or values.nunique() <= max(_LEVELS, len(table) // 20):
            found[name if name not in found else f"{name} (given)"] = values
    if cohort.knows_patients and "patient_id" not in found:
        found["patient_id"] = table[PATIENT]
    confidence = pd.Series(clustering.confidence, index=table.index)
    return pd.DataFrame(found | {"confidence": confidence}).set_axis(table.index, axis=0)


def plain(cohort: Cohort, measured: Measured, found: Clustering, layout: str, demanded: int) -> dict[str, Any]:
    """What was found, of the cases that are shown."""
    stability = found.stability
    return {
        "n": len(found),
        "patients": len(set(cohort.patients)) if cohort.knows_patients else None,
        "features": {
            "name": measured.name,
            "columns": measured.table.shape[1],
            "left_out": list(found.projection.left_out)[:50],
            "done": list(measured.done),
        },
        "method": found.method,
        "layout": layout,
        "structure": found.structure,
        "clusters": found.n_clusters,
        "sizes": list(found.sizes),
        "unassigned": int((found.labels < 0).sum()),
        "sentence": stability.sentence,
        "rare": None if found.rare is None else {"p": found.rare.p, "cases": list(found.rare.cases)},
        "demanded": demanded,
        "stability": jsonable({"p": stability.p, "agreement": stability.agreement, "gap_choice": stability.gap_choice,
                                "candidates": [vars(one) for one in stability.candidates],
                                **about_numbers(stability, found.method, demanded)}),
        "explained": [float(v) for v in found.projection.explained],
        "strongest": _strongest(found),
        "medoids": [list(ids) for ids in found.medoids(6)],
        "borderline": _borderline(found),
        "notes": [*_taken(cohort), *found.notes],
    }  # fmt: skip


def of_all(cohort: Cohort, some: Clustering, whole: Clustering) -> dict[str, Any]:
    """Numbers of all cases, where only some are shown."""
    if some is whole:
        return {}
    said = (
        f"Map, lists and what sets the clusters apart are of {len(some):,} cases drawn at random of {len(whole):,}; "
        "assignments.csv holds all."
    )
    return {
        "n": len(whole),
        "shown": len(some),
        "patients": None,
        "sizes": list(whole.sizes),
        "unassigned": int((whole.labels < 0).sum()),
        "notes": [*_taken(cohort), *whole.notes, said],
    }


def flagged(flags: Mapping[str, str], n: int) -> list[str]:
    """How many of n cases harmonisation did not reach, and why."""
    return [f"{count} of {n} cases: {flag}. They are flagged in assignments.csv." for flag, count in
            Counter(flags.values()).most_common()]  # fmt: skip


def _taken(cohort: Cohort) -> list[str]:
    """Which columns of a table became features, first those that tell of the person or the scanner by their name."""
    if not cohort.features:
        return []
    telling = [name for name in cohort.features if is_no_measurement(name)]
    names = listed([*telling, *(name for name in cohort.features if name not in telling)], 8)
    said = f"The numeric columns were taken as features: {names}."
    if not telling:
        return [f"{said} --ignore COLUMN leaves one out."]
    few = listed(telling, 8)
    how = "--covariates COLUMN keeps one out and tests it against the clusters, --ignore COLUMN leaves it out."
    return [f"{said} Is that meant for {few}? {how}"]


def _strongest(found: Clustering) -> list[list[str]]:
    """The features that weigh most in each of the first components."""
    names, axes = found.projection.names, found.projection.components
    return [[names[j] for j in np.argsort(-np.abs(axis), kind="stable")[:4]] for axis in axes[:3]]


def _borderline(found: Clustering) -> list[dict[str, Any]]:
    if found.n_clusters < 2:
        return []
    at = {case_id: i for i, case_id in enumerate(found.case_ids)}
    rows = [(one, at[one]) for one in found.borderline(12)]
    return [
        {"case": c, "cluster": int(numbered(found.labels[i])), "confidence": float(found.confidence[i])}
        for c, i in rows
    ]


def jsonable(value: Any) -> Any:
    """Plain values for JSON: NaN and NA are null."""
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
