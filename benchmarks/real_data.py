"""The main job on real public data, figures to benchmarks/results/real_data.md.

    python benchmarks/real_data.py [--data ../shared/data] [--only NAME]

Configuration, seeds and margins stand in this file and were committed before the first look at
any test part; every figure comes with the number of looks.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import isocenter
from isocenter.datasets import breast_cancer, diabetes

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Job:
    """One run; `published`: (metric, value, margin), the figure of others that it should meet."""

    name: str
    input: str
    options: dict[str, Any] = field(default_factory=dict)
    published: tuple[str, float, float] | None = None
    why: str = ""


MNIST = {"features": "pixels", "method": "forest", "n_estimators": 300, "seed": 0}
JOBS = [
    Job("breastmnist", "medmnist/breastmnist.npz", MNIST, ("auc", 0.848, 0.02),
        "official split; 300 trees on raw pixels; 1 image is in training and test"),
    Job("pneumoniamnist", "medmnist/pneumoniamnist_rebuilt.npz", MNIST, ("auc", 0.948, 0.01),
        "official split; 300 trees on raw pixels"),
    Job("busi", "busi", {"method": "forest,linear"}, None, "class folders; one bit-identical pair with two labels; no patient ids"),
    Job("sts_radiomics", "sts_radiomics/images",
        {"labels": "sts_radiomics/clinical.csv", "target": "lung_mets", "image": "PET.nii.gz", "mask": "PET_mask.nii.gz",
         "covariates": "age,sex", "method": "forest,linear"}, None, "PET volumes in their masks; 51 patients"),
    Job("derma_ham10000", "derma_ham10000/images",
        {"labels": "derma_ham10000/metadata.csv", "target": "dx", "method": "forest,linear"}, None, "7 classes"),
    Job("cxr_hannover, by patient", "cxr_hannover/images",
        {"labels": "cxr_hannover/data.csv", "target": "sex", "id_column": "image_id", "features": "pixels",
         "method": "forest"}, None, "sex from chest films; 71 patients, up to 22 images each"),
    Job("cxr_hannover, by image (leaks)", "cxr_hannover/images",
        {"labels": "cxr_hannover/data.csv", "target": "sex", "id_column": "image_id", "patient_column": "image_id",
         "features": "pixels", "method": "forest"}, None, "the same films split as if every image were another patient"),
    Job("breast cancer table", "breast_cancer", {"target": "diagnosis", "method": "forest,linear"}, None, "569 x 30"),
    Job("diabetes table", "diabetes", {"target": "progression", "method": "forest,linear"}, None, "442 x 10, regression"),
]  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    arguments.add_argument("--only", default="")
    chosen = arguments.parse_args()
    lines = [
        "# Real data",
        f"{date.today()}; {platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in ("isocenter", "scikit-learn", "numpy", "pandas")),
        "",
        "Test part; 95 % intervals. Configuration: benchmarks/real_data.py. Looks are counted in each project, and each run",
        "of this file makes new ones: earlier runs, numbers_that_hold.py and the tests looked at the same cases before.",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for job in JOBS:
            if chosen.only in job.name:
                lines += ["", *shown(job, chosen.data, Path(folder))]
                print("\n".join(lines[-12:]), flush=True)
    if not chosen.only:
        (HERE / "results").mkdir(exist_ok=True)
        (HERE / "results" / "real_data.md").write_text("\n".join(lines) + "\n", "utf-8")


def shown(job: Job, data: Path, folder: Path) -> list[str]:
    makers = {"breast_cancer": breast_cancer, "diabetes": diabetes}
    source = makers[job.input](folder / job.input) if job.input in makers else data / job.input
    options = dict(job.options)
    if "labels" in options:
        options["labels"] = data / options["labels"]
    project = folder / "project"
    started = time.monotonic()
    study = isocenter.run(source, project=project, **options)
    seconds = time.monotonic() - started
    lines = [
        f"## {job.name}",
        job.why + ".",
        "",
        "| method | metric | value | interval | cases | patients |",
        "|---|---|---|---|---|---|",
    ]
    results = study.evaluate()
    for name, evaluation in results.items():
        for row in evaluation.estimates:
            if (
                row.part == "test"
                and row.class_name is None
                and row.metric in ("auc", "accuracy", "balanced_accuracy", "r2", "mae")
            ):
                group = f", {row.group}" if row.group else ""
                interval = "-" if math.isnan(row.low) else f"{row.low:.3f} to {row.high:.3f}"
                lines.append(
                    f"| {name}{group} | {row.metric} | {row.value:.3f} | {interval} | {row.n_cases} | {row.n_patients} |"
                )
    primary = results[study.primary]
    lines.append("")
    if job.published:
        metric, value, margin = job.published
        ours = primary.get(metric).value
        verdict = "met" if abs(ours - value) <= margin else "MISSED"
        lines.append(f"{metric} {ours:.3f} (goal {value} within {margin}): {verdict}; looks: {primary.looks}")
    lines += [f"- {text}" for text in study.audit.warnings[:6]]
    if study.audit.conflicts:
        lines.append(f"- identical pixels, different labels: {study.audit.conflicts}")
    size = (project / "report.html").stat().st_size / 1e6
    lines.append(f"- {seconds:.0f} s, report {size:.2f} MB; looks at the test part: {primary.looks}")
    shutil.copy(project / "report.html", Path(tempfile.gettempdir()) / f"report-{job.name.split()[0].strip(',')}.html")
    shutil.rmtree(project)
    return lines


if __name__ == "__main__":
    sys.exit(main())
