"""What the paper says of methods, comparisons, readers and designs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import pandas as pd
import pytest

import isocenter
import studies
from isocenter.paper import Finished, agreed, write
from isocenter.paper.document import manuscript
from isocenter.paper.methods import methods_section
from isocenter.paper.tables import tables
from isocenter.reporting import render
from isocenter.reporting.baseline import baseline
from isocenter.reporting.plates import paper_drawings
from pages import Page
from papers import multilabel, table_of_patients


def test_left_out_cases_are_counted_by_reason() -> None:
    study = studies.crowded()
    text = methods_section(Finished(study, {}))[0].text
    excluded, unlabelled = len(study.audit["excluded"]), len(study.audit["unlabelled"])
    assert f"{excluded} excluded (" in text
    assert "unreadable file" in text
    assert f"{unlabelled} without a value of the target, and 240 used." in text
    frame = next(t.frame for t in tables(Finished(study, {})) if t.name == "excluded")
    assert len(frame) == excluded + unlabelled


def test_labels_are_counted_one_by_one_in_table_1() -> None:
    rows = baseline(multilabel())["rows"]
    assert next(r for r in rows if r["name"] == "edema")["cells"][0] == "40 (50%)"


def test_comparisons_and_readers_appear_where_the_project_has_them(tmp_path: Path) -> None:
    study = studies.binary()
    row = {"metric": "auc", "method": "forest", "against": "covariates", "part": "test", "group": None, "difference": 0.1234,
           "low": -0.02, "high": 0.26, "p": 0.0004, "p_adjusted": None, "how": "delong", "n_patients": 54,
           "sentence": "No better than age and sex."}  # fmt: skip
    readers = {
        "pairs": [
            {
                "first": "A",
                "second": "B",
                "coefficient": "kappa",
                "value": 0.5,
                "low": None,
                "high": None,
                "part": "all",
                "n": 9,
            }
        ],
        "names": ["A"],
        "overall": [],
        "sentence": "",
    }
    seeds = {"how": "Two seeds.", "bands": [{"method": "forest", "mean": 0.8, "another": {"low": 0.7, "high": None}}]}
    write(Finished(study, study.predictions, comparisons=[row], readers=readers, seeds=seeds), tmp_path)
    bands = pd.read_csv(tmp_path / "tables" / "seeds.csv")
    assert (bands["another low"].tolist(), bands["mean"].tolist()) == ([0.7], [0.8])
    frame = pd.read_csv(tmp_path / "tables" / "comparisons.csv")
    assert frame["difference"].tolist() == [0.1234]
    assert pd.read_csv(tmp_path / "tables" / "readers.csv")["value"].tolist() == [0.5]
    document = docx.Document(str(tmp_path / "manuscript.docx"))
    cells = [cell.text for cell in document.tables[-2].rows[1].cells]
    assert cells == ["AUC", "forest", "covariates", "0.123 (−0.020 to 0.260)", "<0.001", "—"]
    assert "No better than age and sex." in [p.text for p in document.paragraphs]
    assert "Methods were compared on the same cases (AUC: DeLong)." in (tmp_path / "methods.md").read_text("utf-8")


def test_many_methods_share_several_tables() -> None:
    study = studies.binary()
    cards = [dict(study.models[0]) | {"name": f"m{i}"} for i in range(6)]
    evaluations = {card["name"]: study.evaluations["forest"] for card in cards}
    study = replace(study, models=cards, evaluations=evaluations)
    document = docx.Document(io.BytesIO(manuscript(Finished(study, {}), [], [])))
    shown = [[c.text for c in t.rows[0].cells] for t in document.tables if t.cell(0, 0).text == "Metric"]
    assert shown == [["Metric", "m0", "m1", "m2", "m3"], ["Metric", "m4", "m5"]]


@pytest.mark.slow
def test_a_design_of_folds(tmp_path: Path) -> None:
    study = isocenter.run(
        table_of_patients(tmp_path / "rows.csv", 60), target="status", id_column="case", patient_column="patient",
        method="linear", penalty=1.0, design="kfold", folds=3, repeats=2,
    )  # fmt: skip
    study.paper(tmp_path / "paper")
    design = pd.read_csv(tmp_path / "paper" / "tables" / "design.csv")
    assert len(design) == 6
    assert design.groupby("repeat")["test cases"].sum().tolist() == [60, 60]
    scores = pd.read_parquet(tmp_path / "paper" / "data" / "scores.parquet")
    tested = scores[(scores["part"] == "test") & (scores["method"] == "linear")]
    assert tested.groupby(["repeat", "case_id"]).size().eq(1).all()
    assert len(tested) == 120
    folds = pd.read_parquet(tmp_path / "paper" / "data" / "folds.parquet")
    assert (folds["part"] == "test").sum() == 120
    text = (tmp_path / "paper" / "methods.md").read_text("utf-8")
    assert "60 cases were tested in 6 splits, repeated 2 times." not in text
    assert "60 cases were each tested 2 times, in 6 splits." in text
    assert "not itself tested" in text


def test_the_kept_model_of_several_splits_lends_them_no_threshold() -> None:
    study = studies.binary()
    name = str(study.evaluated[0]["name"])
    decided = {name: {"threshold": 0.25, "criterion": "youden"}}
    design = replace(study.design, whole=study.design.split)
    told = {p.heading: p.text for p in methods_section(Finished(replace(study, design=design), {}, decided))}
    assert f"For {name}, each split made these choices anew." in told["Decisions"]
    assert f"Chosen for the kept model of {name}: threshold 0.25 (youden)." in told["Decisions"]
    alone = {p.heading: p.text for p in methods_section(Finished(study, {}, decided))}
    assert f"Chosen for {name}: threshold 0.25 (youden)." in alone["Decisions"]


@pytest.mark.parametrize("prevalences", [(), ("0.05",)])
def test_predictive_values_that_were_asked_for_are_not_said_to_be_unasked(
    tmp_path: Path, prevalences: tuple[str, ...]
) -> None:
    study = replace(studies.regression(), options={"prevalences": prevalences})
    write(Finished(study, study.predictions), tmp_path)
    said = (tmp_path / "README.txt").read_text("utf-8")
    assert ("No predictive values at other prevalences were asked for" in said) is (not prevalences)
    assert ("were asked for, but" in said) is bool(prevalences)


def test_what_was_done_is_said_in_words() -> None:
    study = studies.binary()
    rows: list[dict[str, Any]] = [
        {"metric": m, "method": "forest", "against": "linear", "part": "test", "group": None, "difference": 0.1,
         "low": 0.0, "high": 0.2, "p": 0.05, "p_adjusted": None, "how": how, "sentence": f"the data of {m}."}
        for m, how in (("auc", "delong-paired"), ("accuracy", "mcnemar-exact"), ("brier", "bootstrap-paired"))
    ]  # fmt: skip
    paper = Finished(study, {}, comparisons=rows)
    told = {p.heading: p.text for p in methods_section(paper)}
    assert "one of two classes" in told["Reference standard"]
    named = "AUC: DeLong, paired; Accuracy: McNemar, exact; Brier score: paired bootstrap over patients"
    assert f"Methods were compared on the same cases ({named})." in told["Comparisons"]
    document = docx.Document(io.BytesIO(manuscript(paper, [], [])))
    said = [p.text for p in document.paragraphs]
    assert "The data of auc." in said
    assert not any("the data of brier" in text for text in said)


def test_thresholds_of_labels_are_told_one_by_one() -> None:
    decided = {"threshold": None, "criterion": "youden", "thresholds": {"edema": 0.25, "=effusion": 0.5}}
    study = multilabel()
    study = replace(study, models=[{**study.models[0], "decision": decided}])
    told = {p.heading: p.text for p in methods_section(Finished(study, {}, {"forest": decided}))}
    assert "Chosen for forest: thresholds edema 0.25, =effusion 0.5 (youden)." in told["Decisions"]
    assert "A label is given from a probability of its own on: edema from 0.250 and =effusion from 0.500 (youden)." in (
        Page(render(study)).text
    )


def test_readers_sample_size_and_learning_curve_are_tables() -> None:
    study = studies.binary()
    pair = {"part": "test", "first": "A", "second": "B", "n": 9, "coefficient": "kappa", "value": 0.5, "low": None,
            "high": None, "why": ""}  # fmt: skip
    readers = {"names": ["A", "B"], "overall": [{**pair, "name": "ac1"}], "pairs": [pair], "sentence": "They agree."}
    size = {
        "summary": "Too few.",
        "rows": [{"name": "risk", "needed": 345.0, "have": 120.0, "met": False, "sentence": ""}],
    }
    points = [{"share": 1.0, "patients": 96.0, "value": 0.76, "error": 0.03, "folds": 5}]
    learned = {"metric": "auc", "method": "forest", "sentence": "Unclear.", "points": points}
    paper = Finished(study, {}, readers=readers, sample_size=size, learning=learned)
    document = docx.Document(io.BytesIO(manuscript(paper, [], [])))
    cells = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    assert ["A", "B", "kappa", "test part", "9", "0.50"] in cells
    assert ["risk", "345", "120", "not met"] in cells
    assert ["96", "0.760"] in cells
    frames = {table.name: table.frame for table in tables(paper)}
    assert frames["sample_size"]["needed"].tolist() == [345.0]
    assert frames["learning_curve"]["patients"].tolist() == [96.0]


def test_methods_tell_the_learning_curve_and_compare_methods_before_seeds() -> None:
    study = studies.binary()
    row = {"metric": "auc", "method": "forest", "against": "linear", "part": "test", "group": None, "difference": 0.1,
           "low": 0.0, "high": 0.2, "p": 0.05, "p_adjusted": 0.1, "how": "delong-paired", "sentence": ""}  # fmt: skip
    points = [
        {"share": s, "patients": n, "value": v} for s, n, v in ((0.2, 20.0, 0.7), (1.0, 77.5, 0.8), (0.1, 9.0, None))
    ]
    learned = {"metric": "auc", "method": "forest", "points": points, "how": "An inverse power law was fitted."}
    paper = Finished(study, {}, comparisons=[row], learning=learned, seeds={"how": "Five seeds."},
                     readers={"names": ["A", "B"]})  # fmt: skip
    told = {p.heading: p.text for p in methods_section(paper)}
    curve = (
        "forest was fitted on growing numbers of training patients (20 to 78) and scored by AUC. An inverse power law"
    )
    assert f"For a learning curve, {curve} was fitted." in told["Evaluation"]
    assert told["Comparisons"].startswith("Methods were compared on the same cases (AUC: DeLong, paired).")
    assert told["Comparisons"].endswith(
        "2 readers were compared with each other and with the primary method. Five seeds."
    )
    assert "learning curve" not in "".join(p.text for p in methods_section(Finished(study, {})))


@pytest.mark.parametrize("repeats, place", [(0, "test part"), (1, "all folds"), (2, "first repeat")])
def test_a_confusion_matrix_names_a_repeat_only_where_there_are_several(repeats: int, place: str) -> None:
    study = studies.binary()
    if repeats:
        study = replace(study, design=replace(study.design, whole=study.design.split, repeats=repeats))
    drawn = next(drawing for drawing in paper_drawings(study) if drawing.name == "confusion")
    assert drawn.about == f"forest, {place}"


VOTES = {
    "R1": ["a", "a", "b", "b", "a", None, "a"],
    "R2": ["a", "b", "b", "a", "b", None, None],
    "R3": ["a", "a", "b", "b", None, None, None],
}


def reference(folder: Path, **how: Any) -> str:
    """What is said of the reference standard of a cohort whose readers made the target."""
    table = pd.DataFrame({"id": [f"c{i}" for i in range(7)], "x": range(7), **VOTES})
    table.to_csv(folder / "t.csv", index=False)
    cohort = isocenter.index(folder / "t.csv", readers=list(VOTES), **how)
    return " ".join((f"{agreed.called(cohort)}.", *agreed.sentences(cohort)))


def test_a_reference_standard_that_readers_made_is_told_and_not_left_to_the_author(tmp_path: Path) -> None:
    text = reference(tmp_path)
    assert text.startswith("the consensus of readers. ")
    assert (
        "made of the readings of R1, R2 and R3 (columns of the table) by the rule majority, the label that most" in text
    )
    assert "All agreed in 2 of the 4 cases used that two or more had read. 1 case used has one reading only" in text
    assert "1 case whose votes were tied had no reference standard and was neither learned from nor tested." in text
    assert "1 case that none of them had read was left out." in text
    text = reference(tmp_path, consensus="unanimous")
    assert "by the rule unanimous, the label that all gave" in text
    assert "3 cases whose readers were not unanimous had no reference standard and were neither" in text
    text = reference(tmp_path, consensus="R3")
    assert text.startswith("the reading of R3. ")
    assert "Of the readers R1, R2 and R3, R3 was the reference standard." in text
    assert "3 cases that R3 had not read were left out." in text
    named = next(p.text for p in methods_section(Finished(studies.binary(), {})) if p.heading == "Reference standard")
    assert "[author: the reference standard: how, when and by whom" in named


def test_every_subgroup_column_is_named_numbers_too() -> None:
    study = studies.binary()
    row = study.first.estimates[0]
    groups = ("sex=F", "sex=M", "age ≤ 54.5", "age > 54.5 to 1e+02", "age > 1e+02", "a > 3=x", "by image")
    first = replace(study.first, estimates=(*study.first.estimates, *(replace(row, group=one) for one in groups)))
    study = replace(study, evaluations={**study.evaluations, str(study.primary["name"]): first})
    text = " ".join(p.text for p in methods_section(Finished(study, {})))
    assert "Subgroups were formed by sex, age (in thirds) and a > 3." in text
