"""Patches of planted slides: which, where, whose; what is left out; cut once, whole or not at all; read by other commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import isocenter
from isocenter import cutting, ingest, lines, preparation
from isocenter.cli import app
from isocenter.cutting import patches
from isocenter.errors import EmptyRegion, MissingStep, NotWritable, OtherStudy, UnreadableFile, UsageError
from isocenter.lines.patches import patches as patch_lines
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.preparation.patches import Cutting, cut
from isocenter.project import Project

GLASS, STAINED = (241, 240, 239), (205, 120, 175)


def slide(shape: tuple[int, int] = (320, 448), seed: int = 0, colour: tuple[int, int, int] = STAINED) -> np.ndarray:
    """Glass with tissue in rows 64 to 191 and columns 128 to 319: six whole patches of 64 pixels."""
    rng = np.random.default_rng(seed)
    pixels = np.broadcast_to(GLASS, (*shape, 3)).astype(float)
    pixels[64:192, 128:320] = colour
    return (pixels + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)


SIX = {(128, 64), (192, 64), (256, 64), (128, 128), (192, 128), (256, 128)}


def save(folder: Path, name: str, pixels: np.ndarray) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "patches.csv", dtype={"patient_id": str})


def places(table: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(table["x"], table["y"], strict=True))


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight slides of four patients, two kinds of tissue; a table of them."""
    folder = tmp_path_factory.mktemp("slides")
    for i in range(8):
        save(folder / "in", f"s{i}.png", slide(seed=i, colour=STAINED if i % 4 < 2 else (120, 80, 160)))
    told = {"slide": [f"s{i}.png" for i in range(8)], "patient": [f"{i // 2:03}" for i in range(8)]}
    pd.DataFrame(told | {"grade": ["low", "low", "high", "high"] * 2}).to_csv(folder / "slides.csv", index=False)
    patches(folder / "in", folder / "out", size=64, labels=folder / "slides.csv", patient_column="patient")
    return folder


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


