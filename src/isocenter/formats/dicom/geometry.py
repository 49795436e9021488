"""Slices to a grid: their order, their spacing, and the affine in LPS millimetres.

Source: DICOM PS3.3, C.7.6.2.1.1 (Image Plane Module), equation C.7.6.2.1-1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadGeometry
from isocenter.formats.dicom.headers import Header
from isocenter.image import Geometry
from isocenter.wording import listed

_UNEVEN, _UNEVEN_MM = 0.01, 0.02  # spacing may differ by the larger of 1 % and this
_GAP = 1.5  # medians: more is a missing slice
_SAME_PLACE_MM = 1e-3
_SHOWN = 5
Vector = NDArray[np.float64]


def in_slice_order(headers: Sequence[Header]) -> list[Header]:
    """Along the normal of the first slice; where two lie at one place, by instance number."""
    normal = _directions(headers[0])[2]
    return sorted(headers, key=lambda h: (round(float(np.dot(normal, h.position or ())), 4), h.number, h.sop_uid))


def grid_of(headers: Sequence[Header], name: str) -> Geometry:
    """The grid of slices in order, or of one picture or clip; `name` begins the message of BadGeometry.

    A picture without a place in the patient has unit spacing and is not calibrated: the imager
    spacing of a radiograph is measured at the detector, not in the patient.
    """
    first = headers[0]
    if not all(h.is_spatial for h in headers):
        return Geometry.pixels((first.frames, first.rows, first.columns))
    along_row, along_column, normal = _directions(first)
    _check_directions(along_row, along_column, name)
    positions = np.array([h.position for h in headers], dtype=np.float64)
    _check_distances(positions @ normal, name)
    row_spacing, column_spacing = first.spacing or (1.0, 1.0)
    if min(row_spacing, column_spacing) <= 0:
        raise BadGeometry(f"{name} has a pixel spacing of {row_spacing} x {column_spacing} mm.", "Export it again.")
    step = normal * first.thickness if len(headers) == 1 else (positions[-1] - positions[0]) / (len(headers) - 1)
    _check_line(positions, step, min(row_spacing, column_spacing), name)
    affine = np.eye(4)
    # A column index counts along a row of pixels, in steps of the column spacing.
    affine[:3, :3] = np.column_stack([step, along_column * row_spacing, along_row * column_spacing])
    affine[:3, 3] = positions[0]
    return Geometry((len(headers), first.rows, first.columns), affine)


def _directions(header: Header) -> tuple[Vector, Vector, Vector]:
    """Unit vectors along a row of pixels, along a column, and their normal."""
    cosines = np.array(header.orientation, dtype=np.float64)
    along_row, along_column = cosines[:3], cosines[3:]
    return along_row, along_column, np.cross(along_row, along_column)


def _check_directions(along_row: Vector, along_column: Vector, name: str) -> None:
    lengths = np.linalg.norm(along_row), np.linalg.norm(along_column)
    if max(abs(n - 1) for n in lengths) > 1e-2 or abs(float(along_row @ along_column)) > 1e-2:
        raise BadGeometry(f"{name} has directions that are not at right angles.", "Export it again.")


def _check_distances(places: Vector, name: str) -> None:
    """Refuse slices at one place, missing ones and uneven spacing, naming them (counted from 1)."""
    if len(places) < 2:
        return
    gaps = np.diff(places)
    median = float(np.median(gaps))
    if (gaps <= _SAME_PLACE_MM).any():
        raise BadGeometry(
            f"{name} has several images at one place: {_pairs(gaps <= _SAME_PLACE_MM)}.",
            "Times, echoes or directions must be series of their own: separate them, or leave it out.",
        )
    if (wide := gaps > _GAP * median).any():
        raise BadGeometry(
            f"{name} has a gap between {_pairs(wide)} ({gaps[wide].max():g} mm, elsewhere {median:g} mm); its volume "
            "would be wrong.",
            "Supply the missing file, or leave it out.",
        )
    if (uneven := np.abs(gaps - median) > max(_UNEVEN * median, _UNEVEN_MM)).any():
        raise BadGeometry(
            f"{name} has uneven spacing at {_pairs(uneven)}: from {gaps.min():g} to {gaps.max():g} mm.",
            "Resample it to even slices, or leave it out.",
        )


def _pairs(wrong: NDArray[np.bool_]) -> str:
    return f"slices {listed((f'{n} and {n + 1}' for n in np.flatnonzero(wrong) + 1), _SHOWN)}"


def _check_line(positions: Vector, step: Vector, pixel: float, name: str) -> None:
    """Slices may be sheared (a tilted gantry), but their corners lie on one line."""
    expected = positions[0] + np.arange(len(positions))[:, None] * step
    apart = np.linalg.norm(positions - expected, axis=1)
    # Uneven steps within the tolerance add up along the line; half a pixel is what shifts a picture.
    if (wrong := apart > max(pixel / 2, _UNEVEN * float(np.linalg.norm(step)) * len(positions))).any():
        raise BadGeometry(
            f"{name} has slices that are shifted sideways, by up to {apart.max():.2f} mm (slice "
            f"{int(np.flatnonzero(wrong)[0]) + 1}).",
            "Separate its parts, or leave it out.",
        )
