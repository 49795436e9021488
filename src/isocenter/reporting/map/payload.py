"""What the script of the map reads: JSON with arrays as base64, safe inside a <script> element."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.reporting.map.atlas import Atlas
from isocenter.reporting.map.sheets import ACROSS, PER, Sheets

_MISSING = 65535
_MOST_LEVELS = 65000
NONE = "none"  # the level that has no colour: in no cluster


def payload(atlas: Atlas) -> str:
    """The text of the element; `<`, `>` and `&` are written as escapes, so no id can end it."""
    assert atlas.places is not None
    x, y = _unit(np.asarray(atlas.places, dtype=np.float64))
    data = {
        "ids": list(atlas.case_ids),
        "x": _base64(x.astype("<f4")),
        "y": _base64(y.astype("<f4")),
        "columns": [_column(str(name), atlas.columns.iloc[:, k]) for k, name in enumerate(atlas.columns)],
        "pictures": None if atlas.sheets is None else _pictures(atlas.sheets),
    }
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _unit(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both axes by one scale, the longer from 0 to 1, the other in the middle; up is up."""
    finite = np.nan_to_num(places, posinf=0.0, neginf=0.0)
    low, high = (finite.min(axis=0), finite.max(axis=0)) if len(finite) else (np.zeros(2), np.ones(2))
    wide = float((high - low).max()) or 1.0
    found = (finite - (low + high) / 2) / wide + 0.5
    return found[:, 0], 1 - found[:, 1]


def _column(name: str, values: pd.Series) -> dict[str, Any]:
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers = values.to_numpy(dtype="<f4", na_value=np.nan)
        return {"name": name, "kind": "number", "values": _base64(np.where(np.isfinite(numbers), numbers, np.nan))}
    texts = values.map(str, na_action="ignore").astype("object")
    levels = sorted(texts.dropna().unique(), key=_natural)[:_MOST_LEVELS]
    codes = pd.Index(levels, dtype="object").get_indexer(pd.Index(texts, dtype="object"))
    coded = np.where(codes < 0, _MISSING, codes).astype("<u2")
    return {"name": name, "kind": "category", "levels": levels, "codes": _base64(coded), "none": NONE}


def _natural(text: str) -> tuple[int, float, str]:
    """Numbers by size, then texts."""
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text


def _pictures(sheets: Sheets) -> dict[str, Any]:
    texts = [base64.b64encode(one).decode("ascii") for one in sheets.sheets]
    return {"size": sheets.size, "across": ACROSS, "per": PER, "sheets": texts}


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
