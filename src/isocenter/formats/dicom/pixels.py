"""Decoding: stored pixels to the values of the modality, one frame's rules at a time.

Sources: DICOM PS3.3, C.7.6.3 (Image Pixel), C.11.1 (Modality LUT), C.7.5.1.1.2 (Pixel Padding).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadShape, UnknownFormat, UnreadableFile
from isocenter.formats.channels import grey_if_equal
from isocenter.formats.dicom.codestream import check_codestream
from isocenter.formats.dicom.geometry import grid_of
from isocenter.formats.dicom.headers import IMPLICIT, Header, header_of, open_dataset, read_header
from isocenter.formats.limits import check_size, reading
from isocenter.image import Image

# Counts and densities are measured whichever way a viewer is asked to show them.
_MEASURED = {"CT", "PT", "NM"}
_JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
Pixels = NDArray[Any]


def read_series(files: Sequence[str]) -> Image:
    """The volume (C, D, H, W) of a series' files in slice order, as `find_series` gives them.

    Rescale slope and intercept (or the modality table) are applied: whole results are int16 or
    int32, others float32; padding is set to the least value that is not padding; MONOCHROME1
    is inverted (not for CT, PET and NM); palette and YBR become RGB. UnreadableFile,
    UnknownFormat, BadGeometry, BadShape (slices of different size).
    """
    headers = [read_header(Path(name)) for name in files]
    check_size(Path(files[0]), sum(h.decoded_bytes for h in headers))
    _check_alike(headers)
    decoded = [_decode(Path(name)) for name in files]
    array = np.concatenate([values for values, _ in decoded], axis=1)
    _set_padding(array, [padding for _, padding in decoded])
    first = headers[0]
    return Image(grey_if_equal(array), grid_of(headers, f"Series {first.series_uid}"), first.modality)


def _check_alike(headers: Sequence[Header]) -> None:
    sizes = {(h.rows, h.columns, h.samples) for h in headers}
    if len(sizes) > 1:
        raise BadShape(f"Series {headers[0].series_uid} has slices of different size.", "Leave it out, or separate it.")
    if not headers[0].is_picture:
        raise UnknownFormat(
            f"{headers[0].path} is a DICOM object of modality {headers[0].modality}, not a picture.",
            "Such objects come with a later version; save a mask as NIfTI.",
        )


def _decode(path: Path) -> tuple[Pixels, NDArray[np.bool_] | None]:
    """One file's values (C, frames, H, W), and where its padding is (frames, H, W)."""
    dataset = open_dataset(path)
    header = header_of(dataset, path)
    _check_decoder(header)
    check_codestream(dataset, header)
    with reading(path, "DICOM image"):
        if header.syntax is None:  # from before the standard's file format: implicit, little endian
            dataset.file_meta.TransferSyntaxUID = IMPLICIT
        stored: Pixels = dataset.pixel_array
        colour = header.samples > 1
        shape = header.frames, header.rows, header.columns
        frames = stored.reshape(*shape, header.samples) if colour else stored.reshape(shape)
        has_table = bool(dataset.get("ModalityLUTSequence"))
    if colour:
        return np.moveaxis(frames[..., :3], -1, 0), None
    if header.photometric == "PALETTE COLOR":
        return np.moveaxis(_through_palette(path, frames, dataset), -1, 0), None
    upright = _upright(frames, header)
    values = _through_table(path, upright, dataset) if has_table else _rescaled(upright, header)
    return values[None], _padding(frames, header)


def _check_decoder(header: Header) -> None:
    """UnknownFormat for pixels no decoder is made for (video), before anything is tried."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    if header.syntax is None:
        return
    name, known = header.syntax, True
    with reading(Path(header.path), "DICOM file"):
        try:
            name = UID(header.syntax).name
            get_decoder(header.syntax)
        except NotImplementedError:
            known = False
    if header.syntax == _JPEG_EXTENDED and header.stored_bits != 8:
        name, known = "lossy JPEG of 12 bits", False
    if not known:
        raise UnknownFormat(f"{header.path} is compressed as {name}, which is not read.", "Decompress it.")


def _through_palette(path: Path, frames: Pixels, dataset: Any) -> Pixels:
    """Indices to RGB; tables of 16 bits whose lower byte says nothing more are made 8-bit."""
    from pydicom.pixels.processing import apply_color_lut

    with reading(path, "DICOM image"):
        colours: Pixels = np.asarray(apply_color_lut(frames, dataset))
    if colours.dtype != np.uint16:
        return colours
    upper, lower = (colours >> 8).astype(np.uint8), (colours & 255).astype(np.uint8)
    if not upper.any():  # 8-bit entries in 16-bit words
        return lower
    return upper if not lower.any() or np.array_equal(upper, lower) else colours


def _padding(frames: Pixels, header: Header) -> NDArray[np.bool_] | None:
    """Where stored values are padding; the tag's value is read in the pixels' own type, as its VR is often wrong."""
    if header.padding is None or frames.dtype.kind not in "iu":
        return None
    low, high = sorted(int(np.array(bound).astype(frames.dtype)) for bound in header.padding)
    found: NDArray[np.bool_] = (frames >= low) & (frames <= high)
    return found if found.any() else None


def _upright(frames: Pixels, header: Header) -> Pixels:
    """Stored values with bright as high: MONOCHROME1 is turned round within the range of its bits."""
    if header.photometric != "MONOCHROME1" or header.modality in _MEASURED:
        return frames
    if frames.dtype.kind not in "iu":
        return -frames
    total = -1 if frames.dtype.kind == "i" else 2**header.stored_bits - 1  # lowest + highest
    return (total - frames.astype(np.int64)).astype(frames.dtype)


def _through_table(path: Path, frames: Pixels, dataset: Any) -> Pixels:
    from pydicom.pixels.processing import apply_modality_lut

    with reading(path, "DICOM image"):
        return np.asarray(apply_modality_lut(frames, dataset))


def _rescaled(frames: Pixels, header: Header) -> Pixels:
    """Rescale slope and intercept applied; UnreadableFile for a slope of 0, NaN or infinity."""
    slope = 1.0 if header.slope is None else header.slope
    intercept = 0.0 if header.intercept is None else header.intercept
    if not np.isfinite([slope, intercept]).all() or slope == 0:
        raise UnreadableFile(
            f"{header.path} has the rescale slope {slope:g} and intercept {intercept:g}.", "Export it again."
        )
    if slope == 1 and intercept == 0:
        return frames
    if not (slope.is_integer() and intercept.is_integer() and frames.dtype.kind in "iu"):
        return (frames.astype(np.float64) * slope + intercept).astype(np.float32)
    if max(abs(slope), abs(intercept)) > 2**30:
        raise UnreadableFile(f"{header.path} has the rescale slope {slope:g}.", "Export it again.")
    values = frames.astype(np.int64) * int(slope) + int(intercept)
    for kind in (np.int16, np.int32):
        if np.iinfo(kind).min <= values.min() and values.max() <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def _set_padding(array: Pixels, paddings: Sequence[NDArray[np.bool_] | None]) -> None:
    """Replace padding in place by the least value of the whole volume that is not padding."""
    if all(padding is None for padding in paddings):
        return
    depth = array.shape[1] // len(paddings)
    empty = np.zeros((depth, *array.shape[2:]), dtype=bool)
    padded = np.concatenate([empty if padding is None else padding for padding in paddings])
    if not padded.all():
        array[:, padded] = array[:, ~padded].min()
