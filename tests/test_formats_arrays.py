"""Array files: values kept, nothing unpickled, torn and lying files refused by name."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isocenter.case import Source
from isocenter.errors import (
    BadShape,
    BadValues,
    EmptyInput,
    InputError,
    MissingPath,
    UnknownFormat,
    UnreadableFile,
    UnsafeFile,
)
from isocenter.formats import read_image, read_mask
from isocenter.formats.arrays import read_arrays


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def image(path: Path, index: int | None = None, member: str | None = None) -> Any:
    return read_image(Source("image", "image", (str(path),), index, member))


def test_npy_and_npz_keep_every_bit(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(5, 3))
    np.save(tmp_path / "a.npy", features)
    np.savez(tmp_path / "b.npz", features=features, labels=np.array(["x", "y"]))
    np.savez_compressed(tmp_path / "c.npz", features=features)
    np.testing.assert_array_equal(read_arrays(tmp_path / "a.npy")[""], features)
    found = read_arrays(tmp_path / "b.npz")
    np.testing.assert_array_equal(found["features"], features)
    assert found["labels"].tolist() == ["x", "y"]
    np.testing.assert_array_equal(read_arrays(tmp_path / "c.npz")["features"], features)


def test_bytes_become_text(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([b"benign", b"malignant"]))
    assert read_arrays(tmp_path / "a.npy")[""].tolist() == ["benign", "malignant"]


class Payload:
    """Unpickling this would leave a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "pickle.npy"])
def test_objects_are_never_unpickled(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "ran"
    hostile = np.array([Payload(mark)], dtype=object)
    if name == "a.npz":
        np.savez(tmp_path / name, x=hostile)
    elif name == "a.npy":
        np.save(tmp_path / name, hostile)
    else:
        (tmp_path / name).write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(UnsafeFile) as caught:
        read_arrays(tmp_path / name)
    assert "Save" in caught.value.remedy
    assert not mark.exists()


@pytest.mark.parametrize(
    "content,fault",
    [
        (b"", UnreadableFile),
        (b"nothing of the kind", UnreadableFile),
        (npy(np.arange(100))[:-1], UnreadableFile),
        (npy(np.arange(100))[:60], UnreadableFile),
        (npy(np.array([1 + 2j])), BadValues),
        (npy(np.zeros(2, dtype=[("a", "f8")])), BadShape),
        (npy(np.zeros(3)).replace(b"(3,)", b"(9,)"), UnreadableFile),
        (npy(np.zeros(3)).replace(b"(3,), }      ", b"(3000000000,)}"), UnreadableFile),
        (npy(np.zeros(3)).replace(b"(3,), ", b"(-3,),"), UnreadableFile),
    ],
)
def test_damaged_npy(tmp_path: Path, content: bytes, fault: type[InputError]) -> None:
    (path := tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(fault):
        read_arrays(path)


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(MissingPath):
        read_arrays(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w"):
        pass
    with pytest.raises(EmptyInput):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("damage", ["torn", "crc", "bomb", "lies"])
def test_damaged_npz(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(1000))
    content = path.read_bytes()
    if damage == "torn":
        path.write_bytes(content[:-200])
    elif damage == "crc":
        path.write_bytes(content[:3000] + b"\xff" + content[3001:])
    elif damage == "bomb":
        path.write_bytes(content.replace((8128).to_bytes(4, "little"), (2**32 - 2).to_bytes(4, "little")))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", npy(np.zeros(3)).replace(b"(3,)", b"(9,)"))
    with pytest.raises(UnreadableFile):
        read_arrays(path)


def test_one_image_out_of_a_stack(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 255, (4, 5, 6), dtype=np.uint8)
    colour = np.random.default_rng(1).integers(0, 255, (4, 5, 6, 3), dtype=np.uint8)
    volumes = np.random.default_rng(2).normal(size=(2, 7, 5, 6)).astype(np.float32)
    np.savez(tmp_path / "a.npz", grey=grey, colour=colour, volumes=volumes, alpha=np.dstack([colour[0], grey[0]])[None])
    np.save(tmp_path / "a.npy", grey)
    np.testing.assert_array_equal(image(tmp_path / "a.npz", 2, "grey").array, grey[2][None, None])
    np.testing.assert_array_equal(image(tmp_path / "a.npy", 3).array, grey[3][None, None])
    assert image(tmp_path / "a.npz", 0, "colour").array.shape == (3, 1, 5, 6)
    np.testing.assert_array_equal(image(tmp_path / "a.npz", 0, "alpha").array[1, 0], colour[0, ..., 1])
    read = image(tmp_path / "a.npz", 1, "volumes")
    np.testing.assert_array_equal(read.array[0], volumes[1])
    assert not read.geometry.calibrated
    assert read.geometry.shape == (7, 5, 6)
    assert image(tmp_path / "a.npy").array.shape == (1, 4, 5, 6)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    for value in (1, 2):
        np.savez(tmp_path / "a.npz", x=np.full((2, 3, 3), value, dtype=np.int64))
        assert image(tmp_path / "a.npz", 0, "x").array.max() == value


def test_grey_saved_as_colour_is_grey(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.repeat(np.arange(12, dtype=np.uint8).reshape(1, 3, 4, 1), 3, axis=-1))
    assert image(tmp_path / "a.npy", 0).array.shape == (1, 1, 3, 4)


def test_images_and_masks_that_cannot_be_used(tmp_path: Path) -> None:
    np.save(tmp_path / "nan.npy", np.array([[1.0, np.nan]]))
    np.save(tmp_path / "text.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "half.npy", np.array([[0.0, 0.5]]))
    np.save(tmp_path / "mask.npy", np.array([[[0.0, 2.0]], [[1.0, 0.0]]]))
    with pytest.raises(BadValues, match="NaN"):
        image(tmp_path / "nan.npy")
    np.save(tmp_path / "inf.npy", np.array([[1.0, np.inf]], dtype=np.float32))
    allowed = read_image(Source("image", "i", (str(tmp_path / "inf.npy"),)), gaps=True).array
    assert allowed.dtype == np.float32 and allowed[0, 0, 0, 0] == 1 and np.isnan(allowed[0, 0, 0, 1])
    np.save(tmp_path / "none.npy", np.full((2, 2), np.nan))
    with pytest.raises(BadValues, match="no pixel that is a number"):
        read_image(Source("image", "i", (str(tmp_path / "none.npy"),)), gaps=True)
    with pytest.raises(UnknownFormat):
        image(tmp_path / "text.npy")
    with pytest.raises(BadShape, match="no image 9"):
        image(tmp_path / "mask.npy", 9)
    with pytest.raises(BadValues, match="not labels"):
        read_mask(Source("mask", "m", (str(tmp_path / "half.npy"),)))
    labels = read_mask(Source("mask", "m", (str(tmp_path / "mask.npy"),))).labels
    assert labels.tolist() == [[[0, 2]], [[1, 0]]]
    assert labels.dtype == np.uint8


def test_real_medmnist(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "medmnist/breastmnist.npz"
    found = read_arrays(path)
    assert found["train_images"].shape == (546, 28, 28)
    np.testing.assert_array_equal(image(path, 5, "test_images").array[0, 0], found["test_images"][5])
    shutil.copy(path, tmp_path / "a.npz")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-1000])
    with pytest.raises(UnreadableFile):
        read_arrays(tmp_path / "a.npz")
