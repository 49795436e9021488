"""Histograms by hand: modes that tie, bins that are empty, ranges that are open."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isocenter.radiomics.discretise import fixed_number, fixed_size
from isocenter.radiomics.histogram import histogram, volume_histogram
from isocenter.radiomics.settings import Settings


def test_of_equal_modes_the_one_nearest_the_mean() -> None:
    found = histogram(np.array([1, 1, 4, 4, 5, 9], dtype=np.int32), 9)
    assert found["ih_mode"] == 4
    assert histogram(np.array([1, 3], dtype=np.int32), 3)["ih_mode"] == 1  # both as near: the lower
    assert found["ih_uniformity"] == pytest.approx((4 + 4 + 1 + 1) / 36)
    assert found["ih_entropy"] == pytest.approx(2 * (1 / 3) * math.log2(3) + 2 * (1 / 6) * math.log2(6))
    assert (found["ih_max_grad"], found["ih_max_grad_g"]) == (1.0, 3.0)


def test_bins() -> None:
    values = np.array([0.0, 2.5, 4.999, 5.0, 10.0])
    assert fixed_number(values, 4)[0].tolist() == [1, 2, 2, 3, 4]
    assert fixed_size(values, 2.5, 0.0)[0].tolist() == [1, 2, 2, 3, 5]
    assert fixed_number(np.full(3, 7.0), 4)[0].tolist() == [1, 1, 1]
    assert fixed_size(values, 2.5, -5.0)[1] == 7


def test_volume_at_least() -> None:
    values = np.array([0.0] * 5 + [10.0] * 4 + [100.0])
    found = volume_histogram(values, Settings(bins=4))
    assert found["ivh_v10"] == 0.5 and found["ivh_v90"] == 0.1
    assert found["ivh_i10"] == 11 and found["ivh_i90"] == 1  # the next whole intensity, though no voxel has it
    inside = volume_histogram(values, Settings(bins=4, range=(0, 1000)))
    assert inside["ivh_v10"] == 0.1 and inside["ivh_v90"] == 0.0
    assert volume_histogram(values, Settings(bins=4, range=(None, 1000))) == inside


def test_bins_and_continuous_intensities() -> None:
    values = np.random.default_rng(0).random(10_000)
    for settings in (Settings(bins=4), Settings(bins=4, ivh_bins=1000), Settings(bins=4, ivh_width=0.001)):
        found = volume_histogram(values, settings)
        scale = 1000 if settings.ivh_bins else 1
        assert found["ivh_v10"] == pytest.approx(0.9, abs=0.02)
        assert found["ivh_i10"] / scale == pytest.approx(0.9, abs=0.02)
        assert found["ivh_auc"] == pytest.approx(0.5, abs=0.02)


def test_a_flat_region() -> None:
    found = volume_histogram(np.full(9, 3.0), Settings(bins=4))
    assert math.isnan(found["ivh_v10"]) and math.isnan(found["ivh_auc"])
