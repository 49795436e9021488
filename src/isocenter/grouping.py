"""Clusters and nearest cases: objects in, objects out. Nothing here touches a project folder."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import ingest, neighbours, unsupervised
from isocenter.bundle.grouped import load_grouping
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import InputDoesNotFit, UsageError
from isocenter.features.regions import ONE
from isocenter.formats import tables
from isocenter.measuring import Measured, measure, table_of, vectors_of
from isocenter.unsupervised import Clustering


def cluster(
    cohort: Cohort,
    *,
    method: str = "auto",
    clusters: int = 0,
    features: str | None = None,
    preset: Sequence[str] = (),
    regions: str = ONE,
    image_filters: Sequence[str] = (),
    weights: str | None = None,
    window: str = "auto",
    seed: int = 0,
    store: str | None = None,
) -> Clustering:
    """Groups among cases that nobody labelled, and whether there are any; no label is looked at.

    method: "auto", "kmeans", "gmm", "hdbscan" or "consensus"; clusters: how many, 0 lets stability choose, and *no
    structure* be the answer; features: a key of FEATURES, or several joined by + (None: what suits the input); preset,
    regions, image_filters, weights, window, store: as in `fit`. `subtypes.describe` says what the clusters are. Raises
    UsageError, BadValues.
    """
    told: dict[str, Any] = {"preset": preset, "regions": regions, "image_filters": image_filters}
    told |= {"weights": weights, "window": window}
    measured = measure(cohort, features, store=store, **told)
    return grouped(cohort, measured, method=method, clusters=clusters, seed=seed)


def grouped(cohort: Cohort, measured: Measured, *, method: str, clusters: int, seed: int) -> Clustering:
    """`cluster` on features that are there; draws keep patients whole."""
    if clusters < 0:
        raise UsageError(f"{clusters} clusters cannot be.", "Ask for 1 or more; 0 lets stability choose.")
    return unsupervised.cluster(
        measured.table, method=method, clusters=clusters or None, groups=cohort.patients, seed=seed
    )


def similar(
    cohort: Cohort,
    case: str,
    *,
    n: int = 10,
    features: str | None = None,
    distance: str = "auto",
    preset: Sequence[str] = (),
    regions: str = ONE,
    image_filters: Sequence[str] = (),
    weights: str | None = None,
    window: str = "auto",
    store: str | None = None,
) -> pd.DataFrame:
    """The n cases nearest to a case of the cohort, the nearest first: index case_id, distance and what is
    known of them.

    distance: "cosine", "euclidean" or "auto" (cosine for pixels, embeddings and wide tables), on features that are
    centred and scaled. Exact. Raises UsageError for a case that is not there, naming those like it.
    """
    told: dict[str, Any] = {"preset": preset, "regions": regions, "image_filters": image_filters}
    told |= {"weights": weights, "window": window}
    return nearest_cases(cohort, measure(cohort, features, store=store, **told), case, n, distance)


def nearest_cases(cohort: Cohort, measured: Measured, case: str, n: int = 10, distance: str = "auto") -> pd.DataFrame:
    """`similar` on features that are there."""
    row = _row(cohort, case)
    if n < 1:
        raise UsageError(f"{n} cases cannot be shown.", "Ask for 1 or more.")
    vectors = vectors_of(measured.table)
    rows, away = neighbours.nearest(vectors, vectors[row : row + 1], n + 1, metric(measured, distance))
    others = [(int(i), float(d)) for i, d in zip(rows[0], away[0], strict=True) if i != row][:n]
    told = cohort.table.iloc[[i for i, _ in others]]
    known = [PATIENT] if cohort.knows_patients else []
    shown = told[[*known, *([cohort.target.column] if cohort.target else []), *cohort.attributes]]
    shown.insert(0, "distance", [d for _, d in others])
    return shown.rename_axis("case_id")


def metric(measured: Measured, distance: str) -> str:
    """The distance that "auto" stands for."""
    if distance != "auto":
        return distance
    return "euclidean" if measured.likeness is None else "cosine"


def named_case(cohort: Cohort, case: str) -> str:
    """The id of the case that is meant."""
    return str(cohort.case_ids[_row(cohort, case)])


def _row(cohort: Cohort, case: str) -> int:
    ids = [str(one) for one in cohort.case_ids]
    if case in ids:
        return ids.index(case)
    ending = [one for one in ids if one.endswith(f"/{case}")]
    if len(ending) == 1:
        return ids.index(ending[0])
    own = np.flatnonzero(cohort.patients == case)
    if len(own) == 1:
        return int(own[0])
    near = [ids[i] for i in own[:5]] or ending or difflib.get_close_matches(case, ids, 5, 0.4) or ids[:5]
    raise UsageError(f"There is no case '{case}' here.", f"Cases like it: {', '.join(near[:5])}.")


def assign_to(
    path: Path,
    input: str,
    output: Path,
    *,
    labels: str | None = None,
    id_column: str | None = None,
    patient_column: str | None = None,
    weights: str | None = None,
    **roles: Any,
) -> dict[str, Any]:
    """Place new scans or rows in the clusters of a saved clustering (`clusters/clusters.iso`) and write the table."""
    found = load_grouping(path)
    known = found.about.get("roles", {})
    image, mask = (tuple(roles.get(name) or known.get(name, ())) for name in ("image", "mask"))
    cohort = ingest.index(
        Path(input),
        labels=None if labels is None else Path(labels),
        id_column=id_column,
        patient_column=patient_column,
        with_labels=False,
        image=image,
        mask=mask,
    )
    if missing := sorted(set(_columns(found.steps)) - set(cohort.table.columns)):
        raise InputDoesNotFit(f"Features are missing: {', '.join(missing[:5])}.", "Give the columns of the clustering.")
    if weights is not None:
        _tell(found.steps, weights)
    placed = found.clustering.assign(table_of(found.steps.transformer_list, cohort))
    tables.write_table(placed, output)
    counts = placed["cluster"].value_counts().sort_index()
    return {
        "placed": str(output),
        "cases": len(placed),
        "counts": {str(k): int(v) for k, v in counts.items()},
        "borderline": int((placed["confidence"] < unsupervised.nouns.BORDERLINE).sum()),
        "structure": found.clustering.structure,
    }


def _columns(steps: Any) -> list[str]:
    return [c for _, step in steps.transformer_list for c in (getattr(step, "columns", None) or ())]


def _tell(steps: Any, weights: str) -> None:
    for _, step in steps.transformer_list:
        if hasattr(step, "weights"):
            step.set_params(weights=weights)


def column_of(found: Clustering) -> pd.Series:
    """The clusters as names for a map: "1" is the largest, "none" in no cluster."""
    names = np.where(found.labels < 0, "none", (found.labels + 1).astype(str))
    return pd.Series(names, index=pd.Index(found.case_ids, dtype="str", name="case_id"), name="cluster")
