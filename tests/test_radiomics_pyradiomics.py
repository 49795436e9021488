"""PyRadiomics' own published values, of its own data, to a millionth."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import pyradiomics_baseline as theirs
from isocenter.radiomics import extract, preset
from isocenter.radiomics.pyradiomics import FAMILIES, renamed
from isocenter.radiomics.textures import maximal_correlation, textures

SETTINGS = ("", "2d", "FBN", "combined", "flatRegion", "normalization", "resegmentation")


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_texture_equals_the_baseline(case: str, setting: str, shared_data: Path) -> None:
    folder = shared_data / "pyradiomics"
    levels, n_levels = theirs.levels(folder, case, setting)
    planar, merged = setting == "2d", setting == "combined"
    found = renamed(textures(levels, n_levels), planar=planar, merged=merged)
    found["glcm_MCC"] = maximal_correlation(levels, n_levels, planar=planar, merged=merged)
    compared = 0
    for family in ("glcm", "glrlm", "glszm", "gldm", "ngtdm"):
        expected = theirs.baseline(folder, family).get(f"{case}_{setting}".rstrip("_"), {})
        for name, value in expected.items():
            assert found[f"{family}_{name}"] == pytest.approx(value, rel=1e-6, abs=1e-9), name
        compared += len(expected)
    assert compared == (40 if merged else 75)  # weights between directions exist in GLCM and GLRLM only


def test_families_that_were_not_computed_are_not_named() -> None:
    levels = np.arange(1, 28, dtype=np.int32).reshape(3, 3, 3)
    found = renamed(textures(levels, 27, ("3D_avg",), families=("glszm",)))
    assert set(found) == {f"glszm_{name}" for name in {f: n for _, f, n, _ in FAMILIES}["glszm"].values()}


def test_no_pairs_no_correlation() -> None:
    levels = np.ones((1, 1, 1), np.int32)
    assert math.isnan(renamed(textures(levels, 1))["glcm_Correlation"]) and math.isnan(maximal_correlation(levels, 1))


MESH = {"MeshVolume", "SurfaceArea", "Sphericity", "SurfaceVolumeRatio"}  # see pyradiomics_shape: other cuts


@pytest.mark.parametrize("case", ["brain1", "brain2", "breast1"])
@pytest.mark.parametrize("setting", ["", "resegmentation"])
def test_the_preset_equals_the_baseline(case: str, setting: str, shared_data: Path) -> None:
    """All seven classes from image and mask; the first baseline was made with intensities raised by 2000."""
    folder = shared_data / "pyradiomics"
    image, mask = (theirs.volume(folder / f"{case}_{what}.nrrd") for what in ("image", "label"))
    settings = preset("pyradiomics", outliers=3.0 if setting else None)
    found = extract(image, mask == 1, theirs.spacing(folder, case), settings)
    raised = extract(image + 2000, mask == 1, theirs.spacing(folder, case), settings)
    expected = {
        f"original_{family}_{name}": value
        for family in ("firstorder", "shape", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
        for name, value in theirs.baseline(folder, family).get(f"{case}_{setting}".rstrip("_"), {}).items()
    }
    assert len(expected) == (93 if setting else 107)
    assert set(expected) <= set(found)
    for name, value in expected.items():
        short = name.rsplit("_", 1)[1]
        ours = raised if not setting and short in ("Energy", "TotalEnergy", "RootMeanSquared") else found
        assert ours[name] == pytest.approx(value, rel=0.01 if short in MESH else 1e-6), name
