"""Grades and labels end to end: from a table to models, numbers, a page, predictions and exports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import loadmat

import isocenter
from isocenter import external
from isocenter.cohort import Task
from isocenter.comparing import best_on_tuning
from isocenter.steps import Study

ORDER = ("Low", "Intermediate", "High")
LABELS = ("edema", "effusion", "mass")


def table(n: int = 240, seed: int = 0) -> pd.DataFrame:
    """Two findings that the features show, one rare; three grades of one latent number."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(5)])
    frame["patient_id"] = [f"P{i:03}" for i in range(n)]
    frame["site"] = np.where(np.arange(n) % 2, "A", "B")
    frame["grade"] = np.array(ORDER)[np.digitize(X[:, 0] + 0.5 * rng.normal(size=n), [-0.5, 0.6])]
    frame["edema"] = (X[:, 1] + 0.5 * rng.normal(size=n) > 0.2).astype(int)
    frame["effusion"] = np.where(X[:, 2] + 0.5 * rng.normal(size=n) > 0.5, "yes", "no")
    frame["mass"] = rng.random(n) < 0.08
    return frame


@pytest.fixture(scope="module")
def ordinal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    folder = tmp_path_factory.mktemp("ordinal")
    table().drop(columns=list(LABELS)).to_csv(folder / "t.csv", index=False)
    study = isocenter.run(
        folder / "t.csv", project=folder / "p", target="grade", order=ORDER, method="linear,boosting",
        subgroups="site", set={"learning_rate": 0.1, "max_leaf_nodes": 3},
    )  # fmt: skip
    return folder, study


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    folder = tmp_path_factory.mktemp("labels")
    table().drop(columns="grade").to_csv(folder / "t.csv", index=False)
    study = isocenter.run(
        folder / "t.csv",
        project=folder / "p",
        target=list(LABELS),
        method="linear,svm",
        subgroups="site",
        set={"C": 1.0},
    )
    return folder, study


def test_grades_are_evaluated_in_their_order(ordinal: tuple[Path, Study]) -> None:
    _, study = ordinal
    found = study.evaluate()
    for name in ("linear", "boosting"):
        assert found[name].get("ordinal_c_index").value > 0.8 > found["majority"].get("ordinal_c_index").value == 0.5
        assert found[name].get("kappa_quadratic").value > 0.4
    assert (
        found["linear"].get("cumulative_auc", class_name="≥ High").n_events
        == found["linear"].get("auc", class_name="High").n_events
    )
    (matrix,) = [m for m in found["linear"].confusion if m["part"] == "test" and m["group"] is None]
    assert matrix["classes"] == list(ORDER)
    counts = np.array(matrix["matrix"])
    assert counts[0, 2] + counts[2, 0] <= counts[0, 1] + counts[1, 0] + counts[1, 2] + counts[2, 1]
    assert study.cohort.target is not None and study.cohort.target.task is Task.ORDINAL


def test_labels_are_evaluated_each_and_together(labels: tuple[Path, Study]) -> None:
    _, study = labels
    found = study.evaluate()["linear"]
    by_label = [found.get("auc", class_name=name) for name in LABELS]
    assert found.get("auc").value == pytest.approx(np.mean([row.value for row in by_label]))
    assert min(by_label[0].value, by_label[1].value) > 0.8
    matrices = [m for m in found.confusion if m["part"] == "test" and m["group"] is None]
    assert [m["class"] for m in matrices] == list(LABELS)
    assert {sum(map(sum, m["matrix"])) for m in matrices} == {found.get("auc").n_cases}  # type: ignore[call-overload]
    assert {curve["class"] for curve in found.curves["roc"]} == set(LABELS)
    assert {row.group for row in found.estimates} >= {None, "site=A"}
    assert {point["class"] for point in found.points} == set(LABELS)


@pytest.mark.parametrize("which", ["ordinal", "labels"])
def test_the_best_is_named_by_the_headline_and_the_page_is_drawn(which: str, request: pytest.FixtureRequest) -> None:
    folder, study = request.getfixturevalue(which)
    names = [r.name for r in study.recipes if r.role != "floor"]
    metric = {"ordinal": "ordinal_c_index", "labels": "auc"}[which]
    tuning = {name: study.evaluate()[name].get(metric, "tuning").value for name in names}
    assert best_on_tuning(study.evaluate(), names) == max(names, key=tuning.__getitem__)
    page = (folder / "p/report.html").read_text("utf-8")
    for word in {"ordinal": ("Ordinal c-index", "Quadratic kappa", "≥ High"), "labels": ("Exact match", "no edema")}[
        which
    ]:
        assert word in page


@pytest.mark.parametrize("which", ["ordinal", "labels"])
def test_a_saved_model_predicts_what_it_predicted(which: str, request: pytest.FixtureRequest) -> None:
    folder, study = request.getfixturevalue(which)
    for name in [r.name for r in study.recipes if r.role != "floor"]:
        rows = pd.read_parquet(folder / f"p/predictions/{name}.parquet")
        rows = rows[rows["part"] == "test"].set_index("case_id")
        said = isocenter.predict(folder / f"p/models/{name}.iso", folder / "t.csv")
        again = said.table().set_index("case_id").loc[rows.index]
        pd.testing.assert_frame_equal(
            again.drop(columns="flags"), rows[[c for c in again if c != "flags"]], check_exact=True, check_dtype=False
        )
        assert said.flags is not None and not any(
            "ignored" in str(flag) for flag in said.flags
        )  # the labels are no features
        assert set(rows["prediction"]) <= (set(ORDER) if which == "ordinal" else {*_subsets(LABELS)})


