"""manuscript.docx and methods.md: methods, tables and legends, as a draft to work on.

The one room that imports python-docx. Places for the author are highlighted. The same study gives
the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from isocenter.formats.office import clean, steady
from isocenter.paper import tables
from isocenter.paper.methods import Paragraph, author
from isocenter.paper.nouns import Finished
from isocenter.reporting import results
from isocenter.reporting.drawings import Drawing
from isocenter.reporting.words import NOTHING, decimal, title, value

if TYPE_CHECKING:
    from docx.document import Document

_ACROSS = 4  # columns of numbers in one table of a page
_PLACE = re.compile(r"(\[author: [^\]]*\])")
Rows = list[list[str]]
Told = tuple[str, list[str], Rows, str]  # caption, header, rows, note


def markdown(paragraphs: Sequence[Paragraph]) -> str:
    """The methods section as text."""
    return "# Methods\n\n" + "\n\n".join(f"## {p.heading}\n\n{clean(p.text)}" for p in paragraphs) + "\n"


def manuscript(paper: Finished, paragraphs: Sequence[Paragraph], figures: Sequence[tuple[str, Drawing]]) -> bytes:
    """The .docx. figures: (file name without ending, drawing) of every figure, for the legends."""
    import docx

    document = docx.Document()
    _plain_properties(document)
    _text(document.add_heading(level=0), author("title"))
    document.add_heading("Methods", level=1)
    for paragraph in paragraphs:
        _text(document.add_heading(level=2), paragraph.heading)
        _text(document.add_paragraph(), paragraph.text)
    document.add_heading("Tables", level=1)
    for number, (caption, header, rows, note) in enumerate(_tables(paper), start=1):
        _table(document, f"Table {number}. {caption}", header, rows, note)
    document.add_heading("Figure legends", level=1)
    for number, (name, drawing) in enumerate(figures, start=1):
        about = f" ({drawing.about})" if drawing.about else ""
        legend = f"; {drawing.value} in the legend" if drawing.value else ""
        _text(
            document.add_paragraph(), f"Figure {number}. {drawing.title}{about}{legend}. {drawing.note} File: {name}."
        )
    content = io.BytesIO()
    document.save(content)
    return steady(content.getvalue())


def _plain_properties(document: Document) -> None:
    known = document.core_properties
    known.author = known.comments = known.title = known.last_modified_by = ""


def _tables(paper: Finished) -> list[Told]:
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
    return found


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


def _cell(cell: dict[str, Any]) -> str:
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
    said = dict.fromkeys(str(row["sentence"]) for row in paper.comparisons if row.get("sentence"))
    return header, rows, " ".join(said)


def _p(p: Any) -> str:
    return NOTHING if p is None else "<0.001" if float(p) < 0.001 else decimal(float(p))


def _table(document: Document, caption: str, header: Sequence[str], rows: Rows, note: str) -> None:
    from docx.shared import Pt

    _text(document.add_paragraph(style="Caption"), caption)
    table = document.add_table(rows=0, cols=len(header), style="Light List")
    for number, row in enumerate([list(header), *rows]):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            shown = str(text)
            _text(cell.paragraphs[0], shown.strip(), Pt(8), bold=number == 0)
            if shown.startswith("  "):
                cell.paragraphs[0].paragraph_format.left_indent = Pt(10)
    if note:
        _text(document.add_paragraph(), note, Pt(8))


def _text(paragraph: Any, text: str, size: Any = None, bold: bool | None = None) -> None:
    """Add text; places for the author are highlighted."""
    from docx.enum.text import WD_COLOR_INDEX

    for piece in _PLACE.split(clean(text)):
        if not piece:
            continue
        run = paragraph.add_run(piece)
        if size is not None:
            run.font.size = size
        if bold is not None:
            run.bold = bold
        if _PLACE.fullmatch(piece):
            run.font.highlight_color = WD_COLOR_INDEX.YELLOW
