"""Grades: values from scikit-learn and by hand, draws equal values, near misses cost less."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from isocenter.metrics.estimation import estimate
from isocenter.metrics.grade_panel import CUMULATIVE, GradePanel
from isocenter.metrics.panels import ClassPanel

CLASSES = ("low", "mid", "high", "very high")


def panel(n: int = 120, seed: int = 0) -> GradePanel:
    rng = np.random.default_rng(seed)
    y = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]).astype(np.int64)
    centre = y + rng.normal(size=n)
    proba = np.exp(-0.4 * (centre[:, None] - np.arange(4)) ** 2)
    proba /= proba.sum(axis=1, keepdims=True)
    return GradePanel(y, proba.argmax(axis=1).astype(np.int64), proba)


def values(p: GradePanel, weights: NDArray[np.float64] | None = None) -> dict[tuple[str, int | None], float]:
    w = np.ones(len(p.reference)) if weights is None else weights
    return {key: float(value) for key, value in p.measures(w).items()}


def test_numbers_that_know_the_order_are_those_of_scikit_learn() -> None:
    p = panel()
    found = values(p)
    for name in ("quadratic", "linear"):
        assert found[f"kappa_{name}", None] == pytest.approx(sk.cohen_kappa_score(p.reference, p.decided, weights=name))
    assert found["grade_error", None] == pytest.approx(sk.mean_absolute_error(p.reference, p.decided))
    for k in (1, 2, 3):
        expected = sk.roc_auc_score(p.reference >= k, p.proba[:, k:].sum(axis=1))
        assert found[CUMULATIVE, k] == pytest.approx(expected)
    grade = p.proba @ np.arange(4)
    pairs = [sk.roc_auc_score(p.reference[m] == b, grade[m])
             for a, b in combinations(range(4), 2) if (m := (p.reference == a) | (p.reference == b)).any()]  # fmt: skip
    assert found["ordinal_c_index", None] == pytest.approx(np.mean(pairs))
    steps = np.cumsum(p.proba, axis=1)[:, :-1] - (p.reference[:, None] <= np.arange(3))
    assert found["rps", None] == pytest.approx((steps**2).mean())


def test_it_has_all_that_classes_have() -> None:
    p = panel()
    plain = ClassPanel(p.reference, p.decided, p.proba).measures(np.ones(len(p.reference)))
    found = values(p)
    assert {key: found[key] for key in plain} == {key: float(value) for key, value in plain.items()}
    assert list(found)[:5] == [
        (n, None) for n in ("ordinal_c_index", "kappa_quadratic", "kappa_linear", "grade_error", "rps")
    ]


def test_every_draw_is_what_its_cases_repeated_would_be() -> None:
    p = panel(60)
    weights = np.random.default_rng(1).integers(0, 4, (5, 60)).astype(float)
    drawn = p.measures(weights)
    for row, w in enumerate(weights.astype(int)):
        again = GradePanel(np.repeat(p.reference, w), np.repeat(p.decided, w), np.repeat(p.proba, w, axis=0))
        alone = values(again)
        for key, value in drawn.items():
            assert value[row] == pytest.approx(alone[key], nan_ok=True), key
    assert list(p.measures(weights, {("rps", None), (CUMULATIVE, 2)})) == [("rps", None), (CUMULATIVE, 2)]


def test_a_near_miss_costs_less_than_a_far_one() -> None:
    y = np.repeat(np.arange(4), 10)
    near, far = (np.where(np.arange(40) % 5 == 0, (y + step) % 4, y) for step in (1, 2))
    sure = np.eye(4)
    one, other = (values(GradePanel(y, d, sure[d])) for d in (near, far))
    assert one["accuracy", None] == other["accuracy", None]
    assert one["kappa_quadratic", None] > other["kappa_quadratic", None]
    assert one["rps", None] < other["rps", None]


def test_intervals_and_names() -> None:
    p = panel()
    found = estimate(p, np.arange(120), draws=500)
    for name, how in (("kappa_quadratic", "fleiss-cohen-everitt-wilson"), ("ordinal_c_index", None), ("rps", None)):
        row = found[name, None]
        assert row.interval.low < row.value < row.interval.high
        assert how is None or row.interval.how == how
    assert found[CUMULATIVE, 2].interval.how == "delong-logit"
    assert (p.name_of((CUMULATIVE, 2), CLASSES), p.events_of((CUMULATIVE, 2))) == (
        "≥ high",
        int((p.reference >= 2).sum()),
    )
    assert (p.name_of(("auc", 2), CLASSES), p.name_of(("auc", None), CLASSES)) == ("high", None)
    clustered = estimate(p, np.arange(120) // 3, draws=500)
    assert all(clustered[key].interval.how.startswith("bootstrap-patients") for key in p.own)


def test_a_grade_that_does_not_occur() -> None:
    p = panel()
    some = p.reference < 3
    found = values(GradePanel(p.reference[some], p.decided[some], p.proba[some]))
    assert np.isfinite([found[key] for key in (("ordinal_c_index", None), ("rps", None), (CUMULATIVE, 2))]).all()
    assert np.isnan(found[CUMULATIVE, 3])
