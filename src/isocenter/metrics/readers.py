"""Several readers: a consensus label, readers (and a model) against each other, and all of them at once.

Readings are one row a case, one column a reader: class codes 0..k-1 or measurements, NaN where one did
not read. A model is one more column. What two readers share too little for is NaN, with the reason.
Several cases a patient: intervals by bootstrap of patients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isocenter.errors import BadShape, BadValues, UsageError
from isocenter.metrics import Floats, Ints
from isocenter.metrics import agreement as a
from isocenter.metrics.bootstrap import MOST_UNDEFINED, Percentiles, bootstrap, percentiles
from isocenter.metrics.differences import BlandAltman, bland_altman
from isocenter.metrics.intervals import NONE, Interval, wilson
from isocenter.metrics.regression import ccc, ccc_interval, error_columns, moments_of

Rule = Literal["majority", "unanimous", "mean", "median"]
Draw = tuple[int, int]  # number of bootstrap draws, seed
NO_OVERLAP = "no case that both have read"
NOT_TWO = "no case that two have read"
ONE_CASE = "a single case that both have read"
ONE_CLASS = "one class only: chance alone agrees"


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """values: (n,) label or number, NaN where there is none.

    how: (n,) "unanimous", "majority", "senior", "mean", "median"; without a value "tie",
    "disagreement" or "too few readers".
    """

    values: Floats
    how: NDArray[np.str_]


class Pair(NamedTuple):
    """Two readers on the n cases that both have read; why: what keeps kappa or its interval from being given."""

    first: str
    second: str
    n: int
    agreement: float
    agreement_interval: Interval
    kappa: float
    kappa_interval: Interval
    why: str


class MeasuredPair(NamedTuple):
    """Two readers' measurements: the second's less the first's, and Lin's concordance."""

    first: str
    second: str
    differences: BlandAltman
    concordance: float
    concordance_interval: Interval
    why: str


class Coefficient(NamedTuple):
    """Agreement of all readers by one coefficient."""

    name: str
    value: float
    interval: Interval
    why: str


def consensus(readings: ArrayLike, rule: Rule = "majority", *, senior: int | None = None, least: int = 1) -> Consensus:
    """One label or number a case. least: readings that a case needs.

    - majority: the label with most votes. A tie has none, unless `senior` (a column) gave one of the
      labels that are tied: then that one.
    - unanimous: the label that all gave who read it.
    - mean, median: of the measurements.

    A reader who is compared with the consensus should not have a vote in it: leave the column out.
    """
    values = _table(readings)
    if rule not in get_args(Rule):
        raise UsageError(f"There is no rule {rule!r} for a consensus.", f"Choose one of {', '.join(get_args(Rule))}.")
    if senior is not None and not 0 <= senior < values.shape[1]:
        raise BadValues(f"There is no reader {senior} among {values.shape[1]}.", "Columns count from 0.")
    enough = np.isfinite(values).sum(axis=1) >= max(least, 1)
    if rule in ("mean", "median"):
        centre = np.nanmean if rule == "mean" else np.nanmedian
        found, how = np.full(len(values), np.nan), np.where(enough, rule, "too few readers")
        found[enough] = centre(values[enough], axis=1)
        return Consensus(found, how)
    return _voted(values, enough, rule, senior)


def _voted(values: Floats, enough: NDArray[np.bool_], rule: Rule, senior: int | None) -> Consensus:
    labels = np.append(np.unique(values[np.isfinite(values)]), np.nan)  # NaN wins where nobody voted
    votes = (values[:, :, None] == labels).sum(axis=1)
    most = votes.max(axis=1)
    leaders = votes == most[:, None]
    agreed, tied = most == np.isfinite(values).sum(axis=1), leaders.sum(axis=1) > 1
    winner = labels[leaders.argmax(axis=1)]
    if rule == "unanimous":
        how = np.select([~enough, agreed], ["too few readers", "unanimous"], "disagreement")
        return Consensus(np.where(enough & agreed, winner, np.nan), how)
    own = np.full(len(values), np.nan) if senior is None else values[:, senior]
    decides = tied & (leaders & (labels == own[:, None])).any(axis=1)
    outcomes = ["too few readers", "unanimous", "majority", "senior"]
    how = np.select([~enough, agreed, ~tied, decides], outcomes, "tie")
    return Consensus(np.select([~enough, ~tied, decides], [np.full(len(own), np.nan), winner, own], np.nan), how)


def pairs(
    readings: ArrayLike,
    n_classes: int,
    names: Sequence[str] | None = None,
    weighting: a.Weighting = "nominal",
    *,
    patients: Ints | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> list[Pair]:
    """Every reader's classes against every other's, in the order of the columns. patients: (n,) codes."""
    values, called, whose = _given(readings, names, patients)
    a.codes_of(values, n_classes, dimensions=2)

    def compare(i: int, j: int) -> Pair:
        both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
        columns = a.pair_columns(values[both, i], values[both, j], n_classes, weighting)
        table = a.pair_table(values[both, i], values[both, j], n_classes)
        return Pair(called[i], called[j], len(columns), *_agreed(columns, table, weighting, whose[both], (draws, seed)))

    return [compare(i, j) for i, j in combinations(range(values.shape[1]), 2)]


def _agreed(
    columns: Floats, table: Floats, weighting: a.Weighting, patients: Ints, draw: Draw
) -> tuple[float, Interval, float, Interval, str]:
    n, k, alike = len(columns), len(table), float(np.trace(table))
    if n < 2:
        return (alike / n if n else math.nan), NONE, math.nan, NONE, ONE_CASE if n else NO_OVERLAP
    agree = (columns[:, 1 : k + 1] * columns[:, k + 1 :]).sum(axis=1)

    def measures(w: Floats) -> dict[str, Floats]:
        return {"share": w @ agree / w.sum(axis=-1), "kappa": a.kappa_of_columns(w @ columns, weighting)}

    kappa, n_patients = float(measures(np.ones(n))["kappa"]), len(np.unique(patients))
    scaled = n_patients / n  # a closed form counts patients, not cases
    closed = {"share": wilson(alike * scaled, n_patients), "kappa": a.table_interval(table * scaled, weighting)}
    found, why = _intervals(measures, closed, set(closed), patients, draw)
    return alike / n, found["share"], kappa, found["kappa"], ONE_CLASS if math.isnan(kappa) else why["kappa"]


def measured_pairs(
    readings: ArrayLike,
    names: Sequence[str] | None = None,
    *,
    patients: Ints | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> list[MeasuredPair]:
    """Every reader's measurements against every other's: Bland-Altman, and Lin's concordance."""
    values, called, whose = _given(readings, names, patients)

    def compare(i: int, j: int) -> MeasuredPair:
        both = np.isfinite(values[:, i]) & np.isfinite(values[:, j])
        columns = error_columns(values[both, i], values[both, j])
        m = moments_of(columns.sum(axis=0))

        def measures(w: Floats) -> dict[str, Floats]:
            return {"ccc": ccc(moments_of(w @ columns))}

        found, why = _intervals(measures, {"ccc": ccc_interval(m)}, {"ccc"}, whose[both], (draws, seed))
        limits = bland_altman(values[both, i], values[both, j], whose[both])
        reason = why["ccc"] if both.any() else NO_OVERLAP
        return MeasuredPair(called[i], called[j], limits, float(ccc(m)), found["ccc"], reason)

    return [compare(i, j) for i, j in combinations(range(values.shape[1]), 2)]


