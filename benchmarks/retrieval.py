"""Nearest cases: all looked at, or the cells that are near. Figures to benchmarks/results/retrieval.md.

    python benchmarks/retrieval.py [--rows 50000 500000] [--peer]

Goals, written before: where cells are used they answer faster than the exact search, one query at a time and many at
once, at recall@10 >= 0.98 (counted here on queries that took no part in making them), in under 3 GB at 500,000 x 512;
on features that are nothing but noise around a few centres, which have no cells that hold neighbours, the search says
so and stays exact. Both ways run by turns in one run, each query as well as the batch; medians. --peer: pynndescent
(comes with umap-learn) on the smallest table.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from isocenter.bundle.cells import Kept, load_cells, save_cells
from isocenter.mapping import Mapping
from isocenter.neighbours import Vectors, celled, nearest
from isocenter.options import Options
from isocenter.project import Project

HERE = Path(__file__).resolve().parent
COLUMNS, COUNT, ONE_BY_ONE, BATCH = 512, 10, 40, 400


def embedding(n: int, seed: int = 0) -> Vectors:
    """Like a network's embedding: 24 things vary, in 40 loose groups, seen through 512 rectified mixtures and noise."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((40, 24), dtype=np.float32)
    mix = rng.standard_normal((24, COLUMNS), dtype=np.float32) * np.float32(1.5 / np.sqrt(24))
    shift = rng.standard_normal(COLUMNS, dtype=np.float32)
    found = np.empty((n, COLUMNS), dtype=np.float32)
    for start in range(0, n, 8192):
        m = min(8192, n - start)
        z = 0.7 * rng.standard_normal((m, 24), dtype=np.float32) + centres[rng.integers(0, 40, m)]
        found[start : start + m] = np.maximum(z @ mix + shift, 0)
        found[start : start + m] += 0.1 * rng.standard_normal((m, COLUMNS), dtype=np.float32)
    return scaled(found)


def noise(n: int, seed: int = 0) -> Vectors:
    """Eight centres and independent noise in all 512 columns: who is nearest within a group is chance."""
    rng = np.random.default_rng(seed)
    centres = 0.4 * rng.standard_normal((8, COLUMNS), dtype=np.float32)
    found = rng.standard_normal((n, COLUMNS), dtype=np.float32)
    for start in range(0, n, 8192):
        found[start : start + 8192] += centres[rng.integers(0, 8, len(found[start : start + 8192]))]
    return scaled(found)


def scaled(vectors: Vectors) -> Vectors:
    """Each column centred and divided by its standard deviation, in place: no second table in memory."""
    vectors -= vectors.mean(axis=0)
    vectors /= np.sqrt(np.einsum("ij,ij->j", vectors, vectors) / len(vectors))
    return vectors


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def recall(found: tuple[Any, Any], true: tuple[Any, Any]) -> float:
    """Share of found cases that are as near as the tenth true one; the case itself is among both and not counted."""
    return float((found[1][:, 1:] <= true[1][:, -1:] * (1 + 1e-9)).mean())


