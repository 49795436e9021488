"""The house as a whole: versions agree, dependencies are declared and used, nothing unpickles."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

import isocenter

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
    "pillow": "PIL",
    "python-gdcm": "gdcm",
    "python-docx": "docx",
    "scikit-image": "skimage",
    "simpleitk": "SimpleITK",
}
TOOLS = ("test", "dev")  # extras for who works on the house
# pydicom finds these by itself when it meets their compression.
PLUGINS = {"pylibjpeg", "pylibjpeg-openjpeg", "python-gdcm"}


def declared() -> list[str]:
    """Of the core and of the extras for users."""
    extras = PYPROJECT["project"]["optional-dependencies"]
    lines = [*PYPROJECT["project"]["dependencies"], *(x for name in extras if name not in TOOLS for x in extras[name])]
    return [re.split(r"[\s<>=!~\[;]", line)[0].lower() for line in lines]


def imported(path: Path) -> Iterator[str]:
    """Top-level names of everything that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_one_version_everywhere() -> None:
    version = PYPROJECT["project"]["version"]
    assert isocenter.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[1] == version  # type: ignore[index]


def test_no_room_hides_a_verb() -> None:
    """Importing isocenter.split, were there such a module, would put it in the place of the function."""
    rooms = {found.name for found in pkgutil.iter_modules(isocenter.__path__)}
    assert rooms & set(isocenter.__all__) == set()


def test_every_import_is_declared() -> None:
    ours = {"isocenter", *sys.stdlib_module_names, *(IMPORTED_AS.get(name, name) for name in declared())}
    stray = {(name, path.name) for path in SOURCES for name in imported(path) if name not in ours}
    assert stray == set()


def test_every_dependency_is_used() -> None:
    used = {name for path in SOURCES for name in imported(path)}
    idle = [name for name in declared() if name not in PLUGINS and IMPORTED_AS.get(name, name) not in used]
    assert idle == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_nothing_unpickles(path: Path) -> None:
    assert not {"pickle", "cloudpickle", "dill", "shelve", "marshal"} & set(imported(path))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            assert ast.unparse(node.func.value) not in {"joblib", "torch"}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "read_pickle":
            raise AssertionError("read_pickle")


def undocumented(path: Path) -> list[str]:
    """Public functions and classes of a file without a docstring."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, kinds)]
    return [node.name for node in found if not node.name.startswith("_") and not ast.get_docstring(node)]


def test_everything_public_is_documented() -> None:
    assert {path.name: names for path in SOURCES if (names := undocumented(path))} == {}
    silent = [
        f"{name}.{part}"
        for name in isocenter.__all__
        if inspect.isclass(kind := getattr(isocenter, name))
        for part, what in vars(kind).items()
        if not part.startswith("_") and (callable(what) or isinstance(what, property | cached_property | classmethod))
        if not inspect.getdoc(getattr(kind, part))
    ]
    assert silent == []


def test_make_knows_every_target_that_documents_name() -> None:
    rules = (ROOT / "Makefile").read_text("utf-8")
    text = "\n".join(page.read_text("utf-8") for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", text, re.MULTILINE))
    assert {"demo", "test", "slow", "proof", "lint", "types", "docs", "bench"} <= named
    assert [target for target in named if not re.search(rf"^{target}:", rules, re.MULTILINE)] == []


def test_ci_is_a_valid_script_that_may_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
