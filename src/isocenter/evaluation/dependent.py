"""Value and interval of every metric from folds that share their training cases.

The folds of a cross-validation are neither one model nor independent, so nothing here treats their
pooled predictions as one sample. How a number and its interval are made:

- it is defined in every fold: the mean over the folds, with the corrected resampled t
  ("corrected-resampled") or, in nested designs, the interval of Bates, Hastie and Tibshirani ("nested-cv"). Its inner
  values are out-of-fold scores of the chosen candidate, chosen on the same rows, which its authors do not provide for;
  in benchmarks/resampling.py the choice of a penalty costs no coverage, that of a threshold does;
- some fold does not define it (nothing was called positive, a class is absent), or it is about
  calibration: pooled within each repeat, the folds' shares in it by jackknife ("corrected-resampled-pooled").
  What ranks cases is never pooled, for scores of different models are not on one scale: then it is
  the mean over the folds that define it;
- distances that cannot fall below 0 (ICI, ECE, Brier's parts): pooled, and without an interval (see `calibrated`);
- sites left out in turn: a random-effects mean over sites ("hartung-knapp"), and what a site that
  was not seen may find ("confidence-distribution").

Stratified folds hold the prevalence fixed, so that accuracy and the like vary too little from fold to
fold: the sampling variance of each fold, by a bootstrap of its patients, is therefore the least. What
another prevalence would do to decisions is added (`shifted`).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from isocenter.evaluation.calibrated import DISTANCES
from isocenter.evaluation.folds import Fold, Folded
from isocenter.evaluation.shifted import DECIDED
from isocenter.metrics import Floats, Ints, calibration
from isocenter.metrics.estimation import TELLING, Estimated, Panel
from isocenter.metrics.intervals import NONE, Interval, delong, z_of
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, Key, ValuePanel
from isocenter.metrics.pooling import Pooled, lent, pool, steady_auc, steady_f1, steady_mean
from isocenter.metrics.resampling import Resampled, Scale, corrected, nested, of_share

RANKS = frozenset({"auc", "average_precision", "spearman", "ordinal_c_index", "cumulative_auc"})
# What scores that are the same for everybody bring to 0.5 in every sample.
HALF = frozenset({"auc", "ordinal_c_index", "cumulative_auc"})
# What is told of decisions alone: the same decision for everybody brings it to one value in every sample.
_OF_DECISIONS = frozenset({"balanced_accuracy", "kappa_quadratic", "kappa_linear"})
# Calibration of sites that can be pooled: fitted without bounds, each with a standard error of its own.
LINES = frozenset({"calibration_slope", "calibration_intercept", "calibration_in_the_large"})
_SLOPED = frozenset({"calibration_slope", "calibration_intercept"})
_SHARES = frozenset({"accuracy", "ppv", "npv", *DECIDED})
_BETWEEN = frozenset({*_SHARES, *RANKS, "balanced_accuracy", "f1", "micro_f1", "exact_match"}) - {"spearman"}
_ROUGH = frozenset({"median_absolute_error"})  # a jackknife of a median is not consistent
_NO_LIMIT = (-np.inf, np.inf)
_LIMITS = {
    "mae": (0.0, np.inf), "rmse": (0.0, np.inf), "brier": (0.0, 2.0), "r2": (-np.inf, 1.0), "spearman": (-1.0, 1.0),
    "scaled_brier": (-np.inf, 1.0), "calibration_slope": _NO_LIMIT, "calibration_intercept": _NO_LIMIT,
    "calibration_in_the_large": _NO_LIMIT, "median_absolute_error": (0.0, np.inf), "ccc": (-1.0, 1.0),
    "bias": _NO_LIMIT, "agreement_low": _NO_LIMIT, "agreement_high": _NO_LIMIT, "grade_error": (0.0, np.inf),
    "kappa_quadratic": (-1.0, 1.0), "kappa_linear": (-1.0, 1.0),
}  # fmt: skip


def kfold(data: Folded, key: Key) -> Estimated:
    """Mean over folds, or pooled within repeats; corrected resampled t."""
    if key not in data.values:  # of calibration
        return pooled(data, key)
    values = data.values[key]
    known = np.isfinite(values)
    if certain(data, key):
        return Estimated(_mean(values), NONE, int((~known).sum()))
    if not known.all() and key[0] not in RANKS:
        return pooled(data, key)
    found = corrected(values, data.variances[key][known], *data.sizes)
    return Estimated(found.value, _interval(data, found, key), int((~known).sum()))


def pooled(data: Folded, key: Key) -> Estimated:
    """Pooled within repeats: the value is their mean, the interval from the folds' shares in it.

    Where every fold says one and the same of all its cases there is no calibration line: what differs between
    folds is only which cases each had learned from.
    """
    if key[0] in _SLOPED and all(_flat(fold.panel) for fold in data.folds):
        return Estimated(math.nan)
    value = float(np.mean([repeat.whole[key] for repeat in data.repeats]))
    if key[0] in DISTANCES:
        return Estimated(value)
    shares = np.concatenate([repeat.shares[key] for repeat in data.repeats])
    if not np.isfinite(shares).all() or key[0] in _ROUGH:
        return Estimated(value)
    of_fold = np.full(len(shares), data.of_repeat[key] * len(shares) / len(data.repeats))
    found = corrected(shares, of_fold, *data.sizes)
    interval = _interval(data, replace(found, value=value), key)
    return Estimated(value, interval if interval is NONE else interval._replace(how=f"{interval.how}-pooled"))


def nested_cv(data: Folded, key: Key, inner: Floats) -> Estimated:
    """inner: (J,) the same number from each fold's own inner folds. As `kfold` where some fold does not define it.

    So too where each fold says the same of all its cases: no sample could say otherwise.
    """
    if key not in data.values:
        return pooled(data, key)
    outer, variances = data.values[key], data.variances[key]
    if certain(data, key) or not all(np.isfinite(a).all() for a in (outer, inner, variances)):
        return kfold(data, key)
    arrays = [a.reshape(len(data.repeats), -1) for a in (inner, outer, variances)]
    n = int(data.repeats[0].patients.max()) + 1
    found = nested(arrays[0], arrays[1], arrays[2], n)
    return Estimated(found.value, _interval(data, found, key))


def _interval(data: Folded, found: Resampled, key: Key) -> Interval:
    """As many standard errors around the value as `found` takes, with what another share of events would do.

    Shares, AUC and what else counts between 0 and 1 by Wilson's limits. (The values of pseudo-values centre on the
    number but for their bias: only their error is used.)
    """
    if found.interval is NONE or not math.isfinite(found.value):
        return NONE
    reach = (found.interval.high - found.interval.low) / 2 / found.error
    error = math.hypot(found.error, data.shift(key) if data.draws else 0.0)
    value, how = found.value, found.interval.how
    if key[0] in _BETWEEN:
        return of_share(value, error, reach, how, _counted(data, key))
    return _inside(Interval(value - reach * error, value + reach * error, how), key)


def _counted(data: Folded, key: Key) -> float:
    """Patients whose share it is; no limit for what is none."""
    panel, (name, k) = data.whole, key
    if isinstance(panel, LabelPanel) and k is not None:
        panel, key = panel.labels[k], (name, None)
    if name not in _SHARES or not isinstance(panel, ClassPanel) or (share := panel.share(key)) is None:
        return math.inf
    return float(len(np.unique(data.repeats[0].patients[share[0]])))


def sites(data: Folded, key: Key) -> Pooled:
    """Random-effects mean over sites; `prediction` is the range for a site that was not seen.

    AUC, shares, balanced accuracy and the F1 of a class are pooled on the logit scale, moved off 0 and 1 where a site
    is there; calibration's lines by the standard errors that their own 95 % intervals imply. Where every site is at 0,
    or every one at 1, so is the mean, and only the limit on the other side is pooled. Constant scores rank at 0.5
    everywhere: no interval, nor where no site has a variance.
    """
    if certain(data, key):
        return _plain(data, key)
    each = [_site(fold, key, data.seed) for fold in data.folds]
    scale: Scale = "logit" if any(steady for *_, steady in each) else "identity"
    patients = [len(np.unique(fold.patients)) for fold in data.folds]
    found = pool([value for value, *_ in each], lent([v for _, v, _ in each], patients), scale=scale)
    if not found.sites and key in data.values:
        return _plain(data, key)
    found = replace(found, interval=_inside(found.interval, key), prediction=_inside(found.prediction, key))
    ends = {value for fold in data.folds if math.isfinite(value := fold.values.get(key, math.nan))}
    return _at_end(found, ends.pop()) if scale == "logit" and ends in ({0.0}, {1.0}) else found


def _plain(data: Folded, key: Key) -> Pooled:
    """The mean over the sites that define it, each counting the same, without an interval."""
    k = int(np.isfinite(data.values[key]).sum())
    nan = math.nan
    return Pooled(_mean(data.values[key]), NONE, NONE, nan, nan, nan, nan, k, len(data.folds))


def _at_end(found: Pooled, end: float) -> Pooled:
    """A mean of sites that are all at 0, or all at 1, and its limits, reaching to there."""

    def to_end(one: Interval) -> Interval:
        if one is NONE:
            return NONE
        return one._replace(high=end) if end else one._replace(low=end)

    return replace(found, value=end, interval=to_end(found.interval), prediction=to_end(found.prediction))


def over_sites(data: Folded, key: Key) -> Estimated:
    """The mean over sites alone."""
    found = sites(data, key)
    return Estimated(found.value, found.interval)


def constant(panel: Panel) -> bool:
    """Whether every class has one and the same score in all cases."""
    return not isinstance(panel, ValuePanel) and all(np.ptp(panel.scores(k)) == 0 for k in panel.codes)


def _flat(panel: Panel) -> bool:
    """Whether nothing is told apart: constant scores, or one predicted value."""
    return bool(np.ptp(panel.predicted) == 0) if isinstance(panel, ValuePanel) else constant(panel)


def certain(data: Folded, key: Key) -> bool:
    """Whether no sample could say otherwise: of telling cases apart, where each fold says the same of all its cases."""
    if key[0] in _OF_DECISIONS and all(_decided_alike(fold.panel) for fold in data.folds):
        return True
    return key[0] in TELLING | HALF and all(_flat(fold.panel) for fold in data.folds)


def _decided_alike(panel: Panel) -> bool:
    return isinstance(panel, ClassPanel) and not np.ptp(panel.decided)


def _mean(values: Floats) -> float:
    """Of the folds that define it, without the dust of rounding."""
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 12) + 0.0 if known.size else math.nan


def _line(fold: Fold, key: Key) -> tuple[float, float]:
    """A site's calibration slope or intercept and its sampling variance."""
    panel, (name, k) = fold.panel, key
    if isinstance(panel, ValuePanel):
        value, interval = calibration.line_estimates(panel.reference, panel.predicted, fold.patients)[name]
    else:
        value, interval = calibration.estimates(panel.is_event(k), panel.scores(k), fold.patients)[name]
    return value, ((interval.high - interval.low) / 2 / z_of()) ** 2


