"""The audit's counts reconcile, planted duplicates are found, and too many losses stop a study."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from isocenter.auditing import Audit, audit_cohort, check_exclusions, leaked, overlaps
from isocenter.auditing.duplicates import identical_rows
from isocenter.auditing.exclusions import lower_limit
from isocenter.case import Source
from isocenter.cohort import Cohort, Target, Task
from isocenter.errors import REQUESTED, Fault, TooManyExcluded

TWO = Target(Task.CLASSIFICATION, "target", ("benign", "malignant"), "malignant")


def _cohort(n: int = 60, patients: bool = True, **columns: Any) -> Cohort:
    names = [f"c{i:03}" for i in range(n)]
    table = pd.DataFrame(
        {
            "patient_id": pd.array([f"p{i // 2}" if patients else pd.NA for i in range(n)], dtype="str"),
            "target": ["benign" if i % 3 else "malignant" for i in range(n)],
            **columns,
        },
        index=pd.Index(names, name="case_id"),
    )
    sources = tuple((Source("image", "image", (f"{name}.png",)),) for name in names)
    return Cohort(table, TWO, sources=sources)


def _facts(cohort: Cohort, same: tuple[tuple[str, ...], ...] = ()) -> pd.DataFrame:
    digests = {case_id: case_id for case_id in cohort.table.index}
    digests |= {case_id: ids[0] for ids in same for case_id in ids}
    return pd.DataFrame({"pixel_digest": digests}).rename_axis("case_id")


def test_counts_reconcile_with_faults_of_indexing_and_of_decoding() -> None:
    cohort = _cohort()
    indexed = Fault("broken.png", "UnreadableFile", "zero bytes", label="benign")
    cohort = Cohort(cohort.table, TWO, cohort.sources, excluded=(indexed,), unlabelled=("u1", "u2"))
    faults = [Fault("c003", "BadGeometry", "a gap"), Fault("c003", "BadGeometry", "again"), indexed]
    audit = audit_cohort(cohort, _facts(cohort), faults)
    assert (audit.found, audit.used, len(audit.excluded), len(audit.unlabelled)) == (63, 59, 2, 2)
    assert audit.found == audit.used + len(audit.excluded) + len(audit.unlabelled)
    assert audit.excluded[1] == Fault("c003", "BadGeometry", "a gap", label="malignant")
    assert audit.classes == {"benign": 40, "malignant": 19}
    assert any("2 of 63 cases are left out" in sentence for sentence in audit.warnings)


def test_an_audit_that_does_not_reconcile_is_a_bug() -> None:
    with pytest.raises(ValueError, match="reconcile"):
        Audit(found=10, used=8, unlabelled=("a",))


def test_usable_drops_what_could_not_be_decoded_and_still_reconciles() -> None:
    cohort = _cohort(12)
    audit = audit_cohort(cohort, None, [Fault("c004", "UnreadableFile", "torn")])
    usable = audit.usable(cohort)
    assert "c004" not in usable.table.index
    kept = replace(cohort, readers=("r1",), aside=pd.DataFrame({"r1": ["a"]}, ["u1"]))
    assert audit.usable(kept).aside is kept.aside  # what readers said of it counts still
    assert kept.select(["c001"]).aside is None
    assert len(usable) == len(usable.sources) == 11
    assert usable.found == cohort.found == audit.found
    assert audit_cohort(usable).used == audit.used
    assert audit_cohort(cohort).usable(cohort) is cohort


def test_a_fault_about_no_case_is_told_but_not_counted() -> None:
    audit = audit_cohort(_cohort(12), None, [Fault("elsewhere.png", "UnreadableFile", "torn")])
    assert audit.used == audit.found == 12
    assert "elsewhere.png: torn" in audit.warnings


def test_duplicates_and_conflicts() -> None:
    cohort = _cohort()
    same = (("c010", "c001"), ("c002", "c000", "c004"), ("c008", "c003"))
    audit = audit_cohort(cohort, _facts(cohort, same), [Fault("c008", "UnreadableFile", "torn")])
    assert audit.duplicates == (("c000", "c002", "c004"), ("c001", "c010"))
    assert audit.conflicts == (("c000", "c002", "c004"),)
    assert any("c000 (malignant) = c002 (benign)" in sentence for sentence in audit.warnings)
    assert any("more than one patient" in sentence for sentence in audit.warnings)


def test_a_digest_that_is_missing_matches_nothing() -> None:
    cohort = _cohort(12)
    facts = _facts(cohort)
    facts.loc[["c001", "c002"], "pixel_digest"] = None
    assert audit_cohort(cohort, facts).duplicates == ()


def test_unknown_patients_are_said_once() -> None:
    cohort = _cohort(patients=False)
    assert sum("No patient ids" in sentence for sentence in audit_cohort(cohort).warnings) == 1
    said = Cohort(cohort.table, TWO, cohort.sources, warnings=("No PATIENT is known.",))
    assert not any("patient" in sentence.lower() for sentence in audit_cohort(said).warnings)
    known = audit_cohort(_cohort())
    assert (known.patients, known.per_patient) == (30, (2, 2.0, 2))


def _features(n: int = 40) -> Cohort:
    rng = np.random.default_rng(0)
    cohort = _cohort(n)
    table = cohort.table.assign(**{f"f{i}": rng.normal(size=n) for i in range(4)})
    return Cohort(table, TWO, features=("f0", "f1", "f2", "f3"), origin="table")


def test_identical_rows_are_told_but_not_grouped() -> None:
    cohort = _features()
    cohort.table.loc["c005", ["f0", "f1", "f2", "f3"]] = [0.0, np.nan, 1.0, 2.0]
    cohort.table.loc["c009", ["f0", "f1", "f2", "f3"]] = [-0.0, np.nan, 1.0, 2.0]
    audit = audit_cohort(cohort)
    assert audit.identical_rows == (("c005", "c009"),)
    assert audit.duplicates == ()
    assert any("equal features; in 1 of them the target differs" in sentence for sentence in audit.warnings)


def test_equal_rows_of_one_patient_are_not_said_to_be_parted() -> None:
    cohort = _features()
    names = ["f0", "f1", "f2", "f3"]

    def told() -> str:
        return next(sentence for sentence in audit_cohort(cohort).warnings if "equal features" in sentence)

    cohort.table.loc[["c000", "c001"], names] = 1.0  # two cases a patient: c000 and c001 are of one
    assert cohort.table.loc["c000", "patient_id"] == cohort.table.loc["c001", "patient_id"]
    assert "It is of one patient, with whom a split keeps them" in told() and "chance" not in told()
    cohort.table.loc[["c010", "c020"], names] = 2.0
    assert "1 of them is of one patient each" in told() and "the others are not kept in one part" in told()
    cohort.table["patient_id"] = None
    assert "They are not kept in one part" in told()


def test_the_order_of_values_in_a_row_counts() -> None:
    assert identical_rows(pd.DataFrame([[1.0, 2.0], [2.0, 1.0], [1.0, 2.5]], index=list("abc"))) == ()


def test_a_million_rows_are_compared_quickly() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200_000, 20))
    values[150_000] = values[7]
    started = time.perf_counter()
    found = identical_rows(pd.DataFrame(values).set_axis([str(i) for i in range(200_000)]))
    assert found == (("150000", "7"),)
    assert time.perf_counter() - started < 3


def test_missing_and_constant_columns() -> None:
    cohort = _features()
    cohort.table.loc[cohort.table.index[:30], "f1"] = np.nan
    cohort.table["f2"] = 5.0
    audit = audit_cohort(cohort)
    assert audit.missing == {"f1": 30}
    assert audit.constant == ("f2",)
    assert any("f1 (75%)" in sentence for sentence in audit.warnings)
    assert any("never changed: f2" in sentence for sentence in audit.warnings)


def test_small_classes_and_shortcuts_are_suspicious() -> None:
    site = ["A" if i % 3 == 0 else ("B" if i % 2 else "C") for i in range(60)]
    audit = audit_cohort(_cohort(site=site, age=np.linspace(20, 80, 60)))
    assert any("All 20 cases with site = A are malignant" in sentence for sentence in audit.warnings)
    assert not any("age" in sentence for sentence in audit.warnings)
    few = audit_cohort(_cohort(12))
    assert any("Class malignant has only 4 cases" in sentence for sentence in few.warnings)


def test_many_images_of_few_patients_are_no_shortcut() -> None:
    """Twenty images of two patients are of one class by a chance of a quarter or so, whatever they share."""
    site = ["A" if i % 3 == 0 else ("B" if i % 2 else "C") for i in range(60)]
    cohort = _cohort(site=site)
    cohort.table["patient_id"] = [f"{s}{i % 2}" for i, s in enumerate(site)]
    assert not any("could learn" in sentence for sentence in audit_cohort(cohort).warnings)


def test_the_audit_survives_json() -> None:
    cohort = _features()
    cohort.table.loc["c001", "f0"] = np.nan
    audit = audit_cohort(cohort, _facts(cohort, (("c001", "c002"),)), [Fault("c003", "BadShape", "flat", "mend it")])
    assert Audit.from_dict(json.loads(json.dumps(audit.to_dict()))) == audit
    assert Audit.from_dict({**audit.to_dict(), "later": 1}) == audit
    assert json.loads(json.dumps(audit.to_dict()))["duplicates"] == [["c001", "c002"]]


def test_lines_tell_the_counts() -> None:
    audit = audit_cohort(_cohort(), None, [Fault("c003", "BadShape", "flat")])
    said = audit.lines()
    assert said[0] == "Found 60 cases: 59 used, 1 left out (BadShape 1)."
    assert said[1] == "30 patients with 1 to 2 cases each (median 2)."
    assert said[2] == "Classes: benign 40, malignant 19."


# Limits of what may be left out


def _lost(benign: int, malignant: int, n: int = 600, code: str = "UnreadableFile") -> tuple[Audit, Cohort]:
    cohort = _cohort(n)
    ids = cohort.table.index[cohort.table["target"] == "benign"][:benign].tolist()
    ids += cohort.table.index[cohort.table["target"] == "malignant"][:malignant].tolist()
    return audit_cohort(cohort, None, [Fault(case_id, code, "torn") for case_id in ids]), cohort


def test_newcombes_published_example() -> None:
    """Newcombe 1998, Stat Med 17:873, table II: 56/70 - 48/80, method 10: 0.0524 to 0.3339."""
    assert lower_limit(56, 70, 48, 80) == pytest.approx(0.0524, abs=5e-5)
    assert -lower_limit(48, 80, 56, 70) == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize(
    "benign, malignant, n, stops",
    [
        (0, 0, 60, False),
        (2, 0, 30, False),  # more than 5 %, but fewer than 3
        (2, 1, 60, False),  # 3 of 60 are 5 %, not more
        (2, 2, 60, True),
        (20, 10, 600, False),  # 5 % of both
        (0, 12, 600, True),  # 6 % of one class
        (0, 4, 600, False),  # 2 % against 0 is not more than two points
        (0, 1, 60, False),  # 5 % against 0, but one case: the interval holds 0
    ],
)
def test_the_limit_of_excluded_cases(benign: int, malignant: int, n: int, stops: bool) -> None:
    audit, cohort = _lost(benign, malignant, n)
    if stops:
        with pytest.raises(TooManyExcluded, match="--allow-excluded"):
            check_exclusions(audit, cohort)
        assert check_exclusions(audit, cohort, allow=True)
    else:
        assert check_exclusions(audit, cohort) == ()
    assert any("left out" in sentence for sentence in audit.warnings) == bool(benign + malignant)


def test_what_was_left_out_on_request_does_not_count() -> None:
    assert check_exclusions(*_lost(30, 30, 60, REQUESTED)) == ()


def test_measurements_know_only_the_first_limit() -> None:
    cohort = _cohort(40)
    cohort = Cohort(cohort.table.assign(target=np.arange(40.0)), Target(Task.REGRESSION, "target"), cohort.sources)
    audit = audit_cohort(cohort, None, [Fault(f"c{i:03}", "UnreadableFile", "torn") for i in range(3)])
    with pytest.raises(TooManyExcluded):
        check_exclusions(audit, cohort)
    assert audit.classes == {}


# What parts share


def test_overlaps_count_images_and_patients() -> None:
    cohort = _cohort(12)  # c000 and c001 are patient p0, and so on
    ids = cohort.table.index
    parts = {"training": ids[:5], "tuning": ids[5:8], "test": ids[8:]}
    found = overlaps(cohort, [("c000", "c011"), ("c001", "c002"), ("c008", "c009")], parts)
    assert [(o.first, o.second, o.images, o.patients, o.cases) for o in found] == [
        ("training", "training", 1, 0, ("c001", "c002")),
        ("training", "tuning", 0, 1, ("c005",)),
        ("training", "test", 1, 0, ("c011",)),
        ("test", "test", 1, 0, ("c008", "c009")),
    ]
    assert leaked(found) == ("c011",)
    assert found[0].sentence() == "1 image occurs more than once inside training."
    assert found[1].sentence() == "1 patient is in both training and tuning."
    assert found[2].sentence() == "1 image is in both training and test."


def _medmnist(path: Path) -> tuple[Audit, Cohort]:
    with np.load(path) as arrays:
        images = np.concatenate([arrays[f"{part}_images"] for part in ("train", "val", "test")])
        labels = np.concatenate([arrays[f"{part}_labels"] for part in ("train", "val", "test")]).ravel()
        parts = [part for part in ("train", "val", "test") for _ in range(len(arrays[f"{part}_labels"]))]
    names = pd.Index([f"{part}-{i}" for i, part in enumerate(parts)], name="case_id")
    table = pd.DataFrame({"patient_id": None, "target": labels.astype(str), "split": parts}, index=names)
    cohort = Cohort(table, Target(Task.CLASSIFICATION, "target", ("0", "1"), "1"), split_column="split", origin="array")
    facts = pd.DataFrame({"pixel_digest": [hashlib.sha256(one.tobytes()).hexdigest() for one in images]}, index=names)
    return audit_cohort(cohort, facts), cohort


@pytest.mark.parametrize(
    "name, expected, conflicts",
    [
        ("breastmnist.npz", {("train", "test"): 1}, 1),
        ("pneumoniamnist_rebuilt.npz", {("train", "train"): 18, ("test", "test"): 3, ("train", "val"): 8}, 0),
    ],
)
def test_official_splits_of_medmnist(
    name: str, expected: dict[tuple[str, str], int], conflicts: int, shared_data: Path
) -> None:
    audit, cohort = _medmnist(shared_data / "medmnist" / name)
    parts = {str(part): ids for part, ids in cohort.table.groupby("split", sort=False).groups.items()}
    found = overlaps(cohort, audit.duplicates, parts)
    assert {(o.first, o.second): o.images for o in found} == expected
    assert len(leaked(found)) == expected.get(("train", "test"), 0)
    assert len(audit.conflicts) == conflicts
    assert not any("split" in sentence for sentence in audit.warnings)


def test_the_pair_of_busi_with_two_labels(shared_data: Path) -> None:
    from PIL import Image

    files = sorted((shared_data / "busi").rglob("*.png"))
    digests = [hashlib.sha256(np.asarray(Image.open(file)).tobytes()).hexdigest() for file in files]
    names = pd.Index([f"{file.parent.name}/{file.stem}" for file in files], name="case_id")
    table = pd.DataFrame({"patient_id": None, "target": [file.parent.name for file in files]}, index=names)
    cohort = Cohort(table, Target(Task.CLASSIFICATION, "target", ("benign", "malignant", "normal")))
    audit = audit_cohort(cohort, pd.DataFrame({"pixel_digest": digests}, index=names))
    assert ("benign/benign (433)", "malignant/malignant (145)") in audit.conflicts
    assert any("(433)" in s and "(145)" in s and "another label" in s for s in audit.warnings)
