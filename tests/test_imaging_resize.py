"""Averages of areas: exact where blocks divide, mean-keeping always, nothing where nothing changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isocenter.imaging.resize import area_resize

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))


def test_whole_blocks_are_their_means() -> None:
    x = np.arange(2 * 4 * 6 * 8, dtype=np.int16).reshape(2, 4, 6, 8)
    blocks = x.reshape(2, 2, 2, 3, 2, 4, 2).mean(axis=(2, 4, 6))
    assert area_resize(x, (2, 3, 4)) == pytest.approx(blocks, rel=1e-12)


def test_the_same_size_is_the_same_array() -> None:
    x = np.zeros((1, 1, 5, 5), dtype=np.uint8)
    assert area_resize(x, (1, 5, 5)) is x


def test_a_pixel_half_covered_counts_half() -> None:
    assert area_resize(np.array([0.0, 6.0, 12.0]).reshape(1, 1, 1, 3), (1, 1, 2)).ravel() == pytest.approx([2, 10])


@given(SIDES, SIDES)
def test_means_and_constants_are_kept(before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, *before))
    small = area_resize(x, after)
    assert small.shape == (2, *after)
    assert small.mean(axis=(1, 2, 3)) == pytest.approx(x.mean(axis=(1, 2, 3)), abs=1e-12)
    assert area_resize(np.full((1, *before), 7.0), after) == pytest.approx(np.full((1, *after), 7.0), rel=1e-12)
    assert small.min() >= x.min() - 1e-12
    assert small.max() <= x.max() + 1e-12
