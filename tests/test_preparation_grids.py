"""Masks on another grid than their image: laid by place in space, whatever the format; refused where that cannot be."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image as Picture

from isocenter import formats, preparation
from isocenter.case import Case, Source
from isocenter.errors import BadGeometry
from isocenter.image import Geometry, Mask
from isocenter.preparation.grids import agree, laid, on_grid

RNG = np.random.default_rng(0)
LABELS = np.zeros((6, 10, 12), dtype=np.uint8)
LABELS[1:5, 2:8, 3:11] = RNG.integers(1, 4, (4, 6, 8))


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float], first: tuple[float, ...]) -> Geometry:
    """spacing (slice, row, column); first: place of the first voxel, LPS mm."""
    affine = np.eye(4)
    affine[[2, 1, 0], [0, 1, 2]], affine[:3, 3] = spacing, first
    affine[[0, 2], [0, 2]] = 0
    return Geometry(shape, affine)


IMAGE = grid((6, 10, 12), (3.0, 1.0, 1.0), (5, -20, 100))


def halved(labels: np.ndarray) -> Mask:
    """The same labels on voxels half as wide."""
    fine = labels.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    return Mask(fine, grid(fine.shape, (1.5, 0.5, 0.5), (4.75, -20.25, 99.25)))


def test_a_mask_on_its_grid_is_left_alone() -> None:
    mask = Mask(LABELS, IMAGE)
    assert agree(mask.geometry, IMAGE) and laid(mask, IMAGE).labels is LABELS
    unplaced = Mask(LABELS, Geometry.pixels(LABELS.shape))
    assert laid(unplaced, IMAGE).labels is LABELS and laid(unplaced, IMAGE).geometry is IMAGE


def test_labels_come_from_the_nearest_voxel() -> None:
    found = laid(halved(LABELS), IMAGE)
    assert np.array_equal(found.labels, LABELS) and found.geometry is IMAGE
    fine = halved(LABELS)
    assert np.array_equal(laid(Mask(LABELS, IMAGE), fine.geometry).labels, fine.labels)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, 1), (-1, 1, -1)])
def test_the_order_and_direction_of_axes_do_not_matter(axes: tuple[int, ...], flips: tuple[int, ...]) -> None:
    """The same mask stored along other axes, each forwards or backwards."""
    turned = LABELS[tuple(slice(None, None, way) for way in flips)].transpose(axes)
    affine = IMAGE.affine.copy()
    for axis, way in enumerate(flips):
        if way < 0:
            affine[:3, 3] += affine[:3, axis] * (LABELS.shape[axis] - 1)
            affine[:3, axis] *= -1
    stored = Mask(turned, Geometry(turned.shape, affine[:, [*axes, 3]]))
    assert np.array_equal(laid(stored, IMAGE).labels, LABELS)


def test_what_cannot_be_laid_says_where_both_lie() -> None:
    away = Mask(LABELS, grid(LABELS.shape, (3.0, 1.0, 1.0), (105, -20, 100)))
    expected = (
        r"All of the mask 'gtv' lies .* marks x 108 to 116, y -18 to -12, z 102 to 114, the image "
        r"covers x 4 to 16, y -20 to -10, z 98 to 116"
    )
    with pytest.raises(BadGeometry, match=expected):
        on_grid(away, IMAGE, "gtv")
    half = Mask(LABELS, grid(LABELS.shape, (3.0, 1.0, 1.0), (9, -20, 100)))
    with pytest.raises(BadGeometry, match=r"^38% of the mask lies"):
        laid(half, IMAGE)
    for mask, image, who in (
        (Geometry.pixels((6, 10, 11)), IMAGE, "the mask's file does not say"),
        (grid((6, 10, 11), (3, 1, 1), (5, -20, 100)), Geometry.pixels(IMAGE.shape), "the image's file does not say"),
        (Geometry.pixels((6, 10, 11)), Geometry.pixels(IMAGE.shape), "the files of both do not say"),
    ):
        with pytest.raises(BadGeometry, match=rf"6 x 10 x 11 voxels, its image 6 x 10 x 12 .* {who}"):
            laid(Mask(LABELS[..., :11], mask), image)
    with pytest.raises(BadGeometry, match="The mask is empty"):
        laid(Mask(LABELS * 0, IMAGE), IMAGE)


# -- files ----------------------------------------------------------------------------------------
def _nifti(path: Path, array: np.ndarray, place: Geometry) -> Path:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ place.affine[:, [2, 1, 0, 3]]
    nibabel.Nifti1Image(array.transpose(2, 1, 0), affine).to_filename(path.with_suffix(".nii.gz"))
    return path.with_suffix(".nii.gz")


def _nrrd(path: Path, array: np.ndarray, place: Geometry) -> Path:
    z, y, x = place.spacing
    origin = ",".join(map(str, place.affine[:3, 3]))
    kind = {"u": "uint8", "i": "int16"}[array.dtype.kind]
    head = (
        f"NRRD0004\ntype: {kind}\ndimension: 3\nspace: left-posterior-superior\nencoding: raw\nendian: little\n"
        f"sizes: {' '.join(map(str, array.shape[::-1]))}\nspace directions: ({x},0,0) (0,{y},0) (0,0,{z})\n"
        f"space origin: ({origin})\n\n"
    )
    path.with_suffix(".nrrd").write_bytes(head.encode() + array.tobytes())
    return path.with_suffix(".nrrd")


def _mha(path: Path, array: np.ndarray, place: Geometry) -> Path:
    kind = {"u": "MET_UCHAR", "i": "MET_SHORT"}[array.dtype.kind]
    head = (
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = {' '.join(map(str, array.shape[::-1]))}\n"
        f"ElementSpacing = {' '.join(map(str, place.spacing[::-1]))}\n"
        f"Offset = {' '.join(map(str, place.affine[:3, 3]))}\nElementType = {kind}\nElementDataFile = LOCAL\n"
    )
    path.with_suffix(".mha").write_bytes(head.encode() + array.tobytes())
    return path.with_suffix(".mha")


@pytest.mark.parametrize("write_mask", [_nifti, _nrrd, _mha])
@pytest.mark.parametrize("write_image", [_nifti, _nrrd, _mha])
def test_any_two_formats_meet_in_space(tmp_path: Path, write_image: object, write_mask: object) -> None:
    pixels = RNG.integers(-100, 100, LABELS.shape).astype(np.int16)
    image, mask = write_image(tmp_path / "i", pixels, IMAGE), halved(LABELS)  # type: ignore[operator]
    drawn = write_mask(tmp_path / "m", mask.labels, mask.geometry)  # type: ignore[operator]
    one = Case("a", None, (Source("image", "image", (str(image),)), Source("mask", "mask", (str(drawn),))))
    found = preparation.read_case(one)[1]
    assert found is not None and np.array_equal(found.labels, LABELS)
    facts, faults = preparation.facts([one])
    assert not faults and bool(facts.loc["a", "laid"]) and facts.loc["a", "mask_voxels"] == (LABELS > 0).sum()


def test_a_mask_without_a_place_must_have_the_shape_of_its_image(tmp_path: Path) -> None:
    Picture.fromarray(np.ones((8, 8), np.uint8)).save(tmp_path / "i.png")
    Picture.fromarray(np.ones((8, 9), np.uint8)).save(tmp_path / "m.png")
    files = (Source("image", "image", (str(tmp_path / "i.png"),)), Source("mask", "mask", (str(tmp_path / "m.png"),)))
    facts, faults = preparation.facts([Case("a", None, files)])
    assert (
        facts.empty and faults[0].code == "BadGeometry" and "1 x 8 x 9 voxels, its image 1 x 8 x 8" in faults[0].reason
    )


def test_a_real_ct_takes_a_mask_of_half_its_resolution(shared_data: Path, tmp_path: Path) -> None:
    """DICOM image, NIfTI mask of every second voxel: nearly the same region."""
    folder = shared_data / "ibsi/ibsi1_ct_phantom"
    slices = sorted((folder / "dicom/image").glob("*.dcm"), reverse=True)  # from feet to head
    whole = nibabel.load(folder / "nifti/mask/mask.nii.gz")
    affine = whole.affine @ np.diag([2.0, 2.0, 1.0, 1.0])
    labels = np.asarray(whole.dataobj)[::2, ::2].astype(np.uint8)
    nibabel.Nifti1Image(labels, affine).to_filename(tmp_path / "m.nii.gz")
    image = Source("image", "image", tuple(map(str, slices)))
    one = Case("ct", None, (image, Source("mask", "mask", (str(tmp_path / "m.nii.gz"),))))
    facts, faults = preparation.facts([one])
    assert not faults and bool(facts.loc["ct", "laid"])
    assert facts.loc["ct", "mask_voxels"] == pytest.approx(125256, rel=0.01)
    pixels, mask = preparation.read_case(one)
    drawn = laid(formats.read_mask(Source("mask", "m", (str(folder / "nifti/mask/mask.nii.gz"),))), pixels.geometry)
    assert mask is not None
    both = (mask.labels > 0) & (drawn.labels > 0)
    assert 2 * both.sum() / (125256 + (mask.labels > 0).sum()) > 0.95
