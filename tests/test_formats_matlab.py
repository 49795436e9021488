"""MATLAB files: real GNU Octave writes what we read and reads what we write; the rest is refused by name."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

from isocenter.errors import BadValues, EmptyInput, InputError, OpaqueMatlab, UnreadableFile
from isocenter.formats.arrays import read_arrays, write_mat
from isocenter.formats.matlab import matlab_names
from isocenter.formats.tables import write_table

Octave = Callable[[str], str]
SCIPYS = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"


@pytest.mark.parametrize("version", ["-v6", "-v7", "-v4"])
def test_what_octave_writes(tmp_path: Path, octave: Octave, version: str) -> None:
    old = version == "-v4"  # which knows neither logical nor cell
    octave(
        "features = [0.1 -2; 1/3 1e300; NaN Inf]; numeric = [0; 1; 1]; row = [3 1 2]; one = 7;"
        "characters = ['benign   '; 'malignant'; 'benign   '];"
        + (
            ""
            if old
            else "truth = logical([1; 0; 1]); cells = {'a'; 'b c'; ''}; across = {'a', 'b'}; small = int8([-1; 5]);"
        )
        + f"save('{version}', 'x.mat')"
    )
    found = read_arrays(tmp_path / "x.mat")
    np.testing.assert_array_equal(found["features"], [[0.1, -2], [1 / 3, 1e300], [np.nan, np.inf]])
    assert found["features"].dtype == found["numeric"].dtype == np.float64
    assert found["numeric"].tolist() == [0, 1, 1]
    assert found["row"].tolist() == [3, 1, 2]
    assert found["one"].tolist() == [7]
    assert found["characters"].tolist() == ["benign", "malignant", "benign"]
    if not old:
        assert found["truth"].dtype == np.bool_
        assert found["truth"].tolist() == [True, False, True]
        assert found["cells"].tolist() == ["a", "b c", ""]
        assert found["across"].tolist() == ["a", "b"]
        assert found["small"].dtype == np.int8


def test_octave_reads_what_we_write(tmp_path: Path, octave: Octave) -> None:
    truth = np.array(["no", "yes", "yes", "no", "yes"], dtype=object)
    said = np.array(["no", "yes", "no", "no", "yes"], dtype=object)
    write_mat(
        tmp_path / "p.mat",
        {"truth": truth, "said": said, "score": np.array([0.1, 1 / 3, 0.3, 0.2, 0.9]), "confusion": [[2, 0], [1, 2]]},
    )
    printed = octave(
        "load p.mat; names = unique(truth); m = zeros(2);"
        "for i = 1:numel(truth) m(strcmp(names, truth{i}), strcmp(names, said{i})) += 1; end;"
        "assert(isequal(m, confusion)); assert(class(confusion), 'double'); assert(iscellstr(truth));"
        "assert(size(truth), [5 1]); assert(size(score), [5 1]); printf('%.17g ', score)"
    )
    assert [float(x) for x in printed.split()] == [0.1, 1 / 3, 0.3, 0.2, 0.9]


def test_a_table_for_octave(tmp_path: Path, octave: Octave) -> None:
    table = pd.DataFrame({"case_id": ["a", "b"], "P(yes)": [0.25, np.nan], "names": [1, 2], "ok": [True, False]})
    table.loc[1, "case_id"] = None
    write_table(table, tmp_path / "t.mat")
    printed = octave(
        "load t.mat; printf('%s|', names{:}); printf('%s|', case_id{:}); printf('%g ', P_yes_, names_2);"
        "printf('%s', class(ok))"
    )
    assert printed == "case_id|P(yes)|names|ok|a||0.25 NaN 1 2 logical"


def test_the_same_variables_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mat", "b.mat"):
        write_mat(tmp_path / name, {"x": np.arange(3), "long_name_" * 5: np.array(["é", None], dtype=object)})
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    assert read_arrays(tmp_path / "a.mat")["x"].tolist() == [0, 1, 2]
    assert read_arrays(tmp_path / "a.mat")["long_name_" * 5].tolist() == ["é", ""]
    with pytest.raises(InputError, match="MATLAB variable"):
        write_mat(tmp_path / "c.mat", {"not a name": [1]})
    assert not (tmp_path / "c.mat").exists()


def test_names_that_matlab_accepts() -> None:
    assert matlab_names(["a b", "a_b", "1st", "_x", "é", "A_B"]) == ["a_b", "a_b_2", "x1st", "x_x", "x_", "A_B_3"]
    long = matlab_names(["n" * 80, "n" * 80])
    assert [len(n) for n in long] == [63, 61]


@pytest.mark.parametrize(
    "script,said",
    [
        ("images = zeros(4, 3, 2); save('-v7', 'x.mat', 'images')", "image stack (4 x 3 x 2)"),
        ("s.a = 1; save('-v7', 'x.mat', 's')", "'s' is a struct"),
        ("m = sparse(eye(3)); save('-v7', 'x.mat', 'm')", "m = full(m)"),
        ("c = {1, 'a'}; save('-v7', 'x.mat', 'c')", "'c' holds more than text"),
        ("x = 1; save('x.mat', 'x')", "Octave's own format"),
        ("x = 1; save('-hdf5', 'x.mat', 'x')", "v7.3"),
    ],
)
def test_octaves_other_types_are_refused_by_name(tmp_path: Path, octave: Octave, script: str, said: str) -> None:
    octave(script)
    with pytest.raises(OpaqueMatlab) as caught:
        read_arrays(tmp_path / "x.mat")
    assert said in str(caught.value)
    assert caught.value.remedy


def opaque(name: bytes) -> bytes:
    """A v5 file with one mxOPAQUE variable, laid out as MATLAB writes a string array."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    flags, inside = element(6, struct.pack("<II", 17, 0)), element(6, struct.pack("<II", 13, 0))
    label = struct.pack("<HH", 1, len(name)) + name.ljust(4, b"\0") if len(name) <= 4 else element(1, name)
    reference = (
        inside + element(5, struct.pack("<ii", 1, 6)) + element(1, b"") + element(6, struct.pack("<6I", *range(6)))
    )
    body = flags + label + element(1, b"MCOS") + element(1, b"string") + element(14, reference)
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM" + element(14, body)


