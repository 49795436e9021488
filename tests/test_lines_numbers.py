"""Tables of estimates in the terminal: columns stay apart, ranges are read as ranges, places are named rightly."""

from __future__ import annotations

import re
from typing import Any

import pytest

from isocenter.lines import SECTIONS
from isocenter.lines.numbers import number

HOLDOUT = {"kind": "holdout", "splits": 1, "repeats": 1}


def row(metric: str, value: float, low: float | None = None, high: float | None = None, **more: Any) -> dict[str, Any]:
    same = {"part": "test", "group": None, "class": None, "n_cases": 40, "n_patients": 40, "n_events": 9}
    return {**same, "metric": metric, "value": value, "low": low, "high": high, **more}


def shown(estimates: dict[str, list[dict[str, Any]]], design: dict[str, Any], confusion: Any = ()) -> list[str]:
    results = {name: {"method": name, "estimates": rows, "confusion": confusion} for name, rows in estimates.items()}
    models = {name: {"role": "primary"} for name in estimates}
    whole = {
        "looks": 1,
        "design": design,
        "models": models,
        "best_on_tuning": "forest",
        "primary": next(iter(estimates)),
    }
    return list(SECTIONS["results"](results, whole))


def test_a_range_is_read_as_one() -> None:
    assert number(row("bias", -11.614, -14.753, -8.474)) == "-11.6140 (-14.753 to -8.474)"
    assert number(row("auc", 0.8)) == "0.8000"
    assert number(None) == "-"
    assert number(row("ccc", -1e-17)) == "0.0000"
    assert number(row("ccc", -1e-17, -4e-4, 0.2)) == "0.0000 (0.000 to 0.200)"


def test_columns_of_a_regression_do_not_run_into_each_other() -> None:
    names = ("forest", "a-method-with-a-name-of-thirty", "mean")
    rows = [
        row("median_absolute_error", 4.5457),
        row("bias", -1234.5678, -14753.123, 8474.456),
        row("mae", 45.159, 38.1, 52.3),
    ]
    head, *lines, best = shown(dict.fromkeys(names, rows), HOLDOUT)[2:]
    assert best == "Best on tuning data: forest"
    assert head.split() == list(names)
    cells = {title: told for title, *told in (re.split(r" {2,}", line) for line in lines)}
    assert cells == {one["metric"].replace("_", " "): [number(one)] * 3 for one in rows}
    for line in lines:
        assert [m.start() for m in re.finditer(r"(?<=  )[-\d]", line)] == [
            head.index(f"  {name}") + 2 for name in names
        ]


@pytest.mark.parametrize(
    "design, place",
    [
        (HOLDOUT, "on the test part"),
        ({"kind": "kfold", "splits": 5, "repeats": 1}, "over all folds"),
        ({"kind": "leave-one-out", "splits": 3, "repeats": 1}, "over all folds"),
        ({"kind": "kfold", "splits": 10, "repeats": 2}, "in the first repeat"),
    ],
)
def test_where_the_counts_come_from(design: dict[str, Any], place: str) -> None:
    matrix = {"part": "test", "group": None, "classes": ["no", "yes"], "matrix": [[20, 3], [4, 13]]}
    lines = shown({"forest": [row("auc", 0.8)]}, design, [matrix])
    assert f"Confusion matrix of forest {place} (rows true, columns predicted)" in lines


def test_labels_and_thresholds_stand_in_columns() -> None:
    label = "a finding with a very long name, longer than any column that is kept for it"
    rows = [row(m, 0.5, 0.25, 0.75, **{"class": label}) for m in ("auc", "sensitivity", "specificity", "ppv")]
    matrix = {"part": "test", "group": None, "class": label, "classes": ["0", "1"], "matrix": [[1, 2], [3, 4]]}
    lines = shown({"forest": [row("auc", 0.5), *rows]}, HOLDOUT, [matrix])
    assert f"{label}  9" in lines[-1]
    assert re.split(r" {2,}", lines[-1])[2:] == ["0.5000 (0.250 to 0.750)"] * 4
    point = {
        "criterion": "c" * 60,
        "class": None,
        "threshold": 0.25,
        "test": {"sensitivity": [0.5, 0.25, 0.75, "wilson"]},
    }
    found = {"counts": {"found": 1, "used": 1, "refused": 0, "unlabelled": 0}, "side_by_side": [], "model": "m",
             "evaluation": {"estimates": [], "confusion": [], "points": [point]}, "case_mix": []}  # fmt: skip
    lines = list(SECTIONS["external"](found, {"project": "p"}))
    assert re.split(r" {2,}", lines[-2]) == ["c" * 60, "0.250", "0.5000 (0.250 to 0.750)", "-"]
