"""Morphology: volume, surface, axes, and how much of its hulls a region fills (reference manual, section 3.1).

The densities of the oriented bounding box and of the minimum volume enclosing ellipsoid are not computed:
both are found by search, no value of them was ever agreed on (the reference tables leave them blank).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist
from scipy.special import eval_legendre

from isocenter.radiomics import mesh
from isocenter.radiomics.prepared import Bools, Prepared
from isocenter.radiomics.settings import Spacing

Floats = NDArray[np.float64]

NAN = float("nan")


def morphology(one: Prepared) -> dict[str, float]:
    """Features by tag, of the morphological mask; lengths in mm. NaN where undefined (axes of one voxel)."""
    shape = np.ascontiguousarray(one.shape[one.core])
    moments = Moments.of(shape, one.spacing)
    area, volume = mesh.measured(shape, one.spacing)
    corners = hull_corners(shape, one.spacing)
    values = one.values
    return {
        **_surface(area, volume, moments.n * math.prod(one.spacing)),
        "morph_com": _shift(one, moments.centre, values),
        "morph_diam": diameter(corners.points),
        **_axes(moments.axes()),
        **_densities(area, volume, shape.shape, one.spacing, moments.axes(), corners),
        "morph_integ_int": float(values.mean()) * volume,
    }


@dataclass(frozen=True)
class Hull:
    """points: (n, 3) mm, its corners; area and volume."""

    points: Floats
    area: float
    volume: float


def hull_corners(shape: Bools, spacing: Spacing) -> Hull:
    """The convex hull of the mesh of `shape` (D, H, W)."""
    points = outline_points(shape) * (np.asarray(spacing) / 2)
    hull = ConvexHull(points)
    return Hull(points[hull.vertices], float(hull.area), float(hull.volume))


def outline_points(shape: Bools) -> NDArray[np.int32]:
    """Vertices of the mesh (n, 3), in half voxels, plane after plane: of each plane the corners of its own hull."""
    from isocenter.radiomics.kernels_shape import outline

    places = np.empty(((2 * shape.shape[0] + 1) * (4 * shape.shape[1] + 2), 3), dtype=np.int32)
    return places[: outline(shape.view(np.uint8), places)]


def diameter(points: Floats) -> float:
    """The largest distance between two of `points` (n, d), a few hundred of them against all at a time."""
    return max(float(cdist(points[i : i + 512], points[i:]).max()) for i in range(0, len(points), 512))


@dataclass(frozen=True)
class Moments:
    """n voxels; centre (3,) mm from the box's first voxel; scatter (3, 3): sums of products about it, mm2."""

    n: int
    centre: Floats
    scatter: Floats

    @classmethod
    def of(cls, shape: Bools, spacing: Spacing) -> Moments:
        """From shadows of the region on planes and lines: whole numbers until the last step."""
        planes = {pair: shape.sum(axis=3 - sum(pair), dtype=np.int64) for pair in ((0, 1), (0, 2), (1, 2))}
        lines = [planes[0, 1].sum(axis=1), planes[0, 1].sum(axis=0), planes[0, 2].sum(axis=0)]
        at = [np.arange(size) for size in shape.shape]
        n = int(lines[0].sum())
        first = np.array([(line * i).sum() for line, i in zip(lines, at, strict=True)], dtype=np.float64)
        second = np.diag([float((line * i * i).sum()) for line, i in zip(lines, at, strict=True)])
        for (a, b), plane in planes.items():
            second[a, b] = second[b, a] = float((plane * at[a][:, None] * at[b][None, :]).sum())
        side = np.asarray(spacing)
        scatter = (second - first[:, None] * first[None, :] / n) * side[:, None] * side[None, :]
        return cls(n, first / n * side, scatter)

    def axes(self) -> list[float]:
        """4 standard deviations (n - 1) along the principal axes, longest first; NaN for one voxel."""
        if self.n < 2:
            return [NAN] * 3
        variances = np.linalg.eigvalsh(self.scatter / (self.n - 1))[::-1]
        tiny = 1e-12 * float(variances[0])
        return [4 * math.sqrt(value) if value > tiny else 0.0 for value in variances]


def _surface(area: float, volume: float, voxels: float) -> dict[str, float]:
    ball = (36 * math.pi * volume**2) ** (1 / 3)  # area of a ball of the same volume
    return {
        "morph_volume": volume,
        "morph_vol_approx": voxels,
        "morph_area_mesh": area,
        "morph_av": area / volume,
        "morph_comp_1": volume / (math.sqrt(math.pi) * area**1.5),
        "morph_comp_2": (ball / area) ** 3,
        "morph_sph_dispr": area / ball,
        "morph_sphericity": ball / area,
        "morph_asphericity": area / ball - 1,
    }


def _shift(one: Prepared, centre: Floats, values: Floats) -> float:
    """Between the centres of the region and of its intensities; NaN where these cancel to 0."""
    total = values.sum()
    if abs(total) <= np.finfo(np.float64).eps * np.abs(values).sum():
        return NAN
    field = np.where(one.inside[one.core], one.image[one.core], 0.0)
    plane, line = field.sum(axis=2), field.sum(axis=(0, 1))
    sums = [(one_line * np.arange(len(one_line))).sum() for one_line in (plane.sum(axis=1), plane.sum(axis=0), line)]
    return float(np.sqrt(((np.array(sums) / total * one.spacing - centre) ** 2).sum()))


def _axes(axes: list[float]) -> dict[str, float]:
    major, minor, least = axes
    return {
        "morph_pca_maj_axis": major,
        "morph_pca_min_axis": minor,
        "morph_pca_least_axis": least,
        "morph_pca_elongation": minor / major if major > 0 else NAN,
        "morph_pca_flatness": least / major if major > 0 else NAN,
    }


def _densities(
    area: float, volume: float, box: tuple[int, ...], spacing: Spacing, axes: list[float], hull: Hull
) -> dict[str, float]:
    d, h, w = (n * side for n, side in zip(box, spacing, strict=True))
    a, b, c = (axis / 2 for axis in axes)
    ellipsoid = 4 / 3 * math.pi * a * b * c
    shell = _shell(a, b, c)
    return {
        "morph_vol_dens_aabb": volume / (d * h * w),
        "morph_area_dens_aabb": area / (2 * (d * h + d * w + h * w)),
        "morph_vol_dens_aee": volume / ellipsoid if ellipsoid > 0 else NAN,
        "morph_area_dens_aee": area / shell if shell > 0 else NAN,
        "morph_vol_dens_conv_hull": volume / hull.volume,
        "morph_area_dens_conv_hull": area / hull.area,
    }


def _shell(a: float, b: float, c: float) -> float:
    """Area of an ellipsoid by the series that IBSI prescribes, its first 21 terms; semi-axes, longest first.

    It is not the exact area: the reference values of the density have it so.
    """
    if not c > 0:
        return NAN
    first, second = math.sqrt(1 - (b / a) ** 2), math.sqrt(1 - (c / a) ** 2)
    product = first * second
    if product == 0:  # two equal long axes: each polynomial's leading term alone is left
        terms = np.arange(21)
        leading = eval_legendre(terms, 1.0) * np.cumprod(np.r_[1.0, (2 * terms[1:] - 1) / terms[1:]])
        powers = ((first**2 + second**2) / 2) ** terms * leading
    else:
        terms = np.arange(21)
        powers = product**terms * eval_legendre(terms, (first**2 + second**2) / (2 * product))
    return 4 * math.pi * a * b * float((powers / (1 - 4.0 * terms**2)).sum())
