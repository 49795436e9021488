"""Progress as events: who does the work emits, who shows it listens.

Silent unless somebody listens: the command line draws a bar, tests collect a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """kind "start" opens a stage of `total` items (None: unknown), "advance" counts one,
    "end" closes it; "note" is a line of text, "warning" one that must not be missed."""

    kind: Literal["start", "advance", "end", "note", "warning"]
    stage: str = ""
    text: str = ""
    total: int | None = None


Listener = Callable[[Event], None]
_listener: ContextVar[Listener | None] = ContextVar("isocenter_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send every event inside the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def emit(event: Event) -> None:
    """Tell the listener, if there is one."""
    if (listener := _listener.get()) is not None:
        listener(event)


def note(text: str) -> None:
    """A line of text worth reading."""
    emit(Event("note", text=text))


def warning(text: str) -> None:
    """A line that must not be missed."""
    emit(Event("warning", text=text))


def track(items: Iterable[T], stage: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, emitting a start, one advance for each item and an end."""
    emit(Event("start", stage, total=total))
    try:
        for item in items:
            yield item
            emit(Event("advance", stage))
    finally:
        emit(Event("end", stage))
