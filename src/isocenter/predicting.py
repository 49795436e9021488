"""What a model says of new rows or scans: refused by name, flagged, or predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import preparation, progress
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault, InputDoesNotFit
from isocenter.features.given import numbers
from isocenter.features.harmonised import feature_steps, strangers
from isocenter.model import Model
from isocenter.prediction import Prediction
from isocenter.preparation.profile import TRAINED, Profile, Words
from isocenter.wording import listed

_FAR, RANGE, IGNORED = "far outside", "the training range", "ignored columns"  # how flags begin


def predict(model: Model, cohort: Cohort, store: str | None = None) -> Prediction:
    """Rows for a model of a feature table, scans for a model of scans; InputDoesNotFit otherwise.

    Where the model answers for patients and the cohort knows them, their answers stand in `by_patient`.
    """
    said = _predict_rows(model, cohort) if model.card["inputs"] else _predict_scans(model, cohort, store)
    if model.decision.aggregation is None or not cohort.knows_patients:
        return said
    alone = pd.Series([f"case:{case_id}" for case_id in said.case_id], index=said.case_id, dtype=object)
    known = pd.Series(cohort.patients, index=cohort.case_ids, dtype=object).reindex(said.case_id)
    patients = known.where(known.notna(), alone).to_numpy(dtype=object)
    return replace(said, patient_id=patients, by_patient=_of_patients(said, patients, model))


def unit_warning(model: Model, said: Prediction) -> tuple[str, ...]:
    """That images are answered one by one though the model answers for patients; () where it is not so."""
    if model.decision.aggregation is None or said.by_patient is not None:
        return ()
    told = "This model answers for patients, but the input names none: each image is answered by itself, by a decision "
    return (f"{told}made for patients. Name them with --patient-column.",)


def _of_patients(said: Prediction, patients: NDArray[np.object_], model: Model) -> Prediction:
    """One row a patient from those of its cases that could be predicted; refused where there is none."""
    usable = np.asarray(np.isfinite(said.output).all(axis=1), dtype=np.bool_)
    found = model.decision.by_patient(said.select(usable), patients[usable])
    flags, answered = _flags_of_patients(said, patients), set(found.case_id)
    unanswered = [name for name in dict.fromkeys(patients) if name not in answered]
    lost = {name: f"refused: {flags.get(name, 'no prediction is finite')}" for name in unanswered}
    found = replace(found, flags=np.array([flags.get(name, "") for name in found.case_id], dtype=object))
    whole = found.with_refused(lost)
    counts = pd.Series(patients[usable]).value_counts()
    return replace(whole, n_cases=counts.reindex(whole.case_id, fill_value=0).to_numpy().astype(np.int64))


def _flags_of_patients(said: Prediction, patients: NDArray[np.object_]) -> dict[str, str]:
    """What is told of a patient's cases, each reason once, with how many of them are concerned."""
    flags = np.full(len(said), "", dtype=object) if said.flags is None else said.flags
    total = pd.Series(patients).value_counts()
    flagged = pd.Series(flags, index=patients)[flags != ""]
    told = {}
    for name, own in flagged.groupby(level=0, sort=False):
        told[str(name)] = f"{len(own)} of {total[name]} images: {'; '.join(dict.fromkeys(own))}"
    return told


def check(model: Model, cohort: Cohort) -> None:
    """InputDoesNotFit where the input is of another kind than the model's, or lacks columns or numbers in them."""
    if not model.card["inputs"]:
        if cohort.features:
            raise InputDoesNotFit(
                f"Model '{model.name}' was trained on scans; this input is a feature table.", "Give a folder of scans."
            )
        return
    if not cohort.features:
        raise InputDoesNotFit(
            f"Model '{model.name}' was trained on a feature table; this input holds scans.",
            "Give a table with the same features.",
        )
    wanted = list(model.card["inputs"])
    refuse_missing(wanted, cohort, "model", len(wanted))
    refuse_unnamed(wanted, _extra(model, cohort), cohort, "The model was trained on")
    features = [c for c in wanted if c not in (*model.card["covariates"], *model.card.get("beside", ()))]
    numbers(cohort.table[features], features)


