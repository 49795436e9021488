"""Subgroups: who is in them, and which are too small to be shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isocenter.cohort import Cohort, Target, Task
from isocenter.errors import UnknownColumn, UsageError
from isocenter.evaluation.groups import subgroups

TARGET = Target(Task.CLASSIFICATION, "outcome", ("no", "yes"), "yes")


def cohort(n: int = 120) -> Cohort:
    index = [f"c{i}" for i in range(n)]
    table = pd.DataFrame(
        {
            "patient_id": index,
            "outcome": np.where(np.arange(n) % 3 == 0, "yes", "no"),
            "sex": np.where(np.arange(n) < 90, "F", "M"),
            "age": np.arange(n, dtype=float),
            "scanner": np.where(np.arange(n) < 110, 1.0, 2.0),
            "comment": index,
        },
        index=index,
    )
    return Cohort(table, TARGET)


def test_each_case_is_in_one_group_of_a_column() -> None:
    c = cohort()
    for column in ("sex", "age", "scanner"):
        groups = list(subgroups(c, list(c.case_ids), [column]))
        assert (np.sum([g.rows for g in groups], axis=0) == 1).all()
    assert [g.name for g in subgroups(c, list(c.case_ids), ["age"])] == [
        "age ≤ 39.67",
        "age > 39.67 to 79.33",
        "age > 79.33",
    ]
    assert [g.name for g in subgroups(c, list(c.case_ids), ["scanner"])] == ["scanner=1", "scanner=2"]


def test_nine_events_are_too_few_and_ten_are_shown() -> None:
    c = cohort()
    few = [i for i in c.case_ids if c.table.at[i, "sex"] == "F"] + [f"c{i}" for i in range(90, 117)]
    groups = {g.name: g for g in subgroups(c, few, ["sex"])}
    assert groups["sex=F"].suppressed == ""
    assert "9 events" in groups["sex=M"].suppressed
    groups = {g.name: g for g in subgroups(c, list(c.case_ids), ["sex"])}
    assert groups["sex=M"].suppressed == ""


def test_missing_values_form_no_group() -> None:
    c = cohort()
    c.table.loc[["c0", "c1"], "sex"] = None
    groups = list(subgroups(c, list(c.case_ids), ["sex"]))
    assert sum(int(g.rows.sum()) for g in groups) == 118


def test_unknown_columns_the_target_and_free_text_are_refused() -> None:
    c = cohort()
    for name in ("nothing", "outcome"):
        with pytest.raises(UnknownColumn, match=name):
            list(subgroups(c, list(c.case_ids), [name]))
    with pytest.raises(UsageError, match="120 values"):
        list(subgroups(c, list(c.case_ids), ["comment"]))


def test_twenty_images_of_two_patients_are_suppressed() -> None:
    c = cohort()
    c.table.loc[c.table["sex"] == "M", "patient_id"] = [f"m{i % 4}" for i in range(30)]
    groups = {g.name: g for g in subgroups(c, list(c.case_ids), ["sex"])}
    assert "4 events and 4 others" in groups["sex=M"].suppressed
    assert groups["sex=F"].suppressed == ""


def test_without_patient_ids_cases_are_spoken_of() -> None:
    c = cohort()
    few = [f"c{i}" for i in range(20)]
    assert "by patient" in next(subgroups(c, few, ["sex"])).suppressed
    unknown = Cohort(c.table.assign(patient_id=pd.array([None] * len(c), dtype="str")), TARGET)
    assert "7 events by case" in next(subgroups(unknown, few, ["sex"])).suppressed
