"""From a table with repeats and folds to an evaluation: rows, groups, curves, words."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from designs import cohort_of, predicted
from isocenter.cohort import Cohort, Task
from isocenter.evaluation import Evaluation, evaluate, evaluate_folds
from isocenter.metrics.pooling import pool
from isocenter.prediction import Prediction
from isocenter.splitting import Design, make_design

Y = [int(i % 5 < 2) for i in range(100)]


def study(seed: int = 0, **how: object) -> tuple[pd.DataFrame, Cohort, Design, Evaluation]:
    cohort = cohort_of(Y, site=["A", "B", "C", "A"] * 25)
    design = make_design(cohort, seed=seed, **how)  # type: ignore[arg-type]
    table = predicted(cohort, design, seed=seed)
    assert cohort.target is not None
    return table, cohort, design, evaluate_folds(table, cohort.target, design, method="m")


@pytest.mark.parametrize(
    "how, interval",
    [
        ({"design": "kfold", "repeats": 2}, "corrected-resampled"),
        ({"design": "nested", "repeats": 2}, "nested-cv"),
        ({"design": "leave-one-out", "group_column": "site"}, "hartung-knapp"),
    ],
)
def test_each_design_names_its_interval_and_counts_the_cohort_once(how: dict[str, object], interval: str) -> None:
    *_, found = study(**how)
    row = found.get("auc")
    assert row.interval == interval
    assert (row.n_cases, row.n_patients, row.n_events) == (100, 100, 40)
    assert 0 < row.low < row.value < row.high < 1
    assert not any(e.interval.startswith(("wilson", "delong", "bootstrap")) for e in found.estimates if e.group is None)
    assert math.isnan(found.get("auc", "tuning").low)
    keys = [(e.metric, e.part, e.group, e.class_name) for e in found.estimates]
    assert len(keys) == len(set(keys))
    assert any("estimate of the procedure" in w and "not of the model that is kept" in w for w in found.warnings)
    again = Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again.get("auc") == row


def test_one_look_at_a_case_counts_in_the_matrix_and_curves_are_means() -> None:
    table, _, _, found = study(design="kfold", repeats=3)
    assert np.sum(found.confusion[0]["matrix"]) == 100  # type: ignore[arg-type]
    roc = found.curves["roc"][0]
    assert "mean of 15 folds" in str(roc["how"])
    area = np.trapezoid(roc["y"], roc["x"])  # type: ignore[call-overload]
    assert area == pytest.approx(found.get("auc").value, abs=0.01)
    pr = found.curves["pr"][0]
    mean = np.trapezoid(pr["y"], pr["x"])  # type: ignore[call-overload]
    assert mean == pytest.approx(found.get("average_precision").value, abs=0.02)
    assert {"calibration", "net_benefit"} <= found.curves.keys()
    assert table.groupby(["repeat", "part"]).size().loc[0, "test"] == 100


@pytest.mark.parametrize("how", [{"design": "kfold"}, {"design": "nested"}, {"design": "leave-one-out"}])
def test_distances_and_pooled_curves_claim_nothing(how: dict[str, object]) -> None:
    *_, found = study(**how)
    for metric in ("ici", "ece", "brier_reliability", "brier_resolution"):
        assert math.isfinite(found.get(metric).value)
        assert (found.get(metric).interval, math.isnan(found.get(metric).low)) == ("none", True)
    assert not any("no interval for" in w and "ici" in w for w in found.warnings)
    for curve in found.curves["calibration"]:
        assert curve["x"] and not {"low", "high"} & curve.keys()


def test_calibration_of_the_whole_is_pooled_over_sites() -> None:
    *_, found = study(design="leave-one-out", group_column="site")
    for metric in ("calibration_slope", "calibration_in_the_large"):
        each = [found.get(metric, group=f"site={site}") for site in "ABC"]
        pooled = pool([e.value for e in each], [((e.high - e.low) / 2 / 1.959964) ** 2 for e in each])
        whole = found.get(metric)
        assert (whole.value, whole.low, whole.high) == pytest.approx((pooled.value, *pooled.interval[:2]), rel=1e-5)
        assert whole.interval == "hartung-knapp"


@pytest.mark.parametrize(
    "how", [{}, {"design": "kfold"}, {"design": "nested"}, {"design": "leave-one-out", "group_column": "site"}]
)
def test_one_score_for_everybody_has_no_interval_in_any_design(how: dict[str, object]) -> None:
    cohort = cohort_of(Y, site=["A", "B", "C", "A"] * 25)
    design = make_design(cohort, seed=0, **how)  # type: ignore[arg-type]
    table = predicted(cohort, design).assign(prediction="0", probability_0=0.6, probability_1=0.4)
    assert cohort.target is not None
    if design.several:
        row = evaluate_folds(table, cohort.target, design, method="m").get("auc")
    else:
        rows = table[table["part"] == "test"]
        said, codes = Prediction.from_table(rows), cohort.target.encode(rows["reference"])
        row = evaluate(said, codes, cohort.target, rows["case_id"].to_numpy(), method="m", part="test").get("auc")
    assert (row.value, math.isnan(row.low), math.isnan(row.high)) == (0.5, True, True)


def test_what_every_site_defines_is_shown_with_the_reason_for_no_interval() -> None:
    cohort = cohort_of(Y, site=["A", "B", "C", "A"] * 25)
    design = make_design(cohort, seed=0, design="leave-one-out", group_column="site")
    table = predicted(cohort, design)
    score = 0.1 + 0.3 * np.random.default_rng(0).random(len(table))  # that differ, and call nobody
    table = table.assign(prediction="0", probability_0=1 - score, probability_1=score)
    assert cohort.target is not None
    found = evaluate_folds(table, cohort.target, design, method="m")
    half, never = found.get("balanced_accuracy"), found.get("f1")
    assert (half.value, math.isnan(half.low), never.value, never.low) == (0.5, True, 0, 0)
    said = " ".join(found.warnings)
    assert "no interval for balanced_accuracy: each fold says the same of all its cases" in said
    assert "ppv cannot be computed: no fold defines it." in said


def test_tuning_numbers_are_means_over_the_splits() -> None:
    table, _, _, found = study(design="kfold")
    each = [
        sk.roc_auc_score(rows["reference"] == "1", rows["probability_1"])
        for _, rows in table[table["part"] == "tuning"].groupby(["repeat", "fold"])
    ]
    assert found.get("auc", "tuning").value == pytest.approx(np.mean(each))


def test_each_site_is_a_group_with_the_intervals_of_one_model() -> None:
    table, _, _, found = study(design="leave-one-out", group_column="site")
    for site in "ABC":
        rows = table[(table["part"] == "test") & (table["fold"] == "ABC".index(site))]
        one = found.get("auc", group=f"site={site}")
        assert one.value == pytest.approx(sk.roc_auc_score(rows["reference"] == "1", rows["probability_1"]))
        assert one.n_cases == len(rows) and one.interval.startswith(("delong", "newcombe"))
    unseen = found.get("auc", group="the next site")
    assert unseen.interval == "confidence-distribution"
    assert unseen.low <= found.get("auc").low and unseen.high >= found.get("auc").high


def test_single_patients_rank_nobody() -> None:
    table, _, _, found = study(design="leave-one-out")
    assert math.isnan(found.get("auc").value) and math.isnan(found.get("average_precision").value)
    rows = table[table["part"] == "test"]
    assert found.get("accuracy").value == pytest.approx((rows["prediction"] == rows["reference"]).mean())
    assert found.get("accuracy").low < found.get("accuracy").value < found.get("accuracy").high
    assert "roc" not in found.curves


def test_patients_of_several_cases_are_one_unit_of_the_interval() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(50), 4)
    y = (patients % 2).tolist()
    cohort = cohort_of(y, [f"p{p}" for p in patients])
    design = make_design(cohort, design="kfold", repeats=5)
    table = predicted(cohort, design, signal=0.0)
    liked = pd.Series(rng.uniform(0.2, 0.8, 50), index=[f"p{p}" for p in range(50)])
    table["probability_1"] = liked[table["patient_id"]].to_numpy()  # a patient's images say the same
    table["probability_0"] = 1 - table["probability_1"]
    table["prediction"] = np.where(table["probability_1"] > 0.5, "1", "0")
    assert cohort.target is not None
    grouped = evaluate_folds(table, cohort.target, design, method="m").get("accuracy")
    alone = table.assign(patient_id=None)
    naive = evaluate_folds(alone, cohort.target, design, method="m").get("accuracy")
    assert grouped.n_patients == 50
    assert grouped.high - grouped.low > 1.1 * (naive.high - naive.low)


def test_three_classes_and_a_measurement() -> None:
    cohort = cohort_of([i % 3 for i in range(90)])
    design = make_design(cohort, design="kfold")
    table = predicted(cohort, design)
    assert cohort.target is not None
    found = evaluate_folds(table, cohort.target, design, method="m")
    folds = [r for _, r in table[table["part"] == "test"].groupby("fold")]
    columns = [f"probability_{c}" for c in "012"]
    each = [sk.roc_auc_score(r["reference"], r[columns], multi_class="ovr") for r in folds]
    assert found.get("auc").value == pytest.approx(np.mean(each))
    assert found.get("sensitivity", class_name="2").n_events == 30
    values = cohort_of(list(np.random.default_rng(0).normal(size=80)), task=Task.REGRESSION)
    design = make_design(values, design="kfold", repeats=2)
    assert values.target is not None
    found = evaluate_folds(predicted(values, design), values.target, design, method="m")
    assert found.get("mae").low < found.get("mae").value < found.get("mae").high
    assert found.get("spearman").value > 0.4


def test_missing_predictions_are_left_out_and_told() -> None:
    table, cohort, design, _ = study(design="kfold")
    table.loc[table["part"].eq("test").idxmax(), ["probability_0", "probability_1"]] = np.nan
    assert cohort.target is not None
    found = evaluate_folds(table, cohort.target, design, method="m")
    assert found.get("auc").n_cases == 99
    assert any("1 predictions are missing" in w for w in found.warnings)
    table[["probability_0", "probability_1"]] = np.nan
    assert evaluate_folds(table, cohort.target, design, method="m").estimates == ()


def test_constant_scores_and_a_perfect_model_stay_calm() -> None:
    table, cohort, design, _ = study(design="kfold", repeats=2)
    assert cohort.target is not None
    constant = table.assign(probability_1=0.3, probability_0=0.7, prediction="0")
    found = evaluate_folds(constant, cohort.target, design, method="m")
    assert found.get("auc").value == 0.5
    assert math.isnan(found.get("ppv").value)
    sure = (table["reference"] == "1").astype(float) * 0.8 + 0.1
    perfect = table.assign(probability_1=sure, probability_0=1 - sure, prediction=table["reference"])
    found = evaluate_folds(perfect, cohort.target, design, method="m")
    assert found.get("auc").value == 1.0
    assert math.isnan(found.get("auc").low)  # no certainty is claimed
    assert any("no interval for" in w for w in found.warnings)


def test_without_draws_the_values_are_the_same() -> None:
    table, cohort, design, found = study(design="nested", repeats=2)
    assert cohort.target is not None
    quick = evaluate_folds(table, cohort.target, design, method="m", draws=0)
    for row in found.estimates:
        other = quick.get(row.metric, row.part, row.group, row.class_name)
        assert other.value == row.value or math.isnan(row.value)


@pytest.mark.slow
def test_intervals_cover_what_the_procedure_reaches() -> None:
    """80 patients, 30 % events: of 60 samples nearly all intervals hold the mean over all samples' models.

    Simulated with 150: AUC 95 %, accuracy 95 %, sensitivity 96 %, specificity 98 %, Brier 98 %.
    """
    rng = np.random.default_rng(11)
    slope = np.array([0.8, 0.5, 0.3, 0, 0])

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        X = rng.normal(size=(n, 5))
        return X, (rng.random(n) < 1 / (1 + np.exp(-(X @ slope - 0.97)))).astype(int)

    far, truth = drawn(20_000)
    reached: dict[str, list[float]] = {"auc": [], "sensitivity": [], "accuracy": []}
    intervals: dict[str, list[tuple[float, float]]] = {name: [] for name in reached}
    for seed in range(60):
        X, y = drawn(80)
        cohort = cohort_of(y.tolist())
        design = make_design(cohort, design="kfold", repeats=5, seed=seed)
        table = predicted(cohort, design)
        table = table[table["part"] == "test"].copy()
        for split in design.splits:
            at = [int(i[1:]) for i in split.test]
            fitted = LogisticRegression().fit(np.delete(X, at, 0), np.delete(y, at))
            rows = (table["repeat"] == split.repeat) & (table["fold"] == split.fold)
            table.loc[rows, "probability_1"] = fitted.predict_proba(X[at])[:, 1]
        table["probability_0"] = 1 - table["probability_1"]
        table["prediction"] = np.where(table["probability_1"] > 0.5, "1", "0")
        assert cohort.target is not None
        found = evaluate_folds(table, cohort.target, design, method="m")
        score = LogisticRegression().fit(X, y).predict_proba(far)[:, 1]
        reached["auc"].append(sk.roc_auc_score(truth, score))
        reached["sensitivity"].append((score > 0.5)[truth == 1].mean())
        reached["accuracy"].append(((score > 0.5) == truth).mean())
        for name, limits in intervals.items():
            limits.append((found.get(name).low, found.get(name).high))
    for name, limits in intervals.items():
        low, high = np.array(limits).T
        known = np.isfinite(low)
        inside = (low <= np.mean(reached[name])) & (np.mean(reached[name]) <= high)
        assert known.mean() > 0.9
        assert inside[known].mean() > 0.87, name
