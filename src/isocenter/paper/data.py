"""The numbers behind the figures, in long tables: points of curves, scores, folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from isocenter.paper.nouns import Finished, Table

_TITLES = {
    "roc": "Points of the ROC curves: x = 1 - specificity, y = sensitivity",
    "pr": "Points of the precision-recall curves: x = recall, y = precision",
    "calibration": "Calibration curves: x = predicted probability, y = observed share, low and high its 95% interval",
    "net_benefit": "Decision curves: x = threshold probability, y = net benefit, of treating everybody and nobody too",
}
_PLACE = ("part", "group", "class")


def data(paper: Finished) -> list[Table]:
    """Those that have a row."""
    kinds = dict.fromkeys(kind for e in paper.study.evaluations.values() for kind in e.curves)
    found = [Table(f"{kind}_points", _TITLES.get(kind, f"Points: {kind}"), _curves(paper, kind)) for kind in kinds]
    found.append(Table("scores", "What every method said of every case, by part", _scores(paper)))
    found.append(Table("folds", "Which case is in which part and inner fold, of every split", _folds(paper)))
    return [table for table in found if len(table.frame)]


def _curves(paper: Finished, kind: str) -> pd.DataFrame:
    """One row a point; columns: method, part, group, class, then the curve's lists."""
    pieces = []
    for card in paper.study.evaluated:
        for curve in paper.study.evaluations[card["name"]].curves.get(kind, ()):
            lists = _lists(curve)
            n = len(lists["x"])
            place = {name: _text([curve.get(name)] * n) for name in _PLACE}
            numbers = {name: pd.Series(values, dtype=np.float64) for name, values in lists.items()}
            pieces.append(pd.DataFrame({"method": _text([card["name"]] * n), **place, **numbers}))
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame()


def _lists(curve: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What has a value for each point; None (above every score) becomes NaN."""
    n = len(curve["x"])
    lists = {name: v for name, v in curve.items() if isinstance(v, list) and len(v) == n and name != "knots"}
    return {name: [np.nan if x is None else x for x in values] for name, values in lists.items()}


def _text(values: list[Any]) -> pd.Series:
    return pd.Series([None if v is None else str(v) for v in values], dtype="str")


def _scores(paper: Finished) -> pd.DataFrame:
    """Predictions of all methods below each other."""
    pieces = [paper.scores[c["name"]] for c in paper.study.evaluated if c["name"] in paper.scores]
    names = [c["name"] for c in paper.study.evaluated if c["name"] in paper.scores]
    named = [piece.assign(method=str(name)) for name, piece in zip(names, pieces, strict=True)]
    if not named:
        return pd.DataFrame()
    table = pd.concat(named, ignore_index=True)
    front = ["method", *(c for c in table.columns if c != "method")]
    return _typed(table[front])


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of Python objects as text: Parquet has one type a column."""
    mixed = [c for c in table.columns if table[c].dtype == object]
    return table.assign(**{c: table[c].map(str, na_action="ignore").astype("str") for c in mixed})


def _folds(paper: Finished) -> pd.DataFrame:
    """A row a case and split: its part, and the inner fold (from 1) that holds it out, 0 for none."""
    patients = paper.study.cohort.table["patient_id"]
    rows = []
    for split in paper.study.design.splits:
        held = {i: k for k, ids in enumerate(split.folds, start=1) for i in ids}
        rows += [
            (i, patients.get(i), part, split.repeat, split.fold, held.get(i, 0))
            for part, ids in split.parts.items()
            for i in ids
        ]
    table = pd.DataFrame(rows, columns=["case_id", "patient_id", "part", "repeat", "fold", "inner_fold"])
    return table.assign(case_id=_text(list(table["case_id"])), patient_id=table["patient_id"].astype("str"))
