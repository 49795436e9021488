"""Value and interval of every metric from folds that share their training cases.

The folds of a cross-validation are neither one model nor independent, so no interval here treats
their pooled predictions as one sample. What a metric is, and how its interval is made:

- it is defined in every fold: the mean over the folds; with k-fold designs the corrected resampled
  t ("corrected-t"), with nested ones Bates, Hastie and Tibshirani's ("nested-cv");
- some fold does not define it (nothing was called positive, a class is absent): pooled within each
  repeat, the folds' shares in it by jackknife ("corrected-t-pooled"). What ranks cases is never
  pooled, as scores of different models are not on one scale: the mean over the folds that define it;
- sites left out in turn: a random-effects mean over sites ("hartung-knapp"), and what a site that
  was not seen may find ("prediction").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import bootstrap, strata_of
from isocenter.metrics.estimation import Estimated, Panel
from isocenter.metrics.intervals import NONE, Interval, delong
from isocenter.metrics.panels import ClassPanel, Key
from isocenter.metrics.pooling import Pooled, pool, steady_auc
from isocenter.metrics.resampling import corrected_t, nested

RANKS = frozenset({"auc", "average_precision", "spearman"})
OVER_CLASSES = frozenset({"auc", "balanced_accuracy", "f1"})  # of the whole: means over the classes that occur
DRAWS = 200  # bootstrap draws for one fold's sampling variance, which is then averaged over the folds
_LIMITS = {
    "mae": (0.0, np.inf), "rmse": (0.0, np.inf), "brier": (0.0, 2.0), "r2": (-np.inf, 1.0), "spearman": (-1.0, 1.0),
}  # fmt: skip


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
        """Sampling variance of each metric: of other patients, the model as it is (bootstrap of patients)."""
        panel = self.panel
        strata = strata_of(self.patients, panel.reference) if isinstance(panel, ClassPanel) else None
        within = panel.within_class if strata is not None else frozenset()
        found: dict[Key, float] = {}
        for keys, classes in ((within, strata), (set(panel.keys) - within, None)):
            if not keys:
                continue
            drawn = bootstrap(
                lambda w, some=keys: panel.measures(w, some),  # type: ignore[misc]
                self.patients,
                draws=DRAWS,
                seed=seed,
                strata=classes,
            )
            found |= {key: _variance(values) for key, values in drawn.items()}
        return found


def _variance(drawn: Floats) -> float:
    known = drawn[np.isfinite(drawn)]
    return float(known.var(ddof=1)) if len(known) > 1 else float("nan")


@dataclass(frozen=True, eq=False)
class Folded:
    """All folds of a design.

    pooled: of each repeat the panel of all cases, and the fold of each of them; ratio: cases tested
    to cases learned from.
    """

    folds: Sequence[Fold]
    pooled: Sequence[tuple[Panel, Ints]]
    ratio: float

    @property
    def whole(self) -> Panel:
        """The first repeat's cases, each once."""
        return self.pooled[0][0]

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        return tuple(self.whole.keys)

    @cached_property
    def values(self) -> dict[Key, Floats]:
        """(J,) value of each metric in each fold; NaN where the fold does not define it."""
        whole = self.whole
        found = {key: np.array([fold.values.get(key, np.nan) for fold in self.folds]) for key in self.keys}
        if isinstance(whole, ClassPanel):
            lacking = [len(f.panel.present) < len(whole.present) for f in self.folds if isinstance(f.panel, ClassPanel)]
            for key in self.keys:
                if key[1] is None and key[0] in OVER_CLASSES:
                    found[key] = np.where(lacking, np.nan, found[key])
        return found

    @cached_property
    def shares(self) -> dict[Key, Floats]:
        """(J,) pseudo-values of the metrics pooled within each repeat: K t - (K - 1) t without the fold."""
        found: dict[Key, list[float]] = {key: [] for key in self.keys}
        for panel, fold_of in self.pooled:
            k = int(fold_of.max()) + 1
            weights = np.vstack([np.ones(len(fold_of)), fold_of[None, :] != np.arange(k)[:, None]])
            for key, values in panel.measures(weights.astype(np.float64)).items():
                found[key] += (k * values[0] - (k - 1) * values[1:]).tolist()
        return {key: np.array(values) for key, values in found.items()}


