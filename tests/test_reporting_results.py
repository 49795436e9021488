"""What came out, as the report shows it: groups, matrices, classes, remarks, cases."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import docx
import numpy as np
import pandas as pd
import pytest

import studies
from isocenter.cohort import Target, Task
from isocenter.evaluation import Evaluation
from isocenter.paper import Finished
from isocenter.paper.document import manuscript
from isocenter.paper.tables import tables
from isocenter.reporting import pick_cases, render
from isocenter.reporting.summary import summarize
from pages import Page


def test_groups_are_shown_with_and_without() -> None:
    groups = summarize(studies.crowded())["results"]["groups"]
    first, second = groups["rows"][:2]
    assert (first["group"], second["group"]) == ("whole test part", "without shared cases")
    assert (first["n"], second["n"]) == ("60 / 54", "53 / 48")
    assert first["cells"] != second["cells"]


def test_confusion_matrix_rows_are_true() -> None:
    study = studies.three()
    rows = study.predictions["forest"]
    test = rows[rows["part"] == "test"]
    counted = pd.crosstab(test["reference"], test["prediction"])
    matrix = summarize(study)["results"]["confusions"][0]
    assert (matrix["name"], matrix["part"]) == ("forest", "test")
    for row in matrix["rows"]:
        for name, cell in zip(matrix["classes"], row["cells"], strict=True):
            assert int(cell["n"]) == counted.at[row["name"], name]
        assert sum(cell["weight"] for cell in row["cells"]) == pytest.approx(1)


def test_class_by_class() -> None:
    found = summarize(studies.three())["results"]["classes"]
    assert [method["name"] for method in found] == ["forest", "linear"]
    assert [row["name"] for row in found[0]["rows"]] == list(studies.three().target.classes)
    assert found[0]["titles"] == ["AUC", "Average precision", "Sensitivity", "Specificity", "PPV", "NPV", "F1"]


def test_remarks_name_their_methods() -> None:
    study = studies.binary()
    noted = {n: replace(e, warnings=("Test part: few patients.",)) for n, e in study.evaluations.items()}
    remarks = summarize(replace(study, evaluations=noted))["results"]["remarks"]
    assert remarks == [{"text": "Test part: few patients.", "methods": ["forest", "linear", "majority", "covariates"]}]


def _told(reference: list[str], prediction: list[str], sure: list[float]) -> pd.DataFrame:
    yes = [p if said == "yes" else 1 - p for said, p in zip(prediction, sure, strict=True)]
    columns: dict[str, Any] = {"case_id": [f"c{i}" for i in range(len(sure))], "part": "test", "reference": reference}
    return pd.DataFrame(
        columns | {"prediction": prediction, "probability_no": 1 - np.array(yes), "probability_yes": yes}
    )


def test_worst_cases_are_the_most_confident_errors() -> None:
    target = Target(Task.CLASSIFICATION, "y", ("no", "yes"), "yes")
    table = _told(["no", "no", "yes", "yes", "yes"], ["yes", "yes", "no", "yes", "yes"], [0.6, 0.9, 0.8, 0.7, 0.99])
    assert pick_cases(table, target) == {"worst": ["c1", "c2", "c0"], "typical": ["c3", "c4"]}


def test_typical_cases_are_of_median_confidence_of_each_class() -> None:
    target = Target(Task.CLASSIFICATION, "y", ("no", "yes"), "yes")
    names = ["no"] * 21 + ["yes"] * 21
    sure = [0.5 + i / 50 for i in range(21)] * 2
    found = pick_cases(_told(names, names, sure), target)
    assert found["worst"] == []
    assert set(found["typical"]) == {"c9", "c10", "c11", "c30", "c31", "c32", "c8", "c29"}


def test_cases_of_a_measurement() -> None:
    target = Target(Task.REGRESSION, "y")
    table = pd.DataFrame({"case_id": [f"c{i}" for i in range(40)], "reference": 0.0, "prediction": np.arange(40.0)})
    table.loc[3, "prediction"] = np.nan
    found = pick_cases(table, target)
    assert found["worst"] == [f"c{i}" for i in range(39, 31, -1)]
    assert "c20" in found["typical"]
    assert len(found["typical"]) == 8


def test_only_the_test_part_is_shown() -> None:
    study = studies.binary()
    test = set(study.design.split.test)
    chosen = pick_cases(study.predictions["forest"], study.target)
    assert set(chosen["worst"]) | set(chosen["typical"]) <= test
    assert max(len(ids) for ids in chosen.values()) <= 8


def test_cards_show_reference_prediction_and_probability() -> None:
    worst = summarize(studies.binary())["gallery"][0]["cards"][0]
    row = studies.binary().predictions["forest"].set_index("case_id").loc[worst["id"]]
    assert (worst["reference"], worst["prediction"]) == (row["reference"], row["prediction"])
    assert worst["probability"] == f"{row['probability_' + row['prediction']]:.2f}"
    assert worst["picture"].startswith("data:image/png;base64,")


def test_groups_too_small_to_show_are_rows_that_say_why() -> None:
    study = studies.binary()
    name = str(study.primary["name"])
    why = "7 events by patient (fewer than 10)"
    said = (f"Subgroup sex=F is suppressed: {why}.", "Something else.")
    first = study.first.joined(Evaluation(name, warnings=said))
    study = replace(study, evaluations={**study.evaluations, name: first})
    known = summarize(study)["results"]
    assert known["groups"]["rows"][-1]["why"] == f"suppressed: {why}"
    assert [one["text"] for one in known["remarks"] if "sex=F" in one["text"]] == []
    assert f"suppressed: {why}" in Page(render(study)).text
    frame = next(t.frame for t in tables(Finished(study, {})) if t.name == "subgroups")
    assert frame[["group", "suppressed"]].iloc[-1].tolist() == ["sex=F", why]
    document = docx.Document(io.BytesIO(manuscript(Finished(study, {}), [], [])))
    rows = [[cell.text for cell in row.cells] for table in document.tables for row in table.rows]
    assert ["sex=F", f"suppressed: {why}"] in [row[:2] for row in rows]
