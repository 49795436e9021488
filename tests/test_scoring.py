"""Tables of predictions: the patient's answer beside each image's, and evaluations at both levels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import isocenter
from designs import cohort_of
from isocenter import scoring
from isocenter.evaluation import BY_IMAGE, Evaluation


def views(n_patients: int = 80, seed: int = 0) -> pd.DataFrame:
    """One to five images a patient, one outcome a patient."""
    rng = np.random.default_rng(seed)
    per = rng.integers(1, 6, n_patients)
    patient = np.repeat(np.arange(n_patients), per)
    truth = (np.arange(n_patients) % 2)[patient]
    frame = pd.DataFrame(rng.normal(size=(len(patient), 3)) + 0.6 * truth[:, None], columns=list("abc"))
    return frame.assign(patient_id=[f"p{i:03}" for i in patient], label=np.where(truth == 1, "yes", "no"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    views().to_csv(folder / "views.csv", index=False)
    isocenter.run(
        folder / "views.csv", project=folder / "p", target="label", method="linear", aggregate="mean",
        decide="sensitivity=0.8", prevalences="0.05", seed=1,
    )  # fmt: skip
    return folder / "p"


def test_the_patient_comes_first_and_the_images_stand_beside(project: Path) -> None:
    table = pd.read_parquet(project / "predictions/linear.parquet")
    test = table[table["part"] == "test"]
    evaluation = Evaluation.from_dict(json.loads((project / "evaluations/linear.json").read_text()))
    by_patient = test.groupby("patient_id").agg(p=("probability_yes", "mean"), y=("reference", "first"))
    whole, images = evaluation.get("auc"), evaluation.get("auc", group=BY_IMAGE)
    assert whole.value == pytest.approx(roc_auc_score(by_patient["y"] == "yes", by_patient["p"]))
    assert images.value == pytest.approx(roc_auc_score(test["reference"] == "yes", test["probability_yes"]))
    assert (whole.n_cases, whole.n_patients, whole.n_events) == (
        len(test),
        len(by_patient),
        (by_patient["y"] == "yes").sum(),
    )
    assert whole.interval.startswith(("delong", "newcombe")) and images.interval.startswith("bootstrap-patients")


def test_each_row_repeats_what_is_said_of_its_patient(project: Path) -> None:
    table = pd.read_parquet(project / "predictions/linear.parquet")
    assert (table.groupby(["part", "patient_id"])["patient_probability_yes"].nunique() == 1).all()
    model = isocenter.load(project / "models/linear.iso")
    assert model.decision.threshold is not None
    called = table["patient_probability_yes"] >= model.decision.threshold
    assert (table["patient_prediction"] == np.where(called, "yes", "no")).all()


def test_operating_points_come_from_tuning_rows_by_patient(project: Path) -> None:
    evaluation = json.loads((project / "evaluations/linear.json").read_text())
    table = scoring.by_patient(pd.read_parquet(project / "predictions/linear.parquet").query("part == 'test'"))
    assert table is not None
    points = {p["criterion"]: p for p in evaluation["points"]}
    assert list(points) == ["probability=0.5", "sensitivity=0.90", "specificity=0.90"]
    point = points["sensitivity=0.90"]
    called = table["probability_yes"] >= point["threshold"]
    yes = table["reference"] == "yes"
    assert point["test"]["sensitivity"][0] == pytest.approx((called & yes).sum() / yes.sum())
    assert point["tuning"]["sensitivity"] >= 0.9 and "out-of-fold" in point["origin"]
    share = point["prevalences"][0]
    se, sp = point["test"]["sensitivity"][0], point["test"]["specificity"][0]
    assert share["ppv"][0] == pytest.approx(0.05 * se / (0.05 * se + 0.95 * (1 - sp)))
    assert share["false_alarms"][0] == pytest.approx(1000 * 0.95 * (1 - sp))


def test_patients_with_two_references_stay_images() -> None:
    table = pd.DataFrame(
        {
            "case_id": ["a", "b"], "patient_id": ["p", "p"], "part": "test", "reference": ["yes", "no"],
            "prediction": "yes", "probability_yes": 0.9, "patient_prediction": "yes", "patient_probability_yes": 0.9,
        }
    )  # fmt: skip
    assert scoring.by_patient(table) is None
    agreed = scoring.by_patient(table.assign(reference="yes"))
    assert agreed is not None and agreed["n_cases"].tolist() == [2]
    assert list(agreed.columns) == [
        "case_id",
        "patient_id",
        "part",
        "reference",
        "prediction",
        "probability_yes",
        "n_cases",
    ]


def test_subgroups_are_evaluated_or_named_as_suppressed(tmp_path: Path) -> None:
    frame = views(200).groupby("patient_id").head(1)
    rng = np.random.default_rng(0)
    frame["sex"] = rng.choice(["F", "M"], len(frame))
    frame["site"] = np.where(np.arange(len(frame)) < 190, "A", "B")
    frame.to_csv(tmp_path / "t.csv", index=False)
    study = isocenter.run(tmp_path / "t.csv", target="label", method="linear", test_fraction=0.5, subgroups="sex,site")
    found = study.evaluate()["linear"]
    assert found.get("auc", group="sex=F").n_cases + found.get("auc", group="sex=M").n_cases == 100
    assert any("site=B is suppressed" in w for w in found.warnings)
    with pytest.raises(KeyError):
        found.get("auc", group="site=B")


def test_a_case_without_a_prediction_counts_at_no_operating_point() -> None:
    y = [i % 2 for i in range(80)]
    cohort = cohort_of(y)
    score = np.clip(0.5 + 0.2 * (2 * np.array(y) - 1) + np.random.default_rng(0).normal(0, 0.2, 80), 0.01, 0.99)
    table = cohort.table.reset_index()[["case_id", "patient_id"]].assign(
        part=["tuning"] * 40 + ["test"] * 40, reference=[str(v) for v in y],
        prediction=np.where(score > 0.5, "1", "0"), probability_0=1 - score, probability_1=score,
    )  # fmt: skip
    lost = [0, 1, 40, 41]
    holes = table.copy()
    holes.loc[lost, ["probability_0", "probability_1"]] = np.nan
    found = [scoring.operating_points(rows, cohort) for rows in (holes, table.drop(index=lost))]
    assert found[0] == found[1]
    assert sum(found[0][0]["counts"].values()) == 38
