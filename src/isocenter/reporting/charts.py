"""Charts: plain numbers in, matplotlib figures out.

One figure serves the page (`printing.inline`) and the paper (`printing.svg`, `printing.pdf`). Colours are
names of `canvas.PALETTE`, so that the page's light and dark schemes can decide. No text of the
user's is drawn here: names stand in legends. What needs names in the drawing is in `plates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isocenter.reporting.canvas import (
    DASHED,
    PALETTE,
    Floats,
    axes_of,
    guide,
    level,
    padded,
    scaled,
    scatter,
    square,
    thinned,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 50  # of the scores under a calibration curve
_STRIP = 0.06  # height of one row of scores


@dataclass(frozen=True, eq=False)
class Line:
    """A curve: x, y (p,), its style (a key of PALETTE), an operating point to mark, a band (p,), (p,) around it.

    beside: y (p,) of a second, dashed line in the same colour.
    """

    x: Sequence[float]
    y: Sequence[float]
    style: str
    point: tuple[float, float] | None = None
    band: tuple[Sequence[float], Sequence[float]] | None = None
    beside: Sequence[float] | None = None


@dataclass(frozen=True, eq=False)
class Level:
    """A horizontal line with its interval, NaN where there is none."""

    at: float
    low: float = field(default=float("nan"))
    high: float = field(default=float("nan"))


def roc(lines: Sequence[Line]) -> Figure:
    """Sensitivity against 1 - specificity, with the diagonal of chance."""
    with square("1 − specificity", "Sensitivity") as (figure, axes):
        guide(axes, [0, 1], [0, 1])
        _draw(axes, lines)
    return figure


def precision_recall(lines: Sequence[Line], prevalence: float | None = None) -> Figure:
    """Precision against recall; prevalence: what guessing reaches."""
    with square("Recall (sensitivity)", "Precision (PPV)") as (figure, axes):
        if prevalence is not None:
            level(axes, prevalence)
        _draw(axes, lines, drawstyle="steps-pre")
    return figure


def calibration(lines: Sequence[Line], scores: Sequence[tuple[Floats, str]] = ()) -> Figure:
    """Observed share against predicted probability, with bands; the diagonal is perfect.

    scores: predicted probabilities (n,) and their style, a row of bars each under the axes' floor.
    """
    with square("Predicted probability", "Observed share") as (figure, axes):
        guide(axes, [0, 1], [0, 1])
        _draw(axes, lines)
        for row, (values, style) in enumerate(scores):
            _row_of_scores(axes, values, style, -0.03 - _STRIP * (row + 1))
        if scores:
            axes.set_ylim(-0.045 - _STRIP * len(scores), 1.015)
    return figure


def _row_of_scores(axes: Axes, values: Floats, style: str, floor: float) -> None:
    """How often each score occurs: bars on a floor, the tallest fills the row."""
    counts, edges = np.histogram(np.clip(values, 0, 1), BINS, (0, 1))
    heights = 0.85 * _STRIP * np.sqrt(counts / max(int(counts.max()), 1))  # the root shows single cases beside many
    axes.vlines((edges[1:] + edges[:-1]) / 2, floor, floor + heights, color=PALETTE[style], linewidth=scaled(2.2))


def decision_curve(lines: Sequence[Line], treat_all: Line | None = None) -> Figure:
    """Net benefit against the threshold probability; treating nobody is 0, treating everybody `treat_all`."""
    tops = [float(np.max(line.y)) for line in lines]
    if treat_all is not None:
        tops.append(float(np.max(treat_all.y)))
    top = max([*tops, 0.01])
    with axes_of("Threshold probability", "Net benefit", left=0.175) as (figure, axes):
        level(axes, 0.0, "solid")
        if treat_all is not None:
            guide(axes, treat_all.x, treat_all.y, DASHED)
        _draw(axes, lines)
        axes.set(xlim=(-0.015, 1.015), ylim=(-0.25 * top, 1.08 * top), xticks=np.linspace(0, 1, 6))
    return figure


def agreement(reference: Floats, predicted: Floats) -> Figure:
    """Predicted against measured, with the line of identity."""
    reference, predicted = thinned(reference, predicted)
    ends = padded(np.concatenate([reference, predicted]))
    with axes_of("Measured", "Predicted") as (figure, axes):
        guide(axes, ends, ends)
        scatter(axes, reference, predicted)
        axes.set(xlim=ends, ylim=ends, aspect="equal")
    return figure


def residuals(reference: Floats, predicted: Floats) -> Figure:
    """Predicted minus measured against predicted."""
    reference, predicted = thinned(reference, predicted)
    with axes_of("Predicted", "Predicted − measured") as (figure, axes):
        level(axes, 0)
        scatter(axes, predicted, predicted - reference)
        axes.set(xlim=padded(predicted), ylim=padded(predicted - reference))
    return figure


def bland_altman(reference: Floats, predicted: Floats, bias: Level, limits: Sequence[Level] = ()) -> Figure:
    """Predicted minus measured against the mean of both, with bias and limits of agreement and their intervals."""
    reference, predicted = thinned(reference, predicted)
    mean, difference = (reference + predicted) / 2, predicted - reference
    known = [x for one in (bias, *limits) for x in (one.at, one.low, one.high) if np.isfinite(x)]
    with axes_of("Mean of measured and predicted", "Predicted − measured", left=0.175) as (figure, axes):
        level(axes, 0)
        for one, style in ((bias, "series-2"), *((limit, "series-4") for limit in limits)):
            if np.isfinite([one.low, one.high]).all():
                axes.axhspan(one.low, one.high, color=PALETTE[style], alpha=0.13, linewidth=0)
            if np.isfinite(one.at):
                dashes = "solid" if one is bias else DASHED
                axes.axhline(one.at, color=PALETTE[style], linewidth=scaled(1.4), linestyle=dashes)
        scatter(axes, mean, difference)
        axes.set(xlim=padded(mean), ylim=padded(np.array([*difference, *known])))
    return figure


def pixel_map(grid: Floats, style: str = "series-1") -> Figure:
    """grid: (rows, columns) importance of pixels, NaN where it was not measured: a square each, deeper is more."""
    from matplotlib.patches import Rectangle

    rows, columns = grid.shape
    with axes_of("Pixel column", "Pixel row") as (figure, axes):
        largest = max(float(np.nanmax(grid, initial=0.0)), 1e-12)
        for r, c in np.argwhere(np.nan_to_num(grid) > 0).tolist():
            depth = 0.12 + 0.88 * float(grid[r, c]) / largest
            axes.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, color=PALETTE[style], linewidth=0, alpha=depth))
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
        axes.grid(False)
        axes.spines[["top", "right"]].set_visible(True)
    return figure


def _draw(axes: Axes, lines: Sequence[Line], **more: Any) -> None:
    """Later lines are less important: the first lies on top."""
    for depth, line in enumerate(reversed(lines)):
        floor = line.style.startswith("floor")
        dashes: Any = DASHED if floor else "solid"
        width = scaled(1.2 if floor else 1.9)
        colour = PALETTE[line.style]
        if line.band is not None:
            axes.fill_between(line.x, *line.band, color=colour, alpha=0.16, linewidth=0, zorder=2)
        if line.beside is not None:
            axes.plot(line.x, line.beside, color=colour, linewidth=scaled(1.0), linestyle=DASHED, zorder=2)
        axes.plot(line.x, line.y, color=colour, linewidth=width, linestyle=dashes, zorder=3 + depth, **more)
        if line.point is not None:
            axes.plot(*line.point, "o", color=colour, markersize=scaled(6.5), zorder=40, clip_on=False)
