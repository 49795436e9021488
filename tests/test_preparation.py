"""Facts, masks on their grids, profiles that refuse and doubt, pictures; faults stay with their case."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture

from isocenter import compute, formats, preparation, store
from isocenter.case import Case, Source
from isocenter.errors import EmptyInput, InputDoesNotFit
from isocenter.preparation import Profile


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    store.forget()
    yield
    store.forget()


def png(path: Path, pixels: np.ndarray) -> str:
    Picture.fromarray(pixels.astype(np.uint8)).save(path)
    return str(path)


def nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> str:
    """array (D, H, W), written as (W, H, D); affine in RAS."""
    nib.Nifti1Image(array.transpose(2, 1, 0), np.diag([-1.0, -1, 2, 1]) if affine is None else affine).to_filename(path)
    return str(path)


def case(name: str, image: str, mask: str | None = None, modality: str | None = None) -> Case:
    sources = [Source("image", "image", (image,), modality=modality)]
    return Case(name, None, (*sources, *([Source("mask", "mask", (mask,))] if mask else [])))


@pytest.fixture
def volume(tmp_path: Path) -> Case:
    rng = np.random.default_rng(0)
    mask = np.zeros((4, 6, 8), dtype=np.uint8)
    mask[1:3, 2:5, 2:6] = 1
    mask[2, 1, 3] = 2
    image = nifti(tmp_path / "image.nii.gz", rng.integers(-100, 100, (4, 6, 8)).astype(np.int16))
    return case("v", image, nifti(tmp_path / "mask.nii.gz", mask), "CT")


# -- facts ----------------------------------------------------------------------------------------
def test_facts_of_a_volume_with_its_mask(volume: Case) -> None:
    facts, faults = preparation.facts([volume])
    row = facts.loc["v"]
    assert not faults
    assert (row["channels"], row["depth"], row["rows"], row["columns"]) == (1, 4, 6, 8)
    assert (row["spacing_slice"], row["spacing_row"], row["spacing_column"]) == (2, 1, 1)
    assert (row["modality"], row["mask_voxels"], bool(row["calibrated"])) == ("CT", 25, True)
    pixels = formats.read_image(volume.sources[0]).array
    assert (row["minimum"], row["maximum"]) == (pixels.min(), pixels.max())
    assert row["mean"] == pytest.approx(pixels.mean())


def test_pixel_digests_are_equal_for_equal_pixels_only(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, (8, 9))
    y = x.copy()
    y[3, 3] ^= 1
    Picture.fromarray(x.astype(np.uint8)).save(tmp_path / "d.bmp")
    cases = [case("a", png(tmp_path / "a.png", x)), case("b", png(tmp_path / "b.png", y))]
    cases += [case("c", png(tmp_path / "c.png", x.reshape(9, 8))), case("d", str(tmp_path / "d.bmp"))]
    digests = preparation.facts(cases)[0]["pixel_digest"]
    assert digests["a"] == digests["d"]
    assert len(set(digests)) == 3


def test_one_fault_does_not_stop_the_others(tmp_path: Path, volume: Case) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes((tmp_path / "image.nii.gz").read_bytes()[:20])
    cases = [
        case("torn", str(torn)), volume, case("gone", str(tmp_path / "gone.png")), Case("bare"),
        case("odd", png(tmp_path / "i.png", np.ones((5, 5))), png(tmp_path / "m.png", np.ones((5, 6)))),
        case("empty", png(tmp_path / "i.png", np.ones((5, 5))), png(tmp_path / "z.png", np.zeros((5, 5)))),
    ]  # fmt: skip
    facts, faults = preparation.facts(cases)
    assert list(facts.index) == ["v"]
    assert {f.where: f.code for f in faults} == {
        "torn": "UnreadableFile", "gone": "MissingPath", "bare": "EmptyInput", "odd": "BadGeometry",
        "empty": "BadGeometry",
    }  # fmt: skip
    assert [f.where for f in faults] == ["torn", "gone", "bare", "odd", "empty"]
    assert all(f.remedy for f in faults)


def test_no_cases_give_an_empty_table() -> None:
    facts, faults = preparation.facts([])
    assert (len(facts), faults) == (0, [])
    assert "pixel_digest" in facts


@pytest.mark.parametrize("on_disk", [True, False])
def test_images_are_decoded_once(tmp_path: Path, volume: Case, monkeypatch: pytest.MonkeyPatch, on_disk: bool) -> None:
    where = str(tmp_path / "store") if on_disk else None
    first, _ = preparation.facts([volume], store=where)
    if on_disk:
        store.forget()
    monkeypatch.setattr(formats, "read_image", lambda _: pytest.fail("decoded again"))
    again, _ = preparation.facts([volume], store=where)
    pd.testing.assert_frame_equal(first, again)


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    one = case("a", png(tmp_path / "a.png", np.zeros((4, 4))))
    assert preparation.facts([one])[0].loc["a", "maximum"] == 0
    png(tmp_path / "a.png", np.full((4, 5), 9))
    assert preparation.facts([one])[0].loc["a", "maximum"] == 9


def test_array_stacks_are_fast_and_keep_nothing_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 255, (5856, 28, 28), dtype=np.uint8))
    cases = [Case(str(i), None, (Source("image", "image", (str(tmp_path / "x.npy"),), i),)) for i in range(5856)]
    began = time.perf_counter()
    facts, faults = preparation.facts(cases, store=tmp_path / "store")
    assert time.perf_counter() - began < 4  # 0.5 s on an idle machine
    assert (len(facts), faults) == (5856, [])
    assert not (tmp_path / "store").exists()


def test_facts_are_the_same_in_several_processes(tmp_path: Path, volume: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    cases = [case(str(i), png(tmp_path / f"{i}.png", rng.integers(0, 255, (20, 30)))) for i in range(12)]
    cases.insert(9, case("gone", str(tmp_path / "gone.png")))
    serial = preparation.facts(cases)
    store.forget()
    monkeypatch.setattr(compute, "WORTH_PROCESSES", 0.0)
    monkeypatch.setattr(compute, "processes", lambda: 2)
    parallel = preparation.facts(cases)
    pd.testing.assert_frame_equal(serial[0], parallel[0])
    assert serial[1] == parallel[1]


# -- image and mask -------------------------------------------------------------------------------
def test_which_mask(volume: Case) -> None:
    assert preparation.read_case(volume, mask=False)[1] is None
    for choice in (None, True, "mask"):
        mask = preparation.read_case(volume, mask=choice)[1]
        assert mask is not None
        assert int((mask.labels > 0).sum()) == 25
    with pytest.raises(InputDoesNotFit, match="'v' has no mask 'tumour'"):
        preparation.read_case(volume, mask="tumour")
    with pytest.raises(EmptyInput, match="Images of this case: image"):
        preparation.read_case(volume, image="PET")


def test_gaps_of_an_image_are_counted_and_the_others_described(tmp_path: Path) -> None:
    array = np.arange(48, dtype=np.float32).reshape(2, 4, 6)
    array[0, 0, :3] = np.nan, np.inf, -np.inf
    one = case("a", nifti(tmp_path / "a.nii.gz", array))
    facts, faults = preparation.facts([one, case("n", nifti(tmp_path / "n.nii.gz", array * np.nan))])
    row = facts.loc["a"]
    assert (row["gaps"], row["voxels"], row["minimum"], row["maximum"]) == (3, 48, 3, 47)
    assert row["mean"] == pytest.approx(np.arange(3, 48).mean())
    assert [(f.where, f.code) for f in faults] == [("n", "BadValues")]
    pixels, _ = preparation.read_case(one)
    assert pixels.array[0, 0, 0, :4].tolist() == [3, 3, 3, 3]
    assert np.isnan(preparation.read_case(one, gaps=True)[0].array[0, 0, 0, :3]).all()
    assert picture(preparation.thumbnail(one)).max() == 255


def test_real_masks_lie_on_their_images(shared_data: Path) -> None:
    folder = shared_data / "ibsi"
    slices = sorted((folder / "ibsi1_ct_phantom/dicom/image").glob("*.dcm"), reverse=True)  # from feet to head
    mask = folder / "ibsi1_ct_phantom/nifti/mask/mask.nii.gz"
    sources = (Source("image", "image", tuple(map(str, slices))), Source("mask", "mask", (str(mask),)))
    facts, faults = preparation.facts([Case("ct", None, sources)])
    assert not faults
    assert facts.loc["ct", "mask_voxels"] == 125256


# -- profile --------------------------------------------------------------------------------------
def table(**changes: object) -> pd.DataFrame:
    row = {
        "pixel_digest": "x", "channels": 1, "depth": 20, "rows": 64, "columns": 64, "minimum": -1000.0,
        "maximum": 1200.0, "mean": 0.0, "modality": "CT", "spacing_slice": 3.0, "spacing_row": 1.0,
        "spacing_column": 1.0, "calibrated": True, "mask_voxels": pd.NA,
    }  # fmt: skip
    rows = [row | {"maximum": 1100.0 + 10 * i, "rows": 60 + i} for i in range(20)]
    return pd.DataFrame(
        [row | changes] if changes else rows,
        index=pd.Index(["new"] if changes else map(str, range(20)), name="case_id"),
    )


PROFILE = Profile.of(table())


def test_training_cases_fit_their_own_profile() -> None:
    refused, flags = PROFILE.check(table())
    assert (refused, flags) == ({}, {})


@pytest.mark.parametrize(
    "changes, reason",
    [({"modality": "MR"}, "modality MR, trained on CT"), ({"depth": 1}, "2-D image"), ({"channels": 3}, "3 channels")],
)
def test_another_kind_of_image_is_refused_by_name(changes: dict[str, object], reason: str) -> None:
    refused, flags = PROFILE.check(table(**changes))
    assert reason in refused["new"].reason
    assert refused["new"].code == "InputDoesNotFit"
    assert "CT, 3-D volumes, grey" in refused["new"].remedy
    assert not flags


@pytest.mark.parametrize(
    "changes, text",
    [
        ({"minimum": 0.0, "maximum": 1.0}, "values span 1, in training 2102 to 2288"),
        ({"maximum": 30000.0}, "largest value 30000"),
        ({"minimum": -5000.0}, "smallest value -5000"),
        ({"rows": 512}, "size 20 x 512 x 64, trained on 20 x 60 x 64 to 20 x 79 x 64"),
        ({"spacing_slice": 5.0}, "spacing 5 x 1 x 1 mm, trained on 3 x 1 x 1 mm"),
        ({"calibrated": False}, "no physical size"),
        ({"modality": None}, "modality unknown"),
        ({"gaps": 1200, "voxels": 81920}, "1,200 of 81,920 voxels are NaN or infinite"),
    ],
)
def test_odd_images_are_flagged(changes: dict[str, object], text: str) -> None:
    refused, flags = PROFILE.check(table(**changes))
    assert not refused
    assert text in flags["new"]


def test_grey_among_colour_is_odd_but_colour_among_grey_is_refused() -> None:
    colour = table()
    colour["channels"] = 3
    refused, flags = Profile.of(colour).check(table(channels=1))
    assert not refused
    assert "grey" in flags["new"]


def test_a_profile_survives_json() -> None:
    again = Profile.from_dict(json.loads(json.dumps(PROFILE.to_dict())))
    assert again == PROFILE


def test_unknown_modalities_fit_each_other() -> None:
    raster = table()
    raster["modality"] = None
    raster["calibrated"] = False
    assert Profile.of(raster).check(raster) == ({}, {})
    assert "modality DX" in Profile.of(raster).check(table(modality="DX", calibrated=False, depth=20))[1]["new"]


# -- pictures -------------------------------------------------------------------------------------
def picture(content: bytes) -> np.ndarray:
    return np.asarray(Picture.open(io.BytesIO(content)))


def test_a_thumbnail_shows_the_slice_of_the_largest_region_outlined(volume: Case) -> None:
    shown = picture(preparation.thumbnail(volume))
    assert max(shown.shape[:2]) == 160
    assert shown.shape[2] == 3
    amber = (shown == (255, 176, 0)).all(axis=-1)
    assert 0 < amber.sum() < 2000
    assert not (picture(preparation.thumbnail(volume, mask=False)) == (255, 176, 0)).all(axis=-1).any()


@pytest.mark.parametrize("flip", [(-1.0, -1.0, 1.0), (1.0, 1.0, 1.0), (-1.0, 1.0, -1.0)])
def test_left_is_on_the_right_and_anterior_up_however_it_is_stored(tmp_path: Path, flip: tuple[float, ...]) -> None:
    array = np.zeros((2, 10, 10))
    left, anterior = flip[0] < 0, flip[1] > 0  # does the last column lie to the left, the last row to the front?
    array[:, 9 if anterior else 0, 9 if left else 0] = 100.0
    path = nifti(tmp_path / "x.nii.gz", array, np.diag([*flip, 1.0]))
    shown = picture(preparation.thumbnail(case("x", path), size=10))
    assert shown[0, 9, 0] == 255
    assert shown[9, 0, 0] == 0


def test_pixels_that_are_not_square_are_shown_in_proportion(tmp_path: Path) -> None:
    path = nifti(tmp_path / "x.nii.gz", np.random.default_rng(0).random((1, 20, 20)), np.diag([-1.0, -2.0, 1.0, 1.0]))
    assert picture(preparation.thumbnail(case("x", path), size=80)).shape == (80, 40, 3)


def test_colour_keeps_its_colours(tmp_path: Path) -> None:
    pixels = np.zeros((40, 40, 3))
    pixels[..., 0], pixels[:20, :, 1] = 200, 30
    shown = picture(preparation.thumbnail(case("x", png(tmp_path / "x.png", pixels))))
    assert shown.shape == (160, 160, 3)
    assert shown[0, 0].tolist() == [200, 30, 0]
