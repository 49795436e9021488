"""Nearest cases without looking at all of them: vectors sorted into cells, of which a query searches the nearest few.

An inverted file (Sivic and Zisserman, ICCV 2003; Jegou et al, IEEE PAMI 2011): k-means parts the vectors on their first
components into about sqrt(n) cells, and whatever lies in the cells that are searched is compared exactly, in all
dimensions. So distances are those of `exact.nearest`; only cases in other cells can be missed. How many are is measured
on some of the very vectors: half of them choose how many cells are searched, the other half tell the recall. Where that
takes too large a part of the cases (features with nothing but noise have no cells that hold neighbours), or cases are
few, there is one cell: then the search is exact and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.neighbours.exact import TREE, Vectors, check_distance, measured, nearest, ranked, squared, unit

LEAST = 10_000  # cases below which looking at all is as fast
RECALL, AT = 0.99, 10  # share of the true nearest AT that is to be found,
FAIR = 0.9  # or less, but so much, where that takes more than
SHARE = 0.1  # of the cases
ASKED = 200  # cases that choose, and as many others that tell
RANKS = 100  # up to which recall is told
_AXES = 32  # components on which cells are made
_LEARNED = 5000  # rows the components come from,
_PER_CELL = 50  # and rows a cell for the centres
_ROUNDS = 10
_BLOCK = 4096
_NUMBERS = 2**24  # held for one block of queries


def _believed(_: int) -> None:
    """What is in memory needs no check."""


@dataclass(frozen=True, eq=False)
class Cells:
    """n vectors of p numbers in c cells, compared on d components.

    distance: "euclidean" or "cosine"; mean (p,), axes (p, d); centres (c, d); starts (c + 1,): vectors and squares
    starts[i] to starts[i + 1] are those of cell i; vectors (n, p), in memory or mapped from a file; squares (n,);
    rows (n,): where each vector stood before; probes: cells that are searched; recalls (k,): share of the nearest 1,
    2, ... k cases that was found; asked: for so many cases; looked: share of all cases that a query was compared with;
    check: called with a cell before its vectors are used.
    """

    distance: str
    mean: Vectors
    axes: Vectors
    centres: Vectors
    starts: Ints
    vectors: Vectors
    squares: Vectors
    rows: Ints
    probes: int = 1
    recalls: Floats = field(default_factory=lambda: np.ones(1))
    asked: int = 0
    looked: float = 1.0
    check: Callable[[int], None] = _believed

    @property
    def exact(self) -> bool:
        """Whether there is but one cell, so that nothing can be missed."""
        return len(self.centres) == 1

    def recall(self, count: int) -> float:
        """Share of the nearest `count` cases that is found, as measured; of the nearest RANKS where more are asked."""
        return float(self.recalls[min(count, len(self.recalls)) - 1])

    def vector(self, row: int) -> Vectors:
        """(1, p) the vector that stood in this row."""
        at = int(np.flatnonzero(self.rows == row)[0])
        self.check(int(np.searchsorted(self.starts, at, side="right")) - 1)
        return np.asarray(self.vectors[at : at + 1])

    def nearest(self, queries: Vectors, count: int) -> tuple[NDArray[np.intp], Floats]:
        """(m, count) rows near each query (m, p) and their distances, the nearest first; as `exact.nearest` but for
        what lies in other cells. More cells are searched where these hold fewer than `count`.
        """
        count = min(count, len(self.rows))
        held = max(count * self.probes, len(self.centres), int(np.diff(self.starts).max()))
        block = max(1, min(_BLOCK, _NUMBERS // held))
        found = [self._widened(queries[i : i + block], count) for i in range(0, len(queries), block)]
        return np.concatenate([rows for rows, _ in found]), np.concatenate([away for _, away in found])

    def _widened(self, queries: Vectors, count: int) -> tuple[NDArray[np.intp], Floats]:
        order = self.order_of(queries)
        enough = (np.cumsum(np.diff(self.starts)[order], axis=1) < count).sum(axis=1).max() + 1
        return self.within(queries, order[:, : max(self.probes, enough)], count)

    def within(self, queries: Vectors, tried: Ints, count: int) -> tuple[NDArray[np.intp], Floats]:
        """As `nearest`, in the cells `tried` (m, t) alone; infinitely far where these hold fewer than `count`."""
        away = np.full((*tried.shape, count), np.inf, dtype=np.float32)
        at = np.zeros(away.shape, dtype=np.intp)
        for cell in np.unique(tried):
            self.check(int(cell))
            asked, place = np.nonzero(tried == cell)
            own = slice(self.starts[cell], self.starts[cell + 1])
            apart = ranked(self.vectors[own], self.squares[own], queries[asked], self.distance)
            few = min(count, apart.shape[1])
            best = np.argpartition(apart, few - 1, axis=1)[:, :few]
            away[asked, place, :few] = np.take_along_axis(apart, best, axis=1)
            at[asked, place, :few] = own.start + best
        flat = away.reshape(len(queries), -1)
        best = np.argpartition(flat, count - 1, axis=1)[:, :count]
        at = np.take_along_axis(at.reshape(flat.shape), best, axis=1)
        missing, rows = np.isinf(np.take_along_axis(flat, best, axis=1)), self.rows[at]
        exact = np.where(missing, np.inf, measured(self.vectors, queries, at, self.distance))
        order = np.lexsort((rows, exact), axis=1)
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(exact, order, axis=1)

    def order_of(self, queries: Vectors) -> Ints:
        """(m, c) all cells, the nearest to each query first."""
        seen = _seen(queries, self.mean, self.axes, self.distance)
        return np.argsort(ranked(self.centres, squared(self.centres), seen, "euclidean"), axis=1, kind="stable")

    def cells_of(self, rows: Ints) -> Ints:
        """The cell of each of these rows, of any shape."""
        cell = np.empty(len(self.rows), dtype=np.int64)
        cell[self.rows] = np.repeat(np.arange(len(self.centres)), np.diff(self.starts))
        return cell[rows]


def celled(vectors: Vectors, distance: str = "euclidean", seed: int = 0) -> Cells:
    """Sort vectors (n, p) into cells and measure what a search of the nearest few finds. Raises UsageError (distance).

    In memory: the vectors, a sorted copy, and up to 200 MB. 500,000 x 512 take about 20 s of one core.
    """
    check_distance(distance)
    rng = np.random.default_rng(seed)
    if len(vectors) < LEAST or (distance == "euclidean" and vectors.shape[1] <= TREE):
        return _one(vectors, distance)
    mean, axes = _components(vectors, distance, rng)
    seen = np.concatenate([_seen(block, mean, axes, distance) for block in _blocks(vectors)])
    centres = _centres(seen, rng)
    cell = np.concatenate([_closest(block, centres) for block in _blocks(seen)])
    sizes = np.bincount(cell, minlength=len(centres))
    rows = np.argsort(cell, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes[sizes > 0])])
    ordered = vectors[rows]
    cells = Cells(distance, mean, axes, centres[sizes > 0], starts, ordered, squared(ordered), rows)
    return _measured(cells, vectors, rng) or _one(vectors, distance)


def _one(vectors: Vectors, distance: str) -> Cells:
    p = vectors.shape[1]
    nothing = np.zeros((p, 1), dtype=np.float32)
    starts, rows = np.array([0, len(vectors)]), np.arange(len(vectors))
    return Cells(distance, nothing[:, 0], nothing, nothing[:1], starts, vectors, squared(vectors), rows)


def _blocks(values: Vectors) -> list[Vectors]:
    return [values[i : i + _BLOCK] for i in range(0, len(values), _BLOCK)]


def _components(vectors: Vectors, distance: str, rng: np.random.Generator) -> tuple[Vectors, Vectors]:
    from sklearn.utils.extmath import randomized_svd

    some = vectors[np.sort(rng.permutation(len(vectors))[:_LEARNED])]
    some = unit(some) if distance == "cosine" else some
    mean = some.mean(axis=0)
    turn = randomized_svd(some - mean, min(_AXES, some.shape[1]), random_state=int(rng.integers(2**31)))[2]
    return np.asarray(mean, dtype=np.float32), np.ascontiguousarray(turn.T, dtype=np.float32)


def _seen(vectors: Vectors, mean: Vectors, axes: Vectors, distance: str) -> Vectors:
    """(n, d) on the components."""
    return np.asarray(((unit(vectors) if distance == "cosine" else vectors) - mean) @ axes, dtype=np.float32)


def _closest(points: Vectors, centres: Vectors) -> Ints:
    return np.asarray(ranked(centres, squared(centres), points, "euclidean").argmin(axis=1))


def _centres(seen: Vectors, rng: np.random.Generator) -> Vectors:
    """Lloyd's k-means on some of the points; a centre that nobody is closest to stays where it is."""
    count = round(np.sqrt(len(seen)))
    some = seen[rng.permutation(len(seen))[: _PER_CELL * count]]
    centres = some[:count].copy()
    for _ in range(_ROUNDS):
        cell = np.concatenate([_closest(block, centres) for block in _blocks(some)])
        sizes = np.bincount(cell, minlength=count)
        sums = np.stack([np.bincount(cell, weights=column, minlength=count) for column in some.T], axis=1)
        centres[sizes > 0] = (sums[sizes > 0] / sizes[sizes > 0, None]).astype(np.float32)
    return centres


