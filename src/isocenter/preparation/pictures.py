"""A case as square pictures of 0..255: what networks and descriptors of pictures look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isocenter.case import Case
from isocenter.errors import UsageError
from isocenter.image import Image, Mask
from isocenter.imaging.intensity import grey, percentile_window, windowed
from isocenter.imaging.resize import square_picture
from isocenter.imaging.shape import bounding_box
from isocenter.preparation.cases import MaskChoice, read_case

Pixels = NDArray[np.generic]
AUTO = "auto"
# Hounsfield units that are shown as black and white.
WINDOWS: dict[str, tuple[float, float]] = {
    "soft": (-160.0, 240.0), "lung": (-1350.0, 150.0), "bone": (-450.0, 1050.0), "brain": (0.0, 80.0),
}  # fmt: skip
_MARGIN = 0.125  # of the region's longer side, seen around it
_SAMPLED = 1_000_000  # voxels that a percentile window is taken from


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are made. window: as `parse_window` takes it; side: pixels; slices: at most so many of a volume."""

    window: str = AUTO
    side: int = 224
    slices: int = 32


def parse_window(text: str) -> tuple[float, float] | None:
    """LOW:HIGH, or the name of a CT window; None for "auto". UsageError otherwise.

    >>> parse_window("-160:240")
    (-160.0, 240.0)
    """
    if text == AUTO:
        return None
    if text in WINDOWS:
        return WINDOWS[text]
    low, _, high = text.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        found = (0.0, 0.0)
    if not -np.inf < found[0] < found[1] < np.inf:
        raise UsageError(f"A window '{text}' cannot be.", f"Give auto, {', '.join(WINDOWS)} or LOW:HIGH (-160:240).")
    return found


def pictures(
    case: Case,
    look: Look = Look(),
    *,
    image: str | None = None,
    mask: MaskChoice = None,
) -> NDArray[np.uint8]:
    """(n, C, side, side): one picture of a 2-D image, of a volume evenly spaced slices; C 3 for colour, else 1.

    With a mask: the slices it touches, each cut to a square around the whole region, an eighth of
    its side wider. window "auto": 8-bit pixels as they are, CT in the soft-tissue window, else
    from the image's 1st to 99th percentile. Gaps are filled (`imaging.gaps.filled`). Raises what `read_case` raises.
    """
    pixels, region = read_case(case, image=image, mask=mask)
    low, high = _window(pixels, parse_window(look.window))
    array = pixels.array if pixels.array.shape[0] == 3 else grey(pixels.array)[None]
    first, last, rows, columns = _seen(array.shape[1:], region)
    chosen = np.unique(np.linspace(first, last - 1, min(look.slices, last - first)).round().astype(np.intp))
    planes = (array[:, at, rows, columns] for at in chosen)
    if array.dtype == np.uint8 and (low, high) == (0, 255):
        return np.stack([square_picture(plane.astype(np.uint8, copy=False), look.side) for plane in planes])
    return np.stack([square_picture(windowed(plane, low, high), look.side) for plane in planes])


def _window(pixels: Image, wanted: tuple[float, float] | None) -> tuple[float, float]:
    if wanted is not None:
        return wanted
    array = pixels.array
    if array.dtype == np.uint8:
        return 0.0, 255.0
    if pixels.modality == "CT":
        return WINDOWS["soft"]
    return percentile_window(array.ravel()[:: max(1, array.size // _SAMPLED)])


def _seen(shape: tuple[int, ...], region: Mask | None) -> tuple[int, int, slice, slice]:
    """First slice and one behind the last, rows and columns."""
    if region is None:
        return 0, shape[0], slice(None), slice(None)
    deep, high, wide = bounding_box(region.labels > 0)
    side = max(high.stop - high.start, wide.stop - wide.start)
    side += 2 * max(1, round(side * _MARGIN))
    return deep.start, deep.stop, _widened(high, side, shape[1]), _widened(wide, side, shape[2])


def _widened(part: slice, side: int, length: int) -> slice:
    """`side` pixels around the middle of `part`, moved inwards at the border; all where there are fewer."""
    if side >= length:
        return slice(0, length)
    start = min(max(0, (part.start + part.stop - side) // 2), length - side)
    return slice(start, start + side)
