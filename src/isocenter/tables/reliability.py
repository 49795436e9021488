"""How reliable each feature is: intraclass correlations from a table.

The table has either a row a feature (columns `feature` and `icc`), or a row a measurement: the same
cases measured twice or more (test and retest, several readers, perturbed masks), with a column of
case ids in which each id occurs as often as it was measured, and a column a feature. No outcome is
looked at; still, cases of the test part have no place in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from isocenter.errors import BadShape, UnknownColumn
from isocenter.metrics.icc import icc

FEATURE, ICC = "feature", "icc"
LEAST_CASES = 2


def iccs(table: pd.DataFrame, id_column: str | None = None) -> tuple[tuple[str, float], ...]:
    """Pairs of feature and ICC: those given, or ICC(2,1) (absolute agreement) of the i-th measurements of all cases.

    id_column: of the cases, None for the first column whose values repeat. Cases that were measured less often
    than most lose their rows. Raises UnknownColumn, BadShape.
    """
    lower = {str(name).strip().lower(): name for name in table.columns}
    if FEATURE in lower and ICC in lower:
        values = pd.to_numeric(table[lower[ICC]], errors="coerce")
        return tuple((str(n), float(v)) for n, v in zip(table[lower[FEATURE]], values, strict=True))
    table, column = table.reset_index(drop=True), _id_column(table, id_column)
    features = [c for c in table.select_dtypes("number").columns if c != column]
    ids = table[column]
    turn = ids.groupby(ids).cumcount()
    often = int(ids.value_counts().mode().max())
    full = ids.map(ids.value_counts()) >= often
    if often < LEAST_CASES or ids[full].nunique() < LEAST_CASES or not features:
        raise BadShape(
            f"The table of repeated measurements has {ids.nunique()} cases with {often} measurements of "
            f"{len(features)} features.",
            "Give two cases or more, each with two rows or more under one id.",
        )
    rows = table.assign(_turn=turn)[full & (turn < often)]
    return tuple((str(name), _icc(rows, column, name)) for name in features)


def _icc(rows: pd.DataFrame, column: str, name: str) -> float:
    return float(icc(rows.pivot(index=column, columns="_turn", values=name).to_numpy(dtype=np.float64)))


def _id_column(table: pd.DataFrame, named: str | None) -> str:
    columns: Sequence[str] = [str(c) for c in table.columns]
    if named is not None and named in columns:
        return named
    for name in columns:
        if table[name].notna().all() and table[name].duplicated(keep=False).all():
            return name
    raise UnknownColumn(
        "The table of repeated measurements has no column of case ids that occur twice or more.",
        f"Name a row's case, or give columns 'feature' and 'icc'. It has: {', '.join(columns[:10])}.",
    )
