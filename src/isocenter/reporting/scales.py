"""One axis for range bars: nice ends, ticks, and places in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from isocenter.reporting.words import OF_UNITS, quantity


@dataclass(frozen=True)
class Scale:
    """From low to high; `step` between ticks."""

    low: float
    high: float
    step: float

    def holds(self, x: float) -> bool:
        return self.low <= x <= self.high

    def place(self, x: float) -> float:
        """Percent of the axis, cut at its ends."""
        share = (x - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 3)

    @property
    def ticks(self) -> list[dict[str, Any]]:
        first, last = (round(end / self.step) for end in (self.low, self.high))
        values = [float(f"{i * self.step:.10g}") for i in range(first, last + 1)]
        return [{"at": self.place(x), "text": quantity(x)} for x in values]

    def bar(self, value: float, low: float, high: float, ranged: bool) -> dict[str, Any]:
        """{"at", "from", "to"}: percent; from and to are None where there is no interval."""
        ends = {"from": self.place(low), "to": self.place(high)} if ranged else {"from": None, "to": None}
        return {"at": self.place(value), **ends}


UNIT = Scale(0.0, 1.0, 0.25)


def scale_of(metric: str, numbers: Sequence[float]) -> Scale:
    """The scale for a metric that holds these numbers: 0.5 to 1 for AUCs, 0 to 1 for shares, else nice ends."""
    smallest, largest = min(numbers, default=0.0), max(numbers, default=1.0)
    if metric in OF_UNITS:
        return nice(0.0, largest)
    if metric == "auc":
        low = min(math.floor(10 * smallest + 1e-9) / 10, 0.5)
        return Scale(low, 1.0, 0.1) if low >= 0.4 else Scale(0.0, 1.0, 0.25)
    return nice(min(smallest, 0.0), max(largest, 1.0))


def nice(low: float, high: float, most: int = 5) -> Scale:
    """Ends and steps of 1, 2, 2.5 or 5 times a power of ten; at most `most` steps and one more."""
    if high <= low:
        low, high = low - abs(low) / 10, low + (abs(low) / 10 or 1.0)
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power * most >= span * (1 - 1e-9))
    return Scale(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step)
