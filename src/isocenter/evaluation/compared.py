"""Methods against each other and against the floors, paired on the same test cases.

One split: DeLong, McNemar or Obuchowski, else both methods in the same bootstrap draws of patients
(`metrics.comparison`). Several splits: differences fold by fold, which share their training cases
(corrected resampled t; nested designs by the rule of Bates, Hastie and Tibshirani, of inner and outer differences);
sites left out in turn: a random-effects mean of the sites' differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import stdtr

from isocenter.cohort import Target
from isocenter.errors import BadValues
from isocenter.evaluation import dependent
from isocenter.evaluation.claims import NOT_GIVEN, Comparison, corrected
from isocenter.evaluation.dependent import RANKS
from isocenter.evaluation.folded import _codes, _panel_of, _patients, finite_rows, folds_of, inner_values, one_by_one
from isocenter.evaluation.folds import DRAWS, Folded
from isocenter.evaluation.nouns import Evaluation
from isocenter.evaluation.single import headline
from isocenter.metrics import Floats, Ints, comparison, pairs
from isocenter.metrics.estimation import Estimated, Panel, draws_of, estimate
from isocenter.metrics.intervals import LEVEL, NONE, t_of, z_of
from isocenter.metrics.panels import ClassPanel, Key
from isocenter.metrics.pooling import lent, pool
from isocenter.metrics.resampling import nested
from isocenter.splitting import Design

_BESIDE_THE_HEADLINE = ("accuracy", "exact_match", "brier", "rps", "mae")
_PLACE = ["case_id", "repeat", "fold"]
Found = comparison.Comparison
NOTHING = Found(math.nan, math.nan, math.nan, math.nan, "none")


@dataclass(frozen=True, eq=False)
class Side:
    """One method's test rows, at the reported unit, and what both halves of a pair need of them."""

    rows: pd.DataFrame
    target: Target
    seed: int = 0
    kept: dict[tuple[Key, int], Floats] = field(default_factory=dict)
    inner: Mapping[Key, Floats] = field(default_factory=dict)  # of a nested design, as `folded.inner_values` gives it

    @cached_property
    def panel(self) -> Panel:
        return _panel_of(self.rows, self.target)

    @cached_property
    def patients(self) -> Ints:
        return _codes(_patients(self.rows))

    @cached_property
    def folded(self) -> Folded:
        """All folds, where the design has several splits."""
        return replace(folds_of(self.rows, self.target), seed=self.seed)

    @cached_property
    def constant(self) -> bool:
        """Whether it says the same of every case, at least of those of one fold."""
        parts = self.folds if "fold" in self.rows else [self]
        return all(dependent.constant(part.panel) for part in parts)

    @property
    def alone(self) -> bool:
        """Whether every row is a patient of its own."""
        return int(self.patients.max(initial=-1)) + 1 == len(self.patients)

    def value(self, key: Key) -> float:
        return float(self.panel.measures(np.ones(len(self.rows)), [key])[key])

    def drawn(self, key: Key, draws: int) -> Floats:
        """(draws,) the same draws of patients for every method of the same cases; kept, for each pair asks again."""
        if (key, draws) not in self.kept:
            found = draws_of(self.panel, self.patients, [key], draws=draws, seed=self.seed)
            self.kept[key, draws] = found[key]
        return self.kept[key, draws]

    @cached_property
    def folds(self) -> list[Side]:
        """The rows of each fold of each repeat."""
        return [Side(some, self.target, self.seed) for _, some in self.rows.groupby(["repeat", "fold"], sort=True)]


def compare_methods(
    tables: Mapping[str, pd.DataFrame],
    target: Target,
    design: Design,
    *,
    floors: Mapping[str, str] | None = None,
    margin: float = 0.0,
    seed: int = 0,
    draws: int = 2000,
    tuning: Mapping[str, pd.DataFrame] | None = None,
) -> tuple[Comparison, ...]:
    """Every method against those named after it and every floor, by headline metric, decisions and probabilities.

    tables: test rows by method, at the reported unit (columns as in `scoring.scores`), the method that was
    best on tuning data first; floors: which of them are floors, and what sentences call them; margin: a loss of the
    headline metric that is tolerable; tuning: out-of-fold rows by method, which nested designs compare as well (without
    them by the rule of k-fold). Cases that one of two methods does not predict are left out for both.
    Raises BadValues where two tables know the same case by different references.
    """
    floors = floors or {}
    whole = {name: _sorted(table, target) for name, table in tables.items()}
    sides: dict[tuple[str, bytes], Side] = {}

    def side(name: str, mask: pd.Series) -> Side:
        key = name, mask.to_numpy().tobytes()
        if key not in sides:
            sides[key] = Side(whole[name][mask].reset_index(drop=True), target, seed)
            if design.kind == "nested" and tuning is not None and name in tuning:
                inner = inner_values(finite_rows(tuning[name], target)[0], target, design, sides[key].folded)
                sides[key] = replace(sides[key], inner=inner)
        return sides[key]

    found = []
    for name, other in _pairs(list(tables), floors):
        first, second = (side(n, _common(whole[n], whole[m])) for n, m in ((name, other), (other, name)))
        _same_reference(name, first, other, second)
        for key in _keys(first, target):
            one = _compared(first, second, key, design, draws)
            n = int(first.patients.max(initial=-1)) + 1
            row = Comparison(key[0], name, other, "test", None, *one, n_patients=n)
            found.append(_placed(row, floors, margin if key[0] == headline(target) else 0.0))
    return corrected(found)


