"""Are the duplicates that `isocenter cluster` lists duplicates, and does it miss any? To benchmarks/results/near_duplicates.md.

    python benchmarks/near_duplicates.py [--data ../shared/data]

BUSI (420 ultrasounds of 256 x 256, classes as folders) and BreastMNIST (all 780 of them at 28 x 28, official split). Both
have one bit-identical pair; near-duplicates are known to be many, and nobody has listed them.

So each pair is looked at a second time, by what the list does not use: fine detail (each picture less its blur, in ultrasound the
speckle, which another frame does not repeat), correlated at the best shift of up to an eighth of the side. Where "the same
picture" begins is no choice of ours: it is the largest value among all pairs of the set in which one picture is mirrored
left to right. Mirrored, the pictures have the same statistics, and no pair of two is the same. Thresholds of the list are
those of `isocenter.measuring`; the others in the table say what they would have done, nothing was chosen by it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from run_overhead import machine, versions
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter

from isocenter import curating, lines, neighbours, preparation
from isocenter.mapping import Mapping
from isocenter.measuring import Measured, vectors_of
from isocenter.options import Options
from isocenter.project import Project

HERE = Path(__file__).resolve().parent
SHIFT, BLUR, CARDS = 8, 2.0, 24  # an eighth of the side; pixels; pairs that the page shows
AROUND = {"embedding": (0.75, 0.8, 0.85, 0.9, 0.95), "pixels": (0.95, 0.97, 0.98, 0.99, 0.995)}
Matrix = NDArray[np.float32]


def detail(planes: Matrix) -> Matrix:
    """(n, h, w) less their blur, faded at the borders, of length 1."""
    fine = planes - gaussian_filter(planes, (0, BLUR, BLUR))
    fine -= fine.mean(axis=(1, 2), keepdims=True)
    fine *= np.outer(np.hanning(planes.shape[1] + 2)[1:-1], np.hanning(planes.shape[2] + 2)[1:-1])
    return np.asarray(fine / np.linalg.norm(fine, axis=(1, 2), keepdims=True), dtype=np.float32)


def second_look(planes: Matrix, others: Matrix) -> Matrix:
    """(n, n) largest correlation of fine detail over the shifts, upper triangle; the rest -1."""
    n, side = len(planes), planes.shape[1]
    reach = side // SHIFT
    shape = (side + reach, side + reach)  # zeros beyond the border: no wrapping
    first, second = rfft2(detail(planes), shape), np.conj(rfft2(detail(others), shape))
    near = np.r_[0 : reach + 1, -reach:0]
    found = np.full((n, n), -1.0, dtype=np.float32)
    for i in range(n):
        for start in range(i + 1, n, 64):
            shifted = irfft2(first[i] * second[start : start + 64], shape)
            found[i, start : start + 64] = shifted[:, near][:, :, near].max(axis=(1, 2))
    return found


def planes_of(study: Mapping) -> Matrix:
    """(n, side, side) grey, at most 128 pixels a side."""
    found = []
    for case in study.usable.cases:
        pixels = preparation.read_case(case)[0].array[:, 0].mean(axis=0)
        step = max(1, pixels.shape[0] // 128)
        side = min(pixels.shape) // step
        found.append(pixels[: side * step, : side * step].reshape(side, step, side, step).mean(axis=(1, 3)))
    return np.stack(found).astype(np.float32)


def pairs_of(table: Any, least: float, ids: list[str], same: set[frozenset[str]]) -> list[tuple[int, int]]:
    """Row numbers of the listed pairs, the bit-identical ones left out."""
    found = [(p.first, p.second) for p in neighbours.alike(vectors_of(table), least)]
    return [pair for pair in found if frozenset(ids[k] for k in pair) not in same]


def judged(name: str, features: str, measured: Measured, look: Matrix, limit: float, ids: list[str], same: set[frozenset[str]]) -> list[str]:  # fmt: skip
    """Lines of the table: precision and recall at the default and around it."""
    truth = look > limit
    for pair in same:
        i, j = sorted(ids.index(one) for one in pair)
        truth[i, j] = False
    rows = []
    for least in AROUND[features]:
        pairs = pairs_of(measured.table, least, ids, same)
        right = sum(bool(truth[i, j]) for i, j in pairs)
        precision, recall = right / max(len(pairs), 1), right / int(truth.sum())
        default = " (default)" if least == measured.likeness else ""
        rows.append(
            f"| {name} | {features} | {least:g}{default} | {len(pairs)} | {right} | {precision:.3f} | {int(truth.sum())} | {recall:.3f} |"
        )
        print(rows[-1], flush=True)
    return rows


def shown(name: str, features: str, study: Mapping) -> list[str]:
    """What a user sees, and how the order was before: by likeness alone."""
    result = study.cluster()
    found = result["clusters"]
    said = list(lines.SECTIONS["clusters"](found, result))
    start = next(i for i, line in enumerate(said) if line.startswith("Look at"))
    stop = next(i for i, line in enumerate(said) if " outliers, " in line)
    near = found["near"]["pairs"]
    before = sorted(near, key=lambda pair: -pair["likeness"])
    grave = [[bool(p["apart"].keys() & {"parts", "labels"}) for p in order[:CARDS]] for order in (before, near)]
    told = (f"{name}, {features}: of the {min(CARDS, len(near))} pairs on the page {sum(grave[0])} join parts or labels when ordered "
            f"by likeness alone, {sum(grave[1])} as ordered now.")  # fmt: skip
    print(told, flush=True)
    return ["", told, "```", *said[start:stop], "```"]


def studied(name: str, path: Path, weights: str, folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Lines of the facts, of the table and of what is seen."""
    told: dict[str, Any] = {"input": str(path), "weights": weights}
    facts, rows, seen = [], [], []
    look, limit = np.empty(0, dtype=np.float32), 0.0
    for features in AROUND:
        study = Mapping(Options().changed(features=features, **told), Project(folder / f"{name}-{features}"))
        ids = [str(one) for one in study.usable.case_ids]
        same = {frozenset(group) for group in study.audit.duplicates}
        if not facts:
            began = time.perf_counter()
            planes = planes_of(study)
            look, limit = second_look(planes, planes), float(second_look(planes, planes[:, :, ::-1]).max())
            divided = curating.Divided.of(study.usable)
            groups = "; ".join(_group(sorted(group), divided) for group in sorted(same, key=sorted))
            n = len(ids)
            first = (
                f"- {name}, {n} images. Bit-identical by SHA-256 of the pixels: {groups}. The same picture begins at a"
            )
            pairs = f"correlation of {limit:.3f}: the largest of {n * (n - 1) // 2:,} mirrored pairs"
            facts = [f"{first} {pairs} ({time.perf_counter() - began:.0f} s)."]
            print(facts[0], flush=True)
        rows += judged(name, features, study.measured, look, limit, ids, same)
        seen += shown(name, features, study)
    return facts, rows, seen


