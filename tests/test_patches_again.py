"""Patches are cut once, whole or not at all: a second time, interrupted, beside other files, on a full disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import isocenter
from isocenter import cutting, ingest
from isocenter.cutting import patches
from isocenter.errors import MissingStep, NotWritable, OtherStudy, UsageError
from isocenter.preparation.patches import Cutting, cut
from slides import GLASS, places, save, slide, table_of


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
