"""Values and intervals that need no bootstrap draws, panel by panel. One case a patient, but for Bland and Altman's."""

from __future__ import annotations

import math
from collections.abc import Mapping

from isocenter.metrics import Ints
from isocenter.metrics.differences import bland_altman
from isocenter.metrics.grade_panel import CUMULATIVE, GradePanel
from isocenter.metrics.intervals import Interval, auc_interval, wilson
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel

EventPanel = ClassPanel | LabelPanel
Panel = EventPanel | ValuePanel
Closed = dict[Key, tuple[float, Interval]]


def closed_forms(panel: Panel, values: Mapping[Key, float], patients: Ints) -> Closed:
    """Of the metrics that have one, among those that are defined. values: of the panel; patients: (n,) codes 0..p-1."""
    alone = int(patients.max()) + 1 == len(patients)
    if isinstance(panel, ValuePanel):
        return _of_values(panel, patients, alone=alone)
    if not alone:
        return {}
    if isinstance(panel, LabelPanel):
        value = values["exact_match", None]
        return {("exact_match", None): (value, wilson(round(value * len(patients)), len(patients)))}
    defined = {key: value for key, value in values.items() if not math.isnan(value)}
    found = {key: (value, _of_class(panel, key)) for key, value in defined.items()}
    return {key: (value, interval) for key, (value, interval) in found.items() if interval is not None}


def _of_class(panel: ClassPanel, key: Key) -> Interval | None:
    name, k = key
    if isinstance(panel, GradePanel):
        if name.startswith("kappa"):
            return panel.kappa_interval(name)
        if name == CUMULATIVE and k is not None:
            reached, scores = panel.step(k)
            return auc_interval(reached == 1, scores)
    if name == "auc" and k in panel.codes:
        return auc_interval(panel.is_event(k), panel.scores(k))
    if (share := panel.share(key)) is None:
        return None
    interval = wilson(int(share[1].sum()), int(share[0].sum()))
    return of_f1(interval) if name == "f1" else interval


def of_f1(jaccard: Interval) -> Interval:
    """Limits of F1 = 2 J / (1 + J) from those of J, the share of hits among cases that are or were called."""
    low, high, how = jaccard
    return Interval(2 * low / (1 + low), 2 * high / (1 + high), how)


def _of_values(panel: ValuePanel, patients: Ints, *, alone: bool) -> Closed:
    """Bland and Altman's numbers, whose values too are by patient where patients have several cases.

    With one case a patient the limits go to the draws: Carkeet's exact interval is for normal errors, and holds the
    limit of errors with heavier tails (t with 5 degrees of freedom) in 81 to 91 % of samples, the less the larger.
    Lin's interval of the concordance, for normal pairs, does the same.
    """
    both = bland_altman(panel.reference, panel.predicted, patients)
    bias: Closed = {("bias", None): (both.bias, both.bias_interval)}
    limits: Closed = {
        ("agreement_low", None): (both.low, both.low_interval),
        ("agreement_high", None): (both.high, both.high_interval),
    }
    return bias if alone else bias | limits
