"""Parts and folds: who is learned from, and who is only looked at once.

The unit is the group: a patient, joined with every patient that shares bit-identical pixels.
Own allocation instead of scikit-learn's stratifiers: groups and strata at once, any kind of
target, and one order of cases that everything later keeps.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import Cohort
from isocenter.errors import CohortError, PatientInTwoParts, TooFewPatients, UnknownColumn, UsageError

PARTS = {
    "training": "training", "train": "training", "tuning": "tuning", "val": "tuning", "valid": "tuning",
    "validation": "tuning", "dev": "tuning", "test": "test", "testing": "test",
}  # fmt: skip
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One partition of the cases into parts.

    training, tuning, test: case ids; the order of `training` is the order a method sees.
    folds: held-out case ids of each inner fold, over training and tuning together, patient-
    grouped. overlap: test cases that share a patient or pixels with training or tuning (can be
    non-empty only in an official or given split). unassigned: cases for which a given split
    names no part.
    """

    training: tuple[str, ...]
    test: tuple[str, ...]
    tuning: tuple[str, ...] = ()
    folds: tuple[tuple[str, ...], ...] = ()
    overlap: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()
    seed: int = 0
    repeat: int = 0
    fold: int = 0

    @property
    def fitting(self) -> tuple[str, ...]:
        """What shallow methods learn from: an official validation part joins the training part."""
        return self.training + self.tuning

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        return {"training": self.training, "tuning": self.tuning, "test": self.test}


@dataclass(frozen=True)
class Design:
    """How performance is estimated: one split for a hold-out, several for cross-validation.

    kind: "holdout" or "given"; how: one sentence for the user; warnings: sentences that must
    not be missed (no patient ids, overlaps of an official split...).
    """

    splits: tuple[Split, ...]
    kind: str = "holdout"
    test_fraction: float | None = 0.2
    stratified: bool = True
    seed: int = 0
    how: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def split(self) -> Split:
        """The first split; the only one of a hold-out."""
        return self.splits[0]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is in which part: the identity of a test part that has been looked at."""
        return hashlib.sha256(json.dumps([asdict(s) for s in self.splits]).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `split.json`: `parts` of the first split, all of them under `splits`."""
        first = {name: list(ids) for name, ids in self.split.parts.items()}
        own = {k: v for k, v in asdict(self).items() if k != "splits"}
        return {"parts": first, **own, "splits": [asdict(s) for s in self.splits]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Design:
        splits = []
        for row in data["splits"]:
            folds = tuple(tuple(f) for f in row["folds"])
            ids = {k: tuple(row[k]) for k in ("training", "tuning", "test", "overlap", "unassigned")}
            splits.append(Split(**{**row, **ids, "folds": folds}))
        rest = {k: data[k] for k in ("kind", "test_fraction", "stratified", "seed", "how")}
        return cls(tuple(splits), warnings=tuple(data["warnings"]), **rest)


def make_design(
    cohort: Cohort,
    duplicates: Sequence[Sequence[str]] = (),
    *,
    seed: int = 0,
    test_fraction: float = 0.2,
    folds: int = 5,
    stratify: bool = True,
    overlap: str = "keep",
) -> Design:
    """Hold out a test part by patient, or take the split that `cohort.split_column` gives.

    duplicates: groups of case ids with bit-identical pixels; each is kept in one part, except
    where the split is given. overlap: "keep" or "drop-training", for given splits. Raises
    TooFewPatients, PatientInTwoParts, UnknownColumn, UsageError.
    """
    if overlap not in ("keep", "drop-training"):
        raise UsageError(f"--overlap {overlap} is not known.", "Choose keep or drop-training.")
    if not 0.0 < test_fraction < 1.0:
        raise UsageError(f"--test-fraction {test_fraction} is not between 0 and 1.", "Give a share such as 0.2.")
    if folds < 2:
        raise UsageError(f"--folds {folds} is too few.", "At least 2 inner folds are needed.")
    if cohort.split_column is not None:
        split, how = _given(cohort, duplicates, overlap)
    else:
        split, how = _holdout(cohort, duplicates, seed, test_fraction, stratify)
    split = replace(
        split, seed=seed, folds=_inner_folds(cohort.select(split.fitting), duplicates, folds, stratify, seed)
    )
    _refuse_separated(cohort, split)
    return Design(
        (split,),
        kind="given" if cohort.split_column is not None else "holdout",
        test_fraction=None if cohort.split_column is not None else test_fraction,
        stratified=stratify,
        seed=seed,
        how=f"{how} Choices are made by {folds}-fold cross-validation inside the training part, grouped by patient.",
        warnings=_warnings(cohort, split),
    )


def _holdout(
    cohort: Cohort, duplicates: Sequence[Sequence[str]], seed: int, fraction: float, stratify: bool
) -> tuple[Split, str]:
    ids, groups = cohort.case_ids, cohort.groups(duplicates)
    n_groups = int(groups.max(initial=-1)) + 1
    _need(n_groups, 2, "a training and a test part")
    unit = "patient" if cohort.knows_patients else "case (no patient ids are known)"
    if stratify:
        strata = _strata(cohort)
        _need_two_of_each(cohort, groups)
        is_test = allocate(groups, strata, (1 - fraction, fraction), np.random.default_rng(seed)) == 1
        test, training = ids[is_test], ids[~is_test]
        kind = (
            "stratified by class" if cohort.target and cohort.target.is_classes else "stratified by the target's size"
        )
    else:
        # The same draw as scikit-learn's train_test_split(random_state=seed), over groups: with one
        # row a patient the parts, and the order of the training rows, are the same.
        order = np.random.RandomState(seed).permutation(n_groups)
        n_test = int(np.ceil(fraction * n_groups))
        _need(n_groups - n_test, 1, "a training part")
        test, training = (_expand(ids, groups, chosen) for chosen in (order[:n_test], order[n_test:]))
        kind = "not stratified"
    how = f"Hold-out by {unit}: {fraction:.0%} of the cases are the test part, {kind}, seed {seed}."
    return Split(tuple(training), tuple(test)), how


def _expand(ids: NDArray[np.object_], groups: Ints, chosen: NDArray[np.intp]) -> NDArray[np.object_]:
    """Case ids of the chosen groups, in the order of the groups."""
    by_group = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[by_group], np.arange(groups.max() + 2))
    return np.asarray(ids[np.concatenate([by_group[starts[g] : starts[g + 1]] for g in chosen])], dtype=object)


