"""Intensity standardisation as part of a feature step: what is learned, and what is done to an image.

A feature step calls `learned_scale` when it is fitted and `Standard.applied` on each image it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isocenter import formats
from isocenter.case import Case, Source
from isocenter.errors import UsageError
from isocenter.features.base import values
from isocenter.image import Image
from isocenter.imaging.bias import unbiased
from isocenter.imaging.standardise import PERCENTS, WAYS, landmarks, nyul, standard_scale, zscored
from isocenter.preparation import image_source, per_case
from isocenter.store import Row

Floats = NDArray[np.float64]
VERSION = 1  # of the landmarks; raise it when they change


@dataclass(frozen=True, slots=True)
class Standard:
    """how: one of `imaging.standardise.WAYS`, or None; scale: Nyul's, (11,), or None."""

    how: str | None = None
    scale: tuple[float, ...] | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """What results in the store depend on; {} where nothing is done."""
        return {} if self.how is None else {"standardise": self.how, "scale": self.scale}

    def applied(self, image: Image) -> Image:
        """The image with standardised channels, float64."""
        if self.how is None:
            return image
        channels = [self._channel(channel, image.geometry.spacing) for channel in image.array]
        return replace(image, array=np.stack(channels))

    def _channel(self, channel: NDArray[np.generic], spacing: tuple[float, float, float]) -> Floats:
        found = unbiased(channel, spacing) if "n4" in _parts(self.how) else np.asarray(channel, dtype=np.float64)
        if "zscore" in _parts(self.how):
            return zscored(found)
        return nyul(found, np.array(self.scale)) if self.scale is not None else found


@dataclass(frozen=True, slots=True)
class _Task:
    source: Source
    how: str


def learned_scale(cases: Sequence[Case], image: str | None, how: str | None, store: str | None) -> Floats | None:
    """Nyul's standard scale of these cases; None where `how` asks for none. UsageError for an unknown way.

    Channels of colour images share it: their landmarks are those of the first channel.
    """
    if how not in (None, *WAYS):
        raise UsageError(f"There is no standardisation '{how}'.", f"Choose {', '.join(WAYS)}.")
    if how is None or "nyul" not in _parts(how):
        return None
    tasks = [_Task(image_source(case, image), how) for case in cases]
    parameters = {"n4": "n4" in _parts(how)}
    sources = [(task.source,) for task in tasks]
    rows = per_case("landmarks", VERSION, parameters, _marks, tasks, sources, store=store, stage="landmarks")
    found = [np.array([float(str(row[f"p{p}"])) for p in PERCENTS]) for row in values(list(cases), rows)]
    return standard_scale(found)


def _marks(task: _Task) -> Row:
    image = formats.read_image(task.source)
    first = image.array[0]
    found = unbiased(first, image.geometry.spacing) if "n4" in _parts(task.how) else first
    return {f"p{p}": float(v) for p, v in zip(PERCENTS, landmarks(found), strict=True)}


def _parts(how: str | None) -> list[str]:
    return (how or "").split("+")
