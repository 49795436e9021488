"""Results that are costly per case, computed once: found again by what they were computed from.

A result is known by its step, the step's version, its parameters and the digest of the bytes it
came from. On disk it is a row of a Parquet shard `<step>-<version and parameters>/<SHA-256>.parquet`:
a shard never changes, its name proves its content, and it appears whole or not at all. So several
processes may write at once, and a damaged or removed shard costs computing again. A killed process
loses its last seconds of quick rows, and of costly ones what it was at: each has a shard of its own,
`<digest>.<SHA-256>.parquet`, until it is gathered with others. The folder is safe to delete at any
time, and `prune` keeps it small.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from isocenter import disk
from isocenter.errors import NotWritable

Row = dict[str, object]
DIGEST = "digest"
SHARD_SECONDS = 2.0  # a killed process loses at most this much work ...
SHARD_ROWS = 2000  # ... or this many quick rows
COSTLY_SECONDS = 0.01  # a row that took longer is kept at once, which takes a tenth of that
_MOST_SINGLE = 64  # shards of one row are gathered when there are more
_MOST_VALUES = 5_000_000  # kept in memory, about 300 MB


@dataclass
class _Known:
    """What this process knows of one step and parameter set: rows by digest, shards already read."""

    rows: dict[str, Row] = field(default_factory=dict)
    shards: set[str] = field(default_factory=set)
    size: int = 0

    def add(self, digest: str, row: Row) -> None:
        self.rows[digest] = row
        self.size += sum(len(value) // 8 + 1 if isinstance(value, bytes) else 1 for value in row.values())


# Process-wide: feature steps are cloned and fitted once a fold, each with a store of the same path.
_memory: dict[tuple[str, str], _Known] = {}


def forget() -> None:
    """Empty this process's memory; what is on disk stays."""
    _memory.clear()


class Store:
    """path: the folder of the shards; None keeps results in memory for as long as the process lives."""

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)

    def rows(
        self,
        step: str,
        version: int,
        parameters: Mapping[str, object],
        digests: Sequence[str],
        compute: Callable[[Sequence[int]], Iterable[tuple[int, Row]]],
    ) -> list[Row | None]:
        """One row a digest, read where it is known, else from `compute`; None where that gave none.

        compute: gets the positions in `digests` whose rows are missing (equal digests once),
        yields (position, row) as they come. Values are float, int, str, bool or bytes, of one
        type a column; a value of None is left out of the row. Raises NotWritable.
        """
        name = _name(step, version, parameters)
        known = self._known(name)
        missing = _first_positions(digests, known.rows)
        if missing and self.path is not None:
            self._read(name, known)
            missing = _first_positions(digests, known.rows)
        if missing:
            self._fill(name, known, digests, compute(missing))
        found = [known.rows.get(digest) for digest in digests]
        _shrink(keep=known)
        return found

    def keep(self, step: str, version: int, parameters: Mapping[str, object], digest: str, row: Row) -> None:
        """Write one costly row at once, whoever computed it: killing any process then loses nothing of it."""
        if self.path is None:
            return
        content = _to_parquet({digest: {k: v for k, v in row.items() if v is not None}})
        shard = f"{digest}.{hashlib.sha256(content).hexdigest()}.parquet"
        disk.write_bytes(self.path / _name(step, version, parameters) / shard, content)

    def prune(self, limit: int) -> int:
        """Remove the shards that were used longest ago until at most `limit` bytes are left; the bytes removed."""
        if self.path is None:
            return 0
        shards = []
        for path in self.path.glob("*/[!.]*.parquet"):
            with suppress(OSError):
                shards.append((path.stat().st_mtime_ns, path.stat().st_size, path))
        total = left = sum(size for _, size, _ in shards)
        for _, size, path in sorted(shards):
            if left <= limit:
                break
            with suppress(OSError):
                path.unlink(missing_ok=True)
                left -= size
        return total - left

    def _read(self, name: str, known: _Known) -> None:
        """What other processes or earlier runs wrote; many single rows become one shard."""
        assert self.path is not None
        folder = self.path / name
        _read_new_shards(folder, known)
        singles = list(folder.glob("[!.]*.*.parquet"))
        digests = [digest for digest in (path.name.partition(".")[0] for path in singles) if digest in known.rows]
        if len(digests) > _MOST_SINGLE:
            with suppress(NotWritable):  # a store that may only be read serves as it is
                self._write(name, known, {digest: known.rows[digest] for digest in digests})

    def _known(self, name: str) -> _Known:
        key = ("" if self.path is None else str(self.path.absolute()), name)
        known = _memory.pop(key, None) or _Known()
        _memory[key] = known  # the last used is the last in the dict
        return known

    def _fill(self, name: str, known: _Known, digests: Sequence[str], computed: Iterable[tuple[int, Row]]) -> None:
        """Remember and write what is computed; what was finished is written even if the rest fails."""
        pending: dict[str, Row] = {}
        began = time.monotonic()
        try:
            for position, row in computed:
                pending[digests[position]] = {k: v for k, v in row.items() if v is not None}
                if len(pending) >= SHARD_ROWS or time.monotonic() - began > SHARD_SECONDS:
                    self._write(name, known, pending)
                    pending, began = {}, time.monotonic()
        finally:
            self._write(name, known, pending)

    def _write(self, name: str, known: _Known, pending: dict[str, Row]) -> None:
        for digest, row in pending.items():
            known.add(digest, row)
        if self.path is not None and pending:
            content = _to_parquet(pending)
            shard = f"{hashlib.sha256(content).hexdigest()}.parquet"
            disk.write_bytes(self.path / name / shard, content)
            known.shards.add(shard)
            for single in (self.path / name).glob("[!.]*.*.parquet"):
                if single.name.partition(".")[0] in pending:
                    single.unlink(missing_ok=True)


