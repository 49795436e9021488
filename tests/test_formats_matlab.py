"""MATLAB files: real GNU Octave writes what we read and reads what we write; the rest is refused by name."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io

from isocenter.errors import BadShape, BadValues, EmptyInput, InputError, OpaqueMatlab, UnreadableFile
from isocenter.formats.arrays import read_arrays, write_mat
from isocenter.formats.matlab import matlab_names, read_mat
from isocenter.formats.tables import read_table, write_table
from matlab_files import String, element, save_v5

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
    assert found["numeric"].tolist() == [[0], [1], [1]]
    assert found["row"].tolist() == [[3, 1, 2]]
    assert found["one"].tolist() == [[7]]
    assert found["characters"].tolist() == ["benign", "malignant", "benign"]
    if not old:
        assert found["truth"].dtype == np.bool_
        assert found["truth"].tolist() == [[True], [False], [True]]
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


def test_a_table_for_octave_and_back(tmp_path: Path, octave: Octave) -> None:
    table = pd.DataFrame(
        {
            "case_id": ["a", None],
            "P(yes)": [0.25, np.nan],
            "names": [1, 2],
            "ok": [True, False],
            "end": pd.array([7, None], dtype="Int64"),
            "sure": pd.array([None, True], dtype="boolean"),
            "site": pd.Categorical(["é", "b"]),
            "number": [2**53 + 1, -5],
        }
    )
    write_table(table, tmp_path / "t.mat")
    printed = octave(
        "load t.mat; printf('%s|', names{:}); printf('%s|', case_id{:}); printf('%g ', P_yes_, names_2, xend, sure);"
        "printf('%s %s ', class(ok), site{1}); printf('%d ', number); printf('%d', columns(ok), rows(ok))"
    )
    assert printed == (
        "case_id|P(yes)|names|ok|end|sure|site|number|a||0.25 NaN 1 2 7 NaN NaN 1 logical é 9007199254740993 -5 12"
    )
    back = read_table(tmp_path / "t.mat")
    assert list(back.columns) == list(table.columns)
    assert back["case_id"].tolist()[0] == "a" and back["case_id"].isna().tolist() == [False, True]
    assert back["ok"].tolist() == [1, 0] and back["end"][0] == 7 and np.isnan(back["end"][1])
    write_table(table.iloc[:0], tmp_path / "empty.mat")
    assert octave("load empty.mat; printf('%d', size(case_id), size(ok))") == "0101"


def test_the_same_variables_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mat", "b.mat"):
        write_mat(tmp_path / name, {"x": np.arange(3), "long_name_" * 5: np.array(["é", None], dtype=object)})
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    assert read_arrays(tmp_path / "a.mat")["x"].tolist() == [[0], [1], [2]]
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
        ("s.a = 1; save('-v7', 'x.mat', 's')", "'s' is a struct"),
        ("m = sparse(eye(3)); save('-v7', 'x.mat', 'm')", "m = full(m)"),
        ("c = {1, 'a'}; save('-v7', 'x.mat', 'c')", "'c' is a cell that holds more than text"),
        ("z = zeros(2, 2, 2, 2, 2, 2); save('-v7', 'x.mat', 'z')", "'z' has 6 dimensions"),
        ("c = repmat('a', [2 2 2]); save('-v7', 'x.mat', 'c')", "char of 3 dimensions"),
        ("x = 1; save('x.mat', 'x')", "Octave's own format"),
        ("x = 1; save('-binary', 'x.mat', 'x')", "Octave's own format"),
        ("x = 1; save('-hdf5', 'x.mat', 'x')", "not written by MATLAB"),
    ],
)
def test_what_is_refused_is_refused_by_name(tmp_path: Path, octave: Octave, script: str, said: str) -> None:
    octave(script)
    with pytest.raises(InputError) as caught:
        read_arrays(tmp_path / "x.mat")
    assert isinstance(caught.value, (OpaqueMatlab, BadShape))
    assert said in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("version", ["-v6", "-v7"])
@pytest.mark.parametrize("kind", ["double", "single", "uint8", "uint16", "int32", "logical"])
def test_image_stacks_have_cases_first(tmp_path: Path, octave: Octave, version: str, kind: str) -> None:
    octave(
        f"g = {kind}(reshape(mod(0:59, 2), 5, 4, 3)); g(2, 3, 1) = 1; g(1, 1, 1) = 0; c = cat(4, cat(3, g), 1 - g);"
        f"v = {kind}(reshape(mod(0:199, 3) > 1, 5, 4, 5, 2)); save('{version}', 'x.mat', 'g', 'c', 'v')"
    )
    found = read_arrays(tmp_path / "x.mat")
    assert found["g"].dtype == {"double": "f8", "single": "f4", "logical": "?"}.get(kind, kind)
    assert found["g"].shape == (3, 5, 4)
    assert found["g"][0, 1, 2] == 1 and found["g"][0, 0, 0] == 0  # MATLAB's g(2, 3, 1), g(1, 1, 1)
    assert found["c"].shape == (2, 5, 4, 3)
    np.testing.assert_array_equal(found["c"][0, :, :, 1], found["g"][1])
    assert found["v"].shape == (2, 5, 5, 4)
    flat = (np.arange(200) % 3 > 1).reshape(2, 5, 4, 5)  # volume, slice, column, row: column-major, read backwards
    np.testing.assert_array_equal(found["v"], flat.transpose(0, 1, 3, 2))


def test_text_beyond_ascii_both_ways(tmp_path: Path, octave: Octave) -> None:
    octave("a = {'é'; '中文'; '😀 x'; 'plain'}; save('-v7', 'x.mat', 'a')")
    texts = ["é", "中文", "😀 x", "plain"]
    assert read_arrays(tmp_path / "x.mat")["a"].tolist() == texts
    write_mat(tmp_path / "y.mat", {"b": np.array(texts, dtype=object)})
    assert octave("load x.mat; load y.mat; printf('%d', isequal(a, b))") == "1"


@pytest.mark.parametrize("cut", [0, 1, 100, 130, 190, -8])
@pytest.mark.parametrize("squeezed", [False, True])
def test_torn_files(tmp_path: Path, cut: int, squeezed: bool) -> None:
    path = save_v5(tmp_path / "x.mat", {"x": np.arange(100.0).reshape(10, 10)}, compress=squeezed)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(UnreadableFile):
        read_arrays(path)


@pytest.mark.parametrize("squeezed,step", [(False, 5), (True, 3), pytest.param(False, 1, marks=pytest.mark.slow)])
def test_every_damaged_byte_is_refused_or_harmless(tmp_path: Path, squeezed: bool, step: int) -> None:
    """Whatever byte is wrong, there is a fault with a name or there are arrays; never another exception."""
    held = {"x": np.arange(6.0).reshape(2, 3), "t": ["a", "bc"], "s": String(["a", None, "c"])}
    path = save_v5(tmp_path / "x.mat", held, compress=squeezed)
    content = path.read_bytes()
    for i in range(116, len(content), step):
        for wrong in (content[i] ^ 0xFF, content[i] ^ 0x01):
            path.write_bytes(content[:i] + bytes([wrong]) + content[i + 1 :])
            with contextlib.suppress(InputError):
                read_mat(path)


def test_what_is_promised_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    head = save_v5(path, {"x": np.zeros((1, 1))}).read_bytes()[:128]
    begun = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack("<ii", 2**16, 2**16)) + element(1, b"x")
    huge = element(14, begun + element(9, bytes(80)))
    path.write_bytes(head + huge)
    with pytest.raises(UnreadableFile, match="do not fill"):
        read_arrays(path)
    path.write_bytes(head + struct.pack("<II", 14, 2**32 - 8) + huge[8:])
    with pytest.raises(UnreadableFile, match="ends within"):
        read_arrays(path)
    many = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<ii", 2**15, 2**15)) + element(1, b"x")
    path.write_bytes(head + element(14, many))
    with pytest.raises(UnreadableFile, match="cells and texts"):
        read_arrays(path)


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    """Two variables of 3 GB of zeros each, 6 MB on disk: what they promise together is counted."""
    path = tmp_path / "x.mat"
    head = save_v5(path, {"x": np.zeros((1, 1))}).read_bytes()[:128]
    size = 3 * 2**30
    begun = element(6, struct.pack("<II", 9, 0)) + element(5, struct.pack("<ii", 2**15, 3 * 2**15)) + element(1, b"x")
    packer = zlib.compressobj(1)
    start = packer.compress(struct.pack("<II", 14, len(begun) + 8 + size) + begun + struct.pack("<II", 2, size))
    lying = start + packer.compress(bytes(10**6)) + packer.flush()
    path.write_bytes(head + 2 * (struct.pack("<II", 15, len(lying)) + lying))
    with pytest.raises(UnreadableFile):
        read_arrays(path)


def test_a_file_without_variables(tmp_path: Path) -> None:
    write_mat(tmp_path / "x.mat", {})
    with pytest.raises(EmptyInput):
        read_arrays(tmp_path / "x.mat")
    write_mat(tmp_path / "x.mat", {"x": [1.0]})
    with pytest.raises(EmptyInput, match="variable 'y'"):
        read_mat(tmp_path / "x.mat", only="y")


def test_one_variable_of_many(tmp_path: Path) -> None:
    held = {"a": np.eye(2), "s": String(["x"]), "long_name_" * 6: np.eye(3), "images": np.zeros((4, 3, 7), np.uint8)}
    for path in (save_v5(tmp_path / "7.mat", held), save_v5(tmp_path / "6.mat", held, compress=False)):
        assert list(read_mat(path, only="images").arrays) == ["images"]
        assert list(read_mat(path, only="long_name_" * 6).arrays) == ["long_name_" * 6]
        assert read_mat(path, only="s").arrays["s"].tolist() == ["x"]


def _scipys(name: str) -> Path:
    if not (SCIPYS / name).exists():
        pytest.skip("this scipy was installed without its test files")
    return SCIPYS / name


@pytest.mark.parametrize(
    "name,fault",
    [
        ("testobject_7.4_GLNX86.mat", OpaqueMatlab),
        ("testfunc_7.4_GLNX86.mat", OpaqueMatlab),
        ("testcomplex_7.4_GLNX86.mat", BadValues),
        ("corrupted_zlib_data.mat", UnreadableFile),
        ("corrupted_zlib_checksum.mat", UnreadableFile),
        ("malformed1.mat", UnreadableFile),
        ("bad_miuint32.mat", UnreadableFile),
        ("debigged_m4.mat", UnreadableFile),
    ],
)
def test_files_of_a_real_matlab_that_are_refused(name: str, fault: type[InputError]) -> None:
    with pytest.raises(fault):
        read_arrays(_scipys(name))


def test_big_endian_matlab_is_read_in_native_order() -> None:
    found: dict[str, Any] = read_arrays(_scipys("testdouble_6.1_SOL2.mat"))
    np.testing.assert_allclose(found["testdouble"], [np.arange(9) * np.pi / 4])
    assert found["testdouble"].dtype.isnative


def test_files_of_a_real_matlab_are_read_as_scipy_reads_them() -> None:
    """Every numeric, logical and text variable of scipy's collection, MATLAB 4.2 to 8 on six platforms."""
    compared = 0
    for path in sorted(SCIPYS.glob("*.mat")):
        try:
            ours = read_mat(path).arrays
            theirs = scipy.io.loadmat(path)
        except (InputError, NotImplementedError, ValueError):
            continue  # refused above; or v7.3, which scipy does not read; or named badly
        for name, array in ours.items():
            expected = theirs[name]
            if array.dtype == object:
                texts = [str(t.item() if isinstance(t, np.ndarray) and t.size else t) for t in expected.ravel()]
                assert array.tolist() == [t.rstrip() for t in texts] or not expected.size, (path.name, name)
            else:
                found = np.moveaxis(array, 0, -1) if array.ndim == 3 else array
                np.testing.assert_array_equal(found, expected, err_msg=f"{path.name} {name}")
            compared += 1
    if not compared:
        pytest.skip("this scipy was installed without its test files")
    assert compared > 50


def test_a_v73_file_of_a_real_matlab() -> None:
    found = read_arrays(_scipys("testhdf5_7.4_GLNX86.mat"))["testdouble"]
    np.testing.assert_allclose(found, [np.arange(9) * np.pi / 4])
