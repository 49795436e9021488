"""Which reader a file needs: by its name, and for names that say nothing by its first bytes."""

from __future__ import annotations

from pathlib import Path

_SUFFIXES = {
    ".dcm": "dicom", ".dicom": "dicom", ".ima": "dicom",
    ".nii": "nifti", ".nrrd": "nrrd", ".nhdr": "nrrd", ".mha": "metaimage", ".mhd": "metaimage",
    ".png": "raster", ".jpg": "raster", ".jpeg": "raster", ".bmp": "raster", ".tif": "raster", ".tiff": "raster",
    ".npy": "array", ".npz": "array",
    ".mat": "matlab",
    ".csv": "table", ".tsv": "table", ".xlsx": "table", ".parquet": "table",
}  # fmt: skip
_PREAMBLE = 128
_MAGIC = b"DICM"
# An old DICOM file without preamble begins with group 0002 or 0008, little endian, element below 0x0100.
_OLD_STARTS = (b"\x02\x00", b"\x08\x00")


def kind_of(path: Path) -> str | None:
    """One of "dicom", "nifti", "nrrd", "metaimage", "raster", "array", "matlab", "table"; None: the file is not ours.

    Hidden files (.DS_Store, ._scan.dcm) are nobody's data. A name that says nothing (no suffix,
    or a UID whose last digits look like one) is opened for 132 bytes; one that cannot be is None.
    """
    name = path.name.lower()
    if name.startswith("."):
        return None
    suffix = ".nii" if name.endswith(".nii.gz") else Path(name).suffix
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    return "dicom" if looks_like_dicom(path, old=suffix == "" or suffix[1:].isdigit()) else None


def looks_like_dicom(path: Path, *, old: bool = False) -> bool:
    """True if the file has DICOM's mark behind its preamble; `old`: or starts like one without preamble."""
    try:
        with path.open("rb") as file:
            head = file.read(_PREAMBLE + 4)
    except OSError:
        return False
    if head[_PREAMBLE:] == _MAGIC:
        return True
    return old and head[:2] in _OLD_STARTS and head[3:4] == b"\x00" and (head[4:6].isalpha() or head[6:8] == b"\0\0")
