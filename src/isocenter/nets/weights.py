"""Weights from a file: size and SHA-256 first, then plain arrays. Never pickle, never `torch.load`."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import MissingPath, UnsafeFile
from isocenter.nets.backbones import Backbone

FOLDER = Path("~/.isocenter/weights")  # where weights are looked for when nobody says where they are
Arrays = dict[str, NDArray[np.float32]]


def find(backbone: Backbone, weights: str | None = None) -> Path:
    """The weights file: `weights` itself, or inside that folder; None: inside FOLDER. Raises MissingPath."""
    place = FOLDER.expanduser() if weights is None else Path(weights).expanduser()
    path = place if place.is_file() else place / backbone.file
    if not path.is_file():
        raise MissingPath(
            f"The weights {backbone.file} are not in {place}.",
            f"Say where they are with --weights PATH, or put the file into {FOLDER}. "
            f"({backbone.source}; SHA-256 {backbone.sha256}.) Without them: --features descriptors.",
        )
    return path


def load(backbone: Backbone, weights: str | None = None) -> Arrays:
    """Arrays by layer, only from the very file that the backbone names. Raises MissingPath, UnsafeFile."""
    path = find(backbone, weights)
    if (size := path.stat().st_size) != backbone.size:
        raise _other(path, f"has {size:,} bytes, not {backbone.size:,}", backbone)
    content = path.read_bytes()
    if (digest := hashlib.sha256(content).hexdigest()) != backbone.sha256:
        raise _other(path, f"has the SHA-256 {digest[:16]}..., not {backbone.sha256[:16]}...", backbone)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float32, copy=False) for name in arrays.files}


def _other(path: Path, how: str, backbone: Backbone) -> UnsafeFile:
    return UnsafeFile(
        f"{path} is not the weights file of this backbone: it {how}.",
        f"Fetch {backbone.file} again ({backbone.source}).",
    )
