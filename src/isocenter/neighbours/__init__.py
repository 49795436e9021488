"""Who is near whom. Pure: arrays in, plain data out.

exact    nearest cases, cases alike, outliers, labels that their neighbours contradict
cells    nearest cases without looking at all of them, with the recall that was measured
"""

from __future__ import annotations

from isocenter.neighbours.cells import FAIR, LEAST, SHARE, Cells, celled
from isocenter.neighbours.exact import (
    ALIKE,
    DISTANCES,
    FAR,
    Contradicted,
    Pair,
    Vectors,
    alike,
    contradicted,
    nearest,
    outlying,
    unit,
)

__all__ = [
    "ALIKE",
    "DISTANCES",
    "FAIR",
    "FAR",
    "LEAST",
    "SHARE",
    "Cells",
    "Contradicted",
    "Pair",
    "Vectors",
    "alike",
    "celled",
    "contradicted",
    "nearest",
    "outlying",
    "unit",
]
