"""Tables of estimates: of the test part, of labels, of an external test; confusion matrices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

_CLASS_METRICS = ("auc", "accuracy", "balanced_accuracy", "average_precision", "partial_auc", "sensitivity",
                  "specificity", "ppv", "npv", "f1", "brier")  # fmt: skip


_CALIBRATION = ("calibration_slope", "calibration_in_the_large")


_OF_GRADES = ("ordinal_c_index", "kappa_quadratic", "kappa_linear", "grade_error", "rps")


_OF_LABELS = ("micro_f1", "exact_match", "hamming_loss")


_OF_VALUES = ("mae", "rmse", "r2", "spearman", "ccc", "median_absolute_error", "bias", "agreement_low",
              "agreement_high")  # fmt: skip


_METRICS = (*_OF_GRADES, *_CLASS_METRICS, *_OF_LABELS, *_OF_VALUES)


_OF_A_LABEL = ("auc", "sensitivity", "specificity", "ppv")


def results(results: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """The test part's estimates, a column a method, then the confusion matrix of the primary one."""
    names = list(results)
    rows = {name: _whole(results[name]) for name in names}
    first = next(iter(rows[names[0]].values()))
    looks = result["looks"]
    yield ""
    design = result["design"]
    part = "Test part" if design["splits"] == 1 else f"Tested in {design['splits']} folds"
    known = (result.get("cohort") or {}).get("patients") is not None
    who = f"{first['n_cases']} cases" + (f" of {first['n_patients']} patients" if known else "")
    often = f", each {design['repeats']} times" if design["repeats"] > 1 else ""
    yield f"{part}: {who}{often}; look {looks} at {'it' if design['splits'] == 1 else 'them'}; 95 % intervals"
    shown = [metric for metric in _METRICS if any(metric in rows[name] for name in names)]
    cells = [[metric.replace("_", " "), *(number(rows[name].get(metric)) for name in names)] for metric in shown]
    yield from _aligned([["", *names], *cells], (20,))
    if len([n for n in names if result["models"][n]["role"] != "floor"]) > 1:
        yield f"Best on tuning data: {result['best_on_tuning']}"
    yield from _confusion(results[result["primary"]], result)


def _aligned(rows: list[list[str]], least: tuple[int, ...]) -> Iterator[str]:
    """Rows of as many cells, two blanks or more between them; `least`: widths of the first columns, else 24."""
    longest = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    widths = [max(pair) for pair in zip(longest, (*least, *[24] * len(longest)), strict=False)]
    for row in rows:
        yield "".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _whole(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The test part's estimates of the whole, by metric."""
    return {
        row["metric"]: row
        for row in evaluation["estimates"]
        if row["part"] == "test" and row["group"] is None and row["class"] is None
    }


def number(row: dict[str, Any] | None) -> str:
    """0.8410 (0.628 to 0.943); the value alone where it has no interval, - where there is none."""
    if row is None or row["value"] is None:
        return "-"
    if row["low"] is None or not math.isfinite(row["low"]):
        return f"{row['value']:z.4f}"
    return f"{row['value']:z.4f} ({row['low']:z.3f} to {row['high']:z.3f})"


def _labels(evaluation: dict[str, Any], where: str, part: str = "test") -> Iterator[str]:
    """A line a label in the place of a confusion matrix each."""
    found = {(row["metric"], row["class"]): row for row in evaluation["estimates"] if _whole_of(row, part)}
    names = [one["class"] for one in evaluation["confusion"] if _whole_of(one, part) and "class" in one]
    if names:
        yield ""
        yield f"Labels of {evaluation['method']} on {where}"
        rows = [
            [name, str(found["auc", name]["n_events"]), *(number(found.get((m, name))) for m in _OF_A_LABEL)]
            for name in names
        ]
        yield from _aligned([["", "cases", *_OF_A_LABEL], *rows], (7, 8))


def _whole_of(row: dict[str, Any], part: str) -> bool:
    return bool(row["part"] == part and row["group"] is None)


def _confusion(evaluation: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    yield from _labels(evaluation, "the test part")
    for matrix in evaluation["confusion"]:
        if _whole_of(matrix, "test") and "class" not in matrix:
            classes = [str(c) for c in matrix["classes"]]
            width = max(6, *(len(c) for c in classes)) + 2
            yield ""
            yield f"Confusion matrix of {result['primary']} {_place(result['design'])} (rows true, columns predicted)"
            yield " " * width + "".join(f"{c:>{width}}" for c in classes)
            for name, counts in zip(classes, matrix["matrix"], strict=True):
                yield f"{name:>{width}}" + "".join(f"{n:>{width}}" for n in counts)


def _place(design: dict[str, Any]) -> str:
    """Where the counts of one prediction a case come from."""
    if design["splits"] == 1:
        return "on the test part"
    return "in the first repeat" if design["repeats"] > 1 else "over all folds"


def external(found: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """A saved model on other cases: counts, numbers beside its own, labels, thresholds, case mix."""
    counts = found["counts"]
    yield (
        f"External  {counts['found']} cases found = {counts['used']} used + {counts['refused']} refused "
        f"+ {counts['unlabelled']} without a reference"
    )
    rows = {row["metric"]: row for row in found["side_by_side"] if row["class"] is None}
    columns = [c for c in ("tuning", "test", "external", "recalibrated") if any(c in row for row in rows.values())]
    yield ""
    shown = [metric for metric in rows if metric in (*_METRICS, *_CALIBRATION)]
    cells = [[metric.replace("_", " "), *(number(rows[metric].get(c)) for c in columns)] for metric in shown]
    yield from _aligned([[f"{found['model']}, 95 % intervals", *columns], *cells], (44,))
    yield from _labels(found["evaluation"], "the external cases", "external")
    yield from _thresholds(found["evaluation"]["points"])
    if notable := [r for r in found["case_mix"] if r["difference"] is not None and abs(r["difference"]) > 0.1]:
        told = ", ".join(f"{r['name']} ({r['difference']:+.2f})" for r in notable[:8])
        yield f"Case mix  differs from training (standardised difference above 0.1): {told}"
    yield f"Written   {result['project']}"


def _thresholds(points: list[dict[str, Any]]) -> Iterator[str]:
    """Operating points that were chosen at home, as they are read there."""
    if points:
        yield ""
        rows = [_threshold(point) for point in points]
        yield from _aligned([["Thresholds chosen at home", "threshold", "sensitivity", "specificity"], *rows], (44, 12))


def _threshold(point: dict[str, Any]) -> list[str]:
    name = point["criterion"] if point["class"] is None else f"{point['class']}: {point['criterion']}"
    told = "-" if point["threshold"] is None else f"{point['threshold']:.3f}"
    shares = (point["test"].get(share, [None] * 3)[:3] for share in ("sensitivity", "specificity"))
    return [name, told, *(number(dict(zip(("value", "low", "high"), one, strict=True))) for one in shares)]
