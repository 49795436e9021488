"""Recalibration: independent fits, what it must not change, its way through JSON, and what cannot be fitted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from calibrated import draws, perfect, simulated
from isocenter.errors import BadValues, DamagedBundle, UsageError
from isocenter.metrics import Floats, Ints
from isocenter.metrics import recalibration as r
from isocenter.metrics.calibration import in_the_large, slope_and_intercept
from isocenter.metrics.ranking import auc


def two(scores: Floats) -> Floats:
    """(n, 2) probabilities."""
    return np.column_stack([1 - scores, scores])


def three(seed: int, n: int = 3000, temperature: float = 2.5) -> tuple[Floats, Floats, Ints]:
    """Over-confident probabilities of three classes, the true ones, and classes drawn from these."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 2
    said, true = (np.exp(z / t) / np.exp(z / t).sum(axis=1, keepdims=True) for t in (1.0, temperature))
    return said, true, (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


def test_platt_and_beta_are_those_of_statsmodels() -> None:
    events, scores = simulated()
    codes = events.astype(np.int64)
    slope, intercept = r.fit("platt", two(scores), codes).parameters[0]
    assert (slope, intercept) == pytest.approx((1.2306843055, -0.3139548709), abs=1e-9)
    beta = r.fit("beta", two(scores), codes)
    assert beta.parameters[0] == pytest.approx((0.755937034232, 1.819436598371, -1.119681040923), abs=1e-9)
    # betacal, the authors' program, stops its optimiser earlier
    theirs = [0.064986386328, 0.200640385602, 0.540318208625, 0.952671294443]
    assert beta.apply(two(np.array([0.1, 0.3, 0.6, 0.9])))[:, 1] == pytest.approx(theirs, abs=1e-3)


def test_isotonic_is_scikit_learns() -> None:
    events, scores = simulated()
    scores, weights = np.round(scores, 2), 1.0 + np.arange(400) % 3
    for w in (None, weights):
        theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, events, sample_weight=w)
        ours = r.fit("isotonic", two(scores), events.astype(np.int64), w)
        new = np.linspace(0, 1, 333)
        np.testing.assert_allclose(ours.apply(two(new))[:, 1], theirs.predict(new), atol=1e-12)
    assert len(ours.parameters[0]) < 2 * len(np.unique(scores))


def test_temperature_minimises_the_log_loss() -> None:
    said, true, codes = three(0)
    found = r.fit("temperature", said, codes)
    (temperature,) = found.parameters[0]

    def loss(t: float) -> float:
        z = np.log(said) / t
        return float(log_loss(codes, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)))

    best = minimize_scalar(loss, bounds=(0.5, 8), method="bounded", options={"xatol": 1e-8})
    assert temperature == pytest.approx(best.x, abs=1e-5)
    assert temperature == pytest.approx(2.5, abs=0.2)
    np.testing.assert_allclose(found.apply(said), true, atol=0.05)
    assert (found.apply(said).argmax(axis=1) == said.argmax(axis=1)).all()


@pytest.mark.parametrize("kind", r.KINDS)
@pytest.mark.parametrize("classes", [2, 3])
def test_what_every_map_keeps(kind: str, classes: int) -> None:
    if classes == 2:
        events, scores = simulated()
        proba, codes = two(scores), events.astype(np.int64)
    else:
        proba, _, codes = three(1)
    found = r.fit(kind, proba, codes)
    assert (found.kind, found.classes, found.reason) == (kind, classes, "")
    out = found.apply(proba)
    np.testing.assert_allclose(out.sum(axis=1), 1)
    assert ((out >= 0) & (out <= 1)).all()
    if classes == 2:
        order = np.argsort(proba[:, 1])
        assert (np.diff(out[order, 1]) >= 0).all()
    if kind != "isotonic":
        for k in range(classes if classes == 2 else 0):
            assert auc(codes == k, out[:, k]) == pytest.approx(float(auc(codes == k, proba[:, k])))
    assert log_loss(codes, np.clip(out, 1e-9, 1)) < log_loss(codes, proba)
    edges = np.eye(classes)
    assert np.isfinite(found.apply(edges)).all()
    assert found.apply(proba[:0]).shape == (0, classes)
    assert r.Calibrator.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.parametrize("kind", r.KINDS)
