"""Filters that look at the features only, never at the outcome."""

from __future__ import annotations

from typing import Any

import numpy as np

from isocenter.tables.narrowing import Flags, Floats, Narrowing, filled, standardised

SEVERAL = 2


class Missing(Narrowing):
    """Drops features of which more than `share` of the training cases have no value."""

    what = "the filter of missing values"

    def __init__(self, share: float = 0.5, spare: tuple[str, ...] = ()) -> None:
        self.share = share
        self.spare = spare

    def _keeps(self, values: Floats, names: list[str], y: Any) -> Flags:  # noqa: ARG002
        return np.asarray(np.isnan(values).mean(axis=0) <= self.share)


class NearConstant(Narrowing):
    """Drops features with next to no variation (Kuhn and Johnson, Applied Predictive Modeling, 2013).

    Of those: the commonest value occurs more than `ratio` times as often as the next, and distinct values are
    fewer than `distinct` of the cases; or there is only one value. Missing values do not count.
    """

    what = "the filter of near-constant features"

    def __init__(self, ratio: float = 19.0, distinct: float = 0.1, spare: tuple[str, ...] = ()) -> None:
        self.ratio = ratio
        self.distinct = distinct
        self.spare = spare

    def _keeps(self, values: Floats, names: list[str], y: Any) -> Flags:  # noqa: ARG002
        return np.array([self._varies(column[~np.isnan(column)]) for column in values.T], dtype=np.bool_)

    def _varies(self, known: Floats) -> bool:
        counts = np.sort(np.unique(known, return_counts=True)[1])
        if len(counts) < SEVERAL:
            return False
        return bool(counts[-1] <= self.ratio * counts[-2] or len(counts) >= self.distinct * len(known))


class Correlated(Narrowing):
    """Keeps the first of features whose Pearson correlation is above `limit` in size, in the order of the table."""

    what = "the filter of correlated features"

    def __init__(self, limit: float = 0.95, spare: tuple[str, ...] = ()) -> None:
        self.limit = limit
        self.spare = spare

    def _keeps(self, values: Floats, names: list[str], y: Any) -> Flags:  # noqa: ARG002
        z = standardised(filled(values))
        kept = np.ones(z.shape[1], dtype=np.bool_)
        for i in range(z.shape[1]):  # one column against all later ones: never a p x p matrix
            if kept[i]:
                kept[i + 1 :] &= np.abs(z[:, i] @ z[:, i + 1 :]) <= self.limit
        return kept


class Reliable(Narrowing):
    """Keeps features whose intraclass correlation is at least `least`.

    correlations: pairs of name and ICC (`reliability.iccs`); a feature that is not among them, or has none (NaN),
    was not shown to be reliable and goes: `unknown`. Names are met with or without the step they come from
    (`intensity__stat_mean` by `stat_mean`).
    """

    what = "the filter of unreliable features"

    def __init__(
        self, correlations: tuple[tuple[str, float], ...] = (), least: float = 0.75, spare: tuple[str, ...] = ()
    ) -> None:
        self.correlations = correlations
        self.least = least
        self.spare = spare

    def _keeps(self, values: Floats, names: list[str], y: Any) -> Flags:  # noqa: ARG002
        good = {name for name, value in self.correlations if value >= self.least}
        return np.array([_among(name, good) for name in names], dtype=np.bool_)

    @property
    def unknown(self) -> list[str]:
        """What was dropped because nothing is known of it, not because it is unreliable."""
        known = {name for name, value in self.correlations if not np.isnan(value)}
        return [name for name in self.gone_ if not _among(name, known)]

    def _remedy(self) -> str:
        shown = ", ".join(name for name, _ in self.correlations[:5]) or "none"
        return f"Check that --reliable has the same names (it has: {shown}...), or lower --min-icc."


def _among(name: str, names: set[str]) -> bool:
    return name in names or name.partition("__")[2] in names
