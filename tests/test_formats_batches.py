"""Tables in batches hold what they hold when read whole; what cannot be is refused, also in a later batch."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isocenter.errors import (
    BadShape,
    EmptyInput,
    IsocenterError,
    MissingPath,
    UnknownFormat,
    UnreadableFile,
    UnsafeFile,
)
from isocenter.formats import batches, tables
from isocenter.formats.batches import read_batches
from isocenter.formats.text import text_batches

N = 5000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_ROWS", (700, 700))


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    found = pd.DataFrame(rng.normal(size=(N, 3)), columns=["a", "b, c", "d"])
    found.insert(0, "id", [f"{i:06}" for i in range(N)])
    found["note"] = [f'said "{i}"\nand more' if i % 5 else None for i in range(N)]
    found.loc[::7, "d"] = np.nan
    return found


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet"])
def test_batches_are_the_table(table: pd.DataFrame, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    tables.write_table(table, path)
    parts = list(read_batches(path))
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), tables.read_table(path))
    if ending == ".parquet":
        assert [len(part) for part in parts] == [700] * 7 + [100]
    else:
        small = list(text_batches(path, 20_000))
        assert len(small) > 10
        pd.testing.assert_frame_equal(pd.concat(small, ignore_index=True), tables.read_table(path))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["f4", ">f8", "i2"])
def test_batches_of_a_matrix(tmp_path: Path, order: str, kind: str) -> None:
    values = np.random.default_rng(0).normal(0, 100, size=(N, 4)).astype(kind)
    np.save(tmp_path / "m.npy", np.asarray(values, order=order))
    parts = list(read_batches(tmp_path / "m.npy"))
    assert list(parts[0]) == ["f0", "f1", "f2", "f3"]
    np.testing.assert_array_equal(np.concatenate(parts), values)


def test_a_matrix_is_never_held_whole(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.zeros((200_000, 40)))  # 64 MB
    tracemalloc.start()
    for part in read_batches(tmp_path / "m.npy"):
        assert len(part) <= 700
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6


def test_what_cannot_be_read_in_batches_is_refused(tmp_path: Path) -> None:
    def refused(name: str, content: bytes, fault: type[IsocenterError], match: str = ".") -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(fault, match=match):
            list(read_batches(tmp_path / name))

    refused("a.xlsx", b"x", UnknownFormat, "batches")
    refused("a.csv", b"a,b\n" + b"1,2\n" * 3000 + b"3\n", UnreadableFile, "Expected 2 columns")
    refused("twice.csv", b"a,a\n1,2\n", BadShape, "more than once")
    refused("wide.csv", "a,b\n1,2\n".encode("utf-16"), UnreadableFile, "UTF-8")
    refused("latin.csv", "name\nJos\xe9\n".encode("latin-1"), UnreadableFile)
    refused("blank.csv", b"\n\n", EmptyInput)
    refused("zero.npy", b"", UnreadableFile)
    refused("torn.parquet", b"PAR1 torn PAR1", UnreadableFile)
    np.save(tmp_path / "o.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    refused("o.npy", (tmp_path / "o.npy").read_bytes(), UnsafeFile)
    np.save(tmp_path / "v.npy", np.zeros((3, 4, 5)))
    refused("v.npy", (tmp_path / "v.npy").read_bytes(), BadShape, "3 x 4 x 5")
    whole = (tmp_path / "v.npy").read_bytes()
    refused("cut.npy", whole[:-100], UnreadableFile, "damaged")
    with pytest.raises(MissingPath):
        read_batches(tmp_path / "none.npy")
