"""N4: a planted field goes; without SimpleITK the user hears how to get it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from isocenter.errors import MissingExtra
from isocenter.imaging.bias import bias_field, without_field


def shaded(depth: int = 6) -> tuple[np.ndarray, np.ndarray]:
    _, y, x = np.mgrid[0:depth, 0:40, 0:40]
    body = (y - 20) ** 2 + (x - 20) ** 2 < 17**2
    tissue = np.where((y - 20) ** 2 + (x - 14) ** 2 < 5**2, 160.0, 100.0)
    noise = np.random.default_rng(0).normal(0, 1.5, body.shape)
    return np.where(body, tissue * np.exp(0.6 * np.sin(x / 26) - 0.4 * y / 40), 0) + np.abs(noise), body & (
        tissue == 100
    )


@pytest.mark.parametrize("depth", [6, 1])
def test_a_planted_field_goes(depth: int) -> None:
    image, tissue = shaded(depth)
    field = bias_field(image, (3.0, 1.0, 1.0))
    assert field.dtype == np.float32 and max(field.shape) <= 32
    found = without_field(image, field)
    before, after = (a[tissue].std() / a[tissue].mean() for a in (image, found))
    assert after < before / 3
    assert (bias_field(image, (3.0, 1.0, 1.0)) == field).all()


def test_flat_tiny_and_hollow_scans_have_no_field() -> None:
    for scan in (np.full((5, 8, 8), 3), np.arange(12.0).reshape(1, 3, 4), np.full((5, 8, 8), np.nan)):
        np.testing.assert_array_equal(without_field(scan, bias_field(scan, (1, 1, 1))), scan)


def test_without_simpleitk_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(MissingExtra, match=r'pip install "isocenter\[mr\]"'):
        bias_field(np.zeros((4, 4, 4)), (1, 1, 1))
