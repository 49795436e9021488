"""Images and masks that columns of the table name: `--image PET=pet_file --mask tumour=contour`.

A role whose text is the name of a column takes the files of that column; a row is a case. Paths start at the table or
at INPUT, and lie below INPUT; a series of DICOM files is named by its folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from isocenter.case import IMAGE, MASK
from isocenter.errors import UsageError
from isocenter.ingest.columns import as_ids, id_like, patient_like
from isocenter.ingest.files import Found
from isocenter.ingest.roles import Role, Unit
from isocenter.ingest.rows import row_name
from isocenter.wording import listed

Rows = Mapping[str, str]  # path of an image below INPUT -> the name of its row
ROW = "row of files"  # a column for the join alone


@dataclass(frozen=True)
class Pathed:
    """columns: those that name files; rows: of each column; names: what each row is called; id_column: who says so."""

    columns: tuple[str, ...] = ()
    rows: Mapping[str, Rows] = field(default_factory=dict)
    names: Sequence[str] = ()
    id_column: str | None = None

    def keyed(self, units: Sequence[Unit]) -> list[Unit]:
        """Cases that the table knows by their row's name, and by nothing else."""
        rows = {path: name for known in self.rows.values() for path, name in known.items()}
        return [replace(u, lead=replace(u.lead, keys={ROW: rows[u.lead.path]})) for u in units]

    def named(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with a column `ROW` of its rows' names."""
        return table.assign(**{ROW: pd.Series(self.names, index=table.index, dtype="str")})


def pathed(
    table: pd.DataFrame, folder: Path, found: Found, image: Sequence[str], mask: Sequence[str], id_column: str | None
) -> Pathed:
    """What columns of the table say of files; folder: where the table lies. Nothing where no role names a column.

    UsageError where some roles name columns and images are told otherwise.
    """
    roles = [*(Role.parse(text, IMAGE) for text in image), *(Role.parse(text, MASK) for text in mask)]
    by_column = [role for role in roles if role.glob in table.columns]
    if not by_column:
        return Pathed()
    if others := [role.glob for role in roles if role not in by_column]:
        raise UsageError(
            f"--{by_column[0].role} {by_column[0].glob} is a column of the table, {listed(others)} is not.",
            "Name all images and masks by columns, or all by patterns of file names.",
        )
    columns = tuple(dict.fromkeys(role.glob for role in by_column))
    if by_column[0].role == MASK:
        raise UsageError(
            f"--mask {columns[0]} is a column of the table, and no image is named by one.",
            f"Name the images' column with --image COLUMN, or the masks' with --mask-column {columns[0]}.",
        )
    named_by, names = _names(table, columns, id_column)
    items = {str((found.root / item.path).resolve()): item.path for item in found.items}
    places = (folder, found.root)
    rows = {column: {path: names[i] for path, i in _files(table[column], items, places).items()} for column in columns}
    return Pathed(columns, rows, names, named_by)


def _names(table: pd.DataFrame, columns: Sequence[str], id_column: str | None) -> tuple[str | None, list[str]]:
    """What each row is called: by its id, where a column holds one a row, else by its number."""
    likely = [id_column] if id_column else [*patient_like(table.columns), *id_like(table.columns)]
    for column in likely:
        if column in table and column not in columns:
            ids = as_ids(table[column])
            if ids.notna().all() and ids.is_unique:
                return column, ids.tolist()
    return None, [row_name(i) for i in range(len(table))]


def _files(column: pd.Series, items: Rows, places: Sequence[Path]) -> dict[str, int]:
    """Position of the first row that names each image, by the image's path below INPUT."""
    found: dict[str, int] = {}
    for i, text in enumerate(as_ids(column).fillna("").str.replace("\\", "/")):
        paths = [items.get(str((place / text).resolve())) for place in places] if text else []
        if path := next((p for p in paths if p is not None), None):
            found.setdefault(path, i)
    return found
