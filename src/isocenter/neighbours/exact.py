"""Nearest cases, cases alike, cases far from all, labels that their neighbours contradict: all exact.

A tree where points have few dimensions, blocks of one matrix product where they have many (a million vectors of 512
numbers are searched in well under a second).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UsageError
from isocenter.metrics import Floats, Ints

Vectors = NDArray[np.float32]
DISTANCES = ("cosine", "euclidean")
TREE = 12  # dimensions up to which a tree is faster
_BLOCK = 1024  # rows of a product at a time, at most as many as give so many numbers:
_NUMBERS = 2**25
_ROWS = 64  # of a product, looked through at a time: all may be alike
FAR = 3.5  # robust standard deviations from which a case is an outlier
ALIKE = 0.98  # cosine from which two cases are near-duplicates
_SURE = 0.8  # share of the neighbours that must agree against a label
_NEIGHBOURS = 10
_FEWEST = 5  # patients of a label, for neighbours to say anything of it


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1; zero rows stay zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0), dtype=np.float32)


def nearest(
    vectors: Vectors, queries: Vectors, count: int, distance: str = "euclidean"
) -> tuple[NDArray[np.intp], Floats]:
    """(m, count) rows of `vectors` nearest to each query and (m, count) their distances, the nearest first.

    "euclidean", or "cosine": 1 - cosine of the angle. Equal distances keep the order of the rows.
    """
    check_distance(distance)
    count = min(count, len(vectors))
    if distance == "euclidean" and vectors.shape[1] <= TREE:
        from scipy.spatial import cKDTree

        away, rows = cKDTree(vectors).query(queries, k=np.arange(1, count + 1))
        return np.asarray(rows, dtype=np.intp), np.asarray(away, dtype=np.float64)
    squares = squared(vectors)
    block = max(1, min(_BLOCK, _NUMBERS // len(vectors)))
    found = [_nearest(vectors, squares, queries[i : i + block], count, distance) for i in range(0, len(queries), block)]
    return np.concatenate([rows for rows, _ in found]), np.concatenate([away for _, away in found])


def check_distance(distance: str) -> None:
    """UsageError for one that does not exist."""
    if distance not in DISTANCES:
        raise UsageError(f"There is no distance '{distance}'.", f"Distances: {', '.join(DISTANCES)}.")


def _nearest(
    vectors: Vectors, squares: Vectors, queries: Vectors, count: int, distance: str
) -> tuple[NDArray[np.intp], Floats]:
    rows = np.argpartition(ranked(vectors, squares, queries, distance), count - 1, axis=1)[:, :count]
    exact = measured(vectors, queries, rows, distance)
    order = np.lexsort((rows, exact), axis=1)
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(exact, order, axis=1)


def squared(vectors: Vectors) -> Vectors:
    """(n,) squared lengths."""
    return np.asarray(np.einsum("ij,ij->i", vectors, vectors))


def ranked(vectors: Vectors, squares: Vectors, queries: Vectors, distance: str) -> Vectors:
    """(m, n) numbers in which the vectors' order is that of their distances from a query; squares: of `vectors`."""
    away: Vectors = queries @ vectors.T
    if distance == "cosine":
        away /= -np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
    else:
        away *= -2
        away += squares
    return away


