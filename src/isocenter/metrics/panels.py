"""All metrics of a task at once, for the cases as they are or for a block of bootstrap draws.

A panel holds what every draw shares (sorted scores, indicator columns) and knows of each metric
what its interval needs: which cases it is a share of, and whether it depends on the prevalence.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints, ratio
from isocenter.metrics import classification as c
from isocenter.metrics import regression as r
from isocenter.metrics.differences import limits_of
from isocenter.metrics.ranking import AREAS, SMALL, Ranking

# A metric and the class (code) it is about; None: the whole, or the positive class of two.
Key = tuple[str, int | None]
Mask = NDArray[np.bool_]

_OF_A_CLASS = {"sensitivity": c.sensitivity, "specificity": c.specificity, "ppv": c.ppv, "npv": c.npv, "f1": c.f1}
_RANKED = ("auc", "average_precision")


_OF_VALUES = (
    "r2", "mae", "rmse", "spearman", "median_absolute_error", "ccc", "bias", "agreement_low", "agreement_high",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ClassPanel:
    """Classification.

    reference, decided: (n,) codes 0..k-1; proba: (n, k); positive: code of the positive class
    of two, None for more (then each class stands against the rest, and "auc" and "f1" of None
    are the mean over the classes that occur).
    """

    reference: Ints
    decided: Ints
    proba: Floats
    positive: int | None = None

    @property
    def n_classes(self) -> int:
        return int(self.proba.shape[1])

    @cached_property
    def codes(self) -> dict[int | None, int]:
        """Class of a key -> code: the positive one alone, or all."""
        return {k: k for k in range(self.n_classes)} if self.positive is None else {None: self.positive}

    @cached_property
    def present(self) -> Ints:
        """Codes that occur in the reference."""
        return np.unique(self.reference)

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Every metric, in the order of a table of results."""
        if self.positive is not None:
            names = ("auc", "average_precision", "accuracy", "balanced_accuracy", *_OF_A_CLASS, "brier")
            return tuple((name, None) for name in names)
        whole = tuple((name, None) for name in ("auc", "accuracy", "balanced_accuracy", "f1", "brier"))
        return whole + tuple((name, k) for k in self.codes for name in (*_RANKED, *_OF_A_CLASS))

    @cached_property
    def optional(self) -> tuple[Key, ...]:
        """Metrics that are measured only where they are asked for."""
        return tuple(("partial_auc", k) for k in self.codes)

    @cached_property
    def within_class(self) -> frozenset[Key]:
        """Keys that do not depend on how frequent the classes are: draws may be stratified.

        With more than two classes specificity and AUC depend on the mixture of the others.
        """
        names = {"auc", "sensitivity", "specificity"} if self.positive is not None else {"sensitivity"}
        return frozenset(k for k in self.keys if k[0] in names and k[1] in self.codes) | {("balanced_accuracy", None)}

    def is_event(self, k: int | None) -> Mask:
        """(n,) cases of the class of a key."""
        return np.asarray(self.reference == self.codes[k])

    def is_called(self, k: int | None) -> Mask:
        return np.asarray(self.decided == self.codes[k])

    def scores(self, k: int | None) -> Floats:
        return self.proba[:, self.codes[k]]

    def events_of(self, key: Key) -> int | None:
        """Cases that a number is about; None where it is about several classes."""
        return int(self.is_event(key[1]).sum()) if key[1] in self.codes else None

    def name_of(self, key: Key, classes: tuple[str, ...]) -> str | None:
        """What the class of a key is called; None for the whole."""
        return None if key[1] is None else classes[key[1]]

    def share(self, key: Key) -> tuple[Mask, Mask] | None:
        """(cases counted, those of them that succeed) of a metric that is a share, else None.

        F1 = 2 J / (1 + J) is not one, but J is: hits among the cases that are or were called.
        """
        name, k = key
        if name == "accuracy":
            return np.ones(len(self.reference), dtype=bool), self.reference == self.decided
        if name not in _OF_A_CLASS or k not in self.codes:
            return None
        event, called = self.is_event(k), self.is_called(k)
        trials = {"sensitivity": event, "specificity": ~event, "ppv": called, "npv": ~called, "f1": event | called}
        return trials[name], trials[name] & (event == called)

    @cached_property
    def _columns(self) -> Floats:
        losses = c.brier_losses(self.reference, self.proba, self.positive)
        return np.column_stack([c.indicators(self.reference, self.decided, self.n_classes), losses])

    @cached_property
    def _rankings(self) -> dict[int | None, Ranking]:
        return {k: Ranking.of(self.scores(k), self.is_event(k)) for k in self.codes}

    def measures(self, weights: Floats, wanted: Collection[Key] | None = None) -> dict[Key, Floats]:
        """Values (...) of the wanted keys (None: all but the optional) under case weights (..., n)."""
        chosen = set(self.keys if wanted is None else wanted)
        found = self._ranked(weights, chosen)
        if not chosen <= set(found):
            found |= self._decisions(*self._tally(weights))
        return {key: found[key] for key in self.keys + self.optional if key in chosen}

    def _tally(self, weights: Floats) -> tuple[c.Tally, Floats]:
        """The classes' tally and the summed losses (...)."""
        if weights.ndim < 2 or weights.size <= SMALL:
            sums = weights @ self._columns
            return c.tally_of(sums[..., :-1]), sums[..., -1]
        from isocenter.metrics.kernels import tally  # imports numba

        k = self.n_classes
        rows = np.ascontiguousarray(weights, dtype=np.float64).reshape(-1, weights.shape[-1])
        found = np.empty((len(rows), k * k + 1))
        tally(rows, *self._cells, found)
        cells = found[:, :-1].reshape(*weights.shape[:-1], k, k)
        sides = np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(axis=-1), cells.sum(axis=-2)
        return c.tally_of(np.concatenate(sides, axis=-1)), found[:, -1].reshape(weights.shape[:-1])

    @cached_property
    def _cells(self) -> tuple[NDArray[np.int32], Floats]:
        """Each case's cell of the confusion matrix, and its loss."""
        cells = (self.reference * self.n_classes + self.decided).astype(np.int32)
        return cells, np.ascontiguousarray(self._columns[:, -1])

    def _decisions(self, tally: c.Tally, losses: Floats) -> dict[Key, Floats]:
        found: dict[Key, Floats] = {("brier", None): ratio(losses, tally.total[..., 0])}
        for name, metric in _OF_A_CLASS.items():
            values = metric(tally)
            found |= {(name, k): values[..., code] for k, code in self.codes.items()}
        there = tally.of(self.present)
        if self.positive is None:
            found["f1", None] = c.f1(there).mean(axis=-1)
        return found | {("accuracy", None): c.accuracy(tally), ("balanced_accuracy", None): c.balanced_accuracy(there)}

    def _ranked(self, weights: Floats, chosen: set[Key]) -> dict[Key, Floats]:
        macro = self.positive is None and ("auc", None) in chosen
        found: dict[Key, Floats] = {}
        for k, code in self.codes.items():
            names = [n for n in AREAS if (n, k) in chosen or (n == "auc" and macro and code in self.present)]
            if names:
                found |= {(name, k): area for name, area in self._rankings[k].areas(weights, names).items()}
        if macro:
            found["auc", None] = np.asarray(np.mean([found["auc", int(k)] for k in self.present], axis=0))
        return found


