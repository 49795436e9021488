"""Office files (.xlsx, .docx) are zips that hold the time of writing: here the same content gives the same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter.errors import BadShape

_ROWS = 1_048_576
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
_BEGAN = "2000-01-01T00:00:00Z"
_STAMP = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_SHEET = re.compile(r"[\[\]:*?/\\]")
_SHEET_NAME = 31  # characters


def workbook(sheets: Mapping[str, pd.DataFrame], path: Path) -> bytes:
    """An Excel workbook, one sheet a table; text is written as it is given. BadShape where a table is too long.

    path: of the file, for the message.
    """
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for name, table in sheets.items():
        if len(table) >= _ROWS:
            raise BadShape(f"{path}: {len(table)} rows are more than an Excel sheet holds.", "Write .csv or .parquet.")
        sheet = book.create_sheet(_SHEET.sub("_", name)[:_SHEET_NAME])
        sheet.append([clean(str(column)) for column in table.columns])
        for row in table.itertuples(index=False, name=None):
            sheet.append([_cell(value) for value in row])
    content = io.BytesIO()
    book.save(content)
    return steady(content.getvalue())


def steady(content: bytes) -> bytes:
    """The same Office file without the time of writing, in the zip and in its properties."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = _STAMP.sub(rb"\g<1>" + _BEGAN.encode(), part)
            member = zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 0
            new.writestr(member, part)
    return out.getvalue()


def clean(text: str) -> str:
    """Text without what XML cannot hold: control characters, halves of surrogate pairs."""
    return _CONTROL.sub("", text)


def _cell(value: Any) -> Any:
    """What openpyxl takes: plain Python values, None for missing, text that XML can hold."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return None if np.isnan(value) else str(value)
    return clean(value) if isinstance(value, str) else value