def _site(fold: Fold, key: Key, seed: int) -> tuple[float, float, bool]:
    """A site's value, its sampling variance, and whether they are made for the logit scale."""
    if key[0] in LINES:
        return *_line(fold, key), False
    panel, value = fold.panel, fold.values.get(key, math.nan)
    if not math.isfinite(value):
        return math.nan, math.nan, False
    if isinstance(panel, LabelPanel) and key[1] is not None:
        return _site(Fold(panel.labels[key[1]], fold.patients), (key[0], None), seed)
    if isinstance(panel, ClassPanel) and key[0] == "auc" and key[1] in panel.codes:
        event = panel.is_event(key[1])
        alone = int(fold.patients.max()) + 1 == len(fold.patients)
        variance = delong(event, panel.scores(key[1]))[1] if alone else fold.variances(seed)[key]
        n_events, n_others = (len(np.unique(fold.patients[e])) for e in (event, ~event))
        return *steady_auc(value, variance, n_events, n_others), True
    if isinstance(panel, ClassPanel) and key[0] == "balanced_accuracy":
        return *steady_mean(*_recalls(panel, fold.patients)), True
    if isinstance(panel, ClassPanel) and (counted := panel.share(key)) is not None:
        trials = len(np.unique(fold.patients[counted[0]]))
        if key[0] == "f1":
            return *steady_f1(value, trials), True
        moved = (value * trials + 0.5) / (trials + 1)
        return moved, moved * (1 - moved) / trials, True
    return value, fold.variances(seed)[key], False


def _recalls(panel: ClassPanel, patients: Ints) -> tuple[Floats, Floats]:
    """Share of each class that occurs which is decided rightly, and the patients who have it."""
    members = [panel.reference == k for k in panel.present]
    hits = [float((panel.decided[rows] == panel.reference[rows]).mean()) for rows in members]
    return np.array(hits), np.array([len(np.unique(patients[rows])) for rows in members], dtype=np.float64)


def limits(key: Key) -> tuple[float, float]:
    """The least and the most that a metric can be."""
    return _LIMITS.get(key[0], (0.0, 1.0))


def _inside(interval: Interval, key: Key) -> Interval:
    """No further than the metric can go."""
    if interval is NONE:
        return NONE
    low, high = limits(key)
    return interval._replace(low=max(interval.low, low), high=min(interval.high, high))
