"""A case as a small picture: its middle slice, or the slice with the largest region, outlined."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from isocenter.case import Case
from isocenter.image import Geometry
from isocenter.imaging.intensity import percentile_window, windowed
from isocenter.preparation.cases import MaskChoice, read_case

Plane = NDArray[np.uint8]
Bools = NDArray[np.bool_]
OUTLINE = (255, 176, 0)  # amber: seen on grey and on tissue, also by colour-blind readers


def thumbnail(case: Case, size: int = 160, *, image: str | None = None, mask: MaskChoice = None) -> bytes:
    """PNG, longest side at most `size` pixels, the mask's outline on it.

    Grey is windowed from the slice's 1st to 99th percentile. Calibrated images are shown as
    radiologists see them (patient's left on the right, anterior or superior up) with square
    millimetres. Raises what `read_case` raises.
    """
    pixels, region = read_case(case, image=image, mask=mask)
    inside = None if region is None else region.labels > 0
    at = pixels.array.shape[1] // 2 if inside is None else int(inside.sum(axis=(1, 2)).argmax())
    shown = colours(pixels.array[:, at])
    outline = np.zeros(shown.shape[:2], dtype=bool) if inside is None else inside[at]
    return _encoded(*_as_seen(shown, outline, pixels.geometry), size)


def colours(plane: NDArray[np.generic]) -> Plane:
    """(C, H, W) to (H, W, 3) of 0..255: 8-bit colour as it is, the rest from its 1st to 99th percentile."""
    if plane.shape[0] == 3 and plane.dtype == np.uint8:
        return np.moveaxis(plane, 0, -1).astype(np.uint8)
    if plane.shape[0] != 3:
        plane = plane[:1]
    shown = np.moveaxis(windowed(plane, *percentile_window(plane)), 0, -1)
    return shown if shown.shape[-1] == 3 else np.repeat(shown, 3, axis=-1)


def _as_seen(shown: Plane, region: Bools, geometry: Geometry) -> tuple[Plane, Bools, tuple[float, float]]:
    """Turned so that rows run to posterior or inferior, columns to left or posterior; and the steps of both."""
    down, right = geometry.affine[:3, 1], geometry.affine[:3, 2]
    steps = (geometry.spacing[1], geometry.spacing[2])
    if not geometry.calibrated:
        return shown, region, steps
    if np.abs(right).argmax() > np.abs(down).argmax():  # columns run along the body, or rows from right to left
        shown, region = shown.swapaxes(0, 1), region.swapaxes(0, 1)
        down, right, steps = right, down, steps[::-1]
    turned = (_forward(down), _forward(right))
    return shown[turned], region[turned], steps


def _forward(direction: NDArray[np.float64]) -> slice:
    """Reading order along an axis: to the patient's left, to posterior, to inferior (LPS: x, y, -z)."""
    axis = int(np.abs(direction).argmax())
    wanted = -1 if axis == 2 else 1
    return slice(None, None, 1 if direction[axis] * wanted > 0 else -1)


def _encoded(shown: Plane, region: NDArray[np.bool_], steps: tuple[float, float], size: int) -> bytes:
    height, width = _fitting(shown.shape[0] * steps[0], shown.shape[1] * steps[1], shown.shape[:2], size)
    larger = height >= shown.shape[0] and width >= shown.shape[1]
    picture = Picture.fromarray(np.ascontiguousarray(shown)).resize(
        (width, height), Picture.Resampling.NEAREST if larger else Picture.Resampling.BOX
    )
    if region.any():
        scaled = Picture.fromarray(region.astype(np.uint8) * 255).resize((width, height), Picture.Resampling.BOX)
        picture = Picture.fromarray(_outlined(np.array(picture), np.asarray(scaled) > 127))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _fitting(height: float, width: float, pixels: tuple[int, ...], size: int) -> tuple[int, int]:
    """Pixels of the picture: `size` on the longer side; a tiny image is enlarged by a whole factor."""
    if max(pixels) * 2 <= size and height == pixels[0] and width == pixels[1]:
        factor = size // max(pixels)
        return pixels[0] * factor, pixels[1] * factor
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _outlined(picture: Plane, region: Bools) -> Plane:
    """The picture with the region's border pixels, those with a neighbour outside, in OUTLINE."""
    padded = np.pad(region, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    picture[region & ~inner] = OUTLINE
    return picture
