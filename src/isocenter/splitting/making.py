"""From a cohort and what is asked for to a design."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from isocenter.cohort import Cohort
from isocenter.errors import PatientInTwoParts, UsageError
from isocenter.splitting import advice, crossvalidation, holdout
from isocenter.splitting.allocation import Duplicates, inner_folds
from isocenter.splitting.nouns import DESIGNS, GIVEN, HOLDOUT, KFOLD, LEAVE_ONE_OUT, NESTED, Design, Split

_PROCEDURE = (
    "The numbers are about the procedure, not about one model; the model that is kept is fitted on everything and "
    "is not itself tested."
)


def make_design(
    cohort: Cohort,
    duplicates: Duplicates = (),
    *,
    design: str = HOLDOUT,
    seed: int = 0,
    test_fraction: float = 0.2,
    folds: int = 5,
    repeats: int = 1,
    group_column: str | None = None,
    stratify: bool = True,
    overlap: str = "keep",
) -> Design:
    """How performance is estimated on this cohort; whole groups (patients) are in one part.

    duplicates: groups of case ids with bit-identical pixels; each is kept in one part, except
    where the split is given. design: "holdout" (or what `cohort.split_column` gives), "kfold",
    "nested" or "leave-one-out". folds: of the inner loop, and of the outer one of "kfold" and
    "nested". repeats: of "kfold" and "nested". group_column: whose values "leave-one-out" leaves
    out, None: patients. overlap: "keep" or "drop-training". Raises TooFewPatients,
    PatientInTwoParts, UnknownColumn, CohortError, UsageError.
    """
    _check(cohort, design, test_fraction, folds, repeats, group_column, overlap)
    whole: Split | None = None
    if design in (KFOLD, NESTED):
        splits, whole, how = crossvalidation.kfold(
            cohort, duplicates, seed, folds, repeats, stratify, nested=design == NESTED
        )
    elif design == LEAVE_ONE_OUT:
        splits, whole, how = crossvalidation.leave_one_out(
            cohort, duplicates, seed, folds, stratify, group_column, overlap
        )
    else:
        split, how = (
            holdout.drawn(cohort, duplicates, seed, test_fraction, stratify)
            if cohort.split_column is None
            else holdout.given(cohort, duplicates, overlap)
        )
        inner = inner_folds(cohort.select(split.fitting), duplicates, folds, stratify, (seed, 1))
        splits = (replace(split, seed=seed, folds=inner),)
        how = f"{how} Choices are made by {folds}-fold cross-validation inside the training part, grouped by patient."
    _refuse_separated(cohort, splits)
    held_out = whole is None and cohort.split_column is None
    made = Design(
        splits,
        kind=GIVEN if whole is None and cohort.split_column is not None else design,
        test_fraction=test_fraction if held_out else None,
        stratified=stratify,
        seed=seed,
        how=how if whole is None else f"{how} {_PROCEDURE}",
        repeats=repeats,
        group_column=group_column,
        whole=whole,
    )
    return replace(made, warnings=advice.warnings(cohort, made))


def _check(
    cohort: Cohort, design: str, test_fraction: float, folds: int, repeats: int, group_column: str | None, overlap: str
) -> None:
    """UsageError for what no cohort could carry."""
    if design not in DESIGNS:
        raise UsageError(f"--design {design} is not known.", f"Choose {', '.join(DESIGNS[:-1])} or {DESIGNS[-1]}.")
    if overlap not in ("keep", "drop-training"):
        raise UsageError(f"--overlap {overlap} is not known.", "Choose keep or drop-training.")
    if not 0.0 < test_fraction < 1.0:
        raise UsageError(f"--test-fraction {test_fraction} is not between 0 and 1.", "Give a share such as 0.2.")
    if folds < 2:
        raise UsageError(f"--folds {folds} is too few.", "At least 2 folds are needed.")
    if repeats < 1:
        raise UsageError(f"--repeats {repeats} is too few.", "Give 1 or more.")
    if repeats > 1 and design not in (KFOLD, NESTED):
        raise UsageError(
            f"--repeats {repeats} does not suit --design {design}.",
            "Add --design kfold; or --seeds N shows how far a hold-out's numbers move with the seed.",
        )
    if group_column is not None and design != LEAVE_ONE_OUT:
        raise UsageError(
            f"--group-column {group_column} does not suit --design {design}.", "Add --design leave-one-out."
        )
    if cohort.split_column is not None and design != HOLDOUT:
        raise UsageError(
            f"The split is given by column '{cohort.split_column}', which --design {design} would not follow.",
            "Leave --design out, or set the given split aside: --split-column none.",
        )


def _refuse_separated(cohort: Cohort, splits: tuple[Split, ...]) -> None:
    """A bug of ours rather than a fault of the data; a given split is told of instead."""
    if cohort.split_column is not None:
        return
    patients = pd.Series(cohort.patients, index=cohort.case_ids)
    for split in splits:
        if both := set(patients[list(split.fitting)]) & set(patients[list(split.test)]):
            raise PatientInTwoParts(f"Patient {min(both)} is in the training and in the test part.")
