"""Networks: only the named weights file is read, the architecture is the published one, batches change nothing."""

from __future__ import annotations

import builtins
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import correlate

import networks
from isocenter.errors import MissingExtra, MissingPath, UnsafeFile, UsageError
from isocenter.nets import BACKBONES, Embedder, backbone, weights


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    networks.save(tmp_path, monkeypatch, **networks.arrays())
    return tmp_path


def embedder(folder: Path) -> Embedder:
    return Embedder(backbone("squeezenet"), str(folder))


def pictures(n: int, channels: int = 3, side: int = 64) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, channels, side, side), dtype=np.uint8)


# -- weights --------------------------------------------------------------------------------------
def test_weights_are_found_by_file_by_folder_and_in_the_home_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = backbone("squeezenet")
    monkeypatch.setattr(weights, "FOLDER", folder)
    found = [weights.find(known, w) for w in (str(folder), str(folder / networks.FILE), None)]
    assert set(found) == {folder / networks.FILE}
    assert weights.load(known)["features.0.weight"].shape == (64, 3, 3, 3)


def test_missing_weights_say_which_file_and_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(
        MissingPath, match=r"squeezenet1_1_features_caffe\.npz .*--weights PATH.*SHA-256 91a8e9b6.*descriptors"
    ):
        Embedder(backbone("squeezenet"), str(tmp_path))


@pytest.mark.parametrize("fault", ["flipped", "longer", "empty"])
def test_any_other_file_is_refused_before_it_is_read(folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / networks.FILE
    content = bytearray(path.read_bytes())
    if fault == "flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes({"longer": bytes(content) + b"x", "empty": b""}.get(fault, bytes(content)))
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(UnsafeFile, match="SHA-256" if fault == "flipped" else "bytes, not"):
        embedder(folder)


@pytest.mark.parametrize("fault", ["shape", "lacking", "more"])
def test_arrays_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    content = networks.arrays()
    if fault == "shape":
        content["features.3.squeeze.weight"] = content["features.3.squeeze.weight"][:8]
    elif fault == "lacking":
        del content["features.12.expand3x3.bias"]
    else:
        content["classifier.weight"] = np.zeros(3, dtype=np.float32)
    networks.save(tmp_path, monkeypatch, **content)
    with pytest.raises(UnsafeFile, match="does not fit SqueezeNet"):
        embedder(tmp_path)


def test_the_real_file_is_the_one_that_is_named(shared_data: Path) -> None:
    known = BACKBONES["squeezenet"]
    found = weights.load(known, str(shared_data / "weights_squeezenet11"))
    assert sum(array.size for array in found.values()) == 722_496  # the published number, without the classifier
    assert embedder(shared_data / "weights_squeezenet11")(pictures(1, side=224)).shape == (1, 512)


# -- the network ----------------------------------------------------------------------------------
def convolved(x: np.ndarray, layers: dict[str, np.ndarray], name: str, stride: int = 1, padding: int = 0) -> np.ndarray:
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    found = [correlate(x, kernel, mode="valid", method="direct")[0] for kernel in layers[f"{name}.weight"]]
    return np.maximum(np.stack(found)[:, ::stride, ::stride] + layers[f"{name}.bias"][:, None, None], 0)


def pooled(x: np.ndarray) -> np.ndarray:
    """3 x 3 in steps of 2; the last window may be partial."""
    n = -(-(x.shape[1] - 3) // 2) + 1
    parts = [[x[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max(axis=(1, 2)) for j in range(n)] for i in range(n)]
    return np.moveaxis(np.array(parts), -1, 0)


def by_hand(picture: np.ndarray, layers: dict[str, np.ndarray]) -> np.ndarray:
    """SqueezeNet 1.1 after its paper and Caffe prototxt, in scipy."""
    bgr = picture[::-1].astype(np.float64) - np.array([103.939, 116.779, 123.68])[:, None, None]
    x = pooled(convolved(bgr, layers, "features.0", stride=2))
    for at in (3, 4, 0, 6, 7, 0, 9, 10, 11, 12):
        if not at:
            x = pooled(x)
            continue
        squeezed = convolved(x, layers, f"features.{at}.squeeze")
        one = convolved(squeezed, layers, f"features.{at}.expand1x1")
        x = np.concatenate([one, convolved(squeezed, layers, f"features.{at}.expand3x3", padding=1)])
    return x.mean(axis=(1, 2))


def test_the_network_is_squeezenet_as_scipy_computes_it(folder: Path) -> None:
    picture = pictures(1, side=40)
    assert embedder(folder)(picture)[0] == pytest.approx(by_hand(picture[0], networks.arrays()), rel=1e-4, abs=1e-3)


def test_grey_is_shown_to_all_three_channels(folder: Path) -> None:
    grey = pictures(2, channels=1)
    assert embedder(folder)(grey) == pytest.approx(embedder(folder)(grey.repeat(3, axis=1)), rel=1e-6)


def test_neither_the_size_of_batches_nor_a_second_time_changes_values(folder: Path) -> None:
    whole, shown = embedder(folder), pictures(13)
    together = whole(shown)
    assert np.array_equal(together, whole(shown))
    for size in (1, 4, 8):
        parts = np.concatenate([whole(shown[i : i + size]) for i in range(0, 13, size)])
        assert np.abs(parts - together).max() <= 1e-5 * together.max()


def test_the_number_of_threads_changes_nothing_and_stays(folder: Path) -> None:
    import torch

    whole, shown, before = embedder(folder), pictures(4), torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(whole(shown))
        with ThreadPoolExecutor(2) as pool:
            found += list(pool.map(whole, [shown] * 4))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert all(np.array_equal(one, found[0]) for one in found)


def test_an_unknown_backbone_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"no backbone 'resnet'.*squeezenet"):
        backbone("resnet")


# -- torch ----------------------------------------------------------------------------------------
def test_without_torch_the_message_names_the_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "torch":
            raise ImportError("no torch")
        return real(name, *rest, **more)

    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'isocenter\[deep\]'.*descriptors"):
        embedder(folder)


def test_the_room_and_its_step_import_no_torch() -> None:
    code = "import sys, isocenter.features.embedding, isocenter.nets, isocenter.workbench; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
