"""Tissue on planted slides: light and dark backgrounds, slides with none of it, and slides full of it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from isocenter.errors import UsageError
from isocenter.imaging.tissue import GLASS, find_tissue, otsu

RNG = np.random.default_rng(0)
PLANTED = np.zeros((120, 160), dtype=bool)
PLANTED[30:90, 40:110] = True


def slide(inside: tuple[int, int, int], outside: tuple[int, int, int], noise: float = 4) -> np.ndarray:
    """(3, 120, 160) of 8 bit: the planted rectangle in one colour, all else in another."""
    pixels = np.where(PLANTED, np.reshape(inside, (3, 1, 1)), np.reshape(outside, (3, 1, 1)))
    return (pixels + RNG.normal(0, noise, pixels.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("inside", [(220, 130, 180), (90, 60, 140)], ids=["eosin", "haematoxylin"])
def test_stained_tissue_on_glass_is_found_to_the_pixel(inside: tuple[int, int, int]) -> None:
    found = find_tissue(slide(inside, (240, 240, 238)))
    assert found.background == "light"
    assert (found.mask == PLANTED).all()
    assert "light background, tissue from optical density" in found.how


def test_pale_stroma_counts_as_tissue_where_there_are_many_dark_nuclei_and_little_glass() -> None:
    """On the plain density Otsu would part nuclei from all the rest."""
    pixels = np.empty((3, 120, 160))
    pixels[:] = np.reshape((222, 160, 205), (3, 1, 1))
    pixels[:, ::3, ::2] = np.reshape((50, 20, 90), (3, 1, 1))
    pixels[:, :12] = 243  # a tenth is glass
    slide_ = (pixels + RNG.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)
    found = find_tissue(slide_).mask
    assert not found[:12].any()
    assert found[12:].all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_glows_on_a_dark_background_is_found(kind: type) -> None:
    grey = np.where(PLANTED, 150, 12) + RNG.normal(0, 5, PLANTED.shape)
    found = find_tissue((grey.clip(0)[None] * (1 if kind is np.uint8 else 11)).astype(kind))
    assert found.background == "dark"
    assert jaccard_score(PLANTED.ravel(), found.mask.ravel()) > 0.99


def test_grey_and_16_bit_slides_have_a_light_background() -> None:
    pixels = slide((120, 120, 120), (235, 235, 235))[:1].astype(np.uint16) * 128
    found = find_tissue(pixels)
    assert (found.background, (found.mask == PLANTED).all()) == ("light", True)


def test_glass_alone_and_noise_alone_hold_no_tissue() -> None:
    assert not find_tissue(slide((240, 238, 236), (240, 238, 236))).mask.any()
    assert not find_tissue(np.full((3, 50, 50), 255, np.uint8)).mask.any()
    dark = (abs(RNG.normal(0, 6, (1, 90, 90))) + 4).astype(np.uint8)
    assert not find_tissue(dark).mask.any()
    assert not find_tissue(np.zeros((1, 20, 20), np.uint16)).mask.any()
    assert find_tissue(dark).how == "dark background, nothing is tissue"


def test_a_slide_full_of_tissue_is_not_parted_into_nuclei_and_the_rest() -> None:
    found = find_tissue(slide((90, 40, 130), (200, 120, 170)))
    assert found.mask.all()
    assert found.how == "light background, all is tissue"


def test_who_knows_the_background_may_say_so() -> None:
    pixels = slide((90, 60, 140), (240, 240, 238))
    assert (find_tissue(pixels, "dark").mask == ~PLANTED).all()
    with pytest.raises(UsageError, match="auto, light, dark"):
        find_tissue(pixels, "grey")


def test_otsu_is_the_threshold_that_parts_two_classes_best() -> None:
    """Against every cut by hand: the between-class variance is the largest."""
    values = np.r_[RNG.normal(2, 0.5, 4000), RNG.normal(6, 1, 900)]
    threshold, low, high = otsu(values)

    def between(cut: float) -> float:
        below = values < cut
        return float(below.mean() * (1 - below.mean()) * (values[below].mean() - values[~below].mean()) ** 2)

    best = max(between(cut) for cut in np.linspace(values.min(), values.max(), 257)[1:-1])
    assert between(threshold) == pytest.approx(best, rel=1e-3)
    assert (low, high) == pytest.approx(
        (values[values < threshold].mean(), values[values >= threshold].mean()), rel=0.01
    )
    assert otsu(np.full(9, 3.0)) == (3.0, 3.0, 3.0)
    assert GLASS == 0.15  # Macenko et al. 2009
