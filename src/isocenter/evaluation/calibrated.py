"""Is a predicted 20 % an observed 20 %? Calibration of one set of predictions, with its curve.

Slope and intercepts come with Wald intervals, robust where patients repeat; distances and Brier's
parts with intervals of bootstrap draws, fewer draws where cases are many. One class at a time:
the positive one, or each against the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from isocenter.metrics import Floats, Ints, calibration, reliability
from isocenter.metrics import scoring as brier
from isocenter.metrics.bootstrap import bootstrap, percentiles
from isocenter.metrics.intervals import NONE, Interval
from isocenter.metrics.panels import ClassPanel, ValuePanel

WORK = 4_000_000  # cases times draws that the distances may cost
FEWEST_DRAWS = 200
Measured = dict[tuple[str, int | None], tuple[float, Interval]]


def calibrated(panel: ClassPanel | ValuePanel, patients: Ints, *, draws: int, seed: int) -> Measured:
    """(metric, class code or None) -> value and interval; draws 0: values without intervals."""
    if isinstance(panel, ValuePanel):
        found = calibration.line_estimates(panel.reference, panel.predicted, patients)
        return {(name, None): _bare(one, draws) for name, one in found.items()}
    return {
        (name, k): _bare(one, draws)
        for k in panel.codes
        for name, one in _of_class(panel, k, patients, draws, seed).items()
    }


def _bare(one: tuple[float, Interval], draws: int) -> tuple[float, Interval]:
    return (one[0], NONE) if draws == 0 else one


def _of_class(
    panel: ClassPanel, k: int | None, patients: Ints, draws: int, seed: int
) -> Mapping[str, tuple[float, Interval]]:
    events, proba = panel.is_event(k), panel.scores(k)

    def measures(weights: Floats) -> dict[str, Floats]:
        parts = brier.brier_parts(events, proba, weights)
        return {
            "scaled_brier": brier.scaled_brier(events, proba, weights),
            "brier_reliability": parts.reliability,
            "brier_resolution": parts.resolution,
            "ici": reliability.distances(events, proba, weights).ici,
            "ece": brier.calibration_error(events, proba, weights),
        }

    values = {name: float(value[0]) for name, value in measures(np.ones((1, len(events)))).items()}
    found = dict(calibration.estimates(events, proba, patients))
    drawn: Mapping[str, Floats] = {}
    if draws and int(patients.max(initial=0)) > 0 and np.isfinite(values["scaled_brier"]):
        enough = min(draws, max(FEWEST_DRAWS, WORK // len(events)))
        drawn = bootstrap(measures, patients, draws=enough, seed=seed)
    return found | {
        name: (v, percentiles(drawn[name]).interval if name in drawn else NONE) for name, v in values.items()
    }


def calibration_curves(panel: ClassPanel, patients: Ints) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """(class code, {"x": predicted, "y": observed, "low", "high", "knots"}) where a curve can be fitted."""
    for k in panel.codes:
        curve = reliability.calibration_curve(panel.is_event(k), panel.scores(k), patients)
        if curve.knots:
            sides = zip(("x", "y", "low", "high"), curve, strict=False)
            yield k, {**{name: values.tolist() for name, values in sides}, "knots": curve.knots}
