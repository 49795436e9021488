"""Folders and tables to a `Cohort`: what is a case, what is its label, what cannot be used and why.

    index(input, labels=..., target=...)     the cohort
    in_batches(path)                         a table too large for memory, as one small cohort after the other
    listing(input, labels)                   a cheap fingerprint: did any file change?

Reads names, headers and tables; pixels are read later, by the audit. Inside: `files` (what a
folder holds), `roles` (image and mask globs), `pathed` (columns that name files), `habit` (names that
say themselves what is what), `patches` (what `isocenter patches` wrote), `folders` (classes and parts),
`labels` and `rows` (the join), `given`, `arrays`, `stacks` and `counting` (features and image stacks),
`target`, `multilabel`, `known`,
`leaving` (cases and columns that are left out), `assemble`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from isocenter.cohort import Cohort, Target
from isocenter.disk import as_path
from isocenter.ingest.assemble import assemble
from isocenter.ingest.batches import in_batches
from isocenter.ingest.draft import Request
from isocenter.ingest.files import listed_files

__all__ = ["in_batches", "index", "listing"]


def index(
    input: str | Path,
    *,
    labels: str | Path | None = None,
    target: str | None = None,
    task: str | None = None,
    positive: str | None = None,
    id_column: str | None = None,
    patient_column: str | None = None,
    mask_column: str | None = None,
    split_column: str | None = None,
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    covariates: Sequence[str] = (),
    exclude: Sequence[str] = (),
    with_labels: bool = True,
    known: Target | None = None,
    class_names: Sequence[str] = (),
    order: Sequence[str] = (),
    group_column: str | None = None,
    readers: Sequence[str] = (),
    consensus: str | None = None,
    ignore: Sequence[str] = (),
    harmonise: str | None = None,
    preserve: Sequence[str] = (),
    like: Sequence[tuple[str, str]] = (),
    inputs: Sequence[str] | None = None,
) -> Cohort:
    """The cohort of a folder of scans, class folders, a feature table or an array of images.

    labels: table or array of labels; target: the column to predict (several with commas: labels of
    0 and 1), task and positive: how, each inferred where not given; order: grades from low to high;
    the *_column arguments name columns of the table; image, mask: `[NAME=]GLOB` or `[NAME=]COLUMN`,
    which files are what (neither: by how they are called, `habit`); covariates: attributes that may
    enter a model; exclude: case or patient ids; ignore: columns to leave out.
    harmonise: column of sites; preserve: covariates whose effect harmonisation keeps; neither is a feature.
    readers: columns with each reader's label, never a feature; consensus: the rule that makes a target
    of them where none is named (None: majority). with_labels=False is for new data to predict: no target is looked for.
    known: the target of a model, to be found again in the table; class_names: "OTHER=CLASS", how
    the table calls its classes. like: role and name of each source of a case elsewhere (`Cohort.kinds`): files that are
    called so are taken, in that order, and others are not. inputs: the columns that a model reads: no other one can
    be at fault.
    Raises InputError, LabelError, UsageError (what is no path); faults of cases are collected in `Cohort.excluded`.
    """
    request = Request(
        None if labels is None else as_path(labels, "LABELS"),
        target, task, positive, id_column, patient_column, mask_column, split_column,
        tuple(image), tuple(mask), tuple(covariates), tuple(exclude), with_labels,
        known, tuple(class_names), tuple(order), group_column, tuple(readers), consensus,
        tuple(ignore), harmonise, tuple(preserve), tuple((role, name) for role, name in like),
        None if inputs is None else tuple(inputs),
    )  # fmt: skip
    return assemble(as_path(input, "INPUT").absolute(), request)


def listing(input: Path, labels: Path | None = None) -> str:
    """SHA-256 over path, size and time of change of every file of INPUT and of the labels."""
    found = hashlib.sha256()
    for root in (input, labels):
        for file in listed_files(root):
            found.update(f"{file.name}\0{file.size}\0{file.changed}\0".encode())
        found.update(b"\1")
    return found.hexdigest()
