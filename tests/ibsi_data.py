"""The phantoms and reference tables of IBSI 1."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np


def phantom(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Image and mask (z, y, x), and the size of voxels."""
    where = folder / "ibsi" / name / "nifti"
    image, mask = nib.load(where / "image/phantom.nii.gz"), nib.load(where / "mask/mask.nii.gz")
    return (
        np.asarray(image.dataobj).T,
        np.asarray(mask.dataobj).T > 0,
        tuple(float(side) for side in image.header.get_zooms()[::-1]),
    )


def reference(folder: Path, name: str) -> list[tuple[str, float, float, int]]:
    """Tag, value, tolerance, and significant digits (three or more) of each row with a value."""
    lines = (folder / "ibsi/ibsi1_reference_values" / f"ibsi_1_{name}.csv").read_text().splitlines()[1:]
    rows = [line.split(";") for line in lines]
    return [(tag, float(value), float(far), max(3, _digits(value))) for value, far, tag in rows if value]


def _digits(value: str) -> int:
    return len(value.partition("E")[0].lstrip("-").replace(".", "").strip("0"))


def misses(found: dict[str, float], rows: list[tuple[str, float, float, int]]) -> list[str]:
    return [
        f"{tag}: {found.get(tag)} not {value} +- {tolerance}"
        for tag, value, tolerance, digits in rows
        if tag not in found
        or not abs(float(f"{found[tag]:.{digits - 1}e}") - value) <= tolerance * (1 + 1e-9) + 1e-9 * abs(value)
    ]
