"""What the evaluation says of real public data: differences, shortcuts, grades, subgroups, external tests.

    .venv/bin/python benchmarks/numbers_that_hold.py [--data ../shared/data] [--only NAME]

Configuration and seeds stand in this file and were committed before each run; every figure comes with the
number of looks of its project. All methods run with their defaults. --only runs the jobs whose names hold NAME
and puts their sections in the place of the old ones, marked "run again".
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from run_overhead import machine, versions
from sklearn.metrics import roc_auc_score

import isocenter
from isocenter import external
from isocenter.datasets import phantom
from isocenter.features.intensity import Intensity

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "numbers_that_hold.md"
REPEATED = {"design": "kfold", "folds": 5, "repeats": 10, "seed": 0}
LOOKS = (
    "Looks are counted in each project, and each job makes a new one. All these cohorts were looked at before, by earlier\n"
    "runs of this file, of real_data.py or of the tests: these are numbers looked at again, not fresh ones."
)
SHOWN = ("auc", "ordinal_c_index", "kappa_quadratic", "accuracy", "brier", "calibration_slope")


def interval(row: Any) -> str:
    if row.value != row.value:
        return "-"
    return f"{row.value:.3f}" if row.low != row.low else f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})"


def told(study: isocenter.Study, metrics: tuple[str, ...] = SHOWN) -> Iterator[str]:
    """Every method's numbers on the test part, the claim, and the comparisons of the headline."""
    evaluations = study.evaluate()
    yield "| method | " + " | ".join(metrics) + " |"
    yield "|---" * (len(metrics) + 1) + "|"
    for name, found in evaluations.items():
        rows = {e.metric: e for e in found.estimates if (e.part, e.group, e.class_name) == ("test", None, None)}
        yield f"| {name} | " + " | ".join(interval(rows[m]) if m in rows else "-" for m in metrics) + " |"
    yield ""
    summary = study.summary()
    yield f"- looks: {summary['looks']}"
    yield f"- {summary['claim']}"
    headline = study.compare()[0].metric
    for row in study.compare():
        if row.metric == headline and row.group is None and study.primary in (row.method, row.against):
            yield f"- {row.sentence}"


def sarcoma(data: Path, folder: Path) -> Path:
    """First-order PET features of each tumour as a table, SUVmax under its own name."""
    root = data / "sts_radiomics"
    cohort = isocenter.index(
        root / "images",
        labels=root / "clinical.csv",
        target="lung_mets",
        image=["PET.nii.gz"],
        mask=["PET_mask.nii.gz"],
    )
    table = (
        Intensity(mask=True)
        .fit_transform(cohort.cases)
        .rename(columns={"stat_max": "suvmax", "morph_vol_approx": "volume"})
    )
    labels = pd.read_csv(root / "clinical.csv").set_index("patient_id")
    own = labels.loc[cohort.table.loc[table.index, "patient_id"], ["lung_mets", "grade"]].reset_index()
    path = folder / "sarcoma.csv"
    table.reset_index(drop=True).join(own).to_csv(path, index=False)
    return path


def lung_mets(data: Path, folder: Path) -> Iterator[str]:
    table = sarcoma(data, folder)
    rows = pd.read_csv(table)
    for name in ("suvmax", "volume"):
        yield f"- {name} alone, all 51 patients: AUC {roc_auc_score(rows['lung_mets'], rows[name]):.3f}"
    rows.drop(columns="grade").to_csv(folder / "lung.csv", index=False)
    how = {"target": "lung_mets", "positive": "1", "patient_column": "patient_id", **REPEATED}
    study = isocenter.run(folder / "lung.csv", covariates="suvmax,volume", method="forest,linear", **how)
    yield f"- {study.sample_size['summary']}"
    yield "- covariates: a logistic regression on SUVmax and volume together"
    yield from told(study)
    yield ""
    yield "The forest, with the same features and splits, against one of them alone:"
    yield ""
    for name in ("suvmax", "volume"):
        study = isocenter.run(folder / "lung.csv", covariates=name, method="forest", **how)
        yield from (
            f"- {row.sentence}" for row in study.compare() if row.metric == "auc" and row.against == "covariates"
        )


