"""Weights for tests: a file like the real one, with random numbers, that the backbone's entry is made to name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isocenter.nets import BACKBONES, Backbone

FILE = "squeezenet1_1_features_caffe.npz"


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Random layers of SqueezeNet 1.1, scaled so that signals neither die nor explode."""
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}

    def layer(name: str, outputs: int, inputs: int, side: int) -> None:
        scale = np.sqrt(2 / (inputs * side * side))
        found[f"{name}.weight"] = rng.normal(0, scale, (outputs, inputs, side, side)).astype(np.float32)
        found[f"{name}.bias"] = rng.normal(0, 0.1, outputs).astype(np.float32)

    layer("features.0", 64, 3, 3)
    fires = ((3, 64, 16, 64), (4, 128, 16, 64), (6, 128, 32, 128), (7, 256, 32, 128),
             (9, 256, 48, 192), (10, 384, 48, 192), (11, 384, 64, 256), (12, 512, 64, 256))  # fmt: skip
    for at, inputs, squeezed, expanded in fires:
        layer(f"features.{at}.squeeze", squeezed, inputs, 1)
        layer(f"features.{at}.expand1x1", expanded, squeezed, 1)
        layer(f"features.{at}.expand3x3", expanded, squeezed, 3)
    return found


def save(folder: Path, monkeypatch: pytest.MonkeyPatch, **content: np.ndarray) -> Backbone:
    """The file in `folder`, and the backbone whose entry names it for the length of the test."""
    path = folder / FILE
    np.savez(path, **content)
    known = replace(
        BACKBONES["squeezenet"], sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size
    )
    monkeypatch.setitem(BACKBONES, "squeezenet", known)
    return known
