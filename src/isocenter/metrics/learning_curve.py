"""Would more patients help? An inverse power law through the values at rising numbers of patients.

value(n) = a - b n^-c for what should be large, a + b n^-c for errors: a is where it ends, b n^-c what is
still missing (Mukherjee et al., J Comput Biol 2003; Figueroa et al., BMC Med Inform Decis Mak 2012). Points
weigh by their standard errors. The uncertainty comes from drawing the points anew within these errors; parts
of one cohort share patients, so the points are not quite independent and the intervals are a guide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from isocenter.metrics import Floats
from isocenter.metrics.intervals import LEVEL, NONE, Interval

# Exponents tried. Below 0.1 the curve is a logarithm that never ends; above 2 it is flat from its second point.
EXPONENTS: Floats = np.linspace(0.1, 2.0, 96)
FAR = 2.0  # beyond so many times the largest number tried a prediction is a hint
WORTH = 0.01  # the least gain that is worth the patients, unless told
NAME = "learning-curve"


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """A fitted curve, kept as rising: sign is 1 where large is good, -1 where the values are errors.

    found: (3,) a, b, c of sign x value = a - b n^-c, NaN with fewer than three different numbers of patients;
    draws: (d, 3) the same for points drawn anew, empty where their errors are not known; largest: most
    patients tried.
    """

    found: Floats
    draws: Floats
    sign: int
    largest: float

    @property
    def end(self) -> float:
        """The value that no number of patients passes."""
        return self.sign * float(self.found[0])

    def at(self, n: float, level: float = LEVEL) -> tuple[float, Interval]:
        """Value to expect with n patients, and its interval."""
        return _with_interval(self.sign * _curve(self.found, n), self.sign * _curve(self.draws, n), level)

    def gain(self, n: float, more: float, level: float = LEVEL) -> tuple[float, Interval]:
        """By how much it gets better from n patients to n + more; never below 0."""
        now, then = ((_curve(self.found, m), _curve(self.draws, m)) for m in (n, n + more))
        return _with_interval(then[0] - now[0], then[1] - now[1], level)


@dataclass(frozen=True, slots=True)
class Help:
    """answer: "yes", "no", "unclear" or "unknown"; the value to expect and the gain; one sentence."""

    answer: str
    value: float
    interval: Interval
    gain: float
    gain_interval: Interval
    sentence: str


def fit_curve(
    sizes: Floats,
    values: Floats,
    errors: Floats | None = None,
    *,
    larger_is_better: bool = True,
    best: float = math.inf,
    draws: int = 1000,
    seed: int = 0,
) -> LearningCurve:
    """Fit to (m,) numbers of patients, values and standard errors; points that are not numbers are left out.

    best: the value that cannot be passed, 1 for an AUC, 0 for an error. Without errors all points weigh the
    same, and their scatter around the curve takes the place of the errors.
    """
    sign = 1 if larger_is_better else -1
    keep = np.isfinite(sizes) & np.isfinite(values) & (sizes > 0)
    n, y = sizes[keep].astype(np.float64), sign * values[keep]
    if len(np.unique(n)) < 3:
        return LearningCurve(np.full(3, np.nan), np.empty((0, 3)), sign, float(n.max(initial=np.nan)))
    spread = errors[keep] if errors is not None and bool((errors[keep] > 0).all()) else None
    weights = np.ones(len(n)) if spread is None else spread**-2.0
    ceiling = sign * best if math.isfinite(best) else math.inf
    found = _fit(n, y[None], weights, ceiling)[0]
    if spread is None:
        left = y - np.array([_curve(found, m) for m in n])
        spread = np.full(len(n), math.sqrt(left @ left / (len(n) - 3)) if len(n) > 3 else np.nan)
    noise = np.random.default_rng(seed).normal(size=(draws, len(n)))
    drawn = _fit(n, y + noise * spread, weights, ceiling) if np.isfinite(spread).all() else np.empty((0, 3))
    return LearningCurve(found, drawn, sign, float(n.max()))


def _fit(n: Floats, y: Floats, weights: Floats, ceiling: float) -> Floats:
    """(d, 3) best a, b, c for each row of y (d, m): least squares for every exponent, then the best of them.

    With c given, a and b are a straight line in n^-c; b below 0 (more patients do harm) becomes 0, and a
    beyond the ceiling becomes the ceiling.
    """
    x = n[None, :] ** -EXPONENTS[:, None]  # (e, m)
    share = weights / weights.sum()
    x_mean, y_mean = x @ share, y @ share
    deviation = x - x_mean[:, None]
    slope = -(y * share) @ deviation.T / (deviation**2 @ share)  # (d, e) b
    b = np.maximum(slope, 0.0)
    a = y_mean[:, None] + b * x_mean
    at_ceiling = np.maximum(((ceiling - y) * share) @ x.T / (x**2 @ share), 0.0) if math.isfinite(ceiling) else b
    a, b = np.where(a > ceiling, ceiling, a), np.where(a > ceiling, at_ceiling, b)
    missed = ((y[:, None, :] - a[..., None] + b[..., None] * x) ** 2) @ share
    best = missed.argmin(axis=1)
    rows = np.arange(len(y))
    return np.stack([a[rows, best], b[rows, best], EXPONENTS[best]], axis=1)


def would_more_help(
    curve: LearningCurve, n: float, more: int = 100, *, worth: float = WORTH, metric: str = "the value"
) -> Help:
    """Would `more` patients on top of n help by at least `worth`? yes and no are said only if the interval does."""
    value, interval = curve.at(n + more)
    gain, gained = curve.gain(n, more)
    if gained is NONE:
        sentence = f"Whether {more} more patients would help cannot be said: the curve needs more points."
        return Help("unknown", value, NONE, gain, NONE, sentence)
    answer = "yes" if gained.low >= worth else "no" if gained.high < worth else "unclear"
    verdict = {
        "yes": f"{more} more patients would help",
        "no": f"{more} more patients would hardly help",
        "unclear": f"whether {more} more patients would help cannot be told from this curve",
    }[answer]
    far = " This is far beyond what was tried: a hint only." if n + more > FAR * curve.largest else ""
    expected = f"{value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
    better = f"{gain:.3f} ({gained.low:.3f} to {gained.high:.3f})"
    sentence = (
        f"With {n + more:,.0f} patients {metric} is expected at {expected}, "
        f"better by {better} than with {n:,.0f}: {verdict}.{far}"
    )
    return Help(answer, value, interval, gain, gained, sentence)


def _curve(parameters: Floats, n: float) -> Floats:
    """The curve a - b n^-c for parameters (..., 3)."""
    return np.asarray(parameters[..., 0] - parameters[..., 1] * n ** -parameters[..., 2])


def _with_interval(value: Floats, drawn: Floats, level: float) -> tuple[float, Interval]:
    if not len(drawn):
        return float(value), NONE
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(value), Interval(float(low), float(high), NAME)