def _given(cohort: Cohort, duplicates: Sequence[Sequence[str]], overlap: str) -> tuple[Split, str]:
    column, parts = _given_parts(cohort)
    ids = cohort.case_ids
    training, tuning, test = (ids[(parts == name).to_numpy()] for name in ("training", "tuning", "test"))
    for name, members in (("training", training), ("test", test)):
        if len(members) == 0:
            raise CohortError(
                f"The split column '{column}' leaves no case for the {name} part.",
                f"It holds: {_listed(cohort.table[column])}. Name the test values: --split-column '{column}=VALUE'.",
            )
    groups = pd.Series(cohort.groups(duplicates), index=ids)
    seen = set(groups.loc[[*training, *tuning]])
    shared = test[groups.loc[list(test)].isin(seen).to_numpy()]
    if overlap == "drop-training":
        tested = set(groups.loc[list(test)])
        training, tuning = (m[~groups.loc[list(m)].isin(tested).to_numpy()] for m in (training, tuning))
        shared = shared[:0]
    unassigned = ids[parts.isna().to_numpy()]
    how = f"Split given by column '{column}'."
    return Split(tuple(training), tuple(test), tuple(tuning), overlap=tuple(shared), unassigned=tuple(unassigned)), how


def _given_parts(cohort: Cohort) -> tuple[str, pd.Series[Any]]:
    """The column's name and the part of each case; 'site=B' makes B (or 'B|C') the test part."""
    column, _, chosen = str(cohort.split_column).partition("=")
    if column not in cohort.table:
        raise UnknownColumn(
            f"There is no split column '{column}'.", f"Columns: {', '.join(map(str, cohort.table.columns))}."
        )
    values = cohort.table[column]
    if chosen:
        wanted = {v.strip() for v in chosen.split("|")}
        if missing := wanted - set(values.dropna().astype(str)):
            raise CohortError(
                f"Column '{column}' has no value {', '.join(sorted(missing))}.", f"It has: {_listed(values)}."
            )
        parts = values.astype(str).isin(wanted).map({True: "test", False: "training"})
        return column, parts.where(values.notna())
    parts = values.astype(str).str.strip().str.lower().map(PARTS)
    if (unknown := values[parts.isna() & values.notna()]).size:
        raise CohortError(
            f"Column '{column}' holds values that name no part: {_listed(unknown)}.",
            f"Use training, tuning and test, or say which values are the test part: --split-column '{column}=VALUE'.",
        )
    return column, parts


