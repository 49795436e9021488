"""Options that cannot be are refused before the test part is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isocenter
from designs import write_table
from isocenter import training
from isocenter.errors import CriterionNotMet, UnknownColumn, UsageError

WRONG: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"subgroups": "nowhere"}, UnknownColumn),
    ({"subgroups": "comment"}, UsageError),
    ({"prevalences": "0.05,much"}, UsageError),
    ({"prevalences": "1.5"}, UsageError),
    ({"target": "x5", "prevalences": "0.1"}, UsageError),
    ({"margin": -0.1}, UsageError),
    ({"margin": float("nan")}, UsageError),
    ({"seeds": 0}, UsageError),
    ({"seeds": 2}, UsageError),
    ({"decide": "sensitivity=2"}, UsageError),
    ({"decide": "luck"}, UsageError),
    ({"target": "x5", "decide": "youden"}, UsageError),
    ({"recalibrate": "magic"}, UsageError),
    ({"target": "x5", "recalibrate": "platt"}, UsageError),
    ({"aggregate": "sum"}, UsageError),
    ({"aggregate": "median"}, UsageError),
    ({"aggregate": "max", "patient_column": "who"}, UsageError),
]


@pytest.mark.parametrize("given, error", WRONG, ids=lambda v: "-".join(map(str, v)) if isinstance(v, dict) else "")
def test_a_wrong_option_costs_no_fit_and_no_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], error: type[Exception]
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was fitted")

    monkeypatch.setattr(training, "fit_recipe", never)
    who = [f"p{i // 2}" for i in range(80)]
    table = write_table(tmp_path / "t.csv", 80, comment=np.arange(80).astype(str) + np.array("x"), who=who)
    with pytest.raises(error):
        isocenter.run(table, project=tmp_path / "p", **{"target": "label", "method": "linear", **given})
    assert not (tmp_path / "p/ledger.jsonl").exists()


PYTHON: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("fit", {"decide": "luck"}, UsageError, "luck"),
    ("fit", {"recalibrate": "magic"}, UsageError, "no recalibration called 'magic'"),
    ("fit", {"aggregate": "sum"}, UsageError, "--aggregate sum is not known"),
    ("fit", {"seed": -1}, UsageError, "--seed -1 cannot be"),
    ("evaluate", {"decide": "sensitivity=2"}, UsageError, "sensitivity"),
    ("evaluate", {"subgroups": ["nowhere"]}, UnknownColumn, "no column 'nowhere'"),
    ("evaluate", {"subgroups": ["comment"]}, UsageError, "has 80 values; subgroups are made of 12 at most"),
    ("evaluate", {"prevalences": [1.5]}, UsageError, "prevalence of 1.5 cannot be"),
    ("compare", {"margin": float("nan")}, UsageError, "--margin nan cannot be"),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    table = write_table(tmp_path_factory.mktemp("t") / "t.csv", 80, comment=np.arange(80).astype(str) + np.array("x"))
    cohort = isocenter.index(table, target="label")
    return cohort, isocenter.split(cohort, folds=3)


@pytest.mark.parametrize("verb, given, error, says", PYTHON)
def test_python_refuses_what_the_command_refuses(
    small: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, verb: str, given: dict[str, Any], error: type, says: str
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("something was fitted")

    monkeypatch.setattr(training, "fit_recipe", never)
    cohort, design = small
    what = {
        "fit": (cohort, design, "linear"),
        "evaluate": ("linear", cohort, design),
        "compare": (["linear"], cohort, design),
    }
    with pytest.raises(error, match=says):
        getattr(isocenter, verb)(*what[verb], **given)


def test_python_evaluates_subgroups_and_prevalences_and_takes_a_model_as_it_is(small: tuple[Any, Any]) -> None:
    cohort, design = small
    model = isocenter.fit(cohort, design, "linear")
    found = isocenter.evaluate(model, cohort, design, subgroups=["site"], prevalences=[0.05])
    assert sum("Subgroup site=" in warning for warning in found.warnings) == 3
    assert [row["prevalence"] for row in found.points[0]["prevalences"]] == [0.05]
    with pytest.raises(UsageError, match="decide, C can change nothing"):
        isocenter.evaluate(model, cohort, design, decide="youden", C=1.0)


def test_a_criterion_that_cannot_be_met_costs_no_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = []
    real = training.fit_recipe

    def counted(*given: Any, **how: Any) -> Any:
        fitted.append(how.get("split"))
        return real(*given, **how)

    monkeypatch.setattr(training, "fit_recipe", counted)
    table = write_table(tmp_path / "t.csv", 80, signal=0.0)
    how: dict[str, Any] = {"design": "kfold", "folds": 3, "method": "linear", "decide": "ppv=0.99@0.01"}
    with pytest.raises(CriterionNotMet, match=r"^linear: "):
        isocenter.run(table, target="label", **how)
    assert fitted == [None]
