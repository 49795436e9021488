"""Surfaces whose size is known; closed however the mask looks; the same when it is turned."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from isocenter.radiomics import mesh


def test_one_voxel_is_an_octahedron() -> None:
    mask = np.ones((1, 1, 1), dtype=bool)
    assert mesh.measured(mask, (1.0, 1.0, 1.0)) == pytest.approx((math.sqrt(3), 1 / 6))
    assert mesh.measured(mask, (2.0, 3.0, 4.0))[1] == pytest.approx(24 / 6)


def test_a_ball() -> None:
    z, y, x = np.ogrid[-30:31, -30:31, -30:31]
    area, volume = mesh.measured(z * z + y * y + x * x <= 25**2, (1.0, 1.0, 1.0))
    assert volume == pytest.approx(4 / 3 * math.pi * 25**3, rel=0.01)
    assert area == pytest.approx(4 * math.pi * 25**2, rel=0.1)  # stairs: a mesh of a mask is never smooth


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_surface_is_closed(share: float) -> None:
    """A closed surface has the same volume wherever it is measured from, and along whichever axis."""
    mask = np.random.default_rng(0).random((7, 8, 9)) < share
    found = {mesh.measured(np.pad(mask, ((n, 0), (0, 0), (0, 0))), (1.0, 2.0, 0.5)) for n in (0, 5)}
    assert len({tuple(round(v, 9) for v in one) for one in found}) == 1
    for order in itertools.permutations(range(3)):
        turned = np.ascontiguousarray(mask.transpose(order))
        sides = tuple((1.0, 2.0, 0.5)[axis] for axis in order)
        assert mesh.measured(turned, sides) == pytest.approx(found.pop() if len(found) > 1 else next(iter(found)))


def test_every_edge_of_every_kind_is_shared_by_two_triangles_or_lies_on_a_side() -> None:
    kinds, weights, corners = mesh._triangles()
    assert np.bincount(kinds, weights=weights, minlength=256)[[0, 255]].tolist() == [0, 0]
    for kind in range(1, 255):
        total = np.zeros(3)
        for weight, (a, b, c) in zip(weights[kinds == kind], corners[kinds == kind], strict=True):
            total += weight * np.cross(b - a, c - a)
        opposite = np.zeros(3)
        for weight, (a, b, c) in zip(weights[kinds == 255 - kind], corners[kinds == 255 - kind], strict=True):
            opposite += weight * np.cross(b - a, c - a)
        ambiguous = any(
            bool(kind >> s[0] & 1) == bool(kind >> s[2] & 1) != bool(kind >> s[1] & 1) == bool(kind >> s[3] & 1)
            for s in mesh._SIDES
        )
        if not ambiguous:
            np.testing.assert_allclose(total, -opposite, atol=1e-12)  # inside out is the same surface, other side
