"""Sentences that must not be missed: what in this cohort could make a result wrong or too good."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from isocenter.auditing.duplicates import Groups
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault
from isocenter.wording import listed

SMALL_CLASS = 10  # cases
LISTED = 5  # examples a sentence names
FEW_LEVELS = 20  # an attribute with more values is no grouping
MOSTLY = 0.5  # of an image without a value
LITTLE = "results about it will say little."  # ends a warning that is about models only
MODELS = "a model could learn"  # in another
_few = partial(listed, most=LISTED)
STANDS_IN = " The median of the cases learned from stands in for them."  # only where a model is fitted
CHANCE = 1e-3  # probability under which a group of one class alone is no accident


def by_code(faults: Sequence[Fault]) -> str:
    """How many faults of each kind, the most frequent first."""
    counts = pd.Series([fault.code for fault in faults], dtype="str").value_counts()
    return ", ".join(f"{code} {n}" for code, n in counts.items())


def about_exclusions(excluded: Sequence[Fault], found: int) -> Iterator[str]:
    """How many cases are left out of those found, by kind of fault."""
    if excluded:
        word = "case is" if len(excluded) == 1 else "cases are"
        yield f"{len(excluded)} of {found} {word} left out ({by_code(excluded)}); the list says why."


def about_gaps(facts: pd.DataFrame | None, regions: pd.DataFrame | None) -> Iterator[str]:
    """Images with voxels that are NaN or infinite, regions that lost some, and images that are mostly so."""
    if facts is not None and "gaps" in facts:
        some = facts[facts["gaps"] > 0]
        told = [f"{name} ({row.gaps:,} of {row.voxels:,})" for name, row in zip(some.index, some.itertuples())]
        if told:
            yield (
                f"{_cases(len(told))} voxels that are NaN or infinite: {_few(told)}. No statistic and no radiomics "
                "feature counts them; where a whole picture is needed they have the image's lowest value, that of "
                "nothing being there."
            )
    if regions is not None:
        for image, some in _by_image(regions[regions["gaps"] > 0]):
            told = [f"{row.case_id} ({row.gaps:,} of {row.voxels:,})" for row in some.itertuples()]
            yield (
                f"{_cases(len(told))} such voxels inside the region{image}: {_few(told)}. They are taken out of "
                "its intensities, as by re-segmentation; its shape keeps them."
            )
    if mostly := [f"{name} ({share:.0%})" for name, share in _lost(facts, regions).items() if share > MOSTLY]:
        yield (f"More than half of the image is NaN or infinite: {_few(mostly)}. Was it exported or resampled wrongly?")


def _lost(facts: pd.DataFrame | None, regions: pd.DataFrame | None) -> dict[str, float]:
    """The share without a value of each case's image, of several the largest."""
    shares = dict((facts["gaps"] / facts["voxels"]).items()) if facts is not None and "gaps" in facts else {}
    for row in regions.itertuples() if regions is not None else ():
        shares[row.case_id] = max(shares.get(row.case_id, 0.0), row.lost)
    return {str(name): float(share) for name, share in shares.items()}


def about_grids(facts: pd.DataFrame | None, regions: pd.DataFrame | None) -> Iterator[str]:
    """Masks that were drawn on another grid: of every image that was measured, else of the first."""
    found: dict[str, list[str]] = {}
    if regions is not None:
        found |= {image: some["case_id"].tolist() for image, some in _by_image(regions[regions["laid"] > 0])}
    elif facts is not None and "laid" in facts:
        found[""] = facts.index[facts["laid"]].tolist()
    for image, names in found.items():
        if names:
            yield (
                f"{_cases(len(names))} a mask on another grid than the image{image}: it was laid there by nearest "
                f"neighbour, as their files place them in space: {_few(names)}."
            )


def about_regions(regions: pd.DataFrame | None) -> Iterator[str]:
    """Masks of several labels that were taken for one region, and features that a region is too small to have."""
    if regions is None:
        return
    for image, some in _by_image(regions[regions["labels"] != ""]):
        labels = sorted({int(label) for text in some["labels"] for label in text.split()})
        yield (
            f"{_cases(len(some))} a mask of several labels ({_few(labels)}){image}, which were taken for one region: "
            f"{_few(some['case_id'].tolist())}. --regions labels measures each by itself."
        )
    for image, some in _by_image(regions[regions["undefined"] > 0]):
        told = [f"{row.case_id} ({row.undefined:,} of {row.features:,})" for row in some.itertuples()]
        yield (
            f"{_cases(len(told))} radiomics that are not defined{image}, {some['undefined'].sum():,} values in all: "
            f"{_few(told)}. Very small regions, and regions of one value, are best looked at.{STANDS_IN}"
        )
    for image, some in _by_image(regions[(regions["own"] > 0) | (regions["lacking"] > 0)]):
        told = [f"{row.case_id} ({row.own:,} of its own, {row.lacking:,} lacking)" for row in some.itertuples()]
        yield (
            f"{_cases(len(told))} other columns of radiomics than most{image}: {_few(told)}. A picture or a single "
            "slice has its texture in plane, a volume in space, and a mask may lack a label; these columns are empty "
            f"in the others. Such cases are best measured apart, or left out with --exclude.{STANDS_IN}"
        )


