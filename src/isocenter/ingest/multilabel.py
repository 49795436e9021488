"""Several labels a case: from columns of 0 and 1, or from one column of text such as "Mass|Effusion"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter.cohort import BETWEEN, Target, Task, label_texts
from isocenter.errors import BadTarget
from isocenter.ingest.columns import count, wanted
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.target import LONELY, TEXT_CLASSES, class_names, ordered
from isocenter.wording import listed

COLUMN = "labels"  # of a cohort's table, where labels came as several columns
_YES, _NO = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})
_NONE = frozenset({"no finding", "no findings", "none"})  # and an empty text
_SEPARATORS = "|;,"


def gather(draft: Draft, request: Request) -> tuple[str, ...]:
    """The labels, where several columns hold them: these become one column of text, and the draft's target.

    () where the target is one column. Raises UnknownColumn, BadTarget.
    """
    names = _columns(draft, request)
    if len(names) < 2:
        return ()
    if request.task not in (None, Task.MULTILABEL.value):
        raise BadTarget(
            f"Several columns are labels, and --task {request.task} was given.", "Name one column with --target."
        )
    usable = ~draft.table.index.isin(list(draft.broken))
    truths = np.column_stack([_truth(draft.table[name].where(usable), name) for name in names])
    rest = draft.table.drop(columns=list(names))
    column = COLUMN if COLUMN not in rest else f"target {COLUMN}"
    texts = pd.Series(label_texts(names, truths == 1), index=rest.index, dtype="str")
    draft.table = rest.assign(**{column: texts.mask(np.asarray(np.isnan(truths).any(axis=1)))})
    draft.features = [c for c in draft.features if c not in names]
    draft.candidates, draft.target = [column], column
    return names


def _columns(draft: Draft, request: Request) -> tuple[str, ...]:
    """Columns of labels: those named with commas, those of an array of labels, those that a model knows."""
    there = draft.without([])
    if request.target is None:
        known = request.known.classes if request.known is not None and request.known.is_labels else ()
        return known if known and set(known) <= set(there) else draft.labels
    if request.target in there:
        return ()
    for name in request.targets:
        wanted(there, name, "target")
    return request.targets


def _truth(values: pd.Series, name: str) -> NDArray[np.float64]:
    """(n,) 1, 0, or NaN where it is missing; BadTarget for anything else."""
    if BETWEEN in name:
        raise BadTarget(f"Label '{name}' has a {BETWEEN} in its name, which parts labels.", "Rename the column.")
    text = class_names(values).str.strip().str.lower()
    text = text.mask(text == "")
    if odd := sorted(set(text.dropna()) - _YES - _NO):
        raise BadTarget(
            f"Label '{name}' holds {listed(odd, 4)}; the columns of labels hold 0 and 1 (or true, false, yes, no).",
            "Empty the cells that are not known (such a case is set aside), or name one column only with --target.",
        )
    return np.where(text.isna(), np.nan, text.isin(_YES)).astype(np.float64)


def infer(
    values: pd.Series, column: str, classes: Sequence[str], positive: str | None
) -> tuple[Target, pd.Series, list[str]]:
    """Target, values as `Target` has them (missing stays missing), and warnings.

    values: texts, one a case; classes: the labels in their order, () to find them. Raises BadTarget.
    """
    if positive is not None:
        raise BadTarget(f"--positive was given, but column '{column}' holds labels.", "Leave it out.")
    if not values.notna().any():
        raise BadTarget(f"Column '{column}' has no case with a value of every label.", "Fill in the cells.")
    if classes:
        text, how = values, f"Columns {listed(classes, TEXT_CLASSES)}: multilabel, {len(classes)} labels."
        warnings = _exclusive(text)
    else:
        separator = _separator(values, column)
        text, warnings = _read(values, separator)
        classes = ordered(sorted({name for one in text.dropna() for name in _names(one)}))
        parted = f", parted by {separator}" if separator else ""
        shown = listed(classes, 20) or "none"
        how = f"Column '{column}': multilabel, {count(len(classes), 'label')}{parted} ({shown})."
    target = Target(Task.MULTILABEL, column, tuple(classes), how=how)
    text = _in_order(text, target)
    counts, n = target.counts(text.dropna()), int(text.notna().sum())
    _refuse(column, counts, n)
    empty = int((text == "").sum())
    target = Target(Task.MULTILABEL, column, tuple(classes), how=f"{how} {count(empty, 'case')} of {n} have none.")
    if lonely := [name for name, cases in counts.items() if cases == 1]:
        warnings.append(f"Only one case has label {listed(lonely)}: {LONELY}")
    return target, text, warnings


def recognise(values: pd.Series, column: str, target: Target, renamed: Mapping[str, str]) -> pd.Series:
    """Texts of another table as `target` has them; BadTarget for labels that it does not know.

    renamed: how the other table calls labels of the target.
    """
    text, _ = _read(values, _separator(values, column))
    known = {**{name.lower(): name for name in target.classes}, **renamed}

    def ours(one: str) -> str:
        return BETWEEN.join(known.get(name, known.get(name.lower(), name)) for name in _names(one))

    return _in_order(text.map(ours, na_action="ignore"), target)


def _separator(values: pd.Series, column: str) -> str:
    """What parts the labels of a text: the first of | ; , that occurs; "" where none does."""
    if types.is_numeric_dtype(values) or types.is_bool_dtype(values):
        raise BadTarget(
            f"Column '{column}' holds no text such as Mass{BETWEEN}Effusion.",
            "For labels in columns of 0 and 1 name them all: --target a,b,c.",
        )
    text = values.dropna().astype("str")
    return next((one for one in _SEPARATORS if text.str.contains(one, regex=False).any()), "")


def _read(values: pd.Series, separator: str) -> tuple[pd.Series, list[str]]:
    """Labels with `BETWEEN` in between, and warnings; a text of a label and "No Finding" is missing."""
    parts = [[] if missing else _parts(str(one), separator) for one, missing in zip(values, values.isna(), strict=True)]
    both = np.array([len(names) > 1 and any(map(_nothing, names)) for names in parts], dtype=np.bool_)
    texts = [BETWEEN.join(name for name in names if not _nothing(name)) for names in parts]
    warnings = []
    if both.any():
        found = listed(values[both].unique(), 3)
        warnings.append(f"{count(int(both.sum()), 'case')} set aside: labels together with none ({found}).")
    return pd.Series(texts, index=values.index, dtype="str").mask(values.isna() | both), warnings


def _parts(text: str, separator: str) -> list[str]:
    pieces = text.split(separator) if separator else [text]
    return list(dict.fromkeys(piece.strip() for piece in pieces if piece.strip()))


def _nothing(name: str) -> bool:
    return name.lower() in _NONE


def _names(text: str) -> list[str]:
    return text.split(BETWEEN) if text else []


def _in_order(text: pd.Series, target: Target) -> pd.Series:
    """The labels of each text in the order of the classes; BadTarget for one that is none."""
    place = {name: k for k, name in enumerate(target.classes)}
    target.encode(text.dropna())  # refuses what is not known
    found = text.map(lambda one: BETWEEN.join(sorted(_names(one), key=place.__getitem__)), na_action="ignore")
    return found.astype("str").mask(text.isna())


def _exclusive(text: pd.Series) -> list[str]:
    """One-hot columns are classes rather than labels: say so."""
    known = text.dropna()
    if not (known.ne("") & ~known.str.contains(BETWEEN, regex=False)).all():
        return []
    told = "Every case has exactly one of the labels: if they exclude each other they are classes"
    return [f"{told}; give one column with the class names instead."]


def _refuse(column: str, counts: Mapping[str, int], n: int) -> None:
    if len(counts) < 2 or len(counts) > TEXT_CLASSES:
        raise BadTarget(
            f"Column '{column}' holds {count(len(counts), 'label')}; 2 to {TEXT_CLASSES} can be learned.",
            "Name another column, or leave out --task multilabel.",
        )
    for name, cases in counts.items():
        if cases in (0, n):
            who = "No case has" if cases == 0 else f"All {n} cases have"
            raise BadTarget(
                f"{who} label '{name}': nothing can be learned of it.",
                "Leave it out: name the other columns with --target, or take it out of the texts.",
            )
