"""k-means on points: Lloyd's iterations from k-means++ starts (Arthur and Vassilvitskii, SODA 2007).

Written out, since it is called hundreds of times on small samples to judge stability, where the
library's start-up around each call costs more than the work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints

ROUNDS = 50  # Lloyd's iterations at most


def kmeans(points: NDArray[np.floating[Any]], k: int, rng: np.random.Generator, starts: int = 4) -> Floats:
    """(k', d) centres of the best of several starts; k' < k where there are fewer different points."""
    flat = np.ascontiguousarray(points, dtype=np.float32)
    best, least = np.zeros((1, flat.shape[1]), np.float32), np.inf
    for _ in range(starts):
        centres, spread = _lloyd(flat, _start(flat, k, rng))
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


def _start(points: NDArray[np.float32], k: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """k-means++: each further centre is drawn by its squared distance from those there are."""
    chosen = [points[rng.integers(len(points))]]
    apart = ((points - chosen[0]) ** 2).sum(axis=1)
    while len(chosen) < k and (total := float(apart.sum(dtype=np.float64))) > 0:
        pick = int(np.searchsorted(np.cumsum(apart, dtype=np.float64), rng.random() * total))
        chosen.append(points[min(pick, len(points) - 1)])
        np.minimum(apart, ((points - chosen[-1]) ** 2).sum(axis=1), out=apart)
    return np.array(chosen)


def _lloyd(points: NDArray[np.float32], centres: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    labels = np.full(len(points), -1)
    for _ in range(ROUNDS):
        relative = _relative(points, centres)
        found = relative.argmin(axis=1)
        if (found == labels).all():
            break
        labels = found
        member = (labels[:, None] == np.arange(len(centres))).astype(np.float32)
        counts = member.sum(axis=0)
        kept = counts > 0
        centres = (member[:, kept].T @ points) / counts[kept, None]
        if not kept.all():
            labels = np.full(len(points), -1)
    return centres, within(points, centres)
