"""What MATLAB files become: the same cohorts, and the same numbers, as their NumPy and CSV twins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocenter
from isocenter import formats
from isocenter.cohort import Cohort
from isocenter.errors import BadShape, InputError, OpaqueMatlab
from isocenter.formats.tables import write_table
from isocenter.ingest import index
from matlab_files import Alien, Categorical, String, Table, column, save_v5, save_v73

N = 24
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(N, 3))
Y = np.arange(N) % 2
NAMES = [["benign", "malignant"][i] for i in Y]
GREY = RANDOM.integers(0, 255, (N, 6, 5), dtype=np.uint8)  # cases first, as an .npy has them
COLOUR = RANDOM.integers(0, 255, (N, 6, 5, 3), dtype=np.uint8)

Save = Callable[[Path, Mapping[str, Any]], Path]
both = pytest.mark.parametrize("save", [save_v5, save_v73], ids=["v7", "v7.3"])


def last(images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same images as MATLAB has them: H x W x N, H x W x C x N."""
    return np.moveaxis(images, 0, -1)


def pixels(cohort: Cohort) -> list[np.ndarray[Any, Any]]:
    return [formats.read_image(files[0]).array for files in cohort.sources]


# -- features ----------------------------------------------------------------------------------
@both
@pytest.mark.parametrize(
    "labels,classes",
    [
        (column(Y), ("0", "1")),
        (column(Y, bool), ("0", "1")),
        (column(Y, np.uint8).T, ("0", "1")),
        (NAMES, ("benign", "malignant")),
        (String(NAMES), ("benign", "malignant")),
        (String(NAMES, (1, N)), ("benign", "malignant")),
        (Categorical(NAMES, ["malignant", "benign"]), ("benign", "malignant")),
    ],
)
def test_a_matrix_and_its_labels(tmp_path: Path, save: Save, labels: Any, classes: tuple[str, ...]) -> None:
    within = index(save(tmp_path / "a.mat", {"features": X, "labels": labels}))
    save(tmp_path / "labels.mat", {"labels": labels})
    save(tmp_path / "x.mat", {"anything": X})
    apart = index(tmp_path / "x.mat", labels=tmp_path / "labels.mat")
    same = index(tmp_path / "a.mat", labels=tmp_path / "a.mat")
    for cohort in (within, apart, same):
        np.testing.assert_array_equal(cohort.table[["f0", "f1", "f2"]].to_numpy(), X)
        assert cohort.target is not None and cohort.target.classes == classes
        np.testing.assert_array_equal(cohort.codes, Y)


@both
def test_one_row_is_one_case_and_one_column_one_feature(tmp_path: Path, save: Save) -> None:
    assert index(save(tmp_path / "a.mat", {"features": X[:1]}), with_labels=False).X.shape == (1, 3)
    assert index(save(tmp_path / "b.mat", {"features": X[:, :1], "y": column(Y)})).X.shape == (N, 1)
    assert index(save(tmp_path / "c.mat", {"v": X[:, :1]}), with_labels=False).X.shape == (N, 1)
    with pytest.raises(BadShape, match="1 rows and 24 labels"):
        index(save(tmp_path / "d.mat", {"features": X[:, :1].T, "y": column(Y)}))


@both
def test_columns_beside_the_matrix(tmp_path: Path, save: Save) -> None:
    held = {
        "X": X,
        "y": column(Y),
        "patient_id": [f"P{i // 2}" for i in range(N)],
        "site": Categorical(["A", "B"] * 12, ["A", "B"]),
        "feature_names": String(["volume", "length", "SUV"]),
        "threshold": np.array([[0.5]]),
    }
    cohort = index(save(tmp_path / "a.mat", held))
    assert cohort.features == ("volume", "length", "SUV")
    assert cohort.attributes == ("site",) and cohort.table["patient_id"].nunique() == N // 2


@both
def test_what_cannot_be_read_is_noted_unless_it_is_meant(tmp_path: Path, save: Save) -> None:
    held: dict[str, Any] = {"features": X, "labels": column(Y), "options": {"a": np.eye(1)}, "now": Alien("datetime")}
    cohort = index(save(tmp_path / "a.mat", held))
    assert any(note.startswith("Not read in a.mat: ") and "options" in note and "now" in note for note in cohort.notes)
    save(tmp_path / "b.mat", {"labels": {"a": np.eye(1)}, "k": np.eye(1)})
    with pytest.raises(OpaqueMatlab, match="'labels' is a struct"):
        index(tmp_path / "a.mat", labels=tmp_path / "b.mat")
    with pytest.raises(OpaqueMatlab, match="'data' is a struct"):
        index(save(tmp_path / "c.mat", {"data": {"a": X}, "more": X}))
    with pytest.raises(OpaqueMatlab, match="'s' is a struct"):
        index(save(tmp_path / "d.mat", {"s": {"a": X}}))


