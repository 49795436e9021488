"""Saving and loading a Clustering: the same vouched-for zip as a model's, JSON and plain arrays only.

manifest.json     SHA-256 of every other member
card.json         method, names, verdict
arrays.zip        one .npy a name; labels go from 0, as in `Clustering.labels`
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter import disk
from isocenter.bundle import archive
from isocenter.errors import DamagedBundle
from isocenter.unsupervised import Clustering

CARD, ARRAYS = "clustering.json", "arrays.zip"
MEMBERS = frozenset({CARD, ARRAYS})
_KINDS = "fi"  # of numbers
_REFUSED = "Cluster again: the file does not hold a clustering as isocenter writes it."


def save_clustering(found: Clustering, path: Path) -> None:
    """Write it to `path`, all or nothing; the same clustering gives the same bytes."""
    disk.write_bytes(path, archive.pack(members_of(found)))


def members_of(found: Clustering) -> dict[str, bytes]:
    """The members that hold a clustering, for a bundle that may hold more."""
    plain, arrays = found.state()
    members = {f"{name}.npy": _npy(arrays[name]) for name in sorted(arrays)}
    return {CARD: archive.canonical(_jsonable(plain)), ARRAYS: archive.zipped(members, level=None)}


def load_clustering(path: Path) -> Clustering:
    """Read what `save_clustering` wrote; MissingPath, DamagedBundle or OtherVersion."""
    return clustering_of(archive.unpack(archive.read(path), MEMBERS, path.name), path.name)


def clustering_of(members: Mapping[str, bytes], name: str) -> Clustering:
    """The clustering of a bundle's members; DamagedBundle."""
    with archive.refusing(name):
        plain = json.loads(members[CARD], parse_constant=_refuse)
        arrays = _arrays(members[ARRAYS])
        try:
            return Clustering.from_state(_back(plain), arrays)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as fault:
            raise DamagedBundle(f"{name} does not hold a clustering: {fault}.", _REFUSED) from fault


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array, order="C"), allow_pickle=False)  # ascontiguousarray would make a number a row
    return buffer.getvalue()


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        if sum(entry.file_size for entry in opened.infolist()) > archive.LARGEST:
            raise DamagedBundle("The arrays would unpack to more than 4 GiB.", _REFUSED)
        names = opened.namelist()
        found = {n.removesuffix(".npy"): np.load(io.BytesIO(opened.read(n)), allow_pickle=False) for n in names}
    if any(array.dtype.kind not in _KINDS or not np.isfinite(array).all() for array in found.values()):
        raise DamagedBundle("The arrays hold something other than finite numbers.", _REFUSED)
    return found


def _jsonable(value: Any) -> Any:
    """NaN as null; tuples as lists."""
    if isinstance(value, dict):
        return {key: _jsonable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _back(plain: dict[str, Any]) -> dict[str, Any]:
    """Null as NaN where a number stood."""
    told = {key: math.nan if one is None else one for key, one in plain["stability"].items()}
    return {**plain, "stability": told}


def _refuse(text: str) -> float:
    raise DamagedBundle(f"The card holds {text}.", _REFUSED)
