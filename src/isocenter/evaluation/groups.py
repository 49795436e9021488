"""Subgroups of a part: which rows belong to which group of a column, and which groups are too small to show.

A group with fewer than 10 patients with an event, or 10 without, says nothing of its own and could single people
out: it is suppressed, and said so. Numbers are cut at the thirds of the whole cohort.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter.cohort import Cohort, Target
from isocenter.errors import UnknownColumn, UsageError

FEWEST = 10  # patients with events, and with others, of a group that is shown
FEWEST_VALUES = 20  # patients of a group, for a measurement
MOST_LEVELS = 12


@dataclass(frozen=True, eq=False)
class Subgroup:
    """name: "sex=F"; rows: (n,) which rows; suppressed: why it is not shown, or ""."""

    name: str
    rows: NDArray[np.bool_]
    suppressed: str = ""

    @property
    def warning(self) -> str:
        """The sentence that an evaluation keeps of a suppressed group; `suppressed` reads it again."""
        return f"Subgroup {self.name} is suppressed: {self.suppressed}."


_WARNING = re.compile(r"Subgroup (.+) is suppressed: (.+)\.", re.DOTALL)


def suppressed(warnings: Iterable[str]) -> dict[str, str]:
    """Groups that an evaluation's warnings name as suppressed, and why."""
    told = (_WARNING.fullmatch(sentence) for sentence in warnings)
    return {match[1]: match[2] for match in told if match}


_GROUP = re.compile(r"(.+?)(=.*| ≤ [-+.\w]+| > [-+.\w]+(?: to [-+.\w]+)?)", re.DOTALL)


def parted(group: str) -> tuple[str, bool] | None:
    """The column that a group's name ("sex=F", "age ≤ 54") is of, and whether it was cut; None where it is of none."""
    match = _GROUP.fullmatch(group)
    return None if match is None else (match[1], not match[2].startswith("="))


def subgroups(cohort: Cohort, case_ids: Sequence[str], names: Sequence[str]) -> Iterator[Subgroup]:
    """The groups of each named column among some cases, in order; cases without a value form none.

    Raises UnknownColumn, and UsageError for a text column with too many values.
    """
    target = cohort.target
    assert target is not None
    some = cohort.select(case_ids)
    unit = "patient" if cohort.knows_patients else "case"
    for name in names:
        labels = _labels(cohort, name).loc[list(case_ids)].to_numpy(dtype=object)
        for level in dict.fromkeys(_order(labels)):
            rows = np.asarray(labels == level, dtype=np.bool_)
            yield Subgroup(f"{name}{level}", rows, _too_small(target, some.codes[rows], some.patients[rows], unit))


def _labels(cohort: Cohort, name: str) -> pd.Series:
    """The group of each case: "=F", "≤ 54", missing where there is no value."""
    if name not in cohort.table or name == (cohort.target and cohort.target.column):
        raise UnknownColumn(f"There is no column '{name}' for subgroups.", f"Columns: {', '.join(cohort.attributes)}.")
    values = cohort.table[name]
    if types.is_numeric_dtype(values) and not types.is_bool_dtype(values) and values.nunique() > 5:
        return _thirds(values)
    if values.nunique() > MOST_LEVELS:
        raise UsageError(
            f"Column '{name}' has {values.nunique()} values; subgroups are made of {MOST_LEVELS} at most.",
            "Name a column with fewer; numbers are cut at their thirds.",
        )
    return "=" + values.map(lambda v: f"{v:g}" if isinstance(v, float) else str(v), na_action="ignore")


def _thirds(values: pd.Series) -> pd.Series:
    low, high = (float(f"{q:.4g}") for q in values.quantile([1 / 3, 2 / 3]))
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    named = np.select(
        [numbers <= low, numbers <= high, numbers > high],
        [f" ≤ {low:g}", f" > {low:g} to {high:g}", f" > {high:g}"],
        default="",
    )
    return pd.Series(named, index=values.index, dtype=object).replace("", np.nan)


def _order(labels: NDArray[np.object_]) -> list[str]:
    """Thirds from low to high, levels by name."""
    known = {str(label) for label in labels if isinstance(label, str)}
    return sorted(known, key=lambda label: (not label.startswith(" ≤"), " to " not in label, label))


def _too_small(
    target: Target, codes: NDArray[np.float64] | NDArray[np.int64], patients: NDArray[np.object_], unit: str
) -> str:
    """Why a group is not shown: patients of the rarest of what is to be told apart are fewer than `FEWEST`.

    unit: "patient", or "case" where no patient is known and each case stands for itself.
    """
    who = pd.factorize(patients)[0]

    def count(rows: NDArray[np.bool_]) -> int:
        return len(np.unique(who[rows]))

    if target.is_value:
        n = len(np.unique(who))
        return f"{n} {unit}s (fewer than {FEWEST_VALUES})" if n < FEWEST_VALUES else ""
    if target.positive_index is not None:
        events, others = count(codes == target.positive_index), count(codes != target.positive_index)
        few = [f"{n} {what}" for n, what in ((events, "events"), (others, "others")) if n < FEWEST]
        return f"{' and '.join(few)} by {unit} (fewer than {FEWEST})" if few else ""
    has = codes == 1 if target.is_labels else codes[:, None] == np.arange(len(target.classes))
    shown = any(min(count(column), count(~column)) >= FEWEST for column in has.T)
    what = "label" if target.is_labels else "class"
    return "" if shown else f"no {what} has {FEWEST} {unit}s and {FEWEST} others"
