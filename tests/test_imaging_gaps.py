"""Voxels without a value: found, filled where a picture is needed, taken from the nearest for splines."""

from __future__ import annotations

import numpy as np

from isocenter.imaging.gaps import filled, from_nearest, gaps


def test_where_gaps_are() -> None:
    assert gaps(np.arange(4, dtype=np.int16)) is None
    assert gaps(np.arange(4.0)) is None
    found = gaps(np.array([1.0, np.nan, np.inf, -np.inf], dtype=np.float32))
    assert found is not None and found.tolist() == [False, True, True, True]


def test_gaps_get_the_lowest_value_of_their_channel() -> None:
    array = np.array([5.0, np.nan, 7, -3, np.inf, 2, np.nan, np.nan, np.nan], dtype=np.float32).reshape(3, 1, 1, 3)
    found = filled(array)
    assert found.dtype == np.float32
    assert found.reshape(3, 3).tolist() == [[5, 5, 7], [-3, -3, 2], [-3, -3, -3]]
    whole = np.ones((1, 1, 2, 2), dtype=np.int16)
    assert filled(whole) is whole


def test_gaps_get_the_value_that_is_nearest() -> None:
    array = np.array([[1.0, np.nan, np.nan, np.nan, 9.0]])
    assert from_nearest(array)[0, [0, 1, 3, 4]].tolist() == [1, 1, 9, 9]
    nothing = np.full((2, 2), np.nan)
    assert from_nearest(nothing) is nothing
