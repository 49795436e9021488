"""Tables as the manuscript prints them: rounded, as wide as a page, with a caption and a note."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isocenter.paper import tables
from isocenter.paper.nouns import Finished
from isocenter.reporting import results
from isocenter.reporting.around import learning_curve, sample_size
from isocenter.reporting.comparisons import readers
from isocenter.reporting.words import NOTHING, decimal, title, value

_ACROSS = 4  # columns of numbers in one table of a page
Rows = list[list[str]]
Told = tuple[str, list[str], Rows, str]  # caption, header, rows, note


def printed(paper: Finished) -> list[Told]:
    """(caption, header, rows, note) of each table."""
    first = tables.characteristics(paper)
    found = [(
        "Baseline characteristics", list(first.columns), first.fillna("").to_numpy().tolist(),
        "Numbers are median [interquartile range], classes n (%).",
    )]  # fmt: skip
    found += _results(paper)
    found += _classes(paper)
    found += _groups(paper)
    if paper.comparisons:
        found.append(("Comparisons of methods", *_compared(paper)))
    return [*found, *_readers(paper), *_sample_size(paper), *_learning_curve(paper)]


def _results(paper: Finished) -> list[Told]:
    """Metrics by methods, on the test part."""
    study = paper.study
    known = results.comparison(study)
    names = [str(method["name"]) for method in known["methods"]]
    where = "over the splits" if study.design.several else "on the test part"
    rows = [[row["title"], *(_cell(cell["test"]) for cell in row["cells"])] for row in known["rows"]]
    counts = [method["n"].get("test", NOTHING) for method in known["methods"]]
    if not known["patients"]:
        counts = [n.partition(" ")[0] for n in counts]
    rows.insert(0, ["Cases / patients" if known["patients"] else "Cases", *counts])
    return _chunks(f"Results {where}", "Metric", names, rows, "Values with 95% intervals.")


def _classes(paper: Finished) -> list[Told]:
    """Metrics by classes of the primary method, where each stands against the rest."""
    found = results.per_class(paper.study)[:1]
    if not found:
        return []
    one = found[0]
    names = [str(row["name"]) for row in one["rows"]]
    rows = [[metric, *(_cell(row["cells"][i]) for row in one["rows"])] for i, metric in enumerate(one["titles"])]
    rows.insert(0, ["Cases of the class", *(str(row["n"]) for row in one["rows"])])
    return _chunks(f"Results by class, {one['name']}", "Metric", names, rows, "Values with 95% intervals.")


def _groups(paper: Finished) -> list[Told]:
    """Groups of the primary method, those that are too small to show among them."""
    known, primary = results.groups(paper.study), str(paper.study.primary.get("name", ""))
    found: list[Told] = []
    for start in range(0, len(known.get("titles", ())), _ACROSS):
        some = slice(start, start + _ACROSS)
        rows = [
            [row["group"], row["why"], *[""] * len(known["titles"][some])]
            if "why" in row
            else [row["group"], row["n"], *(_cell(one) for one in row["cells"][some])]
            for row in known["rows"]
            if "why" in row or row["method"] == primary
        ]
        caption = f"Results by group, {primary}{' (continued)' if start else ''}"
        found.append((caption, ["Cases", "n / patients", *known["titles"][some]], rows, "Values with 95% intervals."))
    return found


def _chunks(caption: str, corner: str, names: list[str], rows: Rows, note: str) -> list[Told]:
    """As many tables as a page's width needs."""
    found = []
    for start in range(0, len(names), _ACROSS):
        some = slice(start + 1, start + 1 + _ACROSS)
        told = f"{caption} (continued)" if start else caption
        found.append((told, [corner, *names[start : start + _ACROSS]], [[r[0], *r[some]] for r in rows], note))
    return found


def _cell(cell: Mapping[str, Any]) -> str:
    return f"{cell['value']} ({cell['interval']})" if cell["interval"] else str(cell["value"])


def _compared(paper: Finished) -> tuple[list[str], Rows, str]:
    header = ["Metric", "Method", "Against", "Difference (95% interval)", "P", "P adjusted"]
    rows = []
    for row in paper.comparisons:
        metric = str(row["metric"])
        ends = [row.get(name) for name in ("difference", "low", "high")]
        told = [NOTHING if x is None else value(metric, float(x)) for x in ends]
        difference = told[0] + (f" ({told[1]} to {told[2]})" if None not in ends else "")
        against = str(row.get("against")) + (f" [{row['group']}]" if row.get("group") else "")
        rows.append(
            [title(metric), str(row["method"]), against, difference, _p(row.get("p")), _p(row.get("p_adjusted"))]
        )
    main = paper.comparisons[0]["metric"]  # the headline metric stands first, and claims are about it
    own = (row for row in paper.comparisons if row["metric"] == main and row.get("sentence"))
    return header, rows, "\n".join(dict.fromkeys(_begun(str(row["sentence"]), row) for row in own))


def _begun(sentence: str, row: Mapping[str, Any]) -> str:
    """With a capital letter, but for the name of a method."""
    return sentence if sentence.startswith(str(row["method"])) else sentence[:1].upper() + sentence[1:]


def _readers(paper: Finished) -> Iterator[Told]:
    known = readers(paper.readers, paper.study.design.several)
    if known:
        rows = [["All readers", "", one["name"], "all cases", one["n"], _agreed(one)] for one in known["overall"]]
        rows += [
            [row["first"], row["second"], row["coefficient"], row["part"], row["n"], _agreed(row)]
            for row in known["pairs"]
        ]
        header = ["First", "Second", "Coefficient", "Cases", "n", "Agreement (95% interval)"]
        yield "Agreement of readers", header, rows, str(known["sentence"])


def _agreed(one: Mapping[str, Any]) -> str:
    return _cell(one) + (f"; {one['why']}" if one["why"] else "")


def _sample_size(paper: Finished) -> Iterator[Told]:
    if known := sample_size(paper.sample_size):
        rows = [[row["name"], row["needed"], row["have"], row["met"]] for row in known["rows"]]
        yield "Sample size", ["Criterion", "Needed", "Have", ""], rows, str(known["summary"])


def _learning_curve(paper: Finished) -> Iterator[Told]:
    if known := learning_curve(paper.learning):
        rows = [[point["patients"], point["value"]] for point in known["points"]]
        yield f"Learning curve, {known['method']}", ["Training patients", known["metric"]], rows, str(known["sentence"])


def _p(p: Any) -> str:
    return NOTHING if p is None else "<0.001" if float(p) < 0.001 else decimal(float(p))
