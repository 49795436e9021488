"""File to features: how long, with how much memory, beside PyRadiomics? Figures to benchmarks/results/radiomics.md.

    python benchmarks/radiomics.py [--data FOLDER] [--side PYTHON] [--pictologics PYTHON] [--scans N] [--cases N] [--remark TEXT]
    python benchmarks/radiomics.py --filters [--remark TEXT]     that part alone: results/radiomics.md keeps the rest

PYTHON is that of a side environment with PyRadiomics 3.0.1: a new one, `pip install numpy setuptools wheel versioneer
cython`, then `pip install --no-build-isolation pyradiomics==3.0.1`. The other PYTHON is 3.12 or newer, with `pip install
pictologics==0.9.0`. Without them only our own times are told.

Goals, written before: file to features at 1 mm at least 30 times faster than PyRadiomics; the region of 16k voxels within
1.2 times what inflating its two files takes (gzip of the standard library), larger ones that and 0.2 microseconds a voxel
of the 1 mm grid; 4 times faster than pictologics; kernels of texture at or under 0.2 microseconds a voxel; memory under 1 GB, a filter (LoG) included;
seconds a case flat from 10 to 1,000 cases; a second run from the store 100 times faster. Values are checked equal to
PyRadiomics' on the native grid, with its preset; at 1 mm the two grids differ by definition.

Filters: the region of 285k voxels with a wavelet (4 bands) and a Laplacian of Gaussian (2 sigmas), all families of each
response, in a new process: under 1 GB, libraries included, where PyRadiomics took 7.8 GB for its wavelet and LoG.

pictologics and ours work on one case with as many threads as there are cores, PyRadiomics with one, as users have them.
Texture by itself is timed in one thread. Many cases run in as many processes, with one thread each.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from isocenter import formats, store
from isocenter.case import IMAGE, MASK, Case, Source
from isocenter.features import Radiomics, measured
from isocenter.features.standard import Standard
from isocenter.radiomics import Settings, extract, preset
from isocenter.radiomics.extraction import leveled
from isocenter.radiomics.filters.written import filters_of
from isocenter.radiomics.prepared import prepare
from isocenter.radiomics.textures import textures

HERE = Path(__file__).resolve().parent
REGIONS = {"16k": 16_000, "285k": 285_000, "2.1M": 2_100_000}
ROUNDS = 3
LONG = 15.0  # seconds; what takes PyRadiomics longer is run once

# What the side environments run: a line of JSON in, one out, so that all are warm and alternate.
PYRADIOMICS = """
import json, logging, sys, time
import radiomics
from radiomics import featureextractor
radiomics.setVerbosity(60)
for line in sys.stdin:
    image, mask, spacing = json.loads(line)
    began = time.perf_counter()
    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=25, resampledPixelSpacing=spacing, interpolator="sitkLinear")
    try:
        found = extractor.execute(image, mask)
    except ValueError:  # on the native grid it refuses a mask whose header was rounded otherwise
        found = {}
    took = time.perf_counter() - began
    print(json.dumps([took, {k: float(v) for k, v in found.items() if k.startswith("original_")}]), flush=True)
"""


PICTOLOGICS = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from pictologics import RadiomicsPipeline
families = ["intensity", "morphology", "texture", "histogram", "ivh"]
for line in sys.stdin:
    image, mask, spacing = json.loads(line)
    began = time.perf_counter()
    pipeline = RadiomicsPipeline(load_standard=False)
    pipeline.add_config("one", [
        {"step": "resample", "params": {"new_spacing": spacing, "interpolation": "linear"}},
        {"step": "discretise", "params": {"method": "FBS", "bin_width": 25, "min_val": -1000}},
        {"step": "extract_features", "params": {"families": families, "include_local_intensity": True, "include_spatial_intensity": False}},
    ])
    found = pipeline.run(image, mask, config_names=["one"])["one"]
    took = time.perf_counter() - began
    print(json.dumps([took, {str(k): float(v) for k, v in found.items() if isinstance(v, (int, float))}]), flush=True)
"""


