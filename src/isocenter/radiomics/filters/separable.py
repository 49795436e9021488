"""Filters that are one pass an axis: mean, Laplacian of Gaussian, Laws, separable wavelets.

Each is a list of terms, a kernel an axis, that are added or pooled. Terms share their first passes, and what is added
or averaged is added as kernels before the last pass: convolution is linear. So 24 turns cost a few passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isocenter.radiomics.filters.kernels import LAWS, Kernel, gaussian, wavelet_kernel
from isocenter.radiomics.filters.kinds import Filter, Laws, LoG, Mean, Wavelet
from isocenter.radiomics.filters.padding import Box, Floats, Reach, block

_LEAVE = np.ones(1)  # the kernel of an axis that is left alone
_EXTREME = {"max": np.maximum, "min": np.minimum}


@dataclass(frozen=True)
class Term:
    """One kernel an axis, (z, y, x), and the sign of their product."""

    kernels: tuple[Kernel, ...]
    sign: float = 1.0


@dataclass(frozen=True)
class Bank:
    """Terms, how they are pooled ("sum", "mean", "max", "min"), and the distance of an energy image."""

    terms: list[Term]
    pooling: str
    energy: Reach = (0, 0, 0)
    absolute: bool = False

    @property
    def reach(self) -> Reach:
        """Voxels that the kernels need beyond a block, (z, y, x), the energy image left out."""
        longest = [max(len(term.kernels[axis]) for term in self.terms) // 2 for axis in range(3)]
        return longest[0], longest[1], longest[2]

    @property
    def margin(self) -> Reach:
        """Voxels that are needed beyond a region in all."""
        (z, y, x), (more_z, more_y, more_x) = self.reach, self.energy
        return z + more_z, y + more_y, x + more_x


def bank_of(chosen: Filter, spacing: tuple[float, float, float]) -> Bank:
    """The terms of a separable filter on a grid of `spacing` (z, y, x) mm."""
    axes = 2 if chosen.by_slice else 3
    if isinstance(chosen, Mean):
        return Bank([_term([np.full(chosen.size, 1 / chosen.size)] * axes)], "sum")
    if isinstance(chosen, LoG):
        return Bank(_laplacian(chosen, spacing[3 - axes :]), "sum")
    if isinstance(chosen, Laws):
        kernels = [LAWS[name] for name in reversed(chosen.along)]
        near = chosen.energy or 0
        distance = (0 if chosen.by_slice else near, near, near)
        return Bank(_turned(kernels, chosen.rotations), chosen.pooling, distance, absolute=chosen.energy is not None)
    if isinstance(chosen, Wavelet):
        kernels = [wavelet_kernel(chosen.wavelet, band, chosen.level) for band in reversed(chosen.band)]
        return Bank(_turned(kernels, chosen.rotations), chosen.pooling)
    raise TypeError(f"no separable filter: {chosen!r}")


def respond(image: NDArray[np.generic], box: Box, bank: Bank, boundary: str) -> Floats:
    """The response in `box`."""
    response = _pooled(block(image, box, bank.margin, boundary), bank)
    if not bank.absolute:
        return response
    response = np.abs(response)
    for axis, distance in enumerate(bank.energy):
        response = _passed(response, np.full(2 * distance + 1, 1 / (2 * distance + 1)), axis)
    return response


def _pooled(padded: Floats, bank: Bank) -> Floats:
    total: Floats | None = None
    extreme = _EXTREME.get(bank.pooling)
    reach = bank.reach
    for z, with_z in _grouped(bank.terms, 0, reach):
        along_z = _passed(padded, z, 0)
        for y, with_y in _grouped(with_z, 1, reach):
            along_y = _passed(along_z, y, 1)
            for x, signs in _last(with_y, reach, merged=extreme is None):
                response = _passed(along_y, x, 2)
                for signed in (sign * response if sign != 1 else response for sign in signs):
                    total = signed if total is None else (extreme or np.add)(total, signed)
    if total is None:  # the turns of an odd kernel cancel each other
        inner = tuple(slice(more, length - more) for length, more in zip(padded.shape, reach, strict=True))
        return np.zeros_like(padded[inner])
    return total / len(bank.terms) if bank.pooling == "mean" else total


def _grouped(terms: Sequence[Term], axis: int, reach: Reach) -> Iterator[tuple[Kernel, list[Term]]]:
    """Terms with the same kernel along `axis`, with that kernel as long as the longest there."""
    groups: dict[bytes, tuple[Kernel, list[Term]]] = {}
    for term in terms:
        kernel = _as_long(term.kernels[axis], reach[axis])
        groups.setdefault(kernel.tobytes(), (kernel, []))[1].append(term)
    yield from groups.values()


def _last(terms: list[Term], reach: Reach, *, merged: bool) -> Iterator[tuple[Kernel, set[float]]]:
    """Kernels of the last pass with the signs of their responses: each of its own, or all added to one."""
    if not merged:
        for kernel, same in _grouped(terms, 2, reach):
            yield kernel, {term.sign for term in same}
        return
    kernel = np.sum([term.sign * _as_long(term.kernels[2], reach[2]) for term in terms], axis=0)
    if kernel.any():
        yield kernel, {1.0}


def _as_long(kernel: Kernel, reach: int) -> Kernel:
    return np.pad(kernel, reach - len(kernel) // 2) if len(kernel) // 2 < reach else kernel


def _passed(padded: Floats, kernel: Kernel, axis: int) -> Floats:
    """A valid convolution along one axis."""
    reach = len(kernel) // 2
    if len(kernel) == 1 and kernel[0] == 1:
        return padded
    whole = ndimage.convolve1d(padded, kernel, axis=axis, mode="constant")
    return np.asarray(
        whole[tuple(slice(reach, whole.shape[axis] - reach) if axis == i else slice(None) for i in range(3))]
    )


def _term(kernels: Sequence[Kernel], sign: float = 1.0) -> Term:
    """Given two kernels, z is left alone; the sign of each kernel is taken out, so that equals are found."""
    made = []
    for kernel in kernels:
        turned = -1.0 if kernel[np.flatnonzero(kernel)[0]] < 0 else 1.0
        made.append(np.ascontiguousarray(kernel * turned) + 0.0)  # + 0.0: no negative zeros, which differ as bytes
        sign *= turned
    return Term((_LEAVE,) * (3 - len(made)) + tuple(made), sign)


def _laplacian(chosen: LoG, spacing: tuple[float, ...]) -> list[Term]:
    """The second derivative along each axis, the others smoothed, in units of the finest spacing."""
    smooth, second = zip(*(gaussian(chosen.sigma_mm / width, chosen.cutoff) for width in spacing), strict=True)
    finest = min(spacing)
    terms = []
    for axis, width in enumerate(spacing):
        weighted = second[axis] * (finest / width) ** 2
        terms.append(_term([weighted if axis == other else smooth[other] for other in range(len(spacing))]))
    return terms


def _turned(kernels: list[Kernel], rotations: bool) -> list[Term]:
    """All right-angled rotations of the kernels (4 in the plane, 24 in space), or the kernels as they are.

    A rotation permutes the axes and turns some around: as many as make its determinant 1.
    """
    if not rotations:
        return [_term(kernels)]
    axes = len(kernels)
    terms = []
    for order in permutations(range(axes)):
        parity = np.linalg.det(np.eye(axes)[list(order)])
        for around in product((1, -1), repeat=axes):
            if parity * np.prod(around) > 0:
                terms.append(_term([kernels[i][::way] for i, way in zip(order, around, strict=True)]))
    return terms
