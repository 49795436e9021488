"""Where a project's artefacts lie on disk, and which of them are up to date.

An artefact is up to date when the fingerprint of what it was made from, and the SHA-256 of its
content, are those that `project.json` remembers. The artefact is written first, the memory of
it second, both atomically: a killed process leaves at worst an artefact that is made again.
Without a folder nothing touches the disk: the same calls keep the objects in memory. A query reads a project `Aside`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from isocenter import disk
from isocenter.errors import MissingStep, NotWritable, OtherVersion

T = TypeVar("T")
LAYOUT = 1
MEMORY = "project.json"
DEFAULT = "isocenter-project"  # the folder where none is named


@dataclass(frozen=True)
class Artefact(Generic[T]):
    """One file of a project: where it lies, how it is written and read, which step makes it."""

    path: str
    save: Callable[[T, Path], None]
    load: Callable[[Path], T]
    step: str


def home(named: Path, own: Path) -> Path:
    """The project that was named, or where none was the one that a file of it lies in (`own`), if it is one."""
    return own if named == Path(DEFAULT) and (own / MEMORY).is_file() else named


def fingerprint(*parts: object) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Project:
    """A folder of artefacts; `Project(None)` is the same in memory."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._objects: dict[str, Any] = {}
        self._known: dict[str, dict[str, str]] = {}
        if folder is not None:
            self._known = _read_memory(folder)

    @property
    def keeps(self) -> bool:
        """Whether what is made is remembered on disk."""
        return self.folder is not None

    def aside(self) -> Project:
        """This project for a question: read, and not changed."""
        return self if self.folder is None else Aside(self.folder)

    @property
    def store(self) -> str | None:
        """Folder of the store of costly results, or None: in memory."""
        return None if self.folder is None else str(self.folder / "store")

    def open(self) -> None:
        """Sweep what a killed process left. The folder is made when something is put into it: a fault leaves none."""
        if self.folder is None:
            return
        if self.folder.exists() and not self.folder.is_dir():
            raise NotWritable(f"{self.folder} is a file.", "Choose another --project folder.")
        if self.folder.exists():
            disk.sweep(self.folder)

    def inputs(self, artefact: Artefact[Any]) -> str:
        """Fingerprint of what the artefact was made from; MissingStep if it was not made."""
        if artefact.path not in self._known:
            raise MissingStep(
                f"This project has no {artefact.path} yet.", f"First run: isocenter {artefact.step} (or isocenter run)."
            )
        return self._known[artefact.path]["inputs"]

    def digest(self, artefact: Artefact[Any]) -> str:
        """SHA-256 of the artefact's content as it was written; MissingStep if it was not made."""
        self.inputs(artefact)
        return self._known[artefact.path]["sha256"]

    def has(self, artefact: Artefact[Any], inputs: str) -> bool:
        """Whether the artefact exists, unchanged, made from these inputs."""
        known = self._known.get(artefact.path)
        if known is None or known["inputs"] != inputs:
            return False
        if self.folder is None:
            return True
        path = self.folder / artefact.path
        return path.is_file() and _sha256(path) == known["sha256"]

    def put(self, artefact: Artefact[T], inputs: str, value: T) -> None:
        self._objects[artefact.path] = value
        digest = ""
        if self.folder is not None:
            path = self.folder / artefact.path
            disk.make_folder(path.parent)
            artefact.save(value, path)
            digest = _sha256(path)
        self._known[artefact.path] = {"inputs": inputs, "sha256": digest}
        if self.folder is not None:
            text = json.dumps({"layout": LAYOUT, "artefacts": self._known}, indent=1, sort_keys=True)
            disk.write_text(self.folder / MEMORY, text)

    def get(self, artefact: Artefact[T]) -> T:
        """The artefact as it stands; MissingStep if it was not made."""
        self.inputs(artefact)
        if artefact.path not in self._objects:
            if self.folder is None or not (self.folder / artefact.path).is_file():
                raise MissingStep(
                    f"{artefact.path} is gone from this project.", f"Run: isocenter {artefact.step} (or isocenter run)."
                )
            self._objects[artefact.path] = artefact.load(self.folder / artefact.path)
        found: T = self._objects[artefact.path]
        return found

    def forget(self, *artefacts: Artefact[Any]) -> None:
        """Free the memory of what is safe on disk."""
        for artefact in artefacts if self.folder is not None else ():
            self._objects.pop(artefact.path, None)

    def get_or_make(self, artefact: Artefact[T], inputs: str, make: Callable[[], T]) -> T:
        """The artefact if it is up to date, else a new one, saved."""
        if not self.has(artefact, inputs):
            self.put(artefact, inputs, make())
        return self.get(artefact)

    def names(self, folder: str) -> list[str]:
        """Known artefacts in one sub-folder."""
        return [path for path in self._known if path.startswith(f"{folder}/")]


class Aside(Project):
    """A project that is only asked: what it knows is read, what is made anew stays in memory; the store is shared."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._made: set[str] = set()

    @property
    def keeps(self) -> bool:
        """False: nothing of it changes."""
        return False

    def has(self, artefact: Artefact[Any], inputs: str) -> bool:
        if artefact.path in self._made:
            return self._known[artefact.path]["inputs"] == inputs
        return super().has(artefact, inputs)

    def put(self, artefact: Artefact[T], inputs: str, value: T) -> None:
        self._objects[artefact.path] = value
        self._known[artefact.path] = {"inputs": inputs, "sha256": ""}
        self._made.add(artefact.path)

    def forget(self, *artefacts: Artefact[Any]) -> None:
        super().forget(*(one for one in artefacts if one.path not in self._made))


def _read_memory(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / MEMORY
    if not path.is_file():
        return {}
    try:
        memory = json.loads(path.read_text("utf-8"))
        layout, artefacts = memory["layout"], dict(memory["artefacts"])
    except (ValueError, KeyError, TypeError) as fault:
        raise OtherVersion(f"{path} cannot be read.", "Choose another --project folder, or delete this one.") from fault
    if layout != LAYOUT:
        raise OtherVersion(
            f"The project folder {folder} was written by another version (layout {layout}, this is {LAYOUT}).",
            "Choose another --project folder; run.toml in it repeats the run.",
        )
    return artefacts


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
