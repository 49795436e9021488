"""What a design of several splits tested, fold by fold and repeat by repeat, with the numbers each defines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isocenter.evaluation.shifted import shift_of
from isocenter.evaluation.weighing import calibration_measures, measures
from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import bootstrap, strata_of
from isocenter.metrics.estimation import Panel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel

# Of the whole: means over the classes, labels or pairs of grades that occur.
OVER_CLASSES = frozenset({"auc", "average_precision", "balanced_accuracy", "f1", "ordinal_c_index"})
DRAWS = 200  # bootstrap draws for a fold's sampling variance, which is then averaged over the folds


@dataclass(frozen=True, eq=False)
class Fold:
    """What one split tested: panel of its cases, and their patients, (n,) codes."""

    panel: Panel
    patients: Ints

    @cached_property
    def values(self) -> dict[Key, float]:
        """Every metric of this fold; NaN where it is not defined."""
        found = self.panel.measures(np.ones(len(self.patients)))
        return {key: float(value) for key, value in found.items()}

    def variances(self, seed: int) -> dict[Key, float]:
        """Sampling variance of each metric, the model as it is: bootstrap of this fold's patients."""
        panel = self.panel
        strata = strata_of(self.patients, panel.reference) if isinstance(panel, ClassPanel) else None
        within = panel.within_class if strata is not None else frozenset()
        found: dict[Key, float] = {}
        for keys, classes in ((within, strata), (set(panel.keys) - within, None)):
            if keys:
                drawn = bootstrap(
                    lambda weights, keys=keys: panel.measures(weights, keys),  # type: ignore[misc]
                    self.patients,
                    draws=DRAWS,
                    seed=seed,
                    strata=classes,
                )
                found |= {key: _variance(values) for key, values in drawn.items()}
        return found


def _variance(drawn: Floats) -> float:
    known = drawn[np.isfinite(drawn)]
    return float(known.var(ddof=1)) if len(known) > 1 else math.nan


@dataclass(frozen=True, eq=False)
class Repeat:
    """All cases of one repeat: their panel, patients (n,) codes, and fold (n,) codes 0..k-1."""

    panel: Panel
    patients: Ints
    fold: Ints

    @cached_property
    def whole(self) -> dict[Key, float]:
        """Every number of the pooled cases."""
        return {key: float(v) for key, v in measures(self.panel, np.ones(len(self.fold))).items()}

    @cached_property
    def shares(self) -> dict[Key, Floats]:
        """(k,) what each fold brings to a pooled number: jackknife pseudo-values K x - (K - 1) x without the fold."""
        k = int(self.fold.max()) + 1
        without = (self.fold[None, :] != np.arange(k)[:, None]).astype(np.float64)
        found = measures(self.panel, without)
        return {key: k * self.whole[key] - (k - 1) * values for key, values in found.items()}

    def variances(self, seed: int) -> dict[Key, float]:
        """Sampling variance of the pooled numbers, the models as they are."""
        drawn = bootstrap(lambda w: measures(self.panel, w), self.patients, draws=DRAWS, seed=seed)
        return {key: _variance(values) for key, values in drawn.items()}


@dataclass(frozen=True, eq=False)
class Folded:
    """All folds and repeats of a design; draws 0: no variances."""

    folds: Sequence[Fold]
    repeats: Sequence[Repeat]
    seed: int = 0
    draws: int = DRAWS

    @cached_property
    def sizes(self) -> tuple[float, float]:
        """Patients learned from and tested, means over the folds; those of a repeat not tested are learned from."""
        n_patients = sum(int(repeat.patients.max()) + 1 for repeat in self.repeats)
        n_test = float(np.mean([len(np.unique(fold.patients)) for fold in self.folds]))
        return max(n_patients / len(self.repeats) - n_test, 1.0), n_test

    @property
    def whole(self) -> Panel:
        """The first repeat's cases, each once."""
        return self.repeats[0].panel

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        """Metrics of the panel, then those of calibration."""
        ones = np.ones(len(self.repeats[0].fold))
        return (*self.whole.keys, *calibration_measures(self.whole, ones))

    @cached_property
    def values(self) -> dict[Key, Floats]:
        """(J,) value of each metric in each fold; NaN where the fold does not define it."""
        found = {key: np.array([fold.values.get(key, math.nan) for fold in self.folds]) for key in self.whole.keys}
        if not isinstance(self.whole, ValuePanel):
            present = len(self.whole.present)
            lacking = [len(f.panel.present) < present for f in self.folds if not isinstance(f.panel, ValuePanel)]
            for key in self.whole.keys:
                if key[1] is None and key[0] in OVER_CLASSES:
                    found[key] = np.where(lacking, math.nan, found[key])
        return found

    @cached_property
    def variances(self) -> dict[Key, Floats]:
        """(J,) sampling variance of each metric in each fold."""
        each = [fold.variances(self.seed) if self.draws else {} for fold in self.folds]
        return {key: np.array([one.get(key, math.nan) for one in each]) for key in self.whole.keys}

    def shift(self, key: Key) -> float:
        """What another share of events in the sample would do to the decisions."""
        return shift_of(self.whole, self.repeats[0].patients, key)

    @cached_property
    def of_repeat(self) -> dict[Key, float]:
        """Sampling variance of what is pooled within a repeat."""
        return self.repeats[0].variances(self.seed) if self.draws else dict.fromkeys(self.keys, math.nan)
