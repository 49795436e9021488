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
from isocenter.metrics.estimation import EventPanel, estimate
from isocenter.metrics.operating import OperatingPoint, read
from isocenter.metrics.panels import ClassPanel
from isocenter.metrics.thresholds import Chosen
from isocenter.metrics.usefulness import at_prevalence, decision_curve

Scored = tuple[NDArray[np.bool_], Floats]
_SHARES = ("sensitivity", "specificity", "ppv", "npv")


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
    shown = dict.fromkeys([*prevalences])
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
            "prevalences": [_at(point, float(p)) for p in shown] if np.isfinite(point.chosen.threshold) else [],
        }
        for point in (read(one, *test) for one in chosen)
    ]


def _shares(point: OperatingPoint, test: Scored, patients: Ints, seed: int) -> dict[str, list[Any]]:
    """Each share on the test part with its interval."""
    events, scores = test
    if not np.isfinite(point.chosen.threshold) or not len(events):
        return {}
    decided = (scores >= point.chosen.threshold).astype(np.int64)
    panel = ClassPanel(events.astype(np.int64), decided, np.column_stack([1 - scores, scores]), 1)
    found = estimate(panel, patients, seed=seed)
    rows = {name: found[name, None] for name in _SHARES}
    return {n: [_finite(e.value), *map(_finite, e.interval[:2]), e.interval.how] for n, e in rows.items()}


def _at(point: OperatingPoint, prevalence: float) -> dict[str, Any]:
    """PPV, NPV, false alarms and missed events per 1,000 people, each [value, low, high]."""
    t = point.test
    told = asdict(at_prevalence(t.hits, t.hits + t.missed, t.rejected, t.rejected + t.false_alarms, prevalence))
    plain = {name: [_finite(v[0]), *map(_finite, v[1][:2])] for name, v in told.items() if name != "prevalence"}
    return {"prevalence": prevalence, **plain}


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