def _name(step: str, version: int, parameters: Mapping[str, object]) -> str:
    """Folder of the shards of a step."""
    return f"{step}-{_hash([version, dict(parameters)])[:16]}"


def _hash(value: object) -> str:
    """SHA-256 of canonical JSON: the same text for the same values on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _first_positions(digests: Sequence[str], known: Mapping[str, Row]) -> list[int]:
    first: dict[str, int] = {}
    for position, digest in enumerate(digests):
        if digest not in known:
            first.setdefault(digest, position)
    return list(first.values())


def _shrink(keep: _Known) -> None:
    """Drop what was used longest ago when the memory is full."""
    total = sum(known.size for known in _memory.values())
    for key, known in list(_memory.items()):
        if total <= _MOST_VALUES:
            return
        if known is not keep:
            total -= _memory.pop(key).size


def _to_parquet(rows: Mapping[str, Row]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = dict.fromkeys(name for row in rows.values() for name in row)
    columns = {name: [row.get(name) for row in rows.values()] for name in names}
    buffer = io.BytesIO()
    pq.write_table(pa.table({DIGEST: list(rows), **columns}), buffer)
    return buffer.getvalue()


def _read_new_shards(folder: Path, known: _Known) -> None:
    for path in sorted(folder.glob("[!.]*.parquet")):
        if path.name not in known.shards:
            known.shards.add(path.name)
            with suppress(OSError):
                path.touch()  # used today: pruned last
            for digest, row in _read_shard(path):
                known.add(digest, row)


def _read_shard(path: Path) -> Iterator[tuple[str, Row]]:
    """Rows by digest; none where the shard vanished meanwhile or is damaged, which removes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = path.read_bytes()
    except OSError:
        return
    if hashlib.sha256(content).hexdigest() != path.stem.rpartition(".")[2]:
        with suppress(OSError):  # a read-only store: it is passed over again next time
            path.unlink(missing_ok=True)
        return
    for row in pq.read_table(pa.BufferReader(content)).to_pylist():
        digest = row.pop(DIGEST)
        yield digest, {name: value for name, value in row.items() if value is not None}
