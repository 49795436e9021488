"""Real cohorts, indexed as their readers would: counts are those of the data's own descriptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from isocenter.cohort import Task
from isocenter.ingest import index


def test_breast_ultrasound_as_class_folders(shared_data: Path) -> None:
    cohort = index(shared_data / "busi")
    assert cohort.table["class"].value_counts().to_dict() == {"benign": 220, "malignant": 150, "normal": 50}
    assert {"benign/benign (433)", "malignant/malignant (145)"} <= set(cohort.case_ids)
    assert "No patient id" in cohort.warnings[0] and not cohort.excluded


def test_sarcoma_pet_with_masks_and_a_clinical_table(shared_data: Path) -> None:
    folder = shared_data / "sts_radiomics"
    options = {"labels": folder / "clinical.csv", "target": "lung_mets", "covariates": ["age", "sex"]}
    whole = index(folder / "images", **options)  # type: ignore[arg-type]
    assert len(whole) == 51 and not whole.excluded and not whole.warnings
    kinds = [("image", "T1"), ("image", "PET"), ("mask", "T1"), ("mask", "PET")]
    for case in whole.cases:
        assert [(s.role, s.name) for s in case.sources] == kinds and case.case_id == case.patient_id
        assert all(s.name in s.files[0] and ("mask" in s.files[0]) == (s.role == "mask") for s in case.sources)
    cohort = index(folder / "images", image=["PET.nii.gz"], mask=["PET_mask.nii.gz"], **options)  # type: ignore[arg-type]
    assert len(cohort) == 51 and int(cohort.codes.sum()) == 19 and not cohort.excluded and not cohort.warnings
    assert min(cohort.table["patient_id"]) == "STS_001" and cohort.covariates == ("age", "sex")
    for case in cohort.cases:
        image, mask = case.source("image"), case.source("mask")
        assert image is not None and mask is not None
        assert mask.files[0] == image.files[0].replace("PET.nii.gz", "PET_mask.nii.gz")
        assert f"/{case.patient_id}/" in image.files[0]


def test_chest_radiographs_of_several_a_patient(shared_data: Path) -> None:
    folder = shared_data / "cxr_hannover"
    cohort = index(folder / "images", labels=folder / "data.csv", target="sex")
    assert len(cohort) == 243 and cohort.table["patient_id"].nunique() == 71
    assert cohort.table["patient_id"].value_counts().max() == 22 and not cohort.warnings
    assert "'image_id' = file name without extension: 243 of 243 rows" in " ".join(cohort.notes)


def test_dermatoscopy_of_seven_classes(shared_data: Path) -> None:
    folder = shared_data / "derma_ham10000"
    cohort = index(folder / "images", labels=folder / "metadata.csv", target="dx")
    assert cohort.target is not None and cohort.target.classes == ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    assert len(cohort) == 698 and (cohort.table["dx"] == "df").sum() == 42


@pytest.mark.parametrize(
    "name, sizes, positives",
    [("breastmnist", (546, 78, 156), 399 + 57 + 114), ("pneumoniamnist_rebuilt", (4708, 524, 624), 3494 + 389 + 390)],
)
def test_medmnist_keeps_its_split(shared_data: Path, name: str, sizes: tuple[int, int, int], positives: int) -> None:
    cohort = index(shared_data / "medmnist" / f"{name}.npz")
    assert tuple(cohort.table["split"].value_counts()[["training", "tuning", "test"]]) == sizes
    assert int(cohort.codes.sum()) == positives and cohort.split_column == "split"


def test_volumes_and_masks_in_folders_of_their_own(shared_data: Path) -> None:
    cohort = index(shared_data / "hippocampus", image=["images/*.nii.gz"], mask=["labels/*.nii.gz"], with_labels=False)
    assert len(cohort) == 160
    assert all(s[1].files[0] == s[0].files[0].replace("/images/", "/labels/") for s in cohort.sources)


def test_pydicoms_own_files(tmp_path: Path) -> None:
    from pydicom.data import get_testdata_file

    names = ["CT_small.dcm", "MR_small.dcm", "examples_palette.dcm", "MR_truncated.dcm", "rtplan.dcm"]
    for name in names:
        (tmp_path / name).write_bytes(Path(str(get_testdata_file(name))).read_bytes())
    cohort = index(tmp_path, with_labels=False)
    assert set(cohort.table["modality"]) == {"CT", "MR", "US"}
    assert [f.where for f in cohort.excluded] == ["MR_truncated.dcm"]
    assert "no pictures" in " ".join(cohort.notes)


def test_scikit_learns_tables(tmp_path: Path) -> None:
    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "cancer.csv", index=False)
    load_diabetes(as_frame=True).frame.to_parquet(tmp_path / "diabetes.parquet")
    cancer, diabetes = index(tmp_path / "cancer.csv"), index(tmp_path / "diabetes.parquet")
    assert len(cancer.features) == 30 and cancer.target is not None and cancer.target.task is Task.CLASSIFICATION
    assert len(diabetes.features) == 10 and diabetes.target is not None and diabetes.target.task is Task.REGRESSION
    np.testing.assert_array_equal(cancer.X, load_breast_cancer().data)
    np.testing.assert_array_equal(diabetes.y, load_diabetes().target)
