"""The page of an external test: internal and external numbers side by side, and how the patients differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.cohort import Target
from isocenter.evaluation import Estimate
from isocenter.evaluation.groups import suppressed
from isocenter.reporting.beside import beside
from isocenter.reporting.points import table_of
from isocenter.reporting.results import GROUP_METRICS, cell, hidden_row
from isocenter.reporting.words import METRICS, NOTHING, count, decimal, of_class, percent, quantity, title

COLUMNS = {
    "tuning": "Internal, out of fold",
    "test": "Internal, test part",
    "external": "External",
    "recalibrated": "External, recalibrated",
}
MOST_REFUSED = 200
NOTABLE = 0.1


def summarize_external(found: Mapping[str, Any], target: Target, name: str) -> dict[str, Any]:
    """What the page knows, from the plain data of `external.json`; texts are raw, the template escapes them."""
    rows = sorted(found["side_by_side"], key=_order)
    columns = [column for column in COLUMNS if any(column in row for row in rows)]
    several = len(target.classes) > 2
    return {
        "title": name,
        "model": found["model"],
        "column": target.column,
        "counts": {key: count(int(n)) for key, n in found["counts"].items()},
        "columns": [COLUMNS[column] for column in columns],
        "rows": [
            {
                "title": title(row["metric"], several and row["class"] is None),
                "class": row["class"] or "",
                "cells": [_cell(row.get(column)) for column in columns],
            }
            for row in rows
        ],
        "case_mix": [_mix(row) for row in found["case_mix"]],
        "decides": _decides(found.get("decision") or {}, target),
        "figures": beside(found, target),
        "points": table_of(found["evaluation"]["points"], target, found["model"], "the external cases"),
        "groups": _groups(found, several),
        "refused": _refused(found["refused"]),
        "warnings": [sentence for sentence in found["warnings"] if not suppressed([sentence])],
    }


def _order(row: Mapping[str, Any]) -> tuple[str, int]:
    names = list(METRICS)
    return row["class"] or "", names.index(row["metric"]) if row["metric"] in names else len(names)


def _cell(row: Mapping[str, Any] | None) -> dict[str, Any]:
    return cell(None if row is None or row["value"] is None else Estimate.from_dict(row))


def _mix(row: Mapping[str, Any]) -> dict[str, Any]:
    far = row["difference"]
    return {
        "name": row["name"],
        "internal": _described(row["internal"]),
        "external": _described(row["external"]),
        "difference": NOTHING if far is None else decimal(far, 2),
        "notable": far is not None and abs(far) > NOTABLE,
    }


def _described(one: Mapping[str, Any] | None) -> str:
    """61 [54, 70], or F 40%, M 60%; what is missing behind it."""
    if one is None:
        return NOTHING
    missing = f"; {count(one['missing'])} missing" if one["missing"] else ""
    if one["kind"] == "number":
        return f"{quantity(one['median'])} [{quantity(one['low'])}, {quantity(one['high'])}]{missing}"
    return ", ".join(f"{name} {percent(n, one['n'])}" for name, n in one["counts"].items()) + missing


def _refused(faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a reason: how many cases it left out, and which."""
    same: dict[tuple[str, str, str], list[str]] = {}
    for fault in faults:
        same.setdefault((fault["code"], fault["reason"], fault["remedy"]), []).append(str(fault["where"]))
    return [
        {
            "code": code,
            "reason": reason,
            "remedy": remedy,
            "n": count(len(cases)),
            "cases": cases[:MOST_REFUSED],
            "more": count(max(len(cases) - MOST_REFUSED, 0)),
        }
        for (code, reason, remedy), cases in same.items()
    ]


def _decides(decision: Mapping[str, Any], target: Target) -> list[str]:
    """How the model comes to a class, and where that was chosen; nothing for a measurement."""
    if not decision or target.is_value:
        return []
    met = f"Criterion: {decision['criterion']}, met on patient-grouped out-of-fold scores of the training part."
    if decision["threshold"] is not None and target.positive is not None:
        name = of_class(target, target.positive)
        told = [f"A case is called {name} from a probability of {decimal(decision['threshold'])} on. {met}"]
    elif decision["thresholds"] and any(value != 0.5 for value in decision["thresholds"].values()):
        each = ", ".join(f"{name} {decimal(value)}" for name, value in decision["thresholds"].items())
        told = [f"A label is given from its own probability on: {each}. {met}"]
    elif decision["thresholds"]:
        told = ["A label is given from a probability of 0.5 on; no threshold was chosen."]
    else:
        told = ["The most probable class is decided; no threshold was chosen."]
    if decision["calibrator"]:
        told.append(f"Probabilities are recalibrated by {decision['calibrator']}, learned at home.")
    if decision["aggregation"]:
        told.append(f"Images of a patient become one prediction by {decision['aggregation']}, chosen at home.")
    return [*told, "Nothing of this was changed for the external cases."]


def _groups(found: Mapping[str, Any], several: bool) -> dict[str, Any]:
    """All external cases beside each subgroup; {} where there are no subgroups."""
    rows = [row for row in found["evaluation"]["estimates"] if row["class"] is None and row["group"] != "recalibrated"]
    names = list(dict.fromkeys(row["group"] for row in rows))
    metrics = [name for name in GROUP_METRICS if any(row["metric"] == name for row in rows)]
    hidden = suppressed(found["evaluation"]["warnings"])
    if len(names) + len(hidden) < 2 or not metrics:
        return {}
    by_place = {(row["group"], row["metric"]): row for row in rows}
    first = {row["group"]: row for row in reversed(rows)}
    return {
        "titles": [title(metric, several) for metric in metrics],
        "rows": [
            *(
                {
                    "group": name or "all external cases",
                    "n": f"{count(first[name]['n_cases'])} / {count(first[name]['n_patients'])}",
                    "cells": [_cell(by_place.get((name, metric))) for metric in metrics],
                }
                for name in names
            ),
            *(hidden_row(name, why) for name, why in hidden.items()),
        ],
    }
