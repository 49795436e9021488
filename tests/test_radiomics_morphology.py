"""Hull, axes and shells beside other ways to compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from isocenter.imaging.shape import _outer_faces, volume_shape
from isocenter.radiomics.morphology import Moments, _shell, hull_corners, morphology
from isocenter.radiomics.prepared import prepare
from isocenter.radiomics.settings import Settings

SPACING = (2.0, 0.8, 0.9)


def blob(share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((7, 8, 9)) < share


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_the_hull_is_that_of_all_vertices(share: float) -> None:
    shape = blob(share)
    points = _outer_faces(shape) * np.asarray(SPACING)
    whole, found = ConvexHull(points), hull_corners(shape, SPACING)
    assert (found.volume, found.area) == pytest.approx((whole.volume, whole.area))
    assert pdist(found.points).max() == pytest.approx(pdist(points).max())


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_as_the_shape_of_the_small_core(share: float) -> None:
    """Two ways to the same: from lists of voxels, and from shadows."""
    shape = blob(share, 1)
    image = np.random.default_rng(2).normal(100, 20, shape.shape)
    found = morphology(prepare(image, shape, SPACING, Settings(bins=8)))
    for tag, value in volume_shape(shape, image[shape], SPACING).items():
        if tag in found:
            assert found[tag] == pytest.approx(value, abs=1e-9), tag


def test_moments_of_one_voxel() -> None:
    assert all(math.isnan(axis) for axis in Moments.of(np.ones((1, 1, 1), dtype=bool), SPACING).axes())


def test_the_shell_of_a_ball_and_its_limits() -> None:
    assert _shell(5, 5, 5) == pytest.approx(4 * math.pi * 25)
    assert _shell(5, 4.9999999, 3) == pytest.approx(_shell(5, 5, 3), rel=1e-6)
    assert math.isnan(_shell(5, 3, 0))
