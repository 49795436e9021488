"""The bootstrap's speed against a loop over scikit-learn, and whether its intervals are as wide as they must be.

    .venv/bin/python benchmarks/bootstrap.py [--rounds 5]

In one process, alternated: loop, ours, loop, ours ... Ours takes arrays and ends with the interval: sorting, draws,
AUC of every draw, percentiles. Compiling (once a machine) and loading what was compiled (once a process) are
measured in processes of their own and said beside it.
Goals: AUC with 2,000 draws at n = 10,000 at least 200 times faster than the loop, and as wide as DeLong's interval
within 5 % (2,000 draws settle a width to 2 %); DeLong's interval itself under 5 ms; every metric of
100,000 cases of 33,334 patients with 2,000 draws under 10 s.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from run_overhead import machine
from sklearn.metrics import roc_auc_score

from isocenter.metrics.bootstrap import bootstrap, percentiles
from isocenter.metrics.estimation import estimate
from isocenter.metrics.intervals import Interval, delong_plain
from isocenter.metrics.panels import ClassPanel

RESULT = Path(__file__).resolve().parent / "results" / "bootstrap.md"
DRAWS = 2000
RATIO_GOAL, WIDTH_GOAL, DELONG_GOAL, ALL_GOAL = 200.0, 0.05, 0.005, 10.0
STARTS = "import isocenter.metrics.panels, time; t = time.perf_counter(); import isocenter.metrics.kernels; print(time.perf_counter() - t)"


def cases(n: int, classes: int = 2, per: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reference, probabilities and patients; in two classes 3 of 10 have the event, and the AUC is 0.76."""
    rng = np.random.default_rng(0)
    patients = np.arange(n) // per
    share = np.array([0.7, 0.3]) if classes == 2 else np.full(classes, 1 / classes)
    reference = rng.choice(classes, n, p=share)[patients * per]
    raw = rng.normal(size=(n, classes)) / np.sqrt(2) + np.eye(classes)[reference] / np.sqrt(2)
    proba = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return reference.astype(np.int64), proba, patients


def panel_of(reference: np.ndarray, proba: np.ndarray) -> ClassPanel:
    return ClassPanel(reference, proba.argmax(axis=1), proba, 1 if proba.shape[1] == 2 else None)


