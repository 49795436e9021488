"""What must be known of a design before anything is learned: overlaps, rare classes, small test parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from isocenter.cohort import Cohort
from isocenter.metrics.intervals import expected_auc_width
from isocenter.splitting.allocation import patients_of_class
from isocenter.splitting.nouns import HOLDOUT, KFOLD, LEAVE_ONE_OUT, NESTED, Design, Split

FEW_EVENTS = 100  # expected test events, below which a hold-out says little (evidence: 51 patients leave 4 events)
SETTLED = 10  # repeats, below which the intervals of cross-validation are matters of chance (benchmarks/resampling.py)


def warnings(cohort: Cohort, design: Design) -> tuple[str, ...]:
    """Sentences that must not be missed."""
    return (*_overlap(design.split), *_unassigned(cohort, design), *_rare(cohort, design), *_served(cohort, design))


def _overlap(split: Split) -> list[str]:
    if not split.overlap:
        return []
    share = "cases share" if len(split.overlap) > 1 else "case shares"
    said = (
        f"The given split is kept as it is: {len(split.overlap)} test {share} "
        "a patient or the very pixels with the training part. Results are shown with and without; "
        "--overlap drop-training leaves the training copies out."
    )
    return [said]


def _unassigned(cohort: Cohort, design: Design) -> list[str]:
    left = design.split.unassigned
    if not left:
        return []
    if design.group_column is None:
        return [f"{len(left)} cases have no part in column '{cohort.split_column}' and are not used."]
    names = ", ".join(left[:8]) + (f" and {len(left) - 8} more" if len(left) > 8 else "")
    have, are = ("cases have", "are") if len(left) > 1 else ("case has", "is")
    return [f"{len(left)} {have} no '{design.group_column}' and {are} neither learned from nor tested: {names}."]


def _rare(cohort: Cohort, design: Design) -> list[str]:
    """Classes with fewer patients in a fitting part than there are inner folds."""
    patients = pd.Series(pd.factorize(cohort.patients)[0], index=cohort.case_ids)
    fewest: dict[str, int] = {}
    for split in design.splits:
        part = cohort.select(split.fitting)
        for name, count in patients_of_class(part, patients[list(split.fitting)].to_numpy(dtype=np.int64)).items():
            if count < len(split.folds):
                fewest[name] = min(count, fewest.get(name, count))
    part_name = "a fitting part" if design.several else "the training part"
    return [
        f"Class '{name}' has {count} patient{'s' if count != 1 else ''} in {part_name}: some inner folds lack it."
        for name, count in fewest.items()
    ]


def patients_tested(cohort: Cohort, ids: tuple[str, ...]) -> dict[str, int]:
    """Patients with a case of each class (or label) among these cases; {} for a measurement."""
    if cohort.target is None:
        return {}
    some = cohort.select(ids)
    found = patients_of_class(some, pd.factorize(some.patients)[0].astype(np.int64))
    return {name: found.get(name, 0) for name in cohort.target.classes}


def _served(cohort: Cohort, design: Design) -> list[str]:
    """Which design serves this cohort better, with the words to type."""
    if not design.several:
        return _small_test_part(cohort, design)
    said = ""
    if design.kind in (KFOLD, NESTED) and design.repeats < SETTLED:
        often = f"{design.repeats} repeat{'s' if design.repeats > 1 else ''}"
        said = f"With {often} the intervals of {design.kind} depend on chance and are wide: --repeats {SETTLED} helps."
    if design.kind == LEAVE_ONE_OUT and design.group_column is None:
        said = (
            "Leaving out one patient at a time ranks nobody: scores of different folds come from different models, "
            "and pooled they are biased (a constant guess would get an AUC of 0). AUC and the like are therefore not "
            "given: --design kfold gives them."
        )
    return [said] if said else []


def _small_test_part(cohort: Cohort, design: Design) -> list[str]:
    """How wide the AUC's interval will be, and what would serve better, where the test part holds few events."""
    counts = patients_tested(cohort, design.split.test)
    n = min(counts.values()) if counts else len(set(cohort.select(design.split.test).patients))
    if n >= FEW_EVENTS:
        return []
    who = {0: "patients", 2: "patients of the rarer class"}.get(len(counts), "patients of the rarest class")
    said = [f"The test part holds {n} {who}; fewer than about {FEW_EVENTS} say little."]
    if counts and n == 0:
        said = ["The test part lacks a class: no AUC can be computed on it."]
    elif counts:
        width = expected_auc_width(n, sum(counts.values()) - n)
        said.append(f"The 95 % interval of an AUC near 0.80 will be about {width:.2f} wide.")
    folds = min(5, *patients_tested(cohort, tuple(cohort.case_ids)).values(), 5)
    if design.kind == HOLDOUT and folds > 2:
        said.append(f"To test every patient: --design nested --folds {folds} --repeats {SETTLED}.")
    return [" ".join(said)]
