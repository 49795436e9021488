"""The plugin that fails skipped tests in CI, run in a pytest of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_passes(): pass
def test_skips(): pytest.skip("no such program")
def test_may_skip(): pytest.skip("root writes everywhere, also here")
@pytest.mark.skip(reason="not today")
def test_marked(): pass
@pytest.mark.xfail(reason="known")
def test_expected(): assert False
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest("pytest_plugins = ['no_skips']")
    pytester.makepyfile(SUITE)
    return pytester


def test_in_ci_a_skip_fails(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = suite.runpytest_inprocess()
    result.assert_outcomes(passed=1, failed=1, errors=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*Skipped in CI*no such program*"])


def test_in_ci_a_module_that_skips_itself_fails(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile("import pytest; pytest.importorskip('no_such_module_at_all')")
    assert suite.runpytest_inprocess().ret != 0


def test_elsewhere_a_skip_is_a_skip(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    suite.runpytest_inprocess().assert_outcomes(passed=1, skipped=3, xfailed=1)
