"""Intensities of MR on one scale: scanners' gains and offsets go, order and contrast stay."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import threshold_otsu

from isocenter.imaging.standardise import (
    PERCENTS,
    foreground,
    landmarks,
    nyul,
    otsu,
    standard_scale,
    zscored,
)


def head(seed: int, gain: float = 1.0, offset: float = 0.0, bend: float = 1.0) -> np.ndarray:
    """(8, 40, 40) air around two tissues, brightness as the scanner has it."""
    rng = np.random.default_rng(seed)
    z, y, x = np.mgrid[0:8, -20:20, -20:20]
    inside = x**2 + y**2 < 17**2
    tissue = np.where(x**2 + (y - 5) ** 2 < 6**2, 0.9, 0.5) + 0.05 * rng.normal(size=z.shape)
    return np.where(inside, offset + gain * np.clip(tissue, 0.05, None) ** bend, 0.01 * rng.random(z.shape) * gain)


def test_foreground_is_the_head() -> None:
    _, y, x = np.mgrid[0:8, -20:20, -20:20]
    assert (foreground(head(0, 300)) == (x**2 + y**2 < 17**2)).mean() > 0.995
    holed = head(0)
    holed[0, 20, 20] = np.nan
    assert not foreground(holed)[0, 20, 20] and foreground(np.full((2, 2), 3.0)).all()
    assert foreground(np.full((1, 2), np.nan)).sum() == 0


def test_otsu_as_scikit_image_has_it() -> None:
    values = head(1).ravel()
    assert otsu(values) == pytest.approx(threshold_otsu(values), abs=np.ptp(values) / 128)


def test_zscore_forgets_gain_and_offset() -> None:
    one, other = zscored(head(2)), zscored(head(2, gain=700, offset=40))
    inside = foreground(head(2))
    assert np.abs(one - other)[inside].max() < 1e-9
    assert one[inside].mean() == pytest.approx(0) and one[inside].std() == pytest.approx(1)
    assert (zscored(np.full((2, 3), 7)) == 0).all()


def test_nyul_brings_bent_scales_together() -> None:
    scans = [head(s, gain=g, bend=b) for s, g, b in ((0, 100, 1.0), (1, 900, 1.3), (2, 300, 0.8))]
    scale = standard_scale(landmarks(scan) for scan in scans)
    assert scale[0] == 0 and scale[-1] == 100 and (np.diff(scale) > 0).all()
    found = [nyul(scan, scale) for scan in scans]
    medians = [np.percentile(f[foreground(s)], 50) for f, s in zip(found, scans, strict=True)]
    assert np.ptp(medians) < 1e-3
    lesions = [f[:, 25, 20].mean() for f in found]
    tissue = [f[:, 10, 20].mean() for f in found]
    assert np.ptp(lesions) < 20 and min(lesions) > max(tissue) + 20
    for f, s in zip(found, scans, strict=True):
        order = np.argsort(s.ravel(), kind="stable")
        assert (np.diff(f.ravel()[order]) >= -1e-9).all()
        np.testing.assert_allclose(np.percentile(f[foreground(s)], PERCENTS), scale, atol=0.2)


def test_the_scale_does_not_depend_on_the_order_of_scans() -> None:
    marks = [landmarks(head(s, bend=b)) for s, b in enumerate(np.linspace(0.5, 2, 9))]
    assert (standard_scale(marks) == standard_scale(marks[::-1])).all()


def test_scans_without_contrast_teach_and_break_nothing() -> None:
    flat, empty = np.full((1, 4, 4), 5), np.full((1, 4, 4), np.nan)
    scale = standard_scale([landmarks(head(0)), landmarks(flat), landmarks(empty)])
    assert (scale == standard_scale([landmarks(head(0))])).all()
    assert (nyul(flat, scale) == 0).all() and np.isnan(nyul(empty, scale)).all()
    assert (standard_scale([landmarks(flat)]) == np.linspace(0, 100, 11)).all()
    two = np.array([[[0, 0, 0, 1, 1, 9]]])
    assert np.isfinite(nyul(two, scale)).all()
