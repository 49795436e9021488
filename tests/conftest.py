"""Fixtures that several test files share: real data and GNU Octave, each skipped with its reason where absent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from browser import Browser, browser, missing
from isocenter import store

# No test asserts a time: on a busy machine the same examples only take longer.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

_PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _fresh_memory() -> None:
    """What another test measured on the same bytes is not known: no test's outcome depends on who ran before it."""
    store.forget()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project (read only)."""
    folder = _PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data not present (../shared/data)")
    return folder


@pytest.fixture
def octave(tmp_path: Path) -> Callable[[str], str]:
    """Runs an Octave script in `tmp_path` and returns what it printed; fails on an Octave error."""
    program = shutil.which("octave")
    if program is None:
        pytest.skip("GNU Octave not installed")

    def run(script: str) -> str:
        command = [program, "--no-gui", "--quiet", "--no-init-file", "--eval", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium, one a file of tests."""
    if reason := missing():
        pytest.skip(reason)
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened
