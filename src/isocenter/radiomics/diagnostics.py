"""What IBSI reports beside features: the image and the region before and after each step of preparation.

It interpolates the whole image, which features never need: for verification and for reports, not for speed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.radiomics.grid import Floats, Grid
from isocenter.radiomics.prepared import Bools, marked, prepare
from isocenter.radiomics.settings import Settings, Spacing

Named = dict[str, float]


def diagnostics(image: NDArray[np.generic], mask: Bools, spacing: Spacing, settings: Settings) -> Named:
    """60 values by the tags of the reference tables, for arguments as in `extract`; the image without NaN.

    `init`, `interp`, `reseg`: as given, interpolated, re-segmented.
    """
    grid = Grid.of(image.shape, spacing, settings.wanted(spacing))
    whole = grid.values(image, grid.whole, settings.interpolation)
    if settings.round_intensities:
        whole = np.rint(whole)
    one = prepare(image, mask, spacing, settings)
    given = image[marked(mask)].astype(np.float64), mask[marked(mask)]
    shape, inside, values = one.shape[one.core], one.inside[one.core], one.image[one.core]
    return {
        **_image("init", np.asarray(image), spacing),
        **_image("interp", whole, grid.spacing),
        **_region("init", image.shape, given[0], given[1], given[1]),
        **_region("interp", whole.shape, values, shape, shape),
        **_region("reseg", whole.shape, values, inside, shape),
    }


def _image(stage: str, image: NDArray[np.generic], spacing: Spacing) -> Named:
    found = {f"img_dim_{axis}_{stage}_img": float(n) for axis, n in zip("zyx", image.shape, strict=True)}
    found |= {f"vox_dim_{axis}_{stage}_img": side for axis, side in zip("zyx", spacing, strict=True)}
    return found | {f"{name}_int_{stage}_img": value for name, value in _spread(image).items()}


def _region(stage: str, size: tuple[int, ...], values: Floats, inside: Bools, shape: Bools) -> Named:
    found = {f"int_mask_dim_{axis}_{stage}_roi": float(n) for axis, n in zip("zyx", size, strict=True)}
    for name, mask in (("int", inside), ("morph", shape)):
        found[f"{name}_mask_vox_count_{stage}_roi"] = float(mask.sum())
        for axis, side in zip("zyx", marked(mask), strict=True):
            found[f"{name}_mask_bb_dim_{axis}_{stage}_roi"] = float(side.stop - side.start)
    return found | {f"int_mask_{name}_int_{stage}_roi": value for name, value in _spread(values[inside]).items()}


def _spread(values: NDArray[Any]) -> Named:
    return {"mean": float(values.mean()), "min": float(values.min()), "max": float(values.max())}
