"""A study in its project folder: what it makes (`stages`), and what it says of it to people and programs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from isocenter import (
    __version__,
    artefacts,
    comparing,
    disk,
    finished,
    paper,
    preparation,
    presenting,
    progress,
)
from isocenter.case import Case
from isocenter.cohort import Cohort
from isocenter.evaluation import Evaluation
from isocenter.evaluation.claims import summing_up
from isocenter.formats import arrays, tables
from isocenter.model import Model
from isocenter.options import Options
from isocenter.project import Project, fingerprint
from isocenter.stages import Stages


class Study(Stages):
    """A study that tells what each step has found when it ends, and all of it as plain data."""

    def __init__(self, options: Options, project: Project) -> None:
        super().__init__(options, project)
        self._told: set[str] = set()

    def _tell(self, step: str, found: Callable[[], dict[str, Any]]) -> None:
        if step not in self._told:
            self._told.add(step)
            progress.facts(found())

    @cached_property
    def cohort(self) -> Cohort:
        """The cohort as the project knows it; told once."""
        found = super().cohort
        self._tell("index", lambda: self._described(found))
        return found

    @cached_property
    def usable(self) -> Cohort:
        """The cohort without what the audit could not read; told once."""
        found = super().usable
        self._tell("audit", lambda: self._audited(found))
        return found

    def check(self) -> None:
        super().check()
        self._tell("split", self.describe_design)

    def fit(self) -> dict[str, Model]:
        models = super().fit()
        self._tell("fit", lambda: {"models": _told_of(models)})
        return models

    def evaluate(self) -> dict[str, Evaluation]:
        found = super().evaluate()
        self._tell("evaluate", lambda: {**self.describe_models(), **self._numbers(found)})
        return found

    # -- report --------------------------------------------------------------------------------
    def report(self) -> str:
        """The page of the whole study, as HTML; also written to the project."""
        evaluations = self.evaluate()
        inputs = fingerprint(
            "report",
            __version__,
            [self._evaluate_inputs(r) for r in self.recipes],
            asdict(self.options),
        )
        return self.project.get_or_make(artefacts.REPORT, inputs, lambda: self._render(evaluations))

    def _render(self, evaluations: dict[str, Evaluation]) -> str:
        predictions = {name: self.project.get(artefacts.predictions(name)) for name in evaluations}
        return presenting.report(
            self.usable,
            self.design,
            list(self.fit().values()),
            evaluations,
            predictions,
            audit=self.audit,
            thumbnail=self._thumbnail,
            command=self.options.command(),
            options=asdict(self.options),
            comparisons=self.compare(),
            readers=self.agree(),
            around=self.around,
        )

    def _thumbnail(self, case: Case) -> bytes:
        """A case's picture, kept in the project's thumbnails/."""
        if self.project.folder is None:
            return preparation.thumbnail(case)
        path = self.project.folder / "thumbnails" / f"{hashlib.sha256(case.case_id.encode()).hexdigest()[:24]}.png"
        if not path.is_file():
            disk.write_bytes(path, preparation.thumbnail(case))
        return path.read_bytes()

    # -- for people and programs: plain data, printed by the command line ------------------------
    def describe_cohort(self) -> dict[str, Any]:
        """What was found, as plain data: cohort, target, notes, warnings."""
        return self._described(self.cohort)

    def _described(self, cohort: Cohort) -> dict[str, Any]:
        return {
            **self._place(),
            "cohort": {
                "found": cohort.found,
                "used": len(cohort),
                "excluded": [asdict(f) for f in cohort.excluded],
                "unlabelled": len(cohort.unlabelled),
                "patients": len(set(cohort.patients)) if cohort.knows_patients else None,
                "features": len(cohort.features),
                "attributes": list(cohort.attributes),
                "covariates": list(cohort.covariates),
            },
            "target": _target(cohort),
            "notes": list(cohort.notes),
            "warnings": list(cohort.warnings),
        }

    def describe_audit(self) -> dict[str, Any]:
        """The same after the audit: what is used, duplicates, conflicts."""
        return self._audited(self.usable)

    def _audited(self, usable: Cohort) -> dict[str, Any]:
        audit, described = self.audit, self.describe_cohort()
        counts: dict[str, Any] = {"found": audit.found, "used": audit.used, "unlabelled": len(audit.unlabelled)}
        counts["patients"] = len(set(usable.patients)) if self.cohort.knows_patients else None
        return {
            **described,
            "cohort": {**described["cohort"], **counts, "excluded": [asdict(f) for f in audit.excluded]},
            "duplicates": audit.duplicates,
            "conflicts": audit.conflicts,
            "warnings": list(dict.fromkeys((*self.cohort.warnings, *audit.warnings))),
        }

    def describe_design(self) -> dict[str, Any]:
        """And how it is split: parts, sample size, what to beware of."""
        described = self.describe_audit()
        design = self.design
        parts = {name: len(ids) for name, ids in design.final.parts.items()} | {"test": len(design.tested)}
        warnings = list(presenting.warnings(self.usable, self.audit, self.design, self.shortcuts))
        told = {"kind": design.kind, "splits": len(design.splits), "repeats": design.repeats}
        told = {"how": design.how, "design": told, "sample_size": self.sample_size, "parts": parts}
        return {**described, **told, "warnings": warnings}

    def describe_models(self) -> dict[str, Any]:
        """And what was fitted, by name."""
        models = self.fit()
        return {**self.describe_design(), "primary": self.primary, "models": _told_of(models)}

    def _numbers(self, evaluations: dict[str, Evaluation]) -> dict[str, Any]:
        """What was measured, method by method."""
        compared = [r.name for r in self.recipes if r.role != "floor"]
        results = {name: {k: v for k, v in e.to_dict().items() if k != "curves"} for name, e in evaluations.items()}
        return {
            "best_on_tuning": comparing.best_on_tuning(evaluations, compared),
            "looks": max(e.looks for e in evaluations.values()),
            "results": results,
        }

    def summary(self) -> dict[str, Any]:
        """What `run` has found: counts, parts, every estimate."""
        evaluations = self.evaluate()
        place, comparisons = self._place(), self.compare()
        report = None if self.project.folder is None else str(self.project.folder / artefacts.REPORT.path)
        return {
            **self.describe_models(),
            **place,
            **self._numbers(evaluations),
            "comparisons": [row.to_dict() for row in comparisons],
            "claim": summing_up(comparisons),
            "seeds": self.seed_band,
            "learning": self.learning,
            "readers": self.agree(),
            "report": report,
        }

    def _place(self) -> dict[str, Any]:
        return {"project": None if self.project.folder is None else str(self.project.folder)}

    def export(self, path: str | Path) -> None:
        """The primary model's predictions as a table; as .mat with classes and confusion matrix.

        Of labels the matrix is 2 x 2 x k, `classes` their names.
        """
        path = disk.as_path(path, "OUTPUT")
        evaluation = self.evaluate()[self.primary]
        table = self.project.get(artefacts.predictions(self.primary))
        if path.suffix.lower() != ".mat":
            tables.write_table(table, path)
            return
        variables: dict[str, Any] = {**tables.mat_variables(table)}
        found = [one for one in evaluation.confusion if one["part"] == "test" and one["group"] is None]
        if found:
            matrices = np.stack([np.asarray(one["matrix"], dtype=np.float64) for one in found], axis=-1)
            labels = [one["class"] for one in found if "class" in one]
            variables["confusion_matrix"] = matrices if labels else matrices[..., 0]
            variables["classes"] = np.asarray(labels or found[0]["classes"], dtype=object)
        arrays.write_mat(path, variables)

    def paper(self, folder: str | Path) -> dict[str, Any]:
        """Figures, tables, data and a draft for a paper, from what was evaluated; no new look at the test part."""
        folder = disk.as_path(folder, "The folder to write")
        written = paper.write(finished.finished(self.project, self.options), folder)
        return {**self._place(), "paper": str(folder), "files": written}


def _told_of(models: dict[str, Model]) -> dict[str, Any]:
    return {
        name: {
            **{key: model.card[key] for key in ("role", "parameters", "features", "tested")},
            "decision": model.decision.told(),
        }
        for name, model in models.items()
    }


def _target(cohort: Cohort) -> dict[str, Any] | None:
    target = cohort.target
    if target is None:
        return None
    return {
        "task": target.task.value,
        "column": target.column,
        "classes": cohort.counts,
        "positive": target.positive,
        "how": target.how,
    }
