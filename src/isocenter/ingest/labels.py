"""The join: which rows of a table belong to which cases.

Which column holds the ids, and what of a file they name, is found by trying all pairs: the one
with most matches is taken and shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter.errors import Fault, LostZeros, NoMatch, UnusedRow
from isocenter.ingest.columns import as_ids, count, id_like, patient_like, wanted
from isocenter.ingest.rows import positions, row_name, unique_rows
from isocenter.wording import listed

_MASK_WORDS = re.compile(r"mask|seg|label|gtv|roi", re.IGNORECASE)


@dataclass(frozen=True)
class Pair:
    """A column of the table and a kind of key of the files: how many ids both hold, and how specific the key is."""

    column: str
    kind: str
    hits: int
    specific: int
    ids: pd.Series
    keys: pd.Series


@dataclass
class Joined:
    """rows: position in `table` for each case, -1 for none; ids: what the table calls each case;
    faults: cases, rows and ids that cannot be used."""

    table: pd.DataFrame
    rows: NDArray[np.int64]
    column: str
    ids: pd.Series
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def join(
    keys: pd.DataFrame,
    table: pd.DataFrame,
    name: str,
    *,
    id_column: str | None = None,
    never: Sequence[str | None] = (),
    several: bool = False,
    explained: AbstractSet[str] = frozenset(),
    things: str = "file",
) -> Joined:
    """Find the row of each case.

    keys: index case ids, a column a kind of key, the most specific first; name: the table's, for
    messages; never: columns that hold no ids (the target); several: whether one row may describe
    several cases; explained: ids whose files are known to be faulty. Raises UnknownColumn,
    NoMatch, LostZeros; all other faults are collected.
    """
    columns = [id_column] if wanted(table.columns, id_column, "id") else [c for c in table.columns if c not in never]
    pairs = list(_pairs(keys, table, columns, given=id_column is not None))
    best = _best(pairs)
    _refuse_lost_zeros(pairs, best)
    if best is None:
        raise _no_match(keys, table, columns, name, things)
    return _joined(best, keys, table, several, explained, things)


def _pairs(keys: pd.DataFrame, table: pd.DataFrame, columns: Sequence[str | None], *, given: bool) -> Iterator[Pair]:
    """Every pair that could be meant, with its number of common ids."""
    known = {kind: set(keys[kind].dropna()) - {""} for kind in keys.columns}
    for column in columns:
        if column is None or not (given or _may_hold_ids(table[column])):
            continue
        ids = as_ids(table[column])
        sure = given or bool(patient_like([column]) or id_like([column]))
        for texts, way in _ways(ids):
            distinct = set(texts.dropna())
            if not sure and 2 * len(distinct) < len(texts):
                continue  # most ids name one row: sex or site is no id, even where a folder is called so
            for vague, kind in enumerate(keys.columns):
                hits = len(distinct & known[kind])
                enough = 1 if sure else max(1, min(len(distinct), len(known[kind])) / 2)
                yield Pair(column, kind + way, hits if hits >= enough else 0, -vague, texts, keys[kind])


def _may_hold_ids(values: pd.Series) -> bool:
    if types.is_bool_dtype(values) or types.is_datetime64_any_dtype(values):
        return False
    return not types.is_float_dtype(values) or bool((values.dropna() % 1 == 0).all())


def _ways(ids: pd.Series) -> Iterator[tuple[pd.Series, str]]:
    """The ids as they are; paths also with / and by the name at their end."""
    if not ids.str.contains(r"[/\\]", na=False).any():
        yield ids, ""
        return
    paths = ids.str.replace("\\", "/").str.removeprefix("./")
    yield paths, ""
    yield paths.str.replace(r".*/", "", regex=True), " at the end of the path"


def _best(pairs: Sequence[Pair]) -> Pair | None:
    """Most ids in common; of equals the more specific key, then the first column."""
    best = max(pairs, key=lambda p: (p.hits, p.specific), default=None)
    return best if best is not None and best.hits else None


def _refuse_lost_zeros(pairs: Sequence[Pair], best: Pair | None) -> None:
    """LostZeros where clearly more ids would match without their leading zeros."""
    for pair in pairs if best is None else [best]:
        ours, theirs = _without_zeros(pair.keys), _without_zeros(pair.ids)
        common = set(ours) & set(theirs)
        if len(common) <= pair.hits or 2 * len(common) < min(len(ours), len(theirs)):
            continue
        example = next(z for z in sorted(common) if ours[z] != theirs[z])
        raise LostZeros(
            f"Column '{pair.column}' has lost leading zeros, as when 007 becomes 7: "
            f"the {pair.kind} '{ours[example]}' is '{theirs[example]}' in the table.",
            "Export the column as text (in a spreadsheet: format the cells as text before typing the ids).",
        )


def _without_zeros(texts: pd.Series) -> dict[str, str]:
    """Digits without leading zeros -> as written; where two become one, it is left out."""
    digits = texts.dropna().drop_duplicates()
    digits = digits[digits.str.fullmatch(r"\d+")]
    bare = digits.str.lstrip("0").replace("", "0")
    alone = ~bare.duplicated(keep=False)
    return dict(zip(bare[alone], digits[alone], strict=True))


def _no_match(
    keys: pd.DataFrame, table: pd.DataFrame, columns: Sequence[str | None], name: str, things: str
) -> NoMatch:
    likely = [*id_like(table.columns), *patient_like(table.columns), *(str(c) for c in columns)]
    shown = [c for c in dict.fromkeys(likely) if c in columns][:3]
    rows = "; ".join(f"{c}: {listed(as_ids(table[c]).dropna().unique(), 3)}" for c in shown)
    kind = next((k for k in ("file name", "series UID") if k in keys and keys[k].notna().any()), keys.columns[0])
    files = listed(keys[kind].dropna().unique(), 3)
    first, *rest = things.split(" ")
    return NoMatch(
        f"No row of {name} belongs to any {things}. The table has {rows}; "
        f"the {' '.join([f'{first}s', *rest])} have {kind}: {files}.",
        "Check that they belong together, or name the column with --id-column.",
    )


def _joined(
    best: Pair, keys: pd.DataFrame, table: pd.DataFrame, several: bool, explained: AbstractSet[str], things: str
) -> Joined:
    rows = unique_rows(table, best.ids, best.column)
    at = positions(rows.ids, best.keys)
    joined = Joined(table, at, best.column, best.keys, notes=rows.notes)
    joined.faults = [replace(fault, code=UnusedRow.__name__) for fault in rows.faults]  # rows without an id
    matched = int(best.ids.isin(set(best.keys)).sum())
    flat = not best.keys.str.contains("/", na=False).any()
    kind = best.kind.replace("path", "file name", 1) if flat and best.kind.startswith("path") else best.kind
    joined.notes.insert(0, f"Labels joined by column '{best.column}' = {kind}: {matched} of {len(table)} rows.")
    _rows_without_case(joined, rows.ids.mask(rows.ids.isin(explained)), best, things)
    _cases_without_row(joined, rows.conflicts, best, things)
    if not several:
        _ambiguous(joined, keys, best)
    return joined


def _rows_without_case(joined: Joined, ids: pd.Series, best: Pair, things: str) -> None:
    lonely = ids.notna() & ~ids.isin(set(best.keys.dropna()))
    for i in np.flatnonzero(lonely).tolist():
        reason = f"{row_name(i).capitalize()} ({best.column} {ids.iloc[i]}) belongs to no {things}."
        joined.faults.append(
            Fault(
                f"{row_name(i)}: {ids.iloc[i]}", UnusedRow.__name__, reason, f"Supply the {things}, or remove the row."
            )
        )


def _cases_without_row(joined: Joined, conflicts: dict[str, Fault], best: Pair, things: str) -> None:
    """Cases of contradicting rows, and cases that the table does not know."""
    used = set()
    for i in np.flatnonzero(joined.rows < 0).tolist():
        case_id, key = str(best.keys.index[i]), best.keys.iloc[i]
        if isinstance(key, str) and key in conflicts:
            used.add(key)
            joined.faults.append(replace(conflicts[key], where=case_id))
        else:
            reason = f"The {things} has no row in the table" + (
                f" ({best.kind} '{key}')." if isinstance(key, str) else "."
            )
            joined.faults.append(Fault(case_id, "NoMatch", reason, "Add a row, or leave it out with --exclude."))
    joined.faults += [fault for key, fault in conflicts.items() if key not in used]


def _ambiguous(joined: Joined, keys: pd.DataFrame, best: Pair) -> None:
    """An id that names several files is reported once, and none of its files is used."""
    often = best.keys[(joined.rows >= 0) & best.keys.duplicated(keep=False).to_numpy()]
    paths = keys.get("path", best.keys)
    for key, group in often.groupby(often, sort=False):
        names = [str(paths[c]) for c in group.index]
        reason = f"'{key}' ({best.column} = {best.kind}) matches {count(len(names), 'image')}: {listed(names, 4)}."
        joined.faults.append(Fault(str(key), "AmbiguousId", reason, _suggestion(str(key), names)))
    joined.rows[joined.ids.index.isin(often.index)] = -1


def _suggestion(key: str, paths: Sequence[str]) -> str:
    """The options that would tell these files apart, with names that are there."""
    names = [p.rpartition("/")[2].replace(key, "*") for p in paths]
    if len(set(names)) == 1:  # the folders tell them apart
        names = [p.replace(key, "*") for p in paths]
    masks = [n for n in names if _MASK_WORDS.search(n)]
    images = [n for n in names if n not in masks] or names
    mask = f" --mask '{masks[0]}'" if masks and images != names else ""
    remedy = f"Say which is what, e.g. --image '{images[0] or '*'}'{mask}"
    return f"{remedy}; with --image alone each image is a case of its own."
