"""How far sensitivity and specificity move because another sample holds another share of events.

A model learns how frequent events are from its training sample, and its decisions follow: with more
events it calls more cases. Stratified folds all hold the same share, so no fold can show this; what
another sample would do is found by moving the log odds of all scores by the standard error of the
share's log odds, 1 / sqrt(n p (1 - p)) for n patients, and deciding again. Without it the intervals of
the sensitivity of a rare class cover 85 % (simulated: 80 patients, 30 % events), with it 95 to 99 %.
"""

from __future__ import annotations

import math

import numpy as np

from isocenter.metrics import Ints
from isocenter.metrics.estimation import Panel
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel

DECIDED = frozenset({"sensitivity", "specificity"})


def shift_of(panel: Panel, patients: Ints, key: Key) -> float:
    """Half of what the number of `key` differs by, one standard error of the log odds of events down and up.

    0 for other metrics, and where the decision is not the most probable class: a threshold that was
    chosen on tuning data moves with the scores.
    """
    if isinstance(panel, LabelPanel) and key[1] is not None:
        return shift_of(panel.labels[key[1]], patients, (key[0], None))
    if isinstance(panel, ValuePanel | LabelPanel) or key[0] not in DECIDED or key[1] not in panel.codes:
        return 0.0
    if not np.array_equal(panel.decided, panel.proba.argmax(axis=1)):
        return 0.0
    n, share = len(np.unique(patients)), float(panel.is_event(key[1]).mean())
    if not 0 < share < 1:
        return 0.0
    error = 1 / math.sqrt(n * share * (1 - share))
    down, up = (_at(panel, key, factor) for factor in (math.exp(-error), math.exp(error)))
    return abs(up - down) / 2 if math.isfinite(up - down) else 0.0


def _at(panel: ClassPanel, key: Key, factor: float) -> float:
    """The number, the odds of the key's class multiplied by `factor`."""
    proba = panel.proba.copy()
    proba[:, panel.codes[key[1]]] *= factor
    moved = ClassPanel(panel.reference, proba.argmax(axis=1).astype(np.int64), proba, panel.positive)
    return float(moved.measures(np.ones(len(proba)), {key})[key])
