"""Planted slides, and the table of what was cut from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

GLASS, STAINED = (241, 240, 239), (205, 120, 175)


def slide(shape: tuple[int, int] = (320, 448), seed: int = 0, colour: tuple[int, int, int] = STAINED) -> np.ndarray:
    """Glass with tissue in rows 64 to 191 and columns 128 to 319: six whole patches of 64 pixels."""
    rng = np.random.default_rng(seed)
    pixels = np.broadcast_to(GLASS, (*shape, 3)).astype(float)
    pixels[64:192, 128:320] = colour
    return (pixels + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)


SIX = {(128, 64), (192, 64), (256, 64), (128, 128), (192, 128), (256, 128)}


def save(folder: Path, name: str, pixels: np.ndarray) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "patches.csv", dtype={"patient_id": str})


def places(table: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(table["x"], table["y"], strict=True))
