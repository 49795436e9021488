"""PyRadiomics' own test data: NRRD volumes, levels binned as it bins them, and what it found."""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path

import numpy as np


def volume(file: Path) -> np.ndarray:
    """(D, H, W) of an NRRD file."""
    head, _, body = file.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
    kinds = {
        "short": "<i2",
        "unsigned char": "u1",
        "int": "<i4",
        "float": "<f4",
        "double": "<f8",
        "unsigned short": "<u2",
    }
    sizes = [int(size) for size in fields["sizes"].split()]
    raw = gzip.decompress(body) if fields["encoding"] in ("gzip", "gz") else body
    return np.frombuffer(raw, kinds[fields["type"]]).reshape(sizes[::-1])


def spacing(folder: Path, case: str) -> tuple[float, ...]:
    """(slice, row, column) mm of an image."""
    head = (folder / f"{case}_image.nrrd").read_bytes().partition(b"\n\n")[0].decode()
    axes = re.search(r"space directions: (.*)", head)
    assert axes is not None
    vectors = re.findall(r"\(([^)]*)\)", axes.group(1))
    return tuple(float(np.linalg.norm([float(part) for part in one.split(",")])) for one in vectors)[::-1]


def levels(folder: Path, case: str, setting: str) -> tuple[np.ndarray, int]:
    """Grey levels as PyRadiomics bins them: edges are multiples of the width, or equal parts of the range."""
    image, mask = volume(folder / f"{case}_image.nrrd").astype(np.float64), volume(folder / f"{case}_label.nrrd") == 1
    if setting == "normalization":
        image = (image - image.mean()) / image.std() * 100
    if setting == "resegmentation":
        inside = image[mask]
        mask = mask & (np.abs(image - inside.mean()) <= 3 * inside.std())
    values = image[mask]
    if setting == "FBN":
        edges = np.histogram(values, 64)[1]
        edges[-1] += 1
        binned = np.digitize(values, edges)
    else:
        width = {"flatRegion": 5000, "normalization": 5}.get(setting, 25)
        binned = np.floor(values / width) - np.floor(values.min() / width) + 1
    found = np.zeros(image.shape, np.int32)
    found[mask] = binned
    return found, int(found.max())


def baseline(folder: Path, family: str) -> dict[str, dict[str, float]]:
    """Case and setting to feature to value."""
    with (folder / f"baseline/baseline_{family}.csv").open() as lines:
        head, *rows = csv.reader(lines)
    return {
        test: {row[0].rsplit("_", 1)[1]: float(row[i]) for row in rows if row[0].startswith("original_")}
        for i, test in enumerate(head[1:], start=1)
    }
