"""The filters of IBSI 2 as plain values: what is to be done, nothing of how.

Axes are named as IBSI names them: kernels "L5E5S5", bands "LHH" and Riesz orders (1, 0, 0) run along x, y, z, while
arrays are (z, y, x). Lengths are millimetres where their name says so, else voxels; angles are radians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import isfinite, pi
from typing import ClassVar

from isocenter.errors import UsageError
from isocenter.radiomics.filters.kernels import LAWS, wavelet

BOUNDARIES = ("mirror", "nearest", "periodic", "zero")
POOLINGS = ("mean", "max", "min")
Order = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What all filters share.

    by_slice: in the plane of the slices, each for itself, instead of in three dimensions.
    boundary: how the image goes on beyond its edge: "mirror" (about the edge: cba|abc), "nearest", "periodic", "zero".
    """

    name: ClassVar[str] = ""
    always: ClassVar[tuple[str, ...]] = ()  # fields that a label says even where they are the defaults
    by_slice: bool = False
    boundary: str = "mirror"

    def __post_init__(self) -> None:
        """Raises UsageError for values that make no filter."""
        _one_of(self, "boundary", BOUNDARIES)
        self._check()

    def _check(self) -> None:
        """What a kind demands of its own values."""

    @property
    def label(self) -> str:
        """Name, what its kind always says and what differs from the defaults: wavelet_band_LLH, log_sigma_mm_1.5.

        For the names of columns: letters, digits, `_` and `.` only, and another label for another filter.
        """
        said = [self.name]
        own = (field for field in fields(self) if field.name in self.always)
        for field in (*own, *(field for field in fields(self) if field.name not in self.always)):
            value = getattr(self, field.name)
            if field.name in self.always or value != field.default:
                said.append(field.name if value is True else f"{field.name}_{_text(value)}")
        return "_".join(said)


@dataclass(frozen=True, kw_only=True)
class Mean(Filter):
    """The mean of `size` voxels a side (odd)."""

    name: ClassVar[str] = "mean"
    always: ClassVar[tuple[str, ...]] = ("size",)
    size: int = 5

    def _check(self) -> None:
        if self.size < 1 or self.size % 2 == 0:
            raise UsageError(f"A mean filter of {self.size} voxels has no centre.", "Give an odd size: 3, 5, 7 ...")


@dataclass(frozen=True, kw_only=True)
class LoG(Filter):
    """Laplacian of a Gaussian, in units of the finest spacing; cut at `cutoff` sigmas. Dark blobs answer above zero.

    riesz: the order (x, y, z) of a Riesz transform of the response, or None.
    """

    name: ClassVar[str] = "log"
    always: ClassVar[tuple[str, ...]] = ("sigma_mm",)
    sigma_mm: float = 1.5
    cutoff: float = 4.0
    riesz: Order | None = None

    def _check(self) -> None:
        _above_zero(self, "sigma_mm", "cutoff")
        _check_riesz(self, self.riesz)


@dataclass(frozen=True, kw_only=True)
class Laws(Filter):
    """Laws' kernels along x, y (and z), such as "L5E5E5", all with norm 1.

    rotations: all right-angled turns of the kernels, pooled ("max" in IBSI's tests); energy: None, or the distance in
    voxels (Chebyshev) within which the mean of the absolute response is taken: the texture energy image.
    """

    name: ClassVar[str] = "laws"
    always: ClassVar[tuple[str, ...]] = ("kernels",)
    kernels: str = "L5E5E5"
    rotations: bool = True
    pooling: str = "max"
    energy: int | None = 7

    @property
    def along(self) -> tuple[str, ...]:
        """The kernel along each axis, x first."""
        return tuple(self.kernels[i : i + 2] for i in range(0, len(self.kernels), 2))

    def _check(self) -> None:
        _one_of(self, "pooling", POOLINGS)
        if len(self.along) != _axes(self) or any(kernel not in LAWS for kernel in self.along):
            raise UsageError(
                f"{self.kernels!r} does not name {_axes(self)} Laws kernels, one an axis.",
                f"Write {'L5E5' if self.by_slice else 'L5E5E5'}, for example; known are {', '.join(LAWS)}.",
            )
        if self.energy is not None and self.energy < 0:
            raise UsageError(f"The distance of an energy image is {self.energy}.", "Give 0 or more voxels.")


