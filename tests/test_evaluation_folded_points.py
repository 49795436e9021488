"""Operating points over folds: every fold reads its own threshold, never another's and never the test part's."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from designs import cohort_of, predicted
from isocenter.cohort import Cohort, Task
from isocenter.evaluation.folded_points import fold_points
from isocenter.metrics.thresholds import nearest
from isocenter.splitting import Design, make_design


def study(**how: object) -> tuple[pd.DataFrame, Cohort, Design]:
    cohort = cohort_of([int(i % 5 < 2) for i in range(150)], site=["A", "B", "C"] * 50)
    design = make_design(cohort, **how)  # type: ignore[arg-type]
    return predicted(cohort, design), cohort, design


def test_the_shares_are_those_of_each_folds_own_threshold() -> None:
    table, cohort, design = study(design="kfold", repeats=2)
    assert cohort.target is not None
    found = {p["criterion"]: p for p in fold_points(table, cohort.target, design)}
    point = found["sensitivity=0.90"]
    hits, thresholds = [], []
    for _, rows in table.groupby(["repeat", "fold"]):
        tuning, test = (rows[rows["part"] == part] for part in ("tuning", "test"))
        at = nearest("sensitivity=0.90", tuning["reference"].to_numpy() == "1", tuning["probability_1"].to_numpy())
        events = test[test["reference"] == "1"]
        hits.append((events["probability_1"] >= at.threshold).mean())
        thresholds.append(at.threshold)
    assert point["test"]["sensitivity"][0] == pytest.approx(np.mean(hits))
    assert point["threshold"] == pytest.approx(np.median(thresholds))
    assert point["thresholds"] == [min(thresholds), max(thresholds)]
    assert point["test"]["sensitivity"][3] == "corrected-resampled" and point["met"]
    assert sum(point["counts"].values()) == 150  # one repeat
    assert "each of 10 fitting parts" in point["origin"]
    json.dumps(list(found.values()), allow_nan=False)


def test_the_test_part_moves_no_threshold() -> None:
    table, cohort, design = study(design="kfold")
    assert cohort.target is not None
    noisy = table.copy()
    rows = noisy["part"] == "test"
    noisy.loc[rows, "probability_1"] = np.random.default_rng(1).random(rows.sum())
    one, other = (fold_points(t, cohort.target, design) for t in (table, noisy))
    assert [p["thresholds"] for p in one] == [p["thresholds"] for p in other]
    assert [p["test"] for p in one] != [p["test"] for p in other]


@pytest.mark.parametrize(
    "how, name",
    [
        ({"design": "nested", "repeats": 2}, "corrected-resampled"),
        ({"design": "leave-one-out", "group_column": "site"}, "hartung-knapp"),
        ({"design": "leave-one-out"}, "corrected-resampled-pooled"),
    ],
)
def test_intervals_go_by_the_design(how: dict[str, object], name: str) -> None:
    table, cohort, design = study(**how)
    assert cohort.target is not None
    points = fold_points(table, cohort.target, design, prevalences=[0.01], criteria=["sensitivity=0.90"])
    assert points[0]["test"]["specificity"][3] == name
    ppv, low, high = points[0]["prevalences"][0]["ppv"]
    assert 0 < ppv < points[0]["test"]["ppv"][0] and low is None and high is None


def test_several_classes_each_have_their_own_and_a_measurement_none() -> None:
    cohort = cohort_of([i % 3 for i in range(90)])
    design = make_design(cohort, design="kfold", folds=3)
    assert cohort.target is not None
    assert {p["class"] for p in fold_points(predicted(cohort, design), cohort.target, design)} == {"0", "1", "2"}
    values = cohort_of(list(np.random.default_rng(0).normal(size=60)), task=Task.REGRESSION)
    design = make_design(values, design="kfold")
    assert values.target is not None
    assert fold_points(predicted(values, design), values.target, design) == []


def test_a_criterion_that_no_fold_meets_is_told() -> None:
    table, cohort, design = study(design="kfold")
    assert cohort.target is not None
    flat = table.assign(probability_1=0.3, probability_0=0.7)
    point = fold_points(flat, cohort.target, design, criteria=["ppv=0.99@0.01"])[0]
    assert not point["met"] and point["why"]