def _group(ids: list[str], divided: curating.Divided) -> str:
    told = "; ".join(f"{kind} {' and '.join(values)}" for kind, values in divided.apart(ids).items())
    return f"{' = '.join(ids)} ({told})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    data = parser.parse_args().data
    weights = str(data / "weights_squeezenet11")
    with tempfile.TemporaryDirectory() as folder:
        sets = (("BUSI", data / "busi"), ("BreastMNIST", data / "medmnist" / "breastmnist.npz"))
        parts = [studied(name, path, weights, Path(folder)) for name, path in sets]
    head = (
        "| images | listed by | cosine from | pairs listed | the same picture | precision | such pairs in all | found |"
    )
    text = [
        "# Duplicates: are those listed duplicates, and which are missed?",
        f"{date.today()}; {machine()}; {versions()}. Made by benchmarks/near_duplicates.py.",
        "",
        *(line for facts, _, _ in parts for line in facts),
        "",
        head,
        "|---|---|---|---|---|---|---|---|",
        *(line for _, rows, _ in parts for line in rows),
        "",
        "The same picture: fine detail correlates more than that of any mirrored pair. Without the bit-identical pair.",
        "",
        "## What is seen first",
        *(line for _, _, seen in parts for line in seen),
    ]
    (HERE / "results" / "near_duplicates.md").write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
