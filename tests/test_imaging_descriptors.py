"""Classic descriptors: what each of them must tell apart, and what it must not."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.filters import gabor

from isocenter.imaging.descriptors import NAMES, SIDE, describe


def named(picture: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, describe(picture).tolist(), strict=True))


def noise(channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (channels, SIDE, SIDE), dtype=np.uint8)


def stripes(period: int, across: bool) -> np.ndarray:
    wave = np.rint(127 + 100 * np.sin(2 * np.pi * np.arange(SIDE) / period)).astype(np.uint8)
    plane = np.tile(wave, (SIDE, 1))
    return np.ascontiguousarray(plane.T if across else plane)[None]


def test_every_value_has_a_name_and_is_finite() -> None:
    assert len(set(NAMES)) == len(NAMES) == 422
    for picture in (noise(), noise(3), np.zeros((1, SIDE, SIDE), np.uint8), np.full((3, SIDE, SIDE), 255, np.uint8)):
        assert np.isfinite(describe(picture)).all()


def test_histograms_are_shares_of_each_channel() -> None:
    picture = noise(3)
    found = named(picture)
    for channel, name in zip(picture, "rgb", strict=True):
        for i in range(16):
            assert found[f"hist_{name}_{i}"] == pytest.approx(((channel // 16) == i).mean())
    grey = named(picture[:1])
    assert [grey[f"hist_{c}_3"] for c in "rgb"] == [found["hist_r_3"]] * 3


def test_local_patterns_do_not_care_for_brightness_or_quarter_turns() -> None:
    picture = noise() // 2
    for other in (picture + 60, np.ascontiguousarray(np.rot90(picture, axes=(1, 2)))):
        one, two = named(picture), named(other)
        for name in (n for n in NAMES if n.startswith("lbp_1")):
            assert two[name] == pytest.approx(one[name], abs=5e-3)  # the border is not turned with it


def test_gradients_and_filters_tell_directions_apart() -> None:
    down, across = named(stripes(10, False)), named(stripes(10, True))
    assert down["gabor_0.1_0_mean"] > 5 * down["gabor_0.1_90_mean"]
    assert across["gabor_0.1_90_mean"] == pytest.approx(down["gabor_0.1_0_mean"], rel=1e-3)
    assert max(down, key=lambda n: down[n] if n.startswith("gabor") else 0) == "gabor_0.1_0_mean"
    assert np.argmax([down[f"hog_{i}"] for i in range(8)]) != np.argmax([across[f"hog_{i}"] for i in range(8)])


@pytest.mark.parametrize("frequency, angle", [(0.1, 0), (0.2, 45), (0.4, 90)])
def test_filters_respond_as_scikit_images_own_convolution(frequency: float, angle: int) -> None:
    picture = noise()
    plane = picture[0] / 255.0 - (picture[0] / 255.0).mean()
    real, imaginary = gabor(plane, frequency, theta=np.deg2rad(angle), mode="wrap")
    found, magnitude = named(picture), np.hypot(real, imaginary)
    assert found[f"gabor_{frequency}_{angle}_mean"] == pytest.approx(magnitude.mean(), rel=1e-4)
    assert found[f"gabor_{frequency}_{angle}_sd"] == pytest.approx(magnitude.std(), rel=1e-4)
