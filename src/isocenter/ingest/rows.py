"""A table of labels made clean: spaces gone, repeated rows once, contradicting rows named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import EmptyInput, Fault, MissingPath
from isocenter.formats import tables
from isocenter.ingest.columns import count, row_numbering
from isocenter.wording import listed

FIRST_ROW = 2  # the header is row 1, as spreadsheets count


@dataclass
class Rows:
    """A table whose ids were made unique.

    table: as read, cleaned; ids: text, one a row, missing where the row is not used; faults:
    rows that are not used; conflicts: ids whose rows contradict each other, with their fault.
    """

    table: pd.DataFrame
    ids: pd.Series
    faults: list[Fault] = field(default_factory=list)
    conflicts: dict[str, Fault] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_labels(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """A table of labels and notes on what was cleaned. Raises MissingPath, EmptyInput, UnreadableFile."""
    if not path.exists():
        raise MissingPath(f"There is no table of labels {path}.", "Check the path given with --labels.")
    table = tables.read_table(path)
    if table.empty:
        raise EmptyInput(f"{path} holds no rows.", "Give a table with a header and one row a case.")
    return cleaned(table)


def cleaned(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table without spaces around texts and names, without row numbers of a data frame; notes."""
    table = table.rename(columns=lambda c: str(c).strip())
    notes = []
    if numbering := [c for c in table.columns if row_numbering(c)]:
        table = table.drop(columns=numbering)
        notes.append("A first column without a name numbers the rows; it is not used.")
    table = _truth_values(table)
    texts = table.select_dtypes(include=["object", "str"]).columns
    stripped = {c: _strip(table[c]) for c in texts}
    changed = [c for c in texts if not stripped[c].equals(table[c])]
    if changed:
        table = table.assign(**{c: stripped[c] for c in changed})
        notes.append(f"Spaces around values were removed in column {listed(changed)}.")
    return table, notes


def _truth_values(table: pd.DataFrame) -> pd.DataFrame:
    """Text that is nothing but true and false, as CSV has it, becomes truth values."""
    texts = table[[c for c in table.columns if isinstance(table[c].dtype, pd.StringDtype)]]
    names = {"true": True, "false": False}
    truth = [c for c in texts if texts[c].notna().all() and texts[c].head(99).str.lower().isin(names).all()]
    truth = [c for c in truth if texts[c].str.lower().isin(names).all()]
    return table.assign(**{str(c): texts[c].str.lower().map(names).astype(bool) for c in truth}) if truth else table


def _strip(values: pd.Series) -> pd.Series:
    if values.dtype == object:
        return values.map(lambda v: v.strip() if isinstance(v, str) else v, na_action="ignore")
    return values.str.strip()


def unique_rows(table: pd.DataFrame, ids: pd.Series, column: str, remedy: str = "") -> Rows:
    """Identical rows of an id are kept once; an id with different rows loses them all."""
    rows = Rows(table, ids.copy())
    if empty := np.flatnonzero(ids.isna()).tolist():
        rows.faults += [
            Fault(row_name(i), "NoMatch", f"{row_name(i).capitalize()} has no id in column '{column}'.", "Fill it in.")
            for i in empty
        ]
    often = ids.notna() & ids.duplicated(keep=False)
    if not often.any():
        return rows
    contents = table[often].assign(**{column: ids[often]})
    repeated = contents.duplicated()
    kept = contents[~repeated]
    contradicting = set(kept.loc[kept[column].duplicated(), column])
    if said := int((repeated & ~contents[column].isin(contradicting)).sum()):
        rows.notes.append(f"{count(said, 'row')} of the table repeat an earlier row exactly; each is used once.")
    rows.conflicts = _conflicts(contents, column, contradicting, remedy)
    rows.ids[contents.index[repeated | contents[column].isin(contradicting)]] = pd.NA
    return rows


def _conflicts(contents: pd.DataFrame, column: str, contradicting: set[str], remedy: str) -> dict[str, Fault]:
    found = {}
    for name, group in contents[contents[column].isin(contradicting)].groupby(column, sort=False):
        differ = [str(c) for c in group.columns if group[c].nunique(dropna=False) > 1]
        numbers = listed((i + FIRST_ROW for i in group.index), 10)
        reason = f"Rows {numbers} have the same id '{name}' and differ in {listed(differ)}."
        found[str(name)] = Fault(str(name), "ConflictingRows", reason, remedy or "Keep the right row only.")
    return found


def row_name(position: int) -> str:
    """How a message calls a row of a table."""
    return f"row {position + FIRST_ROW}"


def positions(ids: pd.Series, wanted: Sequence[str] | pd.Series) -> NDArray[np.int64]:
    """Row position of each wanted id, -1 where there is none."""
    known = ids.dropna()
    found = pd.Index(known).get_indexer(pd.Index(wanted))
    where = np.flatnonzero(ids.notna().to_numpy())
    return np.where(found >= 0, where[found], -1) if len(where) else np.full(len(found), -1, dtype=np.int64)
