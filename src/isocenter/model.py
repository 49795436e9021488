"""A model: a fitted estimator, its target, its decision, and the card that tells its story.

The estimator stays raw; only `Model.predict` applies the decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.aggregation import aggregate
from isocenter.case import Case
from isocenter.cohort import Target, label_texts
from isocenter.metrics.recalibration import Calibrator
from isocenter.prediction import Prediction

Floats = NDArray[np.float64]
Input = list[Case] | pd.DataFrame | NDArray[Any]
MOST_PROBABLE = "most probable class"
EVEN = "probability of one half"


@dataclass(frozen=True)
class Decision:
    """How what an estimator says becomes a class, labels or a value, and one answer a patient.

    classes: in the order of the probability columns, none for a measurement; positive: the class
    that `threshold` is about; threshold: smallest probability of `positive` that is called
    positive, None for the most probable class; criterion: how the threshold was chosen;
    calibrator: applied to the probabilities before that, or None; aggregation: how several
    images of a patient become one prediction (`isocenter.aggregation`), None where each patient
    has one; thresholds, calibrators: of labels, one each in the place of `threshold` and
    `calibrator`. All of it is chosen on tuning data. Order: aggregate, calibrate, decide.
    """

    classes: tuple[str, ...]
    positive: str | None = None
    threshold: float | None = None
    criterion: str = MOST_PROBABLE
    calibrator: Calibrator | None = None
    aggregation: str | None = None
    thresholds: tuple[float, ...] = ()
    calibrators: tuple[Calibrator, ...] = ()

    def __post_init__(self) -> None:
        if self.threshold is not None and (len(self.classes) != 2 or self.positive not in self.classes):
            raise ValueError("a threshold needs two classes, one of them positive")
        if self.thresholds and (len(self.thresholds) != len(self.classes) or self.threshold is not None):
            raise ValueError("labels need one threshold each, and no other")
        if self.calibrators and not len(self.calibrators) == len(self.thresholds) == len(self.classes):
            raise ValueError("only labels have one calibrator each")

    @property
    def positive_index(self) -> int | None:
        return None if self.positive is None else self.classes.index(self.positive)

    def told(self) -> dict[str, Any]:
        """What was chosen, as plain values; of labels thresholds by name."""
        kinds = [one.kind for one in (self.calibrator, *self.calibrators) if one is not None]
        chosen = {"threshold": self.threshold, "criterion": self.criterion, "aggregation": self.aggregation}
        thresholds = dict(zip(self.classes, self.thresholds, strict=True)) if self.thresholds else {}
        return {**chosen, "calibrator": kinds[0] if kinds else None, "thresholds": thresholds}

    def apply(self, proba: Floats) -> NDArray[np.object_]:
        """From `proba` (n, k) to class names (n,), or labels as one text each (`Target`).

        A tie goes to the first class, as in scikit-learn.
        """
        if self.thresholds:
            return label_texts(self.classes, proba >= np.array(self.thresholds))
        names = np.array(self.classes, dtype=object)
        if self.threshold is None or self.positive is None:
            chosen = proba.argmax(axis=1)
        else:
            index = self.classes.index(self.positive)
            chosen = np.where(proba[:, index] >= self.threshold, index, 1 - index)
        return np.asarray(names[chosen], dtype=object)

    def calibrated(self, output: Floats) -> Floats:
        """(n, k) recalibrated, as far as there are calibrators."""
        if self.calibrators:
            return of_labels(self.calibrators, output)
        return output if self.calibrator is None else self.calibrator.apply(output)

    def predict(self, case_ids: NDArray[np.object_], output: Floats) -> Prediction:
        """What `outputs` gives, (n, k) probabilities or (n, 1) values, as a Prediction."""
        if not self.classes:
            return Prediction(case_ids, value=output[:, 0])
        if self.calibrator is None and not self.calibrators:
            return Prediction(case_ids, self.classes, output, self.apply(output))
        proba = self.calibrated(output)
        return Prediction(case_ids, self.classes, proba, self.apply(proba), uncalibrated=output)

    def by_patient(self, said: Prediction, patients: NDArray[np.object_]) -> Prediction:
        """One row a patient, in order of appearance, its `case_id` the patient; needs an `aggregation`.

        said: one row a case, as `predict` gave it; patients: (n,) whose case it is.
        """
        if self.aggregation is None:
            raise ValueError("this decision is about single cases")
        codes, names = pd.factorize(np.asarray(patients, dtype=object))
        output = aggregate(said.output, codes.astype(np.int64), self.aggregation, self.positive_index)
        return self.predict(np.asarray(names, dtype=object), output)


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted method that can say what it is and what it needs.

    estimator: scikit-learn estimator fitted on class codes 0..k-1 (the order of
    `target.classes`), labels (n, k) or measurements; card: plain values: name, parameters, feature names,
    fingerprints, versions, seed.
    """

    estimator: Any
    target: Target
    decision: Decision
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the result is called: "forest", "intensity-linear"..."""
        return str(self.card.get("name") or self.card.get("method") or type(self.estimator).__name__.lower())

    def placed(self, **places: object) -> Model:
        """This model, its feature steps told where `store` and `weights` lie on this machine."""
        known = self.estimator.get_params(deep=True) if hasattr(self.estimator, "get_params") else {}
        wanted = {name: name.rpartition("__")[2] for name in known if name.startswith("features__")}
        self.estimator.set_params(**{name: places[own] for name, own in wanted.items() if own in places})
        return self

    def predict(self, X: Input) -> Prediction:
        """One row a case; case ids are those of the cases or the table's index, else row numbers."""
        return self.decision.predict(case_ids(X), outputs(self.estimator, X, self.target))


