"""A study's readers: their labels from the cohort, the model's decisions from its predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import PATIENT, Cohort
from isocenter.evaluation.readers import Readings, encode, evaluate_readers


def agree(cohort: Cohort, table: pd.DataFrame, name: str, *, seed: int = 0, draws: int = 2000) -> dict[str, Any]:
    """Readers with each other on all cases they read, and with the model on the test part (`evaluation.readers`).

    All cases are those without a target too (`Cohort.aside`): were ties left out, readers would agree by selection.
    table: the model's predictions, one row a case (of several repeats the first is taken); {} for a cohort without
    readers.
    """
    if not cohort.readers or cohort.target is None:
        return {}
    read = _read(cohort)
    readings = Readings.of(read.table[list(cohort.readers)], cohort.target, read.patients.tolist())
    rows = table[table["part"] == "test"]
    if "repeat" in rows:
        rows = rows[rows["repeat"] == rows["repeat"].min()].drop_duplicates("case_id")
    tested = read.table.index.get_indexer(pd.Index(rows["case_id"])).astype(np.int64)
    columns = rows["prediction"], rows["reference"]
    said, true = (encode(c, readings.classes) if readings.classes else c.to_numpy(dtype=np.float64) for c in columns)
    how: dict[str, Any] = {"rule": cohort.consensus or None, "unresolved": cohort.unresolved}
    return evaluate_readers(readings, tested, said, true, model=name, **how, seed=seed, draws=draws)


def _read(cohort: Cohort) -> Cohort:
    """Readers' columns and patients: of the cases used, then of those set aside."""
    if cohort.aside is None:
        return cohort
    columns = [PATIENT, *cohort.readers]
    return replace(cohort, table=pd.concat([cohort.table[columns], cohort.aside[columns]]), sources=(), features=())
