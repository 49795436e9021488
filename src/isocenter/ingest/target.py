"""What is predicted: which column, which task, which class is the positive one.

Nothing here depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from isocenter.cohort import Target, Task
from isocenter.errors import BadTarget, NoTarget, UsageError
from isocenter.ingest.columns import TARGET_NAMES, count, plain, wanted
from isocenter.wording import listed

INTEGER_CLASSES = 10  # so many different whole numbers are classes; more are a measurement
TEXT_CLASSES = 50
LONELY = "it cannot be in training and test."  # ends a warning that is about models only
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
    values: pd.Series, column: str, task: str | None, positive: str | None, order: Sequence[str] = ()
) -> tuple[Target, pd.Series, list[str]]:
    """Task, classes and positive class of a column that holds one answer a case.

    values: one a case, missing allowed; order: grades from low to high. Returns the target, the
    values as class names (str) or float64 (missing stays missing), and warnings. Raises BadTarget,
    UsageError.
    """
    values = _stripped(values)
    if not values.notna().any():
        raise BadTarget(f"Column '{column}' has no value.", "Name a filled column with --target.")
    if order or task == Task.ORDINAL.value:
        return _grades(values, column, task, positive, order)
    kind, why = _task(values, column, task)
    if kind is Task.REGRESSION:
        return _measurement(values, column, why, positive)
    return _classes(values, column, why, positive)


def _grades(
    values: pd.Series, column: str, task: str | None, positive: str | None, order: Sequence[str]
) -> tuple[Target, pd.Series, list[str]]:
    """Classes in the order given, or in that of their numbers; of two the upper one is positive."""
    if task not in (None, Task.ORDINAL.value):
        raise BadTarget(f"--order and --task {task} were given.", "Leave one of them out.")
    if positive is not None:
        raise BadTarget(f"--positive was given, but column '{column}' holds grades in order.", "Leave it out.")
    names = class_names(values)
    counts = {str(k): int(n) for k, n in names.value_counts().items()}
    classes = _in_order(order, set(counts), column) if order else _by_number(list(counts), column)
    if len(classes) < 2:
        raise BadTarget(f"Column '{column}' has one grade only: {classes[0]}.", "At least two are needed.")
    why = "in the order given" if order else "in the order of their numbers"
    if len(classes) == 2:
        how = f"Column '{column}': two grades {why} are a classification. Positive class: {classes[1]}, the upper one."
        return Target(Task.CLASSIFICATION, column, classes, classes[1], how), names, _lonely(classes, counts)
    how = f"Column '{column}': ordinal, {len(classes)} grades {why}: {' < '.join(classes)}."
    return Target(Task.ORDINAL, column, classes, how=how), names, _lonely(classes, counts)


def _in_order(order: Sequence[str], found: set[str], column: str) -> tuple[str, ...]:
    """The order as classes; BadTarget names what it lacks and what the column does not have."""
    named = tuple(name.strip() for name in order)
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise UsageError(f"--order names {listed(twice)} more than once.", "Name each grade once.")
    if lacking := sorted(found - set(named)):
        raise BadTarget(
            f"--order does not name {listed(lacking)}, which column '{column}' holds.",
            f"Name every grade, from low to high; the column holds {listed(sorted(found), 20)}.",
        )
    if extra := [name for name in named if name not in found]:
        raise BadTarget(
            f"--order names {listed(extra)}, which column '{column}' does not hold.",
            f"The column holds {listed(sorted(found), 20)}.",
        )
    return named


def _by_number(names: list[str], column: str) -> tuple[str, ...]:
    if not np.isfinite(pd.to_numeric(pd.Series(names), errors="coerce").to_numpy(dtype=np.float64)).all():
        raise BadTarget(
            f"Column '{column}' holds text, whose order is not known: {listed(sorted(names))}.",
            f"Give it from low to high, e.g. --order {','.join(sorted(names)[:TEXT_CLASSES])}.",
        )
    if len(names) > TEXT_CLASSES:
        raise BadTarget(f"Column '{column}' holds {len(names)} different numbers: no grades.", "Use --task regression.")
    return ordered(names)


def is_measurement(values: pd.Series, task: str | None = None) -> bool:
    """Whether a column of these values would be a measurement. Raises BadTarget as `infer` does."""
    return task in (None, Task.REGRESSION.value) and _task(_stripped(values), "readers", task)[0] is Task.REGRESSION


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
            *some, last = (t.value for t in Task)
            raise BadTarget(f"--task {task} is not known.", f"Choose {', '.join(some)} or {last}.") from None
    if types.is_bool_dtype(values):
        return Task.CLASSIFICATION, "two truth values"
    if _is_text(values):
        if distinct > TEXT_CLASSES or (distinct > 2 and distinct > len(known) / 2):
            raise BadTarget(
                f"Column '{column}' holds text with {distinct} different values in {len(known)} rows: no classes.",
                _insist(known),
            )
        return Task.CLASSIFICATION, "text"
    if _whole(known) and distinct <= INTEGER_CLASSES:
        return Task.CLASSIFICATION, f"whole numbers with at most {INTEGER_CLASSES} different values"
    return Task.REGRESSION, "numbers" if _whole(known) else "numbers with decimals"


def _insist(known: pd.Series) -> str:
    several = known.astype("str").str.contains("|", regex=False).any()
    labels = ", or add --task multilabel if | parts the labels of a case" if several else ""
    return f"Name another column with --target, or insist with --task classification{labels}."


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
    classes = ordered(list(counts))
    if len(classes) < 2:
        raise BadTarget(
            f"Column '{column}' has one class only: {classes[0]}.",
            "At least two classes are needed; are labels missing?",
        )
    chosen, how = _positive(classes, counts, column, positive)
    many = f"{len(classes)} classes" + (f" ({', '.join(classes)})" if len(classes) <= INTEGER_CLASSES else "")
    how = f"Column '{column}': classification, {many}; {why}.{how}"
    warnings = _lonely(classes, counts)
    if any("|" in name for name in classes):
        warnings.append(f"Classes of '{column}' hold a |: if it parts the labels of a case, add --task multilabel.")
    return Target(Task.CLASSIFICATION, column, classes, chosen, how), names, warnings


def _lonely(classes: Sequence[str], counts: Mapping[str, int]) -> list[str]:
    lonely = [c for c in classes if counts[c] == 1]
    return [f"Only one case has class {listed(lonely)}: {LONELY}"] if lonely else []


def class_names(values: pd.Series) -> pd.Series:
    """Class names as text: 1.0 is "1", truth values are "True" and "False"; missing stays missing."""
    if types.is_float_dtype(values) and _whole(values.dropna()):
        values = values.astype("Int64")
    return values.astype("str")


def ordered(names: list[str]) -> tuple[str, ...]:
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
