"""Options that cannot be are refused before the test part is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isocenter
from designs import write_table
from isocenter import workbench
from isocenter.errors import UnknownColumn, UsageError

WRONG: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"subgroups": "nowhere"}, UnknownColumn),
    ({"subgroups": "comment"}, UsageError),
    ({"prevalences": "0.05,much"}, UsageError),
    ({"prevalences": "1.5"}, UsageError),
    ({"margin": -0.1}, UsageError),
    ({"margin": float("nan")}, UsageError),
    ({"seeds": 0}, UsageError),
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

    monkeypatch.setattr(workbench, "fit_recipe", never)
    who = [f"p{i // 2}" for i in range(80)]
    table = write_table(tmp_path / "t.csv", 80, comment=np.arange(80).astype(str) + np.array("x"), who=who)
    with pytest.raises(error):
        isocenter.run(table, project=tmp_path / "p", **{"target": "label", "method": "linear", **given})
    assert not (tmp_path / "p/ledger.jsonl").exists()
