"""IBSI 2, then IBSI 1: how many of all published reference values are matched, by family and configuration?

    .venv/bin/python benchmarks/ibsi.py [--data ../shared/data/ibsi] [--only-1]

IBSI 1: 2,134 rows of the digital phantom and of configurations A to E, 2,104 of them with a value, 240 of
these diagnostics of the image and the region. A value matches if, rounded to the significant digits of the
reference (three or more), it differs by at most the published tolerance; how many match without rounding is
printed too (values with tolerance 0 are printed to three digits and cannot be compared otherwise). What is not computed is a miss, nothing drops out;
the tables have no value for two densities each of OMBB and MVEE (not computed here) and for the area under
the intensity-volume histogram (computed, compared with nothing).
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from run_overhead import machine, versions

from isocenter.radiomics import Settings, extract, preset
from isocenter.radiomics.diagnostics import diagnostics
from isocenter.radiomics.settings import IN_PLANE, IN_SPACE

RESULT = Path(__file__).resolve().parent / "results" / "ibsi.md"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "ibsi"
TOTAL = 2104
LOOSE = 0.25  # of a value: a wider tolerance proves little
FAMILIES = {
    "diagnostics": ("img", "vox", "mean", "min", "max", "int", "morph_mask"), "morphology": ("morph",),
    "local intensity": ("loc",), "statistics": ("stat",), "histogram": ("ih",), "volume histogram": ("ivh",),
    "GLCM": ("cm",), "GLRLM": ("rlm",), "GLSZM": ("szm",), "GLDZM": ("dzm",), "NGTDM": ("ngt",), "NGLDM": ("ngl",),
}  # fmt: skip
# The digital phantom is discretised already: bins of 1 from its minimum, 1, leave it as it is.
CONFIGURATIONS = {
    "digital phantom": ("dig_phantom", Settings(bin_width=1, aggregations=(*IN_PLANE, *IN_SPACE))),
    **{letter: (f"chest_config_{letter.lower()}", preset(f"ibsi-{letter}")) for letter in "ABCDE"},
}


def phantom(data: Path, name: str) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float]]:
    """Image and mask (z, y, x), and the size of voxels."""
    folder = data / ("ibsi1_digital_phantom" if name == "dig_phantom" else "ibsi1_ct_phantom") / "nifti"
    image = nib.load(folder / "image" / "phantom.nii.gz")
    mask = nib.load(folder / "mask" / "mask.nii.gz")
    z, y, x = (float(side) for side in image.header.get_zooms()[::-1])
    return np.asarray(image.dataobj).T, np.asarray(mask.dataobj).T > 0, (z, y, x)


def reference(data: Path, name: str) -> list[tuple[str, str, str]]:
    """Tag, value and tolerance of each row, as printed; blank where no value was agreed on."""
    table = data / "ibsi1_reference_values" / f"ibsi_1_{name}.csv"
    rows = [line.split(";") for line in table.read_text().splitlines()[1:]]
    return [(tag, value, tolerance) for value, tolerance, tag in rows]


def matches(found: float, value: str, tolerance: str, *, rounded: bool = True) -> bool:
    """Rounded as the reference is: to its significant digits, at least three (1490 has three, 125256 six)."""
    if not math.isfinite(found):
        return False
    digits = max(3, len(value.partition("E")[0].lstrip("-").replace(".", "").strip("0")))
    compared = float(f"{found:.{digits - 1}e}") if rounded else found
    return abs(compared - float(value)) <= float(tolerance) * (1 + 1e-9) + 1e-9 * abs(float(value))


def family(tag: str) -> str:
    if tag.endswith(("_img", "_roi")):
        return "diagnostics"
    return next(name for name, starts in FAMILIES.items() if tag.split("_")[0] in starts and name != "diagnostics")


def computed(data: Path, name: str, settings: Settings) -> tuple[dict[str, float], float]:
    """All that the tables ask for, and the seconds that the features took."""
    image, mask, spacing = phantom(data, name)
    began = time.perf_counter()
    found = extract(image, mask, spacing, settings)
    seconds = time.perf_counter() - began
    return {**diagnostics(image, mask, spacing, settings), **found}, seconds


def report(data: Path, lines: list[str]) -> int:
    """Appends a table to `lines`; how many values matched."""
    counts: dict[str, dict[str, list[int]]] = {name: {} for name in FAMILIES}
    misses, loose, rows = [], [], 0
    tolerant = strict = 0
    seconds: dict[str, float] = {}
    for title, (name, settings) in CONFIGURATIONS.items():
        found, seconds[title] = computed(data, name, settings)
        for tag, value, tolerance in reference(data, name):
            rows += 1
            if not value:
                continue
            matched = matches(found.get(tag, math.nan), value, tolerance)
            tally = counts[family(tag)].setdefault(title, [0, 0])
            tally[0] += matched
            tally[1] += 1
            if float(tolerance) > 0:
                tolerant += 1
                strict += matches(found.get(tag, math.nan), value, tolerance, rounded=False)
            if not matched:
                misses.append(f"missed {title} {tag}: {found.get(tag, math.nan):.6g}, not {value} +- {tolerance}")
            if float(tolerance) > LOOSE * abs(float(value)):
                loose.append(f"{title} {tag}")
    lines.append("| family | " + " | ".join(CONFIGURATIONS) + " |")
    lines.append("| --- |" + " ---: |" * len(CONFIGURATIONS))
    for name, by in counts.items():
        cells = ("/".join(map(str, by[title])) if title in by else "" for title in CONFIGURATIONS)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    sums = [[sum(by.get(title, [0, 0])[i] for by in counts.values()) for i in (0, 1)] for title in CONFIGURATIONS]
    lines.append("| all | " + " | ".join(f"{one}/{of}" for one, of in sums) + " |")
    lines.append("| seconds | " + " | ".join(f"{seconds[title]:.2f}" for title in CONFIGURATIONS) + " |")
    total = sum(of for _, of in sums)
    lines += ["", *misses, f"{rows} rows, {rows - total} without a value: OMBB and MVEE densities, area under the IVH."]
    lines.append(f"Without rounding ours first, {strict} of the {tolerant} values with a tolerance above 0 match.")
    lines.append(f"Weak consensus (tolerance above {LOOSE:.0%} of the value), {len(loose)}: {', '.join(loose)}")
    return sum(one for one, _ in sums)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only-1", action="store_true", help="leave out IBSI 2")
    given = parser.parse_args()
    if not given.data.is_dir():
        sys.exit(f"There is no {given.data}; give the folder of the reference data with --data.")
    lines = [f"# IBSI\n\n{dt.date.today()}, {machine()}, {versions()}\n"]
    if not given.only_1:
        from ibsi2 import report as second

        maps, values = second(given.data)
        lines.append(f"IBSI 2: {maps} response maps of 33, {values} feature values of 323.\n")
    matched = report(given.data, lines)
    lines.append(f"\nmatched {matched}/{TOTAL}")
    print("\n".join(lines))
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
