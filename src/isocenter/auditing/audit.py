"""The audit: counts that reconcile, duplicates, conflicts, and sentences about what is suspicious."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from isocenter.auditing import duplicates as same
from isocenter.auditing import suspicions
from isocenter.auditing.duplicates import Groups
from isocenter.cohort import PATIENT, Cohort
from isocenter.errors import Fault

DIGEST = "pixel_digest"
LARGEST_LIST = 1000  # groups of identical rows that are kept by name


@dataclass(frozen=True)
class Audit:
    """What was found: found = used + excluded + unlabelled.

    excluded: every item left out, with its reason and, where known, its class; undecodable: the
    cases among them that stood in the table and whose files could not be read; classes: used
    cases of each class or with each label; patients: number of known patients, None without ids; per_patient:
    smallest, median and largest number of cases of a known patient; duplicates: groups of case
    ids with bit-identical pixels; conflicts: those of them whose targets differ; identical_rows:
    groups with equal given features (reported, not grouped; at most 1000); missing: features and
    covariates with missing values, and how many; constant: features that never change.
    """

    found: int
    used: int
    excluded: tuple[Fault, ...] = ()
    undecodable: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)
    patients: int | None = None
    per_patient: tuple[int, float, int] | None = None
    duplicates: Groups = ()
    conflicts: Groups = ()
    identical_rows: Groups = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    constant: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.found != self.used + len(self.excluded) + len(self.unlabelled):
            raise ValueError("the audit's counts do not reconcile: found is not used + excluded + unlabelled")

    def usable(self, cohort: Cohort) -> Cohort:
        """The cohort without the cases that could not be decoded; they join its excluded ones."""
        if not self.undecodable:
            return cohort
        kept = cohort.table.index.difference(list(self.undecodable), sort=False)
        rest: dict[str, Any] = {"unlabelled": cohort.unlabelled, "aside": cohort.aside}
        return replace(cohort.select(kept), excluded=self.excluded, **rest)

    def lines(self) -> list[str]:
        """What was found, in sentences for the terminal; warnings are apart, in `warnings`."""
        left = f", {len(self.excluded)} left out ({suspicions.by_code(self.excluded)})" if self.excluded else ""
        bare = f", {len(self.unlabelled)} without a target" if self.unlabelled else ""
        said = [f"Found {self.found} cases: {self.used} used{left}{bare}."]
        if self.patients is not None and self.per_patient is not None:
            low, middle, high = self.per_patient
            many = f" with {low} to {high} cases each (median {middle:g})" if high > 1 else ", one case each"
            said.append(f"{self.patients} patients{many}.")
        if self.classes:
            said.append("Classes: " + ", ".join(f"{name} {n}" for name, n in self.classes.items()) + ".")
        if self.duplicates:
            count = sum(map(len, self.duplicates))
            word = "image occurs" if len(self.duplicates) == 1 else "images occur"
            said.append(f"{len(self.duplicates)} {word} more than once, bit by bit ({count} cases).")
        if self.missing:
            worst = max(self.missing, key=lambda name: self.missing[name])
            total = sum(self.missing.values())
            most = f"most in {worst} ({self.missing[worst]})"
            said.append(f"{total} values are missing in {len(self.missing)} columns, {most}.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Plain data for audit.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Audit:
        """The inverse of `to_dict`, also after JSON; unknown keys are ignored."""
        known: dict[str, Any] = {k: v for k, v in told.items() if k in cls.__dataclass_fields__}
        for name in ("duplicates", "conflicts", "identical_rows"):
            known[name] = tuple(tuple(ids) for ids in known.get(name, ()))
        for name in ("undecodable", "unlabelled", "constant", "warnings"):
            known[name] = tuple(known.get(name, ()))
        known["excluded"] = tuple(Fault(**fault) for fault in known.get("excluded", ()))
        known["per_patient"] = tuple(known["per_patient"]) if known.get("per_patient") else None
        return cls(**known)


def audit_cohort(
    cohort: Cohort,
    facts: pd.DataFrame | None = None,
    faults: Sequence[Fault] = (),
    regions: pd.DataFrame | None = None,
) -> Audit:
    """Count, reconcile, find duplicates and say what is suspicious.

    facts: as `preparation.facts` tells them (used are `pixel_digest` and, where they are there, `voxels`, `gaps`
    and `laid`); None for given features. faults: cases whose files could not be decoded, `where` being the case
    id; they join `cohort.excluded`. A fault about anything else becomes a warning. regions: as
    `Radiomics.measured` tells them, None where nothing was measured.
    """
    own, others = _merged(cohort, faults)
    kept = cohort.table.index.difference([fault.where for fault in own], sort=False)
    used = cohort if len(kept) == len(cohort) else cohort.select(kept)
    excluded = (*cohort.excluded, *own)
    pixels = _pixels(used, facts)
    conflicts = _conflicts(used, pixels)
    rows = same.identical_rows(used.table[list(used.features)])
    missing, constant = _columns(used)
    known = None if facts is None else facts[facts.index.isin(used.table.index)]
    warnings = (
        *suspicions.about_exclusions(excluded, cohort.found),
        *(f"{fault.where}: {fault.reason}" for fault in others),
        *suspicions.about_gaps(known, regions),
        *suspicions.about_grids(known, regions),
        *suspicions.about_regions(regions),
        *suspicions.about_patients(used),
        *suspicions.about_classes(used),
        *suspicions.about_duplicates(used, pixels, conflicts),
        *suspicions.about_rows(used, rows, _conflicts(used, rows)),
        *suspicions.about_features(missing, constant, len(used)),
        *suspicions.about_shortcuts(used),
    )
    return Audit(
        found=cohort.found,
        used=len(used),
        excluded=excluded,
        undecodable=tuple(fault.where for fault in own),
        unlabelled=cohort.unlabelled,
        classes=used.counts,
        **_patients(used),
        duplicates=pixels,
        conflicts=conflicts,
        identical_rows=rows[:LARGEST_LIST],
        missing=missing,
        constant=constant,
        warnings=warnings,
    )


def _merged(cohort: Cohort, faults: Sequence[Fault]) -> tuple[list[Fault], list[Fault]]:
    """Faults of cases in the table (the first of each, with its class), and faults of nothing in it."""
    own: dict[str, Fault] = {}
    others = []
    known = set(cohort.table.index)
    for fault in faults:
        if fault.where in known:
            own.setdefault(fault.where, replace(fault, label=fault.label or _label(cohort, fault.where)))
        elif fault not in cohort.excluded:
            others.append(fault)
    return list(own.values()), others


def _label(cohort: Cohort, case_id: str) -> str | None:
    if cohort.target is None or cohort.target.is_value:
        return None
    return str(cohort.table.at[case_id, cohort.target.column])


def _pixels(cohort: Cohort, facts: pd.DataFrame | None) -> Groups:
    if facts is None or DIGEST not in facts:
        return ()
    return same.identical_pixels(facts[DIGEST].reindex(cohort.table.index))


def _conflicts(cohort: Cohort, groups: Groups) -> Groups:
    return () if cohort.target is None else same.conflicting(groups, cohort.table[cohort.target.column])


def _patients(cohort: Cohort) -> dict[str, Any]:
    counts = cohort.table[PATIENT].value_counts()
    if counts.empty:
        return {"patients": None, "per_patient": None}
    return {
        "patients": len(counts),
        "per_patient": (int(counts.min()), float(counts.median()), int(counts.max())),
    }


def _columns(cohort: Cohort) -> tuple[dict[str, int], tuple[str, ...]]:
    """Missing values of features and covariates; features with one value (or none) in all cases."""
    table = cohort.table
    missing = {name: int(table[name].isna().sum()) for name in (*cohort.features, *cohort.covariates)}
    constant = [name for name in cohort.features if len(table) > 1 and not table[name].min() < table[name].max()]
    return {name: n for name, n in missing.items() if n}, tuple(constant)
