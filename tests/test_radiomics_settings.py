"""Presets, and settings that contradict themselves."""

from __future__ import annotations

import pickle

import pytest

from isocenter.errors import UsageError
from isocenter.radiomics import PRESETS, Settings, preset
from isocenter.radiomics.names import AGGREGATION_CODES, FEATURES, described, of_column


def test_presets_are_named_and_hashable_and_plain() -> None:
    assert set(PRESETS) == {"ibsi-A", "ibsi-B", "ibsi-C", "ibsi-D", "ibsi-E", "ct", "mr", "pet", "pyradiomics"}
    assert all(one.preset == name and hash(one) for name, one in PRESETS.items())
    assert all(pickle.loads(pickle.dumps(one)) == one for one in PRESETS.values())
    assert preset("ct", bin_width=10).bin_width == 10
    with pytest.raises(UsageError, match="no preset"):
        preset("xray")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"bins": 8, "bin_width": 2.0},
        {"bins": 0},
        {"bin_width": -1.0},
        {"bins": 8, "ivh_bins": 9, "ivh_width": 1.0},
        {"bins": 8, "outliers": 0.0},
        {"bins": 8, "spacing": 0.0},
        {"bins": 8, "spacing": (1.0, -1.0, 1.0)},
        {"bins": 8, "interpolation": "sinc"},
        {"bins": 8, "families": ("glcm", "gldm")},
        {"bins": 8, "aggregations": ("4D",)},
        {"bins": 8, "names": "mirp"},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Settings(**wrong)  # type: ignore[arg-type]


def test_spacing_in_plane_only() -> None:
    assert Settings(bins=8, spacing=2.0, by_slice=True).wanted((3.0, 1.0, 1.0)) == (3.0, 2.0, 2.0)
    assert Settings(bins=8, spacing=(1.0, 2.0, 3.0)).wanted((3.0, 1.0, 1.0)) == (1.0, 2.0, 3.0)
    assert Settings(bins=8).wanted((3.0, 1.0, 1.0)) == (3.0, 1.0, 1.0)


def test_codes_are_four_letters_and_each_stands_for_one_feature() -> None:
    assert (
        len(FEATURES) == 29 + 2 + 18 + 23 + 7 + 25 + 3 * 16 + 5 + 17
    )  # morphology ... NGLDM, as the manual counts them
    codes = [one.code for one in FEATURES.values()] + list(AGGREGATION_CODES.values())
    assert len(set(codes)) == len(codes) and all(len(code) == 4 for code in codes)
    assert described("cm_contrast_2_5D_avg") == (FEATURES["cm_contrast"], "2_5D_avg")
    assert described("szm_sze_2D")[1] == "2D" and described("stat_mean") == (FEATURES["stat_mean"], "")


def test_columns_have_the_codes_of_the_reference_manual() -> None:
    assert of_column("PET_tumour_wavelet_band_HHH_cm_contrast_3D_avg") == ("contrast", "ACUI", "ITBB")
    assert of_column("morph_volume") == ("volume", "RNU0", "")
    assert of_column("age") is None
    assert of_column("") is None
