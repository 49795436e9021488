"""Is a predicted 20 % an observed 20 %? Calibration of one set of predictions, with its curve.

Slope and intercepts come with Wald intervals, robust where patients repeat; the scaled Brier score
with one from bootstrap draws. Distances (ICI, ECE) and Brier's parts cannot fall below 0 and are
too large in every sample, so the percentiles of their draws would miss the truth: they stand
without an interval, beside the curve with its band. One class at a time: the positive one, or
each against the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints, calibration, ratio, reliability
from isocenter.metrics import scoring as brier
from isocenter.metrics.bootstrap import bootstrap, percentiles
from isocenter.metrics.estimation import EventPanel, Panel
from isocenter.metrics.intervals import NONE, Interval
from isocenter.metrics.panels import ValuePanel

# They cannot fall below 0 and are too large in every sample: no interval, by no design.
DISTANCES = frozenset({"ici", "ece", "brier_reliability", "brier_resolution"})
Measured = dict[tuple[str, int | None], tuple[float, Interval]]


def calibrated(panel: Panel, patients: Ints, *, draws: int, seed: int) -> Measured:
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
    panel: EventPanel, k: int | None, patients: Ints, draws: int, seed: int
) -> Mapping[str, tuple[float, Interval]]:
    events, proba = panel.is_event(k), panel.scores(k)
    parts = brier.brier_parts(events, proba)
    plain = {
        "brier_reliability": parts.reliability,
        "brier_resolution": parts.resolution,
        "ici": reliability.distances(events, proba).ici,
        "ece": brier.calibration_error(events, proba),
    }
    found = dict(calibration.estimates(events, proba, patients))
    found["scaled_brier"] = _scaled(events, proba, patients, draws, seed)
    return found | {name: (float(value), NONE) for name, value in plain.items()}


def _scaled(events: NDArray[np.bool_], proba: Floats, patients: Ints, draws: int, seed: int) -> tuple[float, Interval]:
    """1 - Brier / that of the prevalence, from the sums of three columns in each draw."""
    columns = np.column_stack([np.ones(len(events)), events, (proba - events) ** 2])

    def measures(weights: Floats) -> dict[str, Floats]:
        total, positive, loss = np.moveaxis(weights @ columns, -1, 0)
        prevalence = ratio(positive, total)
        return {"scaled_brier": 1 - ratio(ratio(loss, total), prevalence * (1 - prevalence))}

    value = float(measures(np.ones(len(events)))["scaled_brier"])
    if not draws or not np.isfinite(value) or int(patients.max()) < 1:
        return value, NONE
    return value, percentiles(bootstrap(measures, patients, draws=draws, seed=seed)["scaled_brier"]).interval


def calibration_curves(panel: EventPanel, patients: Ints) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """(class code, {"x": predicted, "y": observed, "low", "high", "knots"}) where a curve can be fitted."""
    for k in panel.codes:
        curve = reliability.calibration_curve(panel.is_event(k), panel.scores(k), patients)
        if curve.knots:
            lines = {"x": curve.predicted, "y": curve.observed, "low": curve.low, "high": curve.high}
            yield k, {**{name: values.tolist() for name, values in lines.items()}, "knots": curve.knots}
