"""Value and 95 % interval of every metric of a panel; the unit is the patient.

| metric | one case a patient | several |
| --- | --- | --- |
| accuracy, sensitivity, specificity, PPV, NPV | Wilson | Wilson, with the cases that the draws are worth |
| AUC | DeLong on the logit scale; Newcombe with few, and at 0 and 1 | draws, logit scale; Newcombe with few |
| F1 | Wilson, of hits among the cases that are or were called | draws, logit scale |
| means over classes: balanced accuracy, macro AUC, macro F1 | from the classes' intervals | from the classes' |
| average precision, partial AUC, R2, correlations | draws, on the scale of their bounds | the same |
| Brier score, MAE, RMSE | draws, corrected for skewness | the same |

- Draws are of patients, each with all of its cases; stratified by class only for what does not depend on
  the prevalence, and only if no patient has cases of two classes.
- Where all draws agree (no error was made, or no hit) they would claim certainty: a closed form with
  patients for cases takes their place ("newcombe-patients", "wilson-patients"), or there is none.
- The means over classes take each class's own interval, which has width where a class was always or never
  hit, and the correlation of the classes from the draws. Draws of the mean itself covered 84 % for the
  macro F1 of 50 cases with a class of 5.
- Draws with a single class leave the Brier score out: it is then another quantity. So it has no interval
  with fewer than about three patients outside the largest class; with fewer it covered 57 to 90 %.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import Percentiles, bootstrap, strata_of
from isocenter.metrics.drawn import (
    BELOW_ONE,
    CORRELATION,
    FREE,
    SHARE,
    Bounds,
    interval_of_draws,
    interval_of_loss,
    interval_of_share,
)
from isocenter.metrics.intervals import NONE, Interval, auc_interval, mover, newcombe, wilson
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel

Panel = ClassPanel | ValuePanel
Mask = NDArray[np.bool_]

_SHARES = frozenset({"accuracy", "sensitivity", "specificity", "ppv", "npv"})
_CLOSED = _SHARES | {"auc", "f1"}  # of independent cases; a mean over classes needs their draws
# A mean over the classes that occur, and what of each class it is the mean of.
_MEANS = {"balanced_accuracy": "sensitivity", "auc": "auc", "f1": "f1"}
_BOUNDS: dict[str, Bounds] = {
    "auc": SHARE,
    "average_precision": SHARE,
    "partial_auc": (0.9 / 1.9, 1.0),  # McClish's scale below a false-alarm rate of 0.1
    "f1": SHARE,
    "r2": BELOW_ONE,
    "spearman": CORRELATION,
}
# Means of losses, or the root of a mean of squares.
_LOSSES = {"brier": 1, "mae": 1, "rmse": 2}
# Fewer patients of a kind: the spread of an AUC's draws is a guess. Newcombe, with patients for cases, then
# covers 97 to 100 % in simulation; from here on the draws, with Student's t of the rarer kind, 91 to 99 %.
FEW_PATIENTS = 5


@dataclass(frozen=True, slots=True)
class Estimated:
    """value, its interval, and the bootstrap draws (of how many) in which it was not defined."""

    value: float
    interval: Interval = NONE
    undefined: int = 0
    draws: int = 0


def estimate(
    panel: Panel, patients: Ints, *, draws: int = 2000, seed: int = 0, also: Collection[Key] = ()
) -> dict[Key, Estimated]:
    """Every metric of the panel, and optional ones. patients: (n,) codes 0..p-1; draws 0: values without intervals."""
    values = {k: float(v) for k, v in panel.measures(np.ones(len(patients)), (*panel.keys, *also)).items()}
    found = {key: Estimated(value) for key, value in values.items()}
    if draws == 0 or patients.max() < 1:
        return found
    sample = _Sample(panel, patients, values, _drawn(panel, patients, values, draws, seed))
    defined = [key for key, value in values.items() if not math.isnan(value)]
    return found | {key: Estimated(values[key], *_interval(sample, key)) for key in defined}


@dataclass(frozen=True, eq=False)
class _Sample:
    """What was seen, and the bootstrap draws of what needs them."""

    panel: Panel
    patients: Ints
    values: dict[Key, float]
    drawn: dict[Key, Floats]

    @property
    def n_patients(self) -> int:
        return int(self.patients.max()) + 1

    @property
    def alone(self) -> bool:
        """One case a patient."""
        return self.n_patients == len(self.patients)

    def sizes(self, rows: Mask) -> Ints:
        """(k,) cases among these rows, of each patient that has any."""
        return np.unique(self.patients[rows], return_counts=True)[1]


def _drawn(panel: Panel, patients: Ints, values: dict[Key, float], draws: int, seed: int) -> dict[Key, Floats]:
    """Free draws of what closed forms do not answer; stratified ones for the keys that allow it."""
    wanted = {key for key, value in values.items() if not math.isnan(value)}
    strata = None
    if isinstance(panel, ClassPanel):
        strata = strata_of(patients, panel.reference)
        means = {key for key in wanted if _parts(panel, key)}
        alone = patients.max() + 1 == len(patients)
        closed = {key for key in wanted if alone and key[0] in _CLOSED}
        together = {part for key in means if not _independent(panel, key, patients) for part in _parts(panel, key)}
        wanted = (wanted - means - closed) | together
    stratified = wanted & panel.within_class if strata is not None else set()
    found: dict[Key, Floats] = {}
    for some, classes in ((stratified, strata), (wanted - stratified, None)):
        if some:

            def measures(weights: Floats, some: set[Key] = some) -> dict[Key, Floats]:
                return panel.measures(weights, some)

            found |= bootstrap(measures, patients, draws=draws, seed=seed, strata=classes)
    return found


def _interval(sample: _Sample, key: Key) -> Percentiles:
    """The scheme of a metric: see the table above."""
    (name, _), panel, value = key, sample.panel, sample.values[key]
    if name in _LOSSES:
        return _of_loss(sample, key)
    if isinstance(panel, ClassPanel):
        if parts := _parts(panel, key):
            return _of_mean(sample, panel, key, parts)
        if sample.alone and name in _CLOSED:
            return Percentiles(_closed(panel, key), 0, 0)
        if name == "auc":
            return _of_areas(sample, panel, key)
        if name in _SHARES and (share := panel.share(key)):
            return interval_of_share(value, sample.drawn[key], sample.sizes(share[0]))
    drawn = interval_of_draws(value, sample.drawn[key], sample.n_patients, _BOUNDS.get(name, FREE))
    if drawn.interval is NONE and drawn.undefined == 0 and isinstance(panel, ClassPanel):
        return drawn._replace(interval=_at_the_edge(sample, panel, key))
    return drawn


def _of_loss(sample: _Sample, key: Key) -> Percentiles:
    panel, draws, power, most = sample.panel, sample.drawn[key], _LOSSES[key[0]], math.inf
    if isinstance(panel, ClassPanel):
        most = 2.0 if panel.positive is None else 1.0
        # The average precision of every class is undefined in draws of a single class.
        kinds = [values for (other, _), values in sample.drawn.items() if other == "average_precision"]
        draws = np.where(np.isfinite(kinds).any(axis=0), draws, np.nan) if kinds else np.full(len(draws), np.nan)
    found = interval_of_loss(sample.values[key] ** power, draws**power, sample.n_patients, most)
    low, high, how = found.interval
    return found._replace(interval=Interval(low ** (1 / power), high ** (1 / power), how)) if power > 1 else found


def _of_areas(sample: _Sample, panel: ClassPanel, key: Key) -> Percentiles:
    """AUC where patients have several cases."""
    event, scores = panel.is_event(key[1]), panel.scores(key[1])
    n_events, n_others = (len(sample.sizes(rows)) for rows in (event, ~event))
    draws, fewer = sample.drawn[key], min(n_events, n_others)
    if scores.min() == scores.max():
        return Percentiles(auc_interval(event, scores), 0, len(draws))
    if fewer >= FEW_PATIENTS:
        found = interval_of_draws(sample.values[key], draws, fewer, SHARE)
        if found.interval is not NONE or found.undefined:
            return found
    interval = newcombe(sample.values[key], n_events, n_others)
    return Percentiles(interval._replace(how=f"{interval.how}-patients"), 0, len(draws))


def _of_mean(sample: _Sample, panel: ClassPanel, key: Key, parts: list[Key]) -> Percentiles:
    """Mean over classes from their intervals, and their correlation in the draws (1 where these do not tell)."""
    found = [_interval(sample, part) for part in parts]
    if lacking := [part for part in found if part.interval is NONE]:
        return max(lacking, key=lambda part: part.undefined)
    correlation = None
    if not _independent(panel, key, sample.patients):
        draws = np.array([sample.drawn[part] for part in parts])
        draws = draws[:, np.isfinite(draws).all(axis=0)]
        correlation = np.ones((len(parts), len(parts)))
        if draws.shape[1] > 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                correlation = np.atleast_2d(np.nan_to_num(np.corrcoef(draws), nan=1.0))
    values, shares = [sample.values[part] for part in parts], np.full(len(parts), 1 / len(parts))
    return Percentiles(mover(values, [part.interval for part in found], shares, correlation), 0, 0)


def _parts(panel: ClassPanel, key: Key) -> list[Key]:
    """What of each class that occurs a mean over the classes is made of; nothing if the key is no such mean."""
    name, k = key
    if name == "balanced_accuracy" and panel.positive is not None:
        return [("sensitivity", None), ("specificity", None)]
    of_mean = name == "balanced_accuracy" or (name in _MEANS and k not in panel.codes)
    return [(_MEANS[name], int(code)) for code in panel.present] if of_mean else []


def _independent(panel: ClassPanel, key: Key, patients: Ints) -> bool:
    """The sensitivities of classes that no patient shares."""
    return key[0] == "balanced_accuracy" and strata_of(patients, panel.reference) is not None


def _closed(panel: ClassPanel, key: Key) -> Interval:
    """For independent cases."""
    name, k = key
    if name == "auc":
        return auc_interval(panel.is_event(k), panel.scores(k))
    share = panel.share(key)
    assert share is not None
    interval = wilson(int(share[1].sum()), int(share[0].sum()))
    return _of_f1(interval) if name == "f1" else interval


def _of_f1(jaccard: Interval) -> Interval:
    low, high, how = jaccard
    return Interval(2 * low / (1 + low), 2 * high / (1 + high), how)


def _at_the_edge(sample: _Sample, panel: ClassPanel, key: Key) -> Interval:
    """Where every draw says 0 or 1, as of a share whose cases are patients: of hits, or of ordered events."""
    (name, k), value = key, sample.values[key]
    if value not in (0.0, 1.0) or name not in ("f1", "average_precision"):
        return NONE
    counted = panel.is_event(k) | panel.is_called(k) if name == "f1" else panel.is_event(k)
    interval = interval_of_share(value, np.full(1, value), sample.sizes(counted)).interval
    return _of_f1(interval) if name == "f1" else interval
