"""The cohort: what was found, without what cannot be used, with its target."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from isocenter import formats
from isocenter.cohort import PATIENT, Cohort, Target, Task
from isocenter.errors import (
    BadTarget,
    BadValues,
    EmptyInput,
    MissingPath,
    NoTarget,
    UnknownFormat,
)
from isocenter.ingest import consensus, given, leaving, multilabel, scans, stacks
from isocenter.ingest.arrays import Opened, opened
from isocenter.ingest.columns import TARGET_NAMES, count, id_like, plain, wanted
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.files import IMAGES
from isocenter.ingest.known import recognise
from isocenter.ingest.target import choose_column, infer
from isocenter.wording import listed

Flags = NDArray[np.bool_]
IMPUTED = "; they are imputed, learned anew inside each fold"  # only where a model is fitted
NO_PATIENTS = (
    "No patient id is known: every case counts as a patient of its own. If one patient has several cases, the "
    "results will be too good; name the column with --patient-column."
)


def assemble(path: Path, request: Request, read: pd.DataFrame | None = None) -> Cohort:
    """Index `path` as `request` says: draft, leave out, find the target, choose the features.

    read: rows of a table of features, where they have been read.
    """
    draft = _draft(path, request) if read is None else given.draft_table(path, request, read)
    leaving.ignore(draft, request)
    found = len(draft.table)
    leaving.exclude(draft, request.exclude)
    readers = consensus.gather(draft, request) if request.with_labels else ()
    labels = multilabel.gather(draft, request) if request.with_labels else ()
    column = None
    if request.with_labels:
        column = draft.target if labels else _target_column(draft, request)
    lost = (*draft.faults, *leaving.broken(draft, column))
    excluded = tuple(sorted(lost, key=lambda fault: fault.of_row))  # cases first
    leaving.keep(draft, ~draft.table.index.isin(list(draft.broken)))
    if draft.table.empty:
        raise leaving.nothing_left(excluded, found, path)
    whole = draft.table
    target, unlabelled = _label(draft, column, request, labels)
    aside, rule = None, draft.consensus if column == consensus.COLUMN else ""
    if target is not None and readers:
        aside = consensus.clean(draft, target, readers, whole.loc[list(unlabelled)], made=bool(rule))
    features = _features(draft, column, request) if draft.origin == "table" else []
    split = _split(draft, request)
    covariates, beside = _covariates(draft, column, request), _beside(draft, column, request)
    _describe(draft, features, column, request)
    return Cohort(
        draft.table,
        target,
        tuple(draft.sources),
        features=tuple(features),
        covariates=covariates,
        split_column=split,
        excluded=excluded,
        unlabelled=unlabelled,
        notes=tuple(dict.fromkeys(draft.notes)),
        warnings=(*draft.warnings, *(_patient_warnings(draft.table) if request.with_labels else ())),
        origin=draft.origin,
        readers=readers,
        consensus=rule,
        aside=aside,
        beside=beside,
    )


def _draft(path: Path, request: Request) -> Draft:
    """The reader that fits the input."""
    if not path.exists():
        raise MissingPath(f"There is no file or folder {path}.", "Check the path.")
    kind = None if path.is_dir() else formats.kind_of(path)
    if path.is_dir() or kind in IMAGES:
        return scans.draft_scans(path, request)
    if kind == "table":
        return given.draft_table(path, request)
    if kind not in ("array", "matlab"):
        raise UnknownFormat(
            f"{path} is of a kind that is not read ('{path.suffix}').",
            "Give a folder of scans, or features as .npy .npz .csv .tsv .xlsx .parquet .mat.",
        )
    if request.labels is not None and request.labels.exists() and request.labels.samefile(path):
        request = replace(request, labels=None)  # they lie in INPUT itself
    held = opened(path)
    draft = _draft_held(path, held, request)
    draft.notes += held.notes
    return draft


def _draft_held(path: Path, held: Opened, request: Request) -> Draft:
    if held.table is not None:
        return given.draft_table(path, request, held.table)
    if stacks.part_members(held.arrays):
        return stacks.draft_parts(path, held.arrays)
    if stacks.is_stack(path, held.arrays):
        return stacks.draft_stack(path, held.arrays, request)
    return given.draft_array(path, held.arrays, request)


# -- what is predicted -------------------------------------------------------------------------
def _target_column(draft: Draft, request: Request) -> str:
    named = draft.without([])
    if request.target is None and request.known is not None and request.known.column in named:
        return request.known.column
    if request.target is None and draft.target is not None:
        return draft.target
    if request.target is None and not draft.candidates:
        raise NoTarget("There are no labels.", "Give them with --labels FILE.")
    taken = {*request.reserved, *request.covariates}
    candidates = [c for c in draft.candidates if c in draft.table and c not in taken]
    column, said = choose_column(named, candidates, request.target, only=draft.origin != "table" or not draft.features)
    draft.notes += [said] if said else []
    return column


def _label(
    draft: Draft, column: str | None, request: Request, labels: tuple[str, ...]
) -> tuple[Target | None, tuple[str, ...]]:
    """The target, and the cases without a value of it; both leave their mark in the table."""
    if column is None:
        return None, ()
    given = draft.table[column]
    if request.known is not None:
        target, values, warnings = recognise(given, column, request.known, request.class_names)
    elif labels or request.task == Task.MULTILABEL.value:
        if request.order:
            raise BadTarget("--order was given, but the target holds labels.", "Leave it out.")
        target, values, warnings = multilabel.infer(given, column, labels, request.positive)
    else:
        target, values, warnings = infer(given, column, request.task or draft.task, request.positive, request.order)
    draft.table = draft.table.assign(**{column: values}) if values is not draft.table[column] else draft.table
    known = values.notna().to_numpy()
    unlabelled = tuple(draft.table.index[~known])
    leaving.keep(draft, known)
    if unlabelled:
        none = " (a case without any label is one of 'No Finding')" if target.is_labels and not labels else ""
        have, are = ("has", "is") if len(unlabelled) == 1 else ("have", "are")
        many = count(len(unlabelled), "case")
        draft.notes.append(f"{many} {have} no value of '{column}' and {are} set aside{none}.")
    draft.warnings += warnings
    return target, unlabelled


# -- what predicts it --------------------------------------------------------------------------
def _features(draft: Draft, column: str | None, request: Request) -> list[str]:
    """Given features as float64 columns: numeric, nothing else, finite, not empty."""
    roles = {column, draft.split, *request.reserved, request.mask_column, *request.covariates}
    if column is None:
        roles |= {c for c in draft.features if plain(c) in TARGET_NAMES}
    ids = [c for c in id_like(draft.features) if not types.is_float_dtype(draft.table[c])]
    features = [c for c in draft.features if c in draft.table and c not in roles and c not in ids]
    if not features:
        raise EmptyInput("No numeric column is left to learn from.", f"Columns: {listed(draft.table.columns, 20)}.")
    if ids and (shown := [c for c in ids if c not in roles]):
        draft.notes.append(f"Not features, as they are called like ids: {listed(shown)}.")
    wrong = [c for c in features if draft.table[c].dtype != np.float64]
    if wrong:
        numbers = {c: draft.table[c].to_numpy(dtype=np.float64, na_value=np.nan) for c in wrong}
        draft.table = draft.table.assign(**numbers)
    _check_values(draft, [c for c in features if request.inputs is None or c in request.inputs], request)
    return features


def _check_values(draft: Draft, features: list[str], request: Request) -> None:
    values = draft.table[features].to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum()
    if not np.isfinite(total):  # else this one pass has said that all is well
        infinite: Flags = np.isinf(values)
        missing: Flags = np.isnan(values)
        if infinite.any():
            raise _infinite(draft, features, infinite)
        empty = [c for i, c in enumerate(features) if missing[:, i].all()]
        if empty and request.with_labels:
            out = f"Leave these columns out: --ignore {','.join(empty)}."
            raise BadValues(
                f"Features without a single value: {listed(empty)}.",
                out if request.inputs is None else "The model reads them: fill them in.",
            )
        if missing.any():
            columns = int(missing.any(axis=0).sum())
            draft.notes.append(
                f"{count(int(missing.sum()), 'value')} missing in {columns} of {count(len(features), 'feature')}"
                f"{IMPUTED if request.with_labels else ''}."
            )


def _infinite(draft: Draft, features: list[str], infinite: Flags) -> BadValues:
    columns = [c for i, c in enumerate(features) if infinite[:, i].any()]
    rows = draft.table.index[np.flatnonzero(np.any(infinite, axis=1))]
    return BadValues(
        f"Infinite values in column {listed(columns)}, cases {listed(rows)}.",
        "Correct them, or leave these cells empty.",
    )


def _covariates(draft: Draft, column: str | None, request: Request) -> tuple[str, ...]:
    for name in request.covariates:
        if name == column:
            raise BadTarget(
                f"'{name}' is the target: it cannot be a covariate as well.", "Take it out of --covariates."
            )
        if name in request.readers:
            raise BadTarget(f"'{name}' is a reader's label: it cannot be a covariate.", "Take it out of --covariates.")
        wanted(draft.without([column] if column else []), name, "covariate")
    return tuple(dict.fromkeys(request.covariates))


def _beside(draft: Draft, column: str | None, request: Request) -> tuple[str, ...]:
    """Columns that harmonisation reads: the site first."""
    if request.harmonise is None:
        return ()
    for name in (request.harmonise, *request.preserve):
        if name == column or name in request.readers:
            raise BadTarget(
                f"'{name}' is the outcome or a reader's label: harmonisation must not know it.",
                "Take it out of --harmonise and --preserve.",
            )
        if name == request.harmonise and name in request.preserve:
            raise BadTarget(f"'{name}' is the site: it cannot be preserved.", "Take it out of --preserve.")
        wanted(draft.without([column] if column else []), name, "site" if name == request.harmonise else "covariate")
    return tuple(dict.fromkeys((request.harmonise, *request.preserve)))


def _split(draft: Draft, request: Request) -> str | None:
    wanted(draft.without([]), request.group_column, "group")
    if request.split_column is None:
        return draft.split
    if request.split_column == "none" and "none" not in draft.table:
        return None
    wanted(draft.without([]), request.split_name, "split")
    return request.split_column


# -- what is said about it ---------------------------------------------------------------------
def _describe(draft: Draft, features: list[str], column: str | None, request: Request) -> None:
    """Notes on which columns are what, in a table of features."""
    if draft.origin != "table":
        return
    draft.notes.append(f"{count(len(features), 'feature')}: {listed(features, 8)}.")
    if request.readers:
        draft.notes.append(f"Readers, never learned from: {listed(request.readers, 8)}.")
    others = [c for c in draft.without(features) if c not in (column, *request.covariates, *request.readers)]
    texts = [c for c in others if not types.is_numeric_dtype(draft.table[c])]
    if texts:
        draft.notes.append(f"Text columns, kept as attributes and not learned from: {listed(texts, 8)}.")
    for name in texts:
        numbers = pd.to_numeric(draft.table[name], errors="coerce")
        if numbers.notna().sum() > 0.5 * draft.table[name].notna().sum() and types.is_string_dtype(draft.table[name]):
            odd = sorted(set(draft.table[name][numbers.isna()].dropna()))
            shown = f": {listed(odd, 3)} are no numbers" if odd else ""
            draft.warnings.append(f"Column '{name}' looks numeric but is text{shown}; it is not used as a feature.")


def _patient_warnings(table: pd.DataFrame) -> list[str]:
    patients = table[PATIENT]
    if patients.isna().all():
        return [NO_PATIENTS]
    if patients.isna().any():
        unknown = count(int(patients.isna().sum()), "case")
        return [f"Without a patient id: {unknown}, each counted as a patient of its own."]
    if len(table) > 1 and patients.nunique() == 1:
        same = f"All {len(table)} cases have the patient id '{patients.iloc[0]}'"
        return [f"{same}; if they are of several patients, name the column with --patient-column."]
    return []
