"""Unpenalised logistic regression: statsmodels' values, weights as repeats, and what has no best fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from calibrated import draws, simulated
from isocenter.metrics import Floats
from isocenter.metrics import logistic as g


def design_of(scores: Floats) -> Floats:
    return np.column_stack([np.ones(len(scores)), np.log(scores / (1 - scores))])


def test_coefficients_and_errors_are_those_of_statsmodels() -> None:
    events, scores = simulated()
    design = design_of(scores)
    found = g.fit(design, events)
    assert found == pytest.approx([-0.3139548709, 1.2306843055], abs=1e-10)
    errors = np.sqrt(np.diag(g.covariance(design, events, found)))
    assert errors == pytest.approx([0.1226522018, 0.1534083997], abs=1e-10)
    # Four cases a patient; statsmodels leaves the G / (G - 1) out
    robust = np.sqrt(np.diag(g.covariance(design, events, found, patients=np.arange(400) // 4)))
    assert robust == pytest.approx(np.sqrt(100 / 99) * np.array([0.1153746106, 0.1399988394]), abs=1e-10)


def test_weights_are_repeats_one_by_one_and_all_at_once() -> None:
    events, scores = simulated()
    design = design_of(scores)
    assert g.fit(design, events, np.arange(400) % 3.0) == pytest.approx([-0.2522407285, 1.2132420022], abs=1e-9)
    weights = draws(np.random.default_rng(0), 400, 6).reshape(2, 3, 400)
    together = g.fit(design, events, weights)
    assert together.shape == (2, 3, 2)
    for at in np.ndindex(2, 3):
        rows = np.repeat(np.arange(400), weights[at].astype(int))
        np.testing.assert_allclose(together[at], g.fit(design[rows], events[rows]), rtol=1e-9)


def test_far_off_starts_come_home() -> None:
    """Plain Newton diverges from here; the halved steps must not."""
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(200), rng.standard_cauchy(200) * 30])
    events = rng.random(200) < 1 / (1 + np.exp(-0.5 - 0.05 * design[:, 1]))

    def loss(b: Floats) -> float:
        return float(np.logaddexp(0, design @ b).sum() - (design @ b)[events].sum())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}).x
    for start in (None, np.array([8.0, 0.0]), np.array([-8.0, 1.0])):
        np.testing.assert_allclose(g.fit(design, events, start=start), best, atol=1e-5)


@pytest.mark.parametrize(
    "events, column",
    [
        ([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6]),  # separated
        ([0, 0, 1, 0, 1, 1], [1, 2, 3, 3, 4, 5]),  # but for a tie
        ([1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6]),  # one class
        ([0, 1, 0, 1, 0, 1], [2, 2, 2, 2, 2, 2]),  # constant
        ([1], [3]),
        ([], []),
    ],
)
def test_no_finite_best_fit_is_nan(events: list[int], column: list[float]) -> None:
    design = np.column_stack([np.ones(len(column)), np.array(column, dtype=float)])
    assert np.isnan(g.fit(design, np.array(events, dtype=bool))).all()


def test_a_draw_without_a_fit_leaves_the_others_alone() -> None:
    events, scores = simulated()
    weights = np.stack([np.ones(400), events.astype(float), np.zeros(400), np.arange(400) % 3.0])
    found = g.fit(design_of(scores), events, weights)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, False]
    assert found[0] == pytest.approx([-0.3139548709, 1.2306843055], abs=1e-9)


def test_a_single_patient_has_no_robust_error() -> None:
    events, scores = simulated()
    design = design_of(scores)
    spread = g.covariance(design, events, g.fit(design, events), patients=np.zeros(400, dtype=int))
    assert np.isnan(spread).all()
    assert not g.repeated(np.arange(400), 400)
    assert not g.repeated(None, 400)
    assert g.repeated(np.arange(400) // 2, 400)
