"""What a person sees: notes and progress on standard error, results on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from isocenter import progress
from isocenter.lines import GROWING, SECTIONS
from isocenter.progress import Event


class Terminal:
    """Prints plain data; one JSON object and nothing else with `as_json`."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}  # stages that are open, the outermost first
        self._told: dict[str, list[str]] = {}  # lines of each section that stand there already

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show progress events while the command works."""
        with progress.listening(self._hear):
            try:
                yield
            finally:
                self._close()

    def _hear(self, event: Event) -> None:
        if event.kind == "facts":
            if not self.as_json:
                self._sections(event.facts or {})
        elif event.kind == "warning":
            sys.stderr.write(f"WARNING  {event.text}\n")
        elif event.kind == "note":
            sys.stderr.write(f"{event.text}\n")
        elif sys.stderr.isatty():
            self._draw(event)

    def _draw(self, event: Event) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if event.kind == "start" and self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        if event.kind == "start":
            self._tasks[event.stage] = self._bar.add_task(event.stage, total=event.total)
        elif event.kind == "advance" and event.stage in self._tasks:
            self._bar.advance(self._tasks[event.stage])
        elif event.kind == "end" and event.stage in self._tasks:
            self._bar.remove_task(self._tasks.pop(event.stage))
            if not self._tasks:
                self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar, self._tasks = None, {}

    @staticmethod
    def _print(line: str) -> None:
        sys.stdout.write(line + "\n")

    def show(self, result: dict[str, Any]) -> None:
        if self.as_json:
            self._print(json.dumps({k: v for k, v in result.items() if k != "lines"}, default=str))
            return
        self._sections(result)

    def _sections(self, result: Mapping[str, Any]) -> None:
        """What is known by now and does not stand there yet; of lists (notes, warnings) the new lines."""
        for key, shown in SECTIONS.items():
            if not result.get(key):
                continue
            lines, told = list(shown(result[key], dict(result))), self._told.get(key, [])
            if key in GROWING:
                lines = [line for line in lines if line not in told]
                self._told[key] = [*told, *lines]
            elif lines == told:
                continue
            else:
                self._told[key] = lines
            for line in lines:
                self._print(line)
        sys.stdout.flush()
