"""The example everybody starts with, and its MATLAB twin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

import isocenter


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classic")
    X, y = load_breast_cancer(return_X_y=True)
    np.save(folder / "features.npy", X)
    np.save(folder / "labels.npy", y)
    return folder


def isocenter_json(*words: str | Path, cwd: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "isocenter", *map(str, words), "--json"], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)  # one object, and nothing else
    return found


def estimate(result: dict[str, Any], metric: str, method: str = "forest") -> float:
    rows = [
        r
        for r in result["results"][method]["estimates"]
        if (r["metric"], r["part"], r["group"], r["class"]) == (metric, "test", None, None)
    ]
    assert len(rows) == 1
    return float(rows[0]["value"])


def matrix(result: dict[str, Any], method: str = "forest") -> list[list[int]]:
    found = [m for m in result["results"][method]["confusion"] if m["part"] == "test" and m["group"] is None]
    return found[0]["matrix"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("seed", [0, 42])
def test_the_eight_line_script_gives_the_same_cases_accuracy_and_matrix(
    arrays: Path, tmp_path: Path, seed: int
) -> None:
    X, y = np.load(arrays / "features.npy"), np.load(arrays / "labels.npy")
    rows = np.arange(len(y))
    X_train, X_test, y_train, y_test, _, test = train_test_split(X, y, rows, test_size=0.2, random_state=seed)
    forest = RandomForestClassifier(random_state=seed)
    forest.fit(X_train, y_train)

    ours = isocenter_json(
        "run",
        arrays / "features.npy",
        "--labels",
        arrays / "labels.npy",
        "--no-stratify",
        "--seed",
        str(seed),
        cwd=tmp_path,
    )
    parts = json.loads((tmp_path / "isocenter-project/split.json").read_text())["parts"]
    assert parts["test"] == [str(i) for i in test]
    assert estimate(ours, "accuracy") == forest.score(X_test, y_test)
    assert matrix(ours) == confusion_matrix(y_test, forest.predict(X_test)).tolist()


def test_the_terminal_shows_accuracy_matrix_and_report(arrays: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "isocenter", "run", arrays / "features.npy", "--labels", arrays / "labels.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout and "rows true, columns predicted" in done.stdout
    assert "report.html" in done.stdout and "stratified" in done.stdout
    assert "No patient id" in done.stdout + done.stderr or "no patient id" in done.stdout + done.stderr


def test_a_second_run_makes_nothing_again_and_run_toml_repeats_it(arrays: Path, tmp_path: Path) -> None:
    first = isocenter_json("run", arrays / "features.npy", "--labels", arrays / "labels.npy", cwd=tmp_path)
    project = tmp_path / "isocenter-project"
    times = {p: p.stat().st_mtime_ns for p in project.rglob("*") if p.is_file() and p.name != "run.toml"}
    assert isocenter_json("run", arrays / "features.npy", "--labels", arrays / "labels.npy", cwd=tmp_path) == first
    assert {p: p.stat().st_mtime_ns for p in times} == times
    again = isocenter_json("run", project / "run.toml", "--project", tmp_path / "again", cwd=tmp_path)
    assert again["results"] == first["results"]
    assert first["looks"] == 1


def test_another_seed_is_another_split_and_other_steps_follow_one_by_one(arrays: Path, tmp_path: Path) -> None:
    whole = isocenter_json(
        "run", arrays / "features.npy", "--labels", arrays / "labels.npy", "--seed", "5", "--method", "linear",
        "--project", tmp_path / "whole", cwd=tmp_path,
    )  # fmt: skip
    isocenter_json("index", arrays / "features.npy", "--labels", arrays / "labels.npy", cwd=tmp_path)
    isocenter_json("audit", cwd=tmp_path)
    isocenter_json("split", "--seed", "5", cwd=tmp_path)
    isocenter_json("fit", "linear", cwd=tmp_path)
    assert not (tmp_path / "isocenter-project/evaluations").exists()
    result = isocenter_json("evaluate", "--output", "results.mat", cwd=tmp_path)
    assert result["results"] == whole["results"]
    isocenter_json("report", cwd=tmp_path)
    assert (tmp_path / "isocenter-project/report.html").stat().st_size > 10_000


def test_regression_and_several_methods(tmp_path: Path) -> None:
    table = load_diabetes(as_frame=True).frame
    table.to_csv(tmp_path / "diabetes.csv", index=False)
    result = isocenter_json("run", "diabetes.csv", "--target", "target", "--method", "forest,linear", cwd=tmp_path)
    assert result["target"]["task"] == "regression"
    assert {"forest", "linear", "mean"} == set(result["results"])
    assert 0.2 < estimate(result, "r2", "linear") < 0.7
    assert estimate(result, "mae", "forest") < estimate(result, "mae", "mean")


OCTAVE_WRITES = """
X = load('features.txt'); y = load('labels.txt');
features = X; save('-v7', 'features.mat', 'features'); save('-v6', 'features_v6.mat', 'features');
labels = y; save('-v7', 'numeric.mat', 'labels');
labels = logical(y); save('-v7', 'logical.mat', 'labels');
labels = repmat(' ', numel(y), 9);
for i = 1:numel(y) if y(i) labels(i, :) = 'benign   '; else labels(i, :) = 'malignant'; end; end
save('-v7', 'char.mat', 'labels');
labels = cellstr(labels); save('-v6', 'cellstr.mat', 'labels');
"""
OCTAVE_READS = """
p = load('predictions.mat'); m = zeros(numel(p.classes));
for i = 1:numel(p.reference)
  if strcmp(p.part{i}, 'test')
    r = find(strcmp(p.classes, p.reference{i})); c = find(strcmp(p.classes, p.prediction{i}));
    m(r, c) = m(r, c) + 1;
  end
