"""Bands of rows of large pictures: the same pixels as reading whole, whatever the file's tiles, and no more memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from isocenter.errors import BadShape, MissingPath, UnknownFormat, UnreadableFile
from isocenter.formats import limits
from isocenter.formats.bands import open_bands
from isocenter.formats.raster import read_raster, write_picture

RNG = np.random.default_rng(1)
COLOUR = RNG.integers(0, 256, (150, 200, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 60_000, (150, 200), dtype=np.uint16)


@pytest.mark.parametrize(
    "pixels", [COLOUR, DEEP, np.dstack([COLOUR, COLOUR[..., :1]])], ids=["colour", "deep", "alpha"]
)
@pytest.mark.parametrize(
    "how",
    [{}, {"tile": (64, 48), "compression": "zlib"}, {"rowsperstrip": 17, "compression": "zlib"},
     {"rowsperstrip": 40, "compression": "zlib", "byteorder": ">", "predictor": True}],
    ids=["plain", "tiles", "strips", "big-endian"],
)  # fmt: skip
def test_bands_of_a_tiff_are_its_pixels(tmp_path: Path, pixels: np.ndarray, how: dict[str, Any]) -> None:
    path, order = tmp_path / "a.tif", how.get("byteorder", "<")
    told = {k: v for k, v in how.items() if k != "byteorder"}
    tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack", byteorder=order, **told)
    whole = read_raster(path).array[:, 0]
    with open_bands(path) as picture:
        assert picture.shape == whole.shape
        for start, stop in ((0, 10), (10, 90), (80, 150), (149, 150), (3, 70)):  # also back up
            band = picture.rows(start, stop)
            assert band.dtype == whole.dtype.newbyteorder("=")
            assert (band == whole[:, start:stop]).all()


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.bmp", "lzw.tif", "packbits.tif", "palette.tif", "planes.tif", "white-is-zero.tif"]
)
def test_other_pictures_are_read_whole_and_are_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "planes.tif":
        tifffile.imwrite(path, np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate")
    elif name == "white-is-zero.tif":
        tifffile.imwrite(path, DEEP, photometric="miniswhite")
    else:
        picture = Image.fromarray(COLOUR)
        picture = picture.quantize(16) if name == "palette.tif" else picture
        codec = {"lzw.tif": "tiff_lzw", "packbits.tif": "packbits"}.get(name)
        picture.save(path, **({"compression": codec} if codec else {}))
    with open_bands(path) as found:
        assert (found.rows(20, 80) == read_raster(path).array[:, 0, 20:80]).all()


def test_levels_of_a_pyramid(tmp_path: Path) -> None:
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(COLOUR, photometric="rgb", tile=(64, 64), compression="zlib", subifds=1)
        file.write(COLOUR[::2, ::2], photometric="rgb", tile=(64, 64), compression="zlib", subfiletype=1)
    with open_bands(path, 1) as found:
        assert (np.moveaxis(found.rows(0, 75), 0, -1) == COLOUR[::2, ::2]).all()
    with pytest.raises(BadShape, match="2 levels: there is no level 2"), open_bands(path, 2):
        pass
    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    with pytest.raises(BadShape, match="1 level: there is no level 1"), open_bands(tmp_path / "a.png", 1):
        pass


def test_a_tiff_larger_than_what_is_decoded_at_once_is_read_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = np.broadcast_to((np.arange(4000) % 256).astype(np.uint8)[:, None, None], (4000, 2000, 3))
    tifffile.imwrite(tmp_path / "big.tif", big, photometric="rgb", tile=(256, 256), compression="zlib")
    monkeypatch.setattr("isocenter.formats.bands.FRAME_BYTES", 4_000_000)
    monkeypatch.setattr("isocenter.formats.raster.FRAME_BYTES", 4_000_000)
    tracemalloc.start()
    with open_bands(tmp_path / "big.tif") as found:
        for start in range(0, 4000, 100):
            assert (found.rows(start, start + 100)[:, :, 7] == np.arange(start, start + 100) % 256).all()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # half of the 24 MB of pixels: two rows of tiles, and a band
    with pytest.raises(UnreadableFile, match="above the limit"):
        read_raster(tmp_path / "big.tif")
    tifffile.imwrite(tmp_path / "strip.tif", big, photometric="rgb", rowsperstrip=4000, compression="zlib")
    with pytest.raises(UnreadableFile, match="above the limit"), open_bands(tmp_path / "strip.tif"):
        pass


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([DEEP] * 3), photometric="minisblack")
    with pytest.raises(BadShape, match="stack of 3 pages"), open_bands(tmp_path / "stack.tif"):
        pass
    (tmp_path / "scan.nii.gz").write_bytes(b"x")
    with pytest.raises(UnknownFormat, match="no picture"), open_bands(tmp_path / "scan.nii.gz"):
        pass
    with pytest.raises(MissingPath), open_bands(tmp_path / "none.tif"):
        pass
    tifffile.imwrite(tmp_path / "torn.tif", COLOUR, photometric="rgb", tile=(64, 64), compression="zlib")
    whole = (tmp_path / "torn.tif").read_bytes()
    middle = len(whole) // 2
    (tmp_path / "torn.tif").write_bytes(whole[:middle] + bytes(4000) + whole[middle + 4000 :])
    with pytest.raises(UnreadableFile, match=r"torn\.tif"), open_bands(tmp_path / "torn.tif") as found:
        found.rows(0, 150)
    Image.fromarray(COLOUR).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnreadableFile, match="more pixels than are decoded at once") as refused:
        read_raster(tmp_path / "bomb.png")
    assert "Deflate TIFF" in refused.value.remedy
    assert limits.FRAME_BYTES == 512 * 2**20


@pytest.mark.parametrize("pixels, ending", [(COLOUR, ".png"), (DEEP, ".png"), (COLOUR.astype(np.uint16) * 99, ".tif")])
def test_pictures_come_back_as_they_were_written(tmp_path: Path, pixels: np.ndarray, ending: str) -> None:
    array = np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels[None]
    path = write_picture(tmp_path / "p_x1.5", array)
    assert path.name == f"p_x1.5{ending}"
    assert (read_raster(path).array[:, 0] == array).all()
