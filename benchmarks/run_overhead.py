"""What `isocenter run` costs beyond the eight-line script that everybody starts with.

    .venv/bin/python benchmarks/run_overhead.py [--repeats 5]

Whole processes, alternated script, run, script, run ..., medians. A run indexes, audits, splits,
fits the forest with its inner folds and floors, evaluates with intervals and writes the report.
Goals: at most 2 s more at 569 x 30; at 10,000 x 100 at most 4 times the script's time (the run fits six
forests where the script fits one: five inner folds, then the whole training part).
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, make_classification

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "run_overhead.md"
EXTRA_GOAL = 2.0  # seconds, at 569 x 30
RATIO_GOAL = 4.0  # at 10,000 x 100

SCRIPT = """\
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
X, y = np.load("features.npy"), np.load("labels.npy")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
model = RandomForestClassifier(random_state=0).fit(X_train, y_train)
print(model.score(X_test, y_test), confusion_matrix(y_test, model.predict(X_test)))
"""


@dataclass(frozen=True)
class Times:
    """Wall seconds of each process, in the order they ran."""

    script: list[float]
    ours: list[float]

    @property
    def extra(self) -> float:
        return statistics.median(self.ours) - statistics.median(self.script)

    @property
    def ratio(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.script)


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of one process; what it printed if it failed."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    took = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return took


def measure(X: np.ndarray, y: np.ndarray, repeats: int) -> Times:
    """Both, alternated, after one unmeasured round that warms the disk's cache."""
    times = Times([], [])
    isocenter = str(Path(sys.executable).parent / "isocenter")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "features.npy", X)
        np.save(folder / "labels.npy", y)
        (folder / "script.py").write_text(SCRIPT, "utf-8")
        for turn in range(repeats + 1):
            script = seconds([sys.executable, "script.py"], folder)
            run = [isocenter, "run", "features.npy", "--labels", "labels.npy", "--project", f"project-{turn}"]
            ours = seconds(run, folder)
            if turn:
                times.script.append(script)
                times.ours.append(ours)
    return times


def machine() -> str:
    """The processor and how many of it, no names of hosts or people."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def versions() -> str:
    """What was measured."""
    names = ("isocenter", "scikit-learn", "numpy", "pandas", "matplotlib")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def row(label: str, times: Times, goal: str) -> str:
    """One line of the table of results."""

    def shown(values: list[float]) -> str:
        return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"

    cells = [label, shown(times.script), shown(times.ours), f"{times.extra:+.2f}", f"{times.ratio:.2f}", goal]
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Measure, print one line a goal, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5, help="measured rounds of each size")
    repeats = parser.parse_args().repeats
    small = measure(*load_breast_cancer(return_X_y=True), repeats=repeats)
    X, y = make_classification(10_000, 100, n_informative=20, random_state=0)
    large = measure(X, y, repeats=max(3, repeats // 2))
    goals = [
        f"extra {small.extra:.2f} s (goal <= {EXTRA_GOAL:g} s)",
        f"ratio {large.ratio:.2f} (goal {RATIO_GOAL:g})",
    ]
    table = [
        "| rows x columns | script, s | isocenter run, s | extra, s | ratio | goal |",
        "| --- | --- | --- | --- | --- | --- |",
        row("569 x 30", small, f"extra <= {EXTRA_GOAL:g} s: {'met' if small.extra <= EXTRA_GOAL else 'missed'}"),
        row("10,000 x 100", large, f"ratio <= {RATIO_GOAL:g}: {'met' if large.ratio <= RATIO_GOAL else 'missed'}"),
    ]
    facts = [
        f"- date: {dt.datetime.now(tz=dt.UTC):%Y-%m-%d}",
        f"- machine: {machine()}",
        f"- versions: {versions()}",
        f"- {repeats} alternated rounds (large: {max(3, repeats // 2)}), medians with range, whole processes",
    ]
    title = "# Overhead of `isocenter run`"
    why = "Against the plain scikit-learn script (load, split, fit, score, confusion matrix); ours also reports."
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n\n".join([title, why, "\n".join(facts), "\n".join(table), *goals]) + "\n", "utf-8")
    print("\n".join(goals))
    return 0


if __name__ == "__main__":
    sys.exit(main())
