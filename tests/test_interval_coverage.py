"""The short version of benchmarks/interval_coverage.py: that intervals hold the truth about as often as they say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "interval_coverage.py"
# Of 400 samples: 95 % give or take three standard errors, and a little for what the long script shows.
LOW, HIGH = 0.91, 0.985
# Misses that benchmarks/results/coverage.md names with their reasons: no test may pass over a larger one.
KNOWN = {"partial_auc": (0.88, 0.99), "ppv of class 3": (0.93, 0.998)}


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_coverage", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # NamedTuple looks its annotations up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    "family, name",
    [
        ("binary", "n 50, prevalence 0.2, AUC 0.9"),
        ("clustered", "50 patients, one class a patient, prevalence 0.5, AUC 0.95"),
        ("clustered", "50 patients, both classes in a patient, prevalence 0.2, AUC 0.75"),
        ("classes", "n 50, classes 70/20/10 %, signal 1"),
        ("regression", "n 50, normal"),
    ],
)
def test_intervals_cover(coverage: ModuleType, family: str, name: str) -> None:
    setting = next(s for s in coverage.FAMILIES[family]() if s.name == name)
    rows = coverage.simulate(family, setting, 400, 200)
    assert len(rows) == len(setting.truth)
    bounds = {row.metric: KNOWN.get(row.metric, (LOW, HIGH)) for row in rows}
    out = {
        row.metric: row.coverage
        for row in rows
        if coverage.told(row) and not bounds[row.metric][0] <= row.coverage <= bounds[row.metric][1]
    }
    assert out == {}
    assert sum(coverage.told(row) for row in rows) >= 0.8 * len(rows)


def test_truth_by_integration_is_that_of_a_large_sample(coverage: ModuleType) -> None:
    apart, truth = coverage.binormal(0.85, 0.2)
    large = coverage.large_sample(
        lambda rng, n: coverage.class_panel(
            *(lambda y: (rng.normal(size=n) + apart * y, y))((rng.random(n) < 0.2).astype("int64")), apart, 0.2
        ),
        times=2,
        n=200_000,
    )
    assert {key: truth[key] for key in large} == pytest.approx(large, abs=0.006)
