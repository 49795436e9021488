"""Pictures: PNG, JPEG, BMP through Pillow, TIFF through tifffile (Pillow for the codecs it lacks)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UnknownFormat, UnreadableFile
from isocenter.formats.channels import grey_if_equal
from isocenter.formats.limits import FRAME_BYTES, check_size, reading
from isocenter.image import Geometry, Image

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_GREY, _PNG_PALETTE = 0, 3
_GREY = {"L", "F", "I", "I;16", "I;16L", "I;16B", "I;16N"}
_PALETTE = 3  # TIFF's photometric interpretation; 0 is grey with white as zero
PLAIN_CODECS = {1, 8, 32946, 32773}  # none, Deflate twice, PackBits: what tifffile reads by itself
_STACKS = "ZIQTDRPEHLMVAN"  # axis letters of tifffile that may stand for slices
Pixels = NDArray[Any]


def read_raster(path: Path) -> Image:
    """A picture (C, 1, H, W), or a grey multi-page TIFF (1, D, H, W); unit spacing, not calibrated.

    8- and 16-bit grey keeps its values; palettes become colour, alpha is dropped, the camera's
    orientation (EXIF) is applied, colour with equal channels is grey.
    """
    is_tiff = path.suffix.lower() in (".tif", ".tiff")
    array = grey_if_equal(_read_tiff(path) if is_tiff else _read_picture(path))
    if array.size == 0:
        raise UnreadableFile(f"{path} holds no pixels.", "Export it again.")
    _, depth, rows, columns = array.shape
    return Image(np.ascontiguousarray(array), Geometry.pixels((depth, rows, columns)))


def _read_picture(path: Path) -> Pixels:
    from PIL import Image as Pillow
    from PIL import ImageOps

    _refuse_deep_colour(path)
    with reading(path, "picture"), Pillow.open(path, formats=("PNG", "JPEG", "BMP", "TIFF")) as opened:
        check_size(path, opened.width * opened.height * 4, FRAME_BYTES)
        pages = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
        check_size(path, opened.width * opened.height * 4 * pages)
        frames = []
        for page in range(pages):
            opened.seek(page)
            frames.append(_plain(ImageOps.exif_transpose(opened)))
    if len({frame.shape for frame in frames}) > 1:
        raise UnknownFormat(f"{path} has pages of different size.", "Save each page as its own file.")
    return np.stack(frames, axis=1)


def read_page(path: Path, number: int) -> Pixels:
    """(C, H, W) of one page of a TIFF, through Pillow: for codecs that tifffile lacks here."""
    from PIL import Image as Pillow

    with reading(path, "picture"), Pillow.open(path, formats=("TIFF",)) as opened:
        opened.seek(number)
        check_size(path, opened.width * opened.height * 4, FRAME_BYTES)
        return grey_if_equal(_plain(opened)[:, None])[:, 0]


def write_picture(path: Path, array: Pixels) -> Path:
    """Write (C, H, W) of 1 or 3 channels as PNG; as TIFF what PNG cannot hold here (16-bit colour, fractions).

    path: without extension, in a folder that is written whole (`disk.write_folder`). Returns the file's path.
    """
    values = np.ascontiguousarray(array[0] if len(array) == 1 else np.moveaxis(array, 0, -1))
    if array.dtype == np.uint8 or (array.dtype == np.uint16 and len(array) == 1):
        from PIL import Image as Pillow

        picture = path.with_name(f"{path.name}.png")
        Pillow.fromarray(values).save(picture)
        return picture
    import tifffile

    picture = path.with_name(f"{path.name}.tif")
    tifffile.imwrite(picture, values, photometric="minisblack" if len(array) == 1 else "rgb", compression="zlib")
    return picture


def _plain(picture: Any) -> Pixels:
    """A Pillow image as (C, H, W)."""
    if picture.mode in ("1", "LA", "La"):
        picture = picture.convert("L")
    elif picture.mode not in _GREY:
        picture = picture.convert("RGB")
    values = np.asarray(picture)
    if values.dtype == np.int32 and values.size and values.min() >= 0 and values.max() <= 65535:
        values = values.astype(np.uint16)  # Pillow's 32-bit mode for 16-bit files
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)


def _refuse_deep_colour(path: Path) -> None:
    """Pillow makes 16-bit colour 8-bit without a word; better refuse it by name."""
    with reading(path), path.open("rb") as file:
        head = file.read(26)
    if head.startswith(_PNG_START) and len(head) == 26 and head[24] == 16 and head[25] != _PNG_GREY:
        raise UnknownFormat(f"{path} is a PNG with 16-bit colour or alpha.", "Save it as TIFF, or as 16-bit grey.")


def _read_tiff(path: Path) -> Pixels:
    """(C, D, H, W) of a TIFF's first series."""
    import tifffile

    with reading(path, "TIFF"), tifffile.TiffFile(path) as opened:
        series, page = opened.series[0], opened.pages[0].aspage()
        check_size(path, int(np.prod(series.shape, dtype=object)) * series.dtype.itemsize)
        check_size(path, page.imagewidth * page.imagelength * page.samplesperpixel * series.dtype.itemsize, FRAME_BYTES)
        if int(page.compression) not in PLAIN_CODECS:
            return _read_picture(path)
        values, axes, photometric = np.asarray(series.asarray()), series.axes, int(page.photometric)
        table = page.colormap if photometric == _PALETTE else None
    if table is not None:  # (3, entries) of 16 bit, of which the upper 8 count
        values, axes = np.moveaxis(np.asarray(table)[:, values] >> 8, 0, -1).astype(np.uint8), axes + "S"
    if values.dtype == np.bool_:
        values = values.astype(np.uint8) * 255
    array = _axes_in_order(path, values, axes)
    return _inverted(array) if photometric == 0 and array.shape[0] == 1 else array


def _axes_in_order(path: Path, values: Pixels, axes: str) -> Pixels:
    """From the axes that tifffile names (S and C: samples; Y, X; one of the others: pages) to (C, D, H, W)."""
    kept = [i for i, n in enumerate(values.shape) if n != 1 or axes[i] in "YX"]
    values = values.reshape([values.shape[i] for i in kept])
    names = "".join("C" if axes[i] in "SC" else "D" if axes[i] in _STACKS else axes[i] for i in kept)
    order = [names.find(letter) for letter in "CDYX"]
    if sorted(names) != sorted(set(names)) or set(names) - set("CDYX") or not {"Y", "X"} <= set(names):
        raise UnknownFormat(f"{path} is a TIFF with the axes {axes}, which is not read.", "Save one image or stack.")
    array = values.transpose([i for i in order if i >= 0])
    array = np.expand_dims(array, [i for i, found in enumerate(order) if found < 0])
    if array.shape[0] > 4:
        raise UnknownFormat(f"{path} is a TIFF with {array.shape[0]} channels.", "Save at most three channels.")
    return array[:3] if array.shape[0] == 4 else array[:1] if array.shape[0] == 2 else array


def _inverted(array: Pixels) -> Pixels:
    """Grey with white as zero, turned so that bright is high."""
    if array.dtype.kind != "u":
        return array
    inverted: Pixels = 2 ** (8 * array.dtype.itemsize) - 1 - array
    return inverted
