"""Compiled loops of this room: Hartigan's dip, and k-means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.compiling import compiled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@compiled()
def dip(x: Floats) -> float:
    """Hartigan's dip of sorted values (n,): the furthest that their distribution is from the nearest unimodal one.

    Between 1 / (2 n) and 1/4. Method of Hartigan and Hartigan (Ann Stat 1985): the best unimodal
    distribution is convex, then concave; the interval that holds its mode is narrowed by turns.
    """
    n = len(x)
    if n < 4 or x[0] == x[n - 1]:
        return 0.5 / n
    low, high = 0, n - 1
    best = 1.0  # in cases, doubled: 2 n times the dip
    below = np.empty(n, np.int64)
    above = np.empty(n, np.int64)
    while True:
        m = _hull(x, low, high, 1.0, below)
        k = _hull(x, low, high, -1.0, above)
        gap, left, right = _widest(x, below[:m], above[:k])
        if gap <= best:
            break
        for i in range(m - 1):  # convex part that lies left of the new interval
            if below[i + 1] <= left:
                best = max(best, _under(x, below[i], below[i + 1]))
        for i in range(k - 1):
            if above[i] >= right:
                best = max(best, _over(x, above[i], above[i + 1]))
        if left == low and right == high:
            break
        low, high = left, right
    return best / (2 * n)


@compiled()
def _hull(x: Floats, low: int, high: int, sign: float, kept: NDArray[np.int64]) -> int:
    """Corners of the greatest convex minorant (sign 1) or least concave majorant (-1) of the steps' counts."""
    m = 0
    for i in range(low, high + 1):
        while m > 1:
            a, b = kept[m - 2], kept[m - 1]
            if sign * ((i - b) * (x[b] - x[a]) - (b - a) * (x[i] - x[b])) > 0.0:
                break
            m -= 1
        kept[m] = i
        m += 1
    return m


@compiled()
def _widest(x: Floats, below: NDArray[np.int64], above: NDArray[np.int64]) -> tuple[float, int, int]:
    """Largest distance between the two hulls at any corner, and the corners (convex, concave) around it."""
    gap, left, right = 0.0, below[0], above[-1]
    j = 0
    for i in range(len(below)):  # at corners of the convex hull
        while j < len(above) - 2 and above[j + 1] <= below[i]:
            j += 1
        a, b = above[j], above[j + 1]
        height = a + (b - a) * _share(x[below[i]], x[a], x[b]) - below[i] + 1
        if height > gap:
            gap, left, right = height, below[i], b if above[j] < below[i] else a
    j = 0
    for i in range(len(above)):
        while j < len(below) - 2 and below[j + 1] < above[i]:
            j += 1
        a, b = below[j], below[j + 1]
        height = above[i] - (a + (b - a) * _share(x[above[i]], x[a], x[b])) + 1
        if height > gap:
            gap, left, right = height, a if above[i] < b else b, above[i]
    return gap, left, right


@compiled()
def _share(value: float, start: float, end: float) -> float:
    return (value - start) / (end - start) if end > start else 0.0


@compiled()
def _under(x: Floats, a: int, b: int) -> float:
    """Furthest that the counts lie above the chord of the convex hull from a to b."""
    most = 1.0
    for i in range(a, b + 1):
        most = max(most, i - a + 1 - (b - a) * _share(x[i], x[a], x[b]))
    return most


@compiled()
def _over(x: Floats, a: int, b: int) -> float:
    """Furthest that the counts lie below the chord of the concave hull from a to b."""
    most = 1.0
    for i in range(a, b + 1):
        most = max(most, (b - a) * _share(x[i], x[a], x[b]) - (i - a - 1))
    return most


@compiled()
def start(points: Singles, luck: Floats) -> Singles:
    """(k', d) centres drawn from points (n, d), each by its squared distance from those before; luck (k,) 0 to 1."""
    n, d = points.shape
    found = np.empty((len(luck), d), np.float32)
    apart = np.full(n, np.inf)
    pick = min(int(luck[0] * n), n - 1)
    for k in range(len(luck)):
        found[k] = points[pick]
        total = 0.0
        for i in range(n):
            far = 0.0
            for j in range(d):
                far += (points[i, j] - found[k, j]) ** 2
            apart[i] = min(apart[i], far)
            total += apart[i]
        if total <= 0.0 or k + 1 == len(luck):
            return found[: k + 1]
        left = luck[k + 1] * total
        for i in range(n):
            if apart[i] > 0.0:
                pick = i
                left -= apart[i]
                if left <= 0.0:
                    break
    return found


@compiled()
def lloyd(points: Singles, centres: Singles, rounds: int) -> tuple[Singles, float]:
    """Means of the points nearest to each centre, until no point moves; and the summed squared distance.

    A centre without points is dropped.
    """
    n, d = points.shape
    labels = np.full(n, -1)
    for _ in range(rounds):
        k = len(centres)
        moved = _nearest(points, centres, labels)
        if moved == 0:
            break
        sums = np.zeros((k, d))
        counts = np.zeros(k, np.int64)
        for i in range(n):
            counts[labels[i]] += 1
            for j in range(d):
                sums[labels[i], j] += points[i, j]
        kept = np.flatnonzero(counts)
        centres = np.empty((len(kept), d), np.float32)
        for c in range(len(kept)):
            centres[c] = (sums[kept[c]] / counts[kept[c]]).astype(np.float32)
        if len(kept) < k:
            labels[:] = -1
    _nearest(points, centres, labels)
    spread = 0.0
    for i in range(n):
        for j in range(d):
            spread += float(points[i, j] - centres[labels[i], j]) ** 2
    return centres, spread


@compiled()
def _nearest(points: Singles, centres: Singles, labels: NDArray[np.int64]) -> int:
    """How many labels change to that of the nearest centre."""
    k, d = centres.shape
    turned = -2 * np.ascontiguousarray(centres.T)  # so that the inner loop runs over centres, several at a time
    own = np.empty(k, np.float32)
    for c in range(k):
        own[c] = (centres[c] * centres[c]).sum()
    far = np.empty(k, np.float32)
    moved = 0
    for i in range(len(points)):
        far[:] = own
        for j in range(d):
            x = points[i, j]
            for c in range(k):
                far[c] += x * turned[j, c]
        best = 0
        for c in range(1, k):
            if far[c] < far[best]:
                best = c
        if best != labels[i]:
            labels[i] = best
            moved += 1
    return moved
