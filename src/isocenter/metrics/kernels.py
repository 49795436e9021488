"""Compiled loops over bootstrap draws.

Importing this file costs half a second (and, once on a machine, some seconds of compiling), so it is
imported only where blocks of draws are large. Every kernel has a twin in numpy that makes the same
draws and, but for rounding, the same numbers. No kernel holds Python's lock, so that blocks of
draws run in several threads; none starts threads of its own.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from isocenter.compiling import compiled, part, summing
from isocenter.metrics import Floats, Ints
from isocenter.metrics.ranking import Rows

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32 = (np.uint64(bits) for bits in (27, 30, 31, 32))
_CHUNK = 512  # random numbers made at a stretch, so that the compiler makes several at once
_TINY = 1e-300


@part
def _mixed(z: np.uint64) -> np.uint64:
    """The twin of `bootstrap.mixed`."""
    z = (z ^ (z >> _30)) * _FIRST
    z = (z ^ (z >> _27)) * _SECOND
    return z ^ (z >> _31)


@compiled("void(float64[:, ::1], int32[::1], boolean, int64[::1], uint64, int64)")
def fill(weights: Floats, places: Rows, alone: bool, ends: Ints, key: np.uint64, first: int) -> None:
    """How often each case is in the draws first, first + 1...: weights (b, n), in place.

    places: (n,) where each case's patient stands among `bootstrap.Draws.members`; alone: they are 0..n-1
    in this order; ends, key: of the same Draws.
    """
    counts = np.empty(ends[-1])
    picks = np.empty(_CHUNK, dtype=np.uint32)
    for draw in range(len(weights)):
        stream = _mixed(key + np.uint64(first + draw) * _GOLDEN)
        row = weights[draw] if alone else counts
        row[:] = 0
        start = 0
        for end in ends:
            size = np.uint64(end - start)
            for low in range(start, end, _CHUNK):
                here = min(_CHUNK, end - low)
                for i in range(here):
                    picks[i] = start + (((_mixed(stream + np.uint64(low + i) * _GOLDEN) >> _32) * size) >> _32)
                for i in range(here):
                    row[picks[i]] += 1
            start = end
        if not alone:
            for case in range(len(places)):
                weights[draw, case] = counts[places[case]]


@part
def _cumulate(row: Floats, rows: Rows, out: Floats) -> float:
    """Sums (g + 1,) of the first 0..g weights; the last is returned.

    Four at a stretch, so that one addition in four waits for the one before.
    """
    total, whole = 0.0, len(rows) - len(rows) % 4
    out[0] = total
    for i in range(0, whole, 4):
        one, three = row[rows[i]], row[rows[i + 2]]
        two, four = one + row[rows[i + 1]], three + row[rows[i + 3]]
        out[i + 1], out[i + 2], out[i + 3] = total + one, total + two, total + (two + three)
        total += two + four
        out[i + 4] = total
    for i in range(whole, len(rows)):
        total += row[rows[i]]
        out[i + 1] = total
    return total


@part
def _area(events: Floats, others: Floats, pieces: Rows) -> float:
    """Twice the area under the ROC curve, in counts."""
    area, left = 0.0, 0.0
    for i in range(pieces.shape[1]):
        right = others[pieces[2, i]]
        area += (right - left) * (events[pieces[0, i]] + events[pieces[1, i]])
        left = right
    return area


@part
def _strip(events: Floats, others: Floats, pieces: Rows, low: float, high: float) -> float:
    """Twice that area between low and high counts of others."""
    area, left = 0.0, 0.0
    for i in range(pieces.shape[1]):
        right, up = others[pieces[2, i]], events[pieces[0, i]]
        if right > left and right > low:
            slope = (events[pieces[1, i]] - up) / (right - left)
            start, end = max(left, low), min(right, high)
            area += (end - start) * (2 * up + slope * (start + end - 2 * left))
        if right >= high:
            break
        left = right
    return area


@part
def _precision(events: Floats, others: Floats, steps: Rows) -> float:
    """Sum of precision times gain of hits."""
    area, hits = 0.0, 0.0
    for i in range(steps.shape[1]):
        e, o = events[steps[0, i]], others[steps[1, i]]
        area += (e - hits) * (e / max(e + o, _TINY))  # no branch: it would be guessed wrong too often
        hits = e
    return area


@compiled(
    "void(float64[:, ::1], int32[::1], int32[::1], int32[:, ::1], int32[:, ::1], float64, float64, float64[:, ::1])"
)
def areas(
    weights: Floats, event_rows: Rows, other_rows: Rows, pieces: Rows, steps: Rows, low: float, high: float, out: Floats
) -> None:
    """AUC, average precision, partial AUC (out: (3, b), in place) under weights (b, n).

    event_rows, other_rows, pieces, steps: `ranking.Walk`; low, high: the false-alarm rates between
    which the partial AUC is wanted. Without steps the second is 0, with low = high the third.
    """
    events, others = np.empty(len(event_rows) + 1), np.empty(len(other_rows) + 1)
    for draw in range(len(weights)):
        n_events = _cumulate(weights[draw], event_rows, events)
        n_others = _cumulate(weights[draw], other_rows, others)
        pairs = 2 * n_events * n_others
        if pairs > 0:
            out[0, draw] = _area(events, others, pieces) / pairs
            out[1, draw] = _precision(events, others, steps) / n_events
            out[2, draw] = _strip(events, others, pieces, low * n_others, high * n_others) / pairs
        else:
            out[:, draw] = np.nan


def _dot(a: Floats, b: Floats) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


_dot = cast(Any, summing(_dot))  # in any order: several products at once


@compiled("void(float64[:, ::1], int32[::1], float64[::1], float64[:, ::1])")
def tally(weights: Floats, cells: Rows, losses: Floats, out: Floats) -> None:
    """Weight in each cell of a confusion matrix and, last, of the losses: out (b, c + 1), in place.

    cells: (n,) numbers 0..c-1; losses: (n,).
    """
    n, last = len(cells), out.shape[1] - 1
    whole = n - n % 4
    parts = np.empty((4, last))  # four at a stretch, so that two cases in one cell do not wait for each other
    for draw in range(len(weights)):
        row = weights[draw]
        parts[:] = 0
        for i in range(0, whole, 4):
            for lane in range(4):
                parts[lane, cells[i + lane]] += row[i + lane]
        for i in range(whole, n):
            parts[0, cells[i]] += row[i]
        for cell in range(last):
            out[draw, cell] = parts[0, cell] + parts[1, cell] + parts[2, cell] + parts[3, cell]
        out[draw, last] = _dot(row, losses)
