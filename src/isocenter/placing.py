"""New cases in the clusters that are there: refused by name, flagged, or placed. Nothing is fitted again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import ingest, progress, unsupervised
from isocenter.bundle.grouped import Grouping, load_grouping
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import InputDoesNotFit
from isocenter.features import Given
from isocenter.features.harmonised import feature_steps, strangers
from isocenter.formats import tables
from isocenter.measuring import table_of
from isocenter.predicting import far_out, joined, like_those, refuse_missing, refuse_unnamed
from isocenter.preparation.profile import CLUSTERED, Profile

FLAGS, REFUSED = "flags", "refused"


def place(
    clusters: str | Path,
    input: str | Path,
    *,
    labels: str | Path | None = None,
    id_column: str | None = None,
    patient_column: str | None = None,
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    weights: str | None = None,
) -> pd.DataFrame:
    """New scans or rows in the clusters of a saved clustering (`clusters/clusters.iso`), a row a case.

    Index case_id; columns patient_id where patients are known, cluster (1 the largest, -1 in none), confidence
    (0 to 1), distance (from the centre, 1 for the typical member), flags ("" where a case is like the clustered ones,
    else what is unlike them). A scan of another kind (modality, 3-D or 2-D, channels) is refused: its row is empty but
    for the flag. labels: a table with the columns that harmonisation reads; image, mask: which files are what, as in
    `index`; neither: as in the clustering. weights: of the network, if the features are of one. Raises InputDoesNotFit
    for a table where scans were clustered or the other way round, for missing columns, and where no scan fits.
    """
    told = {"labels": labels, "id_column": id_column, "patient_column": patient_column}
    return _placed(load_grouping(Path(clusters)), input, {**told, "image": image, "mask": mask}, weights)


def place_to(path: Path, input: str, output: Path, *, weights: str | None = None, **how: Any) -> dict[str, Any]:
    """`place`, written as a table; what was placed, refused and flagged, counted."""
    found = load_grouping(path)
    placed = _placed(found, input, how, weights)
    tables.write_table(placed, output)
    counts = placed["cluster"].value_counts().sort_index()
    flags = placed[FLAGS]
    refused = int(flags.str.startswith(REFUSED).sum())
    return {
        "placed": str(output),
        "cases": len(placed) - refused,
        "counts": {str(k): int(v) for k, v in counts.items()},
        "borderline": int((placed["confidence"] < unsupervised.nouns.BORDERLINE).sum()),
        "refused": refused,
        "flagged": int((flags != "").sum()) - refused,
        "structure": found.clustering.structure,
        "flags": sorted({flag for flag in flags if flag}),
    }


def _placed(found: Grouping, input: str | Path, how: dict[str, Any], weights: str | None) -> pd.DataFrame:
    known, beside = found.about.get("roles", {}), found.about.get("beside", {})
    roles: dict[str, Any] = {name: tuple(how.get(name) or known.get(name, ())) for name in ("image", "mask")}
    labels = how.get("labels")
    named: dict[str, Any] = {"labels": None if labels is None else Path(labels), "like": known.get("like", ())}
    named |= {name: how.get(name) for name in ("id_column", "patient_column")}
    cohort = ingest.index(Path(input), with_labels=False, **named, **roles, **beside)
    steps = feature_steps(found.pipeline)
    of_table = all(isinstance(step, Given) for step in steps)
    if of_table != bool(cohort.features):
        were, this = ("rows of features", "a folder of scans") if of_table else ("scans", "a feature table")
        raise InputDoesNotFit(
            f"These clusters are of {were}; this input is {this}.",
            "Give a table with the same features." if of_table else "Give a folder of scans.",
        )
    for step in steps:
        if weights is not None and hasattr(step, "weights"):
            step.set_params(weights=weights)
    placed = _rows(found, cohort) if of_table else _scans(found, cohort)
    if cohort.knows_patients:
        placed.insert(0, PATIENT, cohort.table[PATIENT].reindex(placed.index))
    return placed


def _rows(found: Grouping, cohort: Cohort) -> pd.DataFrame:
    """The rows of a table. Columns that carry no weight in the clusters (constant, filtered) may be missing."""
    columns = [str(c) for step in feature_steps(found.pipeline) for c in step.get_feature_names_out()]
    projection = found.clustering.projection
    weighed = [c for c in projection.names if c not in set(projection.left_out)]
    refuse_missing(weighed, cohort, "clustering", len(weighed))
    extra = [c for c in cohort.features if c not in columns]
    refuse_unnamed(columns, extra, cohort, "The clusters were made of")
    absent = [c for c in columns if c not in cohort.table]
    whole = replace(cohort, table=cohort.table.assign(**dict.fromkeys(absent, np.nan)), features=tuple(columns))
    placed = found.clustering.assign(table_of(found.pipeline, whole))
    ranges = {c: pair for c, pair in found.about.get("ranges", {}).items() if c in set(weighed)}
    flags = far_out(cohort.table, ranges, "the range of the clustered cases")
    return placed.assign(**{FLAGS: joined(flags, strangers(found.pipeline, whole.X))})


def _scans(found: Grouping, cohort: Cohort) -> pd.DataFrame:
    """Scans: those of another kind have a row that says why it is empty."""
    profile = found.about.get("profile")
    like = None if profile is None else Profile.from_dict(profile)
    if like is None:
        progress.warning("The clustering does not say what its scans were like: none is refused. Cluster again.")
    fit, flags, refused = like_those(cohort, like, found.pipeline, "the clusters", CLUSTERED)
    placed = found.clustering.assign(table_of(found.pipeline, fit)).assign(**{FLAGS: flags})
    if not refused:
        return placed
    placed["cluster"] = placed["cluster"].astype("Int64")
    empty = pd.DataFrame({FLAGS: list(refused.values())}, index=pd.Index(list(refused), name="case_id", dtype="str"))
    return pd.concat([placed, empty.reindex(columns=placed.columns).astype(placed.dtypes.to_dict())])
