"""How many clusters? As many as come back when the patients are drawn again, and are parted by a gap.

For each number: k-means on bootstrap draws, all cases assigned, and the partitions compared (adjusted
Rand index; Ben-Hur 2002, Hennig 2007); the same draws give the consensus matrix and the share of
its pairs that are neither together nor apart (PAC, Senbabaoglu 2014). The gap statistic
(Tibshirani 2001) is told beside them. Whether there are clusters at all is `structure`'s question:
stability alone cannot tell, since a stretched cloud is cut stably too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.metrics.partitions import adjusted_rand
from isocenter.unsupervised.kmeans import kmeans, nearest, within
from isocenter.unsupervised.nouns import Candidate
from isocenter.unsupervised.structure import LIMIT, apart_p

STEADY = 0.6  # adjusted Rand index between draws below which a number of clusters is not considered
NEAR = 0.1  # how far below the steadiest number a larger one may lie
_PAIRED = 400  # cases in the consensus matrix
_GAP_CASES = 500


def candidates(
    points: NDArray[np.floating[Any]], groups: Ints | None, numbers: Sequence[int], rng: np.random.Generator,
    *, draws: int = 20,
) -> tuple[tuple[Candidate, ...], int]:  # fmt: skip
    """Every number of clusters, judged on points (n, d), from 2 on; and what the gap statistic would choose."""
    flat = np.asarray(points, dtype=np.float64)
    gaps = gap_statistic(flat, [1, *numbers], rng, references=max(5, draws // 2))
    found = []
    for place, k in enumerate(numbers):
        drawn = redrawn(flat, groups, k, rng, draws)
        alike = agreements(drawn)
        labels = nearest(flat, kmeans(flat, k, rng))
        apart = apart_p(flat, labels, rng) <= LIMIT / (k - 1)  # of as many numbers tried, one splits a piece by chance
        some = rng.permutation(len(flat))[:_PAIRED]
        pac = ambiguous(consensus(drawn[:, some]))
        gap, error = (float(one) for one in gaps[place + 1])
        found.append(Candidate(k, float(alike.mean()), float(np.quantile(alike, 0.05)), pac, gap, error, apart))
    return tuple(found), gap_choice(gaps)


def is_good(one: Candidate) -> bool:
    """Whether the clusters of this number come back and are all parted by gaps."""
    return one.apart and one.agreement >= STEADY


def choose(found: Sequence[Candidate]) -> int:
    """The largest number of clusters that come back and are parted by gaps; else the one that comes back best."""
    good = [one for one in found if is_good(one)]
    if not good:
        return max(found, key=lambda one: one.agreement).clusters
    best = max(one.agreement for one in good)
    return max(one.clusters for one in good if one.agreement >= best - NEAR)


def redrawn(points: Floats, groups: Ints | None, k: int, rng: np.random.Generator, draws: int) -> Ints:
    """(draws, n) labels of all points by k-means on a bootstrap draw of patients."""
    return np.array([nearest(points, kmeans(points[resample(groups, len(points), rng)], k, rng, starts=2 + k // 3))
                     for _ in range(draws)])  # fmt: skip


def resample(groups: Ints | None, n: int, rng: np.random.Generator) -> Ints:
    """Rows of a bootstrap draw of patients with all their cases."""
    if groups is None:
        return rng.integers(n, size=n)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order[0]] - 1))
    ends = np.append(starts[1:], n)
    drawn = rng.integers(len(starts), size=len(starts))
    return np.concatenate([order[starts[i] : ends[i]] for i in drawn])


def agreements(drawn: Ints) -> Floats:
    """Adjusted Rand index of each draw's partition with the next one's; two that part nothing are alike."""
    pairs = zip(drawn, np.roll(drawn, -1, axis=0), strict=True)
    return np.asarray(np.nan_to_num([float(adjusted_rand(a, b)) for a, b in pairs], nan=1.0), dtype=np.float64)


def consensus(drawn: Ints) -> Floats:
    """(n, n) share of draws in which two cases are together."""
    total = np.zeros((drawn.shape[1], drawn.shape[1]), dtype=np.float32)
    for labels in drawn:
        member = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float32)
        total += member @ member.T
    return total.astype(np.float64) / len(drawn)


def ambiguous(together: Floats) -> float:
    """Share of pairs that are together in 10 to 90 % of the draws."""
    pairs = together[np.triu_indices(len(together), 1)]
    return float(((pairs > 0.1) & (pairs < 0.9)).mean()) if pairs.size else 0.0


def gap_statistic(points: Floats, numbers: Sequence[int], rng: np.random.Generator, references: int = 10) -> Floats:
    """(numbers, 2) gap and its standard error: log spread within clusters, against uniform points in the same box."""
    some = points[rng.permutation(len(points))[:_GAP_CASES]]
    low, high = some.min(axis=0), some.max(axis=0)
    clouds = [some, *(rng.uniform(low, high, some.shape) for _ in range(references))]
    spread = np.array(
        [[max(within(cloud, kmeans(cloud, k, rng, starts=2 + k // 3)), 1e-12) for cloud in clouds] for k in numbers]
    )
    logs = np.log(spread)
    gap = logs[:, 1:].mean(axis=1) - logs[:, 0]
    return np.column_stack([gap, logs[:, 1:].std(axis=1) * np.sqrt(1 + 1 / references)])


def gap_choice(gaps: Floats) -> int:
    """The smallest number whose gap is not beaten by the next beyond its error; gaps (k, 2) from 1 cluster on."""
    for i in range(len(gaps) - 1):
        if gaps[i, 0] >= gaps[i + 1, 0] - gaps[i + 1, 1]:
            return i + 1
    return len(gaps)
