"""A cohort: the cases, the table that describes them, and what is to be predicted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.case import Case, Source
from isocenter.errors import BadTarget, Fault

PATIENT = "patient_id"
BETWEEN = "|"  # labels of one case, written as text
_FAIL_WHERE_READERS_DIFFER = ("majority", "unanimous")  # rules of consensus


class Task(str, Enum):
    """What kind of thing is predicted: one of several classes, a grade, any number of labels, a measurement."""

    CLASSIFICATION = "classification"
    ORDINAL = "ordinal"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted: the task, the table's column, the classes in their order.

    classes: numeric order where all names are numbers, else alphabetical; grades from low to
    high; labels as they were named; the order of probability columns. positive: the class that
    sensitivity, AUC and average precision are about (classification with two classes only); how:
    one sentence for the user, how task and positive class were found.

    The column holds class names, measurements, or the labels of a case as one text
    ("edema|effusion", "" for none).
    """

    task: Task
    column: str
    classes: tuple[str, ...] = ()
    positive: str | None = None
    how: str = ""

    @property
    def is_classes(self) -> bool:
        """One of several classes, ordered or not: codes (n,), probabilities (n, k) whose rows sum to 1."""
        return self.task in (Task.CLASSIFICATION, Task.ORDINAL)

    @property
    def is_labels(self) -> bool:
        """Any number of labels a case: codes (n, k) of 0 and 1, probabilities (n, k) that are independent."""
        return self.task is Task.MULTILABEL

    @property
    def is_value(self) -> bool:
        """A measurement."""
        return self.task is Task.REGRESSION

    @property
    def positive_index(self) -> int | None:
        """Place of the positive class among `classes`, None without one."""
        return None if self.positive is None else self.classes.index(self.positive)

    def encode(self, values: Iterable[object]) -> NDArray[np.float64] | NDArray[np.int64]:
        """Classes to codes 0..k-1 (n,), labels to 0 and 1 (n, k), in the order of `classes`; measurements to float64.

        BadTarget for a class that the target does not have.
        """
        if self.is_value:
            return np.asarray(list(values), dtype=np.float64)
        if self.is_labels:
            return self._indicators([str(text).split(BETWEEN) if text else [] for text in values])
        texts = pd.Index(list(values), dtype=object)
        codes = pd.Index(self.classes).get_indexer(texts)
        self._refuse_unknown({str(v) for v in texts[codes < 0]})
        return codes.astype(np.int64)

    def _indicators(self, labels: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        self._refuse_unknown({name for names in labels for name in names} - set(self.classes))
        code = {name: k for k, name in enumerate(self.classes)}
        found = np.zeros((len(labels), len(self.classes)), dtype=np.int64)
        for row, names in zip(found, labels, strict=True):
            row[[code[name] for name in names]] = 1
        return found

    def _refuse_unknown(self, names: set[str]) -> None:
        if names:
            raise BadTarget(
                f"Column '{self.column}' has classes the model does not know: {', '.join(sorted(names))}.",
                f"Known classes: {', '.join(self.classes)}.",
            )

    def members(self, values: Iterable[object]) -> NDArray[np.bool_]:
        """(n, k) whether each case is of each class, or has each label; no columns for a measurement."""
        codes = self.encode(values)
        if self.is_labels:
            return codes.astype(np.bool_)
        return np.asarray(codes[:, None] == np.arange(len(self.classes)))

    def counts(self, values: Iterable[object]) -> dict[str, int]:
        """Cases of each class, or with each label; {} for a measurement."""
        return dict(zip(self.classes, self.members(values).sum(axis=0).tolist(), strict=True))


def label_texts(classes: Sequence[str], chosen: NDArray[Any]) -> NDArray[np.object_]:
    """(n,) the labels of each row as one text, from (n, k) whether it has them: the inverse of `Target.encode`."""
    names = np.array(classes, dtype=object)
    found = np.empty(len(chosen), dtype=object)
    found[:] = [BETWEEN.join(names[row]) for row in np.asarray(chosen, dtype=np.bool_)]
    return found


@dataclass(frozen=True, eq=False)
class Cohort:
    """The cases of a study. The table is the authority: one row a case.

    table: index `case_id` (str); column `patient_id` (str or NA where unknown), attributes,
    the target's column (class names or labels as str, or float), given features (float64).
    sources: one tuple of `Source` a row, or () for given features. features: columns of
    `table` that are given features. covariates: attributes allowed into a model.
    split_column: attribute with an official or given split. excluded: what was left out, with
    reasons; unlabelled: cases without a value of the target; found = used + excluded +
    unlabelled. readers: columns with each reader's label, written as the target's; never attributes.
    consensus: the rule by which these made the target ("majority"... or a reader's column), "" where it was named.
    aside: what readers said of unlabelled cases: index `case_id`, `patient_id` and the readers' columns; None without.
    beside: columns that a step reads beside the features (the site, what is preserved), never learned from.
    notes: what was inferred, one sentence each, for terminal and report.
    origin: "table" (features), "array" (image stacks) or "files".
    """

    table: pd.DataFrame
    target: Target | None = None
    sources: tuple[tuple[Source, ...], ...] = ()
    features: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    split_column: str | None = None
    excluded: tuple[Fault, ...] = ()
    unlabelled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    origin: str = "files"
    readers: tuple[str, ...] = ()
    consensus: str = ""
    aside: pd.DataFrame | None = None
    beside: tuple[str, ...] = ()
    fingerprint: str = field(default="")

    def __len__(self) -> int:
        return len(self.table)

    @property
    def case_ids(self) -> NDArray[np.object_]:
        """(n,) ids of the rows, in their order."""
        return self.table.index.to_numpy(dtype=object)

    @property
    def found(self) -> int:
        """All cases that were found: used, excluded and without a target."""
        return len(self.table) + len(self.excluded) + len(self.unlabelled)

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Role and name of each file of a case, as the first case has them; () for given features."""
        return tuple((source.role, source.name) for files in self.sources[:1] for source in files)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Columns that describe a case: neither patient id, target, reader nor given feature."""
        hidden = {PATIENT, *self.features, *self.readers, *([self.target.column] if self.target else [])}
        return tuple(c for c in self.table.columns if c not in hidden)

    @property
    def knows_patients(self) -> bool:
        """Whether any case has a patient id."""
        return bool(self.table[PATIENT].notna().any())

    @property
    def unresolved(self) -> int:
        """Cases that two readers or more have read and that have no target, as these differ."""
        if self.aside is None or self.consensus not in _FAIL_WHERE_READERS_DIFFER:
            return 0
        return int((self.aside[list(self.readers)].notna().sum(axis=1) > 1).sum())

    @property
    def patients(self) -> NDArray[np.object_]:
        """Patient of each row; a case of unknown patient stands for itself."""
        known = self.table[PATIENT]
        return known.where(known.notna(), "case:" + self.table.index.to_series()).to_numpy(dtype=object)

    @cached_property
    def cases(self) -> list[Case]:
        """Each row as a Case: id, patient (None where unknown), its files and attributes."""
        columns = list(self.attributes)
        rows: Any = self.table[columns].to_dict("records") if columns else [{}] * len(self.table)
        patients = self.table[PATIENT]
        ids = [None if missing else str(p) for p, missing in zip(patients, patients.isna(), strict=True)]
        sources: Sequence[tuple[Source, ...]] = self.sources or [()] * len(self.table)
        return [
            Case(str(case_id), patient, files, row)
            for case_id, patient, files, row in zip(self.table.index, ids, sources, rows, strict=True)
        ]

    @property
    def X(self) -> pd.DataFrame | list[Case]:  # noqa: N802  scikit-learn's name
        """What scikit-learn gets: the 2-D table for given features (with what stands beside), else the cases."""
        if self.features:
            return self.table[[*self.features, *dict.fromkeys((*self.covariates, *self.beside))]]
        return self.cases

    @property
    def y(self) -> NDArray[np.object_] | NDArray[np.float64] | NDArray[np.bool_] | None:
        """Class names (n,), labels (n, k) true or false, or measurements (n,); None without a target."""
        if self.target is None:
            return None
        if self.target.is_labels:
            return self.codes.astype(np.bool_)
        return self.table[self.target.column].to_numpy(dtype=object if self.target.is_classes else np.float64)

    @property
    def counts(self) -> dict[str, int]:
        """Cases of each class, or with each label; {} for a measurement or without a target."""
        return {} if self.target is None else self.target.counts(self.table[self.target.column])

    @property
    def codes(self) -> NDArray[np.float64] | NDArray[np.int64]:
        """The target as numbers, as `Target.encode` gives them: classes (n,), labels (n, k) or measurements (n,)."""
        if self.target is None:
            raise BadTarget("This cohort has no target.", "Name one with --target COLUMN.")
        return self.target.encode(self.table[self.target.column])

    def patients_with(self) -> dict[str, int]:
        """Patients with a case of each class, or with each label; {} for a measurement or without a target."""
        if self.target is None:
            return {}
        has = self.target.members(self.table[self.target.column])
        patients = pd.factorize(self.patients)[0]
        return {name: len(np.unique(patients[column])) for name, column in zip(self.target.classes, has.T, strict=True)}

    def groups(self, duplicates: Iterable[Sequence[str]] = ()) -> NDArray[np.int64]:
        """Connected components of same patient and exact duplicates: (n,) group numbers, by first appearance."""
        parent = pd.factorize(self.patients)[0].astype(np.int64)
        root = np.arange(parent.max(initial=-1) + 1)

        def find(i: int) -> int:
            while root[i] != i:
                root[i] = root[root[i]]
                i = int(root[i])
            return i

        for ids in duplicates:
            rows = self.table.index.get_indexer(pd.Index(list(ids), dtype=object))
            members = [find(int(parent[r])) for r in rows if r >= 0]
            for other in members[1:]:
                root[find(other)] = find(members[0])
        roots = np.array([find(i) for i in range(len(root))], dtype=np.int64)
        return pd.factorize(roots[parent])[0].astype(np.int64)

    def select(self, case_ids: Iterable[str]) -> Cohort:
        """The named cases, in the order given; what was excluded stays with the whole cohort."""
        rows = self.table.index.get_indexer(pd.Index(list(case_ids), dtype=object))
        if (rows < 0).any():
            raise KeyError("select() was given case ids that are not in the cohort")
        sources = tuple(self.sources[r] for r in rows) if self.sources else ()
        return replace(self, table=self.table.iloc[rows], sources=sources, excluded=(), unlabelled=(), aside=None)
