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

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import bundle, ingest, preparation, recipes, reporting
from isocenter import fitting as _fitting
from isocenter.auditing import Audit, audit_cohort
from isocenter.case import Case
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import BadTarget, Fault, InputDoesNotFit, UsageError
from isocenter.evaluation import Evaluation
from isocenter.evaluation import evaluate as _evaluate
from isocenter.features import default_features
from isocenter.metrics.intervals import expected_auc_width
from isocenter.model import Model
from isocenter.prediction import Prediction
from isocenter.recipes import Recipe
from isocenter.splitting import Design, make_design

FEW_EVENTS = 100
WITHOUT = "without shared cases"


def index(
    input: str | Path,
    *,
    labels: str | Path | None = None,
    target: str | None = None,
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
) -> Cohort:
    """A cohort from a folder of scans, class folders, a feature table or an array of images.

    input: folder or file; labels: table or array of labels; the other arguments are those of the
    command line. Reads headers and tables, no pixels. Raises InputError or LabelError.
    """
    return ingest.index(
        Path(input),
        labels=None if labels is None else Path(labels),
        target=target,
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
    seed: int = 0,
    test_fraction: float = 0.2,
    folds: int = 5,
    stratify: bool = True,
    overlap: str = "keep",
) -> Design:
    """Hold out a test part by patient, or take the given split; without an audit the groups are patients only."""
    duplicates: Sequence[Sequence[str]] = ()
    said: list[str] = []
    if audit is not None:
        cohort, duplicates = audit.usable(cohort), audit.duplicates
    elif not cohort.features:
        said = ["No audit was given: bit-identical images of different patients may lie in both parts."]
    design = make_design(
        cohort, duplicates, seed=seed, test_fraction=test_fraction, folds=folds, stratify=stratify, overlap=overlap
    )
    return replace(design, warnings=(*said, *design.warnings, *_width(cohort, design)))


def _width(cohort: Cohort, design: Design) -> list[str]:
    """How wide the AUC's interval will be, where the test part holds few events."""
    if cohort.target is None or not cohort.target.is_classes or len(cohort.target.classes) < 2:
        return []
    y = cohort.select(design.split.test).y
    counts = pd.Series(y).value_counts().reindex(cohort.target.classes, fill_value=0)
    events = int(counts[cohort.target.positive] if cohort.target.positive else counts.min())
    others = int(counts.sum()) - events
    few = min(events, others)
    if few >= FEW_EVENTS:
        return []
    if few == 0:
        return ["The test part lacks a class: no AUC can be computed on it."]
    width = expected_auc_width(events, others)
    what = "events" if cohort.target.positive else "cases of the rarest class"
    sentence = (
        f"The test part holds {events} {what} among {events + others} cases: the 95 % interval of an AUC near 0.80 "
        f"will be about {width:.2f} wide. Read single numbers with care."
    )
    return [sentence]


def fit(
    cohort: Cohort,
    design: Design,
    method: str = "forest",
    *,
    features: str | None = None,
    seed: int = 0,
    store: str | None = None,
    **parameters: object,
) -> Model:
    """Fit one method on the training part; inner folds of `design` make every choice.

    method: a key of METHODS; features: "given", "intensity" or "pixels" (None: what suits the
    input); parameters: those of the method. Raises UsageError, TooFewPatients.
    """
    named = [] if features is None else [features]
    recipe = plan(cohort, design, [method], named, parameters=parameters, store=store)[0]
    return fit_recipe(recipe, cohort, design, seed=seed, store=store).model


def plan(
    cohort: Cohort,
    design: Design,
    methods: Sequence[str],
    features: Sequence[str] = (),
    *,
    parameters: dict[str, object] | None = None,
    store: str | None = None,
    with_floors: bool = False,
) -> list[Recipe]:
    """What will be fitted, the primary recipe first and the floors last."""
    if cohort.target is None:
        raise BadTarget("This cohort has no target.", "Name one with --target COLUMN.")
    default = "given" if cohort.features else default_features(_training_facts(cohort, design, store))
    for name in features:
        if (name == "given") != bool(cohort.features):
            raise UsageError(
                f"Features '{name}' do not suit this input.",
                "A feature table takes 'given'; scans take 'intensity' or 'pixels'.",
            )
    settings: dict[str, dict[str, object]] = {"given": {"columns": cohort.features}}
    if not cohort.features:
        has_mask = any(s.role == "mask" for files in cohort.sources[:1] for s in files)
        settings |= {"intensity": {"mask": has_mask, "store": store}, "pixels": {"store": store}}
    found = recipes.compose(
        methods,
        features,
        default_features=default,
        covariates=cohort.covariates,
        parameters=parameters,
        settings=settings,
    )
    if with_floors:
        found += [replace(f, settings=settings) for f in recipes.floors(cohort.target, cohort.covariates, default)]
    return found


