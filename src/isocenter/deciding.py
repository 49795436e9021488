"""How a model decides: chosen on out-of-fold predictions, with the patient as the unit.

Three choices in this order: how several images of a patient become one prediction, whether
probabilities are recalibrated, and the threshold. None of them ever sees a test case.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import aggregation
from isocenter.cohort import Cohort, Target
from isocenter.errors import UsageError
from isocenter.metrics import recalibration, thresholds
from isocenter.metrics.classification import brier
from isocenter.model import EVEN, MOST_PROBABLE, Decision

Floats = NDArray[np.float64]
Score = Callable[[Floats, NDArray[Any]], float]
AUTO, NOTHING = "auto", "none"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for.

    criterion: text of `--decide` (`metrics.thresholds`), None for the most probable class;
    recalibrate: a kind of `metrics.recalibration`, or "none"; aggregate: a way of
    `isocenter.aggregation`, "auto" for the best on tuning data, or "none" to take every case for itself.
    """

    criterion: str | None = None
    recalibrate: str = NOTHING
    aggregate: str = AUTO


@dataclass(frozen=True)
class Decided:
    """The decision, and what was weighed for it as plain values (for the card); unmet: why the criterion is not."""

    decision: Decision
    told: dict[str, Any]
    unmet: str = ""


def decide(
    wish: Wish,
    target: Target,
    output: Floats,
    reference: NDArray[Any],
    patients: NDArray[np.object_],
    score: Score,
    *,
    strict: bool = True,
) -> Decided:
    """From out-of-fold `output` (n, k) and `reference` (`Target.encode`); patients (n,) names.

    score: the headline number, by which aggregations are compared where probabilities are
    recalibrated after, or where there are none; else by their Brier score. Raises UsageError for
    a wish that does not suit the target or the patients, and what `thresholds.choose` raises where a criterion
    cannot be met; unless strict the nearest threshold is then taken, or one half where there is none.
    """
    positive = target.positive_index
    groups = pd.factorize(patients)[0].astype(np.int64)
    tried = _aggregations(wish, target, output, reference, groups, score)
    how = max(tried, key=lambda name: np.nan_to_num(tried[name], nan=-np.inf)) if tried else None
    if how is not None:
        reference, output = _first_of(reference, groups), aggregation.aggregate(output, groups, how, positive)
    learned = calibrators(wish.recalibrate, target, output, reference)
    even = (0.5,) * len(target.classes) if target.is_labels else ()
    decision = Decision(target.classes, target.positive, aggregation=how, thresholds=even, **learned)
    found, reached, unmet = _thresholds(wish, target, decision.calibrated(output), reference, strict)
    criterion = wish.criterion or (EVEN if target.is_labels else MOST_PROBABLE)
    decision = replace(decision, criterion=criterion, **found)
    told = {"aggregations": tried, "threshold": reached, "n": len(output)}
    if decision.calibrator is not None and decision.calibrator.reason:
        told["uncalibrated"] = decision.calibrator.reason
    if unmet:
        told["unmet"] = unmet
    return Decided(decision, told, unmet)


def _aggregations(
    wish: Wish, target: Target, output: Floats, reference: NDArray[Any], groups: NDArray[np.int64], score: Score
) -> dict[str, float]:
    """Each candidate's score by patient, larger is better; {} where every case stands for itself."""
    if wish.aggregate not in (AUTO, NOTHING, *aggregation.ALL):
        known = ", ".join((AUTO, NOTHING, *aggregation.ALL))
        raise UsageError(f"--aggregate {wish.aggregate} is not known.", f"Choose {known}.")
    if wish.aggregate == NOTHING or int(groups.max(initial=-1)) + 1 == len(groups):
        return {}
    if (torn := _torn(reference, groups)).size:
        if wish.aggregate != AUTO:
            raise refused(wish.aggregate, len(torn))
        return {}
    suited = candidates(target)
    if wish.aggregate != AUTO and wish.aggregate not in suited:
        raise UsageError(
            f"--aggregate {wish.aggregate} does not suit target '{target.column}'.", f"Choose {', '.join(suited)}."
        )
    names = suited if wish.aggregate == AUTO else (wish.aggregate,)
    truth, positive = _first_of(reference, groups), target.positive_index
    # Without recalibration a way that orders patients well but exaggerates (noisy-or) must not win.
    by = score if wish.recalibrate != NOTHING or target.is_value else minus_brier
    return {name: by(aggregation.aggregate(output, groups, name, positive), truth) for name in names}


def minus_brier(output: Floats, reference: NDArray[Any]) -> float:
    """Of one of several classes, or the mean over labels; larger is better."""
    if reference.ndim == 2:  # labels
        return -float(((output - reference) ** 2).mean())
    return -float(brier(reference.astype(np.int64), output))