class Side:
    """Another program in its own environment; nothing where there is none."""

    def __init__(self, python: str | None, driver: str) -> None:
        self.process = None
        if python is not None:
            self.process = subprocess.Popen(
                [python, "-c", driver],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )

    def __call__(self, image: Path, mask: Path, spacing: list[float] | None) -> tuple[float, dict[str, float]]:
        if self.process is None or self.process.stdin is None or self.process.stdout is None:
            return float("nan"), {}
        self.process.stdin.write(json.dumps([str(image), str(mask), spacing]) + "\n")
        self.process.stdin.flush()
        took, found = json.loads(self.process.stdout.readline())
        return took, found


def make_ct(folder: Path) -> dict[str, tuple[Path, Path]]:
    """A body of tissue with noise, 512 x 512 x 200 at 0.8 x 0.8 x 1.5 mm, and ellipsoids in its middle."""
    rng, affine = np.random.default_rng(0), np.diag([-0.8, -0.8, 1.5, 1.0])
    z, y, x = np.ogrid[:200, :512, :512]
    body = ((y - 256) / 190) ** 2 + ((x - 256) / 230) ** 2 < 1
    volume = np.full((200, 512, 512), -1024, dtype=np.int16)
    for i in range(200):
        tissue = 40 + 60 * np.sin(x[0] / 37) * np.cos(y[0] / 29 + i / 11) + rng.normal(0, 18, (512, 512))
        volume[i][body[0]] = tissue[body[0]]
    nibabel.save(nibabel.Nifti1Image(volume.T, affine), folder / "ct.nii.gz")
    for name, n in REGIONS.items():
        radius = (n * 0.8 * 0.8 * 1.5 * 3 / (4 * np.pi)) ** (1 / 3)
        region = ((z - 100) * 1.5 / radius) ** 2 + ((y - 256) * 0.8 / radius) ** 2 + ((x - 256) * 0.8 / radius) ** 2 < 1
        nibabel.save(nibabel.Nifti1Image(region.astype(np.uint8).T, affine), folder / f"{name}.nii.gz")
    return {f"CT, {name} voxels": (folder / "ct.nii.gz", folder / f"{name}.nii.gz") for name in REGIONS}


def sarcomas(data: Path, n: int) -> dict[str, tuple[Path, Path]]:
    scans = sorted((data / "sts_radiomics").rglob("MR_T1.nii.gz"))[:n]
    return {f"MR, {scan.parent.name}": (scan, scan.with_name("MR_T1_mask.nii.gz")) for scan in scans}


def case_of(image: Path, mask: Path, name: str = "case") -> Case:
    return Case(name, name, (Source(IMAGE, "image", (str(image),)), Source(MASK, "mask", (str(mask),))))


def ours(image: Path, mask: Path, settings: Settings, filters: tuple[str, ...] = ()) -> float:
    """Seconds of what the feature step does for a case: both files read, all features."""
    task = measured.Task(case_of(image, mask), "image", ("mask",), "one", settings, filters, Standard())
    began = time.perf_counter()
    measured.measure(task)
    return time.perf_counter() - began


def inflating(image: Path, mask: Path) -> float:
    began = time.perf_counter()
    for path in (image, mask):
        gzip.decompress(path.read_bytes())
    return time.perf_counter() - began


def kernels(image: Path, mask: Path, settings: Settings) -> tuple[int, float]:
    """Voxels of the new grid, and microseconds a voxel of all six families of texture."""
    pixels = formats.read_image(Source(IMAGE, "image", (str(image),)))
    marked = formats.read_mask(Source(MASK, "mask", (str(mask),))).labels > 0
    one = prepare(pixels.array[0], marked, pixels.geometry.spacing, settings)
    levels, n_levels = leveled(one, settings)
    times = []
    for _ in range(5 * ROUNDS):
        began = time.perf_counter()
        textures(levels, n_levels, settings.aggregations, inside=one.shape[one.core])
        times.append(time.perf_counter() - began)
    n = int((levels > 0).sum())
    return n, statistics.median(times) / n * 1e6


