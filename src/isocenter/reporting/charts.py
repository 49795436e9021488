"""Charts: plain numbers in, matplotlib figures out; `inline` turns a figure into SVG for the page.

One figure serves the paper (`figure.savefig("roc.pdf")`) and the page. Colours are looked up in
PALETTE; `inline` replaces each by its CSS variable, so that the page's light and dark schemes
decide. No text of the user's is drawn: names stand in HTML legends, where they can be escaped and wrap.
matplotlib costs 0.3 s to import, so only functions import it; pyplot never.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
MOST_POINTS = 1500  # of a scatter plot
# Name of the CSS variable -> colour on paper. Each colour occurs once: `inline` finds it by its value.
PALETTE = {
    "series-1": "#1f6490",
    "series-2": "#b4621b",
    "series-3": "#2b7a5e",
    "series-4": "#7b4d9e",
    "series-5": "#a8354f",
    "series-6": "#54700f",
    "series-7": "#0f7c86",
    "series-8": "#8a5a44",
    "floor-1": "#737e85",
    "floor-2": "#96897a",
    "rule": "#d9dfe2",
    "muted": "#5a666e",
    "ink": "#1b2328",
}
_SIZE = 4.3  # inches; 310 units of the drawing, about the width of a phone


@dataclass(frozen=True, eq=False)
class Line:
    """A curve: x, y (p,), its style (a key of PALETTE), and an operating point to mark."""

    x: Sequence[float]
    y: Sequence[float]
    style: str
    point: tuple[float, float] | None = None


def roc(lines: Sequence[Line]) -> Figure:
    """Sensitivity against 1 - specificity, with the diagonal of chance."""
    with _square("1 − specificity", "Sensitivity") as (figure, axes):
        axes.plot([0, 1], [0, 1], color=PALETTE["muted"], linewidth=0.8, linestyle=(0, (2, 3)))
        _draw(axes, lines)
    return figure


def precision_recall(lines: Sequence[Line], prevalence: float | None = None) -> Figure:
    """Precision against recall; prevalence: what guessing reaches."""
    with _square("Recall (sensitivity)", "Precision (PPV)") as (figure, axes):
        if prevalence is not None:
            axes.axhline(prevalence, color=PALETTE["muted"], linewidth=0.8, linestyle=(0, (2, 3)))
        _draw(axes, lines, drawstyle="steps-pre")
    return figure


def agreement(reference: Floats, predicted: Floats) -> Figure:
    """Predicted against measured, with the line of identity."""
    reference, predicted = thinned(reference, predicted)
    ends = _padded(np.concatenate([reference, predicted]))
    with _axes("Measured", "Predicted") as (figure, axes):
        axes.plot(ends, ends, color=PALETTE["muted"], linewidth=0.8, linestyle=(0, (2, 3)))
        _scatter(axes, reference, predicted)
        axes.set(xlim=ends, ylim=ends, aspect="equal")
    return figure


def residuals(reference: Floats, predicted: Floats) -> Figure:
    """Predicted minus measured against predicted."""
    reference, predicted = thinned(reference, predicted)
    with _axes("Predicted", "Predicted − measured") as (figure, axes):
        axes.axhline(0, color=PALETTE["muted"], linewidth=0.8, linestyle=(0, (2, 3)))
        _scatter(axes, predicted, predicted - reference)
        axes.set(xlim=_padded(predicted), ylim=_padded(predicted - reference))
    return figure


def pixel_map(grid: Floats, style: str = "series-1") -> Figure:
    """grid: (rows, columns) importance of pixels, NaN where it was not measured: a square each, deeper is more."""
    from matplotlib.patches import Rectangle

    rows, columns = grid.shape
    with _axes("Pixel column", "Pixel row") as (figure, axes):
        largest = max(float(np.nanmax(grid, initial=0.0)), 1e-12)
        for r, c in np.argwhere(np.nan_to_num(grid) > 0).tolist():
            depth = 0.12 + 0.88 * float(grid[r, c]) / largest
            axes.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, color=PALETTE[style], linewidth=0, alpha=depth))
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
        axes.grid(False)
        axes.spines[["top", "right"]].set_visible(True)
    return figure


def thinned(*arrays: Floats) -> tuple[Floats, ...]:
    """At most MOST_POINTS of the points, evenly through the list, so that the same data give the same chart."""
    n = len(arrays[0])
    chosen = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(np.intp))
    return tuple(array[chosen] for array in arrays)


def inline(figure: Figure, name: str, label: str) -> str:
    """The figure as an <svg> element. name: prefix of its ids, unique in the page; label: read aloud.

    Both are ours, never the user's: letters, digits, spaces and plain punctuation.
    """
    with _settings():
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font:[^;\"]*?([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for variable, colour in PALETTE.items():
        svg = svg.replace(colour, "currentColor" if variable == "ink" else f"var(--{variable})")
    svg = _own_ids(svg, name)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    head = f'<svg class="chart" {box.group()} role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">'
    return re.sub(r">\s+<", "><", head + svg[svg.index(">") + 1 :]).strip()


def _own_ids(svg: str, name: str) -> str:
    """Ids that something points to get a prefix, the others go: several charts share one page."""
    wanted = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))

    def renamed(match: re.Match[str]) -> str:
        return f' id="{name}-{match[1]}"' if match[1] in wanted else ""

    svg = re.sub(r'\sid="([^"]+)"', renamed, svg)
    svg = svg.replace("xlink:href", "href")
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)


@contextmanager
def _settings() -> Iterator[None]:
    import matplotlib as mpl

    ours: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "isocenter",
        "text.parse_math": False,
        "font.family": "DejaVu Sans",  # comes with matplotlib: the layout is the same on every machine
        "font.size": 10,
        "text.color": PALETTE["ink"],
        "axes.labelcolor": PALETTE["ink"],
        "axes.edgecolor": PALETTE["muted"],
        "axes.linewidth": 0.8,
        "axes.unicode_minus": True,
        "xtick.color": PALETTE["muted"],
        "ytick.color": PALETTE["muted"],
        "xtick.labelcolor": PALETTE["ink"],
        "ytick.labelcolor": PALETTE["ink"],
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": PALETTE["rule"],
        "grid.linewidth": 0.7,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "savefig.dpi": 72,
        "figure.dpi": 72,
    }
    with mpl.rc_context(ours):  # type: ignore[arg-type]  # its keys are literals
        yield


@contextmanager
def _axes(x: str, y: str) -> Iterator[tuple[Figure, Axes]]:
    from matplotlib.figure import Figure

    with _settings():
        figure = Figure(figsize=(_SIZE, _SIZE * 0.94))
        axes = figure.add_axes((0.155, 0.135, 0.825, 0.845))
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        yield figure, axes


@contextmanager
def _square(x: str, y: str) -> Iterator[tuple[Figure, Axes]]:
    """Axes from 0 to 1."""
    with _axes(x, y) as (figure, axes):
        ticks = np.linspace(0, 1, 6)
        axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), xticks=ticks, yticks=ticks)
        yield figure, axes


def _draw(axes: Axes, lines: Sequence[Line], **more: Any) -> None:
    """Later lines are less important: the first lies on top."""
    for depth, line in enumerate(reversed(lines)):
        floor = line.style.startswith("floor")
        dashes: Any = (0, (5, 2)) if floor else "solid"
        width = 1.2 if floor else 1.9
        colour = PALETTE[line.style]
        axes.plot(line.x, line.y, color=colour, linewidth=width, linestyle=dashes, zorder=3 + depth, **more)
        if line.point is not None:
            axes.plot(*line.point, "o", color=colour, markersize=6.5, zorder=40, clip_on=False)


def _scatter(axes: Axes, x: Floats, y: Floats) -> None:
    alpha = 0.75 if len(x) < 200 else 0.45
    axes.plot(x, y, "o", color=PALETTE["series-1"], markersize=4.5, markeredgewidth=0, alpha=alpha)


def _padded(values: Floats) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin
