"""What came out: the headline, every metric of every method, classes, groups, confusion matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.evaluation import Estimate, Evaluation
from isocenter.evaluation import headline as compared_by
from isocenter.evaluation.groups import suppressed
from isocenter.metrics import larger_is_better
from isocenter.reporting import scales
from isocenter.reporting.study import Study, is_floor
from isocenter.reporting.words import (
    METRICS,
    NOTHING,
    OF_UNITS,
    UNSCALED,
    count,
    counted,
    has_interval,
    interval,
    interval_name,
    of_class,
    percent,
    title,
    value,
)

_ORDER = {name: i for i, name in enumerate(METRICS)}
GROUP_METRICS = (
    "auc", "ordinal_c_index", "kappa_quadratic", "accuracy", "balanced_accuracy", "sensitivity", "specificity",
    "micro_f1", "exact_match", "r2", "mae", "rmse", "spearman", "ccc",
)  # fmt: skip
Cell = dict[str, Any]


def find(
    evaluation: Evaluation, metric: str, part: str = "test", group: str | None = None, class_name: str | None = None
) -> Estimate | None:
    """The estimate, or None."""
    try:
        return evaluation.get(metric, part, group, class_name)
    except KeyError:
        return None


def main_metric(study: Study) -> str:
    """What the headline is about: AUC or R2; accuracy or MAE where that cannot be computed."""
    other = "mae" if study.target.is_value else "exact_match" if study.target.is_labels else "accuracy"
    wanted = [compared_by(study.target), other]
    for metric in wanted:
        row = find(study.first, metric)
        if row is not None and math.isfinite(row.value):
            return metric
    return wanted[0]


def cell(row: Estimate | None) -> Cell:
    """A number as it is shown: value, its interval and how that was made."""
    if row is None:
        return {"value": NOTHING, "interval": "", "how": ""}
    how = interval_name(row.interval) if has_interval(row) else ""
    return {"value": value(row.metric, row.value), "interval": interval(row), "how": how}


def styles(study: Study) -> dict[str, str]:
    """CSS class of each method, for its line in every chart: series-1..., floor-1..."""
    seen = {True: 0, False: 0}
    found = {}
    for card in study.evaluated:
        floor = is_floor(card)
        kind, colours = ("floor", 2) if floor else ("series", 8)
        found[str(card["name"])] = f"{kind}-{seen[floor] % colours + 1}"
        seen[floor] += 1
    return found


def headline(study: Study) -> dict[str, Any]:
    """The main number, its interval, and the same of every method on one scale."""
    metric = main_metric(study)
    row = find(study.first, metric)
    rows = [(card, find(study.evaluations[card["name"]], metric)) for card in study.evaluated]
    second = {"auc": "accuracy", "r2": "mae", "ordinal_c_index": "kappa_quadratic"}.get(metric)
    return {
        "metric": title(metric, study.several),
        "where": f"over {len(study.design.splits)} folds" if study.design.several else "on the test part",
        "method": str(study.primary.get("name", "")),
        **cell(row),
        "second": _second(study, second) if second else None,
        "bars": _bars(study, metric, rows),
        "counts": counts_of(study, "test"),
        "looks": study.first.looks,
    }


def _second(study: Study, metric: str) -> Cell | None:
    row = find(study.first, metric)
    return None if row is None else {"title": title(metric), **cell(row)}


def _bars(study: Study, metric: str, rows: Sequence[tuple[Mapping[str, Any], Estimate | None]]) -> dict[str, Any]:
    """Range bars of one metric, in percent of one scale."""
    known = [(card, row) for card, row in rows if row is not None and math.isfinite(row.value)]
    limits = [x for _, row in known for x in (row.value, row.low, row.high) if math.isfinite(x)]
    scale = scales.scale_of(metric, limits)
    chance = {"auc": 0.5, "ordinal_c_index": 0.5, "r2": 0.0}.get(metric)
    style = styles(study)
    return {
        "ticks": scale.ticks,
        "chance": scale.place(chance) if chance is not None and scale.holds(chance) else None,
        "rows": [
            {
                "name": card["name"],
                "role": card.get("role", ""),
                "style": style[card["name"]],
                **cell(row),
                **scale.bar(row.value, row.low, row.high, has_interval(row)),
            }
            for card, row in known
        ],
    }


def counts_of(study: Study, part: str) -> dict[str, str]:
    """Cases, patients and events of a part, in words."""
    rows = [e for e in study.first.estimates if e.part == part and e.group is None]
    if not rows:
        return {}
    said = {"cases": counted(rows[0].n_cases, "case")}
    if study.cohort.knows_patients:
        said["patients"] = counted(rows[0].n_patients, "patient")
    of_events = [e.n_events for e in rows if e.n_events is not None and e.class_name is None]
    if of_events and study.target.positive is not None:
        said["events"] = f"{count(of_events[0])} {of_class(study.target, study.target.positive)}"
    return said


def metrics_of(study: Study, part: str = "test") -> list[str]:
    """Metrics of the whole part, over all methods, in the order of the glossary."""
    found = dict.fromkeys(
        row.metric
        for card in study.evaluated
        for row in study.evaluations[card["name"]].estimates
        if row.group is None and row.class_name is None and row.part == part
    )
    return sorted(found, key=lambda metric: _ORDER.get(metric, len(_ORDER)))


def detail(study: Study) -> list[dict[str, Any]]:
    """The primary method's numbers on the test part, one row a metric, shares with a range bar."""
    rows = []
    scale = scales.UNIT
    for metric in metrics_of(study):
        row = find(study.first, metric)
        if row is None:
            continue
        drawn = metric not in OF_UNITS | UNSCALED and larger_is_better(metric) and scale.holds(row.value)
        bar = scale.bar(row.value, row.low, row.high, has_interval(row)) if drawn else None
        note = "" if larger_is_better(metric) else "lower is better"
        rows.append({"title": title(metric, study.several), "note": note, **cell(row), "bar": bar})
    return rows


