"""`cluster`: from a table of features to a `Clustering`, with *no structure* as a possible answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import BadShape, UsageError
from isocenter.metrics import Floats, Ints
from isocenter.unsupervised import METHODS, partition
from isocenter.unsupervised.kmeans import kmeans, nearest
from isocenter.unsupervised.nouns import Candidate, Clustering, Rare, Stability
from isocenter.unsupervised.parts import Parts
from isocenter.unsupervised.rare import FEWEST as FEWEST_RARE
from isocenter.unsupervised.rare import LIMIT as RARE
from isocenter.unsupervised.rare import rare_group, rare_p
from isocenter.unsupervised.reduction import Points, Projection, beyond_chance, learn, values_of
from isocenter.unsupervised.stability import NEAR, agreements, candidates, choose, is_good, resample
from isocenter.unsupervised.structure import LIMIT, ROUND, apart_p, structure_p, uncopied, unstepped, whitened
from isocenter.unsupervised.telling import about_values, sentence

LARGEST = 10  # clusters tried, unless a number is given
LARGE = 5000  # cases above which a sample is judged, on components of all cases
_JUDGED = 2000  # cases of that sample for structure, and
_DRAWN = 1000  # for the number of clusters
SURE = 0.7  # agreement between draws above which a view with more clusters is preferred
_AMONG = 30  # patients below which all their cases are judged, as if they were patients


def cluster(
    table: pd.DataFrame,
    *,
    method: str = "auto",
    clusters: int | None = None,
    groups: Sequence[object] | NDArray[Any] | None = None,
    components: int | None = None,
    scaled: bool = True,
    seed: int = 0,
) -> Clustering:
    """Find clusters of cases, and say whether there are any.

    table: one row a case (its index the case ids), numeric columns. method: "kmeans", "gmm", "hdbscan", "consensus";
    "auto" is the Gaussian mixture, or k-means where its clusters are not parted by gaps. clusters:
    how many; None lets stability choose, and answers *no structure* with one cluster. groups: the
    patient of each row, so that draws keep patients whole. components: principal components, None as
    many as hold 90 % of the variance, up to 10. scaled: each feature by its standard deviation.

    Large tables are judged on random cases: above 5,000 whether there are clusters on 2,000 of them, and always how
    many and how stable on 1,000 at the most; clusters are fitted on 4,000. Every case is then placed.

    Where there are none, and no number was asked for, a group of 1 to 6 % that stands apart is looked for (`rare`).

    Raises UsageError (method, more clusters than cases), BadValues (text, infinite, constant), EmptyInput, BadShape.
    """
    found, apart = judged(table, method, clusters, groups, components, scaled, seed)
    return found if found.structure or clusters is not None else _beside_rare(found, apart)


def judged(
    table: pd.DataFrame, method: str, clusters: int | None, groups: Sequence[object] | NDArray[Any] | None,
    components: int | None, scaled: bool, seed: int,
) -> tuple[Clustering, Callable[[], tuple[float, NDArray[np.bool_]]]]:  # fmt: skip
    """`cluster` but for the rare group, and what looks for one: its p and which cases are in it."""
    values = _checked(table, method, clusters)
    rng = np.random.default_rng(seed)
    names = tuple(str(c) for c in table.columns)
    projection = learn(values, names, components, scaled=scaled)
    points = projection.points(values)
    patients = _patients(groups, len(values))
    seen = uncopied(values, patients, np.random.default_rng([seed, 5]))
    p = _structure(seen, projection, patients, rng, components, scaled)
    axes = beyond_chance(values, projection, np.random.default_rng([seed, 4])) if method == "hdbscan" else None
    spread = points if seen is values else projection.points(seen)
    found = _finish(_ids(table), projection, points, spread, patients, p, method, clusters, seed, axes)
    found = replace(found, notes=(*about_values(values, projection), *found.notes))
    return found, partial(_apart, values, projection, points, patients, components, scaled, seed)


def _apart(
    values: NDArray[np.floating[Any]], projection: Projection, points: Points, patients: Ints | None,
    components: int | None, scaled: bool, seed: int,
) -> tuple[float, NDArray[np.bool_]]:  # fmt: skip
    """As `_structure`: of large tables on components of all cases, judged on some."""
    rng = np.random.default_rng([seed, 3])
    rows = rng.permutation(len(values))[:_JUDGED] if len(values) > LARGE else np.arange(len(values))
    some = None if patients is None else patients[rows]
    if len(values) > LARGE:
        p = rare_p(projection.points(unstepped(values[rows], rng)), some, rng, turned=True)
    else:
        p = rare_p(values, some, rng, components=components, scaled=scaled)
    return p, rare_group(points, rows) if p <= RARE else np.zeros(len(values), dtype=bool)


def _beside_rare(found: Clustering, apart: Callable[[], tuple[float, NDArray[np.bool_]]]) -> Clustering:
    p, inside = apart()
    cases = tuple(found.case_ids[i] for i in np.flatnonzero(inside))
    if len(cases) < FEWEST_RARE:
        return found
    told = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    said = (
        f" But {len(cases)} of them ({100 * len(cases) / len(found):.1f} %) stand apart from all others: a rare group, "
        f"with a gap before it in held-out cases ({told})."
    )
    stability = replace(found.stability, sentence=found.stability.sentence + said)
    return replace(found, rare=Rare(p, cases), stability=stability)


def _checked(table: pd.DataFrame, method: str, clusters: int | None) -> NDArray[np.floating[Any]]:
    if method not in METHODS:
        raise UsageError(f"There is no clustering method '{method}'.", f"Choose one of {', '.join(METHODS)}.")
    if clusters is not None and method == "hdbscan":
        raise UsageError("hdbscan finds the number of clusters itself.", "Leave the number out, or use another method.")
    if clusters is not None and not 1 <= clusters <= len(table):
        raise UsageError(f"{clusters} clusters of {len(table)} cases.", "Ask for 1 or more, and not more than cases.")
    return values_of(table)


def _ids(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(str(i) for i in table.index)


def _patients(groups: Sequence[object] | NDArray[Any] | None, n: int) -> Ints | None:
    """Numbers of the patients; None where each case is its own."""
    if groups is None:
        return None
    if len(groups) != n:
        raise BadShape(f"{len(groups)} groups for {n} cases.", "Give the patient of each row.")
    codes = pd.factorize(np.asarray(groups, dtype=object), use_na_sentinel=False)[0].astype(np.int64)
    return None if codes.max() + 1 == n else codes


def _structure(
    values: NDArray[np.floating[Any]], projection: Projection, patients: Ints | None, rng: np.random.Generator,
    components: int | None, scaled: bool,
) -> float:  # fmt: skip
    """P of one piece. Components are learned again in every fold, unless very many cases made them."""
    judged = None if patients is None or patients.max() + 1 < _AMONG else patients
    if len(values) <= LARGE:
        return structure_p(values, judged, rng, components=components, scaled=scaled)
    rows = rng.permutation(len(values))[:_JUDGED]
    some = None if judged is None else judged[rows]
    return structure_p(projection.points(unstepped(values[rows], rng)), some, rng, repeats=3, turned=True)


def _finish(
    ids: tuple[str, ...], projection: Projection, points: Points, spread: Points, patients: Ints | None, p: float,
    method: str, clusters: int | None, seed: int, axes: int | None,
) -> Clustering:  # fmt: skip
    """Number, partition and verdict. spread: points of which no two are copies, by which the number is judged; axes:
    components that HDBSCAN looks at.
    """
    rng = np.random.default_rng([seed, 1])
    rows = rng.permutation(len(points))[:_DRAWN]
    some = spread[rows].astype(np.float64)
    known = None if patients is None else patients[rows]
    structure = p <= LIMIT
    view, tried, by_gap = _tried(some, known, clusters, rng, structure, len(points) > LARGE)
    wanted = clusters or (_confirmed(spread, tried, view, rng) if structure and tried else 1)
    used, labels, parts, notes, shape = _parted(points, patients, method, wanted, structure, view, rng, axes)
    agreement = _agreement(some, known, used, shape, view, parts.n_clusters, tried, rng, axes)
    said = sentence(structure, p, used, labels, parts.n_clusters, agreement, clusters, tried)
    stability = Stability(structure, p, parts.n_clusters, agreement, by_gap, tried, said)
    if patients is not None and patients.max() + 1 < _AMONG:
        notes.append(
            f"Only {patients.max() + 1} patients: their cases were judged one by one, so clusters may be patients."
        )
    _, confidence, distance = parts.place(points)
    confidence = np.where(labels < 0, 0.0, confidence)
    return Clustering(used, ids, labels, points, confidence, distance, projection, parts, stability, tuple(notes), seed)


def _tried(
    points: Floats,
    patients: Ints | None,
    clusters: int | None,
    rng: np.random.Generator,
    structure: bool,
    large: bool,
) -> tuple[Floats, tuple[Candidate, ...], int]:
    """The view (d, m) in which clusters are parted best, the numbers tried in it, and what the gap would choose.

    Components as they are; whitened, the first few or all. More clusters that are parted by gaps win. Where there is
    no structure and no number is demanded, the first view is told of, and nothing is chosen.
    """
    d = points.shape[1]
    most = min(max(LARGEST, clusters or 0), len(np.unique(points, axis=0)) - 1, len(points) // 5)
    if most < 2:
        return np.eye(d), (), 1
    views = [np.eye(d), whitened(points, ROUND)] + ([whitened(points, d)] if d > ROUND else [])
    if not structure and clusters is None:
        return views[0], *candidates(points, patients, range(2, most + 1), rng, draws=8)
    draws = 8 if large else 12
    wanted = clusters if clusters is not None and 2 <= clusters <= most else None
    best: tuple[Floats, tuple[Candidate, ...], int] = (views[0], (), 1)
    best_merit = (-1.0, -1.0)
    for view in views:
        found = _widened(points @ view, patients, wanted, most, rng, draws)
        one = next(c for c in found[0] if c.clusters == (wanted or choose(found[0])))
        merit = (float(one.clusters) if one.apart and one.agreement >= SURE else 0.0, one.agreement)
        if merit[0] > best_merit[0] or (merit[0] == best_merit[0] and merit[1] > best_merit[1] + NEAR):
            best, best_merit = (view, *found), merit
        if large and merit[0] > 0:
            break
    if wanted:  # the others beside it, in its view
        return best[0], *candidates(points @ best[0], patients, range(2, most + 1), rng, draws=draws)
    return best


def _confirmed(points: Points, tried: Sequence[Candidate], view: Floats, rng: np.random.Generator) -> int:
    """The number chosen; in large tables the largest choice that other cases, parted anew, show gaps for as well."""
    left = list(tried)
    while len(points) > LARGE and any(map(is_good, left)):
        k = choose(left)
        others = points[rng.permutation(len(points))[:_JUDGED]].astype(np.float64)
        if apart_p(others, nearest(others @ view, kmeans(others @ view, k, rng)), rng) <= LIMIT / (k - 1):
            return k
        left = [one for one in left if one.clusters < k]
    return choose(tried)


def _widened(
    points: Floats, patients: Ints | None, wanted: int | None, most: int, rng: np.random.Generator, draws: int
) -> tuple[tuple[Candidate, ...], int]:
    if wanted:
        return candidates(points, patients, (wanted,), rng, draws=draws)
    found = candidates(points, patients, range(2, most + 1), rng, draws=draws)
    if most == LARGEST and choose(found[0]) == most and len(points) >= 10 * LARGEST:
        return candidates(points, patients, range(2, 2 * LARGEST + 1), rng, draws=draws)
    return found


def _parted(
    points: Points, patients: Ints | None, method: str, k: int, structure: bool, view: Floats,
    rng: np.random.Generator, axes: int | None,
) -> tuple[str, Ints, Parts, list[str], str]:  # fmt: skip
    """Method used, labels, parts, notes, shape of a mixture."""
    if method == "hdbscan":
        labels, found, who = partition.by_density(points, rng, axes)
        who = f"{who} on the first {axes} of {points.shape[1]} components"
        dense = 0 if found is None else found.n_clusters
        if structure and found is not None and dense > 1:
            return method, labels, found, [f"HDBSCAN by {who}."], ""
        one = partition.by_means(points, 1, rng, view)
        note = f"HDBSCAN by {who} sees {dense} dense regions, but no gap that a straight cut would show."
        return (
            method,
            *one,
            [note if dense > 1 and not structure else f"HDBSCAN by {who} sees {dense} dense regions."],
            "",
        )
    if method == "consensus":
        return method, *partition.by_consensus(points, k, rng, patients, view), [], ""
    if method == "kmeans" or k == 1:
        return "kmeans" if method == "auto" else method, *partition.by_means(points, k, rng, view), [], ""
    labels, mixture, shape = partition.by_mixture(points, k, rng, view)
    if method == "gmm" or _is_apart(points, labels, rng):
        return "gmm", labels, mixture, [], shape
    return "kmeans", *partition.by_means(points, k, rng, view), [], ""


def _is_apart(points: Points, labels: Ints, rng: np.random.Generator) -> bool:
    rows = rng.permutation(len(points))[:_JUDGED]
    return len(np.unique(labels[rows])) > 1 and apart_p(points[rows].astype(np.float64), labels[rows], rng) <= LIMIT


def _agreement(
    points: Floats, patients: Ints | None, method: str, shape: str, view: Floats, k: int, tried: Sequence[Candidate],
    rng: np.random.Generator, axes: int | None,
) -> float:  # fmt: skip
    """Between partitions of bootstrap draws by the method that was used; k-means was drawn already."""
    if k < 2:
        return float("nan")
    if method in ("kmeans", "consensus"):
        return next((one.agreement for one in tried if one.clusters == k), float("nan"))
    drawn = []
    for _ in range(5):
        if method == "gmm":
            rows = resample(patients, len(points), rng)
            drawn.append(partition.fit_mixture(points[rows], k, rng, view, (shape,))[0].place(points)[0])
            continue
        rows = rng.permutation(len(points))[: max(len(points) * 4 // 5, 2)]  # drawn twice, a case would be its own peak
        if (parts := partition.by_density(points[rows], rng, axes)[1]) is not None:
            drawn.append(parts.place(points)[0])
    return float(agreements(np.array(drawn)).mean()) if len(drawn) > 1 else float("nan")
