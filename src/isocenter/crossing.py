"""One recipe on every split of a design, in a project folder: a finished fold is not fitted again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from isocenter import artefacts, scoring, training
from isocenter.cohort import Cohort
from isocenter.deciding import Wish
from isocenter.fitting import Fitted
from isocenter.model import Model
from isocenter.project import Project, fingerprint
from isocenter.recipes import PLACES, Recipe
from isocenter.splitting import Design, Split, walk


@dataclass(frozen=True)
class Setting:
    """What every fit of a study shares."""

    project: Project
    cohort: Cohort
    design: Design
    seed: int
    wish: Wish
    roles: Mapping[str, Sequence[str]]


class Folds:
    """Models and predictions of a design of several splits, each an artefact of its own.

    A fold is made again only if the cohort, the recipe, the seed or what it learns from changed:
    more repeats add folds and leave those that are there.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting, self.project, self.design = setting, setting.project, setting.design
        self._learned = {(s.repeat, s.fold): fingerprint(s.fitting, s.folds) for s in self.design.splits}
        self._fitted: set[str] = set()

    def fit(self, recipe: Recipe) -> None:
        """Fit what is not there yet."""
        if recipe.name in self._fitted:
            return
        left = [split for split in self.design.splits if not self._has(recipe, split)]
        for split in walk(self.design, recipe.name, left, told=recipe.role != "floor"):
            fitted = fit(self.setting, recipe, split, kept=False)
            model, tuning, inputs = self._place(recipe, split)
            table = scoring.beside_reference(fitted.tuning, self.setting.cohort, "tuning", fitted.model.decision)
            self.project.put(tuning, inputs, table)
            self.project.put(model, inputs, fitted.model)
            self.project.forget(tuning, model)
        self._fitted.add(recipe.name)

    def table(self, recipe: Recipe) -> pd.DataFrame:
        """Predictions of all splits beside the reference: one look at every case."""
        found = []
        for split in self.design.splits:
            model, tuning, _ = self._place(recipe, split)
            fitted = recipe.placed(self.project.get(model)), self.project.get(tuning)
            found.append(scoring.fold_scores(*fitted, self.setting.cohort, split))
            self.project.forget(tuning, model)
        return pd.concat(found, ignore_index=True)

    def first(self, recipe: Recipe) -> Model:
        """The model of the first split."""
        self.fit(recipe)
        model = self._place(recipe, self.design.split)[0]
        found = recipe.placed(self.project.get(model))
        self.project.forget(model)
        return found

    def digest(self, recipe: Recipe) -> str:
        """SHA-256 of all that was learned."""
        return fingerprint([self.project.digest(self._place(recipe, split)[0]) for split in self.design.splits])

    def _place(self, recipe: Recipe, split: Split) -> tuple[Any, Any, str]:
        """The two artefacts of a fold, and the fingerprint of what they are made from."""
        audit = self.project.inputs(artefacts.AUDIT)
        learned = self._learned[split.repeat, split.fold]
        inputs = fingerprint("fold", audit, plain(recipe), self.setting.seed, asdict(self.setting.wish), learned)
        return artefacts.fold_model(recipe.name, split), artefacts.fold_tuning(recipe.name, split), inputs

    def _has(self, recipe: Recipe, split: Split) -> bool:
        model, tuning, inputs = self._place(recipe, split)
        return self.project.has(model, inputs) and self.project.has(tuning, inputs)


def fit(setting: Setting, recipe: Recipe, split: Split | None = None, *, kept: bool = True) -> Fitted:
    """One recipe on one split; None: on what the kept model learns from."""
    return training.fit_recipe(
        recipe,
        setting.cohort,
        setting.design,
        split=split,
        seed=setting.seed,
        store=setting.project.store,
        roles=setting.roles,
        wish=setting.wish,
        kept=kept,
    )


def plain(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values; where results and weights lie is no part of it."""
    found = asdict(recipe)
    found["settings"] = {n: {k: v for k, v in s.items() if k not in PLACES} for n, s in found["settings"].items()}
    return found
