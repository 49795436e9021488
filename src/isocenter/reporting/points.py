"""Operating points as they are shown: thresholds with their origin, shares, and what they mean at other prevalences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.cohort import Target
from isocenter.reporting.study import Study
from isocenter.reporting.words import DASH, NOTHING, count, decimal, of_class

SHARES = ("sensitivity", "specificity", "ppv", "npv")
_NAMED = {"probability=0.5": "Most probable class (0.5)"}
MOST_CLASSES = 12  # that stand against the rest, before the table would be endless


def points(study: Study) -> dict[str, Any]:
    """The primary method's operating points on the test part, as `table_of` gives them."""
    return table_of(study.first.points, study.target, str(study.primary.get("name", "")), "the test part")


def table_of(found: Sequence[Mapping[str, Any]], target: Target, method: str, where: str) -> dict[str, Any]:
    """{} without points, else "rows", "prevalences", "origin", and "where" they were read ("the test part")."""
    if not found:
        return {}
    several = len({point["class"] for point in found}) > 1
    classes = list(dict.fromkeys(point["class"] for point in found))[:MOST_CLASSES]
    shown = [point for point in found if point["class"] in classes]
    return {
        "method": method,
        "where": where,
        "several": several,
        "origin": found[0]["origin"],
        "rows": [_row(target, point) for point in shown],
        "prevalences": [row for point in shown for row in _at(target, point)],
    }


def _row(target: Target, point: Mapping[str, Any]) -> dict[str, Any]:
    counts = point["counts"]
    told = [(counts[name], name.replace("_", " ")) for name in ("hits", "missed", "false_alarms", "rejected")]
    return {
        "name": _name(target, point),
        "threshold": NOTHING if point["threshold"] is None else decimal(point["threshold"]),
        "cells": [_cell(point["test"].get(share)) for share in SHARES],
        "counts": ", ".join(f"{name} {count(int(n))}" for n, name in told if n is not None),
        "why": "" if point["met"] else f"Not reached on tuning data: {point['why']}.",
        "elsewhere": point["elsewhere"],
    }


def _name(target: Target, point: Mapping[str, Any]) -> str:
    name = _NAMED.get(point["criterion"], point["criterion"].replace("=", " "))
    return name if point["class"] is None else f"{of_class(target, point['class'])}: {name}"


def _cell(row: Sequence[Any] | None) -> dict[str, str]:
    """[value, low, high, how...] as a number with its interval."""
    if row is None or row[0] is None:
        return {"value": NOTHING, "interval": ""}
    ranged = row[1] is not None and row[2] is not None
    return {"value": decimal(row[0]), "interval": f"{decimal(row[1])}{DASH}{decimal(row[2])}" if ranged else ""}


def _at(target: Target, point: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": _name(target, point),
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
