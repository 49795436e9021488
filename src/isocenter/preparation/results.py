"""Work that is done once per case: through the store, several processes, faults kept apart."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from isocenter import compute, formats, progress
from isocenter.case import Source
from isocenter.compute import Outcome
from isocenter.errors import IsocenterError, NotWritable
from isocenter.store import COSTLY_SECONDS, Row, Store

T = TypeVar("T")


def per_case(
    step: str,
    version: int,
    parameters: Mapping[str, object],
    function: Callable[[T], Row] | None,
    items: Sequence[T],
    sources: Sequence[tuple[Source, ...]],
    *,
    store: str | Path | None = None,
    stage: str = "",
    quick: bool = False,
    run: Callable[[Sequence[T]], Iterable[Outcome[Row]]] | None = None,
) -> list[Outcome[Row]]:
    """`function(items[i])`, known by the bytes behind `sources[i]`: computed once, then read.

    quick: the work costs less than reading its result from disk; only this process remembers it.
    It applies to rows of array stacks. A user fault becomes its item's outcome and is not stored:
    the next run tries again. Change `version` whenever `function` gives other values.
    run: does many items at once, in place of `function`: outcomes in their order.
    """
    quick = quick and all(source.index is not None for files in sources for source in files)
    keys, failed = _keys(sources, _status_key if quick else formats.digest)
    wanted = list(dict.fromkeys(key for key in keys if key not in failed))
    first = {key: position for position, key in reversed(list(enumerate(keys)))}

    def outcomes_of(work: Sequence[tuple[str, T]]) -> Iterable[Outcome[Row]]:
        if run is not None:
            found = run([item for _, item in work])
            return progress.track(found, stage, len(work)) if stage else found
        assert function is not None
        return compute.stream(_Keeping(function, step, version, parameters, path), work, stage=stage)

    def missing(positions: Sequence[int]) -> Iterator[tuple[int, Row]]:
        work = [(wanted[p], items[first[wanted[p]]]) for p in positions]
        for position, outcome in zip(positions, outcomes_of(work), strict=True):
            if outcome.fault is not None:
                failed[wanted[position]] = outcome.fault
            else:
                yield position, outcome.get()

    path = None if quick else store
    found = dict(zip(wanted, Store(path).rows(step, version, parameters, wanted, missing), strict=True))
    return [Outcome(fault=failed[key]) if key in failed else Outcome(found[key]) for key in keys]


@dataclass(frozen=True)
class _Keeping(Generic[T]):
    """The work on one item, done in any process; a costly result is in the store before it is told."""

    function: Callable[[T], Row]
    step: str
    version: int
    parameters: Mapping[str, object]
    store: str | Path | None

    def __call__(self, item: tuple[str, T]) -> Row:
        began = time.perf_counter()
        row = self.function(item[1])
        if self.store is not None and time.perf_counter() - began > COSTLY_SECONDS:
            with suppress(NotWritable):  # told where the shard is written
                Store(self.store).keep(self.step, self.version, self.parameters, item[0], row)
        return row


def _keys(
    sources: Sequence[tuple[Source, ...]], key_of: Callable[[Source], str]
) -> tuple[list[str], dict[str, IsocenterError]]:
    """One digest an item, and the faults of files that could not be read for it."""
    keys: list[str] = []
    failed: dict[str, IsocenterError] = {}
    for position, files in enumerate(sources):
        try:
            each = [key_of(source) for source in files]
            keys.append(each[0] if len(each) == 1 else hashlib.sha256("\n".join(each).encode()).hexdigest())
        except IsocenterError as fault:
            keys.append(f"unreadable-{position}")
            failed[keys[-1]] = fault
    return keys, failed


def _status_key(source: Source) -> str:
    """A name for a row of an array file as long as the file does not change; the digest where it cannot be read."""
    try:
        status = os.stat(source.files[0])  # noqa: PTH116  Path costs five times as much, for every row of a stack
    except OSError:
        return formats.digest(source)
    return f"{source.files[0]}|{status.st_size}|{status.st_mtime_ns}|{source.member}|{source.index}"
