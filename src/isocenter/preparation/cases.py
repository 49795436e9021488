"""From a case to its image and mask on one grid."""

from __future__ import annotations

from dataclasses import replace

from isocenter import formats
from isocenter.case import IMAGE, MASK, Case, Source
from isocenter.errors import EmptyInput, InputDoesNotFit, IsocenterError
from isocenter.image import Image, Mask
from isocenter.imaging.gaps import filled
from isocenter.preparation.grids import laid

# Which mask of a case: None the first if there is one, True the first (required), False none, else by name.
MaskChoice = str | bool | None


def image_source(case: Case, name: str | None = None) -> Source:
    """The first image of the case, or the one called `name`; EmptyInput where there is none."""
    source = case.source(IMAGE, name)
    if source is None:
        has = ", ".join(sorted({s.name for s in case.sources if s.role == IMAGE})) or "none"
        wanted = "image" if name is None else f"image '{name}'"
        raise EmptyInput(f"Case '{case.case_id}' has no {wanted}.", f"Images of this case: {has}.")
    return source


def mask_source(case: Case, choice: MaskChoice = None) -> Source | None:
    """The chosen mask of the case, or None; InputDoesNotFit where one is required and there is none."""
    if choice is False:
        return None
    source = case.source(MASK, choice if isinstance(choice, str) else None)
    if source is None and choice is not None:
        wanted = f"mask '{choice}'" if isinstance(choice, str) else "mask"
        raise InputDoesNotFit(
            f"Case '{case.case_id}' has no {wanted}.", "Say where masks are with --mask, or leave the case out."
        )
    return source


def read_case(
    case: Case, *, image: str | None = None, mask: MaskChoice = None, gaps: bool = False
) -> tuple[Image, Mask | None]:
    """Image and mask (or None) of a case; the mask lies on the image's grid (`grids.laid`) and is not empty.

    gaps: pixels that are NaN or infinite stay NaN; else they are filled with the lowest value (`imaging.gaps`). Raises
    what `formats.read_image` and `read_mask` raise, and BadGeometry.
    """
    with_mask = mask_source(case, mask)
    pixels = formats.read_image(image_source(case, image), gaps=True)
    if not gaps:
        pixels = replace(pixels, array=filled(pixels.array))
    if with_mask is None:
        return pixels, None
    return pixels, laid(formats.read_mask(with_mask), pixels.geometry, with_mask.name)


def named(case: Case, fault: IsocenterError) -> IsocenterError:
    """The same fault, its message beginning with the case."""
    if f"'{case.case_id}'" in fault.what:
        return fault
    return type(fault)(f"Case '{case.case_id}': {fault.what}", fault.remedy)
