"""Settings in words, as IBSI's reporting guidelines want them (reference manual, chapter 4): for a page, a methods
section, and the table of presets in the docs.
"""

from __future__ import annotations

from collections.abc import Sequence

from isocenter.radiomics.settings import FAMILIES, IN_PLANE, IN_SPACE, PRESETS, Settings
from isocenter.radiomics.written import settings_of

_UNITS = {"ct": " HU", "pet": " SUV"}
_AGGREGATIONS = {
    "2D_avg": "in 2D, averaged over directions and slices",
    "2D_comb": "in 2D, merged in each slice and averaged",
    "2_5D_avg": "in 2.5D, merged by direction and averaged",
    "2_5D_comb": "in 2.5D, merged over all slices",
    "3D_avg": "in 3D, averaged over directions",
    "3D_comb": "in 3D, merged over directions",
}
_SETS = {IN_SPACE: "in 3D, averaged and merged over directions", IN_PLANE: "in 2D and 2.5D, averaged and merged"}


def worded(settings: Settings) -> dict[str, str]:
    """What is done, in order: voxels, intensities, grey levels, volume histogram, texture, features."""
    return {
        "voxels": _voxels(settings),
        "intensities": _intensities(settings),
        "grey levels": _levels(settings),
        "intensity-volume histogram": _volume_histogram(settings),
        "texture": _SETS.get(settings.aggregations) or ", ".join(_AGGREGATIONS[one] for one in settings.aggregations),
        "features": _families(settings),
    }


def phrase(settings: Settings) -> str:
    """The same as one phrase, without a full stop."""
    told = worded(settings)
    return "; ".join([told.pop("voxels"), *(f"{name}: {what}" for name, what in told.items())])


def sentences(presets: Sequence[str], *, flat: bool, framed: bool, calibrated: bool) -> list[str]:
    """One an image, from texts "IMAGE=PRESET[:key=value]..."; the others as in `Settings.suited`."""
    found = []
    for text in presets:
        image, _, chosen = text.partition("=")
        settings = settings_of(chosen).suited(flat=flat, framed=framed, calibrated=calibrated)
        whole = "the whole image, without what grows with its size; " if framed else ""
        found.append(f"Radiomics of {image} were computed by preset {chosen} ({whole}{phrase(settings)}).")
    return found


def table() -> list[dict[str, str]]:
    """Each preset, a row."""
    return [{"preset": name, **worded(settings)} for name, settings in PRESETS.items()]


def _voxels(settings: Settings) -> str:
    if settings.spacing is None:
        return "not resampled"
    spacing = settings.spacing
    sides = (spacing,) * 3 if isinstance(spacing, int | float) else spacing
    own, where = (sides[1:], " in plane") if settings.by_slice else (sides, "")
    mask = "" if settings.interpolation == "nearest" else f", masks linearly, from {settings.mask_threshold:g} on"
    how = {"nearest": "the nearest voxel", "linear": "linear interpolation", "cubic": "cubic B-splines"}
    return f"resampled to {' x '.join(f'{side:g}' for side in own)} mm{where} by {how[settings.interpolation]}{mask}"


def _intensities(settings: Settings) -> str:
    unit = _unit(settings)
    low, high = settings.range or (None, None)
    said = ["rounded to whole numbers"] if settings.round_intensities else []
    if low is not None and high is not None:
        said.append(f"kept from {low:g} to {high:g}{unit}")
    elif low is not None or high is not None:
        said.append(f"kept from {low:g}{unit} on" if low is not None else f"kept up to {high:g}{unit}")
    if settings.outliers is not None:
        said.append(f"kept within {settings.outliers:g} standard deviations of the region's mean")
    return ", ".join(said) or "all kept"


def _levels(settings: Settings) -> str:
    if settings.bins is not None:
        return f"{settings.bins} bins between the region's extremes"
    unit, low = _unit(settings), (settings.range or (None, None))[0]
    start = "the region's minimum" if low is None else f"{low:g}{unit}"
    if settings.bin_origin == "zero":
        start = "0 up and down"
    return f"bins of {settings.bin_width:g}{unit} from {start}"


def _volume_histogram(settings: Settings) -> str:
    if "ivh" not in settings.families:
        return "none"
    if settings.ivh_bins is not None:
        return f"{settings.ivh_bins} bins"
    return (
        "intensities as they are" if settings.ivh_width is None else f"bins of {settings.ivh_width:g}{_unit(settings)}"
    )


def _families(settings: Settings) -> str:
    left = [family for family in FAMILIES if family not in settings.families]
    said = "all families" if not left else f"all families but {', '.join(left)}"
    if len(left) > len(settings.families):
        said = ", ".join(settings.families)
    return said + (", named as PyRadiomics does" if settings.names == "pyradiomics" else "")


def _unit(settings: Settings) -> str:
    return _UNITS.get(settings.preset, "")