def coefficients(
    readings: ArrayLike,
    n_classes: int,
    scale: a.Scale = "nominal",
    *,
    patients: Ints | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> list[Coefficient]:
    """All readers at once: percent agreement, Fleiss' kappa, AC1 and Krippendorff's alpha (on `scale`)."""
    values, _, whose = _given(readings, None, patients)
    columns = a.reader_columns(values, n_classes)
    read = columns[:, 0] > 0

    def measures(w: Floats) -> dict[str, Floats]:
        sums = w @ columns
        found = {"percent_agreement": a.agreement_of(sums), "fleiss_kappa": a.fleiss_of(sums), "ac1": a.ac1_of(sums)}
        return found | {"krippendorff_alpha": a.krippendorff_alpha(values, scale, w)}

    point = {name: float(value) for name, value in measures(np.ones(len(values))).items()}
    n_patients = len(np.unique(whose[read]))
    counting = n_patients / max(int(read.sum()), 1)
    closed = {
        "percent_agreement": wilson(point["percent_agreement"] * n_patients, n_patients),
        "fleiss_kappa": a.fleiss_interval(values, n_classes, counting=counting),
        "ac1": a.ac1_interval(values, n_classes, counting=counting),
        "krippendorff_alpha": NONE,
    }
    found, why = _intervals(measures, closed, {"fleiss_kappa", "ac1"}, whose, (draws, seed))
    missing = ONE_CLASS if read.any() else NOT_TWO
    return [Coefficient(k, v, found[k], missing if math.isnan(v) else why[k]) for k, v in point.items()]


def _intervals(
    measures: Callable[[Floats], Mapping[str, Floats]],
    closed: Mapping[str, Interval],
    exact: set[str],
    patients: Ints,
    draw: Draw,
) -> tuple[dict[str, Interval], dict[str, str]]:
    """The closed form of what is `exact`, with one case a patient; the rest by bootstrap of patients.

    Where all draws agree, percentiles would claim certainty: the closed form again. And why there is none.
    """
    codes = np.unique(patients, return_inverse=True)[1]
    n_patients, (draws, seed) = int(codes.max(initial=-1)) + 1, draw
    done = exact if n_patients == len(codes) else set()
    found, why = {name: closed[name] for name in done}, dict.fromkeys(closed, "")
    if not set(closed) - done or n_patients < 2 or draws == 0:
        return dict.fromkeys(closed, NONE) | found, why
    for name, values in bootstrap(measures, codes, draws=draws, seed=seed).items():
        if name not in done:
            p = percentiles(values)
            same = p.interval is NONE and p.undefined == 0
            found[name] = _of_patients(closed[name], n_patients < len(codes)) if same else p.interval
            why[name] = no_interval(p) if found[name] is NONE else ""
    return found, why


def no_interval(p: Percentiles) -> str:
    """Why draws give none: too many do not define the coefficient, or all that do are the same."""
    if p.undefined > MOST_UNDEFINED * p.draws:
        return f"not defined in {p.undefined} of {p.draws} draws"
    those = f"{p.draws - p.undefined} of {p.draws}" if p.undefined else f"all {p.draws}"
    return f"no interval: the same in {those} draws, which is no certainty"


def _of_patients(interval: Interval, clustered: bool) -> Interval:
    return interval._replace(how=f"{interval.how}-patients") if clustered and interval is not NONE else interval


def _table(readings: ArrayLike) -> Floats:
    values = np.asarray(readings, dtype=np.float64)
    if values.ndim != 2:
        raise BadShape(f"Readings of shape {values.shape}.", "Give one row a case and one column a reader.")
    return values


def _given(
    readings: ArrayLike, names: Sequence[str] | None, patients: Ints | None
) -> tuple[Floats, list[str], NDArray[np.int64]]:
    values = _table(readings)
    n, k = values.shape
    called = [f"reader {i + 1}" for i in range(k)] if names is None else list(names)
    whose = np.arange(n) if patients is None else np.asarray(patients)
    if len(called) != k or whose.shape != (n,):
        raise BadShape(f"{len(called)} names and {whose.size} patients for readings of shape {values.shape}.")
    return values, called, whose