def _columns(cohort: Cohort) -> pd.DataFrame:
    return cohort.table[[c for c in cohort.table.columns if c != PATIENT]]


def _extra(model: Model, cohort: Cohort) -> list[str]:
    """Numeric columns that the model does not use."""
    own = (model.target.column, *(model.target.classes if model.target.is_labels else ()))
    return [c for c in cohort.features if c not in model.card["inputs"] and c not in own]


def _predict_rows(model: Model, cohort: Cohort) -> Prediction:
    check(model, cohort)
    wanted, table, extra = list(model.card["inputs"]), _columns(cohort), _extra(model, cohort)
    said = model.predict(table[wanted])
    ignored = f"{IGNORED}: {listed(extra, 5)}" if extra else ""
    flags = far_out(table, model.card["ranges"], RANGE, ignored)
    return replace(said, flags=joined(flags, strangers(model.estimator, table[wanted])))


def doubts(model: Model, said: Prediction, cohort: Cohort) -> tuple[str, ...]:
    """What must be known of a test on cases unlike those of training: how many, and in what; () where none is.

    said: one row for each case of `cohort`, with its flags.
    """
    n = len(said)
    told = []
    if model.card["inputs"]:
        names, outside = _outside(_columns(cohort), model.card["ranges"])
        if far := int(outside.any(axis=1).sum()):
            counts = outside.sum(axis=0)
            where = [f"{names[i]} ({counts[i]})" for i in np.argsort(-counts, kind="stable") if counts[i]]
            told.append(
                f"{far} of {n} cases lie {_FAR} {RANGE}: {listed(where, 5)}. Check units and scales: the model was "
                f"never shown such values.{_tied(said)}"
            )
    own = [] if said.flags is None else [_beside_ranges(str(flag)) for flag in said.flags]
    if odd := [f"{case}: {flag}" for case, flag in zip(said.case_id, own, strict=bool(own)) if flag]:
        told.append(f"{len(odd)} of {n} cases are unlike the training data: {listed(odd, 3, ' | ')}.")
    return tuple(told)


def _beside_ranges(flag: str) -> str:
    """What else a flag tells of its case: not which columns are ignored, nor what `doubts` counts."""
    return "; ".join(part for part in flag.split("; ") if not part.startswith((f"{_FAR} {RANGE}", IGNORED)))


def _tied(said: Prediction) -> str:
    """That most cases get one and the same answer, as where a probability is 1 whatever the case."""
    _, counts = np.unique(said.output, axis=0, return_counts=True)
    tied = int(counts.max(initial=0))
    if 2 * tied <= len(said):
        return ""
    return f" {tied} of {len(said)} get the very same answer, which no rank (AUC) tells apart."


def refuse_missing(wanted: Sequence[str], cohort: Cohort, whose: str, of: int) -> None:
    """InputDoesNotFit where a table lacks some of the columns that are wanted, of so many in all."""
    has = [str(c) for c in cohort.table.columns if c != PATIENT]
    if missing := [c for c in wanted if c not in has]:
        raise InputDoesNotFit(
            f"{len(missing)} of the {whose}'s {of} features are missing: {listed(missing, 8)}.",
            f"The input has: {listed(has, 8)}.",
        )


def refuse_unnamed(wanted: Sequence[str], extra: Sequence[str], cohort: Cohort, learned: str) -> None:
    """InputDoesNotFit where only the order of columns tells which is which, and there are more than were learned."""
    if extra and all(c[:1] == "f" and c[1:].isdigit() for c in wanted):
        raise InputDoesNotFit(
            f"{learned} {len(wanted)} unnamed columns, the input has {len(cohort.features)}.",
            "Give an array with the same columns in the same order.",
        )


def joined(flags: NDArray[np.object_], more: list[str]) -> NDArray[np.object_]:
    """Flags with a second one behind, as far as there is one."""
    pairs = zip(flags, more or [""] * len(flags), strict=True)
    return np.array(["; ".join(filter(None, pair)) for pair in pairs], dtype=object)


