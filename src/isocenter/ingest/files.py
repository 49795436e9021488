"""What a folder holds: scans of any kind in any nesting, tables, and files that are neither.

Reads names, sizes and DICOM headers; no pixels.
"""

from __future__ import annotations

import json
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from isocenter import formats
from isocenter.case import IMAGE, Source
from isocenter.errors import EmptyInput, Fault, IsocenterError, MissingPath
from isocenter.ingest.columns import commonest, count
from isocenter.wording import listed

if TYPE_CHECKING:
    from isocenter.formats import dicom

_PICTURES = ("nifti", "nrrd", "metaimage", "raster")
IMAGES = ("dicom", *_PICTURES)
_JUNK = frozenset({"__MACOSX"})
# What DICOM calls it, and what we call it.
ATTRIBUTES = {
    "PatientSex": "sex", "PatientAge": "age", "Manufacturer": "manufacturer",
    "ManufacturerModelName": "scanner", "InstitutionName": "institution",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """One file: path below the folder (posix), place on disk, size in bytes, time of change in ns."""

    name: str
    path: Path
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Item:
    """One image: a file or a DICOM series.

    path: of its file below INPUT, of its folder for a series of several; folder: where it lies;
    stem: the path's last part without extension; keys: what a table may call it, kind -> value,
    the most specific first; fault: why it cannot be used.
    """

    case_id: str
    path: str
    folder: str
    stem: str
    source: Source
    keys: dict[str, str]
    patient_id: str | None = None
    attributes: dict[str, object] = field(default_factory=dict)
    synthetic: bool = False
    fault: Fault | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Found:
    """What lies below `root`: images, tables, names of other files, and DICOM files that are no image."""

    root: Path
    items: list[Item]
    tables: list[Path]
    ignored: list[str]
    faults: list[Fault]
    dicom_files: int

    def notes(self) -> list[str]:
        kinds = Counter(_kind(item) for item in self.items)
        found = ", ".join(count(n, kind) for kind, n in kinds.items())
        notes = [f"Found {found} in {self.root.name}."]
        if left := [*self.ignored, *(p.name for p in self.tables)]:
            notes.append(f"Not scans, not read: {count(len(left), 'file')} ({listed(left, 4)}).")
        used = sum(len(item.source.files) for item in self.items if item.source.series_uid is not None)
        if others := self.dicom_files - used:
            notes.append(f"DICOM files that are no pictures, copies, or faulty: {others}.")
        return notes


def _kind(item: Item) -> str:
    if item.source.series_uid is not None:
        return "DICOM series"
    kind = formats.kind_of(Path(item.path))
    return {"nifti": "NIfTI volume", "nrrd": "NRRD file", "metaimage": "MetaImage file"}.get(kind or "", "picture")


def stem(name: str) -> str:
    """A file's name or path without extension; .nii.gz is one extension."""
    if name.lower().endswith(".nii.gz"):
        return name[:-7]
    return str(PurePosixPath(name).with_suffix("")) if name else name


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def walk(root: Path) -> Iterator[File]:
    """Every file below `root` in the order of its path; links to folders are followed, once each."""
    seen: set[str] = set()
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        if (real := os.path.realpath(folder)) in seen or _is_project(folder):
            continue
        seen.add(real)
        with os.scandir(folder) as entries:
            here = sorted(entries, key=lambda e: e.name)
        for entry in here:
            if not entry.name.startswith(".") and entry.is_file():
                status = entry.stat()
                yield File(prefix + entry.name, Path(entry.path), status.st_size, status.st_mtime_ns)
        below = [e for e in here if e.is_dir() and not e.name.startswith(".") and e.name not in _JUNK]
        pending += [(f"{prefix}{e.name}/", Path(e.path)) for e in reversed(below)]


def _is_project(folder: Path) -> bool:
    """A project folder of ours (its thumbnails are no scans)."""
    memory = folder / "project.json"
    if not memory.is_file():
        return False
    try:
        return {"layout", "artefacts"} <= set(json.loads(memory.read_text("utf-8")))
    except (ValueError, TypeError, OSError):
        return False


def scan(path: Path, beside: Path | None = None) -> Found:
    """Images below a folder (or the one file `path`); beside: the table whose folder its paths may start from.

    Raises MissingPath, EmptyInput.
    """
    if not path.exists():
        raise MissingPath(f"There is no file or folder {path}.", "Check the path.")
    root = path if path.is_dir() else path.parent
    above = None if beside is None else Path(os.path.relpath(root, beside)).as_posix()
    files = list(walk(path)) if path.is_dir() else [_one(path)]
    kinds = [formats.kind_of(f.path) for f in files]
    series, faults = _series([f for f, kind in zip(files, kinds, strict=True) if kind == "dicom"], root, above)
    pictures = [_item(f, root, above) for f, kind in zip(files, kinds, strict=True) if kind in _PICTURES]
    items = _unique(series + pictures)
    tables = [f.path for f, kind in zip(files, kinds, strict=True) if kind == "table"]
    ignored = [f.name for f, kind in zip(files, kinds, strict=True) if kind not in (*IMAGES, "table")]
    if not items:
        raise _empty(path, files, faults)
    faults = [replace(fault, where=below(fault.where, root)) for fault in faults]
    return Found(root, items, tables, ignored, faults, kinds.count("dicom"))


def listed_files(path: Path | None) -> Iterator[File]:
    """The files of a folder, or the one file; nothing where there is none."""
    if path is not None and path.is_dir():
        yield from walk(path)
    elif path is not None and path.is_file():
        yield _one(path)


def _one(path: Path) -> File:
    status = path.stat()
    return File(path.name, path, status.st_size, status.st_mtime_ns)


def below(text: str, root: Path) -> str:
    """A path as seen from `root`, any other text as it is."""
    return Path(text).relative_to(root).as_posix() if Path(text).is_relative_to(root) else text


def _empty(path: Path, files: list[File], faults: list[Fault]) -> IsocenterError:
    if not files:
        return EmptyInput(f"{path} is empty.", "Give a folder of scans, or a table of features.")
    if faults:
        return commonest(faults, f"{path} holds no readable image.")
    arrays = [f.name for f in files if formats.kind_of(f.path) in ("array", "matlab", "table")]
    remedy = f"To use a table of features, give the file itself: {path / arrays[0]}." if arrays else ""
    return EmptyInput(
        f"{path} holds no scans, only {listed((f.name for f in files), 4)}.",
        remedy or "Scans are DICOM, NIfTI (.nii, .nii.gz), NRRD, MetaImage (.mha, .mhd), PNG, JPEG, TIFF or BMP.",
    )


def _item(file: File, root: Path, above: str | None) -> Item:
    case_id = stem(file.name)
    fault = None
    if file.size == 0:
        fault = Fault(case_id, "UnreadableFile", f"{file.path} has zero bytes.", "Copy or export it again.")
    source = Source(IMAGE, "image", (str(root / file.name),))
    keys = _file_keys(file.name, above) | _folder_keys(_folder(file.name))
    return Item(case_id, file.name, _folder(file.name), keys["file name without extension"], source, keys, fault=fault)


def _file_keys(path: str, above: str | None) -> dict[str, str]:
    """What a table may call a file; above: the folder of scans as seen from the table."""
    keys = {"path": path, "path without extension": stem(path)}
    if above is not None:
        keys["path seen from the table"] = posixpath.normpath(f"{above}/{path}")
    name = path.rpartition("/")[2]
    return {**keys, "file name": name, "file name without extension": stem(name)}


def _folder_keys(folder: str) -> dict[str, str]:
    """The folders an image lies in, counted from the file and from the top (nesting may differ)."""
    parts = folder.split("/") if folder else []
    near = {f"folder {i} above" if i > 1 else "folder": part for i, part in enumerate(reversed(parts), 1)}
    top = {f"folder {i} from the top": part for i, part in enumerate(parts, 1)}
    return near | top


def _series(files: list[File], root: Path, above: str | None) -> tuple[list[Item], list[Fault]]:
    if not files:
        return [], []
    from isocenter.formats import dicom  # pydicom takes its time, and feature tables need none

    series, faults = dicom.find_series([f.path for f in files])
    return [_series_item(one, root, above) for one in series], faults


def _series_item(series: dicom.Series, root: Path, above: str | None) -> Item:
    first = posixpath.relpath(series.files[0], root)
    folder, single = _folder(first), len(series.files) == 1
    own = _file_keys(first, above) if single else {"path": folder}
    uids = {
        "UID": series.case_id,  # the series' own, or the instance's of a picture that stands alone
        "SOP instance UID": str(series.attributes.get("SOPInstanceUID", "")),
        "series UID": series.series_uid,
        "study UID": series.study_uid or "",
    }
    keys = {**own, **uids, **_folder_keys(folder), "PatientID": series.patient_id or ""}
    source = Source(
        IMAGE,
        "image",
        tuple(series.files),
        modality=series.modality,
        study_uid=series.study_uid,
        series_uid=series.series_uid,
    )
    known = {ours: series.attributes.get(theirs) for theirs, ours in ATTRIBUTES.items()}
    attributes = {k: v for k, v in {**known, "modality": series.modality}.items() if v not in (None, "")}
    path = first if single else folder
    name = path.rpartition("/")[2]
    ending = stem(name) if single else name
    case_id = stem(first) if series.case_id == series.files[0] else series.case_id  # an instance without UID
    synthetic = "synthetic" in str(series.attributes.get("SeriesDescription", "")).lower()
    return Item(case_id, path, folder, ending, source, keys, series.patient_id or None, attributes, synthetic)


def _unique(items: Iterable[Item]) -> list[Item]:
    """Case ids that name one image each: where a.png lies beside a.jpg, the extension stays."""
    items = list(items)
    often = Counter(item.case_id for item in items)
    return [_renamed(item) if often[item.case_id] > 1 else item for item in items]


def _renamed(item: Item) -> Item:
    fault = None if item.fault is None else replace(item.fault, where=item.path)
    return replace(item, case_id=item.path, fault=fault)
