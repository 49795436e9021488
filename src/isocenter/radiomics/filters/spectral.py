"""Filters that are made in the Fourier domain: Simoncelli's wavelets, and Riesz transforms of them or of a Laplacian.

Their kernels have no end, so the whole image takes part, and a region costs as much as the image does. With a boundary
other than "periodic" the image goes on for `_BEYOND` voxels before it repeats.

Frequencies are spread evenly from -1 to 1 (Nyquist) over the samples of an axis, as IBSI's reference maps have them.
For an even number of samples that is half a step beside the frequencies of the discrete transform; with those the maps
of levels 2 and 3 differ by 2.5 and 8 % of their range. The real part of the response is what counts.

Features of Riesz-transformed images were never established by IBSI: only the three maps in its reference data are
checked. Alignment by the structure tensor ("steering") has no reference either, and is left out.

Source: IBSI 2 reference manual (arXiv 2006.05470), non-separable wavelets and Riesz transforms.
"""

from __future__ import annotations

from math import factorial, prod, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from isocenter.radiomics.filters.kernels import Kernel, gaussian
from isocenter.radiomics.filters.kinds import LoG, Simoncelli
from isocenter.radiomics.filters.padding import Box, Floats, Reach, block

_BEYOND = 32
Spectrum = NDArray[np.complexfloating]
Spacing = tuple[float, float, float]


def respond(image: NDArray[np.generic], spacing: Spacing, box: Box, chosen: LoG | Simoncelli) -> Floats:
    """The response in `box`, from the whole image; of its slices in `box` if the filter is in the plane."""
    axes = 2 if chosen.by_slice else 3
    z, y, x = (slice(0, length) for length in image.shape)
    more = 0 if chosen.boundary == "periodic" else _BEYOND
    around: Reach = (0 if chosen.by_slice else more, more, more)
    padded = block(image, (box[0] if chosen.by_slice else z, y, x), around, chosen.boundary)
    shape = padded.shape[3 - axes :]
    spectrum = fft.rfftn(padded, axes=range(3 - axes, 3))
    _filter(spectrum, shape, spacing[3 - axes :], chosen)
    start = (0 if chosen.by_slice else box[0].start + more, box[1].start + more, box[2].start + more)
    inner = [slice(s, s + part.stop - part.start) for s, part in zip(start, box, strict=True)]
    return _back(spectrum, shape, inner)


def _back(spectrum: Spectrum, shape: tuple[int, ...], inner: list[slice]) -> Floats:
    """Transformed back, axis by axis: what is outside the box by one axis is not carried through the next."""
    for axis in range(3 - len(shape), 2):
        spectrum = fft.ifft(spectrum, axis=axis, overwrite_x=True)
        spectrum = spectrum[tuple(inner[axis] if axis == i else slice(None) for i in range(3))]
    return np.asarray(fft.irfft(spectrum, shape[-1], axis=2)[:, :, inner[2]])


