"""How smooth the map of cases is: milliseconds a frame while panning and zooming, in a headless Chromium.

    .venv/bin/python benchmarks/map.py [--cases 50000] [--frames 120]

The page is made of synthetic cases with pictures, opened without a graphics card, and moved on every
frame as a hand would; measured are the time between frames and the script's own share of it. Goal: at
50,000 cases under 33 ms a frame while panning, and a page of about 14 MB.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

import isocenter  # noqa: E402
from browser import Browser, browser, missing  # noqa: E402  the path first
from isocenter.reporting.map import Atlas, Sheets, picture_size, render  # noqa: E402

RESULT = HERE / "results" / "map.md"
GOAL = 33.0  # ms a frame
SCREENS = {"desk, 1280 px": (1280, 900), "phone, 360 px at double density": (360, 780)}
MOVES = {
    "panning, whole map": "m.pan(k % 40 < 20 ? 12 : -12, k % 30 < 15 ? 8 : -8)",
    "panning, zoomed in 4 times": "k || (m.fit(), m.zoom(4)); m.pan(k % 40 < 20 ? 12 : -12, k % 30 < 15 ? 8 : -8)",
    "zooming by wheel": "k || m.fit(); m.zoom(k % 60 < 30 ? 1.06 : 1 / 1.06)",
}
LOOP = """
const done = arguments[arguments.length - 1], m = document.getElementById('map-stage').isocenter;
const gaps = [], spent = []; let last = 0, k = 0;
function step(now) {
  if (k > 4) { gaps.push(now - last); spent.push(m.spent()); }
  last = now;
  if (k === FRAMES) { done([gaps, spent]); return; }
  MOVE;
  k++;
  requestAnimationFrame(step);
}
requestAnimationFrame(step);
"""
HOVER = """
const stage = document.getElementById('map-stage'), box = stage.getBoundingClientRect(), times = [];
for (let k = 0; k < 500; k++) {
  const began = performance.now();
  stage.dispatchEvent(new PointerEvent('pointermove', { pointerId: 9, clientX: box.left + (k * 37) % box.width, clientY: box.top + (k * 53) % box.height }));
  times.push(performance.now() - began);
}
return times;
"""


def made(n: int) -> str:
    """A page of n cases in twelve groups, each with a noisy picture, which JPEG packs badly."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 12, n)
    places = rng.normal(0, 4, (12, 2))[group] + rng.normal(0, 0.8, (n, 2))
    columns = pd.DataFrame(
        {"cluster": [f"cluster {k}" for k in group], "age": rng.normal(60, 12, n), "site": rng.choice([*"ABC"], n)},
        index=[f"patient-{i:05d}/series-{i % 7}" for i in range(n)],
    )
    size = picture_size(n)
    y, x = np.mgrid[:size, :size] / size - 0.5

    def picture(i: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        disc = 200 * np.exp(-((x - i % 7 / 20) ** 2 + (y - i % 5 / 20) ** 2) / 0.05) + rng.normal(20, 6, (size, size))
        return np.repeat(disc.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)

    sheets = Sheets.of((picture(i) for i in range(n)), size)
    return render(Atlas("Map", "Benchmark", f"{n} cases", columns, places, sheets=sheets))


def measured(window: Browser, page: Path, frames: int) -> list[str]:
    rows = []
    for screen, (width, height) in SCREENS.items():
        window.set(width, height)
        window.open(page)
        time.sleep(1)
        for name, move in MOVES.items():
            loop = LOOP.replace("FRAMES", str(frames)).replace("MOVE", move)
            gaps, spent = (np.array(one) for one in window.driver.execute_async_script(loop))
            verdict = "met" if np.median(gaps) < GOAL else "missed"
            told = (
                f"{np.median(gaps):.1f} ms | {np.percentile(gaps, 95):.1f} ms | {np.median(spent):.1f} ms | {verdict}"
            )
            rows.append(f"| {screen} | {name} | {told} |")
        hover = np.array(window.driver.execute_script(HOVER))
        rows.append(
            f"| {screen} | hover, an event | - | - | {np.median(hover):.2f} ms, 95 % {np.percentile(hover, 95):.2f} ms | |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--frames", type=int, default=120)
    asked = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "map.html"
        began = time.perf_counter()
        page.write_text(made(asked.cases), "utf-8")
        making = time.perf_counter() - began
        with browser(Path(folder) / "profile") as window:
            rows = measured(window, page, asked.frames)
            version = window.driver.capabilities["browserVersion"]
        size = page.stat().st_size / 1e6
    lines = [
        "# How smooth the map is", "",
        f"- date: {dt.datetime.now(dt.UTC).date()}",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before the start, no graphics card",
        f"- versions: isocenter {isocenter.__version__}, headless Chromium {version}",
        f"- {asked.cases:,} cases, pictures of {picture_size(asked.cases)} px: {size:.1f} MB, made in {making:.1f} s",
        f"- {asked.frames} frames each; goal: median time between frames under {GOAL:.0f} ms while panning", "",
        "| screen | what | between frames, median | 95th percentile | of it our script | goal |",
        "| --- | --- | --- | --- | --- | --- |", *rows, "",
    ]  # fmt: skip
    RESULT.write_text("\n".join(lines), "utf-8")
    sys.stdout.write("\n".join(lines))


if __name__ == "__main__":
    main()
