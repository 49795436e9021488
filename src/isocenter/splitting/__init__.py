"""Parts and folds: who is learned from, and who is only looked at once.

The unit is the group: a patient, joined with every patient that shares bit-identical pixels.
`nouns` holds Split and Design, `holdout` and `crossvalidation` draw them, `allocation` puts whole
groups into parts, `advice` says what to know of a design before anything is learned, `walk` goes
through its splits.
"""

from isocenter.splitting.allocation import allocate, inner_folds, strata_of
from isocenter.splitting.holdout import given_parts
from isocenter.splitting.making import make_design
from isocenter.splitting.nouns import Design, Split
from isocenter.splitting.walk import duration, shape, walk

__all__ = [
    "Design",
    "Split",
    "allocate",
    "duration",
    "given_parts",
    "inner_folds",
    "make_design",
    "shape",
    "strata_of",
    "walk",
]
