"""How many images a MATLAB array is: its axes alone do not always say, the number of labels does.

MATLAB has H x W x N and H x W x C x N, and drops a last axis of 1. So H x W x 3 is three grey
images or one in colour, and H x W x D is D images or one volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from isocenter import formats
from isocenter.errors import BadShape
from isocenter.ingest.arrays import is_mat, is_vector, opened, pick_labels
from isocenter.ingest.draft import Request
from isocenter.ingest.rows import read_labels

Array = NDArray[Any]
_COLOURS = (3, 4)  # so many images are also the channels of one


def labels_within(path: Path, found: Mapping[str, Array], *, sure: bool = False) -> int | None:
    """How many labels a file of arrays holds; None where it has none. sure: its only array will do."""
    picked = pick_labels(path, found, sure=sure)
    return None if picked is None else length_of(picked[1])


def length_of(labels: Array) -> int:
    """The number of cases that labels are for: n, n x 1, 1 x n, or n x k of several labels a case."""
    return labels.size if is_vector(labels) else len(labels)


def labels_of(path: Path, found: Mapping[str, Array], request: Request) -> int | None:
    """How many labels the images of `path` have, in their own file or in that of --labels; None without any."""
    labels = request.labels
    if labels is None or not request.reads_labels or not labels.exists():
        return labels_within(path, found)
    if formats.kind_of(labels) not in ("array", "matlab"):
        return len(read_labels(labels)[0])
    held = opened(labels, labels=True)
    return labels_within(labels, held.arrays, sure=True) if held.table is None else len(held.table)


def is_one_image(path: Path, name: str, images: Array, n_labels: int | None) -> bool:
    """Whether a .mat's array is one image: H x W, H x W x 3 or H x W x D, called images, with a single label."""
    if not is_mat(path) or n_labels != 1 or len(images) == 1:
        return False
    return images.ndim == 3 or (images.ndim == 2 and name.lower() == "images")


def described(path: Path, name: str, images: Array, n_labels: int | None) -> tuple[int, str]:
    """The number of images and what each is like, for the notes; BadShape where the labels do not fit the axes.

    images: cases first, as `formats.arrays` gives them.
    """
    size = _size(images.shape[1:])
    if is_one_image(path, name, images, n_labels):
        depth = f" with {len(images)} {'channels' if len(images) in _COLOURS else 'slices'}" if images.ndim == 3 else ""
        size = size if depth else _size(images.shape)
        return 1, f"{size}{depth} ('{name}' is one image, for there is one label)"
    if not is_mat(path):
        return len(images), size
    check(path, name, images, n_labels)
    return len(images), f"{size} (the last axis of '{name}' counts them)"


def check(path: Path, name: str, images: Array, n_labels: int | None) -> None:
    """BadShape for a .mat's H x W x 3 without labels, and, with the line to type, for N x H x W."""
    n = len(images)
    if not is_mat(path):
        return
    if images.ndim == 3 and n in _COLOURS and n_labels is None:
        raise BadShape(
            f"'{name}' in {path} is {_size(images.shape[1:])} x {n}: one image of {n} channels, or {n} images?",
            f"Say it by the number of labels in the same file: labels = zeros({n}, 1) for {n} images, "
            "labels = 0 for one.",
        )
    order = {3: "[2 3 1]", 4: "[2 3 4 1]"}.get(images.ndim)
    if order is not None and n_labels not in (None, n) and n_labels in images.shape[1:3]:
        raise BadShape(
            f"{path} has {n_labels} labels, and the last axis of '{name}', which counts images in MATLAB, is {n}.",
            f"Type {name} = permute({name}, {order}); and save again.",
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
