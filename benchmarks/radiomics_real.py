"""Do radiomics of PET and MR tell more of lung metastases than SUVmax or volume alone? 51 sarcoma patients.

    .venv/bin/python benchmarks/radiomics_real.py [--data ../shared/data]

Configuration and seeds stand in this file and were committed before the first look at any test part; every figure
comes with the number of looks. All methods run with their defaults. Cross-validation by patient, 5 folds repeated 10
times, every choice inside its fold. Then a measurement: SUVmax of the PET from features of the T1 MR alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from numbers_that_hold import REPEATED, told
from run_overhead import machine, versions
from sklearn.metrics import roc_auc_score

import isocenter
from isocenter.features.intensity import Intensity

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "radiomics_real.md"
PET = {"image": ["PET=PET.nii.gz"], "mask": ["PET=PET_mask.nii.gz"]}
T1 = {"image": ["T1=MR_T1.nii.gz"], "mask": ["T1=MR_T1_mask.nii.gz"]}
BOTH = {name: PET[name] + T1[name] for name in PET}


def labels(root: Path, folder: Path) -> Path:
    """The clinical table with SUVmax and volume of the tumour in PET."""
    table = root / "clinical.csv"
    cohort = isocenter.index(root / "images", labels=table, target="lung_mets", **PET)
    found = Intensity(mask=True).fit_transform(cohort.cases)
    found.index = pd.Index(cohort.table.loc[found.index, "patient_id"], name="patient_id")
    own = found.rename(columns={"stat_max": "suvmax", "morph_vol_approx": "volume"})[["suvmax", "volume"]]
    path = folder / "labels.csv"
    pd.read_csv(table)[["patient_id", "lung_mets"]].merge(own, on="patient_id").to_csv(path, index=False)
    return path


def runs(root: Path, table: Path) -> Iterator[str]:
    rows = pd.read_csv(table)
    for name in ("suvmax", "volume"):
        yield f"- {name} alone, all {len(rows)} patients, nothing fitted: AUC {roc_auc_score(rows['lung_mets'], rows[name]):.3f}"
    for alone in ("suvmax", "volume"):
        for select in (None, "mrmr"):
            chosen = "all features" if select is None else "10 features by mRMR inside the folds"
            yield from ("", f"## Lung metastases: radiomics of PET and MR, {chosen}, against {alone} alone", "")
            study = isocenter.run(
                root / "images", labels=table, target="lung_mets", covariates=alone, ignore="suvmax,volume".replace(alone, "").strip(","),
                features="radiomics", method="forest,linear", select=select, keep=10, **BOTH, **REPEATED,
            )  # fmt: skip
            yield from told(study, ("auc", "balanced_accuracy", "brier", "calibration_slope"))
    yield from ("", "## SUVmax of the PET from features of the T1 MR", "")
    study = isocenter.run(
        root / "images", labels=table, target="suvmax", task="regression", ignore="lung_mets,volume",
        features="radiomics", method="forest,linear", **T1, **REPEATED,
    )  # fmt: skip
    yield from told(study, ("r2", "mae", "spearman"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    asked = parser.parse_args()
    lines = ["# Radiomics of sarcoma: do more features help?", f"{dt.date.today()}; {machine()}; {versions()}", ""]
    with tempfile.TemporaryDirectory() as name:
        root = asked.data / "sts_radiomics"
        for line in runs(root, labels(root, Path(name))):
            lines.append(line)
            print(line, flush=True)
    RESULT.write_text("\n".join(lines) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
