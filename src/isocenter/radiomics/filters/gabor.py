"""Gabor filters: how strongly each place waves, by wavelength and direction, in a plane.

Source: IBSI 2 reference manual (arXiv 2006.05470), Gabor filters. The kernel is cut where nothing is left of it, not at
the size of the image, so that a region of an image gives what the whole image gives.
"""

from __future__ import annotations

from math import ceil, pi

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from isocenter.radiomics.filters.kinds import Gabor
from isocenter.radiomics.filters.padding import Box, Floats, Reach, block

Spacing = tuple[float, float, float]
_PLANES = ((1, 2), (0, 2), (0, 1))  # the axes of axial, coronal and sagittal planes
_AT_ONCE = 1 << 20  # pixels transformed together: what fits a cache is faster, and memory stays bounded


def planes(chosen: Gabor) -> tuple[tuple[int, int], ...]:
    """The axes (of z, y, x) of each plane that is filtered."""
    return _PLANES[:1] if chosen.by_slice else _PLANES


def reach(chosen: Gabor, spacing: Spacing, plane: tuple[int, int]) -> Reach:
    """Voxels (z, y, x) that the kernel needs around a region in one plane, whatever its angle."""
    longest = chosen.cutoff * chosen.sigma_mm * max(1, 1 / chosen.gamma)
    z, y, x = (ceil(longest / spacing[axis]) if axis in plane else 0 for axis in range(3))
    return z, y, x


def respond(image: NDArray[np.generic], spacing: Spacing, box: Box, chosen: Gabor) -> Floats:
    """The modulus in `box`, pooled over angles, then averaged over planes."""
    total = sum(_in_plane(image, spacing, box, chosen, plane) for plane in planes(chosen))
    return np.asarray(total / len(planes(chosen)))


def angles(chosen: Gabor) -> NDArray[np.float64]:
    """All, from `angle` once around; half a turn further the modulus is the same: left out where each has its other."""
    if chosen.step is None:
        return np.array([chosen.angle])
    around = np.arange(0, 2 * pi - 1e-9, chosen.step)
    half = around[around < pi - 1e-9]
    both = len(around) == 2 * len(half) and np.allclose(around[len(half) :], half + pi)
    return chosen.angle + (half if both else around)


def _in_plane(image: NDArray[np.generic], spacing: Spacing, box: Box, chosen: Gabor, plane: tuple[int, int]) -> Floats:
    """Slice by slice through `plane`, some of them at once."""
    around = reach(chosen, spacing, plane)
    axis = 3 - sum(plane)
    padded = np.moveaxis(block(image, box, around, chosen.boundary), axis, 0)
    size = [fft.next_fast_len(length) for length in padded.shape[1:]]
    width = [spacing[i] for i in plane]
    more = [around[i] for i in plane]
    waves = [fft.fft2(_kernel(chosen, angle, width, more).astype(_complex(padded)), size) for angle in angles(chosen)]
    valid = tuple(slice(2 * i, length) for i, length in zip(more, padded.shape[1:], strict=True))
    response = np.empty((len(padded), *(part.stop - part.start for part in valid)), padded.dtype)
    step = max(1, _AT_ONCE // (size[0] * size[1]))
    for first in range(0, len(padded), step):
        part = slice(first, first + step)
        spectrum = fft.fft2(padded[part], size)
        response[part] = _pooled([w * spectrum for w in waves], chosen.pooling, valid)
    return np.moveaxis(response, 0, axis)


def _pooled(spectra: list[NDArray[np.complexfloating]], pooling: str, valid: tuple[slice, ...]) -> Floats:
    pool = {"mean": np.add, "max": np.maximum, "min": np.minimum}[pooling]
    total: Floats | None = None
    for spectrum in spectra:
        modulus = np.abs(fft.ifft2(spectrum, overwrite_x=True)[(slice(None), *valid)])
        total = modulus if total is None else pool(total, modulus, out=total)
    assert total is not None
    return total / len(spectra) if pooling == "mean" else total


def _complex(array: Floats) -> np.dtype[np.complexfloating]:
    return np.result_type(array.dtype, np.complex64)


def _kernel(chosen: Gabor, angle: float, width: list[float], more: list[int]) -> NDArray[np.complex128]:
    """A wave along `angle` under a Gaussian; (rows, columns), `width` mm apart."""
    rows, columns = (step * np.arange(-i, i + 1) for step, i in zip(width, more, strict=True))
    along = columns * np.cos(angle) + rows[:, None] * np.sin(angle)
    across = rows[:, None] * np.cos(angle) - columns * np.sin(angle)
    envelope = np.exp(-(along**2 + (chosen.gamma * across) ** 2) / (2 * chosen.sigma_mm**2))
    return np.asarray(envelope * np.exp(2j * pi * along / chosen.wavelength_mm))
