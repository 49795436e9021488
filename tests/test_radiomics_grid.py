"""The grid of the whole image, by its centre; interpolation beside scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from isocenter import compute
from isocenter.errors import TooManyVoxels
from isocenter.radiomics import Settings, grid, prepared, preset
from isocenter.radiomics.filters import Simoncelli
from isocenter.radiomics.grid import TIE, Axis, Grid
from isocenter.radiomics.prepared import prepare

GIVEN = (3.0, 0.977, 0.7)


def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(20, 50, 60))


@pytest.mark.parametrize(
    "n, given, wanted, new",
    [(60, 3.0, 2.0, 90), (204, 0.977, 2.0, 100), (7, 1.0, 9.0, 1), (5, 2.0, 2.0, 5), (10, 0.1, 1.0, 1)],
)
def test_enough_voxels_to_cover_the_image_and_one_centre(n: int, given: float, wanted: float, new: int) -> None:
    axis = Axis(n, given, wanted)
    assert axis.new == new
    ends = axis.at(np.array([0, new - 1]))
    assert ends.mean() == pytest.approx((n - 1) / 2)
    assert axis.kept == (given == wanted)


@pytest.mark.parametrize("method, order", [("linear", 1), ("cubic", 3), ("nearest", 0)])
def test_as_scipy_interpolates(method: str, order: int) -> None:
    grid = Grid.of((20, 50, 60), GIVEN, (2.0, 2.0, 1.3))
    found = grid.values(image(), grid.whole, method)
    up = TIE if method == "nearest" else 0.0  # half way the next voxel is meant, whatever rounding made of the half
    places = [np.clip(axis.at(np.arange(axis.new)) + up, 0, axis.n - 1) for axis in grid.axes]
    expected = ndimage.map_coordinates(image(), np.meshgrid(*places, indexing="ij"), order=order, mode="mirror")
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("processors", [1, 3, 200])
def test_in_slabs_side_by_side_it_is_the_same(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    spacing = Grid.of((20, 50, 60), GIVEN, (2.0, 2.0, 1.3))
    whole = spacing.values(image(), spacing.whole, "linear")
    monkeypatch.setattr(grid, "_LARGE", 0)
    monkeypatch.setattr(compute, "processes", lambda: processors)
    np.testing.assert_array_equal(spacing.values(image(), spacing.whole, "linear"), whole)


@pytest.mark.parametrize("method", ["linear", "cubic", "nearest"])
def test_a_crop_is_a_part_of_the_whole(method: str) -> None:
    grid = Grid.of((80, 90, 100), (1.0, 0.9, 0.7), (1.5, 0.6, 1.0))
    whole = np.random.default_rng(1).normal(size=(80, 90, 100)) * 1000
    box = grid.around((slice(37, 41), slice(40, 50), slice(0, 6)), 3.0)
    np.testing.assert_allclose(grid.values(whole, box, method), grid.values(whole, grid.whole, method)[box], atol=1e-9)


def test_around_a_region_is_all_that_it_touches() -> None:
    grid = Grid.of((40, 50, 60), GIVEN, (1.0, 1.0, 1.0))
    mask = np.zeros((40, 50, 60), dtype=bool)
    mask[10:13, 20:22, 58:60] = True
    touched = np.argwhere(grid.values(mask, grid.whole, "linear") > 0)
    for axis, side in enumerate(grid.around((slice(10, 13), slice(20, 22), slice(58, 60)), 0.0)):
        assert side.start <= touched[:, axis].min() and touched[:, axis].max() < side.stop


def test_one_slice_and_a_kept_grid() -> None:
    flat = image()[:1]
    thick = Grid.of(flat.shape, (5.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    for method in ("linear", "cubic", "nearest"):
        found = thick.values(flat, thick.whole, method)
        assert found.shape == (5, 50, 60) and np.allclose(found, flat)
    kept = Grid.of(flat.shape, (5.0, 1.0, 1.0), (5.0, 1.0, 1.0))
    assert np.array_equal(kept.values(flat, kept.whole, "cubic"), flat)


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_the_last_digits_of_a_spacing_decide_nothing(method: str) -> None:
    """NIfTI has 1.3 mm as 32 bits, MetaImage as text, an oblique affine gives 1.30000005: one region all the same."""
    mask = np.zeros((20, 50, 60), dtype=bool)
    mask[8:14, 10:31, 20:43] = True  # box faces on the grid: many masks lie at a half
    settings = Settings(spacing=1.0, bins=8, interpolation=method)
    shapes = []
    for stretched in (1.0, 1 + 1e-7, 1 - 1e-7):
        spacing = (2.5 * stretched, 1.3 / stretched, 0.8 * stretched)
        shapes.append(prepare(image(), mask, spacing, settings).shape)
    assert np.array_equal(shapes[0], shapes[1])
    assert np.array_equal(shapes[0], shapes[2])
    assert [Axis(500, 0.8 * one, 1.0).new for one in (1.0, 1 + 1e-7, 1 - 1e-7)] == [400] * 3


@pytest.mark.parametrize("spacing", [0.01, 1e-6, (3.0, 1e-3, 1e-3)])
def test_a_grid_too_fine_is_refused_before_it_is_made(spacing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its voxels, the spacing asked for and a remedy; nothing is interpolated."""
    mask = np.zeros((20, 50, 60), dtype=bool)
    mask[5:15, 10:40, 10:40] = True
    monkeypatch.setattr(Grid, "values", lambda *a: pytest.fail("made"))
    with pytest.raises(TooManyVoxels, match=r"mm \(slice, row, column\).*voxels.*--preset ct:spacing=none"):
        prepare(image(), mask, GIVEN, preset("ct", spacing=spacing))


def test_how_large_a_grid_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the voxel; an image's own are never too many, and what a filter needs around the region counts."""
    few, mask = image()[:10, :30, :30], np.ones((10, 30, 30), dtype=bool)
    finer = preset("ct", spacing=1.0)
    n = prepare(few, mask, GIVEN, finer).wide.size
    assert n > few.size
    monkeypatch.setattr(prepared, "MOST_VOXELS", n)
    assert prepare(few, mask, GIVEN, finer).wide.size == n
    monkeypatch.setattr(prepared, "MOST_VOXELS", n - 1)
    with pytest.raises(TooManyVoxels, match=f"1 x 1 x 1 mm .*{n:,} voxels .*up to {n - 1:,}"):
        prepare(few, mask, GIVEN, finer)
    monkeypatch.setattr(prepared, "MOST_VOXELS", 1000)
    assert prepare(few, mask, GIVEN, preset("ct", spacing=None)).wide.shape == few.shape
    small = np.zeros((10, 30, 30), dtype=bool)
    small[5, 10, 10:12] = True
    assert prepare(few, small, GIVEN, finer).wide.size < 1000
    with pytest.raises(TooManyVoxels, match="simoncelli"):
        prepare(few, small, GIVEN, preset("ct", spacing=1.0, filters=(Simoncelli(),)))
