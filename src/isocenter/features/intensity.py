"""First-order intensity of a whole image, or intensity and shape of a region.

Statistics are those of IBSI 1 (`imaging.intensity`), on the source grid, without resampling or
discretisation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from isocenter.case import MASK, Case
from isocenter.errors import EmptyRegion, InputDoesNotFit
from isocenter.features.base import FeatureStep, Task, case_index, case_rows, values
from isocenter.features.standard import Standard, learned_scale, standards
from isocenter.image import Image
from isocenter.imaging.gaps import gaps
from isocenter.imaging.intensity import FIRST_ORDER, first_order, grey
from isocenter.imaging.shape import PLANE_SHAPE, VOLUME_SHAPE, bounding_box, plane_shape, volume_shape
from isocenter.preparation import read_case
from isocenter.store import Row

VERSION = 1  # of the values; raise it when they change
SIZE_DEPENDENT = "stat_energy"
RGB = ("r", "g", "b")


class Intensity(FeatureStep):
    """First-order statistics, and for a region its shape, of each case's image.

    image: name of the image, None for the first; mask: True the first mask of each case, a text
    the mask of that name, False none, None: masks if every training case has one. All labels
    above 0 are the region. store: folder of the results, or None.

    Without a mask nothing that tells the image's size is given (shape, `stat_energy`): the size
    comes from scanner and protocol, and a model would learn those. Colour images get the
    statistics of grey and of each channel (`_r`, `_g`, `_b`); a grey image among colour ones has
    three equal channels. Lengths are mm, or pixels where the image is not calibrated. What is
    not defined (one voxel, a zero mean) is NaN. Pixels that are NaN or infinite do not count; shape keeps them.

    standardise: None, or what is done to the intensities of the whole image first (MR): "zscore",
    "nyul", "n4", "n4+zscore", "n4+nyul" (`imaging.standardise`). The scale of Nyul is learned from the
    training cases, so statistics are measured again in each fold.
    """

    def __init__(
        self,
        image: str | None = None,
        mask: str | bool | None = None,
        store: str | None = None,
        standardise: str | None = None,
    ) -> None:
        self.image = image
        self.mask = mask
        self.store = store
        self.standardise = standardise

    def _learn(self, X: list[Case]) -> None:
        """Learn which features there are: dimensions, channels, with or without masks."""
        self.mask_: str | bool = all(case.source(MASK) for case in X) if self.mask is None else self.mask
        self.scale_ = learned_scale(X, self.image, self.standardise, self.store)
        rows = self._rows(X)
        known = {name for row in rows for name in row}
        self.names_ = [name for name in _all_names(known) if name in known]

    def transform(self, X: list[Case]) -> pd.DataFrame:
        """(n, features) float64. Raises the first case's fault, InputDoesNotFit for other channels."""
        check_is_fitted(self, "names_")
        table = np.array([self._numbers(case, row) for case, row in zip(X, self._rows(X), strict=True)])
        columns = pd.Index(self.names_, dtype="str")
        return pd.DataFrame(table.reshape(len(X), len(self.names_)), index=case_index(X), columns=columns)

    def _rows(self, cases: list[Case]) -> list[Row]:
        how = standards(cases, self.image, self.standardise, self.scale_, self.store)
        tasks = [_Task(case, self.image, self.mask_, one) for case, one in zip(cases, how, strict=True)]
        parameters = tasks[0].standard.parameters if tasks else {}
        rows = case_rows("intensity", VERSION, parameters, _measure, tasks, store=self.store, stage="measuring")
        return values(cases, rows)

    def _numbers(self, case: Case, row: Row) -> list[float]:
        """Values in the order of `names_`; a grey image's channels are itself, the rest is NaN."""
        channels = {name.rpartition("_")[2] for name in row if name.startswith("stat_mean_")}
        if strange := channels - {name.rpartition("_")[2] for name in self.names_}:
            raise InputDoesNotFit(
                f"Case '{case.case_id}' has the channels {', '.join(sorted(strange))}; the training images had none.",
                "Give images with the channels of the training images.",
            )
        found = []
        for name in self.names_:
            value = row.get(name, row.get(name.rpartition("_")[0]) if not channels else None)
            found.append(float("nan") if value is None else float(str(value)))
        return found


@dataclass(frozen=True, slots=True)
class _Task(Task):
    standard: Standard


def _measure(task: _Task) -> Row:
    image, mask = read_case(task.case, image=task.image, mask=task.mask, gaps=True)
    image = task.standard.applied(image)
    if mask is None:
        inside = image.array.reshape(len(image.array), -1)
        found = _statistics(inside)
        return {name: value for name, value in found.items() if not name.startswith(SIZE_DEPENDENT)}
    box = bounding_box(mask.labels > 0)
    region = mask.labels[box] > 0
    inside = image.array[:, *box][:, region]
    return {**_statistics(inside), **_shape(region, grey(inside[:, None, None])[0, 0], image)}


def _statistics(inside: NDArray[np.generic]) -> Row:
    """Of grey, and of each of several channels; inside: (C, n) values, of which gaps do not count.

    EmptyRegion: nothing else is there.
    """
    found: Row = dict(first_order(_known(grey(inside[:, None, None]))))
    if len(inside) > 1:
        names = RGB if len(inside) == 3 else tuple(f"c{i + 1}" for i in range(len(inside)))
        for suffix, channel in zip(names, inside, strict=True):
            found |= {f"{name}_{suffix}": value for name, value in first_order(_known(channel)).items()}
    return found


def _known(values: NDArray[np.generic]) -> NDArray[np.generic]:
    lost = gaps(values)
    if lost is None:
        return values
    if lost.all():
        raise EmptyRegion(
            "No pixel of the region is a number: all are NaN or infinite.", "Check the image, or leave the case out."
        )
    return values[~lost]


def _shape(region: NDArray[np.bool_], inside: NDArray[np.generic], image: Image) -> Row:
    spacing = image.geometry.spacing
    if image.geometry.shape[0] == 1:
        return dict(plane_shape(region[0], inside, spacing[1:]))
    return dict(volume_shape(region, inside, spacing))


def _all_names(known: set[str]) -> list[str]:
    """Every possible name in its fixed order, whatever the order of cases."""
    suffixes = sorted({name.removeprefix("stat_mean") for name in known if name.startswith("stat_mean")}, key=_order)
    intensity = [f"{name}{suffix}" for suffix in suffixes for name in FIRST_ORDER]
    return list(dict.fromkeys([*intensity, *VOLUME_SHAPE, *PLANE_SHAPE]))


def _order(suffix: str) -> tuple[int, str]:
    places = {"": 0, "_r": 1, "_g": 2, "_b": 3}
    return places.get(suffix, 4 + len(suffix)), suffix
