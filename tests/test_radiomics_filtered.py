"""Features of response maps: from the region as intensities made it, the same however the image was cropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from isocenter.errors import EmptyRegion
from isocenter.imaging.intensity import first_order
from isocenter.radiomics.extraction import extract
from isocenter.radiomics.filters import Filter, Gabor, Laws, LoG, Mean, Simoncelli, Wavelet, respond
from isocenter.radiomics.prepared import prepare
from isocenter.radiomics.settings import Settings

SPACING = (3.0, 1.0, 1.0)
PLAIN = Settings(bins=8, families=("statistics",))
FILTERS: list[Filter] = [
    Mean(size=3),
    LoG(sigma_mm=2.0, by_slice=True),
    Laws(kernels="L5E5E5"),
    Gabor(sigma_mm=2.0, wavelength_mm=4.0),
    Wavelet(band="LHL"),
    Wavelet(wavelet="haar", band="HH", by_slice=True, boundary="periodic"),
    Simoncelli(),
    Simoncelli(by_slice=True),
]


@pytest.fixture(scope="module")
def scan() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    image = np.random.default_rng(11).normal(size=(24, 50, 52)) * 50 + 100
    mask = np.zeros(image.shape, bool)
    mask[9:13, 20:27, 18:30] = True
    mask[9, 20, 18] = False
    return image, mask


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda one: one.label)
def test_as_if_the_whole_image_were_filtered(
    scan: tuple[NDArray[np.float64], NDArray[np.bool_]], chosen: Filter
) -> None:
    image, mask = scan
    expected = first_order(respond(image, SPACING, chosen)[mask])
    assert extract(image, mask, SPACING, replace(PLAIN, filter=chosen)) == pytest.approx(expected, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("chosen", [LoG(sigma_mm=2.0), Simoncelli()], ids=lambda one: one.label)
def test_after_interpolation_too(scan: tuple[NDArray[np.float64], NDArray[np.bool_]], chosen: Filter) -> None:
    image, mask = scan
    fine = replace(PLAIN, spacing=1.5, interpolation="linear", filter=chosen)
    small = prepare(image, mask, SPACING, fine)
    everything = prepare(image, np.ones_like(mask), SPACING, fine)
    z, y, x = everything.image.shape
    assert (z, y, x) == (48, 34, 35)  # the grid of the whole image: what is cut from it has the same values
    part = small.image[small.core]
    windows = np.lib.stride_tricks.sliding_window_view(everything.image, part.shape)
    assert np.abs(windows - part).max(axis=(3, 4, 5)).min() < 1e-8


def test_the_range_is_that_of_intensities(scan: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    image, mask = scan
    chosen = LoG(sigma_mm=2.0)
    settings = Settings(
        bin_width=2.0, range=(80, 150), filter=chosen, families=("statistics", "histogram", "ivh", "glcm")
    )
    found = extract(image, mask, SPACING, settings)
    inside = mask & (image >= 80) & (image <= 150)
    response = respond(image, SPACING, chosen)[inside]
    assert found["stat_min"] == pytest.approx(response.min())
    assert found["ih_min"] == 1
    assert found["ih_max"] == np.floor((response.max() - response.min()) / 2) + 1
    assert np.isfinite(found["cm_joint_max_3D_avg"])


def test_peaks_of_a_response_see_its_surroundings(scan: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    image, mask = scan
    settings = replace(PLAIN, families=("local",))
    expected = extract(respond(image, SPACING, Mean(size=3)), mask, SPACING, settings)
    assert extract(image, mask, SPACING, replace(settings, filter=Mean(size=3))) == pytest.approx(expected)


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda one: one.label)
def test_a_voxel_without_a_value_spoils_itself_alone(
    scan: tuple[NDArray[np.float64], NDArray[np.bool_]], chosen: Filter
) -> None:
    image, mask = scan
    image = image.copy()
    image[10, 22, 20], image[2, 2, 2] = np.nan, np.inf
    one = prepare(image, mask, SPACING, replace(PLAIN, filter=chosen))
    assert len(one.values) == mask.sum() - 1
    assert np.isfinite(one.values).all()


def test_regions_of_nothing_and_of_one_voxel(scan: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    image, mask = scan
    with pytest.raises(EmptyRegion):
        extract(image, np.zeros_like(mask), SPACING, replace(PLAIN, filter=Mean()))
    corner = np.zeros_like(mask)
    corner[0, 0, 0] = True
    for chosen in FILTERS:
        found = extract(image, corner, SPACING, replace(PLAIN, filter=chosen))
        assert found["stat_mean"] == pytest.approx(respond(image, SPACING, chosen)[0, 0, 0], abs=1e-7)
