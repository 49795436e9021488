"""What surrounds the numbers: is the sample large enough, do metadata give the answer away, what do seeds do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isocenter.reporting.study import Study
from isocenter.reporting.words import DASH, NOTHING, decimal, quantity, title

MOST_COLUMNS = 10


def around(study: Study) -> dict[str, Any]:
    """Sections that are known, each {} or [] where it is not."""
    known = study.around
    return {
        "sample": sample_size(known.get("sample_size") or {}),
        "shortcuts": [_column(row) for row in (known.get("shortcuts") or ())[:MOST_COLUMNS]],
        "seeds": _seeds(known.get("seeds") or {}, study.several),
        "learning": learning_curve(known.get("learning") or {}),
    }


def sample_size(sample: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict and a row a criterion, from `sample_size.json`; {} without it."""
    if not sample:
        return {}
    rows = [
        {
            "name": row["name"],
            "needed": _number(row["needed"]),
            "have": _number(row["have"]),
            "met": {True: "met", False: "not met", None: ""}[row["met"]],
            "sentence": row["sentence"],
        }
        for row in sample["rows"]
    ]
    return {"summary": sample["summary"], "rows": rows}


def _number(value: float | None) -> str:
    return NOTHING if value is None else quantity(float(value))


def _column(row: dict[str, Any]) -> dict[str, str]:
    if row["auc"] is None:
        return {"name": row["column"], "value": NOTHING, "interval": ""}
    ranged = row["low"] is not None and row["high"] is not None
    interval = f"{decimal(row['low'])}{DASH}{decimal(row['high'])}" if ranged else ""
    return {"name": row["column"], "value": decimal(row["auc"]), "interval": interval}


def _seeds(seeds: dict[str, Any], several: bool) -> dict[str, Any]:
    if not seeds:
        return {}
    bands = [band for band in seeds["bands"] if band["metric"] == seeds["metric"] and band["mean"] is not None]
    return {
        "how": seeds["how"],
        "metric": title(seeds["metric"], several),
        "rows": [
            {
                "name": band["method"],
                "band": f"{decimal(band['smallest'])} to {decimal(band['largest'])}",
                "mean": decimal(band["mean"]),
                "sd": decimal(band["sd"] or 0.0),
            }
            for band in bands
        ],
        "sentences": [difference["sentence"] for difference in seeds["differences"]],
    }


def learning_curve(learning: Mapping[str, Any]) -> dict[str, Any]:
    """Its points and what they say, from `learning.json`; {} without it."""
    if not learning:
        return {}
    points = [p for p in learning["points"] if p["value"] is not None]
    told = [{"patients": f"{p['patients']:.0f}", "value": decimal(p["value"])} for p in points]
    metric = title(learning["metric"])
    return {"method": learning["method"], "metric": metric, "points": told, "sentence": learning["sentence"]}
