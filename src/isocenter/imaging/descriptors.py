"""Classic descriptors of a picture: how bright, which edges, which texture.

Histograms of the channels; histograms of oriented gradients (Dalal & Triggs, CVPR 2005); local
binary patterns, rotation invariant (Ojala et al., IEEE TPAMI 2002); mean and deviation of the
responses of Gabor filters (Manjunath & Ma, IEEE TPAMI 1996).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.imaging.intensity import grey

SIDE = 128  # pixels a side of the pictures that are described
_BINS = 16
_CELL, _BLOCK, _DIRECTIONS = 32, 2, 8
_CIRCLES = ((1, 8), (2, 16), (3, 24))  # radius and points of the patterns
_FREQUENCIES, _ANGLES = (0.05, 0.1, 0.2, 0.4), 4  # cycles a pixel

_BLOCKS = SIDE // _CELL - _BLOCK + 1
NAMES = (
    *(f"hist_{channel}_{i}" for channel in "rgb" for i in range(_BINS)),
    *(f"hog_{i}" for i in range(_BLOCKS**2 * _BLOCK**2 * _DIRECTIONS)),
    *(f"lbp_{radius}_{i}" for radius, points in _CIRCLES for i in range(points + 2)),
    *(
        f"gabor_{f}_{180 * a // _ANGLES}_{what}"
        for f in _FREQUENCIES
        for a in range(_ANGLES)
        for what in ("mean", "sd")
    ),
)


def describe(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(len(NAMES),) of a picture (C, SIDE, SIDE), C 1 or 3; a grey one has three equal histograms."""
    plane = np.asarray(np.rint(grey(picture)), dtype=np.uint8)
    found = [_histograms(picture), _gradients(plane), *_patterns(plane), _responses(plane)]
    return np.concatenate(found).astype(np.float32)


def _histograms(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Shares of the pixels in 16 equal ranges of each channel."""
    width = 256 // _BINS
    shares = [np.bincount(channel.ravel() // width, minlength=_BINS) / channel.size for channel in picture]
    return np.concatenate(shares * (3 // len(shares)))


def _gradients(plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    from skimage.feature import hog

    found: NDArray[np.float64] = hog(
        plane, orientations=_DIRECTIONS, pixels_per_cell=(_CELL, _CELL), cells_per_block=(_BLOCK, _BLOCK)
    )
    return found


def _patterns(plane: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Shares of the uniform patterns on each circle."""
    from skimage.feature import local_binary_pattern

    found = []
    for radius, points in _CIRCLES:
        patterns = local_binary_pattern(plane, points, radius, method="uniform").astype(np.intp)
        found.append(np.bincount(patterns.ravel(), minlength=points + 2) / patterns.size)
    return found


def _responses(plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean and standard deviation of the magnitude behind each filter, of the picture in 0..1 without its mean."""
    spectrum = np.fft.fft2(plane / 255.0 - (plane / 255.0).mean())
    magnitudes = np.abs(np.fft.ifft2(spectrum * _filters(), axes=(1, 2)))
    return np.stack([magnitudes.mean(axis=(1, 2)), magnitudes.std(axis=(1, 2))], axis=1).ravel()


@cache
def _filters() -> Any:
    """(filters, SIDE, SIDE): each filter's transfer function; a filter wider than the picture wraps around."""
    from skimage.filters import gabor_kernel

    found = []
    for frequency in _FREQUENCIES:
        for angle in range(_ANGLES):
            kernel = gabor_kernel(frequency, theta=np.pi * angle / _ANGLES)
            rows, columns = np.indices(kernel.shape)
            whole = np.zeros((SIDE, SIDE), dtype=complex)
            np.add.at(whole, ((rows - kernel.shape[0] // 2) % SIDE, (columns - kernel.shape[1] // 2) % SIDE), kernel)
            found.append(np.fft.fft2(whole))
    return np.stack(found)