def measured(vectors: Vectors, queries: Vectors, rows: NDArray[np.intp], distance: str) -> Floats:
    """(m, k) the few distances that are told, without the rounding of the expanded square. rows (m, k)."""
    own, asked = vectors[rows], queries
    if distance == "cosine":
        own, asked = unit(own.reshape(-1, own.shape[-1])).reshape(own.shape), unit(queries)
    apart = (own.astype(np.float64) - asked[:, None, :]) ** 2
    square: Floats = apart.sum(axis=2)
    return square / 2 if distance == "cosine" else np.sqrt(square)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows that are alike, and how much (cosine)."""

    first: int
    second: int
    likeness: float


def alike(vectors: Vectors, least: float = ALIKE, most: int = 100_000) -> list[Pair]:
    """The pairs whose cosine is `least` or more after the common mean was taken off, the most alike first.

    The mean goes because what all share would make all alike. Exact over all pairs, in blocks of one matrix product: at
    50,000 x 512 about 20 s of one core. Of more than `most` pairs the most alike are kept, so that memory is bounded.
    """
    own = unit((vectors - vectors.mean(axis=0)).astype(np.float32))
    found: tuple[NDArray[Any], ...] = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    for start in range(0, len(own), _BLOCK):
        product = own[start : start + _BLOCK] @ own[start:].T
        product[:, : len(product)][np.tril_indices(len(product))] = -2.0  # each pair once, none with itself
        for row in range(0, len(product), _ROWS):
            i, j = np.nonzero(product[row : row + _ROWS] >= least)
            new = (start + row + i, start + j, product[row + i, j])
            found = _most_alike([np.concatenate((old, more)) for old, more in zip(found, new, strict=True)], most)
            if len(found[2]) == most:  # from now on only what is more alike than the least of these
                least = float(np.nextafter(found[2].min(), np.float32(2)))
    order = np.lexsort((found[1], found[0], -found[2]))
    first, second, likeness = (column[order].tolist() for column in found)
    return [Pair(i, j, min(1.0, value)) for i, j, value in zip(first, second, likeness, strict=True)]


def _most_alike(pairs: list[NDArray[Any]], most: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    first, second, likeness = pairs
    if len(likeness) > most:
        kept = np.argpartition(-likeness, most)[:most]
        return first[kept], second[kept], likeness[kept]
    return first, second, likeness


def outlying(points: Vectors, neighbours: int = 5) -> Floats:
    """(n,) how far each case is from its neighbours, in robust standard deviations of what is usual.

    Logarithm of the mean distance to the nearest few, less its median, over 1.4826 times the median absolute
    deviation; above FAR is an outlier. 0 where all distances are the same.
    """
    if len(points) <= neighbours + 1:
        return np.zeros(len(points))
    away = nearest(points, points, neighbours + 1)[1][:, 1:].mean(axis=1)
    logs = np.log(np.maximum(away, 1e-12))
    spread = 1.4826 * float(np.median(np.abs(logs - np.median(logs))))
    return (logs - np.median(logs)) / spread if spread > 1e-9 else np.zeros(len(points))


@dataclass(frozen=True, eq=False)
class Contradicted:
    """agreement: share of a label's cases whose neighbours are for it, mean over the labels; chance: what shuffled
    labels would reach; labels: how many were judged; unjudged: cases of labels too rare for it; rows (m,): cases whose
    neighbours agree on another label, the surest first; other (m,): its code; share (m,): of the neighbours.
    """

    agreement: float
    chance: float
    labels: int
    unjudged: int
    rows: Ints
    other: Ints
    share: Floats

    @property
    def tells(self) -> bool:
        """Whether neighbours know the labels at all."""
        return self.agreement > self.chance + 0.05


def contradicted(points: Vectors, codes: Ints, patients: Ints, neighbours: int = _NEIGHBOURS) -> Contradicted:
    """Labels that their neighbours, cases of other patients, do not share.

    codes (n,): the label of each case; patients (n,). Neighbours count by how rare their label is, so that
    the commonest does not outvote the others everywhere; labels of less than five patients do not take part, or their
    few cases would outvote everybody.
    """
    n, k = len(codes), int(codes.max()) + 1
    counts = np.bincount(codes, minlength=k)
    judged = np.bincount(np.unique(np.stack([codes, patients]), axis=1)[0], minlength=k) >= _FEWEST
    kept = judged[codes]
    if judged.sum() < 2:
        none = np.zeros(0, dtype=np.int64)
        return Contradicted(float("nan"), float("nan"), int(judged.sum()), int((~kept).sum()), none, none, np.zeros(0))
    rows = nearest(points, points, min(n, 3 * neighbours + 1))[0]
    others = (patients[rows] != patients[:, None]) & (rows != np.arange(n)[:, None])
    others &= others.cumsum(axis=1) <= neighbours
    votes = np.zeros((n, k))
    for c in np.flatnonzero(judged):
        votes[:, c] = (others & (codes[rows] == c)).sum(axis=1) / counts[c]
    total = votes.sum(axis=1)
    shares = np.divide(votes, total[:, None], out=np.zeros_like(votes), where=total[:, None] > 0)
    said = np.where(total > 0, shares.argmax(axis=1), -1)
    share = shares.max(axis=1)
    wrong = np.flatnonzero(kept & (said != codes) & (share >= _SURE))
    wrong = wrong[np.argsort(-share[wrong], kind="stable")]
    right = float(np.mean([(said[codes == c] == c).mean() for c in np.flatnonzero(judged)]))
    return Contradicted(
        right, 1 / int(judged.sum()), int(judged.sum()), int((~kept).sum()), wrong, said[wrong], share[wrong]
    )
