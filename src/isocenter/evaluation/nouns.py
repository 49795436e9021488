"""What an evaluation is made of: one number with its interval, and all of them with their curves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

BY_IMAGE = "by image"  # the group that holds the numbers of single images where the unit is the patient
_COLUMNS = (
    "metric", "method", "part", "group", "class", "value", "low", "high", "interval", "threshold",
    "n_cases", "n_patients", "n_events",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number with its interval: one row of the table of results.

    metric: "auc", "accuracy"...; part: "test" or "tuning" (out-of-fold predictions of the
    training part); group: a subgroup, or None for the whole; class_name: the class a
    one-vs-rest number is about, or None: with two classes the number is about the positive
    one, with more "auc" and "f1" are macro means over the classes; low, high: 95 % interval,
    NaN where there is none; interval: how it was made ("wilson", "delong-logit",
    "bootstrap-patients", "none"...); threshold: None where the decision is the most probable
    class; n_events: cases of the positive class (or of `class_name`), None for regression and
    for numbers over several classes.
    """

    metric: str
    method: str
    part: str
    value: float
    low: float
    high: float
    interval: str
    n_cases: int
    n_patients: int
    n_events: int | None = None
    group: str | None = None
    class_name: str | None = None
    threshold: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """A row for JSON: `class` for class_name, None for NaN."""
        row = {name: getattr(self, "class_name" if name == "class" else name) for name in _COLUMNS}
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Estimate:
        """Back from `to_dict`; None becomes NaN."""
        own = {"class_name" if k == "class" else k: v for k, v in row.items() if k in _COLUMNS}
        return cls(**own | {k: math.nan if own[k] is None else float(own[k]) for k in ("value", "low", "high")})


@dataclass(frozen=True)
class Evaluation:
    """All that is known of one method's predictions, as plain data.

    curves: {"roc": [curve...], "pr": [curve...], "calibration": ..., "net_benefit": ...}; a curve is
    {"part", "group", "class", "x", "y"} and lists of its kind, all of equal length: "threshold" (None:
    above every score), "low" and "high", "treat_all" and "treat_none". confusion: matrices, rows
    true, columns predicted: {"part", "group", "classes", "matrix"}. points: operating points
    (`evaluation.useful`), each with "class". looks: how often this test part has been looked at.
    """

    method: str
    estimates: tuple[Estimate, ...] = ()
    curves: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    confusion: tuple[dict[str, object], ...] = ()
    looks: int = 0
    warnings: tuple[str, ...] = ()
    points: tuple[dict[str, Any], ...] = ()

    def get(self, metric: str, part: str = "test", group: str | None = None, class_name: str | None = None) -> Estimate:
        """The one estimate of this metric, part, group and class; KeyError if there is none."""
        for row in self.estimates:
            if (row.metric, row.part, row.group, row.class_name) == (metric, part, group, class_name):
                return row
        raise KeyError(f"no estimate of {metric} on {part} ({group=}, {class_name=})")

    def joined(self, *others: Evaluation) -> Evaluation:
        """One evaluation of several parts or groups of the same method; the most looks count."""
        parts = (self, *others)
        if len({e.method for e in parts}) > 1:
            raise ValueError("only evaluations of one method can be joined")
        kinds = dict.fromkeys(kind for e in parts for kind in e.curves)
        return Evaluation(
            self.method,
            tuple(row for e in parts for row in e.estimates),
            {kind: [curve for e in parts for curve in e.curves.get(kind, [])] for kind in kinds},
            tuple(matrix for e in parts for matrix in e.confusion),
            max(e.looks for e in parts),
            tuple(dict.fromkeys(text for e in parts for text in e.warnings)),
            tuple(point for e in parts for point in e.points),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON at full precision; NaN becomes None."""
        return {
            "method": self.method,
            "estimates": [row.to_dict() for row in self.estimates],
            "curves": self.curves,
            "confusion": list(self.confusion),
            "looks": self.looks,
            "warnings": list(self.warnings),
            "points": list(self.points),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """The inverse of `to_dict`."""
        rows = tuple(Estimate.from_dict(row) for row in data["estimates"])
        curves, confusion = dict(data["curves"]), tuple(data["confusion"])
        warnings, points = tuple(data["warnings"]), tuple(data.get("points", ()))
        return cls(data["method"], rows, curves, confusion, data["looks"], warnings, points)

    def table(self) -> pd.DataFrame:
        """One row an estimate, the columns of the JSON file; NaN and None where there is nothing."""
        rows = [row.to_dict() for row in self.estimates]
        table = pd.DataFrame(rows, columns=list(_COLUMNS))
        numbers = ["value", "low", "high", "threshold"]
        return table.astype(dict.fromkeys(numbers, np.float64) | {"n_events": "Int64"})
