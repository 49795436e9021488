"""Classic descriptors of pictures: intensity, edges, texture; no network, no weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from isocenter.compute import Outcome
from isocenter.features.base import Task, case_rows
from isocenter.features.pooled import PooledStep, pooled
from isocenter.imaging import descriptors
from isocenter.preparation import Look, pictures
from isocenter.preparation.pictures import AUTO
from isocenter.store import Row

VERSION = 1  # of the values; raise it when they change


class Descriptors(PooledStep):
    """Histogram, HOG, LBP and Gabor responses of each image, or of slices of a volume that are pooled.

    For machines without torch, and a floor for embeddings. Parameters as those of Embedding;
    values as `imaging.descriptors` tells them.
    """

    def __init__(
        self,
        image: str | None = None,
        mask: str | bool | None = None,
        window: str = AUTO,
        slices: int = 32,
        pool: str = "mean",
        store: str | None = None,
    ) -> None:
        self.image = image
        self.mask = mask
        self.window = window
        self.slices = slices
        self.pool = pool
        self.store = store

    def _vector_names(self) -> Sequence[str]:
        return descriptors.NAMES

    def _outcomes(self, tasks: Sequence[Task]) -> list[Outcome[Row]]:
        look = Look(self.window, descriptors.SIDE, self.slices)
        parameters = {"window": look.window, "slices": look.slices}
        function = partial(_described, look=look)
        return case_rows(
            "descriptors", VERSION, parameters, function, tasks, store=self.store, stage="describing images"
        )


def _described(task: Task, look: Look) -> Row:
    shown = pictures(task.case, look, image=task.image, mask=task.mask)
    return pooled(np.stack([descriptors.describe(picture) for picture in shown]))