@pytest.mark.parametrize("wrong", [{"size": 1000}, {"size": 64, "tissue": 1.0, "stride": 50}])
def test_after_a_run_without_a_patch_the_same_folder_takes_what_the_remedy_says(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    small = slide()
    small[::3] = GLASS  # no patch is tissue all over
    save(tmp_path / "in", "a.png", small)
    with pytest.raises(isocenter.IsocenterError, match="No patch was cut"):
        patches(tmp_path / "in", tmp_path / "out", **wrong)
    again = patches(tmp_path / "in", tmp_path / "out", size=64, tissue=0.05)["patches"]
    fresh = patches(tmp_path / "in", tmp_path / "new", size=64, tissue=0.05)["patches"]
    assert again == fresh and again["kept"] > 0
    assert places(table_of(tmp_path / "out")) == places(table_of(tmp_path / "new"))
    with pytest.raises(OtherStudy):
        patches(tmp_path / "in", tmp_path / "out", size=32)


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


def test_folders_of_classes_stay_classes_and_slides_do_not_become_them(tmp_path: Path) -> None:
    for kind in ("benign", "malignant"):
        for i in range(3):
            save(tmp_path / "in" / kind, f"s{i}.png", slide(seed=i))
    patches(tmp_path / "in", tmp_path / "out", size=64)
    cohort = isocenter.index(tmp_path / "out")
    assert cohort.counts == {"benign": 18, "malignant": 18}
    assert len(set(cohort.patients)) == 6
    flat = tmp_path / "in" / "benign"
    patches(flat, tmp_path / "flat", size=64)
    with pytest.raises(isocenter.IsocenterError, match="no labels"):
        isocenter.index(tmp_path / "flat")


def test_patients_come_from_the_table_and_are_the_unit_everywhere(slides: Path) -> None:
    table = table_of(slides / "out")
    assert table.groupby("patient_id").size().to_dict() == {f"{i:03}": 12 for i in range(4)}
    assert list(table.columns) == ["path", "patient_id", "source", "x", "y", "tissue", "grade"]
    cohort = isocenter.index(slides / "out", target="grade")
    assert cohort.table.groupby("patient_id")["grade"].nunique().tolist() == [1] * 4
    design = isocenter.split(cohort, isocenter.audit(cohort), design="kfold", folds=2)
    for split in design.splits:
        parts = [set(cohort.select(ids).patients) for ids in (split.fitting, split.test)]
        assert not parts[0] & parts[1]
    assert not [w for w in (*cohort.warnings, *isocenter.audit(cohort).warnings) if "patient" in w or "learn" in w]


def test_a_table_of_slides_or_of_patients_labels_every_patch(slides: Path, tmp_path: Path) -> None:
    save(slides / "again", "s0.png", slide())
    pd.DataFrame({"slide": [f"s{i}" for i in range(8)], "stage": list("aabbccdd")}).to_csv(
        tmp_path / "t.csv", index=False
    )
    cohort = isocenter.index(slides / "out", labels=tmp_path / "t.csv", target="stage")
    assert cohort.counts == dict.fromkeys("abcd", 12)
    assert sorted(set(cohort.patients)) == ["000", "001", "002", "003"]
    table = pd.DataFrame({"patient": ["000", "001", "002", "003"], "died": [0, 1, 1, 0]}).astype({"patient": str})
    table.to_csv(tmp_path / "p.csv", index=False)
    cohort = isocenter.index(slides / "out", labels=tmp_path / "p.csv", target="died")
    assert cohort.counts == {"0": 24, "1": 24}


def test_without_patients_the_image_is_one_and_that_is_said(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "in", f"s{i}.png", slide(seed=i))
    told = patches(tmp_path / "in", tmp_path / "out", size=64)
    cohort = ingest.index(tmp_path / "out", with_labels=False)
    assert told["warnings"] == list(cohort.warnings)
    assert "all patches of an image count as those of one patient" in told["warnings"][0]
    assert set(cohort.patients) == {"s0.png", "s1.png", "s2.png"}


def test_cluster_takes_the_folder_and_knows_whose_patches_they_are(slides: Path, tmp_path: Path) -> None:
    study = Mapping(Options().changed(input=str(slides / "out"), features="intensity"), Project(tmp_path / "p"))
    found = study.cluster()["clusters"]
    assert (found["n"], found["patients"], found["clusters"]) == (48, 4, 2)
    rows = pd.read_csv(tmp_path / "p" / "clusters" / "assignments.csv", index_col="case_id")["cluster"]
    own = study.usable.table["grade"]
    assert pd.crosstab(rows, own).gt(0).sum(axis=1).tolist() == [1, 1]


def test_a_folder_or_file_of_complete_patches_is_read_with_its_patient(slides: Path) -> None:
    """Each image's folder has a record of its own, which is no sign that cutting was interrupted."""
    table = table_of(slides / "out")
    file = slides / "out" / table["path"][0]
    alone, image = ingest.index(file, with_labels=False), ingest.index(file.parent, with_labels=False)
    assert list(alone.patients) == [table["patient_id"][0]]
    assert len(image) == sum(table["source"] == table["source"][0])
    assert set(image.patients) == {table["patient_id"][0]}
    assert (len(alone.excluded), len(image.excluded)) == (0, 0)
    study = Mapping(Options().changed(input=str(slides / "out"), features="intensity"), Project(None))
    assert study.similar(file, 2)["similar"]["cases"][0]["distance"] == pytest.approx(0, abs=1e-6)


def test_other_images_and_missing_patches_are_left_out_by_name(slides: Path, tmp_path: Path) -> None:
    save(tmp_path / "in", "s.png", slide())
    patches(tmp_path / "in", tmp_path / "out", size=64)
    save(tmp_path / "out", "stranger.png", slide())
    (tmp_path / "out" / "s" / "x000128_y000064.png").unlink()
    cohort = ingest.index(tmp_path / "out", with_labels=False)
    assert {(f.where, f.code) for f in cohort.excluded} == {
        ("stranger", "NoMatch"),
        ("s/x000128_y000064", "MissingPath"),
    }
    assert (cohort.found, len(cohort)) == (7, 5)


def test_a_second_time_nothing_is_cut_and_new_images_join(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "in", "a.png", slide())
    first = patches(tmp_path / "in", tmp_path / "out", size=64)
    before = table_of(tmp_path / "out")
    asked: list[Path] = []
    monkeypatch.setattr(cutting, "cut", lambda path, *rest: asked.append(path) or cut(path, *rest))
    assert patches(tmp_path / "in", tmp_path / "out", size=64) == first
    assert asked == []
    save(tmp_path / "in", "b.png", slide(seed=1))
    assert patches(tmp_path / "in", tmp_path / "out", size=64)["patches"]["kept"] == 12
    assert [path.name for path in asked] == ["b.png"]
    assert table_of(tmp_path / "out").iloc[:6].equals(before)


def test_interrupted_it_leaves_whole_images_only_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "in", f"{name}.png", slide())
    asked: list[str] = []

    def stopping(path: Path, how: Cutting, write: Any) -> Any:
        asked.append(path.name)

        def once(x: int, y: int, pixels: Any) -> None:
            write(x, y, pixels)
            if path.name == "b.png" and asked.count("b.png") == 1:
                raise KeyboardInterrupt

        return cut(path, how, once)

    monkeypatch.setattr(cutting, "cut", stopping)
    with pytest.raises(KeyboardInterrupt):
        patches(tmp_path / "in", tmp_path / "out", size=64)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".patches.json", "a"]
    with pytest.raises(MissingStep, match="interrupted"):
        ingest.index(tmp_path / "out", with_labels=False)
    (tmp_path / "out" / ".c.1.partial").mkdir()  # what a kill leaves
    (tmp_path / "out" / ".c.1.partial" / "x000000_y000000.png").write_bytes(b"half")
    assert patches(tmp_path / "in", tmp_path / "out", size=64)["patches"]["kept"] == 18
    save(tmp_path / "in", "d.png", slide())  # complete, then interrupted at an image that came later
    monkeypatch.setattr(cutting, "cut", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        patches(tmp_path / "in", tmp_path / "out", size=64)
    with pytest.raises(MissingStep, match="interrupted"):
        ingest.index(tmp_path / "out", with_labels=False)
    assert asked == ["a.png", "b.png", "b.png", "c.png"]
    assert not (tmp_path / "out" / ".c.1.partial").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = save(tmp_path / "in", "a.png", slide())
    patches(tmp_path / "in", tmp_path / "out", size=64)
    with pytest.raises(OtherStudy, match="size 64"):
        patches(tmp_path / "in", tmp_path / "out", size=32)
    with pytest.raises(OtherStudy, match="holds patches of"):
        patches(path, tmp_path / "out", size=64)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    for place in (tmp_path / "mine", tmp_path / "mine" / "notes.txt"):
        with pytest.raises(OtherStudy, match="not empty"):
            patches(tmp_path / "in", place, size=64)
    with pytest.raises(UsageError, match="lies in INPUT"):
        patches(tmp_path / "in", tmp_path / "in" / "out", size=64)
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    save(tmp_path / "in", "a.png", slide(seed=5))
    (tmp_path / "in" / "b.png").write_bytes(path.read_bytes())
    found = patches(tmp_path / "in", tmp_path / "out", size=64)["patches"]
    assert [(one["where"], one["code"]) for one in found["left_out"]] == [("a", "OtherStudy")]


def test_a_full_disk_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    save(tmp_path / "in", "a.png", slide())
    monkeypatch.setattr(cutting, "write_picture", full)
    with pytest.raises(NotWritable):
        patches(tmp_path / "in", tmp_path / "out", size=64)


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


def test_the_command_line_says_the_same(slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["patches", str(slides / "in"), str(tmp_path / "o"), "--size", "64", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert (told["patches"]["kept"], told["table"]) == (48, str(tmp_path / "o" / "patches.csv"))
    app(["patches", str(slides / "in"), str(tmp_path / "o"), "--size", "64"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "8 found = 8 cut into patches + 0 left out" in said
    assert "48 kept of 280" in said
