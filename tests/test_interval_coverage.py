"""The short version of benchmarks/interval_coverage.py: that intervals hold the truth about as often as they say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binom

from isocenter.metrics.intervals import wilson

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "interval_coverage.py"
# Of 400 samples: 95 % give or take three standard errors, and a little for what the long script shows.
LOW, HIGH = 0.91, 0.985
SAMPLES, CASES = 400, 50
# A share of so few called cases that Wilson's interval cannot cover 95 %: it must cover what Wilson's then does.
FEW_CALLED = ("classes", "ppv of class 3")


@pytest.fixture(scope="module")
def coverage() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_coverage", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # NamedTuple looks its annotations up there
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)  # the populations lie beside it
        spec.loader.exec_module(module)
    return module


def wilson_coverage(share: float, called: float) -> float:
    """How often Wilson's interval holds a share of the cases called, each of CASES being called by chance; exact."""
    found, weight = 0.0, 0.0
    for n in range(1, CASES + 1):
        hits = np.arange(n + 1)
        holds = [low <= share <= high for low, high, _ in (wilson(float(x), float(n)) for x in hits)]
        chance = float(binom.pmf(n, CASES, called))
        found += chance * float(binom.pmf(hits, n, share) @ np.array(holds, dtype=np.float64))
        weight += chance
    return found / weight


@pytest.mark.slow
@pytest.mark.parametrize(
    "family, name",
    [
        ("binary", "n 50, prevalence 0.2, AUC 0.9"),
        ("binary", "n 20, prevalence 0.2, AUC 0.75"),
        ("grades", "n 50, grades 60/30/10 %"),
        ("labels", "n 50, labels of 30, 20, 10 %"),
        ("clustered", "50 patients, one class a patient, prevalence 0.5, AUC 0.95"),
        ("clustered", "50 patients, both classes in a patient, prevalence 0.2, AUC 0.75"),
        ("classes", "n 50, classes 70/20/10 %, signal 1"),
        ("regression", "n 50, normal"),
    ],
)
def test_intervals_cover(coverage: ModuleType, family: str, name: str) -> None:
    setting = next(s for s in coverage.FAMILIES[family]() if s.name == name)
    rows = coverage.simulate(family, setting, SAMPLES, 200)
    assert len(rows) == len(setting.truth)
    judged = [row for row in rows if coverage.told(row)]
    out = {
        row.metric: row.coverage
        for row in judged
        if (family, row.metric) != FEW_CALLED and not LOW <= row.coverage <= HIGH
    }
    assert out == {}
    for row in judged:
        if (family, row.metric) == FEW_CALLED:
            expected = wilson_coverage(row.truth, called=1 - row.undefined ** (1 / CASES))
            counted = SAMPLES * (1 - row.undefined)
            assert expected > HIGH  # else the bounds of all others are its own as well
            assert abs(row.coverage - expected) < 3 * (expected * (1 - expected) / counted) ** 0.5
    assert sum(coverage.told(row) for row in rows) >= 0.8 * len(rows)


def test_truth_by_integration_is_that_of_a_large_sample(coverage: ModuleType) -> None:
    populations = sys.modules[coverage.Setting.__module__]
    apart, truth = populations.binormal(0.85, 0.2)
    large = populations.large_sample(
        lambda rng, n: populations.class_panel(
            *(lambda y: (rng.normal(size=n) + apart * y, y))((rng.random(n) < 0.2).astype("int64")), apart, 0.2
        ),
        times=2,
        n=200_000,
    )
    assert {key: truth[key] for key in large} == pytest.approx(large, abs=0.006)
