"""The response to a filter in place of intensities; as much of the image is interpolated as the filter needs.

As in IBSI 2, the region and its re-segmentation come from the intensities, before the filter.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from isocenter.radiomics.filters import Filter, margin, respond
from isocenter.radiomics.grid import Box, Floats, Grid


def widened(grid: Grid, box: Box, chosen: Filter) -> Box:
    """A box of the new grid with what a filter needs around it; all of an axis where its kernel has no end."""
    reach = zip(box, grid.axes, margin(chosen, grid.spacing), strict=True)
    return tuple(
        slice(0, axis.new) if more is None else slice(max(one.start - more, 0), min(one.stop + more, axis.new))
        for one, axis, more in reach
    )


def within(box: Box, wide: Box) -> Box:
    """Where a box lies in a wider one."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, wide, strict=True))


def response(image: Floats, spacing: tuple[float, float, float], chosen: Filter, box: Box) -> Floats:
    """In `box` of an image (D, H, W); NaN where the image has no value, and nowhere else."""
    z, y, x = box
    found = np.array(respond(_filled(image), spacing, chosen, (z, y, x)), dtype=np.float64, order="C")
    found[~np.isfinite(image[box])] = np.nan
    return found


def _filled(image: Floats) -> Floats:
    """Voxels without a value take that of the nearest: one NaN would spread over the whole response."""
    gaps = ~np.isfinite(image)
    if not gaps.any() or gaps.all():
        return image
    nearest = ndimage.distance_transform_edt(gaps, return_distances=False, return_indices=True)
    return np.asarray(image[tuple(nearest)])
