"""The folder of a paper: each file whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from isocenter import disk
from isocenter.formats.office import clean
from isocenter.formats.tables import write_table, write_workbook
from isocenter.paper.data import data
from isocenter.paper.document import manuscript, markdown
from isocenter.paper.methods import methods_section
from isocenter.paper.nouns import Finished, Table
from isocenter.paper.tables import tables
from isocenter.reporting.canvas import on_paper
from isocenter.reporting.drawings import Drawing
from isocenter.reporting.plates import paper_drawings
from isocenter.reporting.printing import pdf, svg, with_legend

_NOT_TOLD = "Predictive values at other prevalences were asked for, but no threshold could be read on the test part."
FIGURES, TABLES, DATA = "figures", "tables", "data"
_OF_TABLES, _OF_DATA = (".csv", ".mat"), (".csv", ".parquet", ".mat")
_MISSING = {
    "comparisons": "No comparisons.json is in the project: methods are not compared.",
    "readers": "No readers.json is in the project: no readers are shown.",
    "seeds": "No seeds were tried (--seeds).",
    "learning_curve": "No learning curve was asked for (--learning-curve).",
    "subgroups": "No subgroups were evaluated (--subgroups).",
    "operating_points": "No operating points: they need classes.",
    "predictive_values": "No predictive values at other prevalences were asked for (--prevalences).",
    "external": "No model was tested elsewhere (isocenter evaluate MODEL INPUT).",
}


def write(paper: Finished, folder: Path) -> list[str]:
    """Write all of it to `folder`; the files' names below it, in order. NotWritable where the disk refuses."""
    figures = list(_named(paper_drawings(paper.study)))
    found, numbers = tables(paper), data(paper)
    written = [*_figures(figures, folder), *_tables(found, folder), *_each(numbers, folder, DATA, _OF_DATA)]
    paragraphs = methods_section(paper)
    disk.write_text(folder / "methods.md", markdown(paragraphs))
    disk.write_bytes(folder / "manuscript.docx", manuscript(paper, paragraphs, figures))
    disk.write_text(folder / "README.txt", clean(_readme(figures, found, numbers, _missing(paper, found))))
    return [*written, "methods.md", "manuscript.docx", "README.txt"]


def _named(drawings: list[Drawing]) -> Iterator[tuple[str, Drawing]]:
    """File names of letters, digits, - and _ only, each once."""
    seen: set[str] = set()
    for drawing in drawings:
        plain = re.sub(r"[^A-Za-z0-9_+-]+", "_", drawing.name)[:60].strip("_") or "figure"
        name = next(n for n in (plain, *(f"{plain}-{i}" for i in range(2, 1000))) if n.lower() not in seen)
        seen.add(name.lower())
        yield name, drawing


def _figures(figures: list[tuple[str, Drawing]], folder: Path) -> list[str]:
    written = []
    for name, drawing in figures:
        with on_paper():
            figure = with_legend(drawing.draw(), drawing.legend, drawing.value)
            for ending, content in ((".svg", svg(figure)), (".pdf", pdf(figure))):
                disk.write_bytes(folder / FIGURES / f"{name}{ending}", content)
                written.append(f"{FIGURES}/{name}{ending}")
    return written


def _tables(found: list[Table], folder: Path) -> list[str]:
    write_workbook({table.name: table.frame for table in found}, folder / TABLES / "tables.xlsx")
    return [*_each(found, folder, TABLES, _OF_TABLES), f"{TABLES}/tables.xlsx"]


def _each(found: list[Table], folder: Path, place: str, endings: tuple[str, ...]) -> list[str]:
    names = [(table, f"{place}/{table.name}{ending}") for table in found for ending in endings]
    for table, name in names:
        write_table(table.frame, folder / name)
    return [name for _, name in names]


def _missing(paper: Finished, found: list[Table]) -> list[str]:
    """Why a table is not there, one sentence each."""
    there = {table.name for table in found}
    asked = {"predictive_values": _NOT_TOLD} if paper.study.options.get("prevalences") else {}
    return [why for name, why in {**_MISSING, **asked}.items() if name not in there]


def _readme(figures: list[tuple[str, Drawing]], found: list[Table], numbers: list[Table], missing: list[str]) -> str:
    """What each file is, and what is not there."""
    lines = [
        "Written by isocenter export from a finished project; the test part was not looked at again.",
        "",
        "manuscript.docx   methods, tables, figure legends; [author: ...] is yours to write",
        "methods.md        the same methods section as text",
        "",
        f"{FIGURES}/  each as .svg (text stays text) and .pdf, 85 mm wide, without a title inside",
        *(f"  {name}: {drawing.title}, {drawing.about}. {drawing.note}".rstrip() for name, drawing in figures),
        "",
        f"{TABLES}/  each as .csv, as .mat and as a sheet of tables.xlsx (numbers of 16 digits)",
        "  (in .csv and .xlsx text that a spreadsheet would run as a formula has a ' in front)",
        "  (a .mat has one variable a column, and names, the columns' own names)",
        *(f"  {table.name}: {table.title}" for table in found),
        "",
        f"{DATA}/  each as .csv, .parquet and .mat",
        *(f"  {table.name}: {table.title}" for table in numbers),
    ]
    absent = [f"  {why}" for why in missing]
    return "\n".join([*lines, *(["", "Not there:", *absent] if absent else [])]) + "\n"
