"""Comparison of methods: R's numbers through the whole path, floors, patients with several cases, folds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import designs
import isocenter
from isocenter.cohort import Cohort, Target, Task
from isocenter.comparing import compare_tables
from isocenter.errors import BadShape, BadValues, UsageError
from isocenter.evaluation import Comparison, evaluate_folds
from isocenter.evaluation.claims import corrected, summing_up
from isocenter.evaluation.compared import compare_methods
from isocenter.metrics.intervals import auc_interval
from isocenter.splitting import Design, Split, make_design

BINARY = Target(Task.CLASSIFICATION, "outcome", ("good", "poor"), "poor")


def cohort_of(reference: Any, patients: Any = None, target: Target = BINARY, **columns: Any) -> Cohort:
    ids = [f"c{i:04d}" for i in range(len(reference))]
    names = ids if patients is None else [f"p{p:03d}" for p in patients]
    table = pd.DataFrame({"patient_id": names, target.column: list(reference), **columns}, index=ids)
    return Cohort(table.rename_axis("case_id"), target)


def design_of(cohort: Cohort) -> Design:
    return Design((Split((), tuple(str(i) for i in cohort.case_ids)),))


def scored(cohort: Cohort, poor: Any) -> pd.DataFrame:
    poor = np.asarray(poor, dtype=np.float64)
    return pd.DataFrame(
        {
            "case_id": cohort.case_ids,
            "prediction": np.where(poor > 0.5, "poor", "good"),
            "probability_good": 1 - poor,
            "probability_poor": poor,
        }
    )


def drawn(n: int, strength: float, y: Any, seed: int) -> Any:
    return 1 / (1 + np.exp(-(strength * (np.asarray(y) - 0.5) + np.random.default_rng(seed).normal(size=n))))


def row(rows: tuple[Comparison, ...], metric: str, method: str, against: str) -> Comparison:
    return next(r for r in rows if (r.metric, r.method, r.against) == (metric, method, against))


def test_paired_delong_is_that_of_proc(shared_data: Path) -> None:
    found = pd.read_csv(shared_data / "statistics" / "aSAH.csv")
    cohort = cohort_of(found["outcome"].str.lower())
    tables = {name: scored(cohort, found[name] / found[name].max()) for name in ("s100b", "wfns", "ndka")}
    rows = isocenter.compare(tables, cohort, design_of(cohort))
    wfns, ndka = (row(rows, "auc", "s100b", other) for other in ("wfns", "ndka"))
    assert (wfns.p, ndka.p) == (pytest.approx(0.0271757822, abs=1e-9), pytest.approx(0.1642951752, abs=1e-9))
    assert wfns.difference == pytest.approx(0.7313685637 - 0.8236788618, abs=1e-9)
    assert wfns.how == "delong-paired"
    family = [r for r in rows if r.metric == "auc"]
    assert len(family) == 3
    assert min(r.p_adjusted for r in family) == pytest.approx(3 * min(r.p for r in family))
    assert "data cannot tell s100b and ndka apart" in ndka.sentence


def test_the_same_predictions_do_not_differ() -> None:
    y = np.arange(80) % 2
    cohort = cohort_of(np.where(y, "poor", "good"))
    table = scored(cohort, drawn(80, 1.5, y, 0))
    for one in isocenter.compare({"a": table, "b": table.sample(frac=1, random_state=0)}, cohort, design_of(cohort)):
        assert (one.difference, one.p, one.p_adjusted, one.verdict) == (0.0, 1.0, 1.0, "inconclusive")
        assert "does not differ" in one.sentence


def test_accuracy_is_mcnemar_and_brier_a_paired_bootstrap() -> None:
    from scipy.stats import binomtest

    y = np.arange(100) % 2
    cohort = cohort_of(np.where(y, "poor", "good"))
    a, b = drawn(100, 4, y, 1), drawn(100, 1, y, 2)
    rows = isocenter.compare({"a": scored(cohort, a), "b": scored(cohort, b)}, cohort, design_of(cohort))
    right = [(np.asarray(s > 0.5) == y) for s in (a, b)]
    only = [int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())]
    accuracy = row(rows, "accuracy", "a", "b")
    assert accuracy.how.startswith("mcnemar")
    assert accuracy.difference == pytest.approx(right[0].mean() - right[1].mean())
    assert accuracy.p <= binomtest(only[0], sum(only)).pvalue
    brier = row(rows, "brier", "a", "b")
    losses = (a - y) ** 2 - (b - y) ** 2
    assert brier.difference == pytest.approx(losses.mean())
    half = 1.96 * losses.std(ddof=1) / 10
    assert (brier.low, brier.high) == (
        pytest.approx(losses.mean() - half, abs=0.15 * half),
        pytest.approx(losses.mean() + half, abs=0.15 * half),
    )
    assert brier.verdict == "better" and "Brier score lower by" in brier.sentence


def test_cases_that_only_one_method_predicts_count_for_neither() -> None:
    y = np.arange(60) % 2
    cohort = cohort_of(np.where(y, "poor", "good"))
    a, b = scored(cohort, drawn(60, 1, y, 1)), scored(cohort, drawn(60, 1, y, 2))
    b.loc[:9, ["probability_good", "probability_poor"]] = np.nan
    few = isocenter.compare({"a": a, "b": b}, cohort, design_of(cohort))
    same = isocenter.compare({"a": a[10:], "b": b[10:]}, cohort, design_of(cohort))
    assert few == same
    assert {r.n_patients for r in few} == {50}


def test_patients_with_several_cases_are_drawn_together() -> None:
    y = np.repeat(np.arange(40) % 2, 5)
    patients = np.repeat(np.arange(40), 5)
    patient_noise = np.repeat(np.random.default_rng(0).normal(size=40), 5)
    a = 1 / (1 + np.exp(-(y - 0.5 + patient_noise)))
    tables = {"a": a, "b": drawn(200, 1, y, 3)}
    apart, together = (cohort_of(np.where(y, "poor", "good"), p) for p in (None, patients))
    found = {}
    for name, cohort in (("apart", apart), ("together", together)):
        made = {k: scored(cohort, v) for k, v in tables.items()}
        found[name] = isocenter.compare(made, cohort, design_of(cohort))
    for metric, how in (("auc", "bootstrap-paired"), ("accuracy", "obuchowski"), ("brier", "bootstrap-paired")):
        wide, narrow = (row(found[k], metric, "a", "b") for k in ("together", "apart"))
        assert wide.how == how
        assert wide.n_patients == 40
        assert wide.difference == pytest.approx(narrow.difference)
        assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)


def test_more_classes_and_measurements() -> None:
    rng = np.random.default_rng(0)
    t = Target(Task.CLASSIFICATION, "kind", ("a", "b", "c"))
    codes = np.arange(90) % 3
    cohort = cohort_of(np.array(t.classes)[codes], target=t)

    def table(strength: float) -> pd.DataFrame:
        p = np.exp(rng.normal(size=(90, 3)) + strength * np.eye(3)[codes])
        p /= p.sum(1, keepdims=True)
        columns = {f"probability_{c}": p[:, k] for k, c in enumerate(t.classes)}
        prediction = np.array(t.classes, dtype=object)[p.argmax(1)]
        return pd.DataFrame({"case_id": cohort.case_ids, "prediction": prediction, **columns})

    rows = isocenter.compare({"good": table(3), "poor": table(0)}, cohort, design_of(cohort))
    assert row(rows, "auc", "good", "poor").how == "bootstrap-paired"
    assert row(rows, "auc", "good", "poor").verdict == "better"
    t = Target(Task.REGRESSION, "size")
    y = rng.normal(50, 10, 90)
    cohort = cohort_of(y, target=t)
    near, far = (pd.DataFrame({"case_id": cohort.case_ids, "prediction": y + rng.normal(0, s, 90)}) for s in (2, 9))
    rows = isocenter.compare({"near": near, "far": far}, cohort, design_of(cohort))
    assert [r.metric for r in rows] == ["r2", "mae"]
    assert [r.verdict for r in rows] == ["better", "better"]
    assert "mean absolute error lower by" in rows[1].sentence


def table_of_noise(path: Path, n: int = 200) -> Path:
    rng = np.random.default_rng(3)
    y = rng.random(n) < 0.45
    table = pd.DataFrame({"id": [f"p{i}" for i in range(n)], "age": (60 + 12 * y + rng.normal(0, 10, n)).round(1)})
    table["sex"] = np.where(rng.random(n) < 0.4 + 0.2 * y, "F", "M")
    for j in range(5):
        table[f"x{j}"] = rng.normal(size=n)
    table.assign(outcome=np.where(y, "poor", "good")).to_csv(path, index=False)
    return path


OPTIONS: dict[str, Any] = {
    "target": "outcome", "positive": "poor", "covariates": "age,sex", "method": "forest,linear",
    "set": {"n_estimators": 25}, "test_fraction": 0.5,
}  # fmt: skip


def test_noise_is_no_better_than_age_and_sex(tmp_path: Path) -> None:
    study = isocenter.run(table_of_noise(tmp_path / "t.csv"), project=tmp_path / "p", subgroups="sex", **OPTIONS)
    summary = study.summary()
    assert "no better than age and sex" in summary["claim"]
    assert ", the best on tuning data, is" in summary["claim"]
    auc = [r for r in summary["comparisons"] if r["metric"] == "auc" and r["group"] is None]
    pairs = {(r["method"], r["against"]) for r in auc}
    assert pairs >= {(m, f) for m in ("forest", "linear") for f in ("majority", "covariates")}
    assert len(pairs) == 5
    assert auc[0]["method"] == summary["best_on_tuning"]
    results = summary["results"]
    value = {
        n: next(e["value"] for e in r["estimates"] if (e["metric"], e["part"]) == ("auc", "test"))
        for n, r in results.items()
    }
    for r in auc:
        assert r["difference"] == pytest.approx(value[r["method"]] - value[r["against"]])
        if r["against"] == "covariates":
            assert r["sentence"].startswith(f"{r['method']} is no better than age and sex: AUC ")
    groups = [r for r in summary["comparisons"] if r["group"] is not None]
    assert {(r["group"], r["against"]) for r in groups} == {("sex=F", "sex=M")}
    assert (tmp_path / "p" / "comparisons.json").is_file()
    assert "no better than age and sex" in (tmp_path / "p" / "report.html").read_text("utf-8")
    assert (
        summary["looks"] == isocenter.run(tmp_path / "p" / "run.toml", project=tmp_path / "p").summary()["looks"] == 1
    )


def test_the_command_line_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from isocenter.terminal import Terminal

    study = isocenter.run(table_of_noise(tmp_path / "t.csv"), **OPTIONS)
    Terminal(as_json=False).show(study.summary())
    said = capsys.readouterr().out
    assert "Compared  By AUC, " in said
    assert "forest is no better than age and sex: AUC " in said


def test_folds_use_the_corrected_t_of_their_differences(tmp_path: Path) -> None:
    cohort = isocenter.index(
        table_of_noise(tmp_path / "t.csv"), target="outcome", positive="poor", covariates=["age", "sex"]
    )
    design = isocenter.split(cohort, design="kfold", folds=4, repeats=2)
    rows = isocenter.compare(["linear", "linear"], cohort, design)
    assert {r.against for r in rows} == {"majority", "covariates"}
    auc = row(rows, "auc", "linear", "majority")
    assert auc.how == "corrected-resampled"
    assert row(rows, "auc", "linear", "covariates").how == "corrected-t"
    evaluation = isocenter.evaluate("linear", cohort, design)
    assert auc.difference == pytest.approx(evaluation.get("auc").value - 0.5)
    own = evaluation.get("auc")
    # Against a constant the difference varies as the AUC itself.
    assert (auc.low, auc.high) == pytest.approx((own.low - 0.5, own.high - 0.5))
    with pytest.raises(UsageError, match="models of its own"):
        isocenter.compare([isocenter.fit(cohort, design, "linear")], cohort, design)


@pytest.mark.parametrize(
    "how", [{}, {"design": "kfold", "folds": 4}, {"design": "leave-one-out", "group_column": "site"}]
)
def test_against_one_score_for_everybody_it_is_the_own_number(how: dict[str, Any]) -> None:
    y = [int(i % 5 < 2) for i in range(150)]
    cohort = designs.cohort_of(y, site=["A", "B", "C"] * 50)
    design = make_design(cohort, seed=0, **how)
    table = designs.predicted(cohort, design, signal=1.5)
    assert cohort.target is not None
    floor = table.assign(prediction="0", probability_0=0.6, probability_1=0.4)
    rows = compare_methods({"m": table, "floor": floor}, cohort.target, design, floors={"floor": "the majority"})
    auc = next(r for r in rows if r.metric == "auc")
    if design.several:
        own = evaluate_folds(table, cohort.target, design, method="m").get("auc")
        limits = own.value, own.low, own.high
    else:
        test = table[table["part"] == "test"]
        event, score = (test["reference"] == "1").to_numpy(), test["probability_1"].to_numpy()
        limits = auc.difference + 0.5, *auc_interval(event, score)[:2]
    assert (auc.difference, auc.low, auc.high) == pytest.approx(tuple(x - 0.5 for x in limits))
    assert auc.high <= 0.5
    assert (auc.p < 0.05) == (auc.low > 0)


def test_nested_designs_compare_by_the_rule_of_their_own_intervals() -> None:
    cohort = designs.cohort_of([int(i % 5 < 2) for i in range(100)])
    design = make_design(cohort, seed=0, design="nested", repeats=2)
    assert cohort.target is not None
    m = designs.predicted(cohort, design, signal=1.5)
    floor = m.assign(prediction="0", probability_0=0.6, probability_1=0.4)
    other = designs.predicted(cohort, design, signal=0.5, seed=1)
    tables = {"m": m, "other": other, "floor": floor}
    rows = compare_tables(tables, cohort, design, floors=["floor"])
    own = evaluate_folds(m, cohort.target, design, method="m").get("auc")
    assert own.interval == "nested-cv"
    against = row(rows, "auc", "m", "floor")
    assert (against.low + 0.5, against.high + 0.5) == pytest.approx((own.low, own.high))
    assert (against.p < 0.05) == (against.low > 0)
    pair = row(rows, "auc", "m", "other")
    assert pair.how == "nested-cv" and pair.low < pair.difference < pair.high
    without = {name: table[table["part"] == "test"] for name, table in tables.items()}
    by_kfold = row(compare_tables(without, cohort, design, floors=["floor"]), "auc", "m", "other")
    assert by_kfold.how == "corrected-t" and by_kfold.difference == pytest.approx(pair.difference)


def test_differences_over_folds_stay_where_they_can_be() -> None:
    y = [int(i % 5 < 2) for i in range(30)]
    cohort = designs.cohort_of(y)
    design = make_design(cohort, seed=0, design="kfold", folds=3)
    assert cohort.target is not None
    tables = {name: designs.predicted(cohort, design, signal=s, seed=1) for name, s in (("a", 3.0), ("b", -3.0))}
    for one in compare_methods(tables, cohort.target, design):
        if math.isfinite(one.low):
            assert -1 <= one.low <= one.high <= 1


def test_left_out_one_by_one_ranks_nothing_and_claims_by_accuracy(tmp_path: Path) -> None:
    cohort = isocenter.index(
        table_of_noise(tmp_path / "t.csv", 40), target="outcome", positive="poor", covariates=["age"]
    )
    design = isocenter.split(cohort, design="leave-one-out")
    rows = isocenter.compare(["linear"], cohort, design)
    assert math.isnan(row(rows, "auc", "linear", "majority").difference)
    assert math.isfinite(row(rows, "accuracy", "linear", "majority").p)
    assert summing_up(rows).startswith("By accuracy, linear is ")
    assert "cannot be compared" in row(rows, "auc", "linear", "covariates").sentence


def made(difference: float, low: float, high: float, p: float, **more: Any) -> Comparison:
    return Comparison("auc", "a", "b", "test", None, difference, low, high, p, "delong-paired", 100, **more)


def test_claims_need_interval_and_corrected_p() -> None:
    assert corrected([made(0.08, 0.02, 0.14, 0.01)])[0].sentence == (
        "a is better than b: AUC higher by 0.080 (0.020 to 0.140), p = .010."
    )
    both = corrected([made(0.08, 0.01, 0.15, 0.03), made(0.01, -0.05, 0.07, 0.7)])
    assert both[0].p_adjusted == 0.06
    assert both[0].sentence.startswith("the data cannot tell a and b apart: AUC higher by 0.080")
    assert both[0].sentence.endswith("p = .030, .060 corrected for 2 comparisons.")
    assert corrected([made(-0.08, -0.14, -0.02, 0.0001)])[0].sentence == (
        "a is worse than b: AUC lower by 0.080 (0.020 to 0.140), p < .001."
    )
    near = corrected([made(0.0, -0.04, 0.04, 0.9, margin=0.05)])[0]
    assert near.verdict == "non-inferior"
    assert near.sentence.startswith("a is not inferior to b (margin 0.05): AUC does not differ")
    tiny = corrected([made(-4e-4, -0.03, 0.02, 0.9)])[0].sentence
    assert tiny == "the data cannot tell a and b apart: AUC differs by less than 0.001 (-0.030 to 0.020), p = .900."
    assert corrected([made(0.0, -0.06, 0.04, 0.9, margin=0.05)])[0].verdict == "inconclusive"
    assert corrected([made(-0.05, -0.09, -0.01, 0.01, margin=0.05)])[0].verdict == "worse"
    assert (
        summing_up(corrected([made(0.0, -0.1, 0.1, 1.0, floor=True, called="age")]))
        == "By AUC, a is no better than age."
    )


def test_without_a_class_in_the_test_part_accuracy_claims_nothing_in_its_place() -> None:
    cohort = cohort_of(["good"] * 40)
    always, never = np.full(40, 0.1), np.full(40, 0.9)
    rows = isocenter.compare({"a": scored(cohort, always), "b": scored(cohort, never)}, cohort, design_of(cohort))
    assert row(rows, "accuracy", "a", "b").verdict == "better"
    assert summing_up(rows).startswith("Nothing is claimed: AUC cannot be compared")


def test_rows_come_back_from_json() -> None:
    one = corrected([made(0.08, math.nan, math.nan, math.nan)])[0]
    back = Comparison.from_dict(one.to_dict())
    assert back.to_dict() == one.to_dict()
    assert one.to_dict()["low"] is None


def test_tables_that_do_not_belong_together_are_refused() -> None:
    y = np.arange(20) % 2
    cohort = cohort_of(np.where(y, "poor", "good"))
    table, design = scored(cohort, drawn(20, 1, y, 0)), design_of(cohort)
    other = table.assign(reference=np.where(y, "good", "poor"))
    with pytest.raises(BadValues, match="different references"):
        isocenter.compare({"a": table, "b": other}, cohort, design)
    with pytest.raises(BadValues, match="does not know"):
        isocenter.compare({"a": table, "b": table.assign(case_id="x")}, cohort, design)
    with pytest.raises(BadValues, match="twice"):
        isocenter.compare({"a": table, "b": pd.concat([table, table])}, cohort, design)
    with pytest.raises(BadShape, match="prediction"):
        isocenter.compare({"a": table, "b": table.drop(columns="prediction")}, cohort, design)
    nothing = compare_tables({"a": table[:10], "b": table[10:]}, cohort, design)
    assert [math.isnan(r.difference) for r in nothing] == [True]
    assert "cannot be compared" in nothing[0].sentence
