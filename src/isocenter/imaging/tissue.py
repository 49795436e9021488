"""Where tissue lies in a picture of a slide: the glass or the dark around it against what is stained or glows.

Otsu's threshold (N. Otsu, IEEE Trans. Syst. Man Cybern. 9, 1979, 62-66) of the optical density for stains on a
light background, of the brightness for fluorescence on a dark one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UsageError

BACKGROUNDS = ("auto", "light", "dark")
# Optical density (base 10) under which a pixel is glass: beta of M. Macenko et al., ISBI 2009, 1107-1110. Above twice
# that all is stained alike: else Otsu would part nuclei from stroma where a picture holds little glass.
GLASS = 0.15
_FRAME = 0.05  # of the shorter side: the frame whose brightness tells light from dark
_COHERENT = 0.5  # correlation of neighbours in a dark picture under which it is noise: less signal than noise
_BINS = 256
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Tissue:
    """mask (h, w): where tissue is; background: "light" or "dark"; threshold: of the optical density, or of the
    brightness as a share of the brightest; None where all or nothing is tissue.
    """

    mask: Bools
    background: str
    threshold: float | None

    @property
    def how(self) -> str:
        """For people: which side was taken, and from where on."""
        if self.threshold is None:
            return f"{self.background} background, {'all' if self.mask.all() else 'nothing'} is tissue"
        what = "optical density" if self.background == "light" else "brightness"
        return f"{self.background} background, tissue from {what} {self.threshold:.2f}"


def find_tissue(colours: NDArray[np.generic], background: str = "auto") -> Tissue:
    """Tissue in a picture (C, h, w) of 1 or 3 channels, whole numbers or fractions from 0.

    background: "light" (stains absorb: tissue is the denser side), "dark" (fluorescence: the brighter side), or
    "auto": dark where the median of the frame is below half of white. White is 255 of 8-bit pictures, else the 99.9th
    percentile. Density is that of the channel that absorbs most, brightness that of the brightest.

    A light picture whose denser side is no denser than glass holds no tissue; one whose lighter side is denser than
    glass is tissue throughout. A dark one in which neighbouring pixels have nothing in common holds none.
    """
    if background not in BACKGROUNDS:
        raise UsageError(f"There is no background '{background}'.", f"Choose one of {', '.join(BACKGROUNDS)}.")
    high = colours.max(axis=0).astype(np.float32)
    white = 255.0 if colours.dtype == np.uint8 else float(np.quantile(high, 0.999)) or 1.0
    if background == "auto":
        background = "dark" if np.median(_frame(high)) < white / 2 else "light"
    if background == "dark":
        return _glowing(high / white)
    least = white / 255  # one step of 8 bits: the density of black is finite
    return _stained(-np.log10(np.maximum(colours.min(axis=0).astype(np.float32), least) / white))


def otsu(values: NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    """Threshold with the largest variance between the classes below it and from it on, and the mean of each class.

    Of 256 equal bins. Constant values are one class: all three are that value.
    """
    counts, edges = np.histogram(values, bins=_BINS)
    middle, share = (edges[1:] + edges[:-1]) / 2, counts / counts.sum()
    below, moment, mean = np.cumsum(share)[:-1], np.cumsum(share * middle)[:-1], float((share * middle).sum())
    inside = (below > 0) & (below < 1)
    if not inside.any() or values.min() == values.max():
        value = float(values.flat[0])
        return value, value, value
    between = np.zeros(len(below))
    between[inside] = (mean * below - moment)[inside] ** 2 / (below * (1 - below))[inside]
    k = int(between.argmax())
    return float(edges[k + 1]), float(moment[k] / below[k]), float((mean - moment[k]) / (1 - below[k]))


def _frame(values: Floats) -> Floats:
    deep = max(1, round(_FRAME * min(values.shape)))
    sides = (values[:deep], values[-deep:], values[:, :deep], values[:, -deep:])
    return np.concatenate([side.ravel() for side in sides])


def _stained(density: Floats) -> Tissue:
    threshold, lighter, denser = otsu(np.minimum(density, 2 * GLASS))
    if denser < GLASS or lighter >= GLASS:
        return Tissue(np.full(density.shape, lighter >= GLASS), "light", None)
    return Tissue(density >= threshold, "light", threshold)


def _glowing(brightness: Floats) -> Tissue:
    if _likeness(brightness) < _COHERENT:
        return Tissue(np.zeros(brightness.shape, dtype=bool), "dark", None)
    threshold = otsu(np.minimum(brightness, 1))[0]
    return Tissue(brightness >= threshold, "dark", threshold)


def _likeness(values: Floats) -> float:
    """Correlation between pixels and their right neighbours; 0 for a flat picture."""
    left, right = values[:, :-1].ravel().astype(np.float64), values[:, 1:].ravel().astype(np.float64)
    if len(left) < 2 or left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])