# -- tables ------------------------------------------------------------------------------------
def a_table(**more: Any) -> Table:
    columns = {"volume": column(X[:, 0]), "length": column(X[:, 1]), "ill": column(Y, bool), **more}
    return Table(columns, N)


@both
def test_a_table_is_a_table(tmp_path: Path, save: Save) -> None:
    table = a_table(
        case_id=String([f"c{i:02}" for i in range(N)]),
        patient=[f"P{i // 2}" for i in range(N)],
        diagnosis=Categorical(NAMES, ["benign", "malignant"]),
        texture=X,
    )
    cohort = index(save(tmp_path / "a.mat", {"T": table, "options": {"a": np.eye(1)}}))
    twin = pd.DataFrame(
        {
            "volume": X[:, 0],
            "length": X[:, 1],
            "ill": Y,
            "case_id": [f"c{i:02}" for i in range(N)],
            "patient": [f"P{i // 2}" for i in range(N)],
            "diagnosis": NAMES,
            "texture_1": X[:, 0],
            "texture_2": X[:, 1],
            "texture_3": X[:, 2],
        }
    )
    write_table(twin, tmp_path / "t.csv")
    expected = index(tmp_path / "t.csv")
    pd.testing.assert_frame_equal(cohort.table, expected.table, check_dtype=False)
    assert cohort.features == expected.features and cohort.case_ids[3] == "c03"
    assert cohort.target == expected.target and list(cohort.groups()) == list(expected.groups())
    assert any("options" in note for note in cohort.notes)


@both
def test_a_logical_column_as_target_is_0_and_1(tmp_path: Path, save: Save) -> None:
    cohort = index(save(tmp_path / "a.mat", {"T": a_table()}), target="ill")
    assert cohort.target is not None and cohort.target.classes == ("0", "1")
    assert cohort.features == ("volume", "length")


@both
def test_a_table_beside_other_variables(tmp_path: Path, save: Save) -> None:
    cohort = index(save(tmp_path / "a.mat", {"T": a_table(), "label": NAMES, "k": np.array([[3.0]])}))
    assert cohort.target is not None and cohort.target.column == "label"
    matrix = index(save(tmp_path / "b.mat", {"T": a_table(), "features": X, "labels": column(Y)}))
    assert matrix.features == ("f0", "f1", "f2")
    with pytest.raises(BadShape, match="several tables: T, U"):
        index(save(tmp_path / "c.mat", {"T": a_table(), "U": a_table()}))


@both
def test_labels_from_a_table_or_from_columns_are_joined_by_id(tmp_path: Path, save: Save) -> None:
    pd.DataFrame({"id": [f"c{i}" for i in range(N)], "a": X[:, 0]}).to_csv(tmp_path / "x.csv", index=False)
    order = RANDOM.permutation(N)
    ids, names = [f"c{i}" for i in order], [NAMES[i] for i in order]
    for held in (
        {"T": Table({"id": String(ids), "class": Categorical(names, ["benign", "malignant"])}, N)},
        {"id": ids, "diagnosis": names, "k": np.array([[1.0]])},
        {"id": ids, "labels": names},
    ):
        cohort = index(tmp_path / "x.csv", labels=save(tmp_path / "l.mat", held))
        np.testing.assert_array_equal(cohort.codes, Y)


@both
def test_scans_take_their_labels_from_a_table(tmp_path: Path, save: Save) -> None:
    from PIL import Image

    (tmp_path / "scans").mkdir()
    for i in range(4):
        Image.fromarray(GREY[i]).save(tmp_path / "scans" / f"c{i}.png")
    labels = Table({"id": String(["c3", "c2", "c1", "c0"]), "class": Categorical(["b", "a", "b", "a"], ["a", "b"])}, 4)
    cohort = index(tmp_path / "scans", labels=save(tmp_path / "labels.mat", {"T": labels}))
    assert cohort.table["class"].to_dict() == {"c0": "a", "c1": "b", "c2": "a", "c3": "b"}


