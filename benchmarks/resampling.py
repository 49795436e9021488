"""Do cross-validation's intervals cover? Figures to benchmarks/results/resampling.md.

    python benchmarks/resampling.py [--repetitions 1000] [--only NAME]

Goal, written before: 93 to 97 % of the 95 % intervals of what the product uses hold the truth, at n = 50 to 100, skewed
classes and no signal included. Truth is the expected performance of the *procedure* at that number of patients: the
mean over all repetitions of a model trained on all n, on 20,000 (nearest neighbours: 4,000) new patients.

All fits of a repetition are made at once (weights 0, 1, 2... say who is trained on), so that 1,000 repetitions take minutes.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import chosen_inside
import numpy as np
from many_fits import METHODS, Cohort, Floats, Setting, draw, intercept, population, score
from numpy.typing import NDArray
from scipy.stats import t

from isocenter.metrics.intervals import Interval, auc_interval, wilson, z_of
from isocenter.metrics.resampling import Scale, bootstrapped, corrected, fits, nested

HERE = Path(__file__).resolve().parent
REPEATS, DRAWS = 10, 200


SETTINGS = [
    Setting("logistic, n 50, p 5, half events", "logistic", 50, 5, 1.2, 0.5),
    Setting("logistic, n 100, p 10, 30 % events", "logistic", 100, 10, 1.2, 0.3),
    Setting("the same, 10 folds", "logistic", 100, 10, 1.2, 0.3, folds=10),
    Setting("logistic, n 100, p 10, no signal", "logistic", 100, 10, 0.0, 0.3),
    Setting("logistic, n 100, p 10, strong", "logistic", 100, 10, 3.0, 0.4),
    Setting("logistic, n 100, p 5, 12 % events", "logistic", 100, 5, 1.5, 0.12),
    Setting("logistic, n 60, p 5, 15 % events", "logistic", 60, 5, 1.5, 0.15),
    Setting("nearest neighbours, n 100, p 5", "neighbours", 100, 5, 1.5, 0.4),
    Setting("linear, n 50, p 10", "linear", 50, 10, 1.0),
    Setting("linear, n 100, p 5", "linear", 100, 5, 1.0),
]

ALL = [*SETTINGS, *chosen_inside.SETTINGS]

# Written after the run of 1,000 repetitions that lies in results/.
READING = """
## Reading

- Use `corrected` with ten repeats of five folds (50 fits): 93.8 to 98.3 %, medians 95.3 to 96.9. The goal (93 to 97 %) is met in
  the middle and missed above it, too wide, where the signal is strong or events are few. Five repeats (25 fits) are a little wider.
- One 5-fold run (5 fits): `corrected` is a third wider than it need be; `nested` once (15 fits) is narrower, but see below.
- `nested` is as good with 30 fits and more, except for accuracy without any signal, where folds disagree about everything (91 %).
  Without the logit scale of the AUC and with their correction of the bias (as published) it covers about two points less.
- The corrected t interval as published misses with stratified folds: 76 to 96 %, worst where errors follow the share of events.
- Out-of-bag bootstrap: never below 95 %, a tenth to two fifths wider, and none at all for the AUC
  of 3 to 16 % of the cohorts with 12 or 9 events (draws without an event left out).
- Pooled folds taken for so many patients, and t over folds: 76 to 94 % with one run, 26 to 49 % with ten. Never.
- The apparent value shifted by its optimism has the spread of a fit that saw its patients: 19 to 93 %. Not in the product.
- The form of `corrected` (larger variance, logit for the AUC) was chosen on such simulations with other random numbers; the settings
  with ten folds and with 9 events were new.
- Two settings choose inside, as the product does (penalty, and a threshold for a sensitivity of 0.8). AUC and Brier score are
  as good as without a choice (`nested` 93.0 to 95.9, `corrected` 96.8 to 99.1 %): inner values that flatter do no harm that is seen.