def test_naming_the_other_class_first_changes_nothing(kind: str) -> None:
    events, scores = simulated()
    one = r.fit(kind, two(scores), events.astype(np.int64)).apply(two(scores))
    other = r.fit(kind, two(1 - scores), (~events).astype(np.int64)).apply(two(1 - scores))
    np.testing.assert_allclose(one, other[:, ::-1], atol=1e-9)


@pytest.mark.parametrize("kind", ["platt", "beta"])
def test_tuning_scores_end_with_slope_1_and_intercept_0(kind: str) -> None:
    events, scores = simulated()
    out = r.fit(kind, two(scores), events.astype(np.int64)).apply(two(scores))[:, 1]
    slope, intercept = slope_and_intercept(events, out)
    assert slope == pytest.approx(1, abs=1e-6)
    assert intercept == pytest.approx(0, abs=1e-6)
    assert in_the_large(events, out) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", r.KINDS)
def test_new_cases_are_better_calibrated(kind: str) -> None:
    """Logits doubled: learned on one half, measured on the other."""
    events, risk = perfect(np.random.default_rng(3), 80_000)
    extreme = risk**2 / (risk**2 + (1 - risk) ** 2)
    found = r.fit(kind, two(extreme[:40_000]), events[:40_000].astype(np.int64))
    assert slope_and_intercept(events[40_000:], extreme[40_000:])[0] == pytest.approx(0.5, abs=0.02)
    out = found.apply(two(extreme[40_000:]))[:, 1]
    assert np.abs(out - risk[40_000:]).mean() < 0.015
    if kind != "isotonic":
        assert slope_and_intercept(events[40_000:], out)[0] == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("kind", r.KINDS)
def test_weights_are_repeats(kind: str) -> None:
    events, scores = simulated()
    codes, scores = events.astype(np.int64), np.round(scores, 2)
    weights = draws(np.random.default_rng(4), 400, 1)[0]
    rows = np.repeat(np.arange(400), weights.astype(int))
    one, other = r.fit(kind, two(scores), codes, weights), r.fit(kind, two(scores[rows]), codes[rows])
    np.testing.assert_allclose(one.parameters, other.parameters, rtol=1e-7)


def test_a_forests_zeros_do_not_flatten_platt() -> None:
    """One event among 300 scores of 0 must not cost the other cases their slope."""
    events, risk = perfect(np.random.default_rng(5), 4000, -2)
    votes = np.random.default_rng(6).binomial(100, risk) / 100
    assert (events & (votes == 0)).any()
    found = r.fit("platt", two(votes), events.astype(np.int64))
    assert found.edge == 0.005
    assert found.parameters[0][0] == pytest.approx(1, abs=0.12)


def test_beta_drops_a_coefficient_that_would_fall() -> None:
    rng = np.random.default_rng(7)
    scores = rng.random(2000)
    events = rng.random(2000) < 1 / (1 + np.exp(-(-0.4 * np.log(scores) - 1.5 * np.log1p(-scores) - 2)))
    a, b, c = r.fit("beta", two(scores), events.astype(np.int64)).parameters[0]
    column = -np.log1p(-scores)[:, None]
    alone = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(column, events)
    assert (a, b, c) == pytest.approx((0, alone.coef_[0, 0], alone.intercept_[0]), abs=1e-4)
    mirrored = r.fit("beta", two(1 - scores), (~events).astype(np.int64)).parameters[0]
    assert mirrored == pytest.approx((b, 0, -c))
    out = r.fit("beta", two(scores), events.astype(np.int64)).apply(two(scores))[:, 1]
    assert (np.diff(out[np.argsort(scores)]) >= 0).all()


HALF = np.linspace(0.1, 0.9, 40)


