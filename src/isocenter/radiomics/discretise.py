"""Grey levels from intensities: a fixed number of bins, or bins of fixed size (reference manual, section 2.7)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import TooManyLevels
from isocenter.radiomics.region import MOST_LEVELS

Floats = NDArray[np.float64]
Levels = NDArray[np.int32]


def fixed_number(values: Floats, bins: int) -> tuple[Levels, int]:
    """Levels 1..bins (n,) of `values` (n,), and their number; all 1 where values do not differ."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return np.ones(len(values), dtype=np.int32), bins
    scaled = (values - low) * (bins / (high - low))
    return np.minimum(scaled.astype(np.int32) + 1, bins), bins


def fixed_size(values: Floats, width: float, low: float) -> tuple[Levels, int]:
    """Levels from 1 on (n,), one every `width` from `low` on, and the highest of them.

    Raises TooManyLevels.
    """
    highest = (float(values.max()) - low) // width + 1
    if not highest <= MOST_LEVELS:
        raise TooManyLevels(
            f"The region has {highest:.0f} grey levels of width {width:g}; texture counts up to {MOST_LEVELS}.",
            "Use wider bins, a fixed number, or a range without outliers: --preset ct:bins=32, ct:range=-500..400.",
        )
    return np.floor((values - low) / width).astype(np.int32) + 1, int(highest)
