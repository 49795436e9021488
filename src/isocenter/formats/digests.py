"""SHA-256 of the bytes behind a source: the key under which results of a case are stored."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from isocenter.case import Source
from isocenter.formats.limits import check_present, reading


def digest(source: Source) -> str:
    """SHA-256 (hex) over the bytes of the source's files, in order, and its role, name, index and member.

    A file is read once per process for as long as its size and time of change stay the same.
    MissingPath or UnreadableFile where a file cannot be read.
    """
    parts = [source.role, source.name, source.index, source.member]
    for file in map(Path, source.files):
        beside = _voxel_file(file)
        parts += [file_digest(file)] if beside is None else [file_digest(file), file_digest(beside)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _voxel_file(path: Path) -> Path | None:
    """The file that holds the voxels of a header, where it is another: its bytes count as well."""
    suffix = path.suffix.lower()
    if suffix in (".mha", ".mhd"):
        from isocenter.formats.metaimage import voxel_file

        return voxel_file(path)
    if suffix in (".nrrd", ".nhdr"):
        from isocenter.formats import nrrd

        return nrrd.voxel_file(path)
    return None


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    check_present(path)
    status = path.stat()
    return _hashed(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=200_000)
def _hashed(path: str, size: int, changed: int) -> str:  # noqa: ARG001  size and time are the key
    with reading(Path(path)), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
