"""Bytes of files, compressed or not, into memory that is taken once: as many as the header declares, and no more.

isal (Intel's library, also for ARM) inflates about twice as fast as zlib.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import UnreadableFile
from isocenter.formats.limits import reading

Bytes = NDArray[np.uint8]
_PIECE = 2**20
_LEFT = 2**16  # read behind the voxels, so that the checksum is compared; a longer rest is not followed


def plain(path: Path, size: int, what: str, start: int = 0) -> Bytes:
    """`size` bytes from `start` on. UnreadableFile where there are fewer."""
    with reading(path, what), path.open("rb") as file:
        file.seek(start)
        found = np.fromfile(file, dtype=np.uint8, count=size)
    return _complete(path, found, len(found), size)


def gunzipped(path: Path, size: int, what: str, start: int = 0) -> Bytes:
    """The first `size` bytes of a gzip stream at `start`. UnreadableFile: fewer, or a checksum that fails."""
    from isal import igzip

    found = np.empty(size, dtype=np.uint8)
    with reading(path, what), path.open("rb") as raw:
        raw.seek(start)
        with igzip.IGzipFile(fileobj=raw) as file:  # type: ignore[no-untyped-call]
            done = _fill(file, found)
            file.read(_LEFT)
    return _complete(path, found, done, size)


def unzlibbed(path: Path, size: int, what: str, start: int = 0) -> Bytes:
    """The first `size` bytes of a zlib stream at `start`. UnreadableFile likewise."""
    from isal import isal_zlib

    with reading(path, what), path.open("rb") as raw:
        raw.seek(start)
        stream = isal_zlib.decompressobj()
        content = stream.decompress(raw.read(), max_length=size)
        if len(content) == size:
            stream.decompress(stream.unconsumed_tail, max_length=1)  # to the checksum
    return _complete(path, np.frombuffer(content, dtype=np.uint8), len(content), size)


def _fill(file: Any, into: Bytes) -> int:
    """How many bytes there were; by pieces as they come out of the inflater, which copies least."""
    done = 0
    while done < len(into):
        piece = np.frombuffer(file.read1(min(_PIECE, len(into) - done)), dtype=np.uint8)
        if not len(piece):
            break
        into[done : done + len(piece)] = piece
        done += len(piece)
    return done


def _complete(path: Path, found: Bytes, done: int, size: int) -> Bytes:
    if done < size:
        raise UnreadableFile(
            f"{path} is cut short: {done:,} bytes of voxels where its header declares {size:,}.",
            "Copy or export it again.",
        )
    return found
