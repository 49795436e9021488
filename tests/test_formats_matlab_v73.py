"""Version 7.3, in MATLAB's layout, made with h5py (Octave cannot write it): read, and never led elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from isocenter.errors import BadValues, EmptyInput, InputError, OpaqueMatlab, UnreadableFile, UnsafeFile
from isocenter.formats.arrays import read_arrays
from isocenter.formats.matlab import read_mat
from matlab_files import Alien, Writer73, save_v5, save_v73

RANDOM = np.random.default_rng(0)
HELD: dict[str, Any] = {
    "features": RANDOM.normal(size=(60, 7)),  # large enough to be chunked and compressed
    "labels": np.arange(60).reshape(-1, 1) % 2 == 0,
    "small": np.array([[-1], [5]], np.int8),
    "single": np.array([[0.1, 0.2]], np.float32),
    "wide": np.array([[2**63 - 1]], np.int64),
    "grey": RANDOM.integers(0, 255, (9, 8, 5)).astype(np.uint8),
    "colour": RANDOM.integers(0, 2**16, (9, 8, 3, 5)).astype(np.uint16),
    "row": "a line with é, 中文 and 😀",
    "texts": ["malignant", "", "bénigne"],
    "nothing": np.zeros((0, 3)),
    "no_text": "",
    "no_cells": [],
}


def test_the_same_as_version_7(tmp_path: Path) -> None:
    ours = read_mat(save_v73(tmp_path / "a.mat", HELD)).arrays
    theirs = read_mat(save_v5(tmp_path / "b.mat", HELD)).arrays
    assert set(ours) == set(theirs) == set(HELD)
    for name, expected in theirs.items():
        assert ours[name].dtype == expected.dtype, name
        np.testing.assert_array_equal(ours[name], expected, err_msg=name)


def test_values_types_and_axes_are_matlabs(tmp_path: Path) -> None:
    found = read_arrays(save_v73(tmp_path / "a.mat", HELD))
    np.testing.assert_array_equal(found["features"], HELD["features"])
    assert found["labels"].dtype == np.bool_ and found["labels"].shape == (60, 1)
    assert found["wide"].item() == 2**63 - 1
    np.testing.assert_array_equal(found["grey"][3], HELD["grey"][:, :, 3])
    np.testing.assert_array_equal(found["colour"][4], HELD["colour"][..., 4])
    assert found["row"].tolist() == [HELD["row"]] and found["texts"].tolist() == HELD["texts"]
    assert found["nothing"].shape == (0, 3)
    with h5py.File(tmp_path / "a.mat") as file:  # the fixture is what it says it is
        assert file.userblock_size == 512 and file["features"].compression == "gzip"
        assert file["features"].shape == (7, 60) and file["grey"].shape == (5, 8, 9)
    assert (tmp_path / "a.mat").read_bytes().startswith(b"MATLAB 7.3 MAT-file")


@pytest.mark.parametrize(
    "value,fault,said",
    [
        ({"a": np.eye(2)}, OpaqueMatlab, "'x' is a struct"),
        ({}, OpaqueMatlab, "-struct"),
        (["a", np.eye(2)], OpaqueMatlab, "more than text"),
        (Alien("datetime", {"data": np.eye(1)}), OpaqueMatlab, "x = cellstr(x);"),
        (Alien("duration", {"millis": np.eye(1)}), OpaqueMatlab, "x = hours(x);"),
        (Alien("timetable", {"any": np.eye(1)}), OpaqueMatlab, "writetimetable(x"),
        (Alien("+mine/Thing"), OpaqueMatlab, "Leave it out"),
    ],
)
def test_what_is_refused_is_refused_by_name(tmp_path: Path, value: Any, fault: type[InputError], said: str) -> None:
    held = read_mat(save_v73(tmp_path / "a.mat", {"x": value, "kept": np.eye(2)}))
    assert list(held.arrays) == ["kept"]
    assert isinstance(held.refused["x"], fault)
    assert said in str(held.refused["x"])
    with pytest.raises(fault, match="'x'"):
        read_arrays(tmp_path / "a.mat")


def test_sparse_complex_functions_and_classes_of_old(tmp_path: Path) -> None:
    writer = Writer73(tmp_path / "a.mat")
    for name, attributes in {
        "sparse": {"MATLAB_class": np.bytes_("double"), "MATLAB_sparse": np.uint64(3)},
        "f": {"MATLAB_class": np.bytes_("function_handle"), "MATLAB_object_decode": np.int32(1)},
    }.items():
        writer.file.create_group(name).attrs.update(attributes)
    pair = np.zeros((1, 2), dtype=[("real", "<f8"), ("imag", "<f8")])
    writer.file.create_dataset("z", data=pair).attrs["MATLAB_class"] = np.bytes_("double")
    writer.file.create_dataset("old", data=np.eye(1)).attrs.update(
        {"MATLAB_class": np.bytes_("inline"), "MATLAB_object_decode": np.int32(2)}
    )
    writer.put("kept", np.eye(2))
    held = read_mat(writer.close())
    assert list(held.arrays) == ["kept"]
    assert "sparse = full(sparse);" in str(held.refused["sparse"])
    assert "is a function_handle" in str(held.refused["f"]) and "is a inline" in str(held.refused["old"])
    assert isinstance(held.refused["z"], BadValues) and "real(z)" in str(held.refused["z"])


def test_hdf5_that_is_not_matlabs(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["x"] = np.eye(2)
    with pytest.raises(OpaqueMatlab, match="not written by MATLAB"):
        read_arrays(tmp_path / "a.mat")
    save_v73(tmp_path / "b.mat", {})
    with pytest.raises(EmptyInput):
        read_arrays(tmp_path / "b.mat")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that a hostile one would like to be read."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.eye(3)
        file["x"].attrs["MATLAB_class"] = np.bytes_("double")
    (tmp_path / "raw.bin").write_bytes(np.arange(100.0).tobytes())
    return tmp_path / "secret.h5"


@pytest.mark.parametrize("way", ["external link", "soft link", "link of the subsystem", "external storage", "virtual"])
def test_nothing_outside_the_file_is_read(tmp_path: Path, secret: Path, way: str) -> None:
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        if way == "external link":
            file["x"] = h5py.ExternalLink(str(secret), "/x")
        elif way == "soft link":
            file["y"] = np.eye(2)
            file["y"].attrs["MATLAB_class"] = np.bytes_("double")
            file["x"] = h5py.SoftLink("/y")
        elif way == "link of the subsystem":
            file["#subsystem#"] = h5py.ExternalLink(str(secret), "/")
            data = file.create_dataset("x", data=np.array([[0xDD000000, 2, 1, 1, 1, 1]], np.uint32))
            data.attrs.update({"MATLAB_class": np.bytes_("string"), "MATLAB_object_decode": np.int32(3)})
        elif way == "external storage":
            file.create_dataset("x", (10, 10), "f8", external=[(str(tmp_path / "raw.bin"), 0, 800)])
        else:
            layout = h5py.VirtualLayout((3, 3), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "x", (3, 3))
            file.create_virtual_dataset("x", layout)
        if way in ("external storage", "virtual"):
            file["x"].attrs["MATLAB_class"] = np.bytes_("double")
    with pytest.raises(UnsafeFile):
        read_arrays(tmp_path / "a.mat")


def _marked(path: Path, kind: str = "double", **plan: Any) -> Path:
    """A small file with one data set made to `plan`."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_dataset("x", **plan).attrs["MATLAB_class"] = np.bytes_(kind)
    assert path.stat().st_size < 2**20
    return path


