"""Example data: real tables, and what is imported to write them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from isocenter import datasets


def test_breast_cancer_is_written_in_words_and_arrays(tmp_path: Path) -> None:
    path = datasets.breast_cancer(tmp_path / "table")
    table = pd.read_csv(path)
    assert path.name == "features.csv"
    assert table.shape == (569, 31)
    assert table["diagnosis"].value_counts().to_dict() == {"benign": 357, "malignant": 212}
    features, labels = np.load(path.with_name("features.npy")), np.load(path.with_name("labels.npy"))
    np.testing.assert_array_equal(features, table.drop(columns="diagnosis").to_numpy())
    np.testing.assert_array_equal(labels == 1, table["diagnosis"] == "malignant")
    # Malignant nuclei are larger: the words are the right way round.
    means = table.groupby("diagnosis")["mean_radius"].mean()
    assert means["malignant"] > means["benign"] + 4


def test_diabetes_is_a_measurement(tmp_path: Path) -> None:
    path = datasets.diabetes(tmp_path)
    table = pd.read_csv(path)
    assert table.shape == (442, 11)
    assert (table["progression"].min(), table["progression"].max()) == (25, 346)
    assert table["age"].between(19, 79).all()
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), table["progression"])
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), table.drop(columns="progression"))


def test_import_is_light() -> None:
    script = (
        "import sys, isocenter.datasets; print([m for m in ('pydicom', 'nibabel', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