def grade(data: Path, folder: Path) -> Iterator[str]:
    pd.read_csv(sarcoma(data, folder)).drop(columns="lung_mets").to_csv(folder / "grade.csv", index=False)
    study = isocenter.run(
        folder / "grade.csv", target="grade", order="Low,Intermediate,High", patient_column="patient_id",
        covariates="suvmax", method="forest,linear", **REPEATED,
    )  # fmt: skip
    yield from told(study)


def icu(data: Path, folder: Path) -> Iterator[str]:
    root = data / "cxr_hannover"
    rows = pd.read_csv(root / "data.csv")
    rows["icu"] = rows["icu_admission_offset"].notna().map({True: "yes", False: "no"})
    crude = roc_auc_score(rows["icu"] == "yes", rows["projection"].str.lower() == "ap")
    yield f"- projection AP against PA, {len(rows)} images, crude: AUC {crude:.3f}"
    rows[["patient_id", "image_id", "projection", "modality", "icu"]].to_csv(folder / "icu.csv", index=False)
    study = isocenter.run(
        root / "images", labels=folder / "icu.csv", target="icu", id_column="image_id", method="forest", seed=0
    )
    for row in study.shortcuts[:4]:
        shown = "not defined" if row["auc"] is None else f"{row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        yield f"- metadata alone, training part: {row['column']}: AUC {shown}"
    yield from (f"- WARNING {text}" for text in study.describe_design()["warnings"] if "Metadata" in text)
    yield from told(study)


def derma(data: Path, folder: Path) -> Iterator[str]:
    del folder
    root = data / "derma_ham10000"
    study = isocenter.run(
        root / "images", labels=root / "metadata.csv", target="dx", id_column="image_id", patient_column="lesion_id",
        method="linear,forest", subgroups="sex,age", seed=0,
    )  # fmt: skip
    found = study.evaluate()["linear"]
    for row in found.estimates:
        if row.part == "test" and row.metric == "auc" and (row.class_name is not None) == (row.group is None):
            yield f"- AUC {row.group or ''}{row.class_name or ''}: {interval(row)}, {row.n_cases} cases"
    yield from (f"- {text}" for text in found.warnings if "suppressed" in text)
    yield from told(study, ("auc", "accuracy", "balanced_accuracy"))


def elsewhere(title: str, home: isocenter.Study, cohort: isocenter.Cohort) -> Iterator[str]:
    """The primary model of a study on other patients."""
    model = home.fit()[home.primary]
    found = external.assess(model, cohort, internal=home.evaluate()[home.primary])
    yield f"- {title}: {counted(found.to_dict()['counts'])}"
    yield "| metric | internal test | external |"
    yield "|---|---|---|"
    for row in found.side_by_side():
        if row["metric"] in SHOWN and row["class"] is None and "external" in row:
            cells = [row.get(side) for side in ("test", "external")]
            yield f"| {row['metric']} | " + " | ".join(_cell(c) for c in cells) + " |"
    notable = [r for r in found.case_mix if r["difference"] is not None and abs(r["difference"]) > 0.1]
    yield f"- case mix differs in: {', '.join(r['name'] for r in notable) or 'nothing'}"


def counted(counts: dict[str, int]) -> str:
    """Cases of an external test, in words."""
    return (
        f"{counts['found']} cases found = {counts['used']} used + {counts['refused']} refused "
        f"+ {counts['unlabelled']} without a reference"
    )


