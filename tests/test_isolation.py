"""Nothing fitted ever sees the test part: noise in it leaves every parameter byte-identical."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter


def parameters(project: Path) -> dict[str, bytes]:
    """Every member of every bundle but the card (which tells of the cohort) and the manifest (its digests)."""
    found = {}
    for bundle in sorted((project / "models").glob("*.iso")):
        with zipfile.ZipFile(bundle) as members:
            for name in members.namelist():
                if name not in ("manifest.json", "card.json"):
                    found[f"{bundle.stem}/{name}"] = members.read(name)
    return found


def table(noisy: bool) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 120
    y = rng.integers(0, 2, n)
    frame = pd.DataFrame(rng.normal(size=(n, 6)) + y[:, None] * 0.7, columns=[f"x{i}" for i in range(6)])
    frame.loc[::7, "x3"] = np.nan
    frame["age"] = rng.integers(30, 90, n).astype(float)
    frame["sex"] = rng.choice(["F", "M"], n)
    frame["label"], frame["part"] = y, np.where(np.arange(n) < 80, "training", "test")
    frame["grade"] = np.array(["low", "mid", "high"])[y + rng.integers(0, 2, n)]
    frame["other"] = rng.integers(0, 2, n)
    if noisy:
        test = frame.index[frame["part"] == "test"]
        frame.loc[test, [f"x{i}" for i in range(6)]] = np.random.default_rng(9).normal(size=(len(test), 6)) * 1e3
        frame.loc[test, "x0"] = np.nan
        frame.loc[test, "age"] = 999.0
        frame.loc[test, "sex"] = "unheard of"
        for answer in ("label", "grade", "other"):
            frame.loc[test, answer] = np.random.default_rng(8).permutation(frame.loc[test, answer])
    return frame


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "target, order",
    [("label", ""), pytest.param("grade", "low,mid,high", marks=SLOW), pytest.param("label,other", "", marks=SLOW)],
)
def test_noise_in_the_test_rows_changes_no_parameter(tmp_path: Path, target: str, order: str) -> None:
    for name, noisy in (("clean", False), ("noisy", True)):
        some = table(noisy)
        some = some.drop(columns=[c for c in ("label", "grade", "other") if c not in target.split(",")])
        some.to_csv(tmp_path / f"{name}.csv", index=False)
        isocenter.run(
            tmp_path / f"{name}.csv", project=tmp_path / name, target=target, order=order, split_column="part",
            covariates="age,sex", method="forest,linear,boosting,svm",
            set={"n_estimators": 10, "learning_rate": 0.1, "max_leaf_nodes": 3},
        )  # fmt: skip
    clean, noisy_ = parameters(tmp_path / "clean"), parameters(tmp_path / "noisy")
    learned = {name.split("/")[0] for name in clean}
    assert learned == {"forest", "linear", "boosting", "svm", "majority", "covariates"}
    assert clean == noisy_
    one, other = ((tmp_path / n / "evaluations/forest.json").read_text() for n in ("clean", "noisy"))
    assert one != other  # the noise did arrive


@pytest.mark.parametrize(
    "how", ["mrmr", pytest.param("univariate", marks=SLOW), pytest.param("elastic-net", marks=SLOW)]
)
def test_noise_in_the_test_rows_changes_no_step_before_the_method(tmp_path: Path, how: str) -> None:
    for name, noisy in (("clean", False), ("noisy", True)):
        some = table(noisy).drop(columns=["grade", "other"])
        some["twin"], some["flat"] = some["x1"], np.where(some["part"] == "test", 5.0 if noisy else 1.0, 1.0)
        sites = np.resize(["A", "B", "C"], len(some))
        some["site"] = np.where((some["part"] == "test") & noisy, "Z", sites)
        some.to_csv(tmp_path / f"{name}.csv", index=False)
        isocenter.run(
            tmp_path / f"{name}.csv", project=tmp_path / name, target="label", split_column="part", covariates="age,sex",
            harmonise="site", reference_site="A", preserve="age,sex", filters="missing=0.5,constant,correlation=0.95",
            select=how, keep=3, method="forest,linear", set={"n_estimators": 10},
        )  # fmt: skip
    clean, noisy_ = parameters(tmp_path / "clean"), parameters(tmp_path / "noisy")
    assert clean == noisy_ and len(clean) >= 4
    one, other = ((tmp_path / n / "evaluations/forest.json").read_text() for n in ("clean", "noisy"))
    assert one != other


@pytest.mark.parametrize("features, standardise", [("pixels", None), ("intensity", None), ("intensity", "nyul")])
def test_noise_in_the_test_pixels_changes_no_parameter(tmp_path: Path, features: str, standardise: str | None) -> None:
    rng = np.random.default_rng(1)
    n = 60
    y = rng.integers(0, 2, n)
    images = rng.integers(0, 120, (n, 12, 12)) + y[:, None, None] * 25
    part = np.where(np.arange(n) < 40, "training", "test")
    labels = pd.DataFrame({"file": [f"i{i:03}.png" for i in range(n)], "label": y, "part": part})
    for name in ("clean", "noisy"):
        folder = tmp_path / f"{name}-scans"
        folder.mkdir()
        for i in range(n):
            pixels = images[i]
            if name == "noisy" and part[i] == "test":
                pixels = np.random.default_rng(i).integers(0, 255, (12, 12) if i % 2 else (30, 20))
            if name == "noisy" and i == 50:
                pixels = images[3]  # a test image that repeats a training image
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"i{i:03}.png")
        own = labels.copy()
        if name == "noisy":
            own.loc[own["part"] == "test", "label"] = 1 - own.loc[own["part"] == "test", "label"]
        own.to_csv(tmp_path / f"{name}.csv", index=False)
        isocenter.run(
            folder, labels=tmp_path / f"{name}.csv", target="label", split_column="part", features=features,
            method="forest,linear", project=tmp_path / name, standardise=standardise,
        )  # fmt: skip
    clean, noisy = parameters(tmp_path / "clean"), parameters(tmp_path / "noisy")
    assert clean == noisy and len(clean) >= 3