def fit_recipe(
    recipe: Recipe,
    cohort: Cohort,
    design: Design,
    *,
    seed: int = 0,
    store: str | None = None,
    roles: Mapping[str, Sequence[str]] | None = None,
) -> _fitting.Fitted:
    """Fit one recipe and describe in its card what a new input must look like.

    roles: the globs of images and masks, which `predict` then uses again.
    """
    card: dict[str, Any] = {"roles": {name: list(globs) for name, globs in (roles or {}).items()}}
    if not cohort.features:
        card["profile"] = preparation.Profile.of(_training_facts(cohort, design, store)).to_dict()
    return _fitting.fit(recipe, cohort, design.split, seed=seed, card=card)


def scores(model: Model, cohort: Cohort, design: Design) -> pd.DataFrame:
    """Predictions of the test part beside the reference: one look.

    Columns: case_id, patient_id, part, reference, prediction, probability_<class>...
    """
    test = cohort.select(design.split.test)
    return beside_reference(model.predict(test.X), test, "test")


def beside_reference(prediction: Prediction, cohort: Cohort, part: str) -> pd.DataFrame:
    """A prediction's table with patient, part and reference in front."""
    some = cohort.select(prediction.case_id)
    table = prediction.table()
    table.insert(1, PATIENT, some.table[PATIENT].to_numpy())
    table.insert(2, "part", part)
    table.insert(3, "reference", some.y)
    return table


def evaluate(model: Model, cohort: Cohort, design: Design, *, seed: int = 0) -> Evaluation:
    """Every metric of the test part with its interval."""
    return evaluate_table(scores(model, cohort, design), model.name, cohort, design, seed=seed)


def evaluate_table(table: pd.DataFrame, name: str, cohort: Cohort, design: Design, *, seed: int = 0) -> Evaluation:
    """Evaluate predictions beside their reference, part by part (columns as in `scores`)."""
    assert cohort.target is not None
    target = cohort.target
    found = []
    for part, rows in table.groupby("part", sort=False):
        groups: list[tuple[str | None, pd.DataFrame]] = [(None, rows)]
        if part == "test" and design.split.overlap:
            groups.append((WITHOUT, rows[~rows["case_id"].isin(design.split.overlap)]))
        for group, some in groups:
            patients = cohort.select(some["case_id"]).patients
            found.append(
                _evaluate(
                    Prediction.from_table(some),
                    target.encode(some["reference"]),
                    target,
                    patients,
                    method=name,
                    part=str(part),
                    group=group,
                    seed=seed,
                )
            )
    return found[0].joined(*found[1:])


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
) -> str:
    """One self-contained HTML page; the first model is the primary one.

    evaluations, predictions: by model name, made now where they are not given; thumbnail: a
    case's picture as PNG; command, options: how to repeat the study, for its last section.
    """
    audit = audit or audit_cohort(cohort, None, ())
    predictions = predictions or {m.name: scores(m, cohort, design) for m in models}
    evaluations = evaluations or {n: evaluate_table(t, n, cohort, design) for n, t in predictions.items()}
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
            models=[model.card for model in models],
            evaluations=evaluations,
            predictions=predictions,
            thumbnails=pictures,
            command=command,
            options=options or {},
            versions=dict(models[0].card["versions"]),
            notes=cohort.notes,
            warnings=warnings(cohort, audit, design),
        )
    )


def warnings(cohort: Cohort, audit: Audit, design: Design) -> tuple[str, ...]:
    """Every sentence that must not be missed, each once."""
    return tuple(dict.fromkeys((*cohort.warnings, *audit.warnings, *design.warnings)))


