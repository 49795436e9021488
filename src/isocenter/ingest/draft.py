"""What is asked for, and what a source of cases hands over before a target is chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from isocenter.case import Source
from isocenter.cohort import PATIENT, Target
from isocenter.errors import Fault


@dataclass(frozen=True)
class Request:
    """The options of `index`, as given."""

    labels: Path | None = None
    target: str | None = None
    task: str | None = None
    positive: str | None = None
    id_column: str | None = None
    patient_column: str | None = None
    mask_column: str | None = None
    split_column: str | None = None
    image: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    with_labels: bool = True
    known: Target | None = None  # what a model predicts, to be found again
    class_names: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    group_column: str | None = None
    readers: tuple[str, ...] = ()  # columns with each reader's label
    consensus: str | None = None  # majority, where they make the target
    ignore: tuple[str, ...] = ()  # columns that are nothing at all
    harmonise: str | None = None  # the column of sites
    preserve: tuple[str, ...] = ()
    like: tuple[tuple[str, str], ...] = ()  # role and name of each file that a case has elsewhere
    inputs: tuple[str, ...] | None = None  # columns that a model reads; None: there is no model

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that `target` names where commas part them."""
        return tuple(dict.fromkeys(name.strip() for name in (self.target or "").split(",") if name.strip()))

    @property
    def never_ids(self) -> tuple[str | None, ...]:
        """Columns that hold no ids: they have another task."""
        return self.target, *self.targets, *self.reserved, *self.covariates

    @property
    def reads_labels(self) -> bool:
        """Whether there is a file of labels to be read."""
        return self.labels is not None and self.with_labels

    @property
    def split_name(self) -> str | None:
        """The column of a given split: `site` of "site" and of "site=B"."""
        return None if self.split_column is None else self.split_column.partition("=")[0]

    @property
    def reserved(self) -> tuple[str | None, ...]:
        """Columns with a task in the design or harmonisation, or of readers: neither target nor feature nor id."""
        return self.split_name, self.group_column, self.harmonise, *self.preserve, *self.readers


@dataclass
class Draft:
    """Cases with every column that is known of them.

    table: index case ids (unique str), column `patient_id` and all others; sources: a tuple a
    row, or [] for given features; features: columns that may be features; candidates: columns
    among which a target may be looked for; target: the column where labels surely are; labels:
    columns of 0 and 1 that surely are labels, one each;
    split: column of an official split; broken: rows that cannot be used, and why; faults: what
    never became a row.
    """

    table: pd.DataFrame
    origin: str
    sources: list[tuple[Source, ...]] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    candidates: list[str] = field(default_factory=list)
    target: str | None = None
    labels: tuple[str, ...] = ()
    task: str | None = None  # of that target, where it is known
    consensus: str = ""  # the rule by which readers' labels made that target
    split: str | None = None
    broken: dict[str, Fault] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def without(self, columns: list[str]) -> list[str]:
        """The columns of the table other than these and the patient's."""
        return [c for c in self.table.columns if c != PATIENT and c not in columns]
