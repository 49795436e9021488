"""The surface of a mask as marching cubes draws it, without drawing it.

Marching cubes (Lorensen and Cline 1987) puts a vertex in the middle of every edge between a voxel and none.
With a mask of zeros and ones there are 256 kinds of cubes, so area and volume are those of the kinds, counted.
Where two marked corners face each other across a side, they are kept apart: the surface is always closed.

A loop of five or more corners can be cut into triangles in several ways, which published tables choose by hand.
The values of IBSI agree with the cut of the largest area in a cube of side 1; of equal ones the mean is taken
here, so that a scan turned or mirrored keeps its values.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Cut = tuple[tuple[int, int, int], ...]
Edge = tuple[int, int]

# Corners 4 dz + 2 dy + dx of each side, counter-clockwise as seen from outside.
_SIDES = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))


def measured(mask: Bools, spacing: tuple[float, float, float]) -> tuple[float, float]:
    """Area and volume of the mesh of `mask` (D, H, W), in mm2 and mm3."""
    from isocenter.radiomics.kernels_shape import cubes

    padded = np.pad(mask, 1).view(np.uint8)
    counts = np.zeros((len(padded) - 1, 256), dtype=np.int64)
    cubes(padded, counts)
    area, fluxes, moments = _kinds(spacing)
    depth = np.arange(len(counts)) * spacing[0]
    return float(counts.sum(axis=0) @ area), float((counts * (depth[:, None] * fluxes + moments)).sum())


def _kinds(spacing: tuple[float, float, float]) -> tuple[Floats, Floats, Floats]:
    """Of each kind of cube (256,): area; and, by the divergence theorem, what it adds to the volume: the part
    of its area that looks along the slices, and the integral of depth over that."""
    kinds, weights, corners = _triangles()
    corners = corners * spacing
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2 * weights[:, None]
    depth = corners[:, :, 0].mean(axis=1)
    sums = (np.linalg.norm(normals, axis=1), normals[:, 0], normals[:, 0] * depth)
    area, flux, moment = (np.bincount(kinds, weights=one, minlength=256).astype(np.float64) for one in sums)
    return area, flux, moment


@cache
def _triangles() -> tuple[NDArray[np.intp], Floats, Floats]:
    """The kind of each triangle (n,), its weight (n,), and its corners (n, 3, 3) in voxels, outwards by the
    right-hand rule."""
    kinds, weights, corners = [], [], []
    for kind in range(256):
        for loop in _loops(kind):
            points = np.array([_middle(edge) for edge in loop])
            cuts = _largest(points)
            for triangle in (one for cut in cuts for one in cut):
                kinds.append(kind)
                weights.append(1 / len(cuts))
                corners.append(points[list(triangle)])
    return np.array(kinds), np.array(weights), np.array(corners)


def _largest(points: Floats) -> list[Cut]:
    """The cuts of a loop (n, 3) into triangles that have the largest area."""
    cuts = _cuts(0, len(points) - 1)
    areas = []
    for cut in cuts:
        a, b, c = (points[list(one)] for one in zip(*cut, strict=True))
        areas.append(float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()))
    return [cut for cut, area in zip(cuts, areas, strict=True) if area > max(areas) - 1e-9]


@cache
def _cuts(first: int, last: int) -> list[Cut]:
    """All ways to cut the polygon first, first + 1, ..., last."""
    if last - first < 2:
        return [()]
    return [
        (*before, *after, (first, middle, last))
        for middle in range(first + 1, last)
        for before in _cuts(first, middle)
        for after in _cuts(middle, last)
    ]


def _loops(kind: int) -> list[list[Edge]]:
    """The closed lines, edge by edge, in which the surface cuts the sides of a cube."""
    follows: dict[Edge, Edge] = {}
    for side in _SIDES:
        inside = [bool(kind >> corner & 1) for corner in side]
        for i in range(4):
            if inside[i] and not inside[i - 1]:  # a run of marked corners begins: cut it off where it ends
                j = i
                while inside[(j + 1) % 4]:
                    j += 1
                start, end = (side[i - 1], side[i]), (side[j % 4], side[(j + 1) % 4])
                follows[_edge(*end)] = _edge(*start)
    loops = []
    while follows:
        loop = [next(iter(follows))]
        while (following := follows.pop(loop[-1])) != loop[0]:
            loop.append(following)
        loops.append(loop)
    return loops


def _edge(a: int, b: int) -> Edge:
    return (a, b) if a < b else (b, a)


def _middle(edge: Edge) -> tuple[float, float, float]:
    a, b = edge
    z, y, x = ((a >> bit & 1) + (b >> bit & 1) for bit in (2, 1, 0))
    return z / 2, y / 2, x / 2