def _by_image(regions: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each image, and how a sentence names it; the only one needs no name."""
    for image, some in regions.groupby("image", sort=False):
        yield "" if image == "image" else f" ({image})", some


def _cases(n: int) -> str:
    return "1 case has" if n == 1 else f"{n} cases have"


def about_patients(cohort: Cohort) -> Iterator[str]:
    """That nobody knows who is who: once, so not where indexing has said it already."""
    unknown = int(cohort.table[PATIENT].isna().sum())
    said = any("patient" in sentence.lower() for sentence in cohort.warnings)
    if not unknown or said:
        return
    if unknown == len(cohort):
        yield (
            "No patient ids are known: images of one person may lie in training and in test, and the results may be "
            "too good. Name the column with --patient-column."
        )
    else:
        yield f"{unknown} of {len(cohort)} cases have no patient id; each of them counts as a patient of its own."


def about_classes(cohort: Cohort) -> Iterator[str]:
    """Classes or labels of fewer than ten cases."""
    if not len(cohort):
        return
    what = "Label" if cohort.target is not None and cohort.target.is_labels else "Class"
    for name, n in cohort.counts.items():
        if n < SMALL_CLASS:
            yield f"{what} {name} has only {n} case{'' if n == 1 else 's'}: {LITTLE}"


def about_duplicates(cohort: Cohort, duplicates: Groups, conflicts: Groups) -> Iterator[str]:
    """Bit-identical images of different labels (`conflicts`), and of different patients."""
    if conflicts and cohort.target is not None:
        target = cohort.table[cohort.target.column]
        some = [" = ".join(f"{c} ({target[c]})" for c in ids) for ids in conflicts]
        word = "image has" if len(conflicts) == 1 else "images have"
        yield f"{len(conflicts)} {word} bit-identical copies with another label: {_few(some)}."
    known = cohort.table[PATIENT]
    across = [" = ".join(ids) for ids in duplicates if known.loc[list(ids)].nunique() > 1]
    if across:
        word = "image belongs" if len(across) == 1 else "images belong"
        yield f"{len(across)} {word} to more than one patient, bit by bit: {_few(across)}."


def about_rows(cohort: Cohort, rows: Groups, conflicts: Groups) -> Iterator[str]:
    """Cases with equal given features, a group of case ids each; `conflicts`: those whose target differs."""
    if not rows:
        return
    differ = f"; in {len(conflicts)} of them the target differs" if conflicts else ""
    some = _few([" = ".join(ids[:LISTED]) for ids in rows])
    yield (
        f"{sum(map(len, rows))} cases form {len(rows)} group{'' if len(rows) == 1 else 's'} with equal features"
        f"{differ}. {_where_rows_go(cohort, rows)}; if they are copies, remove them: {some}."
    )


def _where_rows_go(cohort: Cohort, rows: Groups) -> str:
    """Whether a split keeps equal rows together: those of one patient go with the patient."""
    known = cohort.table[PATIENT]
    own = sum(known.loc[list(ids)].notna().all() and known.loc[list(ids)].nunique() == 1 for ids in rows)
    if own == len(rows):
        return f"{'It is' if own == 1 else 'Each is'} of one patient, with whom a split keeps them"
    chance = "not kept in one part, because short rows coincide by chance"
    if not own:
        return f"They are {chance}"
    are = "is" if own == 1 else "are"
    return f"{own} of them {are} of one patient each, with whom a split keeps them; the others are {chance}"


def about_features(missing: dict[str, int], constant: Sequence[str], n: int) -> Iterator[str]:
    """Features that never change, and those of which more than half is missing; missing: counts among n cases."""
    if constant:
        yield f"{len(constant)} feature{'' if len(constant) == 1 else 's'} never changed: {_few(constant)}."
    if mostly := [f"{name} ({share / n:.0%})" for name, share in missing.items() if share > n / 2]:
        yield f"More than half of the values are missing in: {_few(mostly)}."


def about_shortcuts(cohort: Cohort) -> Iterator[str]:
    """Attributes with a value that only one class has: the model could learn the scanner instead.

    By chance or not is asked of patients: many images of one person are of one class anyway.
    """
    if cohort.target is None or cohort.target.is_value or not len(cohort):
        return
    persons = pd.Series(cohort.patients, index=cohort.table.index)
    for name in cohort.attributes:
        if name == str(cohort.split_column).partition("=")[0] or not _groups(cohort.table[name]):
            continue
        for target in _answers(cohort):
            shares = target.value_counts(normalize=True)
            table = pd.crosstab(_text(cohort.table[name]), target)
            patients = persons.groupby(_text(cohort.table[name])).nunique().to_dict()
            for value, row in table[(table > 0).sum(axis=1) == 1].iterrows():
                found, n = str(row.idxmax()), int(row.sum())
                if n < len(cohort) and shares[found] ** patients[value] < CHANCE:
                    yield f"All {n} cases with {name} = {value} are {found}: {MODELS} {name} instead."


def _answers(cohort: Cohort) -> Iterator[pd.Series]:
    """What the cases are: their class, or in turn whether they have each label."""
    assert cohort.target is not None
    values = cohort.table[cohort.target.column]
    if not cohort.target.is_labels:
        yield values
        return
    for name, has in zip(cohort.target.classes, cohort.target.members(values).T, strict=True):
        yield pd.Series(np.where(has, f"with {name}", f"without {name}"), index=values.index)


def _groups(column: pd.Series) -> bool:
    """A column of few values, each shared by several cases."""
    if pd.api.types.is_float_dtype(column):
        return False
    return bool(2 <= _text(column).nunique() <= min(FEW_LEVELS, np.sqrt(len(column))))


def _text(column: pd.Series) -> pd.Series:
    """The column as text: values of mixed types cannot be sorted."""
    return column.map(str, na_action="ignore")