def test_sizes_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with pytest.raises(UnreadableFile, match="above the limit"):
        read_arrays(_marked(path, shape=(2**20, 2**20), dtype="f8", chunks=(2**10, 2**4), compression="gzip"))
    with pytest.raises(UnreadableFile, match="above the limit"):  # one number, in a chunk of 2 GB
        read_arrays(_marked(path, shape=(1, 1), maxshape=(None, None), dtype="f8", chunks=(2**14, 2**14)))
    with pytest.raises(UnreadableFile, match="cells and texts"):
        read_arrays(_marked(path, "cell", shape=(2**14, 2**14), dtype=h5py.ref_dtype, chunks=(1, 2**10)))


def test_what_all_variables_take_together_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {f"x{i}": np.zeros((1000, 1000), np.uint8) for i in range(5)}
    monkeypatch.setattr("isocenter.formats.matlab.nodes.VOLUME_BYTES", 4_500_000)
    for path in (save_v73(tmp_path / "a.mat", held), save_v5(tmp_path / "b.mat", held)):
        assert read_mat(path, only="x4").arrays["x4"].shape == (1000, 1000)
        with pytest.raises(UnreadableFile, match="above the limit"):
            read_mat(path)


def test_filters_that_need_a_plug_in_are_refused(tmp_path: Path) -> None:
    path = _marked(tmp_path / "a.mat", data=np.eye(100), chunks=True, compression="lzf")
    with pytest.raises(UnsafeFile, match="plug-in"):
        read_arrays(path)