def _pairs(names: Sequence[str], floors: Mapping[str, str]) -> list[tuple[str, str]]:
    learned = [name for name in names if name not in floors]
    found = [(a, b) for i, a in enumerate(learned) for b in learned[i + 1 :]]
    pairs = [*found, *((a, floor) for a in learned for floor in names if floor in floors)]
    return sorted(pairs, key=lambda pair: learned.index(pair[0]))


def _placed(row: Comparison, floors: Mapping[str, str], margin: float) -> Comparison:
    return replace(row, floor=row.against in floors, called=floors.get(row.against, ""), margin=margin)


def _sorted(table: pd.DataFrame, target: Target) -> pd.DataFrame:
    """The test rows with a finite prediction, indexed by their place, in one order for all methods."""
    rows = table[table["part"] == "test"] if "part" in table else table
    rows = finite_rows(rows, target)[0]
    place = [name for name in _PLACE if name in rows]
    return rows.set_index(pd.MultiIndex.from_frame(rows[place])).sort_index()


def _common(rows: pd.DataFrame, others: pd.DataFrame) -> pd.Series:
    return pd.Series(rows.index.isin(others.index), index=rows.index)


def _same_reference(name: str, first: Side, other: str, second: Side) -> None:
    differ = first.rows["reference"].to_numpy() != second.rows["reference"].to_numpy()
    if differ.any():
        case = first.rows["case_id"].to_numpy()[differ][0]
        raise BadValues(
            f"'{name}' and '{other}' know {int(differ.sum())} cases by different references, the first is '{case}'.",
            "Only predictions of one and the same target can be compared.",
        )


def _keys(side: Side, target: Target) -> list[Key]:
    wanted = dict.fromkeys((headline(target), *_BESIDE_THE_HEADLINE))
    if not len(side.rows):
        return [(headline(target), None)]
    return [(metric, None) for metric in wanted if (metric, None) in side.panel.keys]


def _compared(first: Side, second: Side, key: Key, design: Design, draws: int) -> Found:
    if not len(first.rows):
        return NOTHING
    if one_by_one(design) and key[0] in RANKS:
        return NOTHING._replace(how=NOT_GIVEN)
    if key[0] in dependent.HALF and any(flat := [side.constant for side in (first, second)]):
        if all(flat):  # 0.5 both, but where a class is absent neither has a value
            return NOTHING._replace(difference=0.0, p=1.0) if math.isfinite(first.value(key)) else NOTHING
        if design.several or not (first.alone and pairs.has_closed_form(first.panel, key)):
            found = _of_one(second if flat[0] else first, key, design, draws)
            return found._replace(difference=-found.difference, low=-found.high, high=-found.low) if flat[0] else found
    if not design.several:
        return _paired(first, second, key, draws)
    if design.group_column is not None:
        return _over_sites(first, second, key)
    if one_by_one(design):
        return _paired(first, second, key, draws)
    return _nested(first, second, key, design.repeats) or _over_folds(first, second, key, design.repeats)


def _paired(first: Side, second: Side, key: Key, draws: int) -> Found:
    """One prediction a case and method."""
    a, b = first.panel, second.panel
    if key == ("accuracy", None) and not first.alone and isinstance(a, ClassPanel) and isinstance(b, ClassPanel):
        return comparison.obuchowski(a.reference == a.decided, b.reference == b.decided, first.patients)
    if first.alone and pairs.has_closed_form(a, key):
        return pairs.closed(a, b, key)
    return comparison.compare_drawn(
        first.value(key), second.value(key), (first.drawn(key, draws), second.drawn(key, draws))
    )


def _nested(first: Side, second: Side, key: Key, repeats: int) -> Found | None:
    """By the rule that gives each method its interval; None where some fold, outer or inner, does not define it."""
    if key not in first.inner or key not in second.inner:
        return None
    pairs = list(zip(first.folds, second.folds, strict=True))
    outer = np.array([a.value(key) - b.value(key) for a, b in pairs])
    inner, spread = first.inner[key] - second.inner[key], np.array([_variance(a, b, key) for a, b in pairs])
    if not all(np.isfinite(a).all() for a in (inner, outer, spread)):
        return None
    n = int(first.patients.max()) + 1
    own = nested(inner.reshape(repeats, -1), outer.reshape(repeats, -1), spread.reshape(repeats, -1), n)
    if own.interval is NONE:
        return None
    p = 2 * float(stdtr(n - 1, -abs(own.value / own.error)))
    return _inside(Found(own.value, own.interval.low, own.interval.high, p, own.interval.how), key)


