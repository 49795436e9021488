"""What is predicted: which column, which task, which class is the positive one.

Nothing here depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from isocenter.cohort import Target, Task
from isocenter.errors import BadTarget, NoTarget
from isocenter.ingest.columns import TARGET_NAMES, count, listed, plain, wanted

INTEGER_CLASSES = 10  # so many different whole numbers are classes; more are a measurement
TEXT_CLASSES = 50
POSITIVE_NAMES = frozenset({"1", "true", "yes"})


def choose_column(
    columns: Sequence[str], candidates: Sequence[str], target: str | None, *, only: bool
) -> tuple[str, str]:
    """The target's column and a sentence on how it was found ("" where it was named).

    columns: all that could be named; candidates: where to look if none was; only: whether a
    single candidate of any name will do. Raises UnknownColumn, NoTarget.
    """
    if (named := wanted(columns, target, "target")) is not None:
        return named, ""
    usual = [c for c in candidates if plain(c) in TARGET_NAMES]
    if len(usual) == 1:
        return usual[0], f"Target: column '{usual[0]}', by its name."
    if only and len(candidates) == 1:
        return candidates[0], f"Target: column '{candidates[0]}', the only one."
    if usual:
        raise NoTarget(f"Several columns could be the target: {listed(usual)}.", "Name one with --target COLUMN.")
    raise NoTarget("No target was named.", f"Give --target COLUMN; columns: {listed(candidates or columns, 40)}.")


def infer(
    values: pd.Series, column: str, task: str | None, positive: str | None
) -> tuple[Target, pd.Series, list[str]]:
    """Task, classes and positive class of a column.

    values: one a case, missing allowed. Returns the target, the values as class names (str) or
    float64 (missing stays missing), and warnings. Raises BadTarget.
    """
    values = _stripped(values)
    if not values.notna().any():
        raise BadTarget(f"Column '{column}' has no value.", "Name a filled column with --target.")
    kind, why = _task(values, column, task)
    if kind is Task.REGRESSION:
        return _measurement(values, column, why, positive)
    return _classes(values, column, why, positive)


def _stripped(values: pd.Series) -> pd.Series:
    """Text without spaces around; empty text is missing."""
    if not _is_text(values):
        return values
    text = values.astype("str").str.strip()
    return text.mask(text == "")


def _is_text(values: pd.Series) -> bool:
    return not (types.is_bool_dtype(values) or types.is_numeric_dtype(values))


def _task(values: pd.Series, column: str, task: str | None) -> tuple[Task, str]:
    known = values.dropna()
    distinct = known.nunique()
    if task is not None:
        try:
            return Task(task), "as asked for"
        except ValueError:
            raise BadTarget(f"--task {task} is not known.", f"Choose {' or '.join(t.value for t in Task)}.") from None
    if types.is_bool_dtype(values):
        return Task.CLASSIFICATION, "two truth values"
    if _is_text(values):
        if distinct > TEXT_CLASSES or (distinct > 2 and distinct > len(known) / 2):
            raise BadTarget(
                f"Column '{column}' holds text with {distinct} different values in {len(known)} rows: no classes.",
                "Name another column with --target, or insist with --task classification.",
            )
        return Task.CLASSIFICATION, "text"
    if _whole(known) and distinct <= INTEGER_CLASSES:
        return Task.CLASSIFICATION, f"whole numbers with at most {INTEGER_CLASSES} different values"
    return Task.REGRESSION, "numbers" if _whole(known) else "numbers with decimals"


def _whole(known: pd.Series) -> bool:
    numbers = known.to_numpy(dtype=np.float64)
    return bool(np.isfinite(numbers).all() and (numbers == np.round(numbers)).all())


def _measurement(values: pd.Series, column: str, why: str, positive: str | None) -> tuple[Target, pd.Series, list[str]]:
    if positive is not None:
        raise BadTarget(f"--positive was given, but column '{column}' is a measurement.", "Add --task classification.")
    numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
    if (wrong := values[numbers.isna() & values.notna()]).size:
        raise BadTarget(
            f"Column '{column}' holds text ({listed(sorted(set(wrong.astype('str'))), 3)}), regression needs numbers.",
            "Use --task classification, or name another column with --target.",
        )
    if np.isinf(numbers).any():
        said = count(int(np.isinf(numbers).sum()), "infinite value")
        raise BadTarget(f"Column '{column}' has {said}.", "Correct or empty these cells.")
    if numbers.nunique() < 2:
        only = f"{numbers.dropna().iloc[0]:g}"
        raise BadTarget(f"Column '{column}' has one value only ({only}).", "Nothing can be learned from it.")
    return Target(Task.REGRESSION, column, how=f"Column '{column}': regression ({why})."), numbers, []


def _classes(values: pd.Series, column: str, why: str, positive: str | None) -> tuple[Target, pd.Series, list[str]]:
    names = class_names(values)
    counts = {str(k): int(n) for k, n in names.value_counts().items()}
    classes = _ordered(list(counts))
    if len(classes) < 2:
        raise BadTarget(
            f"Column '{column}' has one class only: {classes[0]}.",
            "At least two classes are needed; are labels missing?",
        )
    chosen, how = _positive(classes, counts, column, positive)
    many = f"{len(classes)} classes" + (f" ({', '.join(classes)})" if len(classes) <= INTEGER_CLASSES else "")
    how = f"Column '{column}': classification, {many}; {why}.{how}"
    target = Target(Task.CLASSIFICATION, column, classes, chosen, how)
    lonely = [c for c in classes if counts[c] == 1]
    warning = f"Only one case has class {listed(lonely)}: it cannot be in training and test." if lonely else ""
    return target, names, [warning] if warning else []


def class_names(values: pd.Series) -> pd.Series:
    """Class names as text: 1.0 is "1", truth values are "True" and "False"; missing stays missing."""
    if types.is_float_dtype(values) and _whole(values.dropna()):
        values = values.astype("Int64")
    return values.astype("str")


def _ordered(names: list[str]) -> tuple[str, ...]:
    """Numeric order where all are numbers, else alphabetical."""
    numbers = pd.to_numeric(pd.Series(names), errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        return tuple(sorted(names))
    return tuple(name for _, name in sorted(zip(numbers, names, strict=True)))


def _positive(
    classes: tuple[str, ...], counts: dict[str, int], column: str, positive: str | None
) -> tuple[str | None, str]:
    """The positive of two classes, and a sentence on how it was chosen."""
    if positive is not None:
        positive = positive.strip()
        if positive not in classes:
            raise BadTarget(f"Column '{column}' has no class '{positive}'.", f"Classes: {listed(classes, 20)}.")
        if len(classes) > 2:
            raise BadTarget(f"--positive needs two classes, column '{column}' has {len(classes)}.", "Leave it out.")
        return positive, f" Positive class: {positive}, as asked for."
    if len(classes) != 2:
        return None, ""
    if len(usual := [c for c in classes if c.lower() in POSITIVE_NAMES]) == 1:
        return usual[0], f" Positive class: {usual[0]}, by its name."
    rarer = min(reversed(classes), key=lambda c: counts[c])
    why = "the rarer one" if len(set(counts.values())) == 2 else "the last of two equally frequent ones"
    return rarer, f" Positive class: {rarer}, {why} (change it with --positive)."
