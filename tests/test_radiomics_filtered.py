"""Features of response maps: from the region as intensities made it, the same however the image was cropped."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from isocenter.errors import EmptyRegion, UsageError
from isocenter.imaging.intensity import first_order
from isocenter.radiomics import prepared
from isocenter.radiomics.extraction import extract
from isocenter.radiomics.filters import Filter, Gabor, Laws, LoG, Mean, Simoncelli, Wavelet, respond
from isocenter.radiomics.prepared import marked, prepare
from isocenter.radiomics.settings import Settings, preset

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
    assert of(chosen, image, mask, PLAIN) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def of(chosen: Filter, image: NDArray[np.float64], mask: NDArray[np.bool_], settings: Settings) -> dict[str, float]:
    """The features of one response."""
    found = extract(image, mask, SPACING, replace(settings, filters=(chosen,)))
    start = f"{chosen.label}_"
    return {name.removeprefix(start): value for name, value in found.items() if name.startswith(start)}


def test_many_at_once_are_each_alone_and_the_intensities_stay(
    scan: tuple[NDArray[np.float64], NDArray[np.bool_]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image is interpolated once, whatever number of filters there is."""
    image, mask = scan
    settings = Settings(bin_width=10, spacing=1.5, range=(0, 300))
    reads: list[object] = []
    once = prepared._intensities
    monkeypatch.setattr(prepared, "_intensities", lambda *given: reads.append(given) or once(*given))
    together = extract(image, mask, SPACING, replace(settings, filters=tuple(FILTERS)))
    assert len(reads) == 1
    alone = extract(image, mask, SPACING, settings)
    assert {name: together[name] for name in alone} == alone  # and they come first
    assert list(together)[: len(alone)] == list(alone)
    for chosen in FILTERS:
        own = {f"{chosen.label}_{name}": value for name, value in of(chosen, image, mask, settings).items()}
        assert {name: together[name] for name in own} == pytest.approx(own, rel=1e-6, abs=1e-6, nan_ok=True)
        alone |= own
    assert set(alone) == set(together)
    assert not [name for name in together if re.search(r"_(morph|loc)_", name)]


def test_the_box_is_the_widest_that_any_needs(scan: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    image, mask = scan
    slices, rows, _ = (end.stop - end.start for end in marked(mask))
    one = prepare(image, mask, SPACING, replace(PLAIN, filters=(Mean(size=7), LoG(sigma_mm=2.0, by_slice=True))))
    assert one.wide.shape[0] == slices + 6 and one.wide.shape[1] == rows + 16
    endless = prepare(image, mask, SPACING, replace(PLAIN, filters=(Mean(size=3), Simoncelli(by_slice=True))))
    assert endless.wide.shape == (slices + 2, *image.shape[1:])
    assert one.image.shape == endless.image.shape == prepare(image, mask, SPACING, PLAIN).wide.shape


def test_one_filter_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="mean_size_3 is there twice"):
        replace(PLAIN, filters=(Mean(size=3), Mean(size=3)))


def test_rounding_is_no_texture() -> None:
    """A flat image has flat responses: their bins would be filled with rounding."""
    image, mask = np.full((20, 20, 20), 100.1), np.zeros((20, 20, 20), bool)
    mask[8:12, 8:12, 8:12] = True
    settings = replace(PLAIN, families=("statistics", "histogram", "glcm"), filters=tuple(FILTERS))
    found = extract(image, mask, (1.1, 0.9, 0.9), settings)
    for chosen in FILTERS:
        assert found[f"{chosen.label}_stat_range"] == 0
        assert found[f"{chosen.label}_ih_uniformity"] == found[f"{chosen.label}_cm_energy_3D_avg"] == 1


def test_pyradiomics_names_have_the_filter_in_place_of_original(
    scan: tuple[NDArray[np.float64], NDArray[np.bool_]],
) -> None:
    image, mask = scan
    found = extract(image, mask, SPACING, preset("pyradiomics", filters=(Mean(size=3),)))
    own = [name.removeprefix("original_") for name in found if name.startswith("original_")]
    responses = [name.removeprefix("mean_size_3_") for name in found if name.startswith("mean_size_3_")]
    assert responses == [name for name in own if not name.startswith("shape_")]
    assert "firstorder_Mean" in responses and "glcm_MCC" in responses and len(found) == len(own) + len(responses)


@pytest.mark.parametrize("chosen", [LoG(sigma_mm=2.0), Simoncelli()], ids=lambda one: one.label)
def test_after_interpolation_too(scan: tuple[NDArray[np.float64], NDArray[np.bool_]], chosen: Filter) -> None:
    image, mask = scan
    fine = replace(PLAIN, spacing=1.5, interpolation="linear", filters=(chosen,))
    small = prepare(image, mask, SPACING, fine).filtered(chosen)
    everything = prepare(image, np.ones_like(mask), SPACING, fine).filtered(chosen)
    z, y, x = everything.image.shape
    assert (z, y, x) == (48, 34, 35)  # the grid of the whole image: what is cut from it has the same values
    part = small.image[small.core]
    windows = np.lib.stride_tricks.sliding_window_view(everything.image, part.shape)
    assert np.abs(windows - part).max(axis=(3, 4, 5)).min() < 1e-8


@pytest.mark.parametrize("bins, n", [({"bin_width": 2.0}, 32), ({"bins": 12}, 12)])
def test_the_range_and_the_bins_are_those_of_intensities(
    scan: tuple[NDArray[np.float64], NDArray[np.bool_]], bins: dict[str, float], n: int
) -> None:
    image, mask = scan
    chosen = LoG(sigma_mm=2.0)
    families = ("statistics", "histogram", "ivh", "glcm")
    found = of(chosen, image, mask, Settings(range=(80, 150), families=families, ivh_width=2.0, **bins))  # type: ignore[arg-type]
    inside = mask & (image >= 80) & (image <= 150)
    response = respond(image, SPACING, chosen)[inside]
    assert found["stat_min"] == pytest.approx(response.min())
    assert found["ih_min"] == 1
    assert found["ih_max"] == n
    assert found["ivh_i10"] == pytest.approx(
        1000 * (np.quantile(response, 0.9) - response.min()) / np.ptp(response), abs=15
    )
    assert np.isfinite(found["cm_joint_max_3D_avg"])


@pytest.mark.parametrize("chosen", FILTERS, ids=lambda one: one.label)
def test_a_voxel_without_a_value_spoils_itself_alone(
    scan: tuple[NDArray[np.float64], NDArray[np.bool_]], chosen: Filter
) -> None:
    image, mask = scan
    image = image.copy()
    image[10, 22, 20], image[2, 2, 2] = np.nan, np.inf
    one = prepare(image, mask, SPACING, replace(PLAIN, filters=(chosen,))).filtered(chosen)
    assert len(one.values) == mask.sum() - 1
    assert np.isfinite(one.values).all()


def test_regions_of_nothing_and_of_one_voxel(scan: tuple[NDArray[np.float64], NDArray[np.bool_]]) -> None:
    image, mask = scan
    with pytest.raises(EmptyRegion):
        extract(image, np.zeros_like(mask), SPACING, replace(PLAIN, filters=(Mean(),)))
    corner = np.zeros_like(mask)
    corner[0, 0, 0] = True
    for chosen in FILTERS:
        found = of(chosen, image, corner, PLAIN)
        assert found["stat_mean"] == pytest.approx(respond(image, SPACING, chosen)[0, 0, 0], abs=1e-7)
