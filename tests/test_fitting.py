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
from isocenter.errors import CriterionNotMet

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
