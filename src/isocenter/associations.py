"""Columns that took no part in making clusters, against these: how strong, how likely by chance.

The patient is the unit; p is by permutation, corrected by Holm over each family of columns.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from isocenter.auditing.shortcuts import tells_of_acquisition
from isocenter.cohort import Cohort
from isocenter.metrics import Floats, Ints
from isocenter.metrics.comparison import holm
from isocenter.metrics.intervals import wilson
from isocenter.metrics.partitions import contingency, cramer_v
from isocenter.unsupervised import Clustering, numbered

DRAWS = 2000  # permutations
_RARE = 3  # patients of a level below which it is pooled with others as rare
# Names of columns whose whole numbers are codes, not amounts.
_CODES = re.compile(
    r"site|hospital|clinic|cent(er|re)|institution|scanner|manufacturer|vendor|model|device|station|machine|view"
    r"|projection|modality|protocol|sequence|kernel|coil|position|portable|format|source|batch|folder",
    re.IGNORECASE,
)
_PERSON = re.compile(r"(?i:(?<![a-z])(age|sex|gender|weight|height|bmi|ethnicity|race))(?![a-z])")  # "image" is none
_NO_MEASUREMENT = frozenset(
    {"age", "sex", "gender", "weight", "height", "bmi", "ethnicity", "race", "site", "hospital", "center", "centre"}
    | {"scanner"}
)
# Parts of the body that a column called "site" may name: where a tumour lies, not where an image was made.
_BODY = re.compile(
    r"\b(abdom\w*|an(us|al)|arms?|axilla\w*|back|bladder|bones?|brain|breasts?|buttocks?|cervi[xc]\w*|chest|colon|cord"
    r"|ears?|elbows?|(o)?esophag\w*|eyes?|face|foot|feet|femur|fore(arm|foot)|gland|groin|hands?|head|heart|hips?|humerus"
    r"|kidneys?|knees?|larynx|legs?|limbs?|lips?|liver|lobes?|lungs?|lymph\w*|mouth|nasal|neck|nodes?|nose|oral"
    r"|oropharynx|hypopharynx|nasopharynx|pharynx|ovar(y|ies)|pancreas|parotid|pelvi[sc]|prostate|rectum|ribs?|scalp"
    r"|shin|shoulders?|skin|skull|spine|spleen|sternum|stomach|testis|thighs?|thorax|thoracic|thyroid|tibia|toes?|tongue"
    r"|tonsils?|trunk|upper|lower|uterus|vulva|wrists?|calf|extremit(y|ies))\b",
    re.IGNORECASE,
)
Family = Literal["acquisition", "person", "outcome", "other"]


@dataclass(frozen=True)
class Association:
    """One column against the clusters, over patients.

    family: what it tells of; strength: 0 to 1 (Cramer's V; for a number the root of the share of its
    rank variance that clusters explain, corrected for chance); p: by permutation; p_adjusted: Holm's over the family;
    level: whose share is told: of two the last, else the commonest; groups: per cluster {"cluster" (from 1), "n",
    "share" or "median", "low", "high"}: share of that level with Wilson's interval, or median with quartiles.
    """

    column: str
    family: Family
    strength: float
    p: float
    p_adjusted: float
    n_patients: int
    n_missing: int
    level: str | None
    groups: tuple[Mapping[str, Any], ...]


def associations(
    found: Clustering, cohort: Cohort, told: pd.DataFrame, facts: pd.DataFrame | None, labels: Ints, patients: Ints,
    declared: set[str], rng: np.random.Generator,
) -> tuple[list[Association], list[dict[str, str]]]:  # fmt: skip
    """Every column that made no cluster, strongest first, and those that cannot be tested; none for one cluster."""
    if found.n_clusters < 2:
        return [], []
    columns: dict[str, tuple[Family, pd.Series]] = {}
    family: Family
    target = cohort.target.column if cohort.target else None
    for name in [*cohort.attributes, *([target] if target else [])]:
        family = "outcome" if name == target else _family(name, told[name], declared, cohort.covariates)
        columns[name] = (family, told[name])
    if facts is not None:
        own = facts.reindex(list(found.case_ids))
        columns |= {str(name): ("acquisition", own[name]) for name in own if name not in columns}
    made = set(found.feature_names)
    rows, skipped = [], []
    for name, (family, values) in columns.items():
        if name in made:
            continue
        row = _association(name, family, _as_codes(name, values, declared), labels, patients, rng)
        if isinstance(row, Association):
            rows.append(row)
        else:
            skipped.append({"column": name, "family": str(family), "why": row})
    adjusted: dict[str, float] = {}
    for family in {row.family for row in rows}:
        members = [row for row in rows if row.family == family]
        adjusted |= {row.column: float(p) for row, p in zip(members, holm([r.p for r in members]), strict=True)}
    corrected = [Association(**{**vars(row), "p_adjusted": adjusted[row.column]}) for row in rows]
    return sorted(corrected, key=lambda row: -np.nan_to_num(row.strength, nan=-1.0)), skipped


def _as_codes(name: str, values: pd.Series, declared: set[str]) -> pd.Series:
    """Sites, scanners and the like as text, also where they are written as numbers: 8 is no more than 7."""
    if not types.is_numeric_dtype(values) or types.is_bool_dtype(values):
        return values
    whole = bool((values.dropna() % 1 == 0).all())
    if name not in declared and not (_CODES.search(name) and whole):
        return values
    return values.map(lambda v: f"{v:g}", na_action="ignore").astype(object)


def _family(name: str, values: pd.Series, declared: set[str], covariates: Sequence[str]) -> Family:
    """What a column tells of: by declaration, then by its name. A covariate is the patient's, whatever it is called."""
    if name in declared:
        return "acquisition"
    if _PERSON.search(name):  # before the rest: the "years" of an age are no date of a scan
        return "person"
    if name not in covariates and tells_of_acquisition(name) and not _is_of_the_body(values):
        return "acquisition"
    return "other"


