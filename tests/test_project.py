"""What is up to date, what is not, and what another version left."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isocenter import disk, ledger
from isocenter.errors import MissingStep, NotWritable, OtherVersion, UnreadableFile
from isocenter.project import Artefact, Project

NOTE: Artefact[str] = Artefact("notes/a.txt", lambda t, p: disk.write_text(p, t), lambda p: p.read_text(), "note")


@pytest.mark.parametrize("in_memory", [True, False])
def test_made_once_for_the_same_inputs(tmp_path: Path, in_memory: bool) -> None:
    project = Project(None if in_memory else tmp_path)
    made: list[str] = []

    def make() -> str:
        made.append("x")
        return f"text {len(made)}"

    assert project.get_or_make(NOTE, "one", make) == "text 1"
    assert project.get_or_make(NOTE, "one", make) == "text 1"
    assert project.get_or_make(NOTE, "two", make) == "text 2"


def test_a_changed_or_lost_artefact_is_made_again(tmp_path: Path) -> None:
    Project(tmp_path).put(NOTE, "one", "text")
    assert Project(tmp_path).has(NOTE, "one")
    (tmp_path / "notes/a.txt").write_text("tampered")
    assert not Project(tmp_path).has(NOTE, "one")
    (tmp_path / "notes/a.txt").unlink()
    assert not Project(tmp_path).has(NOTE, "one")
    with pytest.raises(MissingStep, match="isocenter note"):
        Project(tmp_path).get(NOTE)


def test_another_version_is_refused(tmp_path: Path) -> None:
    Project(tmp_path).put(NOTE, "one", "text")
    memory = json.loads((tmp_path / "project.json").read_text())
    (tmp_path / "project.json").write_text(json.dumps({**memory, "layout": 99}))
    with pytest.raises(OtherVersion, match="layout 99"):
        Project(tmp_path)
    (tmp_path / "project.json").write_text("{")
    with pytest.raises(OtherVersion):
        Project(tmp_path)


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    disk.write_text(target, "old")

    def fails(path: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(NotWritable, match="No space left"):
        disk.write_with(target, fails)
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]
    (tmp_path / f".a.txt.1{'.partial'}.txt").write_text("left by a killed process")
    Project(tmp_path).open()
    assert list(tmp_path.iterdir()) == [target]


def test_looks_are_counted_once_and_the_chain_shows_changes(tmp_path: Path) -> None:
    assert ledger.look(tmp_path, "test-a", {"forest": "1"}) == 1
    assert ledger.look(tmp_path, "test-a", {"forest": "1"}) == 1
    assert ledger.look(tmp_path, "test-a", {"forest": "2"}) == 2
    assert ledger.look(tmp_path, "test-b", {"forest": "2"}) == 1
    lines = (tmp_path / ledger.NAME).read_text().splitlines(keepends=True)
    (tmp_path / ledger.NAME).write_text("".join(lines[1:]))
    with pytest.raises(UnreadableFile, match="altered at line 1"):
        ledger.look(tmp_path, "test-a", {"forest": "3"})
