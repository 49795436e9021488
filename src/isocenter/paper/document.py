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
from isocenter.paper.methods import Paragraph, author
from isocenter.paper.nouns import Finished
from isocenter.paper.printed import printed
from isocenter.reporting.drawings import Drawing

if TYPE_CHECKING:
    from docx.document import Document

_PLACE = re.compile(r"(\[author: [^\]]*\])")
Rows = list[list[str]]


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
    for number, (caption, header, rows, note) in enumerate(printed(paper), start=1):
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
    for line in filter(None, note.split("\n")):
        _text(document.add_paragraph(), line, Pt(8))


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
