"""The learning curve sees the training part only, and says whether more patients would help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocenter
from designs import write_table
from isocenter.learning import SHARES

QUICK: dict[str, Any] = {"target": "label", "method": "linear", "penalty": 10.0, "learning_curve": True}


def test_points_rise_with_the_shares_and_the_answer_is_a_sentence(tmp_path: Path) -> None:
    study = isocenter.run(write_table(tmp_path / "t.csv", 200), project=tmp_path / "p", **QUICK)
    found = study.summary()["learning"]
    assert json.loads((tmp_path / "p/learning.json").read_text()) == found
    assert [p["share"] for p in found["points"]] == list(SHARES)
    sizes = [p["patients"] for p in found["points"]]
    assert sizes == sorted(sizes) and sizes[-1] == pytest.approx(0.8 * 160, abs=1)
    assert sizes[0] == pytest.approx(0.2 * 0.8 * 160, abs=2)
    assert found["patients"] == 160 and "100 more patients" in found["sentence"]
    assert all(0.5 < p["value"] < 1 and p["folds"] == 5 for p in found["points"])


def test_the_last_point_is_the_out_of_fold_number(tmp_path: Path) -> None:
    study = isocenter.run(write_table(tmp_path / "t.csv", 150), project=tmp_path / "p", **QUICK)
    tuning = pd.read_parquet(tmp_path / "p/predictions/linear.tuning.parquet").set_index("case_id")
    from sklearn.metrics import roc_auc_score

    folds = [tuning.loc[list(fold)] for fold in study.design.split.folds]
    each = [roc_auc_score(f["reference"] == "1", f["probability_1"]) for f in folds]
    assert study.learning["points"][-1]["value"] == pytest.approx(np.mean(each))


def test_the_test_part_moves_nothing(tmp_path: Path) -> None:
    part = np.where(np.arange(150) < 110, "train", "test")
    one = write_table(tmp_path / "one.csv", 150, part=part)
    frame = pd.read_csv(one)
    rows = frame["part"] == "test"
    frame.loc[rows, "x0"] = 1e3
    frame.loc[rows, "label"] = 1 - frame.loc[rows, "label"]
    frame.to_csv(tmp_path / "other.csv", index=False)
    found = [isocenter.run(tmp_path / f"{n}.csv", split_column="part", **QUICK).learning for n in ("one", "other")]
    assert found[0] == found[1]


def test_whole_patients_are_added(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 240, patient_id=[f"P{i // 3}" for i in range(240)])
    found = isocenter.run(table, **QUICK).learning
    assert found["patients"] == 64
    assert found["points"][-1]["patients"] == pytest.approx(0.8 * 64, abs=1)


def test_more_patients_help_where_there_is_more_to_learn_and_not_where_all_is_known(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 220)
    hard = pd.DataFrame(rng.normal(size=(220, 60)) + 0.3 * y[:, None], columns=[f"x{i}" for i in range(60)])
    easy = pd.DataFrame({"x": y + rng.normal(0, 0.05, 220)})
    answers = {}
    for name, frame in (("hard", hard), ("easy", easy)):
        frame.assign(label=y).to_csv(tmp_path / f"{name}.csv", index=False)
        found = isocenter.run(tmp_path / f"{name}.csv", **QUICK).learning
        answers[name] = found["answer"], found["points"]
    assert answers["easy"][0] == "no"
    assert answers["hard"][0] != "no"
    values = [p["value"] for p in answers["hard"][1]]
    assert values[-1] > values[0] + 0.03


def test_few_patients_leave_the_question_open(tmp_path: Path) -> None:
    found = isocenter.run(write_table(tmp_path / "t.csv", 40), folds=3, **QUICK).learning
    assert found["answer"] in ("unknown", "unclear") and found["sentence"]
    assert min(p["patients"] for p in found["points"]) >= 10


def test_where_patients_are_the_unit_they_are_scored(tmp_path: Path) -> None:
    # Nine images a patient, each hardly telling: patients are told apart far better than images.
    who = np.arange(360) // 9
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(360, 3)) + (who % 2)[:, None] * 0.3, columns=list("abc"))
    table.assign(label=who % 2, patient_id=[f"P{k}" for k in who]).to_csv(tmp_path / "t.csv", index=False)
    study = isocenter.run(tmp_path / "t.csv", aggregate="mean", project=tmp_path / "p", **QUICK)
    tuning = study.evaluate()["linear"]
    images = tuning.get("auc", "tuning", "by image").value
    last = study.learning["points"][-1]["value"]
    assert last > images + 0.1 and last == pytest.approx(tuning.get("auc", "tuning").value, abs=0.1)
