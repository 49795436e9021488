"""Operating points of a design of several splits: each fold reads the threshold that its own tuning data gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import Target, Task
from isocenter.evaluation import dependent
from isocenter.evaluation.folded import TEST, TUNING, finite_rows, folds_of, one_by_one
from isocenter.evaluation.folds import Folded
from isocenter.metrics.estimation import Estimated
from isocenter.metrics.operating import POINTS
from isocenter.metrics.panels import ClassPanel
from isocenter.metrics.thresholds import Chosen, nearest, reached
from isocenter.metrics.usefulness import at_prevalence
from isocenter.splitting import Design

SHARES = ("sensitivity", "specificity", "ppv", "npv")
_NO, _YES = "no", "yes"


def fold_points(
    table: pd.DataFrame,
    target: Target,
    design: Design,
    *,
    prevalences: Sequence[float] = (),
    criteria: Sequence[str] = POINTS,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Operating points as `useful.points` gives them, of each class that is told from the rest.

    threshold: the median of the folds' own, "thresholds" their range; shares and their intervals go
    by the rule of the design; counts are those of the first repeat. What a threshold of one fold
    costs elsewhere on the curve of another says nothing: "elsewhere" is empty.
    """
    if target.is_value:
        return []
    rows, _ = finite_rows(table, target)
    names = [target.positive] if target.positive is not None else list(target.classes)
    events = target.members(rows["reference"])
    found = []
    for name in names:
        own = rows.assign(event=events[:, target.classes.index(name)], score=rows[f"probability_{name}"])
        for criterion in criteria:
            told = _point(own, criterion, design, prevalences, seed)
            found.append({"class": None if target.positive is not None else name, **told})
    return found


def _point(
    rows: pd.DataFrame, criterion: str, design: Design, prevalences: Sequence[float], seed: int
) -> dict[str, Any]:
    chosen = {
        place: nearest(criterion, some["event"].to_numpy(dtype=np.bool_), some["score"].to_numpy(dtype=np.float64))
        for place, some in rows[rows["part"] == TUNING].groupby(["repeat", "fold"], sort=True)
    }
    test = rows[rows["part"] == TEST]
    thresholds = np.array([one.threshold for one in chosen.values()])
    usable = thresholds[np.isfinite(thresholds)]
    told: dict[str, Any] = {
        "criterion": next(iter(chosen.values())).criterion,
        "threshold": _finite(float(np.median(usable))) if usable.size else None,
        "thresholds": [float(usable.min()), float(usable.max())] if usable.size else [],
        "met": all(one.met for one in chosen.values()),
        "why": next((one.why for one in chosen.values() if not one.met), ""),
        "origin": f"patient-grouped out-of-fold scores of each of {len(chosen)} fitting parts; the median is shown",
        "tuning": {name: _mean(name, list(chosen.values())) for name in SHARES},
        "elsewhere": "",
        "test": {},
        "counts": {},
        "prevalences": [],
    }
    if test.empty or not usable.size:
        return told
    own = np.array([chosen[place].threshold for place in zip(test["repeat"], test["fold"], strict=True)])
    called = test["score"].to_numpy(dtype=np.float64) >= own
    data = replace(_two_classes(test, called), seed=seed)
    shares = {name: _share(data, name, design) for name in SHARES}
    told["test"] = {n: [_finite(e.value), *map(_finite, e.interval[:2]), e.interval.how] for n, e in shares.items()}
    return told | _counted(data, prevalences)


def _two_classes(test: pd.DataFrame, called: Any) -> Folded:
    """The folds of one class against the rest, with these decisions."""
    score = test["score"].to_numpy(dtype=np.float64)
    table = test[["case_id", "patient_id", "repeat", "fold"]].assign(
        reference=np.where(test["event"], _YES, _NO),
        prediction=np.where(called, _YES, _NO),
        **{f"probability_{_NO}": 1 - score, f"probability_{_YES}": score},
    )
    return folds_of(table, Target(Task.CLASSIFICATION, "event", (_NO, _YES), _YES))


def _share(data: Folded, name: str, design: Design) -> Estimated:
    key = (name, None)
    if design.group_column is not None:
        found = dependent.sites(data, key)
        return Estimated(found.value, found.interval)
    return dependent.pooled(data, key) if one_by_one(design) else dependent.kfold(data, key)


def _counted(data: Folded, prevalences: Sequence[float]) -> dict[str, Any]:
    """Counts of the first repeat, and what they come to at other prevalences (values, without intervals)."""
    panel = data.whole
    assert isinstance(panel, ClassPanel)
    t = reached(panel.is_event(None), panel.is_called(None).astype(np.float64), 0.5)
    counts = {name: _finite(getattr(t, name)) for name in ("hits", "missed", "false_alarms", "rejected")}
    shown = []
    for p in dict.fromkeys(prevalences):
        at = asdict(at_prevalence(t.hits, t.hits + t.missed, t.rejected, t.rejected + t.false_alarms, float(p)))
        plain = {name: [_finite(v[0]), None, None] for name, v in at.items() if name != "prevalence"}
        shown.append({"prevalence": float(p), **plain})
    return {"counts": counts, "prevalences": shown}


def _mean(name: str, chosen: Sequence[Chosen]) -> float | None:
    values = np.array([getattr(one.reached, name) for one in chosen], dtype=np.float64)
    return _finite(float(values[np.isfinite(values)].mean())) if np.isfinite(values).any() else None


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
