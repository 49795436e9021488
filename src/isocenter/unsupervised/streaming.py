"""`stream`: clusters of a database that does not fit in memory, in a few readings of it.

The first reading keeps a uniform random sample; components, structure, number and clusters come from
it. The second moves the centres of k-means by mini-batches (Sculley, WWW 2010), a third places every case. Memory: one
batch, the sample, and what is told of each case (d + 3 numbers and its id).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.errors import EmptyInput, UsageError
from isocenter.metrics import Floats, Ints
from isocenter.unsupervised.clustering import judged
from isocenter.unsupervised.nouns import Clustering
from isocenter.unsupervised.parts import Mixture
from isocenter.unsupervised.reduction import Points

SAMPLE = 20_000
Batches = Callable[[], Iterable[pd.DataFrame]]


def stream(
    batches: Batches,
    *,
    method: str = "kmeans",
    clusters: int | None = None,
    components: int | None = None,
    scaled: bool = True,
    groups: Callable[[Sequence[str]], Sequence[object] | NDArray[Any]] | None = None,
    sample: int | None = None,
    seed: int = 0,
) -> Clustering:
    """`cluster` for tables that come in batches; `batches()` starts from the first again each time it is called.

    method: "kmeans", "gmm", "hdbscan" or "auto". groups: the patients of cases, in the order in which the batches have
    them; it is asked once, for the sample (20,000). Without it cases are taken as independent. Raises as `cluster`.
    """
    if method == "consensus":
        raise UsageError("Consensus clustering compares all pairs of cases.", "Use kmeans or gmm on a stream.")
    sample = sample or SAMPLE
    rng = np.random.default_rng([seed, 2])  # plain `seed` draws the numbers that made many a simulated table
    kept = _sample(batches, sample, rng)
    patients = None if groups is None else groups([str(i) for i in kept.index])
    found = judged(kept, method, clusters, patients, components, scaled, seed)[0]
    if len(kept) < sample:  # all of it was the sample
        return found
    if found.method == "kmeans" and isinstance(found.parts, Mixture):
        found = replace(found, parts=_moved(found, found.parts, batches))
    return _placed(found, batches)


def _sample(batches: Batches, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """A uniform sample of all rows: every row draws a number, the smallest win."""
    best, luck = pd.DataFrame(), np.empty(0)
    for batch in batches():
        drawn = rng.random(len(batch))
        luck = np.concatenate([luck, drawn])
        best = batch if best.empty else pd.concat([best, batch])
        if len(luck) > size:
            keep = np.sort(np.argpartition(luck, size)[:size])
            best, luck = best.iloc[keep], luck[keep]
    if best.empty:
        raise EmptyInput("The stream holds no case.", "Give batches with rows.")
    return best


def _moved(found: Clustering, parts: Mixture, batches: Batches) -> Mixture:
    """Centres as the running means of the cases that chose them, each batch by the centres before it."""
    centres = parts.centres.copy()
    counts = np.array(found.sizes, dtype=np.float64)
    for batch in batches():
        points = found.projection.points(batch).astype(np.float64)
        labels = replace(parts, centres=centres).place(points)[0]
        for c in np.unique(labels):
            own = points[labels == c]
            counts[c] += len(own)
            centres[c] += (own - centres[c]).sum(axis=0) / counts[c]
    return replace(parts, centres=centres)


def _placed(found: Clustering, batches: Batches) -> Clustering:
    """Every case with its cluster."""
    ids: list[str] = []
    points: list[Points] = []
    labels: list[Ints] = []
    confidence: list[Floats] = []
    distance: list[Floats] = []
    for batch in batches():
        points.append(found.projection.points(batch))
        label, certain, far = found.parts.place(points[-1])
        labels.append(label)
        confidence.append(certain)
        distance.append(far)
        ids.extend(str(i) for i in batch.index)
    whole = replace(found, case_ids=tuple(ids), points=np.concatenate(points), labels=np.concatenate(labels),
                    confidence=np.concatenate(confidence), distance=np.concatenate(distance))  # fmt: skip
    return _by_size(whole)


def _by_size(found: Clustering) -> Clustering:
    """Numbered from the largest cluster on again: the sample's order need not be that of all."""
    order = np.argsort(-np.array(found.sizes), kind="stable")
    if not isinstance(found.parts, Mixture) or (order == np.arange(len(order))).all():
        return found
    parts = Mixture(**{f.name: getattr(found.parts, f.name)[order] for f in fields(Mixture)})
    return replace(found, parts=parts, labels=np.argsort(order)[found.labels])
