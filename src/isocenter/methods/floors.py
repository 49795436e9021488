"""What knows nothing of the images: the class frequencies, or the mean. Every result stands on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.dummy import DummyClassifier, DummyRegressor

from isocenter.cohort import Task

CHOICES: Mapping[str, tuple[object, ...]] = {}


def build(task: Task, *, seed: int = 0) -> Any:
    """The most frequent class (with class frequencies as probabilities), or the mean."""
    del seed  # nothing is random here
    return DummyClassifier(strategy="prior") if task is Task.CLASSIFICATION else DummyRegressor(strategy="mean")
