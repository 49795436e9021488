"""The table of baseline characteristics: the cases of each part. No p values: parts are drawn, not compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import Target
from isocenter.reporting.flow import PARTS, patients
from isocenter.reporting.study import Study
from isocenter.reporting.words import NOTHING, count, decimal, percent, quantity

FEW_LEVELS = 10  # more distinct texts than this are counted, not listed
MOST_FEATURES = 30

Cells = list[str]
Row = dict[str, Any]  # {"name", "note", "cells"}; level: a value of the row above


def baseline(study: Study) -> dict[str, Any]:
    """Columns (all, then each part that holds cases) and rows: the target, attributes, given features."""
    tables = _tables(study)
    target, levels = study.target.column, study.target.classes or None
    skipped = str(study.cohort.split_column).partition("=")[0]
    attributes = [name for name in study.cohort.attributes if name != skipped]
    features = list(study.cohort.features)
    return {
        "columns": [{"name": name, "n": count(len(table))} for name, table in tables.items()],
        "rows": [
            *_patients(study),
            *(_labels(tables, study.target) if study.target.is_labels else _described(tables, target, levels)),
            *(row for name in attributes for row in _described(tables, name)),
        ],
        "features": [row for name in features[:MOST_FEATURES] for row in _described(tables, name)],
        "n_features": len(features),
        "more_features": len(features[MOST_FEATURES:]),
    }


def _tables(study: Study) -> dict[str, pd.DataFrame]:
    table, parts = study.cohort.table, study.design.parts
    found = {"All": table}
    for name in PARTS if not study.design.several else ():
        if parts[name]:
            found[name.capitalize()] = table.loc[list(parts[name])]
    return found


def _patients(study: Study) -> list[Row]:
    if not study.cohort.knows_patients:
        return []
    parts = [study.design.parts[name] for name in PARTS] if not study.design.several else []
    cohorts = [study.cohort, *(study.cohort.select(ids) for ids in parts if ids)]
    return [{"name": "Patients", "note": "", "cells": [patients(c).partition(" ")[0] for c in cohorts]}]


def _described(tables: dict[str, pd.DataFrame], name: str, levels: Sequence[str] | None = None) -> list[Row]:
    """Rows of one column: numbers as median and quartiles, few values as counts, many texts as their number."""
    column = tables["All"][name]
    if levels is None and _is_number(column):
        return _numbers(tables, name)
    texts = {part: table[name].map(_level_name, na_action="ignore") for part, table in tables.items()}
    found = list(levels or texts["All"].value_counts(sort=False).index)
    if levels is None and len(found) > FEW_LEVELS:
        cells = [f"{count(int(text.nunique()))} values" for text in texts.values()]
        return [{"name": name, "note": "distinct values", "cells": cells}, *_missing(tables, name)]
    if levels is None:
        found = sorted(found)
    head = {"name": name, "note": "n (%)", "cells": [""] * len(tables)}
    return [head, *(_level(level, texts) for level in found), *_missing(tables, name)]


def _labels(tables: dict[str, pd.DataFrame], target: Target) -> list[Row]:
    """Cases with each label; a case may have several."""
    head = {"name": target.column, "note": "n (%), several a case", "cells": [""] * len(tables)}
    counts = [target.counts(table[target.column]) for table in tables.values()]
    sizes = [len(table) for table in tables.values()]
    rows = []
    for name in target.classes:
        cells = [f"{count(own[name])} ({percent(own[name], n)})" for own, n in zip(counts, sizes, strict=True)]
        rows.append({"name": name, "note": "", "cells": cells, "level": True})
    return [head, *rows]


def _level_name(value: object) -> str:
    """0 and 1 without the .0 that a missing value beside them brings."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _level(level: str, texts: dict[str, pd.Series]) -> Row:
    cells = []
    for text in texts.values():
        n, known = int((text == level).sum()), int(text.notna().sum())
        cells.append(f"{count(n)} ({percent(n, known)})" if known else NOTHING)
    return {"name": level, "note": "", "cells": cells, "level": True}


def _numbers(tables: dict[str, pd.DataFrame], name: str) -> list[Row]:
    cells = [_quartiles(table[name]) for table in tables.values()]
    return [{"name": name, "note": "median [IQR]", "cells": cells}, *_missing(tables, name)]


def _quartiles(column: pd.Series) -> str:
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    values = values[np.isfinite(values)]
    if not values.size:
        return NOTHING
    found = np.quantile(values, (0.25, 0.5, 0.75))
    size = float(np.abs(found).max())
    if size >= 1e5 or 0 < size < 0.01:
        low, middle, high = (quantity(float(q)) for q in found)
    else:
        digits = 0 if size >= 100 or (found == found.round()).all() else 1 if size >= 10 else 2 if size >= 1 else 3
        low, middle, high = (decimal(float(q), digits) for q in found)
    return f"{middle} [{low}, {high}]"


def _missing(tables: dict[str, pd.DataFrame], name: str) -> list[Row]:
    missing = [int(table[name].isna().sum()) for table in tables.values()]
    if not any(missing):
        return []
    cells = [f"{count(n)} ({percent(n, len(t))})" if n else "0" for n, t in zip(missing, tables.values(), strict=True)]
    return [{"name": "missing", "note": "", "cells": cells, "level": True, "missing": True}]


def _is_number(column: pd.Series) -> bool:
    """Numbers with more than two values: 0 and 1 are counted like texts."""
    if pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column):
        return False
    return bool(column.nunique() > 2)
