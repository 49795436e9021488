"""Writes docs/reference/ from docstrings and the command line, then checks every link of the docs.

    .venv/bin/python tools/build_docs.py

Exits 1 and lists them where something public has no docstring, or a link leads nowhere. Needs
nothing beyond what Isocenter itself needs.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import isocenter

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


# -- what is public ----------------------------------------------------------------------------
def rooms() -> list[ModuleType]:
    """The modules and packages right below `isocenter`; a package's inside is private to it."""
    names = sorted(found.name for found in pkgutil.iter_modules(isocenter.__path__) if not found.name.startswith("_"))
    return [importlib.import_module(f"isocenter.{name}") for name in names]


def members(room: ModuleType) -> Iterator[tuple[str, Any]]:
    """Public classes and functions of a room: its `__all__`, else what it defines itself."""
    listed = getattr(room, "__all__", None)
    for name in listed if listed is not None else sorted(vars(room), key=str.lower):
        thing = getattr(room, name)
        own = listed is not None or getattr(thing, "__module__", None) == room.__name__
        if own and not name.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
            yield name, thing


def undocumented() -> list[str]:
    """Names of public modules, classes and functions without a docstring of their own."""
    missing = [room.__name__ for room in rooms() if not room.__doc__]
    for room in rooms():
        missing += [f"{room.__name__}.{name}" for name, thing in members(room) if not _docstring(thing)]
    return missing


def _docstring(thing: Any) -> str:
    text = inspect.cleandoc(vars(thing).get("__doc__") or "" if inspect.isclass(thing) else thing.__doc__ or "")
    # A dataclass without a docstring gets its signature as one: that says nothing.
    return "" if inspect.isclass(thing) and text.startswith(f"{thing.__name__}(") else text


# -- pages -------------------------------------------------------------------------------------
def page(room: ModuleType) -> str:
    """One room as Markdown."""
    parts = [f"# `{room.__name__}`", _prose(inspect.cleandoc(room.__doc__ or ""))]
    for name, thing in members(room):
        parts += [f"## `{name}`", f"```python\n{_signature(name, thing)}\n```", _prose(_docstring(thing))]
        if inspect.isclass(thing):
            parts += _methods(thing)
    return "\n\n".join(part for part in parts if part) + "\n"


def _methods(cls: type) -> Iterator[str]:
    for name, raw in vars(cls).items():
        member = raw.__func__ if isinstance(raw, (classmethod, staticmethod)) else raw
        member = member.fget if isinstance(member, property) else getattr(member, "func", member)
        if name.startswith("_") or not inspect.isfunction(member) or not member.__doc__:
            continue
        shown = name if isinstance(raw, property) or hasattr(raw, "func") else _signature(name, member)
        yield f"**`{shown}`**\n\n{_prose(inspect.cleandoc(member.__doc__))}"


def _signature(name: str, thing: Any) -> str:
    try:
        return f"{name}{inspect.signature(thing)}"
    except (TypeError, ValueError):
        return name


def _prose(text: str) -> str:
    """A docstring as Markdown: examples become blocks, the rest stays."""
    out: list[str] = []
    inside = False
    for line in text.splitlines():
        starts = line.startswith(">>>")
        if starts and not inside:
            out += ["", "```python"]
            inside = True
        elif inside and not line.strip():
            out.append("```")
            inside = False
        out.append(line)
    return "\n".join([*out, "```"] if inside else out).strip()


def command_line() -> str:
    """Every command with its arguments and options, from the parser itself."""
    import typer.main

    from isocenter.cli import app

    group: Any = typer.main.get_command(app)
    parts = ["# The command line", "`isocenter COMMAND --help` says the same in the terminal."]
    for name, command in group.commands.items():
        usage = " ".join(p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument")
        parts += [f"## `isocenter {name}`", _prose(inspect.cleandoc(command.help or "")), f"`isocenter {name} {usage}`"]
        rows = [f"| `{' / '.join([*p.opts, *p.secondary_opts])}` | {p.help or ''} |" for p in command.params if p.help]
        parts.append("\n".join(["| option | |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"


def index(pages: list[ModuleType]) -> str:
    """The reference's first page."""
    public = [f"- `isocenter.{name}`: [{_home(name)}]({_home(name)}.md)" for name in isocenter.__all__]
    listed = [f"- [`{m.__name__}`]({_file(m)}): {(m.__doc__ or '').strip().splitlines()[0]}" for m in pages]
    parts = ["# Reference", "Made from docstrings by `make docs`. The [command line](cli-options.md) has its own page."]
    return "\n\n".join([*parts, "## From `import isocenter`", "\n".join(public), "## Rooms", "\n".join(listed)]) + "\n"


def _home(name: str) -> str:
    return str(getattr(isocenter, name).__module__).split(".")[1]


def _file(room: ModuleType) -> str:
    return f"{room.__name__.removeprefix('isocenter.')}.md"


def write() -> list[Path]:
    """Write the whole reference anew."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for old in REFERENCE.glob("*.md"):
        old.unlink()
    found = rooms()
    pages = {_file(room): page(room) for room in found} | {"cli-options.md": command_line(), "index.md": index(found)}
    for name, text in pages.items():
        (REFERENCE / name).write_text(text, "utf-8")
    return [REFERENCE / name for name in pages]


# -- links -------------------------------------------------------------------------------------
def documents() -> list[Path]:
    """Every page that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").rglob("*.md")])


def broken_links() -> list[str]:
    """Links to files or headings that are not there; addresses on the network are not asked."""
    broken = []
    for document in documents():
        for link in _LINK.findall(_FENCED.sub("", document.read_text("utf-8"))):
            if not re.match(r"[a-z]+:", link) and not _leads_somewhere(document, link):
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    return broken


def _leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or target.suffix != ".md" or anchor in _anchors(target)


def _anchors(document: Path) -> set[str]:
    """Names of headings as code hosts make them: lower case, spaces to hyphens, the rest dropped."""
    text = _FENCED.sub("", document.read_text("utf-8"))
    headings = re.findall(r"^#+\s+(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def main() -> int:
    """Write, check, and say what is wrong."""
    pages = write()
    faults = [f"no docstring: {name}" for name in undocumented()]
    faults += [f"broken link: {link}" for link in broken_links()]
    for fault in faults:
        print(fault, file=sys.stderr)
    where = REFERENCE.relative_to(ROOT)
    print(f"{len(pages)} pages in {where}, {len(documents())} documents checked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
