"""Size and shape of a region, as far as voxels give them without a surface mesh.

Names with `morph_` are those of IBSI 1 (reference manual, section 3.1), whose definitions they
keep: volume by counting voxels, principal axes, centre-of-mass shift, maximum diameter. Volume
and area of the mesh, and what is made of them (sphericity, compactness, densities), are not here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Spacing = tuple[float, float, float]

# Not `morph_...`: IBSI has no two-dimensional shape, and no sides of the bounding box.
VOLUME_SHAPE = (
    "morph_vol_approx", "morph_com", "morph_diam", "morph_pca_maj_axis", "morph_pca_min_axis", "morph_pca_least_axis",
    "morph_pca_elongation", "morph_pca_flatness", "shape_box_depth", "shape_box_height", "shape_box_width",
)  # fmt: skip
PLANE_SHAPE = (
    "shape_area", "shape_com", "shape_diam", "shape_maj_axis", "shape_min_axis", "shape_elongation",
    "shape_box_height", "shape_box_width",
)  # fmt: skip


def volume_shape(region: Bools, values: NDArray[np.generic], spacing: Spacing) -> dict[str, float]:
    """Shape of `region` (D, H, W), at least one voxel; `values` (n,) are its intensities in C order, NaN where unknown.

    Lengths in units of `spacing` (slice, row, column): mm, or voxels where not calibrated. NaN
    where a ratio is not defined (one voxel).
    """
    index = np.argwhere(region)
    points = index * np.asarray(spacing)
    axes = _principal_axes(points)
    box = _box(index, spacing)
    return {
        "morph_vol_approx": float(len(index) * np.prod(spacing)),
        "morph_com": _centre_shift(points, values),
        "morph_diam": _diameter(region, spacing),
        "morph_pca_maj_axis": axes[0],
        "morph_pca_min_axis": axes[1],
        "morph_pca_least_axis": axes[2],
        "morph_pca_elongation": _ratio(axes[1], axes[0]),
        "morph_pca_flatness": _ratio(axes[2], axes[0]),
        "shape_box_depth": box[0],
        "shape_box_height": box[1],
        "shape_box_width": box[2],
    }


def plane_shape(region: Bools, values: NDArray[np.generic], spacing: tuple[float, float]) -> dict[str, float]:
    """Shape of `region` (H, W), at least one pixel, as `volume_shape`; spacing (row, column)."""
    index = np.argwhere(region)
    points = index * np.asarray(spacing)
    axes = _principal_axes(points)
    box = _box(index, spacing)
    return {
        "shape_area": float(len(index) * np.prod(spacing)),
        "shape_com": _centre_shift(points, values),
        "shape_diam": _diameter(region, spacing),
        "shape_maj_axis": axes[0],
        "shape_min_axis": axes[1],
        "shape_elongation": _ratio(axes[1], axes[0]),
        "shape_box_height": box[0],
        "shape_box_width": box[1],
    }


def _principal_axes(points: Floats) -> list[float]:
    """Full axis lengths, longest first: 4 times the standard deviation (n - 1) along each principal axis.

    NaN for a single point. The sums are numpy's own, not BLAS's, whose order depends on the number of threads.
    """
    n = points.shape[1]
    if len(points) < 2:
        return [float("nan")] * n
    centred = points - points.mean(axis=0)
    products = [[(centred[:, i] * centred[:, j]).sum() for j in range(n)] for i in range(n)]
    covariance = np.array(products) / (len(points) - 1)
    lambdas = np.linalg.eigvalsh(covariance)[::-1]
    tiny = np.finfo(np.float64).eps * max(float(lambdas[0]), 0.0) * n
    return [4.0 * float(np.sqrt(value)) if value > tiny else 0.0 for value in lambdas]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _box(index: NDArray[np.intp], spacing: tuple[float, ...]) -> list[float]:
    """Sides of the bounding box, whole voxels counted."""
    sides = np.ptp(index, axis=0) + 1
    return [float(side * length) for side, length in zip(sides, spacing, strict=True)]


def _centre_shift(points: Floats, values: NDArray[np.generic]) -> float:
    """Distance between the region's centre and its centre of mass by intensity; NaN where they cancel to 0."""
    weights = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf)
    total = weights.sum()
    if not np.isfinite(total) or abs(total) <= np.finfo(np.float64).eps * np.abs(weights).sum():
        return float("nan")
    centre = np.array([(points[:, i] * weights).sum() / total for i in range(points.shape[1])])
    return float(np.sqrt(((centre - points.mean(axis=0)) ** 2).sum()))


def _diameter(region: Bools, spacing: tuple[float, ...]) -> float:
    """Largest distance between two points of the surface.

    They are the centres of the voxel faces between region and background: where a marching-cubes
    mesh of a binary region has its vertices (IBSI's maximum 3D diameter).
    """
    points = _outer_faces(region) * np.asarray(spacing)
    return float(pdist(_extreme(points)).max())


def _outer_faces(region: Bools) -> Floats:
    """(n, region.ndim) centres of exposed faces, in voxels."""
    padded = np.pad(region, 1)
    faces = []
    for axis in range(region.ndim):
        at = np.argwhere(np.diff(padded.view(np.int8), axis=axis) != 0).astype(np.float64)
        at[:, axis] += 0.5
        faces.append(at - 1.0)
    return np.concatenate(faces)


def _extreme(points: Floats) -> Floats:
    """The corners of the convex hull: the pair furthest apart is among them."""
    if len(points) <= 64:
        return points
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:  # all in one plane cannot happen with faces on every side; a guard for odd spacings
        return points


def bounding_box(region: Bools) -> tuple[slice, ...]:
    """The smallest box that holds the region, at least one voxel: slices to crop with."""
    axes = range(region.ndim)
    extents = [np.flatnonzero(region.any(axis=tuple(a for a in axes if a != axis))) for axis in axes]
    return tuple(slice(int(found[0]), int(found[-1]) + 1) for found in extents)
