"""Features of a database in batches, for clusters of what does not fit in memory: rows of a file, or a cohort's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import checking, ingest, unsupervised
from isocenter.cohort import Cohort
from isocenter.errors import ConflictingRows
from isocenter.features.given import Given
from isocenter.formats.batches import KINDS, VALUES
from isocenter.measuring import Measured, fitted, measure, table_of
from isocenter.refining import Refining
from isocenter.unsupervised import Clustering
from isocenter.unsupervised.streaming import SAMPLE

MINIBATCH = "minibatch"


@dataclass(frozen=True, eq=False)
class Database:
    """cohorts(): the cases from the first on, a batch at a time; measured: the steps as fitted, with the first rows;
    knows_patients: whether these name any.
    """

    cohorts: Callable[[], Iterator[Cohort]]
    measured: Measured
    knows_patients: bool

    def tables(self) -> Iterator[pd.DataFrame]:
        """The features of each batch."""
        return (table_of(self.measured.pipeline, cohort) for cohort in self.cohorts())

    def patients(self, ids: Sequence[str]) -> NDArray[np.object_]:
        """The patient of each of these cases, in their order in the database. ConflictingRows: an id twice."""
        found = self.some(ids)
        _refuse_twice(found.table.index)
        return found.patients

    def drawn(self, seed: int) -> list[str]:
        """The ids of a random sample, in their order in the database."""
        ids = np.concatenate([part.case_ids for part in self.cohorts()])
        return [str(ids[i]) for i in np.sort(np.random.default_rng([seed, 3]).permutation(len(ids))[:SAMPLE])]

    def some(self, ids: Sequence[str]) -> Cohort:
        """These cases as one cohort, in their order in the database."""
        wanted = pd.Index(ids)
        parts = [part.select(part.table.index[part.table.index.isin(wanted)]) for part in self.cohorts()]
        table = pd.concat([part.table for part in parts if len(part)])
        return replace(parts[0], table=table, sources=tuple(one for part in parts for one in part.sources))


def streams(path: Path) -> bool:
    """Whether a file is read in batches."""
    return path.is_file() and path.suffix.lower() in KINDS


def of_file(path: Path, refining: Refining = Refining(), seed: int = 0, **told: Any) -> Database:  # noqa: B008  frozen
    """A table or matrix of features, read anew each time. told: as in `ingest.in_batches`.

    Harmonisation and filters are learned on a random sample.
    """
    told |= {"harmonise": refining.harmonise, "preserve": refining.preserve}

    def cohorts() -> Iterator[Cohort]:
        return ingest.in_batches(path, **told)

    first = next(cohorts())
    step = Given(columns=first.features)
    plain = Database(cohorts, fitted("given", [("given", step.fit(first.X))], first), first.knows_patients)
    if refining == Refining():
        return plain
    sample = plain.some(plain.drawn(seed))
    checking.check_sites(sample, refining.reference_site)
    measured = fitted("given", [("given", refining.around(step).fit(sample.X))], sample, refining)
    return replace(plain, measured=replace(measured, table=table_of(measured.pipeline, first)))


def of_cohort(cohort: Cohort, features: str | None, seed: int = 0, **told: Any) -> Database:
    """Cases that are listed, their features measured (or found in the store) batch by batch.

    What a feature step learns (names, sizes) it learns from a random sample. told: as in `measure`.
    """
    ids = cohort.case_ids
    rng = np.random.default_rng([seed, 3])
    known = cohort if len(ids) <= SAMPLE else cohort.select(ids[np.sort(rng.permutation(len(ids))[:SAMPLE])])
    measured = measure(known, features, **told)
    rows = int(np.clip(VALUES // measured.table.shape[1], 100, len(ids)))

    def cohorts() -> Iterator[Cohort]:
        return (cohort.select(ids[i : i + rows]) for i in range(0, len(ids), rows))

    return Database(cohorts, replace(measured, table=measured.table.head(rows)), cohort.knows_patients)


def minibatch(database: Database, *, clusters: int = 0, seed: int = 0) -> Clustering:
    """k-means by mini-batches, structure and number by stability on a random sample; every case placed.

    ConflictingRows: an id that is there twice.
    """
    groups = database.patients if database.knows_patients else None
    found = unsupervised.stream(database.tables, method="kmeans", clusters=clusters or None, groups=groups, seed=seed)
    _refuse_twice(pd.Index(found.case_ids))
    return replace(found, notes=(*found.notes, _held(found, database)))


def _refuse_twice(ids: pd.Index[str]) -> None:
    if not ids.is_unique:
        twice = ids[ids.duplicated()][0]
        raise ConflictingRows(f"The id '{twice}' is there more than once.", "Keep one row each, or name --id-column.")


def _held(found: Clustering, database: Database) -> str:
    """What was held in memory at once, in words."""
    rows, columns = database.measured.table.shape
    judged = min(SAMPLE, len(found))
    return (
        f"Read in batches: structure and number of clusters were judged on {judged:,} cases drawn at random, k-means "
        f"went over all {len(found):,} in mini-batches. In memory at once: {rows:,} rows of {columns} features, that "
        f"sample, and of each case its id and {found.points.shape[1] + 3} numbers."
    )


def shown(found: Clustering) -> Clustering:
    """The clustering with a random sample of its cases, for what needs features: maps, lists, descriptions."""
    if len(found) <= SAMPLE:
        return found
    rows = np.sort(np.random.default_rng([found.seed, 4]).permutation(len(found))[:SAMPLE])
    own = {name: getattr(found, name)[rows] for name in ("labels", "points", "confidence", "distance")}
    return replace(found, case_ids=tuple(found.case_ids[i] for i in rows), **own)
