"""Intervals for cross-validation: formulas of the papers, what they cover, and folds that say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from isocenter.metrics import Floats
from isocenter.metrics.intervals import NONE, delong, wilson
from isocenter.metrics.resampling import bootstrapped, corrected, fits, fold_aucs, fold_means, nested

VALUES = np.array([[0.70, 0.80, 0.75, 0.85, 0.90], [0.65, 0.85, 0.80, 0.75, 0.95]])


def test_corrected_is_the_formula_of_nadeau_and_bengio() -> None:
    found = corrected(VALUES, None, 80, 20)
    error = math.sqrt((1 / 10 + 20 / 80) * VALUES.var(ddof=1))
    half = t.ppf(0.975, 9) * error
    assert (found.value, found.error, found.used) == (pytest.approx(0.8), pytest.approx(error), 10)
    assert found.interval[:2] == pytest.approx((0.8 - half, 0.8 + half))
    plain = t.ppf(0.975, 9) * VALUES.std(ddof=1) / math.sqrt(10)
    assert half > 1.8 * plain


def test_corrected_takes_the_larger_variance() -> None:
    """Stratified folds agree too well: the patients within them say how much chance there is."""
    alike = np.full((2, 5), 0.8) + 0.01 * np.array([1, -1, 1, -1, 0])
    within = np.full((2, 5), 0.01)
    assert corrected(alike, within, 80, 20).error == pytest.approx(math.sqrt(0.35 * 0.01))
    assert corrected(VALUES, within / 1e6, 80, 20) == corrected(VALUES, None, 80, 20)
    assert corrected(alike, np.full((2, 5), math.nan), 80, 20) == corrected(alike, None, 80, 20)


def test_logit_keeps_the_limits_inside() -> None:
    near = np.array([[1.0, 0.98, 1.0, 0.96, 1.0]])
    assert corrected(near, None, 80, 20).interval.high > 1
    low, high, _ = corrected(near, None, 80, 20, scale="logit").interval
    assert 0 < low < near.mean() < high < 1
    mirrored = corrected(1 - near, None, 80, 20, scale="logit").interval
    assert mirrored[:2] == pytest.approx((1 - high, 1 - low))


def test_folds_without_a_value_are_left_out_and_counted() -> None:
    holes = VALUES.copy()
    holes[0, 1] = math.nan
    found = corrected(holes, None, 80, 20)
    assert found.used == 9
    assert found.value == pytest.approx(np.nanmean(holes))
    assert corrected(np.full((1, 5), math.nan), None, 80, 20).used == 0
    assert corrected(np.array([[0.7, math.nan]]), None, 80, 20).interval == NONE
    assert math.isnan(corrected(np.empty((0, 5)), None, 80, 20).value)


def test_where_nothing_varies_there_is_no_interval() -> None:
    assert corrected(np.ones((2, 5)), np.zeros((2, 5)), 80, 20).interval == NONE
    assert corrected(np.ones((2, 5)), np.zeros((2, 5)), 80, 20, scale="logit").interval == NONE
    assert nested(np.ones((1, 5)), np.ones((1, 5)), np.zeros((1, 5)), 100).interval == NONE
    assert bootstrapped(np.full(200, 0.8)).interval == NONE


def test_nested_is_the_formula_of_bates() -> None:
    rng = np.random.default_rng(0)
    outer, inner, variances = rng.normal(0.3, 0.1, (4, 5)), rng.normal(0.32, 0.02, (4, 5)), np.full((4, 5), 0.004)
    found = nested(inner, outer, variances, 100)
    mse = np.mean((inner - outer) ** 2 - variances) * 4 / 5
    assert 0.004 / 5 < mse < 0.004  # between the bounds
    assert found.error == pytest.approx(math.sqrt(mse))
    assert found.value == pytest.approx(outer.mean())
    # Their point estimate: inner - (1 + (K - 2) / K) (inner - outer).
    theirs = inner.mean() - (1 + 3 / 5) * (inner.mean() - outer.mean())
    assert found.value + found.bias == pytest.approx(theirs)
    half = t.ppf(0.975, 99) * found.error
    assert found.interval[:2] == pytest.approx((found.value - half, found.value + half))


@pytest.mark.parametrize("apart, times", [(0.0, 1.0), (1.0, math.sqrt(5))])
def test_nested_stays_between_its_bounds(apart: float, times: float) -> None:
    outer = np.array([[0.2, 0.3, 0.4, 0.3, 0.2]])
    found = nested(outer + apart, outer, np.full((1, 5), 0.01), 100)
    assert found.error == pytest.approx(times * math.sqrt(0.01 / 5))


def test_nested_without_a_usable_fold() -> None:
    empty = np.full((1, 5), math.nan)
    assert nested(empty, empty, empty, 50).interval == NONE
    assert nested(np.full((1, 5), 0.3), np.full((1, 5), 0.3), empty, 50).value == pytest.approx(0.3)


def test_fold_means() -> None:
    losses, folds = np.array([1.0, 0, 1, 1, 0.5]), np.array([0, 0, 1, 1, 2])
    means, variances = fold_means(losses, folds)
    assert means == pytest.approx([0.5, 1.0, 0.5])
    assert variances[:2] == pytest.approx([0.25, 0.0])
    assert math.isnan(variances[2])  # a fold of one patient


def test_fold_aucs() -> None:
    rng = np.random.default_rng(1)
    events, scores, folds = rng.random(60) < 0.4, rng.normal(size=60), np.arange(60) % 3
    areas, variances = fold_aucs(events, scores, folds)
    for fold in range(3):
        own = folds == fold
        assert areas[fold] == pytest.approx(roc_auc_score(events[own], scores[own]))
        assert variances[fold] == pytest.approx(delong(events[own], scores[own])[1])
    areas, variances = fold_aucs(np.array([True, True, False, True]), np.arange(4.0), np.array([0, 0, 1, 1]))
    assert math.isnan(areas[0])
    assert areas[1] == 1.0
    assert math.isnan(variances[1])


def test_bootstrapped() -> None:
    draws = np.random.default_rng(2).normal(0.7, 0.05, 400)
    plain = bootstrapped(draws)
    assert plain.value == pytest.approx(draws.mean())
    assert plain.interval[:2] == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
    moved = bootstrapped(draws, 0.9)
    assert moved.value == pytest.approx(0.368 * 0.9 + 0.632 * draws.mean())
    assert moved.interval.low - plain.interval.low == pytest.approx(moved.value - plain.value)
    holes = bootstrapped(np.where(np.arange(400) < 10, math.nan, draws))
    assert holes.used == 390
    assert holes.interval != NONE
    assert bootstrapped(np.where(np.arange(400) < 100, math.nan, draws)).interval == NONE


def test_fits() -> None:
    assert fits("corrected", 5, 10) == 50
    assert fits("nested", 5, 10) == 150  # 10 pairs of folds and 5 folds, each time
    assert fits("nested", 10, 1) == 55
    assert fits("bootstrapped", draws=200) == 200


def cross_validated(rng: np.random.Generator, n: int, repeats: int) -> tuple[Floats, ...]:
    """Squared errors of least squares with 5 predictors, 5 folds: outer, inner, variances; and the plain variance."""
    x, folds = np.column_stack([np.ones(n), rng.normal(size=(n, 5))]), np.empty(n, dtype=np.int64)
    y = x[:, 1:3].sum(axis=1) + rng.normal(size=n)
    outer, inner, variances = np.empty((repeats, 5)), np.zeros((repeats, 5)), np.empty((repeats, 5))
    for r in range(repeats):
        folds[rng.permutation(n)] = np.arange(n) % 5
        losses = np.empty(n)
        for k in range(5):
            losses[folds == k] = errors(x, y, folds != k)[folds == k]
            for j in {0, 1, 2, 3, 4} - {k}:
                inner[r, k] += errors(x, y, (folds != k) & (folds != j))[folds == j].mean() / 4
        outer[r], variances[r] = fold_means(losses, folds)
    return outer, inner, variances


def errors(x: Floats, y: Floats, train: Floats) -> Floats:
    a = x[train]
    return np.asarray((y - x @ np.linalg.solve(a.T @ a, a.T @ y[train])) ** 2)


@pytest.mark.slow
def test_ours_cover_and_the_usual_do_not() -> None:
    """n = 60: expected squared error of least squares on Gaussian predictors is (1 + 1 / n)(n - 2) / (n - p - 2)."""
    truth = (1 + 1 / 60) * 58 / (60 - 5 - 2)
    rng = np.random.default_rng(3)
    hits = np.zeros(3)
    for _ in range(300):
        outer, inner, variances = cross_validated(rng, 60, 5)
        plain = t.ppf(0.975, 24) * outer.std(ddof=1) / 5
        limits = [
            corrected(outer, variances, 48, 12).interval,
            nested(inner, outer, variances, 60).interval,
            (outer.mean() - plain, outer.mean() + plain),
        ]
        hits += [low <= truth <= high for low, high in (pair[:2] for pair in limits)]
    assert 0.93 <= hits[0] / 300 <= 0.995
    assert 0.93 <= hits[1] / 300 <= 0.995
    assert hits[2] / 300 < 0.75


def test_pooled_folds_are_not_so_many_patients() -> None:
    """Ten repeats of 100 patients are 100 patients: the interval of 1,000 is a third as wide as it may be."""
    rng = np.random.default_rng(4)
    right = (rng.random(100) < 0.8).astype(float)
    folds = [rng.permutation(100) % 5 for _ in range(10)]
    values, variances = (np.array(part) for part in zip(*(fold_means(right, f) for f in folds)))
    low, high, _ = corrected(values, variances, 80, 20).interval
    pooled, patients = wilson(10 * right.sum(), 1000), wilson(right.sum(), 100)
    assert high - low > patients.high - patients.low > 3 * (pooled.high - pooled.low)
