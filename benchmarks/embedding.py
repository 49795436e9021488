"""How many images a second go from files to embeddings, against the network alone? Goal: within 1.15 times.

    python benchmarks/embedding.py [--data ../shared/data] [--images 256] [--rounds 5]

Ours is `features.embedding.embedded`: files read, decoded, resized, embedded, pooled, in as many blocks
side by side as there are processors. Theirs is torch's forward pass alone, as one would write it: over the
same pictures that lie ready in memory as float32, in the fastest of four ways (torch's own threads with batches
of 1, 4 or 8, or single-threaded blocks side by side). On one processor, which a busy machine distorts least, and
on all. Alternated; values checked equal; then the store: a first and a second run.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from isocenter import compute, store
from isocenter.case import Case, Source
from isocenter.features import Embedding
from isocenter.features.base import Task
from isocenter.features.embedding import BATCH, embedded
from isocenter.features.pooled import of_row
from isocenter.nets import Embedder, backbone
from isocenter.preparation import Look, pictures

HERE = Path(__file__).resolve().parent
GOAL = 1.15


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    arguments.add_argument("--images", type=int, default=256)
    arguments.add_argument("--rounds", type=int, default=5)
    chosen = arguments.parse_args()
    weights = str(chosen.data / "weights_squeezenet11")
    everything = os.sched_getaffinity(0)
    lines = [
        "# Embedding images",
        f"{date.today()}; {platform.machine()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f} at the start: other "
        f"programs ran beside it); Python {platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ("isocenter", "torch", "numpy", "pillow")),
        "",
        f"SqueezeNet 1.1, 224 x 224; ours in batches of {BATCH}, one thread a block; {chosen.rounds} rounds, alternated; medians (range). Files come from the system's cache.",
        "",
        "| images | ours, images/s | forward pass alone, images/s | ratio of times, median of rounds (range) | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, cases in sets(chosen.data, chosen.images):
        for processors in ({min(everything)}, everything):
            os.sched_setaffinity(0, processors)
            torch.set_num_threads(len(processors))
            lines.append(compared(f"{name}, {len(processors)} processors", cases, weights, chosen.rounds))
            print(lines[-1], flush=True)
    lines += ["", stored(sets(chosen.data, chosen.images)[0][1], weights)]
    print(lines[-1])
    (HERE / "results" / "embedding.md").write_text("\n".join(lines) + "\n", "utf-8")


def sets(data: Path, n: int) -> list[tuple[str, list[Case]]]:
    found = {
        "BUSI, 256 x 256 PNG, grey": sorted((data / "busi").rglob("*.png")),
        "HAM10000, colour JPEG": sorted((data / "derma_ham10000").rglob("*.jpg")),
    }
    return [
        (name, [Case(str(p), None, (Source("image", "image", (str(p),)),)) for p in files[:n]])
        for name, files in found.items()
        if files
    ]


def timed(work: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def compared(name: str, cases: list[Case], weights: str, rounds: int) -> str:
    look, embedder = Look(), Embedder(backbone("squeezenet"), weights)
    whole = torch.cat([embedder.prepared(torch.from_numpy(pictures(case, look))) for case in cases])
    tasks = [Task(case, None, False) for case in cases]

    def ours() -> np.ndarray:
        return np.stack([of_row(outcome.get(), "mean") for outcome in embedded(tasks, embedder, look, BATCH)])

    def passed(batch: int) -> np.ndarray:
        with torch.inference_mode():
            return np.concatenate([embedder.network(part).numpy() for part in parts[batch]])

    def one_thread(part: torch.Tensor) -> np.ndarray:
        torch.set_num_threads(1)
        with torch.inference_mode():
            return embedder.network(part).numpy()

    def side_by_side() -> np.ndarray:
        with ThreadPoolExecutor(compute.processes()) as pool:
            return np.concatenate(list(pool.map(one_thread, parts[BATCH])))

    parts = {n: [p.contiguous(memory_format=torch.channels_last) for p in whole.split(n)] for n in (1, BATCH, 8)}
    ways = {f"torch's threads, batches of {n}": partial(passed, n) for n in parts}
    ways["blocks side by side"] = side_by_side
    best = min(ways, key=lambda way: min(timed(ways[way])[0] for _ in range(2)))
    alone = ways[best]
    one, two = ours(), alone()
    assert np.abs(one - two).max() <= 1e-5 * two.max(), np.abs(one - two).max()
    times = [(timed(ours)[0], timed(alone)[0]) for _ in range(rounds)]
    ratios = [a / b for a, b in times]
    middle = statistics.median(ratios)
    speeds = [[len(cases) / t for t in column] for column in zip(*times, strict=True)]
    shown = " | ".join(f"{statistics.median(s):.1f} ({min(s):.1f} to {max(s):.1f})" for s in speeds)
    met = "met" if middle <= GOAL else "MISSED"
    return f"| {name}, {len(cases)} | {shown} ({best}) | {middle:.3f} ({min(ratios):.3f} to {max(ratios):.3f}) | {GOAL}: {met} |"


def stored(cases: list[Case], weights: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        step = Embedding(weights=weights, store=folder)
        store.forget()
        first, one = timed(lambda: step.fit_transform(cases).to_numpy())
        store.forget()
        second, two = timed(lambda: step.fit_transform(cases).to_numpy())
        assert np.array_equal(one, two)
        size = sum(p.stat().st_size for p in Path(folder).rglob("*.parquet")) / len(cases)
    return (
        f"Store, {len(cases)} images: first run {first:.2f} s, second run (reading only) {second:.3f} s, "
        f"{first / second:.0f} times faster; {size:,.0f} bytes an image."
    )


if __name__ == "__main__":
    main()
