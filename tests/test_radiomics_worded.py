"""Settings in words: numbers as they take effect, and the table of presets in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from isocenter.radiomics.settings import PRESETS
from isocenter.radiomics.worded import phrase, sentences, table
from isocenter.radiomics.written import settings_of

CONCEPTS = Path(__file__).parents[1] / "docs" / "concepts.md"


def test_the_table_in_the_docs_is_that_of_the_settings() -> None:
    rows = table()
    lines = [f"| {' | '.join(rows[0])} |", f"|{' --- |' * len(rows[0])}"]
    lines += [f"| `{row.pop('preset')}` | {' | '.join(row.values())} |" for row in rows]
    assert "\n".join(lines) in CONCEPTS.read_text("utf-8"), "\n" + "\n".join(lines)


def test_numbers_are_said_as_ibsi_wants_them() -> None:
    said = phrase(settings_of("pet"))
    assert "resampled to 3 x 3 x 3 mm by linear interpolation, masks linearly, from 0.5 on" in said
    assert "intensities: kept from 0 SUV on; grey levels: bins of 0.25 SUV from 0 SUV" in said
    assert "texture: in 3D, averaged and merged over directions" in said


@pytest.mark.parametrize(
    "change, told",
    [
        ("spacing=2x1x1", "resampled to 2 x 1 x 1 mm by linear"),
        ("spacing=none", "not resampled"),
        ("by_slice=true", "resampled to 1 x 1 mm in plane"),
        ("interpolation=cubic", "cubic B-splines"),
        ("interpolation=nearest", "by the nearest voxel"),
        ("mask_threshold=0.9", "masks linearly, from 0.9 on"),
        ("round_intensities=false", "intensities: kept from -1000 to 3000 HU"),
        ("range=none", "bins of 25 HU from the region's minimum"),
        ("range=..400", "kept up to 400 HU"),
        ("outliers=2", "kept within 2 standard deviations"),
        ("bins=8", "grey levels: 8 bins between"),
        ("bin_width=10", "bins of 10 HU from -1000 HU"),
        ("bin_origin=zero", "bins of 25 HU from 0 up and down"),
        ("ivh_bins=99", "histogram: 99 bins"),
        ("ivh_width=3", "histogram: bins of 3 HU"),
        ("aggregations=2D_avg", "texture: in 2D, averaged"),
        ("families=glcm+statistics", "features: glcm, statistics"),
    ],
)
def test_whatever_is_changed_is_said(change: str, told: str) -> None:
    assert told in phrase(settings_of(f"ct:{change}"))
    assert told not in phrase(settings_of("ct"))


def test_no_two_presets_are_told_alike() -> None:
    assert len({phrase(one) for one in PRESETS.values()}) == len(PRESETS)


def test_pictures_whole_images_and_what_has_no_scale_keep_their_grid() -> None:
    how = {"flat": False, "framed": False, "calibrated": True}
    (volume,) = sentences(["PET=pet:bin_width=1"], **how)
    assert volume.startswith("Radiomics of PET were computed by preset pet:bin_width=1 (resampled to 3 x 3 x 3 mm")
    (flat,) = sentences(["image=mr"], **{**how, "flat": True})
    assert "(not resampled;" in flat and "in 2D" in flat and "3D" not in flat
    (whole,) = sentences(["image=mr"], **{**how, "framed": True})
    assert "without what grows with its size; resampled to 1 x 1 x 1 mm" in whole and "but morphology" in whole
    assert "not resampled" in sentences(["image=mr"], **{**how, "calibrated": False})[0]
