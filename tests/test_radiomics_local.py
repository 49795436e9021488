"""Peaks beside a plain loop, at the border of the image and beside gaps."""

from __future__ import annotations

import numpy as np
import pytest

from isocenter.radiomics.local import local_intensity
from isocenter.radiomics.prepared import PEAK_RADIUS, Prepared, marked, prepare
from isocenter.radiomics.settings import Settings

SPACING = (3.0, 1.1, 2.0)


def plainly(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    places = np.argwhere(np.isfinite(image))
    means = {}
    for at in np.argwhere(mask & np.isfinite(image)):
        near = (((places - at) * SPACING) ** 2).sum(axis=1) <= PEAK_RADIUS**2
        means[tuple(at)] = image[tuple(places[near].T)].mean()
    top = max(image[at] for at in means)
    return max(mean for at, mean in means.items() if image[at] == top), max(means.values())


@pytest.mark.parametrize(
    "where", [np.s_[4:8, 9:15, 7:12], np.s_[0:3, 0:4, 15:20], np.s_[0:8, 9:15, 7:12], np.s_[:, :, :]]
)
@pytest.mark.parametrize("gaps", [False, True])
def test_as_a_plain_loop(where: tuple[slice, ...], gaps: bool) -> None:
    image = np.rint(np.random.default_rng(0).normal(0, 2, (12, 24, 20)))  # several voxels share the highest value
    if gaps:
        image[::3, ::4, ::5] = np.nan
    mask = np.zeros(image.shape, dtype=bool)
    mask[where] = True
    found = local_intensity(prepare(image, mask, SPACING, Settings(bins=8), PEAK_RADIUS))
    assert tuple(found.values()) == pytest.approx(plainly(image, mask))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("from_end", [False, True])
def test_at_every_distance_from_the_border(axis: int, from_end: bool) -> None:
    """A row whose sphere just reaches beyond the image counts its voxels, one further inside need not."""
    image = np.random.default_rng(0).normal(100, 1, (12, 24, 20))
    mask = np.zeros(image.shape, dtype=bool)
    mask[3:9, 8:16, 6:14] = True
    for away in range(7 if axis == 1 else 5):
        index = image.shape[axis] - 1 - away if from_end else away
        hot, marked_too = image.copy(), mask.copy()
        place = [6, 12, 10]
        place[axis] = index
        hot[tuple(place)] += 1000
        marked_too[tuple(place)] = True
        found = local_intensity(prepare(hot, marked_too, SPACING, Settings(bins=8), PEAK_RADIUS))
        assert tuple(found.values()) == pytest.approx(plainly(hot, marked_too))


def test_a_sphere_smaller_than_a_voxel_is_the_voxel() -> None:
    image = np.arange(27.0).reshape(3, 3, 3)
    mask = np.ones(image.shape, dtype=bool)
    everywhere = tuple(slice(0, 3) for _ in range(3))
    one = Prepared(image, everywhere, mask, mask, (20.0, 20.0, 20.0), marked(mask))
    assert local_intensity(one) == {"loc_peak_loc": 26.0, "loc_peak_glob": 26.0}
