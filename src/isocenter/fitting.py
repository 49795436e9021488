"""Fitting one recipe: inner folds choose, out-of-fold predictions are kept, the whole part is learned.

Everything here sees the fitting part of a split and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import has_fit_parameter

from isocenter import progress
from isocenter.case import Case
from isocenter.cohort import Cohort, Target, Task
from isocenter.deciding import NOTHING, Wish, decide, minus_brier, torn_patients
from isocenter.errors import CriterionNotMet, TooFewPatients
from isocenter.explain import permutation_importance
from isocenter.explain.importance import HeldOut
from isocenter.methods import FLOORS, refusing
from isocenter.metrics import multilabel, ordinal
from isocenter.metrics.ranking import auc
from isocenter.metrics.regression import r2
from isocenter.model import Model, outputs
from isocenter.prediction import Prediction
from isocenter.recipes import Recipe
from isocenter.refining import told
from isocenter.splitting import Split, inner_folds

Floats = NDArray[np.float64]
NEAR = 0.01  # headline numbers that do not differ
VERSIONS = ("isocenter", "numpy", "pandas", "scikit-learn")


@dataclass(frozen=True)
class Fitted:
    """A model and what its inner folds said of the cases they held out."""

    model: Model
    tuning: Prediction


def fit(
    recipe: Recipe,
    cohort: Cohort,
    split: Split,
    *,
    seed: int = 0,
    wish: Wish = Wish(),  # noqa: B008  frozen
    card: dict[str, Any] | None = None,
    explained: bool = True,
    strict: bool = True,
    called: str | None = None,
) -> Fitted:
    """Choose by the inner folds of `split`, predict what they held out, decide, fit on training and tuning.

    Parameters are chosen by the headline number, and among those that come near it by the loss of their
    probabilities. The card tells what was done; `card` adds to it; explained: with the importance of features;
    strict: where the criterion cannot be met CriterionNotMet, else the nearest threshold and a warning, both of
    them about `called` (None: the recipe's name). Raises TooFewPatients where a fold lacks all but one class,
    UsageError for a parameter's value that the method cannot have, and what `deciding.decide` raises.
    """
    if cohort.target is None:
        cohort.codes  # noqa: B018  raises BadTarget with its remedy
        raise AssertionError
    target = cohort.target
    part = cohort.select(split.fitting)
    X, y = part.X, part.codes
    _refuse_one_class(target, y)
    held = [np.sort(part.table.index.get_indexer(pd.Index(fold, dtype=object))) for fold in split.folds]
    patients = pd.factorize(part.patients)[0]
    learned = _learned_from(recipe, part, patients, wish)
    with refusing(recipe.method, recipe.parameters):
        inner = _inner(recipe, target, X, y, patients, held, seed, learned)
        pipeline = recipe.build(target.task, seed, **inner.chosen)
        pipeline.fit(rows(X, learned), y[learned], **_for_last(pipeline, patients[learned]))
    _one_thread(pipeline[-1])
    names = [str(name) for name in pipeline[:-1].get_feature_names_out()]
    called = called or recipe.name
    try:
        decided = decide(wish, target, inner.output, y, part.patients, lambda o, r: score(target, o, r), strict=strict)
    except CriterionNotMet as error:
        raise CriterionNotMet(f"{called}: {error.what}", error.remedy) from None
    if decided.unmet:
        progress.warning(f"{called}: {decided.unmet}")
    decision = decided.decision
    importance: list[dict[str, Any]] = []
    if explained and recipe.role != "floor":
        importance = permutation_importance(
            inner.held_out, names, _outputs_of(target), lambda out, ref: score(target, out, ref), seed=seed
        )
    tuning = decision.predict(part.case_ids, inner.output)
    own = {
        "name": recipe.name,
        "method": recipe.method,
        "role": recipe.role,
        "features": list(recipe.features),
        "covariates": list(recipe.covariates),
        "beside": list(dict.fromkeys(part.beside)),
        "refining": told(pipeline),
        "parameters": {**recipe.parameters, **inner.chosen},
        "chosen": inner.table,
        "decided": decided.told,
        "seed": seed,
        "feature_names": names,
        "inputs": list(X.columns) if isinstance(X, pd.DataFrame) else [],
        "ranges": ranges(X.drop(columns=_only_beside(part)) if isinstance(X, pd.DataFrame) else X),
        "importance": importance,
        "n_cases": len(part),
        "n_patients": len(set(part.patients)),
        "folds": len(held),
        "training_fingerprint": hashlib.sha256("\n".join(split.fitting).encode()).hexdigest(),
        "versions": {name: version(name) for name in VERSIONS},
    }
    return Fitted(Model(pipeline, target, decision, {**own, **(card or {})}), tuning)


def predicted(
    recipe: Recipe, training: Cohort, held: Cohort, folds: int, duplicates: Sequence[Sequence[str]], seed: int
) -> Floats:
    """What a model of `training` says of `held`, as `outputs` gives it; inner folds of `training` make the choices.

    Nothing is decided, described or kept: for learning curves. Raises TooFewPatients.
    """
    assert training.target is not None
    target, X, y = training.target, training.X, training.codes
    _refuse_one_class(target, y)
    patients = pd.factorize(training.patients)[0]
    chosen: dict[str, object] = {}
    with refusing(recipe.method, recipe.parameters):
        if len(recipe.candidates()) > 1:
            inner = inner_folds(training, duplicates, folds, True, (seed, 6))
            rows_of = [np.sort(training.table.index.get_indexer(pd.Index(fold, dtype=object))) for fold in inner]
            chosen = _inner(recipe, target, X, y, patients, rows_of, seed, np.arange(len(y))).chosen
        pipeline = recipe.build(target.task, seed, **chosen)
        pipeline.fit(X, y, **_for_last(pipeline, patients))
    _one_thread(pipeline[-1])
    return outputs(pipeline, held.X, target)


def _learned_from(recipe: Recipe, part: Cohort, patients: NDArray[np.intp], wish: Wish) -> NDArray[np.intp]:
    """Rows that are learned from: all of them; of a floor one a patient where patients are the unit.

    Else patients with many images would say what is common, and the floor would lie lower than a guess at patients.
    """
    if recipe.method not in FLOORS or wish.aggregate == NOTHING or torn_patients(part):
        return np.arange(len(part))
    return np.sort(np.unique(patients, return_index=True)[1])


@dataclass(frozen=True)
class _Inner:
    chosen: dict[str, object]
    table: list[dict[str, object]]
    output: Floats
    held_out: list[HeldOut]


def _inner(
    recipe: Recipe,
    target: Target,
    X: Any,
    y: NDArray[Any],
    patients: NDArray[np.intp],
    held: Sequence[NDArray[np.intp]],
    seed: int,
    learned_from: NDArray[np.intp],
) -> _Inner:
    """Every candidate on every fold; features and imputation are made once a fold. patients: (n,) codes.

    learned_from: the rows to learn from where they are not held out.
    """
    candidates = recipe.candidates()
    width = max(len(target.classes), 1)
    out = np.full((len(candidates), len(y), width), np.nan)
    held_out: list[list[HeldOut]] = [[] for _ in candidates]
    for fold in progress.track(held, f"{recipe.name}: inner folds", len(held)):
        rest = np.setdiff1d(learned_from, fold)
        _refuse_one_class(target, y[rest], "in an inner fold")
        front = recipe.build(target.task, seed)[:-1]
        learned, unseen = front.fit_transform(rows(X, rest), y[rest]), front.transform(rows(X, fold))
        names = tuple(str(name) for name in front.get_feature_names_out())
        for i, candidate in enumerate(candidates):
            estimator = recipe.build(target.task, seed, **candidate)[-1]
            estimator.fit(learned, y[rest], **_whose(estimator, patients[rest]))
            _one_thread(estimator)
            out[i, fold] = outputs(estimator, unseen, target)
            held_out[i].append(HeldOut(estimator, unseen, y[fold], names))
    scores = np.array([score(target, one, y) for one in out])
    best = _best(target, scores, out, y)
    table = [{**c, "score": float(s)} for c, s in zip(candidates, scores, strict=True)] if len(candidates) > 1 else []
    return _Inner(candidates[best], table, out[best], held_out[best])


def _best(target: Target, scores: Floats, out: Floats, reference: NDArray[Any]) -> int:
    """The candidate to take; scores: (c,), out: (c, n, k) what each said.

    Of those whose headline number lies within `NEAR` of the best, which no inner folds can tell apart, the one
    with the smallest loss: a rank does not see probabilities that are shrunk until one class is never decided.
    """
    ranked = np.nan_to_num(scores, nan=-np.inf)
    if target.is_value or len(scores) == 1:
        return int(np.argmax(ranked))
    near = np.flatnonzero(ranked >= ranked.max() - NEAR)
    losses = np.array([loss(target, out[i], reference) for i in near])
    return int(near[np.argmin(np.nan_to_num(losses, nan=np.inf))])


def loss(target: Target, output: Floats, reference: NDArray[Any]) -> float:
    """Of probabilities, smaller is better: ranked probability score of grades, else the Brier score."""
    if target.task is Task.ORDINAL:
        return float(ordinal.rps(reference, output))
    return -minus_brier(output, reference)


def score(target: Target, output: Floats, reference: NDArray[Any]) -> float:
    """The number that choices are made by, larger is better: `evaluation.headline`.

    AUC (one-vs-rest and macro for several classes, macro for labels), the ordinal c-index, or R2.
    """
    if target.is_value:
        return float(r2(reference, output[:, 0]))
    if target.task is Task.ORDINAL:
        return float(ordinal.orc(reference, ordinal.expected_grade(output)))
    if target.is_labels:
        varies = (reference == 1).any(axis=0) & (reference == 0).any(axis=0)
        areas = multilabel.aucs(reference[:, varies] == 1, output[:, varies])
        return float(areas.mean()) if varies.any() else float("nan")
    if len(target.classes) == 2:
        return float(auc(reference == 1, output[:, 1]))
    present = [c for c in range(len(target.classes)) if 0 < (reference == c).sum() < len(reference)]
    return float(np.mean([auc(reference == c, output[:, c]) for c in present])) if present else float("nan")


def ranges(X: pd.DataFrame | list[Case]) -> dict[str, list[float]]:
    """Smallest and largest value of each numeric column, for flags of new cases; {} of scans."""
    if not isinstance(X, pd.DataFrame):
        return {}
    numbers = X.select_dtypes("number")
    low, high = numbers.min(), numbers.max()
    return {str(c): [float(low[c]), float(high[c])] for c in numbers.columns if low[c] == low[c]}


def _only_beside(cohort: Cohort) -> list[str]:
    return [name for name in cohort.beside if name not in cohort.covariates]


def _outputs_of(target: Target) -> Any:
    return lambda estimator, table: outputs(estimator, table, target)


def rows(X: pd.DataFrame | list[Case], chosen: NDArray[np.intp]) -> pd.DataFrame | list[Case]:
    """Some rows of a table or of a list of cases."""
    return X.iloc[chosen] if isinstance(X, pd.DataFrame) else [X[i] for i in chosen]


def _whose(estimator: Any, patients: NDArray[np.intp]) -> dict[str, Any]:
    """Whose rows they are, for an estimator that makes folds of its own."""
    return {"groups": patients} if has_fit_parameter(estimator, "groups") else {}


def _for_last(pipeline: Any, patients: NDArray[np.intp]) -> dict[str, Any]:
    """The same, named as a pipeline hands it to its last step."""
    return {f"{pipeline.steps[-1][0]}__{name}": value for name, value in _whose(pipeline[-1], patients).items()}


def _one_thread(estimator: Any) -> None:
    """Prediction with one thread: with several the order of sums, hence the last digit, varies."""
    if "n_jobs" in estimator.get_params(deep=False):
        estimator.set_params(n_jobs=1)
    for part in getattr(estimator, "estimators_", ()):  # of grades and labels, and the trees of a forest
        _one_thread(part)


def _refuse_one_class(target: Target, y: NDArray[Any], where: str = "in the training part") -> None:
    if not target.is_value and bool((y == y[:1]).all()):
        raise TooFewPatients(
            f"Only one class is left to learn from {where}.",
            "Give fewer --folds, another --seed or split, or add patients of the other class.",
        )
