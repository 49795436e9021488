"""What a model says of new rows or scans: refused by name, flagged, or predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import preparation, progress
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault, InputDoesNotFit
from isocenter.features.given import numbers
from isocenter.features.harmonised import strangers
from isocenter.model import Model
from isocenter.prediction import Prediction
from isocenter.wording import listed

FAR, IGNORED = "far outside the training range", "ignored columns"  # how flags begin


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
    table = _columns(cohort)
    if missing := [c for c in wanted if c not in table]:
        raise InputDoesNotFit(
            f"{len(missing)} of the model's {len(wanted)} features are missing: {', '.join(missing[:8])}.",
            f"The input has: {', '.join(map(str, list(table.columns)[:8]))}{'...' if table.shape[1] > 8 else ''}.",
        )
    if _extra(model, cohort) and all(c[:1] == "f" and c[1:].isdigit() for c in wanted):
        raise InputDoesNotFit(
            f"The model was trained on {len(wanted)} unnamed columns, the input has {len(cohort.features)}.",
            "Give an array with the same columns in the same order.",
        )
    features = [c for c in wanted if c not in (*model.card["covariates"], *model.card.get("beside", ()))]
    numbers(table[features], features)


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
    ignored = f"{IGNORED}: {', '.join(extra[:5])}" if extra else ""
    flags = _far_out(table, model.card["ranges"], ignored)
    return replace(said, flags=_with(flags, strangers(model.estimator, table[wanted])))


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
                f"{far} of {n} cases lie {FAR}: {listed(where, 5)}. Check units and scales: the model was never shown "
                f"such values.{_tied(said)}"
            )
    own = [] if said.flags is None else [_beside_ranges(str(flag)) for flag in said.flags]
    if odd := [f"{case}: {flag}" for case, flag in zip(said.case_id, own, strict=bool(own)) if flag]:
        told.append(f"{len(odd)} of {n} cases are unlike the training data: {listed(odd, 3, ' | ')}.")
    return tuple(told)


def _beside_ranges(flag: str) -> str:
    """What else a flag tells of its case: not which columns are ignored, nor what `doubts` counts."""
    return "; ".join(part for part in flag.split("; ") if not part.startswith((FAR, IGNORED)))


def _tied(said: Prediction) -> str:
    """That most cases get one and the same answer, as where a probability is 1 whatever the case."""
    _, counts = np.unique(said.output, axis=0, return_counts=True)
    tied = int(counts.max(initial=0))
    if 2 * tied <= len(said):
        return ""
    return f" {tied} of {len(said)} get the very same answer, which no rank (AUC) tells apart."


def _with(flags: NDArray[np.object_], more: list[str]) -> NDArray[np.object_]:
    """Flags with a second one behind, as far as there is one."""
    pairs = zip(flags, more or [""] * len(flags), strict=True)
    return np.array(["; ".join(filter(None, pair)) for pair in pairs], dtype=object)


def _far_out(table: pd.DataFrame, ranges: dict[str, list[float]], also: str) -> NDArray[np.object_]:
    """A flag for each row with values further outside the training range than half its width."""
    names, outside = _outside(table, ranges)
    flags = np.full(len(table), also, dtype=object)
    for row in np.flatnonzero(outside.any(axis=1)):
        far = [names[i] for i in np.flatnonzero(outside[row])]
        flags[row] = "; ".join(filter(None, [also, f"{FAR}: {listed(far, 5)}"]))
    return flags


def _outside(table: pd.DataFrame, ranges: dict[str, list[float]]) -> tuple[list[str], NDArray[np.bool_]]:
    """The columns with a range, and (n, columns) whether a value lies further outside it than half its width."""
    names = list(ranges)
    low, high = np.array([ranges[name] for name in names]).reshape(-1, 2).T
    values, margin = table[names].to_numpy(dtype=np.float64), (high - low) / 2
    return names, (values < low - margin) | (values > high + margin)


def _predict_scans(model: Model, cohort: Cohort, store: str | None) -> Prediction:
    check(model, cohort)
    facts, faults = preparation.facts(cohort.cases, store=store)
    profile = preparation.Profile.from_dict(model.card["profile"])
    refused, flags = profile.check(facts)
    if rows := [fault.where for fault in cohort.excluded if fault.of_row]:
        belong = "row of the table belongs" if len(rows) == 1 else "rows of the table belong"
        progress.note(f"{len(rows)} {belong} to no file: {listed(rows)}.")
    lost = [fault for fault in (*cohort.excluded, *faults) if not fault.of_row]
    refused = {**{f.where: f for f in lost}, **refused, **_without_covariates(model, cohort)}
    fit_ids = [i for i in cohort.case_ids if i not in refused]
    if not fit_ids:
        raise _none_fits(refused)
    unmeasured = _unmeasured(model, cohort.select(fit_ids), store)
    refused |= unmeasured
    fit_ids = [i for i in fit_ids if i not in unmeasured]
    if not fit_ids:
        raise _none_fits(refused)
    cases = cohort.select(fit_ids).cases
    own = np.array([flags.get(i, "") for i in fit_ids], dtype=object)
    said = replace(model.predict(cases), flags=_with(own, strangers(model.estimator, cases)))
    return said.with_refused({where: f"refused: {fault.reason}" for where, fault in refused.items()})


def _none_fits(refused: Mapping[str, Fault]) -> InputDoesNotFit:
    first = next(iter(refused.values()))
    return InputDoesNotFit(
        f"None of the {len(refused)} cases fits the model. {first.where}: {first.reason}", first.remedy
    )


def _unmeasured(model: Model, cohort: Cohort, store: str | None) -> dict[str, Fault]:
    """Cases whose regions cannot be measured, where the model's features are of regions."""
    first = model.estimator[0]
    steps = [step for _, step in first.transformer_list] if hasattr(first, "transformer_list") else [first]
    found: dict[str, Fault] = {}
    for step in steps:
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
