"""Which group goes where: whole groups, each part near its share of every stratum.

Own allocation instead of scikit-learn's stratifiers: groups and strata at once, any kind of
target, and one order of cases that everything later keeps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import Cohort
from isocenter.errors import TooFewPatients

Ints = NDArray[np.int64]
Duplicates = Sequence[Sequence[str]]


def allocate(groups: Ints, strata: Ints, shares: Sequence[float], rng: np.random.Generator) -> Ints:
    """Part number (n,) of every case: whole groups, each part near its share of every stratum.

    groups, strata: (n,) integers; shares sum to 1. Groups of several cases go first, the
    largest first, each to the part that lacks most of what it holds, of equal ones to that which
    lacks most of all; single cases then fill up what is missing, so that without groups the strata
    are exact to one case. Where all groups hold several cases, and are as many as parts, none stays empty.
    """
    n_groups, n_strata = int(groups.max()) + 1, int(strata.max()) + 1
    sizes = np.bincount(groups, minlength=n_groups)
    need = np.outer(shares, np.bincount(strata, minlength=n_strata)).astype(np.float64)
    part_of_group = np.zeros(n_groups, dtype=np.int64)
    order = rng.permutation(n_groups)
    several = [g for g in order[np.argsort(-sizes[order], kind="stable")] if sizes[g] > 1]
    rows = _rows_of(groups, several)
    filled = np.zeros(len(shares), dtype=bool)
    for done, group in enumerate(several):
        counts = np.bincount(strata[rows[group]], minlength=n_strata)
        lacking = need / np.asarray(shares)[:, None]
        able = ~filled if n_groups - done <= (~filled).sum() else np.ones(len(shares), dtype=bool)
        part = int(np.lexsort((-np.arange(len(shares)), lacking.sum(axis=1), np.round(lacking @ counts, 6), able))[-1])
        need[part] -= counts
        filled[part] = True
        part_of_group[group] = part
    parts = part_of_group[groups]
    single = np.flatnonzero(sizes[groups] == 1)
    parts[single] = _fill(strata[single], need, rng)
    return parts


def _rows_of(groups: Ints, wanted: Sequence[int]) -> dict[int, NDArray[np.intp]]:
    by_group = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[by_group], np.arange(groups.max() + 2))
    return {g: by_group[starts[g] : starts[g + 1]] for g in wanted}


def _fill(strata: Ints, need: NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """Part of each single case: the quota of every stratum, rounding errors carried to the next."""
    parts = np.zeros(len(strata), dtype=np.int64)
    carry = np.zeros(len(need))
    for stratum in range(need.shape[1]):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        wanted = np.clip(need[:, stratum], 0, None) + 1e-12
        wanted = wanted / wanted.sum() * len(rows)
        quota = _rounded(wanted + carry, len(rows))
        carry += wanted - quota
        parts[rows] = np.repeat(np.arange(len(need)), quota)
    return parts


def _rounded(wanted: NDArray[np.float64], total: int) -> Ints:
    """Non-negative integers near `wanted` that sum to `total`: largest remainders."""
    floor = np.floor(np.clip(wanted, 0, None)).astype(np.int64)
    remainder = wanted - floor
    while (left := total - int(floor.sum())) != 0:
        step = 1 if left > 0 else -1
        able = remainder if step > 0 else np.where(floor > 0, -remainder, -np.inf)
        chosen = int(np.argmax(able))
        floor[chosen] += step
        remainder[chosen] -= step
    return floor


def strata_of(cohort: Cohort, bins: int = 5) -> Ints:
    """Class codes; each case's rarest label; fifths of a measurement; one stratum without a target."""
    if cohort.target is None:
        return np.zeros(len(cohort), dtype=np.int64)
    if cohort.target.is_labels:
        return _rarest(cohort.codes.astype(np.int64))
    if cohort.target.is_classes:
        return pd.factorize(cohort.codes)[0].astype(np.int64)  # by first appearance: names do not move a split
    ranks = pd.Series(cohort.codes).rank(method="first").to_numpy()
    return np.asarray((ranks - 1) * min(bins, max(len(cohort) // 10, 1)) // len(cohort), dtype=np.int64)


def _rarest(has: Ints) -> Ints:
    """(n,) stratum of each row of labels (n, k): its rarest label, for that is the one a part may lack.

    Common labels come out near their shares by themselves (Sechidis, Tsoumakas and Vlahavas, ECML 2011, give
    rare labels out first for the same reason). Rows without a label are a stratum.
    """
    order = np.lexsort((has.argmax(axis=0), has.sum(axis=0)))  # of equally rare ones the first to appear
    ordered = has[:, order] == 1
    rarest = np.where(ordered.any(axis=1), ordered.argmax(axis=1), has.shape[1])
    return np.asarray(pd.factorize(rarest)[0], dtype=np.int64)


def inner_folds(
    fitting: Cohort, duplicates: Duplicates, folds: int, stratify: bool, entropy: Sequence[int]
) -> tuple[tuple[str, ...], ...]:
    """Groups come from the fitting part alone: what lies in the test part cannot move a fold.

    entropy: seeds the draw, e.g. (seed, 1).
    """
    groups = fitting.groups(duplicates)
    need(int(groups.max(initial=-1)) + 1, folds, f"{folds} inner folds", "Give fewer --folds.")
    strata = strata_of(fitting) if stratify else np.zeros(len(fitting), dtype=np.int64)
    fold = allocate(groups, strata, (1 / folds,) * folds, np.random.default_rng(list(entropy)))
    return tuple(tuple(fitting.case_ids[fold == k]) for k in range(folds))


def patients_of_class(cohort: Cohort, groups: Ints) -> dict[str, int]:
    """How many groups hold a case of each class; {} for labels, which no part needs to hold, and a measurement."""
    if cohort.target is None or not cohort.target.is_classes:
        return {}
    counts = pd.Series(groups).groupby(np.asarray(cohort.codes)).nunique()
    return {cohort.target.classes[int(str(code))]: int(count) for code, count in counts.items()}


def need(have: int, want: int, what: str, remedy: str = "Add patients.") -> None:
    """TooFewPatients where there are fewer than wanted."""
    if have < want:
        raise TooFewPatients(f"{have} patient{'s are' if have != 1 else ' is'} too few for {what}.", remedy)


def patient_name(cohort: Cohort) -> str:
    """What a group is called in a sentence."""
    return "patient" if cohort.knows_patients else "case (no patient ids are known)"


def stratified_by(cohort: Cohort, stratify: bool) -> str:
    """How the strata are told in a sentence."""
    if not stratify:
        return "not stratified"
    if cohort.target is None or cohort.target.is_value:
        return "stratified by the target's size"
    return "stratified by each case's rarest label" if cohort.target.is_labels else "stratified by class"
