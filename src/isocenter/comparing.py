"""Every method of a study against every other and against the floors, from predictions that were already made.

Nothing is looked at again: the tables are those of the one look at the test part. Which method speaks for the
study is chosen on tuning data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import BadShape, BadTarget, BadValues
from isocenter.evaluation import HEADLINES, Comparison, Evaluation, compare_methods
from isocenter.evaluation.claims import listed
from isocenter.evaluation.compared import between_groups
from isocenter.recipes import COVARIATES
from isocenter.scoring import by_patient
from isocenter.splitting import Design

_CALLED = {"majority": "the majority class", "mean": "the mean"}


def compare_tables(
    tables: Mapping[str, pd.DataFrame],
    cohort: Cohort,
    design: Design,
    *,
    floors: Sequence[str] = (),
    best: str | None = None,
    margin: float = 0.0,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare tables of predictions by name, at the unit that an evaluation reports.

    tables: as in `scoring.scores`; patient, reference and part are those of the cohort and "test" where a
    table does not have them. floors: which of them are floors; best: the method to put first, that of the study.
    Raises BadShape, BadValues (see `compare_methods`).
    """
    if cohort.target is None:
        raise BadTarget("This cohort has no target.", "Name one with --target COLUMN.")
    first = [best] if best is not None else []
    names = dict.fromkeys([*first, *(n for n in tables if n not in floors), *floors])
    units = {name: _unit(_tested(tables[name], name, cohort), design) for name in names}
    called = {name: call(name, cohort.covariates) for name in floors}
    tuning = {n: _unit(rows, design) for n in names if len(rows := _inner(tables[n], design))}
    return compare_methods(units, cohort.target, design, floors=called, margin=margin, seed=seed, tuning=tuning)


def compare_groups(
    evaluations: Mapping[str, Evaluation], cohort: Cohort, columns: Sequence[str]
) -> tuple[Comparison, ...]:
    """The two groups of each column against each other, by method; a column that varies within a patient is none."""
    assert cohort.target is not None
    fixed = [c for c in columns if c in cohort.table and _of_patients(cohort, c)]
    return tuple(row for e in evaluations.values() for row in between_groups(e, fixed, cohort.target))


def _of_patients(cohort: Cohort, column: str) -> bool:
    return not bool((cohort.table[column].groupby(cohort.patients).nunique() > 1).any())


def call(name: str, covariates: Sequence[str]) -> str:
    """What a sentence calls a floor: covariates by their columns, "age and sex"."""
    return listed(list(covariates)) if name == COVARIATES and covariates else _CALLED.get(name, name)


def _tested(table: pd.DataFrame, name: str, cohort: Cohort) -> pd.DataFrame:
    """The test rows with patient and reference."""
    if lacking := [c for c in ("case_id", "prediction") if c not in table]:
        raise BadShape(f"The table of '{name}' has no column '{lacking[0]}'.", "Give tables of predictions.")
    rows = table[table["part"] == "test"] if "part" in table else table.assign(part="test")
    at = cohort.table.index.get_indexer(pd.Index(rows["case_id"]))
    if (at < 0).any():
        strange = rows["case_id"].to_numpy()[at < 0]
        raise BadValues(
            f"The table of '{name}' has {len(strange)} cases that the cohort does not know, the first is "
            f"'{strange[0]}'.", "Compare predictions of this cohort.",
        )  # fmt: skip
    twice = rows[[c for c in ("case_id", "repeat", "fold") if c in rows]].duplicated()
    if twice.any():
        case = rows["case_id"].to_numpy()[np.flatnonzero(twice)[0]]
        raise BadValues(f"The table of '{name}' predicts case '{case}' twice.", "Keep one row a case.")
    assert cohort.target is not None
    own = {PATIENT: PATIENT, "reference": cohort.target.column}
    return rows.assign(**{c: cohort.table[own[c]].to_numpy()[at] for c in own if c not in rows})


def _inner(table: pd.DataFrame, design: Design) -> pd.DataFrame:
    """The out-of-fold rows that a nested design compares; none where the table keeps none."""
    if design.kind != "nested" or not {"part", "reference", PATIENT, "repeat", "fold"} <= set(table):
        return table[:0]
    return table[table["part"] == "tuning"]


def _unit(rows: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Patients where they are the unit in every split, else cases."""
    if not design.several:
        found = by_patient(rows)
        return rows if found is None else found
    each = [by_patient(some) for _, some in rows.groupby(["repeat", "fold"], sort=False)]
    patients = [some for some in each if some is not None]
    return pd.concat(patients, ignore_index=True) if each and len(patients) == len(each) else rows


def best_on_tuning(evaluations: dict[str, Evaluation], names: Sequence[str]) -> str:
    """The method with the best headline number on tuning data; the first named wins a tie."""

    def headline(name: str) -> float:
        for metric in HEADLINES:
            try:
                value = evaluations[name].get(metric, "tuning").value
            except KeyError:
                continue
            return value if value == value else float("-inf")
        return float("-inf")

    return max(names, key=headline)
