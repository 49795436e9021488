"""Published values of the IBSI digital phantom, textbook invariants, and inputs without spread."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from isocenter.imaging.intensity import FIRST_ORDER, first_order, grey, percentile_window, windowed

SAMPLES = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6, width=32))


def test_against_scipy() -> None:
    x = np.random.default_rng(0).gamma(2.0, size=1001)
    found = first_order(x)
    assert found["stat_skew"] == pytest.approx(stats.skew(x), rel=1e-12)
    assert found["stat_kurt"] == pytest.approx(stats.kurtosis(x), rel=1e-12)
    assert found["stat_iqr"] == pytest.approx(stats.iqr(x), rel=1e-12)
    assert found["stat_cov"] == pytest.approx(stats.variation(x), rel=1e-12)


@given(SAMPLES)
def test_order_and_bounds_hold_for_any_values(x: np.ndarray) -> None:
    f = first_order(x)
    assert tuple(f) == FIRST_ORDER
    ordered = ["stat_min", "stat_p10", "stat_median", "stat_p90", "stat_max"]
    assert [f[n] for n in ordered] == sorted(f[n] for n in ordered)
    assert f["stat_var"] >= 0
    assert f["stat_medad"] <= f["stat_mad"] * (1 + 1e-9) + 1e-9
    assert f["stat_rms"] ** 2 == pytest.approx(f["stat_mean"] ** 2 + f["stat_var"], rel=1e-6, abs=1e-6)


@given(SAMPLES, st.randoms())
def test_the_order_of_voxels_changes_nothing_that_matters(x: np.ndarray, random: object) -> None:
    shuffled = np.random.default_rng(1).permutation(x)
    one, other = first_order(x), first_order(shuffled)
    for name in ("stat_mean", "stat_var", "stat_median", "stat_energy"):
        assert one[name] == pytest.approx(other[name], rel=1e-6, abs=1e-6)


def test_one_voxel_and_flat_regions_are_defined_or_nan() -> None:
    for x in (np.array([7]), np.full(50, 7, dtype=np.int16)):
        f = first_order(x)
        assert (f["stat_mean"], f["stat_var"], f["stat_skew"], f["stat_kurt"]) == (7, 0, 0, 0)
        assert f["stat_cov"] == 0
        assert f["stat_rmad"] == 0


def test_ratios_with_a_zero_denominator_are_nan() -> None:
    f = first_order(np.array([-1.0, 1.0]))
    assert math.isnan(f["stat_cov"])
    assert math.isnan(f["stat_qcod"])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
def test_small_integer_types_do_not_overflow(dtype: str) -> None:
    top = 255 if dtype == "uint8" else 30000
    x = np.array([0, top, top, top], dtype=dtype)
    assert first_order(x) == first_order(x.astype(np.float64))
    assert first_order(x)["stat_range"] == top


def test_huge_values_give_nan_and_no_warning() -> None:
    assert math.isnan(first_order(np.array([1e300, -1e300, 1e250]))["stat_energy"])


def test_grey() -> None:
    colour = np.array([255, 0, 0, 0, 255, 0, 0, 0, 255], dtype=np.uint8).reshape(3, 3, 1, 1).swapaxes(0, 1)
    assert grey(colour).ravel() == pytest.approx([76.245, 149.685, 29.07])
    one = np.arange(4, dtype=np.int16).reshape(1, 1, 2, 2)
    assert grey(one).dtype == np.int16
    assert grey(np.stack([one[0], one[0] + 2])).ravel().tolist() == [1, 2, 3, 4]


def test_window() -> None:
    x = np.array([-1000.0, 0.0, 50.0, 100.0, 3000.0])
    assert windowed(x, 0, 102).tolist() == [0, 0, 125, 250, 255]
    assert windowed(np.full(3, 5), *percentile_window(np.full(3, 5))).tolist() == [0, 0, 0]
    mostly_flat = np.zeros(1000)
    mostly_flat[0] = 1.0
    assert percentile_window(mostly_flat) == (0.0, 1.0)


@given(st.integers(0, 10), st.sampled_from(["uint8", "int16", "uint16", "int32"]), st.integers(1, 300))
def test_counted_levels_give_what_the_values_give(seed: int, dtype: str, levels: int) -> None:
    x = (np.random.default_rng(seed).integers(0, levels, 5000) - (100 if dtype[0] == "i" else 0)).astype(dtype)
    counted, plain = first_order(x), first_order(x.astype(np.float64))
    assert counted == pytest.approx(plain, rel=1e-9, abs=1e-9, nan_ok=True)
