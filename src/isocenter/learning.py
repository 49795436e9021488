"""The learning curve: fits on growing shares of the training patients, scored inside the training part only."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from isocenter import fitting, progress
from isocenter.aggregation import aggregate
from isocenter.cohort import Cohort
from isocenter.crossing import Setting
from isocenter.errors import TooFewPatients
from isocenter.evaluation import headline
from isocenter.metrics.learning_curve import fit_curve, would_more_help
from isocenter.recipes import Recipe
from isocenter.splitting import Split, allocate, duration, strata_of

SHARES = (0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
FEWEST = 10  # patients that are learned from
MORE = 100  # patients that the question is about


def learning_curve(
    setting: Setting, recipe: Recipe, duplicates: Sequence[Sequence[str]] = (), aggregation: str | None = None
) -> dict[str, Any]:
    """Plain data for `learning.json`: points, the curve through them, and "would 100 more patients help?".

    Each inner fold of the (first) training part is held out in turn, and a share of the patients of
    the other folds is learned from; parameters are chosen inside that share. aggregation: how images of a patient
    become one prediction before they are scored, None where images are the unit. The test part is not used.
    """
    split = setting.design.split
    part = setting.cohort.select(split.fitting)
    assert part.target is not None
    metric = headline(part.target)
    told = {"metric": metric, "method": recipe.name, "more": MORE}
    measured = _measured(setting, recipe, part, split, duplicates, aggregation)
    points = [_point(share, rows) for share, rows in measured.items() if rows]
    sizes, values, errors = (
        np.array([math.nan if p[k] is None else p[k] for p in points]) for k in ("patients", "value", "error")
    )
    curve = fit_curve(sizes, values, errors, best=1.0, seed=setting.seed)
    n = len(set(part.patients))
    title = metric.upper() if metric == "auc" else metric
    answer = would_more_help(curve, n, MORE, metric=title)
    return told | {
        "points": points,
        "curve": {"end": _finite(curve.end), "a_b_c": [_finite(x) for x in curve.found.tolist()]},
        "patients": n,
        "answer": answer.answer,
        "value": _finite(answer.value),
        "interval": [_finite(x) for x in answer.interval[:2]],
        "gain": _finite(answer.gain),
        "gain_interval": [_finite(x) for x in answer.gain_interval[:2]],
        "sentence": answer.sentence,
        "how": f"An inverse power law was fitted through means over {len(split.folds)} held-out folds of the training "
        "part; the test part was not used.",
    }


def _measured(
    setting: Setting,
    recipe: Recipe,
    part: Cohort,
    split: Split,
    duplicates: Sequence[Sequence[str]],
    aggregation: str | None,
) -> dict[float, list[tuple[int, float]]]:
    """(patients, score) of each held-out fold by share; shares that leave too few patients stay empty."""
    groups, strata = part.groups(duplicates), strata_of(part)
    tasks = [(share, k) for share in reversed(SHARES) for k in range(len(split.folds))]
    began = time.perf_counter()
    found: dict[float, list[tuple[int, float]]] = {share: [] for share in SHARES}
    index = pd.Index(part.case_ids)
    for share, k in progress.track(tasks, f"learning curve of {recipe.name}", len(tasks)):
        held = np.isin(part.case_ids, list(split.folds[k]))
        rest = np.flatnonzero(~held)
        rng = np.random.default_rng([setting.seed, 5, k])
        chosen = rest
        if share < 1:
            chosen = rest[allocate(_renumbered(groups[rest]), strata[rest], (share, 1 - share), rng) == 0]
        n = len(np.unique(groups[chosen]))
        if n < FEWEST:
            continue
        training, tested = part.select(index[chosen]), part.select(index[held])
        try:
            output = fitting.predicted(recipe, training, tested, len(split.folds), duplicates, setting.seed)
        except TooFewPatients:
            continue
        found[share].append((n, _score(tested, output, aggregation)))
        if (share, k) == tasks[0]:
            lasts = duration((time.perf_counter() - began) * len(tasks))
            progress.note(f"Learning curve: {len(tasks)} fits of {recipe.name}, at most about {lasts}.")
    return found


def _score(tested: Cohort, output: fitting.Floats, how: str | None) -> float:
    """The headline number, by patient where images are joined."""
    assert tested.target is not None
    reference = tested.codes
    if how is not None:
        groups = pd.factorize(tested.patients)[0].astype(np.int64)
        output = aggregate(output, groups, how, tested.target.positive_index)
        reference = reference[np.unique(groups, return_index=True)[1]]
    return fitting.score(tested.target, output, reference)


def _renumbered(groups: Any) -> Any:
    return pd.factorize(groups)[0].astype(np.int64)


def _point(share: float, rows: list[tuple[int, float]]) -> dict[str, Any]:
    values = np.array([value for _, value in rows if math.isfinite(value)])
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return {
        "share": share,
        "patients": float(np.mean([n for n, _ in rows])),
        "value": _finite(float(values.mean())) if values.size else None,
        "error": _finite(error),
        "folds": len(rows),
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
