"""The verbs: objects in, objects out. Nothing here touches a project folder.

>>> cohort = index("features.npy", labels="labels.npy")  # doctest: +SKIP
>>> design = split(cohort, seed=7)  # doctest: +SKIP
>>> model = fit(cohort, design, "forest", n_estimators=500)  # doctest: +SKIP
>>> evaluate(model, cohort, design).get("accuracy").value  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import bundle, comparing, external, ingest, predicting, preparation, recipes, reporting, scoring
from isocenter import fitting as _fitting
from isocenter.auditing import Audit, alarms, audit_cohort, describe_case_mix, fingerprints, metadata_auc
from isocenter.case import Case
from isocenter.cohort import Cohort
from isocenter.deciding import Wish, torn_patients, torn_warning
from isocenter.errors import BadTarget, Fault, UsageError
from isocenter.evaluation import Comparison, Evaluation
from isocenter.features import FROM_SCANS, Covariates, default_features
from isocenter.model import Model
from isocenter.prediction import Prediction
from isocenter.recipes import Recipe
from isocenter.splitting import Design, Split, make_design, walk

FEW_CASES = 8


def index(
    input: str | Path,
    *,
    labels: str | Path | None = None,
    target: str | Sequence[str] | None = None,
    task: str | None = None,
    positive: str | None = None,
    id_column: str | None = None,
    patient_column: str | None = None,
    mask_column: str | None = None,
    split_column: str | None = None,
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    covariates: Sequence[str] = (),
    exclude: Sequence[str] = (),
    order: Sequence[str] = (),
    group_column: str | None = None,
    readers: Sequence[str] = (),
    consensus: str = "majority",
) -> Cohort:
    """A cohort from a folder of scans, class folders, a feature table or an array of images.

    input: folder or file; labels: table or array of labels; target: a column, or several of 0 and 1;
    the other arguments are those of the command line. Reads headers and tables, no pixels. Raises
    InputError or LabelError.
    """
    return ingest.index(
        Path(input),
        labels=None if labels is None else Path(labels),
        target=target if target is None or isinstance(target, str) else ",".join(target),
        task=task,
        positive=positive,
        id_column=id_column,
        patient_column=patient_column,
        mask_column=mask_column,
        split_column=split_column,
        image=image,
        mask=mask,
        covariates=covariates,
        exclude=exclude,
        order=order,
        group_column=group_column,
        readers=readers,
        consensus=consensus,
    )


def audit(cohort: Cohort, *, store: str | None = None) -> Audit:
    """Read every pixel once: unreadable cases, exact duplicates, conflicting labels, counts.

    store: folder for results that are costly to compute, or None to keep them in memory.
    """
    facts, faults = _facts(cohort, store)
    return audit_cohort(cohort, facts, faults)


def split(
    cohort: Cohort,
    audit: Audit | None = None,
    *,
    design: str = "holdout",
    seed: int = 0,
    test_fraction: float = 0.2,
    folds: int = 5,
    repeats: int = 1,
    group_column: str | None = None,
    stratify: bool = True,
    overlap: str = "keep",
) -> Design:
    """Who is learned from and who is tested, by patient: a test part held out or given, or every case in turn.

    design: "holdout", "kfold", "nested" or "leave-one-out" (a value of `group_column` at a time, or
    a patient). folds: of "kfold" and "nested", and the inner ones of every design. Without an audit
    the groups are patients only. Raises TooFewPatients, PatientInTwoParts, UsageError.
    """
    duplicates: Sequence[Sequence[str]] = ()
    said: list[str] = []
    if audit is not None:
        cohort, duplicates = audit.usable(cohort), audit.duplicates
    elif not cohort.features:
        said = ["No audit was given: bit-identical images of different patients may lie in both parts."]
    made = make_design(
        cohort,
        duplicates,
        design=design,
        seed=seed,
        test_fraction=test_fraction,
        folds=folds,
        repeats=repeats,
        group_column=group_column,
        stratify=stratify,
        overlap=overlap,
    )
    used = dict.fromkeys((*made.final.fitting, *made.tested))
    return replace(made, warnings=(*said, *made.warnings, *torn_warning(cohort.select(used))))


def shortcuts(cohort: Cohort, design: Design, *, store: str | None = None) -> list[dict[str, Any]]:
    """AUC of what is known of how the images were made, in the fitting part; rows as in `auditing.metadata_auc`."""
    part = cohort.select(design.split.fitting)
    facts = None if cohort.features else preparation.facts(part.cases, store=store)[0]
    return metadata_auc(part, facts, design.split.folds, seed=design.seed)


def fit(
    cohort: Cohort,
    design: Design,
    method: str = "forest",
    *,
    features: str | None = None,
    seed: int = 0,
    store: str | None = None,
    decide: str | None = None,
    recalibrate: str = "none",
    aggregate: str = "auto",
    weights: str | None = None,
    window: str = "auto",
    **parameters: object,
) -> Model:
    """Fit one method on the training part; inner folds of `design` make every choice.

    With a design of several splits the model learns from every case and is not itself tested
    (`card["tested"]` is False); `evaluate` then takes the method's name.

    method: a key of METHODS; features: a key of FEATURES, or several joined by + (None: what suits
    the input); decide, recalibrate, aggregate, weights, window: as on the command line; parameters:
    those of the method. Raises UsageError, TooFewPatients.
    """
    named = [] if features is None else [features]
    recipe = plan(cohort, design, [method], named, parameters=parameters, store=store, weights=weights, window=window)[
        0
    ]
    wish = Wish(decide, recalibrate, aggregate)
    return fit_recipe(recipe, cohort, design, seed=seed, store=store, wish=wish).model


def plan(
    cohort: Cohort,
    design: Design,
    methods: Sequence[str],
    features: Sequence[str] = (),
    *,
    parameters: dict[str, object] | None = None,
    store: str | None = None,
    with_floors: bool = False,
    weights: str | None = None,
    window: str = "auto",
) -> list[Recipe]:
    """What will be fitted, the primary recipe first and the floors last."""
    if cohort.target is None:
        raise BadTarget("This cohort has no target.", "Name one with --target COLUMN.")
    default = "given"
    if not cohort.features:
        default = default_features(preparation.facts(cohort.select(design.final.fitting).cases, store=store)[0])
    for name in features:
        if (name == "given") != bool(cohort.features):
            raise UsageError(
                f"Features '{name}' do not suit this input.",
                f"A feature table takes 'given'; scans take {', '.join(FROM_SCANS)}.",
            )
    settings: dict[str, dict[str, object]] = {"given": {"columns": cohort.features}}
    if not cohort.features:
        has_mask = any(s.role == "mask" for files in cohort.sources[:1] for s in files)
        regions: dict[str, object] = {"mask": has_mask, "store": store}
        settings |= {"intensity": regions, "pixels": {"store": store}, "descriptors": {**regions, "window": window}}
        settings |= {"embedding": {**regions, "window": window, "weights": weights}}
    found = recipes.compose(
        methods,
        features,
        default_features=default,
        covariates=cohort.covariates,
        parameters=parameters,
        settings=settings,
    )
    if with_floors:
        floors = recipes.floors(cohort.target, cohort.covariates, default)
        found += [replace(f, settings=recipes.own_settings(settings, default)) for f in floors]
    return found


def predictors(recipe: Recipe, cohort: Cohort, design: Design) -> int:
    """Candidate predictors: columns the features make of training cases; of a text covariate each further level.

    Regions are measured on a few cases only: how many numbers there are does not depend on which.
    """
    assert cohort.target is not None
    part = cohort.select(design.final.fitting)
    some = part.select(part.case_ids[:FEW_CASES]) if "intensity" in recipe.features else part
    alone = replace(recipe, covariates=()) if recipe.features else recipe
    n = len(alone.build(cohort.target.task, 0)[0].fit(some.X).get_feature_names_out())
    if recipe.features and recipe.covariates:
        covariates = Covariates(recipe.covariates).fit(part.X)
        n += len(covariates.names_) - len(covariates.levels_)
    return n


def fit_recipe(
    recipe: Recipe,
    cohort: Cohort,
    design: Design,
    *,
    split: Split | None = None,
    seed: int = 0,
    store: str | None = None,
    roles: Mapping[str, Sequence[str]] | None = None,
    wish: Wish = Wish(),  # noqa: B008  frozen
    kept: bool = True,
) -> _fitting.Fitted:
    """Fit one recipe and describe in its card what a new input must look like.

    split: one of the design's, None for the model that is kept; roles: the globs of images and
    masks, which `predict` then uses again; wish: how it decides; kept: False leaves out of the
    card what only a kept model tells (importance, out-of-fold numbers). A floor, or one split of several, that
    cannot meet the criterion takes the nearest threshold with a warning.
    """
    several = split is not None and design.several
    split = split or design.final
    part = cohort.select(split.fitting)
    if recipe.method in ("majority", "mean"):  # knows nothing of a case: there is nothing to choose
        wish = Wish(aggregate="none" if wish.aggregate == "none" or torn_patients(part) else "mean")
    facts = _facts(part, store)[0]
    card: dict[str, Any] = {
        "roles": {name: list(globs) for name, globs in (roles or {}).items()},
        "case_mix": describe_case_mix(part),
        "seen": fingerprints(part, facts),
        "tested": bool(split.test),
    }
    if facts is not None:
        card["profile"] = preparation.Profile.of(facts).to_dict()
    if kept and split.test:  # nothing is learned from it: its digests only keep it out of external tests
        test = cohort.select(split.test)
        card["tested_on"] = fingerprints(test, _facts(test, store)[0])
    how: dict[str, Any] = {"explained": kept, "strict": recipe.role != "floor" and not several}
    if several:
        how["called"] = f"{recipe.name}, repeat {split.repeat + 1}, fold {split.fold + 1}"
    fitted = _fitting.fit(recipe, cohort, split, seed=seed, wish=wish, card=card, **how)
    return replace(fitted, model=_with_tuning(fitted, cohort)) if kept else fitted


def _with_tuning(fitted: _fitting.Fitted, cohort: Cohort) -> Model:
    """The model with its out-of-fold numbers and operating points in the card, for external tests."""
    model = fitted.model
    table = scoring.beside_reference(fitted.tuning, cohort, "tuning", model.decision)
    rows = [row.to_dict() for row in scoring.evaluate_part(table, model.name, cohort).estimates if row.group is None]
    points = scoring.chosen_points(table, cohort)
    return replace(model, card={**model.card, "tuning": rows, "operating_points": points})


def evaluate(
    model: Model | str,
    cohort: Cohort,
    design: Design | None = None,
    *,
    features: str | None = None,
    decide: str | None = None,
    recalibrate: str = "none",
    aggregate: str = "auto",
    ids_are_local: bool = False,
    seed: int = 0,
    store: str | None = None,
    weights: str | None = None,
    window: str = "auto",
    **parameters: object,
) -> Evaluation:
    """Every metric with its interval: of what `design` tests, or without one of an external cohort.

    model: a fitted model; or the name of a method, which is fitted on every split of the design
    (features, decide, recalibrate, aggregate, store, weights, window and parameters as in `fit`). A design of
    several splits takes the name only: its numbers are about the procedure, and the model that
    `fit` gives is not itself tested.

    An external test refits nothing and leaves out who was in the training data (see
    `isocenter.external.assess` for the case mix and what was left out); recalibrate: a group of
    that name shows what updating the probabilities would bring; ids_are_local: equal patient ids
    are other people.
    """
    if isinstance(model, Model) and design is None:
        return external.assess(
            model, cohort, recalibrate=recalibrate, ids_are_local=ids_are_local, seed=seed
        ).evaluation
    if isinstance(model, Model) and design is not None and not design.several:
        return scoring.evaluate_table(scoring.scores(model, cohort, design), model.name, cohort, design, seed=seed)
    name = model.card.get("method", "forest") if isinstance(model, Model) else model
    if isinstance(model, Model) or design is None:
        raise UsageError(
            "This design fits and tests models of its own." if design is not None else f"'{name}' is not fitted yet.",
            f'Give the name of a method and a design: evaluate("{name}", cohort, design).',
        )
    named = [] if features is None else [features]
    recipe = plan(cohort, design, [model], named, parameters=parameters, store=store, weights=weights, window=window)[0]
    wish = Wish(decide, recalibrate, aggregate)
    table = cross_scores(recipe, cohort, design, seed=seed, store=store, wish=wish)
    return scoring.evaluate_table(table, recipe.name, cohort, design, seed=seed)


def compare(
    methods: Sequence[str | Model] | Mapping[str, pd.DataFrame],
    cohort: Cohort,
    design: Design,
    *,
    margin: float = 0.0,
    seed: int = 0,
    store: str | None = None,
) -> tuple[Comparison, ...]:
    """Methods against each other, paired on the same test cases, and against the floors.

    methods: names, which are fitted here, fitted models (of a design of one split), or tables of predictions
    by name (case_id, prediction, probability_<class>...; of several splits repeat and fold), which are compared
    with nothing but each other. The first speaks for the study: name the one that was best on tuning data. margin: a
    loss of the headline metric that was declared tolerable. Raises UsageError, BadShape, BadValues.
    """
    if isinstance(methods, Mapping):
        return comparing.compare_tables(methods, cohort, design, margin=margin, seed=seed)
    names = [m for m in methods if isinstance(m, str)]
    planned = plan(cohort, design, names or ["forest"], store=store, with_floors=True)
    floors = [recipe.name for recipe in planned if recipe.role == "floor"]
    made = {r.name: r for r in planned if r.name in floors or r.name in names}
    tables: dict[str, pd.DataFrame] = {}
    for one in (*methods, *floors):
        if isinstance(one, Model):
            if design.several:
                raise UsageError("This design fits and tests models of its own.", "Give the names of methods.")
            tables[one.name] = scoring.scores(one, cohort, design)
        elif design.several:
            tables[one] = cross_scores(made[one], cohort, design, seed=seed, store=store)
        else:
            model = fit_recipe(made[one], cohort, design, seed=seed, store=store).model
            tables[one] = scoring.scores(model, cohort, design)
    return comparing.compare_tables(tables, cohort, design, floors=floors, margin=margin, seed=seed)


def cross_scores(
    recipe: Recipe,
    cohort: Cohort,
    design: Design,
    *,
    seed: int = 0,
    store: str | None = None,
    wish: Wish = Wish(),  # noqa: B008  frozen
    told: bool = True,
) -> pd.DataFrame:
    """Predictions of all splits beside the reference, out-of-fold and tested, with their repeat and fold."""
    found = []
    for split in walk(design, recipe.name, told=told):
        fitted = fit_recipe(recipe, cohort, design, split=split, seed=seed, store=store, wish=wish, kept=False)
        tuning = scoring.beside_reference(fitted.tuning, cohort, "tuning", fitted.model.decision)
        found.append(scoring.fold_scores(fitted.model, tuning, cohort, split))
    return pd.concat(found, ignore_index=True)


def report(
    cohort: Cohort,
    design: Design,
    models: Sequence[Model],
    evaluations: dict[str, Evaluation] | None = None,
    predictions: dict[str, pd.DataFrame] | None = None,
    *,
    audit: Audit | None = None,
    thumbnail: Callable[[Case], bytes] = preparation.thumbnail,
    command: str = "",
    options: dict[str, Any] | None = None,
    comparisons: Sequence[Comparison] = (),
    readers: Mapping[str, Any] | None = None,
    around: Mapping[str, Any] | None = None,
) -> str:
    """One self-contained HTML page; the first model is the primary one.

    evaluations, predictions: by model name, made now where they are not given; thumbnail: a
    case's picture as PNG; command, options: how to repeat the study, for its last section; around:
    what surrounds the numbers ("shortcuts", "sample_size", "seeds", "learning"), as far as it is known.
    """
    audit = audit or audit_cohort(cohort, None, ())
    if design.several and predictions is None:
        raise UsageError(
            "A report of a design of several splits needs the predictions of its folds.",
            "Give evaluations and predictions, or use isocenter.run.",
        )
    predictions = predictions or {m.name: scoring.scores(m, cohort, design) for m in models}
    evaluations = evaluations or {n: scoring.evaluate_table(t, n, cohort, design) for n, t in predictions.items()}
    if design.several:
        predictions = {name: table[table["repeat"] == 0] for name, table in predictions.items()}
    first = predictions[models[0].name]
    pictures: dict[str, bytes] = {}
    if not cohort.features and cohort.target is not None:
        chosen = reporting.pick_cases(first[first["part"] == "test"], cohort.target)
        ids = dict.fromkeys(i for some in chosen.values() for i in some)
        pictures = {case.case_id: thumbnail(case) for case in cohort.select(ids).cases}
    return reporting.render(
        reporting.Study(
            title=Path((options or {}).get("input", "")).name or "Study",
            cohort=cohort,
            design=design,
            audit=audit.to_dict(),
            models=[{**model.card, "decision": model.decision.told()} for model in models],
            evaluations=evaluations,
            predictions=predictions,
            thumbnails=pictures,
            command=command,
            options=options or {},
            versions=dict(models[0].card["versions"]),
            notes=cohort.notes,
            around=around or {},
            warnings=warnings(cohort, audit, design, (around or {}).get("shortcuts", ())),
            comparisons=comparisons,
            readers=readers or {},
            units=scoring.patient_rows(predictions),
        )
    )


def warnings(
    cohort: Cohort, audit: Audit, design: Design, shortcuts: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, ...]:
    """Every sentence that must not be missed, each once."""
    return tuple(dict.fromkeys((*cohort.warnings, *audit.warnings, *design.warnings, *alarms(shortcuts))))


def predict(
    model: Model | str | Path,
    input: str | Path | Cohort,
    *,
    labels: str | Path | None = None,
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    id_column: str | None = None,
    patient_column: str | None = None,
    store: str | None = None,
    weights: str | None = None,
) -> Prediction:
    """Predict new, unseen scans or rows; what is unlike the training data is flagged by name.

    model: a Model or the path of a bundle, which names the weights of its network but does not hold them (weights:
    where they are, None for the usual place); labels: a table with the covariates of scans, where the
    model wants any; image, mask: as in training unless they are given. Cases that cannot be predicted
    have an empty prediction and say why in `flags`. Rows are cases; where the model answers for
    patients and they are known, their answers are `by_patient`. Raises InputDoesNotFit where no case fits.
    """
    if not isinstance(model, Model):
        model = bundle.load(Path(model))
    if isinstance(input, Cohort):
        cohort = input
    else:
        roles = model.card.get("roles", {})
        cohort = ingest.index(
            Path(input),
            labels=None if labels is None else Path(labels),
            image=image or roles.get("image", ()),
            mask=mask or roles.get("mask", ()),
            id_column=id_column,
            patient_column=patient_column,
            with_labels=False,
        )
    return predicting.predict(model.placed(store=store, weights=weights), cohort, store)


def _facts(cohort: Cohort, store: str | None) -> tuple[pd.DataFrame | None, list[Fault]]:
    """What the pixels of each case are like; None for given features, which have none."""
    if cohort.features:
        return None, []
    return preparation.facts(cohort.cases, store=store)
