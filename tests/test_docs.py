"""What README and docs show is run: commands in a shell, Python in one namespace a page, MATLAB in Octave.

A page's blocks run in order, in one empty folder. Before a block may stand, as an HTML comment:
  <!-- setup ... -->      Python that prepares the folder, unseen by readers
  <!-- no-run: reason --> the next block is not run, for that reason
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
_PIECE = re.compile(
    r"<!--\s*setup\n(?P<setup>.*?)-->"
    r"|<!--\s*no-run:\s*(?P<reason>.*?)-->"
    r"|^(?P<indent> *)```(?P<language>[\w-]*)\n(?P<body>.*?)^ *```\s*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A piece of a page that can be run."""

    language: str
    text: str
    where: str


def blocks(page: Path) -> list[Block]:
    """The page's runnable pieces in order; a `no-run` takes out the next one."""
    text, found, skip = page.read_text("utf-8"), [], False
    for piece in _PIECE.finditer(text):
        where = f"{page.name}:{text.count(chr(10), 0, piece.start()) + 1}"
        if piece["reason"] is not None:
            assert piece["reason"].strip(), f"{where}: no-run without a reason"
            skip = True
        elif piece["setup"] is not None:
            found.append(Block("python", piece["setup"], where))
        else:
            language = {"sh": "bash", "shell": "bash"}.get(piece["language"], piece["language"])
            if not skip and language in ("python", "bash", "console", "matlab"):
                found.append(Block(language, textwrap.dedent(piece["body"]), where))
            skip = False
    return found


def script(block: Block) -> str:
    """A shell block's commands; of a console block the lines behind the prompt."""
    if block.language == "bash":
        return block.text
    return "\n".join(line[2:] for line in block.text.splitlines() if line.startswith("$ "))


def run_shell(block: Block, folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(block)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{block.where} exited {done.returncode}\n{done.stdout}\n{done.stderr}"


def run_octave(block: Block, folder: Path) -> None:
    """A block of MATLAB code, with the variables that earlier ones left."""
    if (program := shutil.which("octave")) is None:
        pytest.skip("GNU Octave not installed")
    kept = "if exist('_kept.mat', 'file') load('_kept.mat'); end\n"
    code = f"{kept}{block.text}\nclear ans; save('-v7', '_kept.mat');"
    command = [program, "--no-gui", "--quiet", "--no-init-file", "--eval", code]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{block.where}\n{done.stdout}\n{done.stderr}"


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    code = compile(block.text, block.where, "exec")
    try:
        exec(code, namespace)
    except Exception as fault:
        raise AssertionError(f"{block.where}: {type(fault).__name__}: {fault}") from fault


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=named)
def test_what_the_page_shows_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    for block in blocks(page):
        if block.language == "python":
            run_python(block, namespace)
        elif block.language == "matlab":
            run_octave(block, tmp_path)
        else:
            run_shell(block, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_parses(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, block.where, "exec")
        elif block.language != "matlab":  # Octave parses when it runs
            done = subprocess.run(["bash", "-n", "-c", script(block)], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{block.where}: {done.stderr}"


def commands() -> list[tuple[str, list[str]]]:
    """Every isocenter command line of the docs, those that are not run included."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        for line in re.findall(r"^(?:\$ )?(isocenter [a-z].*)$", text, re.MULTILINE):
            found.append((page.name, shlex.split(line, comments=True)[1:]))
    return found


def test_commands_and_options_exist() -> None:
    import typer.main

    from isocenter.cli import app

    verbs: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert commands(), "the docs show no command at all"
    for page, (verb, *words) in commands():
        assert verb in verbs, f"{page}: there is no command {verb!r}"
        options = {name for p in verbs[verb].params for name in (*p.opts, *p.secondary_opts)} | {"--help"}
        unknown = [w for w in words if w.startswith("--") and w.partition("=")[0] not in options]
        assert not unknown, f"{page}: isocenter {verb} has no {', '.join(unknown)}"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_docs", ROOT / "tools" / "build_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_public_is_documented(builder: ModuleType) -> None:
    assert builder.undocumented() == []


def test_the_reference_covers_all_that_import_isocenter_gives(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import isocenter

    monkeypatch.setattr(builder, "REFERENCE", tmp_path)
    text = "\n".join(page.read_text("utf-8") for page in builder.write())
    assert [name for name in isocenter.__all__ if f"## `{name}`" not in text] == []
    assert "## `isocenter predict`" in text


def test_links_lead_somewhere(builder: ModuleType) -> None:
    assert [link for link in builder.broken_links() if "reference/" not in link] == []


def test_a_broken_link_is_found(builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    links = "[a](docs/a.md#here) [b](docs/a.md#gone) [c](docs/c.md) [d](https://example.org)"
    (tmp_path / "README.md").write_text(links)
    (tmp_path / "docs" / "a.md").write_text("# Here\n")
    monkeypatch.setattr(builder, "ROOT", tmp_path)
    assert builder.broken_links() == ["README.md: docs/a.md#gone", "README.md: docs/c.md"]
