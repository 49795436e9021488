"""Doing one thing to many items: order kept, user faults collected, several processes when worth it.

>>> [outcome.value for outcome in each(abs, [-1, 2])]
[1, 2]
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Thread
from typing import Generic, TypeVar

from isocenter import progress
from isocenter.errors import IsocenterError

T = TypeVar("T")
R = TypeVar("R")

# Starting processes and importing our libraries in them costs one to two seconds.
WORTH_PROCESSES = 3.0  # seconds of work left, by the time the first items took
_AHEAD = 8  # outcomes a thread that may wait to be taken
_TRIED_FIRST = 3  # items done before that is judged; the first pays for imports and does not count


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """What became of one item: its value, or the user's fault that prevented it."""

    value: R | None = None
    fault: IsocenterError | None = None

    def get(self) -> R:
        """The value; raises the fault where there is one."""
        if self.fault is not None:
            raise self.fault
        return self.value  # type: ignore[return-value]  # a value of type R may itself be None


def each(
    function: Callable[[T], R], items: Sequence[T], *, stage: str = "", jobs: int | None = None
) -> list[Outcome[R]]:
    """`function` of every item, in order.

    An IsocenterError becomes the item's fault; any other exception is a bug and propagates. The
    work starts here and moves to `jobs` processes (None: one a processor; by another backend where
    `joblib.parallel_config` names one) once what is left is expected to take long; `function` and
    items must then be picklable. stage: name of the progress events; "" emits none.
    """
    return list(stream(function, items, stage=stage, jobs=jobs))


def stream(
    function: Callable[[T], R], items: Sequence[T], *, stage: str = "", jobs: int | None = None
) -> Iterator[Outcome[R]]:
    """As `each`, one outcome after the other as soon as it is there."""
    outcomes = _outcomes(function, items, processes() if jobs is None else jobs)
    return progress.track(outcomes, stage, len(items)) if stage else outcomes


def ahead(function: Callable[[T], R], items: Sequence[T], *, threads: int | None = None) -> Iterator[Outcome[R]]:
    """As `stream`, in threads that stay a little ahead of whoever takes the outcomes.

    For work inside libraries that let other threads run (decoders, networks): there is nothing to
    start or to pickle. At most a few outcomes wait to be taken, so memory is bounded.
    """
    workers = processes() if threads is None else threads
    pool, waiting = ThreadPoolExecutor(workers), deque[Future[Outcome[R]]]()
    try:
        for item in items:
            waiting.append(pool.submit(_try, function, item))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def together(tasks: Sequence[Callable[[], R]]) -> list[R]:
    """What each of a few tasks gives, in their order; side by side in threads where processors are free.

    For the pieces of one case's work, inside libraries that let other threads run. The caller's thread works too: a
    start costs up to some milliseconds. Of several exceptions the first task's is raised; no task begins after one.
    """
    found: dict[int, R] = {}
    faults: dict[int, BaseException] = {}
    numbers = iter(range(len(tasks)))

    def work() -> None:
        for i in numbers:
            try:
                found[i] = tasks[i]()
            except BaseException as fault:  # noqa: BLE001  raised again below
                faults[i] = fault
                deque(numbers, maxlen=0)

    helpers = [Thread(target=work) for _ in range(min(processes(), len(tasks)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if faults:
        raise faults[min(faults)]
    return [found[i] for i in range(len(tasks))]


def processes() -> int:
    """How many processes may work: 1 inside a worker process, which shares the machine already."""
    if multiprocessing.current_process().name != "MainProcess":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _outcomes(function: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[Outcome[R]]:
    spent = 0.0
    for done, item in enumerate(items):
        if jobs > 1 and done >= _TRIED_FIRST and spent / (done - 1) * (len(items) - done) > WORTH_PROCESSES:
            yield from _in_processes(function, items[done:], jobs)
            return
        began = time.perf_counter()
        outcome = _try(function, item)
        spent += time.perf_counter() - began if done else 0.0
        yield outcome


def _in_processes(function: Callable[[T], R], items: Sequence[T], jobs: int) -> Iterator[Outcome[R]]:
    import joblib

    tasks = (joblib.delayed(_try)(function, item) for item in items)
    yield from joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks)


def _try(function: Callable[[T], R], item: T) -> Outcome[R]:
    try:
        return Outcome(function(item))
    except IsocenterError as fault:
        return Outcome(fault=fault)
