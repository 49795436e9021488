"""What a comparison of two methods is, and the sentence that it allows to say.

"Better" and "worse" need an interval on one side of 0 and a p, corrected for all comparisons of the
metric, below 0.05. With a margin that was declared before looking, a loss that the interval keeps below it
is "non-inferior". All else is "inconclusive": no proof that two methods are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from isocenter.metrics import comparison, larger_is_better

ALPHA = 0.05
NOT_GIVEN = "not-given"  # how: of a metric that the design gives to no method
_NAMES = {
    "auc": "AUC", "r2": "R²", "brier": "Brier score", "mae": "mean absolute error", "rmse": "root mean squared error",
    "rps": "ranked probability score", "ordinal_c_index": "ordinal c-index", "exact_match": "share of cases all right",
}  # fmt: skip
_IN_UNITS = frozenset({"mae", "rmse"})
_NUMBERS = ("difference", "low", "high", "p", "p_adjusted")


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same test cases: `method` minus `against`, or a method's two groups.

    difference, low, high: in the metric's units, 95 %; p: two-sided; p_adjusted: Holm's, over all
    comparisons of the metric (`family` of them); NaN where undefined. how: which test. margin: the loss of
    this metric that was declared tolerable, 0 for none. verdict: "better", "non-inferior", "inconclusive",
    "worse". floor: `against` is one, and sentences call it `called`. group: None, or of a difference between groups
    the first, `against` the second.
    """

    metric: str
    method: str
    against: str
    part: str
    group: str | None
    difference: float
    low: float
    high: float
    p: float
    how: str
    n_patients: int
    p_adjusted: float = math.nan
    family: int = 1
    margin: float = 0.0
    verdict: str = "inconclusive"
    floor: bool = False
    called: str = ""
    sentence: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A row for JSON; None for NaN."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Comparison:
        """The inverse of `to_dict`."""
        own = {f.name: row[f.name] for f in fields(cls) if f.name in row}
        return cls(**own | {k: math.nan if own[k] is None else float(own[k]) for k in _NUMBERS})


