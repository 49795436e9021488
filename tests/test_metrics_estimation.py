"""Which interval a metric gets: by cases per patient, by what it depends on, and at the edges."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from isocenter.metrics import Floats, Ints
from isocenter.metrics.differences import bland_altman
from isocenter.metrics.estimation import Estimated, estimate
from isocenter.metrics.grade_panel import GradePanel
from isocenter.metrics.intervals import NONE, auc_interval, newcombe, wilson
from isocenter.metrics.label_panel import LabelPanel
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
    drawn = {"average_precision": "bootstrap-patients-logit", "brier": "bootstrap-patients-hall"}
    assert hows == {"auc": "delong-logit", "balanced_accuracy": "wilson-mover", "f1": "wilson", **shares, **drawn}
    events = p.reference == 1
    assert found["auc"].interval == auc_interval(events, p.proba[:, 1])
    hits = int((events & (p.decided == 1)).sum())
    assert found["sensitivity"].interval == wilson(hits, int(events.sum()))
    called = int((p.decided == 1).sum())
    assert found["ppv"].interval == wilson(hits, called)
    # F1 = 2 J / (1 + J), and J is a share: hits among the cases that are or were called
    jaccard = wilson(hits, int(events.sum()) + called - hits)
    assert found["f1"].interval[:2] == pytest.approx([2 * j / (1 + j) for j in jaccard[:2]])
    assert all(e.interval.low <= e.value <= e.interval.high for e in found.values())


def test_several_cases_a_patient_get_the_bootstrap_and_wider_intervals() -> None:
    p, patients = panel(n=400, per=4, seed=2)
    copies = ClassPanel(p.reference[::4].repeat(4), p.decided[::4].repeat(4), p.proba[::4].repeat(4, axis=0), 1)
    clustered, naive = estimate(copies, patients), estimate(copies, np.arange(400))
    for key, e in clustered.items():
        assert e.interval.how.startswith("bootstrap-patients")
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
    # With 156 patients the scheme hardly matters: limits are those of a loop over scikit-learn.
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
    assert found["average_precision"] == wilson(15, 15)._replace(how="wilson" + tail)
    assert 0 <= found["brier"].low < found["brier"].high < 0.2


def test_perfect_classes_give_a_macro_interval_too() -> None:
    reference = np.repeat(np.arange(3), 15)
    proba = np.eye(3)[reference] * 0.9 + np.linspace(0, 0.01, 45)[:, None]
    found = estimate(ClassPanel(reference, reference, proba), np.arange(45))
    one = found["auc", 0].interval
    # No draw tells how the classes go together: as if they did so entirely
    assert found["auc", None].interval == (pytest.approx(one.low), 1.0, "newcombe-mover")
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
        assert found["average_precision", k].interval.how == "bootstrap-patients-logit"
    assert found["auc", None].interval.how == "delong-logit-mover"
    assert found["auc", 0].interval.how == "delong-logit"
    widths = [found["auc", k].interval.high - found["auc", k].interval.low for k in (None, *range(4))]
    assert max(widths[1:]) / 2 < widths[0] < min(widths[1:])  # neither independent classes nor one and the same


def test_a_class_in_one_patient_makes_the_macro_interval_wide() -> None:
    p, patients = panel(n=60, k=3)
    reference = np.where(np.arange(60) == 0, 2, p.reference % 2)
    found = estimate(ClassPanel(reference, p.decided, p.proba), patients)
    rare, macro = found["auc", 2].interval, found["auc", None].interval
    assert macro.how == "mover"
    assert (rare.high - rare.low) / 3 < macro.high - macro.low < rare.high - rare.low
    drawn = found["average_precision", 2]
    assert drawn.interval == NONE
    assert drawn.undefined / drawn.draws == pytest.approx((59 / 60) ** 60, abs=0.04)


def test_one_class_of_three_has_an_f1_and_no_area() -> None:
    p, patients = panel(n=30, k=3)
    found = estimate(ClassPanel(np.zeros(30, dtype=np.int64), p.decided, p.proba), patients, draws=200)
    assert found["f1", None].interval[:2] == pytest.approx(found["f1", 0].interval[:2])
    assert math.isnan(found["auc", None].value)
    assert found["brier", None].interval == NONE


@pytest.mark.parametrize("per", [1, 3])
def test_grades_have_an_interval_for_every_number(per: int) -> None:
    p, patients = panel(n=150, k=3, per=per, signal=1.5)
    found = estimate(GradePanel(p.reference, p.decided, p.proba), patients)
    assert all(e.interval.low < e.value < e.interval.high for e in found.values())
    hows = {
        name: found[name, None].interval.how for name in ("kappa_quadratic", "ordinal_c_index", "rps", "grade_error")
    }
    drawn = {"ordinal_c_index": "logit", "rps": "hall", "grade_error": "hall"}
    closed = {"kappa_quadratic": hows["kappa_quadratic"]}
    assert hows == {name: f"bootstrap-patients-{scale}" for name, scale in drawn.items()} | closed
    assert (hows["kappa_quadratic"] == "bootstrap-patients-fisher-z") == (per == 3)
    steps = {found["cumulative_auc", k].interval.how for k in (1, 2)}
    assert steps == {"delong-logit" if per == 1 else "bootstrap-patients-logit"}


def test_labels_are_estimated_each_and_their_means_know_how_they_go_together() -> None:
    rng, n = np.random.default_rng(5), 120
    y = (rng.random(n) < 0.4).astype(np.int64)
    p = 1 / (1 + np.exp(-1.5 * (y + rng.normal(size=n) - 0.5)))

    def whole(second: Ints, scores: Floats) -> Estimated:
        reference, proba = np.column_stack([y, second]), np.column_stack([p, scores])
        return estimate(LabelPanel(reference, (proba > 0.5).astype(np.int64), proba), np.arange(n))["auc", None]

    one = auc_interval(y == 1, p)
    twice, mixed = whole(y, p), whole(y[::-1].copy(), p[::-1].copy())
    assert (twice.interval.low, twice.interval.high) == pytest.approx(one[:2])  # a label told twice tells nothing more
    assert twice.interval.high - twice.interval.low > 1.2 * (mixed.interval.high - mixed.interval.low)
    assert twice.interval.how == "delong-logit-mover"


def test_brier_of_two_events_has_no_interval_for_draws_without_any_are_of_another_quantity() -> None:
    rng, n = np.random.default_rng(0), 40
    proba = np.column_stack([1 - (p := rng.uniform(0, 0.3, n)), p])
    for events, given in ((0, False), (2, False), (4, True)):
        reference = (np.arange(n) < events).astype(np.int64)
        brier = estimate(ClassPanel(reference, np.zeros(n, dtype=np.int64), proba, 1), np.arange(n))["brier", None]
        assert math.isfinite(brier.value)
        assert (brier.interval != NONE) == given
        assert brier.undefined / brier.draws == pytest.approx((1 - events / n) ** n, abs=0.03)


def test_auc_of_few_patients_with_several_images_counts_patients() -> None:
    # Four patients with the event, ten images each: 40 events by images would look certain
    rng, patients = np.random.default_rng(1), np.repeat(np.arange(20), 10)
    reference = (patients < 4).astype(np.int64)
    p = 1 / (1 + np.exp(-rng.normal(size=200) - reference))
    proba = np.column_stack([1 - p, p])
    found = estimate(ClassPanel(reference, (p > 0.5).astype(np.int64), proba, 1), patients)["auc", None]
    assert found.interval == newcombe(found.value, 4, 16)._replace(how="newcombe-patients")


def test_balanced_accuracy_knows_when_patients_hold_both_classes() -> None:
    # The score of a patient is off as a whole: what sensitivity gains, specificity loses
    rng, patients = np.random.default_rng(2), np.repeat(np.arange(60), 4)
    reference = np.tile([0, 1], 120)
    called = (reference + 1.5 * rng.normal(size=60)[patients] + 0.3 * rng.normal(size=240) > 0.5).astype(np.int64)
    proba = np.eye(2)[called] * 0.8 + 0.1
    found = estimate(ClassPanel(reference, called, proba, 1), patients)
    widths = {
        k: found[k, None].interval.high - found[k, None].interval.low for k in ("sensitivity", "balanced_accuracy")
    }
    assert widths["balanced_accuracy"] < 0.5 * widths["sensitivity"]  # independent: 0.71


def test_optional_metrics_get_intervals_where_they_are_asked_for() -> None:
    p, patients = panel(n=200)
    key = ("partial_auc", None)
    assert key not in estimate(p, patients, draws=10)
    found = estimate(p, patients, also=[key])[key]
    expected = sk.roc_auc_score(p.reference, p.proba[:, 1], max_fpr=0.1)
    assert found.value == pytest.approx(expected)
    assert 0.9 / 1.9 < found.interval.low < expected < found.interval.high < 1
    assert found.interval.how == "bootstrap-patients-wilson"


@pytest.mark.parametrize("per", [1, 2])
def test_a_partial_area_at_its_end_gets_no_sliver_and_no_limit_outside(per: int) -> None:
    key, least = ("partial_auc", None), 0.9 / 1.9  # McClish's scale where the strip of the curve is empty
    patients, reference = np.arange(60) // per, np.arange(60) % 60 // 40
    for low, high, events in ((0.0, 1 - wilson(20, 20).low, "below"), (wilson(20, 20).low, 1.0, "above")):
        score = np.where(reference == 1, 0.05 if events == "below" else 0.95, np.linspace(0.1, 0.9, 60))
        called = np.zeros(60, dtype=np.int64)
        found = estimate(ClassPanel(reference, called, np.column_stack([1 - score, score]), 1), patients, also=[key])
        interval = found[key].interval
        assert found[key].value == pytest.approx(least if events == "below" else 1)
        assert least - 1e-12 <= interval.low < interval.high <= 1
        if per == 1:  # as of the share of 20 events
            assert interval[:2] == pytest.approx((least + (1 - least) * low, least + (1 - least) * high))
        assert interval.high - interval.low > 0.08
    near = np.where(reference == 1, 0.05, np.linspace(0.1, 0.9, 60))
    near[59] = 0.88  # a single event among the highest others
    p = ClassPanel(reference, np.zeros(60, dtype=np.int64), np.column_stack([1 - near, near]), 1)
    low, high, _ = estimate(p, patients, also=[key])[key].interval
    assert least <= low and high - low > 0.08  # was 0.03


def test_one_prediction_for_everybody_has_no_interval_where_it_is_the_same_in_every_sample() -> None:
    reference = np.tile([0, 0, 1, 2], 15)
    same = np.tile([0.5, 0.3, 0.2], (60, 1))
    floor = GradePanel(reference, np.zeros(60, dtype=np.int64), same)
    for patients in (np.arange(60), np.arange(60) // 2):
        found = {key[0]: e for key, e in estimate(floor, patients).items() if key[1] is None}
        assert found["balanced_accuracy"].interval == (1 / 3, 1 / 3, "constant-scores")
        assert found["kappa_quadratic"].interval == found["kappa_linear"].interval == (0, 0, "constant-scores")
        assert found["accuracy"].interval.low < 0.5 < found["accuracy"].interval.high  # moves with the classes
        values = estimate(ValuePanel(np.random.default_rng(0).normal(size=60), np.full(60, 0.1)), patients)
        assert values["ccc", None].interval == (0, 0, "constant-scores")
        assert values["ccc", None].value == 0  # and no dust of rounding, which could be shown with a sign
        assert values["mae", None].interval.low < values["mae", None].interval.high
    calm = ClassPanel((reference > 0).astype(np.int64), np.zeros(60, dtype=np.int64), same[:, :2] * [[1, 5 / 3]], 1)
    found = estimate(calm, np.arange(60), also=[("partial_auc", None)])
    assert found["partial_auc", None].interval == (0.5, 0.5, "constant-scores")
    # Scores that differ may call somebody in another sample
    varied = ClassPanel(calm.reference, calm.decided, np.random.default_rng(0).dirichlet([5, 2], 60), 1)
    assert estimate(varied, np.arange(60))["balanced_accuracy", None].interval.high > 0.55


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


def test_metrics_need_no_tables_and_no_compiler_to_start() -> None:
    code = "import sys, isocenter.metrics.estimation; sys.exit(bool({'pandas', 'numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def values(n: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    y = rng.normal(size=n)
    return y, y + rng.normal(size=n)


def test_regression_gets_bootstrap_intervals() -> None:
    y, f = values(200)
    found = estimate(ValuePanel(y, f), np.arange(200))
    assert found["r2", None].value == pytest.approx(sk.r2_score(y, f))
    assert all(e.interval.low < e.value < e.interval.high for e in found.values())
    hows = {name: e.interval.how.removeprefix("bootstrap-patients-") for (name, _), e in found.items()}
    drawn = {"r2": "log", "mae": "hall", "rmse": "hall", "spearman": "fisher-z", "median_absolute_error": "log"}
    limits = dict.fromkeys(("agreement_low", "agreement_high"), "mover")
    assert hows == drawn | limits | {"bias": "t", "ccc": "fisher-z"}


def test_limits_of_agreement_are_carkeets_for_normal_errors_and_wider_for_heavy_tails() -> None:
    n, z = 400, np.linspace(-0.5, 0.5, 402)[1:-1]
    widths = []
    for errors in (stats.norm.ppf(z + 0.5), stats.t.ppf(z + 0.5, 4)):
        y = np.random.default_rng(0).normal(size=n)
        found = estimate(ValuePanel(y, y + errors / errors.std()), np.arange(n))
        exact = bland_altman(y, y + errors / errors.std())
        for name, closed in (("agreement_low", exact.low_interval), ("agreement_high", exact.high_interval)):
            drawn = found[name, None].interval
            widths.append((drawn.high - drawn.low) / (closed.high - closed.low))
    assert widths[:2] == pytest.approx([1, 1], abs=0.06)
    assert min(widths[2:]) > 1.25


def test_the_same_error_everywhere_is_no_certainty() -> None:
    y = np.arange(12.0)
    found = estimate(ValuePanel(y, y + 1), np.arange(12), draws=100)
    assert found["agreement_low", None].value == pytest.approx(1)
    assert found["agreement_low", None].interval == NONE


def test_limits_stay_where_a_metric_can_be() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=8)
        found = estimate(ValuePanel(y, y + 0.3 * rng.standard_t(2, size=8)), np.arange(8), draws=200)
        limits = {name: e.interval for (name, _), e in found.items()}
        assert limits["r2"].high < 1
        assert min(limits["mae"].low, limits["rmse"].low) >= 0
        rank = limits["spearman"]
        assert rank == NONE or -1 <= rank.low <= rank.high <= 1


def test_no_draws_and_one_patient_give_values_alone() -> None:
    y, f = values(20)
    for found in (estimate(ValuePanel(y, f), np.arange(20), draws=0), estimate(ValuePanel(y, f), np.zeros(20, int))):
        assert all(e.interval == NONE and math.isfinite(e.value) for e in found.values())
