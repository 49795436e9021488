"""A pytest plugin: with CI=true a skipped test has failed, unless its reason is on a short list.

A test that skips because a program or a data set is missing says nothing; on the machine that
decides whether a change lands, everything is there. Loaded by conftest.py.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

# Beginnings of reasons that may skip in CI too, each with why.
ALLOWED: tuple[str, ...] = (
    # A process that runs as root writes where permissions forbid it.
    "root writes everywhere",
)


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure; expected failures (xfail) are no skips."""
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("CI", "").lower() != "true":
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"Skipped in CI, where everything must run: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse(report)
    return report
