"""Which cases are worth a look: the worst errors, and typical ones to compare them with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from isocenter.cohort import Target

MOST = 8


def pick_cases(predictions: pd.DataFrame, target: Target) -> dict[str, list[str]]:
    """{"worst": [case_id...], "typical": [case_id...]}, at most eight each, of the test part where there is one.

    worst: wrong, the most confident first (of labels the largest mean error of probability first); the
    largest residuals of a measurement. typical: right
    with the median confidence of their class, the classes in turn; residuals of median size.
    """
    rows = predictions[predictions["part"] == "test"] if "part" in predictions else predictions
    rows = rows[rows["prediction"].notna() & rows["reference"].notna()].reset_index(drop=True)
    if target.is_labels:
        worst, typical = _of_labels(rows, target)
    else:
        worst, typical = _of_values(rows) if target.is_value else _of_classes(rows, target)
    return {"worst": [str(i) for i in worst], "typical": [str(i) for i in typical]}


def confidence(rows: pd.DataFrame, target: Target) -> pd.Series:
    """Probability of the predicted class; NaN where it is not known."""
    columns = [f"probability_{name}" for name in target.classes]
    proba = rows.reindex(columns=columns).to_numpy(dtype=np.float64)
    chosen = pd.Index(target.classes).get_indexer(pd.Index(rows["prediction"].astype(str)))
    found = np.where(chosen >= 0, proba[np.arange(len(rows)), chosen], np.nan)
    return pd.Series(found, index=rows.index, dtype=np.float64)


def _of_classes(rows: pd.DataFrame, target: Target) -> tuple[Iterable[object], Iterable[object]]:
    sure = confidence(rows, target).fillna(0.0)
    right = rows["prediction"].astype(str) == rows["reference"].astype(str)
    wrong = sure[~right].sort_values(ascending=False, kind="stable").index[:MOST]
    by_class = []
    for name in target.classes:
        own = sure[right & (rows["reference"].astype(str) == name)]
        by_class.append(list((own - own.median()).abs().sort_values(kind="stable").index[:MOST]))
    in_turn = [queue[i] for i in range(MOST) for queue in by_class if i < len(queue)][:MOST]
    kept = sorted(in_turn, key=lambda i: target.classes.index(str(rows.at[i, "reference"])))
    return rows.loc[wrong, "case_id"], rows.loc[kept, "case_id"]


def _of_labels(rows: pd.DataFrame, target: Target) -> tuple[Iterable[object], Iterable[object]]:
    columns = [f"probability_{name}" for name in target.classes]
    proba = rows.reindex(columns=columns).to_numpy(dtype=np.float64)
    error = pd.Series(np.abs(proba - target.encode(rows["reference"])).mean(axis=1), index=rows.index).fillna(0.0)
    right = rows["prediction"].astype(str) == rows["reference"].astype(str)
    worst = error[~right].sort_values(ascending=False, kind="stable").index[:MOST]
    typical = (error[right] - error[right].median()).abs().sort_values(kind="stable").index[:MOST]
    return rows.loc[worst, "case_id"], rows.loc[typical, "case_id"]


def _of_values(rows: pd.DataFrame) -> tuple[Iterable[object], Iterable[object]]:
    residual = (rows["prediction"].astype(np.float64) - rows["reference"].astype(np.float64)).abs()
    worst = residual.sort_values(ascending=False, kind="stable").index[:MOST]
    rest = residual.drop(worst)
    typical = (rest - residual.median()).abs().sort_values(kind="stable").index[:MOST]
    return rows.loc[worst, "case_id"], rows.loc[typical, "case_id"]