def speed(pairs: dict[str, tuple[Path, Path]], side: Side, other: Side) -> list[dict[str, Any]]:
    """Each scan alternately by us, by PyRadiomics, by pictologics, and inflated alone."""
    rows = []
    for name, (image, mask) in pairs.items():
        settings = preset("ct") if name.startswith("CT") else preset("ct", range=None, round_intensities=False)
        ours(image, mask, settings)
        slow = side(image, mask, [1, 1, 1])[0]
        other(image, mask, [1, 1, 1])
        times: dict[str, list[float]] = {"ours": [], "theirs": [], "pictologics": [], "inflating": []}
        for _ in range(ROUNDS):
            for _ in range(2):  # the second of two in a row counts, as in a cohort: caches and threads are its own
                own = ours(image, mask, settings)
            for _ in range(1 if slow > LONG else 2):
                theirs = slow if slow > LONG else side(image, mask, [1, 1, 1])[0]
            for _ in range(2):
                others = other(image, mask, [1, 1, 1])[0]
            for part, took in zip(times, (own, theirs, others, inflating(image, mask)), strict=True):
                times[part].append(took)
        n, micro = kernels(image, mask, settings)
        row = {"scan": name, "voxels": n, "kernels": micro, **{k: statistics.median(v) for k, v in times.items()}}
        rows.append(row)
        print(row, flush=True)
    return rows


def differing(pairs: dict[str, tuple[Path, Path]], side: Side) -> tuple[int, list[str], list[str]]:
    """Values on the native grid, with PyRadiomics' preset: how many were compared, which differ by more than 1e-6,
    and which scans it refused."""
    compared, apart, refused = 0, [], []
    for name, (image, mask) in pairs.items():
        theirs = side(image, mask, None)[1]
        if side.process is not None and not theirs:
            refused.append(name)
        pixels = formats.read_image(Source(IMAGE, "image", (str(image),)))
        marked = formats.read_mask(Source(MASK, "mask", (str(mask),))).labels > 0
        own = extract(pixels.array[0], marked, pixels.geometry.spacing, preset("pyradiomics"))
        for feature, value in theirs.items():
            if feature in own:
                compared += 1
                if abs(own[feature] - value) > 1e-6 * max(abs(value), 1e-6):
                    apart.append(f"{name} {feature}: {own[feature]:.8g}, PyRadiomics {value:.8g}")
    return compared, apart, refused


MEMORY = """
import sys
sys.path.insert(0, {here!r})
import radiomics as benchmark
from pathlib import Path
for _ in range({rounds}):
    took = benchmark.ours(Path({image!r}), Path({mask!r}), benchmark.PLAIN, {filters!r})
high = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")][0]
print(took, float(high.split()[1]) / 1024**2)  # ru_maxrss would count the process that started this one
"""
PLAIN = preset("ct")
BOTH = ("wavelet", "log:sigma_mm=2", "log:sigma_mm=3")


def memory(image: Path, mask: Path, *filters: str, rounds: int = 1) -> tuple[float, float]:
    """Seconds of the last round, and GB at the highest, of a new process that does one case, libraries included."""
    code = MEMORY.format(here=str(HERE), image=str(image), mask=str(mask), filters=filters, rounds=rounds)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, high = map(float, done.stdout.split()[-2:])
    return seconds, high


FILTERS = "## Image filters"


