"""Saved models on new input: the same path as in training, what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter
from isocenter import progress
from isocenter.elsewhere import predict_to
from isocenter.errors import InputDoesNotFit
from isocenter.lines import study


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


def test_a_row_of_the_table_without_a_scan_is_not_refused(scans: Path, tmp_path: Path) -> None:
    """Four scans, one of which the table does not know; fifteen rows that know no scan."""
    model = next((scans / "project/models").glob("*.iso"))
    for name in ("a", "b", "c", "d"):
        grey = np.random.default_rng(ord(name)).integers(0, 150, (40, 40)).astype(np.uint8)
        (tmp_path / "new").mkdir(exist_ok=True)
        Image.fromarray(grey).save(tmp_path / "new" / f"{name}.png")
    names = ["a", "b", *(f"gone{i}" for i in range(15)), "c"]
    (tmp_path / "t.csv").write_text("id,age\n" + "".join(f"{name},50\n" for name in names))
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text) if event.kind == "note" else None):
        told = predict_to(model, str(tmp_path / "new"), tmp_path / "p.csv", labels=str(tmp_path / "t.csv"))
    assert (told["predicted"], told["refused"]) == (3, 1)
    assert set(pd.read_csv(tmp_path / "p.csv")["case_id"]) == {"a", "b", "c", "d"}
    assert "15 rows of the table belong to no file: row 4: gone0" in " ".join(heard)
    assert any("and 9 more" in text for text in heard)
    shown = list(study.predicted("p.csv", {**told, "flags": [f"about {i}" for i in range(12)]}))
    assert shown[0] == "3 predicted, 1 refused, 0 flagged" and shown[1].strip().startswith(
        "d: refused: The file has no"
    )
    assert "            ... and 2 more, all in p.csv" in shown


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


# -- several images a patient ------------------------------------------------------------------
@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of patients with one to four images, and a threshold of its own."""
    folder = tmp_path_factory.mktemp("views")
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(80), rng.integers(1, 5, 80))
    frame = pd.DataFrame(rng.normal(size=(len(patient), 3)) + (patient % 2)[:, None], columns=list("abc"))
    frame = frame.assign(patient_id=[f"p{i:03}" for i in patient], label=np.where(patient % 2, "yes", "no"))
    frame.to_csv(folder / "t.csv", index=False)
    isocenter.run(
        folder / "t.csv", project=folder / "p", target="label", method="linear", decide="sensitivity=0.8",
        recalibrate="platt", seed=1,
    )  # fmt: skip
    return folder


def test_a_model_of_patients_answers_by_patient_as_the_evaluation_did(views: Path, tmp_path: Path) -> None:
    done = predict_to(views / "p/models/linear.iso", str(views / "t.csv"), tmp_path / "said.csv")
    patients, images = pd.read_csv(done["output"]), pd.read_csv(done["by_image"])
    assert Path(done["by_image"]).name == "said_by_image.csv" and not done["warnings"]
    assert done["predicted"] == len(patients) == 80 and patients["patient_id"].is_unique
    assert patients["n_cases"].sum() == len(images) and set(images["patient_id"]) == set(patients["patient_id"])
    expected = pd.read_parquet(views / "p/predictions/linear.parquet").query("part == 'test'")
    first = expected.groupby("patient_id").first()
    own = patients.set_index("patient_id").loc[first.index]
    np.testing.assert_allclose(own["probability_yes"], first["patient_probability_yes"])
    assert (own["prediction"] == first["patient_prediction"]).all()
    assert (own["n_cases"] == expected.groupby("patient_id").size()).all()


def test_flags_of_images_reach_their_patient_and_unknown_patients_are_told(views: Path, tmp_path: Path) -> None:
    model, table = views / "p/models/linear.iso", pd.read_csv(views / "t.csv").drop(columns="label")
    row = int(np.flatnonzero(table["patient_id"].duplicated())[0])
    who = table["patient_id"][row]
    table.loc[row, "b"] = 1e6
    said = isocenter.predict(model, _saved(table, tmp_path / "far.csv")).by_patient
    assert said is not None and said.flags is not None
    flags = dict(zip(said.case_id, said.flags, strict=True))
    n = int((table["patient_id"] == who).sum())
    assert flags.pop(who) == f"1 of {n} images: far outside the training range: b" and not any(flags.values())
    nameless = _saved(table.drop(columns="patient_id"), tmp_path / "nameless.csv")
    done = predict_to(model, str(nameless), tmp_path / "said.csv")
    assert done["by_image"] is None and done["predicted"] == len(table) and "--patient-column" in done["warnings"][0]
    renamed = _saved(table.rename(columns={"patient_id": "whose"}), tmp_path / "renamed.csv")
    assert predict_to(model, str(renamed), tmp_path / "said.csv", patient_column="whose")["predicted"] == 80


def test_a_patient_whose_images_are_all_refused_is_refused_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    names = [f"{i:02}" for i in range(60)]
    for i, name in enumerate(names):
        grey = rng.integers(0, 120, (16, 16)) + i // 2 % 2 * 60
        Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "scans" / f"{name}.png")
    table = pd.DataFrame({"id": names, "patient_id": [f"p{i // 2:02}" for i in range(60)]})
    _saved(table.assign(label=np.arange(60) // 2 % 2), tmp_path / "labels.csv")
    how = {"labels": tmp_path / "labels.csv", "target": "label", "method": "linear", "features": "pixels"}
    isocenter.run(tmp_path / "scans", project=tmp_path / "p", **how)
    for name in ("00", "01", "02"):  # all images of p00, one of p01
        Image.fromarray(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(tmp_path / "scans" / f"{name}.png")
    model = next((tmp_path / "p/models").glob("*linear.iso"))
    images = isocenter.predict(model, tmp_path / "scans", labels=_saved(table, tmp_path / "who.csv"))
    said = images.by_patient
    assert said is not None and said.flags is not None and said.n_cases is not None and len(said) == 30
    rows = said.table().set_index("patient_id")
    assert rows.loc["p00", "flags"].startswith("refused: 2 of 2 images") and rows.loc["p00", "n_cases"] == 0
    assert pd.isna(rows.loc["p00", "prediction"])
    assert rows.loc["p01", "flags"].startswith("1 of 2 images: refused") and rows.loc["p01", "n_cases"] == 1
    assert (rows["n_cases"].drop(["p00", "p01"]) == 2).all() and set(images.table()["patient_id"]) == set(rows.index)


def _saved(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False)
    return path
