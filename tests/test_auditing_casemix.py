"""Case mix: standardised differences against hand-worked values, columns that one side lacks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from isocenter.auditing import compare_case_mix, describe_case_mix
from isocenter.cohort import Cohort, Target, Task

TARGET = Target(Task.CLASSIFICATION, "outcome", ("benign", "malignant"), "malignant")


def cohort(**columns: list[object]) -> Cohort:
    n = len(next(iter(columns.values())))
    table = pd.DataFrame({"patient_id": [f"p{i}" for i in range(n)], **columns}, index=[f"c{i}" for i in range(n)])
    return Cohort(table, TARGET)


def test_a_mean_difference_is_in_standard_deviations() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(60, 10, 500), rng.normal(65, 20, 400)
    here = cohort(outcome=["benign"] * 500, age=list(one))
    there = cohort(outcome=["benign"] * 400, age=list(other))
    row = {r["name"]: r for r in compare_case_mix(describe_case_mix(here), describe_case_mix(there))}["age"]
    expected = (other.mean() - one.mean()) / math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2)
    assert row["difference"] == pytest.approx(expected)


def test_two_classes_give_the_known_difference_of_proportions() -> None:
    # Austin 2009: (p1 - p2) / sqrt((p1 q1 + p2 q2) / 2), here for 0.2 and 0.5.
    here = cohort(outcome=["malignant"] * 20 + ["benign"] * 80)
    there = cohort(outcome=["malignant"] * 50 + ["benign"] * 50)
    row = compare_case_mix(describe_case_mix(here), describe_case_mix(there))[0]
    assert row["difference"] == pytest.approx(0.3 / math.sqrt((0.16 + 0.25) / 2))


def test_equal_cohorts_do_not_differ_and_missing_columns_are_shown() -> None:
    one = cohort(outcome=["benign", "malignant"] * 10, sex=["F", "M"] * 10, age=list(range(20)))
    other = cohort(outcome=["benign", "malignant"] * 10, sex=["F", "M"] * 10, kvp=list(range(100, 120)))
    rows = {r["name"]: r for r in compare_case_mix(describe_case_mix(one), describe_case_mix(other))}
    assert rows["sex"]["difference"] == pytest.approx(0.0, abs=1e-9)
    assert rows["age"]["external"] is None and rows["age"]["difference"] is None
    assert rows["kvp"]["internal"] is None


def test_a_level_that_one_side_lacks_counts_as_a_difference() -> None:
    one = cohort(outcome=["benign"] * 40, site=["A"] * 20 + ["B"] * 20)
    other = cohort(outcome=["benign"] * 40, site=["A"] * 10 + ["C"] * 30)
    rows = {r["name"]: r for r in compare_case_mix(describe_case_mix(one), describe_case_mix(other))}
    assert rows["site"]["difference"] > 0.5


def test_ids_and_constants_stay_out_of_the_way() -> None:
    described = describe_case_mix(cohort(outcome=["benign"] * 30, note=[f"text {i}" for i in range(30)], k=[1.0] * 30))
    assert [d["name"] for d in described] == ["outcome", "k"]
    assert described[1]["counts"] == {"1": 30}
