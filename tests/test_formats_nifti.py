"""NIfTI: RAS to LPS, axes, scaling, units; torn files, lying headers and series of times refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from isocenter.case import Source
from isocenter.errors import BadGeometry, BadValues, UnknownFormat, UnreadableFile
from isocenter.formats import read_image, read_mask

AFFINE = np.array([[0.5, 0, 0, -10.0], [0, 0.7, 0, 20.0], [0, 0, 2.0, 30.0], [0, 0, 0, 1]])


def write(path: Path, array: Any, affine: Any = AFFINE, **header: Any) -> Path:
    made: Any = nibabel.Nifti1Image(array, affine)  # type: ignore[no-untyped-call]
    for name, value in header.items():
        made.header[name] = value
    nibabel.save(made, path)
    return path


def image(path: Path) -> Any:
    return read_image(Source("image", "image", (str(path),)))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_axes_and_lps(tmp_path: Path, name: str) -> None:
    array = np.arange(2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    read = image(write(tmp_path / name, array))
    assert read.array.shape == (1, 4, 3, 2)
    assert read.array.dtype == np.int16
    assert read.array[0, 3, 2, 1] == array[1, 2, 3]
    assert read.geometry.shape == (4, 3, 2)
    np.testing.assert_allclose(read.geometry.spacing, (2.0, 0.7, 0.5))
    # voxel (1, 2, 3) lies at RAS (-9.5, 21.4, 36): LPS turns x and y round
    np.testing.assert_allclose(read.geometry.affine @ [3, 2, 1, 1], [9.5, -21.4, 36, 1])
    assert read.geometry.calibrated


def test_scale_factors_units_and_dimensions(tmp_path: Path) -> None:
    array = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    made: Any = nibabel.Nifti1Image(array, AFFINE)  # type: ignore[no-untyped-call]
    made.header.set_slope_inter(0.5, 10)
    made.header.set_xyzt_units("meter")
    nibabel.save(made, tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    struct.pack_into("<2f", content, 112, 0.5, 10)
    (tmp_path / "a.nii").write_bytes(bytes(content))
    read = image(tmp_path / "a.nii")
    assert read.array.dtype == np.float32
    stored = np.frombuffer(bytes(content[352:]), dtype="<i2").reshape(2, 2, 2)
    np.testing.assert_array_equal(read.array[0], stored * 0.5 + 10)
    np.testing.assert_allclose(read.geometry.spacing, (2000, 700, 500))
    assert image(write(tmp_path / "flat.nii", array[..., 0])).array.shape == (1, 1, 2, 2)
    assert image(write(tmp_path / "one.nii", array[..., None])).array.shape == (1, 2, 2, 2)
    four = np.stack([array, array + 1, array + 2, array + 3], axis=-1)
    assert image(write(tmp_path / "four.nii", four)).array[2, 0, 0, 0] == 2


def test_what_is_no_volume_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="series of times"):
        image(write(tmp_path / "t.nii", np.zeros((2, 2, 2, 9), np.int16)))
    with pytest.raises(UnknownFormat, match="voxels of type"):
        image(write(tmp_path / "c.nii", np.zeros((2, 2, 2), np.complex64)))
    with pytest.raises(BadValues):
        image(write(tmp_path / "n.nii", np.full((2, 2, 2), np.nan, np.float32)))
    flat = np.diag([1.0, 1, 0, 1])
    write(path := tmp_path / "g.nii", np.zeros((2, 2, 2), np.int16))
    content = bytearray(path.read_bytes())
    struct.pack_into("<4f", content, 312, *flat[2])  # the third row of the sform
    path.write_bytes(bytes(content))
    with pytest.raises(BadGeometry):
        image(path)


def test_masks_hold_whole_numbers(tmp_path: Path) -> None:
    labels = np.zeros((2, 3, 4), np.float32)
    labels[1, 2, 3] = 2
    mask = read_mask(Source("mask", "m", (str(write(tmp_path / "m.nii.gz", labels)),)))
    assert mask.labels.dtype == np.uint8
    assert mask.labels[3, 2, 1] == 2
    for wrong in (labels / 4, labels - 1):
        with pytest.raises(BadValues, match="not labels"):
            read_mask(Source("mask", "m", (str(write(tmp_path / "w.nii.gz", wrong)),)))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("keep", [0, 10, 300, 0.5, -5])
def test_torn_files(tmp_path: Path, name: str, keep: float) -> None:
    path = write(tmp_path / name, np.random.default_rng(0).normal(size=(9, 9, 9)))
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep != 0.5 else len(content) / 2)])
    with pytest.raises(UnreadableFile):
        image(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_lying_headers_are_refused_before_anything_is_inflated(tmp_path: Path, name: str) -> None:
    write(tmp_path / "good.nii", np.zeros((4, 4, 4), np.int16))
    good = (tmp_path / "good.nii").read_bytes()
    huge = good[:40] + struct.pack("<4h", 3, 30000, 30000, 30000) + good[48:]
    far = good[:108] + struct.pack("<f", 3e9) + good[112:]
    negative = good[:42] + struct.pack("<h", -4) + good[44:]
    for content in (huge, far, negative, b"\0" * 1000):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        with pytest.raises(UnreadableFile):
            image(path)


def test_real_mr_and_its_mask_share_a_grid(shared_data: Path) -> None:
    folder = shared_data / "hippocampus"
    first = min((folder / "images").iterdir())
    read = image(first)
    mask = read_mask(Source("mask", "m", (str(folder / "labels" / first.name),)))
    assert read.geometry.same_grid(mask.geometry)
    assert set(np.unique(mask.labels)) == {0, 1, 2}
