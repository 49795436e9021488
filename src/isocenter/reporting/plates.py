"""Charts that need names in the drawing, for print only: on the page they are HTML.

Confusion matrix, importance, forest plot. Plain data in, matplotlib figures out; `paper_drawings` says which
of them a study gets, beside those of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from isocenter.evaluation import headline
from isocenter.reporting import charts
from isocenter.reporting.canvas import PALETTE, axes_of, scaled
from isocenter.reporting.drawings import Drawing, result_drawings
from isocenter.reporting.figures import MOST_BARS, pixel_grid, pixel_name, strongest
from isocenter.reporting.printing import drawable
from isocenter.reporting.results import find, main_metric, styles
from isocenter.reporting.study import Study
from isocenter.reporting.words import count, has_interval, interval, title, value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from isocenter.splitting import Design

MOST_CLASSES = 20  # of a confusion matrix that is drawn
_ROW = 0.062  # height of a row of bars, to the width
_NAME = 30  # letters of a name beside a bar


@dataclass(frozen=True)
class Bar:
    """A row of a chart: its name, value, both ends of what lies around it (or None), style, and a text behind it."""

    name: str
    value: float
    low: float | None
    high: float | None
    style: str
    text: str = ""


def paper_drawings(study: Study) -> list[Drawing]:
    """Every chart of the page, then the confusion matrix, importance and the methods' intervals."""
    return [*result_drawings(study), *_confusion(study), *_importance(study), *_forest(study)]


def confusion(classes: Sequence[str], counts: Sequence[Sequence[int]]) -> Figure:
    """Rows true, columns predicted; depth is the share of the row."""
    n = len(classes)
    matrix = np.asarray(counts, dtype=np.float64)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    names = [drawable(name, 18) for name in classes]
    long = max(map(len, names)) > 6 or n > 4
    with axes_of("Predicted", "True", left=0.3 if long else 0.2) as (figure, axes):
        for i, j in np.ndindex(n, n):
            depth = 0.04 + 0.86 * shares[i, j]
            axes.fill_between([j - 0.5, j + 0.5], i - 0.5, i + 0.5, color=PALETTE["series-1"], alpha=depth, linewidth=0)
            ink = "#ffffff" if depth > 0.55 else PALETTE["ink"]
            told = count(int(matrix[i, j])) + (f"\n{shares[i, j]:.0%}" if n <= 5 else "")
            size = scaled(11 if n <= 5 else 9 if n <= 10 else 6.5)
            axes.text(j, i, told, ha="center", va="center", color=ink, fontsize=size)
        axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), xticks=range(n), yticks=range(n), aspect="equal")
        size = scaled(10 if n <= 8 else 7.5)
        axes.set_xticklabels(names, rotation=40 if long else 0, ha="right" if long else "center", fontsize=size)
        axes.set_yticklabels(names, fontsize=size)
        axes.grid(False)
        axes.tick_params(length=0)
        _fit(figure)
    return figure


def importance(rows: Sequence[Bar], label: str) -> Figure:
    """A bar a feature with its standard deviation, the strongest on top; label: what the length is."""
    with axes_of(label, "", height=0.2 + _ROW * len(rows), left=0.45) as (figure, axes):
        places = np.arange(len(rows))
        for place, row in zip(places, rows, strict=True):
            axes.barh(place, row.value, height=0.62, color=PALETTE[row.style])
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [place, place], color=PALETTE["ink"], linewidth=scaled(1.0))
        axes.axvline(0, color=PALETTE["muted"], linewidth=scaled(0.8))
        axes.set(ylim=(len(rows) - 0.4, -0.6), yticks=places)
        axes.set_yticklabels([drawable(row.name, _NAME) for row in rows])
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=4)
        _fit(figure)
    return figure


