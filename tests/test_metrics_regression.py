"""Regression metrics against scikit-learn and scipy, for values and for weighted draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sk

from isocenter.metrics import regression as r


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
