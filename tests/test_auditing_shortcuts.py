"""Metadata that give the answer away are named; metadata that do not are left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from isocenter.auditing import alarms, metadata_auc
from isocenter.cohort import Cohort, Target, Task
from isocenter.splitting import make_design

N = 240


def cohort(per_patient: int = 1, **columns: object) -> Cohort:
    index = [f"c{i}" for i in range(N)]
    truth = (np.arange(N) // per_patient) % 2
    table = pd.DataFrame({"patient_id": [f"p{i // per_patient}" for i in range(N)], **columns}, index=index)
    table["icu"] = np.where(truth == 1, "yes", "no")
    return Cohort(table, Target(Task.CLASSIFICATION, "icu", ("no", "yes"), "yes"))


def rows(c: Cohort) -> dict[str, dict[str, float]]:
    folds = make_design(c, seed=1).split.folds
    part = c.select([i for fold in folds for i in fold])
    return {row["column"]: row for row in metadata_auc(part, None, folds)}


def test_a_telling_projection_is_an_alarm_with_its_auc() -> None:
    truth = np.arange(N) % 2
    rng = np.random.default_rng(0)
    projection = np.where(rng.random(N) < np.where(truth == 1, 0.85, 0.15), "AP", "PA")
    found = rows(cohort(projection=projection, scanner=rng.choice(["A", "B"], N)))
    crude = roc_auc_score(truth, projection == "AP")
    assert found["projection"]["auc"] == pytest.approx(crude, abs=0.05)
    assert found["projection"]["low"] > 0.6 > found["scanner"]["low"]
    said = alarms(list(found.values()))
    assert len(said) == 1 and "'projection'" in said[0]


def test_noise_raises_no_alarm_even_with_many_levels() -> None:
    rng = np.random.default_rng(3)
    found = rows(
        cohort(station=rng.integers(0, 30, N).astype(str), kvp=rng.normal(80, 10, N), site=rng.choice(list("ABC"), N))
    )
    assert {"station", "kvp", "site", "all together"} == set(found)
    assert alarms(list(found.values())) == []
    assert all(abs(row["auc"] - 0.5) < 0.15 for row in found.values())


def test_a_site_a_patient_does_not_pass_for_knowledge() -> None:
    # Every patient has a view name of its own: remembered inside a fold, it would be perfect.
    c = cohort(per_patient=6, view=[f"v{i // 6}" for i in range(N)])
    assert abs(rows(c)["view"]["auc"] - 0.5) < 0.1


def test_two_weak_columns_may_be_strong_together() -> None:
    truth = np.arange(N) % 2
    rng = np.random.default_rng(4)
    columns = {f"site{k}": np.where(rng.random(N) < 0.5 + 0.2 * (2 * truth - 1), "x", "y") for k in range(6)}
    found = rows(cohort(**columns))
    assert found["all together"]["auc"] > max(found[name]["auc"] for name in columns) + 0.05


def test_attributes_of_the_patient_and_measurements_are_not_metadata() -> None:
    truth = np.arange(N) % 2
    assert rows(cohort(age=truth * 1.0, death_offset=truth * 5.0)) == {}
    value = Cohort(
        cohort(site=list("AB") * (N // 2)).table.assign(size=1.5 * np.arange(N)), Target(Task.REGRESSION, "size")
    )
    assert metadata_auc(value, None, [["c0"], ["c1"]]) == []


def test_columns_that_part_the_cases_alike_are_one_row_and_count_once() -> None:
    rng = np.random.default_rng(0)
    site = rng.choice(list("AB"), N)
    view = np.where(rng.random(N) < np.where(np.arange(N) % 2 == 1, 0.8, 0.2), "AP", "PA")
    device = np.where(view == "AP", 7, 3)  # the same partition under other names
    found = rows(cohort(view=view, site=site, device=device))
    assert set(found) == {"view and device", "site", "all together"}
    assert found["all together"]["auc"] == rows(cohort(view=view, site=site))["all together"]["auc"]
    assert len(alarms(list(found.values()))) == 1
    assert set(rows(cohort(view=view, device=device))) == {"view and device"}
