"""The verbs: objects in, objects out. Nothing here touches a project folder.

>>> cohort = index("features.npy", labels="labels.npy")  # doctest: +SKIP
>>> design = split(cohort, seed=7)  # doctest: +SKIP
>>> model = fit(cohort, design, "forest", n_estimators=500)  # doctest: +SKIP
>>> evaluate(model, cohort, design).get("accuracy").value  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import (
    bundle,
    checking,
    comparing,
    external,
    ingest,
    predicting,
    scoring,
    training,
)
from isocenter.auditing import (
    Audit,
    audit_cohort,
    telling_alarms,
    telling_columns,
)
from isocenter.cohort import Cohort
from isocenter.deciding import Wish, torn_warning
from isocenter.errors import UsageError
from isocenter.evaluation import Comparison, Evaluation
from isocenter.model import Model
from isocenter.prediction import Prediction
from isocenter.splitting import Design, make_design


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
    consensus: str | None = None,
    ignore: Sequence[str] = (),
    harmonise: str | None = None,
    preserve: Sequence[str] = (),
) -> Cohort:
    """A cohort from a folder of scans, class folders, a feature table or an array of images.

    input: folder or file; labels: table or array of labels; target: a column, or several of 0 and 1;
    the other arguments are those of the command line. Reads headers and tables, no pixels. Raises
    InputError or LabelError; UsageError for what is no path.
    """
    return ingest.index(
        input,
        labels=labels,
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
        ignore=ignore,
        harmonise=harmonise,
        preserve=preserve,
    )


def audit(
    cohort: Cohort,
    *,
    features: Sequence[str] = (),
    preset: Sequence[str] = (),
    regions: str = "one",
    image_filters: Sequence[str] = (),
    store: str | None = None,
) -> Audit:
    """Read every pixel once: unreadable cases, exact duplicates, conflicting labels, counts.

    features, preset, regions, image_filters: as on the command line; of "radiomics" each case is measured here, so
    that one that cannot be is left out like one that cannot be read. store: folder for results that are costly to
    compute, or None to keep them in memory.
    """
    checking.kind(cohort, Cohort, "cohort")
    settings = training.settings_of(cohort, features, preset, regions, store, image_filters=image_filters)
    facts, faults = training.facts_of(cohort, store)
    lost = {fault.where for fault in faults}
    readable = cohort.select([name for name in cohort.case_ids if name not in lost]) if lost else cohort
    measured, unmeasured = training.measured(readable, settings)
    found = audit_cohort(cohort, facts, [*faults, *unmeasured], measured)
    return replace(found, warnings=(*found.warnings, *training.mixed(readable, features, preset)))


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
    checking.kind(cohort, Cohort, "cohort")
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
    told = telling_alarms(telling_columns(cohort, made.split.fitting))
    return replace(made, warnings=(*said, *made.warnings, *torn_warning(cohort.select(used)), *told))


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
    refine: Mapping[str, Any] | None = None,
    preset: Sequence[str] = (),
    regions: str = "one",
    image_filters: Sequence[str] = (),
    **parameters: object,
) -> Model:
    """Fit one method on the training part; inner folds of `design` make every choice.

    With a design of several splits the model learns from every case and is not itself tested
    (`card["tested"]` is False); `evaluate` then takes the method's name.

    method: a key of METHODS; features: a key of FEATURES, or several joined by + (None: what suits
    the input); decide, recalibrate, aggregate, weights, window, preset, regions, image_filters: as on the command line;
    refine: what is done to features first, by the names of the command line ({"filters": ["constant"], "select":
    "mrmr", "keep": 10}: filters, reliable, min_icc, select, keep, reference_site, standardise); parameters: those
    of the method. Raises UsageError, TooFewPatients, NothingLeft.
    """
    checking.kind(design, Design, "design")
    asked = {"decide": decide, "recalibrate": recalibrate, "aggregate": aggregate, **(refine or {})}
    options = checking.asked(cohort, design, seed=seed, **asked)
    named = [] if features is None else [features]
    how: dict[str, Any] = {"parameters": parameters, "store": store, "refining": training.refining(cohort, options)}
    how |= {"standardise": options.standardise, "weights": weights, "window": window, "preset": preset}
    how |= {"regions": regions, "image_filters": image_filters}
    recipe = training.plan(cohort, design, [method], named, **how)[0]
    wish = Wish(decide, recalibrate, aggregate)
    return training.fit_recipe(recipe, cohort, design, seed=seed, store=store, wish=wish).model


def evaluate(
    model: Model | str | Path,
    cohort: Cohort | str | Path,
    design: Design | None = None,
    *,
    features: str | None = None,
    decide: str | None = None,
    recalibrate: str = "none",
    aggregate: str = "auto",
    ids_are_local: bool = False,
    subgroups: Sequence[str] = (),
    prevalences: Sequence[float] = (),
    preset: Sequence[str] = (),
    regions: str = "one",
    image_filters: Sequence[str] = (),
    seed: int = 0,
    store: str | None = None,
    weights: str | None = None,
    window: str = "auto",
    refine: Mapping[str, Any] | None = None,
    **parameters: object,
) -> Evaluation:
    """Every metric with its interval: of what `design` tests, or without one of an external cohort.

    model: a fitted model, or the path of a bundle (.iso); or the name of a method, fitted on every split of the design
    (features, decide, recalibrate, aggregate, refine, store, weights, window, preset, regions, image_filters and
    parameters as in `fit`). A design of several splits takes the name only: its numbers are about the procedure, and
    the model that `fit` gives is not itself tested.

    subgroups: columns whose groups are evaluated by themselves; prevalences: shares of 0..1 at which
    predictive values are told.

    cohort: of an external test also a path: a table or folder that holds the reference as the model calls it.
    An external test refits nothing and leaves out who was in the training data (see
    `isocenter.external.assess` for the case mix and what was left out); recalibrate: a group of
    that name shows what updating the probabilities would bring; ids_are_local: equal patient ids
    are other people. Raises UsageError and UnknownColumn for what cannot be, before anything is fitted or scored.
    """
    if isinstance(model, Path) or (isinstance(model, str) and model.endswith(".iso")):
        model = bundle.load(model)
    checking.kind(model, (Model, str), "model")
    if isinstance(model, Model) and design is None and isinstance(cohort, str | Path):
        cohort = external.index(model, cohort)
    checking.kind(cohort, Cohort, "cohort")
    assert isinstance(cohort, Cohort)
    asked = {"decide": decide, "recalibrate": recalibrate, "aggregate": aggregate, "subgroups": subgroups}
    asked |= refine or {}
    options = checking.asked(cohort, design, prevalences=prevalences, seed=seed, **asked)
    how: dict[str, Any] = {"subgroups": options.subgroups, "prevalences": options.shares, "seed": seed}
    if isinstance(model, Model) and (design is None or not design.several):
        made = {"features": features, "decide": decide, "aggregate": None if aggregate == "auto" else aggregate}
        made |= {"preset": ",".join(preset) or None, "regions": None if regions == "one" else regions}
        made |= {"image_filters": ",".join(image_filters) or None}
        made |= {} if design is None or recalibrate == "none" else {"recalibrate": recalibrate}
        given = [name for name, value in made.items() if value is not None]
        checking.refuse_making([*given, *(refine or {}), *parameters])
    if isinstance(model, Model) and design is None:
        found = external.assess(model, cohort, recalibrate=recalibrate, ids_are_local=ids_are_local, store=store, **how)
        return found.evaluation
    if isinstance(model, Model) and design is not None and not design.several:
        table = scoring.scores(model, cohort, design)
        chosen = model.card.get("operating_points", ())  # on its tuning data
        points = scoring.read_points(chosen, table, cohort, options.shares, seed=seed)
        return replace(scoring.evaluate_table(table, model.name, cohort, design, **how), points=tuple(points))
    name = model.card.get("method", "forest") if isinstance(model, Model) else model
    if isinstance(model, Model) or design is None:
        raise UsageError(
            "This design fits and tests models of its own." if design is not None else f"'{name}' is not fitted yet.",
            f'Give the name of a method and a design: evaluate("{name}", cohort, design).',
        )
    named = [] if features is None else [features]
    planned: dict[str, Any] = {"parameters": parameters, "store": store, "refining": training.refining(cohort, options)}
    planned |= {"standardise": options.standardise, "weights": weights, "window": window, "preset": preset}
    planned |= {"regions": regions, "image_filters": image_filters}
    recipe = training.plan(cohort, design, [model], named, **planned)[0]
    wish = Wish(decide, recalibrate, aggregate)
    table = training.cross_scores(recipe, cohort, design, seed=seed, store=store, wish=wish)
    return scoring.evaluate_table(table, recipe.name, cohort, design, **how)


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
    checking.kind(design, Design, "design")
    checking.asked(cohort, design, margin=margin, seed=seed)
    if isinstance(methods, Mapping):
        return comparing.compare_tables(methods, cohort, design, margin=margin, seed=seed)
    names = [m for m in methods if isinstance(m, str)]
    planned = training.plan(cohort, design, names or ["forest"], store=store, with_floors=True)
    floors = [recipe.name for recipe in planned if recipe.role == "floor"]
    made = {r.name: r for r in planned if r.name in floors or r.name in names}
    tables: dict[str, pd.DataFrame] = {}
    for one in (*methods, *floors):
        if isinstance(one, Model):
            if design.several:
                raise UsageError("This design fits and tests models of its own.", "Give the names of methods.")
            tables[one.name] = scoring.scores(one, cohort, design)
        elif design.several:
            tables[one] = training.cross_scores(made[one], cohort, design, seed=seed, store=store)
        else:
            model = training.fit_recipe(made[one], cohort, design, seed=seed, store=store).model
            tables[one] = scoring.scores(model, cohort, design)
    return comparing.compare_tables(tables, cohort, design, floors=floors, margin=margin, seed=seed)


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
    if not isinstance(model, Model):  # what is no path is told by `load`
        model = bundle.load(model)
    if isinstance(input, Cohort):
        cohort = input
    else:
        roles = model.card.get("roles", {})
        cohort = ingest.index(
            input,
            labels=labels,
            image=image or roles.get("image", ()),
            mask=mask or roles.get("mask", ()),
            like=roles.get("like", ()),
            id_column=id_column,
            patient_column=patient_column,
            with_labels=False,
            inputs=model.card["inputs"] or None,
        )
    return predicting.predict(model.placed(store=store, weights=weights), cohort, store)
