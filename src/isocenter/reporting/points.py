"""Operating points as they are shown: thresholds with their origin, shares, and what they mean at other prevalences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.reporting.study import Study
from isocenter.reporting.words import DASH, NOTHING, count, decimal, of_class

SHARES = ("sensitivity", "specificity", "ppv", "npv")
_NAMED = {"probability=0.5": "Most probable class (0.5)"}
MOST_CLASSES = 12  # that stand against the rest, before the table would be endless


def points(study: Study) -> dict[str, Any]:
    """The primary method's operating points: {} without any, else "rows", "prevalences" and "origin"."""
    found = study.first.points
    if not found:
        return {}
    several = len({point["class"] for point in found}) > 1
    classes = list(dict.fromkeys(point["class"] for point in found))[:MOST_CLASSES]
    shown = [point for point in found if point["class"] in classes]
    return {
        "method": str(study.primary["name"]),
        "several": several,
        "origin": found[0]["origin"],
        "rows": [_row(study, point) for point in shown],
        "prevalences": [row for point in shown for row in _at(study, point)],
    }


def _row(study: Study, point: Mapping[str, Any]) -> dict[str, Any]:
    counts = point["counts"]
    told = [counts[name] for name in ("hits", "missed", "false_alarms", "rejected")]
    return {
        "name": _name(study, point),
        "threshold": NOTHING if point["threshold"] is None else decimal(point["threshold"]),
        "cells": [_cell(point["test"].get(share)) for share in SHARES],
        "counts": NOTHING if None in told else " / ".join(count(int(n)) for n in told),
        "why": "" if point["met"] else f"Not reached on tuning data: {point['why']}.",
        "elsewhere": point["elsewhere"],
    }


def _name(study: Study, point: Mapping[str, Any]) -> str:
    name = _NAMED.get(point["criterion"], point["criterion"].replace("=", " "))
    return name if point["class"] is None else f"{of_class(study.target, point['class'])}: {name}"


def _cell(row: Sequence[Any] | None) -> dict[str, str]:
    """[value, low, high, how...] as a number with its interval."""
    if row is None or row[0] is None:
        return {"value": NOTHING, "interval": ""}
    ranged = row[1] is not None and row[2] is not None
    return {"value": decimal(row[0]), "interval": f"{decimal(row[1])}{DASH}{decimal(row[2])}" if ranged else ""}


def _at(study: Study, point: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": _name(study, point),
            "prevalence": f"{100 * row['prevalence']:g}%",
            "cells": [_cell(row["ppv"]), _cell(row["npv"]), *(_per_1000(row[n]) for n in ("false_alarms", "missed"))],
        }
        for row in point["prevalences"]
    ]


def _per_1000(row: Sequence[Any]) -> dict[str, str]:
    if row[0] is None:
        return {"value": NOTHING, "interval": ""}
    ranged = row[1] is not None and row[2] is not None
    return {"value": f"{row[0]:.0f}", "interval": f"{row[1]:.0f}{DASH}{row[2]:.0f}" if ranged else ""}
