"""Embeddings: what a frozen network, trained on other pictures, says of each image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from isocenter import compute
from isocenter.case import Case
from isocenter.compute import Outcome
from isocenter.errors import InputDoesNotFit
from isocenter.features.base import Task, case_rows
from isocenter.features.pooled import PooledStep, Vectors, pooled
from isocenter.nets import Embedder, backbone
from isocenter.preparation import Look, pictures
from isocenter.preparation.pictures import AUTO
from isocenter.store import Row

VERSION = 1  # of the values; raise it when they change
BATCH = 4  # pictures: larger ones leave the processor's caches and are slower
Pictures = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class Embedding(PooledStep):
    """One pass of a frozen backbone over each image, or over slices of a volume that are pooled.

    backbone: a key of `nets.BACKBONES`; weights: its file or the folder that holds it, None:
    ~/.isocenter/weights. image, mask: as for Intensity; with a mask the network sees the square
    around the region, on the slices it spans. window: "auto", "soft", "lung", "bone", "brain" or
    LOW:HIGH (`preparation.pictures`); slices: at most so many of a volume, evenly spaced; pool:
    "mean", "max" or "mean+max" over them; batch: pictures at a time, which changes no value beyond
    rounding. store: folder of results, or None: with all of them there neither torch nor weights
    are needed. Grey is shown to all three channels, pictures are made square.

    Raises MissingExtra without torch, MissingPath without weights, UnsafeFile for other ones.
    """

    def __init__(
        self,
        backbone: str = "squeezenet",
        weights: str | None = None,
        image: str | None = None,
        mask: str | bool | None = None,
        window: str = AUTO,
        slices: int = 32,
        pool: str = "mean",
        batch: int = BATCH,
        store: str | None = None,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.image = image
        self.mask = mask
        self.window = window
        self.slices = slices
        self.pool = pool
        self.batch = batch
        self.store = store

    def _vector_names(self) -> list[str]:
        return [f"{self.backbone}_{i}" for i in range(backbone(self.backbone).width)]

    def _learn(self, X: list[Case]) -> None:
        """Learn whether there are masks, and keep which weights it was."""
        super()._learn(X)
        self.sha256_ = backbone(self.backbone).sha256

    def _outcomes(self, tasks: Sequence[Task]) -> list[Outcome[Row]]:
        chosen = backbone(self.backbone)
        if self.sha256_ != chosen.sha256:
            raise InputDoesNotFit(
                f"The model was trained with other weights of '{self.backbone}' than this version of Isocenter has.",
                "Fit it again, or use the version that it was fitted with.",
            )
        look = Look(self.window, chosen.side, self.slices)
        parameters = {"backbone": chosen.sha256, "window": look.window, "side": look.side, "slices": look.slices}

        def run(missing: Sequence[Task]) -> Iterator[Outcome[Row]]:
            return embedded(missing, Embedder(chosen, self.weights), look, self.batch)

        return case_rows(
            "embedding", VERSION, parameters, None, tasks, store=self.store, stage="embedding images", run=run
        )


def embedded(tasks: Sequence[Task], embedder: Embedder, look: Look, batch: int) -> Iterator[Outcome[Row]]:
    """A row a task, in order. Blocks of cases run side by side, each decoded and embedded in one thread.

    That is faster than several threads inside the network, which wait for each other in every layer
    and for the decoder, and the numbers do not depend on how many there are.
    """
    blocks = [tasks[i : i + batch] for i in range(0, len(tasks), batch)]
    for block in compute.ahead(partial(_block, embedder=embedder, look=look, batch=batch), blocks):
        yield from block.get()


def _block(tasks: Sequence[Task], embedder: Embedder, look: Look, batch: int) -> list[Outcome[Row]]:
    decoded = compute.each(partial(_pictures, look=look), tasks, jobs=1)
    vectors = iter(_vectors([outcome.get() for outcome in decoded if outcome.fault is None], embedder, batch))
    return [Outcome(fault=o.fault) if o.fault else Outcome(pooled(next(vectors))) for o in decoded]


def _pictures(task: Task, look: Look) -> Pictures:
    return pictures(task.case, look, image=task.image, mask=task.mask)


def _vectors(shown: Sequence[Pictures], embedder: Embedder, batch: int) -> list[Vectors]:
    """(n, width) a case, from batches that do not care where a case ends."""
    if not shown:
        return []
    channels = max(one.shape[1] for one in shown)  # grey among colour is shown to all three
    whole = np.concatenate([one if one.shape[1] == channels else one.repeat(channels, axis=1) for one in shown])
    parts = np.array_split(whole, -(-len(whole) // batch))
    found = np.concatenate([embedder(part) for part in parts])
    return np.split(found, np.cumsum([len(one) for one in shown])[:-1])
