"""What a column's name says: an id, a patient, a target; and ids as clean text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pandas.api import types

from isocenter import errors
from isocenter.errors import EmptyInput, Fault, IsocenterError, UnknownColumn
from isocenter.wording import listed

PATIENT_NAMES = frozenset({"patient", "patientid", "subject", "subjectid", "participant", "participantid"})
# The first of these that a table has, and that names each row differently, is its id.
ID_NAMES = (
    "caseid", "imageid", "scanid", "sampleid", "recordid", "lesionid", "id", "uid",
    "sopinstanceuid", "seriesinstanceuid", "seriesuid", "seriesid", "studyinstanceuid", "studyuid", "studyid",
    "image", "imagepath", "file", "filename", "filepath", "path",
)  # fmt: skip
TARGET_NAMES = frozenset({"label", "labels", "target", "y", "class", "outcome", "diagnosis"})


def plain(name: object) -> str:
    """A column's name in small letters and digits: "Patient ID" and "patient_id" are the same."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def patient_like(columns: Iterable[str]) -> list[str]:
    """The columns whose name says that they hold patients."""
    return [c for c in columns if plain(c) in PATIENT_NAMES]


def id_like(columns: Iterable[str]) -> list[str]:
    """The columns whose name says that they hold ids of images or rows, the likeliest first."""
    found = [c for c in columns if plain(c) in ID_NAMES]
    return sorted(found, key=lambda c: ID_NAMES.index(plain(c)))


def row_numbering(column: object) -> bool:
    """Whether a column is the row number that a spreadsheet or data frame left behind: never a feature."""
    return bool(re.fullmatch(r"(Unnamed: ?\d+)?", str(column).strip()))


def wanted(columns: Iterable[str], name: str | None, what: str) -> str | None:
    """`name` if it is a column (None stays None); UnknownColumn, listing what there is, if not."""
    columns = list(columns)
    if name is None or name in columns:
        return name
    raise UnknownColumn(f"There is no {what} column '{name}'.", f"Columns: {listed(columns, 40)}.")


def as_ids(values: pd.Series) -> pd.Series:
    """Ids as clean text: 7.0 is "7", spaces around are gone, empty is missing."""
    if types.is_float_dtype(values) and bool((values.dropna() % 1 == 0).all()) and np.isfinite(values.dropna()).all():
        values = values.astype("Int64")
    elif values.dtype == object:
        values = values.map(_one_id, na_action="ignore")
    text = values.astype("str").str.strip()
    return text.mask(text == "")


def _one_id(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def count(n: int, thing: str) -> str:
    """A number with its noun: 1 row, 2 rows, 3 series."""
    if n == 1:
        return f"1 {thing}"
    return f"{n} {thing[:-1] + 'ies' if thing.endswith('y') else thing + ('' if thing.endswith('s') else 's')}"


def commonest(faults: Sequence[Fault], what: str) -> IsocenterError:
    """An error of the class that most of the faults have, with the first of them as its reason."""
    (code, n), *_ = Counter(f.code for f in faults).most_common(1)
    first = next(f for f in faults if f.code == code)
    others = f" (and {n - 1} more like it)" if n > 1 else ""
    kind = getattr(errors, code, EmptyInput)
    error = kind(f"{what} {first.reason}{others}", first.remedy)
    assert isinstance(error, IsocenterError)
    return error
