"""Volumes with regions, written as cases of named images and masks."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

from isocenter.case import IMAGE, MASK, Case, Source

SIZE = (24, 22, 12)  # columns, rows, slices


def volume(
    seed: int, spacing: tuple[float, ...] = (1.0, 1.0, 2.0), size: tuple[int, ...] = SIZE
) -> nibabel.Nifti1Image:
    values = np.random.default_rng(seed).normal(100, 20, size).cumsum(axis=0) / 10
    return nibabel.Nifti1Image(values.astype(np.float32), np.diag([*spacing, 1.0]))


def ball(
    labels: int = 1, size: tuple[int, ...] = SIZE, spacing: tuple[float, ...] = (1.0, 1.0, 2.0)
) -> nibabel.Nifti1Image:
    """Labels side by side along the first axis."""
    mask = np.zeros(size, np.uint8)
    columns, rows, _ = size
    inside = slice(columns // 6, columns * 5 // 6)
    mask[inside, rows // 4 : rows * 3 // 4, 3:9] = np.sort(
        np.resize(np.arange(1, labels + 1), inside.stop - inside.start)
    )[:, None, None]
    return nibabel.Nifti1Image(mask, np.diag([*spacing, 1.0]))


def case_of(folder: Path, case_id: str, images: dict[str, object], masks: dict[str, object]) -> Case:
    sources = []
    (folder / case_id).mkdir(parents=True)
    for role, files in ((IMAGE, images), (MASK, masks)):
        for name, content in files.items():
            path = folder / case_id / f"{name}_{role}.nii.gz"
            nibabel.save(content, path)
            sources.append(Source(role, name, (str(path),)))
    return Case(case_id, case_id, tuple(sources))
