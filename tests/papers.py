"""Projects and made-up studies for the tests of the paper."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import studies
from isocenter.cohort import Target, Task
from isocenter.evaluation import Evaluation, evaluate
from isocenter.prediction import Prediction
from isocenter.reporting import Study


def table_of_patients(path: Path, n: int = 90) -> Path:
    """Ids, class names and a column that a spreadsheet would run; two cases for every third patient."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 3))
    sick = x[:, 0] + 0.7 * rng.normal(size=n) > 0.4
    table = {
        "case": [f"=c{i}" for i in range(n)],
        "patient": [f"@p{i}" for i in range(n)],
        "site": rng.choice(["+North", "South"], n),
        **{f"-f{i}": x[:, i] for i in range(3)},
        "status": np.where(sick, '=HYPERLINK("x")', "well"),
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return path


def digests(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def really_evaluated(study: Study) -> Study:
    """A made-up study with the evaluation's own curves."""
    found: dict[str, Evaluation] = {}
    for name, table in study.predictions.items():
        pieces = [
            evaluate(
                Prediction.from_table(rows), study.target.encode(rows["reference"]), study.target,
                rows["case_id"].to_numpy(object), method=name, part=str(part), draws=50,
            )
            for part, rows in table.groupby("part", sort=False)
        ]  # fmt: skip
        found[name] = pieces[0].joined(*pieces[1:])
    return replace(study, evaluations=found)


def ordinal() -> Study:
    study = studies.three()
    target = replace(study.target, task=Task.ORDINAL)
    return replace(study, cohort=replace(study.cohort, target=target))


def multilabel() -> Study:
    """Two labels a case; curves and numbers of each, as plain data."""
    target = Target(Task.MULTILABEL, "findings", ("edema", "=effusion"))
    values = [["", "edema", "edema|=effusion", "=effusion"][i % 4] for i in range(80)]
    cohort = studies.cohort_of(80, target, values)
    design = studies.design_of(cohort)
    rows = tuple(
        studies.estimate("auc", "forest", "test", 0.8, 20, 18, class_name=name, n_events=10) for name in target.classes
    )
    place: dict[str, Any] = {"part": "test", "group": None}
    line = {"x": [0.0, 0.2, 1.0], "y": [0.0, 0.8, 1.0]}
    curves: dict[str, list[dict[str, object]]] = {"roc": [{**place, "class": c, **line} for c in target.classes]}
    card = studies.card("forest", "primary", ["intensity"], feature_names=["a"])
    return Study("labels", cohort, design, studies.audit_of(cohort), [card],
                 {"forest": Evaluation("forest", rows, curves)}, {})  # fmt: skip
