"""The page's charts as inline SVG, importance as bars and as a map of pixels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isocenter.reporting import charts, printing
from isocenter.reporting.canvas import Floats
from isocenter.reporting.drawings import result_drawings
from isocenter.reporting.results import styles
from isocenter.reporting.study import Study
from isocenter.reporting.words import decimal, feature_name

MOST_BARS = 15
_PIXEL = re.compile(r"^p(\d+)_(\d+)(?:_\d+)?$")
Figure = dict[str, Any]  # {"svg", "title", "legend": [{"name", "style", "value"}], "note"}


def result_figures(study: Study) -> list[Figure]:
    """The study's charts as inline SVG, with their legends."""
    return [
        {
            "svg": printing.inline(one.draw(), one.name, one.label),
            "title": one.title,
            "about": one.about,
            "legend": list(one.legend),
            "value": one.value,
            "note": one.note,
        }
        for one in result_drawings(study)
    ]


def importance(study: Study) -> list[dict[str, Any]]:
    """For each model with an importance: its strongest features as bars, and a map where they are pixels."""
    style = styles(study)
    found: list[dict[str, Any]] = []
    for card in study.models:
        rows = strongest(card)
        if not rows:
            continue
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


def strongest(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a model's importance, the largest first, by the user's names of the features."""
    known = [row for row in card.get("importance") or () if row["mean"] is not None and np.isfinite(row["mean"])]
    named = [{**row, "feature": feature_name(card, str(row["feature"]))} for row in known]
    return sorted(named, key=lambda row: -row["mean"])


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
    grid = pixel_grid(card, rows)
    if grid is None:
        return ""
    return printing.inline(charts.pixel_map(grid, style), name, "Map of the image: deep colour, large importance")


def pixel_grid(card: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Floats | None:
    """(rows, columns) importance where every feature is a pixel (channels added up), NaN where unknown; else None."""
    names = [str(n) for n in card.get("feature_names") or [row["feature"] for row in rows]]
    places = [_PIXEL.match(n) for n in names]
    if len(names) < 16 or not all(places):
        return None
    grid = np.full([1 + max(int(m[i]) for m in places if m) for i in (1, 2)], np.nan)
    if grid.size > 1_000_000:
        return None
    for row in rows:
        if match := _PIXEL.match(str(row["feature"])):
            place = int(match[1]), int(match[2])
            grid[place] = np.nan_to_num(grid[place]) + row["mean"]
    return grid
