"""Pictures: depth, colour, palettes, orientation, pages, codecs; torn files and bombs."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from isocenter.case import Source
from isocenter.errors import UnknownFormat, UnreadableFile
from isocenter.formats import kind_of, limits, read_image

GREY = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
COLOUR = np.dstack([GREY, GREY[::-1], 255 - GREY])
DEEP = np.arange(35, dtype=np.uint16).reshape(5, 7) * 1800


def image(path: Path) -> Any:
    return read_image(Source("image", "image", (str(path),)))


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF"])
def test_grey_and_colour_keep_their_values(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Pillow.fromarray(GREY).save(path)
    read = image(path)
    np.testing.assert_array_equal(read.array, GREY[None, None])
    assert not read.geometry.calibrated
    assert read.geometry.shape == (1, 5, 7)
    Pillow.fromarray(COLOUR).save(path)
    np.testing.assert_array_equal(image(path).array, np.moveaxis(COLOUR, -1, 0)[:, None])
    Pillow.fromarray(np.dstack([GREY] * 3)).save(path)
    np.testing.assert_array_equal(image(path).array, GREY[None, None])


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_of_grey(tmp_path: Path, name: str) -> None:
    Pillow.fromarray(DEEP).save(tmp_path / name)
    read = image(tmp_path / name)
    assert read.array.dtype == np.uint16
    np.testing.assert_array_equal(read.array[0, 0], DEEP)


def test_sixteen_bits_of_colour_are_never_made_eight(tmp_path: Path) -> None:
    chunk = struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" + b"\x12\x34" * 3)

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    content = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", chunk) + part(b"IDAT", rows) + part(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnknownFormat, match="16-bit colour"):
        image(tmp_path / "a.png")
    deep = np.dstack([DEEP, DEEP + 1, DEEP + 2])
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb")
    np.testing.assert_array_equal(image(tmp_path / "a.tif").array, np.moveaxis(deep, -1, 0)[:, None])


def test_palettes_alpha_bilevel_and_orientation(tmp_path: Path) -> None:
    palette = Pillow.fromarray(COLOUR).quantize(8)
    palette.save(tmp_path / "p.png")
    palette.save(tmp_path / "p.tif")
    expected = np.moveaxis(np.asarray(palette.convert("RGB")), -1, 0)[:, None]
    np.testing.assert_array_equal(image(tmp_path / "p.png").array, expected)
    np.testing.assert_array_equal(image(tmp_path / "p.tif").array, expected)
    for extension in ("png", "tif"):
        Pillow.fromarray(np.dstack([COLOUR, GREY]), "RGBA").save(tmp_path / f"a.{extension}")
        assert image(tmp_path / f"a.{extension}").array.shape == (3, 1, 5, 7)
        Pillow.fromarray(GREY > 100).save(tmp_path / f"b.{extension}")
        np.testing.assert_array_equal(image(tmp_path / f"b.{extension}").array[0, 0], (GREY > 100) * 255)
    exif = Pillow.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    Pillow.fromarray(GREY).save(tmp_path / "o.png", exif=exif)
    np.testing.assert_array_equal(image(tmp_path / "o.png").array[0, 0], np.rot90(GREY, -1))


@pytest.mark.parametrize("compression", [None, "zlib", "tiff_lzw"])
def test_pages_of_a_tiff_are_slices(tmp_path: Path, compression: str | None) -> None:
    stack = [Pillow.fromarray(GREY + np.uint8(i)) for i in range(3)]
    codec = {"zlib": "tiff_adobe_deflate"}.get(str(compression), compression)
    stack[0].save(tmp_path / "a.tif", save_all=True, append_images=stack[1:], compression=codec)
    read = image(tmp_path / "a.tif")
    assert read.array.shape == (1, 3, 5, 7)
    np.testing.assert_array_equal(read.array[0, 2], GREY + 2)


def test_a_tiff_with_white_as_zero_is_turned_round(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="miniswhite")
    np.testing.assert_array_equal(image(tmp_path / "a.tif").array[0, 0], 255 - GREY)
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((9, 2, 5, 7), np.uint8), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(UnknownFormat, match="axes"):
        image(tmp_path / "c.tif")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
@pytest.mark.parametrize("keep", [0, 4, 40, -60])
def test_torn_pictures(tmp_path: Path, name: str, keep: int) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Pillow.fromarray(noise).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:keep])
    with pytest.raises(UnreadableFile):
        image(tmp_path / name)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (12_000, 60_000):
        header = part(b"IHDR", struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0))
        path = tmp_path / "a.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n" + header + part(b"IDAT", zlib.compress(b"\0" * 1000)) + part(b"IEND", b"")
        )
        with pytest.raises(UnreadableFile, match=r"limit|bomb"):
            image(path)


def test_a_file_that_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("<svg/>")
    (tmp_path / "b.txt").write_text("x")
    with pytest.raises(UnreadableFile):
        image(tmp_path / "a.png")
    with pytest.raises(UnknownFormat):
        image(tmp_path / "b.txt")
    names = ["a.PNG", "a.nii.gz", "a.gz", "a.npz", "a.mat", "a.xlsx", "a.txt", ".hidden.png"]
    kinds = [kind_of(tmp_path / name) for name in names]
    assert kinds == ["raster", "nifti", None, "array", "matlab", "table", None, None]


def test_real_pictures(shared_data: Path) -> None:
    first = min((shared_data / "busi/benign").glob("*.png"))
    assert image(first).array.shape[1:] == (1, 256, 256)
    first = min((shared_data / "cxr_hannover/images").iterdir())
    assert image(first).array.shape[0] == 1


def test_readings_that_overlap_leave_warnings_as_they_were(tmp_path: Path) -> None:
    """As threads do: the first to begin is not the last to end."""
    before = list(warnings.filters)
    first, second = limits.reading(tmp_path), limits.reading(tmp_path)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    warnings.warn("from a decoder", UserWarning, stacklevel=1)  # still quiet
    second.__exit__(None, None, None)
    assert warnings.filters == before
