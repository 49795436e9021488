"""Every case is tested: k-fold and nested cross-validation, and leaving out one group at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import Cohort
from isocenter.errors import CohortError, PatientInTwoParts, TooFewPatients, UnknownColumn, UsageError
from isocenter.splitting.allocation import (
    Duplicates,
    Ints,
    allocate,
    inner_folds,
    need,
    patient_name,
    patients_of_class,
    strata_of,
    stratified_by,
)
from isocenter.splitting.holdout import listed_values
from isocenter.splitting.nouns import Split
from isocenter.wording import listed

MOST_LEFT_OUT = 500  # patients; beyond, leaving one out says what ten folds say, at fifty times the cost


def kfold(
    cohort: Cohort, duplicates: Duplicates, seed: int, folds: int, repeats: int, stratify: bool, *, nested: bool
) -> tuple[tuple[Split, ...], Split, str]:
    """All splits, the split of the final model, and the sentence that tells of them.

    Each split has inner folds of its own, drawn from its fitting part alone. nested: they are the
    other outer folds instead, so that what they hold out tells of models fitted without two
    folds, as the interval of Bates, Hastie and Tibshirani (JASA 2024) wants.
    """
    if nested and folds < 3:
        raise UsageError(f"--folds {folds} is too few for --design nested.", "At least 3 are needed: 2 are inner ones.")
    groups = cohort.groups(duplicates)
    need(int(groups.max(initial=-1)) + 1, folds, f"{folds} folds", "Give fewer --folds, or add patients.")
    _need_one_a_fold(cohort, groups, folds, least=3 if nested else 2)
    strata = strata_of(cohort) if stratify else np.zeros(len(cohort), dtype=np.int64)
    ids, splits = cohort.case_ids, []
    for repeat in range(repeats):
        fold_of = allocate(groups, strata, (1 / folds,) * folds, np.random.default_rng([seed, 3, repeat]))
        outer = [tuple(ids[fold_of == k]) for k in range(folds)]
        need(sum(map(bool, outer)), folds, f"{folds} folds", "Give fewer --folds: some are without a patient.")
        for k, test in enumerate(outer):
            training = tuple(ids[fold_of != k])
            if nested:
                inner = tuple(fold for j, fold in enumerate(outer) if j != k)
            else:
                inner = inner_folds(cohort.select(training), duplicates, folds, stratify, (seed, 1, repeat, k))
            splits.append(Split(training, test, folds=inner, seed=seed, repeat=repeat, fold=k))
    whole = Split(tuple(ids), (), folds=tuple(s.test for s in splits[:folds]), seed=seed)
    kind = "Nested cross-validation" if nested else "Cross-validation"
    often = "" if repeats == 1 else f", repeated {repeats} times with other folds"
    inner_said = (
        f"the other {folds - 1} folds"
        if nested
        else f"{folds}-fold cross-validation inside each fitting part, grouped by patient"
    )
    how = (
        f"{kind} by {patient_name(cohort)} with {folds} folds{often}, {stratified_by(cohort, stratify)}, seed {seed}: "
        f"each case is tested once{' a repeat' if repeats > 1 else ''} by a model that learned from other patients. "
        f"Choices are made by {inner_said}."
    )
    return tuple(splits), whole, how


def _need_one_a_fold(cohort: Cohort, groups: Ints, folds: int, least: int) -> None:
    """TooFewPatients of the rarest class: what it has patients for is enough for all. least: folds of the design."""
    name, count = min(patients_of_class(cohort, groups).items(), key=lambda one: one[1], default=("", folds))
    if count < folds:
        fewer = f"Give --folds {count}, or merge" if count >= least else "Merge"
        raise TooFewPatients(
            f"Class '{name}' has {count} patient{'s' if count != 1 else ''}: too few for {folds} folds, "
            "each of which must test one.",
            f"{fewer} it with another class, or leave it out with --exclude.",
        )


def leave_one_out(
    cohort: Cohort,
    duplicates: Duplicates,
    seed: int,
    folds: int,
    stratify: bool,
    column: str | None,
    overlap: str,
) -> tuple[tuple[Split, ...], Split, str]:
    """As `kfold`: each value of `column` is left out in turn, or each patient without a column.

    Cases without a value are `unassigned`: neither learned from nor tested. A patient with cases
    of several values is refused, or with overlap "drop-training" not learned from while it is
    tested.
    """
    ids, groups = cohort.case_ids, cohort.groups(duplicates)
    names = _patients(cohort, groups) if column is None else _values(cohort, column)
    known = names.notna().to_numpy()
    if column is not None and overlap != "drop-training":
        _refuse_shared(cohort, groups[known], names[known], column)
    left = tuple(ids[~known])
    splits = []
    for k, name in enumerate(names[known].unique() if column is None else _in_order(names[known])):
        is_test = (names == name).fillna(False).to_numpy(dtype=bool)
        is_training = known & ~np.isin(groups, groups[is_test])
        training = tuple(ids[is_training])
        part = cohort.select(training)
        _refuse_one_class(part, str(name), column)
        inner = inner_folds(part, duplicates, folds, stratify, (seed, 1, 0, k))
        group = None if column is None else str(name)
        splits.append(
            Split(training, tuple(ids[is_test]), folds=inner, unassigned=left, seed=seed, fold=k, group=group)
        )
    everything = tuple(ids[known])
    inner = inner_folds(cohort.select(everything), duplicates, folds, stratify, (seed, 1))
    whole = Split(everything, (), folds=inner, unassigned=left, seed=seed)
    what = (
        f"one {patient_name(cohort)} out: each of {len(splits)}"
        if column is None
        else (f"one '{column}' out: each of its {len(splits)} values ({listed_values(names)})")
    )
    how = (
        f"Leave {what} is tested by a model that learned from the others. Choices are made by "
        f"{folds}-fold cross-validation inside each fitting part, grouped by patient, seed {seed}."
    )
    return tuple(splits), whole, how


def _patients(cohort: Cohort, groups: Ints) -> pd.Series[Any]:
    n = int(groups.max(initial=-1)) + 1
    need(n, 3, "leaving one out")
    if n > MOST_LEFT_OUT:
        raise UsageError(
            f"Leaving out each of {n} patients in turn takes {n} fits a method and says no more than ten folds do.",
            "Use --design kfold --folds 10; to leave out whole sites, name their column with --group-column.",
        )
    return pd.Series(groups, index=cohort.case_ids)


def _values(cohort: Cohort, column: str) -> pd.Series[Any]:
    """The column as text, missing where it is empty; refused where it cannot part a cohort."""
    if column not in cohort.table:
        raise UnknownColumn(
            f"There is no group column '{column}'.", f"Columns: {', '.join(map(str, cohort.table.columns))}."
        )
    if cohort.target is not None and column == cohort.target.column:
        raise UsageError(f"'{column}' is the target: leaving out a class leaves nothing to learn.", "Name another.")
    if column in cohort.features:
        raise UsageError(
            f"Column '{column}' is one of the features: methods would learn from it.",
            f"Name it when the cohort is made: index(..., group_column='{column}').",
        )
    values = cohort.table[column]
    if pd.api.types.is_float_dtype(values) and bool((values.dropna() % 1 == 0).all()):
        values = values.astype("Int64")  # 1.0 is called 1
    values = values.astype("str").str.strip().replace("", None)
    if values.nunique() < 2:
        raise CohortError(
            f"Column '{column}' has {'one value only: ' + listed_values(values) if values.nunique() else 'no value'}.",
            "Leaving one out needs two or more; use --design kfold.",
        )
    return values


def _in_order(values: pd.Series[Any]) -> Sequence[str]:
    """Distinct values: 2 before 10, else by alphabet."""
    names = [str(v) for v in values.unique()]
    return sorted(names, key=lambda n: (0, float(n), n) if n.replace(".", "", 1).isdigit() else (1, 0.0, n))


def _refuse_shared(cohort: Cohort, groups: Ints, names: pd.Series[Any], column: str) -> None:
    """PatientInTwoParts names patients (or copies of pixels) with several values of the column."""
    several = names.groupby(groups).unique()
    several = several[several.map(len) > 1]
    if several.empty:
        return
    patients: NDArray[Any] = cohort.select(names.index).patients
    told = [
        f"{str(patients[np.flatnonzero(groups == group)[0]]).removeprefix('case:')} ({', '.join(sorted(values))})"
        for group, values in several.items()
    ]
    raise PatientInTwoParts(
        f"{len(several)} patient{'s' if len(several) > 1 else ''} (or copies of the same pixels) have cases of "
        f"several values of '{column}': {listed(told, 5)}.",
        "With --overlap drop-training they are tested with each and not learned from meanwhile; "
        "or leave them out with --exclude.",
    )


def _refuse_one_class(part: Cohort, name: str, column: str | None) -> None:
    if part.target is None or not part.target.is_classes:
        return
    if len(np.unique(part.codes)) < 2:
        where = f"{column} = {name}" if column is not None else f"patient {name}"
        raise TooFewPatients(
            f"Without {where} only one class is left to learn from.",
            "Use --design kfold, or name another --group-column.",
        )
