"""Compiled loops: the same draws and the same numbers as numpy, on any number of threads; and what if the cache is broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numba.core import caching

from isocenter.metrics import Floats, Ints, kernels
from isocenter.metrics import bootstrap as b
from isocenter.metrics.intervals import delong_plain
from isocenter.metrics.panels import ClassPanel, ValuePanel
from isocenter.metrics.ranking import AREAS, SMALL, Ranking


def by_kernel(plan: b.Draws, patients: Ints, draws: range) -> Floats:
    return b._compiled_weights(plan, patients, len(draws))(draws)


@pytest.mark.parametrize("n", [1, 511, 512, 1300])
def test_draws_are_those_of_numpy_bit_for_bit(n: int) -> None:
    rng = np.random.default_rng(n)
    for strata in (None, np.zeros(n, dtype=np.int64), rng.integers(0, 3, n)):
        plan = b.Draws.of(n, 5, strata)
        np.testing.assert_array_equal(by_kernel(plan, np.arange(n), range(7, 12)), plan.counts(range(7, 12)))
        cases = np.concatenate([np.arange(n), rng.integers(0, n, 40)])
        np.testing.assert_array_equal(by_kernel(plan, cases, range(3)), plan.counts(range(3))[:, cases])


@pytest.mark.parametrize("decimals", [0, 1, 9])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_areas_are_those_of_numpy(decimals: int, share: float) -> None:
    rng = np.random.default_rng(1)
    n, draws = 700, 120
    assert n * draws > SMALL
    events = rng.random(n) < share
    ranking = Ranking.of(np.round(rng.normal(size=n) + events, decimals), events)
    for weights in (b.Draws.of(n).counts(range(draws)), rng.random((draws, n)) * (rng.random((draws, n)) < 0.1)):
        weights[0], weights[1], weights[2] = 0, events, ~events  # no case, and one kind alone
        tally = ranking.tally(weights)
        found = ranking.areas(weights, AREAS)
        for name, twin in AREAS.items():
            np.testing.assert_allclose(found[name], twin(*tally), rtol=1e-11, atol=1e-12)
            assert np.isnan(found[name][:3]).all()
            assert np.isfinite(found[name][3:]).any()
        only = ranking.areas(weights, ["average_precision"])
        np.testing.assert_array_equal(only["average_precision"], found["average_precision"])
        assert list(only) == ["average_precision"]


def test_areas_without_one_kind_of_case_are_nan() -> None:
    scores, weights = np.random.default_rng(0).random(700), np.ones((120, 700))
    for events in (np.zeros(700, dtype=bool), np.ones(700, dtype=bool)):
        for area in Ranking.of(scores, events).areas(weights, AREAS).values():
            assert area.shape == (120,)
            assert np.isnan(area).all()


@pytest.mark.parametrize("n", [3, 2501])
def test_tallies_are_sums_by_cell(n: int) -> None:
    rng = np.random.default_rng(0)
    weights, cells, losses = rng.random((3, n)), rng.integers(0, 9, n).astype(np.int32), rng.random(n)
    out = np.full((3, 10), np.nan)
    kernels.tally(weights, cells, losses, out)
    for row, w in enumerate(weights):
        np.testing.assert_allclose(out[row, :9], np.bincount(cells, w, minlength=9))
        assert out[row, 9] == pytest.approx(w @ losses)


def panels(n: int) -> list[ClassPanel | ValuePanel]:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 3, n)
    proba = rng.dirichlet(np.ones(3), n)
    two = np.column_stack([1 - proba[:, 0], proba[:, 0]])
    return [
        ClassPanel(reference, proba.argmax(axis=1), proba),
        ClassPanel((reference == 0).astype(np.int64), two.argmax(axis=1), two, 1),
        ValuePanel(proba[:, 0], proba[:, 1]),
    ]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_large_bootstraps_are_small_ones(which: int, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, patients = panels(1500)[which], np.arange(1500) // 2
    small = b.bootstrap(panel.measures, patients, draws=90)
    monkeypatch.setattr(b, "LARGE", 1)
    large = b.bootstrap(panel.measures, patients, draws=90)
    assert list(small) == list(large)
    for key in small:
        np.testing.assert_allclose(large[key], small[key], rtol=1e-10)


def test_numbers_do_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, patients = panels(4000)[1], np.arange(4000) // 3
    monkeypatch.setattr(b, "LARGE", 1)
    found = []
    for threads in (1, 5):
        monkeypatch.setattr(b, "processes", lambda threads=threads: threads)
        found.append(b.bootstrap(panel.measures, patients, draws=400))
    for key in found[0]:
        np.testing.assert_array_equal(found[0][key], found[1][key])


@pytest.mark.parametrize("stratified", [False, True])
def test_width_at_ten_thousand_is_that_of_delong(stratified: bool) -> None:
    # Random streams that overlap would make it too narrow. 6,000 draws: the width itself varies by 1.2 %.
    rng = np.random.default_rng(0)
    n = 10_000
    events = rng.random(n) < 0.3
    scores = rng.normal(size=n) + events
    proba = np.column_stack([-scores, scores])
    panel = ClassPanel(events.astype(np.int64), (scores > 1).astype(np.int64), proba, 1)
    strata = events.astype(np.int64) if stratified else None
    drawn = b.bootstrap(lambda w: panel.measures(w, {("auc", None)}), np.arange(n), draws=6000, strata=strata)
    low, high, _ = b.percentiles(drawn["auc", None]).interval
    expected = delong_plain(events, scores)
    assert (high - low) / (expected.high - expected.low) == pytest.approx(1, abs=0.04)


def test_only_large_work_starts_numba() -> None:
    code = """
import sys, numpy as np
import isocenter, isocenter.metrics.comparison
from isocenter.metrics.bootstrap import bootstrap
bootstrap(lambda w: {0: w.mean(axis=1)}, np.arange(500))
assert "numba" not in sys.modules
bootstrap(lambda w: {0: w.mean(axis=1)}, np.arange(50_000), draws=100)
assert "numba" in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr


def double(x: float) -> float:
    return 2 * x


def test_no_place_for_a_cache_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert kernels.compiled("float64(float64)")(double)(3.0) == 6.0


def test_a_full_disk_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_data", full)
    assert kernels.compiled("float64(float64)")(double)(3.0) == 6.0


def test_a_damaged_cache_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(caching.config, "CACHE_DIR", str(tmp_path))
    kernels.compiled("float64(float64)")(double)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:-7])
    assert kernels.compiled("float64(float64)")(double)(3.0) == 6.0


def test_a_kernel_that_cannot_be_compiled_says_so() -> None:
    def wrong(x: float) -> float:
        return x.there_is_no_such_thing  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(Exception, match="there_is_no_such_thing"):
        kernels.compiled("float64(float64)")(wrong)
