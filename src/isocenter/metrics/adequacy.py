"""Is the cohort large enough? Riley's criteria and the test part's precision, said before training.

Plain data: rows of what is needed and what is there, and sentences. Patients are counted, not images.
Where nothing is known of the problem a Nagelkerke R2 of 0.15 is supposed (Riley et al., BMJ 2020), and it is said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from isocenter.metrics import sample_size as needs
from isocenter.metrics.intervals import expected_auc_width, wilson

TEST_EVENTS = 100  # fewer of the rarer kind in a test part say little (Collins, Ogundimu and Altman, Stat Med 2016)
HOLD_OUT, REPEATED = "hold-out", "repeated cross-validation"
SETTLED = 10  # repeats, below which the intervals of cross-validation are matters of chance (benchmarks/resampling.py)
_SHARE = 0.8  # sensitivity and specificity supposed for their expected width


@dataclass(frozen=True, slots=True)
class Criterion:
    """One row. needed and have: patients or events, or the expected width; NaN where there is no such number.

    met: None where the row only informs.
    """

    name: str
    needed: float
    have: float
    met: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """rows; the most candidate predictors these patients carry; the design proposed; one sentence of summary."""

    rows: tuple[Criterion, ...]
    affordable: int
    design: str
    summary: str

    @property
    def enough(self) -> bool:
        """Every row that asks for something is met, and there is one."""
        return bool(self.rows) and all(row.met is not False for row in self.rows)


ALONE = "one patient is learned from or tested, never both: add patients, or leave this one out"


def repeated(rarest: float) -> str:
    """What serves a small cohort, and what to type for it. rarest: patients of the rarest class.

    Choices are made inside each fold, so that it is the nested cross-validation of the textbooks. Its interval covers
    as well as that of --design nested, at a third of the fits (benchmarks/results/resampling.md).
    """
    folds = int(max(min(rarest, 5), 2))
    return f"{REPEATED} with all choices inside its folds: --design kfold --folds {folds} --repeats {SETTLED}"


def verdict_for_classes(
    counts: Mapping[str, int],
    parameters: int,
    *,
    test_fraction: float = 0.2,
    in_turn: bool = False,
    auc: float | None = None,
    patients: int | None = None,
) -> Verdict:
    """Verdict for classes. counts: patients by class; parameters: candidate predictors; auc: the one to expect;
    patients: how many there are in all, where some are of several classes.

    in_turn: parts of `test_fraction` are tested one after the other until every patient was (cross-validation).

    The rarer class counts as the event; with more than two, Pate's criteria take every pair of classes, and
    the test part is judged by the rarest against the rest.
    """
    sizes = [max(int(n), 0) for n in counts.values()]
    rarest, memberships = min(sizes, default=0), sum(sizes)
    total = memberships if patients is None else patients
    train, tested = total * (1 - test_fraction), 1.0 if in_turn else test_fraction
    # A patient of two classes counts half in each: as many patients in all as there are.
    events = rarest * tested * total / max(memberships, 1)
    others = total * tested - events
    if len(sizes) < 2 or rarest == 0:
        return Verdict((), 0, REPEATED, "There are no patients of a second class: nothing can be learned.")
    prevalence = rarest / memberships
    supposed = auc if auc is not None else _unknown_auc(prevalence)

    def needed(p: int) -> dict[str, float]:
        return _for_classes(sizes, p, auc)

    rows = [
        *_training(needed(parameters), parameters, train),
        _events(events, in_turn),
        _width("AUC", expected_auc_width(round(events), round(others), supposed), supposed),
        _width("sensitivity", _wilson_width(events), _SHARE),
        _width("specificity", _wilson_width(others), _SHARE),
        _external(needs.for_external_test(prevalence, supposed)["auc"]),
    ]
    most = needs.affordable(train, lambda p: _by_predictors(needed(p)))
    test = f"about {events:.0f} events"
    return _verdict(rows, most, parameters, train, f"AUC {supposed:.2f}", test, rarest, events < TEST_EVENTS, in_turn)


def verdict_for_numbers(
    n: int,
    mean: float,
    sd: float,
    parameters: int,
    *,
    test_fraction: float = 0.2,
    in_turn: bool = False,
    r2: float = needs.UNKNOWN_R2,
) -> Verdict:
    """Verdict for a number. n: patients; mean, sd: of the outcome; r2: the one to expect; in_turn: as for classes."""
    train, test = n * (1 - test_fraction), float(n) if in_turn else n * test_fraction

    def needed(p: int) -> dict[str, float]:
        return needs.for_numbers(p, r2, mean, sd)

    correlation = math.sqrt(r2) if 0 <= r2 <= 1 else math.nan
    rows = [
        *_training(needed(parameters), parameters, train),
        Criterion(
            "test patients", TEST_EVENTS, test, test >= TEST_EVENTS,
            f"{_where(in_turn)} about {test:.0f} patients; {TEST_EVENTS} are the least for numbers that hold.",
        ),
        _width("R2", needs.r2_width(test, r2), r2),
        _width("correlation", needs.correlation_width(test, correlation), correlation),
    ]  # fmt: skip
    most = needs.affordable(train, lambda p: _by_predictors(needed(p)))
    told = f"about {test:.0f} patients"
    return _verdict(rows, most, parameters, train, f"R2 {r2:.2f}", told, n, test < TEST_EVENTS, in_turn)


def _for_classes(sizes: list[int], parameters: int, auc: float | None) -> dict[str, float]:
    """Patients needed, by criterion, for two or more classes."""
    pair_r2 = {}
    for i, j in combinations(range(len(sizes)), 2):
        share = min(sizes[i], sizes[j]) / (sizes[i] + sizes[j])
        supposed = needs.UNKNOWN_R2 * needs.largest_r2((share, 1 - share))
        pair_r2[i, j] = needs.r2_of_auc(auc, share) if auc is not None else supposed
    if len(sizes) == 2:
        return needs.for_events(parameters, min(sizes) / sum(sizes), pair_r2[0, 1])
    return needs.for_classes(parameters, sizes, pair_r2)


def _unknown_auc(prevalence: float) -> float:
    return needs.auc_of_r2(needs.UNKNOWN_R2 * needs.largest_r2((prevalence, 1 - prevalence)), prevalence)


_OVERALL = ("risk", "mean")
_WHY = {
    "shrinkage": "so that effects are at most 10 % too large",
    "optimism": "so that the apparent R2 is at most 0.05 too high",
    "risk": "so that the overall risk is known within 0.05",
    "residual": "so that the residual spread is known within 10 %",
    "mean": "so that the mean is known within 10 %",
}


def _by_predictors(needed: Mapping[str, float]) -> float:
    """What the number of predictors asks for; the overall risk or mean is no matter of theirs."""
    return float(np.max([n for name, n in needed.items() if name not in _OVERALL]))


def _training(needed: Mapping[str, float], parameters: int, train: float) -> list[Criterion]:
    rows = []
    for name, n in needed.items():
        of = "" if name in _OVERALL else f" for {parameters:,} candidate predictors"
        many = "No number of patients is enough" if math.isinf(n) else f"{n:,.0f} training patients are needed"
        sentence = f"{many}{of} {_WHY[name]}; there are {train:,.0f}."
        if math.isnan(n):
            sentence = f"How many patients are needed {_WHY[name]} has no answer here."
        rows.append(Criterion(name, n, train, None if math.isnan(n) else n <= train, sentence))
    return rows


def _where(in_turn: bool) -> str:
    return "All folds together test" if in_turn else "The test part holds"


def _events(events: float, in_turn: bool) -> Criterion:
    sentence = f"{_where(in_turn)} about {events:.0f} events; {TEST_EVENTS} are the least for numbers that hold."
    return Criterion("test events", TEST_EVENTS, events, events >= TEST_EVENTS, sentence)


def _width(name: str, width: float, supposed: float) -> Criterion:
    sentence = (
        f"Too few patients in the test part for an interval of {name}."
        if math.isnan(width)
        else f"Supposing {name} {supposed:.2f}, its 95 % interval in the test part will be about {width:.2f} wide."
    )
    return Criterion(f"width of {name}", math.nan, width, None, sentence)


def _wilson_width(trials: float) -> float:
    low, high, _ = wilson(_SHARE * trials, trials)
    return high - low


def _external(n: float) -> Criterion:
    sentence = f"An external test needs {n:,.0f} patients for an interval of the AUC at most 0.1 wide."
    if math.isnan(n):
        sentence = "How many patients an external test needs has no answer here."
    return Criterion("external test", n, math.nan, None, sentence)


def _verdict(
    rows: list[Criterion],
    most: int,
    parameters: int,
    train: float,
    supposed: str,
    test: str,
    rarest: float,
    small: bool,
    in_turn: bool,
) -> Verdict:
    few = "not even one candidate predictor" if most < 1 else f"at most {most:,} candidate predictor{'s' * (most > 1)}"
    there = f"{train:,.0f} training patients carry {few}; there are {parameters:,}"
    parts = [f"{there} (criteria of Riley and colleagues for regression without penalty, supposing {supposed})."]
    if any(row.met is False and row.name in _OVERALL for row in rows):
        parts.append("They are too few even for the overall risk or mean.")
    if in_turn:
        parts.append(f"All folds together test {test}{': few, so read the intervals' if small else ''}.")
    elif small:
        use = f"use {repeated(rarest)}, and read its interval" if rarest >= 2 else ALONE
        parts.append(f"A test part with {test} would say little; {use}.")
    elif most >= parameters:
        parts.append("The cohort is large enough for a hold-out.")
    return Verdict(tuple(rows), most, REPEATED if small or in_turn else HOLD_OUT, " ".join(parts))
