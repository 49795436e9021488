"""What seeds alone do: the same patients, split and fitted again with other random numbers.

A band of seeds is no confidence interval: it says how far numbers move though nothing was changed, and nothing of
other patients. Given the cohort the seeds are independent draws, so that what a further seed may show is a
prediction interval: mean +- t sd sqrt(1 + 1 / s).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import t

from isocenter.metrics import Floats
from isocenter.metrics.intervals import LEVEL, NONE, Interval

FEWEST = 3  # seeds: two say nothing of what a third may show


@dataclass(frozen=True, slots=True)
class SeedBand:
    """One method over seeds. seeds: with a value; another: what a further seed may show (none with one seed)."""

    seeds: int
    mean: float
    sd: float
    smallest: float
    largest: float
    another: Interval


@dataclass(frozen=True, slots=True)
class SeedDifference:
    """first minus second, paired by seed.

    claimed: the difference in question (that of the first seed unless told); beyond: None where it cannot be told;
    agreeing: in how many seeds the difference has the claimed sign.
    """

    first: str
    second: str
    band: SeedBand
    claimed: float
    agreeing: int
    beyond: bool | None
    sentence: str


def seed_band(values: Floats, level: float = LEVEL) -> SeedBand:
    """Band of (s,) values, one a seed; seeds without a value are left out."""
    found = values[np.isfinite(values)]
    s = len(found)
    if s == 0:
        return SeedBand(0, math.nan, math.nan, math.nan, math.nan, NONE)
    mean, sd = float(found.mean()), float(found.std(ddof=1)) if s > 1 else math.nan
    half = float(t.isf((1 - level) / 2, s - 1)) * sd * math.sqrt(1 + 1 / s) if s > 1 else math.nan
    another = Interval(mean - half, mean + half, "another-seed") if s > 1 else NONE
    return SeedBand(s, mean, sd, float(found.min()), float(found.max()), another)


def beyond_seeds(
    first: Floats, second: Floats, names: tuple[str, str] = ("first", "second"), claimed: float | None = None
) -> SeedDifference:
    """Is a difference between two methods larger than what seeds alone do to it? (s,) values each, same seeds.

    It is, if both the claimed difference and the mean over seeds are, on the same side, further from 0 than a
    further seed may move it: half the width of the band of the paired differences. Three seeds at the least.
    """
    differences = first - second
    band = seed_band(differences)
    finite = differences[np.isfinite(differences)]
    claim = claimed if claimed is not None else float(finite[0]) if len(finite) else math.nan
    agreeing = int((np.sign(finite) == np.sign(claim)).sum())
    pair = f"{names[0]} against {names[1]}"
    if band.seeds < FEWEST or not math.isfinite(claim):
        sentence = f"{pair}: too few seeds to say what chance does to the difference; three are the least."
        if len(differences) and (band.seeds == 0 or band.seeds >= FEWEST):
            sentence = f"{pair}: the difference is not defined, so that seeds say nothing of it."
        return SeedDifference(*names, band, claim, agreeing, None, sentence)
    reach = (band.another.high - band.another.low) / 2
    beyond = min(claim * np.sign(band.mean), abs(band.mean)) > reach
    verdict = "more than another seed would move it" if beyond else "no more than another seed may move it"
    sentence = (
        f"{pair}: the difference of {claim:+.3f} is {verdict} (by {reach:.3f}; over {band.seeds} seeds "
        f"{band.smallest:+.3f} to {band.largest:+.3f}, of this sign in {agreeing})."
    )
    return SeedDifference(*names, band, claim, agreeing, bool(beyond), sentence)


def all_beyond_seeds(values: Mapping[str, Floats]) -> list[SeedDifference]:
    """Every pair of methods; values: (s,) by method, the seeds in the same order."""
    return [beyond_seeds(values[a], values[b], (a, b)) for a, b in combinations(values, 2)]