@pytest.mark.parametrize("kind", r.KINDS)
@pytest.mark.parametrize(
    "proba, codes, told",
    [
        (two(HALF), np.zeros(40), "one class"),
        (two(HALF[:0]), np.zeros(0), "one class"),
        (two(HALF[:1]), np.ones(1), "one class"),
        (two(HALF), HALF < 0.5, None),  # points the wrong way
        (two(1 - simulated()[1]), simulated()[0], "on the tuning data"),
        (two(np.full(40, 0.5)), np.arange(40) % 2, None),
        (three(8)[0], three(8)[2] % 2, "absent"),
    ],
    ids=["one class", "none", "one", "reversed", "mostly reversed", "constant", "absent"],
)
def test_what_cannot_be_fitted_leaves_probabilities_as_they_were(
    kind: str, proba: Floats, codes: Ints, told: str | None
) -> None:
    found = r.fit(kind, proba, codes.astype(np.int64))
    assert found.kind == r.IDENTITY
    assert found.reason.startswith(kind)
    assert told is None or told in found.reason
    np.testing.assert_array_equal(found.apply(proba), proba)
    assert r.Calibrator.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_separated_classes_have_no_platt_beta_or_temperature() -> None:
    codes = (HALF > 0.5).astype(np.int64)
    assert [r.fit(kind, two(HALF), codes).kind for kind in r.KINDS] == [r.IDENTITY, "isotonic", r.IDENTITY, r.IDENTITY]
    assert "separate" in r.fit("platt", two(HALF), codes).reason
    weights = np.zeros(40)
    assert r.fit("platt", two(HALF), codes, weights).kind == r.IDENTITY


def test_two_distinct_scores_are_enough() -> None:
    scores, codes = np.tile([0.2, 0.8], 50), np.tile([0, 0, 0, 1, 1, 1, 1, 0, 0, 1], 10)
    shares = [codes[scores == s].mean() for s in (0.2, 0.8)]
    for kind in ("platt", "beta", "isotonic"):
        out = r.fit(kind, two(scores), codes).apply(two(np.array([0.2, 0.8])))[:, 1]
        assert out == pytest.approx(shares)


def test_isotonic_rows_of_zeros_keep_their_raw_probabilities() -> None:
    maps = ((0.5, 0.6, 0.0, 1.0),) * 3
    raw = np.array([[0.2, 0.4, 0.4], [0.1, 0.3, 0.6]])
    out = r.Calibrator("isotonic", 3, maps, 0.005).apply(raw)
    np.testing.assert_allclose(out, [[0.2, 0.4, 0.4], [0, 0, 1]])


def test_wrong_requests_are_named() -> None:
    events, scores = simulated()
    with pytest.raises(UsageError, match="platt, isotonic, beta, temperature"):
        r.fit("sigmoid", two(scores), events.astype(np.int64))
    with pytest.raises(BadValues):
        r.fit("platt", two(scores * 3), events.astype(np.int64))
    with pytest.raises(ValueError, match="3 classes"):
        r.Calibrator("identity", 3).apply(two(scores))


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "pickle"},
        {"kind": "identity"},
        {"classes": 3},
        {"classes": "many"},
        {"edge": 0.0},
        {"edge": 0.7},
        {"parameters": [[float("nan"), 1.0]]},
        {"parameters": [[-1.0, 0.0]]},
        {"parameters": [[0.0, 0.0]]},
        {"parameters": [[1.0]]},
        {"parameters": [[]]},
        {"parameters": []},
        {"parameters": 7},
        {"parameters": [["a", "b"]]},
        {"kind": "temperature", "parameters": [[0.0]]},
        {"kind": "isotonic", "parameters": [[0.1, 0.2, 0.9, 0.3]]},
        {"kind": "isotonic", "parameters": [[0.2, 0.2, 0.1, 0.3]]},
        {"kind": "isotonic", "parameters": [[0.1, 0.2, 0.3]]},
        {"kind": "isotonic", "parameters": [[0.1, 0.2, 0.3, 1.3]]},
        {"kind": "isotonic", "parameters": [[]]},
        {"kind": "beta", "parameters": [[-0.1, 1.0, 0.0]]},
    ],
)
def test_a_card_from_outside_cannot_smuggle_nonsense(changed: dict[str, object]) -> None:
    good = {"kind": "platt", "classes": 2, "parameters": [[1.2, -0.3]], "edge": 0.005, "reason": ""}
    assert r.Calibrator.from_dict(good).kind == "platt"
    with pytest.raises(DamagedBundle):
        r.Calibrator.from_dict({**good, **changed})
    with pytest.raises(DamagedBundle):
        r.Calibrator.from_dict({})
