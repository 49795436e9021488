"""A recipe planned, and fitted on one split of a design or on all: what stands in the card beside what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import (
    checking,
    fitting,
    preparation,
    progress,
    recipes,
    scoring,
)
from isocenter.auditing import describe_case_mix, fingerprints, metadata_auc
from isocenter.cohort import Cohort
from isocenter.deciding import Wish, torn_patients
from isocenter.errors import BadTarget, Fault, InputDoesNotFit, UsageError
from isocenter.features import FROM_SCANS, Covariates, Radiomics, default_features
from isocenter.features.harmonised import sites_of
from isocenter.features.regions import ONE
from isocenter.formats import tables
from isocenter.methods import FLOORS
from isocenter.model import Model
from isocenter.options import Options
from isocenter.project import fingerprint
from isocenter.recipes import Recipe
from isocenter.refining import PERTURBED, Refining
from isocenter.splitting import Design, Split, walk
from isocenter.tables.reliability import iccs

FEW_CASES = 8
STANDARDISED = frozenset({"intensity", "radiomics"})  # feature steps that take `standardise`


def plan(
    cohort: Cohort,
    design: Design,
    methods: Sequence[str],
    features: Sequence[str] = (),
    *,
    parameters: dict[str, object] | None = None,
    preset: Sequence[str] = (),
    regions: str = ONE,
    store: str | None = None,
    with_floors: bool = False,
    weights: str | None = None,
    window: str = "auto",
    refining: Refining = Refining(),  # noqa: B008  frozen
    standardise: str | None = None,
    image_filters: Sequence[str] = (),
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
    settings = settings_of(cohort, features, preset, regions, store, weights, window, image_filters)
    if standardise is not None:
        standardised(settings, standardise, features or (default,))
    if refining.perturbed:
        if "radiomics" not in settings:
            raise UsageError("--reliable perturbed is about radiomics.", "Add --features radiomics, or give a table.")
        settings["radiomics"]["perturbed"] = refining.min_icc
        Radiomics(**settings["radiomics"]).plan(cohort.select(cohort.case_ids[:1]).cases)  # type: ignore[arg-type]
    found = recipes.compose(
        methods,
        features,
        default_features=default,
        covariates=cohort.covariates,
        parameters=parameters,
        settings=settings,
        refining=refining,
    )
    if with_floors:
        floors = recipes.floors(cohort.target, cohort.covariates, default)
        found += [replace(f, settings=recipes.own_settings(settings, default)) for f in floors]
    return found


def settings_of(
    cohort: Cohort,
    features: Sequence[str],
    preset: Sequence[str],
    regions: str,
    store: str | None,
    weights: str | None = None,
    window: str = "auto",
    image_filters: Sequence[str] = (),
) -> dict[str, dict[str, object]]:
    """Keyword arguments of each feature step, as plain values. UsageError for what no scan need be read to refuse."""
    if cohort.features:
        of_radiomics = {"preset": tuple(preset), "regions": regions, "image_filters": tuple(image_filters)}
        checking.refuse_of_scans(**of_radiomics, weights=weights, window=window)
        return {"given": {"columns": cohort.features}}
    has_mask = any(s.role == "mask" for files in cohort.sources[:1] for s in files)
    inside: dict[str, object] = {"mask": has_mask, "store": store}
    found: dict[str, dict[str, object]] = {"intensity": {**inside}, "pixels": {"store": store}}
    found |= {"descriptors": {**inside, "window": window}}
    found |= {"embedding": {**inside, "window": window, "weights": weights}}
    if measures(features):
        step = Radiomics(tuple(preset), regions=regions, store=store, image_filters=tuple(image_filters))
        found["radiomics"] = step.told(cohort.select(cohort.case_ids[:1]).cases)
    elif preset or regions != ONE or image_filters:
        raise UsageError(
            "--preset, --regions and --image-filters are about radiomics.",
            "Add --features radiomics, or leave them out.",
        )
    return found


def mixed(cohort: Cohort, features: Sequence[str], preset: Sequence[str]) -> list[str]:
    """Sentences on images of several modalities that one preset, which nobody named, was taken for."""
    return Radiomics(tuple(preset)).mixed(cohort.cases) if measures(features) and not cohort.features else []


def standardised(settings: dict[str, dict[str, object]], how: str, features: Sequence[str]) -> None:
    """Add `standardise` to the steps that take it; UsageError where none of these features does."""
    used = {step for name in features for step in name.split("+")}
    if not used & STANDARDISED:
        raise UsageError(
            f"--standardise does not suit features '{', '.join(sorted(used))}'.",
            f"It is about {', '.join(sorted(STANDARDISED))}; leave it out, or name these with --features.",
        )
    for step in STANDARDISED & set(settings):
        settings[step]["standardise"] = how


def measures(features: Sequence[str]) -> bool:
    """Whether these feature sets hold radiomics, which is measured before anything is split."""
    return any("radiomics" in name.split("+") for name in features)


def unsuited(options: Options) -> list[str]:
    """The names of options that were given and that none of the named features takes."""
    named = {step for name in options.features for step in name.split("+")}
    others = [] if not named or measures(options.features) else ["preset", "regions", "image_filters"]
    others += ["standardise"] if named and not named & STANDARDISED else []
    usual = Options()
    return [name for name in others if getattr(options, name) != getattr(usual, name)]


def require(features: Sequence[str], weights: str | None, store: str | None) -> None:
    """MissingExtra or MissingPath where a network is needed and not here, before every pixel is read in vain.

    Nothing is said where there is a store: it may hold all that the network would say.
    """
    needed = any("embedding" in name.split("+") for name in features)
    if needed and (store is None or not Path(store).is_dir()):
        from isocenter import nets  # only where a network is asked for
        from isocenter.features import Embedding

        nets.require(nets.backbone(Embedding().backbone), weights)


def measuring(options: Options) -> dict[str, Any]:
    """The options by which regions are measured."""
    return {name: getattr(options, name) for name in ("features", "preset", "regions", "image_filters")}


def audit_inputs(cohort: str, options: Options) -> str:
    """The fingerprint of what an audit is made from; cohort: that of the cohort."""
    return fingerprint("audit", cohort, *([measuring(options)] if measures(options.features) else []))


def measured(cohort: Cohort, settings: Mapping[str, Mapping[str, object]]) -> tuple[pd.DataFrame | None, list[Fault]]:
    """What regions were like (`Radiomics.measured`), and cases where they cannot be measured.

    Each case is measured by itself: nothing is learned from any. settings: of the feature steps, from `settings_of`.
    """
    if "radiomics" not in settings or not len(cohort):
        return None, []  # of a feature table there is nothing to measure: `plan` refuses it
    step = Radiomics(**settings["radiomics"])  # type: ignore[arg-type]
    progress.note(step.said(cohort.cases))
    faults = step.faults(cohort.cases)  # which are not kept: those cases are not tried again
    told = step.measured([case for case in cohort.cases if case.case_id not in faults])
    return told, [Fault.of(case_id, fault) for case_id, fault in faults.items()]


def refining(cohort: Cohort, options: Options) -> Refining:
    """What is done to features first, as the options say; the table of `--reliable` is read. UsageError, InputError."""
    given = options.reliable not in (None, PERTURBED)
    table = iccs(tables.read_table(Path(str(options.reliable)))) if given else None
    site = cohort.beside[0] if cohort.beside else None
    if options.harmonise not in (None, site):
        raise UsageError(
            f"The cohort was made without '{options.harmonise}' as the column of sites.",
            f"Name it when the cohort is made: index(..., harmonise='{options.harmonise}').",
        )
    return Refining.of(
        options.filters,
        iccs=table,
        min_icc=options.min_icc,
        perturbed=options.reliable == PERTURBED,
        select=options.select,
        keep=options.keep,
        harmonise=site,
        reference_site=options.reference_site,
        preserve=cohort.beside[1:] or options.preserve,
    )


def _tell_unseen(refining: Refining, cohort: Cohort, split: Split) -> None:
    """Warn of tested cases from sites that harmonisation has not learned from."""
    if refining.harmonise is None:
        return
    known = set(sites_of(cohort.select(split.fitting).X, refining.harmonise, InputDoesNotFit))
    tested = sites_of(cohort.select(split.test).X, refining.harmonise, InputDoesNotFit)
    if new := [site for site in tested if site is None or site not in known]:
        names = ", ".join(sorted({site or "unknown" for site in new}))
        how = "not harmonised"
        if refining.reference_site is not None:
            how = f"taken for the reference site {refining.reference_site} (those without a site: not harmonised)"
        progress.warning(f"{len(new)} tested cases are of sites not learned from ({names}): {how}.")


def predictors(recipe: Recipe, cohort: Cohort, design: Design) -> int:
    """Candidate predictors: columns the features make of training cases; of a text covariate each further level.

    Regions are measured on a few cases only: how many numbers there are does not depend on which.
    """
    assert cohort.target is not None
    part = cohort.select(design.final.fitting)
    some = part.select(part.case_ids[:FEW_CASES]) if {"intensity", "radiomics"} & {*recipe.features} else part
    settings = {
        name: {**one, "perturbed": None} if "perturbed" in one else one for name, one in recipe.settings.items()
    }
    alone = replace(recipe, covariates=(), refining=Refining(), settings=settings) if recipe.features else recipe
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
) -> fitting.Fitted:
    """Fit one recipe and describe in its card what a new input must look like.

    split: one of the design's, None for the model that is kept; roles: the globs of images and
    masks, which `predict` then uses again; wish: how it decides; kept: False leaves out of the
    card what only a kept model tells (importance, out-of-fold numbers). A floor, or one split of several, that
    cannot meet the criterion takes the nearest threshold with a warning.
    """
    several = split is not None and design.several
    split = split or design.final
    part = cohort.select(split.fitting)
    if recipe.method in FLOORS:  # knows nothing of a case: there is nothing to choose
        wish = Wish(aggregate="none" if wish.aggregate == "none" or torn_patients(part) else "mean")
    facts = facts_of(part, store)[0]
    card: dict[str, Any] = {
        "roles": {**{name: list(globs) for name, globs in (roles or {}).items()}, "like": list(map(list, part.kinds))},
        "case_mix": describe_case_mix(part),
        "seen": fingerprints(part, facts),
        "tested": bool(split.test),
    }
    if (radiomics := recipe.settings.get("radiomics")) and "radiomics" in recipe.features:
        card["radiomics"] = {k: radiomics.get(k) for k in ("preset", "mask", "regions", "image_filters")}
    if facts is not None:
        card["profile"] = preparation.Profile.of(facts).to_dict()
    if kept and split.test:  # nothing is learned from it: its digests only keep it out of external tests
        test = cohort.select(split.test)
        card["tested_on"] = fingerprints(test, facts_of(test, store)[0])
    how: dict[str, Any] = {"explained": kept, "strict": recipe.role != "floor" and not several}
    if several:
        how["called"] = f"{recipe.name}, repeat {split.repeat + 1}, fold {split.fold + 1}"
    if recipe.role == "primary":
        _tell_unseen(recipe.refining, cohort, split)
    fitted = fitting.fit(recipe, cohort, split, seed=seed, wish=wish, card=card, **how)
    return replace(fitted, model=_with_tuning(fitted, cohort)) if kept else fitted


def _with_tuning(fitted: fitting.Fitted, cohort: Cohort) -> Model:
    """The model with its out-of-fold numbers and operating points in the card, for external tests."""
    model = fitted.model
    table = scoring.beside_reference(fitted.tuning, cohort, "tuning", model.decision)
    rows = [row.to_dict() for row in scoring.evaluate_part(table, model.name, cohort).estimates if row.group is None]
    points = scoring.chosen_points(table, cohort)
    return replace(model, card={**model.card, "tuning": rows, "operating_points": points})


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


def facts_of(cohort: Cohort, store: str | None) -> tuple[pd.DataFrame | None, list[Fault]]:
    """What the pixels of each case are like; None for given features, which have none."""
    if cohort.features:
        return None, []
    return preparation.facts(cohort.cases, store=store)


def shortcuts(cohort: Cohort, design: Design, *, store: str | None = None) -> list[dict[str, Any]]:
    """AUC of what is known of how the images were made, in the fitting part; rows as in `auditing.metadata_auc`."""
    part = cohort.select(design.split.fitting)
    facts = None if cohort.features else preparation.facts(part.cases, store=store)[0]
    return metadata_auc(part, facts, design.split.folds, seed=design.seed)