def _subsets(names: tuple[str, ...]) -> set[str]:
    found = {""}
    for name in names:
        found |= {f"{one}|{name}" if one else name for one in found}
    return found


def test_matlab_gets_a_matrix_a_label(labels: tuple[Path, Study], ordinal: tuple[Path, Study]) -> None:
    folder, study = labels
    study.export(folder / "out.mat")
    found = loadmat(folder / "out.mat", squeeze_me=True)
    assert found["confusion_matrix"].shape == (2, 2, 3)
    assert [str(name) for name in found["classes"]] == list(LABELS)
    folder, study = ordinal
    study.export(folder / "out.mat")
    assert loadmat(folder / "out.mat")["confusion_matrix"].shape == (3, 3)


@pytest.mark.parametrize("which", ["ordinal", "labels"])
def test_another_hospital(which: str, request: pytest.FixtureRequest) -> None:
    folder, study = request.getfixturevalue(which)
    other = table(90, seed=5).assign(patient_id=[f"X{i}" for i in range(90)])
    other["grade"] = other["grade"].str.upper()
    other.to_csv(folder / "other.csv", index=False)
    model = study.fit()["linear"]
    found = external.assess(model, external.index(model, folder / "other.csv"), recalibrate="platt")
    metric = {"ordinal": "ordinal_c_index", "labels": "auc"}[which]
    assert found.evaluation.get(metric, "external").value > 0.6
    assert found.evaluation.get("brier", "external", "recalibrated", None if which == "ordinal" else "edema").value > 0
    named = {row["name"] for row in found.case_mix}
    assert named >= ({"grade"} if which == "ordinal" else set(LABELS))


@pytest.mark.slow
@pytest.mark.parametrize("design", ["kfold", "nested"])
@pytest.mark.parametrize(
    "task", [{"target": "grade", "order": ORDER}, {"target": "edema,effusion"}], ids=["ordinal", "labels"]
)
def test_designs_of_several_splits(tmp_path: Path, design: str, task: dict[str, Any]) -> None:
    frame = table(90)
    keep = {"grade"} if task["target"] == "grade" else {"edema", "effusion"}
    frame.drop(columns=[c for c in ("grade", *LABELS) if c not in keep]).to_csv(tmp_path / "t.csv", index=False)
    study = isocenter.run(tmp_path / "t.csv", method="linear", design=design, folds=3, penalty=1.0, **task)
    row = study.evaluate()["linear"].get("ordinal_c_index" if "order" in task else "auc")
    assert row.low < row.value < row.high and row.n_cases == 90


def test_images_with_labels_in_text(tmp_path: Path) -> None:
    """One text column, several images a patient, the decision by patient."""
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    lines = ["file,patient_id,finding"]
    for i in range(120):
        bright, striped = (i // 2) % 2, (i // 2) % 3 == 0
        pixels = rng.integers(0, 90, (12, 12)) + 70 * bright
        pixels[::2] += 60 * striped
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / f"scans/{i:03}.png")
        names = ";".join(name for name, has in (("dense", bright), ("striped", striped)) if has)
        lines.append(f"{i:03}.png,P{i // 2},{names or 'No Finding'}")
    (tmp_path / "l.csv").write_text("\n".join(lines))
    words = "run scans --labels l.csv --target finding --task multilabel --features pixels --set n_estimators=20 --json"
    done = subprocess.run(
        [sys.executable, "-m", "isocenter", *words.split()], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["target"]["classes"] == {"dense": 60, "striped": 40}
    assert "parted by ;" in told["target"]["how"]
    rows = {
        (r["metric"], r["class"], r["group"]): r
        for r in told["results"]["pixels-forest"]["estimates"]
        if r["part"] == "test"
    }
    assert rows["auc", "striped", None]["value"] > 0.9 and rows["exact_match", None, None]["value"] > 0.5
    assert rows["auc", None, None]["n_patients"] * 2 == rows["auc", None, None]["n_cases"]
    assert ("auc", None, "by image") in rows
    said = subprocess.run(
        [sys.executable, "-m", "isocenter", "evaluate", "--output", "out.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    assert "Labels of pixels-forest on the test part" in said.stdout and "striped" in said.stdout


def test_bad_wishes_for_grades_and_labels_are_named(tmp_path: Path) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    for words, says in (
        ("--target grade --order Low,Intermediate,High --decide youden", "needs two classes"),
        ("--target edema,effusion --decide sensitivity=2", "cannot be used"),
    ):
        words = f"run t.csv --method linear --set penalty=1 {words}"
        done = subprocess.run(
            [sys.executable, "-m", "isocenter", *words.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr, done.stderr
