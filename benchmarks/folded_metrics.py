"""Do the intervals that a cross-validation prints cover, metric by metric? Rows to benchmarks/results/resampling.md.

    python benchmarks/folded_metrics.py [--repetitions 400]

`resampling.py` asks the formulas for accuracy, AUC, Brier score and MAE. Here the product's own path (`dependent`) is asked
for everything it prints: decisions at the most probable class and at operating points whose thresholds come from inner
folds, ranks, calibration; with few folds and repeats, too, and values near 1. Goal, written before: 93 to 97 %. Truth is
the expected performance of the procedure: the mean over all repetitions of a model trained on all n, on 10,000 new
patients. The method is a penalised logistic regression, whose thousands of fits are made at once.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from many_fits import Cohort, Floats, Setting, draw, intercept, logistic
from numpy.typing import NDArray
from resampling import assign

from isocenter.evaluation import dependent
from isocenter.evaluation.folds import Fold, Folded, Repeat
from isocenter.metrics import calibration
from isocenter.metrics.intervals import NONE, Interval
from isocenter.metrics.panels import ClassPanel, Key
from isocenter.metrics.thresholds import nearest

RESULTS = Path(__file__).resolve().parent / "results" / "resampling.md"
TITLE = "## Every metric that is printed, by the product's own path"
LOW, HIGH = 93.0, 97.0
INNER = 5
POINTS = ("sensitivity=0.9", "specificity=0.9")
SHARES = ("sensitivity", "specificity", "ppv", "npv")
LINES = ("calibration_slope", "calibration_in_the_large")


class Asked(NamedTuple):
    setting: Setting
    repeats: int
    nested: bool = False


ASKED = [
    Asked(Setting("n 100, 30 % events, 5 folds", "logistic", 100, 5, 1.5, 0.3), 1, nested=True),
    Asked(Setting("n 100, 30 % events, 5 folds x 5", "logistic", 100, 5, 1.5, 0.3), 5),
    Asked(Setting("n 100, 30 % events, 3 folds x 2", "logistic", 100, 5, 1.5, 0.3, folds=3), 2),
    Asked(Setting("n 100, 40 % events, strong, 5 folds", "logistic", 100, 5, 6.0, 0.4), 1, nested=True),
    Asked(Setting("n 200, 12 % events, 5 folds x 2", "logistic", 200, 5, 2.0, 0.12), 2),
]
Found = dict[str, Interval]


def repetition(asked: Asked, cohort: Cohort, rng: np.random.Generator, new: Cohort) -> tuple[Found, dict[str, float]]:
    """Intervals by name, and the truth: the model of all patients, and its thresholds, on new ones."""
    n, k, y = asked.setting.n, asked.setting.folds, cohort.y.astype(np.int64)
    folds = [assign(rng, cohort.y, k, True) for _ in range(asked.repeats)]
    parts = np.array([*(fold != one for fold in folds for one in range(k)), np.ones(n, dtype=bool)])
    inside = np.full(parts.shape, -1, dtype=np.int64)
    for part, own in zip(parts, inside, strict=True):
        own[part] = assign(rng, cohort.y[part], INNER, True)
    held = (inside[:, None] == np.arange(INNER)[:, None]).reshape(-1, n)
    fitted = logistic(cohort, np.concatenate([parts, np.repeat(parts, INNER, axis=0) & ~held]).astype(float), cohort.x)
    out = (fitted[len(parts) :] * held).reshape(len(parts), INNER, n).sum(axis=1)
    cuts = {c: [nearest(c, y[p] == 1, o[p]).threshold for p, o in zip(parts, out, strict=True)] for c in POINTS}
    scores = np.array([fitted[r * k + fold, np.arange(n)] for r, fold in enumerate(folds)])
    on_new = logistic(cohort, np.ones((1, n)), new.x)[0]
    found, truth = {}, {}
    for name, keys, own in decided(cuts, k, folds):
        data = folded(y, scores, folds, own[0])
        for key in keys:
            found[name + key[0]] = dependent.kfold(data, key).interval
        whole = panel(new.y.astype(np.int64), on_new, own[1])
        truth |= {name + key[0]: float(v) for key, v in whole.measures(np.ones(len(new.y))).items() if key in keys}
        if asked.nested and not name:
            inner = inner_means(y, out, inside, data)
            found |= {f"nested {key[0]}": dependent.nested_cv(data, key, inner[key]).interval for key in inner}
            truth |= {f"nested {key[0]}": truth[key[0]] for key in inner}
    truth[LINES[0]] = float(calibration.slope_and_intercept(new.y == 1, on_new)[0])
    truth[LINES[1]] = float(calibration.in_the_large(new.y == 1, on_new))
    return found, truth


def decided(
    cuts: dict[str, list[float]], k: int, folds: list[NDArray[np.int64]]
) -> Iterator[tuple[str, list[Key], tuple[Floats, float]]]:
    """Name, metrics, and thresholds: (repeats, n) of the cases tested, and that of the model of all."""
    ranks = ("auc", "average_precision", "accuracy", "balanced_accuracy", *SHARES, "f1", "brier", *LINES)
    half = np.full((len(folds), len(folds[0])), 0.5)
    yield "", [(name, None) for name in ranks], (half, 0.5)
    for criterion, own in cuts.items():
        each = np.array([np.array(own)[r * k + fold] for r, fold in enumerate(folds)])
        yield f"at {criterion}: ", [(name, None) for name in SHARES], (each, own[-1])


def panel(y: NDArray[np.int64], scores: Floats, cut: Floats | float) -> ClassPanel:
    return ClassPanel(y, (scores >= cut).astype(np.int64), np.column_stack([1 - scores, scores]), 1)


def folded(y: NDArray[np.int64], scores: Floats, folds: list[NDArray[np.int64]], cuts: Floats) -> Folded:
    repeats = [Repeat(panel(y, s, c), np.arange(len(y)), fold) for s, c, fold in zip(scores, cuts, folds, strict=True)]
    return Folded([one for repeat in repeats for one in split(repeat)], repeats)


def split(repeat: Repeat) -> list[Fold]:
    y, s, called = repeat.panel.reference, repeat.panel.proba, repeat.panel.decided  # type: ignore[union-attr]
    rows = [np.flatnonzero(repeat.fold == one) for one in range(int(repeat.fold.max()) + 1)]
    return [Fold(ClassPanel(y[r], called[r], s[r], 1), np.arange(len(r))) for r in rows]


def inner_means(y: NDArray[np.int64], out: Floats, inside: NDArray[np.int64], data: Folded) -> dict[Key, Floats]:
    """(J,) of each metric that is not of calibration: the mean over a training part's inner folds."""
    found: dict[Key, list[float]] = defaultdict(list)
    for scores, fold in zip(out[:-1], inside[:-1], strict=True):
        own = fold >= 0
        each = split(Repeat(panel(y[own], scores[own], 0.5), np.arange(own.sum()), fold[own]))
        for key in data.whole.keys:
            found[key].append(float(np.mean([one.values[key] for one in each])))
    return {key: np.array(values) for key, values in found.items()}


