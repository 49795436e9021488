"""What radiomics measures: the regions that masks mark on an image, each in its own box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.errors import BadGeometry, BadValues, UsageError
from isocenter.image import Geometry, Mask

Bools = NDArray[np.bool_]
Box = tuple[slice, ...]
Named = tuple[str, Mask]

ONE, LABELS, MEAN = "one", "labels", "mean"
WAYS = (ONE, LABELS, MEAN)
MOST_LABELS = 100  # that become columns of their own: what has more is instances, not structures
MOST_OUTSIDE = 0.1  # of a mask, where its image does not reach


@dataclass(frozen=True)
class Region:
    """name: "" for the only one of a case; mask: (d, h, w), of `place` in the image."""

    name: str
    mask: Bools
    place: Box


def check_way(way: str) -> None:
    """UsageError for what is no way of making regions."""
    if way not in WAYS:
        raise UsageError(f"Regions '{way}' are not known.", f"Choose one of: {', '.join(WAYS)}.")


def whole(shape: tuple[int, ...]) -> Region:
    """All of an image, where there is no mask."""
    return Region("", np.ones(shape, dtype=np.bool_), tuple(slice(0, n) for n in shape))


def regions_of(masks: Sequence[Named], image: Geometry, way: str) -> list[Region]:
    """Regions of all masks: each mask one ("one"), or each of its labels ("labels", "mean").

    Names: of the mask where there are several, then of the label. BadGeometry: a mask is empty, or cannot lie on
    the image; BadValues: too many labels for columns of their own.
    """
    found = []
    for name, mask in masks:
        prefix = name if len(masks) > 1 else ""
        labels, place = on_grid(mask, image, name)
        found += [_one(prefix, labels, place)] if way == ONE else _each(prefix, labels, place, name, way)
    return found


def _one(prefix: str, labels: NDArray[np.integer], place: Box) -> Region:
    return Region(prefix, labels > 0, place)


def _each(prefix: str, labels: NDArray[np.integer], place: Box, name: str, way: str) -> list[Region]:
    numbers = [int(n) for n in np.unique(labels) if n > 0]
    if way == LABELS and len(numbers) > MOST_LABELS:
        raise BadValues(
            f"The mask '{name}' has {len(numbers)} labels; up to {MOST_LABELS} become columns of their own.",
            "Use --regions mean (features of each label, then their mean) or --regions one.",
        )
    compact = np.searchsorted(numbers, labels).astype(np.int32) + 1
    compact[labels == 0] = 0
    found = []
    for number, box in zip(numbers, ndimage.find_objects(compact), strict=True):
        inside = labels[box] == number
        there = tuple(slice(p.start + b.start, p.start + b.stop) for p, b in zip(place, box, strict=True))
        found.append(Region("_".join(filter(None, (prefix, str(number)))), inside, there))
    return found


def on_grid(mask: Mask, image: Geometry, name: str = "mask") -> tuple[NDArray[np.integer], Box]:
    """Labels of a mask on the image's grid, and the box of the image that they are of.

    A mask on another grid is resampled, nearest neighbour, where both have a place in space. BadGeometry: it is
    empty, has no place and another size, or more than a tenth of it lies where the image does not reach.
    """
    own = _box(mask.labels, name)
    placed = mask.geometry.calibrated and image.calibrated
    if mask.geometry.shape == image.shape and (not placed or mask.geometry.same_grid(image)):
        return mask.labels[own], own
    if not placed:
        raise BadGeometry(
            f"The mask '{name}' has {_size(mask.geometry)} voxels, its image {_size(image)} (slices x rows x columns), "
            "and their files do not say where they lie.",
            "Resample the mask onto the image's grid.",
        )
    return _resampled(mask, own, image, name)


def _box(labels: NDArray[np.integer], name: str) -> Box:
    deep = np.flatnonzero([plane.any() for plane in labels])
    if not len(deep):
        raise BadGeometry(f"The mask '{name}' is empty.", "Draw the region, or leave the case out.")
    near = labels[deep[0] : deep[-1] + 1]
    sides = [np.flatnonzero((near != 0).any(axis=tuple(a for a in range(3) if a != axis))) for axis in (1, 2)]
    return (
        slice(int(deep[0]), int(deep[-1]) + 1),
        *(slice(int(side[0]), int(side[-1]) + 1) for side in sides),
    )


def _resampled(mask: Mask, own: Box, image: Geometry, name: str) -> tuple[NDArray[np.integer], Box]:
    labels = mask.labels[own]
    start = np.array([one.start for one in own], dtype=np.float64)
    to_image = np.linalg.inv(image.affine) @ mask.geometry.affine
    centres = (np.argwhere(labels) + start) @ to_image[:3, :3].T + to_image[:3, 3]
    limits = np.array(image.shape)
    outside = float(((centres < -0.5) | (centres > limits - 0.5)).any(axis=1).mean())
    if outside > MOST_OUTSIDE:
        raise BadGeometry(
            f"{outside:.0%} of the mask '{name}' lies where its image does not reach: it belongs to another image, or "
            "the two were not registered.",
            "Give this image a mask of its own: --mask NAME=GLOB, NAME being the image's.",
        )
    low = np.maximum(np.floor(centres.min(axis=0) - 1 - np.abs(to_image[:3, :3]).sum(axis=1)), 0).astype(int)
    high = np.minimum(np.ceil(centres.max(axis=0) + 2 + np.abs(to_image[:3, :3]).sum(axis=1)), limits).astype(int)
    back = np.linalg.inv(to_image)
    offset = back[:3, :3] @ low + back[:3, 3] - start
    found = ndimage.affine_transform(
        labels, back[:3, :3], offset, tuple(int(n) for n in high - low), order=0, mode="constant", cval=0
    )
    if not found.any():
        raise BadGeometry(
            f"The mask '{name}' is smaller than a voxel of its image: nothing of it is left there.",
            "Draw it on this image, or leave the image out.",
        )
    return found, tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _size(geometry: Geometry) -> str:
    return " x ".join(map(str, geometry.shape))
