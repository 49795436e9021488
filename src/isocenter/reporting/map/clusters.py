"""What `isocenter cluster` found, from plain data to a page: the answer first, then the map, then why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.reporting.map.atlas import Atlas, Card, Group, Section, Table
from isocenter.reporting.map.sheets import Sheets
from isocenter.reporting.map.still import scree, stability
from isocenter.reporting.words import counted

Found = Mapping[str, Any]
_PAIRS, _CASES = 24, 24  # cards of a list
_LAYOUTS = {
    "pca": "the two widest principal components: distances on the map are distances",
    "tsne": "t-SNE: neighbours stay neighbours; sizes of groups and gaps between them mean nothing",
    "umap": "UMAP: neighbours stay neighbours; sizes of groups and gaps between them mean nothing",
}


def shown_cases(found: Found) -> list[str]:
    """Case ids of every card of the page."""
    cards = [card for section in _lists(found) for group in section.groups for card in group.cards]
    return list(dict.fromkeys(case for card in cards for case in card.cases))


def clusters_atlas(
    found: Found,
    columns: pd.DataFrame,
    places: NDArray[np.floating[Any]],
    sheets: Sheets | None,
    thumbnails: Mapping[str, bytes],
) -> Atlas:
    """The page. found: as in clusters.json; columns, places: of the map, a row a case."""
    features = found["features"]
    who = counted(found["n"], "case") + (f" of {counted(found['patients'], 'patient')}" if found["patients"] else "")
    dots = f"A dot a case, {found['shown']:,} drawn at random of {found['n']:,}" if "shown" in found else "A dot a case"
    return Atlas(
        title=found["title"] or "Clusters",
        kind="Clusters",
        lede=f"{who}, {features['columns']} features ({features['name']}), {found['method']}. No label was used.",
        columns=columns,
        places=places,
        about=f"{dots}, laid out by {_LAYOUTS[found['layout']]}. Every column can colour it.",
        answer=tuple(answer(found)),
        warnings=(*found["warnings"], *found["notes"]),
        sections=(*_why(found), *_lists(found)),
        sheets=sheets,
        thumbnails=thumbnails,
    )


def answer(found: Found) -> list[str]:
    """How many and why, and whether it is disease or scanner: for terminal and page."""
    said = [found["sentence"]]
    if found["clusters"] > 1:
        sizes = ", ".join(f"{k + 1}: {n}" for k, n in enumerate(found["sizes"]))
        none = f"; in none {found['unassigned']}" if found["unassigned"] else ""
        subtypes = found["subtypes"]
        scanner = [subtypes["verdict"]]
        first, last = (scanner, []) if subtypes["acquisition"] else ([], scanner)
        beside = [
            told["sentence"] for told in (subtypes["replication"], subtypes["target"]) if told and told["sentence"]
        ]
        said = [*first, *said, f"Cases in cluster {sizes}{none}.", *beside, *last]
    return [*said, *found["features"]["done"]]


def _why(found: Found) -> list[Section]:
    sections = [_number(found)]
    subtypes = found["subtypes"]
    if found["clusters"] > 1:
        sections.append(
            Section(
                "scanner",
                "Disease or scanner?",
                (subtypes["verdict"], *_skipped(subtypes, acquisition=True), *_ground(subtypes)),
                tables=tuple(_association_table(subtypes["acquisition"], "How the images were made", found)),
            )
        )
        sections.append(_apart(found))
    return sections


def _ground(subtypes: Mapping[str, Any]) -> list[str]:
    if not subtypes["acquisition"]:
        return []
    how = "told by --covariates COLUMN (tested with the others) or --ignore COLUMN; one more by --group-column COLUMN."
    return [f"Columns are of the acquisition by their names, or measured from the images. One that is not is {how}"]


def _number(found: Found) -> Section:
    told = found["stability"]
    figures = [{**scree(found["explained"]), "name": "scree"}]
    tables = []
    if told["candidates"]:
        figures.insert(0, {**stability(told["candidates"], told["own"] or _chosen(found)), "name": "stability"})
        rows: tuple[tuple[str, ...], ...] = tuple(
            (str(one["clusters"]), _number_of(one["agreement"]), _number_of(one["low"]), _number_of(one["ambiguous"]),
             f"{_number_of(one['gap'])} ± {_number_of(one['gap_error'])}", "yes" if one["apart"] else "no")
            for one in told["candidates"]
        )  # fmt: skip
        if (own := told["own"]) is not None:
            rows += ((f"{own['clusters']} (given)", _number_of(own["agreement"]), "–", "–", "–", "–"),)
        columns = ("Clusters", "Agreement", "5th percentile", "Ambiguous pairs", "Gap", "Parted by gaps")
        tables.append(Table("Stability", columns, rows, told["about"] + (f" Given: {own['by']}." if own else "")))
    strongest = "; ".join(f"{k + 1}: {', '.join(names)}" for k, names in enumerate(found["strongest"]))
    return Section(
        "number",
        "How many, and why",
        (found["sentence"], f"Weighing most in the first components: {strongest}."),
        tuple(figures),
        tuple(tables),
    )


def _chosen(found: Found) -> Mapping[str, Any] | None:
    return next((one for one in found["stability"]["candidates"] if one["clusters"] == found["clusters"]), None)


def _association_table(rows: Sequence[Mapping[str, Any]], label: str, found: Found) -> list[Table]:
    if not rows:
        return []
    names = tuple(f"Cluster {k + 1}" for k in range(found["clusters"]))
    body = tuple(
        (row["column"] + (f": {row['level']}" if row["level"] else ""), _number_of(row["strength"]),
         _p(row["p_adjusted"]), str(row["n_patients"]), *_groups(row, found["clusters"]))
        for row in rows
    )  # fmt: skip
    caption = "Strength: 0 none, 1 the column is the clusters. p by permutation over patients, corrected by Holm."
    return [Table(label, ("Column", "Strength", "p", "n", *names), body, caption)]


def _groups(row: Mapping[str, Any], k: int) -> list[str]:
    told = {one["cluster"]: one for one in row["groups"]}
    return [_group(told[c]) if c in told else "–" for c in range(1, k + 1)]


def _group(one: Mapping[str, Any]) -> str:
    if "share" in one:
        return f"{100 * one['share']:.0f} % ({100 * one['low']:.0f}–{100 * one['high']:.0f})"
    return f"{one['median']:.4g} ({one['low']:.4g}–{one['high']:.4g})"


def _apart(found: Found) -> Section:
    subtypes = found["subtypes"]
    rows = [row for row in subtypes["features"] if row["difference"] is not None]
    per = 5 if found["clusters"] <= 6 else 3
    body, seen = [], dict.fromkeys(range(1, found["clusters"] + 1), 0)
    for row in rows:
        seen[row["cluster"]] = seen.get(row["cluster"], 0) + 1
        if seen[row["cluster"]] <= per:
            apart = "constant within" if row["constant"] else f"{row['difference']:+.2f}"
            numbers = (apart, _number_of(row["mean"]), _number_of(row["rest"]))
            body.append((str(row["cluster"]), row["feature"], *numbers))
    tables = []
    if body:
        columns = ("Cluster", "Feature", "Difference, pooled SD", "Mean inside", "Mean elsewhere")
        caption = (
            "Pooled SD: root of the mean of the variances inside the cluster and elsewhere. "
            "No p: features that made the clusters differ between them whatever the data."
        )
        tables.append(Table("Features", columns, tuple(body), caption))
    tables += _association_table(subtypes["others"], "Outcome, person and other columns", found)
    said = (*_replication(subtypes["replication"]), *_skipped(subtypes, acquisition=False))
    return Section("apart", "What sets them apart", said, tables=tuple(tables))


def _skipped(subtypes: Mapping[str, Any], *, acquisition: bool) -> list[str]:
    """The columns of the acquisition, or all others, that could not be tested, and why."""
    own = [one for one in subtypes["skipped"] if (one["family"] == "acquisition") == acquisition]
    told = "; ".join(f"{one['column']} ({one['why']})" for one in own)
    return [f"Not tested: {told}."] if own else []


def _replication(told: Mapping[str, Any] | None) -> list[str]:
    if not told or told["agreement"] is None:
        return []
    recovered = ", ".join(f"{k + 1}: {v:.2f}" for k, v in enumerate(told["recovered"]))
    return [
        told["sentence"],
        f"Each cluster's overlap with its like in held-out patients (Jaccard index): {recovered}.",
    ]


# -- lists with pictures -----------------------------------------------------------------------------
def _lists(found: Found) -> list[Section]:
    return [*_rare(found), *_typical(found), *_alike(found), *_far(found), *_labels(found)]


def _rare(found: Found) -> list[Section]:
    told = found["rare"]
    if told is None:
        return []
    cards = tuple(Card((case,)) for case in told["cases"][:_CASES])
    said = "Too few for a cluster, but apart from all others. Were they made, or cut out, in another way?"
    groups = (Group("", _shown(len(told["cases"]), "case", len(cards)), cards),)
    return [Section("rare", "A rare group", (said,), groups=groups)]


def _typical(found: Found) -> list[Section]:
    groups = [
        Group(
            f"Cluster {k + 1}: typical",
            f"{found['sizes'][k]} cases; nearest to the middle",
            tuple(Card((c,)) for c in ids),
        )
        for k, ids in enumerate(found["medoids"])
        if found["clusters"] > 1
    ]
    if found["clusters"] == 1 and found["medoids"]:
        groups = [
            Group("Typical cases", "nearest to the middle of all", tuple(Card((c,)) for c in found["medoids"][0]))
        ]
    if found["borderline"]:
        cards = tuple(
            Card((one["case"],), (f"cluster {one['cluster']}, confidence {one['confidence']:.2f}",))
            for one in found["borderline"]
        )
        groups.append(Group("Borderline", "between clusters, the least certain first", cards))
    return [Section("typical", "Typical and borderline cases", groups=tuple(groups))]


def _alike(found: Found) -> list[Section]:
    identical, near, given = found["identical"], found["near"], found["identical_by"] == "features"
    groups = []
    if identical:
        cards = tuple(
            Card(tuple(ids[:2]), (*_apart_lines(apart), *((f"and {len(ids) - 2} more",) if len(ids) > 2 else ())))
            for ids, apart in zip(identical[:_PAIRS], found["identical_apart"], strict=False)
        )
        title, of = ("Equal", "equal features") if given else ("Bit-identical", "the same pixels")
        groups.append(Group(title, f"{counted(len(identical), 'group')} of {of}", cards))
    if near["pairs"]:
        cards = tuple(
            Card((p["first"], p["second"]), (f"likeness {p['likeness']:.4f}", *_apart_lines(p["apart"])))
            for p in near["pairs"][:_PAIRS]
        )
        groups.append(Group("Near-duplicates", _shown(near["count"], "pair", len(cards)), cards))
    equal = "cases with equal features" if given else "bit-identical images"
    said = (
        f"{counted(len(identical), 'group')} of {equal}, {counted(near['count'], 'pair')} nearly so.",
        *([near["sentence"]] if near["sentence"] else []),
        f"Near: {near['how']}.",
    )
    return [Section("alike", "Duplicates", said, groups=tuple(groups))]


def _apart_lines(apart: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What divides cases that are alike: their parts and labels."""
    parts = (f"in {' and '.join(apart['parts'])}",) if "parts" in apart else ()
    return (*parts, f"labels {' and '.join(apart['labels'])}") if "labels" in apart else parts


def _far(found: Found) -> list[Section]:
    told = found["outliers"]
    cards = tuple(
        Card((one["case"],), (f"{one['score']:.1f} SD", *([one["flag"]] if one["flag"] else [])))
        for one in told["cases"][:_CASES]
    )
    groups = (Group("", _shown(told["count"], "case", len(cards)), cards),) if cards else ()
    flagged = (
        [f"{told['flagged']} of them are not of a site that harmonisation learned from."] if told["flagged"] else []
    )
    return [Section("far", "Outliers", (f"{counted(told['count'], 'case')} {told['how']}.", *flagged), groups=groups)]


def _labels(found: Found) -> list[Section]:
    told = found["labels"]
    cards = tuple(
        Card(
            (one["case"],), (f"labelled {one['label']}", f"neighbours {one['neighbours']} ({100 * one['share']:.0f} %)")
        )
        for one in told["cases"][:_CASES]
    )
    groups = (Group("", _shown(told["count"], "case", len(cards)), cards),) if cards else ()
    return [Section("labels", "Labels to check", (told["sentence"],), groups=groups)]


def _shown(count: int, what: str, shown: int) -> str:
    return counted(count, what) + (f", the first {shown} shown; all in clusters.json" if count > shown else "")


def _number_of(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"
