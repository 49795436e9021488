"""How points are put into clusters, as plain arrays: what `partition` fits, and new cases meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints

_BLOCK = 8192  # points at a time
Placed = tuple[Ints, Floats, Floats]  # (n,) label, confidence, distance


class Parts(Protocol):
    """Contract: centres (k, d); place(points (n, d)) gives label, confidence 0 to 1, distance from the centre.

    Distance is in units of the median member's, so 1 is typical and 3 far out.
    """

    kind: ClassVar[str]

    @property
    def centres(self) -> Floats: ...
    @property
    def n_clusters(self) -> int: ...
    def place(self, points: NDArray[np.floating[Any]]) -> Placed: ...
    def arrays(self) -> dict[str, NDArray[Any]]: ...


@dataclass(frozen=True, eq=False)
class Mixture:
    """Gaussians: log weights (k,) at the peaks, centres (k, d), whitening (k, d, m), w w' the precision, reach (k,).

    k-means is the mixture of equal ones, round in a view of m axes. Confidence is the posterior of the likeliest.
    """

    kind: ClassVar[str] = "mixture"
    log_weights: Floats
    centres: Floats
    whitening: Floats
    reach: Floats

    @property
    def n_clusters(self) -> int:
        return len(self.centres)

    def place(self, points: NDArray[np.floating[Any]]) -> Placed:
        labels = np.empty(len(points), dtype=np.int64)
        confidence, distance = np.empty(len(points)), np.empty(len(points))
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            part = np.asarray(points[block], dtype=np.float64)
            likely = self._log_density(part)
            labels[block] = best = likely.argmax(axis=1)
            confidence[block] = 1 / np.exp(likely - likely.max(axis=1, keepdims=True)).sum(axis=1)
            distance[block] = np.linalg.norm(part - self.centres[best], axis=1) / self.reach[best]
        return labels, confidence, distance

    def _log_density(self, points: Floats) -> Floats:
        """(n, k) up to a constant."""
        found = np.empty((len(points), self.n_clusters))
        for k, (centre, turn) in enumerate(zip(self.centres, self.whitening, strict=True)):
            z = points @ turn - centre @ turn
            found[:, k] = self.log_weights[k] - 0.5 * np.einsum("ij,ij->i", z, z)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {f"parts_{name}": getattr(self, name) for name in ("log_weights", "centres", "whitening", "reach")}


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Cases that stand for all: kept (m, d) points with their clusters (m,); centres (k, d), reach (k,), limit (k,).

    A case joins the cluster of its nearest kept point, and none (-1) beyond the cluster's limit.
    Confidence compares the nearest points of the own and of the best other cluster: 0.5 halfway, 1 on a kept point.
    """

    kind: ClassVar[str] = "neighbours"
    kept: Floats
    clusters: Ints
    centres: Floats
    reach: Floats
    limit: Floats

    @property
    def n_clusters(self) -> int:
        return len(self.centres)

    def place(self, points: NDArray[np.floating[Any]]) -> Placed:
        labels = np.empty(len(points), dtype=np.int64)
        confidence, distance = np.empty(len(points)), np.empty(len(points))
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            part = np.asarray(points[block], dtype=np.float64)
            nearest = self._nearest(part)
            best = nearest.argmin(axis=1)
            own = nearest[np.arange(len(part)), best]
            confidence[block] = _certain(nearest, own)
            distance[block] = np.linalg.norm(part - self.centres[best], axis=1) / self.reach[best]
            labels[block] = np.where(own <= self.limit[best], best, -1)
        return labels, np.where(labels < 0, 0.0, confidence), distance

    def _nearest(self, points: Floats) -> Floats:
        """(n, k) distance to the nearest kept point of each cluster."""
        found = np.empty((len(points), self.n_clusters))
        own = np.einsum("ij,ij->i", points, points)
        for k in range(self.n_clusters):
            kept = self.kept[self.clusters == k]
            apart = np.einsum("ij,ij->i", kept, kept) - 2 * points @ kept.T
            found[:, k] = np.sqrt(np.maximum(own + apart.min(axis=1), 0.0))
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {f"parts_{name}": getattr(self, name) for name in ("kept", "clusters", "centres", "reach", "limit")}


def _certain(nearest: Floats, own: Floats) -> Floats:
    if nearest.shape[1] < 2:
        return np.ones(len(own))
    other = np.partition(nearest, 1, axis=1)[:, 1]
    return np.asarray(np.divide(other, own + other, out=np.full(len(own), 0.5), where=own + other > 0))


def parts_of(kind: str, arrays: Mapping[str, NDArray[Any]]) -> Parts:
    """What `arrays` of one of these holds; ValueError where shapes do not fit together."""
    names = {"mixture": ("log_weights", "centres", "whitening", "reach"),
             "neighbours": ("kept", "clusters", "centres", "reach", "limit")}  # fmt: skip
    found = [np.asarray(arrays[f"parts_{name}"]) for name in names[kind]]
    whole = dict(zip(names[kind], found, strict=True))
    k, d = whole["centres"].shape
    by_cluster = [whole[name] for name in ("log_weights", "reach", "limit") if name in whole]
    fits = all(one.shape == (k,) for one in by_cluster) and k > 0
    if kind == "mixture":
        fits = fits and whole["whitening"].shape[:2] == (k, d) and whole["whitening"].ndim == 3
    else:
        fits = fits and whole["kept"].shape == (len(whole["clusters"]), d) and set(whole["clusters"]) == set(range(k))
    if not fits:
        raise ValueError("clusters whose arrays do not fit together")
    return Mixture(*found) if kind == "mixture" else Neighbours(*found)
