"""External tests: nothing is refitted, known patients are left out, case mix and numbers stand side by side."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import isocenter
from hospitals import elsewhere, hospital, saved
from isocenter import external
from isocenter.elsewhere import evaluate_elsewhere
from isocenter.errors import BadTarget, BadValues, InputDoesNotFit, SeenInTraining, UnknownColumn, UsageError
from isocenter.metrics.calibration import in_the_large
from isocenter.model import Model


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def model(home: Path) -> Model:
    return isocenter.load(home / "project/models/linear.iso")


def test_the_numbers_are_those_of_the_saved_model(tmp_path: Path, model: Model) -> None:
    there = hospital(150, 1, shift=0.4, prefix="b")
    found = elsewhere(tmp_path, there, model)
    proba = model.predict(there[["a", "b", "c", "d", "age"]]).proba
    assert proba is not None
    auc = found.evaluation.get("auc", "external")
    assert auc.value == pytest.approx(roc_auc_score(there["outcome"] == "malignant", proba[:, 1]))
    assert auc.low < auc.value < auc.high and auc.n_cases == 150
    assert not found.refused


def test_nothing_of_the_bundle_changes(tmp_path: Path, home: Path) -> None:
    path = home / "project/models/linear.iso"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    hospital(80, 3, prefix="c").to_csv(tmp_path / "there.csv", index=False)
    said = evaluate_elsewhere(path, str(tmp_path / "there.csv"), tmp_path / "p", recalibrate="platt")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    written = json.loads((tmp_path / "p/external/there/external.json").read_text())
    assert written["counts"] == said["external"]["counts"]
    sides = {row["metric"]: row for row in written["side_by_side"]}
    assert {"tuning", "test", "external"} <= sides["auc"].keys()
    own = json.loads((home / "project/evaluations/linear.json").read_text())["estimates"]
    test = next(r for r in own if r["metric"] == "auc" and r["part"] == "test" and r["group"] is None)
    assert sides["auc"]["test"] == test
    assert len(pd.read_parquet(tmp_path / "p/external/there/predictions.parquet")) == 80


def test_labels_may_lie_in_a_table_of_their_own(tmp_path: Path, home: Path) -> None:
    there = hospital(80, 4, prefix="e").rename_axis("id").reset_index()
    there[["id", "a", "b", "c", "d", "age"]].to_csv(tmp_path / "there.csv", index=False)
    there[["id", "outcome", "patient_id"]].to_csv(tmp_path / "t.csv", index=False)
    how = {"labels": str(tmp_path / "t.csv"), "patient_column": "patient_id"}
    path = home / "project/models/linear.iso"
    said = evaluate_elsewhere(path, str(tmp_path / "there.csv"), tmp_path / "p", id_column="id", **how)
    assert said["external"]["counts"] == {"found": 80, "used": 80, "refused": 0, "unlabelled": 0}


def test_training_patients_are_left_out_by_id_and_rows_even_under_other_ids(
    tmp_path: Path, home: Path, model: Model
) -> None:
    ours = pd.read_csv(home / "home.csv")
    split = json.loads((home / "project/split.json").read_text())["parts"]
    trained = set(split["training"])
    renamed = ours.assign(patient_id=[f"z{i}" for i in range(len(ours))])
    both = pd.concat([hospital(50, 4, prefix="d"), renamed], ignore_index=True)
    found = elsewhere(tmp_path, both, model)
    assert {f.code for f in found.refused} == {"SeenInTraining"}
    assert found.to_dict()["counts"] == {"found": 250, "used": 50, "refused": 200, "unlabelled": 0}
    some = [f"a{i}" for i in range(120, 200)]
    same_ids = hospital(100, 5, prefix="x").assign(patient_id=some + [f"x{i}" for i in range(20)])
    refused = {f.where: f.reason for f in elsewhere(tmp_path, same_ids, model).refused}
    assert refused.keys() == set(some)
    told = {where for where, reason in refused.items() if reason == "its patient is in the model's training data."}
    assert told == set(some) & trained
    assert not elsewhere(tmp_path, same_ids, model, ids_are_local=True).refused


def test_the_model_s_own_test_part_is_not_external(tmp_path: Path, home: Path, model: Model) -> None:
    split = json.loads((home / "project/split.json").read_text())["parts"]
    own = pd.read_csv(home / "home.csv").set_index("patient_id").loc[split["test"]].reset_index()
    with pytest.raises(SeenInTraining, match="in the model's own test part: not external"):
        elsewhere(tmp_path, own, model)
    renamed = own.assign(patient_id=[f"z{i}" for i in range(len(own))])
    found = elsewhere(tmp_path, pd.concat([hospital(50, 4, prefix="d"), renamed]), model)
    assert {f.reason for f in found.refused} == {"its very row is in the model's own test part: not external."}
    assert len(found.refused) == len(own)


def test_what_does_not_suit_a_measurement_is_refused_before_anything_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model
) -> None:
    hospital(60, 3).drop(columns="outcome").to_csv(tmp_path / "r.csv", index=False)
    cohort = isocenter.index(tmp_path / "r.csv", target="age", patient_column="patient_id")
    measured = isocenter.fit(cohort, isocenter.split(cohort), "linear")
    monkeypatch.setattr("isocenter.predicting.predict", None)  # would be a TypeError
    other = hospital(40, 4, prefix="o").drop(columns="outcome")
    with pytest.raises(UsageError, match="'age' is a measurement"):
        elsewhere(tmp_path, other, measured, recalibrate="platt")
    with pytest.raises(UsageError, match="--prevalences are about how common an event is"):
        elsewhere(tmp_path, other, measured, prevalences=[0.1])
    with pytest.raises(UsageError, match="no recalibration called 'plat'"):
        elsewhere(tmp_path, hospital(40, 4, prefix="o"), model, recalibrate="plat")


def test_thresholds_are_those_of_home_read_there(tmp_path: Path, home: Path, model: Model) -> None:
    there = hospital(150, 1, shift=0.4, prefix="b")
    found = elsewhere(tmp_path, there, model, prevalences=[0.05])
    own = json.loads((home / "project/evaluations/linear.json").read_text())["points"]
    points = found.evaluation.points
    assert [p["criterion"] for p in points] == ["probability=0.5", "sensitivity=0.90", "specificity=0.90"]
    assert [(p["threshold"], p["tuning"]) for p in points] == [(p["threshold"], p["tuning"]) for p in own]
    proba = model.predict(there[["a", "b", "c", "d", "age"]]).proba
    assert proba is not None
    ill = (there["outcome"] == "malignant").to_numpy()
    for point in points:
        called = proba[:, 1] >= point["threshold"]
        value, low, high, _ = point["test"]["sensitivity"]
        assert value == pytest.approx(called[ill].mean()) and low < value < high
        assert point["test"]["specificity"][0] == pytest.approx((~called[~ill]).mean())
        assert [row["prevalence"] for row in point["prevalences"]] == [0.05]
    split = json.loads((home / "project/split.json").read_text())["parts"]
    assert f"{len(split['training'])} patients of the training part" in points[0]["origin"]


def test_a_model_saved_before_there_were_points_is_tested_without_them(tmp_path: Path, model: Model) -> None:
    card = {name: value for name, value in model.card.items() if name not in ("operating_points", "tested_on")}
    found = elsewhere(tmp_path, hospital(80, 1, prefix="b"), replace(model, card=card))
    assert found.evaluation.points == () and found.evaluation.get("auc", "external").value > 0.5


def test_subgroups_stand_beside_the_whole(tmp_path: Path, model: Model) -> None:
    there = hospital(200, 1, prefix="b").assign(sex=["F", "M"] * 99 + ["X", "X"])
    found = elsewhere(tmp_path, there, model, subgroups=["sex"])
    women = there[there["sex"] == "F"]
    proba = model.predict(women[["a", "b", "c", "d", "age"]]).proba
    assert proba is not None
    own = found.evaluation.get("auc", "external", group="sex=F")
    assert own.value == pytest.approx(roc_auc_score(women["outcome"] == "malignant", proba[:, 1]))
    assert own.n_cases == 99
    assert any("sex=X is suppressed" in text for text in found.warnings)
    with pytest.raises(UnknownColumn, match="no column 'site'"):
        elsewhere(tmp_path, there, model, subgroups=["site"])


@pytest.mark.parametrize(
    "given, flag",
    [
        ({"design": "kfold"}, "--design"),
        ({"method": "forest"}, "--method"),
        ({"decide": "youden"}, "--decide"),
        ({"margin": 0.1}, "--margin"),
        ({"seeds": 3}, "--seeds"),
        ({"features": "pixels"}, "--features"),
        ({"positive": "benign"}, "--positive"),
        ({"split_column": "part"}, "--split-column"),
        ({"aggregate": "max", "set": "C=1"}, "--aggregate, --set"),
    ],
)
def test_options_that_would_change_nothing_are_refused_by_name(
    tmp_path: Path, home: Path, given: dict[str, Any], flag: str
) -> None:
    hospital(60, 6, prefix="e").to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UsageError, match=f"{flag} can change nothing"):
        evaluate_elsewhere(home / "project/models/linear.iso", str(tmp_path / "t.csv"), tmp_path / "p", **given)
    assert not (tmp_path / "p").exists()


def test_only_training_patients_is_an_error_of_its_own(tmp_path: Path, home: Path, model: Model) -> None:
    split = json.loads((home / "project/split.json").read_text())["parts"]
    ours = pd.read_csv(home / "home.csv").set_index("patient_id").loc[split["training"]].reset_index()
    with pytest.raises(SeenInTraining, match="No case is left"):
        elsewhere(tmp_path, ours, model)


def test_other_class_names_are_refused_until_told(tmp_path: Path, home: Path) -> None:
    path = home / "project/models/linear.iso"
    there = hospital(60, 6, prefix="e")
    there.assign(outcome=there["outcome"].map({"malignant": "M", "benign": "B"})).to_csv(
        tmp_path / "t.csv", index=False
    )
    with pytest.raises(BadTarget, match="B, M") as told_of:
        evaluate_elsewhere(path, str(tmp_path / "t.csv"), tmp_path / "p")
    assert "--class-names B=?,M=?, with one of benign, malignant" in told_of.value.remedy  # B=benign would be a guess
    with pytest.raises(UsageError, match="names no class"):
        evaluate_elsewhere(path, str(tmp_path / "t.csv"), tmp_path / "p", class_names="B=?,M=?")
    told = evaluate_elsewhere(path, str(tmp_path / "t.csv"), tmp_path / "p", class_names="M=malignant,B=benign")
    there.to_csv(tmp_path / "u.csv", index=False)
    plain = evaluate_elsewhere(path, str(tmp_path / "u.csv"), tmp_path / "p")
    assert told["external"]["side_by_side"] == plain["external"]["side_by_side"]
    with pytest.raises(UsageError, match="names no class"):
        evaluate_elsewhere(path, str(tmp_path / "t.csv"), tmp_path / "p", class_names="M=evil")


def test_a_case_of_another_class_is_set_aside_as_the_message_says(tmp_path: Path, home: Path) -> None:
    path, file = home / "project/models/linear.iso", tmp_path / "t.csv"
    there = hospital(60, 6, prefix="e")
    there.loc[7, "outcome"] = "unclear"
    there.to_csv(file, index=False)
    with pytest.raises(BadTarget, match="unclear") as told_of:
        evaluate_elsewhere(path, str(file), tmp_path / "p")
    assert "unclear=benign" not in str(told_of.value) and "unclear=malignant" not in str(told_of.value)
    offered = told_of.value.remedy.partition("--exclude ")[2].partition(", or")[0]
    said = evaluate_elsewhere(path, str(file), tmp_path / "p", exclude=offered)
    assert said["external"]["counts"]["used"] == 59
    there.assign(outcome=[f"site {i % 8}" for i in range(60)]).to_csv(file, index=False)
    with pytest.raises(BadTarget, match="none of the model's classes") as told_of:
        evaluate_elsewhere(path, str(file), tmp_path / "p")
    assert "--target" in told_of.value.remedy and "--class-names" not in told_of.value.remedy


def test_recalibration_is_shown_apart_and_mends_the_level(tmp_path: Path, model: Model) -> None:
    there = hospital(600, 7, shift=1.0, prefix="f")
    found = elsewhere(tmp_path, there, model, recalibrate="platt")
    before = found.evaluation.get("calibration_in_the_large", "external")
    after = found.evaluation.get("calibration_in_the_large", "external", group="recalibrated")
    assert before.high < 0  # risks are far too high there
    assert after.low < 0 < after.high
    proba = model.predict(there[["a", "b", "c", "d", "age"]]).proba
    assert proba is not None
    truth = (there["outcome"] == "malignant").to_numpy()
    assert before.value == pytest.approx(float(in_the_large(truth, proba[:, 1])))
    assert {r.metric for r in found.evaluation.estimates if r.group == "recalibrated"}.isdisjoint({"auc", "accuracy"})


def test_calibration_on_the_calibrators_own_scores_is_not_shown(tmp_path: Path, home: Path, model: Model) -> None:
    cohort = external.index(model, home / "home.csv", patient_column="patient_id")
    calm = isocenter.fit(cohort, isocenter.split(cohort), "linear", recalibrate="platt")
    for one, shown in ((model, True), (calm, False)):
        rows = elsewhere(tmp_path, hospital(80, 9, prefix="h"), one).side_by_side()
        told = {row["metric"]: "tuning" in row for row in rows}
        assert told["auc"] and told["accuracy"]
        calibration = {"calibration_slope", "calibration_in_the_large", "brier", "ici", "ece", "brier_reliability"}
        assert {told[metric] for metric in calibration} == {shown}
        assert all("external" in row for row in rows)


def test_case_mix_stands_beside(tmp_path: Path, model: Model) -> None:
    found = elsewhere(tmp_path, hospital(120, 8, shift=1.0, prefix="g"), model)
    rows = {row["name"]: row for row in found.case_mix}
    assert rows["age"]["difference"] > 0.8
    assert rows["outcome"]["internal"]["counts"].keys() == {"benign", "malignant"}


def test_one_class_there_is_a_warning_not_a_crash(tmp_path: Path, model: Model) -> None:
    there = hospital(60, 9, prefix="h")
    found = elsewhere(tmp_path, there[there["outcome"] == "benign"], model)
    assert np.isnan(found.evaluation.get("auc", "external").value)
    assert np.isfinite(found.evaluation.get("specificity", "external").value)


def test_bad_input_is_named(tmp_path: Path, model: Model) -> None:
    with pytest.raises(InputDoesNotFit, match="features are missing"):
        elsewhere(tmp_path, hospital(40, 10, prefix="i").drop(columns=["b"]), model)
    hospital(40, 11, prefix="j").assign(outcome=["x", "y"] * 20).to_csv(tmp_path / "x.csv", index=False)
    other = isocenter.index(tmp_path / "x.csv", target="outcome")
    with pytest.raises(BadTarget, match="does not know"):
        isocenter.evaluate(model, other)


def test_python_evaluates_elsewhere_without_a_design(tmp_path: Path, model: Model) -> None:
    there = hospital(100, 12, prefix="k", per_patient=2)
    there.to_csv(tmp_path / "k.csv", index=False)
    cohort = isocenter.index(tmp_path / "k.csv", target="outcome", patient_column="patient_id")
    found = isocenter.evaluate(model, cohort)
    assert found.get("auc", "external").n_cases == 100
    assert found.get("auc", "external").n_patients == 50


def test_without_a_named_project_the_result_lies_beside_the_model(tmp_path: Path, home: Path) -> None:
    hospital(60, 21, prefix="z").to_csv(tmp_path / "beside.csv", index=False)
    told = evaluate_elsewhere(
        home / "project/models/linear.iso", str(tmp_path / "beside.csv"), Path("isocenter-project")
    )
    assert Path(told["project"]) == home / "project/external/beside"


def test_text_in_a_feature_is_named_before_rows_are_looked_up(tmp_path: Path, model: Model) -> None:
    there = hospital(40, 22, prefix="t").astype({"b": object})
    there.loc[[3, 5, 8], "b"] = "n/a?"
    with pytest.raises(InputDoesNotFit, match=r"not numbers: 'b' holds n/a\?\.") as told_of:
        elsewhere(tmp_path, there, model)
    assert "'a'" not in str(told_of.value)
    there.drop(columns="outcome").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(InputDoesNotFit, match=r"not numbers: 'b' holds n/a\?\."):
        isocenter.predict(model, tmp_path / "new.csv")


def test_columns_that_the_model_does_not_read_refuse_nothing(tmp_path: Path, model: Model) -> None:
    there = hospital(40, 23, prefix="u")
    plain = elsewhere(tmp_path, there, model).evaluation.get("auc", "external")
    beside = there.assign(empty=np.nan, huge=[np.inf, *range(39)], note=["x", 1] * 20)
    assert elsewhere(tmp_path, beside, model).evaluation.get("auc", "external").value == plain.value
    beside.drop(columns="outcome").to_csv(tmp_path / "new.csv", index=False)
    assert len(isocenter.predict(model, tmp_path / "new.csv")) == 40
    with pytest.raises(BadValues, match=r"without a single value: c\.") as told_of:
        elsewhere(tmp_path, beside.assign(c=np.nan), model)
    assert "--ignore" not in str(told_of.value)


def test_values_of_another_unit_are_a_warning_in_the_terminal_and_on_the_page(tmp_path: Path, home: Path) -> None:
    path = home / "project/models/linear.iso"
    there = hospital(60, 24, prefix="v")
    there.to_csv(tmp_path / "same.csv", index=False)
    calm = evaluate_elsewhere(path, str(tmp_path / "same.csv"), tmp_path / "p")
    assert not [w for w in calm["warnings"] if "training range" in w]
    there.assign(b=there["b"] * 1e4 + 1e6, extra=1.0).to_csv(tmp_path / "unit.csv", index=False)
    told = evaluate_elsewhere(path, str(tmp_path / "unit.csv"), tmp_path / "p")
    expected = "60 of 60 cases lie far outside the training range: b (60). Check units"
    said = [w for w in told["warnings"] if w.startswith(expected)]
    assert len(said) == 1 and "60 of 60 get the very same answer" in said[0]
    assert not [w for w in told["warnings"] if "ignored" in w]
    assert expected in Path(told["report"]).read_text()
    far = there["b"].where(there.index >= 7, 99.0)  # seven of them, not tied
    found = isocenter.evaluate(path, _written(there.assign(b=far), tmp_path / "seven.csv"))
    assert [w for w in found.warnings if w.startswith("7 of 60 cases") and "same answer" not in w]


def _written(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path
