"""Methods against each other, and readers: what may be claimed, and the numbers behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from isocenter.evaluation import Comparison
from isocenter.evaluation.claims import summing_up
from isocenter.reporting.study import Study
from isocenter.reporting.words import NOTHING, title


def comparisons(study: Study) -> dict[str, Any]:
    """The claim in one sentence, and a row a comparison; {} where there is nothing to compare."""
    if not study.comparisons:
        return {}
    rows = [_row(one, study.several) for one in study.comparisons]
    return {"claim": summing_up(study.comparisons), "rows": rows}


def _row(one: Comparison, several: bool) -> dict[str, str]:
    method = one.method if one.group is None else f"{one.method}, {one.group}"
    return {
        "method": method,
        "against": one.called or one.against,
        "metric": title(one.metric, several),
        "difference": _signed(one.difference),
        "interval": f"{_signed(one.low)} to {_signed(one.high)}" if math.isfinite(one.low) else "",
        "p": _p(one.p),
        "p_adjusted": _p(one.p_adjusted),
        "sentence": one.sentence,
    }


def _signed(value: float) -> str:
    """Three decimals with a sign; a minus that is one, and none before 0."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:+.3f}" if abs(value) < 10 else f"{value:+.4g}"
    return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", "−")


def _p(p: float) -> str:
    if not math.isfinite(p):
        return NOTHING
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def readers(found: Mapping[str, Any], several: bool) -> dict[str, Any]:
    """How readers agree, all at once and pair by pair, and the model with them; {} without readers.

    found: `evaluation.readers`; several: whether every case is tested, in one of several splits.
    """
    if not found:
        return {}
    overall = [{"name": one["name"].replace("_", " "), "n": str(one["n"]), **_cell(one)} for one in found["overall"]]
    keys = ("first", "second", "coefficient")
    parts = {"all": "all cases", "test": "tested cases" if several else "test part"}
    pairs = [
        {**{k: one[k] for k in keys}, "part": parts.get(one["part"], one["part"]), "n": str(one["n"]), **_cell(one)}
        for one in found["pairs"]
    ]
    return {"sentence": found["sentence"], "overall": overall, "pairs": pairs}


def _cell(one: Mapping[str, Any]) -> dict[str, str]:
    """A number and its interval, or why there is none."""
    value, low, high = one["value"], one["low"], one["high"]
    text = NOTHING if value is None else f"{value:.2f}".replace("-", "−")
    interval = "" if low is None else f"{low:.2f} to {high:.2f}".replace("-", "−")
    return {"value": text, "interval": interval, "why": one.get("why", "")}
