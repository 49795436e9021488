"""A table of features that does not fit in memory: some rows at a time, each batch a cohort like the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from isocenter.cohort import Cohort
from isocenter.errors import BadValues
from isocenter.formats.batches import read_batches
from isocenter.ingest.assemble import assemble
from isocenter.ingest.draft import Request
from isocenter.ingest.given import id_column as found_ids
from isocenter.ingest.rows import cleaned
from isocenter.wording import listed

_NUMBERED = "case_id"


def in_batches(
    path: Path,
    *,
    id_column: str | None = None,
    patient_column: str | None = None,
    split_column: str | None = None,
    group_column: str | None = None,
    covariates: Sequence[str] = (),
    exclude: Sequence[str] = (),
    ignore: Sequence[str] = (),
    harmonise: str | None = None,
    preserve: Sequence[str] = (),
) -> Iterator[Cohort]:
    """Cohorts without a target, in the order of the rows; arguments as in `index`.

    What each column is, the first batch tells. Where it names no ids, cases are numbered through. Ids are not compared
    between batches. Raises as `read_batches`; BadValues where a feature is text in a later batch, UnknownColumn.
    """
    request = Request(
        id_column=id_column, patient_column=patient_column, split_column=split_column, group_column=group_column,
        covariates=tuple(covariates), exclude=tuple(exclude), ignore=tuple(ignore), with_labels=False,
        harmonise=harmonise, preserve=tuple(preserve),
    )  # fmt: skip
    start, numbered = 0, False
    features: tuple[str, ...] = ()
    for part in read_batches(path):
        frame = cleaned(part)[0]
        if not start and (ids := found_ids(frame, request)) is not None:
            request = replace(request, id_column=ids)
        elif not start:
            request, numbered = replace(request, id_column=_NUMBERED), True
        if numbered:
            frame.insert(0, _NUMBERED, pd.Series(range(start, start + len(frame)), index=frame.index).astype("str"))
        found = assemble(path, request, frame)
        features = features or found.features
        if wrong := sorted(set(features) - set(found.features)):
            rows = f"rows {start + 1:,} to {start + len(frame):,}"
            raise BadValues(f"{listed(wrong)}: numbers at first, no numbers in {rows} of {path.name}.",
                            "Mend these cells, or leave the columns out with --ignore.")  # fmt: skip
        start += len(frame)
        yield replace(found, features=features)
