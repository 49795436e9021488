"""Readers' labels: columns of their own, and a target made of them where none is named.

A reader's column is never a feature, a covariate or an attribute: it would give the answer away.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import PATIENT, Target, Task
from isocenter.errors import BadTarget, UsageError
from isocenter.ingest.columns import count, wanted
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.target import class_names, is_measurement
from isocenter.metrics.readers import Rule, consensus
from isocenter.wording import listed

COLUMN = "consensus"
_OF_NUMBERS = ("mean", "median")
_RULES: tuple[Rule, ...] = ("majority", "unanimous", "mean", "median")
_NONE = {"tie": "ties", "disagreement": "disagreements", "too few readers": "without a reading"}
_SINGLE = "with one reading only"


def gather(draft: Draft, request: Request) -> tuple[str, ...]:
    """The readers' columns; their consensus becomes the draft's target unless a target is named.

    Raises UnknownColumn, UsageError, BadTarget.
    """
    readers = tuple(dict.fromkeys(request.readers))
    if not readers:
        if request.consensus is not None:
            raise UsageError("--consensus was given without readers.", "Name their columns: --readers R1,R2.")
        return ()
    for name in readers:
        wanted(draft.without([]), name, "reader")
    if len(readers) < 2:
        raise UsageError(f"'{readers[0]}' is one reader only.", "Name two or more: --readers R1,R2.")
    if both := sorted(set(readers) & set(request.targets)):
        raise BadTarget(f"'{both[0]}' is target and reader.", f"Leave --target out and say --consensus {both[0]}.")
    if request.target is not None and request.consensus is not None:
        raise UsageError(
            f"--consensus {request.consensus} makes a target of the readers' labels, and --target {request.target} "
            "names another.",
            "Leave one of the two out.",
        )
    if request.consensus not in (None, *_RULES, *readers):
        raise UsageError(
            f"There is no consensus '{request.consensus}'.", f"Choose one of {listed((*_RULES, *readers), 40)}."
        )
    draft.features = [c for c in draft.features if c not in readers]
    known = request.known is not None and request.known.column in draft.without(list(readers))
    if request.target is None and not known:
        _become_target(draft, readers, request)
    return readers


def _become_target(draft: Draft, readers: tuple[str, ...], request: Request) -> None:
    if COLUMN in draft.table:
        raise BadTarget(f"The table has a column '{COLUMN}' already.", f"Name it with --target {COLUMN}, or rename it.")
    table, rule = draft.table[list(readers)], request.consensus or "majority"
    measured = rule in _OF_NUMBERS or (not request.order and is_measurement(_pooled(table), request.task))
    if measured and rule not in (*_OF_NUMBERS, *readers):
        raise BadTarget(
            f"The readers' values are measurements, which have no {rule}.", "Say --consensus mean or median."
        )
    values, how = _numbers(table, rule) if measured else _classes(table, rule)
    draft.table = draft.table.assign(**{COLUMN: values})
    draft.candidates, draft.target, draft.consensus = [COLUMN], COLUMN, rule
    draft.task = Task.REGRESSION.value if measured else None
    if rule not in readers:
        made = ~np.isin(how, list(_NONE))
        single = made & (_given(table).sum(axis=1) == 1)
        how = np.where(single, _SINGLE, how)
        draft.warnings += _lonely(int(single.sum()), int(made.sum()))
    draft.notes.append(_told(readers, rule, how, draft.table.index))


def _given(table: pd.DataFrame) -> NDArray[np.bool_]:
    """(n, readers) whether there is a reading."""
    return np.column_stack([names_of(table[c]).notna() for c in table])


def _lonely(single: int, made: int) -> list[str]:
    """Beware of a target that is one reader's word."""
    if not single:
        return []
    if single == made:
        return ["No case was read by two readers: the target is the single label of whoever read, and no consensus."]
    return [f"Of {count(made, 'case')} with a consensus {single} had one reader only, whose label it is."]


def _pooled(table: pd.DataFrame) -> pd.Series:
    """All readings in one column: numbers where all are, else text."""
    whole = pd.concat([table[c] for c in table.columns], ignore_index=True)
    return pd.to_numeric(whole, errors="coerce") if _as_numbers(table) is not None else whole


def _as_numbers(table: pd.DataFrame) -> NDArray[np.float64] | None:
    """(n, readers), or None where some reading is no number."""
    found = table.apply(pd.to_numeric, errors="coerce")
    return found.to_numpy(dtype=np.float64) if (found.notna() == table.notna()).all(axis=None) else None


