"""Which interval a metric gets: by cases per patient, by what it depends on, and at the edges."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sk

from isocenter.metrics import Floats, Ints
from isocenter.metrics.estimation import estimate
from isocenter.metrics.intervals import NONE, auc_interval, newcombe, wilson
from isocenter.metrics.panels import ClassPanel, ValuePanel


def panel(n: int = 120, k: int = 2, seed: int = 0, per: int = 1, signal: float = 1.0) -> tuple[ClassPanel, Ints]:
    """A panel and its patients, `per` cases each, all of one class."""
    rng = np.random.default_rng(seed)
    patients = np.arange(n) // per
    reference = rng.integers(0, k, n)[patients]
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), reference] += signal
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return ClassPanel(reference, proba.argmax(axis=1), proba, 1 if k == 2 else None), patients


def test_independent_cases_get_closed_forms() -> None:
    p, patients = panel()
    found = {key[0]: e for key, e in estimate(p, patients).items()}
    hows = {name: e.interval.how for name, e in found.items()}
    shares = dict.fromkeys(("accuracy", "sensitivity", "specificity", "ppv", "npv"), "wilson")
    drawn = dict.fromkeys(("average_precision", "f1", "brier"), "bootstrap-patients")
    assert hows == {"auc": "delong-logit", "balanced_accuracy": "wilson-mover", **shares, **drawn}
    events = p.reference == 1
    assert found["auc"].interval == auc_interval(events, p.proba[:, 1])
    hits = int((events & (p.decided == 1)).sum())
    assert found["sensitivity"].interval == wilson(hits, int(events.sum()))
    assert found["ppv"].interval == wilson(hits, int((p.decided == 1).sum()))
    assert all(e.interval.low <= e.value <= e.interval.high for e in found.values())


def test_several_cases_a_patient_get_the_bootstrap_and_wider_intervals() -> None:
    p, patients = panel(n=400, per=4, seed=2)
    copies = ClassPanel(p.reference[::4].repeat(4), p.decided[::4].repeat(4), p.proba[::4].repeat(4, axis=0), 1)
    clustered, naive = estimate(copies, patients), estimate(copies, np.arange(400))
    for key, e in clustered.items():
        assert e.interval.how == "bootstrap-patients"
        ratio = (e.interval.high - e.interval.low) / (naive[key].interval.high - naive[key].interval.low)
        assert ratio == pytest.approx(2, rel=0.2)  # four copies of a case are one case


def test_stratified_draws_are_only_for_what_does_not_depend_on_prevalence() -> None:
    binary, _ = panel()
    within = {name for name, _ in binary.within_class}
    assert within == {"auc", "sensitivity", "specificity", "balanced_accuracy"}
    many, _ = panel(k=3)
    assert {name for name, _ in many.within_class} == {"sensitivity", "balanced_accuracy"}


def test_ppv_interval_lets_the_prevalence_vary() -> None:
    # Two cases a patient so that the bootstrap is used; a PPV with fixed prevalence would be narrower.
    p, patients = panel(n=312, per=2, seed=1, signal=0.7)
    rng, values = np.random.default_rng(0), []
    for _ in range(800):
        drawn = rng.integers(0, 156, 156)
        rows = np.concatenate([2 * drawn, 2 * drawn + 1])
        values.append(sk.precision_score(p.reference[rows], p.decided[rows]))
    interval = estimate(p, patients)["ppv", None].interval
    low, high = np.quantile(values, [0.025, 0.975])
    assert interval[:2] == pytest.approx((low, high), abs=0.015)


def test_patients_with_both_classes_are_drawn_freely() -> None:
    rng = np.random.default_rng(0)
    reference, patients = np.tile([0, 1], 40), np.repeat(np.arange(40), 2)
    proba = rng.random((80, 2))
    p = ClassPanel(reference, proba.argmax(axis=1), proba, 1)
    found = estimate(p, patients)
    assert all(math.isfinite(e.interval.low) for e in found.values())


@pytest.mark.parametrize("per", [1, 3])
def test_a_perfect_result_claims_no_certainty(per: int) -> None:
    n = 30 * per
    patients = np.arange(n) // per
    reference = (patients % 2).astype(np.int64)
    proba = np.column_stack([1.0 - reference, reference]) * 0.8 + 0.1 + np.linspace(0, 0.01, n)[:, None]
    found = {key[0]: e.interval for key, e in estimate(ClassPanel(reference, reference, proba, 1), patients).items()}
    tail = "" if per == 1 else "-patients"
    assert found["auc"] == newcombe(1.0, 15, 15)._replace(how="newcombe" + tail)
    assert found["accuracy"] == wilson(30, 30)._replace(how="wilson" + tail)
    assert found["sensitivity"] == wilson(15, 15)._replace(how="wilson" + tail)
    assert found["f1"].low < 0.95
    assert found["balanced_accuracy"].low < 0.95
    assert found["average_precision"] == NONE


def test_perfect_classes_give_a_macro_interval_too() -> None:
    reference = np.repeat(np.arange(3), 15)
    proba = np.eye(3)[reference] * 0.9 + np.linspace(0, 0.01, 45)[:, None]
    found = estimate(ClassPanel(reference, reference, proba), np.arange(45))
    one = found["auc", 0].interval
    assert found["auc", None].interval == (pytest.approx(one.low), 1.0, "newcombe-mean")
    assert found["f1", None].interval.low < 0.95


def test_constant_scores_are_a_coin_without_doubt() -> None:
    reference = np.repeat([0, 1], [30, 12])
    p = ClassPanel(reference, np.zeros(42, dtype=np.int64), np.tile([0.7, 0.3], (42, 1)), 1)
    for patients in (np.arange(42), np.arange(42) // 2):
        found = {key[0]: e for key, e in estimate(p, patients).items()}
        assert found["auc"].interval == (0.5, 0.5, "constant-scores")
        assert math.isnan(found["ppv"].value)
        assert found["ppv"].interval == NONE
        assert (found["sensitivity"].value, found["sensitivity"].interval.low) == (0.0, 0.0)
        assert found["sensitivity"].interval.high > 0.2


def test_macro_is_the_mean_of_the_classes() -> None:
    p, patients = panel(n=200, k=4)
    found = estimate(p, patients)
    expected = sk.roc_auc_score(p.reference, p.proba, multi_class="ovr")
    assert found["auc", None].value == pytest.approx(expected)
    assert found["f1", None].value == pytest.approx(sk.f1_score(p.reference, p.decided, average="macro"))
    for k in range(4):
        assert found["auc", k].value == pytest.approx(sk.roc_auc_score(p.reference == k, p.proba[:, k]))
        assert found["average_precision", k].interval.how == "bootstrap-patients"
    assert found["auc", None].interval.how == "bootstrap-patients"
    assert found["auc", 0].interval.how == "delong-logit"


def test_a_class_in_one_patient_has_no_macro_interval() -> None:
    p, patients = panel(n=60, k=3)
    reference = np.where(np.arange(60) == 0, 2, p.reference % 2)
    macro = estimate(ClassPanel(reference, p.decided, p.proba), patients)["auc", None]
    assert macro.interval == NONE
    assert macro.undefined / macro.draws == pytest.approx((59 / 60) ** 60, abs=0.04)


def test_draws_are_those_of_scikit_learn() -> None:
    p, _ = panel(k=3, n=80)
    weights = np.random.default_rng(0).multinomial(80, np.full(80, 1 / 80), size=4).astype(float)
    found = p.measures(weights)
    for row, w in enumerate(weights):
        expected = sk.roc_auc_score(p.reference, p.proba, multi_class="ovr", sample_weight=w)
        assert found["auc", None][row] == pytest.approx(expected)
        expected = sk.f1_score(p.reference, p.decided, average="macro", sample_weight=w)
        assert found["f1", None][row] == pytest.approx(expected)
        expected = sk.average_precision_score(p.reference == 2, p.proba[:, 2], sample_weight=w)
        assert found["average_precision", 2][row] == pytest.approx(expected)
    assert list(p.measures(weights, {("brier", None)})) == [("brier", None)]


def test_metrics_need_numpy_alone() -> None:
    code = "import sys, isocenter.metrics.estimation; sys.exit('scipy' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def values(n: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    return y, y + rng.normal(size=n)


def test_regression_gets_bootstrap_intervals() -> None:
    y, f = values(200)
    found = estimate(ValuePanel(y, f), np.arange(200))
    assert found["r2", None].value == pytest.approx(sk.r2_score(y, f))
    for e in found.values():
        assert e.interval.low < e.value < e.interval.high
    closed = {key[0]: e.interval.how for key, e in found.items() if e.interval.how != "bootstrap-patients"}
    limits = {"agreement_low": "carkeet-exact", "agreement_high": "carkeet-exact"}
    assert closed == {"ccc": "lin-fisher-z", "bias": "t", **limits}


def test_no_draws_and_one_patient_give_values_alone() -> None:
    y, f = values(20)
    for found in (estimate(ValuePanel(y, f), np.arange(20), draws=0), estimate(ValuePanel(y, f), np.zeros(20, int))):
        assert all(e.interval == NONE and math.isfinite(e.value) for e in found.values())