def forest(rows: Sequence[Bar], label: str, chance: float | None = None) -> Figure:
    """The value of each method with its interval; chance: where a guess would be."""
    with axes_of(label, "", height=0.24 + 0.085 * len(rows), left=0.3) as (figure, axes):
        if chance is not None:
            axes.axvline(chance, color=PALETTE["muted"], linewidth=scaled(0.8), linestyle=(0, (2, 3)))
        for place, row in enumerate(rows):
            colour = PALETTE[row.style]
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [place, place], color=colour, linewidth=scaled(2.0))
            axes.plot(row.value, place, "s", color=colour, markersize=scaled(6.5))
            axes.text(1.02, place, row.text, transform=axes.get_yaxis_transform(), va="center", fontsize=scaled(9))
        axes.set(ylim=(len(rows) - 0.4, -0.6), yticks=range(len(rows)))
        axes.set_yticklabels([drawable(row.name, 22) for row in rows])
        axes.grid(False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.locator_params(axis="x", nbins=5)
        _fit(figure)
    return figure


def _fit(figure: Figure) -> None:
    """Make room at the sides for names: the axes shrink, the figure keeps its width."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    axes, figure.dpi = figure.axes[0], 300  # text is wider where it is not fitted to coarse pixels
    width, height = (figure.dpi * float(inches) for inches in figure.get_size_inches())
    canvas.draw()  # type: ignore[no-untyped-call]
    outer, inner = axes.get_tightbbox(canvas.get_renderer()), axes.get_window_extent()  # type: ignore[no-untyped-call]
    assert outer is not None
    pad = 0.015 * width
    left, right = (1.05 * (inner.x0 - outer.x0) + pad, 1.05 * (outer.x1 - inner.x1) + pad)
    below, above = inner.y0 - outer.y0 + pad, outer.y1 - inner.y1 + pad
    size = (max(width - left - right, 0.2 * width) / width, max(height - below - above, 0.2 * height) / height)
    axes.set_position((left / width, below / height, *size))
    figure.dpi = 72


def _confusion(study: Study) -> Iterator[Drawing]:
    for matrix in study.first.confusion:
        classes = [str(name) for name in _list(matrix["classes"])]
        if matrix["part"] != "test" or matrix.get("group") is not None or len(classes) > MOST_CLASSES:
            continue
        about = f"{study.primary['name']}, {_tested(study.design)}"
        draw = partial(confusion, classes, _list(matrix["matrix"]))
        shares = ", with the share of the row" if len(classes) <= 5 else ""
        note = f"Rows true, columns predicted. Counts{shares}."
        of = f" of {name}" if (name := matrix.get("class")) else ""
        file = "confusion" if not of else f"confusion-{_list(study.target.classes).index(name) + 1}"
        yield Drawing(file, f"Confusion matrix{of}", about, "Confusion matrix", draw, note=note)


def _tested(design: Design) -> str:
    """Where the counts of one prediction a case come from."""
    if not design.several:
        return "test part"
    return "first repeat" if design.repeats > 1 else "all folds"


def _list(values: Any) -> list[Any]:
    return list(values)


def _importance(study: Study) -> Iterator[Drawing]:
    style = styles(study)
    for card in study.models:
        rows = strongest(card)
        if not rows:
            continue
        name, colour = str(card["name"]), style.get(card["name"], "series-1")
        bars = [_bar(row, colour) for row in rows[:MOST_BARS]]
        metric = title(headline(study.target), study.several).replace("Macro", "macro")
        draw: Callable[[], Figure] = partial(importance, bars, f"Loss of {metric} when shuffled")
        note = "Mean over the inner folds of the fitting part; lines: one standard deviation to each side."
        yield Drawing(f"importance-{name}", "Importance of features", name, "Importance", draw, note=note)
        grid = pixel_grid(card, rows)
        if grid is not None:
            draw = partial(charts.pixel_map, grid, colour)
            note = "Deep colour: large importance."
            yield Drawing(f"importance-map-{name}", "Importance of pixels", name, "Map", draw, note=note)


def _bar(row: Any, style: str) -> Bar:
    mean, sd = float(row["mean"]), float(row["sd"] or 0)
    return Bar(pixel_name(str(row["feature"])), mean, mean - sd, mean + sd, style)


def _forest(study: Study) -> Iterator[Drawing]:
    metric, style, bars = main_metric(study), styles(study), []
    for card in study.evaluated:
        row = find(study.evaluations[card["name"]], metric)
        if row is None or not np.isfinite(row.value):
            continue
        known = has_interval(row)
        told = value(metric, row.value) + (f" ({interval(row)})" if known else "")
        low, high = (row.low, row.high) if known else (None, None)
        bars.append(Bar(str(card["name"]), row.value, low, high, style[card["name"]], told))
    if bars:
        name = title(metric, study.several)
        draw = partial(forest, bars, name, {"auc": 0.5, "r2": 0.0}.get(metric))
        note = "Squares: value; lines: 95% intervals."
        note += " Dotted line: what a guess reaches." if metric in ("auc", "r2") else ""
        about = "over the folds" if study.design.several else "test part"
        yield Drawing("forest-plot", f"{name} of every method", about, "Forest plot", draw, note=note)
