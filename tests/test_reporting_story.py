"""What the report knows of the cohort, and says in words: counts, baseline, headline, warnings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import studies
from isocenter.evaluation import Estimate
from isocenter.reporting import Study, render
from isocenter.reporting.baseline import baseline
from isocenter.reporting.flow import flow
from isocenter.reporting.summary import summarize
from pages import Page
from studies import STUDIES


@pytest.fixture(scope="module", params=sorted(STUDIES))
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]()


def test_counts_reconcile(study: Study) -> None:
    found = flow(study)
    assert found["reconciles"]
    assert sum(part["size"] for part in found["parts"]) + sum(int(one["n"]) for one in found["left"]) == len(
        study.cohort
    )


@pytest.mark.parametrize("change", [{"found": 500}, {"used": 3, "found": 15}])
def test_counts_that_do_not_reconcile_are_said(change: dict[str, int]) -> None:
    study = studies.binary()
    html = render(replace(study, audit={**study.audit, **change}))
    assert "do not add up" in html


def test_training_cases_dropped_for_overlap_are_in_the_diagram() -> None:
    study = studies.binary()
    split = study.design.split
    design = replace(study.design, splits=(replace(split, training=split.training[8:]),))
    found = flow(replace(study, design=design))
    assert found["left"] == [{"why": "left out of training: shared with the test part", "n": "8"}]
    assert found["reconciles"]


def test_baseline_describes_each_part() -> None:
    study = studies.binary()
    found = baseline(study)
    assert [c["name"] for c in found["columns"]] == ["All", "Training", "Test"]
    rows = {row["name"]: row["cells"] for row in found["rows"] if "missing" not in row}
    test = study.cohort.select(study.design.split.test).table
    low, middle, high = np.quantile(test["age"], (0.25, 0.5, 0.75))
    assert rows["age"][2] == f"{middle:.1f} [{low:.1f}, {high:.1f}]"
    women, known = int((test["sex"] == "F").sum()), int(test["sex"].notna().sum())
    assert rows["F"][2] == f"{women} ({100 * women / known:.0f}%)"
    assert rows["PatientComment"][0] == "240 values"
    assert rows["Patients"] == ["216", "162", "54"]
    missing = next(row for row in found["rows"] if row.get("missing"))
    assert missing["cells"][0].startswith(f"{study.cohort.table['sex'].isna().sum()} (")


def test_baseline_of_a_column_without_values() -> None:
    study = studies.binary()
    table = study.cohort.table.assign(age=np.nan, flag=[i % 3 == 0 for i in range(240)])
    rows = {r["name"]: r["cells"] for r in baseline(replace(study, cohort=replace(study.cohort, table=table)))["rows"]}
    assert rows["True"][0] == "80 (33%)"


def test_headline_is_the_primary_method_on_the_test_part() -> None:
    study = studies.binary()
    found = summarize(study)["headline"]
    auc = study.evaluations["forest"].get("auc")
    assert (found["metric"], found["value"]) == ("AUC", f"{auc.value:.3f}")
    assert found["interval"] == f"{auc.low:.3f}–{auc.high:.3f}"
    assert [row["name"] for row in found["bars"]["rows"]] == ["forest", "linear", "majority", "covariates"]
    for row in found["bars"]["rows"]:
        assert 0 <= row["at"] <= 100
        assert row["from"] is None or 0 <= row["from"] <= row["at"] <= row["to"] <= 100


def test_headline_falls_back_where_there_is_no_auc() -> None:
    study = studies.binary()
    first = study.evaluations["forest"]
    without = replace(
        first, estimates=tuple(replace(e, value=math.nan) if e.metric == "auc" else e for e in first.estimates)
    )
    found = summarize(replace(study, evaluations={**study.evaluations, "forest": without}))["headline"]
    assert found["metric"] == "Accuracy"


def test_constant_scores_have_no_interval() -> None:
    rows = summarize(studies.binary())["headline"]["bars"]["rows"]
    majority = next(row for row in rows if row["name"] == "majority")
    assert (majority["value"], majority["interval"], majority["from"]) == ("0.500", "", None)


def test_story_compares_with_the_floors() -> None:
    story = " ".join(summarize(studies.binary())["story"])
    assert "180 cases of 162 patients to tell malignant from benign" in story
    assert "60 test cases that it had never seen (54 patients)" in story
    assert "a guess by class frequency (0.500)" in story


def test_classes_that_are_numbers_are_named_with_their_column() -> None:
    study = studies.classes_study(("0", "1"), "1", n=120, left_out=0)
    said = summarize(study)
    assert "to tell diagnosis = 1 from diagnosis = 0" in " ".join(said["story"])
    assert said["headline"]["counts"]["events"].endswith(" diagnosis = 1")


@pytest.mark.parametrize(
    "metric, interval, floor, said",
    [
        ("auc", (0.7, 0.9), 0.6, "lies above that of"),
        ("auc", (0.7, 0.9), 0.8, "includes the value of"),
        ("auc", (0.3, 0.4), 0.5, "lies below, and so is worse than, that of"),
        ("mae", (3.0, 5.0), 9.0, "lies below that of"),
        ("mae", (3.0, 5.0), 2.0, "lies above, and so is worse than, that of"),
    ],
)
def test_side_of_the_floor(metric: str, interval: tuple[float, float], floor: float, said: str) -> None:
    from isocenter.reporting.story import _side

    assert _side(Estimate(metric, "forest", "test", 0.5, *interval, "wilson", 9, 9), floor) == said


def test_unknown_patients_are_said_loudly_and_once() -> None:
    assert sum("patient ids" in text for text in summarize(studies.regression())["warnings"]) == 1
    told = "No patient ids are known. Name the column with --patient-column."
    again = summarize(replace(studies.regression(), warnings=(told,)))["warnings"]
    assert [text for text in again if "patient ids" in text] == [told]


def test_warnings_of_all_rooms_are_there_once() -> None:
    study = studies.crowded()
    twice = replace(study, warnings=study.audit["warnings"])
    assert summarize(twice)["warnings"] == summarize(study)["warnings"]
    assert any("bit-identical" in text for text in summarize(study)["warnings"])
    assert any("4 times" in text for text in summarize(study)["warnings"])
    assert any("7 test cases share" in text for text in summarize(study)["warnings"])


@pytest.mark.parametrize("flag", ["option", "note", "attrs", "none"])
def test_synthetic_data_wear_a_ribbon(flag: str) -> None:
    study = replace(studies.three(), options={"synthetic": flag == "option"})
    if flag == "note":
        study = replace(study, notes=("All images are synthetic phantoms.",))
    if flag == "attrs":
        table = study.cohort.table.copy()
        table.attrs["synthetic"] = True
        study = replace(study, cohort=replace(study.cohort, table=table))
    assert ("Synthetic phantom data" in Page(render(study)).text) == (flag != "none")


def test_features_of_0_and_1_are_counted() -> None:
    study = studies.regression()
    table = study.cohort.table.assign(smoker=[0.0, 1.0] * (len(study.cohort) // 2) + [0.0] * (len(study.cohort) % 2))
    table.loc[table.index[0], "smoker"] = None
    study = replace(study, cohort=replace(study.cohort, table=table, features=("smoker",)))
    rows = baseline(study)["features"]
    assert [(row["name"], row["note"]) for row in rows] == [("smoker", "n (%)"), ("0", ""), ("1", ""), ("missing", "")]
