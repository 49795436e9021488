"""Small images as they are: each pixel one feature; larger ones averaged down first."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isocenter import formats
from isocenter.case import Case, Source
from isocenter.compute import Outcome
from isocenter.errors import InputDoesNotFit
from isocenter.features import SMALL
from isocenter.features.base import FeatureStep, case_index, image_facts, values
from isocenter.imaging.gaps import filled
from isocenter.imaging.intensity import grey
from isocenter.imaging.resize import area_resize
from isocenter.preparation import image_source, per_case
from isocenter.store import Row

VERSION = 1  # of the values; raise it when they change
SIDE = 32  # longest side of larger images
VOLUME_SIDE = 16  # longest side of volumes: 4,096 features
Shape = tuple[int, int, int]


class Pixels(FeatureStep):
    """The pixels of each case's first image, float32, as they are stored; gaps filled (`imaging.gaps.filled`).

    size: longest side after averaging areas; None keeps images that all have one size up to 64,
    and takes 32 for others (volumes: up to 16 x 16 x 16). Images of several sizes become square,
    whatever their proportions. channels: 1 (grey) or 3; None learns 3 if any training image has
    colour. store: folder of averaged images, or None.

    Columns p<row>_<column>, p<slice>_<row>_<column> for volumes, and _<channel> behind that of
    colour (channels run fastest): at native size exactly the flattened array.
    """

    def __init__(self, size: int | None = None, channels: int | None = None, store: str | None = None) -> None:
        self.size = size
        self.channels = channels
        self.store = store

    def _learn(self, X: list[Case]) -> None:
        """Learn the common size and the number of channels from the training cases."""
        facts = image_facts(X, self.store)
        self.channels_ = int(facts["channels"].max()) if self.channels is None else self.channels
        self.shape_ = _target(facts, self.size)
        self.names_ = _names(self.shape_, self.channels_)

    def transform(self, X: list[Case]) -> pd.DataFrame:
        """(n, pixels) float32. Raises the first case's fault, InputDoesNotFit for other channels."""
        check_is_fitted(self, "names_")
        tasks = [_Task(image_source(case), self.shape_, self.channels_) for case in X]
        table = np.empty((len(X), len(self.names_)), dtype=np.float32)
        for row, vector in zip(table, values(X, _vectors(tasks, self.store)), strict=True):
            row[:] = vector
        return pd.DataFrame(table, index=case_index(X), columns=pd.Index(self.names_, dtype="str"))


@dataclass(frozen=True, slots=True)
class _Task:
    source: Source
    shape: Shape
    channels: int


def _target(facts: pd.DataFrame, size: int | None) -> Shape:
    """(D, H, W) of all images after averaging."""
    shapes = facts[["depth", "rows", "columns"]].drop_duplicates().to_numpy()
    common: Shape | None = tuple(int(n) for n in shapes[0]) if len(shapes) == 1 else None  # type: ignore[assignment]
    if (shapes[:, 0] > 1).any():
        side = VOLUME_SIDE if size is None else size
        longest = shapes.max(axis=0)
        return min(side, int(longest[0])), min(side, int(longest[1])), min(side, int(longest[2]))
    if common is None:
        side = SIDE if size is None else size
        return 1, side, side
    if size is None and max(common) <= SMALL:
        return common
    scale = (SIDE if size is None else size) / max(common)
    return 1, max(1, round(common[1] * scale)), max(1, round(common[2] * scale))


def _names(shape: Shape, channels: int) -> list[str]:
    axes = [range(n) for n in (shape if shape[0] > 1 else shape[1:])]
    axes += [range(channels)] if channels > 1 else []
    return ["p" + "_".join(map(str, place)) for place in product(*axes)]


def _vectors(tasks: list[_Task], store: str | None) -> list[Outcome[NDArray[np.float32]]]:
    """One flat image a task; those of single files through the store."""
    if not tasks:
        return []
    parameters = {"shape": tasks[0].shape, "channels": tasks[0].channels}
    stage = "reading pixels"
    sources = [(task.source,) for task in tasks]
    rows = per_case("pixels", VERSION, parameters, _row, tasks, sources, store=store, stage=stage, quick=True)
    return [Outcome(fault=row.fault) if row.fault else Outcome(_from_bytes(row.get())) for row in rows]


def _vector(task: _Task) -> NDArray[np.float32]:
    pixels = _with_channels(filled(formats.read_image(task.source, gaps=True).array), task.channels)
    return np.moveaxis(area_resize(pixels, task.shape), 0, -1).astype(np.float32).ravel()


def _row(task: _Task) -> Row:
    return {"pixels": _vector(task).astype("<f4").tobytes()}


def _from_bytes(row: Row) -> NDArray[np.float32]:
    content = row["pixels"]
    assert isinstance(content, bytes)
    return np.frombuffer(content, dtype="<f4")


def _with_channels(array: NDArray[np.generic], channels: int) -> NDArray[np.generic]:
    """(channels, D, H, W): grey is repeated, colour made grey; InputDoesNotFit for other numbers."""
    if array.shape[0] == channels:
        return array
    if channels == 1:
        return grey(array)[None]
    if array.shape[0] == 1:
        return np.repeat(array, channels, axis=0)
    raise InputDoesNotFit(
        f"The image has {array.shape[0]} channels, the training images {channels}.", "Give images of the same kind."
    )