def _cell(row: dict[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "-"
    ranged = "" if row["low"] is None else f" ({row['low']:.3f} to {row['high']:.3f})"
    return f"{row['value']:.3f}{ranged}"


def phantom_sites(data: Path, folder: Path) -> Iterator[str]:
    del data
    phantom(folder / "phantom", patients=150, seed=0)
    rows = pd.read_csv(folder / "phantom" / "labels.csv")
    first, second = rows["site"].value_counts().index[:2]
    for name, site in (("one", first), ("two", second)):
        rows[rows["site"] == site].to_csv(folder / f"{name}.csv", index=False)
    how = {"target": "malignant", "mask": ["lesion_mask.nii.gz"], "covariates": ["age", "sex"]}
    home = isocenter.run(
        folder / "phantom/scans", labels=folder / "one.csv", allow_excluded=True, method="linear", seed=0, **how
    )
    there = isocenter.index(folder / "phantom/scans", labels=folder / "two.csv", **how)
    yield from elsewhere(f"synthetic CT, site {first} to site {second}", home, there)


def projections(data: Path, folder: Path) -> Iterator[str]:
    root = data / "cxr_hannover"
    rows = pd.read_csv(root / "data.csv")[["patient_id", "image_id", "projection", "sex"]]
    for name in ("ap", "pa"):
        rows[rows["projection"].str.lower() == name].to_csv(folder / f"{name}.csv", index=False)
    how = {"target": "sex", "id_column": "image_id"}
    home = isocenter.run(root / "images", labels=folder / "ap.csv", allow_excluded=True, method="linear", seed=0, **how)
    there = isocenter.index(root / "images", labels=folder / "pa.csv", **how)
    yield from elsewhere("sex from chest films, AP to PA", home, there)


def breast(data: Path, folder: Path) -> Iterator[str]:
    del folder
    study = isocenter.run(data / "medmnist/breastmnist.npz", features="pixels", method="linear", positive="0", seed=0)
    yield from (f"- {text}" for text in study.describe_design()["warnings"][:3])
    yield from told(study, ("auc", "partial_auc", "accuracy", "brier", "calibration_slope"))
    yield from (
        f"- {p['criterion']}: threshold {p['threshold']:.3f}, sensitivity {p['test']['sensitivity'][0]:.2f}, specificity {p['test']['specificity'][0]:.2f}"
        for p in study.evaluate()[study.primary].points
        if p["threshold"] is not None
    )


def busi(data: Path, folder: Path) -> Iterator[str]:
    del folder
    study = isocenter.run(data / "busi", method="forest,linear", seed=0)
    yield from (f"- {text}" for text in study.describe_design()["warnings"][:3])
    yield from (f"- identical pixels with different labels: {' = '.join(group)}" for group in study.audit.conflicts)
    yield from told(study, ("auc", "accuracy", "balanced_accuracy"))


JOBS: dict[str, Callable[[Path, Path], Iterator[str]]] = {
    "sts_radiomics lung_mets: what does the forest add over SUVmax and volume?": lung_mets,
    "sts_radiomics grade, ordinal": grade,
    "cxr_hannover: ICU as a target": icu,
    "derma_ham10000: one against the rest, subgroups": derma,
    "external: phantom site to site": phantom_sites,
    "external: sex, AP to PA": projections,
    "breastmnist: no patient ids": breast,
    "busi: no patient ids, one bit-identical pair with two labels": busi,
}


def sections(text: str) -> tuple[str, dict[str, str]]:
    """What stands before the first section of a result, and the sections by job."""
    head, *rest = text.strip().split("\n\n## ")
    return head, {one.partition("\n")[0]: f"## {one}" for one in rest}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    head = f"# Numbers that hold, on real data\n{dt.date.today()}; {machine()}; {versions()}\n\n{LOOKS}"
    found: dict[str, str] = {}
    if asked.only:
        head, found = sections(RESULT.read_text("utf-8"))
    for name, job in JOBS.items():
        if asked.only in name:
            with tempfile.TemporaryDirectory() as folder:
                told = "\n".join(job(asked.data, Path(folder)))
            again = f"Run again {dt.date.today()}; {versions()}\n\n" if asked.only else ""
            found[name] = f"## {name}\n\n{again}{told}"
            print(found[name], flush=True)
            RESULT.write_text("\n\n".join([head, *(found[n] for n in JOBS if n in found)]) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
