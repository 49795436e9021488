"""Cohorts and tables of predictions for the tests of designs and of what is evaluated over folds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import Cohort, Target, Task
from isocenter.splitting import Design


def cohort_of(
    y: Sequence[object],
    patients: Sequence[str | None] | None = None,
    *,
    task: Task = Task.CLASSIFICATION,
    **columns: Any,
) -> Cohort:
    """One row a case, c0, c1...; y: class names or numbers."""
    values = [str(v) for v in y] if task is Task.CLASSIFICATION else list(y)
    names = tuple(sorted(set(map(str, values)))) if task is Task.CLASSIFICATION else ()
    table = pd.DataFrame(
        {"patient_id": pd.array(patients or [None] * len(y), dtype="str"), "y": values, **columns},
        index=pd.Index([f"c{i}" for i in range(len(y))], name="case_id", dtype=object),
    )
    return Cohort(table, Target(task, "y", names, names[-1] if len(names) == 2 else None))


def predicted(
    cohort: Cohort, design: Design, *, signal: float = 1.0, noise: float = 1.0, seed: int = 0
) -> pd.DataFrame:
    """Drawn predictions of every split, tuning and test; each split's scores lie on a scale of its own."""
    rng = np.random.default_rng(seed)
    assert cohort.target is not None
    found = []
    for split in design.splits:
        for part, ids in (("tuning", split.fitting), ("test", split.test)):
            some = cohort.select(ids)
            columns: dict[str, Any] = {
                "case_id": list(ids), "patient_id": some.table["patient_id"].to_numpy(), "part": part,
                "repeat": split.repeat, "fold": split.fold, "reference": some.y,
            }  # fmt: skip
            if cohort.target.is_value:
                columns["prediction"] = signal * np.asarray(some.codes) + rng.normal(0, noise, len(some))
            else:
                k = len(cohort.target.classes)
                logits = rng.normal(0, noise, (len(some), k)) + signal * np.eye(k)[np.asarray(some.codes)]
                proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
                columns["prediction"] = np.array(cohort.target.classes, dtype=object)[proba.argmax(axis=1)]
                columns |= {f"probability_{c}": proba[:, j] for j, c in enumerate(cohort.target.classes)}
            found.append(pd.DataFrame(columns))
    return pd.concat(found, ignore_index=True)


def write_table(path: Path, n: int = 120, signal: float = 0.6, seed: int = 0, **columns: Any) -> Path:
    """A feature table with label 0 and 1, six features and a site."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    table = pd.DataFrame(rng.normal(size=(n, 6)) + y[:, None] * signal, columns=[f"x{i}" for i in range(6)])
    table["site"], table["label"] = rng.choice(list("ABC"), n), y
    table.assign(**columns).to_csv(path, index=False)
    return path
