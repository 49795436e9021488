"""Intensity and pixels: IBSI's published values, raw pixels unchanged, stores, faults by case."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Picture
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import FeatureUnion, make_pipeline

from isocenter import compute, formats, store
from isocenter.case import Case, Source
from isocenter.errors import BadGeometry, EmptyRegion, InputDoesNotFit, UnreadableFile
from isocenter.features import Covariates, Intensity, Pixels
from isocenter.imaging.intensity import FIRST_ORDER


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    store.forget()
    yield
    store.forget()


def case(name: str, image: str | Path, mask: str | Path | None = None, **attributes: object) -> Case:
    masks = () if mask is None else (Source("mask", "mask", (str(mask),)),)
    return Case(name, None, (Source("image", "image", (str(image),)), *masks), attributes)


def png(path: Path, pixels: np.ndarray) -> Path:
    Picture.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def stack(path: Path, array: np.ndarray) -> list[Case]:
    np.save(path, array)
    return [Case(f"c{i}", None, (Source("image", "image", (str(path),), i),)) for i in range(len(array))]


def volume(path: Path, array: np.ndarray) -> Path:
    nib.Nifti1Image(array.transpose(2, 1, 0), np.diag([-1.0, -1, 2, 1])).to_filename(path)
    return path


# -- intensity ------------------------------------------------------------------------------------
# Shape by counting voxels and by principal axes needs no mesh; these must be within IBSI's tolerance.
MORPHOLOGY = (
    "morph_vol_approx", "morph_com", "morph_diam", "morph_pca_maj_axis", "morph_pca_min_axis", "morph_pca_least_axis",
    "morph_pca_elongation", "morph_pca_flatness",
)  # fmt: skip


def test_the_digital_phantom_has_ibsi_values(shared_data: Path) -> None:
    folder = shared_data / "ibsi"
    files = folder / "ibsi1_digital_phantom/nifti"
    phantom = case("phantom", files / "image/phantom.nii.gz", files / "mask/mask.nii.gz")
    found = Intensity(mask=True).fit_transform([phantom]).iloc[0]
    with (folder / "ibsi1_reference_values/ibsi_1_dig_phantom.csv").open() as file:
        published = {row["tag"]: row for row in csv.DictReader(file, delimiter=";")}
    wrong = {}
    for name in (*FIRST_ORDER, *MORPHOLOGY):
        value, tolerance = float(published[name]["reference value"]), float(published[name]["tolerance"])
        # A tolerance of 0 means equal to the published digits.
        if abs(found[name] - value) > tolerance and float(f"{found[name]:.3g}") != value:
            wrong[name] = (found[name], value)
    assert not wrong
    assert len(FIRST_ORDER) == 18


def test_without_a_mask_nothing_tells_the_size_of_the_image(tmp_path: Path) -> None:
    block = np.random.default_rng(0).integers(0, 255, (8, 8))
    cases = [
        case("small", png(tmp_path / "s.png", block)),
        case("large", png(tmp_path / "l.png", np.tile(block, (3, 3)))),
    ]
    table = Intensity().fit_transform(cases)
    assert list(table.columns) == [n for n in FIRST_ORDER if n != "stat_energy"]
    same = ["stat_mean", "stat_var", "stat_min", "stat_max", "stat_rms"]
    assert table.loc["small", same].to_numpy() == pytest.approx(table.loc["large", same].to_numpy())


def test_a_region_has_intensity_and_shape_of_itself_only(tmp_path: Path) -> None:
    image = np.full((6, 20, 20), 50.0)
    mask = np.zeros((6, 20, 20), dtype=np.uint8)
    mask[2:4, 5:9, 5:15] = 3
    image[mask > 0] = 7.0
    one = case("a", volume(tmp_path / "i.nii.gz", image), volume(tmp_path / "m.nii.gz", mask))
    row = Intensity().fit_transform([one]).iloc[0]
    assert (row["stat_mean"], row["stat_max"], row["stat_energy"]) == (7, 7, 80 * 49)
    assert row["morph_vol_approx"] == 80 * 2
    assert (row["shape_box_depth"], row["shape_box_height"], row["shape_box_width"]) == (4, 4, 10)
    assert "shape_area" not in row


def test_masks_are_used_where_every_training_case_has_one(tmp_path: Path) -> None:
    image, mask = png(tmp_path / "i.png", np.eye(9) * 9), png(tmp_path / "m.png", np.ones((9, 9)))
    with_mask, without = case("a", image, mask), case("b", image)
    assert "shape_area" in Intensity().fit([with_mask]).get_feature_names_out()
    assert "shape_area" not in Intensity().fit([with_mask, without]).get_feature_names_out()
    assert "shape_area" not in Intensity(mask=False).fit([with_mask]).get_feature_names_out()
    with pytest.raises(InputDoesNotFit, match="'b' has no mask"):
        Intensity(mask=True).fit([with_mask]).transform([without])


def test_a_one_voxel_mask_has_nan_and_no_warning(tmp_path: Path) -> None:
    for name, shape in (("flat", (1, 5, 5)), ("deep", (4, 5, 5))):
        mask = np.zeros(shape, dtype=np.uint8)
        mask[0, 2, 2] = 1
        image = volume(tmp_path / f"{name}.nii.gz", np.random.default_rng(0).random(shape))
        one = case(name, image, volume(tmp_path / f"{name}_m.nii.gz", mask))
        row = Intensity(mask=True).fit_transform([one]).iloc[0]
        assert row["stat_var"] == 0
        assert row.filter(like="axis").isna().all()


def test_colour_has_grey_and_channels_and_grey_among_colour_has_equal_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (9, 9, 3))
    cases = [case("colour", png(tmp_path / "c.png", pixels)), case("grey", png(tmp_path / "g.png", pixels[..., 0]))]
    table = Intensity().fit_transform(cases)
    assert table.loc["colour", ["stat_mean_r", "stat_mean_g", "stat_mean_b"]].to_numpy() == pytest.approx(
        pixels.mean(axis=(0, 1))
    )
    assert table.loc["colour", "stat_mean"] == pytest.approx(pixels.mean(axis=(0, 1)) @ [0.299, 0.587, 0.114])
    assert set(table.loc["grey", ["stat_mean", "stat_mean_r", "stat_mean_g", "stat_mean_b"]]) == {pixels[..., 0].mean()}
    assert not table.isna().any(axis=None)
    with pytest.raises(InputDoesNotFit, match="'colour' has the channels b, g, r"):
        Intensity().fit(cases[1:]).transform(cases)


def test_names_do_not_depend_on_the_order_of_cases(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cases = [
        case("c", png(tmp_path / "c.png", rng.integers(0, 255, (9, 9, 3)))),
        case("g", png(tmp_path / "g.png", np.eye(9))),
    ]
    assert Intensity().fit(cases).names_ == Intensity().fit(cases[::-1]).names_


@pytest.mark.parametrize("step", [Intensity(), Pixels(size=8)])
def test_a_faulty_case_is_named(tmp_path: Path, step: Intensity | Pixels) -> None:
    good = case("good", png(tmp_path / "good.png", np.eye(9)))
    torn = tmp_path / "torn.png"
    torn.write_bytes((tmp_path / "good.png").read_bytes()[:40])
    step.fit([good])
    with pytest.raises(UnreadableFile, match="Case 'torn'"):
        step.transform([good, case("torn", torn)])


def test_an_empty_mask_is_named(tmp_path: Path) -> None:
    empty = case("hollow", png(tmp_path / "i.png", np.eye(9)), png(tmp_path / "m.png", np.zeros((9, 9))))
    with pytest.raises(BadGeometry, match="Case 'hollow': The mask is empty"):
        Intensity(mask=True).fit([empty])


def test_gaps_do_not_count_and_are_dark_in_pixels(tmp_path: Path) -> None:
    """NaN and infinity: intensity of the others alone, shape of the whole region, pixels at the lowest value."""
    rng = np.random.default_rng(0)
    image, mask = rng.integers(10, 99, (6, 20, 20)).astype(np.float32), np.zeros((6, 20, 20), dtype=np.uint8)
    mask[1:5, 4:14, 5:15] = 1
    holes = rng.random(image.shape) < 0.2
    broken = np.where(holes, np.where(rng.random(image.shape) < 0.5, np.nan, np.inf), image)
    files = {n: volume(tmp_path / f"{n}.nii.gz", a.astype(np.float32)) for n, a in (("b", broken), ("i", image))}
    drawn = volume(tmp_path / "m.nii.gz", mask)
    part = volume(tmp_path / "p.nii.gz", mask * ~holes)
    row = Intensity(mask=True).fit_transform([case("b", files["b"], drawn)]).iloc[0]
    known = Intensity(mask=True).fit_transform([case("p", files["i"], part)]).iloc[0]
    drawn_shape = Intensity(mask=True).fit_transform([case("i", files["i"], drawn)]).iloc[0]
    for name in row.index:
        if name != "morph_com":
            expected = known if name.startswith("stat_") else drawn_shape
            assert row[name] == pytest.approx(expected[name]), name
    assert 0 < row["morph_com"] < 2
    whole = Intensity().fit_transform([case("b", files["b"])]).iloc[0]
    assert whole["stat_mean"] == pytest.approx(image[~holes].mean())
    found = Pixels(size=20).fit_transform([case("b", files["b"])])
    lowest = volume(tmp_path / "l.nii.gz", np.where(holes, image[~holes].min(), image))
    assert np.array_equal(found.to_numpy(), Pixels(size=20).fit_transform([case("l", lowest)]).to_numpy())
    nothing = volume(tmp_path / "n.nii.gz", np.where(mask > 0, np.nan, image))
    with pytest.raises(EmptyRegion, match="Case 'n': No pixel of the region is a number"):
        Intensity(mask=True).fit([case("n", nothing, drawn)])


def test_results_come_from_the_store_the_second_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    cases = [case(str(i), png(tmp_path / f"{i}.png", rng.integers(0, 255, (70 + i, 40)))) for i in range(6)]
    where = str(tmp_path / "store")
    first = [step.fit_transform(cases) for step in (Intensity(store=where), Pixels(store=where))]
    store.forget()
    monkeypatch.setattr(formats, "read_image", lambda _: pytest.fail("decoded again"))
    again = [step.fit_transform(cases[::-1]) for step in (Intensity(store=where), Pixels(store=where))]
    assert all(one.equals(other.iloc[::-1]) for one, other in zip(first, again, strict=True))


def test_the_same_floats_in_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for i in range(10):
        mask = rng.random((9, 20, 20)) > 0.5
        image = volume(tmp_path / f"{i}.nii.gz", rng.normal(size=mask.shape))
        cases.append(case(str(i), image, volume(tmp_path / f"{i}_m.nii.gz", mask.astype(np.uint8))))
    serial = Intensity().fit_transform(cases)
    store.forget()
    monkeypatch.setattr(compute, "WORTH_PROCESSES", 0.0)
    monkeypatch.setattr(compute, "processes", lambda: 2)
    assert Intensity().fit_transform(cases).equals(serial)


# -- pixels ---------------------------------------------------------------------------------------
def test_native_pixels_are_the_raw_array_and_fast(tmp_path: Path) -> None:
    raw = np.random.default_rng(0).integers(0, 255, (5856, 28, 28), dtype=np.uint8)
    cases = stack(tmp_path / "x.npy", raw)
    step = Pixels().fit(cases)
    began = time.perf_counter()
    table = step.transform(cases)
    assert time.perf_counter() - began < 3  # 0.5 s on an idle machine
    assert table.shape == (5856, 784)
    assert (table.to_numpy() == raw.reshape(5856, -1)).all()
    assert (table.columns[0], table.columns[29], table.columns[-1]) == ("p0_0", "p1_1", "p27_27")


def test_native_colour_is_the_raw_array(tmp_path: Path) -> None:
    raw = np.random.default_rng(0).integers(0, 255, (5, 8, 9, 3), dtype=np.uint8)
    table = Pixels().fit_transform(stack(tmp_path / "x.npy", raw))
    assert (table.to_numpy() == raw.reshape(5, -1)).all()
    assert table.columns[4] == "p0_1_1"


@pytest.mark.parametrize(
    "shapes, size, expected",
    [
        ([(1, 64, 40)] * 2, None, (1, 64, 40)), ([(1, 64, 40)] * 2, 32, (1, 32, 20)),
        ([(1, 200, 100)] * 2, None, (1, 32, 16)), ([(1, 28, 28), (1, 30, 20)], None, (1, 32, 32)),
        ([(1, 28, 28), (1, 30, 20)], 16, (1, 16, 16)),
        ([(28, 28, 28)] * 2, None, (16, 16, 16)), ([(5, 40, 30), (9, 40, 30)], None, (9, 16, 16)),
    ],
)  # fmt: skip
def test_the_common_size(
    tmp_path: Path, shapes: list[tuple[int, int, int]], size: int | None, expected: tuple[int, int, int]
) -> None:
    cases = [case(str(i), volume(tmp_path / f"{i}.nii.gz", np.full(s, 3.0))) for i, s in enumerate(shapes)]
    step = Pixels(size)
    table = step.fit_transform(cases)
    assert step.shape_ == expected
    assert table.shape == (2, math.prod(expected))
    assert table.to_numpy() == pytest.approx(np.full(table.shape, 3.0))
    assert table.columns[-1] == "p" + "_".join(str(n - 1) for n in (expected if expected[0] > 1 else expected[1:]))


def test_new_images_are_brought_to_the_training_size_and_channels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grey = case("grey", png(tmp_path / "g.png", np.full((9, 9), 40)))
    colour = case("colour", png(tmp_path / "c.png", rng.integers(0, 255, (18, 27, 3))))
    assert Pixels().fit([grey]).transform([colour]).shape == (1, 81)
    assert Pixels().fit([colour]).transform([grey]).shape == (1, 18 * 27 * 3)
    assert set(Pixels().fit([colour]).transform([grey]).iloc[0]) == {40.0}


# -- under scikit-learn ---------------------------------------------------------------------------
@pytest.fixture
def study(tmp_path: Path) -> tuple[list[Case], np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    images = (rng.integers(0, 60, (24, 12, 12)) + 80 * y[:, None, None]).astype(np.uint8)
    return [case(f"c{i}", png(tmp_path / f"{i}.png", images[i]), age=50.0 + i) for i in range(24)], y


def test_a_list_of_cases_is_a_valid_X(study: tuple[list[Case], np.ndarray]) -> None:
    X, y = study
    union = FeatureUnion([("i", Intensity()), ("p", Pixels(size=4)), ("c", Covariates(("age",)))])
    pipe = make_pipeline(union, SimpleImputer(), RandomForestClassifier(20, random_state=0))
    assert (cross_val_predict(pipe, X, y, cv=3) == y).all()
    search = GridSearchCV(pipe, {"featureunion__p__size": [2, 4]}, cv=3, n_jobs=2).fit(X, y)
    assert search.best_score_ == 1


def test_the_output_can_be_set_to_pandas(study: tuple[list[Case], np.ndarray]) -> None:
    X, _ = study
    table = Intensity().set_output(transform="pandas").fit(X).transform(X[:3])
    assert list(table.index) == ["c0", "c1", "c2"]