def comparison(study: Study) -> dict[str, Any]:
    """Rows: metrics; columns: methods, each on test and on tuning (out-of-fold) data."""
    style = styles(study)
    shown = []
    for card in study.evaluated:
        evaluation = study.evaluations[card["name"]]
        parts = {e.part: e for e in reversed(evaluation.estimates) if e.group is None}
        n = {part: f"{count(row.n_cases)} / {count(row.n_patients)}" for part, row in parts.items()}
        shown.append({"name": card["name"], "role": card.get("role", ""), "style": style[card["name"]], "n": n})
    tuned = any("tuning" in method["n"] for method in shown)
    metrics = list(dict.fromkeys(metrics_of(study) + metrics_of(study, "tuning")))
    rows = []
    for metric in metrics:
        cells = []
        for method in shown:
            evaluation = study.evaluations[method["name"]]
            cells.append({"test": cell(find(evaluation, metric)), "tuning": cell(find(evaluation, metric, "tuning"))})
        rows.append({"title": title(metric, study.several), "cells": cells})
    return {"methods": shown, "rows": rows, "tuning": tuned, "patients": study.cohort.knows_patients}


def per_class(study: Study) -> list[dict[str, Any]]:
    """For each method that is no floor, and each class: its metrics against the rest (test part)."""
    found = []
    for card in study.evaluated:
        evaluation = study.evaluations[card["name"]]
        rows = [e for e in evaluation.estimates if e.part == "test" and e.group is None and e.class_name is not None]
        if not rows or is_floor(card):
            continue
        metrics = sorted({e.metric for e in rows}, key=lambda metric: _ORDER.get(metric, len(_ORDER)))
        named = dict.fromkeys(e.class_name for e in rows if e.class_name is not None)
        classes = sorted(named, key=lambda c: c not in study.target.classes)  # "≥ grade" after the grades
        found.append(
            {
                "name": card["name"],
                "titles": [title(metric) for metric in metrics],
                "rows": [_class_row(evaluation, name, metrics) for name in classes],
            }
        )
    return found


