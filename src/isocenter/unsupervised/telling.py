"""What is said of a clustering, in words that hold for the method that was used and the number that was demanded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Ints
from isocenter.unsupervised.nouns import Candidate, Stability
from isocenter.unsupervised.reduction import Projection
from isocenter.unsupervised.stability import is_good
from isocenter.unsupervised.structure import FEWEST, LIMIT
from isocenter.wording import listed

NAMES = {"kmeans": "k-means", "gmm": "the Gaussian mixture", "hdbscan": "HDBSCAN", "consensus": "consensus clustering"}
_LISTED = 5  # names
_FEW = 5  # cases a cluster, below which a demanded number is remarked on
_NEAR = (LIMIT / 5, LIMIT * 2)  # p values between which other draws (another seed) may give the other verdict


def sentence(
    structure: bool, p: float, method: str, labels: Ints, k: int, agreement: float, demanded: int | None,
    tried: Sequence[Candidate] = (),
) -> str:  # fmt: skip
    """Whether there are clusters, how many and why, how steady they are, and how many cases are in none.

    tried: the numbers among which k was chosen.
    """
    told = f"p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    if _NEAR[0] <= p <= _NEAR[1]:
        told += f"; the limit is {LIMIT:g}, and so near it another seed may give the other answer"
    n, none = len(labels), int((labels < 0).sum())
    gap = f"held-out cases show a gap ({told})"
    why = (
        f"{n} cases are too few to tell"
        if n < FEWEST
        else f"held-out cases show no gap between groups of a twentieth or more ({told})"
    )
    if demanded == 1:
        may = f"There may be clusters: {gap}." if structure else f"No structure: {why}."
        return f"One cluster was demanded: nothing is parted. {may}"
    after = _steady(method, agreement) + _outside(none, n) + _crumbs(demanded, n)
    if structure and method == "hdbscan" and k == 1:
        return f"There may be clusters: {gap}; but HDBSCAN parts none. All cases are one cluster."
    if structure:
        return f"There are clusters: {gap}. {k} of them, {_many(method, k, demanded, tried)}.{after}"
    if demanded:
        return f"No structure: {why}. The {k} clusters were demanded; they cut what may be one piece.{after}"
    return f"No structure: {why}. All cases are one cluster."


def _many(method: str, k: int, demanded: int | None, tried: Sequence[Candidate]) -> str:
    if method == "hdbscan":
        return "as many as HDBSCAN finds dense"
    if demanded is None and (own := [one for one in tried if one.clusters == k]) and not is_good(own[0]):
        if any(map(is_good, tried)):
            return "what is left of a larger number, whose other clusters stayed empty"
        unsteady = "is stable with every cluster" if any(one.apart for one in tried) else "has every cluster"
        return f"the number that comes back best; none that was tried {unsteady} parted from its nearest by a gap"
    if demanded is None:
        return "the largest number that is stable and parted by gaps"
    return "as demanded" if k == demanded else f"all that could be parted of the {demanded} demanded"


def _steady(method: str, agreement: float) -> str:
    if np.isnan(agreement):
        return ""
    return (
        f" Drawn again, this partition by {NAMES[method]} agrees with itself to {agreement:.2f} (adjusted Rand index)."
    )


def _outside(none: int, n: int) -> str:
    return f" {none} of {n} cases ({100 * none / n:.0f} %) are in none." if none else ""


def _crumbs(demanded: int | None, n: int) -> str:
    if demanded is None or demanded * _FEW <= n:
        return ""
    return f" {demanded} clusters of {n} cases are {n / demanded:.1f} cases each: too few to be called groups."


def about_numbers(stability: Stability, method: str, demanded: int) -> dict[str, Any]:
    """{"about", "own"}: what the table of the numbers that were tried is of; and {"clusters", "agreement", "by"} of the
    partition that is given, where its method is another.
    """
    said = "Numbers of clusters tried, each by k-means on bootstrap draws of the cases"
    said += f", in the view of the components in which {demanded} come back best." if demanded else "."
    said += " Parted: a gap lies between every cluster and its nearest."
    if method in ("kmeans", "consensus") or np.isnan(stability.agreement):
        return {"about": said, "own": None}
    own = {"clusters": stability.clusters, "agreement": stability.agreement, "by": f"the partition by {NAMES[method]}"}
    return {"about": said, "own": own}


def about_values(values: NDArray[np.floating[Any]], projection: Projection) -> list[str]:
    """Missing values and the median that stands for them; features without any, and constant ones, without weight."""
    missing = np.isnan(values).sum(axis=0)
    never = missing == len(values)
    some = np.flatnonzero((missing > 0) & ~never)
    out = projection.scale == 0
    names = np.array(projection.names, dtype=object)
    notes = []
    if len(some):
        most = some[missing[some].argmax()]
        said = f"{missing[some].sum():,} missing values in {_features(len(some))} are the feature's median"
        notes.append(f"{said}; most, {missing[most]} of {len(values)}, in {names[most]}.")
    if never.any():
        notes.append(f"{_features(int(never.sum()))} without any value, left out: {listed(names[never], _LISTED)}.")
    if (constant := out & ~never).any():
        notes.append(f"{_features(int(constant.sum()))} with the same value in all cases, left out: "
                     f"{listed(names[constant], _LISTED)}.")  # fmt: skip
    return notes


def _features(n: int) -> str:
    return "1 feature" if n == 1 else f"{n} features"
