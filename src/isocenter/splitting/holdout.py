"""One test part: drawn by patient, or given by a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import Cohort
from isocenter.errors import CohortError, TooFewPatients, UnknownColumn
from isocenter.splitting.allocation import (
    Duplicates,
    Ints,
    allocate,
    need,
    patient_name,
    patients_of_class,
    strata_of,
    stratified_by,
)
from isocenter.splitting.nouns import Split
from isocenter.wording import listed

PARTS = {
    "training": "training", "train": "training", "tuning": "tuning", "val": "tuning", "valid": "tuning",
    "validation": "tuning", "dev": "tuning", "test": "test", "testing": "test",
}  # fmt: skip


def drawn(cohort: Cohort, duplicates: Duplicates, seed: int, fraction: float, stratify: bool) -> tuple[Split, str]:
    """A test part of about this share of the cases, and the sentence that tells of it."""
    ids, groups = cohort.case_ids, cohort.groups(duplicates)
    n_groups = int(groups.max(initial=-1)) + 1
    need(n_groups, 2, "a training and a test part")
    if stratify:
        _need_two_of_each(cohort, groups)
        is_test = allocate(groups, strata_of(cohort), (1 - fraction, fraction), np.random.default_rng(seed)) == 1
        test, training = ids[is_test], ids[~is_test]
    else:
        # The same draw as scikit-learn's train_test_split(random_state=seed), over groups: with one
        # row a patient the parts, and the order of the training rows, are the same.
        order = np.random.RandomState(seed).permutation(n_groups)
        n_test = int(np.ceil(fraction * n_groups))
        need(n_groups - n_test, 1, "a training part")
        test, training = (_expand(ids, groups, chosen) for chosen in (order[:n_test], order[n_test:]))
    how = (
        f"Hold-out by {patient_name(cohort)}: {fraction:.0%} of the cases are the test part, "
        f"{stratified_by(cohort, stratify)}, seed {seed}."
    )
    return Split(tuple(training), tuple(test)), how


def _expand(ids: NDArray[np.object_], groups: Ints, chosen: NDArray[np.intp]) -> NDArray[np.object_]:
    """Case ids of the chosen groups, in the order of the groups."""
    by_group = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[by_group], np.arange(groups.max() + 2))
    return np.asarray(ids[np.concatenate([by_group[starts[g] : starts[g + 1]] for g in chosen])], dtype=object)


def _need_two_of_each(cohort: Cohort, groups: Ints) -> None:
    for name, count in patients_of_class(cohort, groups).items():
        if count < 2:
            raise TooFewPatients(
                f"Class '{name}' has one patient: it cannot be both learned and tested.",
                "Leave it out with --exclude, merge it with another class, or give the parts with --split-column.",
            )


def given(cohort: Cohort, duplicates: Duplicates, overlap: str) -> tuple[Split, str]:
    """The parts that `cohort.split_column` gives, and the sentence that tells of them."""
    column, parts = given_parts(cohort)
    ids = cohort.case_ids
    training, tuning, test = (ids[(parts == name).to_numpy()] for name in ("training", "tuning", "test"))
    for name, members in (("training", training), ("test", test)):
        if len(members) == 0:
            raise CohortError(
                f"The split column '{column}' leaves no case for the {name} part.",
                f"It holds: {listed_values(cohort.table[column])}. "
                f"Name the test values: --split-column '{column}=VALUE'.",
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


def given_parts(cohort: Cohort) -> tuple[str, pd.Series[Any]]:
    """The column's name and the part of each case that `cohort.split_column` gives: training, tuning, test or NA.

    'site=B' makes B (or 'B|C') the test part. UnknownColumn, CohortError (values that name no part).
    """
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
                f"Column '{column}' has no value {', '.join(sorted(missing))}.", f"It has: {listed_values(values)}."
            )
        parts = values.astype(str).isin(wanted).map({True: "test", False: "training"})
        return column, parts.where(values.notna())
    parts = values.astype(str).str.strip().str.lower().map(PARTS)
    if (unknown := values[parts.isna() & values.notna()]).size:
        raise CohortError(
            f"Column '{column}' holds values that name no part: {listed_values(unknown)}.",
            f"Use training, tuning and test, or say which values are the test part: --split-column '{column}=VALUE'.",
        )
    return column, parts


def listed_values(values: pd.Series[Any], most: int = 8) -> str:
    """The distinct values of a column, the first of many."""
    return listed(sorted(values.dropna().astype(str).unique()), most)
