"""A hospital with a saved model, and others to test it in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import isocenter
from isocenter import external
from isocenter.model import Model


def hospital(n: int, seed: int, *, shift: float = 0.0, prefix: str = "a", per_patient: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = np.repeat(rng.integers(0, 2, n // per_patient), per_patient)
    table = pd.DataFrame(rng.normal(size=(n, 4)) + y[:, None] * 0.8 + shift, columns=list("abcd"))
    table["age"] = rng.normal(60 + 10 * shift, 8, n).round()
    table["patient_id"] = [f"{prefix}{i // per_patient}" for i in range(n)]
    return table.assign(outcome=np.where(y == 1, "malignant", "benign"))


def saved(folder: Path) -> Path:
    """A finished project with a linear model in `folder`."""
    hospital(200, 0).to_csv(folder / "home.csv", index=False)
    isocenter.run(
        folder / "home.csv", project=folder / "project", target="outcome", patient_column="patient_id",
        covariates="age", method="linear", positive="malignant",
    )  # fmt: skip
    return folder


def elsewhere(folder: Path, table: pd.DataFrame, model: Model, **how: object) -> external.External:
    table.to_csv(folder / "there.csv", index=False)
    cohort = external.index(model, folder / "there.csv", patient_column="patient_id")
    return external.assess(model, cohort, **how)  # type: ignore[arg-type]


def sited(folder: Path, n: int = 200, seed: int = 1) -> Path:
    """Two sites that shift everything; a disease that shifts three features; the site as text."""
    rng = np.random.default_rng(seed)
    site, ill = rng.integers(0, 2, n), rng.random(n) < 0.5
    values = rng.normal(size=(n, 8)) + 3 * site[:, None]
    values[:, :3] += 6 * ill[:, None]
    table = pd.DataFrame(values, columns=[f"f{i}" for i in range(8)], index=[f"c{i}" for i in range(n)])
    table["site"], table["age"], table["ill"] = np.where(site, "B", "A"), 50 + 20 * site + rng.normal(0, 9, n), ill
    table["ill"] = table["ill"].map({True: "yes", False: "no"})
    table.rename_axis("id").to_csv(folder / "t.csv")
    return folder / "t.csv"
