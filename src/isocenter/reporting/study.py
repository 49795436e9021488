"""What a page is made from: plain data, all of it in the files of a project folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from isocenter.cohort import Cohort, Target
from isocenter.errors import BadTarget
from isocenter.evaluation import Comparison, Evaluation
from isocenter.splitting import Design

FLOOR = "floor"


@dataclass(frozen=True, eq=False)
class Study:
    """Everything the page tells; the same study gives the same page, byte by byte.

    cohort: the cases that were used; audit: `Audit.to_dict()`; models: cards in the order of the
    page, primary first and floors last, each with "name" and, as far as known, "method", "role"
    ("primary", "compared", "floor"), "features", "parameters", "seed", "summary", "importance" ([{"feature",
    "mean", "sd"}...]: drop of the headline metric on tuning data). evaluations and predictions: by
    name; predictions have the columns case_id, patient_id, part, reference, prediction,
    probability_<class>... units: the same of the test part, one row a patient where patients are
    the unit; absent where cases are. thumbnails: PNG by case id. command, options, versions: how to
    repeat it. notes: what was inferred; warnings: what must not be missed. comparisons: methods against
    each other and the floors; readers: `evaluation.readers`; around: `presenting.report`. created: a date to print, or
    None; the page never asks the clock.
    """

    title: str
    cohort: Cohort
    design: Design
    audit: Mapping[str, Any]
    models: Sequence[Mapping[str, Any]]
    evaluations: Mapping[str, Evaluation]
    predictions: Mapping[str, pd.DataFrame]
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    command: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    created: str | None = None
    comparisons: Sequence[Comparison] = ()
    readers: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @cached_property
    def target(self) -> Target:
        if self.cohort.target is None:
            raise BadTarget(
                "This cohort has no target, so there is nothing to report.", "Name one with --target COLUMN."
            )
        return self.cohort.target

    @cached_property
    def several(self) -> bool:
        """More than two classes, or labels: numbers are about each against the rest."""
        return self.target.is_labels or len(self.target.classes) > 2

    @cached_property
    def evaluated(self) -> list[Mapping[str, Any]]:
        """Cards of the models that have an evaluation, in the order of the page."""
        return [card for card in self.models if card["name"] in self.evaluations]

    @cached_property
    def primary(self) -> Mapping[str, Any]:
        """The card that the headline is about: {} where nothing was evaluated."""
        return self.evaluated[0] if self.evaluated else {}

    @cached_property
    def first(self) -> Evaluation:
        """The primary model's evaluation; an empty one where nothing was evaluated."""
        return self.evaluations[self.primary["name"]] if self.primary else Evaluation("")

    @cached_property
    def test_rows(self) -> pd.DataFrame | None:
        """The primary method's predictions of the test part, at the unit that is reported."""
        name = str(self.primary.get("name"))
        if name in self.units:
            return self.units[name]
        table = self.predictions.get(name)
        return None if table is None else table[table["part"] == "test"] if "part" in table else table

    @cached_property
    def synthetic(self) -> bool:
        """Whether something says that these are no patients: an option, the table, a note or warning."""
        told = (*self.notes, *self.warnings, *self.cohort.notes, *self.cohort.warnings)
        flagged = self.options.get("synthetic") or self.cohort.table.attrs.get("synthetic")
        return bool(flagged) or any("synthetic" in sentence.lower() for sentence in told)


def is_floor(card: Mapping[str, Any]) -> bool:
    return bool(card.get("role") == FLOOR)
