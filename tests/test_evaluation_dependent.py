"""Numbers of folds against the formulas written out, and what must never be pooled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from isocenter.evaluation import dependent
from isocenter.evaluation.folds import Fold, Folded, Repeat
from isocenter.metrics import Floats, Ints
from isocenter.metrics.grade_panel import GradePanel
from isocenter.metrics.intervals import NONE, wilson
from isocenter.metrics.panels import ClassPanel, ValuePanel


def panel(y: Ints, score: Floats) -> ClassPanel:
    return ClassPanel(y, (score >= 0.5).astype(np.int64), np.column_stack([1 - score, score]), 1)


def data(y: Ints, scores: list[Floats], fold: list[Ints], draws: int = 200) -> Folded:
    """Repeats of the same cases: scores and folds of each."""
    folds, repeats = [], []
    for one, of in zip(scores, fold, strict=True):
        folds += [Fold(panel(y[of == k], one[of == k]), np.arange((of == k).sum())) for k in np.unique(of)]
        repeats.append(Repeat(panel(y, one), np.arange(len(y)), of))
    return Folded(folds, repeats, 0, draws)


def drawn(
    n: int = 100, k: int = 5, repeats: int = 2, seed: int = 0, signal: float = 1.0
) -> tuple[Ints, list[Floats], list[Ints]]:
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 5 < 2).astype(np.int64)
    scores = [1 / (1 + np.exp(-(rng.normal(size=n) + signal * (y - 0.4)))) for _ in range(repeats)]
    folds = [np.arange(n) // 5 % k for _ in range(repeats)]
    return y, scores, [rng.permutation(k)[f] for f in folds]


def worth_so_many(share: float, half: float) -> tuple[float, float]:
    """Where (share - p)^2 = half^2 p (1 - p) / (share (1 - share)): a score interval, solved for p."""
    x = half**2 / (share * (1 - share))
    low, high = sorted(np.roots([1 + x, -(2 * share + x), share**2]).real)
    return float(low), float(high)


def test_the_value_is_the_mean_of_the_folds_own_values() -> None:
    y, scores, folds = drawn()
    found = dependent.kfold(data(y, scores, folds), ("auc", None))
    each = [sk.roc_auc_score(y[f == k], s[f == k]) for s, f in zip(scores, folds, strict=True) for k in range(5)]
    assert found.value == pytest.approx(np.mean(each))
    assert found.interval.how == "corrected-resampled"


def test_the_interval_is_nadeau_and_bengios() -> None:
    rng = np.random.default_rng(3)
    y = np.tile([0, 1], 50).astype(np.int64)
    score = np.clip(0.5 + (2 * y - 1) * 0.3 * np.repeat([1, 1, -1, 1, -1], 20) + rng.normal(0, 0.05, 100), 0, 1)
    one = data(y, [score], [np.repeat(np.arange(5), 20)])  # folds that differ more than chance lets them
    found = dependent.kfold(one, ("accuracy", None))
    accuracies = [1.0, 1.0, 0.0, 1.0, 0.0]
    half = stats.t.ppf(0.975, 4) * math.sqrt((1 / 5 + 0.25) * np.var(accuracies, ddof=1))
    assert found.interval[:2] == pytest.approx(worth_so_many(0.6, half))
    assert found.interval.how == "corrected-resampled"


def test_stratified_folds_that_agree_too_well_do_not_narrow_the_interval() -> None:
    y = np.tile([0, 0, 0, 1, 1], 20).astype(np.int64)
    constant = data(y, [np.full(100, 0.2)], [np.repeat(np.arange(5), 20)])  # the majority, in every fold .60
    found = dependent.kfold(constant, ("accuracy", None))
    assert found.value == 0.6
    assert found.interval.high - found.interval.low > 2 * 1.96 * math.sqrt(0.6 * 0.4 / 100)


def test_degrees_of_freedom_are_of_patients() -> None:
    """Where the spread within folds is what counts, t has as many degrees as there are patients but one."""
    y, fold = np.tile([0, 0, 0, 1, 1], 24).astype(np.int64), np.repeat(np.arange(4), 30)
    one = data(y, [np.full(120, 0.2)], [fold])
    assert one.sizes == (90, 30)
    low, high, _ = dependent.kfold(one, ("accuracy", None)).interval
    within = one.variances["accuracy", None].mean()
    half = stats.t.ppf(0.975, 119) * math.sqrt((1 / 4 + 1 / 3) * within)
    assert (low, high) == pytest.approx(worth_so_many(0.6, half))
    # Patients, not cases: every one of them twice.
    folds = [Fold(panel(y[fold == k], np.full(30, 0.2)), np.arange(30) // 2) for k in range(4)]
    assert Folded(folds, [Repeat(one.whole, np.arange(120) // 2, fold)]).sizes == (45, 15)


@pytest.mark.parametrize("k, repeats", [(5, 1), (3, 2)])
def test_few_folds_keep_shares_near_one_within_reason(k: int, repeats: int) -> None:
    """357 patients, 238 without the event, of whom 3 in one fold are called: on the logit's scale it began at .54 and .74."""
    y = (np.arange(357) % 3 == 0).astype(np.int64)
    score = np.where(y == 1, 0.8, 0.2)
    score[np.flatnonzero(y == 0)[:3]] = 0.81
    one = data(y, [score] * repeats, [np.arange(357) * k // 357] * repeats)
    share, auc = (dependent.kfold(one, (name, None)) for name in ("specificity", "auc"))
    assert 0.97 < share.value < 1 and 0.79 < share.interval.low < share.value < share.interval.high < 1
    single = wilson(235, 238)  # wider than as many patients tested once, all the same
    assert share.interval.high - share.interval.low > single.high - single.low
    assert 0.79 < auc.interval.low < auc.value < auc.interval.high <= 1


def test_a_share_is_worth_no_more_than_the_patients_counted() -> None:
    y, fold = np.tile([0, 0, 0, 0, 1], 40).astype(np.int64), np.repeat(np.arange(4), 50)
    score = np.where(np.arange(200) % 10 == 4, 0.9, 0.1)  # one event of two, in every fold
    one = data(y, [score], [fold])
    one.__dict__["variances"] = {key: np.full(4, 1e-6) for key in one.variances}
    found = dependent.kfold(one, ("sensitivity", None)).interval
    assert found is NONE or found.high - found.low > 0.2
    shaken = one.values["sensitivity", None] + [0.01, -0.01, 0.01, -0.01]
    one.values["sensitivity", None] = shaken
    found = dependent.kfold(one, ("sensitivity", None)).interval
    of_forty = wilson(20, 40)
    assert found.high - found.low >= of_forty.high - of_forty.low


def test_a_fold_that_defines_no_share_makes_it_pooled() -> None:
    y, scores, folds = drawn(seed=1)
    for s, f in zip(scores, folds, strict=True):
        s[f == 2] = 0.1  # nothing is called positive there
    one = data(y, scores, folds)
    found = dependent.kfold(one, ("ppv", None))
    per_repeat = [sk.precision_score(y, s >= 0.5) for s in scores]
    assert found.value == pytest.approx(np.mean(per_repeat))
    assert found.interval.how == "corrected-resampled-pooled"
    assert found.interval.low < found.value < found.interval.high


def test_pooled_shares_of_single_patients_are_the_patients_themselves() -> None:
    y, scores, _ = drawn(40, repeats=1)
    one = data(y, scores, [np.arange(40)])
    right = (scores[0] >= 0.5) == y
    np.testing.assert_allclose(one.repeats[0].shares["accuracy", None], right, atol=1e-9)
    found = dependent.pooled(one, ("accuracy", None))
    assert found.value == pytest.approx(right.mean())
    half = stats.t.ppf(0.975, 39) * math.sqrt((1 / 40 + 1 / 39) * right.var(ddof=1))
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(half, rel=0.15)  # or the bootstrap's
    event = y == 1
    sensitivity = dependent.pooled(one, ("sensitivity", None))
    assert sensitivity.value == pytest.approx(right[event].mean())
    assert sensitivity.interval.high - sensitivity.interval.low > found.interval.high - found.interval.low


def test_what_ranks_is_never_pooled() -> None:
    y, scores, folds = drawn(repeats=1, seed=2)
    shifted = [np.clip(0.2 * s + 0.2 * f, 0, 1) for s, f in zip(scores, folds, strict=True)]  # a scale a fold
    y = y.copy()
    y[folds[0] == 4] = 0  # and a fold without events
    found = dependent.kfold(data(y, shifted, folds), ("auc", None))
    each = [sk.roc_auc_score(y[folds[0] == k], scores[0][folds[0] == k]) for k in range(4)]
    assert found.value == pytest.approx(np.mean(each))
    assert found.undefined == 1
    assert abs(found.value - sk.roc_auc_score(y, shifted[0])) > 0.05  # pooled it would be another number


def test_means_over_classes_need_all_of_them() -> None:
    rng = np.random.default_rng(0)
    y = np.tile([0, 1, 2], 20).astype(np.int64)
    fold = np.repeat(np.arange(4), 15)
    y[(fold == 3) & (y == 2)] = 1
    proba = rng.dirichlet(np.ones(3), 60)
    panels = [ClassPanel(y[fold == k], proba[fold == k].argmax(1), proba[fold == k], None) for k in range(4)]
    whole = ClassPanel(y, proba.argmax(1), proba, None)
    one = Folded([Fold(p, np.arange(15)) for p in panels], [Repeat(whole, np.arange(60), fold)])
    assert math.isnan(one.values["auc", None][3]) and np.isfinite(one.values["auc", None][:3]).all()
    assert np.isfinite(one.values["accuracy", None]).all()


def test_nested_takes_the_place_of_the_corrected_interval_only_where_it_can() -> None:
    y, scores, folds = drawn(repeats=10, seed=5)
    one = data(y, scores, folds)
    inner = np.full(50, one.values["auc", None].mean())
    found = dependent.nested_cv(one, ("auc", None), inner)
    assert found.interval.how == "nested-cv"
    assert found.value == dependent.kfold(one, ("auc", None)).value
    inner[3] = np.nan
    assert dependent.nested_cv(one, ("auc", None), inner).interval.how == "corrected-resampled"


def test_sites_are_pooled_at_random_and_the_next_may_lie_further_off() -> None:
    rng = np.random.default_rng(1)
    shifts = [0.2, 1.0, 1.8, 0.6]
    folds, parts = [], []
    for shift in shifts:
        y = rng.integers(0, 2, 80)
        score = 1 / (1 + np.exp(-(rng.normal(size=80) + shift * (2 * y - 1))))
        folds.append(Fold(panel(y, score), np.arange(80)))
        parts.append((y, score))
    whole = panel(*(np.concatenate(a) for a in zip(*parts, strict=True)))
    one = Folded(folds, [Repeat(whole, np.arange(320), np.repeat(np.arange(4), 80))])
    each = [sk.roc_auc_score(y, s) for y, s in parts]
    found = dependent.sites(one, ("auc", None))
    assert min(each) < found.value < max(each)
    assert found.sites == 4
    assert found.interval.how == "hartung-knapp"
    assert found.prediction.low < found.interval.low < found.value < found.interval.high < found.prediction.high <= 1
    share = dependent.sites(one, ("sensitivity", None))
    assert 0 < share.interval.low < share.value < share.interval.high < 1


def test_a_site_at_one_is_not_left_out() -> None:
    y = np.tile([0, 1], 20).astype(np.int64)
    perfect = Fold(panel(y, y * 0.8 + 0.1), np.arange(40))
    rng = np.random.default_rng(0)
    other = Fold(panel(y, np.clip(0.5 + 0.1 * (2 * y - 1) + rng.normal(0, 0.2, 40), 0, 1)), np.arange(40))
    one = Folded([perfect, other, other], [Repeat(perfect.panel, np.arange(40), np.repeat([0, 1], 20))])
    for metric in ("auc", "sensitivity", "accuracy", "balanced_accuracy", "f1"):
        assert dependent.sites(one, (metric, None)).sites == 3
    proba = np.eye(3)[np.tile([0, 1, 2, 1], 10)] * 0.6 + 0.1
    codes, called = np.tile([0, 1, 2, 1], 10), np.where(rng.random(40) < 0.3, 0, np.tile([0, 1, 2, 1], 10))
    right, wrong = (Fold(ClassPanel(codes, said, proba, None), np.arange(40)) for said in (codes, called))
    one = Folded([right, wrong, wrong], [Repeat(right.panel, np.arange(40), np.repeat([0, 1], 20))])
    for key in (("f1", None), ("balanced_accuracy", None), ("f1", 1)):  # the first a mean over classes, by draws
        found, low = dependent.sites(one, key), wrong.values[key]
        assert found.sites == 3 and low < found.value < 1


def test_balanced_accuracy_and_f1_of_sites_do_not_lean_to_the_best_of_them() -> None:
    """Near 1 a site seems surer on its own scale: weighing by that put the mean above the plain one."""
    y, rng = np.repeat([1, 0], [40, 60]).astype(np.int64), np.random.default_rng(4)
    folds = []
    for missed, alarms in ((1, 0), (4, 5), (5, 6), (3, 4)):
        called = y.copy()
        called[:missed], called[40 : 40 + alarms] = 0, 1
        folds.append(Fold(panel(y, 0.1 + 0.5 * called + 0.3 * rng.random(100)), np.arange(100)))
    whole = panel(np.tile(y, 4), np.concatenate([f.panel.proba[:, 1] for f in folds]))  # type: ignore[union-attr]
    one = Folded(folds, [Repeat(whole, np.arange(400), np.repeat(range(4), 100))])
    for metric in ("balanced_accuracy", "f1"):
        each = np.array([fold.values[metric, None] for fold in folds])
        found = dependent.sites(one, (metric, None))
        assert each.mean() - 0.02 < found.value < each.mean() + 0.005
        assert 0 < found.interval.low < found.value < found.interval.high <= 1
    parts = [dependent.sites(one, (metric, None)).value for metric in ("sensitivity", "specificity")]
    assert dependent.sites(one, ("balanced_accuracy", None)).value == pytest.approx(np.mean(parts), abs=0.02)


def test_one_decision_for_everybody_is_shown_though_scores_differ() -> None:
    rng, y = np.random.default_rng(0), np.tile([0, 0, 1], 20).astype(np.int64)
    folds = [Fold(panel(y, 0.1 + 0.3 * rng.random(60)), np.arange(60)) for _ in range(4)]
    whole = panel(np.tile(y, 4), 0.1 + 0.3 * rng.random(240))
    one = Folded(folds, [Repeat(whole, np.arange(240), np.repeat(range(4), 60))])
    half, never = (dependent.sites(one, (metric, None)) for metric in ("balanced_accuracy", "f1"))
    assert (half.value, half.interval, half.sites) == (0.5, NONE, 4)
    assert (never.value, never.interval.low) == (0, 0)
    missed = dependent.sites(one, ("sensitivity", None)).interval.high  # nobody is called: of the same cases
    assert never.interval.high == pytest.approx(2 * missed / (1 + missed))
    assert dependent.sites(one, ("auc", None)).interval is not NONE


def test_a_floor_that_never_calls_anybody_has_no_sensitivity_anywhere() -> None:
    y = np.tile([0, 1], 20).astype(np.int64)
    fold = Fold(panel(y, np.full(40, 0.2)), np.arange(40))
    one = Folded([fold] * 4, [Repeat(panel(np.tile(y, 4), np.full(160, 0.2)), np.arange(160), np.repeat(range(4), 40))])
    never, always = (dependent.sites(one, (metric, None)) for metric in ("sensitivity", "specificity"))
    assert (never.value, never.interval.low, never.prediction.low) == (0, 0, 0)
    assert (always.value, always.interval.high, always.prediction.high) == (1, 1, 1)
    assert 0 < never.interval.high <= never.prediction.high < 0.3
    assert never.interval.high == pytest.approx(1 - always.interval.low)
    assert 0 < dependent.sites(one, ("accuracy", None)).value < 1


def test_limits_stay_where_the_metric_can_go() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=60)
    value = reference + rng.normal(0, 0.4, 60)
    fold = np.repeat(np.arange(3), 20)
    folds = [Fold(ValuePanel(reference[fold == k], value[fold == k]), np.arange(20)) for k in range(3)]
    one = Folded(folds, [Repeat(ValuePanel(reference, value), np.arange(60), fold)])
    for metric in ("r2", "mae", "rmse", "spearman"):
        low, high = dependent.kfold(one, (metric, None)).interval[:2]
        assert low < high
        assert high <= (1 if metric in ("r2", "spearman") else math.inf)
        assert low >= (0 if metric in ("mae", "rmse") else -math.inf)
    slope = dependent.kfold(one, ("calibration_slope", None))
    assert slope.value == pytest.approx(np.polyfit(value, reference, 1)[0])
    assert slope.interval.how == "corrected-resampled-pooled"


def test_a_floor_that_tells_nobody_apart_has_no_calibration_slope() -> None:
    _, _, folds = drawn()
    of = folds[0]
    y = (np.random.default_rng(1).random(len(of)) < 0.4).astype(np.int64)  # not as many events in every fold
    said = np.array([y[of != k].mean() for k in of])  # each fold's share of events among those it had learned from
    one = data(y, [said], [of])
    key = next(key for key in one.keys if key[0] == "calibration_slope")
    assert math.isnan(dependent.kfold(one, key).value)
    assert dependent.kfold(one, ("calibration_in_the_large", key[1])).value == pytest.approx(0, abs=0.05)
    half = np.where(of == 0, np.linspace(0.3, 0.5, len(y)), said)  # one fold that tells some apart
    assert math.isfinite(dependent.kfold(data(y, [half], [of]), key).value)


def test_floors_that_tell_nobody_apart_have_no_interval_where_no_sample_says_otherwise() -> None:
    fold, rng = np.repeat(np.arange(3), 30), np.random.default_rng(0)
    reference, proba = rng.normal(1.1, 1, 90), np.tile([0.6, 0.3, 0.1], (90, 1))
    mean, y = np.array([reference[fold != k].mean() for k in fold]), np.arange(90) % 5 // 2
    floors: list[tuple[tuple[str, ...], float, Any, list[Any]]] = []
    values = [ValuePanel(reference[fold == k], mean[fold == k]) for k in range(3)]
    floors.append((("ccc",), 0.0, ValuePanel(reference, mean), values))
    grades = [GradePanel(y[fold == k], np.zeros(30, dtype=np.int64), proba[fold == k]) for k in range(3)]
    whole = GradePanel(y, np.zeros(90, dtype=np.int64), proba)
    floors += [
        (("balanced_accuracy",), 1 / 3, whole, grades),
        (("kappa_quadratic", "kappa_linear"), 0.0, whole, grades),
    ]
    for names, value, pooled, folds in floors:
        one = Folded([Fold(p, np.arange(30)) for p in folds], [Repeat(pooled, np.arange(90), fold)])
        for name in names:
            found, sites = dependent.kfold(one, (name, None)), dependent.sites(one, (name, None))
            nested = dependent.nested_cv(one, (name, None), np.array([0.0, 1e-17, -1e-17]) + value)
            assert found.value == sites.value == nested.value == pytest.approx(value, abs=1e-9)
            assert found.interval is sites.interval is sites.prediction is nested.interval is NONE