def test_what_isocenter_wrote_it_reads(tmp_path: Path) -> None:
    table = pd.DataFrame({"case_id": [f"c{i}" for i in range(N)], "P(a)": X[:, 0], "end": X[:, 1], "label": NAMES})
    write_table(table, tmp_path / "t.mat")
    cohort = index(tmp_path / "t.mat")
    assert cohort.features == ("P(a)", "end") and cohort.case_ids[5] == "c5"


# -- images ------------------------------------------------------------------------------------
@both
@pytest.mark.parametrize("images", [GREY, COLOUR, GREY > 99, GREY / 255, GREY.astype(np.uint16)], ids=str)
def test_a_stack_and_its_twin(tmp_path: Path, save: Save, images: np.ndarray[Any, Any]) -> None:
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", Y)
    twin = index(tmp_path / "images.npy", labels=tmp_path / "labels.npy")
    held = {"images": last(images), "labels": column(Y), "patient_id": [f"P{i}" for i in range(N)]}
    cohort = index(save(tmp_path / "stack.mat", held))
    assert len(cohort) == N and list(cohort.case_ids) == list(twin.case_ids)
    assert cohort.knows_patients and cohort.origin == "array"
    np.testing.assert_array_equal(cohort.codes, twin.codes)
    for ours, theirs in zip(pixels(cohort), pixels(twin), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert any("the last axis of 'images' counts them" in note for note in cohort.notes)


@both
@pytest.mark.parametrize("ending", ["mat", "npy", "csv"])
def test_labels_of_a_stack_in_a_file_of_their_own(tmp_path: Path, save: Save, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    if ending == "mat":
        save(path, {"labels": String(NAMES)})
    elif ending == "npy":
        np.save(path, np.array(NAMES))
    else:
        pd.DataFrame({"label": NAMES}).to_csv(path, index=False)
    cohort = index(save(tmp_path / "stack.mat", {"images": last(GREY)}), labels=path)
    np.testing.assert_array_equal(cohort.codes, Y)


@both
def test_several_labels_an_image(tmp_path: Path, save: Save) -> None:
    several = np.stack([Y, 1 - Y, np.arange(N) % 3 == 0], axis=1).astype(float)
    held = {"images": last(GREY), "labels": several, "label_names": ["mass", "calcification", "cyst"]}
    cohort = index(save(tmp_path / "stack.mat", held))
    np.testing.assert_array_equal(cohort.y, several == 1)
    three = {"images": last(GREY[:3]), "labels": several[[0, 1, 5]]}  # 3 x 3 labels: three images, not one in colour
    assert len(index(save(tmp_path / "three.mat", three), with_labels=False)) == 3


def test_volumes(tmp_path: Path) -> None:
    volumes = RANDOM.normal(size=(4, 7, 6, 5))  # 4 volumes of 7 slices
    path = save_v5(tmp_path / "v.mat", {"images": volumes.transpose(2, 3, 1, 0), "y": column([0, 1, 0, 1])})
    cohort = index(path)
    assert len(cohort) == 4
    np.testing.assert_array_equal(pixels(cohort)[2][0], volumes[2])
    colour = RANDOM.integers(0, 9, (4, 7, 6, 5, 3))  # with three channels each
    path = save_v5(tmp_path / "c.mat", {"images": colour.transpose(2, 3, 1, 4, 0), "y": column([0, 1, 0, 1])})
    np.testing.assert_array_equal(pixels(index(path))[2], np.moveaxis(colour[2], -1, 0))


@both
def test_three_images_or_one_in_colour(tmp_path: Path, save: Save) -> None:
    """H x W x 3 is both; the labels say which, and the notes say so."""
    three = index(save(tmp_path / "a.mat", {"images": last(GREY[:3]), "labels": column([0, 1, 0])}))
    assert len(three) == 3 and pixels(three)[0].shape == (1, 1, 6, 5)
    one = index(save(tmp_path / "b.mat", {"images": COLOUR[0], "labels": column([1])}), with_labels=False)
    assert len(one) == 1 and any("one image" in note for note in one.notes)
    np.testing.assert_array_equal(pixels(one)[0][:, 0], np.moveaxis(COLOUR[0], -1, 0))
    with pytest.raises(BadShape, match="one image of 3 channels, or 3 images") as caught:
        index(save(tmp_path / "c.mat", {"images": COLOUR[0]}), with_labels=False)
    assert "labels = zeros(3, 1)" in caught.value.remedy and "labels = 0" in caught.value.remedy
    with pytest.raises(BadShape, match="3 rows and 7 labels"):
        index(save(tmp_path / "d.mat", {"images": COLOUR[0], "labels": column([0, 1, 0, 1, 0, 1, 1])}))


@both
def test_a_last_axis_of_1_that_matlab_drops(tmp_path: Path, save: Save) -> None:
    grey = index(save(tmp_path / "a.mat", {"images": GREY[0], "labels": column([1])}), with_labels=False)
    assert len(grey) == 1
    np.testing.assert_array_equal(pixels(grey)[0][0, 0], GREY[0])
    volume = RANDOM.normal(size=(7, 6, 5))
    held = {"images": volume.transpose(1, 2, 0), "labels": column([1])}
    single = index(save(tmp_path / "b.mat", held), with_labels=False)
    np.testing.assert_array_equal(pixels(single)[0][0], volume)
    features = index(save(tmp_path / "c.mat", {"images": X, "labels": column(Y)}))  # a matrix with as many labels
    assert features.features == ("f0", "f1", "f2")


@both
def test_images_that_come_first_are_told_how_to_turn(tmp_path: Path, save: Save) -> None:
    with pytest.raises(BadShape) as caught:
        index(save(tmp_path / "a.mat", {"images": GREY, "labels": column(Y)}))
    assert caught.value.remedy == "Type images = permute(images, [2 3 1]); and save again."
    with pytest.raises(BadShape, match=r"permute\(images, \[2 3 4 1\]\)"):
        index(save(tmp_path / "b.mat", {"images": COLOUR, "labels": column(Y)}))


def test_octave_agrees_on_that_turn(tmp_path: Path, octave: Callable[[str], str]) -> None:
    save_v5(tmp_path / "a.mat", {"images": COLOUR, "labels": column(Y)})
    octave("load a.mat; images = permute(images, [2 3 4 1]); save('-v7', 'b.mat', 'images', 'labels')")
    np.testing.assert_array_equal(pixels(index(tmp_path / "b.mat"))[7][:, 0], np.moveaxis(COLOUR[7], -1, 0))


@both
def test_parts_as_medmnist_names_them(tmp_path: Path, save: Save) -> None:
    parts = {"train": slice(0, 12), "val": slice(12, 18), "test": slice(18, 24)}
    held: dict[str, Any] = {f"{p}_images": last(GREY[rows]) for p, rows in parts.items()}
    held |= {f"{p}_labels": column(Y[rows]) for p, rows in parts.items()}
    cohort = index(save(tmp_path / "a.mat", held))
    assert cohort.split_column == "split" and len(cohort) == N
    np.testing.assert_array_equal(np.stack(pixels(cohort))[:, 0, 0], GREY)
    held["val_images"], held["val_labels"] = COLOUR[0], String(["a", "b"])
    with pytest.raises(InputError):
        index(save(tmp_path / "b.mat", held))


# -- the same numbers --------------------------------------------------------------------------
def estimates(study: Any) -> list[Any]:
    return [repr(e) for e in study.evaluate()[study.primary].estimates]


@both
def test_a_run_gives_the_numbers_of_its_twin(tmp_path: Path, save: Save) -> None:
    images = RANDOM.integers(0, 200, (40, 8, 7), dtype=np.uint8)
    y = np.arange(40) % 2
    images[y == 1, 2:5, 2:5] += 25
    np.savez(tmp_path / "stack.npz", images=images, labels=y)
    save(tmp_path / "stack.mat", {"images": last(images), "labels": column(y)})
    options: dict[str, Any] = {"features": "pixels", "n_estimators": 5}
    ours, theirs = (isocenter.run(tmp_path / f"stack.{e}", **options) for e in ("mat", "npz"))
    assert estimates(ours) == estimates(theirs)


def test_predictions_of_a_matlab_table(tmp_path: Path) -> None:
    """A model of a CSV table, new rows from MATLAB, and predictions that are written for it."""
    table = pd.DataFrame({"volume": X[:, 0], "length": X[:, 1], "diagnosis": NAMES})
    write_table(table, tmp_path / "t.csv")
    model = isocenter.run(tmp_path / "t.csv", target="diagnosis", n_estimators=10).fit()["forest"]
    twin = isocenter.workbench.predict(model, tmp_path / "t.csv")
    said = isocenter.workbench.predict(model, save_v73(tmp_path / "new.mat", {"T": a_table()}))
    np.testing.assert_array_equal(said.proba, twin.proba)
