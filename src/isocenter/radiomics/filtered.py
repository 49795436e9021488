"""The response to a filter in place of intensities; as much of the image is interpolated as the filters need.

As in IBSI 2, the region and its re-segmentation come from the intensities, before the filter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isocenter.imaging.gaps import from_nearest
from isocenter.radiomics.filters import Filter, margin, respond
from isocenter.radiomics.grid import Box, Floats, Grid

_ROUNDING = 1e-11  # of the largest intensity: responses closer together than that are one


def widened(grid: Grid, box: Box, core: Box, filters: Sequence[Filter]) -> Box:
    """A box of the new grid that holds `box`, and `core` with what each filter needs around it.

    All of an axis where a kernel has no end.
    """
    wide = list(box)
    for chosen in filters:
        for i, more in enumerate(margin(chosen, grid.spacing)):
            reach = grid.axes[i].new if more is None else more
            start, stop = max(core[i].start - reach, 0), min(core[i].stop + reach, grid.axes[i].new)
            wide[i] = slice(min(wide[i].start, start), max(wide[i].stop, stop))
    return tuple(wide)


def within(box: Box, wide: Box) -> Box:
    """Where a box lies in a wider one."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True))


def placed(box: Box, wide: Box) -> Box:
    """The other way round: a box that was counted within a wider one."""
    return tuple(slice(a.start + b.start, a.stop + b.start) for a, b in zip(box, wide, strict=True))


def response(image: Floats, spacing: tuple[float, float, float], chosen: Filter, box: Box) -> Floats:
    """In `box` of an image (D, H, W); NaN where the image has no value, and nowhere else.

    A response that differs by rounding only is flat: its texture would be that of the rounding.
    """
    z, y, x = box
    filled = from_nearest(image)
    found = np.array(respond(filled, spacing, chosen, (z, y, x)), dtype=np.float64, order="C")
    if np.ptp(found) <= _ROUNDING * max(np.max(filled), -np.min(filled)):
        found[:] = found.flat[0]
    found[~np.isfinite(image[box])] = np.nan
    return found
