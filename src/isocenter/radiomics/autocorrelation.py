"""Moran's I and Geary's C: do close voxels resemble each other? (Reference manual, section 3.1.)

Every pair of voxels counts, weighted by one over its distance. On a regular grid the weight depends on the
step between the two only, so the sums over all pairs are sums over frequencies (a convolution without
wrapping round, as the box is padded): exact, and n log n where the pairs are n squared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from isocenter import compute

Bools = NDArray[np.bool_]
Reals = NDArray[Any]  # of 32 or 64 bits

_AT_A_TIME = 1 << 22  # frequencies held at once: memory stays bounded whatever the region
_SINGLE_FROM = 1 << 15  # voxels in the box, from where numbers of 32 bits are used: half the time, seven digits


def autocorrelation(
    values: NDArray[np.float64], inside: Bools, spacing: tuple[float, float, float]
) -> dict[str, float]:
    """Both for intensities (n,) of the voxels of `inside` (D, H, W); NaN for one voxel or a flat region."""
    n = len(values)
    x = values - values.mean()
    spread = float((x * x).sum())
    if n < 2 or spread == 0 or values.min() == values.max():
        return {"morph_moran_i": float("nan"), "morph_geary_c": float("nan")}
    x /= np.sqrt(spread / n)
    with fft.set_workers(compute.processes()):
        pairs, alike, squares = _sums(x, inside, spacing)
    return {
        "morph_moran_i": alike / pairs,
        "morph_geary_c": (n - 1) / n * (squares - alike) / pairs,  # half of sum w (xi - xj)^2 = sum w xi^2 - w xi xj
    }


def _sums(x: NDArray[np.float64], inside: Bools, spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Over ordered pairs, weighted by 1 / distance: of 1, of xi xj, and of xi^2."""
    kind = np.float32 if inside.size >= _SINGLE_FROM else np.float64
    sizes = [fft.next_fast_len(n, real=True) for n in inside.shape]  # the padded box is twice as long
    weights = _spectrum(sizes, spacing, kind)
    rows = [fft.rfft(_placed(one, inside, kind), n=2 * sizes[2], axis=2) for one in (np.ones_like(x), x, x * x)]
    depth, height = (np.minimum(np.arange(2 * size), np.arange(2 * size, 0, -1)) for size in sizes[:2])
    wide = max(1, _AT_A_TIME // (4 * sizes[0] * sizes[1]))
    totals = np.zeros(3)
    for start in range(0, sizes[2] + 1, wide):
        stop = min(start + wide, sizes[2] + 1)
        marks, first, second = (
            fft.fft(fft.fft(row[:, :, start:stop], n=2 * sizes[1], axis=1), n=2 * sizes[0], axis=0) for row in rows
        )
        twice: Reals = np.full(stop - start, 2.0, dtype=kind)  # columns beyond the middle mirror those before it
        for alone in (0, sizes[2]):
            if start <= alone < stop:
                twice[alone - start] = 1.0
        weight = weights[depth[:, None], height[None, :], start:stop] * twice
        totals += [_summed(weight, *two) for two in ((marks, marks), (first, first), (marks, second))]
    pairs, alike, squares = totals / (8 * np.prod(sizes))
    return float(pairs), float(alike), float(squares)


def _spectrum(sizes: list[int], spacing: tuple[float, float, float], kind: type) -> Reals:
    """The transform of 1 / distance: real and even, so an eighth of it suffices."""
    z, y, x = (np.arange(size + 1) * step for size, step in zip(sizes, spacing, strict=True))
    distance = np.sqrt((z * z)[:, None, None] + (y * y)[None, :, None] + (x * x)[None, None, :])
    distance[0, 0, 0] = np.inf  # a voxel is no pair with itself
    return np.asarray(fft.dctn((1 / distance).astype(kind), type=1, overwrite_x=True))


def _placed(values: NDArray[np.float64], inside: Bools, kind: type) -> Reals:
    field: Reals = np.zeros(inside.shape, dtype=kind)
    field[inside] = values
    return field


def _summed(weight: Reals, a: NDArray[Any], b: NDArray[Any]) -> float:
    products = a.real * b.real
    products += a.imag * b.imag
    products *= weight
    return float(products.sum(dtype=np.float64))
