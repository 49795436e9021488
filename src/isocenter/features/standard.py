"""Intensity standardisation as part of a feature step: what is learned, and what is done to an image.

A feature step calls `learned_scale` when it is fitted, and `standards` before it reads images, on each of which it
then calls `Standard.applied`.
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
from isocenter.imaging.bias import bias_field, without_field
from isocenter.imaging.standardise import PERCENTS, WAYS, landmarks, nyul, standard_scale, zscored
from isocenter.preparation import image_source, per_case
from isocenter.store import Row

Floats = NDArray[np.float64]
Field = NDArray[np.float32]
VERSION = 1  # of fields and landmarks; raise it when they change


@dataclass(frozen=True, slots=True)
class Standard:
    """how: one of `imaging.standardise.WAYS`, or None; scale: Nyul's, (11,), or None; field: of this image, if N4
    was asked for."""

    how: str | None = None
    scale: tuple[float, ...] | None = None
    field: Field | None = None

    @property
    def parameters(self) -> dict[str, object]:
        """What results in the store depend on; {} where nothing is done."""
        return {} if self.how is None else {"standardise": self.how, "scale": self.scale}

    def applied(self, image: Image) -> Image:
        """The image with standardised channels, float64."""
        if self.how is None:
            return image
        channels = [self._channel(channel) for channel in image.array]
        return replace(image, array=np.stack(channels))

    def _channel(self, channel: NDArray[np.generic]) -> Floats:
        found = np.asarray(channel, dtype=np.float64) if self.field is None else without_field(channel, self.field)
        if "zscore" in _parts(self.how):
            return zscored(found)
        return nyul(found, np.array(self.scale)) if self.scale is not None else found


@dataclass(frozen=True, slots=True)
class _Task:
    source: Source
    field: Field | None


def learned_scale(cases: Sequence[Case], image: str | None, how: str | None, store: str | None) -> Floats | None:
    """Nyul's standard scale of these cases; None where `how` asks for none. UsageError for an unknown way.

    Channels of colour images share it: their landmarks are those of the first channel.
    """
    if how not in (None, *WAYS):
        raise UsageError(f"There is no standardisation '{how}'.", f"Choose {', '.join(WAYS)}.")
    if "nyul" not in _parts(how):
        return None
    fields = bias_fields(cases, image, how, store)
    tasks = [_Task(image_source(case, image), field) for case, field in zip(cases, fields, strict=True)]
    sources = [(task.source,) for task in tasks]
    parameters = {"n4": "n4" in _parts(how)}
    rows = per_case("landmarks", VERSION, parameters, _marks, tasks, sources, store=store, stage="landmarks")
    found = [np.array([float(str(row[f"p{p}"])) for p in PERCENTS]) for row in values(list(cases), rows)]
    return standard_scale(found)


def bias_fields(cases: Sequence[Case], image: str | None, how: str | None, store: str | None) -> list[Field | None]:
    """N4's field of each case's image, through the store: found once, whatever the folds; None without N4.

    Channels share the field of the first.
    """
    if "n4" not in _parts(how):
        return [None] * len(cases)
    tasks = [_Task(image_source(case, image), None) for case in cases]
    sources = [(task.source,) for task in tasks]
    rows = per_case("bias-field", VERSION, {}, _field, tasks, sources, store=store, stage="bias fields")
    return [_from_row(row) for row in values(list(cases), rows)]


def standards(
    cases: Sequence[Case], image: str | None, how: str | None, scale: Floats | None, store: str | None
) -> list[Standard]:
    """What is to be done to each case's image; scale: as it was learned."""
    plain = None if scale is None else tuple(scale.tolist())
    return [Standard(how, plain, field) for field in bias_fields(cases, image, how, store)]


def _field(task: _Task) -> Row:
    image = formats.read_image(task.source, gaps=True)
    found = bias_field(image.array[0], image.geometry.spacing)
    return {"field": found.astype("<f4").tobytes(), "shape": " ".join(map(str, found.shape))}


def _from_row(row: Row) -> Field:
    content = row["field"]
    assert isinstance(content, bytes)
    return np.frombuffer(content, dtype="<f4").reshape([int(n) for n in str(row["shape"]).split()])


def _marks(task: _Task) -> Row:
    first = formats.read_image(task.source, gaps=True).array[0]
    found = first if task.field is None else without_field(first, task.field)
    return {f"p{p}": float(v) for p, v in zip(PERCENTS, landmarks(found), strict=True)}


def _parts(how: str | None) -> list[str]:
    return (how or "").split("+")
