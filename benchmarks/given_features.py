"""1,000,000 x 100 given features through `isocenter run`: time and memory against numpy and scikit-learn alone.

    .venv/bin/python benchmarks/given_features.py [--rows 1000000] [--method boosting]

Whole processes, alternated. The script loads, splits, fits once and scores. The run indexes, audits
for identical rows, splits, fits two inner folds and the whole (three fits where the script has one),
floors, evaluates every metric with intervals, and writes the report. Memory is the largest resident set.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from run_overhead import machine, versions

RESULT = Path(__file__).resolve().parent / "results" / "given_features.md"
SCRIPT = """\
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
X, y = np.load("features.npy"), np.load("labels.npy")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
model = {model}
model.fit(X_train, y_train)
print(model.score(X_test, y_test), roc_auc_score(y_test, model.predict_proba(X_test)[:, 1]))
"""
MODELS = {
    "boosting": "HistGradientBoostingClassifier(learning_rate=0.1, max_leaf_nodes=31, early_stopping=False, random_state=0)",
    "linear": "make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=5000))",
}
SETTINGS = {"boosting": ["learning_rate=0.1", "max_leaf_nodes=31"], "linear": ["penalty=1.0"]}
_WATCH = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def watched(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and gigabytes of the largest process among it and its children."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _WATCH, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    took = time.perf_counter() - began
    code, peak = done.stdout.split()
    if code != "0":
        raise SystemExit(done.stderr)
    return took, int(peak) / 1024**2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--method", choices=list(MODELS), default="boosting")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    script: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        y = (rng.random(asked.rows) < 0.3).astype(np.int64)
        X = rng.normal(size=(asked.rows, 100))
        X[:, :10] += 0.4 * y[:, None]
        np.save(folder / "features.npy", X)
        np.save(folder / "labels.npy", y)
        del X
        (folder / "script.py").write_text(SCRIPT.format(model=MODELS[asked.method]), "utf-8")
        isocenter = str(Path(sys.executable).parent / "isocenter")
        for turn in range(asked.rounds):
            script.append(watched([sys.executable, "script.py"], folder))
            settings = [word for text in SETTINGS[asked.method] for word in ("--set", text)]
            run = [isocenter, "run", "features.npy", "--labels", "labels.npy", "--method", asked.method, "--folds", "2"]
            ours.append(watched([*run, *settings, "--project", f"p{turn}"], folder))
    rows = [
        f"| {label} | {statistics.median(t for t, _ in found):.0f} | {max(m for _, m in found):.1f} |"
        for label, found in (("script", script), ("isocenter run", ours))
    ]
    ratio = statistics.median(t for t, _ in ours) / statistics.median(t for t, _ in script)
    lines = [
        f"# {asked.rows:,} x 100 given features",
        f"{dt.date.today()}; {machine()}; {versions()}",
        "",
        f"Method {asked.method}, {asked.rounds} round(s), alternated; the run fits three times where the script fits once.",
        "",
        "| what | seconds | GB |",
        "|---|---|---|",
        *rows,
        "",
        f"Time {ratio:.2f} times the script's, memory {max(m for _, m in ours) / max(m for _, m in script):.2f} times.",
    ]
    print("\n".join(lines))
    RESULT.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
