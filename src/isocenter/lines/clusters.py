"""Clusters and nearest cases as lines: disease or scanner first, how many and why, what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_FEATURES = 3  # a cluster
_COLUMNS = 6
_CASES = 4  # of a group of equal ones


def clusters(found: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """The answer first (disease or scanner, how many and why), then what sets the clusters apart."""
    features = found["features"]
    yield ""
    acquisition = found["subtypes"]["acquisition"]
    attributes = result.get("cohort", {}).get("attributes", ())
    if found["clusters"] > 1 and acquisition:
        yield from _scanner(found["subtypes"], attributes)
    yield f"Clusters  {found['sentence']}"
    if found["clusters"] > 1 and not acquisition:  # nothing could be tested: not the first thing to be told
        yield from _scanner(found["subtypes"], attributes)
    yield f"          {found['n']} cases, {features['columns']} features ({features['name']}), method {found['method']}"
    for sentence in features["done"]:
        yield f"          {sentence}"
    yield from _stability(found)
    if found["clusters"] > 1:
        yield from _sizes(found)
        for beside in ("replication", "target"):
            if told := found["subtypes"][beside]:
                yield f"Held out  {told['sentence']}" if beside == "replication" else f"Target    {told['sentence']}"
        others = found["subtypes"]["others"]
        skipped = [one for one in found["subtypes"]["skipped"] if one["family"] != "acquisition"]
        if others or skipped:
            yield "Columns that made no cluster (p corrected)"
            yield from _associations(others)
            yield from _skipped(skipped)
    yield from _look(found)
    for warning in found["warnings"]:
        yield f"WARNING   {warning}"
    for note in found["notes"]:
        yield f"Note      {note}"


def _scanner(subtypes: Mapping[str, Any], attributes: Sequence[str]) -> Iterator[str]:
    yield f"Disease or scanner?  {subtypes['verdict']}"
    yield from _associations(subtypes["acquisition"])
    yield from _skipped([one for one in subtypes["skipped"] if one["family"] == "acquisition"])
    if any(row["column"] in attributes for row in subtypes["acquisition"]):  # the others are measured
        yield "            By their names: --covariates COLUMN or --ignore COLUMN says that one is no scanner's."


def _stability(found: Mapping[str, Any]) -> Iterator[str]:
    rows = found["stability"]["candidates"]
    if rows:
        yield f"          {found['stability']['about']}"
        yield f"          {'clusters':<10}{'agreement':<12}{'5th pct':<10}{'ambiguous':<12}{'gap':<16}parted"
    for one in rows:
        mark = " <" if one["clusters"] == found["clusters"] else ""
        gap = f"{_n(one['gap'])} ± {_n(one['gap_error'])}"
        yield (
            f"          {one['clusters']:<10}{_n(one['agreement']):<12}{_n(one['low']):<10}{_n(one['ambiguous']):<12}"
            f"{gap:<16}{'yes' if one['apart'] else 'no'}{mark}"
        )
    if own := found["stability"]["own"]:
        yield f"          {own['clusters']:<10}{_n(own['agreement']):<12}given: {own['by']}"


def _sizes(found: Mapping[str, Any]) -> Iterator[str]:
    rows = found["subtypes"]["features"]
    for one in found["subtypes"]["sizes"]:
        name = "in none" if one["cluster"] < 0 else str(one["cluster"])
        own = [r for r in rows if r["cluster"] == one["cluster"] and r["difference"] is not None][:_FEATURES]
        told = ", ".join(_difference(r) for r in own)
        patients = f" of {one['patients']} patients" if one["patients"] != one["cases"] else ""
        yield f"  {name:<8}{one['cases']} cases{patients}{': ' + told if told else ''}"


def _difference(row: Mapping[str, Any]) -> str:
    if row["constant"]:
        return f"{row['feature']} {row['mean']:.4g} against {row['rest']:.4g}, constant within"
    return f"{row['feature']} {row['difference']:+.1f} SD"


def _skipped(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows[:_COLUMNS]:
        yield f"            {row['column']:<28} not tested: {row['why']}"
    if len(rows) > _COLUMNS:
        yield f"            and {len(rows) - _COLUMNS} more not tested, in clusters.json"


def _associations(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows[:_COLUMNS]:
        p = row["p_adjusted"]
        yield f"            {row['column']:<28} strength {_n(row['strength']):<7} p {'-' if p is None else f'{p:.4f}'}"
    if len(rows) > _COLUMNS:
        yield f"            and {len(rows) - _COLUMNS} more in clusters.json"


def _look(found: Mapping[str, Any]) -> Iterator[str]:
    near, far, labels, identical = found["near"], found["outliers"], found["labels"], found["identical"]
    equal = "with equal features" if found["identical_by"] == "features" else "bit-identical"
    yield f"Look at   {_counted(len(identical), 'group')} {equal}{_first(identical, found['identical_apart'])}"
    first = _first([(one["first"], one["second"]) for one in near["pairs"]], [one["apart"] for one in near["pairs"]])
    yield f"          {_counted(near['count'], 'near-duplicate pair')}{first}"
    if near["sentence"]:
        yield f"            {near['sentence']}"
    flagged = f" ({far['flagged']} of them not of a site learned from)" if far["flagged"] else ""
    yield (
        f"          {_counted(far['count'], 'outlier')}{flagged}, "
        f"{_counted(labels['count'], 'label')} that neighbours contradict"
    )
    yield f"          {labels['sentence']}"


def _first(groups: Sequence[Sequence[str]], apart: Sequence[Mapping[str, list[str]]]) -> str:
    """The first of a list and what divides it; the gravest come first."""
    if not groups:
        return ""
    named = [f"{kind} {' and '.join(apart[0][kind])}" for kind in ("parts", "labels") if kind in apart[0]]
    told = f" ({', '.join(named)})" if named else ""
    more = f" and {len(groups[0]) - _CASES} more" if len(groups[0]) > _CASES else ""
    return f", first {' = '.join(groups[0][:_CASES])}{more}{told}"


def similar(found: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
    """The nearest cases, nearest first, with patients and the target where they are known; how it was measured."""
    of = f" (patient {found['patient']})" if found["patient"] not in (None, found["case"]) else ""
    yield f"Nearest to {found['case']}{of} of {found['of']} cases ({found['features']}, {found['distance']})"
    if found["search"]["sentence"]:
        yield f"  {found['search']['sentence']}"
    target, cases = found["target"], found["cases"]
    columns = {"case": [str(one["case_id"]) for one in cases]}
    if any(one.get("patient_id") not in (None, one["case_id"]) for one in cases):
        columns["patient"] = ["" if one["patient_id"] is None else one["patient_id"] for one in cases]
    columns["distance"] = [f"{one['distance']:.4g}" for one in cases]
    columns |= {target: [str(one[target]) for one in cases]} if target else {}
    widths = {name: max(map(len, (name, *texts))) + 2 for name, texts in columns.items()}
    yield "  " + "".join(f"{name:<{width}}" for name, width in widths.items()).rstrip()
    for i, one in enumerate(cases):
        same = " (same patient)" if found["patient"] is not None and one.get("patient_id") == found["patient"] else ""
        yield f"  {''.join(f'{columns[name][i]:<{width}}' for name, width in widths.items()).rstrip()}{same}"
    for sentence in found["measured"]:
        yield f"          {sentence}"
    if found["only_here"]:
        yield f"Note      For this answer alone: {', '.join(found['only_here'])}; the project stays as it was."
    if found["unlike"]:
        yield f"WARNING   {found['case']}: {found['unlike']}."


def placed(path: str, result: dict[str, Any]) -> Iterator[str]:
    """How many new cases went into each cluster, and where the table lies."""
    told = ", ".join("in none " + str(n) if k == "-1" else f"{k}: {n}" for k, n in result["counts"].items())
    yield (
        f"{result['cases']} cases placed in clusters, {told}; {result['borderline']} borderline, "
        f"{result['refused']} refused, {result['flagged']} flagged"
    )
    if not result["structure"]:
        one = len([k for k in result["counts"] if k != "-1"]) < 2
        yield "WARNING   " + (
            "No structure was found: there is one cluster." if one else "The clusters may cut one piece."
        )
    for flag in result["flags"][:_COLUMNS]:
        yield f"WARNING   {flag}"
    if len(result["flags"]) > _COLUMNS:
        yield f"          and {len(result['flags']) - _COLUMNS} more in {path}, column flags"
    yield f"Written   {path}"


def page(path: str, _: dict[str, Any]) -> Iterator[str]:
    """Where the page lies."""
    yield f"Page      {path}"


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _counted(n: int, name: str) -> str:
    return f"{n} {name}{'' if n == 1 else 's'}"
