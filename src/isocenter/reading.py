"""A study's readers: their labels from the cohort, the model's decisions from its predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import Cohort
from isocenter.evaluation.readers import Readings, encode, evaluate_readers


def agree(
    cohort: Cohort, table: pd.DataFrame, name: str, *, rule: str | None = None, seed: int = 0, draws: int = 2000
) -> dict[str, Any]:
    """Readers with each other on all cases, and with the model on the test part (`evaluation.readers`).

    table: the model's predictions, one row a case (of several repeats the first is taken); rule: how the target was
    made of the readers, None where it was not; {} for a cohort without readers.
    """
    if not cohort.readers or cohort.target is None:
        return {}
    target = cohort.target
    readings = Readings.of(cohort.table[list(cohort.readers)], target, cohort.patients.tolist())
    rows = table[table["part"] == "test"]
    if "repeat" in rows:
        rows = rows[rows["repeat"] == rows["repeat"].min()].drop_duplicates("case_id")
    tested = cohort.table.index.get_indexer(pd.Index(rows["case_id"])).astype(np.int64)
    columns = rows["prediction"], rows["reference"]
    said, true = (encode(c, readings.classes) if readings.classes else c.to_numpy(dtype=np.float64) for c in columns)
    return evaluate_readers(readings, tested, said, true, model=name, rule=rule, seed=seed, draws=draws)
