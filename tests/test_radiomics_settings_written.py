"""Settings as text: what a preset becomes, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isocenter.errors import UsageError
from isocenter.radiomics.settings import PRESETS
from isocenter.radiomics.written import settings_of


def test_a_preset_alone_and_with_changes() -> None:
    assert settings_of("ibsi-C") == PRESETS["ibsi-C"]
    changed = settings_of("ct:range=-500..:spacing=3x1x1:families=statistics+glcm:round_intensities=false")
    families = ("statistics", "glcm")
    expected = replace(
        PRESETS["ct"], range=(-500.0, None), spacing=(3.0, 1.0, 1.0), families=families, round_intensities=False
    )
    assert changed == expected
    assert settings_of("mr:outliers=none:range=..1.5").range == (None, 1.5)


@pytest.mark.parametrize("text, bins, width", [("ct:bins=64", 64, None), ("mr:bin_width=5", None, 5.0)])
def test_bins_take_the_place_of_the_width_and_back(text: str, bins: int | None, width: float | None) -> None:
    settings = settings_of(text)
    assert (settings.bins, settings.bin_width) == (bins, width)


@pytest.mark.parametrize(
    "text",
    [
        "no", "ct:", "ct:bins", "ct:bins=many", "ct:bins=0", "ct:bin=3", "ct:range=5", "ct:range=9..1", "ct:spacing=1x2",
        "ct:spacing=-1", "ct:round_intensities=perhaps", "ct:families=glcm+shape", "ct:bins=2:bins=3", "ct:range=a..b",
        "ct:bins=8:bin_width=5", "ct:interpolation=none", "ct:filters=log", "ct:range=nan..", "mr:outliers=inf",
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        settings_of(text)
    assert refused.value.remedy