def is_no_measurement(name: str) -> bool:
    """Whether a column's name says that it is of the person, or of who made the images: age, patient_sex, site."""
    words = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return len(words) <= 2 and not _NO_MEASUREMENT.isdisjoint(words)


def _is_of_the_body(values: pd.Series) -> bool:
    """Whether most of the values are words for parts of the body."""
    levels = [str(one).replace("_", " ") for one in values.dropna().unique()]
    return sum(_BODY.search(one) is not None for one in levels) > len(levels) / 2


def _association(
    name: str, family: Family, values: pd.Series, labels: Ints, patients: Ints, rng: np.random.Generator
) -> Association | str:
    """Why not, for a column that is an id, free text, or the same for all."""
    known = values.notna().to_numpy() & (labels >= 0)
    one = _per_patient(labels[known], patients[known])
    if one is None:
        return "known in too few patients" if known.any() else "no value is known"
    rows, own = one
    kept = values[known].iloc[rows]
    if types.is_numeric_dtype(kept) and not types.is_bool_dtype(kept) and kept.nunique() > 5:
        strength, p = _of_number(kept.to_numpy(dtype=np.float64), own, rng)
        level, groups = None, tuple(_medians(kept.to_numpy(dtype=np.float64), own))
    else:
        codes, names = _levels(kept)
        if len(names) < 2:
            return "the same for all" if kept.nunique() < 2 else f"{kept.nunique()} values, each of too few patients"
        strength, p = _of_levels(codes, own, rng)
        told = len(names) - 1 if len(names) == 2 else int(np.bincount(codes).argmax())
        level, groups = names[told], tuple(_shares(codes == told, own))
    missing = len(np.unique(patients)) - len(kept)
    return Association(name, family, strength, p, p, len(kept), missing, level, groups)


def _levels(values: pd.Series) -> tuple[Ints, list[str]]:
    """Number of the level of each patient, and the levels in order; several rare ones are pooled as the last."""
    codes, names = pd.factorize(values, sort=True)
    rare = np.bincount(codes) < _RARE
    if rare.sum() < 2:
        return codes.astype(np.int64), [_text(name) for name in names]
    place = np.where(rare, (~rare).sum(), np.cumsum(~rare) - 1)
    return place[codes].astype(np.int64), [*(_text(n) for n, few in zip(names, rare, strict=True) if not few), "rare"]


def _text(level: object) -> str:
    return f"{level:.4g}" if isinstance(level, float) else str(level)


def _per_patient(labels: Ints, patients: Ints) -> tuple[Ints, Ints] | None:
    """One case of each patient, of the cluster most of the patient's cases are in; None if one cluster is left."""
    if len(labels) == 0:
        return None
    counts = contingency(patients, labels)
    names, first = np.unique(patients, return_index=True)
    own = np.unique(labels)[counts.argmax(axis=1)]
    order = np.lexsort((labels != own[np.searchsorted(names, patients)], patients))
    rows = order[np.searchsorted(patients[order], names)]
    return (rows.astype(np.int64), own) if len(np.unique(own)) > 1 and len(first) > 3 else None


def _of_levels(codes: Ints, labels: Ints, rng: np.random.Generator) -> tuple[float, float]:
    """Cramer's V and the permutation p of chi-squared."""
    table = contingency(codes, labels)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    rows, columns = (np.unique(one, return_inverse=True)[1] for one in (codes, labels))
    rows = rows * table.shape[1]

    def counted() -> float:
        cells = np.bincount(rows + rng.permutation(columns), minlength=table.size)
        return float((cells.reshape(table.shape) ** 2 / expected).sum())

    drawn = np.array([counted() for _ in range(DRAWS)])
    seen = ((table**2) / expected).sum()
    return float(cramer_v(table)), float(1 + (drawn >= seen * (1 - 1e-12)).sum()) / (DRAWS + 1)


def _of_number(values: Floats, labels: Ints, rng: np.random.Generator) -> tuple[float, float]:
    """Root of the corrected share of rank variance between clusters, and its permutation p (Kruskal and Wallis)."""
    ranks = pd.Series(values).rank().to_numpy()
    ranks = (ranks - ranks.mean()) / ranks.std()
    names, place = np.unique(labels, return_inverse=True)
    counts = np.bincount(place)

    def between(order: Floats) -> float:
        return float((np.bincount(place, order) ** 2 / counts).sum()) / len(order)

    seen = between(ranks)
    drawn = np.array([between(rng.permutation(ranks)) for _ in range(DRAWS)])
    n, k = len(ranks), len(names)
    share = max(0.0, 1 - (1 - seen) * (n - 1) / max(n - k, 1))
    return float(np.sqrt(share)), float(1 + (drawn >= seen * (1 - 1e-12)).sum()) / (DRAWS + 1)


def _shares(inside: Any, labels: Ints) -> list[dict[str, Any]]:
    rows = []
    for c in np.unique(labels):
        own = np.asarray(inside)[labels == c]
        low, high = wilson(int(own.sum()), len(own))[:2]
        rows.append({"cluster": int(numbered(c)), "n": len(own), "share": float(own.mean()), "low": low, "high": high})
    return rows


def _medians(values: Floats, labels: Ints) -> list[dict[str, Any]]:
    rows = []
    for c in np.unique(labels):
        low, middle, high = np.quantile(values[labels == c], (0.25, 0.5, 0.75))
        n = int((labels == c).sum())
        rows.append(
            {"cluster": int(numbered(c)), "n": n, "median": float(middle), "low": float(low), "high": float(high)}
        )
    return rows
