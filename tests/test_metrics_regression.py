"""Regression metrics against scikit-learn and scipy, for values and for weighted draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress, pearsonr, spearmanr
from sklearn import metrics as sk

from isocenter.errors import BadShape
from isocenter.metrics import regression as r
from isocenter.metrics.intervals import NONE


@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_draws_agree_with_scikit_learn_and_scipy(offset: float) -> None:
    rng = np.random.default_rng(0)
    y = offset + np.round(rng.normal(size=90), 1)
    f = y + np.round(rng.normal(size=90), 1)
    weights = rng.multinomial(90, np.full(90, 1 / 90), size=6)
    found = {m: getattr(r, m)(y, f, weights) for m in ("mae", "rmse", "r2", "spearman")}
    for row, w in enumerate(weights):
        assert found["mae"][row] == pytest.approx(sk.mean_absolute_error(y, f, sample_weight=w))
        assert found["rmse"][row] == pytest.approx(sk.root_mean_squared_error(y, f, sample_weight=w))
        assert found["r2"][row] == pytest.approx(sk.r2_score(y, f, sample_weight=w), abs=1e-7)
        assert found["spearman"][row] == pytest.approx(spearmanr(np.repeat(y, w), np.repeat(f, w)).statistic)


def test_perfect_and_reversed() -> None:
    y = np.arange(10.0)
    assert (float(r.r2(y, y)), float(r.spearman(y, y**3)), float(r.spearman(y, -y))) == (1.0, 1.0, -1.0)
    assert float(r.r2(y, np.full(10, y.mean()))) == 0.0


def test_a_constant_column_is_nan_not_noise() -> None:
    y, flat = np.random.default_rng(0).normal(size=20), np.full(20, 0.1)
    assert np.isnan(r.r2(flat, y))
    assert np.isnan(r.spearman(flat, y))
    assert np.isnan(r.spearman(y, flat))
    one_case = np.zeros(20)
    one_case[3] = 20  # a draw of one and the same patient
    assert np.isnan(r.r2(y, flat, one_case))
    assert np.isnan(r.spearman(y, -y, one_case))


# First readings of peak expiratory flow (l/min), Wright and mini meter: Bland and Altman, Lancet 1986.
WRIGHT = np.array([494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427], dtype=float)
MINI = np.array([512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451], dtype=float)
# 18 pairs of cardiac output, patients 1 to 4 (Bland and Altman 1999); R's SimplyAgree: concordance .479.
FIRST = [7.83, 7.42, 7.89, 7.12, 6.16, 7.26, 6.71, 4.75, 5.24, 4.86, 4.78, 6.05, 5.42, 4.21, 3.61, 3.72, 3.87, 3.92]
SECOND = [6.57, 5.62, 6.9, 6.57, 4.06, 4.29, 4.26, 4.71, 5.5, 5.08, 5.02, 6.01, 5.67, 4.14, 4.2, 4.61, 4.68, 5.04]

OF_MOMENTS = {
    "pearson": (r.pearson, lambda y, f: pearsonr(y, f).statistic),
    "explained_variance": (r.explained_variance, sk.explained_variance_score),
    "calibration_slope": (r.calibration_slope, lambda y, f: linregress(f, y).slope),
    "error_sd": (r.error_sd, lambda y, f: np.std(f - y, ddof=1)),
    "bias": (lambda m: m.bias, lambda y, f: np.mean(f - y)),
    "ccc": (r.ccc, lambda y, f: 2 * np.cov(y, f, bias=True)[0, 1] / (y.var() + f.var() + (y.mean() - f.mean()) ** 2)),
}


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("name", OF_MOMENTS)
def test_moments_agree_with_independent_programs_in_every_draw(name: str, offset: float) -> None:
    rng = np.random.default_rng(0)
    y = offset + rng.normal(size=70)
    f = offset + 0.6 * (y - offset) + 0.5 * rng.normal(size=70) + 0.3
    weights = rng.multinomial(70, np.full(70, 1 / 70), size=(2, 3))
    ours, theirs = OF_MOMENTS[name]
    found = ours(r.moments(y, f, weights))
    assert found.shape == (2, 3)
    for at in np.ndindex(2, 3):
        again = np.repeat(y, weights[at]), np.repeat(f, weights[at])
        assert found[at] == pytest.approx(theirs(*again), rel=1e-7)


def test_median_and_percentage_errors_are_scikit_learns_and_numpys() -> None:
    rng = np.random.default_rng(1)
    y, f = rng.normal(5, 1, 41), np.round(rng.normal(5, 1, 41), 1)
    weights = rng.multinomial(41, np.full(41, 1 / 41), size=6)
    medians, shares = r.median_absolute_error(y, f, weights), r.mape(y, f, weights)
    for row, w in enumerate(weights):
        assert medians[row] == pytest.approx(np.median(np.repeat(np.abs(y - f), w)))
        assert shares[row] == pytest.approx(sk.mean_absolute_percentage_error(y, f, sample_weight=w))
    even = np.arange(4.0)
    assert float(r.median_absolute_error(np.zeros(4), even)) == 1.5
    assert np.isnan(r.mape(even, even + 1))  # a reference of 0 has no percentage


def test_concordance_is_published_and_loses_by_bias_and_scale() -> None:
    assert float(r.ccc(r.moments(np.array(FIRST), np.array(SECOND)))) == pytest.approx(0.479, abs=1e-4)
    y = np.random.default_rng(2).normal(size=50)
    assert float(r.ccc(r.moments(y, y))) == pytest.approx(1.0)
    assert float(r.ccc(r.moments(y, y + 1))) < float(r.pearson(r.moments(y, y + 1))) == pytest.approx(1.0)
    assert float(r.ccc(r.moments(y, 2 * y))) == pytest.approx(0.8, abs=0.02)
    assert float(r.ccc(r.moments(y, -y))) < -0.9


def test_intervals_on_fishers_scale() -> None:
    m = r.moments(WRIGHT, MINI)
    expected = pearsonr(WRIGHT, MINI).confidence_interval()
    assert r.pearson_interval(float(r.pearson(m)), 17)[:2] == pytest.approx((expected.low, expected.high))
    low, high, how = r.ccc_interval(m)
    assert low < float(r.ccc(m)) < high < 1
    assert how == "lin-fisher-z"
    # without bias and with equal spread concordance is correlation, and so is its error, but for n - 2
    z = np.random.default_rng(3).normal(size=(400, 2))
    y, f = (z - z.mean(axis=0)).T
    y, f = y / y.std(), f / f.std()
    both = y + f, y - f
    m = r.moments(both[0] / both[0].std(), (0.8 * both[0] / both[0].std() + 0.6 * both[1] / both[1].std()))
    found, plain = r.ccc_interval(m), r.pearson_interval(float(r.pearson(m)), 399)
    assert found[:2] == pytest.approx(plain[:2], abs=2e-4)


def test_moments_of_few_or_constant_cases_are_nan() -> None:
    y, flat = np.random.default_rng(0).normal(size=20), np.full(20, 0.1)
    for pair in ((flat, y), (y, flat), (flat, flat)):
        assert np.isnan(r.pearson(r.moments(*pair)))
    assert np.isnan(r.calibration_slope(r.moments(y, flat)))
    assert np.isnan(r.explained_variance(r.moments(flat, y)))
    assert np.isnan(r.ccc(r.moments(flat, flat)))
    assert float(r.ccc(r.moments(flat, flat + 1))) == pytest.approx(0.0)
    one_case = r.moments(y, y**2, 20 * np.eye(20) / 3)  # draws of one and the same patient
    assert np.isnan([r.pearson(one_case), r.explained_variance(one_case), r.calibration_slope(one_case)]).all()
    for n in (0, 1):
        m = r.moments(np.ones(n), np.ones(n))
        assert np.isnan([r.pearson(m), r.ccc(m), r.error_sd(m), r.calibration_slope(m)]).all()
        assert r.ccc_interval(m) == r.pearson_interval(0.5, n) == NONE
    missing = np.append(y[:-1], np.nan)
    for value in (
        r.ccc(r.moments(y, missing)),
        r.spearman(y, missing),
        r.median_absolute_error(y, missing),
        r.mape(y, missing),
    ):
        assert np.isnan(value)
    nobody = np.zeros(20)
    assert np.isnan(
        [r.median_absolute_error(y, flat, nobody), r.mape(y, flat, nobody), r.spearman(y, flat, nobody)]
    ).all()
    assert np.isnan([r.median_absolute_error(y[:0], y[:0]), r.mape(y[:0], y[:0]), r.spearman(y[:0], y[:0])]).all()
    assert r.ccc_interval(r.moments(y, y)) == r.pearson_interval(1.0, 20) == NONE  # no certainty
    assert r.ccc_interval(r.moments(y, flat)) == NONE


def test_shapes_are_checked() -> None:
    for metric in (r.mae, r.rmse, r.r2, r.spearman, r.moments, r.median_absolute_error, r.mape):
        with pytest.raises(BadShape, match="cannot be compared"):
            metric(np.zeros(3), np.zeros(4))
        with pytest.raises(BadShape, match="for 3 cases"):
            metric(np.zeros(3), np.zeros(3), np.ones(5))


@pytest.mark.parametrize(
    "n, correlation, shift, scale", [(10, 0.9, 0.0, 1.0), (20, 0.5, 0.5, 1.3), (30, 0.95, 0.2, 1.0)]
)
def test_intervals_of_concordance_and_correlation_cover(n: int, correlation: float, shift: float, scale: float) -> None:
    rng, inside = np.random.default_rng(4), np.zeros(2)
    truth = 2 * correlation * scale / (1 + scale**2 + shift**2)
    for _ in range(1000):
        y = rng.normal(size=n)
        f = shift + scale * (correlation * y + np.sqrt(1 - correlation**2) * rng.normal(size=n))
        m = r.moments(y, f)
        intervals = (truth, r.ccc_interval(m)), (correlation, r.pearson_interval(float(r.pearson(m)), n))
        inside += [i.low <= value <= i.high for value, i in intervals]
    assert (inside > 915).all()
    assert (inside < 975).all()