class Row(NamedTuple):
    setting: str
    metric: str
    truth: float
    covered: float
    too_high: float
    too_low: float
    width: float
    none: float


def simulate(asked: Asked, repetitions: int, seed: int) -> list[Row]:
    constant, rng = intercept(asked.setting), np.random.default_rng([11, seed])
    new = draw(asked.setting, 10_000, np.random.default_rng(99), constant)
    found: dict[str, list[Interval]] = defaultdict(list)
    truth: dict[str, list[float]] = defaultdict(list)
    done = 0
    while done < repetitions:
        cohort = draw(asked.setting, asked.setting.n, rng, constant)
        if min(cohort.y.sum(), (1 - cohort.y).sum()) < 2 * INNER:
            continue  # told that there are too few for so many inner folds
        done += 1
        for into, one in zip((found, truth), repetition(asked, cohort, rng, new), strict=True):
            for name, value in one.items():
                into[name].append(value)  # type: ignore[arg-type]
    return [row(asked.setting.name, name, found[name], float(np.nanmean(truth[name]))) for name in found]


def row(setting: str, name: str, found: list[Interval], truth: float) -> Row:
    made = np.array([i[:2] for i in found if i is not NONE]).reshape(-1, 2)
    if not len(made):
        return Row(setting, name, truth, *(math.nan,) * 4, 1.0)
    above, below = 100 * (made[:, 0] > truth).mean(), 100 * (made[:, 1] < truth).mean()
    width = float(np.median(made[:, 1] - made[:, 0]))
    return Row(setting, name, truth, 100 - above - below, above, below, width, 1 - len(made) / len(found))


def told(rows: list[Row], repetitions: int, seconds: float) -> list[str]:
    versions = ", ".join(f"{name} {version(name)}" for name in ("isocenter", "numpy", "scipy"))
    error = 100 * math.sqrt(0.95 * 0.05 / repetitions)
    out = [r for r in rows if not LOW <= r.covered <= HIGH]
    made = (
        f"{date.today()}; {versions}; {repetitions} repetitions a setting (standard error {error:.1f} points); {seconds:.0f} s. "
        "Made by benchmarks/folded_metrics.py, whose first lines say what was asked. Covered (truth below, above the "
        "interval), all in %; width: median. `kfold` unless a row says nested."
    )
    below, above = (sum(r.covered < LOW for r in out), sum(r.covered > HIGH for r in out))
    lines = [
        TITLE,
        made,
        "",
        f"Within 93 to 97 %: {len(rows) - len(out)} of {len(rows)}; below {below}, above {above}.",
        "",
        "| metric | " + " | ".join(a.setting.name for a in ASKED) + " |",
        "|---|" + "---|" * len(ASKED),
    ]
    for metric in dict.fromkeys(r.metric for r in rows):
        cells = [next((cell(r) for r in rows if (r.setting, r.metric) == (a.setting.name, metric)), "") for a in ASKED]
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    return lines


def cell(r: Row) -> str:
    none = f"; {r.none:.0%} none" if r.none > 0.005 else ""
    return f"{r.covered:.1f} ({r.too_high:.1f}, {r.too_low:.1f}), truth {r.truth:.3f}, width {r.width:.3f}{none}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    rows, started = [], time.perf_counter()
    for seed, asked in enumerate(ASKED):
        rows += simulate(asked, arguments.repetitions, seed)
        print(f"{time.perf_counter() - started:6.0f} s  {asked.setting.name}", flush=True)
    before = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
    head = before.split(f"\n{TITLE}\n")[0].rstrip("\n")  # what resampling.py wrote stays
    lines = told(rows, arguments.repetitions, time.perf_counter() - started)
    arguments.out.write_text("\n".join([head, "", *lines]).lstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