@dataclass(frozen=True, eq=False)
class ValuePanel:
    """Regression.

    reference, predicted: (n,).
    """

    reference: Floats
    predicted: Floats
    keys: tuple[Key, ...] = field(default=tuple((name, None) for name in _OF_VALUES))
    within_class: frozenset[Key] = frozenset()

    @cached_property
    def _columns(self) -> Floats:
        return r.error_columns(self.reference, self.predicted)

    @cached_property
    def _rankings(self) -> tuple[Ranking, Ranking]:
        return Ranking.of(self.reference), Ranking.of(self.predicted)

    def measures(self, weights: Floats, wanted: Collection[Key] | None = None) -> dict[Key, Floats]:
        """Values (...) of the wanted keys (None: all) under case weights (..., n)."""
        sums = weights @ self._columns
        found: dict[Key, Floats] = {
            ("r2", None): r.r2_of(sums),
            ("mae", None): r.mae_of(sums),
            ("rmse", None): r.rmse_of(sums),
        }
        found |= self._agreement(r.moments_of(sums))
        if wanted is None or ("spearman", None) in wanted:
            found["spearman", None] = r.spearman_of(*self._rankings, weights)
        if wanted is None or ("median_absolute_error", None) in wanted:
            found["median_absolute_error", None] = r.median_error_of(self._errors, weights)
        return {key: found[key] for key in self.keys if wanted is None or key in wanted}

    @cached_property
    def _errors(self) -> Ranking:
        return Ranking.of(-np.abs(self.predicted - self.reference))

    @staticmethod
    def _agreement(m: r.Moments) -> dict[Key, Floats]:
        """Lin's concordance; Bland and Altman's bias and limits, each case counting the same."""
        low, high = limits_of(m)
        return {("ccc", None): r.ccc(m), ("bias", None): m.bias, ("agreement_low", None): low,
                ("agreement_high", None): high}  # fmt: skip
