"""Groups among cases that nobody labelled, and whether there are any.

    found = cluster(table)              one row a case, one column a feature
    found.structure                     False: no structure, a possible answer
    found.assignments                   number of each case's cluster (1 the largest, -1 in none), confidence, distance
    found.labels, found.case_ids        the same as arrays that index others, from 0: `numbered` makes numbers of them
    found.assign(other)                 clusters of new cases: the same table for them
    found.stability                     why this number of clusters; whether there are any at all

Pure: tables in, plain arrays out; `bundle` saves a `Clustering`, `subtypes.describe` says what its
clusters are. Cases are scaled and turned onto principal components (`reduction`), parted
(`partition`), and judged (`structure`, `stability`, `rare`); `streaming` does the same for what does not
fit in memory. `coordinates` lays cases out on a plane for a map.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

METHODS = ("auto", "kmeans", "gmm", "hdbscan", "consensus")

_PLACES = {
    "Candidate": "isocenter.unsupervised.nouns",
    "Clustering": "isocenter.unsupervised.nouns",
    "Rare": "isocenter.unsupervised.nouns",
    "Stability": "isocenter.unsupervised.nouns",
    "Projection": "isocenter.unsupervised.reduction",
    "coordinates": "isocenter.unsupervised.reduction",
    "project": "isocenter.unsupervised.reduction",
    "cluster": "isocenter.unsupervised.clustering",
    "numbered": "isocenter.unsupervised.nouns",
    "stream": "isocenter.unsupervised.streaming",
}

if TYPE_CHECKING:
    from isocenter.unsupervised.clustering import cluster
    from isocenter.unsupervised.nouns import Candidate, Clustering, Rare, Stability, numbered
    from isocenter.unsupervised.reduction import Projection, coordinates, project
    from isocenter.unsupervised.streaming import stream

__all__ = [
    "METHODS",
    "Candidate",
    "Clustering",
    "Projection",
    "Rare",
    "Stability",
    "cluster",
    "coordinates",
    "numbered",
    "project",
    "stream",
]


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'isocenter.unsupervised' has no attribute '{name}'")
