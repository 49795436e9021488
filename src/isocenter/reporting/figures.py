"""Which charts a study gets: lines and points from its evaluations and predictions, as inline SVG with legends."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isocenter.evaluation import Evaluation
from isocenter.reporting import charts
from isocenter.reporting.results import find, styles
from isocenter.reporting.study import Study, is_floor
from isocenter.reporting.words import count, decimal, title

MOST_BARS = 15
_PIXEL = re.compile(r"^p(\d+)_(\d+)(?:_\d+)?$")
Figure = dict[str, Any]  # {"svg", "title", "legend": [{"name", "style", "value"}], "note"}


def result_figures(study: Study) -> list[Figure]:
    """ROC and precision-recall curves, or predicted against measured and residuals."""
    if not study.evaluated:
        return []
    return _points(study) if study.target.is_value else _curves(study)


def _curves(study: Study) -> list[Figure]:
    """Two classes: the methods over each other; more: each class of the primary method against the rest."""
    found = []
    for kind, metric, name in (("roc", "auc", "ROC curve"), ("pr", "average_precision", "Precision-recall curve")):
        pairs = _by_class(study, kind, metric) if study.several else _by_method(study, kind, metric)
        if not pairs:
            continue
        lines, legend = [line for line, _ in pairs], [entry for _, entry in pairs]
        figure = charts.roc(lines) if kind == "roc" else charts.precision_recall(lines, _prevalence(study))
        note = {
            "roc": "Dot: the decision as reported. Dotted diagonal: chance.",
            "pr": "" if study.several else "Dotted line: the share of cases with the condition, what guessing reaches.",
        }[kind]
        about = f"each class against the rest, {study.primary['name']}" if study.several else "all methods"
        svg = charts.inline(figure, kind, f"{name} on the test part, with a curve for each entry of the legend")
        found.append(
            {"svg": svg, "title": name, "about": about, "legend": legend, "value": title(metric), "note": note}
        )
    return found


def _by_method(study: Study, kind: str, metric: str) -> list[tuple[charts.Line, dict[str, str]]]:
    style = styles(study)
    found = []
    for card in study.evaluated:
        evaluation = study.evaluations[card["name"]]
        curve = _curve(evaluation, kind, None)
        if curve is not None:
            point = None if is_floor(card) else _operating_point(evaluation, kind, None)
            line = charts.Line(curve["x"], curve["y"], style[card["name"]], point)
            found.append((line, _entry(str(card["name"]), line.style, evaluation, metric, None)))
    return found


def _by_class(study: Study, kind: str, metric: str) -> list[tuple[charts.Line, dict[str, str]]]:
    found = []
    for i, name in enumerate(study.target.classes):
        curve = _curve(study.first, kind, name)
        if curve is not None:
            point = _operating_point(study.first, kind, name)
            line = charts.Line(curve["x"], curve["y"], f"series-{i % 8 + 1}", point)
            found.append((line, _entry(name, line.style, study.first, metric, name)))
    return found


def _entry(name: str, style: str, evaluation: Evaluation, metric: str, class_name: str | None) -> dict[str, str]:
    row = find(evaluation, metric, class_name=class_name)
    return {"name": name, "style": style, "value": "" if row is None else decimal(row.value)}


def _curve(evaluation: Evaluation, kind: str, class_name: str | None) -> Mapping[str, Any] | None:
    for curve in evaluation.curves.get(kind, ()):
        if (curve["part"], curve.get("group"), curve.get("class")) == ("test", None, class_name) and curve["x"]:
            return curve
    return None


def _operating_point(evaluation: Evaluation, kind: str, class_name: str | None) -> tuple[float, float] | None:
    """Where the decision lies on the curve; None where it cannot be computed."""
    sensitivity = find(evaluation, "sensitivity", class_name=class_name)
    other = find(evaluation, "specificity" if kind == "roc" else "ppv", class_name=class_name)
    if sensitivity is None or other is None or not np.isfinite([sensitivity.value, other.value]).all():
        return None
    return (1 - other.value, sensitivity.value) if kind == "roc" else (sensitivity.value, other.value)


def _prevalence(study: Study) -> float | None:
    """Share of the positive class among what was scored: patients where they are the unit, not images."""
    whole = [m for m in study.first.confusion if m["part"] == "test" and m["group"] is None]
    if study.several or not whole or study.target.positive is None:
        return None
    classes: Any = whole[0]["classes"]
    rows = [sum(row) for row in whole[0]["matrix"]]  # type: ignore[attr-defined]
    return rows[classes.index(study.target.positive)] / sum(rows) if sum(rows) else None


def _points(study: Study) -> list[Figure]:
    table = study.predictions.get(study.primary["name"])
    if table is None:
        return []
    rows = table[table["part"] == "test"] if "part" in table else table
    reference, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("reference", "prediction"))
    known = np.isfinite(reference) & np.isfinite(predicted)
    reference, predicted = reference[known], predicted[known]
    if not reference.size:
        return []
    n = len(reference)
    thin = f"{count(charts.MOST_POINTS)} of {count(n)} cases are drawn. " if n > charts.MOST_POINTS else ""
    about = f"{study.primary['name']}, test part"
    first = charts.inline(charts.agreement(reference, predicted), "agreement", "Predicted against measured values")
    second = charts.inline(charts.residuals(reference, predicted), "residuals", "Residuals against predicted values")
    return [
        {"svg": first, "title": "Predicted and measured", "about": about, "legend": [],
         "note": f"{thin}Dotted line: perfect agreement."},
        {"svg": second, "title": "Residuals", "about": about, "legend": [], "note": f"{thin}Dotted line: no error."},
    ]  # fmt: skip


def importance(study: Study) -> list[dict[str, Any]]:
    """For each model with an importance: its strongest features as bars, and a map where they are pixels."""
    style = styles(study)
    found: list[dict[str, Any]] = []
    for card in study.models:
        rows = [row for row in card.get("importance") or () if row["mean"] is not None and np.isfinite(row["mean"])]
        if not rows:
            continue
        rows = sorted(rows, key=lambda row: -row["mean"])
        found.append(
            {
                "name": card["name"],
                "style": style.get(card["name"], "series-1"),
                "bars": _bars(rows[:MOST_BARS]),
                "measured": len(rows),
                "features": len(card.get("feature_names") or rows),
                "map": _map(card, rows, f"map-{len(found)}", style.get(card["name"], "series-1")),
            }
        )
    return found


def _bars(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Places in percent of one axis that holds every bar with its standard deviation, and 0."""
    spread = [(row["mean"] - (row["sd"] or 0), row["mean"] + (row["sd"] or 0)) for row in rows]
    low = min(0.0, *(one for one, _ in spread))
    high = max(0.0, *(one for _, one in spread))
    span = float(high - low) or 1.0

    def place(x: float) -> float:
        return round(100 * float(x - low) / span, 3)

    return [
        {
            "feature": pixel_name(str(row["feature"])),
            "mean": decimal(row["mean"], 4),
            "sd": decimal(row["sd"] or 0.0, 4),
            "from": place(min(row["mean"], 0.0)),
            "to": place(max(row["mean"], 0.0)),
            "low": place(less),
            "high": place(more),
        }
        for row, (less, more) in zip(rows, spread, strict=True)
    ]


def pixel_name(feature: str) -> str:
    """A pixel's place in words (p3_12); other names as they are."""
    match = _PIXEL.match(feature)
    return f"row {match[1]}, column {match[2]}" if match else feature


def _map(card: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], name: str, style: str) -> str:
    """A map of the image where every feature is a pixel (channels added up), else nothing."""
    names = [str(n) for n in card.get("feature_names") or [row["feature"] for row in rows]]
    places = [_PIXEL.match(n) for n in names]
    if len(names) < 16 or not all(places):
        return ""
    grid = np.full([1 + max(int(m[i]) for m in places if m) for i in (1, 2)], np.nan)
    if grid.size > 1_000_000:
        return ""
    for row in rows:
        if match := _PIXEL.match(str(row["feature"])):
            place = int(match[1]), int(match[2])
            grid[place] = np.nan_to_num(grid[place]) + row["mean"]
    return charts.inline(charts.pixel_map(grid, style), name, "Map of the image: deep colour, large importance")
