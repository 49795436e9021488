"""Models against the reference: predictions beside it, and what they are worth.

Where a model answers for patients with several images, a table of predictions says both: each
row is an image with its own prediction, and repeats what the model says of its patient in
columns `patient_prediction`, `patient_probability_<class>`... The patient is the unit of an
evaluation then; the numbers of single images stand beside it as group `BY_IMAGE`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.cohort import PATIENT, Cohort
from isocenter.evaluation import BY_IMAGE, Evaluation, evaluate_folds
from isocenter.evaluation import evaluate as single
from isocenter.evaluation.folded import finite_rows
from isocenter.evaluation.folded_points import fold_points
from isocenter.evaluation.groups import subgroups as subgroups_of
from isocenter.evaluation.useful import points
from isocenter.metrics.operating import POINTS
from isocenter.metrics.thresholds import Chosen, Reached, nearest
from isocenter.model import Decision, Model
from isocenter.prediction import Prediction
from isocenter.splitting import Design, Split

WITHOUT = "without shared cases"
_OF_PATIENT = "patient_"


def scores(model: Model, cohort: Cohort, design: Design) -> pd.DataFrame:
    """Predictions of the test part beside the reference: one look.

    Columns: case_id, patient_id, part, reference, prediction, probability_<class>..., and those of the patient.
    """
    test = cohort.select(design.split.test)
    return beside_reference(model.predict(test.X), test, "test", model.decision)


def fold_scores(model: Model, tuning: pd.DataFrame, cohort: Cohort, split: Split) -> pd.DataFrame:
    """What one split's model says: out-of-fold predictions (`tuning`) and the cases it was tested on.

    Columns as in `scores`, and repeat and fold of the split.
    """
    test = cohort.select(split.test)
    said = beside_reference(model.predict(test.X), test, "test", model.decision)
    table = pd.concat([tuning, said], ignore_index=True)
    table.insert(3, "repeat", split.repeat)
    table.insert(4, "fold", split.fold)
    return table


def beside_reference(prediction: Prediction, cohort: Cohort, part: str, decision: Decision) -> pd.DataFrame:
    """A prediction's table with patient, part and reference in front, and the patient's prediction behind."""
    some = cohort.select(prediction.case_id)
    table = prediction.table()
    table.insert(1, PATIENT, some.table[PATIENT].to_numpy())
    table.insert(2, "part", part)
    assert cohort.target is not None
    table.insert(3, "reference", some.table[cohort.target.column].to_numpy())
    if decision.aggregation is None:
        return table
    return pd.concat([table, _of_patients(decision.by_patient(prediction, some.patients), some)], axis=1)


def _of_patients(said: Prediction, cohort: Cohort) -> pd.DataFrame:
    """What was said of each case's patient, one row a case."""
    rows = pd.Index(said.case_id).get_indexer(pd.Index(cohort.patients))
    return said.table().drop(columns="case_id").iloc[rows].add_prefix(_OF_PATIENT).reset_index(drop=True)


def by_patient(table: pd.DataFrame) -> pd.DataFrame | None:
    """One row a patient in the columns of a table of cases, and `n_cases`; None where cases are the unit.

    `case_id` is that of the patient's first case. None also where a patient has several references.
    """
    own = [c for c in table.columns if c.startswith(_OF_PATIENT) and c != PATIENT]
    if not own or not len(table):
        return None
    patients = table[PATIENT].where(table[PATIENT].notna(), table["case_id"])
    grouped = table.groupby(patients.to_numpy(), sort=False)
    if (grouped["reference"].nunique() > 1).any():
        return None
    kept = [c for c in table.columns if c not in own and f"{_OF_PATIENT}{c}" not in own]
    first = table[[*kept, *own]].groupby(patients.to_numpy(), sort=False).head(1)
    first = first.rename(columns={c: c.removeprefix(_OF_PATIENT) for c in own})
    return first.assign(n_cases=grouped.size().to_numpy()).reset_index(drop=True)


