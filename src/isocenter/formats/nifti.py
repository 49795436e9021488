"""NIfTI (.nii, .nii.gz) through nibabel: RAS turned into LPS, axes into (slice, row, column).

Source of the header's layout: NIfTI-1 and NIfTI-2 standards, nifti.nimh.nih.gov.
"""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import BadGeometry, UnknownFormat, UnreadableFile
from isocenter.formats.channels import grey_if_equal
from isocenter.formats.inflate import gunzipped, plain
from isocenter.formats.limits import check_size, reading
from isocenter.image import Geometry, Image

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_MILLIMETRES = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
_HEADER = 540  # bytes of NIfTI-2's, the longer one
_OFFSET_LIMIT = 64 * 2**20  # extensions between header and pixels; a forged one would inflate gigabytes
_CHANNELS = 4  # a fourth axis up to here is channels (MR sequences), beyond it a series of times


def read_nifti(path: Path) -> Image:
    """The volume (C, D, H, W): slice = third axis of the file, row = second, column = first.

    Integers stay integers where there is no scale factor; scaled values are float32.
    UnreadableFile, UnknownFormat (time series, colour voxels), BadGeometry (a flat affine).
    """
    import nibabel

    _check_offset(path)
    with reading(path, "NIfTI file"):
        loaded: Any = nibabel.load(path, mmap=False)
        shape, dtype, affine = loaded.shape, loaded.header.get_data_dtype(), loaded.affine
    extent = _extent(path, shape, dtype)
    check_size(path, int(np.prod(extent, dtype=object)) * max(dtype.itemsize, 4))
    values = _values(path, loaded, int(np.prod(extent)) * dtype.itemsize)
    if values.dtype != dtype and values.dtype == np.float64:
        values = values.astype(np.float32)
    array = np.ascontiguousarray(values.reshape(extent).transpose(3, 2, 1, 0))
    return Image(grey_if_equal(array), _geometry(path, loaded, affine, (extent[2], extent[1], extent[0])))


def _values(path: Path, loaded: Any, size: int) -> NDArray[Any]:
    """The voxels in the file's shape, scaled; a .gz is read to its end, where its checksum stands."""
    from nibabel.volumeutils import apply_read_scaling

    proxy = loaded.dataobj
    start, what = int(proxy.offset), "NIfTI file"
    if path.suffix.lower() == ".gz":
        content = gunzipped(path, start + size, what)[start:]
    else:
        content = plain(path, size, what, start)
    array = content.view(proxy.dtype) if start % proxy.dtype.itemsize == 0 else content.copy().view(proxy.dtype)
    with reading(path, what):
        return np.asarray(apply_read_scaling(array.reshape(proxy.shape, order="F"), proxy.slope, proxy.inter))


def _extent(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, int, int, int]:
    """The file's (columns, rows, slices, channels)."""
    if dtype.kind not in "iuf":
        raise UnknownFormat(
            f"{path} has voxels of type {dtype}, which is not read.", "Save it with one real number a voxel."
        )
    axes = [int(n) for n in shape] + [1] * (4 - len(shape))
    extra = [n for n in axes[4:] if n != 1]
    if extra or axes[3] > _CHANNELS:
        size = " x ".join(map(str, shape))
        raise UnknownFormat(
            f"{path} holds {size} values: a series of times or vectors, not one volume.",
            "Save the volume wanted as its own 3-D file.",
        )
    if min(axes) < 1:
        raise UnreadableFile(f"{path} declares a volume without voxels.", "Export it again.")
    return axes[0], axes[1], axes[2], axes[3]


def _geometry(path: Path, loaded: Any, affine: NDArray[np.float64], shape: tuple[int, int, int]) -> Geometry:
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise BadGeometry(
            f"{path} has an affine without volume: its voxels have no place in space.",
            "Write a valid sform or qform (pixdim above 0).",
        )
    with reading(path, "NIfTI header"):
        unit = loaded.header.get_xyzt_units()[0]
    scale = np.diag([_MILLIMETRES.get(unit, 1.0)] * 3 + [1.0])
    return Geometry(shape, (_RAS_TO_LPS @ scale @ affine)[:, [2, 1, 0, 3]])


def _check_offset(path: Path) -> None:
    """Refuse a header that puts the pixels absurdly far into the file: reaching them would inflate a bomb."""
    with reading(path, "NIfTI file"), gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        head = file.read(_HEADER)
    for order in "<>":
        size = struct.unpack_from(f"{order}i", head)[0] if len(head) >= 352 else 0
        if size == 348:
            offset = struct.unpack_from(f"{order}f", head, 108)[0]
        elif size == 540 and len(head) == _HEADER:
            offset = struct.unpack_from(f"{order}q", head, 168)[0]
        else:
            continue
        if 0 <= offset <= _OFFSET_LIMIT:
            return
    raise UnreadableFile(f"{path} is not a readable NIfTI file: bad header.", "It is damaged; copy or export it again.")
