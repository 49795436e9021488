"""What radiomics measures: the regions that masks mark on an image, each in its own box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.errors import BadValues, UsageError
from isocenter.image import Geometry, Mask
from isocenter.preparation.grids import Box, on_grid

Bools = NDArray[np.bool_]
Named = tuple[str, Mask]

ONE, LABELS, MEAN = "one", "labels", "mean"
WAYS = (ONE, LABELS, MEAN)
MOST_LABELS = 100  # that become columns of their own: what has more is instances, not structures


@dataclass(frozen=True)
class Region:
    """name: "" for the only one of a case; mask: (d, h, w), of `place` in the image; labels: that make it up."""

    name: str
    mask: Bools
    place: Box
    labels: tuple[int, ...] = ()


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
    inside = labels > 0
    marked = labels[inside]
    several = marked.size and marked.min() < marked.max()  # nearly all masks have one: nothing is sorted
    return Region(prefix, inside, place, tuple(int(n) for n in np.unique(marked)) if several else ())


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
