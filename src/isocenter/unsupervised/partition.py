"""Parting points into a given number of clusters, or as many as their density shows.

Each function takes points (n, d) and gives labels (n,) with the `Parts` that new cases meet.
Large tables are fitted on `SAMPLE` points drawn at random; every case is then placed.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.unsupervised.kmeans import kmeans, nearest
from isocenter.unsupervised.parts import Mixture, Neighbours, Parts
from isocenter.unsupervised.stability import consensus, resample

SAMPLE = 4000
CONSENSUS = 1500  # cases whose every pair is kept
_KEPT = 3000  # cases that stand for all in clusters by density
_DRAWS = 50
_SHAPES = ("full", "tied", "diag", "spherical")
_STEADY = 1e-3  # share of the mean variance added to each Gaussian

Labelled = tuple[Ints, Parts]


def by_means(points: NDArray[np.floating[Any]], k: int, rng: np.random.Generator, view: Floats) -> Labelled:
    """k-means of what the view (d, m) shows."""
    flat = np.asarray(points, dtype=np.float64)
    some = flat[rng.permutation(len(flat))[:SAMPLE]]
    seen = some @ view
    return _placed(round_mixture(some, nearest(seen, kmeans(seen, k, rng, starts=8)), view), flat)


def by_mixture(
    points: NDArray[np.floating[Any]], k: int, rng: np.random.Generator, view: Floats
) -> tuple[Ints, Parts, str]:
    """Gaussian mixture, its shape by the Bayesian information criterion; and which."""
    flat = np.asarray(points, dtype=np.float64)
    some = flat[rng.permutation(len(flat))[:SAMPLE]]
    parts, shape = fit_mixture(some, k, rng, view)
    return *_placed(parts, flat), shape


def fit_mixture(
    points: Floats, k: int, rng: np.random.Generator, view: Floats, shapes: tuple[str, ...] = _SHAPES
) -> tuple[Mixture, str]:
    """The best of these shapes, and which; k-means where none can be fitted."""
    seen = points @ view
    labels = nearest(seen, kmeans(seen, k, rng, starts=4))
    labels = np.unique(labels, return_inverse=True)[1]
    fits = [fit for shape in shapes if (fit := _gaussians(points, labels, shape)) is not None]
    if labels.max() < 1 or not fits:
        return round_mixture(points, labels, view), "means"
    best = min(fits, key=lambda fit: float(fit.bic(points)))
    turns = _whitening(best)
    weights = np.log(best.weights_ + 1e-300) + np.linalg.slogdet(turns)[1]
    parts = Mixture(weights, best.means_, turns, np.ones(len(turns)))
    return _tidy(parts, points, parts.place(points)[0]), str(best.covariance_type)


def _gaussians(points: Floats, labels: Ints, shape: str) -> Any:
    """A fitted mixture, or None where there are too few points for one of this shape."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    n, d = points.shape
    start = np.array([points[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    if shape == "full" and n < 5 * len(start) * d:
        return None
    share = np.bincount(labels, minlength=len(start)) / n
    model = GaussianMixture(
        len(start), covariance_type=shape, means_init=start, weights_init=share, random_state=0,
        reg_covar=_STEADY * float(points.var(axis=0).mean()) + 1e-12, init_params="random_from_data",
        max_iter=200, tol=1e-4,
        precisions_init=_precisions(points - start[labels], labels, len(start), shape),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start that has not settled is still a partition
        return model.fit(points)


def _precisions(inner: Floats, labels: Ints, k: int, shape: str) -> Floats:
    """Of the spread inside the clusters of k-means: a start that knows their scale."""
    d = inner.shape[1]
    floor = _STEADY * float(inner.var()) + 1e-9
    if shape == "tied":
        return np.asarray(np.linalg.inv(inner.T @ inner / len(inner) + floor * np.eye(d)))
    own = [np.where(np.sum(labels == c) > d, (inner[labels == c] ** 2).sum(axis=0) / max((labels == c).sum(), 1),
                    (inner**2).mean(axis=0)) + floor for c in range(k)]  # fmt: skip
    if shape == "full":
        return np.array([np.diag(1 / one) for one in own])
    return 1 / np.array(own) if shape == "diag" else 1 / np.array([one.mean() for one in own])


def _whitening(fit: Any) -> Floats:
    """(k, d, d) of any covariance shape."""
    k, d = fit.means_.shape
    turn = np.asarray(fit.precisions_cholesky_)
    if fit.covariance_type == "full":
        return turn
    if fit.covariance_type == "tied":
        return np.broadcast_to(turn, (k, d, d)).copy()
    if fit.covariance_type == "diag":
        return np.array([np.diag(one) for one in turn])
    return np.array([one * np.eye(d) for one in turn])


def round_mixture(points: Floats, labels: Ints, view: Floats) -> Mixture:
    """Equal Gaussians, round in the view, around the means of labelled points (-1: none): the nearest centre wins."""
    known = labels >= 0
    names = np.unique(labels[known])
    centres = np.array([points[labels == c].mean(axis=0) for c in names])
    place = np.searchsorted(names, labels[known])
    spread = float(np.mean(((points[known] - centres[place]) @ view) ** 2)) or 1.0
    turn = np.broadcast_to(view / np.sqrt(spread), (len(names), *view.shape)).copy()
    parts = Mixture(np.full(len(names), -np.log(len(names))), centres, turn, np.ones(len(names)))
    return _tidy(parts, points[known], place)


def _tidy(parts: Mixture, points: Floats, labels: Ints) -> Mixture:
    """Without empty clusters, the largest first, distances in units of the median member's."""
    counts = np.bincount(labels, minlength=parts.n_clusters)
    order = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    reach = [_reach(points[labels == c], parts.centres[c]) for c in order]
    return Mixture(parts.log_weights[order], parts.centres[order], parts.whitening[order], np.array(reach))


def _reach(points: Floats, centre: Floats) -> float:
    """Median distance from the centre; 1 where all are the same."""
    return float(np.median(np.linalg.norm(points - centre, axis=1))) or 1.0


def _placed(parts: Parts, points: Floats) -> Labelled:
    return parts.place(points)[0], parts


def by_consensus(
    points: NDArray[np.floating[Any]], k: int, rng: np.random.Generator, groups: Ints | None, view: Floats
) -> Labelled:
    """Cases that are together in most bootstrap draws of k-means stay together (Monti 2003): average linkage."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    flat = np.asarray(points, dtype=np.float64)
    rows = rng.permutation(len(flat))[:CONSENSUS]
    some, known = flat[rows], None if groups is None else groups[rows]
    if len(some) < 3:
        return by_means(flat, k, rng, view)
    seen = some @ view
    drawn = [nearest(seen, kmeans(seen[resample(known, len(some), rng)], k, rng, starts=1)) for _ in range(_DRAWS)]
    far = 1 - consensus(np.array(drawn))
    tree = linkage(squareform(far, checks=False), "average")
    found = fcluster(tree, k, "maxclust").astype(np.int64) - 1
    parts = round_mixture(some, found, view)
    labels = parts.place(flat)[0]
    labels[rows] = _by_size(found)
    return labels, parts


def by_density(
    points: NDArray[np.floating[Any]], rng: np.random.Generator, axes: int | None = None
) -> tuple[Ints, Parts | None, str]:
    """HDBSCAN (Campello 2013): labels, what places new cases (None where all is noise), and which library did it.

    axes: the first so many are looked at: in directions of noise no place is dense. What lies far from its cluster in
    the others is in none. Smallest cluster: a hundredth of the cases, 10 at the least, a quarter of a small table.
    """
    flat = np.ascontiguousarray(points, dtype=np.float32)
    fewest = max(2, min(max(10, len(flat) // 100), len(flat) // 4))
    labels, who = dense(np.ascontiguousarray(flat[:, :axes]), fewest, min(fewest, 10))
    labels = _by_size(labels)
    if labels.max() < 0:
        return labels, None, who
    all_axes: Floats = flat.astype(np.float64)
    parts = _stand_ins(all_axes, labels, rng)
    if (stray := _stray(all_axes, labels, parts)).any():
        labels = _by_size(np.where(stray, -1, labels))
        parts = _stand_ins(all_axes, labels, rng)
    return labels, parts, who


def dense(points: NDArray[np.float32], fewest: int, near: int) -> tuple[Ints, str]:
    """HDBSCAN's labels (n,), -1 in none, and which library made them. near: neighbours that make a place dense."""
    try:
        from fast_hdbscan import HDBSCAN
    except ImportError:  # without the extra `explore`
        from sklearn import cluster as slow

        return slow.HDBSCAN(min_cluster_size=fewest, min_samples=near, copy=True).fit_predict(points).astype(
            np.int64
        ), "scikit-learn"
    return HDBSCAN(min_cluster_size=fewest, min_samples=near).fit_predict(points).astype(np.int64), "fast_hdbscan"


def _by_size(labels: Ints) -> Ints:
    """Numbered from the largest cluster on; -1 stays."""
    names, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.full(len(names), -1, dtype=np.int64)
    real = np.flatnonzero(names >= 0)
    rank[real[np.argsort(-counts[real], kind="stable")]] = np.arange(len(real))
    return rank[place]


def _stand_ins(points: Floats, labels: Ints, rng: np.random.Generator) -> Neighbours:
    """A share of each cluster's cases; the limit is what 99 % of the others of the cluster keep to."""
    k = int(labels.max()) + 1
    rows = []
    for c in range(k):
        own = rng.permutation(np.flatnonzero(labels == c))
        rows.append(np.sort(own[: max(50, _KEPT * len(own) // len(labels))]))
    kept = np.concatenate(rows)
    centres = np.array([points[labels == c].mean(axis=0) for c in range(k)])
    reach = np.array([_reach(points[labels == c], centres[c]) for c in range(k)])
    limit = np.array([_habit(points[labels == c], points[rows[c]], rng) for c in range(k)])
    return Neighbours(points[kept], labels[kept], centres, reach, limit)


def _stray(points: Floats, labels: Ints, parts: Neighbours) -> NDArray[np.bool_]:
    """(n,) whether a case of a cluster is beyond its limit from all others that stand for it; never a whole one."""
    from scipy.spatial import KDTree

    found = np.zeros(len(points), dtype=np.bool_)
    for c in range(parts.n_clusters):
        rows = np.flatnonzero(labels == c)
        near = np.asarray(KDTree(parts.kept[parts.clusters == c]).query(points[rows], k=2)[0])
        lone = np.where(near[:, 0] > 0, near[:, 0], near[:, 1]) > parts.limit[c]  # at 0 it stands for itself
        found[rows] = lone & ~lone.all()
    return found


def _habit(own: Floats, kept: Floats, rng: np.random.Generator) -> float:
    """Distance within which 99 % of a cluster's cases have another kept one, and half as much again."""
    from scipy.spatial import KDTree

    some = own[rng.permutation(len(own))[:500]]
    far = np.asarray(KDTree(kept).query(some, k=min(2, len(kept)))[0]).reshape(len(some), -1)
    other = np.where(far[:, 0] > 0, far[:, 0], far[:, -1])
    return 1.5 * float(np.quantile(other, 0.99)) + 1e-9
