"""Pictures of a case: windows, regions, slices, and images that no network was trained on."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from isocenter.case import Case, Source
from isocenter.errors import BadValues, UsageError
from isocenter.preparation import Look, parse_window, pictures


def case(tmp_path: Path, array: np.ndarray, mask: np.ndarray | None = None, modality: str | None = None) -> Case:
    """array: (D, H, W), or (H, W, 3) colour."""
    np.save(tmp_path / "i.npy", array[None])
    sources = [Source("image", "image", (str(tmp_path / "i.npy"),), 0, modality=modality)]
    if mask is not None:
        np.save(tmp_path / "m.npy", mask[None].astype(np.uint8))
        sources.append(Source("mask", "mask", (str(tmp_path / "m.npy"),), 0))
    return Case("a", None, tuple(sources))


def volume(tmp_path: Path, array: np.ndarray, mask: np.ndarray | None = None, modality: str | None = None) -> Case:
    sources = []
    for role, voxels in (("image", array), ("mask", mask)):
        if voxels is not None:
            path = tmp_path / f"{role}.nii.gz"
            nib.Nifti1Image(voxels.transpose(2, 1, 0), np.diag([-1.0, -1, 2, 1])).to_filename(path)
            sources.append(Source(role, role, (str(path),), modality=modality))
    return Case("a", None, tuple(sources))


def test_eight_bits_are_shown_as_they_are(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(50, 90, (32, 32), dtype=np.uint8)
    assert np.array_equal(pictures(case(tmp_path, array), Look(side=32))[0, 0], array)
    assert pictures(case(tmp_path, array), Look(window="50:90", side=32)).max() > 240


def test_sixteen_bits_are_shown_from_percentile_to_percentile(tmp_path: Path) -> None:
    array = np.linspace(1000, 5000, 64 * 64).reshape(64, 64).astype(np.uint16)
    array[0, 0] = 65_535
    shown = pictures(case(tmp_path, array), Look(side=64))[0, 0]
    assert (shown.min(), shown.max()) == (0, 255)
    assert abs(int(shown[32, 32]) - 130) < 4  # one bright pixel did not darken all others


def test_ct_is_shown_in_hounsfield_units_whatever_else_the_image_holds(tmp_path: Path) -> None:
    voxels = np.full((1, 8, 8), 40.0, dtype=np.float32)
    for extreme in (-3000.0, 3000.0):
        voxels[0, 0, 0] = extreme
        shown = pictures(volume(tmp_path, voxels, modality="CT"), Look(side=8))
        assert shown[0, 0, 4, 4] in (127, 128)  # 40 HU is the middle of -160..240
    assert pictures(volume(tmp_path, voxels, modality="CT"), Look("lung", 8))[0, 0, 4, 4] > 230


@pytest.mark.parametrize("text", ["bright", "5:1", "5", "a:b", "nan:3", "-inf:inf", ""])
def test_a_window_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        parse_window(text)


def test_colour_stays_and_a_fourth_channel_is_dropped(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (24, 24, 4), dtype=np.uint8)
    for channels in (3, 4):
        found = pictures(case(tmp_path, array[..., :channels]), Look(side=24))
        assert np.array_equal(found[0], np.moveaxis(array[..., :3], -1, 0))


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    found = pictures(case(tmp_path, np.array([[7]], dtype=np.uint8)), Look(side=32))
    assert found.shape == (1, 1, 32, 32)
    assert set(found.ravel()) == {7}


def test_pixels_that_are_no_number_are_shown_as_the_lowest(tmp_path: Path) -> None:
    broken, mended = np.array([[1.0, np.nan], [2, np.inf]]), np.array([[1.0, 1.0], [2, 1.0]])
    found = pictures(case(tmp_path, broken), Look(side=2))
    assert np.array_equal(found, pictures(case(tmp_path, mended), Look(side=2)))
    with pytest.raises(BadValues, match="no pixel that is a number"):
        pictures(case(tmp_path, broken * np.nan), Look())


def test_slices_are_evenly_spaced_from_first_to_last(tmp_path: Path) -> None:
    voxels = np.repeat(np.arange(41, dtype=np.uint8), 16).reshape(41, 4, 4)
    found = pictures(volume(tmp_path, voxels), Look(side=4, slices=5))
    assert found[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
    assert len(pictures(volume(tmp_path, voxels), Look(side=4, slices=100))) == 41


def test_a_region_is_seen_in_a_square_on_its_own_slices(tmp_path: Path) -> None:
    voxels, mask = np.zeros((9, 60, 60), dtype=np.uint8), np.zeros((9, 60, 60), dtype=np.uint8)
    mask[3:5, 20:36, 0:8] = 1  # at the left border; 16 high: 20 pixels are seen
    voxels[3:5, 18:38, 0:20] = 200
    found = pictures(volume(tmp_path, voxels, mask), Look(side=20), mask=True)
    assert found.shape == (2, 1, 20, 20)
    assert set(found.ravel()) == {200}
    voxels[3, 38, 0] = 9  # outside
    assert set(pictures(volume(tmp_path, voxels, mask), Look(side=20), mask=True).ravel()) == {200}


def test_a_region_as_large_as_the_image_shows_the_image(tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (2, 10, 14), dtype=np.uint8)
    whole = volume(tmp_path, voxels, np.ones_like(voxels))
    assert np.array_equal(pictures(whole, Look(side=9), mask=True), pictures(whole, Look(side=9), mask=False))