def _filter(spectrum: Spectrum, shape: tuple[int, ...], spacing: tuple[float, ...], chosen: LoG | Simoncelli) -> None:
    """In place; plane by plane, since a grid of frequencies would be as large as the image again.

    The transfer function is made even (averaged with its conjugate at the opposite frequency): that is the real part
    of the response.
    """
    grids = [_frequencies(length) for length in shape]
    waves = [_gaussians(length, chosen, width, min(spacing)) for length, width in zip(shape, spacing, strict=True)]
    here, there = ([grid[way] for grid in _halved(grids)] for way in (0, 1))
    kept = [(w[0], w[1]) for w in waves]
    kept[-1] = (kept[-1][0][: shape[-1] // 2 + 1], kept[-1][1][: shape[-1] // 2 + 1])
    if len(shape) == 2:
        spectrum *= _even(here, there, kept, chosen)
        return
    for plane in range(shape[0]):
        one = slice(plane, plane + 1)
        first = (kept[0][0][one], kept[0][1][one])
        transfer = _even([here[0][one], *here[1:]], [there[0][one], *there[1:]], [first, *kept[1:]], chosen)
        spectrum[plane] *= transfer[0]


def _frequencies(length: int) -> Kernel:
    """In the order of a transform; 0 for a single sample."""
    centre = (length - 1) / 2
    return np.asarray(fft.ifftshift((np.arange(length) - centre) / max(centre, 0.5)))


def _halved(grids: list[Kernel]) -> list[tuple[Kernel, Kernel]]:
    """Each axis with its opposite frequencies; of the last as much as a real transform keeps."""
    both = [(grid, grid[-np.arange(len(grid))]) for grid in grids]
    half = len(grids[-1]) // 2 + 1
    both[-1] = (both[-1][0][:half], both[-1][1][:half])
    return both


def _gaussians(length: int, chosen: LoG | Simoncelli, width: float, finest: float) -> tuple[Kernel, Kernel]:
    """Spectra of a Gaussian and its second derivative along one axis; they are symmetric, hence real."""
    if isinstance(chosen, Simoncelli):
        return np.ones(length), np.ones(length)
    smooth, second = gaussian(chosen.sigma_mm / width, chosen.cutoff)
    return _real_spectrum(smooth, length), _real_spectrum(second * (finest / width) ** 2, length)


def _real_spectrum(kernel: Kernel, length: int) -> Kernel:
    wrapped = np.zeros(length)
    np.add.at(wrapped, (np.arange(len(kernel)) - len(kernel) // 2) % length, kernel)
    return np.asarray(fft.fft(wrapped).real)


def _even(
    here: list[Kernel], there: list[Kernel], waves: list[tuple[Kernel, Kernel]], chosen: LoG | Simoncelli
) -> NDArray[np.inexact]:
    transfer = (_transfer(here, chosen) + _transfer(there, chosen).conj()) / 2
    return transfer * _laplacian(waves) if isinstance(chosen, LoG) else transfer


def _transfer(frequencies: list[Kernel], chosen: LoG | Simoncelli) -> NDArray[np.inexact]:
    grid = np.meshgrid(*frequencies, indexing="ij", sparse=True)
    squared = np.asarray(sum(along**2 for along in grid))
    transfer = _band(squared, chosen.level) if isinstance(chosen, Simoncelli) else np.ones(1)
    return transfer * _riesz(grid, np.sqrt(squared), chosen.riesz) if chosen.riesz else transfer


def _band(squared: NDArray[np.float64], level: int) -> NDArray[np.float64]:
    """The cosine of the octaves from the middle of the band, which is two octaves wide; from squared frequencies."""
    top = 4.0 ** (1 - level)
    inside = (squared >= top / 16) & (squared <= top)
    transfer = np.zeros(squared.shape)
    transfer[inside] = np.cos(np.pi / 4 * np.log2(squared[inside] * (4 / top)))
    return transfer


def _riesz(grid: tuple[NDArray[np.float64], ...], radius: NDArray[np.float64], order: tuple[int, ...]) -> Spectrum:
    """The Riesz transform of an order given along x, y, z; nothing at frequency zero."""
    total = sum(order)
    scale = (-1j) ** total * sqrt(factorial(total) / prod(map(factorial, order)))
    directions = prod(along**power for along, power in zip(grid, reversed(order), strict=True))
    return np.asarray(scale * directions / np.where(radius > 0, radius, 1) ** total)


def _laplacian(waves: list[tuple[Kernel, Kernel]]) -> NDArray[np.float64]:
    """The spectrum of a Laplacian of Gaussian from those along its axes."""
    total = np.zeros(1)
    for axis in range(len(waves)):
        grid = np.meshgrid(*(pair[int(i == axis)] for i, pair in enumerate(waves)), indexing="ij", sparse=True)
        total = total + prod(grid)
    return np.asarray(total)
