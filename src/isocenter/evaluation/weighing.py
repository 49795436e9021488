"""Every number of a panel under case weights, calibration included: what folds and jackknives need."""

from __future__ import annotations

from isocenter.metrics import Floats, calibration, reliability
from isocenter.metrics import scoring as brier
from isocenter.metrics.estimation import EventPanel, Panel
from isocenter.metrics.panels import Key, ValuePanel


def measures(panel: Panel, weights: Floats) -> dict[Key, Floats]:
    """Values (...) of every key for weights (..., n): those of the panel, then those of calibration."""
    return dict(panel.measures(weights)) | calibration_measures(panel, weights)


def calibration_measures(panel: Panel, weights: Floats) -> dict[Key, Floats]:
    """The numbers of `calibrated` under case weights (..., n), one class against the rest at a time."""
    if isinstance(panel, ValuePanel):
        slope, intercept = calibration.line(panel.reference, panel.predicted, weights)
        return {("calibration_slope", None): slope, ("calibration_intercept", None): intercept}
    return {(name, k): values for k in panel.codes for name, values in _of_class(panel, k, weights).items()}


def _of_class(panel: EventPanel, k: int | None, weights: Floats) -> dict[str, Floats]:
    events, proba = panel.is_event(k), panel.scores(k)
    slope, intercept = calibration.slope_and_intercept(events, proba, weights)
    parts = brier.brier_parts(events, proba, weights)
    return {
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "calibration_in_the_large": calibration.in_the_large(events, proba, weights),
        "scaled_brier": brier.scaled_brier(events, proba, weights),
        "brier_reliability": parts.reliability,
        "brier_resolution": parts.resolution,
        "ici": reliability.distances(events, proba, weights).ici,
        "ece": brier.calibration_error(events, proba, weights),
    }
