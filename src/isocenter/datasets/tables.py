"""Real feature tables that scikit-learn carries: no download, no registration.

Each is written twice: `features.csv` with its target column in words, as a spreadsheet would be,
and `features.npy` with `labels.npy`, as most example scripts start. Neither source names its
patients: both publications describe one row a patient, and no id is invented here.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import disk


def breast_cancer(folder: Path) -> Path:
    """Breast Cancer Wisconsin (Diagnostic): 569 fine-needle aspirates, 30 features of cell nuclei.

    Writes `features.csv` (target column `diagnosis`: benign, malignant), `features.npy` (569, 30)
    and `labels.npy` (569,), 1 malignant, 0 benign; returns the path of the CSV. Source: Street,
    Wolberg and Mangasarian, 1993; UCI Machine Learning Repository, CC BY 4.0.
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    words = np.asarray(data.target_names)[data.target]
    # scikit-learn codes malignant as 0; the finding looked for is 1 here, as in most tables.
    return _write(Path(folder), data, pd.Series(words, name="diagnosis"), (words == "malignant").astype(np.int64))


def diabetes(folder: Path) -> Path:
    """Diabetes: 442 patients, 10 features at baseline, progression after a year (25 to 346) to predict.

    Writes `features.csv` (target column `progression`), `features.npy` (442, 10) and `labels.npy`
    (442,); returns the path of the CSV. Features are in their own units. Source: Efron, Hastie,
    Johnstone and Tibshirani, Least angle regression, Ann Statist 2004.
    """
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    target = np.asarray(data.target, dtype=np.float64)
    return _write(Path(folder), data, pd.Series(target, name="progression"), target)


def _write(folder: Path, data: Any, target: pd.Series[Any], labels: np.ndarray[Any, np.dtype[Any]]) -> Path:
    """The table with its target as CSV, features and labels as .npy."""
    features = np.asarray(data.data, dtype=np.float64)
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    table = pd.DataFrame(features, columns=pd.Index(names)).assign(**{str(target.name): target})
    disk.write_text(folder / "features.csv", table.to_csv(index=False, lineterminator="\n"))
    for name, array in (("features", features), ("labels", labels)):
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        disk.write_bytes(folder / f"{name}.npy", buffer.getvalue())
    return folder / "features.csv"
