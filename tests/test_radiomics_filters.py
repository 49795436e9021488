"""Filters of IBSI 2: the reference maps and features, independent calculations, crops, hostile input."""

from __future__ import annotations

import importlib.util
import math
import re
import sys
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.errors import BadShape, BadValues, UsageError
from isocenter.radiomics.filters import KINDS, Filter, Gabor, Laws, LoG, Mean, Simoncelli, Wavelet, margin, respond
from isocenter.radiomics.filters.kernels import LAWS, wavelet, wavelet_kernel

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "ibsi2.py"
SPACING = (2.0, 1.0, 1.0)
ISO = (1.0, 1.0, 1.0)
MODES = {"mirror": "reflect", "nearest": "nearest", "periodic": "wrap", "zero": "constant"}  # scipy's names

LOCAL: list[Filter] = [
    Mean(size=5),
    LoG(sigma_mm=1.5),
    LoG(sigma_mm=1.5, by_slice=True),
    Laws(kernels="L5S5E5"),
    Laws(kernels="E3W5", pooling="min", energy=2, by_slice=True),
    Laws(kernels="L3S5R5", pooling="mean", energy=None),
    Gabor(sigma_mm=2.0, wavelength_mm=3.0, gamma=0.7),
    Gabor(sigma_mm=2.0, wavelength_mm=3.0, step=None, angle=0.4, pooling="max", by_slice=True),
    Wavelet(wavelet="db2", band="LHL"),
    Wavelet(wavelet="coif1", band="LH", level=2, by_slice=True, rotations=False),
    Wavelet(wavelet="db3", band="HHL", pooling="max"),
]
ENDLESS: list[Filter] = [
    Simoncelli(level=2),
    Simoncelli(level=1, by_slice=True, boundary="mirror"),
    LoG(sigma_mm=1.0, riesz=(1, 1, 0), boundary="zero"),
]


def _name(one: Filter) -> str:
    return one.label


@pytest.fixture(scope="module")
def ibsi2() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_ibsi2", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def image() -> NDArray[np.float64]:
    return np.random.default_rng(5).normal(size=(11, 18, 23)) * 100


def test_33_response_maps_match(ibsi2: ModuleType, shared_data: Path) -> None:
    outcomes = list(ibsi2.phase_one(shared_data / "ibsi"))
    assert [one.misses for one in outcomes if one.misses] == []
    assert sum(one.matched for one in outcomes) == 33


def test_features_in_the_plane_match(ibsi2: ModuleType, shared_data: Path) -> None:
    """Those of phase 2 that take a second, through `filters` of the settings."""
    names = [name for name in ibsi2.PHASE_TWO if name.endswith(".A")]
    outcomes = list(ibsi2.phase_two(shared_data / "ibsi", names))
    assert [one.misses for one in outcomes if one.misses] == []
    assert sum(one.total for one in outcomes) == 9 * 18


@pytest.mark.slow
def test_323_features_match(ibsi2: ModuleType, shared_data: Path) -> None:
    outcomes = list(ibsi2.phase_two(shared_data / "ibsi"))
    assert [one.misses for one in outcomes if one.misses] == []
    assert sum(one.total for one in outcomes) == sum(one.matched for one in outcomes) == 323