@dataclass(frozen=True, kw_only=True)
class Gabor(Filter):
    """The modulus of the response to a Gabor kernel, in the plane; cut at `cutoff` sigmas of its longer axis.

    by_slice: in the axial plane; else the mean over the three orthogonal planes. gamma: sigma along the wave over sigma
    across it. angle: of the wave, from x to y; step: None, or all angles from there on in such steps, pooled.
    """

    name: ClassVar[str] = "gabor"
    sigma_mm: float = 5.0
    wavelength_mm: float = 2.0
    gamma: float = 1.5
    angle: float = 0.0
    step: float | None = pi / 8
    pooling: str = "mean"
    cutoff: float = 4.0

    def _check(self) -> None:
        _one_of(self, "pooling", POOLINGS)
        _above_zero(self, "sigma_mm", "wavelength_mm", "gamma", "cutoff")
        if not isfinite(self.angle) or (self.step is not None and not 0 < self.step <= 2 * pi):
            raise UsageError(f"Gabor angles in steps of {self.step} cannot be.", "Give above 0, up to 2 pi, or None.")


@dataclass(frozen=True, kw_only=True)
class Wavelet(Filter):
    """Undecimated separable wavelets (a trous): low- or high-pass along x, y (and z) at one level, "LLH".

    wavelet: "haar", "db1" to "db10" or "coif1". rotations: all right-angled turns, pooled ("mean" in IBSI's tests).
    """

    name: ClassVar[str] = "wavelet"
    always: ClassVar[tuple[str, ...]] = ("band",)
    wavelet: str = "db3"
    band: str = "LLH"
    level: int = 1
    rotations: bool = True
    pooling: str = "mean"

    def _check(self) -> None:
        _one_of(self, "pooling", POOLINGS)
        _check_level(self.level)
        wavelet(self.wavelet)
        if len(self.band) != _axes(self) or set(self.band) - {"L", "H"}:
            raise UsageError(
                f"{self.band!r} is no band.", f"Give one L (low) or H (high) an axis, {_axes(self)} of them."
            )


@dataclass(frozen=True, kw_only=True)
class Simoncelli(Filter):
    """The band-pass of Simoncelli's isotropic, non-separable wavelets at one level (1: the finest).

    It is made in the Fourier domain and has no end: the whole image takes part. riesz: as in LoG.
    """

    name: ClassVar[str] = "simoncelli"
    always: ClassVar[tuple[str, ...]] = ("level",)
    boundary: str = "periodic"
    level: int = 1
    riesz: Order | None = None

    def _check(self) -> None:
        _check_level(self.level)
        _check_riesz(self, self.riesz)


KINDS: dict[str, type[Filter]] = {kind.name: kind for kind in (Mean, LoG, Laws, Gabor, Wavelet, Simoncelli)}


def distinct(filters: Sequence[Filter]) -> tuple[Filter, ...]:
    """The same filters; UsageError where two have one label, whose columns would be the same."""
    labels = [one.label for one in filters]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise UsageError(f"The image filter {twice[0]} is there twice.", "Name each once.")
    return tuple(filters)


def _axes(chosen: Filter) -> int:
    return 2 if chosen.by_slice else 3


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ".".join(map(_text, value))
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        whole = f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else repr(value)
        return whole.replace("-", "minus").replace("+", "")
    return str(value)


def _one_of(chosen: Filter, field: str, allowed: tuple[str, ...]) -> None:
    if getattr(chosen, field) not in allowed:
        raise UsageError(f"There is no {field} {getattr(chosen, field)!r}.", f"Known: {', '.join(allowed)}.")


def _above_zero(chosen: Filter, *names: str) -> None:
    for field in names:
        value = getattr(chosen, field)
        if not (isfinite(value) and value > 0):
            raise UsageError(f"{field} of a {chosen.name} filter is {value!r}.", "Give a number above zero.")


def _check_level(level: int) -> None:
    if not 1 <= level <= 8:
        raise UsageError(f"A wavelet has no level {level}.", "Give 1 (the finest) to 8.")


def _check_riesz(chosen: Filter, order: Order | None) -> None:
    if order is not None and (len(order) != _axes(chosen) or min(order) < 0 or sum(order) < 1):
        raise UsageError(f"{order!r} is no Riesz order.", f"Give {_axes(chosen)} numbers, 0 or more, not all 0.")
