"""A paper of every shape of data, and its charts."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pytest

import studies
from isocenter.formats.office import steady
from isocenter.paper import Finished, write
from isocenter.paper.data import data
from isocenter.paper.tables import tables
from isocenter.reporting import Study
from isocenter.reporting.drawings import result_drawings
from isocenter.reporting.plates import paper_drawings
from papers import digests, multilabel, ordinal, really_evaluated

SHAPES: dict[str, tuple[Callable[[], Study], set[str]]] = {
    "binary": (
        lambda: really_evaluated(studies.binary()),
        {"roc", "pr", "calibration", "net_benefit", "confusion", "importance-forest", "importance-linear",
         "importance-map-linear", "forest-plot"},
    ),
    "three": (
        lambda: really_evaluated(studies.three()),
        {"roc", "pr", "calibration", "net_benefit", "confusion", "importance-forest", "importance-linear",
         "importance-map-linear", "forest-plot"},
    ),
    "regression": (
        lambda: really_evaluated(studies.regression()),
        {"agreement", "residuals", "bland-altman", "importance-forest", "forest-plot"},
    ),
    "crowded": (studies.crowded, {"roc", "pr", "confusion", "forest-plot"}),
    "hostile": (studies.hostile, {"roc", "pr", "confusion", "forest-plot"}),
    "ordinal": (ordinal, {"roc", "pr", "confusion", "forest-plot"}),
    "multilabel": (multilabel, {"roc"}),
}  # fmt: skip


_SLOW = ("binary", "three", "ordinal", "crowded")


@pytest.mark.parametrize("shape", [pytest.param(s, marks=pytest.mark.slow if s in _SLOW else ()) for s in SHAPES])
def test_every_shape_has_its_figures_tables_and_document(shape: str, tmp_path: Path) -> None:
    make, wanted = SHAPES[shape]
    study = make()
    written = write(Finished(study, study.predictions), tmp_path)
    assert set(written) == set(digests(tmp_path))
    assert wanted <= {p.stem for p in (tmp_path / "figures").glob("*.svg")}
    for path in (tmp_path / "figures").glob("*.svg"):
        ET.fromstring(path.read_bytes())
    frames = {table.name: table.frame for table in tables(Finished(study, study.predictions))}
    assert len(frames["results"]) == sum(e.group is None for v in study.evaluations.values() for e in v.estimates)
    book = openpyxl.load_workbook(tmp_path / "tables" / "tables.xlsx")
    assert book.sheetnames == list(frames)
    assert docx.Document(str(tmp_path / "manuscript.docx")).tables


def test_the_page_and_the_paper_show_the_same_charts() -> None:
    study = really_evaluated(studies.binary())
    page, paper = [d.name for d in result_drawings(study)], [d.name for d in paper_drawings(study)]
    assert page == ["roc", "pr", "calibration", "net_benefit"]
    assert paper[:4] == page


def test_calibration_is_drawn_with_its_band_and_every_score() -> None:
    study = really_evaluated(studies.binary())
    drawing = next(d for d in result_drawings(study) if d.name == "calibration")
    axes = drawing.draw().axes[0]
    curve = next(c for c in study.first.curves["calibration"] if c["part"] == "test")
    assert any(line.get_xdata().tolist() == curve["x"] for line in axes.lines)  # type: ignore[union-attr]
    kinds = [type(c).__name__ for c in axes.collections]
    assert kinds.count("FillBetweenPolyCollection") == 1
    assert kinds.count("LineCollection") == 2  # with the condition, and without


def test_decision_curve_shows_both_simple_policies() -> None:
    study = really_evaluated(studies.binary())
    axes = next(d for d in result_drawings(study) if d.name == "net_benefit").draw().axes[0]
    curve = next(c for c in study.first.curves["net_benefit"] if c["part"] == "test")
    drawn = [list(line.get_ydata()) for line in axes.lines]  # type: ignore[arg-type]
    assert curve["treat_all"] in drawn
    assert [0.0, 0.0] in drawn


def test_bland_altman_has_the_published_lines() -> None:
    study = really_evaluated(studies.regression())
    rows = study.test_rows
    assert rows is not None
    difference = rows["prediction"].astype(float) - rows["reference"].astype(float)
    axes = next(d for d in result_drawings(study) if d.name == "bland-altman").draw().axes[0]
    heights = [line.get_ydata()[0] for line in axes.lines if len(line.get_ydata()) == 2]  # type: ignore[arg-type,index]
    spread = 1.959964 * difference.std(ddof=1)
    for wanted in (difference.mean(), difference.mean() - spread, difference.mean() + spread):
        assert any(abs(h - wanted) < 1e-5 for h in heights)


def test_data_without_curves_or_scores_is_absent() -> None:
    study = studies.regression()
    assert [t.name for t in data(Finished(study, {}))] == ["folds"]


def test_office_files_lose_their_dates() -> None:
    def book() -> bytes:
        out = io.BytesIO()
        openpyxl.Workbook().save(out)
        return out.getvalue()

    one, other = book(), book().replace(b"nothing", b"nothing")
    assert steady(one) == steady(other)
    assert openpyxl.load_workbook(io.BytesIO(steady(one))).properties.modified.year == 2000
