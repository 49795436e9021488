"""What clusters are: first whether they are scanners, then what sets them apart, then whether it matters.

Clusters differ in the features they were made from whatever the data: on pure noise such p values are
"significant" always. So features are described by sizes of difference only, and p is given for nothing but
columns that took no part in making the clusters, with the patient as the unit, corrected by Holm over each family.
Plain data; nothing here draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from isocenter.associations import Association, associations
from isocenter.cohort import Cohort
from isocenter.errors import InputDoesNotFit
from isocenter.metrics import Floats, Ints
from isocenter.metrics.bootstrap import bootstrap, percentiles
from isocenter.metrics.partitions import adjusted_rand
from isocenter.unsupervised import Clustering, cluster, numbered
from isocenter.unsupervised.stability import STEADY
from isocenter.wording import listed

ALARM = 0.5  # strength of association with the acquisition from which clusters are said to be it
LIMIT = 0.05
_TOLD = 10  # features a cluster
_CONSTANT = 100.0  # standard deviations: a feature further apart than this is called constant inside clusters


@dataclass(frozen=True)
class Subtypes:
    """verdict: is it disease or scanner, in a sentence; named: the acquisition column that the clusters are, or None;
    acquisition, others (person, outcome, other): associations; skipped: rows {"column", "family", "why"} of columns
    that could not be tested; features: rows {"cluster", "feature", "difference" in standard deviations against all
    others, "mean", "rest", "constant"}, no p on purpose ("constant": next to no spread inside clusters, the
    difference cut off at 100); sizes: rows {"cluster", "cases", "patients", "medoids"}; borderline: case ids;
    replication: see `replicate`, or None; target: see `beside_target`, or None. Clusters are
    numbered from 1, -1 is in none.
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
    target: Mapping[str, Any] | None

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
    rows, skipped = associations(found, cohort, told, facts, labels, patients, declared, np.random.default_rng(seed))
    acquisition = tuple(row for row in rows if row.family == "acquisition")
    named = _named(acquisition, found)
    again = clusters_again and table is not None and found.n_clusters > 1
    return Subtypes(
        verdict=_verdict(found, acquisition, named, skipped, next(iter(cohort.beside), None), cohort.attributes),
        named=named,
        acquisition=acquisition,
        others=tuple(row for row in rows if row.family != "acquisition"),
        skipped=tuple(skipped),
        features=() if table is None else tuple(_apart(found, table.loc[list(found.case_ids)], labels)),
        sizes=tuple(_sizes(found, labels, patients)),
        borderline=found.borderline(),
        replication=replicate(found, table, patients, seed=seed) if again and table is not None else None,
        target=beside_target(found, cohort, patients, seed),
    )


def held_out(found: Clustering, table: pd.DataFrame) -> Clustering:
    """The same clusters, their members new cases: to `describe` what held in patients who did not make them."""
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


def _named(rows: Sequence[Association], found: Clustering) -> str | None:
    strong = [r for r in rows if r.strength >= ALARM and r.p_adjusted <= LIMIT]
    return strong[0].column if strong and found.n_clusters > 1 else None


def _verdict(
    found: Clustering, rows: Sequence[Association], named: str | None, skipped: Sequence[Mapping[str, str]],
    harmonised: str | None, columns: Sequence[str],
) -> str:  # fmt: skip
    """Disease or scanner, in a sentence. columns: of the cohort; over what was measured nothing can be harmonised."""
    if found.n_clusters < 2:
        return "No structure: there is nothing to tell apart."
    doubt = "" if found.structure else "These clusters cut what may be one piece. "
    after = f", after harmonisation across '{harmonised}'" if harmonised else ""
    untold = [f"'{one['column']}' ({one['why']})" for one in skipped if one["family"] == "acquisition"]
    if named is not None:
        row = next(r for r in rows if r.column == named)
        can = named in columns and named != harmonised
        mend = f"Harmonise (--harmonise {named}), or cluster" if can else "Cluster"
        return (f"{doubt}Scanner, not disease{after}: the clusters follow '{named}' (strength {row.strength:.2f} of 1, "
                f"p = {row.p_adjusted:.2g}). {mend} within each '{named}', before reading anything into them.")  # fmt: skip  # noqa: E501
    if not rows:
        n = f"the {len(untold)} columns" if len(untold) > 1 else "the column"
        why = (
            f"{n} of it cannot be tested: {listed(untold, 2, '; ')}"
            if untold
            else "nothing is known of how the images were made"
        )
        return f"{doubt}Whether this is disease or scanner{after} cannot be told: {why}."
    mixed = [r for r in rows if r.p_adjusted <= LIMIT]
    if mixed:
        return (
            f"{doubt}Mixed{after}: the clusters depend on '{mixed[0].column}' in part (strength "
            f"{mixed[0].strength:.2f} of 1)."
        )
    names = listed([f"'{r.column}'" for r in rows], 5)
    tested = f"{len(rows)} columns were tested: {names}" if len(rows) > 1 else f"one column was tested: {names}"
    more = f" Not tested: {listed(untold, 2, '; ')}." if untold else ""
    return f"{doubt}Not explained by how the images were made{after}, as far as that is known ({tested}).{more}"


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
    largest of the draws; "recovered": per cluster of `found`, mean best Jaccard index in the held-out half;
    "sentence"}.
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
        return {"agreement": None, "low": None, "high": None, "recovered": [], "sentence": ""}
    mean, low, high = float(np.mean(alike)), min(alike), max(alike)
    span = f"agreement {mean:.2f} (adjusted Rand index, {low:.2f} to {high:.2f} over the draws)"
    failed = "Not found" if mean < STEADY else "Found"
    said = f"{failed} again in patients who did not make them: {span}."
    recovered = [float(v) for v in np.mean(back, axis=0)]
    return {"agreement": mean, "low": low, "high": high, "recovered": recovered, "sentence": said}


def beside_target(found: Clustering, cohort: Cohort, patients: Ints, seed: int = 0) -> dict[str, Any] | None:
    """{"column", "n", "agreement", "low", "high", "sentence"}: adjusted Rand index of clusters and a target's classes,
    which made none, with the bootstrap interval over patients; None without classes, or with one cluster.

    Cases in no cluster are a group of their own.
    """
    target = cohort.target
    if target is None or not target.is_classes or found.n_clusters < 2:
        return None
    classes = cohort.table.loc[list(found.case_ids), target.column]
    known = classes.notna().to_numpy()
    codes = pd.factorize(classes[known])[0].astype(np.int64)
    labels, own = found.labels[known], np.unique(patients[known], return_inverse=True)[1].astype(np.int64)
    value = float(adjusted_rand(codes, labels)) if known.any() else float("nan")
    if not np.isfinite(value) or own.max() < 1:
        return None
    drawn = bootstrap(lambda weights: {"rand": adjusted_rand(codes, labels, weights)}, own, draws=1000, seed=seed)
    low, high = percentiles(drawn["rand"]).interval[:2]
    said = (
        f"Clusters and '{target.column}', which was not used to make them, agree to {value:.2f} "
        f"({low:.2f} to {high:.2f}; adjusted Rand index: 1 the same groups, 0 as by chance)."
    )
    return {"column": target.column, "n": int(known.sum()), "agreement": value, "low": float(low), "high": float(high),
            "sentence": said}  # fmt: skip


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
