"""What the inner folds choose, and whom a criterion that cannot be met is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocenter
from designs import write_table
from isocenter import progress
from isocenter.errors import CriterionNotMet, UsageError

IMPOSSIBLE: dict[str, Any] = {"target": "label", "method": "linear", "decide": "ppv=0.999@0.001", "penalty": 1.0}


def test_a_penalty_that_never_decides_the_middle_grade_is_not_chosen(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(120, 4))
    score = x[:, 0] * 1.5 + x[:, 1] + rng.normal(size=120)
    table = pd.DataFrame(x, columns=list("abcd"))
    table["grade"] = np.array(["Low", "Mid", "High"])[np.digitize(score, [-0.7, 0.9])]
    table.to_csv(tmp_path / "t.csv", index=False)
    cohort = isocenter.index(tmp_path / "t.csv", target="grade", order=("Low", "Mid", "High"))
    model = isocenter.fit(cohort, isocenter.split(cohort), "linear")
    assert float(model.card["parameters"]["penalty"]) < 1000
    said = model.predict(cohort.X).label
    assert said is not None and (said == "Mid").mean() > 0.1


def test_the_method_that_cannot_meet_the_criterion_is_named(tmp_path: Path) -> None:
    with pytest.raises(CriterionNotMet, match=r"^linear: No threshold meets ppv"):
        isocenter.run(write_table(tmp_path / "t.csv"), **IMPOSSIBLE)


def test_a_fold_that_cannot_meet_the_criterion_is_named_and_goes_on(tmp_path: Path) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv"), target="label")
    design = isocenter.split(cohort, design="kfold", folds=3)
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        isocenter.evaluate("linear", cohort, design, decide=IMPOSSIBLE["decide"], penalty=1.0)
    assert [text.split(":")[0] for text in heard] == [f"linear, repeat 1, fold {k}" for k in (1, 2, 3)]
    assert all("is taken" in text for text in heard)


@pytest.mark.parametrize(
    "method, name, value, allowed",
    [
        ("forest", "n_estimators", -3, r"an int in the range \[1, inf\)"),
        ("forest", "max_depth", 0, r"an int in the range \[1, inf\) or None"),
        ("forest", "max_features", "most", "'sqrt'"),
        ("boosting", "learning_rate", -1, r"a float in the range \(0.0, inf\)"),
        ("boosting", "l2", -1, r"a float in the range \[0(\.0)?, inf\)"),
        ("svm", "C", 0, r"a float in the range \(0(\.0)?, inf"),
        ("linear", "penalty", -1, "a number above 0"),
        ("linear", "penalty", 0, "a number above 0"),
        ("linear", "penalty", "much", "a number above 0"),
        ("linear", "max_iter", -1, r"an int in the range \[0, inf\)"),
    ],
)
def test_a_value_that_a_method_cannot_have_is_named_as_it_was_given(
    tmp_path: Path, method: str, name: str, value: object, allowed: str
) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv"), target="label")
    with pytest.raises(UsageError, match=f"^--set {name}={value} cannot be. It must be .*{allowed}"):
        isocenter.fit(cohort, isocenter.split(cohort), method, **{name: value})
    if method == "forest":
        with pytest.raises(UsageError, match=f"--set {name}={value} cannot be"):
            isocenter.run(tmp_path / "t.csv", target="label", method=method, learning_curve=True, **{name: value})


def test_a_value_of_our_own_that_is_refused_is_a_bug_and_no_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv"), target="label")
    monkeypatch.setattr("isocenter.methods.svm.CHOICES", {"C": (-1.0, 1.0)})
    with pytest.raises(ValueError, match="'C' parameter of SVC"):
        isocenter.fit(cohort, isocenter.split(cohort), "svm")
