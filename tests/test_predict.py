"""Saved models on new input: the same path as in training, what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter
from isocenter.errors import InputDoesNotFit


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(100, 4)), columns=list("abcd"))
    table["label"] = np.where(table["a"] + rng.normal(size=100) > 0, "bad", "good")
    table.to_csv(folder / "t.csv", index=False)
    isocenter.run(folder / "t.csv", project=folder / "project", target="label", seed=1)
    return folder


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(0)
    for i in range(60):
        kind = "bright" if i % 2 else "dark"
        (folder / "scans" / kind).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (40, 40)) + i % 2 * 60
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "scans" / kind / f"{i:02}.png")
    isocenter.run(folder / "scans", project=folder / "project", features="pixels", seed=1)
    return folder


def test_the_bundle_predicts_the_test_part_as_the_evaluation_did(rows: Path, scans: Path) -> None:
    for folder, source in ((rows, rows / "t.csv"), (scans, scans / "scans")):
        model = next((folder / "project/models").glob("*forest.iso"))
        expected = pd.read_parquet(folder / f"project/predictions/{model.stem}.parquet")
        expected = expected[expected["part"] == "test"].set_index("case_id")
        said = isocenter.predict(model, source).table().set_index("case_id").loc[expected.index]
        columns = [c for c in said.columns if c != "flags"]
        pd.testing.assert_frame_equal(said[columns], expected[columns], check_exact=True, check_dtype=False)


def test_rows_that_do_not_fit_are_refused_or_flagged_by_name(rows: Path, tmp_path: Path) -> None:
    model = rows / "project/models/forest.iso"
    table = pd.read_csv(rows / "t.csv").drop(columns="label")
    table.drop(columns="c").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(InputDoesNotFit, match="missing: c"):
        isocenter.predict(model, tmp_path / "less.csv")
    table.loc[3, "b"] = 1e6
    table.assign(extra=1.0)[["extra", "d", "c", "b", "a"]].to_csv(tmp_path / "more.csv", index=False)
    said = isocenter.predict(model, tmp_path / "more.csv")
    assert said.flags is not None
    assert "extra" in said.flags[0]
    assert "far outside the training range: b" in said.flags[3]
    plain = isocenter.predict(model, rows / "t.csv")
    assert plain.proba is not None
    assert said.proba is not None
    np.testing.assert_array_equal(
        np.delete(plain.proba, 3, 0), np.delete(said.proba, 3, 0)
    )  # order of columns is nothing
    np.save(tmp_path / "X.npy", np.zeros((5, 3)))
    with pytest.raises(InputDoesNotFit):
        isocenter.predict(model, tmp_path / "X.npy")


def test_scans_that_do_not_fit_are_refused_or_flagged_by_name(scans: Path, rows: Path, tmp_path: Path) -> None:
    model = next((scans / "project/models").glob("*.iso"))
    new = tmp_path / "new"
    new.mkdir()
    grey = np.random.default_rng(1).integers(0, 150, (40, 40)).astype(np.uint8)
    Image.fromarray(grey).save(new / "fits.png")
    Image.fromarray(np.stack([grey, grey // 2, grey // 3], axis=-1)).save(new / "colour.png")
    Image.fromarray(grey.astype(np.uint16) * 400).save(new / "sixteen.png")
    (new / "torn.png").write_bytes(b"\x89PNG torn")
    said = isocenter.predict(model, new).table().set_index("case_id")
    assert set(said.index) == {"fits", "colour", "sixteen", "torn"}
    assert said.loc["fits", "flags"] == ""
    assert str(said.loc["colour", "flags"]).startswith("refused: ")
    assert pd.isna(said.loc["colour", "prediction"])
    assert "largest value" in str(said.loc["sixteen", "flags"])
    assert str(said.loc["torn", "flags"]).startswith("refused: ")
    with pytest.raises(InputDoesNotFit, match="feature table"):
        isocenter.predict(model, rows / "t.csv")
    with pytest.raises(InputDoesNotFit, match="scans"):
        isocenter.predict(rows / "project/models/forest.iso", new)


def test_a_model_with_covariates_asks_for_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    for i in range(40):
        Image.fromarray(rng.integers(0, 255, (16, 16)).astype(np.uint8)).save(tmp_path / "scans" / f"{i:02}.png")
    table = pd.DataFrame({"id": [f"{i:02}" for i in range(40)], "age": np.arange(40), "sex": ["F", "M"] * 20})
    table.assign(label=np.arange(40) // 20).to_csv(tmp_path / "labels.csv", index=False)
    table.to_csv(tmp_path / "covariates.csv", index=False)
    isocenter.run(
        tmp_path / "scans",
        labels=tmp_path / "labels.csv",
        target="label",
        covariates="age,sex",
        project=tmp_path / "project",
    )
    model = tmp_path / "project/models/forest.iso"
    with pytest.raises(InputDoesNotFit, match=r"age, sex.*--labels"):
        isocenter.predict(model, tmp_path / "scans")
    said = isocenter.predict(model, tmp_path / "scans", labels=tmp_path / "covariates.csv")
    assert len(said) == 40
