"""Evaluation: rows that others read, undefined numbers that stay calm, JSON that comes back."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from isocenter.cohort import Target, Task
from isocenter.errors import BadShape, InputDoesNotFit
from isocenter.evaluation import Evaluation, evaluate, headline
from isocenter.prediction import Prediction

KEYS = [
    "metric", "method", "part", "group", "class", "value", "low", "high", "interval", "threshold",
    "n_cases", "n_patients", "n_events",
]  # fmt: skip
DECISIONS = {"sensitivity", "specificity", "ppv", "npv", "f1"}
CALIBRATION = {"calibration_slope", "calibration_intercept", "calibration_in_the_large"}
UNBOUNDED = {"brier_reliability", "brier_resolution", "ici", "ece"}  # never below 0: no honest interval


def target(*classes: str, positive: str | None = None) -> Target:
    return Target(Task.CLASSIFICATION, "finding", classes, positive)


def predicted(t: Target, codes: NDArray[np.int64], signal: float = 1.0, seed: int = 0) -> Prediction:
    rng, n = np.random.default_rng(seed), len(codes)
    logits = rng.normal(size=(n, len(t.classes)))
    logits[np.arange(n), codes] += signal
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Prediction(names(n), t.classes, proba, np.array(t.classes, dtype=object)[proba.argmax(axis=1)])


def names(n: int, prefix: str = "c") -> NDArray[np.object_]:
    return np.array([f"{prefix}{i}" for i in range(n)], dtype=object)


def binary(n: int = 114, positive: str = "malignant", **kwargs: Any) -> Evaluation:
    t = target("benign", "malignant", positive=positive)
    codes = (np.random.default_rng(1).random(n) < 0.35).astype(np.int64)
    return evaluate(predicted(t, codes), codes, t, names(n, "p"), method="forest", **{"part": "test", **kwargs})


def test_a_binary_evaluation_has_every_metric_once_with_an_interval() -> None:
    e = binary()
    expected = {
        "auc",
        "partial_auc",
        "average_precision",
        "accuracy",
        "balanced_accuracy",
        "brier",
        "scaled_brier",
    } | DECISIONS
    expected |= CALIBRATION | UNBOUNDED
    assert [r.metric for r in e.estimates] == list(dict.fromkeys(r.metric for r in e.estimates))
    assert {r.metric for r in e.estimates} == expected
    assert e.warnings == ()
    for row in e.estimates:
        if row.metric in UNBOUNDED:
            assert row.interval == "none" and row.value >= 0
        else:
            assert row.low < row.value < row.high
        if row.metric not in CALIBRATION | UNBOUNDED:
            assert row.metric == "scaled_brier" or 0 <= row.low < row.high <= 1
        assert (row.method, row.part, row.group, row.class_name, row.threshold) == ("forest", "test", None, None, None)
        assert (row.n_cases, row.n_patients) == (114, 114)
    codes = (np.random.default_rng(1).random(114) < 0.35).astype(int)
    assert e.get("auc").n_events == codes.sum()
    assert sum(map(sum, e.confusion[0]["matrix"])) == 114  # type: ignore[call-overload]


def test_the_partial_auc_is_that_of_scikit_learn() -> None:
    t = target("benign", "malignant", positive="malignant")
    codes = (np.random.default_rng(1).random(114) < 0.35).astype(np.int64)
    p = predicted(t, codes)
    assert p.proba is not None
    row = evaluate(p, codes, t, names(114), method="m", part="test", draws=200).get("partial_auc")
    assert row.value == pytest.approx(sk.roc_auc_score(codes, p.proba[:, 1], max_fpr=0.1))
    assert row.low < row.value < row.high
    assert row.n_events == codes.sum()


def test_the_positive_class_decides_what_sensitivity_is_about() -> None:
    one, other = binary(), binary(positive="benign")
    assert one.get("sensitivity").value == other.get("specificity").value
    assert one.get("ppv").interval == other.get("npv").interval
    assert one.get("auc").value == pytest.approx(other.get("auc").value)
    assert one.confusion == other.confusion


def test_more_classes_stand_against_the_rest_and_macro_has_no_class() -> None:
    t = target("a", "b", "c")
    codes = np.random.default_rng(0).integers(0, 3, 150)
    p = predicted(t, codes)
    e = evaluate(p, codes, t, names(150), method="m", part="test")
    assert e.get("auc").value == pytest.approx(sk.roc_auc_score(codes, p.proba, multi_class="ovr"))
    for k, name in enumerate(t.classes):
        assert {r.metric for r in e.estimates if r.class_name == name} == {
            "auc", "average_precision", "scaled_brier"
        } | DECISIONS | CALIBRATION | UNBOUNDED  # fmt: skip
        assert e.get("auc", class_name=name).n_events == (codes == k).sum()
    assert e.get("auc").n_events is None
    assert [curve["class"] for curve in e.curves["roc"]] == ["a", "b", "c"]
    assert (np.trace(e.confusion[0]["matrix"]) / 150) == pytest.approx(e.get("accuracy").value)  # type: ignore[call-overload]


def test_columns_in_another_order_are_the_same_prediction() -> None:
    t = target("a", "b", "c")
    codes = np.random.default_rng(0).integers(0, 3, 60)
    p = predicted(t, codes)
    assert p.proba is not None
    turned = Prediction(p.case_id, ("c", "a", "b"), p.proba[:, [2, 0, 1]], p.label)
    both = [evaluate(x, codes, t, names(60), method="m", part="test", draws=50) for x in (p, turned)]
    assert both[0] == both[1]


def test_out_of_fold_predictions_get_no_interval() -> None:
    e = binary(part="tuning")
    assert e.warnings == ()
    for row in e.estimates:
        assert math.isfinite(row.value)
        assert math.isnan(row.low)
        assert row.interval == "none"


def test_the_same_seed_gives_the_same_numbers_and_another_others() -> None:
    assert binary(seed=3) == binary(seed=3)
    assert binary(seed=3).get("brier").low != binary(seed=4).get("brier").low


def test_several_cases_a_patient_are_counted_and_drawn_together() -> None:
    t = target("n", "y", positive="y")
    codes = np.repeat((np.arange(40) % 3 == 0).astype(np.int64), 4)
    e = evaluate(predicted(t, codes), codes, t, names(40).repeat(4), method="m", part="test")
    assert {(r.n_cases, r.n_patients) for r in e.estimates} == {(160, 40)}
    assert {r.interval for r in e.estimates if r.metric in CALIBRATION} == {"wald-patients"}
    drawn = {r.interval for r in e.estimates if r.metric not in CALIBRATION | UNBOUNDED | {"balanced_accuracy"}}
    assert all(how.startswith("bootstrap-patients") for how in drawn)
    assert e.get("balanced_accuracy").interval == "bootstrap-patients-wilson-mover"


def test_few_patients_are_said() -> None:
    t = target("n", "y", positive="y")
    codes = np.repeat((np.arange(20) < 4).astype(np.int64), 3)
    e = evaluate(predicted(t, codes), codes, t, names(20).repeat(3), method="m", part="test")
    assert "Test part: few patients with y (4): bootstrap intervals are rough." in e.warnings
    assert any(
        "bootstrap draws lacked" in w and w.endswith("left out: average_precision, brier, partial_auc.")
        for w in e.warnings
    )


def test_one_class_in_the_test_part_is_a_warning_not_a_crash() -> None:
    t, codes = target("n", "y", positive="y"), np.zeros(30, dtype=np.int64)
    e = evaluate(predicted(t, codes), codes, t, names(30), method="m", part="test")
    for metric in ("auc", "average_precision", "balanced_accuracy", "sensitivity"):
        assert math.isnan(e.get(metric).value)
        assert metric in e.warnings[0]
    assert math.isfinite(e.get("accuracy").low)
    assert math.isfinite(e.get("specificity").low)
    assert e.curves["roc"] == e.curves["pr"] == e.curves["calibration"] == []
    json.dumps(e.to_dict(), allow_nan=False)


@pytest.mark.parametrize("n_events", [0, 2])
def test_why_the_brier_score_has_no_interval_is_true_of_it(n_events: int) -> None:
    """Any cases define it: draws of a single class are left out, for there it is another number."""
    t, codes = target("n", "y", positive="y"), (np.arange(40) < n_events).astype(np.int64)
    e = evaluate(predicted(t, codes), codes, t, names(40), method="m", part="test")
    assert math.isfinite(e.get("brier").value) and math.isnan(e.get("brier").low)
    said = [w for w in e.warnings if "no interval" in w and "brier" in w]
    assert said == [
        "Test part: no interval for brier: over 5% of bootstrap draws hold a single class and are left out."
    ]
    assert not [w for w in e.warnings if "brier" in w and "do not define it" in w]


def test_a_class_that_does_not_occur_is_left_out_of_the_mean_and_said() -> None:
    t = target("a", "b", "c")
    codes = np.random.default_rng(0).integers(0, 2, 80)
    e = evaluate(predicted(t, codes), codes, t, names(80), method="m", part="test")
    mean = np.mean([e.get("auc", class_name=c).value for c in "ab"])
    assert e.get("auc").value == pytest.approx(mean)
    assert math.isnan(e.get("auc", class_name="c").value)
    assert any("of c cannot be computed" in w for w in e.warnings)
    assert any("c does not occur" in w for w in e.warnings)


def test_a_majority_floor_is_evaluated_like_any_method() -> None:
    t = target("n", "y", positive="y")
    codes = (np.arange(50) < 15).astype(np.int64)
    floor = Prediction(names(50), t.classes, np.tile([0.7, 0.3], (50, 1)), np.full(50, "n", dtype=object))
    e = evaluate(floor, codes, t, names(50), method="majority", part="test")
    assert e.get("auc").value == 0.5
    assert e.get("accuracy").value == 0.7
    assert e.get("sensitivity").value == 0.0
    assert math.isnan(e.get("ppv").value)


@pytest.mark.parametrize("draws", [0, 200])
def test_zero_of_one_prediction_for_everybody_is_zero(draws: int) -> None:
    """Rounding brings the concordance and kappa of these to some -1e-17."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        y = np.random.default_rng(seed).normal(3, 1, 61)
        said = Prediction(names(61), value=np.full(61, y[:40].mean()))
        e = evaluate(said, y, Target(Task.REGRESSION, "size"), names(61), method="m", part="test", draws=draws)
        assert str(e.get("ccc").value) == "0.0"
        grades, codes = Target(Task.ORDINAL, "g", tuple("abc")), rng.integers(0, 3, 61)
        same = Prediction(names(61), tuple("abc"), np.tile([0.31, 0.4, 0.29], (61, 1)), np.full(61, "b", dtype=object))
        e = evaluate(same, codes, grades, names(61), method="m", part="test", draws=draws)
        assert [str(e.get(m).value) for m in ("kappa_quadratic", "kappa_linear")] == ["0.0", "0.0"]