def corrected(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """The rows with Holm's p over all of one metric, verdict and sentence."""
    found = dict(enumerate(rows))
    for metric in dict.fromkeys(row.metric for row in rows):
        family = [i for i, row in found.items() if row.metric == metric]
        asked = sum(math.isfinite(found[i].p) for i in family)
        for i, p in zip(family, comparison.holm([found[i].p for i in family]), strict=True):
            row = replace(found[i], p_adjusted=float(p), family=asked)
            row = replace(row, verdict=_verdict(row))
            found[i] = replace(row, sentence=sentence(row))
    return tuple(found.values())


def _verdict(row: Comparison) -> str:
    plain = comparison.Comparison(row.difference, row.low, row.high, row.p, row.how)
    up = larger_is_better(row.metric)
    said = comparison.verdict(plain, row.margin, larger_is_better=up)
    clear = not row.p_adjusted >= ALPHA  # NaN: an interval without a p speaks for itself
    if said == "inconclusive" and clear and (row.high < 0 if up else row.low > 0):
        return "worse"  # a loss for certain, though perhaps a tolerable one
    if said in ("better", "worse") and not clear:
        return "non-inferior" if said == "better" and row.margin > 0 else "inconclusive"
    return said


def sentence(row: Comparison) -> str:
    """What the comparison allows to say, with its numbers.

    >>> row = Comparison("auc", "forest", "covariates", "test", None, 0.08, 0.02, 0.14, 0.01, "delong-paired", 99)
    >>> corrected([replace(row, called="age and sex", floor=True)])[0].sentence
    'forest is better than age and sex: AUC higher by 0.080 (0.020 to 0.140), p = .010.'
    """
    other = row.called or row.against
    if row.group is not None:
        return f"{row.method}, {row.group} against {row.against}: {_numbers(row)}."
    if not math.isfinite(row.difference):
        return f"{row.method} and {other}: {_name(row.metric)} cannot be compared on these cases."
    claim = {
        "better": f"{row.method} is better than {other}",
        "worse": f"{row.method} is worse than {other}",
        "non-inferior": f"{row.method} is not inferior to {other} (margin {row.margin:g})",
    }.get(row.verdict)
    if claim is None:
        lost = f"{row.method} is {_WORDS[_kind(row)]} {other}" if row.floor else ""
        claim = lost or f"the data cannot tell {row.method} and {other} apart"
    return f"{claim}: {_numbers(row)}."


def _numbers(row: Comparison) -> str:
    name, size = _name(row.metric), _size(row, abs(row.difference))
    none = float(size) == 0  # as it is shown: pooled values in a table may stand in the other order
    up = row.difference > 0 or none
    low, high = (row.low, row.high) if up else (-row.high, -row.low)
    by = f"{name} {'higher' if up else 'lower'} by {size}"
    if none:
        by = f"{name} differs by less than {_size(row, 0.001)}" if row.difference else f"{name} does not differ"
    if math.isfinite(row.low) and (row.low, row.high) != (0, 0):
        by += f" ({_size(row, low)} to {_size(row, high)})"
    if math.isfinite(row.p):
        by += f", p {_p(row.p)}"
    if row.family > 1 and math.isfinite(row.p_adjusted):
        by += f", {_p(row.p_adjusted).removeprefix('= ')} corrected for {row.family} comparisons"
    return by


def _size(row: Comparison, value: float) -> str:
    return f"{value:.3g}" if row.metric in _IN_UNITS else f"{value:.3f}".replace("-0.000", "0.000")


def _p(p: float) -> str:
    if p < 0.001:
        return "< .001"
    return "= 1" if p > 0.9995 else f"= {p:.3f}".replace("0.", ".", 1)


def _name(metric: str) -> str:
    return _NAMES.get(metric, metric.replace("_", " "))


def decisive(rows: Sequence[Comparison]) -> str | None:
    """The metric that claims are about: the first, which is the headline metric, unless the design does not give it.

    Where the test part does not define it, as without a class, no other takes its place.
    """
    return next((row.metric for row in rows if row.group is None and row.how != NOT_GIVEN), None)


def summing_up(rows: Sequence[Comparison]) -> str:
    """One sentence on the first row's method, which was best on tuning data, against all others; "" without rows."""
    metric = decisive(rows)
    own = [row for row in rows if row.metric == metric and row.group is None]
    if not own:
        return ""
    if not any(math.isfinite(row.difference) for row in own):
        return f"Nothing is claimed: {_name(own[0].metric)} cannot be compared on the cases that were tested."
    several, method = len({row.method for row in own}) > 1, own[0].method
    told = [text for text in (_told(kind, [r for r in own if r.method == method]) for kind in _WORDS) if text]
    return f"By {_name(own[0].metric)}, {method}{', the best on tuning data,' if several else ''} is {'; '.join(told)}."


def _kind(row: Comparison) -> tuple[str, bool]:
    """The verdict, and whether it is on a floor; "open" where only the correction for many takes it back."""
    if row.verdict == "inconclusive" and row.floor and (row.low > 0 or row.high < 0):
        return "open", True
    return row.verdict, row.floor


_WORDS = {
    ("open", True): "not shown, after correction, to be better than",
    ("better", False): "better than", ("better", True): "better than", ("non-inferior", False): "not inferior to",
    ("non-inferior", True): "not inferior to", ("worse", False): "worse than", ("worse", True): "worse than",
    ("inconclusive", True): "no better than", ("inconclusive", False): "not to be told apart from",
}  # fmt: skip


def _told(kind: tuple[str, bool], rows: Sequence[Comparison]) -> str:
    """The words of one verdict, on floors or on methods, and whom they are about."""
    names = [r.called or r.against for r in rows if _kind(r) == kind and math.isfinite(r.difference)]
    return f"{_WORDS[kind]} {listed(names, 'or' if kind[0] in ('inconclusive', 'open') else 'and')}" if names else ""


def listed(names: Sequence[str], word: str = "and") -> str:
    """Names with commas and a last "and"."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last
