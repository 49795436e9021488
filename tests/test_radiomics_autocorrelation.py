"""Beside all pairs, one by one; in one piece and in many."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isocenter.radiomics import autocorrelation as module

SPACING = (2.0, 0.8, 0.9)


def pair_by_pair(values: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    places = np.argwhere(inside) * np.asarray(SPACING)
    n, x = len(values), values - values.mean()
    weights = alike = apart = 0.0
    for i in range(n):
        distance = np.sqrt(((places - places[i]) ** 2).sum(axis=1))
        distance[i] = np.inf
        weights += (1 / distance).sum()
        alike += (x[i] * x / distance).sum()
        apart += ((x[i] - x) ** 2 / distance).sum()
    spread = (x * x).sum()
    return n / weights * alike / spread, (n - 1) / (2 * weights) * apart / spread


@pytest.mark.parametrize("single, pieces", [(1 << 30, 1 << 22), (1, 1 << 22), (1 << 30, 512)])
def test_all_pairs(single: int, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SINGLE_FROM", single)
    monkeypatch.setattr(module, "_AT_A_TIME", pieces)
    rng = np.random.default_rng(0)
    inside = rng.random((6, 9, 11)) < 0.6
    values = rng.normal(1000, 5, int(inside.sum())) + np.argwhere(inside)[:, 0]
    found = module.autocorrelation(values, inside, SPACING)
    expected = pair_by_pair(values, inside)
    exact = 1e-10 if single > 1 else 1e-5
    assert tuple(found.values()) == pytest.approx(expected, rel=exact)


def test_neither_one_voxel_nor_a_flat_region_has_any() -> None:
    one, flat = np.ones((1, 1, 1), dtype=bool), np.ones((2, 2, 2), dtype=bool)
    for values, inside in ((np.array([3.0]), one), (np.full(8, 0.1), flat)):
        assert all(math.isnan(v) for v in module.autocorrelation(values, inside, SPACING).values())