- The goal is missed for accuracy at the chosen threshold: `nested` 79.6 to 87.5, `corrected` 84.7 to 95.7 %, less with more repeats.
  The threshold moves with the sample (SD of the accuracy between models 0.05), and folds of one sample share it. So intervals of decisions at
  a threshold that was chosen in small cohorts are too narrow; those at the most probable class are not.
- The expected performance of the procedure is meant. Training parts smaller by a fold cost 0.00 to 0.04 here: all intervals bear it.
""".strip()


# --- one repetition


def assign(rng: np.random.Generator, y: Floats, folds: int, stratify: bool) -> NDArray[np.int64]:
    """(n,) fold of each patient, stratified by class."""
    found, start = np.empty(len(y), dtype=np.int64), 0
    for members in [np.flatnonzero(y == c) for c in (0, 1)] if stratify else [np.arange(len(y))]:
        found[rng.permutation(members)] = (np.arange(len(members)) + start) % folds
        start += len(members)
    return found


def repetition(setting: Setting, cohort: Cohort, rng: np.random.Generator, new: Cohort) -> dict[str, dict[str, object]]:
    """For each metric: intervals by name, and the value of the model of all patients on new ones."""
    n, k = setting.n, setting.folds
    of = np.array([assign(rng, cohort.y, k, bool(setting.prevalence)) for _ in range(REPEATS)])
    one = of[:, None, :] == np.arange(k)[:, None]  # (r, k, n): held out
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    two = np.stack([one[:, i] | one[:, j] for i, j in pairs], axis=1)
    drawn = np.array([np.bincount(draw_patients(rng, cohort.y, setting), minlength=n) for _ in range(DRAWS)])
    weights = np.concatenate([(~one).reshape(-1, n), (~two).reshape(-1, n), drawn, np.ones((1, n))]).astype(float)
    fitted = METHODS[setting.method](cohort, weights, cohort.x)
    ends = np.cumsum([REPEATS * k, REPEATS * len(pairs), DRAWS])
    by_one, by_two, by_draw, by_all = np.split(fitted, ends)
    on_new = METHODS[setting.method](cohort, np.ones((1, n)), new.x)[0]
    found = {}
    for metric in setting.metrics:
        outer, variance = (
            v.reshape(REPEATS, k) for v in score(metric, cohort.y, by_one, one.reshape(-1, n).astype(float))
        )
        inner = np.full((REPEATS, k, k), np.nan)
        for held, other in ((0, 1), (1, 0)):
            seen = np.stack([one[:, pair[other]] for pair in pairs], axis=1).reshape(-1, n)
            values = score(metric, cohort.y, by_two, seen.astype(float))[0].reshape(REPEATS, -1)
            for column, pair in enumerate(pairs):
                inner[:, pair[held], pair[other]] = values[:, column]
        left_out, _ = score(metric, cohort.y, by_draw, (drawn == 0).astype(float))
        own, _ = score(metric, cohort.y, by_draw, drawn.astype(float))
        again, _ = score(metric, cohort.y, by_draw, np.ones_like(by_draw))
        apparent = float(score(metric, cohort.y, by_all, np.ones((1, n)))[0][0])
        intervals = {
            **wrong(metric, cohort.y, outer, by_one.reshape(REPEATS, k, n), one),
            **ours(metric, outer, variance, mean_inner(inner), n, k),
            "out-of-bag bootstrap": bootstrapped(left_out).interval,
            ".632 bootstrap": bootstrapped(left_out, apparent).interval,
            "apparent, shifted by its optimism (Noma)": shifted(own, again),
        }
        found[metric] = {"intervals": intervals, "truth": population(metric, new.y, on_new), "estimate": outer.mean()}
    return found


def draw_patients(rng: np.random.Generator, y: Floats, setting: Setting) -> NDArray[np.int64]:
    """With replacement; again, should a class be missing."""
    while True:
        rows = rng.integers(0, setting.n, setting.n)
        if not setting.prevalence or 0 < y[rows].sum() < len(rows):
            return rows


def mean_inner(inner: Floats) -> Floats:
    """(r, k, k) to (r, k): mean over the further folds; NaN where no fold has a value."""
    usable = np.isfinite(inner)
    counts = usable.sum(axis=2)
    return np.where(counts > 0, np.where(usable, inner, 0.0).sum(axis=2) / np.maximum(counts, 1), np.nan)


def wrong(metric: str, y: Floats, outer: Floats, predicted: Floats, held: NDArray[np.bool_]) -> dict[str, Interval]:
    """What is often done: pooled folds taken for independent patients, folds for independent values."""
    found = {}
    for repeats in (1, REPEATS):
        values = outer[:repeats][np.isfinite(outer[:repeats])]
        half = t.isf(0.025, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        found[f"plain t over folds, {repeats} x"] = Interval(values.mean() - half, values.mean() + half, "t")
        scores = (predicted[:repeats] * held[:repeats]).sum(axis=1).ravel()
        reference = np.tile(y, repeats)
        if metric == "accuracy":
            hits = float(((scores > 0.5) == (reference > 0.5)).sum())
            found[f"Wilson of pooled folds, {repeats} x"] = wilson(hits, len(scores))
        if metric == "AUC":
            found[f"DeLong of pooled folds, {repeats} x"] = auc_interval(reference > 0.5, scores)
    return found


def ours(metric: str, outer: Floats, variance: Floats, inner: Floats, n: int, k: int) -> dict[str, Interval]:
    scale: Scale = "logit" if metric == "AUC" else "identity"
    train, test = n - n / k, n / k
    found = {}
    for r in (1, 2, 5, REPEATS):
        published = corrected(outer[:r], None, train, test)
        found[f"corrected t as published, {r} x"] = published.interval
        found[f"corrected, {r} x"] = corrected(outer[:r], variance[:r], train, test, scale=scale).interval
        result = nested(inner[:r], outer[:r], variance[:r], n, scale=scale)
        found[f"nested, {r} x"] = result.interval
        half, centre = z_of() * result.error, result.value + result.bias
        found[f"nested as published, {r} x"] = Interval(centre - half, centre + half, "nested-cv")
    return found


def shifted(own: Floats, again: Floats) -> Interval:
    """Noma et al. (Stat Med 2021): percentiles of the apparent values, moved by the mean optimism."""
    low, high = np.quantile(own, [0.025, 0.975]) - (own - again).mean()
    return Interval(low, high, "location-shifted")


# --- all repetitions


class Row(NamedTuple):
    setting: str
    metric: str
    interval: str
    covered: float
    width: float
    none: float


def simulate(setting: Setting, repetitions: int) -> tuple[list[Row], list[str]]:
    """Coverage of every interval, and a line about the truth of each metric."""
    constant = intercept(setting) if setting.prevalence else 0.0
    new = draw(setting, 4000 if setting.method == "neighbours" else 20_000, np.random.default_rng(99), constant)
    rng = np.random.default_rng([7, ALL.index(setting)])
    limits: dict[tuple[str, str], list[Interval]] = defaultdict(list)
    truth: dict[str, list[float]] = defaultdict(list)
    estimates: dict[str, list[float]] = defaultdict(list)
    done = 0
    while done < repetitions:
        cohort = draw(setting, setting.n, rng, constant)
        if setting.prevalence and min(cohort.y.sum(), (1 - cohort.y).sum()) < 3:
            continue  # such a cohort is refused
        done += 1
        if setting in SETTINGS:
            values = repetition(setting, cohort, rng, new)
        else:
            values = chosen_inside.repetition(setting, cohort, rng, new, assign)
        for metric, one in values.items():
            truth[metric].append(one["truth"])
            estimates[metric].append(one["estimate"])
            for name, interval in one["intervals"].items():
                limits[metric, name].append(interval)
    rows = [
        covered(setting, metric, name, limits[metric, name], float(np.mean(truth[metric]))) for metric, name in limits
    ]
    lines = [
        f"{m}: {np.mean(truth[m]):.3f} at n (SD between models {np.std(truth[m]):.3f}); "
        f"cross-validation estimates {np.nanmean(estimates[m]):.3f} (SD {np.nanstd(estimates[m]):.3f})"
        for m in setting.metrics
    ]
    return rows, lines


def covered(setting: Setting, metric: str, name: str, found: list[Interval], truth: float) -> Row:
    low, high = np.array([i[:2] for i in found]).T
    made = np.isfinite(low)
    inside = (low <= truth) & (truth <= high)
    return Row(
        setting.name, metric, name, float(inside[made].mean()), float((high - low)[made].mean()), float(1 - made.mean())
    )


def cost_of(name: str, folds: int = 5) -> int:
    if "bootstrap" in name or "Noma" in name:
        return fits("bootstrapped", draws=DRAWS)
    repeats = int(name.split(", ")[1].split()[0])
    return fits("nested" if name.startswith("nested") else "corrected", folds, repeats)


def summary(rows: list[Row]) -> list[str]:
    """Smallest, median and largest coverage of each interval over the settings, by metric."""
    metrics = ["accuracy", "AUC", "Brier", "MAE"]
    lines = ["| interval | fits (5 folds) | " + " | ".join(metrics) + " |", "|---|---|" + "---|" * len(metrics)]
    for name in sorted(dict.fromkeys(r.interval for r in rows), key=lambda s: (s.split(",")[0], cost_of(s))):
        cells = []
        for metric in metrics:
            found = [100 * r.covered for r in rows if (r.interval, r.metric) == (name, metric)]
            cells.append(f"{min(found):.1f} / {np.median(found):.1f} / {max(found):.1f}" if found else "")
        lines.append(f"| {name} | {cost_of(name)} | " + " | ".join(cells) + " |")
    return lines


def table(rows: list[Row], setting: Setting) -> list[str]:
    lines = ["| interval | fits | " + " | ".join(f"{m} % | width" for m in setting.metrics) + " |"]
    lines.append("|---|---|" + "---|" * (2 * len(setting.metrics)))
    for name in dict.fromkeys(r.interval for r in rows):
        cells = []
        for metric in setting.metrics:
            found = next((r for r in rows if (r.interval, r.metric) == (name, metric)), None)
            none = f" ({found.none:.1%} none)" if found and found.none > 0 else ""
            cells += [f"{100 * found.covered:.1f}{none}", f"{found.width:.3f}"] if found else ["", ""]
        lines.append(f"| {name} | {cost_of(name, setting.folds)} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "resampling.md")
    arguments = parser.parse_args()
    all_rows: list[Row] = []
    sections: list[str] = []
    started = time.perf_counter()
    for setting in ALL:
        if arguments.only not in setting.name:
            continue
        rows, lines = simulate(setting, arguments.repetitions)
        all_rows += rows
        sections += [f"\n## {setting.name}", *lines, "", *table(rows, setting)]
        print(f"{setting.name}: {time.perf_counter() - started:.0f} s", flush=True)
    versions = ", ".join(f"{name} {version(name)}" for name in ("isocenter", "numpy", "scipy"))
    seconds, error = time.perf_counter() - started, 100 * np.sqrt(0.95 * 0.05 / arguments.repetitions)
    where = f"{date.today()}; {platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}; {seconds:.0f} s."
    how = (
        f"95 % intervals, {arguments.repetitions:,} repetitions a setting (standard error of a coverage: {error:.1f} points); "
        "stratified folds. Made by benchmarks/resampling.py, whose first lines say what the truth is."
    )
    title, part = (
        "# Intervals of cross-validation: what they cover",
        "## Smallest, median and largest coverage over the settings (%)",
    )
    told = summary([row for row in all_rows if row.setting in {setting.name for setting in SETTINGS}])
    head = [title, where, "", how, "", part, *told, "", READING]
    text = "\n".join([*head, *sections]) + "\n"  # folded_metrics.py appends its section: run it after this
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
