"""Patient-level bootstrap, all draws at once: a draw is how often each patient counts.

Patients are drawn with replacement, each with all of its cases. A metric takes the weights of a
block of draws (b, n) and answers (b,), so no loop over draws is needed. Intervals are plain
percentiles of the draws.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from isocenter.metrics import Floats, Ints
from isocenter.metrics.intervals import LEVEL, NONE, Interval

K = TypeVar("K", bound=Hashable)
NAME = "bootstrap-patients"
# Numbers in a block of weights: 1 MiB, so that a block stays in the cache of one core.
BLOCK = 1 << 17
# Above this share of draws in which a metric is not defined its percentiles describe other data.
MOST_UNDEFINED = 0.05


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


def patient_counts(rng: np.random.Generator, n_patients: int, draws: int, strata: Ints | None = None) -> Floats:
    """(draws, n_patients) how often each is drawn; within its stratum where strata (p,) are given."""
    if strata is None:
        return _multinomial(rng, n_patients, draws)
    counts = np.empty((draws, n_patients))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = _multinomial(rng, len(members), draws)
    return counts


def _multinomial(rng: np.random.Generator, n: int, draws: int) -> Floats:
    chosen = rng.integers(0, n, size=(draws, n), dtype=np.int32)
    cells = chosen + np.arange(0, draws * n, n)[:, None]
    return np.bincount(cells.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float64)


def bootstrap(
    measures: Callable[[Floats], Mapping[K, Floats]],
    patients: Ints,
    *,
    draws: int = 2000,
    seed: int = 0,
    strata: Ints | None = None,
) -> dict[K, Floats]:
    """Every measure in every draw (draws,), NaN where it is not defined.

    measures: case weights (b, n) to values (b,) by name; patients: (n,) codes 0..p-1. Memory is
    that of a few blocks, whatever n and draws are. The free and the stratified draws of one seed
    share no random numbers.
    """
    n_patients = int(patients.max()) + 1
    alone = n_patients == len(patients) and bool((patients == np.arange(n_patients)).all())
    rng = np.random.default_rng([seed, int(strata is not None)])
    block = max(1, BLOCK // len(patients))
    found: list[Mapping[K, Floats]] = []
    for start in range(0, draws, block):
        counts = patient_counts(rng, n_patients, min(block, draws - start), strata)
        found.append(measures(counts if alone else np.take(counts, patients, axis=1)))
    return {key: np.concatenate([values[key] for values in found]) for key in found[0]}


def percentiles(values: Floats, level: float = LEVEL) -> Percentiles:
    """Percentile interval (Efron 1979) of the draws (draws,) in which the metric is defined.

    No interval where too many are not, or where all draws agree: that is no certainty.
    """
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    if undefined > MOST_UNDEFINED * len(values) or not defined.size or _agree(defined):
        return Percentiles(NONE, undefined, len(values))
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Percentiles(Interval(float(low), float(high), NAME), undefined, len(values))


def _agree(values: Floats) -> bool:
    """All the same, but for rounding."""
    return bool(np.ptp(values) <= 1e-12 * np.abs(values).max())
