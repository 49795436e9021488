"""One door for images of every kind: a source to pixels or labels on their grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isocenter.case import Source
from isocenter.errors import BadShape, BadValues, UnknownFormat
from isocenter.formats.limits import check_present
from isocenter.formats.sniff import kind_of
from isocenter.image import Image, Mask
from isocenter.imaging.gaps import gaps as gaps_of


def read_image(source: Source, *, gaps: bool = False) -> Image:
    """Pixels (C, D, H, W) and geometry (LPS mm) of `source`, with the values of its modality.

    Rescaling and scale factors are applied, MONOCHROME1 pictures inverted, palettes and YBR turned
    into RGB; colour whose three channels are equal is grey (C = 1). gaps: whether pixels may be NaN or
    infinite; all of them are NaN then. Raises UnreadableFile, UnknownFormat, BadGeometry, BadShape,
    BadValues (gaps, where they are not allowed; no pixel that is a number), UnsafeFile, MissingPath.
    """
    image = _read(source)
    lost = gaps_of(image.array)
    if lost is not None:
        image = replace(image, array=_with_gaps(image.array, lost, _where(source), gaps))
    return replace(image, modality=source.modality or image.modality)


def _with_gaps(array: NDArray[np.generic], lost: NDArray[np.bool_], where: str, allowed: bool) -> NDArray[np.generic]:
    if lost.all():
        raise BadValues(f"{where} has no pixel that is a number: all are NaN or infinite.", "Export it again.")
    if not allowed:
        raise BadValues(
            f"{where} has pixels that are NaN or infinite.",
            "Replace them by a number (the background's) before it is used.",
        )
    return np.asarray(np.where(lost, np.asarray(np.nan, dtype=array.dtype), array))


def read_mask(source: Source) -> Mask:
    """Labels (D, H, W), whole numbers from 0 (background), on their grid.

    BadShape for a colour picture, BadValues for fractions or negative values, else as `read_image`.
    """
    image = read_image(source)
    if image.array.shape[0] != 1:
        raise BadShape(
            f"The mask {_where(source)} has {image.array.shape[0]} channels.", "A mask is one grey image of labels."
        )
    return Mask(_labels(image.array[0], _where(source)), image.geometry)


def _labels(values: NDArray[np.generic], where: str) -> NDArray[np.integer]:
    numbers = values.astype(np.uint8) if values.dtype == np.bool_ else values
    low, high = (numbers.min(), numbers.max()) if numbers.size else (0, 0)
    whole = np.issubdtype(numbers.dtype, np.integer) or bool((numbers == np.rint(numbers)).all())
    if not whole or low < 0 or high > np.iinfo(np.int32).max:
        raise BadValues(
            f"The mask {where} holds values that are not labels (from {low} to {high}).",
            "Labels are whole numbers, 0 for the background; was an image given as a mask?",
        )
    return numbers.astype(np.uint8 if high < 256 else np.int32, copy=False)


def _read(source: Source) -> Image:
    """The reader that the first file's kind asks for; imported here, so that tables pay for none of them."""
    path = Path(source.files[0])
    check_present(path)
    kind = kind_of(path)
    if kind == "dicom":
        from isocenter.formats.dicom import read_series

        return read_series(source.files)
    if kind == "nifti":
        from isocenter.formats.nifti import read_nifti

        return read_nifti(path)
    if kind == "nrrd":
        from isocenter.formats.nrrd import read_nrrd

        return read_nrrd(path)
    if kind == "metaimage":
        from isocenter.formats.metaimage import read_metaimage

        return read_metaimage(path)
    if kind == "raster":
        from isocenter.formats.raster import read_raster

        return read_raster(path)
    if kind in ("array", "matlab"):
        from isocenter.formats.arrays import read_item

        return read_item(path, source.member, source.index)
    raise UnknownFormat(
        f"{path} is not an image that can be read.",
        "Read are DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, BMP, TIFF, .npy, .npz and .mat.",
    )


def _where(source: Source) -> str:
    member = f"[{source.member}]" if source.member else ""
    return f"{source.files[0]}{member}" + ("" if source.index is None else f" row {source.index}")
