"""A list of cases is a valid X: feature steps and methods under scikit-learn's own tools."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import FeatureUnion, make_pipeline

import isocenter
from isocenter import methods
from isocenter.cohort import Cohort, Task
from isocenter.features import Covariates, Given, Intensity, Pixels


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    folder = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(0)
    lines = ["patient_id,file,label,age"]
    for i in range(40):
        y = i // 2 % 2
        pixels = rng.integers(0, 100, (16, 16)) + 60 * y
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:02}.png")
        lines.append(f"P{i // 2},{i:02}.png,{'bad' if y else 'good'},{50 + i}")
    (folder.parent / f"{folder.name}.csv").write_text("\n".join(lines))
    return isocenter.index(folder, labels=folder.parent / f"{folder.name}.csv", target="label", id_column="file")


@pytest.mark.parametrize(
    "step", [Intensity(), Pixels(), FeatureUnion([("a", Intensity()), ("b", Covariates(("age",)))])]
)
@pytest.mark.parametrize("method", [name for name in methods.METHODS if name not in ("majority", "mean")])
def test_cross_val_predict_by_patient(cohort: Cohort, step: Any, method: str) -> None:
    few = {"max_features": 0.1} if method == "boosting" else {}  # of 256 pixels and 30 images, most fit by chance
    estimator = make_pipeline(step, SimpleImputer(), methods.build(method, Task.CLASSIFICATION, **few))
    said = cross_val_predict(clone(estimator), cohort.X, cohort.y, cv=GroupKFold(4), groups=cohort.groups())
    assert (said == cohort.y).mean() > 0.8


def test_grid_search_with_two_processes(cohort: Cohort) -> None:
    search = GridSearchCV(
        make_pipeline(Pixels(), RandomForestClassifier(n_estimators=10, random_state=0)),
        {"pixels__size": [None, 8], "randomforestclassifier__max_depth": [1, None]},
        cv=GroupKFold(3),
        n_jobs=2,
    ).fit(cohort.X, cohort.y, groups=cohort.groups())
    assert search.best_score_ > 0.8


@pytest.mark.parametrize("step", [Intensity(), Pixels(size=8), Covariates(("age",)), Given(("a",))])
def test_steps_survive_clone_with_plain_parameters(step: Any) -> None:
    assert clone(step).get_params() == step.get_params()
    assert all(isinstance(v, (str, int, float, bool, tuple, type(None))) for v in step.get_params().values())


def test_a_case_costs_at_most_a_kilobyte(cohort: Cohort) -> None:
    import pickle

    assert len(pickle.dumps(cohort.cases)) / len(cohort) < 1000


@pytest.mark.parametrize(
    "code, absent",
    [
        ("import isocenter", ("sklearn", "pandas", "matplotlib", "pydicom", "typer")),
        ("import isocenter.cli", ("sklearn", "pandas", "matplotlib", "pydicom", "scipy")),
        ("import isocenter.workbench", ("matplotlib", "pydicom", "nibabel", "openpyxl", "torch", "skimage")),
    ],
)
def test_start_up_does_not_import_what_it_does_not_need(code: str, absent: tuple[str, ...]) -> None:
    program = f"import sys; {code}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]", done.stderr