def kfold(folded: Folded, key: Key) -> Estimated:
    """Mean over folds, or pooled within repeats; corrected resampled t."""
    values = folded.values[key]
    known = np.isfinite(values)
    if known.all() or key[0] in RANKS:
        return _corrected(values[known], folded.ratio, key, "corrected-t", int((~known).sum()))
    return pooled(folded, key)


def pooled(folded: Folded, key: Key) -> Estimated:
    """Pooled within repeats: the value is their mean, the interval from the folds' shares in it."""
    whole = [float(panel.measures(np.ones(len(f)), {key})[key]) for panel, f in folded.pooled]
    shares = folded.shares[key]
    found = _corrected(shares, folded.ratio, key, "corrected-t-pooled")
    return Estimated(float(np.mean(whole)), found.interval)


def _corrected(values: Floats, ratio: float, key: Key, how: str, undefined: int = 0) -> Estimated:
    if not values.size:
        return Estimated(float("nan"))
    interval = corrected_t(values, ratio) if np.isfinite(values).all() else NONE
    interval = interval if interval is NONE else interval._replace(how=how)
    return Estimated(float(values.mean()), _inside(interval, key), undefined)


def nested_cv(folded: Folded, key: Key, inner: Floats, variances: Floats) -> Estimated:
    """inner: (J,) the same number from each fold's own inner folds; variances: (J,) of each fold's value."""
    outer = folded.values[key]
    if not all(np.isfinite(a).all() for a in (outer, inner, variances)):
        return kfold(folded, key)
    repeats = len(folded.pooled)
    shape = (repeats, len(outer) // repeats)
    interval = nested(outer.reshape(shape), inner.reshape(shape), variances.reshape(shape))
    return Estimated(float(outer.mean()), _inside(interval, key))


def sites(folded: Folded, key: Key, seed: int) -> Pooled:
    """Random-effects mean over sites; `prediction` is the range for a site that was not seen.

    AUC and shares are pooled on the logit scale, moved off 0 and 1 where a site is there.
    """
    found = [_site(fold, key, seed) for fold in folded.folds]
    scale = "logit" if any(steady for *_, steady in found) else "identity"
    pooled_ = pool([value for value, *_ in found], [variance for _, variance, _ in found], scale=scale)
    return replace(pooled_, interval=_inside(pooled_.interval, key), prediction=_inside(pooled_.prediction, key))


def _site(fold: Fold, key: Key, seed: int) -> tuple[float, float, bool]:
    """A site's value, its sampling variance, and whether they are made for the logit scale."""
    panel, value = fold.panel, fold.values.get(key, float("nan"))
    if not np.isfinite(value):
        return float("nan"), float("nan"), False
    if isinstance(panel, ClassPanel) and key[0] == "auc" and key[1] in panel.codes:
        event = panel.is_event(key[1])
        alone = int(fold.patients.max()) + 1 == len(fold.patients)
        variance = delong(event, panel.scores(key[1]))[1] if alone else fold.variances(seed)[key]
        n_events, n_others = (len(np.unique(fold.patients[e])) for e in (event, ~event))
        return *steady_auc(value, variance, n_events, n_others), True
    if isinstance(panel, ClassPanel) and key[0] != "f1" and (counted := panel.share(key)) is not None:
        trials = len(np.unique(fold.patients[counted[0]]))
        moved = (value * trials + 0.5) / (trials + 1)
        return moved, moved * (1 - moved) / trials, True
    return value, fold.variances(seed)[key], False


def _inside(interval: Interval, key: Key) -> Interval:
    """No further than the metric can go."""
    if interval is NONE:
        return NONE
    low, high = _LIMITS.get(key[0], (0.0, 1.0))
    return interval._replace(low=max(interval.low, low), high=min(interval.high, high))