end
assert(isequal(m, p.confusion_matrix)); disp(mat2str(m));
"""


def test_octave_files_give_the_numbers_of_npy_and_octave_reads_ours(arrays: Path, tmp_path: Path, octave: Any) -> None:
    X, y = np.load(arrays / "features.npy"), np.load(arrays / "labels.npy")
    np.savetxt(tmp_path / "features.txt", X, fmt="%.17g")
    np.savetxt(tmp_path / "labels.txt", y, fmt="%d")
    octave(OCTAVE_WRITES)
    np.save(tmp_path / "names.npy", np.where(y == 1, "benign", "malignant"))
    for labels, twin in (("numeric", arrays / "labels.npy"), ("logical", arrays / "labels.npy"),
                         ("char", tmp_path / "names.npy"), ("cellstr", tmp_path / "names.npy")):  # fmt: skip
        features = "features_v6.mat" if labels == "cellstr" else "features.mat"
        expected = isocenter_json(
            "run", arrays / "features.npy", "--labels", twin, "--project", twin.stem, cwd=tmp_path
        )
        ours = isocenter_json("run", features, "--labels", f"{labels}.mat", "--project", labels, cwd=tmp_path)
        assert ours["results"]["forest"]["estimates"] == expected["results"]["forest"]["estimates"], labels
        assert matrix(ours) == matrix(expected), labels
    assert set(ours["target"]["classes"]) == {"benign", "malignant"}
    isocenter_json("evaluate", "--project", "cellstr", "--output", "predictions.mat", cwd=tmp_path)
    printed = octave(OCTAVE_READS)
    assert printed.strip() == "[" + ";".join(" ".join(map(str, row)) for row in matrix(ours)) + "]"


def test_the_same_in_python_without_touching_disk(
    arrays: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cohort = isocenter.index(arrays / "features.npy", labels=arrays / "labels.npy")
    design = isocenter.split(cohort, isocenter.audit(cohort), seed=7)
    model = isocenter.fit(cohort, design, "forest", seed=7, n_estimators=50)
    evaluation = isocenter.evaluate(model, cohort, design, seed=7)
    study = isocenter.run(arrays / "features.npy", labels=arrays / "labels.npy", seed=7, n_estimators=50)
    assert evaluation.get("accuracy").value == study.evaluate()["forest"].get("accuracy").value
    page = isocenter.report(cohort, design, [model])
    assert page.startswith(("<!doctype html>", "<!DOCTYPE html>"))
    assert list(tmp_path.iterdir()) == []
