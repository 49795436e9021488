"""Patient-level bootstrap: a draw is how often each patient counts, blocks of draws at once.

Patients are drawn with replacement, each with all of its cases. A metric takes the weights of a
block of draws (b, n) and answers (b,). What the draws say as an interval: `drawn`, or plain percentiles.

Who is in a draw depends on the seed, the number of patients, the strata and the number of the draw,
and on nothing else: not on blocks, threads or what else is measured. So two models bootstrapped one
after the other with one seed meet the same draws, which is what a paired comparison needs.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from isocenter.compute import processes
from isocenter.metrics import Floats, Ints
from isocenter.metrics.intervals import LEVEL, NONE, Interval, t_of
from isocenter.metrics.ranking import SMALL

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
Words = NDArray[np.uint64]
NAME = "bootstrap-patients"
# Numbers (draws x cases) from which compiled loops and threads pay for the start of numba.
LARGE = 5_000_000
# Above this share of draws in which a metric is not defined its percentiles describe other data.
MOST_UNDEFINED = 0.05

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32 = (np.uint64(bits) for bits in (27, 30, 31, 32))


class Percentiles(NamedTuple):
    """An interval, and in how many of the draws the metric was not defined."""

    interval: Interval
    undefined: int
    draws: int


def strata_of(patients: Ints, classes: Ints) -> Ints | None:
    """(p,) the one class of each patient; None if some patient has several.

    patients: (n,) codes 0..p-1, all present. Drawing within classes keeps every class in every
    draw, but also fixes the prevalence: only for what does not depend on it.
    """
    first = np.zeros(int(patients.max()) + 1, dtype=np.int64)
    first[patients] = classes
    return first if bool((first[patients] == classes).all()) else None


def mixed(z: Words) -> Words:
    """SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014), in place."""
    z ^= z >> _30
    z *= _FIRST
    z ^= z >> _27
    z *= _SECOND
    z ^= z >> _31
    return z


@dataclass(frozen=True, eq=False)
class Draws:
    """Who is in which draw.

    members: (p,) patients, stratum after stratum; ends: (s,) where each stratum ends among them;
    key: 64 bits made from the seed. Every draw has a stream of its own that starts at a *mixed* place: streams
    that start near each other overlap, the draws then resemble each other, and intervals come out too narrow.
    """

    members: Ints
    ends: Ints
    key: np.uint64

    @classmethod
    def of(cls, n_patients: int, seed: int = 0, strata: Ints | None = None) -> Draws:
        """The free and the stratified draws (strata: (p,)) of one seed share no random numbers."""
        key = np.random.SeedSequence([seed, int(strata is not None)]).generate_state(1, np.uint64)[0]
        if strata is None:
            return cls(np.arange(n_patients), np.array([n_patients]), key)
        return cls(np.argsort(strata, kind="stable"), np.cumsum(np.unique(strata, return_counts=True)[1]), key)

    def counts(self, draws: range) -> Floats:
        """(b, p) how often each patient is in each of these draws."""
        n, sizes = len(self.members), np.diff(self.ends, prepend=0)
        numbers = np.arange(draws.start, draws.stop, dtype=np.uint64)[:, None]
        picks = mixed(mixed(self.key + numbers * _GOLDEN) + np.arange(n, dtype=np.uint64) * _GOLDEN)
        # 32 random bits times the size, over 2^32 (Lemire, ACM TOMACS 2019): with a million patients
        # some are likelier than others by 1 in 4,000, which no interval can show.
        picks >>= _32
        picks *= np.repeat(sizes, sizes).astype(np.uint64)
        picks >>= _32
        cells = picks.astype(np.int64)
        cells += np.repeat(self.ends - sizes, sizes)
        cells += n * np.arange(len(draws))[:, None]
        counts = np.bincount(cells.ravel(), minlength=len(draws) * n).reshape(-1, n)
        return counts[:, np.argsort(self.members)].astype(np.float64)


def bootstrap(
    measures: Callable[[Floats], Mapping[K, Floats]],
    patients: Ints,
    *,
    draws: int = 2000,
    seed: int = 0,
    strata: Ints | None = None,
) -> dict[K, Floats]:
    """Every measure in every draw (draws,), NaN where it is not defined.

    measures: case weights (b, n) to values (b,) by name. It must not keep the weights, and where draws x
    cases are `LARGE` it is called from several threads. patients: (n,) codes 0..p-1. Memory is that of a few
    blocks, whatever n and draws are.
    """
    plan = Draws.of(int(patients.max()) + 1, seed, strata)
    large = draws * len(patients) >= LARGE
    size = max(1, (4 * SMALL if large else SMALL) // len(patients))
    blocks = [range(first, min(first + size, draws)) for first in range(0, draws, size)]
    weights_of = _compiled_weights(plan, patients, size) if large else _weights(plan, patients)

    def measured(block: range) -> dict[K, Floats]:
        return {key: np.array(values) for key, values in measures(weights_of(block)).items()}

    found = _in_threads(measured, blocks) if large else [measured(block) for block in blocks]
    return {key: np.concatenate([values[key] for values in found]) for key in found[0]}


def _in_threads(function: Callable[[range], T], blocks: list[range]) -> list[T]:
    """One thread a block; BLAS, which would start its own in each of them, keeps to one."""
    from concurrent.futures import ThreadPoolExecutor

    with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(processes()) as pool:
        return list(pool.map(function, blocks))


@cache
def _libraries() -> Any:
    """Those that are loaded now: looking for them takes 3 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _weights(plan: Draws, patients: Ints) -> Callable[[range], Floats]:
    return lambda block: np.take(plan.counts(block), patients, axis=1)


