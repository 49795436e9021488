"""Clusters and nearest cases: objects in, objects out. Nothing here touches a project folder."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import batching, checking, ingest, neighbours, preparation, progress, unsupervised
from isocenter.batching import MINIBATCH
from isocenter.cohort import PATIENT, Cohort
from isocenter.disk import as_path
from isocenter.errors import InputDoesNotFit, UsageError
from isocenter.features.regions import ONE
from isocenter.measuring import Measured, measure, table_of, vectors_of
from isocenter.metrics import Floats
from isocenter.neighbours import Cells, Vectors
from isocenter.refining import Refining
from isocenter.unsupervised import Clustering

METHODS = (*unsupervised.METHODS, MINIBATCH)
SEARCHES = ("exact", "approximate")


def cluster(
    cohort: Cohort | str | Path,
    *,
    method: str = "auto",
    clusters: int = 0,
    features: str | None = None,
    preset: Sequence[str] = (),
    regions: str = ONE,
    image_filters: Sequence[str] = (),
    weights: str | None = None,
    window: str = "auto",
    standardise: str | None = None,
    filters: Sequence[str] = (),
    reference_site: str | None = None,
    seed: int = 0,
    store: str | None = None,
) -> Clustering:
    """Groups among cases that nobody labelled, and whether there are any; no label is looked at.

    cohort: or a path, which is indexed without labels. method: "auto", "kmeans", "gmm", "hdbscan", "consensus"; or
    "minibatch" for databases that do not fit in memory: a file (.npy, .parquet, .csv, .tsv) is then read in batches,
    and so are the features of a cohort. clusters: how many, 0 lets stability choose, and *no
    structure* be the answer; features: a key of FEATURES, or several joined by + (None: what suits the input); preset,
    regions, image_filters, weights, window, store: as in `fit`; standardise, filters, reference_site: as on the
    command line, learned on these cases. Features of a cohort that was indexed with `harmonise` are harmonised.
    `subtypes.describe` says what the clusters are. Raises UsageError, BadValues.
    """
    check(method, clusters)
    if not isinstance(cohort, Cohort):
        cohort = as_path(cohort, "INPUT")
    if method == MINIBATCH and isinstance(cohort, Path) and batching.streams(cohort):
        scans = {"preset": preset, "regions": regions, "image_filters": image_filters, "weights": weights}
        checking.refuse_of_scans(**scans, window=window, standardise=standardise)
        refining = Refining.of(filters, reference_site=reference_site)
        return batching.minibatch(batching.of_file(cohort, refining, seed), clusters=clusters, seed=seed)
    cases = cohort if isinstance(cohort, Cohort) else ingest.index(cohort, with_labels=False)
    told: dict[str, Any] = {"preset": preset, "regions": regions, "weights": weights, "window": window, "store": store}
    told |= {"image_filters": image_filters}
    told |= {"standardise": standardise, "filters": filters, "reference_site": reference_site}
    if method == MINIBATCH:
        return batching.minibatch(batching.of_cohort(cases, features, seed, **told), clusters=clusters, seed=seed)
    return grouped(cases, measure(cases, features, **told), method=method, clusters=clusters, seed=seed)


def check(method: str, clusters: int) -> None:
    """UsageError for what cannot be, before anything is read."""
    if method not in METHODS:
        raise UsageError(f"There is no clustering method '{method}'.", f"Choose one of {', '.join(METHODS)}.")
    if clusters < 0:
        raise UsageError(f"{clusters} clusters cannot be.", "Ask for 1 or more; 0 lets stability choose.")


def grouped(cohort: Cohort, measured: Measured, *, method: str, clusters: int, seed: int) -> Clustering:
    """`cluster` on features that are there; draws keep patients whole."""
    return unsupervised.cluster(
        measured.table, method=method, clusters=clusters or None, groups=cohort.patients, seed=seed
    )


def similar(
    cohort: Cohort | str | Path,
    case: str | Path,
    *,
    n: int = 10,
    features: str | None = None,
    distance: str = "auto",
    search: str = "exact",
    preset: Sequence[str] = (),
    regions: str = ONE,
    image_filters: Sequence[str] = (),
    weights: str | None = None,
    window: str = "auto",
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    store: str | None = None,
) -> pd.DataFrame:
    """The n cases nearest to a case, the nearest first: index case_id, distance and what is known of them.

    cohort: or a path, which is indexed without labels. case: one of the cohort (its id, or its patient's who has no
    other), or a file or folder with one that is not in it: a scan, a DICOM series, a table or array of one row. It
    meets the features as the cohort has them: nothing is fitted again, and a warning says in what it is unlike them. A
    `Path` is never an id. distance: "cosine", "euclidean" or "auto" (cosine for pixels, embeddings and wide tables), on
    features that are centred and scaled as in the cohort. image, mask: which files of a new case are what, as in
    `index` (of all, where the cohort is a path); neither: as in the cohort, where names say so. search: "exact", or
    "approximate" (a few cells of like cases; made anew by every call, the command line keeps them). `.attrs["search"]`
    tells which it was, and the recall as it was measured. Raises UsageError for what is neither a case nor a file,
    naming those like it.
    """
    check_search(search)
    case = case if isinstance(case, str) else as_path(case, "CASE")
    told: dict[str, Any] = {"preset": preset, "regions": regions, "weights": weights, "window": window}
    told |= {"image_filters": image_filters}
    checking.kind(cohort, (Cohort, str, Path), "cohort")
    if not isinstance(cohort, Cohort):
        cohort = ingest.index(Path(cohort), with_labels=False, image=image, mask=mask)
    asked = asked_case(cohort, case, image, mask)
    if odd := unlike(cohort, asked, store):
        progress.warning(f"{asked.name}: {odd}.")
    measured = measure(cohort, features, store=store, **told)
    if search == "exact":
        return nearest_cases(cohort, measured, asked, n, distance)
    cells = neighbours.celled(vectors_of(measured.table), metric(measured, distance))
    own = own_vector(cohort, measured, asked) if asked.row is None else None
    return nearest_in_cells(cohort, cells, asked, n, own)


@dataclass(frozen=True, eq=False)
class Asked:
    """The case whose like are sought. name: as shown; own: the cohort of it alone; row: in the cohort, or None."""

    name: str
    own: Cohort
    row: int | None = None


def asked_case(cohort: Cohort, case: str | Path, image: Sequence[str] = (), mask: Sequence[str] = ()) -> Asked:
    """What `case` means: a case of the cohort first, then a file or folder. UsageError for neither, or for several."""
    row = None if isinstance(case, Path) else _row(cohort, case)
    if row is not None:
        name = str(cohort.case_ids[row])
        return Asked(name, cohort.select([name]), row)
    if not _there(case):
        raise UsageError(
            f"There is no case '{case}' here, and no file or folder of that name.", _like(cohort, str(case))
        )
    own = ingest.index(Path(case), with_labels=False, image=image, mask=mask, like=cohort.kinds)
    if len(own) != 1:
        few = ", ".join(map(str, own.case_ids[:5]))
        remedy = "Name the file or folder of one, or say which files are what with --image and --mask."
        raise UsageError(f"{case} holds {len(own)} cases ({few}); one is needed.", remedy)
    if bool(own.features) != bool(cohort.features):
        what, are = ("a row of features", "scans") if own.features else ("a scan", "rows of features")
        raise InputDoesNotFit(f"{case} is {what}, the cases here are {are}.", "Give a case of the same kind.")
    return Asked(str(case), own)


def unlike(cohort: Cohort, asked: Asked, store: str | None = None) -> str:
    """In what a case from outside differs from the cohort (modality, channels, size, values...); "" in nothing."""
    if asked.row is not None or cohort.features:
        return ""
    here, own = (preparation.facts(one.cases, store=store)[0] for one in (cohort, asked.own))
    return next(iter(preparation.Profile.of(here).unlike(own).values()), "")


def _there(case: str | Path) -> bool:
    try:
        return Path(case).exists()
    except OSError:  # a text too long for a name
        return False


def check_search(search: str) -> None:
    """UsageError for one that does not exist."""
    if search not in SEARCHES:
        raise UsageError(f"There is no search '{search}'.", f"Searches: {', '.join(SEARCHES)}.")


def nearest_cases(
    cohort: Cohort, measured: Measured, asked: Asked, n: int = 10, distance: str = "auto"
) -> pd.DataFrame:
    """`similar` on features that are there, looking at every case."""
    _check_count(n)
    vectors = vectors_of(measured.table)
    own = own_vector(cohort, measured, asked) if asked.row is None else vectors[[asked.row]]
    rows, away = neighbours.nearest(vectors, own, n + 1, metric(measured, distance))
    return _shown(cohort, asked, rows[0], away[0], n, {"how": "exact", "sentence": ""})


def nearest_in_cells(cohort: Cohort, cells: Cells, asked: Asked, n: int, own: Vectors | None = None) -> pd.DataFrame:
    """`similar`, looking at the cases in a few cells. own (1, p): the vector of a case from outside."""
    _check_count(n)
    own = cells.vector(asked.row) if own is None and asked.row is not None else own
    assert own is not None
    rows, away = cells.nearest(own, n + 1)
    return _shown(cohort, asked, rows[0], away[0], n, searched(cells, n))


def searched(cells: Cells, n: int) -> dict[str, Any]:
    """How it was searched, as plain data and as a sentence: recall of the nearest `at` on `asked` cases, and the share
    of all cases that were `looked` at.
    """
    if cells.exact:
        few = f"fewer than {neighbours.LEAST:,} cases take no longer"
        none = f"{neighbours.SHARE:.0%} of them do not hold {neighbours.FAIR:.0%} of a case's neighbours"
        why = few if len(cells.rows) < neighbours.LEAST else none
        return {"how": "exact", "sentence": f"Every case was looked at: {why}."}
    at = min(n, len(cells.recalls))
    said = (
        f"Approximate: recall@{at} {cells.recall(at):.2f} on {cells.asked} of these cases; "
        f"{cells.looked:.1%} of all were looked at."
    )
    numbers = {"recall": cells.recall(at), "at": at, "asked": cells.asked, "looked": cells.looked}
    return {"how": "approximate", "sentence": said, **numbers}


def own_vector(cohort: Cohort, measured: Measured, asked: Asked) -> Vectors:
    """(1, p) of a case from outside, as the cohort's features are centred and scaled."""
    return vectors_of(table_of(measured.pipeline, _with_beside(asked.own, cohort)), measured.table)


