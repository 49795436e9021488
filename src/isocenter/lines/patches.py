"""Patches as lines: images found, cut and left out; patches kept; where they lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isocenter.lines.rows import rows_alone

_SHOWN = 10


def patches(found: dict[str, Any], result: dict[str, Any]) -> Iterator[str]:
    """Counts that reconcile, the first faults, and which side of a picture was taken for tissue."""
    left_out = found["left_out"]
    yield f"Images    {found['images']} found = {found['cut']} cut into patches + {len(left_out)} left out"
    for fault in left_out[:_SHOWN]:
        yield f"            {fault['where']}: {fault['code']}: {fault['reason']} {fault['remedy']}".rstrip()
    if len(left_out) > _SHOWN:
        yield f"            ... and {len(left_out) - _SHOWN} more, all in left_out.csv"
    yield from rows_alone(found["rows"], "image", "left_out.csv")
    of = f" of {found['patients']} patients" if found["patients"] else ""
    yield f"Patches   {found['kept']} kept of {found['positions']} that were looked at{of}"
    yield f"            {found['size']} pixels a side every {found['stride']}, at least {found['tissue']:.0%} tissue"
    for side, n in found["backgrounds"].items():
        yield f"            {n} image{'s' * (n > 1)} with a {side} background: tissue is the {_SIDES[side]} side"
    yield f"Written   {result['table']}"


_SIDES = {"light": "denser, stained", "dark": "brighter, glowing"}
