"""What the inner folds choose, and whom a criterion that cannot be met is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocenter
from designs import write_table
from isocenter import progress
from isocenter.errors import CriterionNotMet, UsageError

IMPOSSIBLE: dict[str, Any] = {"target": "label", "method": "linear", "decide": "ppv=0.999@0.001", "penalty": 1.0}


def test_a_penalty_that_never_decides_the_middle_grade_is_not_chosen(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(120, 4))
    score = x[:, 0] * 1.5 + x[:, 1] + rng.normal(size=120)
    table = pd.DataFrame(x, columns=list("abcd"))
    table["grade"] = np.array(["Low", "Mid", "High"])[np.digitize(score, [-0.7, 0.9])]
    table.to_csv(tmp_path / "t.csv", index=False)
    cohort = isocenter.index(tmp_path / "t.csv", target="grade", order=("Low", "Mid", "High"))
    model = isocenter.fit(cohort, isocenter.split(cohort), "linear")
    assert float(model.card["parameters"]["penalty"]) < 1000
    said = model.predict(cohort.X).label
    assert said is not None and (said == "Mid").mean() > 0.1


def test_the_method_that_cannot_meet_the_criterion_is_named(tmp_path: Path) -> None:
    with pytest.raises(CriterionNotMet, match=r"^linear: No threshold meets ppv"):
        isocenter.run(write_table(tmp_path / "t.csv"), **IMPOSSIBLE)


def test_a_fold_that_cannot_meet_the_criterion_is_named_and_goes_on(tmp_path: Path) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv"), target="label")
    design = isocenter.split(cohort, design="kfold", folds=3)
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        isocenter.evaluate("linear", cohort, design, decide=IMPOSSIBLE["decide"], penalty=1.0)
    assert [text.split(":")[0] for text in heard] == [f"linear, repeat 1, fold {k}" for k in (1, 2, 3)]
    assert all("is taken" in text for text in heard)


def images_of(path: Path, patients: int = 60) -> Path:
    """Two in five patients are ill and have six images each, the others one: most images are of the ill."""
    ill = np.arange(patients) % 5 < 2
    who = np.repeat(np.arange(patients), np.where(ill, 6, 1))
    table = pd.DataFrame(np.random.default_rng(1).normal(size=(len(who), 3)) + ill[who][:, None], columns=list("abc"))
    table["patient"], table["ill"] = [f"p{i}" for i in who], np.where(ill, "yes", "no")[who]
    table.assign(stay=np.where(ill, 10.0, 2.0)[who]).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("how", [{"design": "kfold", "folds": 4, "repeats": 2}, {}], ids=["kfold", "holdout"])
def test_the_floor_of_patients_is_what_most_patients_are(tmp_path: Path, how: dict[str, Any]) -> None:
    given = {"target": "ill", "positive": "yes", "patient_column": "patient", "method": "linear", "penalty": 1.0}
    table = images_of(tmp_path / "t.csv")
    study = isocenter.run(table, project=tmp_path / "p", aggregate="max", **given, **how)
    floor = study.evaluate()["majority"]
    assert floor.get("accuracy").value == pytest.approx(0.6, abs=0.04)  # and not the 0.4 that are ill
    assert (floor.get("sensitivity").value, floor.get("specificity").value) == (0, 1)
    assert floor.get("brier").value == pytest.approx(0.24, abs=0.01)
    assert study.report().count("of two patients, one yes and one no") == 1
    alone = isocenter.run(table, project=tmp_path / "q", aggregate="none", **given, **how)
    by_image = alone.evaluate()["majority"]
    assert (by_image.get("sensitivity").value, by_image.get("specificity").value) == (1, 0)  # 4 of 5 images are
    assert alone.report().count("of two cases, one yes and one no") == 1


@pytest.mark.parametrize(
    "method, target, patients, images", [("mean", "stay", 5.2, 8.4), ("majority", "ill", 0.4, 0.8)]
)
def test_the_mean_of_patients_is_not_that_of_their_images(
    tmp_path: Path, method: str, target: str, patients: float, images: float
) -> None:
    task = "regression" if method == "mean" else "classification"
    cohort = isocenter.index(images_of(tmp_path / "t.csv"), target=target, patient_column="patient", task=task)
    design = isocenter.split(cohort)
    for aggregate, expected in (("mean", patients), ("none", images)):
        said = isocenter.fit(cohort, design, method, aggregate=aggregate).predict(cohort.X)
        found = said.value if said.proba is None else said.proba[:, 1]
        assert found is not None and found[0] == pytest.approx(expected, abs=0.3 if method == "mean" else 0.02)


@pytest.mark.parametrize(
    "method, name, value, allowed",
    [
        ("forest", "n_estimators", -3, r"an int in the range \[1, inf\)"),
        ("forest", "max_depth", 0, r"an int in the range \[1, inf\) or None"),
        ("forest", "max_features", "most", "'sqrt'"),
        ("boosting", "learning_rate", -1, r"a float in the range \(0.0, inf\)"),
        ("boosting", "l2", -1, r"a float in the range \[0(\.0)?, inf\)"),
        ("svm", "C", 0, r"a float in the range \(0(\.0)?, inf"),
        ("linear", "penalty", -1, "a number above 0"),
        ("linear", "penalty", 0, "a number above 0"),
        ("linear", "penalty", "much", "a number above 0"),
        ("linear", "max_iter", -1, r"an int in the range \[0, inf\)"),
    ],
)
def test_a_value_that_a_method_cannot_have_is_named_as_it_was_given(
    tmp_path: Path, method: str, name: str, value: object, allowed: str
) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv"), target="label")
    with pytest.raises(UsageError, match=f"^--set {name}={value} cannot be. It must be .*{allowed}"):
        isocenter.fit(cohort, isocenter.split(cohort), method, **{name: value})
    if method == "forest":
        with pytest.raises(UsageError, match=f"--set {name}={value} cannot be"):
            isocenter.run(tmp_path / "t.csv", target="label", method=method, learning_curve=True, **{name: value})


def test_a_value_of_our_own_that_is_refused_is_a_bug_and_no_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv"), target="label")
    monkeypatch.setattr("isocenter.methods.svm.CHOICES", {"C": (-1.0, 1.0)})
    with pytest.raises(ValueError, match="'C' parameter of SVC"):
        isocenter.fit(cohort, isocenter.split(cohort), "svm")
