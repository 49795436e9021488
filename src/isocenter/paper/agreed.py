"""How a reference standard was made of readers' labels: the sentences of the methods section."""

from __future__ import annotations

from collections.abc import Iterator

from isocenter.cohort import Cohort
from isocenter.reporting.words import count, counted, listed

_RULES = {
    "majority": "the label that most of those gave who had read the case",
    "unanimous": "the label that all gave who had read the case",
    "mean": "the mean of their values",
    "median": "the median of their values",
}


def called(cohort: Cohort) -> str:
    """What the target is, "" where readers did not make it."""
    if not cohort.consensus:
        return ""
    return "the consensus of readers" if cohort.consensus in _RULES else f"the reading of {cohort.consensus}"


def sentences(cohort: Cohort) -> Iterator[str]:
    """Whose readings, by which rule, how often they agreed, and which cases have none."""
    names = listed(list(cohort.readers))
    if cohort.consensus not in _RULES:
        yield f"Of the readers {names}, {cohort.consensus} was the reference standard."
    else:
        rule = f"by the rule {cohort.consensus}, {_RULES[cohort.consensus]}"
        yield f"The reference standard was made of the readings of {names} (columns of the table) {rule}."
        yield from _agreed(cohort)
    if n := cohort.unresolved:
        how = "whose votes were tied" if cohort.consensus == "majority" else "whose readers were not unanimous"
        yield f"{counted(n, 'case')} {how} had no reference standard and {_were(n)} neither learned from nor tested."
        yield "They count in the agreement of the readers with each other."
    if n := len(cohort.unlabelled) - cohort.unresolved:
        unread = "none of them had read" if cohort.consensus in _RULES else f"{cohort.consensus} had not read"
        yield f"{counted(n, 'case')} that {unread} {_were(n)} left out."


def _agreed(cohort: Cohort) -> Iterator[str]:
    read = cohort.table[list(cohort.readers)]
    several = read.notna().sum(axis=1) > 1
    if cohort.target is not None and cohort.target.is_classes and several.any():
        alike, both = int((read[several].nunique(axis=1) == 1).sum()), int(several.sum())
        yield f"All agreed in {count(alike)} of the {counted(both, 'case')} used that two or more had read."
    if single := int((~several).sum()):
        yield f"{counted(single, 'case')} used {'has' if single == 1 else 'have'} one reading only, which was taken."


def _were(n: int) -> str:
    return "was" if n == 1 else "were"
