"""Models against the reference: predictions beside it, and what they are worth."""

from __future__ import annotations

import pandas as pd

from isocenter.cohort import PATIENT, Cohort
from isocenter.evaluation import Evaluation, evaluate_folds
from isocenter.evaluation import evaluate as single
from isocenter.model import Model
from isocenter.prediction import Prediction
from isocenter.splitting import Design, Split

WITHOUT = "without shared cases"


def scores(model: Model, cohort: Cohort, design: Design) -> pd.DataFrame:
    """Predictions of the test part beside the reference: one look.

    Columns: case_id, patient_id, part, reference, prediction, probability_<class>...
    """
    test = cohort.select(design.split.test)
    return beside_reference(model.predict(test.X), test, "test")


def fold_scores(model: Model, tuning: pd.DataFrame, cohort: Cohort, split: Split) -> pd.DataFrame:
    """What one split's model says: out-of-fold predictions (`tuning`) and the cases it was tested on.

    Columns as in `scores`, and repeat and fold of the split.
    """
    test = cohort.select(split.test)
    table = pd.concat([tuning, beside_reference(model.predict(test.X), test, "test")], ignore_index=True)
    table.insert(3, "repeat", split.repeat)
    table.insert(4, "fold", split.fold)
    return table


def beside_reference(prediction: Prediction, cohort: Cohort, part: str) -> pd.DataFrame:
    """A prediction's table with patient, part and reference in front."""
    some = cohort.select(prediction.case_id)
    table = prediction.table()
    table.insert(1, PATIENT, some.table[PATIENT].to_numpy())
    table.insert(2, "part", part)
    table.insert(3, "reference", some.y)
    return table


def evaluate_table(table: pd.DataFrame, name: str, cohort: Cohort, design: Design, *, seed: int = 0) -> Evaluation:
    """Evaluate predictions beside their reference, part by part (columns as in `scores`)."""
    assert cohort.target is not None
    target = cohort.target
    if design.several:
        return evaluate_folds(table, target, design, method=name, seed=seed)
    found = []
    for part, rows in table.groupby("part", sort=False):
        groups: list[tuple[str | None, pd.DataFrame]] = [(None, rows)]
        if part == "test" and design.split.overlap:
            groups.append((WITHOUT, rows[~rows["case_id"].isin(design.split.overlap)]))
        for group, some in groups:
            patients = cohort.select(some["case_id"]).patients
            found.append(
                single(
                    Prediction.from_table(some),
                    target.encode(some["reference"]),
                    target,
                    patients,
                    method=name,
                    part=str(part),
                    group=group,
                    seed=seed,
                )
            )
    return found[0].joined(*found[1:])
