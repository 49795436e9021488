"""What a clustering is: plain arrays, so that it can be saved without pickle and applied anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.metrics import Floats, Ints
from isocenter.unsupervised.parts import Parts, parts_of
from isocenter.unsupervised.reduction import Projection

BORDERLINE = 0.75  # below this confidence a case lies between clusters
_ARRAYS = ("labels", "points", "confidence", "distance")


@dataclass(frozen=True)
class Candidate:
    """One number of clusters that was tried.

    agreement: mean adjusted Rand index between the partitions of bootstrap draws, 1 for always the
    same; low: its 5th percentile; ambiguous: share of pairs of cases that are together in some draws
    and apart in others (0.1 to 0.9; from the consensus matrix, PAC); gap, gap_error: the gap statistic
    and its standard error; apart: every cluster is parted from its nearest by a dip in density.
    """

    clusters: int
    agreement: float
    low: float
    ambiguous: float
    gap: float
    gap_error: float
    apart: bool


@dataclass(frozen=True)
class Stability:
    """Whether there are clusters, how many, and why.

    structure: cases that took no part in finding a cut lie on both sides of it with fewer between
    (p below the limit); p: of that test, corrected for all cuts and draws; candidates: the numbers
    tried, each by k-means whatever the method of the partition; gap_choice: what the gap statistic
    alone would take (1: none); agreement: of the partition that is given, by its own method, as in
    `Candidate`; sentence: all of it in words.
    """

    structure: bool
    p: float
    clusters: int
    agreement: float
    gap_choice: int
    candidates: tuple[Candidate, ...]
    sentence: str


@dataclass(frozen=True)
class Rare:
    """A few cases apart from all others, too few for a cluster: the p value of "no such group", and their ids."""

    p: float
    cases: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Clustering:
    """Cases in clusters, the largest first. Wherever people see them their numbers go from 1 (`numbered`): in
    `assignments`, tables, pages; only `labels`, which index other arrays, go from 0. -1 is in none, in both.

    method: what parted them ("kmeans", "gmm", "hdbscan", "consensus"); case_ids (n,) text;
    labels (n,); points (n, d) on the principal components; confidence (n,) 0 to 1 in the cluster of
    each case; distance (n,) from its centre, 1 for the typical member; projection: from features to
    points; parts: from points to labels. structure False: the answer is *no structure*; then all
    labels are 0, unless a number of clusters was demanded. rare: a small group apart, looked for where there is no
    structure and no number was demanded; its cases are in the one cluster all the same.
    """

    method: str
    case_ids: tuple[str, ...]
    labels: Ints
    points: NDArray[np.float32]
    confidence: Floats
    distance: Floats
    projection: Projection
    parts: Parts
    stability: Stability
    notes: tuple[str, ...] = ()
    seed: int = 0
    rare: Rare | None = None
    sizes: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(self.labels[self.labels >= 0], minlength=self.n_clusters)
        object.__setattr__(self, "sizes", tuple(int(n) for n in counts))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_clusters(self) -> int:
        return self.parts.n_clusters

    @property
    def structure(self) -> bool:
        return self.stability.structure

    @property
    def feature_names(self) -> tuple[str, ...]:
        """All columns the table had; constant ones and the like carry no weight."""
        return self.projection.names

    @property
    def centres(self) -> Floats:
        """(k, features) mean of each cluster's points, projected back to the features' own units."""
        return self.projection.back(self.parts.centres)

    @property
    def assignments(self) -> pd.DataFrame:
        """Index case_id; columns cluster (1 the largest, -1 in none), confidence, distance."""
        return _table(self.case_ids, self.labels, self.confidence, self.distance)

    def assign(self, table: pd.DataFrame) -> pd.DataFrame:
        """The clusters of new cases, as `assignments`; InputDoesNotFit where features are missing."""
        points = self.projection.points(table)
        return _table([str(i) for i in table.index], *self.parts.place(points))

    def medoids(self, each: int = 1) -> tuple[tuple[str, ...], ...]:
        """For every cluster, the largest first, its most typical cases: nearest to the centre, among the surer half."""
        found = []
        for k in range(self.n_clusters):
            rows = np.flatnonzero(self.labels == k)
            unsure = self.confidence[rows] < np.median(self.confidence[rows]) if len(rows) else rows
            nearest = rows[np.lexsort((self.distance[rows], unsure))[:each]]
            found.append(tuple(self.case_ids[i] for i in nearest))
        return tuple(found)

    def borderline(self, most: int = 20) -> tuple[str, ...]:
        """Cases between clusters, the least certain first; those in no cluster are not among them."""
        rows = np.flatnonzero((self.labels >= 0) & (self.confidence < BORDERLINE))
        return tuple(self.case_ids[i] for i in rows[np.argsort(self.confidence[rows], kind="stable")[:most]])

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """(plain, arrays) from which `from_state` makes the same again."""
        plain = {
            "method": self.method,
            "case_ids": list(self.case_ids),
            "names": list(self.projection.names),
            "kind": self.parts.kind,
            "stability": asdict(self.stability),
            "notes": list(self.notes),
            "seed": self.seed,
            "rare": None if self.rare is None else {"p": self.rare.p, "cases": list(self.rare.cases)},
        }
        own = {name: getattr(self, name) for name in _ARRAYS}
        return plain, {**own, **self.projection.arrays(), **self.parts.arrays()}

    @classmethod
    def from_state(cls, plain: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Clustering:
        """Raises KeyError, TypeError or ValueError for what `state` did not make."""
        told = dict(plain["stability"])
        told["candidates"] = tuple(Candidate(**one) for one in told["candidates"])
        ids = tuple(str(i) for i in plain["case_ids"])
        if any(len(arrays[name]) != len(ids) for name in _ARRAYS):
            raise ValueError("arrays of other lengths than there are cases")
        return cls(
            method=str(plain["method"]),
            case_ids=ids,
            **{name: arrays[name] for name in _ARRAYS},
            projection=Projection.from_arrays(tuple(str(n) for n in plain["names"]), arrays),
            parts=parts_of(str(plain["kind"]), arrays),
            stability=Stability(**told),
            notes=tuple(str(note) for note in plain["notes"]),
            seed=int(plain["seed"]),
            rare=_rare(plain.get("rare")),  # none in files of older versions
        )


def _rare(told: Mapping[str, Any] | None) -> Rare | None:
    return None if told is None else Rare(float(told["p"]), tuple(str(case) for case in told["cases"]))


def numbered(labels: Any) -> Any:
    """Numbers as people see them, 1 the largest cluster and -1 in none, of labels, which go from 0."""
    return np.where(np.asarray(labels) < 0, -1, np.asarray(labels) + 1)


def _table(ids: object, labels: Ints, confidence: Floats, distance: Floats) -> pd.DataFrame:
    columns = {"cluster": numbered(labels), "confidence": confidence, "distance": distance}
    return pd.DataFrame(columns, index=pd.Index(ids, name="case_id", dtype="str"))  # type: ignore[call-overload]
