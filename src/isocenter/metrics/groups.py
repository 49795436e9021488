"""Sums over groups of cases (bins of scores, steps between thresholds), sorted once for any number of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints


@dataclass(frozen=True, eq=False)
class Groups:
    """Cases sorted by group.

    order: (n,) rows; starts: where each group that has cases begins; present: their codes; size: of
    all groups.
    """

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    present: Ints
    size: int

    @classmethod
    def of(cls, codes: Ints, size: int) -> Groups:
        """codes: (n,) 0..size-1."""
        present, starts = np.unique(np.sort(codes), return_index=True)
        return cls(np.argsort(codes, kind="stable"), starts, present, size)

    def sums(self, weights: Floats, *columns: Floats) -> list[Floats]:
        """Of the weights (..., n), and of the weights times each column (n,), in each group (..., size)."""
        ordered = np.take(weights, self.order, axis=-1)
        return [self._summed(ordered), *(self._summed(ordered * column[self.order]) for column in columns)]

    def _summed(self, ordered: Floats) -> Floats:
        found = np.zeros((*ordered.shape[:-1], self.size))
        if self.starts.size:
            found[..., self.present] = np.add.reduceat(ordered, self.starts, axis=-1)
        return found
