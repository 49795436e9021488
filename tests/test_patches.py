"""Patches of planted slides: which, where, and what is left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from isocenter import ingest, lines, preparation
from isocenter.cutting import patches
from isocenter.errors import EmptyRegion, UnreadableFile, UsageError
from isocenter.lines.patches import patches as patch_lines
from slides import SIX, places, save, slide, table_of


def test_planted_tissue_gives_exactly_its_patches(tmp_path: Path) -> None:
    pixels = slide()
    save(tmp_path / "in", "a.png", pixels)
    told = patches(tmp_path / "in", tmp_path / "out", size=64)["patches"]
    table = table_of(tmp_path / "out")
    assert (told["images"], told["cut"], told["positions"], told["kept"]) == (1, 1, 35, 6)
    assert places(table) == SIX
    assert (table["tissue"] == 1).all()
    for row in table.itertuples():
        own = np.asarray(Image.open(tmp_path / "out" / row.path))
        assert (own == pixels[row.y : row.y + 64, row.x : row.x + 64]).all()


def test_the_share_of_tissue_and_the_stride_decide(tmp_path: Path) -> None:
    """Every 32 pixels: by hand, a patch reaches over the tissue's border by none or half of its side."""
    save(tmp_path / "in", "a.png", slide())
    patches(tmp_path / "in", tmp_path / "out", size=64, stride=32, tissue=0.5)
    table = table_of(tmp_path / "out")
    shares = {(x, y): (min(x + 64, 320) - max(x, 128)) * (min(y + 64, 192) - max(y, 64)) / 64**2
              for x in range(96, 320, 32) for y in range(32, 192, 32)}  # fmt: skip
    assert places(table) == {place for place, share in shares.items() if share >= 0.5}
    assert [shares[p] for p in zip(table["x"], table["y"], strict=True)] == pytest.approx(table["tissue"], abs=0.01)
    told = patches(tmp_path / "in", tmp_path / "all", size=64, tissue=0)["patches"]
    assert told["kept"] == told["positions"] == 35


def test_a_large_tiff_gives_the_same_patches_part_by_part(tmp_path: Path) -> None:
    """4,608 pixels wide: tissue is looked for in a reduced picture."""
    pixels = np.repeat(np.repeat(slide((320, 576)), 8, axis=0), 8, axis=1)
    tifffile.imwrite(tmp_path / "big.tif", pixels, photometric="rgb", tile=(256, 256), compression="zlib")
    patches(tmp_path / "big.tif", tmp_path / "out", size=512)
    table = table_of(tmp_path / "out")
    assert places(table) == {(8 * x, 8 * y) for x, y in SIX}
    assert set(table["source"]) == {"big.tif"}
    own = np.asarray(Image.open(tmp_path / "out" / table["path"][0]))
    assert (own == pixels[512:1024, 1024:1536]).all()


def test_the_reduced_picture_is_the_mean_of_blocks(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, (1100, 1303)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(128, 128), compression="zlib", photometric="minisblack")
    with preparation.patches.open_bands(tmp_path / "a.tif") as picture:
        found = preparation.patches._reduced(picture, 7)[0]
    assert found.shape == (158, 187)
    for i, j in ((0, 0), (100, 50), (157, 186)):
        assert found[i, j] == int(pixels[7 * i : 7 * i + 7, 7 * j : 7 * j + 7].mean(dtype=np.float32))


@pytest.mark.parametrize("kind", ["grey", "deep", "alpha", "deep colour"])
def test_grey_deep_and_transparent_slides(tmp_path: Path, kind: str) -> None:
    pixels = slide()
    (tmp_path / "in").mkdir()
    if kind == "deep colour":
        tifffile.imwrite(tmp_path / "in" / "a.tif", pixels.astype(np.uint16) * 200, photometric="rgb")
    else:
        grey = pixels[..., 1]
        own = {
            "grey": grey,
            "deep": grey.astype(np.uint16) * 200,
            "alpha": np.dstack([pixels, np.full(grey.shape, 255)]),
        }
        save(tmp_path / "in", "a.png", own[kind].astype(np.uint16 if kind == "deep" else np.uint8))
    patches(tmp_path / "in", tmp_path / "out", size=64)
    table = table_of(tmp_path / "out")
    assert places(table) == SIX
    case = ingest.index(tmp_path / "out", with_labels=False).cases[0]
    found, _ = preparation.read_case(case)
    assert found.array.shape == (3 if kind in ("alpha", "deep colour") else 1, 1, 64, 64)
    assert found.array.dtype == (np.uint16 if "deep" in kind else np.uint8)


def test_fluorescence_is_told_from_stains(tmp_path: Path) -> None:
    save(tmp_path / "in", "stained.png", slide())
    save(tmp_path / "in", "glowing.png", 255 - slide()[..., 1])
    told = patches(tmp_path / "in", tmp_path / "out", size=64)
    assert told["patches"]["backgrounds"] == {"dark": 1, "light": 1}
    assert [places(own) for _, own in table_of(tmp_path / "out").groupby("source")] == [SIX, SIX]
    said = "\n".join(lines.SECTIONS["patches"](told["patches"], told))
    assert "1 image with a dark background: tissue is the brighter" in said
    patches(tmp_path / "in" / "glowing.png", tmp_path / "other", size=64, background="light")
    assert len(table_of(tmp_path / "other")) == 35  # who says so: all of it is denser than glass