@pytest.mark.parametrize("kind", ["double", "char", "cell", "uint8", "canonical empty"])
@pytest.mark.parametrize("held", ["text", "lists", "fractions", "references"])
def test_another_type_than_the_class_says(tmp_path: Path, kind: str, held: str) -> None:
    """A data set that is not what its class says is refused, or is read as the numbers it holds."""
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        if held == "text":
            data = file.create_dataset("x", data=np.array([["a", "b"]], dtype=h5py.string_dtype()))
        elif held == "lists":
            data = file.create_dataset("x", (1, 2), h5py.vlen_dtype(np.int32))
        elif held == "fractions":
            data = file.create_dataset("x", data=[[0.5, 1.5]])
        else:
            data = file.create_dataset("x", (1, 1), h5py.ref_dtype)
            data[0, 0] = file.ref
        data.attrs["MATLAB_class"] = np.bytes_(kind)
    if held == "fractions" and kind in ("double", "canonical empty"):
        assert read_arrays(tmp_path / "a.mat")["x"].tolist() == [[0.5], [1.5]]
    else:
        with pytest.raises(InputError):
            read_arrays(tmp_path / "a.mat")


def test_a_cell_within_itself_ends(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        data = file.create_dataset("x", (1, 2), h5py.ref_dtype)
        data.attrs["MATLAB_class"] = np.bytes_("cell")
        data[0] = [data.ref, data.ref]
    with pytest.raises(OpaqueMatlab, match="more than text"):
        read_arrays(tmp_path / "a.mat")


def test_empty_references_and_attributes_that_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    with pytest.raises(UnreadableFile):  # references to nothing
        read_arrays(_marked(path, "cell", shape=(1, 3), dtype=h5py.ref_dtype))
    for name, value in (
        ("MATLAB_empty", np.uint8(1)),
        ("MATLAB_class", "a text of any length"),
        ("MATLAB_class", np.bytes_("d" * 1000)),
        ("MATLAB_class", np.array([1, 2])),
        ("MATLAB_class", np.uint8(1)),
        ("MATLAB_empty", np.arange(3)),
        ("MATLAB_object_decode", np.arange(3)),
    ):
        _marked(path, "single", data=np.eye(3, dtype=np.float32))
        with h5py.File(path, "r+") as file:
            file["x"].attrs[name] = value
        with pytest.raises(InputError):
            read_arrays(path)


@pytest.mark.parametrize("cut", [513, 600, 1500, -1])
def test_torn_files(tmp_path: Path, cut: int) -> None:
    path = save_v73(tmp_path / "a.mat", {"features": HELD["features"]})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError):
        read_arrays(path)


def test_one_variable_of_many(tmp_path: Path) -> None:
    path = save_v73(tmp_path / "a.mat", HELD)
    assert list(read_mat(path, only="grey").arrays) == ["grey"]
