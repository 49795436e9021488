"""Image filters as text: what each stands for, in space and in the plane, and what is refused with what words."""

from __future__ import annotations

from math import pi

import pytest

from isocenter.errors import UsageError
from isocenter.radiomics.filters import KINDS, Filter, Gabor, Laws, LoG, Mean, Simoncelli, Wavelet
from isocenter.radiomics.filters.written import check, filters_of


@pytest.mark.parametrize(
    "text, expected",
    [
        ("mean:size=3", Mean(size=3)),
        ("log", LoG()),
        (" log : sigma_mm = 3 ", LoG(sigma_mm=3.0)),
        ("log:sigma_mm=2:riesz=1.0.0:boundary=zero", LoG(sigma_mm=2.0, riesz=(1, 0, 0), boundary="zero")),
        ("laws", Laws(kernels="L5E5E5")),
        ("laws:kernels=E3W5R5:energy=none:rotations=false", Laws(kernels="E3W5R5", energy=None, rotations=False)),
        ("gabor:step=none:angle=-0.5", Gabor(step=None, angle=-0.5)),
        ("simoncelli:level=2", Simoncelli(level=2)),
        ("wavelet:band=HLL", Wavelet(band="HLL")),
        ("log:by_slice=true", LoG(by_slice=True)),
    ],
)
def test_a_text_is_a_filter(text: str, expected: Filter) -> None:
    assert filters_of([text], by_slice=False) == (expected,)


def test_in_the_plane() -> None:
    found = filters_of(["laws", "gabor", "mean"], by_slice=True)
    assert found == (Laws(kernels="L5E5", by_slice=True), Gabor(by_slice=True, step=pi / 8), Mean(by_slice=True))
    assert filters_of(["mean:by_slice=false"], by_slice=True) == (Mean(),)


@pytest.mark.parametrize(
    "text, by_slice, bands",
    [
        ("wavelet", False, "LLL LLH LHH HHH"),
        ("wavelet:wavelet=coif1:level=2", False, "LLL LLH LHH HHH"),
        ("wavelet:rotations=false", False, "LLL LLH LHL LHH HLL HLH HHL HHH"),
        ("wavelet", True, "LL LH HH"),
        ("wavelet:rotations=false", True, "LL LH HL HH"),
    ],
)
def test_a_wavelet_without_a_band_is_all_that_differ(text: str, by_slice: bool, bands: str) -> None:
    found = filters_of([text], by_slice=by_slice)
    assert [one.band for one in found if isinstance(one, Wavelet)] == bands.split()
    assert len({one.label for one in found}) == len(found)
    assert {(one.level, one.rotations) for one in found if isinstance(one, Wavelet)} == {
        (2 if "level" in text else 1, "false" not in text)
    }


def test_every_kind_can_be_named_alone() -> None:
    for by_slice in (False, True):
        assert {one.name for one in filters_of(list(KINDS), by_slice=by_slice)} == set(KINDS)


@pytest.mark.parametrize(
    "text, words",
    [
        ("sobel", r"no image filter 'sobel'. Known: mean, log, laws, gabor, wavelet, simoncelli"),
        ("", "no image filter ''"),
        ("log:sigma=3", "has no 'sigma'. log knows by_slice, boundary, sigma_mm, cutoff, riesz"),
        ("log:name=x", "has no 'name'"),
        ("log:sigma_mm", "has no value"),
        ("log:sigma_mm=", "Give a number"),
        ("log:sigma_mm=big", "Give a number"),
        ("log:sigma_mm=nan", "above zero"),
        ("log:sigma_mm=1:sigma_mm=2", "sigma_mm is there twice"),
        ("log:riesz=1-0-0", "joined by dots, such as 1.0.0, or none"),
        ("log:riesz=0.0.0", "Riesz order"),
        ("mean:size=4", "odd size"),
        ("mean:size=2.5", "Give a whole number"),
        ("laws:rotations=perhaps", "Give true or false"),
        ("laws:kernels=L5X5E5", "known are"),
        ("wavelet:wavelet=db99", "db99"),
        ("wavelet:band=LLHH", "no band"),
        ("simoncelli:level=9", "1 .the finest. to 8"),
        ("mean:boundary=wrap", "Known: mirror"),
    ],
)
def test_what_is_wrong_says_what_is_known(text: str, words: str) -> None:
    for by_slice in (False, True):
        with pytest.raises(UsageError, match=words):
            check(["mean", text], by_slice=by_slice)


def test_one_filter_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="wavelet_band_LLH is there twice"):
        filters_of(["wavelet", "wavelet:band=LLH"], by_slice=False)


def test_what_suits_the_plane_or_space_only_is_refused_where_it_is_sure() -> None:
    for text in ("wavelet:band=LLH", "laws:kernels=L5E5E5", "log:riesz=1.0.0"):
        check([text], by_slice=False)
        with pytest.raises(UsageError, match="cannot be, in the plane"):
            check([text], by_slice=True)
        with pytest.raises(UsageError, match="2 "):
            filters_of([text], by_slice=True)
    check(["wavelet:band=LH"], by_slice=False)  # for pictures: their depth is not known yet
    with pytest.raises(UsageError, match="3 of them"):
        filters_of(["wavelet:band=LH"], by_slice=False)
