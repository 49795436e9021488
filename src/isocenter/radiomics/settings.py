"""How features are computed, as plain values, and the presets that have a name.

The names of steps are those of the IBSI reference manual (arXiv 1612.07003), section 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from isocenter.errors import UsageError
from isocenter.radiomics.filters.kinds import Filter, distinct
from isocenter.radiomics.textures import AGGREGATIONS
from isocenter.radiomics.textures import FAMILIES as TEXTURES

Spacing = tuple[float, float, float]

# `autocorrelation` is Moran's I and Geary's C, which IBSI counts as morphology: all pairs of voxels enter.
FAMILIES = ("morphology", "autocorrelation", "local", "statistics", "histogram", "ivh", *TEXTURES)
_NEEDS_SPACE = ("morphology", "autocorrelation", "local")  # nor has an image's frame a shape that tells
OF_RESPONSES = ("statistics", "histogram", "ivh", *TEXTURES)
RESPONSE_BINS = 32
_OWN_NAMES = ("autocorrelation", "local", "ivh", "gldzm")  # PyRadiomics has no name for any feature of these
IN_PLANE, IN_SPACE = AGGREGATIONS[:4], AGGREGATIONS[4:]
_FINEST = 1e-6  # mm: nothing that is imaged is smaller
INTERPOLATIONS = ("linear", "cubic", "nearest")


@dataclass(frozen=True)
class Settings:
    """Everything that changes a feature.

    by_slice: interpolate in plane only. spacing: wanted mm, one number or (slice, row, column);
    None keeps the grid. interpolation: of intensities; masks are interpolated linearly (nearest where
    intensities are), and a voxel belongs to the region from `mask_threshold` on. round_intensities: to whole
    numbers after interpolation (HU). range: intensities kept, an open end is None. outliers: keep those
    within so many standard deviations of the region's mean. bins: number of equal bins between the region's
    extremes; bin_width: their size, from the lower end of `range`, else from the region's minimum; exactly
    one of the two. bin_origin: "zero" puts edges on multiples of bin_width instead, as PyRadiomics does.
    ivh_bins, ivh_width: the same for the intensity-volume histogram, which with neither takes
    intensities as they are. names: "ibsi" tags, or those of "pyradiomics". filters: the features of each response
    join those of the intensities, see `of_responses`.
    """

    preset: str = ""
    by_slice: bool = False
    spacing: float | Spacing | None = None
    interpolation: str = "linear"
    mask_threshold: float = 0.5
    round_intensities: bool = False
    range: tuple[float | None, float | None] | None = None
    outliers: float | None = None
    bins: int | None = None
    bin_width: float | None = None
    bin_origin: str = "region"
    ivh_bins: int | None = None
    ivh_width: float | None = None
    aggregations: tuple[str, ...] = IN_SPACE
    families: tuple[str, ...] = FAMILIES
    names: str = "ibsi"
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        if (self.bins is None) == (self.bin_width is None):
            raise UsageError("Grey levels need either a number of bins or a bin width.", "Give one of the two.")
        if self.ivh_bins is not None and self.ivh_width is not None:
            raise UsageError("The intensity-volume histogram takes a number of bins or a width.", "Give at most one.")
        for what, number in (("bins", self.bins), ("ivh_bins", self.ivh_bins)):
            if number is not None and number < 1:
                raise UsageError(f"{what} is {number}.", "Give 1 or more.")
        for what, size in (("bin_width", self.bin_width), ("ivh_width", self.ivh_width), ("outliers", self.outliers)):
            if size is not None and not 0 < size < float("inf"):
                raise UsageError(f"{what} is {size}.", "Give a positive number.")
        for what, chosen, known in (
            ("interpolation", (self.interpolation,), INTERPOLATIONS),
            ("family", self.families, FAMILIES),
            ("aggregation", self.aggregations, AGGREGATIONS),
            ("bin_origin", (self.bin_origin,), ("region", "zero")),
            ("names", (self.names,), ("ibsi", "pyradiomics")),
        ):
            for one in chosen:
                if one not in known:
                    raise UsageError(f"There is no {what} {one!r}.", f"Known: {', '.join(known)}.")
        if any(not _FINEST <= side < float("inf") for side in self.wanted((1.0, 1.0, 1.0))):
            raise UsageError(f"A voxel of {self.spacing} mm cannot be.", "Give one or three positive numbers, in mm.")
        distinct(self.filters)

    @property
    def of_responses(self) -> Settings:
        """How the features of a response map are computed.

        Responses have no unit. So grey levels are a fixed number of bins (IBSI 1 manual, section 2.7, recommends it
        for such images; MIRP, of IBSI 2's authors, does so too), `bins` or else 32; the intensity-volume histogram
        has 1000 (there for arbitrary units). `range` has done its work: it was that of intensities. Shape
        and peaks are not of a response.
        """
        families = tuple(family for family in self.families if family in OF_RESPONSES)
        told = {"bins": self.bins or RESPONSE_BINS, "bin_width": None, "ivh_bins": 1000, "ivh_width": None}
        return replace(self, range=None, families=families, filters=(), **told)  # type: ignore[arg-type]

    @property
    def named(self) -> tuple[str, ...]:
        """The families that have features under the names that are asked for."""
        return tuple(one for one in self.families if self.names == "ibsi" or one not in _OWN_NAMES)

    def suited(self, *, flat: bool, framed: bool, calibrated: bool = True) -> Settings:
        """For pictures (flat), whole images (framed) and volumes without a scale.

        These keep their grid (whole volumes do not), and what speaks of space or of the frame goes.
        """
        without = _NEEDS_SPACE if flat or framed else ()
        families = tuple(family for family in self.families if family not in without)
        if not flat:
            return replace(self, families=families, spacing=self.spacing if calibrated else None)
        plane = "2_5D" if self.names == "pyradiomics" else "2D"  # of one slice they are the same
        aggregations = tuple(dict.fromkeys(f"{plane}_{one.rpartition('_')[2]}" for one in self.aggregations))
        return replace(self, families=families, spacing=None, by_slice=True, aggregations=aggregations)

    def wanted(self, given: Spacing) -> Spacing:
        """Spacing after interpolation, from that of the image."""
        if self.spacing is None:
            return given
        if isinstance(self.spacing, int | float):
            z, y, x = (float(self.spacing),) * 3
        else:
            z, y, x = self.spacing
        return (given[0], y, x) if self.by_slice else (z, y, x)


def preset(name: str, **changes: object) -> Settings:
    """The settings of a preset, some of them changed. Raises UsageError: no such preset."""
    if name not in PRESETS:
        raise UsageError(f"There is no preset {name!r}.", f"Known: {', '.join(PRESETS)}.")
    return replace(PRESETS[name], **changes)  # type: ignore[arg-type]


_SPACE = Settings(spacing=2.0, round_intensities=True, bins=32)

# A to E: the configurations of the reference manual for its CT phantom. Others are ours: CT in Hounsfield units
# with bins that mean the same in every scan; MR, whose numbers have no unit, by equal bins within 3 standard
# deviations; PET in SUV from 0 on. They leave out `autocorrelation`, two features that take longer than all
# others together. `pyradiomics`: the defaults and names of PyRadiomics 3.
_COMMON = tuple(family for family in FAMILIES if family != "autocorrelation")
PRESETS = {
    one.preset: one
    for one in (
        Settings("ibsi-A", by_slice=True, range=(-500, 400), bin_width=25, aggregations=IN_PLANE),
        Settings(
            "ibsi-B", by_slice=True, spacing=2.0, round_intensities=True, range=(-500, 400), bins=32,
            aggregations=IN_PLANE,
        ),
        replace(_SPACE, preset="ibsi-C", range=(-1000, 400), bins=None, bin_width=25, ivh_width=2.5),
        replace(_SPACE, preset="ibsi-D", outliers=3.0),
        replace(_SPACE, preset="ibsi-E", interpolation="cubic", range=(-1000, 400), outliers=3.0, ivh_bins=1000),
        Settings("ct", spacing=1.0, round_intensities=True, range=(-1000, 3000), bin_width=25, families=_COMMON),
        Settings("mr", spacing=1.0, outliers=3.0, bins=32, ivh_bins=1000, families=_COMMON),
        Settings("pet", spacing=3.0, range=(0, None), bin_width=0.25, ivh_bins=1000, families=_COMMON),
        Settings(
            "pyradiomics", bin_width=25, bin_origin="zero", aggregations=("3D_avg",), names="pyradiomics",
            families=("morphology", "statistics", "histogram", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"),
        ),
    )
}  # fmt: skip
