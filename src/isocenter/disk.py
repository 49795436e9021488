"""Writing files and folders so that nothing half-written is ever left: temporary name, fsync, rename."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from isocenter.errors import NotWritable, UsageError

_DISK_FAULTS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EFBIG,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ENOTDIR,
    errno.ENOENT,
}
_PARTIAL = ".partial"


def as_path(given: object, what: str) -> Path:
    """A path given as text or as a `Path`; UsageError for anything else. what: as it begins a sentence, "INPUT"."""
    if isinstance(given, str | os.PathLike):
        return Path(os.fsdecode(given))
    raise UsageError(
        f"{what} is the path of a file or folder, as text or Path, not of type {type(given).__name__}.",
        "What is in memory is written to a file first, such as X.npy or table.csv.",
    )


@contextmanager
def _naming_the_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if fault.errno not in _DISK_FAULTS and "No space left" not in str(fault):  # pyarrow gives no errno
            raise
        raise NotWritable(
            f"Cannot write {path}: {os.strerror(fault.errno) if fault.errno else 'no space left'}.",
            "Nothing half-written was left; free some space or choose another place.",
        ) from fault


def make_folder(path: Path) -> Path:
    """Create a folder and its parents; NotWritable where the disk refuses."""
    with _naming_the_disk(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def write_with(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write(temporary)`, then make it durable under the name `path`, all or nothing."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_PARTIAL}{path.suffix}")
    try:
        with _naming_the_disk(path):
            write(temporary)
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, all or nothing."""
    write_with(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text to `path`, all or nothing."""
    write_bytes(path, content.encode("utf-8"))


def write_folder(path: Path, fill: Callable[[Path], object]) -> None:
    """Call `fill(temporary folder)`, then give the folder the name `path`, all or nothing; `path` must not be there."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_PARTIAL}")
    try:
        with _naming_the_disk(path):
            temporary.mkdir()
            fill(temporary)
            for file in temporary.iterdir():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove temporary files and folders that a killed process left in `folder`."""
    for left in list(folder.rglob(f".*{_PARTIAL}*")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)