def by_loop(events: np.ndarray, scores: np.ndarray, seed: int) -> Interval:
    """What everybody writes."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(events), len(events))
        found.append(roc_auc_score(events[rows], scores[rows]))
    return Interval(*np.quantile(found, [0.025, 0.975]), "loop")


def by_us(reference: np.ndarray, proba: np.ndarray, seed: int) -> Interval:
    panel, key = panel_of(reference, proba), ("auc", None)
    drawn = bootstrap(lambda w: panel.measures(w, {key}), np.arange(len(reference)), draws=DRAWS, seed=seed)
    return percentiles(drawn[key]).interval


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def start_up() -> tuple[float, float]:
    """Seconds to import the kernels with an empty cache of compiled code, and with a full one."""
    with tempfile.TemporaryDirectory() as folder:
        command, environment = [sys.executable, "-c", STARTS], os.environ | {"NUMBA_CACHE_DIR": folder}
        first, again = (
            float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
            for _ in range(2)
        )
    return first, again


def spread(values: list[float], unit: str = "", digits: int = 2) -> str:
    """Median (min to max)."""
    middle, least, most = (f"{f(values):,.{digits}f}" for f in (statistics.median, min, max))
    return f"{middle}{unit} ({least} to {most})"


def verdict(label: str, value: str, goal: str, met: bool) -> str:
    return f"{label}: {value} (goal {goal}): {'met' if met else 'MISSED'}"


def auc_against_loop(rounds: int) -> tuple[list[str], list[str]]:
    """Goals, rows of the table."""
    reference, proba, _ = cases(10_000)
    events, scores = reference == 1, proba[:, 1]
    expected = delong_plain(events, scores)
    wide = expected.high - expected.low
    loop, ours, busy, loop_widths, our_widths = [], [], [], [], []
    by_us(reference, proba, 0)
    for seed in range(1, rounds + 1):
        start, worked = time.perf_counter(), time.process_time()
        theirs = by_loop(events, scores, seed)
        middle, half = time.perf_counter(), time.process_time()
        found = by_us(reference, proba, seed)
        loop.append(middle - start)
        ours.append(time.perf_counter() - middle)
        busy.append((half - worked) / (time.process_time() - half))
        loop_widths.append((theirs.high - theirs.low) / wide)
        our_widths.append((found.high - found.low) / wide)
    ratios = [a / b for a, b in zip(loop, ours, strict=True)]
    delong = [seconds(lambda: delong_plain(events, scores)) for _ in range(50)]
    off = abs(statistics.median(our_widths) - 1)
    goals = [
        verdict("AUC, times faster than the loop", spread(ratios, digits=0), f">= {RATIO_GOAL:g}", statistics.median(ratios) >= RATIO_GOAL),
        verdict("width over DeLong's", spread(our_widths, digits=3), f"1 within {WIDTH_GOAL:g}", off <= WIDTH_GOAL),
        verdict("DeLong's interval", spread([t * 1e3 for t in delong], " ms"), f"< {DELONG_GOAL * 1e3:g} ms", statistics.median(delong) < DELONG_GOAL),
    ]  # fmt: skip
    rows = [
        f"| AUC, n = 10,000, loop over `roc_auc_score` | {spread(loop, ' s')} | {spread(loop_widths, digits=3)} |",
        f"| AUC, n = 10,000, ours | {spread([t * 1e3 for t in ours], ' ms', 1)} | {spread(our_widths, digits=3)} |",
        f"| ... loop over ours, processor time of all threads | {spread(busy, ' times', 0)} | |",
        f"| AUC, n = 10,000, DeLong | {spread([t * 1e3 for t in delong], ' ms')} | 1 |",
    ]
    return goals, rows


def all_metrics(rounds: int) -> tuple[list[str], list[str]]:
    """Goals, rows of the table."""
    goals, rows = [], []
    for classes in (2, 7):
        reference, proba, patients = cases(100_000, classes, per=3)
        times = [seconds(lambda a=(reference, proba, patients): estimate(panel_of(*a[:2]), a[2], draws=DRAWS)) for _ in range(rounds)]  # fmt: skip
        n = len(panel_of(reference, proba).keys)
        label = f"all {n} metrics, n = 100,000, {patients.max() + 1:,} patients, {classes} classes"
        rows.append(f"| {label} | {spread(times, ' s')} | |")
        if classes == 2:
            median = statistics.median(times)
            goals.append(verdict(label, spread(times, " s"), f"< {ALL_GOAL:g} s", median < ALL_GOAL))
    return goals, rows


def versions() -> str:
    names = ("isocenter", "numpy", "numba", "scikit-learn")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def main() -> int:
    """Measure, print one line a goal, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    rounds = parser.parse_args().rounds
    load = os.getloadavg()[0]
    compiling, loading = start_up()
    goals, rows = auc_against_loop(rounds)
    for goal in goals:
        print(goal, flush=True)
    more_goals, more_rows = all_metrics(min(rounds, 3))
    print("\n".join(more_goals))
    cost = (
        f"{compiling:.1f} s to compile, once on a machine; {loading:.1f} s to load, once in a process with large work"
    )
    facts = [
        f"- date: {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}",
        f"- machine: {machine()}",
        f"- versions: {versions()}",
        f"- {rounds} alternated rounds of {DRAWS:,} draws, medians with range, another seed each",
        f"- load before the start: {load:.1f}; a busy machine hurts ours more, which wants every core for 40 ms",
        f"- not in these times: {cost}",
    ]
    table = ["| what | time | width over DeLong's |", "| --- | --- | --- |", *rows, *more_rows]
    parts = ["# Speed of the bootstrap", "\n".join(facts), "\n".join(table), *goals, *more_goals]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join(parts) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
