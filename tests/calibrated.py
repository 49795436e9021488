"""One simulated model for the tests of calibration: what it says, and what happened."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.metrics import Floats


def simulated() -> tuple[NDArray[np.bool_], Floats]:
    """(400,) events and miscalibrated scores; statsmodels and dcurves were given the same ones."""
    rng = np.random.default_rng(5)
    scores = rng.beta(2, 3, 400)
    risk = scores**1.8 / (scores**1.8 + (1 - scores) ** 0.6 * 0.7)
    return rng.random(400) < risk, scores


def perfect(
    rng: np.random.Generator, n: int, centre: float = 0.0, spread: float = 1.5
) -> tuple[NDArray[np.bool_], Floats]:
    """Scores that are the true risks."""
    risk = 1 / (1 + np.exp(-rng.normal(centre, spread, n)))
    return rng.random(n) < risk, risk


def draws(rng: np.random.Generator, n: int, how_many: int) -> Floats:
    """(draws, n) how often each case is in a bootstrap draw."""
    return rng.multinomial(n, np.full(n, 1 / n), how_many).astype(np.float64)
