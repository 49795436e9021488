"""Every public function takes a path as text or as a Path, and says so of what is neither."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocenter
from designs import cohort_of
from hospitals import hospital, saved
from isocenter.errors import UsageError

FRAME, ARRAY = pd.DataFrame({"a": [1.0]}), np.zeros((3, 2))
WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "index": (lambda c, d: isocenter.index(FRAME), "INPUT is the path .* not of type DataFrame"),
    "labels": (lambda c, d: isocenter.index("t.csv", labels=FRAME), "LABELS is the path"),
    "run": (lambda c, d: isocenter.run(ARRAY), "INPUT is the path .* not of type ndarray"),
    "project": (lambda c, d: isocenter.run("t.csv", project=3), "The project is the path .* not of type int"),
    "load": (lambda c, d: isocenter.load(None), "A saved model is the path"),
    "predict": (lambda c, d: isocenter.predict(FRAME, "t.csv"), "A saved model is the path"),
    "export": (lambda c, d: isocenter.export(ARRAY), "The project is the path"),
    "cluster": (lambda c, d: isocenter.cluster(ARRAY), "INPUT is the path"),
    "patches": (lambda c, d: isocenter.patches(ARRAY, "out"), "INPUT is the path"),
    "feature_table": (lambda c, d: isocenter.feature_table(ARRAY), "INPUT is the path"),
    "similar": (lambda c, d: isocenter.similar(FRAME, "c0"), r"cohort cannot be of type DataFrame.*isocenter\.index"),
    "case": (lambda c, d: isocenter.similar(c, ARRAY), "CASE is the path"),
    "audit": (lambda c, d: isocenter.audit(FRAME), "cohort cannot be of type DataFrame"),
    "split": (lambda c, d: isocenter.split("t.csv"), r"cohort cannot be 't.csv'.*isocenter\.index"),
    "fit": (lambda c, d: isocenter.fit(FRAME, d), "cohort cannot be of type DataFrame"),
    "design": (lambda c, d: isocenter.fit(c, None), r"design cannot be of type NoneType.*isocenter\.split"),
    "compare": (lambda c, d: isocenter.compare(["linear"], c, "kfold"), "design cannot be 'kfold'"),
    "evaluate": (lambda c, d: isocenter.evaluate("linear", "t.csv", d), "cohort cannot be 't.csv'"),
    "evaluated": (lambda c, d: isocenter.evaluate(FRAME, c), r"model cannot be of type DataFrame.*isocenter\.load"),
    "report": (lambda c, d: isocenter.report(c, None, []), "design cannot be of type NoneType"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_path_and_no_cohort_is_named(name: str) -> None:
    ask, told = WRONG[name]
    cohort = cohort_of([0, 1] * 20)
    with pytest.raises(UsageError, match=told):
        ask(cohort, isocenter.split(cohort))


def test_text_does_what_a_path_does(tmp_path: Path) -> None:
    bundle = saved(tmp_path) / "project/models/linear.iso"
    model = isocenter.load(str(bundle))
    assert model.card == isocenter.load(bundle).card
    isocenter.save(model, str(tmp_path / "again.iso"))
    assert (tmp_path / "again.iso").read_bytes() == bundle.read_bytes()
    there = tmp_path / "there.csv"
    hospital(60, 5, prefix="b").to_csv(there, index=False)
    cohort = isocenter.index(str(there), target="outcome")
    found = [
        isocenter.evaluate(asked, other).get("auc", "external").value
        for asked in (model, bundle, str(bundle))
        for other in (there, str(there), cohort)
    ]
    assert len(set(found)) == 1
