"""Every reference value of IBSI 1, hostile regions, and that what lies far away does not matter."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ibsi_data
from isocenter import compute
from isocenter.errors import BadShape, EmptyRegion, TooManyLevels
from isocenter.radiomics import PRESETS, Settings, extract, extraction, preset
from isocenter.radiomics.diagnostics import diagnostics
from isocenter.radiomics.names import UNSETTLED, described
from isocenter.radiomics.settings import FAMILIES, IN_PLANE, IN_SPACE

SPACING = (2.0, 1.0, 1.0)
PHANTOM = Settings(bin_width=1, aggregations=(*IN_PLANE, *IN_SPACE))


def test_the_digital_phantom(shared_data: Path) -> None:
    image, mask, spacing = ibsi_data.phantom(shared_data, "ibsi1_digital_phantom")
    rows = ibsi_data.reference(shared_data, "dig_phantom")
    assert len(rows) == 482
    assert ibsi_data.misses(extract(image, mask, spacing, PHANTOM), rows) == []


@pytest.mark.parametrize("letter, n", [("A", 406), ("B", 406), ("C", 270), ("D", 270), ("E", 270)])
def test_the_ct_phantom(letter: str, n: int, shared_data: Path) -> None:
    image, mask, spacing = ibsi_data.phantom(shared_data, "ibsi1_ct_phantom")
    settings = preset(f"ibsi-{letter}")
    rows = ibsi_data.reference(shared_data, f"chest_config_{letter.lower()}")
    assert len(rows) == n
    found = extract(image, mask, spacing, settings) | diagnostics(image, mask, spacing, settings)
    assert ibsi_data.misses(found, rows) == []


def test_a_planted_fault_is_a_miss(shared_data: Path) -> None:
    image, mask, spacing = ibsi_data.phantom(shared_data, "ibsi1_digital_phantom")
    found = extract(image, mask, spacing, PHANTOM)
    rows = ibsi_data.reference(shared_data, "dig_phantom")
    assert len(ibsi_data.misses({**found, "stat_mean": found["stat_mean"] * 1.01}, rows)) == 1
    del found["stat_mean"]
    assert len(ibsi_data.misses(found, rows)) == 1


def scan(kind: str = "noise") -> np.ndarray:
    image = np.random.default_rng(0).normal(100, 30, (12, 20, 20))
    if kind == "flat":
        image[:] = 50
    elif kind == "gaps":
        image[np.random.default_rng(1).random(image.shape) < 0.05] = np.nan
        image[1, 1, 1], image[5, 6, 7] = np.inf, 3
    elif kind == "cancels":
        image = np.where(np.indices(image.shape).sum(axis=0) % 2, 30.0, -30.0)
    return image.astype(np.int16) if kind == "whole" else image


def marked(*where: object) -> np.ndarray:
    mask = np.zeros((12, 20, 20), dtype=bool)
    mask[where] = True
    return mask


REGIONS = {
    "one voxel": marked(5, 6, 7),
    "one slice": marked(5, slice(3, 9), slice(4, 9)),
    "a line": marked(5, 6, slice(3, 9)),
    "the border": marked(slice(0, 4), slice(None), slice(0, 3)),
    "everything": marked(slice(None)),
    "scattered": np.random.default_rng(2).random((12, 20, 20)) < 0.05,
}


@pytest.mark.parametrize("kind", ["noise", "flat", "gaps", "cancels", "whole"])
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", PRESETS)
def test_hostile_regions_give_numbers_or_nan(name: str, region: str, kind: str) -> None:
    settings = replace(preset(name), spacing=None)
    if kind == "cancels":  # half of it is negative, which PET's range leaves out
        settings = replace(settings, range=None)
    found = extract(scan(kind), REGIONS[region], SPACING, settings)
    assert not any(math.isinf(value) for value in found.values())
    if region == "everything" and kind in ("noise", "whole"):
        assert not any(math.isnan(value) for value in found.values())
    if settings.names == "ibsi":
        assert all(described(tag) for tag in found)
        if region == "one voxel":
            assert found["stat_var"] == 0 and math.isnan(found["morph_pca_maj_axis"])


def test_nothing_computed_has_no_name_and_what_is_unsettled_is_known() -> None:
    found = extract(scan(), REGIONS["everything"], SPACING, replace(preset("ibsi-D"), spacing=None))
    assert set(UNSETTLED) & set(found) == {"ivh_auc"}


@pytest.mark.parametrize("settings", [preset("ct"), preset("ibsi-E")])
def test_no_voxel_no_features(settings: Settings) -> None:
    with pytest.raises(EmptyRegion, match="marks no voxel"):
        extract(scan(), marked(0, 0, slice(0, 0)), SPACING, settings)
    with pytest.raises(EmptyRegion, match="range"):
        extract(scan() + 1e6, REGIONS["everything"], SPACING, replace(settings, range=(-1000, 400)))
    with pytest.raises(EmptyRegion, match="finite"):
        extract(scan() * np.nan, REGIONS["everything"], SPACING, settings)


def test_a_region_lost_between_the_voxels_of_a_coarse_grid() -> None:
    with pytest.raises(EmptyRegion, match="smaller than half a voxel"):
        extract(scan(), REGIONS["one voxel"], SPACING, preset("ct", spacing=9.0))


def test_shapes_that_do_not_fit_and_bins_too_narrow() -> None:
    with pytest.raises(BadShape):
        extract(scan(), marked(5)[1:], SPACING, preset("ct"))
    with pytest.raises(BadShape):
        extract(scan()[0], marked(5)[0], SPACING, preset("ct"))
    with pytest.raises(TooManyLevels, match="ct:bins=32"):
        extract(scan() * 1e300, marked(5), SPACING, Settings(bin_width=1e-9, families=("histogram",)))


@pytest.mark.parametrize("name", ["ct", "mr", "pet", "ibsi-B", "ibsi-C"])
def test_what_lies_far_away_does_not_matter(name: str) -> None:
    """Cropping is exact: garbage beyond the reach of interpolation and of the local peak changes nothing."""
    rng = np.random.default_rng(5)
    image = rng.normal(0, 200, (40, 60, 60))
    mask = np.zeros(image.shape, dtype=bool)
    mask[17:24, 25:34, 26:35] = True
    spoilt = np.full(image.shape, -1e9)
    near = np.s_[8:33, 13:46, 14:47]
    spoilt[near] = image[near]
    settings = preset(name)
    one, other = (extract(x, mask, (1.7, 1.1, 1.1), settings) for x in (image, spoilt))
    assert one == pytest.approx(other, rel=0, abs=0, nan_ok=True)


def test_a_mask_of_labels_is_one_of_booleans() -> None:
    mask = REGIONS["the border"]
    one, other = (extract(scan(), x, SPACING, preset("ct")) for x in (mask, mask.astype(np.uint8) * 7))
    assert one == pytest.approx(other, nan_ok=True)


@pytest.mark.parametrize("name", ["mr", "ibsi-D"])
def test_a_scan_that_is_turned_keeps_its_features(name: str) -> None:
    rng = np.random.default_rng(3)
    image, mask = rng.normal(0, 50, (14, 16, 18)), np.zeros((14, 16, 18), dtype=bool)
    mask[3:11, 3:12, 4:14] = rng.random((8, 9, 10)) > 0.2
    settings = replace(preset(name), spacing=None)
    one = extract(image, mask, (1.5, 1.5, 1.5), settings)
    other = extract(image.transpose(2, 0, 1)[::-1], mask.transpose(2, 0, 1)[::-1], (1.5, 1.5, 1.5), settings)
    assert one == pytest.approx(other, rel=1e-6, abs=1e-9)


def test_a_mask_of_a_box_gives_what_the_whole_mask_gives() -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(size=(12, 20, 24)).cumsum(axis=2)
    mask = np.zeros(image.shape, dtype=np.bool_)
    mask[3:9, 0:15, 10:24] = rng.random((6, 15, 14)) < 0.8
    place = (slice(2, 10), slice(0, 17), slice(9, 24))
    for settings in (preset("mr", spacing=(1.3, 0.9, 1.1)), preset("ibsi-E"), preset("ibsi-B")):
        settings = replace(settings, range=None)
        whole = extract(image, mask, (2.0, 1.0, 1.0), settings)
        assert extract(image, mask[place], (2.0, 1.0, 1.0), settings, place=place) == pytest.approx(whole, nan_ok=True)
    with pytest.raises(BadShape):
        extract(image, mask, (2.0, 1.0, 1.0), settings, place=place)


def test_no_levels_where_none_are_asked_for() -> None:
    """Bins too narrow for texture do not matter to statistics and the volume histogram."""
    settings = Settings(bin_width=1e-9, families=("statistics", "ivh"))
    assert extract(scan() * 1e6, REGIONS["everything"], SPACING, settings)["ivh_v10"] > 0


@pytest.mark.parametrize("name", ["ct", "ibsi-B", "mr", "pyradiomics"])
def test_an_image_of_one_slice(name: str) -> None:
    image = np.random.default_rng(4).normal(100, 30, (1, 40, 50))
    mask = np.zeros(image.shape, dtype=bool)
    mask[0, 10:30, 12:40] = True
    found = extract(image, mask, (1.0, 0.7, 0.7), preset(name))
    assert not any(math.isinf(value) for value in found.values())
    assert sum(math.isfinite(value) for value in found.values()) > 90


@pytest.mark.parametrize("name", ["ct", "ibsi-A", "pyradiomics"])
def test_families_side_by_side_give_the_same_numbers_in_the_same_order(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(preset(name), spacing=None)
    image, mask = scan(), REGIONS["scattered"]
    alone = extract(image, mask, SPACING, settings)
    monkeypatch.setattr(extraction, "_LARGE", 0)
    monkeypatch.setattr(compute, "processes", lambda: 3)
    assert list(extract(image, mask, SPACING, settings).items()) == list(alone.items())
    with pytest.raises(TooManyLevels):
        extract(image * 1e9, mask, SPACING, Settings(bin_width=1e3))


@pytest.mark.slow
def test_ten_million_voxels_in_bounded_memory() -> None:
    image = np.random.default_rng(0).integers(-200, 200, (240, 280, 280), dtype=np.int16)
    z, y, x = np.ogrid[-120:120, -140:140, -140:140]
    mask = (z / 119) ** 2 + (y / 139) ** 2 + (x / 139) ** 2 < 1
    assert mask.sum() > 9e6
    tracemalloc.start()
    found = extract(image, mask, (1.0, 1.0, 1.0), preset("ct", families=FAMILIES))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5e9
    assert found["morph_vol_approx"] == mask.sum() and abs(found["morph_moran_i"]) < 1e-3