def _listed(values: pd.Series[Any], most: int = 8) -> str:
    names = sorted(values.dropna().astype(str).unique())
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _inner_folds(
    fitting: Cohort, duplicates: Sequence[Sequence[str]], folds: int, stratify: bool, seed: int
) -> tuple[tuple[str, ...], ...]:
    """Groups come from the fitting part alone: what lies in the test part cannot move a fold."""
    groups = fitting.groups(duplicates)
    _need(int(groups.max(initial=-1)) + 1, folds, f"{folds} inner folds", "Give fewer --folds.")
    strata = _strata(fitting) if stratify else np.zeros(len(fitting), dtype=np.int64)
    fold = allocate(groups, strata, (1 / folds,) * folds, np.random.default_rng([seed, 1]))
    return tuple(tuple(fitting.case_ids[fold == k]) for k in range(folds))


def _strata(cohort: Cohort, bins: int = 5) -> Ints:
    """Class codes; fifths of a measurement; one stratum without a target."""
    if cohort.target is None:
        return np.zeros(len(cohort), dtype=np.int64)
    if cohort.target.is_classes:
        return pd.factorize(cohort.codes)[0].astype(np.int64)  # by first appearance: names do not move a split
    ranks = pd.Series(cohort.codes).rank(method="first").to_numpy()
    return np.asarray((ranks - 1) * min(bins, max(len(cohort) // 10, 1)) // len(cohort), dtype=np.int64)


def allocate(groups: Ints, strata: Ints, shares: Sequence[float], rng: np.random.Generator) -> Ints:
    """Part number (n,) of every case: whole groups, each part near its share of every stratum.

    groups, strata: (n,) integers; shares sum to 1. Groups of several cases go first, the
    largest first, each to the part that lacks most of what it holds; single cases then fill up
    what is missing, so that without groups the strata are exact to one case.
    """
    n_groups, n_strata = int(groups.max()) + 1, int(strata.max()) + 1
    sizes = np.bincount(groups, minlength=n_groups)
    need = np.outer(shares, np.bincount(strata, minlength=n_strata)).astype(np.float64)
    part_of_group = np.zeros(n_groups, dtype=np.int64)
    order = rng.permutation(n_groups)
    several = [g for g in order[np.argsort(-sizes[order], kind="stable")] if sizes[g] > 1]
    rows = _rows_of(groups, several)
    for group in several:
        counts = np.bincount(strata[rows[group]], minlength=n_strata)
        part = int(np.argmax((need / np.asarray(shares)[:, None]) @ counts))
        need[part] -= counts
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


def _need(have: int, want: int, what: str, remedy: str = "Add patients.") -> None:
    if have < want:
        raise TooFewPatients(f"{have} patient{'s are' if have != 1 else ' is'} too few for {what}.", remedy)


def _need_two_of_each(cohort: Cohort, groups: Ints) -> None:
    if cohort.target is None or not cohort.target.is_classes:
        return
    patients = pd.Series(groups).groupby(np.asarray(cohort.codes)).nunique()
    for code, count in patients.items():
        if count < 2:
            name = cohort.target.classes[int(str(code))]
            raise TooFewPatients(
                f"Class '{name}' has one patient: it cannot be both learned and tested.",
                "Leave it out with --exclude, merge it with another class, or give the parts with --split-column.",
            )


def _refuse_separated(cohort: Cohort, split: Split) -> None:
    if cohort.split_column is not None:
        return
    patients = pd.Series(cohort.patients, index=cohort.case_ids)
    if both := set(patients[list(split.fitting)]) & set(patients[list(split.test)]):
        raise PatientInTwoParts(f"Patient {min(both)} is in the training and in the test part.")


def _warnings(cohort: Cohort, split: Split) -> tuple[str, ...]:
    found = []
    if split.overlap:
        share = "cases share" if len(split.overlap) > 1 else "case shares"
        found.append(
            f"The given split is kept as it is: {len(split.overlap)} test {share} "
            "a patient or the very pixels with the training part. Results are shown with and without; "
            "--overlap drop-training leaves the training copies out."
        )
    if split.unassigned:
        found.append(f"{len(split.unassigned)} cases have no part in column '{cohort.split_column}' and are not used.")
    if cohort.target is not None and cohort.target.is_classes:
        part = cohort.select(split.fitting)
        counts = pd.Series(part.patients).groupby(part.table[cohort.target.column].to_numpy()).nunique()
        for name, count in counts.items():
            if count < len(split.folds):
                found.append(f"Class '{name}' has {count} patients in the training part: some inner folds lack it.")
    return tuple(found)
