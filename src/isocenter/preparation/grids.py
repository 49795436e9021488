"""Masks on the grids of their images: whether they lie there, and how they are laid there.

A mask may have been drawn on another image of the patient. Where both have a place in space its labels are taken from
the nearest voxel: each voxel of the image gets the label at its centre, so that no label is invented.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.errors import BadGeometry
from isocenter.image import Geometry, Mask

Box = tuple[slice, ...]
Labels = NDArray[np.integer[Any]]
MOST_OUTSIDE = 0.1  # of a mask, where its image does not reach


def agree(mask: Geometry, image: Geometry) -> bool:
    """Whether they are one grid; where one of the two has no physical size, equal shapes are enough."""
    return mask.shape == image.shape and (not (mask.calibrated and image.calibrated) or mask.same_grid(image))


def laid(mask: Mask, image: Geometry, name: str = "") -> Mask:
    """The mask on its image's grid, all of it. Raises what `on_grid` raises."""
    if agree(mask.geometry, image) and (mask.labels > 0).any():
        return replace(mask, geometry=image)
    part, box = on_grid(mask, image, name)
    labels = np.zeros(image.shape, dtype=part.dtype)
    labels[box] = part
    return Mask(labels, image)


def on_grid(mask: Mask, image: Geometry, name: str = "") -> tuple[Labels, Box]:
    """Labels of a mask on the image's grid, and the box of the image that they are of.

    name: the mask's, for messages. BadGeometry: it is empty, has no place in space and another size, or more than a
    tenth of it lies where the image does not reach.
    """
    called = _called(name)
    own = _box(mask.labels, called)
    if agree(mask.geometry, image):
        return mask.labels[own], own
    if not (mask.geometry.calibrated and image.calibrated):
        raise BadGeometry(
            f"{called} has {_size(mask.geometry)} voxels, its image {_size(image)} (slices x rows x columns), and "
            f"{_unplaced(mask.geometry, image)} not say where in space it lies.",
            "Resample the mask onto the image's grid.",
        )
    return _nearest(mask, own, image, called)


def empty(called: str = "The mask") -> BadGeometry:
    """The fault of a mask that marks nothing."""
    return BadGeometry(f"{called} is empty.", "Draw the region, or leave the case out.")


def _called(name: str) -> str:
    return "The mask" if name in ("", "mask") else f"The mask '{name}'"


def _unplaced(mask: Geometry, image: Geometry) -> str:
    both = not mask.calibrated and not image.calibrated
    return "the files of both do" if both else f"the {'image' if mask.calibrated else 'mask'}'s file does"


def _box(labels: Labels, called: str) -> Box:
    deep = np.flatnonzero([plane.max() > 0 for plane in labels])  # a maximum is found faster than whether there is any
    if not len(deep):
        raise empty(called)
    seen = labels[deep[0] : deep[-1] + 1].max(axis=0) > 0
    sides = (deep, np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0)))
    return tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)


def _nearest(mask: Mask, own: Box, image: Geometry, called: str) -> tuple[Labels, Box]:
    labels = mask.labels[own]
    start = np.array([one.start for one in own], dtype=np.float64)
    to_image = np.linalg.inv(image.affine) @ mask.geometry.affine
    centres = (np.argwhere(labels) + start) @ to_image[:3, :3].T + to_image[:3, 3]
    limits = np.array(image.shape)
    outside = float(((centres < -0.5) | (centres > limits - 0.5)).any(axis=1).mean())
    if outside > MOST_OUTSIDE:
        raise _elsewhere(outside, own, mask.geometry, image, called)
    low = np.maximum(np.floor(centres.min(axis=0) - 1 - np.abs(to_image[:3, :3]).sum(axis=1)), 0).astype(int)
    high = np.minimum(np.ceil(centres.max(axis=0) + 2 + np.abs(to_image[:3, :3]).sum(axis=1)), limits).astype(int)
    back = np.linalg.inv(to_image)
    offset = back[:3, :3] @ low + back[:3, 3] - start
    found = ndimage.affine_transform(  # the rim of zeros: what is within half a voxel of a label is nearest to it
        np.pad(labels, 1), back[:3, :3], offset + 1, tuple(int(n) for n in high - low), order=0, mode="constant", cval=0
    )
    if not found.any():
        raise BadGeometry(
            f"{called} is smaller than a voxel of its image: nothing of it is left there.",
            "Draw it on this image, or leave the image out.",
        )
    return found, tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _elsewhere(outside: float, own: Box, mask: Geometry, image: Geometry, called: str) -> BadGeometry:
    """The fault of a mask that its image does not reach, with where both lie."""
    share = "All" if outside == 1 else f"{outside:.0%}"
    whole = tuple(slice(0, n) for n in image.shape)
    return BadGeometry(
        f"{share} of {called[0].lower()}{called[1:]} lies where its image does not reach: it belongs to another image, "
        f"or the two were not registered. It marks {_extent(own, mask)}, the image covers {_extent(whole, image)} "
        "(mm to left, posterior, superior).",
        "Register the two, or give this image a mask of its own: --mask NAME=GLOB, NAME being the image's.",
    )


def _extent(box: Box, geometry: Geometry) -> str:
    """From edge to edge of the voxels along x, y and z."""
    ends = np.array([[one.start - 0.5, one.stop - 0.5] for one in box])
    corners = np.array(np.meshgrid(*ends)).reshape(3, -1).T
    placed = corners @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]
    pairs = zip("xyz", placed.min(axis=0), placed.max(axis=0), strict=True)
    return ", ".join(f"{axis} {low:.0f} to {high:.0f}" for axis, low, high in pairs)


def _size(geometry: Geometry) -> str:
    return " x ".join(map(str, geometry.shape))
