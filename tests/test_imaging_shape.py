"""Shapes whose size is known; units, rotations, one voxel, one slice."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isocenter.imaging.shape import PLANE_SHAPE, VOLUME_SHAPE, bounding_box, plane_shape, volume_shape


def ellipsoid(radii: tuple[float, float, float], spacing: tuple[float, float, float]) -> np.ndarray:
    half = [int(r / s) + 2 for r, s in zip(radii, spacing, strict=True)]
    axes = [np.arange(-h, h + 1) * s / r for h, s, r in zip(half, spacing, radii, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= 1


def shape_of(region: np.ndarray, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> dict[str, float]:
    return volume_shape(region, np.ones(int(region.sum())), spacing)


def test_an_ellipsoid_in_millimetres() -> None:
    radii, spacing = (30.0, 20.0, 12.0), (2.0, 0.8, 0.8)
    found = shape_of(ellipsoid(radii, spacing), spacing)
    assert tuple(found) == VOLUME_SHAPE
    assert found["morph_vol_approx"] == pytest.approx(4 / 3 * math.pi * np.prod(radii), rel=0.01)
    # An ellipsoid's axis is 2 r; 4 times the standard deviation of a filled one is 4 r / sqrt(5).
    for name, radius in zip(("maj", "min", "least"), radii, strict=True):
        assert found[f"morph_pca_{name}_axis"] == pytest.approx(4 * radius / math.sqrt(5), rel=0.02)
    assert found["morph_diam"] == pytest.approx(60, abs=2.1)  # voxels are 2 mm long in this direction
    assert found["morph_com"] == pytest.approx(0, abs=1e-9)
    assert found["shape_box_depth"] == pytest.approx(60, abs=2.1)


def test_turning_the_volume_only_swaps_the_box() -> None:
    region = np.random.default_rng(0).random((6, 7, 8)) > 0.6
    one, other = shape_of(region, (1.0, 2.0, 3.0)), shape_of(region.transpose(2, 0, 1), (3.0, 1.0, 2.0))
    for name in VOLUME_SHAPE[:8]:
        assert one[name] == pytest.approx(other[name], rel=1e-9, abs=1e-9)
    assert one["shape_box_depth"] == other["shape_box_height"]


def test_the_diameter_is_that_of_all_pairs() -> None:
    region = np.zeros((5, 9, 9), dtype=bool)
    region[1:4, 2:8, 1:6] = np.random.default_rng(3).random((3, 6, 5)) > 0.5
    padded = np.pad(region, 1)
    faces = []
    for axis in range(3):
        for at in np.argwhere(padded):
            for side in (-1, 1):
                beside = at.copy()
                beside[axis] += side
                if not padded[tuple(beside)]:
                    faces.append(at + np.eye(3)[axis] * side / 2)
    points = np.array(faces)
    longest = max(float(np.linalg.norm(points - p, axis=1).max()) for p in points)
    assert shape_of(region)["morph_diam"] == pytest.approx(longest, rel=1e-12)


def test_one_voxel_has_a_size_and_no_direction() -> None:
    found = shape_of(np.ones((1, 1, 1), dtype=bool), (3.0, 1.0, 1.0))
    assert found["morph_vol_approx"] == 3
    assert found["morph_diam"] == 3
    assert math.isnan(found["morph_pca_maj_axis"])
    assert math.isnan(found["morph_pca_flatness"])


@pytest.mark.parametrize("shape", [(1, 5, 5), (4, 1, 1), (1, 1, 2), (2, 2, 1)])
def test_flat_and_linear_regions_do_not_fail(shape: tuple[int, int, int]) -> None:
    found = shape_of(np.ones(shape, dtype=bool))
    assert found["morph_pca_flatness"] == 0
    assert found["morph_vol_approx"] == np.prod(shape)


def test_the_centre_of_mass_moves_towards_what_is_bright() -> None:
    region = np.ones((1, 1, 3), dtype=bool)
    assert volume_shape(region, np.array([0, 0, 5]), (1, 1, 2.0))["morph_com"] == 2
    assert math.isnan(volume_shape(region, np.array([-1.0, 0.0, 1.0]), (1, 1, 1))["morph_com"])


def test_a_disc_in_a_plane() -> None:
    region = ellipsoid((1.0, 20.0, 10.0), (1.0, 0.5, 0.5))[3]
    found = plane_shape(region, np.ones(int(region.sum())), (0.5, 0.5))
    assert tuple(found) == PLANE_SHAPE
    assert found["shape_area"] == pytest.approx(math.pi * 200, rel=0.01)
    assert found["shape_maj_axis"] == pytest.approx(40, rel=0.01)
    assert found["shape_elongation"] == pytest.approx(0.5, rel=0.01)
    assert found["shape_diam"] == pytest.approx(40, rel=0.03)


def test_the_bounding_box_touches_the_border_where_the_region_does() -> None:
    region = np.zeros((4, 5, 6), dtype=bool)
    region[0, 2, 5] = region[3, 3, 4] = True
    assert bounding_box(region) == (slice(0, 4), slice(2, 4), slice(4, 6))
