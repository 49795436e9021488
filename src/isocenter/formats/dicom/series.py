"""From files to series in slice order, by headers only; what does not fit together is a fault by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from isocenter import compute, progress
from isocenter.errors import BadGeometry, ConflictingRows, Fault, IsocenterError
from isocenter.formats.dicom.geometry import grid_of, in_slice_order
from isocenter.formats.dicom.headers import Header, read_header
from isocenter.formats.digests import file_digest

_VOLUMES = {"CT", "MR", "PT"}  # always made of slices: without positions they cannot be put together


@dataclass(frozen=True, slots=True)
class Series:
    """One image to be: the slices of a volume in order, or a single picture or clip.

    case_id: SeriesInstanceUID for volumes, SOPInstanceUID for pictures without a place in the
    patient (a radiograph, an ultrasound clip), and SeriesInstanceUID/2, /3... for the smaller
    volumes of a series that holds several (a scout); unique among those found. shape: (D, H, W).
    attributes: header values by DICOM keyword (PatientSex, PatientAge in years as float,
    Manufacturer...), SOPInstanceUID where there is one instance.
    """

    case_id: str
    series_uid: str
    study_uid: str | None
    patient_id: str | None
    modality: str | None
    files: tuple[str, ...]
    shape: tuple[int, int, int]
    attributes: Mapping[str, object] = field(default_factory=dict)


def find_series(paths: Sequence[Path]) -> tuple[list[Series], list[Fault]]:
    """The series among DICOM files, and what was left out.

    A volume is what shares series, size, orientation, spacing and frame of reference. Its slices
    are ordered along their normal; missing slices, uneven spacing, several images at one place
    and two patients in one series are faults of the series, unreadable files faults of the file.
    Of instances copied byte for byte one is kept. Objects without pictures (SR, SEG, RTSTRUCT...)
    are left aside and counted in a note. Both lists are in the order of case ids and paths.
    """
    headers, faults = _headers(paths)
    by_series: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        by_series[header.series_uid].append(header)
    found: list[Series] = []
    for uid in sorted(by_series):
        try:
            members = _without_copies(uid, by_series[uid])
        except IsocenterError as fault:
            faults.append(Fault.of(uid, fault))
            continue
        for case_id, group in _images(uid, members):
            try:
                found.append(_series(case_id, group, len(members)))
            except IsocenterError as fault:
                faults.append(Fault.of(case_id, fault))
    return found, faults


def _headers(paths: Iterable[Path]) -> tuple[list[Header], list[Fault]]:
    """The headers of pictures, sorted by path; faults of files; a note about the rest."""
    headers: list[Header] = []
    faults: list[Fault] = []
    others = Counter[str]()
    files = sorted(paths)
    outcomes = compute.stream(read_header, files, stage="Reading DICOM headers")
    for path, outcome in zip(files, outcomes, strict=True):
        if outcome.fault is not None:
            faults.append(Fault.of(str(path), outcome.fault))
        elif (header := outcome.get()).is_picture:
            headers.append(header)
        else:
            others[header.modality or "no modality"] += 1
    if others:
        listed = ", ".join(f"{n} {modality}" for modality, n in sorted(others.items()))
        progress.note(f"DICOM objects that are no pictures were left aside: {listed}.")
    return headers, faults


def _without_copies(uid: str, headers: list[Header]) -> list[Header]:
    """One header an instance; ConflictingRows where one UID stands for different bytes or patients."""
    patients = sorted({h.patient_id or "no id" for h in headers})
    if len(patients) > 1:
        raise ConflictingRows(
            f"Series {uid} carries {len(patients)} patient ids: {', '.join(patients[:5])}.",
            "A series belongs to one patient: give the others their own series UID, or leave them out.",
        )
    first: dict[str, Header] = {}
    for header in headers:
        kept = first.setdefault(header.sop_uid, header)
        if kept is not header and file_digest(Path(kept.path)) != file_digest(Path(header.path)):
            raise ConflictingRows(
                f"Series {uid} has two different files with one SOPInstanceUID: {kept.path} and {header.path}.",
                "Keep the right one.",
            )
    return list(first.values())


def _images(uid: str, headers: list[Header]) -> list[tuple[str, list[Header]]]:
    """What makes one image each: pictures alone, slices by their common grid, the largest first."""
    slices: list[Header] = []
    alone: list[Header] = []
    for header in headers:
        stacked = header.is_spatial or (header.frames == 1 and header.modality in _VOLUMES and len(headers) > 1)
        (slices if stacked else alone).append(header)
    groups: dict[tuple[object, ...], list[Header]] = defaultdict(list)
    for header in slices:
        groups[_grid_key(header)].append(header)
    ordered = sorted(groups.values(), key=lambda g: (-len(g), g[0].path))
    volumes = [(uid if n == 1 else f"{uid}/{n}", group) for n, group in enumerate(ordered, start=1)]
    return volumes + [(header.sop_uid, [header]) for header in alone]


def _grid_key(header: Header) -> tuple[object, ...]:
    """Equal for slices of one volume; rounded, as scanners print directions with noise in the last digits."""
    orientation = None if header.orientation is None else tuple(np.round(header.orientation, 3) + 0.0)
    spacing = None if header.spacing is None else tuple(np.round(header.spacing, 4))
    frame = header.frame_of_reference
    return header.rows, header.columns, header.samples, orientation, spacing, frame


def _series(case_id: str, headers: list[Header], siblings: int) -> Series:
    """BadGeometry where the slices do not make a volume."""
    first = headers[0]
    if siblings > 1 and first.modality in _VOLUMES and not first.is_spatial and first.frames == 1:
        raise BadGeometry(
            f"Series {case_id} (patient {first.patient_id}) has {len(headers)} slices without position, orientation or "
            "pixel spacing.",
            "Export it again with its geometry, or leave it out.",
        )
    name = f"Series {case_id} (patient {first.patient_id or 'unknown'})"
    ordered = in_slice_order(headers) if first.is_spatial else headers
    geometry = grid_of(ordered, name)
    first = ordered[0]
    alone = {"SOPInstanceUID": first.sop_uid} if len(ordered) == 1 else {}
    return Series(
        case_id,
        first.series_uid,
        first.study_uid,
        first.patient_id,
        first.modality,
        tuple(h.path for h in ordered),
        geometry.shape,
        {**first.attributes, **alone},
    )
