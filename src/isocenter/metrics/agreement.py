"""How far readers agree on classes beyond chance: kappas, Gwet's AC1, Krippendorff's alpha.

A rating is a class code 0..k-1; NaN is one that was not given. A case that only one reader has read
says nothing of agreement. Coefficients are NaN where nobody can tell: no case that two have read, or
nothing but one class, where chance alone agrees (all but AC1, which was made for that).

Intervals here are for one case a patient; several go through `bootstrap`, as in `readers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from isocenter.errors import BadShape, BadValues
from isocenter.metrics import Floats, Ints, ratio, same_shape, weighted
from isocenter.metrics.intervals import LEVEL, NONE, Interval, wilson
from isocenter.metrics.ranking import Ranking, midranks

Weighting = Literal["nominal", "linear", "quadratic"]
Scale = Literal["nominal", "ordinal", "interval"]
# Class shares (..., k) to the agreement by chance (...) and its slope in the shares (..., k).
Chance = Callable[[Floats], tuple[Floats, Floats]]
_ROUNDING = 1e-12


def distances(n_classes: int, weighting: Weighting = "nominal") -> Floats:
    """(k, k) disagreement of two classes, 0..1: the same for any two, or growing as they lie apart."""
    apart = np.abs(np.subtract.outer(np.arange(n_classes), np.arange(n_classes)))
    if weighting == "nominal":
        return (apart > 0).astype(np.float64)
    return np.asarray((apart / max(n_classes - 1, 1)) ** (1 if weighting == "linear" else 2))


def pair_columns(first: ArrayLike, second: ArrayLike, n_classes: int, weighting: Weighting = "nominal") -> Floats:
    """(n, 1 + 2 k) of two readers (n,): distance, the first's class, the second's; 0 where one did not read.

    BadShape for lists of different lengths, BadValues for a code that is none.
    """
    same_shape(first, second)
    a, b = codes_of(first, n_classes), codes_of(second, n_classes)
    both = (a >= 0) & (b >= 0)
    apart = np.where(both, distances(n_classes, weighting)[a, b], 0.0)
    one_hot = [(codes[:, None] == np.arange(n_classes)) & both[:, None] for codes in (a, b)]
    return np.column_stack([apart, *one_hot])


def kappa_of(disagreement: Floats, first: Floats, second: Floats, weighting: Weighting = "nominal") -> Floats:
    """Kappa (...) from the summed distances (...) and both sides' class counts (..., k).

    1 - observed / expected disagreement: Cohen, Educ Psychol Meas 1960; weighted, Psychol Bull 1968.
    """
    apart = distances(first.shape[-1], weighting)
    by_chance = ratio(np.einsum("...i,ij,...j->...", first, apart, second), first.sum(axis=-1))
    return 1 - ratio(disagreement, by_chance)


def kappa_of_columns(sums: Floats, weighting: Weighting = "nominal") -> Floats:
    """Kappa (...) from `weights @ pair_columns`."""
    first, second = np.split(sums[..., 1:], 2, axis=-1)
    return kappa_of(sums[..., 0], first, second, weighting)


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    n_classes: int,
    weighting: Weighting = "nominal",
    weights: Floats | None = None,
) -> Floats:
    """Agreement of two readers beyond chance; "linear" or "quadratic" distances for grades."""
    columns = pair_columns(first, second, n_classes, weighting)
    return kappa_of_columns(weighted(weights, len(columns)) @ columns, weighting)


def pair_table(first: ArrayLike, second: ArrayLike, n_classes: int) -> Floats:
    """(k, k) counts of the cases that both read: rows the first reader's class, columns the second's."""
    columns = pair_columns(first, second, n_classes)
    return np.asarray(columns[:, 1 : n_classes + 1].T @ columns[:, n_classes + 1 :])


class Spread(NamedTuple):
    """A coefficient (agreed - by_chance) / (1 - by_chance), and its large-sample variance; NaN where undefined."""

    value: float
    variance: float
    agreed: float
    by_chance: float


def kappa_variance(table: Floats, weighting: Weighting = "nominal") -> Spread:
    """Of a table (k, k): Fleiss, Cohen and Everitt, Psychol Bull 1969 (not the variance under kappa = 0)."""
    share, agree = ratio(table, table.sum()), 1 - distances(len(table), weighting)
    first, second = share.sum(axis=1), share.sum(axis=0)
    agreed, by_chance = float((share * agree).sum()), float(first @ agree @ second)
    if not by_chance < 1 - _ROUNDING:
        return Spread(math.nan, math.nan, agreed, by_chance)
    kappa = (agreed - by_chance) / (1 - by_chance)
    pull = np.add.outer(agree @ second, first @ agree) * (1 - kappa)
    spread = float((share * (agree - pull) ** 2).sum()) - (kappa - by_chance * (1 - kappa)) ** 2
    variance = max(spread, 0.0) / (float(table.sum()) * (1 - by_chance) ** 2)
    return Spread(kappa, variance, agreed, by_chance)


def cohen_interval(
    first: ArrayLike, second: ArrayLike, n_classes: int, weighting: Weighting = "nominal", level: float = LEVEL
) -> Interval:
    """Interval of `cohen_kappa`, from its table."""
    return table_interval(pair_table(first, second, n_classes), weighting, level)


def table_interval(table: Floats, weighting: Weighting = "nominal", level: float = LEVEL) -> Interval:
    """Wilson's interval of the agreement, of as many cases as would give Fleiss, Cohen and Everitt's variance.

    One case is added, spread evenly over the k x k table: without it a rare class on which nobody
    agreed, or perfect agreement, would pass for certainty. Kappa -+ 1.96 standard errors covers 61 % with
    30 cases, a class of 10 % and kappa 0.2; this 97 %. Simulated with kappa 0 to .95, two to four
    classes, 20 to 100 cases: 91 % at worst, 95 to 96 % on average.
    """
    n, more = float(table.sum()), kappa_variance(table + 1 / max(table.size, 1), weighting)
    more = more._replace(variance=more.variance * (n + 1) / max(n - 1, 1))
    return _score_interval(kappa_variance(table, weighting), more, n, "fleiss-cohen-everitt-wilson", level)


def reader_columns(ratings: ArrayLike, n_classes: int) -> Floats:
    """(n, 3 + k) of ratings (n, readers): read by two, share of agreeing pairs, read by one, class shares.

    Each case counts the same, however many have read it: the generalisation of Fleiss to missing
    ratings in Gwet, Handbook of Inter-Rater Reliability, 4th ed., 2014.
    """
    codes = codes_of(ratings, n_classes, dimensions=2)
    votes = (codes[:, :, None] == np.arange(n_classes)).sum(axis=1).astype(np.float64)
    given = votes.sum(axis=1)
    agreeing = np.nan_to_num(ratio((votes * (votes - 1)).sum(axis=1), given * (given - 1)))
    return np.column_stack([given > 1, agreeing, given > 0, np.nan_to_num(ratio(votes, given[:, None]))])


def agreement_of(sums: Floats) -> Floats:
    """Share of agreeing pairs of readers (...) from `weights @ reader_columns`."""
    return ratio(sums[..., 1], sums[..., 0])


def fleiss_of(sums: Floats) -> Floats:
    """Fleiss' kappa (...) from `weights @ reader_columns`."""
    return _beyond(sums, _drawn_alike)


