"""One instance's header as plain values; no pydicom object travels further than this package."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from isocenter.errors import UnknownFormat, UnreadableFile
from isocenter.formats.limits import FRAME_BYTES, check_present, check_size, reading

DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT = "1.2.840.10008.1.2"
NATIVE = {IMPLICIT, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"}
_HEADER_BYTES = 16 * 2**20
_SIDE = 32768
# Carried to the cohort's table by name, where they stand in the header.
ATTRIBUTES = (
    "PatientSex", "PatientAge", "Manufacturer", "ManufacturerModelName", "InstitutionName", "StationName",
    "StudyDate", "StudyDescription", "SeriesDescription", "ProtocolName", "BodyPartExamined", "Laterality",
    "ViewPosition", "MagneticFieldStrength", "KVP", "ConvolutionKernel", "ContrastBolusAgent",
)  # fmt: skip
TAGS = [
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "Modality",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PhotometricInterpretation",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "FrameOfReferenceUID", "InstanceNumber",
    "RescaleSlope", "RescaleIntercept", "PixelPaddingValue", "PixelPaddingRangeLimit", *ATTRIBUTES,
]  # fmt: skip
_AGE_YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
# What carries pixels without being a picture of the patient: masks, doses, maps.
_NOT_PICTURES = {"SEG", "RTDOSE", "RTSTRUCT", "RTPLAN", "SR", "PR", "KO", "REG", "RWV", "ANN", "FID", "DOC", "ECG"}
# One projection an instance, wherever a position may be written.
_PROJECTIONS = {"CR", "DX", "MG", "IO", "PX", "XA", "RF"}


@dataclass(frozen=True, slots=True)
class Header:
    """What decides about series, order and size.

    position, orientation: LPS mm and direction cosines, None where absent or not finite; spacing:
    (row, column) in mm; thickness: mm between slices as far as a single slice can tell; syntax:
    the transfer syntax' UID; slope, intercept: as written, None where absent; padding: the first
    and the last stored value that means "no pixel".
    """

    path: str
    sop_class: str
    sop_uid: str
    series_uid: str
    study_uid: str | None
    patient_id: str | None
    modality: str | None
    rows: int
    columns: int
    frames: int
    samples: int
    bits: int
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    thickness: float
    photometric: str | None
    syntax: str | None
    stored_bits: int
    slope: float | None
    intercept: float | None
    padding: tuple[int, int] | None
    frame_of_reference: str | None
    number: int
    attributes: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """False for objects without pixels, and for masks, doses and the like."""
        return min(self.rows, self.columns, self.bits) > 0 and self.modality not in _NOT_PICTURES

    @property
    def is_spatial(self) -> bool:
        """True if the slice has a place in the patient: position, orientation and spacing, and is no projection."""
        known = self.position is not None and self.orientation is not None and self.spacing is not None
        return known and self.frames == 1 and self.modality not in _PROJECTIONS

    @property
    def decoded_bytes(self) -> int:
        return self.rows * self.columns * self.frames * self.samples * -(-self.bits // 8)


def read_header(path: Path) -> Header:
    """A file's header, its pixels left untouched.

    UnreadableFile where it is damaged, empty, cut short or would decode to too much, UnknownFormat
    for objects whose frames carry a geometry of their own.
    """
    import pydicom

    check_present(path)
    _check_deflated(path)
    with reading(path, "DICOM file"), path.open("rb") as file:
        dataset = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=list(TAGS))
        left = path.stat().st_size - file.tell()
    header = header_of(dataset, path)
    if header.is_picture:
        _check_extent(path, header)
        _check_complete(path, header, left)
    return header


def open_dataset(path: Path) -> Any:
    """The dataset with its pixels, not yet decoded; for files that `read_header` accepted."""
    import pydicom

    with reading(path, "DICOM file"):
        return pydicom.dcmread(path, force=True)


def header_of(dataset: Any, path: Path) -> Header:
    """The header's values; UnreadableFile where the file turns out not to be DICOM."""
    with reading(path, "DICOM file"):
        header = _header_of(dataset, path)
    if not header.sop_class and not header.rows:
        raise UnreadableFile(f"{path} is not a readable DICOM file.", "It is damaged; copy or export it again.")
    return header


