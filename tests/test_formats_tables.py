"""Tables: text stays text, numbers are exact, torn files are named by line; written ones are safe and whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from isocenter.errors import BadShape, EmptyInput, InputError, NotWritable, UnknownFormat, UnreadableFile
from isocenter.formats.tables import read_table, write_table


def text(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


def columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(name): [None if pd.isna(v) else v for v in table[name]] for name in table}


@pytest.mark.parametrize(
    "content,expected",
    [
        ("id,x\n007,1\n012,2\n", {"id": ["007", "012"], "x": [1, 2]}),
        ("id,x\n7,1.5\n12,\n", {"id": [7, 12], "x": [1.5, None]}),
        ("id,x\n-01,0\n1,0.5\n", {"id": ["-01", "1"], "x": [0, 0.5]}),
        ("id;x;y\n1;1,5;a\n2;-2;b,c\n", {"id": [1, 2], "x": [1.5, -2], "y": ["a", "b,c"]}),
        ("uid,n\n1.2.840.1,12345678901234567890\n", {"uid": ["1.2.840.1"], "n": ["12345678901234567890"]}),
        ("a\nNA\n--\nNone\nnone\nN/A\n", {"a": [None, "--", None, "none", None]}),
        ('"a;b",c\n1," x, y "\n2,"q""z\nk"\n', {"a;b": [1, 2], "c": ["x, y", 'q"z\nk']}),
        ("a,b\ninf,True\n-inf,False\n", {"a": [np.inf, -np.inf], "b": ["True", "False"]}),
        (",a\n0,x\n1,y\n", {"Unnamed: 0": [0, 1], "a": ["x", "y"]}),
        ("a,b,\n1,2,\n", {"a": [1], "b": [2]}),
        ("\ufeffa , b\n 1, 2\n", {"a": [1], "b": [2]}),
        ("\r\na,b\r\n1,2\r\n", {"a": [1], "b": [2]}),
        ("a,b\r1,2\r", {"a": [1], "b": [2]}),
        ("date,t\n2020-01-02,12:30\n", {"date": ["2020-01-02"], "t": ["12:30"]}),
    ],
)
def test_what_a_csv_means(tmp_path: Path, content: str, expected: dict[str, list[Any]]) -> None:
    assert columns(text(tmp_path, content)) == expected


def test_tabs_and_encodings(tmp_path: Path) -> None:
    assert columns(text(tmp_path, "a\tb,c\n1\tx\n", "a.tsv")) == {"a": [1], "b,c": ["x"]}
    assert columns(text(tmp_path, "näme\né\n".encode("latin-1"))) == {"näme": ["é"]}
    assert columns(text(tmp_path, "a\tb\n1\tü\n".encode("utf-16"))) == {"a": [1], "b": ["ü"]}


@pytest.mark.parametrize(
    "content,fault,said",
    [
        (b"", UnreadableFile, "zero bytes"),
        (b" \n\n", EmptyInput, "rows"),
        (b"a,b\n", EmptyInput, "rows"),
        (b"a,b\n1,2\n3\n", UnreadableFile, "line 3 has 1 values, the header 2"),
        (b"a,b\n1,2\n3,4,5\n6,7\n", UnreadableFile, "line 3 has 3 values"),
        (b'a,b\n1,2\n3,"x\n', UnreadableFile, "line 3"),
        (b"a,a\n1,2\n", BadShape, "'a' more than once"),
        (b"a,b\n1,\x002\n", UnreadableFile, "NUL"),
    ],
)
def test_torn_csv(tmp_path: Path, content: bytes, fault: type[InputError], said: str) -> None:
    with pytest.raises(fault, match=said):
        text(tmp_path, content)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_every_float_survives_csv(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("floats") / "a.csv"
    write_table(pd.DataFrame({"x": values, "one": 1.5}), path)
    read = read_table(path)["x"].to_numpy(dtype=float)
    np.testing.assert_array_equal(read, values)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_named_fault(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for name in ("a.csv", "a.xlsx", "a.parquet"):
        path = tmp_path_factory.mktemp("bytes") / name
        path.write_bytes(content)
        try:
            assert len(read_table(path))
        except InputError as fault:
            assert str(path) in fault.what  # noqa: PT017


def test_a_wide_table_of_numbers(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200, 300))
    pd.DataFrame(values, columns=[f"f{i}" for i in range(300)]).to_csv(tmp_path / "a.csv", index=False)
    table = read_table(tmp_path / "a.csv")
    np.testing.assert_array_equal(table.to_numpy(), values)
    assert set(table.dtypes) == {np.dtype("float64")}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xlsx", "a.parquet"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    table = pd.DataFrame(
        {"id": ["007", "a b", "ü"], "n": [1, 2, 3], "x": [1 / 3, np.nan, -1e-300], "t": ["x", None, 'a,"b\nc']},
        index=pd.Index(["c1", "c2", "c3"], name="case_id"),
    )
    write_table(table, tmp_path / name)
    read = read_table(tmp_path / name)
    assert list(read.columns) == ["case_id", "id", "n", "x", "t"]
    assert columns(read) == columns(table.reset_index())
    assert not [p for p in tmp_path.iterdir() if p.name != name]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.xlsx"])
def test_formulas_are_made_harmless(tmp_path: Path, name: str) -> None:
    hostile = ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "-5.3", "+1e5", "plain"]
    write_table(pd.DataFrame({"=head": hostile, "n": -1.5}), tmp_path / name)
    table = read_table(tmp_path / name)
    assert table.columns[0] == "'=head"
    assert [str(v).strip() for v in table.iloc[:, 0]] == [
        "'=1+1", "'+cmd", "'-2+3", "'@SUM(A1)", "'\tx", "-5.3", "+1e5", "plain",
    ]  # fmt: skip
    assert (table["n"] == -1.5).all()


def test_excel_keeps_its_types(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    rows: list[Any] = [
        ["id", "n", "x", "mixed", "flag", None],
        ["007", 1, 0.5, 1, True, None],
        ["012", 2, None, "b", False, None],
        [],
        ["013", 3, 2, None, True],
    ]
    for row in rows:
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert columns(table) == {
        "id": ["007", "012", "013"], "n": [1, 2, 3], "x": [0.5, None, 2.0], "mixed": ["1", "b", None],
        "flag": [True, False, True],
    }  # fmt: skip
    sheet.append(["014", 4, 5, 6, False, "too much"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(UnreadableFile, match="row 6 has 6 cells"):
        read_table(tmp_path / "a.xlsx")
    content = (tmp_path / "a.xlsx").read_bytes()
    (tmp_path / "a.xlsx").write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableFile):
        read_table(tmp_path / "a.xlsx")


def test_parquet_types(tmp_path: Path) -> None:
    table = pd.DataFrame({"c": pd.Categorical(["a", "b"]), "x": np.array([1, 2], np.float32)}, index=[5, 6])
    table.to_parquet(tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    assert read["c"].tolist() == ["a", "b"]
    assert read.index.tolist() == [0, 1]
    pq.write_table(pa.table({"l": [[1], [2, 3]]}), tmp_path / "b.parquet")
    with pytest.raises(BadShape, match="lists"):
        read_table(tmp_path / "b.parquet")
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), tmp_path / "c.parquet")
    with pytest.raises(BadShape, match="more than once"):
        read_table(tmp_path / "c.parquet")
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    with pytest.raises(UnreadableFile):
        read_table(tmp_path / "a.parquet")


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UnknownFormat):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.doc")
    with pytest.raises((NotWritable, FileExistsError)):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "file" / "a.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_real_tables(shared_data: Path) -> None:
    clinical = read_table(shared_data / "sts_radiomics/clinical.csv")
    assert len(clinical) == 51
    assert (clinical["lung_mets"] == 1).sum() == 19
    assert len(read_table(shared_data / "cxr_hannover/data.csv")) == 243
