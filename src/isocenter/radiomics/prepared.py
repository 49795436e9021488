"""An image and a mask made ready: cropped, interpolated, rounded, re-segmented.

From here on there are two masks, as IBSI has it (reference manual, section 2.5): the morphological mask gives
shape, the intensity mask, which re-segmentation thins out, everything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape, EmptyRegion, TooManyVoxels
from isocenter.imaging.gaps import from_nearest
from isocenter.radiomics.filtered import placed, response, widened, within
from isocenter.radiomics.filters.kinds import Filter
from isocenter.radiomics.grid import TIE, Box, Floats, Grid, Pasted
from isocenter.radiomics.settings import Settings, Spacing

Bools = NDArray[np.bool_]

# Voxels of the new grid, with what is needed around the region. A CT of the whole body has fewer as it comes from the
# scanner (512 x 512 x 750), so more add no knowledge; it takes 6 GB and two minutes in one process (28 bytes and
# 0.6 us a voxel of the IBSI phantom at 0.3 mm, all families of `ct`), with filters more. An image with more of its own
# may keep them.
MOST_VOXELS = 200_000_000
PEAK_RADIUS = (3 / (4 * math.pi)) ** (1 / 3) * 10  # mm: a sphere of 1 cm3, the neighbourhood of local intensity


@dataclass(frozen=True)
class Prepared:
    """image, shape, inside: (D, H, W), the box around the region with the margin that was asked for.

    wide: intensities, NaN where the file had none, of as much more as `settings.filters` need; here: where the box
    lies in it; shape: the morphological mask; inside: the intensity mask, at least one voxel; core: the region's
    own box in them.
    """

    wide: Floats
    here: Box
    shape: Bools
    inside: Bools
    spacing: Spacing
    core: Box

    @cached_property
    def image(self) -> Floats:
        """Intensities (D, H, W), in one piece: compiled loops take nothing else."""
        return np.ascontiguousarray(self.wide[self.here])

    @property
    def values(self) -> Floats:
        """Intensities of the region (n,), in C order."""
        return self.image[self.core][self.inside[self.core]]

    def filtered(self, chosen: Filter) -> Prepared:
        """The response to a filter, one of those it was prepared for, in the region's own box and nowhere else."""
        found = response(self.wide, self.spacing, chosen, placed(self.core, self.here))
        box = tuple(slice(0, n) for n in found.shape)
        return Prepared(found, box, self.shape[self.core], self.inside[self.core], self.spacing, box)


def prepare(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    settings: Settings,
    margin_mm: float = 0.0,
    *,
    place: Box | None = None,
) -> Prepared:
    """image, mask: (D, H, W), the whole image; spacing: (slice, row, column) mm; margin_mm: of image to keep around.

    place: the mask is of this box of the image only. Raises BadShape: they do not agree; EmptyRegion: nothing
    marked, or nothing left; TooManyVoxels: of the new grid, before any of it is made.
    """
    extent = image.shape if place is None else tuple(one.stop - one.start for one in place)
    if image.ndim != 3 or extent != mask.shape:
        raise BadShape(
            f"An image of {image.shape} and a mask of {mask.shape} do not fit.", "Both must be (slices, rows, columns)."
        )
    box = marked(mask)
    mask = mask[box]  # what lies around is unmarked: it is not looked at again
    if place is not None:
        box = placed(box, place)
    grid = Grid.of(image.shape, spacing, settings.wanted(spacing))
    around = grid.around(box, margin_mm)
    _check(grid, around, settings)
    _check(grid, widened(grid, around, grid.around(box, 0.0), settings.filters), settings)
    shape = _mask(grid, Pasted(mask, box, image.shape), around, settings)
    if not shape.any():
        raise EmptyRegion(
            "The region is smaller than half a voxel of the new grid, nothing is left of it.",
            "Use a finer spacing, or leave this region out.",
        )
    core = marked(shape)
    wide = widened(grid, around, placed(core, around), settings.filters)
    known = _intensities(grid, image, wide, settings)
    values = known[within(around, wide)]
    inside = resegmented(values[core], shape[core], settings)
    if not inside.any():
        raise EmptyRegion(
            "No intensity of the region is finite and within the range.",
            "Check the image, or the range: --preset ct:range=none.",
        )
    whole = np.zeros_like(shape)
    whole[core] = inside
    return Prepared(known, within(around, wide), shape, whole, grid.spacing, core)


