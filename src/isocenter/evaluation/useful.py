"""What acting on a model would bring: operating points, predictive values elsewhere, net benefit.

Thresholds are chosen on patient-grouped out-of-fold scores and only read on the test part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.metrics.drawn import interval_of_draws
from isocenter.metrics.estimation import EventPanel, draws_of, estimate
from isocenter.metrics.operating import OperatingPoint, read
from isocenter.metrics.panels import ClassPanel
from isocenter.metrics.thresholds import Chosen
from isocenter.metrics.usefulness import at_prevalence, decision_curve, npv_at, ppv_at

Scored = tuple[NDArray[np.bool_], Floats]
_SHARES = ("sensitivity", "specificity", "ppv", "npv")
_DRAWS = 2000


def net_benefit_curves(panel: EventPanel) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """(class code, {"x": threshold probability, "y": net benefit, "treat_all", "treat_none", "avoided"})."""
    for k in panel.codes:
        curve = decision_curve(panel.is_event(k), panel.scores(k))
        names = ("x", "y", "treat_all", "treat_none", "avoided")
        yield k, {name: values.tolist() for name, values in zip(names, curve, strict=True)}


def points(
    chosen: Sequence[Chosen],
    test: Scored,
    patients: Ints,
    *,
    n_tuning: int,
    prevalences: Sequence[float] = (),
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Operating points as plain data, one a threshold that was chosen on tuning scores.

    test: (events, scores) of a class; patients: (n,) codes of the test rows; n_tuning:
    how many patients the tuning scores are of; prevalences: at which PPV, NPV and false alarms
    per 1,000 are told, beside that of the test part. Each: {"criterion", "threshold", "met",
    "why", "origin", "tuning": shares, "test": {share: [value, low, high, how]}, "counts",
    "elsewhere": sentences, "prevalences": [...]}. A threshold that cannot be read is None.
    """
    return [
        {
            "criterion": point.chosen.criterion,
            "threshold": _finite(point.chosen.threshold),
            "met": point.chosen.met,
            "why": point.chosen.why,
            "origin": f"patient-grouped out-of-fold scores of {n_tuning} patients of the training part",
            "tuning": {name: _finite(getattr(point.chosen.reached, name)) for name in _SHARES},
            "test": _shares(point, test, patients, seed),
            "counts": {
                name: _finite(getattr(point.test, name)) for name in ("hits", "missed", "false_alarms", "rejected")
            },
            "elsewhere": point.elsewhere() if np.isfinite(point.chosen.threshold) else "",
            "prevalences": _elsewhere(point, test, patients, list(dict.fromkeys(map(float, prevalences))), seed),
        }
        for point in (read(one, *test) for one in chosen)
    ]


def _shares(point: OperatingPoint, test: Scored, patients: Ints, seed: int) -> dict[str, list[Any]]:
    """Each share on the test part with its interval."""
    if not np.isfinite(point.chosen.threshold) or not len(patients):
        return {}
    found = estimate(_panel(point, test), patients, seed=seed)
    rows = {name: found[name, None] for name in _SHARES}
    return {n: [_finite(e.value), *map(_finite, e.interval[:2]), e.interval.how] for n, e in rows.items()}


def _panel(point: OperatingPoint, test: Scored) -> ClassPanel:
    events, scores = test
    decided = (scores >= point.chosen.threshold).astype(np.int64)
    return ClassPanel(events.astype(np.int64), decided, np.column_stack([1 - scores, scores]), 1)


def _elsewhere(
    point: OperatingPoint, test: Scored, patients: Ints, prevalences: Sequence[float], seed: int
) -> list[dict[str, Any]]:
    """PPV, NPV, false alarms and missed events per 1,000 people, each [value, low, high], a prevalence."""
    if not prevalences or not np.isfinite(point.chosen.threshold):
        return []
    t = point.test
    counts = t.hits, t.hits + t.missed, t.rejected, t.rejected + t.false_alarms
    told = [asdict(at_prevalence(*counts, p)) for p in prevalences]
    if len(np.unique(patients)) < len(patients):
        told = _by_patient(told, point, test, patients, seed)
    return [
        {k: v if k == "prevalence" else [_finite(v[0]), *map(_finite, v[1][:2])] for k, v in row.items()}
        for row in told
    ]


def _by_patient(
    told: Sequence[dict[str, Any]], point: OperatingPoint, test: Scored, patients: Ints, seed: int
) -> list[dict[str, Any]]:
    """The rows of `at_prevalence` with intervals of patients: cases of one patient are not independent.

    Bootstrap draws of sensitivity and specificity by Bayes' rule. Where a share is 0 or 1 no draw varies: then the
    counts of `at_prevalence` with as many cases as there would be if all of a patient's agreed (Kish 1965).
    """
    events = test[0]
    keys = [("sensitivity", None), ("specificity", None)]
    drawn = draws_of(_panel(point, test), patients, keys, draws=_DRAWS, seed=seed)
    se, sp = (drawn[key] for key in keys)
    sizes = [np.bincount(patients[some]) for some in (events, ~events)]
    n = int(min(np.count_nonzero(one) for one in sizes))
    worth = [float(one.sum() ** 2 / np.sum(one.astype(np.float64) ** 2)) if one.any() else 0.0 for one in sizes]
    found = []
    for row in told:
        p, t = row["prevalence"], point.test
        most = {"ppv": 1.0, "npv": 1.0, "false_alarms": 1000 * (1 - p), "missed": 1000 * p}
        draws = {"ppv": ppv_at(se, sp, p), "npv": npv_at(se, sp, p)}
        draws |= {"false_alarms": most["false_alarms"] * (1 - sp), "missed": most["missed"] * (1 - se)}
        counts = t.sensitivity * worth[0], worth[0], t.specificity * worth[1], worth[1]
        spare = asdict(at_prevalence(*counts, p))
        new: dict[str, Any] = {"prevalence": p}
        for name, top in most.items():
            value, limits = row[name][0], spare[name][1]
            if 0 < p < 1 and 0 < value < top:
                limits = interval_of_draws(value, draws[name], n, (0.0, top)).interval
            new[name] = value, limits
        found.append(new)
    return found


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
