"""ComBat: an independent program's values, what it removes and keeps, and hostile tables."""

from __future__ import annotations

import numpy as np
import pytest

from isocenter.errors import UsageError
from isocenter.tables.combat import learn

NONE = np.zeros((14, 0))
# neuroCombat 0.2.12 (Fortin and others, NeuroImage 2018) with conv=1e-13 (its 1e-4 stops early), rows 0, 6 and 13.
PLAIN = [
    [0.700124991, 17.177916648, 33.070889911, 47.202363321, 59.068335369],
    [-0.764684452, 14.562050687, 32.555979237, 53.776436464, 72.397981275],
    [0.720879737, 14.843404693, 29.641991768, 50.035937472, 72.00643502],
]
AGE = [
    [0.635115794, 17.213552007, 33.208492241, 47.444386005, 58.932423625],
    [-0.771799232, 14.20075954, 32.122198888, 54.225849683, 74.694422273],
    [0.771866473, 15.031014976, 30.012343741, 49.921922742, 70.306970899],
]
REFERENCE = [
    [2.322712993, 25.483337568, 47.778925636, 67.617530104, 86.427761301],
    [0.740225562, 21.784960175, 46.685561876, 76.192929306, 104.222239874],
    [2.34737514, 22.719386882, 43.651935417, 70.826448095, 102.359897403],
]


def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    i, site = np.arange(14), np.repeat([0, 1, 2], [5, 5, 4])
    age = 40.0 + (7 * i) % 23
    X = np.column_stack([np.sin(1.7 * i + k) * (k + 1) + 0.05 * k * age + 10 * k for k in range(5)])
    X[site == 1] = X[site == 1] * 1.8 + 2
    X[site == 2] -= [1, 2, 3, 1, 2]
    return X, site, age


@pytest.mark.parametrize(
    "covariates, reference, expected", [(False, None, PLAIN), (True, None, AGE), (False, 1, REFERENCE)]
)
def test_values_of_neurocombat(covariates: bool, reference: int | None, expected: list[list[float]]) -> None:
    X, site, age = data()
    design = (age - age.mean())[:, None] if covariates else NONE
    found = learn(X, site, design, reference).harmonised(X, site, design)
    np.testing.assert_allclose(found[[0, 6, 13]], expected, rtol=1e-8)
    if reference is not None:
        assert (found[site == reference] == X[site == reference]).all()


def simulated(seed: int, p: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three sites that differ in shift, scale and share of the sick; the disease moves every feature by 1."""
    rng = np.random.default_rng(seed)
    site = np.repeat([0, 1, 2], [80, 60, 40])
    sick = (rng.random(180) < np.array([0.1, 0.5, 0.9])[site]).astype(float)
    X = rng.normal(size=(180, p)) * np.array([1.0, 1.8, 0.6])[site][:, None] + sick[:, None]
    return X + rng.normal([0.0, 3.0, -2.0], 0.3, (p, 3)).T[site], site, sick


def test_shift_and_scale_of_the_site_go_and_what_is_preserved_stays() -> None:
    X, site, sick = simulated(1)
    design = (sick - sick.mean())[:, None]
    found = learn(X, site, design).harmonised(X, site, design)
    residual = (
        found - found[sick == 0].mean(axis=0) * (1 - sick)[:, None] - found[sick == 1].mean(axis=0) * sick[:, None]
    )
    means = np.array([residual[site == s].mean(axis=0) for s in range(3)])
    spreads = np.array([residual[site == s].std(axis=0) for s in range(3)])
    assert np.abs(means).mean() < 0.05 and np.ptp(spreads.mean(axis=1)) < 0.1
    raw = np.array([X[site == s].mean(axis=0) for s in range(3)])
    assert np.ptp(raw, axis=0).mean() > 4  # there was something to remove
    assert found[sick == 1].mean() - found[sick == 0].mean() == pytest.approx(1.0, abs=0.1)
    without = learn(X, site, np.zeros((180, 0))).harmonised(X, site, np.zeros((180, 0)))
    assert without[sick == 1].mean() - without[sick == 0].mean() < 0.8  # taken for a difference of sites


def test_order_of_rows_changes_nothing() -> None:
    X, site, _ = data()
    order = np.random.default_rng(0).permutation(14)
    one = learn(X, site, NONE).harmonised(X, site, NONE)
    other = learn(X[order], site[order], NONE).harmonised(X[order], site[order], NONE)
    np.testing.assert_allclose(one[order], other, rtol=1e-10)


def test_missing_values_cost_only_themselves() -> None:
    X, site, _ = simulated(2)
    holes = np.random.default_rng(3).random(X.shape) < 0.1
    C = np.zeros((180, 0))
    whole, torn = (learn(x, site, C).harmonised(x, site, C) for x in (X, np.where(holes, np.nan, X)))
    assert (np.isnan(torn) == holes).all()
    assert np.abs(torn - whole)[~holes].mean() < 0.1
    X[:, 0] = np.nan
    assert np.isnan(learn(X, site, C).harmonised(X, site, C)[:, 0]).all()
    X[:, 0] = np.where(site == 2, np.nan, 5.0)
    assert set(learn(X, site, C).harmonised(X, site, C)[site < 2, 0]) == {5.0}


def test_a_constant_feature_stays_and_spoils_no_other() -> None:
    X, site, _ = data()
    with_one = np.column_stack([X, np.full(14, 0.1)])
    found = learn(with_one, site, NONE).harmonised(with_one, site, NONE)
    assert (found[:, 5] == 0.1).all()
    assert (found[:, :5] == learn(X, site, NONE).harmonised(X, site, NONE)).all()


def test_a_site_with_one_case_is_moved_and_not_stretched() -> None:
    X, site, _ = simulated(4)
    X, site = X[:141], site[:141]  # one case of site 2
    C = np.zeros((141, 0))
    learned = learn(X, site, C)
    assert (learned.scale[2] == 1).all()
    found = learned.harmonised(X, site, C)
    assert abs(found[140].mean() - found[:140].mean()) < 0.5 < abs(X[140].mean() - X[:140].mean())


def test_one_site_and_one_feature() -> None:
    X, site, _ = data()
    same = learn(X, np.zeros(14, dtype=int), NONE).harmonised(X, np.zeros(14, dtype=int), NONE)
    assert (same == X).all()
    one = X[:, :1]
    found = learn(one, site, NONE).harmonised(one, site, NONE)
    means = [found[site == s].mean() for s in range(3)]
    assert np.ptp(means) == pytest.approx(0, abs=1e-12)


def test_a_case_of_no_known_site_stays_as_it_is() -> None:
    X, site, _ = data()
    found = learn(X, site, NONE).harmonised(X, np.full(14, -1), NONE)
    assert (found == X).all()


def test_a_covariate_that_is_the_site_is_refused() -> None:
    X, site, _ = data()
    with pytest.raises(UsageError, match="cannot be told apart"):
        learn(X, site, (site == 1).astype(float)[:, None] - 0.3)
