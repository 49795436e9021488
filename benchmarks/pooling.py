"""Do the intervals over sites cover? Figures to benchmarks/results/pooling.md.

    python benchmarks/pooling.py [--repetitions 1000]

Goal, written before: 93 % at the least for the mean over sites and for a site that was never seen, from 3 sites on. Too wide
is allowed with few sites: sites that happen to agree are no proof that the next one will. AUC on the logit scale, true
mean 0.8; 60 to 400 patients a site; standard deviation between sites 0, 0.25, 0.5 (logit): sites at 0.8 from 0.8 to 0.92 or so.
"""

from __future__ import annotations

import argparse
import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri
from scipy.stats import t

from isocenter.metrics.intervals import delong, z_of
from isocenter.metrics.pooling import Pooled, pool, steady_auc

HERE = Path(__file__).resolve().parent
SIZES = [400, 60, 120, 80, 240, 100, 60, 300, 150, 90, 60, 200]
NAMES = ["mean: ours", "mean: z", "new site: ours", "new site: t with one variance"]


def site(area: float, n: int, rng: np.random.Generator) -> tuple[float, float]:
    """AUC and variance that a site of n patients finds, a third of them events; normal scores."""
    events = np.arange(n) < n // 3
    scores = rng.normal(size=n) + events * np.sqrt(2) * ndtri(area)
    return steady_auc(*delong(events, scores), n // 3, n - n // 3)


def limits(found: Pooled, k: int) -> NDArray[np.float64]:
    """(4, 2) logit limits, in the order of NAMES."""
    centre = logit(found.value)
    plain = z_of() * found.error
    usual = t.isf(0.025, k - 1) * np.hypot(found.error, np.sqrt(found.tau2))
    ours = [logit(np.clip(interval[:2], 1e-12, 1 - 1e-12)) for interval in (found.interval, found.prediction)]
    return np.array([ours[0], (centre - plain, centre + plain), ours[1], (centre - usual, centre + usual)])


def simulate(k: int, spread: float, repetitions: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(4,) share covered and (4,) median width on the scale of the AUC."""
    rng = np.random.default_rng([k, int(100 * spread)])
    hits, widths = np.zeros(4), np.empty((repetitions, 4))
    for i in range(repetitions):
        true = logit(0.8) + spread * rng.normal(size=k + 1)
        found = pool(*np.array([site(expit(x), n, rng) for x, n in zip(true, SIZES[:k])]).T, scale="logit")
        low, high = limits(found, k).T
        aim = np.array([logit(0.8), logit(0.8), true[k], true[k]])
        hits += (low <= aim) & (aim <= high)
        widths[i] = expit(high) - expit(low)
    return hits / repetitions, np.median(widths, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1000)
    arguments = parser.parse_args()
    lines = [
        "# Intervals over sites: what they cover",
        f"{date.today()}; {platform.machine()}, {os.cpu_count()} cores; isocenter {version('isocenter')}, numpy {np.__version__}",
        "",
        f"Per cent of {arguments.repetitions:,} repetitions, and median width of the interval of the AUC. Made by benchmarks/pooling.py.",
        "",
        "| sites | SD between | " + " | ".join(f"{name} % | width" for name in NAMES) + " |",
        "|---|---|" + "---|" * 8,
    ]
    for k in (3, 5, 8, 12):
        for spread in (0.0, 0.25, 0.5):
            hits, widths = simulate(k, spread, arguments.repetitions)
            cells = " | ".join(f"{100 * hit:.1f} | {width:.2f}" for hit, width in zip(hits, widths))
            lines.append(f"| {k} | {spread} | {cells} |")
            print(lines[-1], flush=True)
    (HERE / "results" / "pooling.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
