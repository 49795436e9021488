"""One partition of the cases, and the design that is made of one or several of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

HOLDOUT, GIVEN, KFOLD, NESTED, LEAVE_ONE_OUT = "holdout", "given", "kfold", "nested", "leave-one-out"
DESIGNS = (HOLDOUT, KFOLD, NESTED, LEAVE_ONE_OUT)  # what --design takes; a given split comes from --split-column
_IDS = ("training", "tuning", "test", "overlap", "unassigned")


@dataclass(frozen=True)
class Split:
    """One partition of the cases into parts.

    training, tuning, test: case ids; the order of `training` is the order a method sees.
    folds: held-out case ids of each inner fold, over training and tuning together, patient-
    grouped. overlap: test cases that share a patient or pixels with training or tuning (can be
    non-empty only in an official or given split). unassigned: cases for which a given split or
    the group column names no part. repeat, fold: its place in a design of several splits; group:
    what is left out where that is a value of a column, e.g. a site.
    """

    training: tuple[str, ...]
    test: tuple[str, ...]
    tuning: tuple[str, ...] = ()
    folds: tuple[tuple[str, ...], ...] = ()
    overlap: tuple[str, ...] = ()
    unassigned: tuple[str, ...] = ()
    seed: int = 0
    repeat: int = 0
    fold: int = 0
    group: str | None = None

    @property
    def fitting(self) -> tuple[str, ...]:
        """What shallow methods learn from: an official validation part joins the training part."""
        return self.training + self.tuning

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Case ids of training, tuning and test, by name."""
        return {"training": self.training, "tuning": self.tuning, "test": self.test}


@dataclass(frozen=True)
class Design:
    """How performance is estimated: one split for a hold-out, several for cross-validation.

    kind: "holdout", "given", "kfold", "nested" or "leave-one-out"; repeats: how often all cases
    are tested; group_column: whose values are left out in turn, or None; whole: every case in
    training, with inner folds, for the final model of a design of several splits (that model is
    not itself tested), None for one split; how: one sentence for the user; warnings: sentences
    that must not be missed (no patient ids, overlaps of an official split...).
    """

    splits: tuple[Split, ...]
    kind: str = HOLDOUT
    test_fraction: float | None = 0.2
    stratified: bool = True
    seed: int = 0
    how: str = ""
    warnings: tuple[str, ...] = ()
    repeats: int = 1
    group_column: str | None = None
    whole: Split | None = None

    @property
    def split(self) -> Split:
        """The first split; the only one of a hold-out."""
        return self.splits[0]

    @property
    def several(self) -> bool:
        """Whether numbers come from several models: they estimate a procedure, not one model."""
        return self.whole is not None

    @property
    def final(self) -> Split:
        """What the model that is kept learns from: the one split of a hold-out, else everything."""
        return self.splits[0] if self.whole is None else self.whole

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The parts of the one split; where every case is tested in turn there are none, and all are "training"."""
        return self.final.parts

    @property
    def tested(self) -> tuple[str, ...]:
        """Every case that some split tests, once, sorted."""
        return tuple(sorted({case_id for split in self.splits for case_id in split.test}))

    @property
    def test_fingerprint(self) -> str:
        """SHA-256 of the cases that are tested: the identity of what has been looked at."""
        return hashlib.sha256("\n".join(self.tested).encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what is in which part."""
        return hashlib.sha256(json.dumps([asdict(s) for s in self.splits]).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `split.json`: `parts` of the first split, all of them under `splits`."""
        first = {name: list(ids) for name, ids in self.split.parts.items()}
        own = {k: v for k, v in asdict(self).items() if k != "splits"}
        return {"parts": first, **own, "splits": [asdict(s) for s in self.splits]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Design:
        """The inverse of `to_dict`."""
        rest = {k: data[k] for k in ("kind", "test_fraction", "stratified", "seed", "how", "repeats", "group_column")}
        whole = None if data["whole"] is None else _split(data["whole"])
        splits = tuple(_split(row) for row in data["splits"])
        return cls(splits, warnings=tuple(data["warnings"]), whole=whole, **rest)


def _split(row: dict[str, Any]) -> Split:
    folds = tuple(tuple(fold) for fold in row["folds"])
    return Split(**{**row, **{name: tuple(row[name]) for name in _IDS}, "folds": folds})
