"""What a study makes, stage by stage, each skipping what is up to date; what it says of that is `steps`.

`Stages(options, Project(folder))` remembers on disk, `Stages(options, Project(None))` in memory:
the same code serves both.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import (
    __version__,
    artefacts,
    checking,
    comparing,
    crossing,
    disk,
    ingest,
    learning,
    ledger,
    progress,
    reading,
    scoring,
    seeding,
    training,
    workbench,
)
from isocenter.auditing import Audit, check_exclusions, sample_size
from isocenter.cohort import Cohort
from isocenter.deciding import Wish
from isocenter.errors import MissingStep
from isocenter.evaluation import Comparison, Evaluation
from isocenter.model import Decision, Model
from isocenter.options import EVALUATE, FIT, INDEX, SPLIT, Options
from isocenter.project import Project, fingerprint
from isocenter.recipes import Recipe
from isocenter.splitting import Design
from isocenter.store import Store

RUN = "run.toml"


class Stages:
    """What a run makes, each thing when it is first asked for."""

    def __init__(self, options: Options, project: Project) -> None:
        self.options = options
        self.project = project
        self._checked = False
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
        if self.project.folder is not None and self.project.keeps:
            disk.write_text(self.project.folder / RUN, self.options.to_toml(__version__))

    @cached_property
    def cohort(self) -> Cohort:
        """The cohort as the project knows it; without the files it was made from, too."""
        if self.options.input and (Path(self.options.input).exists() or not self._is_of_this_project()):
            return self.index()
        found = self.project.get(artefacts.COHORT)
        self._remember()
        return found

    def _is_of_this_project(self) -> bool:
        """Whether INPUT is what the project's cohort was made from: any other that is not there is a mistake."""
        saved = None if self.project.folder is None else self.project.folder / RUN
        if saved is None or not saved.is_file():
            return False
        return Path(Options.from_toml(saved).input).absolute() == Path(self.options.input).absolute()

    # -- audit ---------------------------------------------------------------------------------
    @cached_property
    def audit(self) -> Audit:
        """What was found wrong, left out or to beware of, case by case."""
        cohort = self.cohort
        options = self.options
        how = training.measuring(options)
        inputs = training.audit_inputs(self.project.inputs(artefacts.COHORT), options)

        def make() -> Audit:
            training.require(options.features, options.weights, self.project.store)
            return workbench.audit(cohort, **how, store=self.project.store)

        return self.project.get_or_make(artefacts.AUDIT, inputs, make)

    @cached_property
    def usable(self) -> Cohort:
        """The cohort without what the audit could not read."""
        return self.audit.usable(self.cohort)

    # -- split ---------------------------------------------------------------------------------
    @cached_property
    def design(self) -> Design:
        """Parts and folds, by whole patients."""
        audit, cohort, chosen = self.audit, self.cohort, self.options.of(SPLIT)
        inputs = fingerprint("split", self.project.inputs(artefacts.AUDIT), chosen)
        return self.project.get_or_make(artefacts.DESIGN, inputs, lambda: workbench.split(cohort, audit, **chosen))

    def check(self) -> None:
        """Once a study: UsageError or UnknownColumn for options that would fail only after the fits or the look,
        TooManyExcluded or warnings where much was left out."""
        if not self._checked:
            used, usable = dict.fromkeys((*self.design.final.fitting, *self.design.tested)), self.usable
            checking.check(self.options, usable if len(used) == len(usable) else usable.select(used))
            for sentence in check_exclusions(self.audit, self.cohort, allow=self.options.allow_excluded):
                progress.warning(sentence)
            self._checked = True

    # -- fit -----------------------------------------------------------------------------------
    @cached_property
    def recipes(self) -> list[Recipe]:
        """What will be fitted: the primary method first, the floors last."""
        options = self.options
        return training.plan(
            self.usable,
            self.design,
            options.method,
            options.features,
            parameters=options.parameters,
            preset=options.preset,
            regions=options.regions,
            image_filters=options.image_filters,
            store=self.project.store,
            with_floors=True,
            weights=options.weights,
            window=options.window,
            refining=training.refining(self.usable, options),
            standardise=options.standardise,
        )

    def fit(self) -> dict[str, Model]:
        """Every method and floor, on each split and for keeping; refused where too much was left out."""
        self.check()
        models = {recipe.name: self._fit(recipe) for recipe in self.recipes}
        for recipe in self.recipes if self.design.several else ():
            self.folds.fit(recipe)
        if self.options.store_limit > 0:
            Store(self.project.store).prune(int(self.options.store_limit * 1e9))
        return models

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
        """The model that is kept, before any fold: a criterion that it cannot meet costs no fold."""
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
            best = comparing.best_on_tuning(evaluations, [name for name in tables if name not in floors])
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
        inputs = fingerprint("readers", self._evaluate_inputs(self.recipes[0]), self.usable.consensus)
        return self.project.get_or_make(
            artefacts.READERS, inputs, lambda: reading.agree(self.usable, table, self.primary, seed=options.seed)
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
            lambda: training.shortcuts(self.usable, self.design, store=self.project.store),
        )

    @cached_property
    def sample_size(self) -> dict[str, Any]:
        """Whether the cohort is large enough for this design and the primary method's features; before any fit."""
        first = self.recipes[0]
        inputs = fingerprint("sample", self.project.inputs(artefacts.DESIGN), crossing.plain(first))

        def make() -> dict[str, Any]:
            n = training.predictors(first, self.usable, self.design)
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

    @property
    def primary(self) -> str:
        """The recipe that speaks for the study."""
        return self.recipes[0].name
