"""k-means on points: Lloyd's iterations from k-means++ starts (Arthur and Vassilvitskii, SODA 2007).

Written out and compiled, since it is called hundreds of times on small samples to judge stability,
where the library's start-up around each call costs more than the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.unsupervised.kernels import lloyd, start

ROUNDS = 50  # Lloyd's iterations at most


def kmeans(points: NDArray[np.floating[Any]], k: int, rng: np.random.Generator, starts: int = 4) -> Floats:
    """(k', d) centres of the best of several starts; k' < k where there are fewer different points."""
    flat = np.ascontiguousarray(points, dtype=np.float32)
    best, least = np.zeros((1, flat.shape[1]), np.float32), np.inf
    for _ in range(starts):
        centres, spread = lloyd(flat, start(flat, rng.random(k)), ROUNDS)
        if spread < least:
            best, least = centres, spread
    return best.astype(np.float64)


def nearest(points: NDArray[np.floating[Any]], centres: NDArray[np.floating[Any]]) -> Ints:
    """(n,) number of the nearest centre."""
    flat = np.asarray(points)
    return np.asarray(_relative(flat, centres.astype(flat.dtype)).argmin(axis=1), dtype=np.int64)


def within(points: NDArray[np.floating[Any]], centres: NDArray[np.floating[Any]]) -> float:
    """Summed squared distance to the nearest centre."""
    flat = np.asarray(points)
    own = np.einsum("ij,ij->", flat, flat, dtype=np.float64)
    return max(float(own + _relative(flat, centres.astype(flat.dtype)).min(axis=1).sum(dtype=np.float64)), 0.0)


def _relative(points: NDArray[Any], centres: NDArray[Any]) -> NDArray[Any]:
    """(n, k) squared distances less that of the point from the origin."""
    found: NDArray[Any] = points @ (-2 * centres.T)
    found += np.einsum("ij,ij->i", centres, centres)
    return found
