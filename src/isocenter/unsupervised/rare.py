"""Is there a group too small for `structure` to see? A few cases, dense and apart, where other patients have a gap.

The dip test wants a twentieth of the cases on either side. A smaller group is looked for by density (HDBSCAN) on nine
tenths of the patients; the tenth that took no part is then counted: in the stretch of the line from the bulk to the
group where the group lies, and in the stretch before it. Along any line away from its one peak a density falls, so a
case is in the further stretch at most as often as the widths of the two tell (binomial, summed over the tenths): that
is the null hypothesis, every cloud with one peak, as in `structure`. It is asked twice and the larger p counts: of all
cases along the direction that tells the group from the rest, and only of cases beside the line to its nearest others,
since a bent cloud (a banana, an arc) may show two peaks from afar. A group counts only if it is further from the rest
than its cases, and those of the rest, are from each other: what is cut off a bent cloud is not. Of three draws of the
tenths the median p counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import binom

from isocenter.metrics import Floats, Ints
from isocenter.unsupervised.partition import dense
from isocenter.unsupervised.structure import discriminant, drawn, held_out, whitened

LIMIT = 0.01  # stricter than for clusters: a group is looked for in many places
FEWEST, LEAST, MOST = 5, 0.01, 0.06  # cases, and shares of all, that a rare group has
CASES = 80  # below which there is nothing to tell: its share would be single cases
_FOLDS, _REPEATS = 10, 3
_NEAR = 5  # neighbours that make a place dense
_ISOLATED, _BESIDE = 1.2, 10  # least distance from the others, in spacings; how many of those tell theirs
_WIDTHS = (0.5, 1.0, 1.5, 2.0, 3.0)  # of the stretch before the group, in widths of the group
_ENDS, _PAD, _ROUND = 0.03, 0.15, 1.15  # what a group reaches to: without its ends, and a little further

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stretch:
    """A line (d,) with the group between low and high and what lies before it from `start`; ratio of their widths.

    Where there is a centre (d,), only cases within `radius` of the line through it count.
    """

    way: Floats
    start: float
    low: float
    high: float
    ratio: float
    centre: Floats | None = None
    radius: float = np.inf

    def counts(self, points: Floats) -> tuple[int, int]:
        """Cases before the group, and in it."""
        along = points[self._beside(points)] @ self.way
        return int(((along >= self.start) & (along < self.low)).sum()), int(
            ((along >= self.low) & (along <= self.high)).sum()
        )

    def holds(self, points: Floats) -> Mask:
        along = points @ self.way
        return np.asarray(self._beside(points) & (along >= self.low) & (along <= self.high))

    def p(self, points: Floats) -> float:
        before, inside = self.counts(points)
        return float(binom.sf(inside - 1, before + inside, 1 / (1 + self.ratio)))

    def _beside(self, points: Floats) -> Mask:
        if self.centre is None:
            return np.ones(len(points), dtype=bool)
        return np.asarray(_off(points, self.centre, self.way) <= self.radius)


def rare_p(
    values: NDArray[np.floating[Any]],
    groups: Ints | None,
    rng: np.random.Generator,
    *,
    components: int | None = None,
    scaled: bool = True,
    turned: bool = False,
) -> float:
    """The p value of "no group below a twentieth stands apart" for features (n, p), or points on components (`turned`).

    groups: patients (n,), one case of each counts in every draw; None: each its own. 1 below CASES cases.
    """
    found: list[float] = []
    for _ in range(_REPEATS):
        unique = drawn(values, groups, rng, turned)
        found.append(_held_out_p(unique, rng, components, scaled, turned) if len(unique) >= CASES else 1.0)
        if sum(p > LIMIT for p in found) > _REPEATS / 2:  # the median is above as well
            break
    return float(np.median(found))


def rare_group(points: NDArray[np.floating[Any]], some: Ints) -> Mask:
    """(n,) which cases the group holds: found among `some` rows of points (n, d), then looked for in all."""
    flat = np.asarray(points, dtype=np.float64)
    best = _best(flat[some])
    return np.zeros(len(flat), dtype=bool) if best is None else best[0].holds(flat) & best[1].holds(flat)


def _held_out_p(
    values: NDArray[np.floating[Any]], rng: np.random.Generator, components: int | None, scaled: bool, turned: bool
) -> float:
    whole, beside = _Sum(), _Sum()
    for _, rest, held in held_out(values, rng, _FOLDS, components, scaled, turned):
        best = _best(rest)
        if best is not None:
            whole.add(best[0], held)
            beside.add(best[1], held)
    return max(whole.p, beside.p)


class _Sum:
    """Held-out cases in the groups of all folds, and how many there would be at most by chance."""

    def __init__(self) -> None:
        self.inside, self.chance = 0, np.ones(1)

    def add(self, stretch: Stretch, held: Floats) -> None:
        before, inside = stretch.counts(held)
        total = before + inside
        self.inside += inside
        self.chance = np.convolve(self.chance, binom.pmf(np.arange(total + 1), total, 1 / (1 + stretch.ratio)))

    @property
    def p(self) -> float:
        return float(self.chance[self.inside :].sum()) if self.inside else 1.0


def _best(points: Floats) -> tuple[Stretch, Stretch] | None:
    """Of the groups that density shows, the one with the emptiest stretch before it: among all, and beside its line."""
    found: tuple[float, Mask, Stretch] | None = None
    for inside in _candidates(points):
        way = discriminant(points, inside.astype(np.int64), inside)
        stretch = _stretch(points, inside, way, float(np.median(points @ way)))
        if stretch is not None and (found is None or stretch.p(points) < found[0]):
            found = stretch.p(points), inside, stretch
    return None if found is None else (found[2], _line(points, found[1]))


def _candidates(points: Floats) -> Iterator[Mask]:
    fewest = max(FEWEST, int(np.ceil(LEAST * len(points))))
    for seen in (points, points @ whitened(points, points.shape[1])):
        labels = dense(np.ascontiguousarray(seen, dtype=np.float32), fewest, _NEAR)[0]
        for c in range(int(labels.max()) + 1):
            inside = labels == c
            if fewest <= inside.sum() <= MOST * len(points) and _isolation(points, inside) >= _ISOLATED:
                yield inside


def _isolation(points: Floats, inside: Mask) -> float:
    """How far the group is from its nearest others, in the usual distance to the fifth neighbour here and there.

    About 0.5 for what density alone cuts off a piece, bent or not; about 2 for a group ten standard deviations apart.
    """
    group, others = points[inside], points[~inside]
    away = cdist(group, others)
    beside = others[np.unique(np.argsort(away.min(axis=0))[:_BESIDE])]
    spacing = max(_spacing(group, group), _spacing(beside, others))
    return float(np.quantile(away.min(axis=1), 0.1)) / max(spacing, 1e-12)


def _spacing(some: Floats, among: Floats) -> float:
    """Median distance to the fifth neighbour, or to the last of fewer; the first is the point itself."""
    nth = min(_NEAR, len(among) - 1)
    return float(np.median(np.partition(cdist(some, among), nth, axis=1)[:, nth]))


def _line(points: Floats, inside: Mask) -> Stretch:
    """Along the line from the nearest others to the group, beside that line only."""
    centre, others = points[inside].mean(axis=0), points[~inside]
    near = others[np.argsort(np.linalg.norm(others - centre, axis=1))[: max(10, 2 * int(inside.sum()))]]
    way = centre - near.mean(axis=0)
    way /= max(float(np.linalg.norm(way)), 1e-12)
    radius = _ROUND * float(np.quantile(_off(points[inside], centre, way), 1 - _ENDS))
    found = _stretch(points, inside, way, -np.inf, centre, radius)
    assert found is not None
    return found


def _stretch(
    points: Floats, inside: Mask, way: Floats, middle: float, centre: Floats | None = None, radius: float = np.inf
) -> Stretch | None:
    """Before the group as far as tells most, on these points, and not beyond the middle of all; None within that."""
    low, high = (float(one) for one in np.quantile(points[inside] @ way, [_ENDS, 1 - _ENDS]))
    pad = _PAD * (high - low)
    low, high = low - pad, high + pad
    wide = max(high - low, 1e-12)
    tried = [
        Stretch(way, low - ratio * wide, low, high, ratio, centre, radius)
        for ratio in _WIDTHS
        if low - ratio * wide >= middle
    ]
    return min(tried, key=lambda one: one.p(points), default=None)


def _off(points: Floats, centre: Floats, way: Floats) -> Floats:
    """(n,) distance from the line through the centre."""
    apart = points - centre
    return np.asarray(np.linalg.norm(apart - (apart @ way)[:, None] * way, axis=1))
