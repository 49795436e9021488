"""The page of an external test: internal and external numbers side by side, and how the patients differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.cohort import Target
from isocenter.evaluation import Estimate
from isocenter.reporting import charts, printing
from isocenter.reporting.results import cell
from isocenter.reporting.words import METRICS, NOTHING, count, percent, quantity, title

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
        "figures": _figures(found),
        "refused": found["refused"][:MOST_REFUSED],
        "more_refused": count(max(len(found["refused"]) - MOST_REFUSED, 0)),
        "warnings": found["warnings"],
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
        "difference": NOTHING if far is None else f"{far:.2f}".replace("-", "−"),
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


def _figures(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """ROC of the whole, where there are two classes."""
    curves: Sequence[Mapping[str, Any]] = found["evaluation"]["curves"].get("roc", [])
    whole = [c for c in curves if c["group"] is None and c["class"] is None and c["x"]]
    if not whole:
        return []
    figure = charts.roc([charts.Line(whole[0]["x"], whole[0]["y"], "series-1", None)])
    return [
        {
            "svg": printing.inline(figure, "roc-external", "ROC curve on the external cases"),
            "title": "ROC curve",
            "note": "External cases. Dotted diagonal: chance.",
        }
    ]