def one(kind: str, n: int, distance: str) -> str:
    """A row of the table; run in a process of its own, so that its memory is its own."""
    vectors = {"embedding": embedding, "noise": noise}[kind](n)
    made, cells = timed(lambda: celled(vectors, distance))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    name = f"| {n:,} | {kind}, {distance} | {made:.1f} | {peak:.2f} |"
    if cells.exact:
        return f"{name} exact: no cells that hold neighbours | | | | | |"
    rng = np.random.default_rng(1)
    asked = vectors[rng.permutation(n)[:BATCH]]
    singles: dict[str, list[float]] = {"exact": [], "cells": []}
    for query in asked[:ONE_BY_ONE]:
        singles["exact"].append(timed(lambda q=query: nearest(vectors, q[None], COUNT + 1, distance))[0])
        singles["cells"].append(timed(lambda q=query: cells.nearest(q[None], COUNT + 1))[0])
    single = {k: float(np.median(v)) for k, v in singles.items()}
    many: dict[str, list[float]] = {"exact": [], "cells": []}
    true = found = (None, None)
    for _ in range(3):
        seconds, true = timed(lambda: nearest(vectors, asked, COUNT + 1, distance))
        many["exact"].append(seconds / BATCH)
        seconds, found = timed(lambda: cells.nearest(asked, COUNT + 1))
        many["cells"].append(seconds / BATCH)
    batch = {k: float(np.median(v)) for k, v in many.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.npz"
        save_cells(Kept(cells, kind), path)
        kept = [timed(lambda q=q: load_cells(path).cells.nearest(q[None], COUNT + 1))[0] for q in asked[:10]]
    told = f"{recall(found, true):.3f} (told {cells.recall(COUNT):.3f}) | {cells.looked:.1%}"

    def pair(both: dict[str, float]) -> str:
        return f"{both['exact'] * 1e3:.1f} / {both['cells'] * 1e3:.2f} = {both['exact'] / both['cells']:.0f}x"

    return f"{name} {told} | {pair(single)} | {pair(batch)} | {float(np.median(kept)) * 1e3:.0f} |"


def peer(n: int) -> list[str]:
    """The default index and queries on the same vectors."""
    from pynndescent import NNDescent

    vectors = embedding(n)
    NNDescent(vectors[:2000]).query(vectors[:2], k=COUNT + 1)  # compiled
    made, index = timed(lambda: NNDescent(vectors))
    prepared, _ = timed(index.prepare)
    asked = vectors[np.random.default_rng(1).permutation(n)[:BATCH]]
    seconds, (rows, away) = timed(lambda: index.query(asked, k=COUNT + 1))
    true = nearest(vectors, asked, COUNT + 1)
    found = recall((rows, np.sort(away, axis=1)), (true[0], true[1] * (1 + 1e-4)))
    said = (
        f"pynndescent {version('pynndescent')} on {n:,} (embedding, euclidean): {made + prepared:.1f} s to make, "
        f"{seconds / BATCH * 1e3:.2f} ms a query of {BATCH}, recall@10 {found:.3f}."
    )
    return ["", said]


def command(n: int) -> list[str]:
    """The whole command on given features: what a user waits for, by turns, and the memory it takes."""
    seconds: dict[str, list[float]] = {"exact": [], "approximate": []}
    memory = {"exact": 0.0, "approximate": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "rows.npy", embedding(n))
        project = str(Path(folder) / "project")
        start = [sys.executable, "-m", "isocenter"]
        _ = Mapping(Options(input=str(Path(folder) / "rows.npy")), Project(Path(project))).usable  # indexed, audited
        first = 0.0
        for turn in range(4):
            for search, own in seconds.items():
                told = ["similar", "17", "--project", project, "--search", search]
                took, peak = timed(lambda told=told: _peak([*start, *told]))
                if turn:
                    own.append(took)
                elif search == "approximate":
                    first = took
                memory[search] = max(memory[search], peak)
    exact, kept = (float(np.median(own)) for own in seconds.values())
    said = (
        f"The whole command on {n:,} given rows, most of which is reading their table: {exact:.1f} s exact, {kept:.1f} s "
        f"approximate with its cells kept ({first:.1f} s when they were made); at most {memory['exact']:.2f} and "
        f"{memory['approximate']:.2f} GB."
    )
    return ["", said]


def _peak(words: list[str]) -> float:
    """Run a program; the most memory it held, in GB."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return used.ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 500_000])
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.one:
        print(one(told.one[0], int(told.one[1]), told.one[2]))
        return
    load = os.getloadavg()[0]
    about = (
        f"{COLUMNS} columns, the nearest {COUNT}. Milliseconds a query, exact / cells = ratio, by turns in one run: one "
        f"query at a time (median of {ONE_BY_ONE}), and {BATCH} at once (median of three). Kept: one query from the file "
        "on disk, opened anew and each cell's checksum compared. GB: the largest the process was, with the vectors (1.02 GB "
        "at 500,000), until the cells were made."
    )
    lines = [
        "# Nearest cases: exact, and by cells",
        f"{date.today()}; {platform.machine()}, {os.cpu_count()} cores (threads set: "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')}), shared with other programs: load {load:.1f} when it began; "
        + ", ".join(f"{name} {version(name)}" for name in ("isocenter", "numpy", "scipy", "scikit-learn"))
        + ". Made by benchmarks/retrieval.py.",
        "",
        about,
        "",
        "| rows | vectors | s to make | GB | recall@10 | looked at | one by one, ms | at once, ms | kept, ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for n in told.rows:
        for kind, distance in (("embedding", "euclidean"), ("embedding", "cosine"), ("noise", "cosine")):
            command = [sys.executable, __file__, "--one", kind, str(n), distance]
            row = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
            print(row, flush=True)
            lines.append(row)
    lines += command(min(told.rows))
    lines += peer(min(told.rows)) if told.peer else []
    (HERE / "results" / "retrieval.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