def ac1_of(sums: Floats) -> Floats:
    """Gwet's AC1 (...) from `weights @ reader_columns`."""
    return _beyond(sums, _guessed)


def percent_agreement(ratings: ArrayLike, n_classes: int, weights: Floats | None = None) -> Floats:
    """Share (0..1) of agreeing pairs of readers; chance is not taken off."""
    return agreement_of(_summed(ratings, n_classes, weights))


def fleiss_kappa(ratings: ArrayLike, n_classes: int, weights: Floats | None = None) -> Floats:
    """Agreement of several readers beyond chance: Fleiss, Psychol Bull 1971. Ratings (n, readers)."""
    return fleiss_of(_summed(ratings, n_classes, weights))


def ac1(ratings: ArrayLike, n_classes: int, weights: Floats | None = None) -> Floats:
    """Gwet's AC1 (Br J Math Stat Psychol 2008): by chance agree only those who guess.

    A rare class does not pull it down as it does kappa. `n_classes` counts the classes that could
    have been given.
    """
    return ac1_of(_summed(ratings, n_classes, weights))


def fleiss_interval(ratings: ArrayLike, n_classes: int, level: float = LEVEL, counting: float = 1.0) -> Interval:
    """As `table_interval`, with the linearised variance (Gwet, Educ Psychol Meas 2021).

    counting: as how many each case counts; less than 1 where a patient has several.
    """
    return _linearised(reader_columns(ratings, n_classes), _drawn_alike, level, counting)


