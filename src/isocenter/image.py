"""Pixels with their place in space: arrays and affines travel together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Geometry:
    """Where voxels lie: LPS millimetres (DICOM's patient coordinates).

    shape: (slices, rows, columns) = (D, H, W); affine: 4 x 4, maps (slice, row, column, 1) to
    (x, y, z, 1), x to the patient's Left, y Posterior, z Superior; calibrated: False where the
    file gives no physical size (PNG, JPEG, a projection radiograph's imager spacing): lengths
    are then in pixels and must not be called millimetres.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    calibrated: bool = True

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbours along (slice, row, column), in mm where calibrated."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    def same_grid(self, other: Geometry, tolerance: float = 1e-3) -> bool:
        """Equal shape, and no voxel corner further apart than `tolerance` mm."""
        if self.shape != other.shape:
            return False
        far = np.array([*(n - 1 for n in self.shape), 1.0])
        corners = np.array([[0, 0, 0, 1.0], far, *(np.where(np.arange(4) == i, far, [0, 0, 0, 1.0]) for i in range(3))])
        apart = (self.affine - other.affine) @ corners.T
        return bool(np.abs(apart[:3]).max() <= tolerance)

    @classmethod
    def pixels(cls, shape: tuple[int, int, int]) -> Geometry:
        """A grid of unknown physical size: unit spacing, not calibrated."""
        affine = np.eye(4)[:, [2, 1, 0, 3]]  # slice -> z, row -> y, column -> x
        return cls(shape, affine, calibrated=False)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """array: (C, D, H, W), C channels (3 for colour); a radiograph has D = 1."""

    array: NDArray[np.generic]
    geometry: Geometry
    modality: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """labels: (D, H, W) integers, 0 is background; on the grid `geometry`."""

    labels: NDArray[np.integer]
    geometry: Geometry
