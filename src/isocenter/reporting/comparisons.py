"""Methods against each other, as a table: what may be claimed, and the numbers behind it."""

from __future__ import annotations

import math
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
