"""Charts of an external test: the curves there, and with two classes those of the model's own test part over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from isocenter.cohort import Target
from isocenter.reporting import charts, printing
from isocenter.reporting.words import decimal, of_class, title

Entry = dict[str, str]
Curve = Mapping[str, Any]
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
    for kind, (name, metric, note) in _KINDS.items():
        pairs = list(_pairs(found, target, kind))
        if pairs:
            lines, legend = [line for line, _ in pairs], [entry for _, entry in pairs]
            drawn = {"roc": charts.roc, "calibration": charts.calibration}.get(kind, charts.decision_curve)(lines)
            figures.append(
                {
                    "svg": printing.inline(drawn, f"{kind.replace('_', '-')}-external", f"{name} of the external test"),
                    "title": name,
                    "about": found["model"],
                    "legend": legend,
                    "value": title(metric) if metric else "",
                    "note": note,
                }
            )
    return figures


def _pairs(found: Mapping[str, Any], target: Target, kind: str) -> Iterator[tuple[charts.Line, Entry]]:
    """Each line and its entry in the legend: places of the one curve there is, or the classes of the external one."""
    there, home = found["evaluation"]["curves"].get(kind, []), found.get("internal_curves", {}).get(kind, [])
    metric = _KINDS[kind][1]
    numbers = {(row["metric"], row["class"]): row for row in found["side_by_side"]}
    if target.positive is None and len(target.classes) != 2:
        for i, name in enumerate(target.classes[:8]):
            curve = _curve(there, None, name)
            if curve is not None:
                banded = len(target.classes) <= _BANDED
                line = _line(curve, kind, f"series-{i + 1}", _point(numbers, "external", name), banded)
                yield line, _entry(of_class(target, name), line.style, numbers.get((metric, name)), "external")
        return
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
