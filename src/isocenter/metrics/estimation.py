"""Value and 95 % interval of every metric of a panel; the unit is the patient.

| metric | one case a patient | several |
| --- | --- | --- |
| accuracy, sensitivity, specificity, PPV, NPV | Wilson | Wilson, with as many cases as the draws are worth |
| AUC | DeLong on the logit scale; Newcombe with few, and at 0 and 1 | draws, logit scale; Newcombe with few |
| F1 | Wilson, of hits among the cases that are or were called | draws, logit scale |
| kappa | closed form | draws, Fisher's z |
| means over classes or labels: balanced accuracy, macro AUC, macro F1 | from the classes' intervals | the same |
| partial AUC | Wilson between its ends, with as many events as the draws are worth | the same |
| average precision, c-index, R2, correlations | draws, on the scale of their bounds | the same |
| Brier and ranked probability score, MAE, RMSE and other losses | draws, corrected for skewness | the same |
| Bland and Altman's bias | Student's t | by patients |
| ... limits of agreement | from the draws' intervals of bias and standard deviation | closed form, by patients |

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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import Percentiles, bootstrap, strata_of
from isocenter.metrics.closed import EventPanel, Panel, closed_forms, of_f1
from isocenter.metrics.drawn import (
    BELOW_ONE,
    CORRELATION,
    FREE,
    POSITIVE,
    SHARE,
    Bounds,
    interval_of_draws,
    interval_of_loss,
    interval_of_share,
)
from isocenter.metrics.grade_panel import CUMULATIVE, GradePanel
from isocenter.metrics.intervals import NONE, Interval, mover, newcombe
from isocenter.metrics.label_panel import MACRO, LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel
from isocenter.metrics.ranking import SCREENED

__all__ = ["TELLING", "Estimated", "EventPanel", "Panel", "draws_of", "estimate"]

Mask = NDArray[np.bool_]

_SHARES = frozenset({"accuracy", "sensitivity", "specificity", "ppv", "npv"})
# A mean over the classes that occur, and what of each class it is the mean of.
_MEANS = {"balanced_accuracy": "sensitivity", "auc": "auc", "f1": "f1"}
_BOUNDS: dict[str, Bounds] = {
    **dict.fromkeys(("average_precision", "f1", "micro_f1", "ordinal_c_index"), SHARE),
    **dict.fromkeys(("spearman", "ccc", "kappa_quadratic", "kappa_linear"), CORRELATION),
    "r2": BELOW_ONE,
    "median_absolute_error": POSITIVE,
}
# What one and the same prediction for everybody brings to 0.5, or 0, in every sample.
TELLING = {"balanced_accuracy", "partial_auc", "kappa_quadratic", "kappa_linear", "ccc"}
_DUST = 1e-12  # of rounding
_AGREEMENT = ("agreement_low", "agreement_high")
# Means of losses, or (2) roots of a mean of squares.
_LOSSES = {"brier": 1, "rps": 1, "grade_error": 1, "hamming_loss": 1, "mae": 1, "rmse": 2}
# Fewer patients of a kind: the spread of an AUC's draws is a guess. Newcombe, with patients for cases, then
# covers 97 to 100 % in simulation; from here on the draws, with Student's t of the rarer kind, 91 to 99 %.
FEW_PATIENTS = 5
# Patients that a c-index rests on, at the least: with fewer Student's t makes no interval.
FEW_GRADED = 4


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
    if flat := _tells_nobody_apart(panel):  # without the dust of rounding
        values |= {key: 0.0 for key, value in values.items() if key[0] in TELLING and abs(value) < _DUST}
    found = {key: Estimated(value) for key, value in values.items()}
    n_patients = int(patients.max()) + 1
    if isinstance(panel, ValuePanel) and 1 < n_patients < len(patients):  # some values, too, are by patient
        found |= {key: Estimated(value) for key, (value, _) in closed_forms(panel, values, patients).items()}
    if draws == 0 or n_patients < 2:
        return found
    known = {key: Estimated(*one) for key, one in closed_forms(panel, values, patients).items()}
    if isinstance(panel, LabelPanel):
        for k, label in enumerate(panel.labels):
            own = estimate(label, patients, draws=draws, seed=seed)
            known |= {(name, k): one for (name, _), one in own.items()}
    defined = [key for key, value in values.items() if not math.isnan(value) and key not in known]
    means = {key: parts for key in defined if (parts := _parts(panel, key))}
    together = {part for key, parts in means.items() if not _independent(panel, key, patients) for part in parts}
    rest = [key for key in defined if key not in means]
    sample = _Sample(panel, patients, values, draws_of(panel, patients, {*rest, *together}, draws=draws, seed=seed))
    known |= {key: Estimated(values[key], *_from_draws(sample, key)) for key in rest}
    found |= known | {key: _mean(sample, key, parts, known) for key, parts in means.items()}
    if flat:
        found |= {key: replace(found[key], interval=_certain(values[key])) for key in found if key[0] in TELLING}
    return found


def _tells_nobody_apart(panel: Panel) -> bool:
    """One and the same prediction for everybody; of labels each is asked by itself."""
    if isinstance(panel, LabelPanel):
        return False
    return not np.ptp(panel.predicted if isinstance(panel, ValuePanel) else panel.proba, axis=0).any()


def _certain(value: float) -> Interval:
    return NONE if math.isnan(value) else Interval(value, value, "constant-scores")


def draws_of(panel: Panel, patients: Ints, keys: Collection[Key], *, draws: int, seed: int) -> dict[Key, Floats]:
    """Values (draws,) of these metrics in draws of patients; stratified by class where they allow it.

    Panels of the same cases meet the same draws, if the seed is the same.
    """
    strata = strata_of(patients, panel.reference) if isinstance(panel, ClassPanel) else None
    stratified = set(keys) & panel.within_class if strata is not None else set()
    found: dict[Key, Floats] = {}
    for some, classes in ((stratified, strata), (set(keys) - stratified, None)):
        if some:

            def measures(weights: Floats, some: set[Key] = some) -> dict[Key, Floats]:
                return panel.measures(weights, some)

            found |= bootstrap(measures, patients, draws=draws, seed=seed, strata=classes)
    return found


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

    def sizes(self, rows: Mask) -> Ints:
        """(k,) cases among these rows, of each patient that has any."""
        return np.unique(self.patients[rows], return_counts=True)[1]


def _from_draws(sample: _Sample, key: Key) -> Percentiles:
    """The scheme of a metric that has no closed form: see the table above."""
    (name, _), panel, value = key, sample.panel, sample.values[key]
    if name in _LOSSES:
        return _of_loss(sample, key)
    if isinstance(panel, ClassPanel):
        if name in ("auc", CUMULATIVE):
            return _of_area(sample, panel, key)
        if name == "partial_auc":
            return _of_partial_area(sample, panel, key)
        if name in _SHARES and (share := panel.share(key)):
            return interval_of_share(value, sample.drawn[key], sample.sizes(share[0]))
    if name in _AGREEMENT:
        return _of_agreement(sample, key)
    if name == "exact_match":
        return interval_of_share(value, sample.drawn[key], sample.sizes(np.ones(len(sample.patients), dtype=bool)))
    if isinstance(panel, ClassPanel) and value in (0.0, 1.0) and name in ("f1", "average_precision"):
        return _at_the_edge(sample, panel, key)
    patients = sample.n_patients
    if name == "ordinal_c_index" and isinstance(panel, GradePanel):
        # A mean over pairs of grades, so the rarest counts as much as any other.
        rarest = min(len(sample.sizes(panel.reference == code)) for code in panel.present)
        patients = min(max(2 * rarest, FEW_GRADED), patients)
    return interval_of_draws(value, sample.drawn[key], patients, _BOUNDS.get(name, FREE))


def _of_loss(sample: _Sample, key: Key) -> Percentiles:
    name, panel, draws, power, most = key[0], sample.panel, sample.drawn[key], _LOSSES[key[0]], math.inf
    if isinstance(panel, ClassPanel):
        most = {"brier": 2.0 if panel.positive is None else 1.0, "rps": 1.0}.get(name, panel.n_classes - 1.0)
        # The average precision of every class is undefined in draws of a single class.
        kinds = [values for (other, _), values in sample.drawn.items() if other == "average_precision"]
        draws = np.where(np.isfinite(kinds).any(axis=0), draws, np.nan) if kinds else np.full(len(draws), np.nan)
    if name == "hamming_loss":
        most = 1.0
    found = interval_of_loss(sample.values[key] ** power, draws**power, sample.n_patients, most)
    return _root(found) if power > 1 else found


def _root(found: Percentiles) -> Percentiles:
    low, high, how = found.interval
    return found if found.interval is NONE else found._replace(interval=Interval(math.sqrt(low), math.sqrt(high), how))


def _of_agreement(sample: _Sample, key: Key) -> Percentiles:
    """A limit of agreement, bias -+ a multiple of the standard deviation, from the intervals of these two."""
    low, high = (sample.values[name, None] for name in _AGREEMENT)
    low_draws, high_draws = (sample.drawn[name, None] for name in _AGREEMENT)
    biases, spreads = (low_draws + high_draws) / 2, (high_draws - low_draws) / 2
    bias = interval_of_draws((low + high) / 2, biases, sample.n_patients)
    spread = _root(interval_of_loss(((high - low) / 2) ** 2, spreads**2, sample.n_patients))
    if NONE in (bias.interval, spread.interval):
        return spread._replace(interval=NONE)
    known = np.isfinite(spreads)
    own, signs = ((low + high) / 2, (high - low) / 2), (1.0, -1.0 if key[0] == _AGREEMENT[0] else 1.0)
    together = np.corrcoef(biases[known], spreads[known])
    return spread._replace(interval=mover(own, [bias.interval, spread.interval], signs, together))


def _of_area(sample: _Sample, panel: ClassPanel, key: Key) -> Percentiles:
    """AUC where patients have several cases."""
    (name, k), draws = key, sample.drawn[key]
    if name == CUMULATIVE and isinstance(panel, GradePanel) and k is not None:
        reached, scores = panel.step(k)
        event = reached == 1
    else:
        event, scores = panel.is_event(k), panel.scores(k)
    if scores.min() == scores.max():
        return Percentiles(Interval(0.5, 0.5, "constant-scores"), 0, 0)
    n_events, n_others = (len(sample.sizes(rows)) for rows in (event, ~event))
    if (fewer := min(n_events, n_others)) >= FEW_PATIENTS:
        found = interval_of_draws(sample.values[key], draws, fewer, SHARE)
        if found.interval is not NONE:
            return found
    return Percentiles(newcombe(sample.values[key], n_events, n_others)._replace(how="newcombe-patients"), 0, 0)


def _of_partial_area(sample: _Sample, panel: ClassPanel, key: Key) -> Percentiles:
    """Partial AUC, as the share of events above the others that it is on average: Wilson's, on what it can be.

    The logit between its ends gave slivers near the lower one (0.469 to 0.478), which held the truth in 81 to 93 %.
    It is worth no more events than there are. With several cases a patient it hangs on the rarer kind, as the AUC does.
    """
    event, (least, most), patients = panel.is_event(key[1]), SCREENED, sample.n_patients
    if patients < len(sample.patients):
        patients = min(len(sample.sizes(event)), len(sample.sizes(~event)))
    share, draws = (np.clip((x - least) / (most - least), 0, 1) for x in (sample.values[key], sample.drawn[key]))
    found = interval_of_share(float(share), draws, sample.sizes(event), drawn=patients)
    low, high, how = found.interval
    return found._replace(interval=Interval(least + (most - least) * low, least + (most - least) * high, how))


def _at_the_edge(sample: _Sample, panel: ClassPanel, key: Key) -> Percentiles:
    """Where every draw says 0 or 1: as of a share, of hits, or of events that stand before all others."""
    (name, k), value = key, sample.values[key]
    counted = panel.is_event(k) | panel.is_called(k) if name == "f1" else panel.is_event(k)
    found = interval_of_share(value, sample.drawn[key], sample.sizes(counted))
    return found._replace(interval=of_f1(found.interval)) if name == "f1" else found


def _parts(panel: Panel, key: Key) -> list[Key]:
    """What of each class that occurs a mean over the classes is made of; nothing if the key is no such mean."""
    name, k = key
    if isinstance(panel, LabelPanel):
        return [(name, int(code)) for code in panel.present] if k is None and name in MACRO else []
    if isinstance(panel, ValuePanel):
        return []
    if name == "balanced_accuracy" and panel.positive is not None:
        return [("sensitivity", None), ("specificity", None)]
    of_mean = name == "balanced_accuracy" or (name in _MEANS and k not in panel.codes)
    return [(_MEANS[name], int(code)) for code in panel.present] if of_mean else []


def _independent(panel: Panel, key: Key, patients: Ints) -> bool:
    """The sensitivities of classes that no patient shares."""
    if key[0] != "balanced_accuracy" or not isinstance(panel, ClassPanel):
        return False
    return strata_of(patients, panel.reference) is not None


def _mean(sample: _Sample, key: Key, parts: list[Key], known: dict[Key, Estimated]) -> Estimated:
    """Mean over classes from their intervals, and their correlation in the draws (1 where these do not tell)."""
    value, found = sample.values[key], [known[part] for part in parts]
    if lacking := [part for part in found if part.interval is NONE]:
        worst = max(lacking, key=lambda part: part.undefined)
        return Estimated(value, NONE, worst.undefined, worst.draws)
    correlation = None
    if not _independent(sample.panel, key, sample.patients):
        draws = np.array([sample.drawn[part] for part in parts])
        draws = draws[:, np.isfinite(draws).all(axis=0)]
        correlation = np.ones((len(parts), len(parts)))
        if draws.shape[1] > 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                correlation = np.atleast_2d(np.nan_to_num(np.corrcoef(draws), nan=1.0))
    own, factors = [part.value for part in found], np.full(len(parts), 1 / len(parts))
    return Estimated(value, mover(own, [part.interval for part in found], factors, correlation))
