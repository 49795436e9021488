"""Are there groups at all? A cut found on some patients must show a gap in the others.

Any method parts any cloud, and even stably: an elongated one is always cut across its length. So a
direction and a cut are learned on four fifths of the patients, the other fifth is laid out along it, and so on by
turns. Where the cloud is one piece (Gaussian, however stretched; uniform; skewed; heavy-tailed) the density along
every direction has one peak; between clusters there is a dip. Hartigan's dip test (Ann Stat 1985) judges that; its null
hypothesis is every distribution with one peak, so it is cautious. Of several draws of the fifths the median p counts.
Cuts are straight: a ring around a core is not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import BadValues
from isocenter.metrics import Floats, Ints
from isocenter.unsupervised.kernels import dip
from isocenter.unsupervised.kmeans import kmeans, nearest
from isocenter.unsupervised.reduction import learn

LIMIT = 0.05
FEWEST = 20  # cases (patients) below which nothing is told
FOLDS = 5
ROUND = 4  # axes of the whitened view
LEVELS, LEVELS_IN = 40, 2000  # different values of a stepped feature at most, among so many cases
COPIED = 0.01  # share of the smallest step over which copies are spread: no two groups of them meet
_PARTS = (2, 3, 5)  # numbers of clusters whose cuts are tried
_NEIGHBOURS = 3
# Quantiles of sqrt(n) * dip of n uniform values, 20,000 to 100,000 draws each (a seeded simulation with `kernels.dip`).
_TAIL = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0001)
_TABLE = {
    8: (0.3136, 0.3549, 0.4013, 0.4359, 0.4702, 0.4895, 0.5056, 0.5248, 0.5462, 0.5640, 0.5972),
    15: (0.3236, 0.3858, 0.4263, 0.4597, 0.4997, 0.5278, 0.5501, 0.5780, 0.5974, 0.6192, 0.6618),
    30: (0.3365, 0.4048, 0.4467, 0.4832, 0.5262, 0.5558, 0.5830, 0.6235, 0.6480, 0.6678, 0.7146),
    60: (0.3485, 0.4189, 0.4628, 0.5011, 0.5476, 0.5788, 0.6102, 0.6458, 0.6734, 0.6946, 0.7594),
    120: (0.3565, 0.4297, 0.4738, 0.5143, 0.5610, 0.5929, 0.6249, 0.6614, 0.6879, 0.7075, 0.7635),
    250: (0.3632, 0.4372, 0.4821, 0.5227, 0.5699, 0.6048, 0.6356, 0.6793, 0.7055, 0.7298, 0.8021),
    500: (0.3677, 0.4423, 0.4882, 0.5289, 0.5801, 0.6161, 0.6495, 0.6848, 0.7159, 0.7518, 0.8084),
    1000: (0.3713, 0.4473, 0.4938, 0.5348, 0.5839, 0.6215, 0.6533, 0.6974, 0.7241, 0.7535, 0.8267),
    3000: (0.3748, 0.4510, 0.4983, 0.5412, 0.5882, 0.6218, 0.6533, 0.6974, 0.7241, 0.7535, 0.8267),
}


def dip_p(values: Floats, rng: np.random.Generator) -> float:
    """The p value of one peak for values (n,), 0.0001 at the least; 1 below 8 values.

    Equal values are spread over the smallest step between different ones, so that whole numbers are no peaks.
    """
    n = len(values)
    spread = float(np.ptp(values)) if n else 0.0
    if n < min(_TABLE) or spread == 0:
        return 1.0
    ordered = np.sort(np.round(values / spread, 9))
    steps = np.diff(ordered)
    if (steps == 0).any():
        ordered = np.sort(ordered + rng.uniform(-0.5, 0.5, n) * steps[steps > 0].min())
    at = np.log(list(_TABLE))
    limits = [float(np.interp(np.log(n), at, column)) for column in zip(*_TABLE.values(), strict=True)]
    return float(np.exp(np.interp(dip(ordered) * np.sqrt(n), [0.0, *limits], np.log([1.0, *_TAIL]))))


def structure_p(
    values: NDArray[np.floating[Any]],
    groups: Ints | None,
    rng: np.random.Generator,
    *,
    repeats: int = 3,
    components: int | None = None,
    scaled: bool = True,
    turned: bool = False,
) -> float:
    """The p value of "one piece" for features (n, p), or points on components (`turned`); 1 where too few to tell.

    groups: patients (n,), one case of each counts in every draw (another the next time); None: each its own.
    """
    found = [1.0]
    if (len(values) if groups is None else len(np.unique(groups))) >= FEWEST:
        found = []
        for _ in range(repeats):
            unique = drawn(values, groups, rng, turned)
            found.append(
                dip_p(_laid_out(unique, rng, components, scaled, turned), rng) if len(unique) >= FEWEST else 1.0
            )
    return float(np.median(found))


def drawn(
    values: NDArray[np.floating[Any]], groups: Ints | None, rng: np.random.Generator, turned: bool
) -> NDArray[np.floating[Any]]:
    """One case of each patient in a new order, equal ones once; what has steps is spread, but for `turned` points."""
    unique = np.unique(values[one_each(groups, len(values), rng)], axis=0)
    rng.shuffle(unique)
    return unique if turned else unstepped(unique, rng)


def held_out(
    values: NDArray[np.floating[Any]], rng: np.random.Generator, folds: int, components: int | None, scaled: bool,
    turned: bool,
) -> Iterator[tuple[NDArray[np.bool_], Floats, Floats]]:  # fmt: skip
    """Of each fold which cases (n,) it holds, the points of the rest, and its own where the rest's components put them.

    turned: values are points already. A fold is passed over where nothing differs in the rest.
    """
    fold = rng.permutation(len(values)) % folds
    names = tuple(str(i) for i in range(values.shape[1]))
    for k in range(folds):
        rest, held = values[fold != k], values[fold == k]
        if not turned:
            try:
                projection = learn(rest, names, components, scaled=scaled)
            except BadValues:  # all that differs is in the held-out fold
                continue
            rest, held = projection.points(rest), projection.points(held)
        yield fold == k, np.asarray(rest, np.float64), np.asarray(held, np.float64)


def one_each(groups: Ints | None, n: int, rng: np.random.Generator) -> Ints:
    """Rows of one case of each patient."""
    order = rng.permutation(n)
    return order if groups is None else order[np.unique(groups[order], return_index=True)[1]]


def _laid_out(
    values: NDArray[np.floating[Any]], rng: np.random.Generator, components: int | None, scaled: bool, turned: bool
) -> Floats:
    """(n,) place of every case along the direction that the other folds chose; 0 is their cut."""
    along = np.zeros(len(values))
    for own, rest, held in held_out(values, rng, FOLDS, components, scaled, turned):
        along[own] = _along(rest, held, rng)
    return along


def _along(rest: Floats, held: Floats, rng: np.random.Generator) -> Floats:
    """The held-out points along the direction in which the rest dips most; larger side positive, unit its span."""
    ways = np.array(list(_directions(rest, rng)))
    laid = rest @ ways.T
    best = int(np.argmax([dip(column) for column in np.sort(laid, axis=0).T.copy()]))
    cut, span, sign = _cut(laid[:, best])
    return np.asarray(sign * (held @ ways[best] - cut) / span)


def _directions(points: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """The axes, and what tells each cluster from all others, for several numbers of clusters."""
    yield from np.eye(points.shape[1])
    for k in _PARTS:
        if len(points) < 5 * k:
            return
        for seen in (points, points @ whitened(points, ROUND)):
            labels = nearest(seen, kmeans(seen, k, rng, starts=2))
            sides = [labels == c for c in range(labels.max() + 1)]
            for inside in sides if len(sides) > 2 else sides[:1]:
                if 3 <= inside.sum() <= len(points) - 3:
                    yield discriminant(points, labels, inside)


def whitened(points: NDArray[np.floating[Any]], m: int) -> Floats:
    """(d, m) view of the first m axes with the same spread along each: what is wide does not hide what is parted."""
    spread = points[:, :m].std(axis=0).astype(np.float64)
    return np.asarray(np.eye(points.shape[1], min(m, points.shape[1])) / np.where(spread > 0, spread, 1.0))


def uncopied(
    values: NDArray[np.floating[Any]], groups: Ints | None, rng: np.random.Generator
) -> NDArray[np.floating[Any]]:
    """Features (n, p) as they are; where cases are copies of a few, each spread too little for two groups to meet.

    Copies: less than `FEWEST` rows differ (of one case of each patient), and each of two columns tells them apart. One
    column of few values are grades, and several that are independent meet in more rows than any of them has values.
    """
    if len(pd.DataFrame(values[:LEVELS_IN]).drop_duplicates()) >= FEWEST:
        return values
    table = pd.DataFrame(values[one_each(groups, len(values), rng)])
    rows = len(table.drop_duplicates())
    few = 1 < rows < FEWEST and rows <= len(table) / 4
    if few and int((table.nunique(dropna=False) == rows).sum()) > 1:
        return unstepped(values, rng, COPIED)
    return values


def unstepped(
    values: NDArray[np.floating[Any]], rng: np.random.Generator, share: float = 1.0
) -> NDArray[np.floating[Any]]:
    """Features of few different values, each spread over its smallest step (or a share of it): grades and counts are
    no clusters.
    """
    found = values.copy()
    for j in range(values.shape[1]):
        known = np.unique(values[:LEVELS_IN, j])
        if 1 < len(known) <= min(LEVELS, len(values) / 4):
            step = share * np.diff(known[np.isfinite(known)], append=np.inf).min()
            if np.isfinite(step):  # else one value is known, and some are missing
                found[:, j] += rng.uniform(-0.5, 0.5, len(values)) * step
    return found


def discriminant(points: Floats, labels: Ints, inside: NDArray[np.bool_]) -> Floats:
    """(d,) direction that tells one side from the other best (Fisher's), with the spread inside clusters, steadied."""
    d = points.shape[1]
    centred: Floats = points.copy()
    for c in np.unique(labels):
        centred[labels == c] -= points[labels == c].mean(axis=0)
    inner = centred.T @ centred / len(points)
    ridge = 0.1 * np.trace(inner) / d + 1e-12
    way = np.linalg.solve(inner + ridge * np.eye(d), points[inside].mean(axis=0) - points[~inside].mean(axis=0))
    return np.asarray(way / max(float(np.linalg.norm(way)), 1e-300))


def _cut(values: Floats) -> tuple[float, float, int]:
    """Where two means fit best with a twentieth on either side: cut, span of the sides' medians, sign of the larger."""
    ordered = np.sort(values)
    n = len(ordered)
    left = np.arange(1, n)
    sums = np.cumsum(ordered)
    low, high = sums[:-1] / left, (sums[-1] - sums[:-1]) / (n - left)
    score = left * (n - left) * (high - low) ** 2
    score[(left < n / 20) | (left > n - n / 20)] = -1
    at = int(np.argmax(score)) + 1
    span = max(float(np.median(ordered[at:]) - np.median(ordered[:at])), 1e-12)
    return float(ordered[at - 1] + ordered[at]) / 2, span, 1 if 2 * at < n else -1


def apart_p(points: Floats, labels: Ints, rng: np.random.Generator) -> float:
    """The largest p, over clusters and their three nearest, of "these two are one piece"; 1 for a tiny cluster.

    Both clusters of a pair together are laid out along the direction that tells them apart, learned on the other folds.
    """
    names = np.unique(labels[labels >= 0])
    centres = np.array([points[labels == c].mean(axis=0) for c in names])
    far = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    pairs = {tuple(sorted((i, int(j)))) for i in range(len(names)) for j in np.argsort(far[i])[1 : _NEIGHBOURS + 1]}
    worst = 0.0
    for i, j in sorted(pairs):
        both = np.isin(labels, (names[i], names[j]))
        worst = max(worst, dip_p(_between(points[both], labels[both] == names[i], rng), rng))
        if worst > LIMIT:
            break
    return worst if pairs else 1.0


def _between(points: Floats, inside: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    fold = rng.permutation(len(points)) % FOLDS
    along = np.zeros(len(points))
    for k in range(FOLDS):
        rest = fold != k
        if 0 < inside[rest].sum() < rest.sum():
            way = discriminant(points[rest], inside[rest].astype(np.int64), inside[rest])
            laid = points[rest] @ way
            first, second = laid[inside[rest]].mean(), laid[~inside[rest]].mean()
            span = max(float(first - second), 1e-12)
            along[~rest] = (points[~rest] @ way - (first + second) / 2) / span
    return along
