"""Progress as events: who does the work emits, who shows it listens.

Silent unless somebody listens: the command line draws a bar, tests collect a list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """kind "start" opens a stage of `total` items (None: unknown), "advance" counts one,
    "end" closes it; "note" is a line of text, "warning" one that must not be missed; "facts" is
    what a step has found, as plain data."""

    kind: Literal["start", "advance", "end", "note", "warning", "facts"]
    stage: str = ""
    text: str = ""
    total: int | None = None
    facts: Mapping[str, Any] | None = None


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


def facts(found: Mapping[str, Any]) -> None:
    """What a step has found, told when it ends: a later one may fail."""
    emit(Event("facts", facts=found))


@contextmanager
def without_facts() -> Iterator[None]:
    """Inside the block facts are not told: for studies that are part of something larger."""
    outer = _listener.get()
    with listening(lambda event: outer(event) if outer is not None and event.kind != "facts" else None):
        yield


def track(items: Iterable[T], stage: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, emitting a start, one advance for each item and an end."""
    emit(Event("start", stage, total=total))
    try:
        for item in items:
            yield item
            emit(Event("advance", stage))
    finally:
        emit(Event("end", stage))
