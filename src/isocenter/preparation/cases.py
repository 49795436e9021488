"""From a case to its image and mask on one grid."""

from __future__ import annotations

from isocenter import formats
from isocenter.case import IMAGE, MASK, Case, Source
from isocenter.errors import BadGeometry, EmptyInput, InputDoesNotFit, IsocenterError
from isocenter.image import Geometry, Image, Mask

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


def read_case(case: Case, *, image: str | None = None, mask: MaskChoice = None) -> tuple[Image, Mask | None]:
    """Image and mask (or None) of a case; the mask lies on the image's grid and is not empty.

    Raises what `formats.read_image` and `read_mask` raise, and BadGeometry.
    """
    with_mask = mask_source(case, mask)
    pixels = formats.read_image(image_source(case, image))
    if with_mask is None:
        return pixels, None
    labels = formats.read_mask(with_mask)
    check_mask(labels.geometry, pixels.geometry, int((labels.labels > 0).sum()))
    return pixels, Mask(labels.labels, pixels.geometry)


def check_mask(mask: Geometry, image: Geometry, voxels: int) -> None:
    """BadGeometry for a mask without a voxel, or on another grid than its image.

    Where one of the two has no physical size, equal shapes are enough.
    """
    if mask.shape != image.shape:
        raise BadGeometry(
            f"The mask has {_size(mask)} voxels, its image {_size(image)} (slices x rows x columns).",
            "Resample the mask onto the image's grid.",
        )
    if mask.calibrated and image.calibrated and not mask.same_grid(image):
        raise BadGeometry(
            "The mask lies elsewhere in space than its image: same number of voxels, other position or spacing.",
            "Export the mask on the image's own grid.",
        )
    if voxels == 0:
        raise BadGeometry("The mask is empty.", "Draw the region, or leave the case out.")


def named(case: Case, fault: IsocenterError) -> IsocenterError:
    """The same fault, its message beginning with the case."""
    if f"'{case.case_id}'" in fault.what:
        return fault
    return type(fault)(f"Case '{case.case_id}': {fault.what}", fault.remedy)


def _size(geometry: Geometry) -> str:
    return " x ".join(map(str, geometry.shape))