def test_regression_rows_and_a_constant_prediction() -> None:
    t, rng = Target(Task.REGRESSION, "size"), np.random.default_rng(0)
    y = rng.normal(size=90)
    e = evaluate(Prediction(names(90), value=y + rng.normal(size=90)), y, t, names(90), method="m", part="test")
    line = {"calibration_slope", "calibration_intercept"}
    agreement = {"median_absolute_error", "ccc", "bias", "agreement_low", "agreement_high"}
    assert {r.metric for r in e.estimates} == {"mae", "rmse", "r2", "spearman"} | line | agreement
    assert all(r.low < r.value < r.high and r.n_events is None for r in e.estimates)
    flat = evaluate(Prediction(names(90), value=np.zeros(90)), y, t, names(90), method="mean", part="test")
    assert math.isnan(flat.get("spearman").value)
    assert math.isfinite(flat.get("mae").low)
    assert headline(t) == "r2"
    assert headline(target("a", "b")) == "auc"


def test_cases_without_a_prediction_are_left_out_and_counted() -> None:
    t = target("n", "y", positive="y")
    codes = (np.arange(60) % 2).astype(np.int64)
    p = predicted(t, codes)
    assert p.proba is not None
    p.proba[:3] = np.nan
    e = evaluate(p, codes, t, names(60), method="m", part="test", group="site=A")
    assert {(r.n_cases, r.group) for r in e.estimates} == {(57, "site=A")}
    assert e.warnings[0].startswith("Test part, group site=A: 3 of 60 cases")
    p.proba[:] = np.nan
    nothing = evaluate(p, codes, t, names(60), method="m", part="test")
    assert nothing.estimates == ()
    assert len(nothing.warnings) == 1
    assert list(nothing.table().columns) == KEYS


