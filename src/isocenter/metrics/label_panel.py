"""All metrics of several labels at once: those of two classes for each label, and those over all labels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from isocenter.metrics import Floats, Ints, multilabel
from isocenter.metrics.panels import ClassPanel, Key, Mask

MACRO = ("auc", "average_precision", "f1")
_WHOLE = (*MACRO, "micro_f1", "exact_match", "hamming_loss")


@dataclass(frozen=True, eq=False)
class LabelPanel:
    """Multi-label: each label is told from its absence.

    reference, decided: (n, k) of 0 and 1; proba: (n, k). A key's class is the label; "auc",
    "average_precision" and "f1" of None are means over the labels that some cases have and some
    lack. Draws are never stratified: a case has several labels.
    """

    reference: Ints
    decided: Ints
    proba: Floats
    within_class: frozenset[Key] = frozenset()

    @property
    def n_classes(self) -> int:
        return int(self.proba.shape[1])

    @cached_property
    def codes(self) -> dict[int | None, int]:
        return {k: k for k in range(self.n_classes)}

    @cached_property
    def labels(self) -> tuple[ClassPanel, ...]:
        """A panel of two classes for each label: without it, with it."""
        columns = zip(self.reference.T, self.decided.T, self.proba.T, strict=True)
        return tuple(ClassPanel(y, d, np.column_stack([1 - p, p]), 1) for y, d, p in columns)

    @cached_property
    def present(self) -> Ints:
        """Labels that some cases have and some lack."""
        return np.flatnonzero((self.reference == 1).any(axis=0) & (self.reference == 0).any(axis=0))

    @cached_property
    def keys(self) -> tuple[Key, ...]:
        own = ((name, k) for k, label in enumerate(self.labels) for name, _ in label.keys)
        return (*((name, None) for name in _WHOLE), *own)

    def is_event(self, k: int | None) -> Mask:
        """(n,) cases with the label of a key."""
        return np.asarray(self.reference[:, self.codes[k]] == 1)

    def scores(self, k: int | None) -> Floats:
        return self.proba[:, self.codes[k]]

    def events_of(self, key: Key) -> int | None:
        return None if key[1] is None else int(self.is_event(key[1]).sum())

    def name_of(self, key: Key, classes: tuple[str, ...]) -> str | None:
        return None if key[1] is None else classes[key[1]]

    @cached_property
    def _columns(self) -> tuple[Floats, Floats]:
        has, called = self.reference.astype(bool), self.decided.astype(bool)
        return multilabel.label_columns(has, called), multilabel.case_columns(has, called)

    def measures(self, weights: Floats, wanted: Collection[Key] | None = None) -> dict[Key, Floats]:
        """Values (...) of the wanted keys (None: all) under case weights (..., n)."""
        chosen = set(self.keys if wanted is None else wanted)
        macro = [name for name in MACRO if (name, None) in chosen]
        found: dict[Key, Floats] = {}
        for k, label in enumerate(self.labels):
            names = {name for name, code in chosen if code == k} | set(macro)
            values = label.measures(weights, {(name, None) for name in names}) if names else {}
            found |= {(name, k): value for (name, _), value in values.items()}
        for name in macro:
            found[name, None] = self._mean([found[name, int(k)] for k in self.present], weights)
        found |= self._over_labels(weights)
        return {key: found[key] for key in self.keys if key in chosen}

    def _mean(self, values: list[Floats], weights: Floats) -> Floats:
        return np.mean(values, axis=0) if values else np.full(weights.shape[:-1], np.nan)

    def _over_labels(self, weights: Floats) -> dict[Key, Floats]:
        """Micro F1, exact match, Hamming loss."""
        of_labels, of_cases = self._columns
        exact, wrong = np.moveaxis((weights @ of_cases)[..., :2] / weights.sum(axis=-1)[..., None], -1, 0)
        micro = multilabel.micro_f1(multilabel.tally_of(weights @ of_labels))
        return {("micro_f1", None): micro, ("exact_match", None): exact, ("hamming_loss", None): wrong}