def _compiled_weights(plan: Draws, patients: Ints, size: int) -> Callable[[range], Floats]:
    """The same; every thread writes all its blocks (size, n) into one place: fresh memory costs more than the draws."""
    from isocenter.metrics.kernels import fill  # imports numba

    places = np.argsort(plan.members)[patients].astype(np.int32)
    alone = bool((places == np.arange(len(places))).all())
    own = threading.local()

    def weights_of(block: range) -> Floats:
        if not hasattr(own, "weights"):
            own.weights = np.empty((size, len(places)))
        weights: Floats = own.weights[: len(block)]
        fill(weights, places, alone, plan.ends, plan.key, block.start)
        return weights

    return weights_of


def percentiles(values: Floats, level: float = LEVEL, *, patients: int | None = None) -> Percentiles:
    """Percentile interval (Efron 1979) of the draws (draws,) in which the metric is defined.

    For what is not a metric of `drawn`, whose intervals cover better in small samples. patients: how many were
    drawn; the percentiles are then taken further out, as Student's t and the spread of n instead of n - 1 ask
    (Hesterberg, Am Stat 2015). No interval where `usable` says none.
    """
    defined, undefined = usable(values)
    if defined is None:
        return Percentiles(NONE, undefined, len(values))
    tail = (1 - level) / 2 if patients is None else expanded_tail(level, patients)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Percentiles(Interval(float(low), float(high), NAME), undefined, len(values))


def usable(values: Floats) -> tuple[Floats | None, int]:
    """The draws that are defined, and how many are not.

    None where too many are not, or where all agree: that is no certainty.
    """
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    return (None if undefined > MOST_UNDEFINED * len(values) or _agree(defined) else defined), undefined


def expanded_tail(level: float, patients: int) -> float:
    """Share of draws to leave out at either end, for limits that lie as far out as t intervals do."""
    if patients < 2:
        return 0.0
    return NormalDist().cdf(-math.sqrt(patients / (patients - 1)) * t_of(level, patients - 1))


def _agree(values: Floats) -> bool:
    """All the same, but for rounding; also where there are none."""
    return not values.size or bool(np.ptp(values) <= 1e-12 * np.abs(values).max())