def ac1_interval(ratings: ArrayLike, n_classes: int, level: float = LEVEL, counting: float = 1.0) -> Interval:
    """As `fleiss_interval`, for AC1 (Gwet 2008)."""
    return _linearised(reader_columns(ratings, n_classes), _guessed, level, counting)


def krippendorff_alpha(ratings: ArrayLike, scale: Scale = "nominal", weights: Floats | None = None) -> Floats:
    """Krippendorff's alpha (...) of ratings (n, readers); any numbers, NaN where not given.

    Content Analysis, 2nd ed., 2004. Every scale is a squared distance: of class indicators
    (nominal), of midranks (ordinal), of the numbers themselves (interval).
    """
    values = np.asarray(ratings, dtype=np.float64)
    _table_only(values)
    given = np.isfinite(values)
    n_given = given.sum(axis=1)
    if not (paired := n_given > 1).any():
        return np.full(weighted(weights, len(values)).shape[:-1], np.nan)
    w, m = weighted(weights, len(values))[..., paired], n_given[paired]
    places = _places(values[paired], given[paired], scale, w)
    total, squares = places.sum(axis=-2), (places**2).sum(axis=(-2, -1))
    within = 2 * (m * squares - (total**2).sum(axis=-1)) / (m - 1)
    n, all_squares = w @ m, (w * squares).sum(axis=-1)
    between = 2 * (n * all_squares - (np.einsum("...n,...nf->...f", w, total) ** 2).sum(axis=-1))
    varies = between > _ROUNDING * n * all_squares
    return np.asarray(1 - (n - 1) * ratio((w * within).sum(axis=-1), np.where(varies, between, 0.0)))


def _places(values: Floats, given: Floats, scale: Scale, weights: Floats) -> Floats:
    """(..., n, readers, f) where a rating stands on its scale; 0 where it was not given."""
    if scale == "nominal":
        return np.asarray((values[..., None] == np.unique(values[given])) & given[..., None], dtype=np.float64)
    if scale == "interval":
        return np.where(given, values - values[given].mean(), 0.0)[..., None]
    each = (weights[..., None] * given).reshape(*weights.shape[:-1], -1)
    ranks = midranks(Ranking.of(np.where(given, values, 0.0).ravel()), each)
    return np.where(given, ranks.reshape(*weights.shape, -1), 0.0)[..., None]


def codes_of(ratings: ArrayLike, n_classes: int, dimensions: int = 1) -> Ints:
    """Class codes, -1 where NaN. BadShape, or BadValues where a number is no code 0..n_classes - 1."""
    values = np.asarray(ratings, dtype=np.float64)
    if dimensions == 2:
        _table_only(values)
    missing = np.isnan(values)
    filled = np.where(missing, 0.0, values)
    strange = (filled != np.floor(filled)) | (filled < 0) | (filled >= max(n_classes, 1))
    if strange.any():
        raise BadValues(
            f"A rating of {filled[strange][0]:g} is no class code 0 to {n_classes - 1}.",
            "Number the classes from 0, and leave a rating that was not given empty (NaN).",
        )
    return np.where(missing, -1, filled).astype(np.int64)