def test_every_image_that_gives_no_patch_is_named_and_counts_reconcile(tmp_path: Path) -> None:
    save(tmp_path / "in", "good.png", slide())
    save(tmp_path / "in", "glass.png", np.full((128, 128, 3), 240, np.uint8))
    save(tmp_path / "in", "small.png", slide()[:40])
    save(tmp_path / "in", "few.png", np.vstack([slide(), np.full((200, 448, 3), 240, np.uint8)])[170:])
    (tmp_path / "in" / "torn.png").write_bytes(save(tmp_path / "x", "t.png", slide()).read_bytes()[:5000])
    (tmp_path / "in" / "empty.png").write_bytes(b"")
    (tmp_path / "in" / "scan.nii.gz").write_bytes(b"no picture")
    told = patches(tmp_path / "in", tmp_path / "out", size=64)
    found = told["patches"]
    faults = {one["where"]: one for one in found["left_out"]}
    assert {name: one["code"] for name, one in faults.items()} == {
        "glass": "EmptyRegion", "small": "BadShape", "few": "EmptyRegion", "torn": "UnreadableFile",
        "empty": "UnreadableFile", "scan": "UnknownFormat",
    }  # fmt: skip
    assert found["images"] == found["cut"] + len(faults) == 7
    assert "the most is 34" in faults["few"]["reason"]  # 22 of 64 rows
    assert set(pd.read_csv(tmp_path / "out" / "left_out.csv")["where"]) == set(faults)
    page = Path(told["page"]).read_text("utf-8")
    assert "7 images found = 1 cut + 6 left out" in page
    assert page.count("data:image/png") == 3  # good, and those without enough tissue
    assert sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir()) == ["few", "glass", "good"]


def test_rows_of_the_table_are_no_images(tmp_path: Path) -> None:
    """Two images, one of them empty; the table names nine more."""
    save(tmp_path / "in", "a.png", slide())
    save(tmp_path / "in", "b.png", np.full((320, 448, 3), 240, dtype=np.uint8))
    rows = ["a,1", "b,2", *(f"gone{i},3" for i in range(9))]
    (tmp_path / "t.csv").write_text("id,stage\n" + "\n".join(rows) + "\n")
    result = patches(tmp_path / "in", tmp_path / "out", size=64, labels=tmp_path / "t.csv")
    found = result["patches"]
    assert (found["images"], found["cut"], [one["where"] for one in found["left_out"]]) == (2, 1, ["b"])
    assert [one["where"] for one in found["rows"]] == [f"row {i + 4}: gone{i}" for i in range(9)]
    said = "\n".join(patch_lines(found, result))
    assert "Images    2 found = 1 cut into patches + 1 left out" in said
    assert "9 rows belong to no image: row 4: gone0" in said and "and 3 more, all in left_out.csv" in said
    assert list(pd.read_csv(tmp_path / "out" / "left_out.csv")["where"])[:2] == ["b", "row 4: gone0"]
    page = (tmp_path / "out" / "patches.html").read_text("utf-8")
    assert "2 images found = 1 cut + 1 left out" in page and "9 rows of the table" in page


def test_nothing_but_glass_is_an_error_that_shows_it(tmp_path: Path) -> None:
    save(tmp_path / "in", "glass.png", np.full((128, 128, 3), 240, np.uint8))
    with pytest.raises(EmptyRegion, match=r"patches\.html shows it") as refused:
        patches(tmp_path / "in", tmp_path / "out", size=64)
    assert "--tissue" in refused.value.remedy
    assert (tmp_path / "out" / "patches.html").is_file()
    assert not (tmp_path / "out" / "patches.csv").exists()


def test_the_same_name_in_two_folders_and_beside_a_folder(tmp_path: Path) -> None:
    for name in ("a/s.png", "b/s.png"):
        save(tmp_path / "in", name, slide())
    patches(tmp_path / "in", tmp_path / "out", size=64)
    save(tmp_path / "in", "a.png", slide())  # its patches cannot lie in the folder that is there by now
    patches(tmp_path / "in", tmp_path / "out", size=64)
    table = table_of(tmp_path / "out")
    assert table.groupby("source").size().to_dict() == {"a/s.png": 6, "b/s.png": 6, "a.png": 6}
    assert all((tmp_path / "out" / name).is_file() for name in table["path"])
    assert table["path"].is_unique


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"stride": 0}, {"tissue": 1.5}, {"tissue": -0.1}, {"level": -1}, {"background": "grey"}]
)
def test_what_cannot_be_is_refused_before_anything_is_read(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        patches(tmp_path / "not there", tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_one_file_that_is_torn_says_so(tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(save(tmp_path / "x", "t.png", slide()).read_bytes()[:5000])
    with pytest.raises(UnreadableFile, match=r"torn\.png"):
        patches(tmp_path / "torn.png", tmp_path / "out")
