"""What must be known of a design before anything is learned: overlaps, rare classes, small test parts."""

from __future__ import annotations

from isocenter.cohort import Cohort
from isocenter.metrics.adequacy import SETTLED, repeated
from isocenter.metrics.intervals import expected_auc_width
from isocenter.splitting.nouns import HOLDOUT, KFOLD, LEAVE_ONE_OUT, NESTED, Design, Split
from isocenter.wording import listed

FEW_EVENTS = 100  # expected test events, below which a hold-out says little (evidence: 51 patients leave 4 events)


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
    have, are = ("cases have", "are") if len(left) > 1 else ("case has", "is")
    return [
        f"{len(left)} {have} no '{design.group_column}' and {are} neither learned from nor tested: {listed(left, 8)}."
    ]


def _rare(cohort: Cohort, design: Design) -> list[str]:
    """Classes or labels with fewer patients in a fitting part than there are inner folds."""
    fewest: dict[str, int] = {}
    for split in design.splits:
        for name, count in cohort.select(split.fitting).patients_with().items():
            if count < len(split.folds):
                fewest[name] = min(count, fewest.get(name, count))
    what = "Label" if cohort.target is not None and cohort.target.is_labels else "Class"
    part = "a fitting part" if design.several else "the training part"
    return [
        f"{what} '{name}' has {count} patient{'s' if count != 1 else ''} in {part}: some inner folds lack it."
        for name, count in fewest.items()
    ]


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
    test = cohort.select(design.split.test)
    counts, n_patients = test.patients_with(), len(set(test.patients))
    labels = cohort.target is not None and cohort.target.is_labels
    n = min(counts.values()) if counts else n_patients
    if n >= FEW_EVENTS:
        return []
    who = {0: "patients", 2: "patients of the rarer class"}.get(len(counts), "patients of the rarest class")
    who = "patients with the rarest label" if labels else who
    said = [f"The test part holds {n} {who}; fewer than about {FEW_EVENTS} say little."]
    if counts and n == 0:
        said = [f"The test part lacks a {'label: no AUC of it' if labels else 'class: no AUC'} can be computed on it."]
    elif counts:
        # A patient of two classes counts half in each: as many patients in all as there are.
        events = n if labels else round(n * n_patients / sum(counts.values()))
        width = expected_auc_width(events, n_patients - events)
        said.append(f"The 95 % interval of an AUC near 0.80 will be about {width:.2f} wide.")
    rarest = min([*cohort.patients_with().values(), 5])
    if design.kind == HOLDOUT and rarest > 2:
        said.append(f"To test every patient, use {repeated(rarest)}.")
    return [" ".join(said)]
