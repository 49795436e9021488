"""A study without labels in a project folder: none is needed, those that are there only describe.

What `run` makes stays as it is: the cohort, its audit and the store are shared.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from isocenter import __version__, artefacts, disk, ingest, presenting, progress
from isocenter.cohort import Cohort
from isocenter.errors import BadTarget, EmptyInput, NoTarget
from isocenter.ingest.columns import TARGET_NAMES
from isocenter.ingest.columns import plain as plain_name
from isocenter.measuring import Measured, measure
from isocenter.options import INDEX
from isocenter.project import fingerprint
from isocenter.steps import Study

OF_SCANS = ("preset", "regions", "image_filters", "weights", "window", "standardise")
MEASURING = (*OF_SCANS, "filters", "reference_site")
_WITHOUT_TARGET = ("id_column", "patient_column", "mask_column", "split_column", "image", "mask", "exclude", "ignore",
                   "group_column", "covariates", "harmonise", "preserve")  # fmt: skip


class Unlabelled(Study):
    """Cases, their features and pictures, and where what is made of them is written."""

    def index(self) -> Cohort:
        """As in any study; where no target is named, and none (or none that is one) is found, columns only describe."""
        try:
            return super().index()
        except NoTarget:
            return self._without_target()
        except BadTarget:
            if self._asks_for_target():
                raise
            return self._without_target()

    def _asks_for_target(self) -> bool:
        """Whether options name the target, say of what kind it is, or would harmonise by a column that is called so."""
        options = self.options
        beside = (name for name in (options.harmonise, *options.preserve) if name)
        asked = (options.target, options.task, options.positive, options.order, options.readers)
        return any(asked) or any(plain_name(name) in TARGET_NAMES for name in beside)

    def _without_target(self) -> Cohort:
        options = self.options
        labels = None if options.labels is None else Path(options.labels)
        listed = ingest.listing(Path(options.input), labels)
        inputs = fingerprint("index", "no target", __version__, listed, options.input, options.of(INDEX))
        told = {k: v for k, v in options.of(INDEX).items() if k in _WITHOUT_TARGET} | {"labels": labels}
        found = self.project.get_or_make(
            artefacts.COHORT, inputs, lambda: ingest.index(Path(options.input), with_labels=False, **told)
        )
        self._remember()
        return found

    def _described(self, cohort: Cohort) -> dict[str, Any]:
        """As in any study, without warnings about models and their parts: there are none."""
        return self._without_models(super()._described(cohort))

    def _audited(self, usable: Cohort) -> dict[str, Any]:
        return self._without_models(super()._audited(usable))

    @staticmethod
    def _without_models(described: dict[str, Any]) -> dict[str, Any]:
        told = [name for name in ("notes", "warnings") if name in described]
        said: dict[str, Any] = {name: presenting.without_models(described[name]) for name in told}
        return {**described, **said}

    @cached_property
    def usable(self) -> Cohort:
        """As in any study; EmptyInput with the first reasons where every case was left out."""
        found = super().usable
        if not len(found):
            faults = self.audit.excluded
            first = "; ".join(f"{one.where}: {one.reason}" for one in faults[:3])
            more = f"; and {len(faults) - 3} more in audit.json" if len(faults) > 3 else ""
            raise EmptyInput(
                f"Every case was left out ({len(faults)} of {self.audit.found} found): {first}{more}.",
                faults[0].remedy if faults else "Name other files with --image.",
            )
        return found

    # -- what all of it starts from -----------------------------------------------------------------
    @cached_property
    def measured(self) -> Measured:
        """The features, from the store where they were computed before."""
        told: dict[str, Any] = {n: getattr(self.options, n) for n in MEASURING}
        return measure(self.usable, self._primary(), store=self.project.store, **told)

    def _primary(self) -> str | None:
        """The first feature set that is named; the others are not silently passed over."""
        named = self.options.features
        if len(named) > 1:
            progress.note(f"Features: {named[0]}; not {', '.join(named[1:])} (join them with +).")
        return named[0] if named else None

    def _fingerprint(self, what: str, *more: object) -> str:
        options = self.options
        told = [options.features, options.seed, *(getattr(options, n) for n in MEASURING if n != "weights"), *more]
        return fingerprint(what, __version__, self.project.inputs(artefacts.AUDIT), told)

    def _thumbnails(self, cohort: Cohort, case_ids: list[str]) -> dict[str, bytes]:
        if cohort.features:
            return {}
        cases = cohort.select(case_ids).cases
        return {case.case_id: self._thumbnail(case) for case in cases}

    def _write(self, name: str, text: str) -> None:
        if self.project.folder is not None:
            disk.write_text(self.project.folder / name, text)

    def _path(self, name: str) -> str | None:
        return None if self.project.folder is None else str(self.project.folder / name)