def _header_of(dataset: Any, path: Path) -> Header:
    return Header(
        path=str(path),
        sop_class=_text(dataset, "SOPClassUID") or _text(dataset.file_meta, "MediaStorageSOPClassUID") or "",
        sop_uid=_text(dataset, "SOPInstanceUID") or str(path),
        series_uid=_text(dataset, "SeriesInstanceUID") or _text(dataset, "SOPInstanceUID") or str(path),
        study_uid=_text(dataset, "StudyInstanceUID"),
        patient_id=_text(dataset, "PatientID"),
        modality=_text(dataset, "Modality"),
        rows=_whole(dataset, "Rows", 0),
        columns=_whole(dataset, "Columns", 0),
        frames=_whole(dataset, "NumberOfFrames", 1),
        samples=_whole(dataset, "SamplesPerPixel", 1),
        bits=_whole(dataset, "BitsAllocated", 0),
        position=_numbers(dataset, "ImagePositionPatient", 3),
        orientation=_numbers(dataset, "ImageOrientationPatient", 6),
        spacing=_numbers(dataset, "PixelSpacing", 2),
        thickness=_thickness(dataset),
        photometric=_text(dataset, "PhotometricInterpretation"),
        syntax=_text(dataset.file_meta, "TransferSyntaxUID"),
        stored_bits=_whole(dataset, "BitsStored", 0) or _whole(dataset, "BitsAllocated", 0),
        slope=_number(dataset, "RescaleSlope"),
        intercept=_number(dataset, "RescaleIntercept"),
        padding=_padding(dataset),
        frame_of_reference=_text(dataset, "FrameOfReferenceUID"),
        number=_whole(dataset, "InstanceNumber", 0),
        attributes=_attributes(dataset),
    )


def _text(dataset: Any, keyword: str) -> str | None:
    value = dataset.get(keyword)
    return str(value).strip(" \0") or None if value is not None else None


def _whole(dataset: Any, keyword: str, otherwise: int) -> int:
    try:
        return int(dataset.get(keyword))
    except (TypeError, ValueError):
        return otherwise


def _numbers(dataset: Any, keyword: str, count: int) -> tuple[float, ...] | None:
    try:
        values = tuple(float(v) for v in dataset.get(keyword) or ())
    except (TypeError, ValueError):
        return None
    return values if len(values) == count and np.isfinite(values).all() else None


def _number(dataset: Any, keyword: str) -> float | None:
    """The value as it is written, NaN where it is no number; None where there is none."""
    if (value := dataset.get(keyword)) is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _padding(dataset: Any) -> tuple[int, int] | None:
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if not isinstance(value, int):
        return None
    return value, limit if isinstance(limit, int) else value


def _thickness(dataset: Any) -> float:
    for keyword in ("SliceThickness", "SpacingBetweenSlices"):
        try:
            value = abs(float(dataset.get(keyword)))
        except (TypeError, ValueError):
            continue
        if np.isfinite(value) and value > 0:
            return value
    return 1.0


def _attributes(dataset: Any) -> dict[str, object]:
    """Those of ATTRIBUTES that have a value; PatientAge in years, numbers as float."""
    found: dict[str, object] = {}
    for keyword in ATTRIBUTES:
        if (text := _text(dataset, keyword)) is None:
            continue
        if keyword == "PatientAge":
            if (years := age_in_years(text)) is not None:
                found[keyword] = years
        elif keyword in ("MagneticFieldStrength", "KVP"):
            if (number := _numbers({keyword: [text]}, keyword, 1)) is not None:
                found[keyword] = number[0]
        else:
            found[keyword] = text
    return found


