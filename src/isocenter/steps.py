"""A study in its project folder: the verbs in order, each skipping what is up to date.

`Study(options, Project(folder))` remembers on disk, `Study(options, Project(None))` in memory:
the same code serves both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import (
    __version__,
    artefacts,
    checking,
    comparing,
    crossing,
    disk,
    finished,
    ingest,
    learning,
    ledger,
    paper,
    preparation,
    progress,
    reading,
    scoring,
    seeding,
    workbench,
)
from isocenter.auditing import Audit, check_exclusions, sample_size
from isocenter.case import Case
from isocenter.cohort import Cohort
from isocenter.deciding import Wish
from isocenter.errors import MissingPath, MissingStep
from isocenter.evaluation import HEADLINES, Comparison, Evaluation
from isocenter.evaluation.claims import summing_up
from isocenter.formats import arrays, tables
from isocenter.model import Decision, Model
from isocenter.options import EVALUATE, FIT, INDEX, SPLIT, Options
from isocenter.project import Project, fingerprint
from isocenter.recipes import Recipe
from isocenter.splitting import Design

RUN = "run.toml"


class Study:
    """What a run makes, each thing when it is first asked for."""

    def __init__(self, options: Options, project: Project) -> None:
        self.options = options
        self.project = project
        project.open()

    # -- index ---------------------------------------------------------------------------------
    def index(self) -> Cohort:
        """Look at INPUT; the cohort is made again only if files, table or options changed."""
        options = self.options
        if not options.input:
            raise MissingStep("Nothing was indexed yet.", "First run: isocenter index INPUT (or isocenter run INPUT).")
        labels = None if options.labels is None else Path(options.labels)
        inputs = fingerprint(
            "index", __version__, ingest.listing(Path(options.input), labels), options.input, options.of(INDEX)
        )
        found = self.project.get_or_make(
            artefacts.COHORT, inputs, lambda: workbench.index(options.input, **options.of(INDEX))
        )
        self._remember()
        return found

    def _remember(self) -> None:
        """run.toml: what later steps start from, and what repeats the run."""
        if self.project.folder is not None:
            disk.write_text(self.project.folder / RUN, self.options.to_toml(__version__))

    @cached_property
    def cohort(self) -> Cohort:
        """The cohort as the project knows it; without the files it was made from, too."""
        if self.options.input and Path(self.options.input).exists():
            return self.index()
        found = self.project.get(artefacts.COHORT)
        self._remember()
        return found

    # -- audit ---------------------------------------------------------------------------------
    @cached_property
    def audit(self) -> Audit:
        cohort = self.cohort
        inputs = fingerprint("audit", self.project.inputs(artefacts.COHORT))
        return self.project.get_or_make(
            artefacts.AUDIT, inputs, lambda: workbench.audit(cohort, store=self.project.store)
        )

    @cached_property
    def usable(self) -> Cohort:
        """The cohort without what the audit could not read."""
        return self.audit.usable(self.cohort)

    # -- split ---------------------------------------------------------------------------------
    @cached_property
    def design(self) -> Design:
        audit, cohort, chosen = self.audit, self.cohort, self.options.of(SPLIT)
        inputs = fingerprint("split", self.project.inputs(artefacts.AUDIT), chosen)
        return self.project.get_or_make(artefacts.DESIGN, inputs, lambda: workbench.split(cohort, audit, **chosen))

    def check(self) -> None:
        """UsageError or UnknownColumn for options that would fail only after the fits or the look."""
        used = dict.fromkeys((*self.design.final.fitting, *self.design.tested))
        checking.check(self.options, self.usable.select(used))

    # -- fit -----------------------------------------------------------------------------------
    @cached_property
    def recipes(self) -> list[Recipe]:
        options = self.options
        return workbench.plan(
            self.usable,
            self.design,
            options.method,
            options.features,
            parameters=options.parameters,
            store=self.project.store,
            with_floors=True,
            weights=options.weights,
            window=options.window,
        )

    def fit(self) -> dict[str, Model]:
        """Every method and floor, on each split and for keeping; refused where too much was left out."""
        self.check()
        for sentence in check_exclusions(self.audit, self.cohort, allow=self.options.allow_excluded):
            progress.warning(sentence)
        return {recipe.name: self._fit(recipe) for recipe in self.recipes}

    @cached_property
    def setting(self) -> crossing.Setting:
        """What every fit shares."""
        options = self.options
        roles = {"image": options.image, "mask": options.mask}
        wish = Wish(options.decide, options.recalibrate, options.aggregate)
        return crossing.Setting(self.project, self.usable, self.design, options.seed, wish, roles)

    @cached_property
    def folds(self) -> crossing.Folds:
        """Models and predictions of the splits, where the design has several."""
        return crossing.Folds(self.setting)

    def _fit(self, recipe: Recipe) -> Model:
        if self.design.several:
            self.folds.fit(recipe)
        model, tuning, inputs = artefacts.model(recipe.name), artefacts.tuning(recipe.name), self._fit_inputs(recipe)
        if not (self.project.has(model, inputs) and self.project.has(tuning, inputs)):
            fitted = crossing.fit(self.setting, recipe)
            table = scoring.beside_reference(fitted.tuning, self.usable, "tuning", fitted.model.decision)
            self.project.put(tuning, inputs, table)
            self.project.put(model, inputs, fitted.model)
        return recipe.placed(self.project.get(model))

    def _fit_inputs(self, recipe: Recipe) -> str:
        names = ("seed", "decide", "recalibrate", "aggregate")
        fitting = {k: v for k, v in self.options.of(FIT).items() if k in names}
        return fingerprint("fit", self.project.inputs(artefacts.DESIGN), crossing.plain(recipe), fitting)

    # -- evaluate ------------------------------------------------------------------------------
    def evaluate(self) -> dict[str, Evaluation]:
        """Score every model on the test part, all in one look; what is up to date is not looked at again."""
        models = self.fit()
        wanted = {r.name: self._evaluate_inputs(r) for r in self.recipes}
        if any(not self._evaluated(name, inputs) for name, inputs in wanted.items()):
            looks = self._look()
            for name, inputs in progress.track(wanted.items(), "evaluate", len(wanted)):
                if not self._evaluated(name, inputs):
                    self._evaluate(models[name], inputs, looks)
        return {name: self.project.get(artefacts.evaluation(name)) for name in wanted}

    def _evaluate_inputs(self, recipe: Recipe) -> str:
        return fingerprint("evaluate", self._fit_inputs(recipe), self.options.of(EVALUATE))

    def _evaluated(self, name: str, inputs: str) -> bool:
        return self.project.has(artefacts.evaluation(name), inputs) and self.project.has(
            artefacts.predictions(name), inputs
        )

    def _look(self) -> int:
        """What was learned, not when, tells one look from another: the bundles' digests."""
        if self.project.folder is None:
            return 1
        models = {
            r.name: self.folds.digest(r) if self.design.several else self.project.digest(artefacts.model(r.name))
            for r in self.recipes
        }
        return ledger.look(self.project.folder, self.design.test_fingerprint, models)

    def _evaluate(self, model: Model, inputs: str, looks: int) -> None:
        if self.design.several:
            table = self.folds.table(next(r for r in self.recipes if r.name == model.name))
        else:
            tuning = self.project.get(artefacts.tuning(model.name))
            table = pd.concat([tuning, scoring.scores(model, self.usable, self.design)], ignore_index=True)
        options = self.options
        how: dict[str, Any] = {"subgroups": options.subgroups, "prevalences": options.shares, "seed": options.seed}
        found = scoring.evaluate_table(table, model.name, self.usable, self.design, **how)
        self.project.put(artefacts.predictions(model.name), inputs, table)
        self.project.put(artefacts.evaluation(model.name), inputs, replace(found, looks=looks))

    def compare(self) -> tuple[Comparison, ...]:
        """Every method against every other and the floors, from the predictions of that one look."""
        evaluations, options = self.evaluate(), self.options

        def made() -> tuple[Comparison, ...]:
            tables = {name: self.project.get(artefacts.predictions(name)) for name in evaluations}
            floors = [r.name for r in self.recipes if r.role == "floor"]
            best = best_on_tuning(evaluations, [name for name in tables if name not in floors])
            how: dict[str, Any] = {"floors": floors, "best": best, "margin": options.margin, "seed": options.seed}
            found = comparing.compare_tables(tables, self.usable, self.design, **how)
            return (*found, *comparing.compare_groups(evaluations, self.usable, options.subgroups))

        inputs = fingerprint("compare", [self._evaluate_inputs(r) for r in self.recipes])
        return self.project.get_or_make(artefacts.COMPARISONS, inputs, made)

    def agree(self) -> dict[str, Any]:
        """Readers with each other and with the primary method; {} where there are none."""
        if not self.usable.readers:
            return {}
        self.evaluate()
        options, table = self.options, self.project.get(artefacts.predictions(self.primary))
        rule = None if options.target is not None else options.consensus
        inputs = fingerprint("readers", self._evaluate_inputs(self.recipes[0]), rule)
        how: dict[str, Any] = {"rule": rule, "seed": options.seed}
        return self.project.get_or_make(
            artefacts.READERS, inputs, lambda: reading.agree(self.usable, table, self.primary, **how)
        )

    # -- what surrounds the numbers ---------------------------------------------------------------
    @property
    def around(self) -> dict[str, Any]:
        """All of it, as far as it was asked for."""
        own = {"shortcuts": self.shortcuts, "sample_size": self.sample_size}
        return own | {"seeds": self.seed_band, "learning": self.learning}

    @cached_property
    def shortcuts(self) -> list[dict[str, Any]]:
        """How well metadata alone predict the target, in the fitting part."""
        inputs = fingerprint("shortcuts", self.project.inputs(artefacts.DESIGN))
        return self.project.get_or_make(
            artefacts.SHORTCUTS,
            inputs,
            lambda: workbench.shortcuts(self.usable, self.design, store=self.project.store),
        )

    @cached_property
    def sample_size(self) -> dict[str, Any]:
        """Whether the cohort is large enough for this design and the primary method's features; before any fit."""
        first = self.recipes[0]
        inputs = fingerprint("sample", self.project.inputs(artefacts.DESIGN), crossing.plain(first))

        def make() -> dict[str, Any]:
            n = workbench.predictors(first, self.usable, self.design)
            return sample_size(self.usable, self.design, n)

        return self.project.get_or_make(artefacts.SAMPLE, inputs, make)

    @cached_property
    def seed_band(self) -> dict[str, Any]:
        """How far the numbers move with the seed; {} unless --seeds asks for it."""
        n = self.options.seeds
        if n == 1:
            return {}
        chosen, audit, cohort = self.options.of(SPLIT), self.audit, self.cohort
        evaluations = self.evaluate()
        inputs = fingerprint("seeds", n, [self._evaluate_inputs(r) for r in self.recipes])

        def redesign(seed: int) -> Design:
            return workbench.split(cohort, audit, **{**chosen, "seed": seed})

        return self.project.get_or_make(
            artefacts.SEEDS, inputs, lambda: seeding.seeds(self.setting, self.recipes, evaluations, n, redesign)
        )

    @cached_property
    def learning(self) -> dict[str, Any]:
        """Would more patients help? {} unless --learning-curve asks for it."""
        if not self.options.learning_curve:
            return {}
        first, same = self.recipes[0], self.audit.duplicates
        inputs = fingerprint("learning", self._fit_inputs(first))
        return self.project.get_or_make(
            artefacts.LEARNING,
            inputs,
            lambda: learning.learning_curve(self.setting, first, same, self._decision(first).aggregation),
        )

    def _decision(self, recipe: Recipe) -> Decision:
        """Of the (first) split's own model, which has seen nothing of its test part."""
        return (self.folds.first(recipe) if self.design.several else self._fit(recipe)).decision

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
        return workbench.report(
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
    @property
    def primary(self) -> str:
        return self.recipes[0].name

    def describe_cohort(self) -> dict[str, Any]:
        cohort = self.cohort
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
        audit = self.audit
        counts = {"found": audit.found, "used": audit.used, "unlabelled": len(audit.unlabelled)}
        return {
            **self.describe_cohort(),
            "cohort": {**counts, "excluded": [asdict(f) for f in audit.excluded]},
            "duplicates": audit.duplicates,
            "conflicts": audit.conflicts,
            "warnings": list(dict.fromkeys((*self.cohort.warnings, *audit.warnings))),
        }

    def describe_design(self) -> dict[str, Any]:
        described = self.describe_audit()
        design = self.design
        parts = {name: len(ids) for name, ids in design.final.parts.items()} | {"test": len(design.tested)}
        warnings = list(workbench.warnings(self.usable, self.audit, self.design, self.shortcuts))
        told = {"kind": design.kind, "splits": len(design.splits), "repeats": design.repeats}
        told = {"how": design.how, "design": told, "sample_size": self.sample_size, "parts": parts}
        return {**described, **told, "warnings": warnings}

    def describe_models(self) -> dict[str, Any]:
        described = self.describe_design()
        models = {
            name: {
                **{key: m.card[key] for key in ("role", "parameters", "features", "tested")},
                "decision": m.decision.told(),
            }
            for name, m in self.fit().items()
        }
        return {**described, "primary": self.primary, "models": models}

    def summary(self) -> dict[str, Any]:
        """What `run` has found: counts, parts, every estimate."""
        evaluations = self.evaluate()
        compared = [r.name for r in self.recipes if r.role != "floor"]
        results = {name: {k: v for k, v in e.to_dict().items() if k != "curves"} for name, e in evaluations.items()}
        place, comparisons = self._place(), self.compare()
        report = None if self.project.folder is None else str(self.project.folder / artefacts.REPORT.path)
        return {
            **self.describe_models(),
            **place,
            "best_on_tuning": best_on_tuning(evaluations, compared),
            "looks": max(e.looks for e in evaluations.values()),
            "results": results,
            "comparisons": [row.to_dict() for row in comparisons],
            "claim": summing_up(comparisons),
            "seeds": self.seed_band,
            "learning": self.learning,
            "readers": self.agree(),
            "report": report,
        }

    def _place(self) -> dict[str, Any]:
        return {"project": None if self.project.folder is None else str(self.project.folder)}

    def export(self, path: Path) -> None:
        """The primary model's predictions as a table; as .mat with classes and confusion matrix.

        Of labels the matrix is 2 x 2 x k, `classes` their names.
        """
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

    def paper(self, folder: Path) -> dict[str, Any]:
        """Figures, tables, data and a draft for a paper, from what was evaluated; no new look at the test part."""
        written = paper.write(finished.finished(self.project, self.options), folder)
        return {**self._place(), "paper": str(folder), "files": written}


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


def best_on_tuning(evaluations: dict[str, Evaluation], names: Sequence[str]) -> str:
    """The method with the best headline number on tuning data; the first named wins a tie."""

    def headline(name: str) -> float:
        for metric in HEADLINES:
            try:
                value = evaluations[name].get(metric, "tuning").value
            except KeyError:
                continue
            return value if value == value else float("-inf")
        return float("-inf")

    return max(names, key=headline)


def saved_options(folder: Path) -> Options:
    """The options of an earlier step in this project, or the defaults."""
    path = folder / RUN
    return Options.from_toml(path) if path.is_file() else Options()


def run(input: str | Path, *, project: str | Path | None = None, **options: object) -> Study:
    """The main job: index, audit, split, fit, evaluate, report. INPUT may be an earlier run.toml.

    project: folder to keep everything in; None: in memory. options: those of the command line
    (see `Options`), lists as lists or as one text with commas; other names are parameters of
    the method. Returns the `Study`, its pieces as attributes.
    """
    path = Path(input)
    known = {f.name for f in Options.table()}
    parameters = {name: options.pop(name) for name in list(options) if name not in known}
    if parameters:
        options["set"] = (
            *Options().changed(set=options.get("set", ())).set,
            *(f"{k}={v}" for k, v in parameters.items()),
        )
    base = Options.from_toml(path) if path.suffix == ".toml" else Options(input=str(path.absolute()))
    study = Study(base.changed(**options), Project(None if project is None else Path(project)))
    study.index()
    study.report()
    return study


def export(project: str | Path, output: str | Path | None = None) -> Path:
    """Write a finished project's figures, tables, data and a draft for a paper; the folder (PROJECT/paper).

    Nothing is fitted and the test part is not looked at again. MissingStep where nothing was evaluated.
    """
    place = Path(project)
    folder = place / "paper" if output is None else Path(output)
    if not place.is_dir():
        raise MissingPath(f"There is no project folder {place}.", "Name one with --project DIR.")
    Study(saved_options(place), Project(place)).paper(folder)
    return folder


def demo(folder: Path, *, seed: int = 0, patients: int = 120) -> dict[str, Any]:
    """The main job on embedded data: synthetic CT scans with masks, and real breast-cancer features."""
    from isocenter import datasets  # the phantom's geometry costs start-up, which no other verb needs

    summary = datasets.phantom(folder / "phantom", patients=patients, seed=seed)
    table = datasets.breast_cancer(folder / "breast-cancer")
    scans = run(
        folder / "phantom" / "scans",
        project=folder / "phantom-project",
        labels=folder / "phantom" / "labels.csv",
        target="malignant",
        mask="lesion_mask.nii.gz",
        covariates="age,sex",
        method="forest,linear",
        seed=seed,
    )
    rows = run(table, project=folder / "breast-cancer-project", target="diagnosis", seed=seed)
    return {
        "lines": summary.lines(),
        "phantom": scans.summary(),
        "breast_cancer": rows.summary(),
        "report": scans.summary()["report"],
    }
