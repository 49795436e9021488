"""How a model decides: chosen on out-of-fold predictions, with the patient as the unit.

Three choices in this order: how several images of a patient become one prediction, whether
probabilities are recalibrated, and the threshold. None of them ever sees a test case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import aggregation
from isocenter.cohort import Target
from isocenter.errors import UsageError
from isocenter.metrics import recalibration, thresholds
from isocenter.metrics.classification import brier
from isocenter.model import MOST_PROBABLE, Decision

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
    """The decision, and what was weighed for it as plain values (for the card)."""

    decision: Decision
    told: dict[str, Any]


def decide(
    wish: Wish, target: Target, output: Floats, reference: NDArray[Any], patients: NDArray[np.object_], score: Score
) -> Decided:
    """From out-of-fold `output` (n, k) and `reference` (n,) codes or values; patients (n,) names.

    score: the headline number, by which aggregations are compared where probabilities are
    recalibrated after, or where there are none; else by their Brier score. Raises UsageError for a wish that does
    not suit the target, and what `thresholds.choose` raises where a criterion cannot be met.
    """
    positive = target.positive_index
    groups = pd.factorize(patients)[0].astype(np.int64)
    tried = _aggregations(wish, target, output, reference, groups, score)
    how = max(tried, key=lambda name: np.nan_to_num(tried[name], nan=-np.inf)) if tried else None
    if how is not None:
        reference, output = _first_of(reference, groups), aggregation.aggregate(output, groups, how, positive)
    calibrator = None
    if wish.recalibrate != NOTHING:
        calibrator = recalibration.fit(_kind(wish, target), output, reference)
        output = calibrator.apply(output)
    threshold, reached = _threshold(wish, target, output, reference)
    decision = Decision(target.classes, target.positive, threshold, wish.criterion or MOST_PROBABLE, calibrator, how)
    return Decided(decision, {"aggregations": tried, "threshold": reached, "n": len(output)})


def _aggregations(
    wish: Wish, target: Target, output: Floats, reference: NDArray[Any], groups: NDArray[np.int64], score: Score
) -> dict[str, float]:
    """Each candidate's score by patient, larger is better; {} where every case stands for itself."""
    if wish.aggregate not in (AUTO, NOTHING, *aggregation.ALL):
        known = ", ".join((AUTO, NOTHING, *aggregation.ALL))
        raise UsageError(f"--aggregate {wish.aggregate} is not known.", f"Choose {known}.")
    if wish.aggregate == NOTHING or not one_answer_a_patient(reference, groups):
        return {}
    suited = candidates(target)
    if wish.aggregate != AUTO and wish.aggregate not in suited:
        raise UsageError(
            f"--aggregate {wish.aggregate} does not suit target '{target.column}'.", f"Choose {', '.join(suited)}."
        )
    names = suited if wish.aggregate == AUTO else (wish.aggregate,)
    truth, positive = _first_of(reference, groups), target.positive_index
    # Without recalibration a way that orders patients well but exaggerates (noisy-or) must not win.
    by = score if wish.recalibrate != NOTHING or not target.is_classes else _minus_brier
    return {name: by(aggregation.aggregate(output, groups, name, positive), truth) for name in names}


def _minus_brier(output: Floats, reference: NDArray[Any]) -> float:
    return -float(brier(reference.astype(np.int64), output))


def candidates(target: Target) -> tuple[str, ...]:
    """Ways to aggregate that suit a target; the first wins a tie."""
    if not target.is_classes:
        return aggregation.OF_VALUES
    return aggregation.OF_EVENTS if target.positive is not None else aggregation.OF_CLASSES


def one_answer_a_patient(reference: NDArray[Any], groups: NDArray[np.int64]) -> bool:
    """Whether some patient has several cases, and none has two different answers."""
    n = int(groups.max(initial=-1)) + 1
    if n == len(groups):
        return False
    return bool((reference == _first_of(reference, groups)[groups]).all())


def _first_of(reference: NDArray[Any], groups: NDArray[np.int64]) -> NDArray[Any]:
    return reference[np.unique(groups, return_index=True)[1]]


def _kind(wish: Wish, target: Target) -> str:
    if not target.is_classes:
        raise UsageError("--recalibrate is about probabilities.", f"Target '{target.column}' is a measurement.")
    return wish.recalibrate


def _threshold(
    wish: Wish, target: Target, output: Floats, reference: NDArray[Any]
) -> tuple[float | None, dict[str, Any]]:
    if wish.criterion is None:
        return None, {}
    positive = target.positive_index
    if positive is None or not target.is_classes:
        raise UsageError(
            f"--decide {wish.criterion} needs two classes.", "Leave it out: the most probable class is decided."
        )
    chosen = thresholds.choose(wish.criterion, reference == positive, output[:, positive])
    return chosen.threshold, {"criterion": chosen.criterion, "value": chosen.value, **asdict(chosen.reached)}