def _class_row(evaluation: Evaluation, name: str, metrics: Sequence[str]) -> dict[str, Any]:
    rows = [find(evaluation, metric, class_name=name) for metric in metrics]
    events = next((row.n_events for row in rows if row is not None and row.n_events is not None), None)
    return {"name": name, "n": NOTHING if events is None else count(events), "cells": [cell(row) for row in rows]}


def groups(study: Study) -> dict[str, Any]:
    """The whole test part beside each group of it, by method, then the groups too small to show; {} without groups."""
    named = dict.fromkeys(
        e.group for e in study.first.estimates if e.part == "test" and e.group is not None and e.class_name is None
    )
    metrics = [m for m in metrics_of(study) if m in GROUP_METRICS]
    hidden = suppressed(study.first.warnings)
    if not (named or hidden) or not metrics:
        return {}
    rows: list[dict[str, Any]] = []
    for card in study.evaluated:
        evaluation = study.evaluations[card["name"]]
        for group in (None, *named):
            estimates = [find(evaluation, metric, group=group) for metric in metrics]
            first = next((e for e in estimates if e is not None), None)
            if first is not None:
                n = f"{count(first.n_cases)} / {count(first.n_patients)}"
                cells = [cell(e) for e in estimates]
                rows.append({"method": card["name"], "group": group or "whole test part", "n": n, "cells": cells})
    titles = [title(metric, study.several) for metric in metrics]
    rows += [hidden_row(group, why) for group, why in hidden.items()]
    return {"titles": titles, "rows": rows, "names": [*named, *hidden]}


def hidden_row(group: str, why: str) -> dict[str, Any]:
    """A group that is suppressed, for every method alike."""
    return {"method": "every method", "group": group, "n": "", "cells": [], "why": f"suppressed: {why}"}


def confusions(study: Study) -> list[dict[str, Any]]:
    """Confusion matrices of every method and part: rows true, columns predicted; counts and row shares."""
    found = []
    for card in study.evaluated:
        for matrix in study.evaluations[card["name"]].confusion:
            if matrix.get("group") is None:
                label = f", {matrix['class']}" if "class" in matrix else ""
                found.append({"name": f"{card['name']}{label}", "part": str(matrix["part"]), **_matrix(matrix)})
    order = {"test": 0, "tuning": 1}
    first = str(study.primary.get("name"))
    return sorted(found, key=lambda one: (not _is_of(one["name"], first), order.get(one["part"], 2)))


def _is_of(name: str, method: str) -> bool:
    return name == method or name.startswith(f"{method}, ")


def _matrix(matrix: Mapping[str, Any]) -> dict[str, Any]:
    rows = []
    for i, (name, counts) in enumerate(zip(matrix["classes"], matrix["matrix"], strict=True)):
        total = sum(counts)
        cells = [
            {"n": count(int(n)), "share": percent(n, total), "weight": n / total if total else 0.0, "right": i == j}
            for j, n in enumerate(counts)
        ]
        rows.append({"name": name, "cells": cells, "total": count(int(total))})
    return {"classes": list(matrix["classes"]), "rows": rows}


def remarks(study: Study) -> list[dict[str, Any]]:
    """What the evaluations say about their numbers: each sentence once, with the methods it is about."""
    said: dict[str, list[str]] = {}
    for card in study.evaluated:
        warnings = study.evaluations[card["name"]].warnings
        for sentence in (one for one in warnings if not suppressed([one])):  # rows of their own among the groups
            said.setdefault(sentence, []).append(str(card["name"]))
    return [{"text": sentence, "methods": names} for sentence, names in said.items()]
