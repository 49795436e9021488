"""Convolutional filters of IBSI 2: mean, Laplacian of Gaussian, Laws, Gabor, wavelets, Riesz.

    respond(image, spacing, Laws(kernels="L5E5E5"), box)     the response in a box around a region
    margin(Laws(kernels="L5E5E5"), spacing)                  voxels around it that matter

`kinds` says what filters there are, as plain values, `written` as text; `separable`, `gabor` and `spectral` make
their responses, `kernels` and `padding` serve them. A box gives what the whole image gives: it is taken
with what its kernel needs.

Source: Whybra, Zwanenburg et al., The Image Biomarker Standardization Initiative: standardized convolutional filters
for reproducible radiomics, Radiology 2024; reference manual arXiv 2006.05470. 33 of its 36 response maps have a
consensus. Features of Riesz-transformed images were never established: use them knowing that nothing checks them.
"""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape, BadValues
from isocenter.radiomics.filters import gabor, separable, spectral
from isocenter.radiomics.filters.kinds import KINDS, Filter, Gabor, Laws, LoG, Mean, Simoncelli, Wavelet
from isocenter.radiomics.filters.padding import Box

__all__ = ["KINDS", "Filter", "Gabor", "Laws", "LoG", "Mean", "Simoncelli", "Wavelet", "margin", "respond"]

Spacing = tuple[float, float, float]


def respond(
    image: NDArray[np.generic],
    spacing: Spacing,
    chosen: Filter,
    box: Box | None = None,
) -> NDArray[np.floating]:
    """The response map of an image (D, H, W), `spacing` (z, y, x) in mm; in `box` alone if one is given.

    Floats keep their precision; integers are calculated as float32 (up to 16 bits) or float64. A NaN makes NaN of all
    that its kernel reaches: with Simoncelli and Riesz everything, with Gabor some slices.

    Raises BadShape for an image that is not (D, H, W) or an empty box, BadValues for a spacing that is not above zero.
    """
    _check(spacing)
    if image.ndim != 3:
        raise BadShape(f"A filter takes an image of depth, height and width, not one of shape {image.shape}.")
    inside = _within(box, image.shape)
    if isinstance(chosen, Gabor):
        return gabor.respond(image, spacing, inside, chosen)
    if isinstance(chosen, Simoncelli) or (isinstance(chosen, LoG) and chosen.riesz):
        return spectral.respond(image, spacing, inside, chosen)
    return separable.respond(image, inside, separable.bank_of(chosen, spacing), chosen.boundary)


def _within(box: Box | None, shape: tuple[int, ...]) -> Box:
    wanted = (slice(None),) * 3 if box is None else box
    z, y, x = (slice(*part.indices(n)[:2]) for part, n in zip(wanted, shape, strict=True))
    if any(part.stop <= part.start for part in (z, y, x)):
        raise BadShape(f"Nothing to filter: an image of shape {shape} has no voxel in {wanted}.")
    return z, y, x


def margin(chosen: Filter, spacing: Spacing) -> tuple[int | None, int | None, int | None]:
    """Voxels (z, y, x) around a region on which its response depends; None: all there are.

    An image cut to a region with this margin (less where the image ends) has the same response there as the whole.
    """
    _check(spacing)
    if isinstance(chosen, Gabor):
        reaches = [gabor.reach(chosen, spacing, plane) for plane in gabor.planes(chosen)]
        needed = [max(reach[axis] for reach in reaches) for axis in range(3)]
    elif isinstance(chosen, Simoncelli) or (isinstance(chosen, LoG) and chosen.riesz):
        return (0 if chosen.by_slice else None), None, None
    else:
        needed = list(separable.bank_of(chosen, spacing).margin)
    # a periodic image goes on at its other end
    z, y, x = (None if chosen.boundary == "periodic" and voxels else voxels for voxels in needed)
    return z, y, x


def _check(spacing: Spacing) -> None:
    if not all(0 < width < inf for width in spacing):
        raise BadValues(f"Spacings are millimetres above zero (z, y, x), not {tuple(spacing)}.")
