"""The sample-size verdict of a cohort and a design."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import isocenter
from designs import cohort_of, write_table
from isocenter import training
from isocenter.auditing import sample_size
from isocenter.cohort import Task
from isocenter.metrics.adequacy import verdict_for_classes, verdict_for_numbers
from isocenter.splitting import make_design


def rows(found: dict[str, object]) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in found["rows"]}  # type: ignore[attr-defined]


def test_a_holdout_is_judged_by_its_test_part() -> None:
    cohort = cohort_of([0] * 300 + [1] * 100, [f"p{i}" for i in range(400)])
    found = sample_size(cohort, make_design(cohort), 5)
    expected = verdict_for_classes({"0": 300, "1": 100}, 5, test_fraction=0.2)
    assert found["summary"] == expected.summary and found["affordable"] == expected.affordable
    assert rows(found)["test events"]["have"] == pytest.approx(20)
    json.dumps(found, allow_nan=False)


def test_where_every_patient_is_tested_all_events_count() -> None:
    cohort = cohort_of([0] * 300 + [1] * 100)
    found = sample_size(cohort, make_design(cohort, design="kfold"), 5)
    assert rows(found)["test events"]["have"] == pytest.approx(100) and rows(found)["test events"]["met"]
    assert rows(found)["shrinkage"]["have"] == pytest.approx(320)
    assert "All folds together test" in str(found["summary"])
    assert "would say little" not in str(found["summary"])


def test_patients_are_counted_and_not_images() -> None:
    cohort = cohort_of([i // 100 for i in range(200)], [f"p{i // 10}" for i in range(200)])
    found = sample_size(cohort, make_design(cohort), 3)
    assert rows(found)["risk"]["have"] == pytest.approx(16)


def test_a_measurement_and_its_unit() -> None:
    values = np.random.default_rng(0).normal(50, 10, 150)
    cohort = cohort_of(list(values), [f"p{i}" for i in range(150)], task=Task.REGRESSION)
    found = sample_size(cohort, make_design(cohort), 4)
    expected = verdict_for_numbers(150, float(values.mean()), float(values.std()), 4, test_fraction=0.2)
    assert found["summary"] == expected.summary


def test_predictors_are_what_a_method_may_choose_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = write_table(tmp_path / "t.csv", 90, age=rng.normal(60, 9, 90), sex=rng.choice(["F", "M"], 90))
    cohort = isocenter.index(table, target="label", covariates=["age", "sex"])
    design = isocenter.split(cohort)
    recipes = training.plan(cohort, design, ["forest"], with_floors=True)
    counts = {r.name: training.predictors(r, cohort, design) for r in recipes}
    assert counts["forest"] == 6 + 1 + 1  # features, age, and one further level of sex
    study = isocenter.run(table, target="label", covariates="age,sex", project=tmp_path / "p", method="linear")
    assert study.sample_size["predictors"] == 8
    assert json.loads((tmp_path / "p/sample_size.json").read_text()) == study.summary()["sample_size"]


def test_a_patient_with_both_classes_is_one_patient() -> None:
    cohort = cohort_of([i % 2 for i in range(200)], [f"p{i // 2}" for i in range(200)])
    found = sample_size(cohort, make_design(cohort), 3)
    assert rows(found)["risk"]["have"] == pytest.approx(80)
    assert rows(found)["test events"]["have"] == pytest.approx(10)


def test_without_patient_ids_cases_are_counted_and_nobody_in_parts() -> None:
    found = sample_size(cohort := cohort_of([0] * 61 + [1] * 22), make_design(cohort, test_fraction=0.3), 3)
    assert "patients" not in json.dumps(found) and "training cases carry" in str(found["summary"])
    counted = [row["have"] for name, row in rows(found).items() if not name.startswith("width") and row["have"]]
    assert len(counted) > 3 and all(have == int(have) for have in counted)  # type: ignore[call-overload]
    assert 0 < rows(found)["width of AUC"]["have"] < 1  # type: ignore[operator]