def _check_count(n: int) -> None:
    if n < 1:
        raise UsageError(f"{n} cases cannot be shown.", "Ask for 1 or more.")


def _shown(
    cohort: Cohort, asked: Asked, rows: NDArray[np.intp], away: Floats, n: int, search: dict[str, Any]
) -> pd.DataFrame:
    others = [(int(i), float(d)) for i, d in zip(rows, away, strict=True) if i != asked.row][:n]
    told = cohort.table.iloc[[i for i, _ in others]]
    known = [PATIENT] if cohort.knows_patients else []
    shown = told[[*known, *([cohort.target.column] if cohort.target else []), *cohort.attributes]]
    shown.insert(0, "distance", [d for _, d in others])
    shown.attrs["search"] = search
    return shown.rename_axis("case_id")


def _with_beside(own: Cohort, cohort: Cohort) -> Cohort:
    """A case from outside with the columns that harmonisation reads, missing where it has none."""
    columns = own.table.reindex(columns=[*own.table, *(name for name in cohort.beside if name not in own.table)])
    features = tuple(name for name in own.features if name not in cohort.beside)
    return replace(own, table=columns, features=features, beside=cohort.beside)


def metric(measured: Measured, distance: str) -> str:
    """The distance that "auto" stands for."""
    if distance != "auto":
        return distance
    return "euclidean" if measured.likeness is None else "cosine"


def _row(cohort: Cohort, case: str) -> int | None:
    """The row that a name means: an id, the end of just one, or a patient with just one case."""
    ids = [str(one) for one in cohort.case_ids]
    if case in ids:
        return ids.index(case)
    ending = [i for i, one in enumerate(ids) if one.endswith(f"/{case}")]
    own = ending if len(ending) == 1 else np.flatnonzero(cohort.patients == case).tolist()
    return int(own[0]) if len(own) == 1 else None


def _like(cohort: Cohort, case: str) -> str:
    """The cases that may have been meant, in words."""
    ids = [str(one) for one in cohort.case_ids]
    near = [ids[i] for i in np.flatnonzero(cohort.patients == case)] or [i for i in ids if i.endswith(f"/{case}")]
    return f"Cases like it: {', '.join((near or difflib.get_close_matches(case, ids, 5, 0.4) or ids)[:5])}."


def column_of(found: Clustering) -> pd.Series:
    """The clusters as names for a map: "1" is the largest, "none" in no cluster."""
    names = np.where(found.labels < 0, "none", unsupervised.numbered(found.labels).astype(str))
    return pd.Series(names, index=pd.Index(found.case_ids, dtype="str", name="case_id"), name="cluster")