@pytest.mark.parametrize("boundary", MODES)
@pytest.mark.parametrize("chosen", LOCAL + ENDLESS, ids=_name)
def test_a_box_gives_what_the_whole_image_gives(image: NDArray[np.float64], chosen: Filter, boundary: str) -> None:
    chosen = replace(chosen, boundary=boundary)
    whole = respond(image, SPACING, chosen)
    assert whole.shape == image.shape
    for box in ((slice(3, 7), slice(6, 12), slice(9, 13)), (slice(0, 4), slice(12, 18), slice(0, 23))):
        np.testing.assert_allclose(respond(image, SPACING, chosen, box), whole[box], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("chosen", LOCAL, ids=_name)
def test_margin_is_enough_and_not_too_much(chosen: Filter) -> None:
    image = np.random.default_rng(6).normal(size=(40, 44, 44))
    box = (slice(19, 21), slice(21, 23), slice(20, 24))
    whole = respond(image, SPACING, chosen, box)
    reach = margin(chosen, SPACING)
    assert all(voxels is not None for voxels in reach)
    crop = tuple(slice(max(b.start - r, 0), b.stop + r) for b, r in zip(box, reach, strict=True))  # type: ignore[operator]
    inner = tuple(slice(b.start - c.start, b.stop - c.start) for b, c in zip(box, crop, strict=True))
    np.testing.assert_allclose(respond(image[crop], SPACING, chosen)[inner], whole, rtol=1e-9, atol=1e-10)
    for axis, voxels in enumerate(reach):
        place = [box[0].start, box[1].start, box[2].start]
        place[axis] -= voxels or 0
        far = image.copy()
        far[tuple(place)] += 1e9
        if isinstance(chosen, Gabor):  # at its corners the kernel is small
            place[axis] -= 1
            beyond = image.copy()
            beyond[tuple(place)] += 1e9
            np.testing.assert_allclose(respond(beyond, SPACING, chosen, box), whole, atol=1e-4)
        elif isinstance(chosen, Laws) or voxels == 0:
            assert not np.allclose(respond(far, SPACING, chosen, box), whole)


def test_margin_is_everything_for_what_has_no_end() -> None:
    assert margin(Simoncelli(), ISO) == (None, None, None)
    assert margin(Simoncelli(by_slice=True), ISO) == (0, None, None)
    assert margin(LoG(riesz=(1, 0, 0)), ISO) == (None, None, None)
    assert margin(Mean(size=3, by_slice=True, boundary="periodic"), ISO) == (0, None, None)
    assert margin(LoG(sigma_mm=3.0), (2.0, 1.0, 1.0)) == (6, 12, 12)


@pytest.mark.parametrize("boundary, mode", MODES.items())
def test_mean_is_scipys(image: NDArray[np.float64], boundary: str, mode: str) -> None:
    expected = ndimage.uniform_filter(image, 7, mode=mode)
    np.testing.assert_allclose(respond(image, SPACING, Mean(size=7, boundary=boundary)), expected, atol=1e-9)
    flat = ndimage.uniform_filter(image, (1, 7, 7), mode=mode)
    found = respond(image, SPACING, Mean(size=7, boundary=boundary, by_slice=True))
    np.testing.assert_allclose(found, flat, atol=1e-9)


def test_log_is_the_sampled_kernel(image: NDArray[np.float64]) -> None:
    """IBSI's formula, as one dense kernel; sigma 1.5 voxels, cut at 4 sigmas."""
    z, y, x = np.mgrid[-6:7, -6:7, -6:7]
    square = (z**2 + y**2 + x**2) / 1.5**2
    kernel = -(3 - square) / 1.5**2 * np.exp(-square / 2) / (math.sqrt(2 * math.pi) * 1.5) ** 3
    expected = ndimage.convolve(image, kernel, mode="reflect")
    np.testing.assert_allclose(respond(image, ISO, LoG(sigma_mm=1.5)), expected, atol=1e-9)


def test_log_of_a_quadratic_is_its_laplacian_on_any_grid() -> None:
    """Per square of the finest spacing; sampling a Gaussian costs little at two voxels of sigma."""
    z, y, x = (np.arange(n) - n // 2 for n in (31, 41, 41))
    mm = (1.5, 1.0, 1.0)
    bowl = (z[:, None, None] * mm[0]) ** 2 + (2 * y[:, None]) ** 2 + 0 * x
    found = respond(bowl, mm, LoG(sigma_mm=3.0, cutoff=5.0))
    assert found[15, 20, 20] == pytest.approx(2 + 8, rel=2e-3)


@pytest.mark.parametrize("pooling, pool", [("max", np.max), ("min", np.min), ("mean", np.mean)])
@pytest.mark.parametrize("kernels", ["L5E5S5", "E5E5E5", "E3W5R5"])
def test_laws_pools_24_turned_kernels(image: NDArray[np.float64], pooling: str, pool: object, kernels: str) -> None:
    x, y, z = (LAWS[kernels[i : i + 2]] for i in (0, 2, 4))
    cube = np.einsum("i,j,k->ijk", *(np.pad(k, (5 - len(k)) // 2) for k in (z, y, x)))
    turned = []
    for order in permutations(range(3)):
        for axes in product((False, True), repeat=3):
            if np.linalg.det(np.eye(3)[list(order)]) * (-1) ** sum(axes) > 0:
                turned.append(np.flip(cube.transpose(order), np.flatnonzero(axes)))
    assert len(turned) == 24
    expected = pool([ndimage.convolve(image, kernel, mode="reflect") for kernel in turned], axis=0)  # type: ignore[operator]
    found = respond(image, ISO, Laws(kernels=kernels, pooling=pooling, energy=None))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_laws_kernels_have_norm_one_and_the_first_runs_along_x() -> None:
    assert all(np.linalg.norm(taps) == pytest.approx(1) for taps in LAWS.values())
    ramp = np.broadcast_to(np.arange(20.0), (20, 20, 20))  # grows along x
    plain = Laws(kernels="E5L5L5", rotations=False, energy=None)
    inside = (slice(5, 15),) * 3
    assert np.abs(respond(ramp, ISO, plain)[inside]).min() > 1
    assert np.abs(respond(ramp.T, ISO, plain)[inside]).max() < 1e-9


def test_gabor_is_the_mean_over_all_angles_of_the_modulus(image: NDArray[np.float64]) -> None:
    chosen = Gabor(sigma_mm=1.5, wavelength_mm=3.0, gamma=0.8, step=math.pi / 3, by_slice=True)
    rows, columns = np.mgrid[-8:9, -8:9]
    total = np.zeros_like(image[0])
    for angle in np.arange(6) * math.pi / 3:
        along = columns * math.cos(angle) + rows * math.sin(angle)
        across = rows * math.cos(angle) - columns * math.sin(angle)
        envelope = np.exp(-(along**2 + 0.64 * across**2) / (2 * 1.5**2))
        phase = 2 * math.pi * along / 3
        parts = (ndimage.convolve(image[4], envelope * wave(phase), mode="reflect") for wave in (np.cos, np.sin))
        total += np.hypot(*parts)
    np.testing.assert_allclose(respond(image, ISO, chosen)[4], total / 6, rtol=1e-9)


def test_gabor_steps_that_do_not_close_a_half_turn_keep_every_angle(image: NDArray[np.float64]) -> None:
    third = Gabor(sigma_mm=1.5, wavelength_mm=3.0, step=2 * math.pi / 3, by_slice=True)
    each = [respond(image, ISO, replace(third, step=None, angle=k * 2 * math.pi / 3)) for k in range(3)]
    np.testing.assert_allclose(respond(image, ISO, third), np.mean(each, axis=0), rtol=1e-9)


def test_gabor_in_space_is_the_mean_of_three_planes(image: NDArray[np.float64]) -> None:
    flat = Gabor(sigma_mm=1.5, wavelength_mm=3.0, by_slice=True)
    axial = respond(image, ISO, flat)
    coronal = respond(image.transpose(1, 0, 2), ISO, flat).transpose(1, 0, 2)
    sagittal = respond(image.transpose(2, 0, 1), ISO, flat).transpose(1, 2, 0)
    expected = (axial + coronal + sagittal) / 3
    np.testing.assert_allclose(respond(image, ISO, replace(flat, by_slice=False)), expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["haar", "coif1", *(f"db{n}" for n in range(1, 11))])
def test_wavelets_are_orthonormal_with_vanishing_moments(name: str) -> None:
    low, high = wavelet(name)
    moments = {"haar": 1, "coif1": 2}.get(name) or int(name[2:])
    for shift in range(0, len(low), 2):
        assert low[shift:] @ low[: len(low) - shift] == pytest.approx(float(shift == 0), abs=1e-9)
        assert low[shift:] @ high[: len(low) - shift] == pytest.approx(0, abs=1e-9)
    assert low.sum() == pytest.approx(math.sqrt(2))
    position = np.arange(len(high)) / len(high)
    for power in range(moments):
        assert high @ position**power == pytest.approx(0, abs=1e-7)


def test_daubechies_3_is_the_published_filter() -> None:
    """Daubechies 1992, table 6.1, in the order of analysis."""
    published = [0.035226291882, -0.085441273882, -0.135011020010, 0.459877502118, 0.806891509311, 0.332670552950]
    np.testing.assert_allclose(wavelet("db3")[0], published, atol=1e-11)


def test_a_level_is_the_levels_one_after_the_other() -> None:
    low = np.append(wavelet("db2")[0], 0)
    second = np.zeros(9)
    second[::2] = np.append(wavelet("db2")[1], 0)
    np.testing.assert_allclose(wavelet_kernel("db2", "H", 2), np.convolve(low, second))


def _wave(shape: tuple[int, ...], axis: int, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    phase = 2 * math.pi * index * np.arange(shape[axis]) / shape[axis]
    along = phase.reshape([-1 if i == axis else 1 for i in range(3)])
    return np.cos(along) + np.zeros(shape), np.sin(along) + np.zeros(shape)


def test_simoncelli_passes_its_band_and_riesz_turns_its_phase() -> None:
    """33 samples: index 8 is half of Nyquist, the middle of level 1; index 4 that of level 2."""
    shape = (33, 33, 33)
    middle, turned = _wave(shape, 2, 8)
    finer = _wave(shape, 2, 16)[0]
    np.testing.assert_allclose(respond(middle, ISO, Simoncelli(level=1)), middle, atol=1e-9)
    np.testing.assert_allclose(respond(middle, ISO, Simoncelli(level=2)), 0 * middle, atol=1e-9)
    np.testing.assert_allclose(respond(finer, ISO, Simoncelli(level=1)), 0 * middle, atol=1e-9)
    np.testing.assert_allclose(respond(middle, ISO, Simoncelli(riesz=(1, 0, 0))), turned, atol=1e-9)
    np.testing.assert_allclose(respond(middle, ISO, Simoncelli(riesz=(2, 0, 0))), -middle, atol=1e-9)
    np.testing.assert_allclose(respond(middle, ISO, Simoncelli(riesz=(0, 1, 0))), 0 * middle, atol=1e-9)
    flat = Simoncelli(by_slice=True, riesz=(1, 0))
    np.testing.assert_allclose(respond(middle, ISO, flat), turned, atol=1e-9)


def test_riesz_components_of_an_order_keep_the_energy(image: NDArray[np.float64]) -> None:
    """The squares of all transfer functions of one order add up to one (odd lengths: frequencies pair up)."""
    part = image[:11, :17, :23]
    plain = respond(part, ISO, Simoncelli(level=1))
    orders = [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
    energy = sum(float((respond(part, ISO, Simoncelli(level=1, riesz=order)) ** 2).sum()) for order in orders)
    assert energy == pytest.approx(float((plain**2).sum()), rel=1e-9)


@pytest.mark.parametrize("chosen", LOCAL + ENDLESS, ids=_name)
def test_small_and_flat_images(chosen: Filter) -> None:
    for shape in ((1, 1, 1), (1, 7, 5), (2, 2, 2)):
        found = respond(np.full(shape, 7, np.int16), SPACING, chosen)
        assert found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all()
    if chosen in LOCAL and not isinstance(chosen, Mean | Gabor):  # all the others take a flat image to nothing
        flat = respond(np.full((9, 9, 9), 7.0), SPACING, chosen)
        assert np.abs(flat).max() < (0.01 * 7 if isinstance(chosen, LoG) else 1e-9)


@pytest.mark.parametrize("chosen", [one for one in LOCAL if not isinstance(one, Gabor)], ids=_name)
def test_nan_goes_no_further_than_the_margin(image: NDArray[np.float64], chosen: Filter) -> None:
    hole = image.copy()
    hole[5, 9, 11] = np.nan
    found, z = respond(hole, SPACING, chosen), margin(chosen, SPACING)
    near = tuple(slice(max(c - (m or 0), 0), c + (m or 0) + 1) for c, m in zip((5, 9, 11), z, strict=True))
    assert np.isnan(found).any()
    found[near] = 0
    assert not np.isnan(found).any()


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32, np.float64, ">f4"])
def test_types_and_orders_of_memory(dtype: object) -> None:
    whole = np.random.default_rng(7).integers(0, 200, size=(9, 10, 12))
    expected = respond(whole.astype(np.float64), SPACING, Wavelet())
    given = np.asfortranarray(whole.astype(dtype))  # type: ignore[call-overload]
    np.testing.assert_allclose(respond(given, SPACING, Wavelet()), expected, atol=1e-3)
    given.flags.writeable = False
    respond(given, SPACING, LoG(boundary="zero"))


@pytest.mark.parametrize(
    "kind, values",
    [
        ("mean", {"size": 4}),
        ("mean", {"size": 0}),
        ("mean", {"boundary": "wrap"}),
        ("log", {"sigma_mm": 0.0}),
        ("log", {"sigma_mm": math.nan}),
        ("log", {"riesz": (0, 0, 0)}),
        ("log", {"riesz": (1, 0, 0), "by_slice": True}),
        ("laws", {"kernels": "L5E5"}),
        ("laws", {"kernels": "L5E5X5"}),
        ("laws", {"pooling": "median"}),
        ("laws", {"energy": -1}),
        ("gabor", {"step": 0.0}),
        ("gabor", {"gamma": -1.0}),
        ("wavelet", {"wavelet": "db11"}),
        ("wavelet", {"wavelet": "dbx"}),
        ("wavelet", {"band": "LX"}),
        ("wavelet", {"band": "LH"}),
        ("wavelet", {"level": 0}),
        ("simoncelli", {"level": 9}),
    ],
)
def test_values_that_make_no_filter(kind: str, values: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"\w"):
        KINDS[kind](**values)


def test_images_that_cannot_be_filtered(image: NDArray[np.float64]) -> None:
    with pytest.raises(BadShape, match="depth, height and width"):
        respond(image[0], SPACING, Mean())
    with pytest.raises(BadShape, match="no voxel"):
        respond(image, SPACING, Mean(), (slice(4, 4), slice(0, 3), slice(0, 3)))
    with pytest.raises(BadShape, match="no voxel"):
        respond(image[:0], SPACING, Simoncelli())
    with pytest.raises(BadValues, match="millimetres"):
        respond(image, (0.0, 1.0, 1.0), LoG())


def test_labels_tell_filters_apart() -> None:
    assert len({one.label for one in LOCAL + ENDLESS}) == len(LOCAL + ENDLESS)
    assert LoG(sigma_mm=3.0).label == "log_sigma_mm_3"
    assert Wavelet().label == "wavelet_band_LLH"
    assert LoG(riesz=(0, 2, 0)).label == "log_sigma_mm_1.5_riesz_0.2.0"
    assert Gabor(angle=0.78).label != Gabor(angle=0.7800001).label
    odd = [LoG(sigma_mm=1e-7), LoG(sigma_mm=1e30), Gabor(angle=-0.5), *LOCAL, *ENDLESS]
    assert [one.label for one in odd if not re.fullmatch(r"[a-z][A-Za-z0-9_.]*", one.label)] == []
