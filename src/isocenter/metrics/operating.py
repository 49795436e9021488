"""Operating points: thresholds chosen on tuning scores, read on test scores, and what moving them costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from isocenter.metrics import Floats
from isocenter.metrics.thresholds import Chosen, Criterion, Events, Reached, nearest, reached

POINTS = ("probability=0.5", "sensitivity=0.90", "specificity=0.90")
STEP = 0.05
_OTHER = {"sensitivity": "specificity", "specificity": "sensitivity"}


class Trade(NamedTuple):
    """Moving along the curve until `raised` ("sensitivity" or "specificity") is `to`.

    threshold: that gets there, -inf or inf where only calling everybody or nobody does; other: what
    is left of the other of the two; cost: what was lost of it.
    """

    raised: str
    to: float
    threshold: float
    other: float
    cost: float


@dataclass(frozen=True)
class OperatingPoint:
    """chosen: on tuning scores; test: what it gives on test scores; trades: on the test scores' curve.

    A trade describes the curve; it must not be used to move the threshold.
    """

    chosen: Chosen
    test: Reached
    trades: tuple[Trade, ...]

    def elsewhere(self) -> str:
        """What it costs elsewhere on the curve, as sentences."""
        at = [f"Sensitivity is {self.test.sensitivity:.2f} and specificity {self.test.specificity:.2f}."]
        for t in self.trades:
            at.append(f"Raising {t.raised} to {t.to:.2f} costs {t.cost:.2f} of {_OTHER[t.raised]} (to {t.other:.2f}).")
        return " ".join(at)


def operating_points(
    tuning: tuple[Events, Floats], test: tuple[Events, Floats], criteria: Sequence[str | Criterion] = POINTS
) -> tuple[OperatingPoint, ...]:
    """One point a criterion; tuning and test: (events, scores), each (n,).

    A criterion that cannot be met gives the nearest point, and `chosen.met` is False. Intervals of
    the shares come from the panel of metrics, with `test` scores >= `chosen.threshold` as decision.
    """
    return tuple(read(nearest(criterion, *tuning), *test) for criterion in criteria)


def read(chosen: Chosen, events: Events, scores: Floats) -> OperatingPoint:
    """What a threshold that was chosen before gives on other scores (n,)."""
    return OperatingPoint(chosen, reached(events, scores, chosen.threshold), trades(events, scores, chosen.threshold))


def trades(events: Events, scores: Floats, threshold: float, step: float = STEP) -> tuple[Trade, ...]:
    """What a gain of `step` in sensitivity, and in specificity, costs of the other; none without both classes.

    Gains end at 1; what is 1 already has no trade.
    """
    now = reached(events, scores, threshold)
    found = []
    for raised, other in _OTHER.items():
        have, spare = float(getattr(now, raised)), float(getattr(now, other))
        if math.isnan(have + spare) or have >= 1:
            continue
        wanted = min(have + step, 1.0)
        there = nearest(Criterion("", raised, wanted), events, scores)
        if there.met:
            place, to, left = there.threshold, getattr(there.reached, raised), getattr(there.reached, other)
        else:  # only calling everybody, or nobody, goes that far
            place, to, left = (-math.inf if raised == "sensitivity" else math.inf), 1.0, 0.0
        found.append(Trade(raised, to, place, left, spare - left))
    return tuple(found)
