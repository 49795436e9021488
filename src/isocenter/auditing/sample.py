"""Is the cohort large enough for what is planned? Said before anything is learned, as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from isocenter.cohort import Cohort
from isocenter.metrics.adequacy import Verdict, verdict_for_classes, verdict_for_numbers
from isocenter.splitting import Design


def sample_size(cohort: Cohort, design: Design, predictors: int) -> dict[str, Any]:
    """Riley's criteria, expected test events and widths of intervals, for this design; {} without a target.

    predictors: candidate predictors, everything that a method may choose from. Patients are counted, or
    cases where no patient is known. Of several labels the rarest is judged. Keys: summary, predictors,
    affordable (predictors that these patients carry), enough, rows ({"name", "needed", "have", "met",
    "sentence"}; a number that does not exist is None).
    """
    if cohort.target is None:
        return {}
    ids = tuple(dict.fromkeys((*design.final.fitting, *design.tested)))
    n = len(set(cohort.select(ids).patients))
    shares = [len(s.test) / (len(s.fitting) + len(s.test)) for s in design.splits]
    how: dict[str, Any] = {"test_fraction": float(np.mean(shares)), "in_turn": design.several}
    about = ""
    if cohort.target.is_value:
        values = cohort.select(ids).codes
        found = verdict_for_numbers(n, float(values.mean()), float(values.std()), predictors, **how)
    else:
        counts = cohort.select(ids).patients_with()
        if cohort.target.is_labels:
            rarest = min(counts, key=lambda name: counts[name])
            counts, about = {"without": n - counts[rarest], rarest: counts[rarest]}, f"Label {rarest}, the rarest: "
        found = verdict_for_classes(counts, predictors, patients=n, **how)
    return _plain(found, predictors, about, "patients" if cohort.knows_patients else "cases")


def _plain(found: Verdict, predictors: int, about: str, unit: str) -> dict[str, Any]:
    """unit: what is counted; without patient ids every case stands for itself."""
    rows = [{k: _finite(v) for k, v in asdict(row).items()} for row in found.rows]
    for row in rows:
        row["name"], row["sentence"] = (row[k].replace("patients", unit) for k in ("name", "sentence"))
        if row["have"] is not None and not row["name"].startswith("width"):
            row["have"] = round(row["have"])  # a share of the cohort, not of a person
    return {
        "summary": about + found.summary.replace("patients", unit),
        "predictors": predictors,
        "affordable": found.affordable,
        "enough": found.enough,
        "rows": rows,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
