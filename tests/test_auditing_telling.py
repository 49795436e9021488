"""A single column that gives the answer away is named; one that only helps is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from designs import cohort_of
from isocenter import workbench
from isocenter.auditing import telling_alarms, telling_columns
from isocenter.auditing.telling import Telling
from isocenter.cohort import Cohort, Target, Task

N = 120
Y = np.arange(N) % 2
NOISE = np.random.default_rng(0).normal(size=N)


def given(
    y: object = Y, *, covariates: tuple[str, ...] = (), task: Task = Task.CLASSIFICATION, **columns: object
) -> Cohort:
    made = cohort_of(list(y), task=task, **columns)  # type: ignore[call-overload]
    return replace(made, features=tuple(c for c in columns if c not in covariates), covariates=covariates)


def found_in(cohort: Cohort) -> list[Telling]:
    return telling_columns(cohort, list(cohort.case_ids))


def test_a_column_written_after_the_diagnosis_is_named_with_its_auc() -> None:
    late = -(Y + 0.27 * NOISE)  # the direction does not matter
    (found,) = found_in(given(late=late, early=Y + NOISE, noise=NOISE))
    assert (
        found.column == "late"
        and found.value == pytest.approx(roc_auc_score(Y, -late), abs=1e-12)
        and found.value > 0.98
    )
    (said,) = telling_alarms([found])
    assert "'late' alone predicts the target" in said and f"AUC {found.value:.3f}" in said and "--ignore late." in said


def test_missing_values_count_as_the_median() -> None:
    some = np.where(np.arange(N) < N // 2, Y, np.nan)
    assert found_in(given(some=some)) == []
    assert found_in(given(most=np.where(np.arange(N) < N - 2, Y, np.nan)))


def test_a_covariate_of_text_is_told_how_to_leave_out() -> None:
    (found,) = found_in(given(therapy=np.where(Y, "surgery", "none"), noise=NOISE, covariates=("therapy",)))
    assert found.value == 1 and "out of --covariates and --ignore therapy" in telling_alarms([found])[0]


def test_of_several_classes_and_of_labels_the_one_that_is_told() -> None:
    (found,) = found_in(given(np.arange(N) % 3, code=np.arange(N) % 3 == 1, noise=NOISE))
    assert found.of == "1" and "predicts '1' in" in telling_alarms([found])[0]
    labels = replace(
        given(code=Y, noise=NOISE), target=Target(Task.MULTILABEL, "y", ("a", "b")), features=("code", "noise")
    )
    labels = replace(labels, table=labels.table.assign(y=np.where(Y, "a", np.where(NOISE > 0, "b", ""))))
    assert [one.of for one in found_in(labels)] == ["a"]


def test_a_measurement_by_rank() -> None:
    y = np.exp(NOISE)
    other = NOISE + 0.5 * np.random.default_rng(1).normal(size=N)
    (found,) = found_in(given(y, task=Task.REGRESSION, same=-(NOISE**3), other=other))
    assert found.column == "same" and found.value == pytest.approx(-spearmanr(y, -(NOISE**3))[0])


def test_luck_among_many_columns_of_few_patients_is_no_alarm() -> None:
    y = [0, 0, 0, 1, 1, 1]
    noise = np.random.default_rng(2).normal(size=(6, 400))
    assert found_in(given(y, **{f"x{i}": noise[:, i] for i in range(400)})) == []
    patients = [f"p{i // 20}" for i in range(N)]  # 120 images of 6 patients are no more than 6
    one = replace(given((np.arange(N) // 20) % 2, late=(np.arange(N) // 20) % 2))
    assert found_in(one) and found_in(replace(one, table=one.table.assign(patient_id=patients))) == []


def test_real_features_that_help_raise_no_alarm() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    cohort = given(y, **{f"x{i}": X[:, i] for i in range(X.shape[1])})
    assert [w for w in workbench.split(cohort, seed=0).warnings if "alone predicts" in w] == []


def test_the_test_part_is_never_looked_at() -> None:
    part = np.where(np.arange(N) < 80, "training", "test")
    cohort = replace(given(only_there=np.where(part == "test", Y, NOISE)), split_column="part")
    cohort = replace(cohort, table=cohort.table.assign(part=part))
    shown = replace(cohort, table=cohort.table.assign(only_there=np.where(part == "test", NOISE, Y)))
    assert not [w for w in workbench.split(cohort).warnings if "alone predicts" in w]
    assert [w for w in workbench.split(shown).warnings if "'only_there' alone predicts" in w]


def test_many_columns_are_counted() -> None:
    said = telling_alarms(found_in(given(**{f"x{i}": Y for i in range(5)})))
    assert len(said) == 4 and said[-1] == "So do 2 more: x3, x4."


def test_of_very_many_cases_a_draw_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isocenter.auditing.telling.MOST_CASES", 60)
    assert [one.column for one in found_in(given(late=Y, noise=NOISE))] == ["late"]