@pytest.mark.parametrize("name", [b"labels", b"y"])
@pytest.mark.parametrize("compressed", [False, True])
def test_tables_and_strings_are_refused_with_the_line_to_type(tmp_path: Path, name: bytes, compressed: bool) -> None:
    content = opaque(name)
    if compressed:
        packed = zlib.compress(content[128:])
        content = content[:128] + struct.pack("<II", 15, len(packed)) + packed
    (path := tmp_path / "x.mat").write_bytes(content)
    with pytest.raises(OpaqueMatlab) as caught:
        read_arrays(path)
    assert f"'{name.decode()}'" in caught.value.what
    assert f"{name.decode()} = cellstr({name.decode()});" in caught.value.remedy


@pytest.mark.parametrize("cut", [0, 1, 100, 130, 190, -8])
def test_torn_files(tmp_path: Path, cut: int) -> None:
    write_mat(path := tmp_path / "x.mat", {"x": np.arange(100.0)})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UnreadableFile):
        read_arrays(path)


def test_a_file_without_variables(tmp_path: Path) -> None:
    write_mat(tmp_path / "x.mat", {})
    with pytest.raises(EmptyInput):
        read_arrays(tmp_path / "x.mat")


def _scipys(name: str) -> Path:
    if not (SCIPYS / name).exists():
        pytest.skip("this scipy was installed without its test files")
    return SCIPYS / name


@pytest.mark.parametrize(
    "name,fault",
    [
        ("testhdf5_7.4_GLNX86.mat", OpaqueMatlab),
        ("testobject_7.4_GLNX86.mat", OpaqueMatlab),
        ("testfunc_7.4_GLNX86.mat", OpaqueMatlab),
        ("testcomplex_7.4_GLNX86.mat", BadValues),
        ("corrupted_zlib_data.mat", UnreadableFile),
        ("malformed1.mat", UnreadableFile),
    ],
)
def test_files_that_a_real_matlab_wrote(name: str, fault: type[InputError]) -> None:
    with pytest.raises(fault):
        read_arrays(_scipys(name))


def test_big_endian_matlab_is_read_in_native_order() -> None:
    found: dict[str, Any] = read_arrays(_scipys("testdouble_6.1_SOL2.mat"))
    np.testing.assert_allclose(found["testdouble"], np.arange(9) * np.pi / 4)
    assert found["testdouble"].dtype.isnative
