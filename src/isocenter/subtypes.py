"""What clusters are: first whether they are scanners, then what sets them apart, then whether it matters.

Clusters differ in the features they were made from whatever the data: on pure noise such p values are
"significant" always. So features are described by sizes of difference only, and p is given for nothing but
columns that took no part in making the clusters, with the patient as the unit, corrected by Holm over each family.
Plain data; nothing here draws.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

from isocenter.auditing.shortcuts import tells_of_acquisition
from isocenter.cohort import Cohort
from isocenter.errors import InputDoesNotFit
from isocenter.metrics import Floats, Ints
from isocenter.metrics.comparison import holm
from isocenter.metrics.intervals import wilson
from isocenter.metrics.partitions import adjusted_rand, contingency, cramer_v
from isocenter.unsupervised import Clustering, cluster, numbered

ALARM = 0.5  # strength of association with the acquisition from which clusters are said to be it
LIMIT = 0.05
DRAWS = 2000  # permutations
_RARE = 3  # patients of a level below which it is pooled with others as rare
_TOLD = 10  # features a cluster
_CONSTANT = 100.0  # standard deviations: a feature further apart than this is called constant inside clusters
# Names of columns whose whole numbers are codes, not amounts.
_CODES = re.compile(
    r"site|hospital|clinic|cent(er|re)|institution|scanner|manufacturer|vendor|model|device|station|machine|view"
    r"|projection|modality|protocol|sequence|kernel|coil|position|portable|format|source|batch|folder",
    re.IGNORECASE,
)
_PERSON = re.compile(r"age|sex|gender|weight|height|bmi|ethnic|race", re.IGNORECASE)
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


@dataclass(frozen=True)
class Subtypes:
    """verdict: is it disease or scanner, in a sentence; named: the acquisition column that the clusters are, or None;
    acquisition, others (person, outcome, other): associations; skipped: rows {"column", "family", "why"} of columns
    that could not be tested; features: rows {"cluster", "feature", "difference" in standard deviations against all
    others, "mean", "rest", "constant"}, no p on purpose ("constant": next to no spread inside clusters, the
    difference cut off at 100); sizes: rows {"cluster", "cases", "patients", "medoids"}; borderline: case ids;
    replication: see `replicate`, or None. Clusters are numbered from 1, -1 is in none.
    """

    verdict: str
    named: str | None
    acquisition: tuple[Association, ...]
    others: tuple[Association, ...]
    skipped: tuple[Mapping[str, str], ...]
    features: tuple[Mapping[str, Any], ...]
    sizes: tuple[Mapping[str, Any], ...]
    borderline: tuple[str, ...]
    replication: Mapping[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe(
    found: Clustering, cohort: Cohort, table: pd.DataFrame | None = None, *, facts: pd.DataFrame | None = None,
    sites: Sequence[str] = (), clusters_again: bool = True, seed: int = 0,
) -> Subtypes:  # fmt: skip
    """What sets clusters apart, in the cohort they were found in, or another one whose cases were assigned.

    table: the features the clusters were made from (rows by case id): needed for `features` and `replication`.
    facts: further columns of the acquisition (`preparation.facts`). sites: columns that name where or how a case was
    made, whatever they are called; the column a cohort is harmonised over is one. clusters_again: find them again in
    each half of the patients. For a cohort of other patients give `held_out(found, cohort, table)`. Raises
    InputDoesNotFit where cases of the clustering are not in the cohort.
    """
    labels, patients = _joined(found, cohort)
    told = cohort.table.loc[list(found.case_ids)]
    declared = {*sites, *cohort.beside[:1]}
    rows, skipped = _associations(found, cohort, told, facts, labels, patients, declared, np.random.default_rng(seed))
    acquisition = tuple(row for row in rows if row.family == "acquisition")
    named = _named(acquisition, found)
    again = clusters_again and table is not None and found.n_clusters > 1
    return Subtypes(
        verdict=_verdict(found, acquisition, named, skipped, next(iter(cohort.beside), None)),
        named=named,
        acquisition=acquisition,
        others=tuple(row for row in rows if row.family != "acquisition"),
        skipped=tuple(skipped),
        features=() if table is None else tuple(_apart(found, table.loc[list(found.case_ids)], labels)),
        sizes=tuple(_sizes(found, labels, patients)),
        borderline=found.borderline(),
        replication=replicate(found, table, patients, seed=seed) if again and table is not None else None,
    )


def held_out(found: Clustering, table: pd.DataFrame) -> Clustering:
    """The same clusters, their members new cases: to `describe` what held in patients who did not make them."""
    from dataclasses import replace

    points = found.projection.points(table)
    labels, confidence, distance = found.parts.place(points)
    return replace(
        found,
        case_ids=tuple(str(i) for i in table.index),
        points=points,
        labels=labels,
        confidence=confidence,
        distance=distance,
    )


def _joined(found: Clustering, cohort: Cohort) -> tuple[Ints, Ints]:
    """Label and patient number of each case of the clustering."""
    rows = cohort.table.index.get_indexer(pd.Index(found.case_ids, dtype=object))
    if (rows < 0).any():
        raise InputDoesNotFit(f"{int((rows < 0).sum())} cases of the clustering are not in the cohort.",
                              "Give the cohort the clusters were found in.")  # fmt: skip
    return found.labels, pd.factorize(cohort.patients[rows])[0].astype(np.int64)


def _associations(
    found: Clustering, cohort: Cohort, told: pd.DataFrame, facts: pd.DataFrame | None, labels: Ints, patients: Ints,
    declared: set[str], rng: np.random.Generator,
) -> tuple[list[Association], list[dict[str, str]]]:  # fmt: skip
    """Every column that made no cluster, strongest first, and those that cannot be tested; none for one cluster."""
    if found.n_clusters < 2:
        return [], []
    columns: dict[str, tuple[Family, pd.Series]] = {}
    target = cohort.target.column if cohort.target else None
    for name in [*cohort.attributes, *([target] if target else [])]:
        columns[name] = ("outcome" if name == target else _family(name, declared), told[name])
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


def _family(name: str, declared: set[str]) -> Family:
    if name in declared or tells_of_acquisition(name):
        return "acquisition"
    return "person" if _PERSON.search(name) else "other"


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
        return codes.astype(np.int64), [str(name) for name in names]
    place = np.where(rare, (~rare).sum(), np.cumsum(~rare) - 1)
    return place[codes].astype(np.int64), [*(str(n) for n, few in zip(names, rare, strict=True) if not few), "rare"]


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


def _named(rows: Sequence[Association], found: Clustering) -> str | None:
    strong = [r for r in rows if r.strength >= ALARM and r.p_adjusted <= LIMIT]
    return strong[0].column if strong and found.n_clusters > 1 else None


def _verdict(
    found: Clustering, rows: Sequence[Association], named: str | None, skipped: Sequence[Mapping[str, str]],
    harmonised: str | None,
) -> str:  # fmt: skip
    if found.n_clusters < 2:
        return "No structure: there is nothing to tell apart."
    doubt = "" if found.structure else "These clusters cut what may be one piece. "
    after = f", after harmonisation across '{harmonised}'" if harmonised else ""
    untold = "; ".join(f"'{one['column']}' ({one['why']})" for one in skipped if one["family"] == "acquisition")
    if named is not None:
        row = next(r for r in rows if r.column == named)
        mend = "Cluster" if named == harmonised else f"Harmonise (--harmonise {named}), or cluster"
        return (f"{doubt}Scanner, not disease{after}: the clusters follow '{named}' (strength {row.strength:.2f} of 1, "
                f"p = {row.p_adjusted:.2g}). {mend} within each '{named}', before reading anything into them.")  # fmt: skip  # noqa: E501
    if not rows:
        why = f"not tested: {untold}" if untold else "nothing is known of how the images were made"
        return f"{doubt}Whether this is disease or scanner{after} cannot be told: {why}."
    mixed = [r for r in rows if r.p_adjusted <= LIMIT]
    if mixed:
        return (
            f"{doubt}Mixed{after}: the clusters depend on '{mixed[0].column}' in part (strength "
            f"{mixed[0].strength:.2f} of 1)."
        )
    names = ", ".join(f"'{r.column}'" for r in rows[:5])
    more = f" Not tested: {untold}." if untold else ""
    return f"{doubt}Not explained by how the images were made{after}, as far as that is known ({names}).{more}"


def _apart(found: Clustering, table: pd.DataFrame, labels: Ints) -> list[dict[str, Any]]:
    """The features that differ most between each cluster and all other cases, in standard deviations inside clusters."""  # noqa: E501
    values = table[list(found.feature_names)].to_numpy(dtype=np.float64, na_value=np.nan)
    rows: list[dict[str, Any]] = []
    for c in range(found.n_clusters if found.n_clusters > 1 else 0):
        own, rest = _summary(values[labels == c]), _summary(values[labels != c])
        spread = np.sqrt((own[1] + rest[1]) / 2)
        away = own[0] - rest[0]
        size = np.fmax(np.abs(own[0]), np.abs(rest[0]))
        constant = (np.abs(away) > _CONSTANT * spread) & (np.abs(away) > 1e-9 * size)
        apart = np.divide(away, spread, out=np.zeros(len(spread)), where=(spread > 1e-9 * size) & ~constant)
        apart = np.where(constant, np.sign(away) * _CONSTANT, apart)
        for j in np.argsort(-np.abs(np.nan_to_num(apart)), kind="stable")[:_TOLD]:
            told = {"difference": float(apart[j]), "mean": float(own[0][j]), "rest": float(rest[0][j])}
            named = {"cluster": int(numbered(c)), "feature": found.feature_names[j]}
            rows.append({**named, **told, "constant": bool(constant[j])})
    return rows


def _summary(values: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each column over what is known; NaN and 0 where nothing is."""
    known = np.isfinite(values)
    n = known.sum(axis=0)
    mean = np.divide(np.where(known, values, 0.0).sum(axis=0), n, out=np.full(len(n), np.nan), where=n > 0)
    spread = np.where(known, (values - np.where(n > 0, mean, 0.0)) ** 2, 0.0).sum(axis=0)
    return mean, np.divide(spread, n - 1, out=np.zeros(len(n)), where=n > 1)


