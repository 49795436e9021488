"""What every chart is drawn on: colours, sizes, axes. One look for the page, a smaller one for a column on paper.

matplotlib costs 0.3 s to import, so only functions import it; pyplot never.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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
DOTTED: Any = (0, (2, 3))
DASHED: Any = (0, (5, 2))
_PAGE = 4.3  # inches; 310 units of the drawing, about the width of a phone
_COLUMN = 85 / 25.4  # inches: one column of a journal
_SCALE: ContextVar[float] = ContextVar("scale", default=1.0)
_LEFT, _BOTTOM, _RIGHT, _TOP = 0.155, 0.135, 0.98, 0.98  # of the axes, in shares of the figure
_HEIGHT = 0.94  # of the figure, to its width


@contextmanager
def on_paper() -> Iterator[None]:
    """Charts made inside are 85 mm wide, with text of about 8 points."""
    token = _SCALE.set(_COLUMN / _PAGE)
    try:
        yield
    finally:
        _SCALE.reset(token)


def scaled(size: float) -> float:
    """A width, or a size of text in points, as the page has it, in the look of the moment."""
    return size * _SCALE.get()


@contextmanager
def settings() -> Iterator[None]:
    """Matplotlib's settings, the same on every machine."""
    import matplotlib as mpl

    ours: dict[str, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "isocenter",
        "pdf.fonttype": 42,
        "text.parse_math": False,
        "font.family": "DejaVu Sans",  # comes with matplotlib: the layout is the same on every machine
        "font.size": scaled(10),
        "text.color": PALETTE["ink"],
        "axes.labelcolor": PALETTE["ink"],
        "axes.edgecolor": PALETTE["muted"],
        "axes.linewidth": scaled(0.8),
        "axes.unicode_minus": True,
        "xtick.color": PALETTE["muted"],
        "ytick.color": PALETTE["muted"],
        "xtick.labelcolor": PALETTE["ink"],
        "ytick.labelcolor": PALETTE["ink"],
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": PALETTE["rule"],
        "grid.linewidth": scaled(0.7),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "savefig.dpi": 72,
        "figure.dpi": 72,
    }
    if _SCALE.get() != 1.0:  # ticks and pads are as matplotlib has them on the page
        ours |= {f"{axis}tick.major.{what}": scaled(3.5) for axis in "xy" for what in ("size", "pad")}
    with mpl.rc_context(ours):  # type: ignore[arg-type]  # its keys are literals
        yield


@contextmanager
def axes_of(x: str, y: str, *, height: float = _HEIGHT, left: float = _LEFT) -> Iterator[tuple[Figure, Axes]]:
    """A figure with one pair of axes. height: of the figure; left: edge of the axes; both in shares of the width."""
    from matplotlib.figure import Figure

    width = scaled(_PAGE)
    with settings():
        figure = Figure(figsize=(width, width * height))
        below, above = _BOTTOM * _HEIGHT / height, (1 - _TOP) * _HEIGHT / height
        axes = figure.add_axes((left, below, _RIGHT - left, 1 - above - below))
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        yield figure, axes


@contextmanager
def square(x: str, y: str) -> Iterator[tuple[Figure, Axes]]:
    """Axes from 0 to 1."""
    with axes_of(x, y) as (figure, axes):
        ticks = np.linspace(0, 1, 6)
        axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), xticks=ticks, yticks=ticks)
        yield figure, axes


def guide(axes: Axes, x: Any, y: Any, style: Any = DOTTED) -> None:
    """A thin line to measure by."""
    axes.plot(x, y, color=PALETTE["muted"], linewidth=scaled(0.8), linestyle=style)


def level(axes: Axes, y: float, style: Any = DOTTED) -> None:
    """A thin line at a height, from edge to edge."""
    axes.axhline(y, color=PALETTE["muted"], linewidth=scaled(0.8), linestyle=style)


def scatter(axes: Axes, x: Floats, y: Floats) -> None:
    """A dot a case, lighter where there are many."""
    alpha = 0.75 if len(x) < 200 else 0.45
    axes.plot(x, y, "o", color=PALETTE["series-1"], markersize=scaled(4.5), markeredgewidth=0, alpha=alpha)


def padded(values: Floats) -> tuple[float, float]:
    """Both ends of an axis that holds the values with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - margin, high + margin


def thinned(*arrays: Floats) -> tuple[Floats, ...]:
    """At most MOST_POINTS of the points, evenly through the list, so that the same data give the same chart."""
    n = len(arrays[0])
    chosen = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(np.intp))
    return tuple(array[chosen] for array in arrays)
