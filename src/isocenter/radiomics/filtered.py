"""A region of a response map: made ready as an image is, then filtered; features see the response alone.

As in IBSI 2, the region and its re-segmentation come from the intensities, before the filter.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.radiomics.filters import Filter, margin, respond
from isocenter.radiomics.grid import Floats, Grid
from isocenter.radiomics.prepared import Prepared, prepare
from isocenter.radiomics.settings import Settings, Spacing


def filtered(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    settings: Settings,
    chosen: Filter,
    margin_mm: float = 0.0,
) -> Prepared:
    """What `prepare` gives, with the response to a filter in place of the image; errors as there."""
    grid = Grid.of(image.shape, spacing, settings.wanted(spacing))
    whole = [axis.n * axis.given for axis in grid.axes]
    reach = zip(margin(chosen, grid.spacing), grid.spacing, whole, strict=True)
    needed = max(length if voxels is None else voxels * width for voxels, width, length in reach)
    one = prepare(image, mask, spacing, settings, margin_mm + needed)
    near = [math.ceil(margin_mm / width) for width in one.spacing]
    ends = zip(one.core, near, one.image.shape, strict=True)
    z, y, x = (slice(max(c.start - more, 0), min(c.stop + more, n)) for c, more, n in ends)
    keep = (z, y, x)
    response = np.array(respond(_filled(one.image), one.spacing, chosen, keep), dtype=np.float64, order="C")
    response[~np.isfinite(one.image[keep])] = np.nan
    core = tuple(slice(c.start - k.start, c.stop - k.start) for c, k in zip(one.core, keep, strict=True))
    shape, inside = (np.ascontiguousarray(marked[keep]) for marked in (one.shape, one.inside))
    return Prepared(response, shape, inside, one.spacing, core)


def _filled(image: Floats) -> Floats:
    """Voxels without a value take that of the nearest: one NaN would spread over the whole response."""
    gaps = ~np.isfinite(image)
    if not gaps.any():
        return image
    nearest = ndimage.distance_transform_edt(gaps, return_distances=False, return_indices=True)
    return np.asarray(image[tuple(nearest)])