def filtered(image: Path, mask: Path, remark: str) -> str:
    """What wavelet and LoG cost beside the plain features, as a section of the results."""
    plain, with_log, with_both = (memory(image, mask, *texts, rounds=2) for texts in ((), BOTH[1:], BOTH))
    rows = [("none", *plain), (", ".join(BOTH[1:]), *with_log), (", ".join(BOTH), *with_both)]
    goal = f"- {'met' if with_both[1] < 1 else 'MISSED'}: wavelet (4 bands) and LoG (2 sigmas) under 1 GB ({with_both[1]:.2f} GB)"
    table = [f"| {texts} | {seconds:.2f} s | {high:.2f} GB |" for texts, seconds, high in rows]
    n = len(filters_of(BOTH, by_slice=False))
    lines = [
        FILTERS, f"\n{date.today()}. {remark}\n", goal, "",
        f"The CT's region of 285k voxels, preset `ct` at 1 mm, all families; {n} responses with all three. File to features, the second",
        "time in a new process, and its largest resident memory, libraries included. PyRadiomics took 7.8 GB for its own.\n",
        "| filters | file to features | memory |", "| --- | --- | --- |", *table, "",
    ]  # fmt: skip
    print("\n".join(lines))
    return "\n".join(lines)


def many(folder: Path, most: int) -> list[dict[str, Any]]:
    """Seconds a case of the step with a store, and of the second time in a process that forgot."""
    rng = np.random.default_rng(0)
    ball = ((np.indices((32, 64, 64)) - np.array([16, 32, 32])[:, None, None, None]) ** 2).sum(axis=0) < 15**2
    nibabel.save(nibabel.Nifti1Image(ball.astype(np.uint8).T, np.eye(4)), folder / "ball.nii.gz")
    cases = []
    for i in range(most):
        values = rng.normal(100, 30, ball.shape).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(values.T, np.eye(4)), folder / f"{i}.nii.gz")
        cases.append(case_of(folder / f"{i}.nii.gz", folder / "ball.nii.gz", str(i)))
    rows = []
    for n in sorted({10, 100, most}):
        radiomics = Radiomics("mr", store=str(folder / f"store-{n}"))
        seconds = []
        for _ in range(2):
            store.forget()
            began = time.perf_counter()
            radiomics.fit(cases[:n])
            seconds.append(time.perf_counter() - began)
        rows.append({"cases": n, "first": seconds[0] / n, "again": seconds[1] / n})
        print(rows[-1], flush=True)
    return rows


