"""Damaged bundles: every changed byte, member and cut is found, and a full disk leaves the old one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.dummy import DummyClassifier

import bundles
from isocenter import bundle
from isocenter.bundle import archive
from isocenter.errors import DamagedBundle, MissingPath, NotWritable, OtherVersion


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return bundles.small(tmp_path)


def test_every_flipped_byte_is_found(small: Path) -> None:
    content = bytearray(small.read_bytes())
    assert archive.unpack(bytes(content), bundle.MEMBERS)
    for place in range(len(content)):
        content[place] ^= 1 << (place % 8)
        with pytest.raises(DamagedBundle):
            archive.unpack(bytes(content), bundle.MEMBERS)
        content[place] ^= 1 << (place % 8)


@pytest.mark.parametrize("member", [archive.MANIFEST, bundle.CARD, bundle.ESTIMATOR])
def test_a_flipped_byte_in_a_member_is_found_though_the_zip_is_sound(small: Path, member: str) -> None:
    members = bundles.members(small)
    spot = members[member].index(b"a")
    members[member] = members[member][:spot] + b"e" + members[member][spot + 1 :]
    small.write_bytes(bundles.sealed(archive.zipped(members, level=1, comment=b"0" * 64)))
    with pytest.raises(DamagedBundle):
        bundle.load(small)


@pytest.mark.parametrize("length", [0, 3, 100, -1, -70])
def test_a_truncated_bundle_is_refused(small: Path, length: int) -> None:
    small.write_bytes(small.read_bytes()[:length])
    with pytest.raises(DamagedBundle):
        bundle.load(small)


def test_extra_missing_and_doubled_members_are_refused(small: Path) -> None:
    members = bundles.members(small)
    for change in ({**members, "../evil.txt": b"x"}, {k: members[k] for k in (archive.MANIFEST, bundle.CARD)}):
        small.write_bytes(bundles.sealed(archive.zipped(change, level=1, comment=b"0" * 64)))
        with pytest.raises(DamagedBundle, match="members"):
            bundle.load(small)
    for names in (["../evil.txt"], ["/etc/passwd"], ["estimator.skops/../x"], ["C:\\x"], ["estimator.pkl"]):
        small.write_bytes(archive.pack({**{n: members[n] for n in bundle.MEMBERS}, **dict.fromkeys(names, b"x")}))
        with pytest.raises(DamagedBundle, match="members"):
            bundle.load(small)
    assert sorted(p.name for p in small.parent.iterdir()) == ["small.iso"]


def test_other_files_and_paths_have_their_own_message(tmp_path: Path) -> None:
    with pytest.raises(MissingPath):
        bundle.load(tmp_path / "nothing.iso")
    (tmp_path / "text.iso").write_text("hello")
    with pytest.raises(DamagedBundle, match="not a model bundle"):
        bundle.load(tmp_path / "text.iso")


def test_a_later_format_says_so(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = bundles.members(small)
    monkeypatch.setattr(archive, "VERSION", 2)
    content = archive.pack({name: members[name] for name in (bundle.CARD, bundle.ESTIMATOR)})
    monkeypatch.undo()
    small.write_bytes(content)
    with pytest.raises(OtherVersion, match="version 2"):
        bundle.load(small)


def test_a_disk_that_refuses_leaves_the_old_bundle(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.read_bytes()

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NotWritable):
        bundle.save(bundles.model(DummyClassifier()), small)
    monkeypatch.undo()
    assert small.read_bytes() == before
    assert [p.name for p in small.parent.iterdir()] == ["small.iso"]
