"""Charts of the report, and how numbers are written."""

from __future__ import annotations

import io
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import studies
from isocenter.evaluation import Estimate
from isocenter.paper import Finished
from isocenter.paper.tables import tables
from isocenter.reporting import canvas, charts, printing, render, scales, words
from isocenter.reporting.figures import strongest
from isocenter.reporting.summary import summarize

HERE = Path(__file__).parent
MEGABYTE = 1_000_000


def test_chart_takes_its_colours_from_the_page() -> None:
    line = charts.Line([0, 0.2, 1], [0, 0.8, 1], "series-2", (0.2, 0.8))
    svg = printing.inline(charts.roc([line]), "one", "ROC")
    assert "var(--series-2)" in svg
    assert "currentColor" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b", svg)
    assert 'role="img" aria-label="ROC"' in svg
    assert all(name.startswith("one-") for name in re.findall(r'\sid="([^"]+)"', svg))
    assert "<style" not in svg


def test_every_chart_colour_is_in_the_style_sheet() -> None:
    style = (Path(canvas.__file__).parent / "style.css").read_text("utf-8")
    for name in canvas.PALETTE:
        assert style.count(f"--{name}: #") == 2, name  # light and dark


def test_figures_serve_the_paper_too() -> None:
    out = io.BytesIO()
    charts.roc([charts.Line([0, 1], [0, 1], "series-1")]).savefig(out, format="pdf")
    assert out.getvalue().startswith(b"%PDF")


def test_scatter_plots_are_thinned() -> None:
    x = np.arange(50_000.0)
    assert all(len(a) <= canvas.MOST_POINTS for a in canvas.thinned(x, x))
    assert canvas.thinned(x[:5])[0].tolist() == [0, 1, 2, 3, 4]


def test_charts_of_one_point_and_of_equal_values() -> None:
    same = np.full(3, 7.0)
    assert "<svg" in printing.inline(charts.agreement(same, same), "a", "x")
    assert "<svg" in printing.inline(charts.residuals(same[:1], same[:1]), "b", "x")


def test_pixels_are_mapped() -> None:
    found = summarize(studies.binary())["importance"]
    assert [one["name"] for one in found] == ["forest", "linear"]
    assert not found[0]["map"]
    assert "<svg" in found[1]["map"]
    assert found[1]["bars"][0]["feature"].startswith("row ")
    assert len(found[1]["bars"]) == 15


@pytest.mark.parametrize(
    "number, text",
    [
        (0.1234567, "0.1235"),
        (12345678.0, "1.235e+07"),
        (-3.5, "−3.5"),
        (12.0, "12"),
        (12345, "12\u202f345"),
        (math.nan, "—"),
    ],
)
def test_quantities(number: float, text: str) -> None:
    assert words.quantity(number) == text


def test_shares_that_are_nearly_nothing_are_not_nothing() -> None:
    assert [words.percent(*pair) for pair in ((1, 500), (499, 500), (0, 5), (5, 5), (0, 0))] == [
        "0.2%", "99.8%", "0%", "100%", "—",
    ]  # fmt: skip


def test_negative_limits_are_joined_by_a_word() -> None:
    row = Estimate("r2", "forest", "test", 0.1, -0.2, 0.3, "bootstrap-patients", 30, 30)
    assert words.interval(row) == "−0.200 to 0.300"


@pytest.mark.parametrize(
    "how, said",
    [
        ("wilson", "Wilson"),
        ("newcombe-patients", "Newcombe, by patients"),
        ("new-kind", "new kind"),
        ("delong-logit-mover", "DeLong, logit scale, combined"),
        ("wilson-mover", "Wilson, combined"),
        ("bootstrap-patients-hall", "bootstrap over patients, corrected for skewness"),
    ],
)
def test_interval_names(how: str, said: str) -> None:
    assert words.interval_name(how) == said


@pytest.mark.parametrize("low, high", [(0, 1), (0, 9.3), (-0.37, 1), (0, 1e-6), (0, 4.2e7), (3, 3)])
def test_scales_hold_their_numbers_on_few_ticks(low: float, high: float) -> None:
    scale = scales.nice(low, high)
    assert scale.low <= low
    assert scale.high >= high
    assert 2 <= len(scale.ticks) <= 8
    assert all(0 <= tick["at"] <= 100 for tick in scale.ticks)


def test_features_have_the_users_names() -> None:
    rows = [{"feature": name, "mean": 0.1, "sd": 0.0} for name in ("given__x", "covariates__age", "a__b")]
    joined = {"name": "m", "features": ["given"], "covariates": ["age"], "importance": rows}
    assert [row["feature"] for row in strongest(joined)] == ["x", "age", "a__b"]
    study = replace(studies.binary(), models=[studies.binary().models[0] | joined | {"name": "forest"}])
    assert not re.search("given__|covariates__", render(study))
    frame = next(t.frame for t in tables(Finished(study, {})) if t.name == "importance")
    assert frame["feature"].tolist() == ["x", "age", "a__b"]
    alone = {"name": "m", "features": ["given"], "importance": rows}  # a column that is really called so
    assert [row["feature"] for row in strongest(alone)] == ["given__x", "covariates__age", "a__b"]
