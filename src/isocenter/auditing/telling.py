"""Does one given column tell the answer by itself? It may have been written down after the diagnosis.

`shortcuts` asks this of what is known of the acquisition; here it is asked of what a model may learn from: given
features and declared covariates, one at a time. Only the fitting part is used, so this is no look at the test part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy.stats import rankdata

from isocenter.cohort import Cohort
from isocenter.metrics import Floats

ALARM = 0.98  # AUC, or correlation of ranks, from which one column alone is not believed
CHANCE = (
    0.01  # chance that one of so many columns of noise parts so few patients perfectly, above which nothing is said
)
MOST_CASES = 20_000  # of more a draw of so many is looked at: for so large an AUC that is plenty
MOST_LEVELS = 20  # of a text
MOST_TOLD = 3


@dataclass(frozen=True, slots=True)
class Telling:
    """A column, and how well it tells a class or label (`of`; None: the target) by itself; measure: what `value` is."""

    column: str
    value: float
    measure: str
    of: str | None = None
    is_covariate: bool = False


def telling_columns(cohort: Cohort, case_ids: Sequence[str]) -> list[Telling]:
    """The columns that alone reach `ALARM`, the strongest first; case_ids: of the fitting part.

    Classes and labels are told from the rest one by one, by the AUC in either direction; a
    measurement by Spearman's correlation. A missing value counts as the median, as in a model. Texts are taken
    level by level. What luck would do among so many columns is left out.
    """
    names = [*cohort.features, *cohort.covariates]
    target, n = cohort.target, len(case_ids)
    if target is None or not names or n < 2:
        return []
    some = range(n) if n <= MOST_CASES else np.random.default_rng(0).choice(n, MOST_CASES, replace=False)
    part = cohort.select(case_ids[i] for i in some)
    reach = _of_values if target.is_value else _of_classes
    found: dict[str, Telling] = {}
    for name, value, of in reach(part, names):
        if value >= ALARM and (name not in found or value > found[name].value):
            measure = "correlation of ranks" if target.is_value else "AUC"
            found[name] = Telling(name, value, measure, of, name in cohort.covariates)
    return sorted(found.values(), key=lambda one: -one.value)


def telling_alarms(found: Sequence[Telling]) -> tuple[str, ...]:
    """A sentence for each of the strongest, and one for how many more there are."""
    said = [
        f"'{one.column}' alone predicts {'the target' if one.of is None else repr(one.of)} in the training part "
        f"({one.measure} {one.value:.3f}): it may have been written after the diagnosis, or be the answer by another "
        f"name. If so, leave it out: {'take it out of --covariates and ' if one.is_covariate else ''}"
        f"--ignore {one.column}."
        for one in found[:MOST_TOLD]
    ]
    if more := [one.column for one in found[MOST_TOLD:]]:
        said.append(f"So {'do' if len(more) > 1 else 'does'} {len(more)} more: {', '.join(more[:8])}.")
    return tuple(said)


def _of_classes(part: Cohort, names: Sequence[str]) -> Iterator[tuple[str, float, str | None]]:
    """Column, AUC in the direction that tells more, and the class that is told from the rest (None: of two)."""
    target = part.target
    assert target is not None
    members = target.members(part.table[target.column])
    alone = len(target.classes) == 2 and not target.is_labels
    usable = [k for k, has in enumerate(members.T) if not _luck(has, part.patients, len(names))]
    for name, ranks in _ranks(part.table, names):
        for k in usable[:1] if alone else usable:
            yield name, _auc(ranks, members[:, k]), None if alone else target.classes[k]


def _of_values(part: Cohort, names: Sequence[str]) -> Iterator[tuple[str, float, None]]:
    """Column, size of its correlation with the measurement by rank."""
    answers = rankdata(part.codes)
    if math.log(2 * len(names) / CHANCE) > math.lgamma(len(set(part.patients)) + 1) or answers.min() == answers.max():
        return
    for name, ranks in _ranks(part.table, names):
        yield name, abs(float(np.corrcoef(ranks, answers)[0, 1])), None


def _ranks(table: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, Floats]]:
    """Each column as (n,) ranks, of a text each level; columns that do not vary are left out."""
    for name in names:
        values = table[name]
        if types.is_numeric_dtype(values) or types.is_bool_dtype(values):
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            missing = np.isnan(numbers)
            some = numbers[~missing]
            if len(some) and some.min() < some.max():
                yield name, rankdata(np.where(missing, np.median(some), numbers))
        elif 1 < values.nunique() <= MOST_LEVELS:
            for level in values.dropna().unique():
                yield name, rankdata((values == level).to_numpy(dtype=np.float64, na_value=0.0))


def _auc(ranks: Floats, has: NDArray[np.bool_]) -> float:
    """Mann and Whitney's; has: (n,) with both kinds."""
    k, n = int(has.sum()), len(has)
    value = float((ranks[has].sum() - k * (k + 1) / 2) / (k * (n - k)))
    return max(value, 1 - value)


def _luck(has: NDArray[np.bool_], patients: NDArray[np.object_], columns: int) -> bool:
    """Whether noise would part them: 2 of all ways to choose the patients with an event do so perfectly."""
    k, others = len(set(patients[has])), len(set(patients[~has]))
    ways = math.lgamma(k + others + 1) - math.lgamma(k + 1) - math.lgamma(others + 1)
    return min(k, others) == 0 or math.log(2 * columns / CHANCE) > ways