def report(
    rows: list[dict[str, Any]], cases: list[dict[str, Any]], high: dict[str, float], equal: str, remark: str
) -> str:
    table = ["| scan | voxels at 1 mm | file to features | inflating alone | ratio | PyRadiomics | times faster | pictologics | times faster | texture, us a voxel |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for row in rows:
        faster = row["theirs"] / row["ours"]
        table.append(
            f"| {row['scan']} | {row['voxels']:,} | {row['ours']:.3f} s | {row['inflating']:.3f} s | {row['ours'] / row['inflating']:.2f} "
            f"| {row['theirs']:.2f} s | {faster:.0f} | {row['pictologics']:.3f} s | {row['pictologics'] / row['ours']:.1f} "
            f"| {row['kernels']:.3f} |"
        )
    lines = ["| cases | seconds a case | again, from the store | times faster |", "| --- | --- | --- | --- |"]
    lines += [f"| {c['cases']} | {c['first']:.4f} | {c['again']:.6f} | {c['first'] / c['again']:.0f} |" for c in cases]
    ct = [row for row in rows if row["scan"].startswith("CT")]
    goals = [
        ("30 times faster than PyRadiomics, each scan", min(r["theirs"] / r["ours"] for r in rows) >= 30, f"{min(r['theirs'] / r['ours'] for r in rows):.0f} to {max(r['theirs'] / r['ours'] for r in rows):.0f}"),
        ("4 times faster than pictologics 0.9, each scan", min(r["pictologics"] / r["ours"] for r in rows) >= 4, f"{min(r['pictologics'] / r['ours'] for r in rows):.1f} to {max(r['pictologics'] / r['ours'] for r in rows):.1f}"),
        ("16k: within 1.2 times inflating", ct[0]["ours"] <= 1.2 * ct[0]["inflating"], f"{ct[0]['ours'] / ct[0]['inflating']:.2f}"),
        *(
            (f"{r['scan']}: inflating and 0.2 us a voxel", r["ours"] <= 1.2 * r["inflating"] + 0.2e-6 * r["voxels"], f"{r['ours']:.3f} s of {1.2 * r['inflating'] + 0.2e-6 * r['voxels']:.3f}")
            for r in ct[1:]
        ),
        ("texture at or under 0.2 us a voxel, CT", max(r["kernels"] for r in ct) <= 0.2, ", ".join(f"{r['kernels']:.3f}" for r in ct)),
        ("memory under 1 GB", max(high.values()) < 1, ", ".join(f"{k} {v:.2f} GB" for k, v in high.items())),
        ("flat from 10 to the most cases", cases[-1]["first"] <= 1.2 * cases[0]["first"], f"{cases[-1]['first'] / cases[0]['first']:.2f}"),
        ("again from the store 100 times faster", cases[-1]["first"] >= 100 * cases[-1]["again"], f"{cases[-1]['first'] / cases[-1]['again']:.0f}"),
    ]  # fmt: skip
    told = [f"- {'met' if met else 'MISSED'}: {goal} ({how})" for goal, met, how in goals]
    print("\n".join(told))
    machine = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    versions = ", ".join(f"{name} {version(name)}" for name in ("isocenter", "numpy", "numba", "isal"))
    return "\n".join([
        "# Radiomics: file to features\n", f"{date.today()}, {machine}, {versions}. {remark}\n", *told, "",
        "Median of alternated rounds, of each program the second of two runs in a row. Ours: preset `ct` at 1 mm, all families of IBSI 1 but autocorrelation, 3D;",
        "PyRadiomics: all its default classes at 1 mm, bins of 25. pictologics: all its families but spatial intensity, at 1 mm, bins",
        "of 25. Both take all cores for a case, PyRadiomics and texture by itself one. Inflating: gzip of the standard library.\n", *table, "", *lines, "", equal, "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--side")
    parser.add_argument("--pictologics")
    parser.add_argument("--scans", type=int, default=10)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--remark", default="")
    parser.add_argument("--filters", action="store_true")
    given = parser.parse_args()
    results = HERE / "results" / "radiomics.md"
    if given.filters:
        with tempfile.TemporaryDirectory() as place:
            section = filtered(*make_ct(Path(place))["CT, 285k voxels"], given.remark)
        results.write_text(results.read_text().partition(FILTERS)[0] + section)
        return
    side, other = Side(given.side, PYRADIOMICS), Side(given.pictologics, PICTOLOGICS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pairs = make_ct(folder)
        scans = sarcomas(given.data, given.scans)
        rows = speed({**pairs, **scans}, side, other)
        names = list(pairs)
        high = {"16k": memory(*pairs[names[0]])[1], "2.1M": memory(*pairs[names[-1]])[1], "285k, LoG 3 mm": memory(*pairs[names[1]], BOTH[2])[1]}  # fmt: skip
        print(high)
        cases = many(folder, given.cases)
        n, apart, refused = differing(scans, side)
        equal = f"Values on the native grid, preset `pyradiomics`: {n} compared, {len(apart)} differ by more than 1e-6"
        equal += (
            " (those of the mesh where marked corners face each other: radiomics/pyradiomics_shape.py)."
            if apart
            else "."
        )
        equal += "".join(f"\n- {text}" for text in apart[:20])
        equal += f"\n\nRefused there by PyRadiomics, for a header that was rounded otherwise: {', '.join(refused) or 'none'}."
        print(equal)
        text = report(rows, cases, high, equal, given.remark)
        text += "\n" + filtered(*pairs[names[1]], given.remark)
    results.write_text(text)


if __name__ == "__main__":
    main()