def age_in_years(text: str) -> float | None:
    """DICOM's age string ("045Y", "018M", "003W", "010D") in years; None for anything else.

    >>> age_in_years("045Y"), age_in_years("018M")
    (45.0, 1.5)
    """
    number, unit = text[:-1], text[-1:].upper()
    return int(number) * _AGE_YEARS[unit] if number.isdecimal() and unit in _AGE_YEARS else None


def _check_extent(path: Path, header: Header) -> None:
    """Refuse by name what is no plain picture, and what would decode to too much."""
    if header.sop_class in _ENHANCED:
        raise UnknownFormat(
            f"{path} is a DICOM object of a kind that is not read yet: {_ENHANCED[header.sop_class]}.",
            "Convert it to NIfTI or to single-frame DICOM.",
        )
    if max(header.rows, header.columns) > _SIDE:
        raise UnreadableFile(
            f"{path} declares {header.rows} x {header.columns} pixels.", f"Pictures up to {_SIDE} a side are read."
        )
    check_size(path, header.decoded_bytes)
    check_size(path, header.decoded_bytes // max(header.frames, 1), FRAME_BYTES)


_STORAGE = "1.2.840.10008.5.1.4.1.1."
_ENHANCED = {
    f"{_STORAGE}2.1": "enhanced CT",
    f"{_STORAGE}2.2": "enhanced (legacy converted) CT",
    f"{_STORAGE}4.1": "enhanced MR",
    f"{_STORAGE}4.2": "MR spectroscopy",
    f"{_STORAGE}4.3": "enhanced MR colour",
    f"{_STORAGE}4.4": "enhanced (legacy converted) MR",
    f"{_STORAGE}6.2": "enhanced ultrasound volume",
    f"{_STORAGE}12.1.1": "enhanced XA",
    f"{_STORAGE}12.2.1": "enhanced XRF",
    f"{_STORAGE}13.1.1": "3-D X-ray angiography",
    f"{_STORAGE}13.1.3": "breast tomosynthesis",
    f"{_STORAGE}30": "parametric map",
    f"{_STORAGE}77.1.6": "whole slide microscopy",
    f"{_STORAGE}128.1": "enhanced (legacy converted) PET",
    f"{_STORAGE}130": "enhanced PET",
}


def _check_complete(path: Path, header: Header, left: int) -> None:
    """Uncompressed pixels need as many bytes as the header says; `left` are those behind the header."""
    packed = header.rows * header.columns * header.frames * header.samples * header.bits // 8
    # YBR_FULL_422 stores two samples a pixel where the header says three.
    needed = packed * 2 // 3 if header.photometric == "YBR_FULL_422" else packed
    there = left - (8 if header.syntax == IMPLICIT else 12)  # the element's own tag and length
    if header.syntax in NATIVE and there < needed:
        raise UnreadableFile(
            f"{path} is cut short: {there} bytes of pixels where {needed} are needed.", "Copy or export it again."
        )


def _check_deflated(path: Path) -> None:
    """Inflate a deflated file piece by piece, keeping nothing: pydicom inflates it whole even for headers."""
    with reading(path), path.open("rb") as file:
        head = file.read(4096)
        if DEFLATED.encode() not in head:
            return
        start, total, inflater = _meta_end(head), 0, zlib.decompressobj(-zlib.MAX_WBITS)
        file.seek(start)
        while piece := inflater.unconsumed_tail or file.read(2**16):
            total += len(inflater.decompress(piece, 2**22))
            check_size(path, total, FRAME_BYTES + _HEADER_BYTES)


def _meta_end(head: bytes) -> int:
    """Where the file meta information ends: its group length, (0002,0000), tells (PS3.10, 7.1)."""
    at = 132 if head[128:132] == b"DICM" else 0
    return at + 12 + int.from_bytes(head[at + 8 : at + 12], "little")
