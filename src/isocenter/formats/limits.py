"""What every reader guards: the decoded size, known before decoding, and what decoders throw.

Bombs are small files that decode to gigabytes; what counts is the number of decoded bytes that
the header declares, never the ratio of compression.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from isocenter.errors import EmptyInput, IsocenterError, MissingPath, UnreadableFile

VOLUME_BYTES = 4 * 2**30
FRAME_BYTES = 512 * 2**20


def check_size(path: Path, declared: int, limit: int = VOLUME_BYTES) -> None:
    """UnreadableFile if the file would decode to more than `limit` bytes."""
    if declared > limit:
        raise UnreadableFile(
            f"{path} would decode to {declared / 2**30:.2f} GB, above the limit of {limit / 2**30:.1f} GB.",
            "Check that the file is what it should be; crop or resample a genuine one.",
        )


def check_present(path: Path) -> int:
    """Size in bytes; MissingPath where there is no such file, UnreadableFile where it has zero bytes."""
    if not path.is_file():
        raise MissingPath(f"There is no file {path}.", "Check the path; was the folder moved?")
    if (size := path.stat().st_size) == 0:
        raise UnreadableFile(f"{path} has zero bytes.", "Copy or export it again.")
    return size


@contextmanager
def reading(path: Path, what: str = "file") -> Iterator[None]:
    """Turn whatever a library throws while it reads `path` into UnreadableFile, and keep it quiet.

    Hold only calls of the library inside: a bug of ours must keep its traceback. Some decoders
    throw what is no `Exception` (pyo3's PanicException), or StopIteration, which would end a
    surrounding loop without a word; hence BaseException.
    """
    try:
        with _quiet():
            yield
    except (IsocenterError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except PermissionError as fault:
        raise UnreadableFile(f"{path} may not be read: permission denied.", "Change its permissions.") from fault
    except MemoryError as fault:
        raise UnreadableFile(f"{path} does not fit into memory.", "Crop or resample it, or free memory.") from fault
    except BaseException as fault:
        if type(fault).__name__ == "DecompressionBombError":  # Pillow's, met before the header can be looked at
            raise UnreadableFile(
                f"{path} declares more pixels than are decoded at once.",
                "Crop a genuine picture; patches are also cut from an uncompressed or Deflate TIFF, part by part.",
            ) from fault
        reason = " ".join(str(fault).split())[:240] or type(fault).__name__
        raise UnreadableFile(
            f"{path} is not a readable {what}: {reason.rstrip('.')}.",
            "It is damaged or cut short; copy or export it again.",
        ) from fault


_lock, _readers, _silence = threading.Lock(), 0, ExitStack()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings. They are the process's, so of several threads the first silences, the last restores."""
    global _readers
    with _lock:
        if not _readers:
            _silence.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _readers += 1
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if not _readers:
                _silence.close()


def empty(path: Path, what: str) -> EmptyInput:
    """The fault of a file that can be read and holds nothing."""
    return EmptyInput(f"{path} holds no {what}.", "Check that this is the right file.")