def _over_folds(first: Side, second: Side, key: Key, repeats: int) -> Found:
    """Corrected resampled t of the folds' differences, no narrower than as many independent patients make it.

    Stratified folds hold the prevalence fixed and agree too well (as in `dependent`); the spread within them has as
    many degrees of freedom as there are patients, less one.
    """
    values = np.array([a.value(key) - b.value(key) for a, b in zip(first.folds, second.folds, strict=True)])
    known = np.isfinite(values)
    found, j = comparison.corrected_t(values, *first.folded.sizes), int(known.sum())
    if j < 2 or not np.ptp(values[known]) > 0:
        return _inside(found, key)
    spread = [_variance(a, b, key) for a, b in zip(first.folds, second.folds, strict=True)]
    least = math.sqrt(float(np.nanmean(spread)) * repeats / j)
    if math.isfinite(least) and least > (found.high - found.low) / 2 / t_of(LEVEL, j - 1):
        free = max(j - 1.0, sum(first.folded.sizes) - 1)
        half, p = t_of(LEVEL, free) * least, 2 * float(stdtr(free, -abs(found.difference / least)))
        found = Found(found.difference, found.difference - half, found.difference + half, p, found.how)
    return _inside(found, key)


def _inside(found: Found, key: Key) -> Found:
    """No further than two values of the metric can lie apart."""
    if not math.isfinite(found.low):
        return found
    low, high = dependent.limits(key)
    return found._replace(low=max(found.low, low - high), high=min(found.high, high - low))


def _of_one(side: Side, key: Key, design: Design, draws: int) -> Found:
    """Against one and the same score for everybody, which ranks at 0.5 in every sample: the own number less 0.5.

    By the rule of the design; p goes with the interval.
    """
    if not design.several:
        own, free = estimate(side.panel, side.patients, draws=draws, seed=side.seed)[key], math.inf
    else:
        own, free = _own(side, key, design), float(np.isfinite(side.folded.values[key]).sum() - 1)
        free = float(side.patients.max()) if own.interval.how == "nested-cv" else free
    low, high, how = own.interval
    return comparison.touching(own.value - 0.5, low - 0.5, high - 0.5, how, freedom=free)


def _own(side: Side, key: Key, design: Design) -> Estimated:
    if design.group_column is not None:
        return dependent.over_sites(side.folded, key)
    return dependent.nested_cv(side.folded, key, side.inner[key]) if side.inner else dependent.kfold(side.folded, key)


def _over_sites(first: Side, second: Side, key: Key) -> Found:
    """Random-effects mean of the sites' differences (Hartung and Knapp), t with one less than the sites."""
    pairs = list(zip(first.folds, second.folds, strict=True))
    values = [a.value(key) - b.value(key) for a, b in pairs]
    patients = [len(np.unique(fold.patients)) for fold in first.folded.folds]
    pooled = pool(values, lent([_variance(a, b, key) for a, b in pairs], patients))
    if pooled.sites < 2 or not pooled.error > 0:
        mean = float(np.mean(values)) if np.isfinite(values).all() else math.nan
        return NOTHING._replace(difference=mean, p=1.0 if mean == 0 else math.nan)
    p = 2 * float(stdtr(pooled.sites - 1, -abs(pooled.value / pooled.error)))
    return _inside(Found(pooled.value, pooled.interval.low, pooled.interval.high, p, pooled.interval.how), key)


def _variance(first: Side, second: Side, key: Key) -> float:
    """Sampling variance of a difference, both models as they are."""
    drawn = first.drawn(key, DRAWS) - second.drawn(key, DRAWS)
    known = drawn[np.isfinite(drawn)]
    return float(known.var(ddof=1)) if len(known) > 1 else math.nan


def between_groups(evaluation: Evaluation, columns: Sequence[str], target: Target) -> tuple[Comparison, ...]:
    """The headline metric's difference between the two groups of a column, where exactly two are shown.

    Groups hold different patients: the interval comes from the two groups' own (Zou and Donner, Stat Med 2008), and
    p belongs to the normal deviate at which it would touch 0.
    """
    rows = [e for e in evaluation.estimates if e.metric == headline(target) and e.class_name is None]
    found = []
    for column in columns:
        own = [e for e in rows if e.part == "test" and (e.group or "").startswith(f"{column}=")]
        if len(own) != 2 or not all(math.isfinite(x) for e in own for x in (e.value, e.low, e.high)):
            continue
        a, b = own
        below, above = math.hypot(a.value - a.low, b.high - b.value), math.hypot(a.high - a.value, b.value - b.low)
        difference = a.value - b.value
        towards = below if difference > 0 else above
        p = math.erfc(abs(z_of(LEVEL) * difference / towards) / math.sqrt(2)) if towards > 0 else math.nan
        limits = difference - below, difference + above
        n = a.n_patients + b.n_patients
        found.append(
            Comparison(a.metric, evaluation.method, b.group or "", "test", a.group, difference, *limits, p, "mover", n)
        )
    return corrected(found)