def patient_rows(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The test rows of each table by patient, of those where patients are the unit; of one repeat."""
    found = {name: by_patient(table[table["part"] == "test"]) for name, table in tables.items()}
    return {name: rows for name, rows in found.items() if rows is not None}


def evaluate_table(
    table: pd.DataFrame,
    name: str,
    cohort: Cohort,
    design: Design,
    *,
    subgroups: Sequence[str] = (),
    prevalences: Sequence[float] = (),
    seed: int = 0,
) -> Evaluation:
    """Evaluate predictions beside their reference, part by part (columns as in `scores`).

    subgroups: columns of the cohort; groups that are too small are named in the warnings;
    prevalences: at which predictive values are told.
    """
    if design.several:
        return _of_splits(table, name, cohort, design, subgroups, prevalences, seed)
    found = [
        _evaluated(some, name, cohort, str(part), group, seed)
        for part, rows in table.groupby("part", sort=False)
        for group, some in _groups(rows, str(part), design)
    ]
    test = table[table["part"] == "test"]
    found += of_subgroups(test, name, cohort, subgroups, seed=seed)
    points = operating_points(table, cohort, prevalences, seed=seed)
    return replace(found[0].joined(*found[1:]), points=tuple(points))


def values(table: pd.DataFrame, name: str, cohort: Cohort, design: Design) -> Evaluation:
    """The numbers of the whole test part alone, without intervals: quick, to see how they move."""
    if design.several:
        assert cohort.target is not None
        unit = _unit_of_splits(table)
        return evaluate_folds(unit[unit["part"] == "test"], cohort.target, design, method=name, draws=0)
    test = _unit(table[table["part"] == "test"])
    return _evaluated(test, name, cohort, "test", None, 0, draws=0)


def _unit_of_splits(table: pd.DataFrame) -> pd.DataFrame:
    """Patients of each split where they are the unit, else the table itself."""
    each = [by_patient(rows) for _, rows in table.groupby(["repeat", "fold", "part"], sort=False)]
    patients = [rows for rows in each if rows is not None]
    return pd.concat(patients, ignore_index=True) if len(patients) == len(each) else table


def _of_splits(
    table: pd.DataFrame,
    name: str,
    cohort: Cohort,
    design: Design,
    columns: Sequence[str],
    prevalences: Sequence[float],
    seed: int,
) -> Evaluation:
    """Predictions of several splits, by patient where there are such, then by image, then by subgroup."""
    assert cohort.target is not None
    target = cohort.target
    unit = _unit_of_splits(table)
    found = [evaluate_folds(unit, target, design, method=name, seed=seed)]
    if unit is not table:
        found.append(evaluate_folds(table, target, design, method=name, group=BY_IMAGE, seed=seed))
    tested = unit.loc[unit["part"] == "test", "case_id"].drop_duplicates().to_numpy(dtype=object)
    for group in subgroups_of(cohort, list(tested), columns):
        if group.suppressed:
            found.append(Evaluation(name, warnings=(group.warning,)))
        else:
            some = unit[unit["case_id"].isin(tested[group.rows])]
            found.append(evaluate_folds(some, target, design, method=name, group=group.name, seed=seed))
    points = fold_points(unit, target, design, prevalences=prevalences, seed=seed)
    return replace(found[0].joined(*found[1:]), points=tuple(points))


def operating_points(
    table: pd.DataFrame, cohort: Cohort, prevalences: Sequence[float] = (), *, seed: int = 0
) -> list[dict[str, Any]]:
    """Thresholds of the tuning rows read on the test rows, of each class that is told from the rest."""
    parts = {str(part): rows for part, rows in table.groupby("part", sort=False)}
    if not {"tuning", "test"} <= parts.keys():
        return []
    return read_points(chosen_points(parts["tuning"], cohort), parts["test"], cohort, prevalences, seed=seed)


def chosen_points(table: pd.DataFrame, cohort: Cohort, criteria: Sequence[str] = POINTS) -> list[dict[str, Any]]:
    """Thresholds chosen on tuning rows, a class and criterion each, as plain data that a model's card can keep.

    Each: the fields of `metrics.thresholds.Chosen`, and "class" and "n_patients".
    """
    rows = _known(table, cohort)
    n = len(set(cohort.select(rows["case_id"]).patients))
    return [
        {"class": name, "n_patients": n, **asdict(nearest(criterion, *scored))}
        for name, scored in _scored(rows, cohort).items()
        for criterion in criteria
    ]


def read_points(
    chosen: Sequence[Mapping[str, Any]],
    table: pd.DataFrame,
    cohort: Cohort,
    prevalences: Sequence[float] = (),
    *,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """What thresholds of `chosen_points` give on other rows (`evaluation.useful.points`, and "class")."""
    rows = _known(table, cohort)
    if rows.empty:
        return []
    scored = _scored(rows, cohort)
    patients = pd.factorize(cohort.select(rows["case_id"]).patients)[0].astype(np.int64)
    found = []
    for one in chosen:
        own = [_as_chosen(one)]
        n = int(one["n_patients"])
        told = points(own, scored[one["class"]], patients, n_tuning=n, prevalences=prevalences, seed=seed)
        found += [{"class": one["class"], **point} for point in told]
    return found


def _scored(rows: pd.DataFrame, cohort: Cohort) -> dict[str | None, tuple[NDArray[np.bool_], NDArray[np.float64]]]:
    """(events, scores) of each class that is told from the rest, None: the positive one; {} for a measurement."""
    target = cohort.target
    if target is None or target.is_value:
        return {}
    members, whole = target.members(rows["reference"]), target.positive is not None
    return {
        None if whole else name: (members[:, k], rows[f"probability_{name}"].to_numpy(dtype=np.float64))
        for k, name in enumerate(target.classes)
        if not whole or name == target.positive
    }


def _as_chosen(told: Mapping[str, Any]) -> Chosen:
    """None, as JSON has it, is NaN again."""
    reached = {name: math.nan if value is None else float(value) for name, value in told["reached"].items()}
    threshold, value = (math.nan if told[name] is None else float(told[name]) for name in ("threshold", "value"))
    return Chosen(threshold, told["criterion"], value, Reached(**reached), told["met"], told["why"])


def _known(table: pd.DataFrame, cohort: Cohort) -> pd.DataFrame:
    """Rows of the unit with a finite prediction: a case without one is not a negative."""
    assert cohort.target is not None
    return finite_rows(_unit(table), cohort.target)[0]


def _unit(rows: pd.DataFrame) -> pd.DataFrame:
    """Patients where they are the unit, else cases."""
    patients = by_patient(rows)
    return rows if patients is None else patients


def of_subgroups(
    table: pd.DataFrame, name: str, cohort: Cohort, columns: Sequence[str], *, seed: int = 0
) -> Iterator[Evaluation]:
    """One evaluation a subgroup of the one part that a table holds; a suppressed group is a warning only."""
    rows = _unit(table)
    for group in subgroups_of(cohort, list(rows["case_id"]), columns):
        if group.suppressed:
            yield Evaluation(name, warnings=(group.warning,))
        else:
            part = str(rows["part"].iloc[0])
            yield _evaluated(rows[group.rows], name, cohort, part, group.name, seed)


def evaluate_part(
    table: pd.DataFrame, name: str, cohort: Cohort, *, group: str | None = None, seed: int = 0
) -> Evaluation:
    """Evaluate the one part that a table holds, by patient and by image where it has both."""
    part, patients = str(table["part"].iloc[0]), by_patient(table)
    if patients is None:
        return _evaluated(table, name, cohort, part, group, seed)
    whole = _evaluated(patients, name, cohort, part, group, seed)
    return whole if group is not None else whole.joined(_evaluated(table, name, cohort, part, BY_IMAGE, seed))


def _groups(rows: pd.DataFrame, part: str, design: Design) -> Iterator[tuple[str | None, pd.DataFrame]]:
    """The whole, by patient where there are such predictions, then by image; the part without shared cases."""
    patients = by_patient(rows)
    yield None, rows if patients is None else patients
    if patients is not None:
        yield BY_IMAGE, rows
    if part == "test" and design.split.overlap:
        alone = rows[~rows["case_id"].isin(design.split.overlap)]
        yield WITHOUT, _unit(alone)


def _evaluated(
    table: pd.DataFrame, name: str, cohort: Cohort, part: str, group: str | None, seed: int, draws: int = 2000
) -> Evaluation:
    assert cohort.target is not None
    return single(
        Prediction.from_table(table),
        cohort.target.encode(table["reference"]),
        cohort.target,
        cohort.select(table["case_id"]).patients,
        method=name,
        part=part,
        group=group,
        seed=seed,
        draws=draws,
        cases=table["n_cases"].to_numpy(dtype=np.int64) if "n_cases" in table else None,
    )
