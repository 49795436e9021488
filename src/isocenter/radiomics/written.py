"""Settings as text, as the command line takes them: PRESET[:key=value]..., ct:bin_width=10:spacing=2.

Keys are the fields of `Settings`. A range is written low..high, either end may be left open; a spacing of three numbers
slice x row x column, 3x1x1; several families or aggregations are joined by +. A number of bins takes the place of the
preset's width of bins, and a width that of the number.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from isocenter.errors import UsageError
from isocenter.radiomics.settings import Settings, preset

_TRUTHS = {"true": True, "false": False}
_INSTEAD = {"bins": "bin_width", "bin_width": "bins", "ivh_bins": "ivh_width", "ivh_width": "ivh_bins"}


def settings_of(text: str) -> Settings:
    """Raises UsageError for a preset, key or value that is not known, or that makes no settings."""
    name, *pairs = (part.strip() for part in text.split(":"))
    preset(name)
    given: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key not in _READ or not equals or key in given:
            raise UsageError(
                f"'{pair}' in the preset '{text}' cannot be.",
                f"Write PRESET:key=value, each key once: {', '.join(_READ)}.",
            )
        given[key] = _value(key, value, text)
    for key, other in _INSTEAD.items():
        if given.get(key) is not None and other not in given:
            given[other] = None
    try:
        return preset(name, **given)
    except UsageError as wrong:
        raise UsageError(f"The preset '{text}' cannot be: {wrong.what}", wrong.remedy) from None


def _value(key: str, value: str, text: str) -> object:
    read, looks = _READ[key]
    try:
        return None if value.lower() == "none" and key in _NONE else read(value)
    except (ValueError, KeyError):
        raise UsageError(f"'{key}={value}' in the preset '{text}' cannot be.", f"Write it like {looks}.") from None


def _number(value: str) -> float:
    if not isfinite(number := float(value)):
        raise ValueError(value)
    return number


def _range(value: str) -> tuple[float | None, float | None]:
    low, dots, high = value.partition("..")
    if not dots:
        raise ValueError(value)
    ends = _number(low) if low else None, _number(high) if high else None
    if None not in ends and not ends[0] < ends[1]:  # type: ignore[operator]  # both are numbers
        raise ValueError(value)
    return ends


def _spacing(value: str) -> float | tuple[float, ...]:
    sides = tuple(_number(side) for side in value.split("x"))
    if len(sides) not in (1, 3):
        raise ValueError(value)
    return sides[0] if len(sides) == 1 else sides


def _truth(value: str) -> bool:
    return _TRUTHS[value.lower()]


def _several(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split("+"))


_NONE = ("spacing", "range", "outliers", "bins", "bin_width", "ivh_bins", "ivh_width")
_READ: dict[str, tuple[Callable[[str], object], str]] = {
    "spacing": (_spacing, "spacing=1, spacing=3x1x1 (slice, row, column in mm) or spacing=none"),
    "interpolation": (str, "interpolation=cubic"),
    "by_slice": (_truth, "by_slice=true"),
    "round_intensities": (_truth, "round_intensities=false"),
    "range": (_range, "range=-500..400, range=0.. or range=none"),
    "outliers": (_number, "outliers=3"),
    "bins": (int, "bins=32"),
    "bin_width": (_number, "bin_width=25"),
    "bin_origin": (str, "bin_origin=zero"),
    "ivh_bins": (int, "ivh_bins=1000"),
    "ivh_width": (_number, "ivh_width=2.5"),
    "aggregations": (_several, "aggregations=3D_avg+3D_comb"),
    "families": (_several, "families=statistics+glcm"),
    "mask_threshold": (_number, "mask_threshold=0.5"),
}
