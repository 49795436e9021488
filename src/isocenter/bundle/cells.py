"""Vectors in cells on disk, so that a later search reads only the cells it needs.

cells.npz      which cells there are, the recall that was measured, and a checksum of each cell's vectors
vectors.npy    (n, p) float32, cell by cell; mapped, never read whole

A cell is checked when it is first used: a file that was damaged, or belongs to another cells.npz, is noticed.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter import disk
from isocenter.errors import DamagedBundle
from isocenter.neighbours import Cells

VECTORS = "vectors.npy"
_ARRAYS = ("mean", "axes", "centres", "starts", "squares", "rows", "recalls")
_CARD = ("distance", "probes", "asked", "looked")


@dataclass(frozen=True, eq=False)
class Kept:
    """cells; features: the name of what the vectors were measured as; done: how, a sentence a step."""

    cells: Cells
    features: str
    done: tuple[str, ...] = ()


def save_cells(kept: Kept, path: Path) -> None:
    """Write both files, the vectors first, each all or nothing."""
    cells = kept.cells
    disk.write_with(path.with_name(VECTORS), lambda temporary: np.save(temporary, cells.vectors, allow_pickle=False))
    arrays: dict[str, Any] = {name: getattr(cells, name) for name in _ARRAYS}
    arrays["sums"] = np.array([_sum(cells, cells.vectors, i) for i in range(len(cells.centres))], dtype=np.uint32)
    card = json.dumps({"features": kept.features, "done": kept.done, **{name: getattr(cells, name) for name in _CARD}})
    buffer = io.BytesIO()
    np.savez(buffer, card=np.frombuffer(card.encode(), np.uint8), **arrays)
    disk.write_bytes(path, buffer.getvalue())


def load_cells(path: Path) -> Kept:
    """What `save_cells` wrote, the vectors mapped. Raises DamagedBundle, as does the search in a damaged cell."""
    try:
        with np.load(path, allow_pickle=False) as held:
            card = json.loads(held["card"].tobytes())
            arrays = {name: held[name] for name in _ARRAYS}
            sums = held["sums"]
        features, done = str(card.pop("features")), tuple(map(str, card.pop("done")))
        vectors = np.asarray(np.load(path.with_name(VECTORS), mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as fault:
        raise _damaged(path) from fault
    if vectors.dtype != np.float32 or vectors.shape != (len(arrays["rows"]), len(arrays["mean"])):
        raise _damaged(path)
    cells = Cells(vectors=vectors, **arrays, **card)
    return Kept(replace(cells, check=_Checked(cells, sums, path)), features, done)


class _Checked:
    """Compares a cell with its checksum, once."""

    def __init__(self, cells: Cells, sums: NDArray[np.uint32], path: Path) -> None:
        self.cells, self.sums, self.path = cells, sums, path
        self.right: set[int] = set()

    def __call__(self, cell: int) -> None:
        if cell not in self.right:
            if _sum(self.cells, self.cells.vectors, cell) != int(self.sums[cell]):
                raise _damaged(self.path)
            self.right.add(cell)


def _sum(cells: Cells, vectors: NDArray[np.float32], cell: int) -> int:
    own = vectors[cells.starts[cell] : cells.starts[cell + 1]]
    return zlib.crc32(np.ascontiguousarray(own).data.cast("B"))


def _damaged(path: Path) -> DamagedBundle:
    return DamagedBundle(f"The vectors kept in {path.parent} are damaged.", f"Delete {path}: they are made again.")
