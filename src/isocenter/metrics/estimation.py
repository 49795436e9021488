"""Value and 95 % interval of every metric of a panel; the unit is the patient.

- One case a patient: AUC by DeLong on the logit scale (Newcombe with few cases, and at 0 and 1),
  shares by Wilson, balanced accuracy from Wilson's distances; all else by bootstrap.
- Several cases a patient: everything by a bootstrap of patients. Draws are stratified by class only for
  what does not depend on the prevalence, and only if no patient has cases of two classes.
- Grades: kappas from their table where each patient has one case. Labels: each as two classes; what is over
  all labels by bootstrap. Measurements: Bland and Altman's bias and limits exactly (`differences`), and
  Lin's concordance where each patient has one case.
- Where all draws agree (no error was made, or no hit) percentiles would claim certainty: the
  closed form takes their place, counting patients for cases ("wilson-patients"), or there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import Percentiles, bootstrap, percentiles, strata_of
from isocenter.metrics.differences import bland_altman
from isocenter.metrics.grade_panel import CUMULATIVE, GradePanel
from isocenter.metrics.intervals import NONE, Interval, auc_interval, newcombe, wilson, wilson_mean
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel
from isocenter.metrics.regression import ccc_interval, moments

EventPanel = ClassPanel | LabelPanel
Panel = EventPanel | ValuePanel
_CLOSED = frozenset({"accuracy", "balanced_accuracy", "auc", "sensitivity", "specificity", "ppv", "npv"})


@dataclass(frozen=True, slots=True)
class Estimated:
    """value, its interval, and the bootstrap draws (of how many) in which it was not defined."""

    value: float
    interval: Interval = NONE
    undefined: int = 0
    draws: int = 0


def estimate(panel: Panel, patients: Ints, *, draws: int = 2000, seed: int = 0) -> dict[Key, Estimated]:
    """Every metric of the panel. patients: (n,) codes 0..p-1; draws 0: values without intervals."""
    values = {key: float(value) for key, value in panel.measures(np.ones(len(patients))).items()}
    found = {key: Estimated(value) for key, value in values.items()}
    n_patients = int(patients.max()) + 1
    if isinstance(panel, ValuePanel) and 1 < n_patients < len(patients):
        found |= {key: Estimated(one.value) for key, one in _of_values(panel, patients, alone=False).items()}
    if draws == 0 or n_patients < 2:
        return found
    exact = _exact(panel, patients, draws, seed)
    found |= exact
    defined = [key for key, value in values.items() if not math.isnan(value) and key not in exact]
    if isinstance(panel, ClassPanel) and n_patients == len(patients):
        closed = [key for key in defined if key[0] in _CLOSED and (key[0] != "auc" or key[1] in panel.codes)]
        found |= {key: Estimated(values[key], _closed(panel, key, patients)) for key in closed}
        defined = [key for key in defined if key not in closed]
    for key, drawn in _bootstrapped(panel, patients, defined, draws, seed).items():
        interval = drawn.interval
        if interval is NONE and drawn.undefined == 0 and isinstance(panel, ClassPanel):
            interval = _at_the_edge(panel, key, values[key], patients)
        found[key] = Estimated(values[key], interval, drawn.undefined, drawn.draws)
    return found


def _exact(panel: Panel, patients: Ints, draws: int, seed: int) -> dict[Key, Estimated]:
    """What neither classes nor draws give: of labels each by itself, of grades and measurements closed forms."""
    alone = int(patients.max()) + 1 == len(patients)
    if isinstance(panel, LabelPanel):
        each = {k: estimate(label, patients, draws=draws, seed=seed) for k, label in enumerate(panel.labels)}
        found: dict[Key, Estimated] = {(name, k): one for k, own in each.items() for (name, _), one in own.items()}
        if alone:
            right = float((panel.reference == panel.decided).all(axis=1).sum())
            found["exact_match", None] = Estimated(right / len(patients), wilson(right, len(patients)))
        return found
    if isinstance(panel, GradePanel) and alone:
        return _of_grades(panel)
    return _of_values(panel, patients, alone=alone) if isinstance(panel, ValuePanel) else {}


def _of_grades(panel: GradePanel) -> dict[Key, Estimated]:
    values = panel.measures(np.ones(len(panel.reference)))
    found = {}
    for key, value in values.items():
        if key[0].startswith("kappa") and math.isfinite(value):
            found[key] = Estimated(float(value), panel.kappa_interval(key[0]))
        if key[0] == CUMULATIVE and key[1] is not None and math.isfinite(value):
            event, scores = panel.step(key[1])
            found[key] = Estimated(float(value), auc_interval(event == 1, scores))
    return found


def _of_values(panel: ValuePanel, patients: Ints, *, alone: bool) -> dict[Key, Estimated]:
    """Bland and Altman's numbers, whose values too are by patient where patients have several cases."""
    both = bland_altman(panel.reference, panel.predicted, patients)
    found: dict[Key, Estimated] = {
        ("bias", None): Estimated(both.bias, both.bias_interval),
        ("agreement_low", None): Estimated(both.low, both.low_interval),
        ("agreement_high", None): Estimated(both.high, both.high_interval),
    }
    if alone:
        m = moments(panel.reference, panel.predicted)
        value = float(panel.measures(np.ones(len(patients)), {("ccc", None)})["ccc", None])
        found["ccc", None] = Estimated(value, ccc_interval(m))
    return found


