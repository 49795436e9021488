"""Charts of an external test: the curves there, and over or beside them those of the model's own test part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from isocenter.cohort import Target
from isocenter.reporting import charts, printing
from isocenter.reporting.words import decimal, of_class, title

Entry = dict[str, str]
Curve = Mapping[str, Any]
Figure = dict[str, Any]
_INTERNAL, _EXTERNAL, _RECALIBRATED = "Internal, test part", "External", "External, recalibrated"
_BANDED = 3  # curves with bands, before they hide each other
# Kind of curve: its title, the metric beside its legend, what its guides mean.
_KINDS = {
    "roc": ("ROC curve", "auc", "Dot: the decision as it was fixed at home. Dotted diagonal: chance."),
    "calibration": (
        "Calibration", "calibration_slope", "Dotted diagonal: perfect calibration. Bands: 95% intervals.",
    ),
    "net_benefit": (
        "Decision curve", "",
        "Dashed: treat everybody, there. Line at 0: treat nobody. Far below 0 the curves are cut.",
    ),
}  # fmt: skip


def beside(found: Mapping[str, Any], target: Target) -> list[dict[str, Any]]:
    """Figures of the plain data of `external.json` as inline SVG, with their legends; none for a measurement."""
    figures = []
    for kind in _KINDS:
        there, home = found["evaluation"]["curves"].get(kind, []), found.get("internal_curves", {}).get(kind, [])
        numbers = {(row["metric"], row["class"]): row for row in found["side_by_side"]}
        if target.positive is None and len(target.classes) != 2:
            drawn = [
                (place, about, list(_each_class(curves, numbers, target, kind, place)))
                for place, about, curves in (("external", "external", there), ("test", "internal, test part", home))
            ]
        else:
            drawn = [("external", "", list(_each_place(there, home, numbers, kind)))]
        figures += [_figure(kind, place, found["model"], about, pairs) for place, about, pairs in drawn if pairs]
    return figures


def _figure(kind: str, place: str, model: str, about: str, pairs: Sequence[tuple[charts.Line, Entry]]) -> Figure:
    name, metric, note = _KINDS[kind]
    lines, legend = [line for line, _ in pairs], [entry for _, entry in pairs]
    drawn = {"roc": charts.roc, "calibration": charts.calibration}.get(kind, charts.decision_curve)(lines)
    label = f"{name} of the external test{f', {about}' if about else ''}"
    return {
        "svg": printing.inline(drawn, f"{kind.replace('_', '-')}-{place}", label),
        "title": name,
        "about": f"{model}, {about}" if about else model,
        "legend": legend,
        "value": title(metric) if metric else "",
        "note": note if place == "external" else note.replace(", there", ""),
    }


def _each_class(
    curves: list[Curve], numbers: Mapping[tuple[str, str | None], Curve], target: Target, kind: str, place: str
) -> Iterator[tuple[charts.Line, Entry]]:
    """A line a class of one place, with its entry in the legend."""
    metric = _KINDS[kind][1]
    for i, name in enumerate(target.classes[:8]):
        curve = _curve(curves, None, name)
        if curve is not None:
            banded = len(target.classes) <= _BANDED
            line = _line(curve, kind, f"series-{i + 1}", _point(numbers, place, name), banded)
            yield line, _entry(of_class(target, name), line.style, numbers.get((metric, name)), place)


def _each_place(
    there: list[Curve], home: list[Curve], numbers: Mapping[tuple[str, str | None], Curve], kind: str
) -> Iterator[tuple[charts.Line, Entry]]:
    """A line a place, where one curve says it all."""
    metric = _KINDS[kind][1]
    for curves, group, place, name, style in (
        (there, None, "external", _EXTERNAL, "series-1"),
        (home, None, "test", _INTERNAL, "series-2"),
        (there, "recalibrated", "recalibrated", _RECALIBRATED, "series-3"),
    ):
        curve = _curve(curves, group, None)
        if curve is not None:
            line = _line(curve, kind, style, _point(numbers, place, None), True)
            yield line, _entry(name, style, numbers.get((metric, None)), place)


def _curve(curves: list[Curve], group: str | None, class_name: str | None) -> Curve | None:
    return next((c for c in curves if (c["group"], c["class"]) == (group, class_name) and c["x"]), None)


def _line(curve: Curve, kind: str, style: str, point: tuple[float, float] | None, banded: bool) -> charts.Line:
    band = (curve["low"], curve["high"]) if banded and curve.get("low") and curve.get("high") else None
    return charts.Line(
        curve["x"], curve["y"], style, point if kind == "roc" else None, band, curve.get("treat_all") or None
    )


def _point(
    numbers: Mapping[tuple[str, str | None], Curve], place: str, class_name: str | None
) -> tuple[float, float] | None:
    """(1 - specificity, sensitivity) of the decision, where both are known."""
    found = [numbers.get((metric, class_name), {}).get(place) for metric in ("specificity", "sensitivity")]
    values = [np.nan if row is None or row["value"] is None else float(row["value"]) for row in found]
    return (1 - values[0], values[1]) if np.isfinite(values).all() else None


def _entry(name: str, style: str, row: Curve | None, place: str) -> Entry:
    told = None if row is None else row.get(place)
    return {
        "name": name,
        "style": style,
        "value": "" if told is None or told["value"] is None else decimal(told["value"]),
    }
