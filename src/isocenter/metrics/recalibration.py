"""Recalibration: a monotone map from a model's probabilities to better ones, learned on tuning scores.

- `platt`: logistic regression on the logit (Platt 1999; Cox 1958), two numbers, unpenalised, so that
  slope and intercept on the tuning scores become exactly 1 and 0;
- `beta`: logistic regression on log p and -log(1 - p), both with coefficients >= 0 (Kull, Silva Filho and
  Flach, AISTATS 2017), three numbers: can undo what Platt cannot, scores that are too extreme on one side;
- `isotonic`: the best rising step function, joined by straight lines (Zadrozny and Elkan 2002): needs many
  cases (below a thousand it overfits), makes ties, and may say 0 or 1;
- `temperature`: softmax(log p / T), one number for all classes (Guo, ICML 2017): never changes the most
  probable class.

With more than two classes the first three are fitted for each class against the rest, and rows are
scaled to sum to 1 again. What is fitted here was measured on tuning scores of cases that the model had
not seen (out of fold); what it does is to be measured on the test part, by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from isocenter.errors import DamagedBundle, UsageError
from isocenter.metrics import Floats, Ints, logistic, weighted
from isocenter.metrics.probabilities import checked, edge_of, expit, logit

IDENTITY = "identity"
KINDS = ("platt", "isotonic", "beta", "temperature")
Numbers = tuple[float, ...]
_ONE_CLASS = "the tuning scores hold cases of one class only, or none"
_SEPARATED = "no finite best fit: the scores are constant, or separate the classes without an error"
_FALLING = "on the tuning data events do not become more frequent as the score rises"


class _Unfit(Exception):
    """Why a map cannot be fitted; it becomes the reason of an identity."""


@dataclass(frozen=True)
class Calibrator:
    """How probabilities are corrected, in plain numbers that a JSON card can carry.

    kind: one of `KINDS`, or "identity"; classes: k; parameters: for temperature one tuple (T),
    for the others one tuple a class, or a single one, of the second class, where there are two:
    platt (slope, intercept), beta (a, b, c), isotonic (scores..., probabilities...), both rising;
    edge: how far 0 and 1 are moved inside before a logarithm; reason: why it is the identity.
    """

    kind: str
    classes: int
    parameters: tuple[Numbers, ...] = ()
    edge: float = 0.0
    reason: str = ""

    def apply(self, proba: Floats) -> Floats:
        """(n, k) to (n, k): rows sum to 1, a larger probability of a class never becomes a smaller
        one before rows are scaled; with two classes never at all. BadValues outside 0..1.
        """
        p = checked(proba)
        if p.ndim != 2 or p.shape[1] != self.classes:
            raise ValueError(f"a calibrator of {self.classes} classes got probabilities of shape {p.shape}")
        if self.kind == IDENTITY:
            return p.copy()
        if self.kind == "temperature":
            return _tempered(np.log(np.clip(p, self.edge, 1.0)), 1 / self.parameters[0][0])
        of_class = _MAPS[self.kind]
        if self.classes == 2:
            second = of_class(p[:, 1], self.parameters[0], self.edge)
            return np.column_stack([1 - second, second])
        each = zip(p.T, self.parameters, strict=True)
        return _scaled(np.column_stack([of_class(column, numbers, self.edge) for column, numbers in each]), p)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        numbers = [list(numbers) for numbers in self.parameters]
        return {**vars(self), "parameters": numbers}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Calibrator:
        """From what `to_dict` gave; DamagedBundle if anything in it cannot be, for files come from outside."""
        try:
            parameters = tuple(tuple(float(number) for number in numbers) for numbers in told["parameters"])
            found = cls(
                str(told["kind"]), int(told["classes"]), parameters, float(told["edge"]), str(told.get("reason", ""))
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            found = None
        if found is None or not _sound(found):
            raise DamagedBundle(
                "The model's calibrator holds numbers that no calibrator has.", "Get the model from its source again."
            )
        return found


def fit(kind: str, proba: Floats, codes: Ints, weights: Floats | None = None) -> Calibrator:
    """Learn a map from tuning scores proba (n, k) of cases of classes codes (n,), weights (n,).

    Where it cannot be fitted (a class absent, classes separated, scores that point the wrong way) the
    answer is the identity with its reason: probabilities stay as they were, never NaN. UsageError for
    an unknown kind; BadValues for scores that are no probabilities.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no recalibration called {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")
    p, w, codes = checked(proba), weighted(weights, len(codes)), np.asarray(codes, dtype=np.int64)
    edge, classes = edge_of(p), p.shape[1]
    learned = [1] if classes == 2 else list(range(classes))
    try:
        _refuse_absent(codes, w, classes)
        if kind == "temperature":
            parameters: tuple[Numbers, ...] = ((_temperature(p, codes, w, edge),),)
        else:
            parameters = tuple(_FITS[kind](p[:, k], codes == k, w, edge) for k in learned)
    except _Unfit as why:
        return Calibrator(IDENTITY, classes, reason=f"{kind}: {why}")
    return Calibrator(kind, classes, parameters, edge)


def _refuse_absent(codes: Ints, weights: Floats, classes: int) -> None:
    present = np.bincount(codes[weights > 0], minlength=classes) > 0
    if classes < 2 or not present.all():
        raise _Unfit(_ONE_CLASS if classes <= 2 else "a class is absent from the tuning scores")


def _platt(p: Floats, events: Floats, weights: Floats, edge: float) -> Numbers:
    x = logit(p, edge)
    intercept, slope = _coefficients(np.column_stack([np.ones(len(x)), x]), events, weights)
    return _rising(slope), intercept


def _beta(p: Floats, events: Floats, weights: Floats, edge: float) -> Numbers:
    """(a, b, c); a coefficient that comes out negative is left out, as its authors do.

    Scores that cannot tell a from b (two distinct values) leave Platt's map, which is beta's with a = b.
    """
    ones, (below, above) = np.ones(len(p)), _logs(p, edge)
    c, a, b = logistic.fit(np.column_stack([ones, below, above]), events, weights).tolist()
    if math.isnan(c):
        slope, intercept = _platt(p, events, weights, edge)
        return slope, slope, intercept
    if min(a, b) >= 0 and max(a, b) > 0:
        return a, b, c
    kept = above if a < b else below
    c, kept_by = _coefficients(np.column_stack([ones, kept]), events, weights)
    return (0.0, _rising(kept_by), c) if a < b else (_rising(kept_by), 0.0, c)


def _isotonic(p: Floats, events: Floats, weights: Floats, edge: float) -> Numbers:  # noqa: ARG001  one signature for all
    from scipy.optimize import isotonic_regression  # here: its import costs more than most uses

    distinct, group = np.unique(p, return_inverse=True)
    mass = np.bincount(group, weights)
    share = np.bincount(group, weights * events)[mass > 0] / mass[mass > 0]
    level = np.asarray(isotonic_regression(share, weights=mass[mass > 0]).x, dtype=np.float64)
    distinct, level = distinct[mass > 0], np.clip(level, 0, 1)
    if level[0] == level[-1]:
        raise _Unfit(_FALLING)
    # Both ends of every level are enough: between them the map is straight.
    ends = np.concatenate([[True], level[1:] != level[:-1]]) | np.concatenate([level[1:] != level[:-1], [True]])
    return (*map(float, distinct[ends]), *map(float, level[ends]))


def _temperature(p: Floats, codes: Ints, weights: Floats, edge: float) -> float:
    """T by maximum likelihood: Newton on 1 / T, in which the likelihood is concave."""
    z = np.log(np.clip(p, edge, 1.0))
    own = z[np.arange(len(z)), codes]
    if (own >= z.max(axis=1))[weights > 0].all():
        raise _Unfit(_SEPARATED)

    def slope_and_bend(inverse: float) -> tuple[float, float]:
        q = _tempered(z, inverse)
        mean = (q * z).sum(axis=1)
        return float(weights @ (own - mean)), float(weights @ ((q * z**2).sum(axis=1) - mean**2))

    if slope_and_bend(0.0)[0] <= 0:
        raise _Unfit("on the tuning data the probabilities lean away from the true classes")
    return 1 / _root(slope_and_bend)


def _root(slope_and_bend: Callable[[float], tuple[float, float]]) -> float:
    """Where a falling slope, > 0 at 0, is 0: bracketed by doubling, then Newton kept inside the bracket."""
    low, high = 0.0, 1.0
    while slope_and_bend(high)[0] > 0:
        low, high = high, 2 * high
        if high > 1e4:
            raise _Unfit(_SEPARATED)
    now = (low + high) / 2
    for _ in range(200):
        slope, bend = slope_and_bend(now)
        low, high = (now, high) if slope > 0 else (low, now)
        following = now + slope / bend if bend > 0 else low
        following = following if low < following < high else (low + high) / 2
        if abs(following - now) <= 1e-13 * now:
            break
        now = following
    return now


def _coefficients(design: Floats, events: Floats, weights: Floats) -> list[float]:
    found = logistic.fit(design, events, weights)
    if not np.isfinite(found).all():
        raise _Unfit(_SEPARATED)
    return [float(value) for value in found]


def _rising(coefficient: float) -> float:
    if coefficient <= 0:
        raise _Unfit(_FALLING)
    return coefficient


def _logs(p: Floats, edge: float) -> tuple[Floats, Floats]:
    inside = np.clip(p, edge, 1 - edge)
    return np.log(inside), -np.log1p(-inside)


def _apply_platt(p: Floats, numbers: Numbers, edge: float) -> Floats:
    slope, intercept = numbers
    return expit(slope * logit(p, edge) + intercept)


def _apply_beta(p: Floats, numbers: Numbers, edge: float) -> Floats:
    a, b, c = numbers
    below, above = _logs(p, edge)
    return expit(a * below + b * above + c)


def _apply_isotonic(p: Floats, numbers: Numbers, edge: float) -> Floats:  # noqa: ARG001
    scores, levels = np.split(np.array(numbers), 2)
    return np.asarray(np.interp(p, scores, levels))


def _tempered(z: Floats, inverse: float) -> Floats:
    """Softmax of z * inverse, by rows."""
    powers = np.exp(inverse * (z - z.max(axis=1, keepdims=True, initial=-math.inf)))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _scaled(values: Floats, raw: Floats) -> Floats:
    """Rows that sum to 1; a row that isotonic maps made all 0 keeps its raw probabilities."""
    usable = np.where(values.sum(axis=1, keepdims=True) > 0, values, raw)
    return np.asarray(usable / usable.sum(axis=1, keepdims=True))


_Fit = Callable[[Floats, Any, Floats, float], Numbers]
_FITS: Mapping[str, _Fit] = {"platt": _platt, "beta": _beta, "isotonic": _isotonic}
_MAPS = {"platt": _apply_platt, "beta": _apply_beta, "isotonic": _apply_isotonic}
_LENGTHS = {"platt": 2, "beta": 3, "temperature": 1}


def _sound(c: Calibrator) -> bool:
    """Could `fit` have made it?"""
    if c.kind == IDENTITY:
        return c.classes > 0 and c.parameters == ()
    wanted = 1 if c.kind == "temperature" or c.classes == 2 else c.classes
    every = [number for numbers in c.parameters for number in numbers]
    plain = c.kind in KINDS and c.classes > 1 and 0 < c.edge <= 0.5 and len(c.parameters) == wanted
    return plain and all(map(math.isfinite, every)) and all(_sound_map(c.kind, numbers) for numbers in c.parameters)


def _sound_map(kind: str, numbers: Numbers) -> bool:
    if kind == "isotonic":
        half = len(numbers) // 2
        scores, levels = numbers[:half], numbers[half:]
        rising = all(a < b for a, b in pairwise(scores)) and all(a <= b for a, b in pairwise(levels))
        return len(numbers) == 2 * half > 0 and rising and min(numbers) >= 0 and max(numbers) <= 1
    least = {"platt": numbers[:1], "beta": numbers[:2], "temperature": numbers}[kind]
    return len(numbers) == _LENGTHS[kind] and min(least) >= 0 and max(least) > 0