def far_out(
    table: pd.DataFrame, ranges: Mapping[str, Sequence[float]], what: str, also: str = ""
) -> NDArray[np.object_]:
    """A flag for each row with values further outside a range ({column: (low, high)}) than half its width.

    what: the range in words; also: told of every row.
    """
    names, outside = _outside(table, ranges)
    flags = np.full(len(table), also, dtype=object)
    for row in np.flatnonzero(outside.any(axis=1)):
        far = [names[i] for i in np.flatnonzero(outside[row])]
        flags[row] = "; ".join(filter(None, [also, f"{_FAR} {what}: {listed(far, 5)}"]))
    return flags


def _outside(table: pd.DataFrame, ranges: Mapping[str, Sequence[float]]) -> tuple[list[str], NDArray[np.bool_]]:
    """The columns with a range, and (n, columns) whether a value lies further outside it than half its width."""
    names = list(ranges)
    low, high = np.array([ranges[name] for name in names]).reshape(-1, 2).T
    values, margin = table[names].to_numpy(dtype=np.float64), (high - low) / 2
    return names, (values < low - margin) | (values > high + margin)


def _predict_scans(model: Model, cohort: Cohort, store: str | None) -> Prediction:
    check(model, cohort)
    profile = preparation.Profile.from_dict(model.card["profile"])
    lacking = _without_covariates(model, cohort)
    fit, flags, refused = like_those(cohort, profile, model.estimator, "the model", lacking=lacking, store=store)
    return replace(model.predict(fit.cases), flags=flags).with_refused(refused)


def like_those(
    cohort: Cohort,
    profile: Profile | None,
    estimator: Any,
    what: str,
    words: Words = TRAINED,
    *,
    lacking: Mapping[str, Fault] = {},
    store: str | None = None,
) -> tuple[Cohort, NDArray[np.object_], dict[str, str]]:
    """Scans that fit what was learned, a flag for each ("" for none), and why others are refused, by case id.

    profile: of the scans that were learned from, None where it is not known; estimator: the fitted pipeline, its step
    "features" first; what: it in words, words: its scans; lacking: cases that are refused whatever they show.
    InputDoesNotFit where none fits.
    """
    facts, faults = preparation.facts(cohort.cases, store=store)
    odd, flags = ({}, {}) if profile is None else profile.check(facts, words)
    if rows := [fault.where for fault in cohort.excluded if fault.of_row]:
        belong = "row of the table belongs" if len(rows) == 1 else "rows of the table belong"
        progress.note(f"{len(rows)} {belong} to no file: {listed(rows)}.")
    refused = {f.where: f for f in (*cohort.excluded, *faults) if not f.of_row} | odd | dict(lacking)
    fit_ids = _fitting(cohort, refused, what)
    refused |= _unmeasured(estimator, cohort.select(fit_ids), store)
    fit = cohort.select(_fitting(cohort, refused, what))
    own = np.array([flags.get(i, "") for i in fit.case_ids], dtype=object)
    told = joined(own, strangers(estimator, fit.cases))
    return fit, told, {where: f"refused: {fault.reason}" for where, fault in refused.items()}


def _fitting(cohort: Cohort, refused: Mapping[str, Fault], what: str) -> list[str]:
    """The cases that are not refused; InputDoesNotFit, with the first reason, where there are none."""
    if fit_ids := [str(i) for i in cohort.case_ids if i not in refused]:
        return fit_ids
    first = next(iter(refused.values()))
    raise InputDoesNotFit(f"None of the {len(refused)} cases fits {what}. {first.where}: {first.reason}", first.remedy)


def _unmeasured(estimator: Any, cohort: Cohort, store: str | None) -> dict[str, Fault]:
    """Cases whose regions cannot be measured, where the features are of regions."""
    found: dict[str, Fault] = {}
    for step in feature_steps(estimator):
        if hasattr(step, "faults"):
            step.store = store  # a bundle names no folder
            found |= {name: Fault.of(name, fault) for name, fault in step.faults(cohort.cases).items()}
    return found


def _without_covariates(model: Model, cohort: Cohort) -> dict[str, Fault]:
    wanted = dict.fromkeys((*model.card["covariates"], *model.card.get("beside", ())))
    if not (missing := [c for c in wanted if c not in cohort.table]):
        return {}
    error = InputDoesNotFit(f"the model wants {', '.join(missing)}.", "Give a table with them: --labels TABLE.")
    return {case_id: Fault.of(case_id, error) for case_id in cohort.case_ids}
