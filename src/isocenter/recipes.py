"""The one place that composes features and a method into a pipeline."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline

from isocenter import methods
from isocenter.cohort import Target, Task
from isocenter.errors import UsageError
from isocenter.features import FEATURES
from isocenter.features.joined import Joined
from isocenter.model import Model
from isocenter.refining import Refining

COVARIATES = "covariates"
PLACES = ("store", "weights")  # settings that say where things lie: they change no value, and no bundle holds them


@dataclass(frozen=True)
class Recipe:
    """What is fitted, in plain values: enough to build the pipeline again.

    name: what the result is called; features: names of feature steps (keys of FEATURES, or
    none); settings: keyword arguments of each step; covariates: columns that join the features;
    role: "primary", "compared" or "floor"; refining: what is done to the features before the
    method sees them.
    """

    name: str
    method: str
    features: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    role: str = "primary"
    refining: Refining = field(default_factory=Refining)

    def build(self, task: Task, seed: int, **chosen: object) -> Pipeline:
        """An unfitted pipeline: features, what refines them, imputation (median of the training cases), method."""
        around, settings = self.refining.around, self.settings
        steps = [(name, around(_step(name, settings.get(name, {})))) for name in self.features]
        if self.covariates:
            steps.append((COVARIATES, _step(COVARIATES, {"columns": self.covariates})))
        spare = (f"{COVARIATES}__",) if self.covariates and self.features else ()
        narrowing = self.refining.steps(task, spare) if self.features else []
        join = Joined if narrowing else FeatureUnion
        features = steps[0][1] if len(steps) == 1 else join(steps)
        estimator = methods.build(self.method, task, seed=seed, **{**self.parameters, **chosen})
        impute = SimpleImputer(strategy="median", keep_empty_features=True)
        return Pipeline([("features", features), *narrowing, ("impute", impute), ("method", estimator)])

    def placed(self, model: Model) -> Model:
        """`model`, read from a bundle, with the store and weights of this recipe."""
        return model.placed(**{k: v for one in self.settings.values() for k, v in one.items() if k in PLACES})

    def candidates(self) -> list[dict[str, object]]:
        """Parameter sets for the inner folds to choose from; [{}] where there is no choice."""
        found: list[dict[str, object]] = [{}]
        for name, values in methods.choices(self.method).items():
            if name not in self.parameters:
                found = [{**one, name: value} for one in found for value in values]
        return found


def _step(name: str, settings: Mapping[str, object]) -> Any:
    if name not in FEATURES:
        raise UsageError(f"There are no features '{name}'.", f"Features: {', '.join(FEATURES)}.")
    module, _, attribute = FEATURES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)(**settings)


def compose(
    method_names: Sequence[str],
    feature_names: Sequence[str],
    *,
    default_features: str,
    covariates: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    refining: Refining = Refining(),  # noqa: B008  frozen
) -> list[Recipe]:
    """Every named method on every named feature set; the first is the primary one.

    parameters go to the methods that know them; UsageError where none does. Results are called
    <method>, or <features>-<method> where features were named.
    """
    recipes: list[Recipe] = []
    given = dict(parameters or {})
    for features in feature_names or (default_features,):
        for method in method_names:
            own = {k: v for k, v in given.items() if k in methods.settings(method) or len(method_names) == 1}
            name = f"{features}-{method}" if feature_names else method
            recipes.append(
                Recipe(
                    name=name,
                    method=method,
                    features=tuple(features.split("+")),
                    covariates=tuple(covariates),
                    parameters=own,
                    settings=own_settings(settings or {}, features),
                    refining=refining,
                    role="compared" if recipes else "primary",
                )
            )
    _refuse_unknown(given, method_names)
    return recipes


def own_settings(settings: Mapping[str, Mapping[str, object]], features: str) -> dict[str, Mapping[str, object]]:
    """Those of the named steps only: another step's settings are no part of a recipe."""
    return {name: dict(settings[name]) for name in features.split("+") if name in settings}


def _refuse_unknown(parameters: Mapping[str, object], method_names: Sequence[str]) -> None:
    for name in parameters:
        if not any(name in methods.settings(m) for m in method_names):
            known = "; ".join(f"{m}: {', '.join(methods.settings(m)) or 'none'}" for m in method_names)
            raise UsageError(f"No method here has a parameter '{name}'.", f"Parameters are {known}.")


def floors(target: Target, covariates: Sequence[str], default_features: str) -> list[Recipe]:
    """What every result is shown against: the majority class or mean, and covariates alone."""
    name = "mean" if target.is_value else "majority"
    nothing = Recipe(name, name, (default_features,), role="floor")
    if not covariates:
        return [nothing]
    return [nothing, Recipe(COVARIATES, "linear", covariates=tuple(covariates), role="floor")]
