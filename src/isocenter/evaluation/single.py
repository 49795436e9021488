"""One set of predictions against its reference: every metric of the task, curves, warnings.

`metrics.estimation` says which interval is used when. Pooled out-of-fold predictions (part
"tuning") come from several models that share their training cases: no closed form and no
bootstrap of them is honest, so they get values without intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import Target, Task
from isocenter.errors import BadShape, InputDoesNotFit
from isocenter.evaluation.calibrated import calibrated, calibration_curves
from isocenter.evaluation.nouns import Estimate, Evaluation
from isocenter.evaluation.useful import net_benefit_curves
from isocenter.metrics import Ints
from isocenter.metrics.bootstrap import MOST_UNDEFINED, NAME
from isocenter.metrics.classification import confusion_matrix
from isocenter.metrics.curves import pr_curve, roc_curve
from isocenter.metrics.estimation import Estimated, EventPanel, Panel, estimate
from isocenter.metrics.grade_panel import GradePanel
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel
from isocenter.prediction import Prediction

_CURVE = frozenset({"calibration_slope", "calibration_intercept", "ici"})
# Losses that any cases define; their draws of a single class are left out all the same (`metrics.estimation`).
_OF_EVERY_CASE = frozenset({"brier", "rps", "grade_error"})
FEW = 10  # patients of a class, below which what a bootstrap says is rough


def headline(target: Target) -> str:
    """The metric that methods are compared by on tuning data; larger is better.

    Of grades the c-index rather than kappa: it is about the scores, whatever is decided by them.
    """
    return {Task.REGRESSION: "r2", Task.ORDINAL: "ordinal_c_index"}.get(target.task, "auc")


HEADLINES = ("ordinal_c_index", "auc", "r2")  # the first that an evaluation has is its headline


def evaluate(
    prediction: Prediction,
    reference: NDArray[Any],
    target: Target,
    patients: NDArray[Any],
    *,
    method: str,
    part: str,
    group: str | None = None,
    seed: int = 0,
    draws: int = 2000,
    cases: Ints | None = None,
) -> Evaluation:
    """Every metric of the task, with intervals, curves and confusion matrix.

    reference: (n,) codes or measurements (`target.encode`); patients: (n,) labels; cases: (n,)
    how many cases stand behind each row, where a row is a patient. Rows without a finite
    prediction are left out and counted in a warning. What is not defined on these cases is NaN
    with a warning. Raises BadShape, InputDoesNotFit.
    """
    if not len(prediction) == len(reference) == len(patients):
        raise BadShape(f"{len(prediction)} predictions, {len(reference)} reference values, {len(patients)} patients.")
    usable = np.flatnonzero(_usable(prediction, reference, target))
    warnings = _left_out(len(reference) - len(usable), len(reference))
    if not usable.size:
        return Evaluation(method, warnings=_placed(warnings, part, group))
    panel = _panel(prediction.select(usable), reference[usable], target)
    who = pd.factorize(np.asarray(patients, dtype=object)[usable])[0].astype(np.int64)
    found = estimate(panel, who, draws=0 if part == "tuning" else draws, seed=seed, also=_also(panel))
    n_cases = len(who) if cases is None else int(cases[usable].sum())
    blank = Estimate("", method, part, 0, 0, 0, "", n_cases, int(who.max()) + 1, group=group)
    spread = calibrated(panel, who, draws=0 if part == "tuning" else draws, seed=seed)
    found |= {key: Estimated(value, interval) for key, (value, interval) in spread.items()}
    rows = tuple(_row(blank, key, e, panel, target) for key, e in found.items())
    warnings += _absent(panel, target) + _undefined(found, target)
    warnings += _about_intervals(found, target) + _few(found, panel, who, target)
    curves, confusion = _pictures(panel, target, who, {"part": part, "group": group})
    return Evaluation(method, rows, curves, confusion, warnings=_placed(warnings, part, group))


def _also(panel: Panel) -> tuple[Key, ...]:
    """The partial AUC of two classes, where the scores rank anybody."""
    if not isinstance(panel, ClassPanel) or panel.positive is None or not np.ptp(panel.scores(None)) > 0:
        return ()
    return panel.optional


def _usable(prediction: Prediction, reference: NDArray[Any], target: Target) -> NDArray[np.bool_]:
    """(n,) rows with a finite prediction and reference; InputDoesNotFit if it is of another kind."""
    given = prediction.value if target.is_value else prediction.proba
    if given is None or set(prediction.classes) != set(target.classes):
        wanted = "a number" if target.is_value else f"classes {', '.join(target.classes)}"
        raise InputDoesNotFit(
            f"The predictions are not of target '{target.column}' ({wanted}).",
            "Evaluate them against the column that the model was trained for.",
        )
    finite = [np.isfinite(one.reshape(len(one), -1)).all(axis=1) for one in (given, reference)]
    return np.asarray(finite[0] & finite[1], dtype=np.bool_)


def _panel(prediction: Prediction, reference: NDArray[Any], target: Target) -> Panel:
    if target.is_value:
        assert prediction.value is not None
        return ValuePanel(reference.astype(np.float64), prediction.value.astype(np.float64))
    assert prediction.proba is not None
    proba = prediction.proba[:, [prediction.classes.index(c) for c in target.classes]]
    if target.is_labels:
        called = proba >= 0.5 if prediction.label is None else target.encode(prediction.label)
        return LabelPanel(reference.astype(np.int64), called.astype(np.int64), proba)
    decided = proba.argmax(axis=1) if prediction.label is None else target.encode(prediction.label)
    codes = reference.astype(np.int64), decided.astype(np.int64)
    if target.task is Task.ORDINAL:
        return GradePanel(*codes, proba)
    positive = None
    if len(target.classes) == 2:
        positive = 1 if target.positive_index is None else target.positive_index
    return ClassPanel(*codes, proba, positive)


def _row(blank: Estimate, key: Key, found: Estimated, panel: Panel, target: Target) -> Estimate:
    low, high, how = found.interval
    if how.startswith("constant-scores"):  # 0.5 in every sample: not an estimate
        low, high = math.nan, math.nan
    if not isinstance(panel, ValuePanel):
        blank = replace(blank, class_name=panel.name_of(key, target.classes), n_events=panel.events_of(key))
    blank = replace(blank, metric=key[0])
    return replace(blank, value=found.value, low=low, high=high, interval=how)


def _pictures(
    panel: Panel, target: Target, patients: Ints, place: dict[str, object]
) -> tuple[dict[str, list[dict[str, object]]], tuple[dict[str, object], ...]]:
    """Curves (one a class that stands against the rest) and the confusion matrix, of labels one each."""
    if isinstance(panel, ValuePanel):
        return {}, ()
    curves: dict[str, list[dict[str, object]]] = {"roc": [], "pr": []}
    for k in panel.codes:
        name = None if k is None else target.classes[k]
        for kind, draw in (("roc", roc_curve), ("pr", pr_curve)):
            x, y, t = draw(panel.is_event(k), panel.scores(k))
            if x.size:
                thresholds = [None, *t[1:].tolist()]  # nothing is called at the first point
                curves[kind].append({**place, "class": name, "x": x.tolist(), "y": y.tolist(), "threshold": thresholds})
    named = {k: None if k is None else target.classes[k] for k in panel.codes}
    for kind, found in (
        ("calibration", calibration_curves(panel, patients)),
        ("net_benefit", net_benefit_curves(panel)),
    ):
        curves[kind] = [{**place, "class": named[k], **curve} for k, curve in found]
    return curves, tuple({**place, **one} for one in _matrices(panel, target))


def _matrices(panel: EventPanel, target: Target) -> Iterator[dict[str, object]]:
    """{"classes", "matrix"}; of labels one of two classes each, and "class", the label."""
    if isinstance(panel, ClassPanel):
        matrix = confusion_matrix(panel.reference, panel.decided, panel.n_classes)
        yield {"classes": list(target.classes), "matrix": matrix.tolist()}
        return
    for name, label in zip(target.classes, panel.labels, strict=True):
        matrix = confusion_matrix(label.reference, label.decided, 2)
        yield {"class": name, "classes": [f"no {name}", name], "matrix": matrix.tolist()}


def _placed(warnings: list[str], part: str, group: str | None) -> tuple[str, ...]:
    place = f"{part} part" + (f", group {group}" if group is not None else "")
    return tuple(f"{place[0].upper()}{place[1:]}: {text}" for text in warnings)


def _left_out(lost: int, of: int) -> list[str]:
    if lost == of:
        return ["there is no case to evaluate."]
    return [f"{lost} of {of} cases have no finite prediction or reference and are left out."] if lost else []


def _absent(panel: Panel, target: Target) -> list[str]:
    """Classes without a case, where there are more than two; labels that all cases have, or none."""
    if isinstance(panel, ValuePanel) or len(panel.present) == panel.n_classes:
        return []
    absent = [name for k, name in enumerate(target.classes) if k not in panel.present]
    verb = "does" if len(absent) == 1 else "do"
    if isinstance(panel, LabelPanel):
        return [f"{', '.join(absent)} {verb} not vary: means over labels are of those that do."]
    if panel.positive is not None:
        return []
    return [f"{', '.join(absent)} {verb} not occur: numbers over all classes are means of those that do."]


def _undefined(found: Mapping[Key, Estimated], target: Target) -> list[str]:
    """One sentence a class and reason for the metrics that these cases do not define."""
    by_class: dict[tuple[int | None, str], list[str]] = {}
    for (metric, k), e in found.items():
        if math.isnan(e.value):
            by_class.setdefault((k, _why(metric, k, found, target)), []).append(metric)
    return [
        f"{', '.join(names)}{'' if k is None else f' of {target.classes[k]}'} cannot be computed: {why}."
        for (k, why), names in by_class.items()
    ]


def _why(metric: str, k: int | None, found: Mapping[Key, Estimated], target: Target) -> str:
    if target.is_value:
        return "a column does not vary"
    both = ("auc", k) in found and not math.isnan(found["auc", k].value)
    if both and metric in _CURVE:
        return "no curve can be fitted to scores that part the cases without error, or are all the same"
    return "no case, or every case, is or was called so"


def _about_intervals(found: Mapping[Key, Estimated], target: Target) -> list[str]:
    """Draws left out, and intervals that cannot be given."""
    warnings = []
    names = {k: k[0] if k[1] is None else f"{k[0]} of {target.classes[k[1]]}" for k in found}
    drawn = {k: e for k, e in found.items() if e.draws}
    if some := {k: e for k, e in drawn.items() if 0 < e.undefined <= MOST_UNDEFINED * e.draws}:
        most = max(e.undefined for e in some.values())
        warnings.append(
            f"up to {most} of {max(e.draws for e in some.values())} bootstrap draws lacked what these need "
            f"and are left out: {', '.join(names[k] for k in some)}."
        )
    share, many = f"over {MOST_UNDEFINED:.0%} of bootstrap draws", [k for k in drawn if _too_many(drawn[k])]
    if lacking := [names[k] for k in many if k[0] not in _OF_EVERY_CASE]:
        warnings.append(f"no interval for {', '.join(lacking)}: {share} do not define it.")
    if other := [names[k] for k in many if k[0] in _OF_EVERY_CASE]:
        warnings.append(f"no interval for {', '.join(other)}: {share} hold a single class and are left out.")
    if same := [names[k] for k, e in drawn.items() if not e.undefined and e.interval.how == "none"]:
        warnings.append(f"no interval for {', '.join(same)}: it is the same in every bootstrap draw.")
    return warnings


def _too_many(found: Estimated) -> bool:
    return found.undefined > MOST_UNDEFINED * found.draws


def _few(found: Mapping[Key, Estimated], panel: Panel, patients: Ints, target: Target) -> list[str]:
    """Bootstrap intervals from a handful of patients are rough: say so."""
    if not any(e.interval.how.startswith(NAME) for e in found.values()):
        return []
    if isinstance(panel, ValuePanel):
        n = int(patients.max()) + 1
        return [f"{n} patients are few: bootstrap intervals are rough."] if n < FEW else []
    labels = isinstance(panel, LabelPanel)
    members = panel.reference.T == 1 if labels else panel.reference == np.arange(panel.n_classes)[:, None]
    counts = {k: len(np.unique(patients[members[k]])) for k in panel.present.tolist()}
    few = [f"{target.classes[k]} ({n})" for k, n in counts.items() if n < FEW]
    return [f"few patients with {', '.join(few)}: bootstrap intervals are rough."] if few else []
