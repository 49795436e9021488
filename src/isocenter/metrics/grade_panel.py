"""All metrics of grades in order: those of classes, and those that know that a near miss is a near miss."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isocenter.metrics import Floats, Ints, agreement, ordinal, ratio
from isocenter.metrics.intervals import Interval
from isocenter.metrics.panels import ClassPanel, Key
from isocenter.metrics.ranking import Ranking, auc_of

_KAPPAS: dict[str, agreement.Weighting] = {"kappa_quadratic": "quadratic", "kappa_linear": "linear"}
_WHOLE = ("ordinal_c_index", *_KAPPAS, "grade_error", "rps")
CUMULATIVE = "cumulative_auc"


@dataclass(frozen=True, eq=False)
class GradePanel(ClassPanel):
    """A `ClassPanel` whose codes are in order; it has no positive class.

    "cumulative_auc" of class k is about grade k or more against less, for k from 1. The score of
    "ordinal_c_index" is the expected grade.
    """

    @cached_property
    def own(self) -> tuple[Key, ...]:
        """Metrics that classes without an order do not have."""
        return *((name, None) for name in _WHOLE), *((CUMULATIVE, k) for k in range(1, self.n_classes))

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        return self.own + super().keys

    @cached_property
    def within_class(self) -> frozenset[Key]:
        """As in `ClassPanel`; the c-index compares grades pair by pair, whatever their frequencies."""
        return super().within_class | {("ordinal_c_index", None)}

    def events_of(self, key: Key) -> int | None:
        """Cases that a number is about: of the class, or of it and those above."""
        if key[0] == CUMULATIVE and key[1] is not None:
            return int((self.reference >= key[1]).sum())
        return super().events_of(key)

    def name_of(self, key: Key, classes: tuple[str, ...]) -> str | None:
        name = super().name_of(key, classes)
        return f"≥ {name}" if key[0] == CUMULATIVE else name

    def kappa_interval(self, name: str) -> Interval:
        """Of one of the kappas, for one case a patient."""
        return agreement.cohen_interval(self.reference, self.decided, self.n_classes, _KAPPAS[name])

    @cached_property
    def _pairs(self) -> dict[str, Floats]:
        return {
            name: agreement.pair_columns(self.reference, self.decided, self.n_classes, weighting)
            for name, weighting in _KAPPAS.items()
        }

    @cached_property
    def _losses(self) -> Floats:
        """(n, 2) distance in grades, ranked probability score."""
        far = np.abs(self.decided - self.reference)
        return np.column_stack([far, ordinal.rps_losses(self.reference, self.proba)])

    @cached_property
    def _graded(self) -> ordinal.GradedRanking:
        return ordinal.GradedRanking.of(self.reference, ordinal.expected_grade(self.proba))

    @cached_property
    def _steps(self) -> tuple[Ranking, ...]:
        scores = ordinal.at_least(self.proba).T
        return tuple(Ranking.of(own, self.reference > k) for k, own in enumerate(scores))

    def measures(self, weights: Floats, wanted: Collection[Key] | None = None) -> dict[Key, Floats]:
        """Values (...) of the wanted keys (None: all but the optional) under case weights (..., n)."""
        chosen = set(self.keys if wanted is None else wanted)
        others = chosen - set(self.own)
        found = super().measures(weights, others) if others else {}
        errors, scores = np.moveaxis(ratio(weights @ self._losses, weights.sum(axis=-1)[..., None]), -1, 0)
        found |= {("grade_error", None): errors, ("rps", None): scores}
        for name, weighting in _KAPPAS.items():
            if (name, None) in chosen:
                found[name, None] = agreement.kappa_of_columns(weights @ self._pairs[name], weighting)
        if ("ordinal_c_index", None) in chosen:
            found["ordinal_c_index", None] = self._graded.orc(weights)
        for k, ranking in enumerate(self._steps, start=1):
            if (CUMULATIVE, k) in chosen:
                found[CUMULATIVE, k] = auc_of(*ranking.tally(weights))
        return {key: found[key] for key in self.keys + self.optional if key in chosen}

    def step(self, k: int) -> tuple[Ints, Floats]:
        """(n,) whether a case is of grade k or more, and the probability of it."""
        return (self.reference >= k).astype(np.int64), ordinal.at_least(self.proba)[:, k - 1]
