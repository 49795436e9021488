"""Choosing a threshold by a declared criterion, on tuning scores; reading it on others.

A case is called positive where score >= threshold. Candidates lie midway between neighbouring distinct
scores, so each calls some cases and leaves some: calling everybody, or nobody, is no use of a score and
no criterion is met by it.

PPV and NPV are judged with half a case added to each count: 7 hits without a false alarm among 200 others
are no PPV of 1 where one person in 20 has the disease.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape, BadValues, CriterionNotMet, UsageError
from isocenter.metrics import Floats, ratio, weighted
from isocenter.metrics.ranking import Ranking
from isocenter.metrics.usefulness import npv_at, ppv_at

Events = NDArray[np.bool_]
KINDS = ("sensitivity", "specificity", "ppv", "npv", "cost", "youden", "net-benefit", "probability")
_FIXED = ("net-benefit", "probability")
_HELP = (
    "Give one of: sensitivity=0.90, specificity=0.90, ppv=0.8@0.05 (at a prevalence of 0.05), npv=0.99@0.05, "
    "cost=10:1 or cost=10:1@0.05 (a missed event : a false alarm), youden, net-benefit=0.2, probability=0.3."
)
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Criterion:
    """What a threshold is to reach.

    kind: one of `KINDS`; value: the share wanted, the fixed threshold, or how many false alarms a
    missed event is worth; prevalence: the declared one, None for that of the scores at hand.
    """

    text: str
    kind: str
    value: float = math.nan
    prevalence: float | None = None

    @classmethod
    def parse(cls, text: str) -> Criterion:
        """From what --decide takes; UsageError lists what there is."""
        plain = text.strip().lower().replace(" ", "")
        kind, _, rest = plain.partition("=")
        amount, at, share = rest.partition("@")
        try:
            value = _value(kind, amount)
            prevalence = float(share) if at else None
        except ValueError:
            raise UsageError(f"The criterion {text!r} cannot be read.", _HELP) from None
        _check_range(text, kind, value)
        if at and (kind not in ("ppv", "npv", "cost") or prevalence is None or not 0 < prevalence < 1):
            raise UsageError(
                f"The criterion {text!r} cannot be used: ppv, npv and cost take a prevalence between 0 and 1, "
                "both left out, and the others none.",
                _HELP,
            )
        return cls(plain, kind, value, prevalence)


def _value(kind: str, amount: str) -> float:
    if kind not in KINDS or (kind == "youden" and amount):
        raise ValueError(kind)
    if kind == "youden":
        return math.nan
    if kind == "cost":
        missed, alarm = (float(part) for part in amount.split(":"))
        return missed / alarm if min(missed, alarm) > 0 else math.nan
    return float(amount)


def _check_range(text: str, kind: str, value: float) -> None:
    usable = {
        "youden": True,
        "cost": 0 < value < math.inf,
        "net-benefit": 0 < value < 1,
        "probability": 0 < value < 1,
    }.get(kind, 0 < value <= 1)
    if not usable:
        allowed = "two numbers above 0" if kind == "cost" else "a number between 0 and 1"
        raise UsageError(f"The criterion {text!r} cannot be used: {kind} takes {allowed}.", _HELP)


@dataclass(frozen=True)
class Reached:
    """What a threshold gives on some scores: shares, and cases by what they are and were called."""

    sensitivity: float
    specificity: float
    ppv: float
    npv: float
    hits: float
    missed: float
    false_alarms: float
    rejected: float


@dataclass(frozen=True)
class Chosen:
    """A threshold, the criterion's text, and what it reaches on the scores it was chosen on.

    value: of the criterion: the share (PPV and NPV at its prevalence, half a case added to each
    count), cost a case in false alarms, Youden's index, or the fixed threshold; met: False where no
    threshold reaches the criterion: then `threshold` is the nearest that does most (NaN where there is
    none), and `why` says what is lacking.
    """

    threshold: float
    criterion: str
    value: float
    reached: Reached
    met: bool = True
    why: str = ""


def choose(criterion: str | Criterion, events: Events, scores: Floats, weights: Floats | None = None) -> Chosen:
    """The threshold that meets the criterion, or CriterionNotMet with the nearest that is reachable.

    events, scores, weights: (n,), of tuning cases that the model had not seen. UsageError for a
    criterion that cannot be read, BadValues for scores of NaN.
    """
    found = nearest(criterion, events, scores, weights)
    if not found.met:
        raise CriterionNotMet(
            f"No threshold meets {found.criterion}: {found.why}.",
            "Ask for what can be reached, or leave --decide out: the most probable class then decides.",
        )
    return found


def choose_each(
    criterion: str | Criterion, names: Sequence[str], events: NDArray[np.bool_], scores: Floats
) -> tuple[Chosen, ...]:
    """A threshold for each label of several; events, scores: (n, k). CriterionNotMet names the label."""
    found = []
    for name, own_events, own_scores in zip(names, events.T, scores.T, strict=True):
        try:
            found.append(choose(criterion, own_events, own_scores))
        except CriterionNotMet as error:
            raise CriterionNotMet(f"{name}: {error.what}", error.remedy) from None
    return tuple(found)


def nearest(criterion: str | Criterion, events: Events, scores: Floats, weights: Floats | None = None) -> Chosen:
    """As `choose`, but where the criterion cannot be met the answer says so (`met`, `why`).

    Of the thresholds that reach a sensitivity the one with the most specificity; that reach a
    specificity or a PPV the one with the most sensitivity; that reach an NPV the one with the most
    specificity; of equal costs or Youden indices the lowest threshold.
    """
    wanted = criterion if isinstance(criterion, Criterion) else Criterion.parse(criterion)
    if lacking := int(np.isnan(scores).sum()):
        raise BadValues(f"{lacking} of {len(scores)} scores are missing (NaN).", "Leave these cases out, and say so.")
    if wanted.kind in _FIXED:
        return Chosen(wanted.value, wanted.text, wanted.value, reached(events, scores, wanted.value, weights))
    points = _Points.of(events, scores, weighted(weights, len(scores)))
    if isinstance(points, str):
        return Chosen(math.nan, wanted.text, math.nan, reached(events, scores, math.nan), False, points)
    judged = _JUDGES[wanted.kind](wanted, points)
    at = _best(judged.value * judged.sign, judged.enough, judged.spared)
    threshold, value = float(points.threshold[at]), float(judged.value[at])
    got = reached(events, scores, threshold, weights)
    why = "" if judged.enough[at] else f"{judged.lacks} (nearest: {wanted.kind} {value:.4g} at {threshold:.6g})"
    return Chosen(threshold, wanted.text, value, got, not why, why)


@dataclass(frozen=True, eq=False)
class _Points:
    """Candidate thresholds, falling (g,); events and others called at each, and in all."""

    threshold: Floats
    hits: Floats
    alarms: Floats
    events: float
    others: float

    @classmethod
    def of(cls, events: Events, scores: Floats, weights: Floats) -> _Points | str:
        """Or why there are none."""
        counted = weights > 0
        if not (events & counted).any() or not (~events & counted).any():
            return "the scores are those of one class only, or of no case"
        ranking = Ranking.of(scores[counted], events[counted])
        hits, alarms = (np.cumsum(part) for part in ranking.tally(weights[counted]))
        if len(hits) < 2:
            return "all scores are the same"
        upper, lower = ranking.thresholds[:-1], ranking.thresholds[1:]
        middle = lower + (upper - lower) / 2
        middle = np.where(middle > lower, middle, upper)  # neighbours in floating point have no middle
        return cls(middle, hits[:-1], alarms[:-1], float(hits[-1]), float(alarms[-1]))

    @property
    def prevalence(self) -> float:
        return self.events / (self.events + self.others)

    def shares(self, more: float = 0.0) -> tuple[Floats, Floats]:
        """Sensitivity and specificity (g,), `more` cases added to each of the four counts."""
        sensitivity = (self.hits + more) / (self.events + 2 * more)
        return sensitivity, (self.others - self.alarms + more) / (self.others + 2 * more)


class _Judged(NamedTuple):
    """Of each threshold (g,): its value, is it enough, what it spares of what the criterion does not name.

    sign: 1 where more is better; lacks: why none is enough.
    """

    value: Floats
    enough: NDArray[np.bool_]
    spared: Floats
    lacks: str
    sign: int = 1


def _best(value: Floats, enough: NDArray[np.bool_], spared: Floats) -> int:
    """Of those that are enough the one that spares most, else the one with most value; then the other of
    the two, then the lowest threshold."""
    first, then = (np.where(enough, spared, -np.inf), value) if enough.any() else (value, spared)
    leading = np.flatnonzero(first >= first.max() - _ROUNDING)
    return int(leading[then[leading] >= then[leading].max() - _ROUNDING][-1])


def _share(wanted: Criterion, points: _Points) -> _Judged:
    sensitivity, specificity = points.shares()
    both = (sensitivity, specificity) if wanted.kind == "sensitivity" else (specificity, sensitivity)
    extreme = "everybody" if wanted.kind == "sensitivity" else "nobody"
    return _Judged(both[0], both[0] >= wanted.value - _ROUNDING, both[1], f"only calling {extreme} positive would do")


def _predictive(wanted: Criterion, points: _Points) -> _Judged:
    prevalence = points.prevalence if wanted.prevalence is None else wanted.prevalence
    sensitivity, specificity = points.shares(more=0.5)
    positive = wanted.kind == "ppv"
    value = (ppv_at if positive else npv_at)(sensitivity, specificity, prevalence)
    lacks = f"the scores do not separate well enough at a prevalence of {prevalence:.3g}"
    return _Judged(value, value >= wanted.value, sensitivity if positive else specificity, lacks)


def _cost(wanted: Criterion, points: _Points) -> _Judged:
    """Cost a case, in false alarms; not enough where calling everybody or nobody costs no more."""
    prevalence = points.prevalence if wanted.prevalence is None else wanted.prevalence
    missed, alarm = wanted.value * prevalence, 1 - prevalence
    sensitivity, specificity = points.shares()
    value = missed * (1 - sensitivity) + alarm * (1 - specificity)
    trivial = "everybody" if alarm <= missed else "nobody"
    lacks = f"at a prevalence of {prevalence:.3g} calling {trivial} positive costs no more"
    return _Judged(value, value < min(missed, alarm) - _ROUNDING, -value, lacks, sign=-1)


def _youden(wanted: Criterion, points: _Points) -> _Judged:  # noqa: ARG001  one signature for all
    sensitivity, specificity = points.shares()
    value = sensitivity + specificity - 1
    return _Judged(value, value > _ROUNDING, value, "the scores tell events from others no better than chance")


_JUDGES: Mapping[str, Callable[[Criterion, _Points], _Judged]] = {
    "sensitivity": _share,
    "specificity": _share,
    "ppv": _predictive,
    "npv": _predictive,
    "cost": _cost,
    "youden": _youden,
}


def reached(events: Events, scores: Floats, threshold: float, weights: Floats | None = None) -> Reached:
    """What score >= threshold gives on these cases (n,); NaN shares where there is nothing to share."""
    if len(events) != len(scores):
        raise BadShape(f"{len(events)} reference values for {len(scores)} scores.", "Give one of each for every case.")
    w = weighted(weights, len(scores))
    called = scores >= threshold
    parts = (events & called, events & ~called, ~events & called, ~events & ~called)
    hits, missed, alarms, rejected = (math.nan if math.isnan(threshold) else float(w[part].sum()) for part in parts)
    return Reached(
        sensitivity=float(ratio(hits, hits + missed)),
        specificity=float(ratio(rejected, rejected + alarms)),
        ppv=float(ratio(hits, hits + alarms)),
        npv=float(ratio(rejected, rejected + missed)),
        hits=hits, missed=missed, false_alarms=alarms, rejected=rejected,
    )  # fmt: skip