def _table_only(values: Floats) -> None:
    if values.ndim != 2:
        raise BadShape(f"Ratings of shape {values.shape}.", "Give one row a case and one column a reader.")


def _summed(ratings: ArrayLike, n_classes: int, weights: Floats | None) -> Floats:
    columns = reader_columns(ratings, n_classes)
    return np.asarray(weighted(weights, len(columns)) @ columns)


def _drawn_alike(shares: Floats) -> tuple[Floats, Floats]:
    """Chance as Fleiss has it: two ratings drawn from all that were given."""
    return np.asarray((shares**2).sum(axis=-1)), 2 * shares


def _guessed(shares: Floats) -> tuple[Floats, Floats]:
    """Chance as Gwet has it: some rating is a guess, and then agrees in one of k times."""
    others = shares.shape[-1] - 1
    return ratio((shares * (1 - shares)).sum(axis=-1), others), ratio(1 - 2 * shares, others)


def _beyond(sums: Floats, chance: Chance) -> Floats:
    by_chance, _ = chance(ratio(sums[..., 3:], sums[..., 2:3]))
    return ratio(agreement_of(sums) - by_chance, np.where(by_chance < 1 - _ROUNDING, 1 - by_chance, 0.0))


def _linearised(columns: Floats, chance: Chance, level: float, counting: float) -> Interval:
    """The added case is read by two who guess evenly."""
    k, weights = columns.shape[1] - 3, np.full(len(columns), counting)
    even = reader_columns(np.indices((k, k)).reshape(2, -1).T, k)
    more = np.concatenate([weights, np.full(len(even), 1 / max(k, 1) ** 2)])
    observed = linearised_variance(columns, weights, chance)
    added = linearised_variance(np.vstack([columns, even]), more, chance)
    return _score_interval(observed, added, counting * float(columns[:, 2].sum()), "gwet-wilson", level)


def linearised_variance(columns: Floats, weights: Floats, chance: Chance) -> Spread:
    """From `reader_columns`: the variance of what each case adds to the coefficient.

    With missing ratings the number of cases that two have read varies as well; Gwet's own formula
    holds it fixed.
    """
    sums = weights @ columns
    n, shares, value = float(sums[2]), ratio(sums[3:], sums[2]), float(_beyond(sums, chance))
    agreed, (by_chance, slope) = agreement_of(sums), chance(shares)
    own = columns[:, 0] * (columns[:, 1] - agreed) * ratio(n, sums[0])
    adds = ratio(own - (1 - value) * columns[:, 2] * ((columns[:, 3:] - shares) @ slope), 1 - by_chance)
    return Spread(value, float(ratio(weights @ adds**2, n * (n - 1))), float(agreed), float(by_chance))


def _score_interval(observed: Spread, more: Spread, n: float, how: str, level: float) -> Interval:
    """Wilson's, of the observed agreement, with chance and variance of `more`; none from fewer than two cases."""
    if n < 2 or not math.isfinite(observed.value + more.value) or not more.variance > 0:
        return NONE
    cases = more.agreed * (1 - more.agreed) / (more.variance * (1 - more.by_chance) ** 2)
    from scipy.special import ndtr, stdtrit  # `estimation` does without, until there are grades

    of_t = 2 * float(ndtr(stdtrit(n - 1, 0.5 + level / 2))) - 1
    limits = wilson(observed.agreed * cases, cases, of_t)
    low, high = ((limit - more.by_chance) / (1 - more.by_chance) for limit in limits[:2])
    return Interval(max(min(low, observed.value), -1.0), max(high, observed.value), how)