def test_what_does_not_belong_together_is_refused_by_name() -> None:
    t = target("n", "y", positive="y")
    codes = np.array([0, 1, 1], dtype=np.int64)
    with pytest.raises(BadShape):
        evaluate(predicted(t, codes), codes[:2], t, names(3), method="m", part="test")
    with pytest.raises(InputDoesNotFit):
        evaluate(predicted(target("n", "z"), codes), codes, t, names(3), method="m", part="test")
    with pytest.raises(InputDoesNotFit):
        evaluate(Prediction(names(3), value=np.zeros(3)), codes, t, names(3), method="m", part="test")


def test_json_keeps_every_digit_and_nan_is_null() -> None:
    t, codes = target("n", "y", positive="y"), np.zeros(30, dtype=np.int64)
    one_class = evaluate(predicted(t, codes), codes, t, names(30), method="forest", part="tuning")
    whole = binary().joined(one_class, binary(group="sex=F", n=40))
    text = json.dumps(whole.to_dict(), allow_nan=False)
    back = Evaluation.from_dict(json.loads(text))
    assert json.dumps(back.to_dict(), allow_nan=False) == text
    assert math.isnan(back.get("auc", "tuning").value)
    assert back.get("auc") == whole.get("auc")
    assert list(json.loads(text)) == ["method", "estimates", "curves", "confusion", "looks", "warnings", "points"]
    assert list(json.loads(text)["estimates"][0]) == KEYS
    assert back.curves == whole.curves


