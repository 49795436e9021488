"""Case mix: what a cohort's patients are like, as plain data, and how two cohorts differ.

A model that does worse elsewhere may have met other patients: Debray et al., J Clin Epidemiol
2015, ask for this table beside every external test. Standardised differences follow Austin,
Stat Med 2009 (numbers) and Yang and Dalton 2012 (classes); above 0.1 they are usually called
notable.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter.cohort import Cohort

FEW_LEVELS = 10  # texts with more distinct values are not described
MOST_FEATURES = 50
NOTABLE = 0.1
Described = dict[str, Any]


def describe(cohort: Cohort) -> list[Described]:
    """One entry a column: target (or label), attributes, the first given features.

    Numbers: {"name", "kind": "number", "n", "missing", "mean", "sd", "median", "low", "high"}
    (quartiles); classes: {"name", "kind": "classes", "n", "missing", "counts"}.
    """
    target = [] if cohort.target is None or cohort.target.is_labels else [cohort.target.column]
    names = dict.fromkeys([*target, *cohort.attributes, *cohort.features[:MOST_FEATURES]])
    found = [*_labels(cohort), *(_column(name, cohort.table[name]) for name in names if name in cohort.table)]
    return [one for one in found if one is not None]


def _labels(cohort: Cohort) -> list[Described | None]:
    """Each label as two classes: with it, without it."""
    target = cohort.target
    if target is None or not target.is_labels:
        return []
    has = target.members(cohort.table[target.column])
    texts = (np.where(column, "with", "without") for column in has.T)
    return [_column(name, pd.Series(some, dtype="str")) for name, some in zip(target.classes, texts, strict=True)]


def _column(name: str, values: pd.Series) -> Described | None:
    known = values.dropna()
    counted = {"name": str(name), "n": len(known), "missing": int(values.isna().sum())}
    if types.is_numeric_dtype(values) and not types.is_bool_dtype(values) and known.nunique() > 2:
        numbers = known.to_numpy(dtype=np.float64)
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            return None
        low, median, high = (float(q) for q in np.quantile(numbers, (0.25, 0.5, 0.75)))
        spread = float(numbers.std(ddof=1)) if numbers.size > 1 else 0.0
        told = {"mean": float(numbers.mean()), "sd": spread, "median": median, "low": low, "high": high}
        return {**counted, "kind": "number", **told}
    counts = {str(level): int(n) for level, n in known.map(_text).value_counts().sort_index().items()}
    if not counts or len(counts) > FEW_LEVELS:
        return None
    return {**counted, "kind": "classes", "counts": counts}


def _text(value: object) -> str:
    """1.0 and 1 are one class, whichever way a file wrote it."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def compare(internal: list[Described], external: list[Described]) -> list[dict[str, Any]]:
    """Rows {"name", "kind", "internal", "external", "difference"}; what one side lacks is None there.

    difference: standardised mean difference (numbers, signed: external minus internal) or
    Mahalanobis distance of the shares (classes, >= 0); None where it is not defined.
    """
    ours, theirs = ({one["name"]: one for one in side} for side in (internal, external))
    rows = []
    for name in dict.fromkeys((*ours, *theirs)):
        a, b = ours.get(name), theirs.get(name)
        kind = (a or b or {})["kind"]
        both = a is not None and b is not None and a["kind"] == b["kind"]
        difference = _difference(a, b) if both and a and b else None
        rows.append({"name": name, "kind": kind, "internal": a, "external": b, "difference": difference})
    return rows


def _difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> float | None:
    if a["kind"] == "number":
        pooled = math.sqrt((a["sd"] ** 2 + b["sd"] ** 2) / 2)
        return float((b["mean"] - a["mean"]) / pooled) if pooled > 0 else None
    levels = sorted({*a["counts"], *b["counts"]}, key=str)
    if len(levels) < 2:
        return 0.0
    p, q = (np.array([float(one["counts"].get(level, 0)) for level in levels]) / float(one["n"]) for one in (a, b))
    return _distance(p[1:], q[1:])


def _distance(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Between the shares of all classes but one, by their mean multinomial covariance."""
    covariance = (_multinomial(p) + _multinomial(q)) / 2
    gap = q - p
    return math.sqrt(max(float(gap @ np.linalg.pinv(covariance) @ gap), 0.0))


def _multinomial(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diag(p) - np.outer(p, p)