def _numbers(table: pd.DataFrame, rule: str) -> tuple[pd.Series, NDArray[np.str_]]:
    values = _as_numbers(table)
    if values is None:
        raise BadTarget("The readers' values are not all numbers.", "Say --consensus majority, or correct them.")
    if rule in table:
        own = values[:, list(table).index(rule)]
        return pd.Series(own, table.index), _only(own, rule)
    found = consensus(values, "mean" if rule == "mean" else "median")
    return pd.Series(found.values, table.index), found.how


def _classes(table: pd.DataFrame, rule: str) -> tuple[pd.Series, NDArray[np.str_]]:
    names = table.apply(names_of)
    labels = sorted({name for c in names for name in names[c].dropna()})
    codes = np.column_stack([pd.Index(labels).get_indexer(pd.Index(names[c])) for c in names]).astype(np.float64)
    codes[codes < 0] = np.nan
    if rule in table:
        own = codes[:, list(table).index(rule)]
        values, how = own, _only(own, rule)
    else:
        found = consensus(codes, "unanimous" if rule == "unanimous" else "majority")
        values, how = found.values, found.how
    text = [labels[int(v)] if np.isfinite(v) else None for v in values]
    return pd.Series(text, table.index, dtype="str"), how


def _only(own: NDArray[np.float64], rule: str) -> NDArray[np.str_]:
    return np.where(np.isfinite(own), rule, "too few readers")


def names_of(values: pd.Series) -> pd.Series:
    """A reader's labels as class names are written; empty is missing."""
    text = class_names(values).str.strip()
    return text.mask(text == "")


def _told(readers: tuple[str, ...], rule: str, how: NDArray[np.str_], ids: pd.Index) -> str:
    """How the cases came to their consensus, and which have none."""
    counts = Counter(how.tolist())
    by = ", ".join(
        f"{n} {'' if name in ('unanimous', _SINGLE) else 'by '}{name}"
        for name, n in counts.items()
        if name not in _NONE
    )
    said = f"Target: consensus of {listed(readers, 20)} by {rule}: {by or 'none'}."
    for name, words in _NONE.items():
        if counts[name]:
            said += f" Without a target, {words}: {count(counts[name], 'case')} ({listed(ids[how == name])})."
    return said


def clean(
    draft: Draft, target: Target, readers: tuple[str, ...], aside: pd.DataFrame, *, made: bool
) -> pd.DataFrame | None:
    """Write the readers' columns as the target's is: class names, or numbers. made: the target is their consensus.

    aside: rows of cases without a target; what readers said of them comes back (`Cohort.aside`), None for nothing.
    BadTarget for a label that a named target does not have; in a consensus it may be one that always lost.
    """
    if target.is_labels:
        raise BadTarget("The target holds several labels a case.", "Readers can be compared on one label at a time.")
    rows = len(draft.table)
    table = pd.concat([draft.table[[PATIENT, *readers]], aside[[PATIENT, *readers]]])
    written = _as_values(table, target, readers) if target.is_value else _as_classes(table, target, readers)
    if not target.is_value:
        _strange(draft, target, written.iloc[:rows], written, made=made)
    draft.table = draft.table.assign(**{name: written[name].iloc[:rows] for name in readers})
    rest = table.assign(**{name: written[name] for name in readers}).iloc[rows:].dropna(subset=list(readers), how="all")
    return None if rest.empty else rest


def _as_values(table: pd.DataFrame, target: Target, readers: tuple[str, ...]) -> pd.DataFrame:
    values = _as_numbers(table[list(readers)])
    if values is None:
        raise BadTarget(f"The readers' values are not all numbers, '{target.column}' is.", "Correct these cells.")
    return pd.DataFrame(values, table.index, list(readers))


def _as_classes(table: pd.DataFrame, target: Target, readers: tuple[str, ...]) -> pd.DataFrame:
    known = {name.lower(): name for name in target.classes}
    names = {c: names_of(table[c]).map(lambda v: known.get(v.lower(), v), na_action="ignore") for c in readers}
    return pd.DataFrame(names, table.index).astype("str")


def _strange(draft: Draft, target: Target, used: pd.DataFrame, read: pd.DataFrame, *, made: bool) -> None:
    """Labels that the target does not have: BadTarget where one stands beside a named target, else a warning."""
    found = [Counter(v for c in t for v in t[c].dropna() if v not in target.classes) for t in (used, read)]
    beside, all_told = (listed([f"'{label}' ({n})" for label, n in strange.most_common()]) for strange in found)
    if beside and not made:
        raise BadTarget(
            f"Readers give labels that '{target.column}' does not have: {beside}.",
            f"Its classes are {listed(target.classes, 20)}; correct the readers' columns.",
        )
    if all_told:
        whose = "no consensus has" if made else f"'{target.column}' does not have, to cases without a value of it"
        draft.warnings.append(f"Readers give labels that {whose}: {all_told}.")