def candidates(target: Target) -> tuple[str, ...]:
    """Ways to aggregate that suit a target; the first wins a tie."""
    if target.is_labels:
        return aggregation.OF_LABELS
    if target.is_value:
        return aggregation.OF_VALUES
    return aggregation.OF_EVENTS if target.positive is not None else aggregation.OF_CLASSES


def _torn(reference: NDArray[Any], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes of patients whose cases have different answers: there is no answer of theirs."""
    differs = reference != _first_of(reference, groups)[groups]
    return np.unique(groups[differs.reshape(len(groups), -1).any(axis=1)])


def torn_patients(cohort: Cohort) -> list[str]:
    """Patients whose cases have different answers, in the cohort's order; where there are any, images are the unit."""
    groups, names = pd.factorize(cohort.patients)
    return [str(names[k]) for k in _torn(cohort.codes, groups.astype(np.int64))]


def torn_warning(cohort: Cohort) -> tuple[str, ...]:
    """That images and not patients are the unit, and whom that is owed to; () where it is not so."""
    if cohort.target is None or len(set(cohort.patients)) == len(cohort) or not (torn := torn_patients(cohort)):
        return ()
    have = "patients have" if len(torn) > 1 else "patient has"
    said = (
        f"{len(torn)} {have} cases with different answers, the first is '{torn[0]}': the unit is therefore the single "
        "case and not the patient. Correct or --exclude them if patients should have one answer."
    )
    return (said,)


def refused(aggregate: str, n: int, first: str = "") -> UsageError:
    """What to raise where a way to aggregate was asked for and `n` patients have no one answer."""
    who = f"{n} patients have" if n != 1 else "1 patient has"
    said = f", the first is '{first}'" if first else ""
    return UsageError(
        f"--aggregate {aggregate} needs one answer a patient; {who} cases with different answers{said}.",
        "Correct or --exclude them, or leave --aggregate out: images are then the unit.",
    )


def needs_two_classes(criterion: str, target: Target) -> UsageError:
    """What to raise where a threshold was asked for and there is none to choose."""
    told = (
        f"Target '{target.column}' is a measurement, which has none"
        if target.is_value
        else ("The most probable class is decided")
    )
    return UsageError(f"--decide {criterion} needs two classes.", f"{told}: leave --decide out.")


def _first_of(reference: NDArray[Any], groups: NDArray[np.int64]) -> NDArray[Any]:
    return reference[np.unique(groups, return_index=True)[1]]


def calibrators(kind: str, target: Target, output: Floats, reference: NDArray[Any]) -> dict[str, Any]:
    """Fields of a decision: one calibrator, or of labels one each; UsageError for a measurement."""
    if kind == NOTHING:
        return {}
    if target.is_value:
        raise UsageError("--recalibrate is about probabilities.", f"Target '{target.column}' is a measurement.")
    if not target.is_labels:
        return {"calibrator": recalibration.fit(kind, output, reference)}
    pairs = zip(output.T, reference.T, strict=True)
    each = (recalibration.fit(kind, np.column_stack([1 - p, p]), has) for p, has in pairs)
    return {"calibrators": tuple(each)}


def _thresholds(
    wish: Wish, target: Target, output: Floats, reference: NDArray[Any], strict: bool
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Fields of a decision, what they reach, and why not: of two classes one threshold, of labels one each."""
    if wish.criterion is None:
        return {}, {}, ""
    if target.is_labels:
        if strict:
            each = thresholds.choose_each(wish.criterion, target.classes, reference == 1, output)
        else:
            pairs = zip(reference.T == 1, output.T, strict=True)
            each = tuple(thresholds.nearest(wish.criterion, has, said) for has, said in pairs)
        told = dict(zip(target.classes, map(_told, each), strict=True))
        unmet = [f"{name}: {_unmet(one)}" for name, one in zip(target.classes, each, strict=True) if not one.met]
        return {"thresholds": tuple(map(_usable, each))}, told, " ".join(unmet)
    positive = target.positive_index
    if positive is None:
        raise needs_two_classes(wish.criterion, target)
    choose = thresholds.choose if strict else thresholds.nearest
    chosen = choose(wish.criterion, reference == positive, output[:, positive])
    return {"threshold": _usable(chosen)}, _told(chosen), _unmet(chosen)


def _usable(chosen: thresholds.Chosen) -> float:
    """The threshold; one half where no score tells anything."""
    return chosen.threshold if math.isfinite(chosen.threshold) else 0.5


def _unmet(chosen: thresholds.Chosen) -> str:
    if chosen.met:
        return ""
    return f"No threshold meets {chosen.criterion}: {chosen.why}; {_usable(chosen):.6g} is taken."


def _told(chosen: thresholds.Chosen) -> dict[str, Any]:
    return {"criterion": chosen.criterion, "value": chosen.value, **asdict(chosen.reached)}