def _check(grid: Grid, box: Box, settings: Settings) -> None:
    """TooManyVoxels where a box of the new grid is too large to be made."""
    sides = [one.stop - one.start for one in box]
    n, most = math.prod(sides), max(MOST_VOXELS, math.prod(axis.n for axis in grid.axes))
    if n <= most:
        return
    mm, own = (" x ".join(f"{axis:.4g}" for axis in one) for one in (grid.spacing, [axis.given for axis in grid.axes]))
    coarser = math.ceil((n / most) ** (1 / 3) * 10) / 10
    name = settings.preset or "PRESET"
    wide = " Filters without an end (simoncelli, Riesz) need all of the image." if settings.filters else ""
    raise TooManyVoxels(
        f"At the spacing of {mm} mm (slice, row, column) the grid around the region has {n:,} voxels "
        f"({' x '.join(f'{side:,}' for side in sides)}); up to {most:,} are measured.",
        f"Ask for a spacing {coarser:,g} times as wide, or for the image's own grid ({own} mm): "
        f"--preset {name}:spacing=none.{wide}",
    )


def marked(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around what is marked. Raises EmptyRegion: nothing is."""
    rows = [plane.any(axis=1) if plane.any() else None for plane in mask]  # slice by slice: most are empty, at once
    deep = [z for z, row in enumerate(rows) if row is not None]
    if not deep:
        raise EmptyRegion("The mask marks no voxel.", "Check the label that was asked for, or leave this region out.")
    z = slice(deep[0], deep[-1] + 1)
    high = np.flatnonzero(np.any([row for row in rows if row is not None], axis=0))
    y = slice(int(high[0]), int(high[-1]) + 1)
    wide = np.flatnonzero(mask[z, y].any(axis=(0, 1)))
    return z, y, slice(int(wide[0]), int(wide[-1]) + 1)


def _mask(grid: Grid, mask: Pasted, around: Box, settings: Settings) -> Bools:
    method = "nearest" if settings.interpolation == "nearest" else "linear"
    return grid.values(mask, around, method, _set) >= settings.mask_threshold - TIE


def _intensities(grid: Grid, image: NDArray[np.generic], around: Box, settings: Settings) -> Floats:
    """Interpolated around the region; what depends on a voxel without a value is NaN, and no other."""
    with np.errstate(invalid="ignore"):
        values = grid.values(image, around, settings.interpolation)
    if not np.isfinite(values).all():
        values = _around_gaps(grid, image, around, settings)
    return np.rint(values, out=values) if settings.round_intensities else values


def _around_gaps(grid: Grid, image: NDArray[np.generic], around: Box, settings: Settings) -> Floats:
    method = "nearest" if settings.interpolation == "nearest" else "linear"
    values = grid.values(image, around, settings.interpolation, from_nearest)  # a spline would carry NaN along the row
    values[grid.values(image, around, method, _gaps) > 0] = np.nan
    return values


def _set(part: Floats) -> Floats:
    return np.asarray(part != 0, dtype=np.float64)  # of a mask that came as labels


def _gaps(part: Floats) -> Floats:
    return (~np.isfinite(part)).astype(np.float64)


def resegmented(values: Floats, shape: Bools, settings: Settings) -> Bools:
    """The intensity mask: finite, within the range, and then within so many deviations of the mean."""
    inside = shape & np.isfinite(values)
    if settings.range is not None:
        low, high = settings.range
        inside &= values >= (-np.inf if low is None else low)
        inside &= values <= (np.inf if high is None else high)
    if settings.outliers is not None and inside.any():
        kept = values[inside]
        inside &= np.abs(values - kept.mean()) <= settings.outliers * kept.std()
    return inside