def test_joined_adds_parts_and_groups_of_one_method() -> None:
    test, tuning = binary(), binary(part="tuning")
    both = test.joined(tuning, Evaluation("forest", looks=2, warnings=("a",)), Evaluation("forest", warnings=("a",)))
    assert len(both.estimates) == 2 * len(test.estimates)
    assert [c["part"] for c in both.curves["roc"]] == ["test", "tuning"]
    assert (len(both.confusion), both.looks, both.warnings) == (2, 2, ("a",))
    with pytest.raises(ValueError, match="one method"):
        test.joined(Evaluation("linear"))


def test_the_table_has_the_columns_of_the_json() -> None:
    table = binary().table()
    assert list(table.columns) == KEYS
    assert len(table) == table["metric"].nunique() == 19
    assert table["value"].dtype == np.float64
    assert table.loc[table["metric"] == "auc", "n_events"].item() > 0


def test_why_there_is_no_calibration_curve_is_told() -> None:
    target = Target(Task.CLASSIFICATION, "y", ("no", "yes"), "yes")
    y = np.arange(40) % 2
    for scores in (np.where(y == 1, 0.9, 0.1), np.full(40, 0.3)):
        ids = np.array([str(i) for i in range(40)], dtype=object)
        said = Prediction(ids, target.classes, np.column_stack([1 - scores, scores]))
        found = evaluate(said, y, target, ids, method="m", part="test")
        told = [w for w in found.warnings if "calibration_slope" in w]
        assert len(told) == 1 and "without error, or are all the same" in told[0] and "called so" not in told[0]