def _measured(cells: Cells, vectors: Vectors, rng: np.random.Generator) -> Cells | None:
    """With as many probes as the recall takes, and that recall; None where a fair one would take too many cases."""
    asked = rng.permutation(len(vectors))[: 2 * ASKED]
    choosing, telling = asked[:ASKED], asked[ASKED:]
    true = _others(*nearest(vectors, vectors[choosing], AT + 1, cells.distance), choosing)[0]
    order = cells.order_of(vectors[choosing])
    place = np.take_along_axis(np.argsort(order, axis=1), cells.cells_of(true), axis=1)
    shares = np.cumsum(np.diff(cells.starts)[order], axis=1).mean(axis=0) / len(vectors)  # by number of cells
    wanted = int(np.quantile(place, RECALL, method="higher")) + 1
    probes = min(wanted, int((shares <= SHARE).sum()))
    if (place < probes).mean() < FAIR:
        return None
    looked = float(shares[probes - 1])
    least = _others(*nearest(vectors, vectors[telling], RANKS + 1, cells.distance), telling)[1]
    tried = cells.order_of(vectors[telling])[:, :probes]
    found = _others(*cells.within(vectors[telling], tried, RANKS + 1), telling)[1]
    recalls = np.array([(found[:, :k] <= least[:, k - 1 : k] * (1 + 1e-9)).mean() for k in range(1, RANKS + 1)])
    return replace(cells, probes=probes, asked=len(telling), looked=looked, recalls=recalls)


def _others(rows: NDArray[np.intp], away: Floats, own: Ints) -> tuple[NDArray[np.intp], Floats]:
    """Without the case itself, or without the last where it is not there (many are the same)."""
    itself = rows == own[:, None]
    itself[~itself.any(axis=1), -1] = True
    shape = (len(rows), rows.shape[1] - 1)
    return rows[~itself].reshape(shape), away[~itself].reshape(shape)
