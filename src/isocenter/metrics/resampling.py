"""TEMPORARY until w-sample brings its own."""

from __future__ import annotations

import math

from scipy.stats import t

from isocenter.metrics import Floats
from isocenter.metrics.intervals import LEVEL, NONE, Interval, z_of


def corrected_t(values: Floats, ratio: float, level: float = LEVEL) -> Interval:
    j = len(values)
    if j < 2:
        return NONE
    variance = float(values.var(ddof=1))
    if variance == 0:
        return NONE
    half = float(t.isf((1 - level) / 2, j - 1)) * math.sqrt((1 / j + ratio) * variance)
    return Interval(float(values.mean()) - half, float(values.mean()) + half, "corrected-t")


def nested(outer: Floats, inner: Floats, variances: Floats, level: float = LEVEL) -> Interval:
    k = outer.shape[1]
    naive = float(variances.mean()) / k
    if naive <= 0:
        return NONE
    mse = float(((inner - outer) ** 2).mean() - variances.mean())
    inflation = min(max(math.sqrt(max(mse, 0.0) / naive), 1.0), math.sqrt(k))
    half = z_of(level) * math.sqrt((k - 1) / k) * inflation * math.sqrt(naive)
    return Interval(float(outer.mean()) - half, float(outer.mean()) + half, "nested-cv")