def of_labels(calibrators: Sequence[Calibrator], proba: Floats) -> Floats:
    """Each column (n, k) through the calibrator of its label, which is about two classes: without it, with it."""
    pairs = zip(calibrators, proba.T, strict=True)
    return np.column_stack([one.apply(np.column_stack([1 - p, p]))[:, 1] for one, p in pairs])


def case_ids(X: Input) -> NDArray[np.object_]:
    """(n,) names of the rows of X."""
    if isinstance(X, pd.DataFrame):
        names: Sequence[str] = [str(name) for name in X.index]
    elif isinstance(X, np.ndarray):
        names = [str(row) for row in range(len(X))]
    else:
        names = [case.case_id for case in X]
    found = np.empty(len(names), dtype=object)
    found[:] = names
    return found


def outputs(estimator: Any, X: Any, target: Target) -> Floats:
    """(n, k) probabilities in the order of `target.classes`, or (n, 1) values of a measurement.

    A class that was absent from the training cases has probability 0.
    """
    width = 1 if target.is_value else len(target.classes)
    if len(X) == 0:  # scikit-learn refuses tables without rows
        return np.zeros((0, width))
    if target.is_value:
        return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1, 1)
    learned = np.asarray(estimator.predict_proba(X), dtype=np.float64)
    if target.is_labels:
        return learned
    proba = np.zeros((len(learned), width))
    proba[:, np.asarray(estimator.classes_, dtype=np.intp)] = learned
    return proba


def choices(told: Mapping[str, Any]) -> list[str]:
    """What was chosen of a decision, in words, from `Decision.told()`; [] where it is the plain way."""
    said, criterion = [], told.get("criterion")
    if told.get("aggregation"):
        said.append(f"images of a patient combined by {told['aggregation']}")
    if told.get("calibrator"):
        said.append(f"probabilities recalibrated by {told['calibrator']}")
    if told.get("threshold") is not None:
        said.append(f"threshold {told['threshold']:.4g} ({criterion})")
    own = told.get("thresholds") or {}
    if any(value != 0.5 for value in own.values()):
        each = ", ".join(f"{name} {value:.4g}" for name, value in own.items())
        said.append(f"thresholds {each} ({criterion})")
    return said
