"""Which charts a study gets: lines and points from its evaluations and predictions, with their legends.

A `Drawing` is drawn when it is asked for, in the look of the moment: by `figures` for the page, by the paper's
own rooms for print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from isocenter.evaluation import Evaluation
from isocenter.metrics.differences import BlandAltman, bland_altman
from isocenter.metrics.intervals import Interval
from isocenter.reporting import charts
from isocenter.reporting.canvas import MOST_POINTS, Floats
from isocenter.reporting.results import find, styles
from isocenter.reporting.study import Study, is_floor
from isocenter.reporting.words import DASH, count, decimal, quantity, title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Entry = dict[str, str]  # {"name", "style", "value"}
Lines = list[tuple[charts.Line, Entry]]
# Kind of curve: the metric beside its legend, and its name.
_KINDS = {
    "roc": ("auc", "ROC curve"),
    "pr": ("average_precision", "Precision-recall curve"),
    "calibration": ("calibration_slope", "Calibration"),
    "net_benefit": ("", "Decision curve"),
}


@dataclass(frozen=True, eq=False)
class Drawing:
    """name: ours, for files and ids; title, about: over it; label: read aloud; value: what the legend's numbers are."""

    name: str
    title: str
    about: str
    label: str
    draw: Callable[[], Figure]
    legend: tuple[Entry, ...] = ()
    value: str = ""
    note: str = ""


def result_drawings(study: Study) -> list[Drawing]:
    """ROC, precision-recall, calibration and decision curves; or agreement, residuals and Bland-Altman."""
    if not study.evaluated:
        return []
    return list(_points(study) if study.target.is_value else _curves(study))


def by_class(study: Study) -> bool:
    """Whether each class (or label) of the primary method has a curve, in the place of each method."""
    return study.target.positive is None


def _curves(study: Study) -> Iterator[Drawing]:
    """Two classes: the methods over each other; more: each class of the primary method against the rest."""
    each = "label by itself" if study.target.is_labels else "class against the rest"
    about = f"each {each}, {study.primary['name']}" if by_class(study) else "all methods"
    for kind, (metric, name) in _KINDS.items():
        pairs = _by_class(study, kind, metric) if by_class(study) else _by_method(study, kind, metric)
        if pairs:
            lines, legend = [line for line, _ in pairs], tuple(entry for _, entry in pairs)
            draw, note = _drawn(study, kind, lines)
            label = f"{name} on the test part, with a curve for each entry of the legend"
            yield Drawing(kind, name, about, label, draw, legend, title(metric) if metric else "", note)


def _drawn(study: Study, kind: str, lines: list[charts.Line]) -> tuple[Callable[[], Figure], str]:
    """How a kind of curve is drawn, and what its guides mean."""
    if kind == "roc":
        return lambda: charts.roc(lines), "Dot: the decision as reported. Dotted diagonal: chance."
    if kind == "pr":
        guide = "Dotted line: the share of cases with the condition, what guessing reaches."
        return lambda: charts.precision_recall(lines, _prevalence(study)), "" if by_class(study) else guide
    if kind == "calibration":
        scores = _scores(study, lines)
        rows = "their scores" if by_class(study) else f"scores of {study.primary['name']}, with the condition, without"
        bars = f" Bars, from above: {rows} (heights as square roots of counts)." if scores else ""
        bands = " Bands: 95% intervals." if any(line.band for line in lines) else ""
        return (
            lambda: charts.calibration(lines, scores),
            f"Dotted diagonal: perfect calibration.{bands}{bars}",
        )
    everybody = None if by_class(study) else _everybody(study)
    dashed = "treat everybody" + (" (of that class)" if by_class(study) else "")
    return (
        lambda: charts.decision_curve(lines, everybody),
        f"Dashed: {dashed}. Line at 0: treat nobody. Far below 0 the curves are cut.",
    )


def _by_method(study: Study, kind: str, metric: str) -> Lines:
    style = styles(study)
    found: Lines = []
    for card in study.evaluated:
        evaluation = study.evaluations[card["name"]]
        curve = curve_of(evaluation, kind, None)
        if curve is not None and not (is_floor(card) and kind == "calibration"):
            point = None if is_floor(card) else _operating_point(evaluation, kind, None)
            band = _band(curve) if not found else None
            line = charts.Line(curve["x"], curve["y"], style[card["name"]], point, band)
            found.append((line, _entry(str(card["name"]), line.style, evaluation, metric, None)))
    return found


def _by_class(study: Study, kind: str, metric: str) -> Lines:
    found: Lines = []
    few = len(study.target.classes) <= 3
    for i, name in enumerate(study.target.classes):
        curve = curve_of(study.first, kind, name)
        if curve is not None:
            point = _operating_point(study.first, kind, name)
            style = f"series-{i % 8 + 1}"
            band = _band(curve) if few else None
            line = charts.Line(curve["x"], curve["y"], style, point, band, curve.get("treat_all"))
            found.append((line, _entry(name, style, study.first, metric, name)))
    return found


def _entry(name: str, style: str, evaluation: Evaluation, metric: str, class_name: str | None) -> Entry:
    row = find(evaluation, metric, class_name=class_name)
    return {"name": name, "style": style, "value": "" if row is None else decimal(row.value)}


