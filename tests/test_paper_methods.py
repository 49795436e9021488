"""What the paper says of methods, comparisons, readers and designs."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import docx
import pandas as pd
import pytest

import isocenter
import studies
from isocenter.paper import Finished, write
from isocenter.paper.document import manuscript
from isocenter.paper.methods import methods_section
from isocenter.paper.tables import tables
from isocenter.reporting.baseline import baseline
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
        "pairs": [{"first": "A", "second": "B", "coefficient": "kappa", "value": 0.5, "low": None}],
        "names": ["A"],
    }
    seeds = {"how": "Two seeds.", "bands": [{"method": "forest", "mean": 0.8, "another": {"low": 0.7, "high": None}}]}
    write(Finished(study, study.predictions, comparisons=[row], readers=readers, seeds=seeds), tmp_path)
    bands = pd.read_csv(tmp_path / "tables" / "seeds.csv")
    assert (bands["another low"].tolist(), bands["mean"].tolist()) == ([0.7], [0.8])
    frame = pd.read_csv(tmp_path / "tables" / "comparisons.csv")
    assert frame["difference"].tolist() == [0.1234]
    assert pd.read_csv(tmp_path / "tables" / "readers.csv")["value"].tolist() == [0.5]
    document = docx.Document(str(tmp_path / "manuscript.docx"))
    cells = [cell.text for cell in document.tables[-1].rows[1].cells]
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
    assert f"For {name}, each split had its own threshold (youden)." in told["Decisions"]
    assert f"For the kept model of {name}, the threshold was 0.25 (youden)." in told["Decisions"]
    alone = {p.heading: p.text for p in methods_section(Finished(study, {}, decided))}
    assert f"For {name}, the threshold was 0.25 (youden)." in alone["Decisions"]


@pytest.mark.parametrize("prevalences", [(), ("0.05",)])
def test_predictive_values_that_were_asked_for_are_not_said_to_be_unasked(
    tmp_path: Path, prevalences: tuple[str, ...]
) -> None:
    study = replace(studies.regression(), options={"prevalences": prevalences})
    write(Finished(study, study.predictions), tmp_path)
    said = (tmp_path / "README.txt").read_text("utf-8")
    assert ("No predictive values at other prevalences were asked for" in said) is (not prevalences)
    assert ("were asked for, but" in said) is bool(prevalences)