def predict(
    model: Model | str | Path,
    input: str | Path | Cohort,
    *,
    labels: str | Path | None = None,
    image: Sequence[str] = (),
    mask: Sequence[str] = (),
    id_column: str | None = None,
    store: str | None = None,
) -> Prediction:
    """Predict new, unseen scans or rows; what is unlike the training data is flagged by name.

    model: a Model or the path of a bundle; labels: a table with the covariates of scans, where
    the model wants any; image, mask: as in training unless they are given. Cases that cannot be predicted have an empty
    prediction and say why in `flags`. Raises InputDoesNotFit where no case fits.
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
            with_labels=False,
        )
    if model.card["inputs"]:
        return _predict_rows(model, cohort)
    return _predict_scans(model, cohort, store)


def _predict_rows(model: Model, cohort: Cohort) -> Prediction:
    if not cohort.features:
        raise InputDoesNotFit(
            f"Model '{model.name}' was trained on a feature table; this input holds scans.",
            "Give a table with the same features.",
        )
    wanted = list(model.card["inputs"])
    table = cohort.table[[c for c in cohort.table.columns if c != PATIENT]]
    if missing := [c for c in wanted if c not in table]:
        raise InputDoesNotFit(
            f"{len(missing)} of the model's {len(wanted)} features are missing: {', '.join(missing[:8])}.",
            f"The input has: {', '.join(map(str, list(table.columns)[:8]))}{'...' if table.shape[1] > 8 else ''}.",
        )
    extra = [c for c in cohort.features if c not in wanted]
    if extra and all(c[:1] == "f" and c[1:].isdigit() for c in wanted):
        raise InputDoesNotFit(
            f"The model was trained on {len(wanted)} unnamed columns, the input has {len(cohort.features)}.",
            "Give an array with the same columns in the same order.",
        )
    said = model.predict(table[wanted])
    ignored = f"ignored columns: {', '.join(extra[:5])}" if extra else ""
    return replace(said, flags=_far_out(table, model.card["ranges"], ignored))


def _far_out(table: pd.DataFrame, ranges: dict[str, list[float]], also: str) -> NDArray[np.object_]:
    """A flag for each row with values further outside the training range than half its width."""
    names = list(ranges)
    low, high = np.array([ranges[name] for name in names]).reshape(-1, 2).T
    values, margin = table[names].to_numpy(dtype=np.float64), (high - low) / 2
    outside = (values < low - margin) | (values > high + margin)
    flags = np.full(len(table), also, dtype=object)
    for row in np.flatnonzero(outside.any(axis=1)):
        far = [names[i] for i in np.flatnonzero(outside[row])]
        more = f" and {len(far) - 5} more" if len(far) > 5 else ""
        told = f"far outside the training range: {', '.join(far[:5])}{more}"
        flags[row] = "; ".join(filter(None, [also, told]))
    return flags


def _predict_scans(model: Model, cohort: Cohort, store: str | None) -> Prediction:
    if cohort.features:
        raise InputDoesNotFit(
            f"Model '{model.name}' was trained on scans; this input is a feature table.", "Give a folder of scans."
        )
    facts, faults = preparation.facts(cohort.cases, store=store)
    profile = preparation.Profile.from_dict(model.card["profile"])
    refused, flags = profile.check(facts)
    refused = {**{f.where: f for f in (*cohort.excluded, *faults)}, **refused, **_without_covariates(model, cohort)}
    fit_ids = [i for i in cohort.case_ids if i not in refused]
    if not fit_ids:
        first = next(iter(refused.values()))
        raise InputDoesNotFit(
            f"None of the {len(refused)} cases fits the model. {first.where}: {first.reason}", first.remedy
        )
    said = model.predict(cohort.select(fit_ids).cases)
    said = replace(said, flags=np.array([flags.get(i, "") for i in fit_ids], dtype=object))
    return said.with_refused({where: f"refused: {fault.reason}" for where, fault in refused.items()})


def _without_covariates(model: Model, cohort: Cohort) -> dict[str, Fault]:
    if not (missing := [c for c in model.card["covariates"] if c not in cohort.table]):
        return {}
    error = InputDoesNotFit(f"the model wants {', '.join(missing)}.", "Give a table with them: --labels TABLE.")
    return {case_id: Fault.of(case_id, error) for case_id in cohort.case_ids}


def _facts(cohort: Cohort, store: str | None) -> tuple[pd.DataFrame | None, list[Fault]]:
    """What the pixels of each case are like; None for given features, which have none."""
    if cohort.features:
        return None, []
    return preparation.facts(cohort.cases, store=store)


def _training_facts(cohort: Cohort, design: Design, store: str | None) -> pd.DataFrame:
    return preparation.facts(cohort.select(design.split.fitting).cases, store=store)[0]