def curve_of(evaluation: Evaluation, kind: str, class_name: str | None) -> Mapping[str, Any] | None:
    """The test part's curve of this kind and class, if there is one."""
    for curve in evaluation.curves.get(kind, ()):
        if (curve["part"], curve.get("group"), curve.get("class")) == ("test", None, class_name) and curve["x"]:
            return curve
    return None


def _band(curve: Mapping[str, Any]) -> tuple[list[float], list[float]] | None:
    return (curve["low"], curve["high"]) if curve.get("low") and curve.get("high") else None


def _operating_point(evaluation: Evaluation, kind: str, class_name: str | None) -> tuple[float, float] | None:
    """Where the decision lies on the curve; None where it cannot be computed."""
    sensitivity = find(evaluation, "sensitivity", class_name=class_name)
    other = find(evaluation, "specificity" if kind == "roc" else "ppv", class_name=class_name)
    if kind not in ("roc", "pr") or sensitivity is None or other is None:
        return None
    if not np.isfinite([sensitivity.value, other.value]).all():
        return None
    return (1 - other.value, sensitivity.value) if kind == "roc" else (sensitivity.value, other.value)


def _prevalence(study: Study) -> float | None:
    """Share of the positive class among what was scored: patients where they are the unit, not images."""
    whole = [m for m in study.first.confusion if m["part"] == "test" and m["group"] is None]
    if by_class(study) or not whole or study.target.positive is None:
        return None
    classes: Any = whole[0]["classes"]
    rows = [sum(row) for row in whole[0]["matrix"]]  # type: ignore[attr-defined]
    return rows[classes.index(study.target.positive)] / sum(rows) if sum(rows) else None


def _everybody(study: Study) -> charts.Line | None:
    curve = curve_of(study.first, "net_benefit", None)
    return charts.Line(curve["x"], curve["treat_all"], "muted") if curve and curve.get("treat_all") else None


def _scores(study: Study, lines: list[charts.Line]) -> list[tuple[Floats, str]]:
    """Rows of scores: events and others of the primary method, or each drawn class."""
    rows, target = study.test_rows, study.target
    if rows is None:
        return []
    named = {c: f"probability_{c}" for c in target.classes if f"probability_{c}" in rows}
    if by_class(study):
        drawn = {line.style for line in lines}
        pairs = [(c, f"series-{i % 8 + 1}") for i, c in enumerate(target.classes)][:8]
        return [(_finite(rows[named[c]]), style) for c, style in pairs if c in named and style in drawn]
    if target.positive not in named:
        return []
    event, scores = rows["reference"] == target.positive, rows[named[target.positive]]
    parts = ((event, lines[0].style), (~event, "floor-1"))
    return [(_finite(scores[some]), style) for some, style in parts if some.any()]


def _finite(column: pd.Series) -> Floats:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(values[np.isfinite(values)])


def _points(study: Study) -> Iterator[Drawing]:
    rows = study.test_rows
    if rows is None:
        return
    reference, predicted = (rows[name].to_numpy(dtype=np.float64) for name in ("reference", "prediction"))
    known = np.isfinite(reference) & np.isfinite(predicted)
    reference, predicted = reference[known], predicted[known]
    if not reference.size:
        return
    n = len(reference)
    thin = f"{count(MOST_POINTS)} of {count(n)} cases are drawn. " if n > MOST_POINTS else ""
    about = f"{study.primary['name']}, test part"
    for name, heading, label, draw, note in (
        ("agreement", "Predicted and measured", "Predicted against measured values", charts.agreement,
         "Dotted line: perfect agreement."),
        ("residuals", "Residuals", "Residuals against predicted values", charts.residuals, "Dotted line: no error."),
    ):  # fmt: skip
        yield Drawing(name, heading, about, label, partial(draw, reference, predicted), note=f"{thin}{note}")
    patients = rows["patient_id"].where(rows["patient_id"].notna(), rows["case_id"])[known]
    found = bland_altman(reference, predicted, pd.factorize(patients)[0].astype(np.int64))
    if np.isfinite(found.bias):
        yield _bland_altman(reference, predicted, found, about, thin)


def _bland_altman(reference: Floats, predicted: Floats, found: BlandAltman, about: str, thin: str) -> Drawing:
    bias = _level(found.bias, found.bias_interval)
    limits = [_level(found.low, found.low_interval), _level(found.high, found.high_interval)]
    limits = [one for one in limits if np.isfinite(one.at)]
    legend = ({"name": "Bias", "style": "series-2", "value": _told(bias)}, *(
        {"name": f"{end} limit of agreement", "style": "series-4", "value": _told(one)}
        for end, one in zip(("Lower", "Upper"), limits, strict=False)
    ))  # fmt: skip
    return Drawing(
        "bland-altman",
        "Bland-Altman",
        about,
        "Differences against means, with bias and limits of agreement",
        lambda: charts.bland_altman(reference, predicted, bias, limits),
        legend,
        "predicted − measured, with 95% intervals",
        f"{thin}Dotted line: no difference. Between the dashed lines lie 95% of normal differences.",
    )


def _level(at: float, interval: Interval) -> charts.Level:
    return charts.Level(at, interval.low, interval.high)


def _told(one: charts.Level) -> str:
    if not np.isfinite([one.low, one.high]).all():
        return quantity(one.at)
    between = " to " if min(one.low, one.high) < 0 else DASH
    return f"{quantity(one.at)} ({quantity(one.low)}{between}{quantity(one.high)})"
