"""One-dimensional kernels: Laws, Gaussians, and low- and high-pass filters of wavelets. All have an odd number of taps.

Sources: IBSI 2 reference manual (arXiv 2006.05470); Daubechies, Ten Lectures on Wavelets, 1992,
chapters 6 and 8.
"""

from __future__ import annotations

from functools import cache
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UsageError

Kernel = NDArray[np.float64]

_TAPS = {
    "L3": (1, 2, 1), "L5": (1, 4, 6, 4, 1),  # level
    "E3": (-1, 0, 1), "E5": (-1, -2, 0, 2, 1),  # edge
    "S3": (-1, 2, -1), "S5": (-1, 0, 2, 0, -1),  # spot
    "W5": (-1, 2, 0, -2, 1),  # wave
    "R5": (1, -4, 6, -4, 1),  # ripple
}  # fmt: skip
LAWS: dict[str, Kernel] = {name: np.array(taps) / np.linalg.norm(taps) for name, taps in _TAPS.items()}
_MOST_MOMENTS = 10  # of a Daubechies wavelet: beyond, its roots lose digits


def gaussian(sigma: float, cutoff: float) -> tuple[Kernel, Kernel]:
    """A sampled Gaussian density and its second derivative; sigma in voxels, cut at `cutoff` sigmas (rounded)."""
    reach = int(cutoff * sigma + 0.5)
    x = np.arange(-reach, reach + 1)
    density = np.exp(-0.5 * (x / sigma) ** 2) / (sqrt(2 * np.pi) * sigma)
    return density, density * (x**2 / sigma**4 - 1 / sigma**2)


def wavelet_kernel(name: str, band: str, level: int) -> Kernel:
    """The undecimated filter of "L" or "H" at a level: low-pass of all levels above it, then itself, spread a trous.

    Levels are convolutions one after the other, so one kernel serves all of them.
    """
    low, high = (np.append(taps, 0.0) for taps in wavelet(name))  # even lengths: the centre is right of the middle
    whole = np.ones(1)
    for finer in range(level - 1):
        whole = np.convolve(whole, _spread(low, 2**finer))
    return np.convolve(whole, _spread(high if band == "H" else low, 2 ** (level - 1)))


def _spread(taps: Kernel, step: int) -> Kernel:
    spread = np.zeros((len(taps) - 1) * step + 1)
    spread[::step] = taps
    return spread


@cache
def wavelet(name: str) -> tuple[Kernel, Kernel]:
    """Analysis filters, low- and high-pass, of an orthogonal wavelet. Raises UsageError for an unknown name."""
    if name == "coif1":
        root = sqrt(7)
        low = np.array([root - 3, 1 - root, 14 - 2 * root, 14 + 2 * root, 5 + root, 1 - root]) / (16 * sqrt(2))
    elif name == "haar":
        low = _daubechies(1)
    elif name.startswith("db") and name[2:].isdecimal() and 1 <= int(name[2:]) <= _MOST_MOMENTS:
        low = _daubechies(int(name[2:]))
    else:
        raise UsageError(f"No wavelet is called {name!r}.", f"Known: haar, db1 to db{_MOST_MOMENTS}, coif1.")
    return low, low[::-1] * (-1.0) ** (np.arange(len(low)) + 1)


def _daubechies(moments: int) -> Kernel:
    """The low-pass filter with that many vanishing moments, of extremal phase: spectral factors inside the circle."""
    taps = np.ones(1)
    for _ in range(moments):
        taps = np.convolve(taps, [1.0, 1.0])
    # |H|^2 = cos^2N(w/2) P(sin^2(w/2)); with y = (2 - z - 1/z) / 4 each root of P gives a pair of z, one of them inside
    for y in np.roots([comb(moments - 1 + k, k) for k in range(moments)][::-1]):
        middle = 1 - 2 * y
        z = middle + np.sqrt(middle**2 - 1 + 0j)
        taps = np.convolve(taps, [1.0, -(z if abs(z) < 1 else 1 / z)])
    taps = np.real(taps)
    return np.asarray(taps[::-1] * sqrt(2) / taps.sum())
