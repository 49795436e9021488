"""Readers with each other, and the model beside them: does it agree with them as they do among themselves?

Classes: Cohen's kappa (quadratic weights for grades) of each pair, Fleiss' kappa, AC1 and
Krippendorff's alpha of all; measurements: Lin's concordance and Bland-Altman of each pair, ICC of all.
A reader stands against the consensus of the *others*: with a vote in it he would agree with himself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from isocenter.cohort import Target, Task
from isocenter.metrics import Floats, Ints
from isocenter.metrics import agreement as a
from isocenter.metrics import readers as r
from isocenter.metrics.bootstrap import bootstrap, percentiles
from isocenter.metrics.icc import icc_columns, icc_interval, icc_of, mean_squares_of
from isocenter.metrics.intervals import NONE, Interval
from isocenter.metrics.regression import ccc, error_columns, moments_of

ALL, TEST = "all", "test"
OTHERS = "consensus of the others"
_RULES = ("majority", "unanimous", "mean", "median")


@dataclass(frozen=True, eq=False)
class Readings:
    """One column a reader as numbers, NaN where he did not read.

    values: (n, readers) class codes or measurements; names: (readers,); patients: (n,) codes; classes: of the
    target, then those that only readers use, () for measurements; graded: whether these are in order.
    """

    values: Floats
    names: tuple[str, ...]
    patients: Ints
    classes: tuple[str, ...] = ()
    graded: bool = False

    @classmethod
    def of(cls, table: pd.DataFrame, target: Target, patients: Sequence[object]) -> Readings:
        """From columns of class names or measurements."""
        codes = pd.factorize(np.asarray(patients, dtype=object))[0].astype(np.int64)
        if target.is_value:
            return cls(table.to_numpy(dtype=np.float64), tuple(map(str, table)), codes)
        extra = sorted({str(v) for c in table for v in table[c].dropna()} - set(target.classes))
        classes = (*target.classes, *extra)
        graded = target.task is Task.ORDINAL and not extra
        return cls(
            np.column_stack([encode(table[c], classes) for c in table]), tuple(map(str, table)), codes, classes, graded
        )

    @property
    def weighting(self) -> a.Weighting:
        return "quadratic" if self.graded else "nominal"

    def select(self, rows: Ints) -> Readings:
        patients = pd.factorize(self.patients[rows])[0].astype(np.int64)
        return Readings(self.values[rows], self.names, patients, self.classes, self.graded)

    def without_last(self) -> Readings:
        """With one column less: what `beside` has joined."""
        return Readings(self.values[:, :-1], self.names[:-1], self.patients, self.classes, self.graded)

    def beside(self, name: str, column: Floats) -> Readings:
        """With one column more."""
        values = np.column_stack([self.values, column])
        return Readings(values, (*self.names, name), self.patients, self.classes, self.graded)


def encode(values: pd.Series, classes: Sequence[str]) -> Floats:
    """(n,) codes of class names, NaN where missing."""
    codes = pd.Index(classes).get_indexer(pd.Index(values.astype(object))).astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


def evaluate_readers(
    readings: Readings,
    tested: Ints,
    predicted: Floats,
    reference: Floats,
    *,
    model: str,
    rule: str | None,
    unresolved: int = 0,
    seed: int = 0,
    draws: int = 2000,
) -> dict[str, Any]:
    """Plain data: pairs and coefficients of all cases read; on the test part the model and the consensus beside them.

    tested: (t,) rows of `readings` in the test part; predicted, reference: (t,) codes or measurements; rule: how the
    reference was made of these readers ("majority"... or a reader's name), None where it was not; unresolved: so many
    rows have no reference because readers differ. These are never tested: on the rest readers agree by selection.
    """
    how = {"seed": seed, "draws": draws}
    beside = readings.select(tested).beside(model, predicted)
    among = _pairs(readings, ALL, how)
    pairs = [*among, *_pairs(beside, TEST, how)]
    pairs += [*_against_others(readings, ALL, rule, how), *_against_reference(beside, reference, rule, how)]
    if len(np.unique(tested)) == len(readings.values):  # every case is tested: what has no model in it is told already
        told = {(one["first"], one["second"]) for one in pairs if one["part"] == ALL}
        pairs = [one for one in pairs if one["part"] == ALL or (one["first"], one["second"]) not in told]
    as_they_do = _as_they_do(beside, how)
    if as_they_do and unresolved:
        as_they_do |= {"unresolved": unresolved, "readers_all": _mean(one["value"] for one in among)}
    return {
        "model": model,
        "names": list(readings.names),
        "read": {name: int(np.isfinite(readings.values[:, i]).sum()) for i, name in enumerate(readings.names)},
        "overall": _overall(readings, how),
        "pairs": pairs,
        "as_they_do": as_they_do,
        "sentence": _sentence(as_they_do, model),
    }


def _pairs(readings: Readings, part: str, how: Mapping[str, int]) -> list[dict[str, Any]]:
    if readings.classes:
        k, weighting = len(readings.classes), readings.weighting
        every = r.pairs(readings.values, k, readings.names, weighting, patients=readings.patients, **how)
        return [_pair(one, part, weighting) for one in every]
    every_measured = r.measured_pairs(readings.values, readings.names, patients=readings.patients, **how)
    return [_measured(one, part) for one in every_measured]


def _pair(one: r.Pair, part: str, weighting: str) -> dict[str, Any]:
    head = {"part": part, "first": one.first, "second": one.second, "n": one.n}
    kappa = "kappa" if weighting == "nominal" else f"{weighting} kappa"
    return {**head, "coefficient": kappa, **_number(one.kappa, one.kappa_interval), "why": one.why,
            "agreement": _plain(one.agreement)}  # fmt: skip


def _measured(one: r.MeasuredPair, part: str) -> dict[str, Any]:
    d = one.differences
    head = {"part": part, "first": one.first, "second": one.second, "n": d.n, "coefficient": "concordance"}
    limits = {"bias": _plain(d.bias), "limits": [_plain(d.low), _plain(d.high)]}
    return {**head, **_number(one.concordance, one.concordance_interval), "why": one.why, **limits}


def _against_reference(
    beside: Readings, reference: Floats, rule: str | None, how: Mapping[str, int]
) -> list[dict[str, Any]]:
    """The model against the reference; each reader against it too, or against the consensus of the others."""
    last = len(beside.names) - 1
    found = _against_others(beside.without_last(), TEST, rule, how)
    for i in range(last if found else 0, last + 1):
        if beside.names[i] != rule:
            found += _against(beside, i, reference, "reference" if rule is None else "consensus", TEST, how)
    return found


def _against_others(readings: Readings, part: str, rule: str | None, how: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each reader against the consensus of the others; [] where the reference is none of all readers."""
    found: list[dict[str, Any]] = []
    for i in range(len(readings.names) if rule in _RULES else 0):
        others = r.consensus(np.delete(readings.values, i, axis=1), rule).values  # type: ignore[arg-type]
        found += _against(readings, i, others, OTHERS, part, how)
    return found


def _against(
    readings: Readings, i: int, other: Floats, name: str, part: str, how: Mapping[str, int]
) -> list[dict[str, Any]]:
    """A column against one more."""
    both = np.column_stack([readings.values[:, i], other])
    names = (readings.names[i], name)
    return _pairs(Readings(both, names, readings.patients, readings.classes, readings.graded), part, how)


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _overall(readings: Readings, how: Mapping[str, int]) -> list[dict[str, Any]]:
    """All readers at once, on the cases that two or more (for the ICC: that all) have read."""
    shared = int((np.isfinite(readings.values).sum(axis=1) > 1).sum())
    if readings.classes:
        scale: a.Scale = "ordinal" if readings.graded else "nominal"
        every = r.coefficients(readings.values, len(readings.classes), scale, patients=readings.patients, **how)
        return [{"name": one.name, "n": shared, **_number(one.value, one.interval), "why": one.why} for one in every]
    columns = icc_columns(readings.values)
    complete = int(columns[:, 0].sum())
    found = {
        "icc": (lambda w: icc_of(mean_squares_of(w @ columns), "2"), icc_interval(readings.values)),
        "krippendorff_alpha": (lambda w: a.krippendorff_alpha(readings.values, "interval", w), NONE),
    }
    rows = []
    for name, (measure, closed) in found.items():
        value, interval, why = _drawn(measure, readings.patients, closed, how)
        if not math.isfinite(value):
            why = r.NOT_TWO if name != "icc" else f"{complete} cases that all have measured"
        n = complete if name == "icc" else shared
        rows.append({"name": name, "n": n, **_number(value, interval), "why": why})
    return rows


def _drawn(
    measure: Callable[[Floats], Floats], patients: Ints, closed: Interval, how: Mapping[str, int]
) -> tuple[float, Interval, str]:
    """Value, interval, why none: the closed form for one case a patient, if there is one, else by bootstrap."""
    value, n = float(measure(np.ones(len(patients)))), int(patients.max(initial=-1)) + 1
    if not math.isfinite(value) or n < 2 or (closed is not NONE and n == len(patients)):
        return value, closed if n == len(patients) else NONE, ""
    drawn = bootstrap(lambda w: {"value": measure(w)}, patients, draws=how["draws"], seed=how["seed"])
    p = percentiles(drawn["value"])
    return value, p.interval, r.no_interval(p) if p.interval is NONE else ""


def _as_they_do(beside: Readings, how: Mapping[str, int]) -> dict[str, Any]:
    """Mean agreement of the model (last column) with the readers, of readers with each other, and the difference."""
    last = len(beside.names) - 1
    scales = {pair: _of_pair(beside, *pair) for pair in combinations(range(last + 1), 2)}
    every = np.ones(len(beside.patients))
    known = {pair: one for pair, one in scales.items() if math.isfinite(float(one(every)))}
    own = [one for pair, one in known.items() if last in pair]
    theirs = [one for pair, one in known.items() if last not in pair]
    if not own or not theirs:
        return {}

    def measures(w: Floats) -> dict[str, Floats]:
        model, readers = (np.mean([one(w) for one in some], axis=0) for some in (own, theirs))
        return {"model": model, "readers": readers, "difference": model - readers}

    point, n = {k: float(v) for k, v in measures(every).items()}, int(beside.patients.max(initial=-1)) + 1
    drawn = bootstrap(measures, beside.patients, draws=how["draws"], seed=how["seed"]) if n > 1 else {}
    spread = {k: percentiles(v).interval for k, v in drawn.items()}
    coefficient = "concordance" if not beside.classes else "kappa"
    return {"coefficient": coefficient, **{k: _number(v, spread.get(k, NONE)) for k, v in point.items()}}


def _of_pair(readings: Readings, i: int, j: int) -> Callable[[Floats], Floats]:
    """Kappa or concordance of two columns under case weights (..., n)."""
    one, other = readings.values[:, i], readings.values[:, j]
    if readings.classes:
        pairs = a.pair_columns(one, other, len(readings.classes), readings.weighting)
        return lambda w: a.kappa_of_columns(w @ pairs, readings.weighting)
    both = np.isfinite(one) & np.isfinite(other)
    errors = error_columns(one[both], other[both])
    return lambda w: ccc(moments_of(w[..., both] @ errors))


def _sentence(found: Mapping[str, Any], model: str) -> str:
    if not found:
        return f"Whether {model} agrees with readers as they do among themselves cannot be told on the test part."
    own, theirs, apart = found["model"], found["readers"], found["difference"]
    head = f"{model} and readers: mean {found['coefficient']} {own['value']:.2f}; readers among themselves"
    if found.get("unresolved"):
        return f"{head} {theirs['value']:.2f} on the same tested cases{_selected(found, model)}"
    head += f" {theirs['value']:.2f}; difference {apart['value']:+.2f}"
    if apart["low"] is None:
        return f"{head}."
    told = "less than they do among themselves" if apart["high"] < 0 else "more than they do among themselves"
    claim = f"{model} agrees with them {told}" if apart["high"] < 0 or apart["low"] > 0 else (
        "the data cannot tell these apart"
    )  # fmt: skip
    return f"{head} ({apart['low']:+.2f} to {apart['high']:+.2f}): {claim}."


def _selected(found: Mapping[str, Any], model: str) -> str:
    """Why the two means cannot be compared."""
    n, every = found["unresolved"], found["readers_all"]
    said = "" if every is None else f", {every:.2f} on all that they read"
    who = "1 case, on which readers differ, has" if n == 1 else f"{n} cases, on which readers differ, have"
    return (
        f"{said}. {who} no consensus and {'is' if n == 1 else 'are'} not tested, so readers agree better on the tested "
        f"cases by selection: whether {model} agrees with them as they do among themselves cannot be told."
    )


def _number(value: float, interval: Interval) -> dict[str, Any]:
    return {"value": _plain(value), "low": _plain(interval.low), "high": _plain(interval.high), "how": interval.how}


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