def _bootstrapped(panel: Panel, patients: Ints, keys: Iterable[Key], draws: int, seed: int) -> dict[Key, Percentiles]:
    """Free draws; stratified ones for the keys that allow it."""
    wanted = set(keys)
    strata = strata_of(patients, panel.reference) if isinstance(panel, ClassPanel) else None
    stratified = wanted & panel.within_class if strata is not None else set()
    found: dict[Key, Floats] = {}
    for some, classes in ((stratified, strata), (wanted - stratified, None)):
        if some:

            def measures(weights: Floats, some: set[Key] = some) -> dict[Key, Floats]:
                return panel.measures(weights, some)

            found |= bootstrap(measures, patients, draws=draws, seed=seed, strata=classes)
    return {key: percentiles(values) for key, values in found.items()}


def _at_the_edge(panel: ClassPanel, key: Key, value: float, patients: Ints) -> Interval:
    """The closed form where every draw says the same: at 0, at 1, or for constant scores."""
    if key[0] == "auc" or value in (0.0, 1.0):
        return _closed(panel, key, patients)
    return NONE


def _closed(panel: ClassPanel, key: Key, patients: Ints) -> Interval:
    """Exact where each patient has one case; else for shares of 0 or 1 with patients for cases."""
    name, k = key
    if name in ("auc", "f1") and k not in panel.codes:
        return _mean([_closed(panel, (name, int(code)), patients) for code in panel.present])
    if name == "auc":
        return _auc(panel, k, patients)
    if name == "balanced_accuracy":
        event = [panel.reference == code for code in panel.present]
        right = panel.reference == panel.decided
        return _named(wilson_mean([_count(e & right, e, patients) for e in event]), patients)
    if (share := panel.share(key)) is None:
        return NONE
    interval = wilson(*_count(share[1], share[0], patients))
    if name == "f1":
        interval = interval._replace(low=_f1_of(interval.low), high=_f1_of(interval.high))
    return _named(interval, patients)


def _f1_of(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)


def _auc(panel: ClassPanel, k: int | None, patients: Ints) -> Interval:
    event, scores = panel.is_event(k), panel.scores(k)
    if patients.max() + 1 == len(patients) or scores.min() == scores.max():
        return auc_interval(event, scores)
    area = float(panel.measures(np.ones(len(event)), {("auc", k)})["auc", k])
    if 0 < area < 1:
        return NONE
    return _named(newcombe(area, _patients_of(event, patients), _patients_of(~event, patients)), patients)


def _count(success: NDArray[np.bool_], counted: NDArray[np.bool_], patients: Ints) -> tuple[float, float]:
    """(successes, trials) with patients for cases: the cases' share of the patients counted."""
    cases, trials = int(counted.sum()), _patients_of(counted, patients)
    return (float(success.sum()) * (trials / cases) if cases else 0.0), trials


def _patients_of(rows: NDArray[np.bool_], patients: Ints) -> int:
    return len(np.unique(patients[rows]))


def _named(interval: Interval, patients: Ints) -> Interval:
    clustered = patients.max() + 1 < len(patients)
    return interval._replace(how=f"{interval.how}-patients") if clustered and interval is not NONE else interval


def _mean(intervals: list[Interval]) -> Interval:
    """Mean of the classes' limits: at least as wide as the interval of their mean."""
    if not intervals or NONE in intervals:
        return NONE
    low, high = (float(np.mean([i[side] for i in intervals])) for side in (0, 1))
    return Interval(low, high, f"{intervals[0].how}-mean")
