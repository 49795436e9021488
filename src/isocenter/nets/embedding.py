"""Pictures to vectors by a frozen network."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import MissingExtra, UnsafeFile
from isocenter.nets import weights as files
from isocenter.nets.backbones import Backbone


class Embedder:
    """A backbone ready to work. Raises MissingExtra (no torch), MissingPath, UnsafeFile.

    The vector of a picture does not depend on what else is in its batch, but for rounding (1e-5 of
    the largest number). A call works in one thread, so the number of processors changes nothing at
    all; several threads may call at once.
    """

    def __init__(self, backbone: Backbone, weights: str | None = None) -> None:
        _require_torch()
        path = files.find(backbone, weights)
        self._backbone = backbone
        self.network = _network(backbone, str(path), path.stat().st_mtime_ns)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, C, side, side) of 0..255, C 1 (grey) or 3 (red, green, blue), to (n, width)."""
        import torch

        with _one_thread(), torch.inference_mode():
            batch = self.prepared(torch.from_numpy(np.ascontiguousarray(pictures)))
            found: NDArray[np.float32] = self.network(batch).numpy()
        return found

    def prepared(self, pictures: Any) -> Any:
        """Three channels in the backbone's order, minus their means."""
        import torch

        means = torch.tensor(self._backbone.means).view(1, 3, 1, 1)
        if pictures.shape[1] == 3 and self._backbone.channels == "BGR":
            pictures = pictures.flip(1)
        return (pictures.to(torch.float32) - means).contiguous(memory_format=torch.channels_last)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Inside, this thread has no helpers; torch counts them for each thread by itself."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def require(backbone: Backbone, weights: str | None = None) -> None:
    """MissingExtra or MissingPath where an `Embedder` could not be made; neither torch nor weights are loaded."""
    if importlib.util.find_spec("torch") is None:
        raise _no_torch()
    files.find(backbone, weights)


def _require_torch() -> None:
    """MissingExtra where torch cannot be imported."""
    try:
        importlib.import_module("torch")
    except ImportError as fault:
        raise _no_torch() from fault


def _no_torch() -> MissingExtra:
    return MissingExtra(
        "Embeddings need PyTorch, which is not installed.",
        "Install it with: pip install 'isocenter[deep]' (README says how without the libraries of a GPU). "
        "Without it: --features descriptors.",
    )


@lru_cache(maxsize=2)
def _network(backbone: Backbone, path: str, changed: int) -> Any:  # noqa: ARG001  a changed file is read again
    """The module with its weights, once a process; UnsafeFile where the arrays are not those of the module."""
    import torch

    module, _, name = backbone.build.partition(":")
    network = getattr(importlib.import_module(module), name)()
    arrays = {layer: torch.from_numpy(array) for layer, array in files.load(backbone, path).items()}
    try:
        network.load_state_dict(arrays, strict=True)
    except RuntimeError as fault:
        told = str(fault).strip().splitlines()[-1].strip()
        raise UnsafeFile(f"{path} does not fit {name}: {told}", "Fetch the weights again.") from fault
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
