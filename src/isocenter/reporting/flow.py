"""The way of the cases: found, left out, used, in which part. Every count must reconcile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from isocenter.cohort import Cohort
from isocenter.reporting.study import Study
from isocenter.reporting.words import count, counted, percent

PARTS = ("training", "tuning", "test")
MOST_CLASSES = 12  # in a box of the diagram


def flow(study: Study) -> dict[str, Any]:
    """Boxes of the diagram, from top to bottom, and whether the counts reconcile."""
    cohort, audit = study.cohort, study.audit
    excluded, unlabelled = audit.get("excluded", ()), audit.get("unlabelled", ())
    used = int(audit.get("used", len(cohort)))
    found = int(audit.get("found", used + len(excluded) + len(unlabelled)))
    parts = [_part(study, name) for name in PARTS if study.design.parts[name]]
    left = _left(study)
    return {
        "found": count(found),
        "excluded": count(len(excluded)),
        "reasons": [{"code": code, "n": count(n)} for code, n in _reasons(excluded)],
        "unlabelled": count(len(unlabelled)) if unlabelled else "",
        "used": count(used),
        "patients": patients(cohort),
        "left": [{"why": why, "n": count(n)} for why, n in left],
        "parts": parts,
        "reconciles": found == used + len(excluded) + len(unlabelled)
        and used == sum(part["size"] for part in parts) + sum(n for _, n in left),
    }


def patients(cohort: Cohort) -> str:
    """How many patients there are, in words; nothing where no patient is known."""
    if not cohort.knows_patients:
        return ""
    unknown = int(cohort.table["patient_id"].isna().sum())
    known = counted(int(cohort.table["patient_id"].nunique()), "patient")
    return f"{known}, {count(unknown)} without id" if unknown else known


def events(cohort: Cohort, study: Study) -> list[dict[str, str]]:
    """[{"name", "n", "share"}...] of each class or label; nothing for a measurement."""
    counts = cohort.counts
    order = sorted(study.target.classes, key=lambda c: c != study.target.positive)  # the positive class first
    return [{"name": c, "n": count(counts[c]), "share": percent(counts[c], len(cohort))} for c in order]


def _part(study: Study, name: str) -> dict[str, Any]:
    ids = study.design.parts[name]
    some = study.cohort.select(ids)
    classes = events(some, study)
    return {
        "name": name,
        "label": "Learned from and tested in turn" if study.design.several else name.capitalize(),
        "size": len(ids),
        "cases": counted(len(ids), "case"),
        "share": 100 * len(ids) / max(len(study.cohort), 1),
        "patients": patients(some),
        "classes": classes[:MOST_CLASSES],
        "more_classes": len(classes[MOST_CLASSES:]),
    }


def _left(study: Study) -> list[tuple[str, int]]:
    """Used cases that are in no part, and why."""
    split = study.design.final
    assigned = {*split.training, *split.tuning, *split.test, *split.unassigned}
    dropped = sum(case_id not in assigned for case_id in study.cohort.case_ids)
    pairs = [
        (f"nothing named in {study.design.group_column or study.cohort.split_column}", len(split.unassigned)),
        ("left out of training: shared with the test part", dropped),
    ]
    return [(why, n) for why, n in pairs if n]


def _reasons(excluded: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return Counter(str(fault["code"]) for fault in excluded).most_common()
