"""string, categorical and table, in MATLAB's layout (the fixtures' maker says how it was compared): decoded, or refused."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import matlab_files
from isocenter.errors import BadShape, InputError, OpaqueMatlab
from isocenter.formats.arrays import read_arrays
from isocenter.formats.matlab import read_mat
from isocenter.formats.tables import read_table
from matlab_files import Alien, Categorical, Store, String, Table, column, save_v5, save_v73

Save = Callable[[Path, Mapping[str, Any]], Path]
both = pytest.mark.parametrize("save", [save_v5, save_v73], ids=["v7", "v7.3"])

TABLE = Table(
    {
        "volume": column([1.5, np.nan, 3]),
        "count": column([1, 2, 3], np.int16),
        "matrix": np.arange(6.0).reshape(3, 2),
        "ill": column([1, 0, 1], bool),
        "sex": ["f", "", "m"],
        "site": String(["A", None, "ü 😀"]),
        "grade": Categorical(["low", None, "high"], ["low", "high"]),
        "stage": Categorical(["I", "II", "I"], String(["I", "II"])),
    },
    rows=3,
    row_names=["P1", "P2", "P3"],
)


def test_the_index_of_objects_is_that_of_matlab() -> None:
    """The bytes that MATLAB R2025a wrote for three strings, as numbers: guards the fixtures themselves."""
    store = Store()
    for text in ("Hello", "", "x"):
        store.add(String([text]))
    expected = [4, 2, 56, 88, 144, 240, 248, 280, 280, 288]
    assert list(struct.unpack("<10I", store.index()[:40])) == expected
    assert store.index()[40:56] == b"any\0string\0\0\0\0\0\0"
    numbers = np.frombuffer(store.index()[56:], "<u4").tolist()
    assert numbers[:8] == [0, 0, 0, 0, 0, 2, 0, 0]  # no class, then 'string'
    assert numbers[8:22] == [0, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 2]  # one property each: 'any', in cells 0, 1, 2
    assert numbers[22:46] == [0] * 6 + [1, 0, 0, 1, 0, 1] + [1, 0, 0, 2, 0, 2] + [1, 0, 0, 3, 0, 3]


@both
def test_text(tmp_path: Path, save: Save) -> None:
    grid = String(["a", "bb", "ccc", "", "e", "ü 😀"], (2, 3))
    held = {
        "strings": String(["benign", "malignant  ", None, ""]),
        "row": String(["a", "b"], (1, 2)),
        "one": String(["labels"]),
        "grid": grid,
        "classes": Categorical(["b", "a", None, "b"], ["a", "b"]),
        "seasons": Categorical(["b", "a"], String(["a", "b"])),
        "plain": ["x"],
    }
    found = read_arrays(save(tmp_path / "a.mat", held))
    assert found["strings"].tolist() == ["benign", "malignant", None, ""]
    assert found["row"].tolist() == ["a", "b"] and found["one"].tolist() == ["labels"]
    assert found["grid"].tolist() == [["a", "ccc", "e"], ["bb", "", "ü 😀"]]  # column by column
    assert found["classes"].tolist() == ["b", "a", None, "b"] and found["seasons"].tolist() == ["b", "a"]


@both
def test_a_table(tmp_path: Path, save: Save) -> None:
    table = read_table(save(tmp_path / "a.mat", {"T": TABLE}))
    expected = pd.DataFrame(
        {
            "Row": ["P1", "P2", "P3"],
            "volume": [1.5, np.nan, 3],
            "count": np.array([1, 2, 3], np.int16),
            "matrix_1": [0.0, 2, 4],
            "matrix_2": [1.0, 3, 5],
            "ill": [1, 0, 1],
            "sex": ["f", None, "m"],
            "site": ["A", None, "ü 😀"],
            "grade": ["low", None, "high"],
            "stage": ["I", "II", "I"],
        }
    )
    pd.testing.assert_frame_equal(table, expected)


@pytest.mark.parametrize("version", [2, 3, 4])
def test_older_stores_are_read_and_newer_ones_refused(tmp_path: Path, version: int) -> None:
    """R2018b wrote version 3 where R2025a writes 4; the regions that are read are the same."""
    path = save_v5(tmp_path / "a.mat", {"T": TABLE, "s": String(["a"])}, version=version)
    assert read_mat(path).arrays["s"].tolist() == ["a"]
    path = save_v5(tmp_path / "b.mat", {"y": String(["a"]), "T": TABLE, "x": np.eye(2)}, version=5)
    held = read_mat(path)
    assert list(held.arrays) == ["x"] and not held.tables
    assert "version 5" in str(held.refused["y"])
    assert held.refused["y"].remedy == "In MATLAB type y = cellstr(y); save('file.mat', 'y', '-v7')."  # type: ignore[attr-defined]
    assert "writetable(T, 'T.csv')" in str(held.refused["T"])


@both
@pytest.mark.parametrize(
    "values,said",
    [
        (Alien("datetime", {"data": column([1, 2])}), "T.c = cellstr(T.c); save('file.mat', 'T', '-v7')"),
        (Alien("duration", {"millis": column([1, 2])}), "T.c = hours(T.c);"),
        (Table({"x": column([1, 2])}, 2), "T.c = [];"),
        (["a", np.eye(1)], "T.c = cell2mat(T.c);"),
        (np.zeros((2, 3, 4)), "3 dimensions"),
        (np.zeros((1, 1)), "1 rows of 2"),
        (String(["a"]), "1 rows of 2"),
    ],
)
def test_a_column_that_is_not_read_is_named(tmp_path: Path, save: Save, values: Any, said: str) -> None:
    held = read_mat(save(tmp_path / "a.mat", {"T": Table({"a": column([1, 2]), "c": values}, 2)}))
    assert not held.tables and isinstance(held.refused["T"], OpaqueMatlab)
    assert said in str(held.refused["T"]) and "c" in str(held.refused["T"])


@both
def test_objects_that_do_not_fit_are_refused_not_guessed(tmp_path: Path, save: Save) -> None:
    def refused(value: Any) -> str:
        return str(read_mat(save(tmp_path / "a.mat", {"x": value, "kept": np.eye(2)})).refused["x"])

    cases: dict[str, Alien] = {
        "a code without a category": Alien("categorical", {"categoryNames": ["a"], "codes": column([1, 2], np.uint8)}),
        "categories without codes": Alien("categorical", {"categoryNames": ["a"], "codes": column([1, 1])}),
        "it has no codes": Alien("categorical", {"categoryNames": ["a"]}),
        "where text should be": Alien("categorical", {"categoryNames": np.eye(2), "codes": column([1], np.uint8)}),
        "unknown version": Alien("string", {"any": np.array([[2, 2, 1, 1, 0]], np.uint64)}),
        "where uint64 should be": Alien("string", {"any": np.eye(2)}),
        "do not agree": Alien("string", {"any": np.array([[1, 2, 1, 1, 40, 0]], np.uint64)}),
        "it has no data": Alien("table", {"nrows": np.array([[1.0]]), "varnames": ["a"]}),
        "names and columns": Alien("table", {"data": [], "nrows": np.array([[1.0]]), "varnames": ["a"]}),
        "no number of rows": Alien("table", {"data": [np.eye(1)], "nrows": "many", "varnames": ["a"]}),
    }
    for said, value in cases.items():
        assert said in refused(value)


@both
def test_more_texts_than_there_are(tmp_path: Path, save: Save) -> None:
    """A string that says it has 2^40 texts is refused before one is made."""
    huge = Alien("string", {"any": np.array([[1, 2, 2**20, 2**20, 1, 97]], np.uint64)})
    with pytest.raises(InputError, match=r"cells and texts|do not agree"):
        read_arrays(save(tmp_path / "a.mat", {"x": huge}))


@both
def test_categories_made_of_themselves_end(tmp_path: Path, save: Save) -> None:
    """An object whose property is itself: what a hostile file would loop with."""
    loop = np.array([0xDD000000, 2, 1, 1, 1, 1], np.uint32).reshape(-1, 1)
    for name in ("categorical", "table", "string"):
        held = {"x": Alien(name, dict.fromkeys(("any", "categoryNames", "codes", "data", "varnames", "nrows"), loop))}
        with pytest.raises(OpaqueMatlab):
            read_arrays(save(tmp_path / "a.mat", held))
    inside = Table({"x": loop}, 1)
    with pytest.raises(OpaqueMatlab, match="is a table"):
        read_arrays(save(tmp_path / "a.mat", {"x": inside}))


def test_references_that_lead_nowhere(tmp_path: Path) -> None:
    path = save_v5(tmp_path / "a.mat", {"x": String(["a"])}, compress=False)
    content = path.read_bytes()
    mark = struct.pack("<6I", matlab_files.MARK, 2, 1, 1, 1, 1)
    for wrong in ((2, 1, 1, 2, 1), (2, 1, 1, 0, 1), (2, 1, 1, 1, 9), (2, 2, 1, 1, 1), (3, 1, 1, 1, 1)):
        path.write_bytes(content.replace(mark, struct.pack("<6I", matlab_files.MARK, *wrong)))
        with pytest.raises(OpaqueMatlab, match="cellstr"):
            read_arrays(path)
    path.write_bytes(content[:116] + bytes(8) + content[124:])  # without the place of the store
    with pytest.raises(OpaqueMatlab, match="no index of its objects"):
        read_arrays(path)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_damaged_byte_of_the_index(tmp_path: Path, step: int) -> None:
    """Whatever number of the index is wrong: a named fault, or a result; no other exception and no endless loop."""
    path = save_v5(tmp_path / "a.mat", {"T": TABLE}, compress=False)
    content = path.read_bytes()
    start = content.index(b"data\0") - 40
    for i in range(start, start + 800, step):
        for wrong in (0, 1, 0x7F, 0xFF):
            path.write_bytes(content[:i] + bytes([wrong]) + content[i + 1 :])
            with contextlib.suppress(InputError):
                read_mat(path)


@both
def test_tables_from_columns_and_several_tables(tmp_path: Path, save: Save) -> None:
    columns = {"id": ["a", "b", ""], "age": column([1, 2, 3]), "ok": column([1, 0, 1], bool), "k": np.array([[5.0]])}
    table = read_table(save(tmp_path / "a.mat", columns)).reindex(columns=["id", "age", "ok"])
    assert table["id"].tolist()[:2] == ["a", "b"] and table["id"].isna()[2]
    assert table["ok"].tolist() == [1, 0, 1]
    beside = read_table(save(tmp_path / "b.mat", {"T": TABLE, "label": column([1, 0, 1]), "k": column([1, 2])}))
    assert beside["label"].tolist() == [1, 0, 1] and "k" not in beside
    with pytest.raises(BadShape, match="several tables: T, U"):
        read_table(save(tmp_path / "c.mat", {"T": TABLE, "U": TABLE}))
    with pytest.raises(BadShape, match="is a table, not an array"):
        read_arrays(save(tmp_path / "d.mat", {"T": TABLE}))
    with pytest.raises(BadShape, match="no table and no columns"):
        read_table(save(tmp_path / "e.mat", {"x": np.zeros((2, 3, 4))}))