def _sizes(found: Clustering, labels: Ints, patients: Ints) -> list[dict[str, Any]]:
    medoids = found.medoids(3)
    return [
        {"cluster": int(numbered(c)), "cases": int((labels == c).sum()),
         "patients": len(np.unique(patients[labels == c])), "medoids": list(medoids[c]) if c >= 0 else []}
        for c in sorted(set(range(found.n_clusters)) | {int(v) for v in np.unique(labels)})
    ]  # fmt: skip


def replicate(
    found: Clustering, table: pd.DataFrame, patients: Ints, *, draws: int = 5, seed: int = 0
) -> dict[str, Any]:
    """Do the clusters come back in patients who did not make them?

    Patients are halved several times; each half makes clusters of its own, and one's are laid over the other's cases.
    {"agreement": mean adjusted Rand index of both partitions of the half that was held out, "low", "high": smallest and
    largest of the draws; "recovered": per cluster of `found`, mean best Jaccard index in the held-out half}.
    """
    rng = np.random.default_rng([seed, 2])
    values = table.loc[list(found.case_ids), list(found.feature_names)]
    alike, back = [], []
    for draw in range(draws):
        first = np.isin(patients, rng.permutation(np.unique(patients))[: (patients.max() + 1) // 2])
        if min(first.sum(), (~first).sum()) < max(2 * found.n_clusters, 4):
            continue
        own, other = (_again(found, values[side], patients[side], seed + draw) for side in (~first, first))
        laid = other.assign(values[~first])["cluster"].to_numpy()
        alike.append(float(np.nan_to_num(adjusted_rand(own.labels, laid))))
        back.append(_jaccard(found.labels[~first], laid, found.n_clusters))
    if not alike:
        return {"agreement": None, "low": None, "high": None, "recovered": []}
    return {"agreement": float(np.mean(alike)), "low": min(alike), "high": max(alike),
            "recovered": [float(v) for v in np.mean(back, axis=0)]}  # fmt: skip


def _again(found: Clustering, values: pd.DataFrame, patients: Ints, seed: int) -> Clustering:
    k = None if found.method == "hdbscan" else found.n_clusters
    d = len(found.projection.components)
    return cluster(values, method=found.method, clusters=k, groups=patients, components=d, seed=seed)


def _jaccard(labels: Ints, other: Ints, k: int) -> list[float]:
    best = []
    for c in range(k):
        own = labels == c
        best.append(
            max((float((own & (other == o)).sum() / (own | (other == o)).sum()) for o in np.unique(other)), default=0.0)
        )
    return best
