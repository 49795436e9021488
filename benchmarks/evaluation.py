"""The whole of `evaluate` and `report` for 100,000 cases: time and memory, beside the plain script's numbers.

    .venv/bin/python benchmarks/evaluation.py [--cases 100000] [--rounds 3]

One side computes what most scripts print with scikit-learn (AUC, average precision, accuracy, Brier,
confusion matrix; no interval). Ours is every metric with its interval, calibration, curves,
operating points and subgroups, then the page. Both start from the same predictions and alternate.
The goal is to know time and memory: no bound is set, and the figures stand so that later changes can be compared.
Three rounds at least, so that there is a median and a range.
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from run_overhead import machine, versions
from sklearn import metrics as sk

from isocenter import scoring
from isocenter.auditing import audit_cohort
from isocenter.cohort import Cohort, Target, Task
from isocenter.reporting import Study, render
from isocenter.splitting import make_design

GOAL = (
    "Goal: time and memory of both steps are known (no bound is set); compare with earlier results on the same machine."
)
LEAST = 3  # rounds, for a median and a range
RESULT = Path(__file__).resolve().parent / "results" / "evaluation.md"


def made(n: int) -> tuple[Cohort, pd.DataFrame]:
    """Test cases, as many training cases, and one model's predictions."""
    rng = np.random.default_rng(0)
    total = 2 * n
    index = pd.Index([f"c{i}" for i in range(total)], dtype="str", name="case_id")
    truth = rng.random(total) < 0.2
    logit = rng.normal(size=total) + 1.5 * truth - 1.5
    event = 1 / (1 + np.exp(-logit))
    table = pd.DataFrame({"patient_id": index.to_numpy(), "sex": rng.choice(["F", "M"], total)}, index=index)
    table["part"] = np.where(np.arange(total) < n, "training", "test")
    table["outcome"] = np.where(truth, "yes", "no")
    target = Target(Task.CLASSIFICATION, "outcome", ("no", "yes"), "yes")
    cohort = Cohort(table, target, split_column="part")
    said = pd.DataFrame(
        {"case_id": index, "patient_id": index.to_numpy(), "part": np.where(np.arange(total) < n, "tuning", "test")}
    )
    said["reference"], said["prediction"] = table["outcome"].to_numpy(), np.where(event >= 0.5, "yes", "no")
    said["probability_no"], said["probability_yes"] = 1 - event, event
    return cohort, said


def plain(said: pd.DataFrame) -> None:
    test = said[said["part"] == "test"]
    truth, score = (test["reference"] == "yes").to_numpy(), test["probability_yes"].to_numpy()
    sk.roc_auc_score(truth, score), sk.average_precision_score(truth, score)
    sk.accuracy_score(truth, score >= 0.5), sk.brier_score_loss(truth, score), sk.confusion_matrix(truth, score >= 0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=LEAST)
    asked = parser.parse_args()
    if asked.rounds < LEAST:
        parser.error(f"at least {LEAST} rounds, for a median and a range")
    cohort, said = made(asked.cases)
    design = make_design(cohort)
    audit = audit_cohort(cohort, None, ()).to_dict()
    times: dict[str, list[float]] = {"plain": [], "evaluate": [], "report": []}
    size = 0
    for turn in range(asked.rounds + 1):  # the first warms compiled code up and is not counted
        began = time.perf_counter()
        plain(said)
        middle = time.perf_counter()
        found = scoring.evaluate_table(said, "model", cohort, design, subgroups=("sex",))
        after = time.perf_counter()
        card = {"name": "model", "method": "forest", "role": "primary"}
        page = render(Study("100,000 cases", cohort, design, audit, [card], {"model": found}, {"model": said}))
        size = len(page)
        if turn:
            for name, took in zip(times, (middle - began, after - middle, time.perf_counter() - after), strict=True):
                times[name].append(took)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    lines = [
        f"# Evaluation of {asked.cases:,} cases",
        f"{dt.date.today()}; {machine()}; {versions()}",
        "",
        f"{asked.cases:,} test cases and as many out-of-fold ones; {asked.rounds} rounds, alternated; seconds, median (range).",
        GOAL,
        "",
        "| what | seconds |",
        "|---|---|",
        *(f"| {name} | {statistics.median(t):.2f} ({min(t):.2f} to {max(t):.2f}) |" for name, t in times.items()),
        "",
        f"Evaluate over the plain script's five numbers: {statistics.median(times['evaluate']) / statistics.median(times['plain']):.0f} times.",
        f"{len(found.estimates)} estimates. Page: {size / 1e6:.2f} MB. Peak memory of the process: {peak:.2f} GB.",
    ]
    print("\n".join(lines))
    RESULT.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
