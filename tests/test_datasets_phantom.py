"""The phantom on disk: DICOM, masks and tables that agree."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from scipy import ndimage

from isocenter import datasets
from isocenter.datasets.rendering import lesion_centre
from isocenter.metrics.ranking import auc

FEW = 6


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    datasets.phantom(folder, patients=FEW, seed=3)
    return folder


@pytest.fixture(scope="module")
def cohort() -> tuple[datasets.Patient, ...]:
    return datasets.draw_patients(3, FEW)


@pytest.fixture(scope="module")
def series(written: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(p) for p in sorted((written / "scans" / "PHANTOM-002" / "ct").iterdir())]


def test_series_are_ct_images_with_all_required_attributes(series: list[pydicom.Dataset]) -> None:
    required = (
        "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID Modality PatientName "
        "PatientID PatientSex StudyDate StudyTime StudyID SeriesNumber Manufacturer InstanceNumber ImageType KVP "
        "AcquisitionNumber SliceThickness PixelSpacing ImagePositionPatient ImageOrientationPatient PatientPosition "
        "RescaleIntercept RescaleSlope RescaleType SamplesPerPixel PhotometricInterpretation Rows Columns "
        "BitsAllocated BitsStored HighBit PixelRepresentation PixelData"
    )
    may_be_empty = ["PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator"]
    for one in series:
        assert one.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert one.SOPClassUID == CTImageStorage
        assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
        assert not [name for name in required.split() if name not in one or one[name].is_empty]
        assert not [name for name in may_be_empty if name not in one]
        assert float(one.RescaleIntercept) == -1024
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID", "Rows", "PixelSpacing"):
        assert len({str(one[name].value) for one in series}) == 1


def test_it_calls_itself_synthetic(written: Path, series: list[pydicom.Dataset]) -> None:
    assert series[0].PatientName == "SYNTHETIC^PHANTOM"
    assert "SYNTHETIC" in series[0].ImageType
    for name in ("ImageComments", "PatientComments", "SeriesDescription", "StudyDescription", "InstitutionName"):
        assert "SYNTHETIC" in series[0][name].value
    assert series[0].QualityControlSubject == "YES"
    assert (written / "README.txt").read_text().startswith("SYNTHETIC")
    mask = nib.load(written / "scans" / "PHANTOM-001" / "lesion_mask.nii.gz")
    assert b"SYNTHETIC" in bytes(mask.header["descrip"])


def test_uids_are_valid_and_unique(written: Path) -> None:
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in written.rglob("*.dcm")]
    instances = [h.SOPInstanceUID for h in headers]
    assert len(set(instances)) == len(instances)
    assert len({h.SeriesInstanceUID for h in headers}) == len({h.StudyInstanceUID for h in headers}) == FEW
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in instances)


def test_slices_in_order_and_decoded_as_rendered(
    series: list[pydicom.Dataset], cohort: tuple[datasets.Patient, ...]
) -> None:
    heights = [float(one.ImagePositionPatient[2]) for one in series]
    np.testing.assert_allclose(np.diff(heights), float(series[0].SliceThickness), atol=1e-6)
    assert [one.InstanceNumber for one in series] == list(range(1, len(series) + 1))
    volume = np.stack([one.pixel_array.astype(int) - 1024 for one in series])
    np.testing.assert_array_equal(volume, datasets.render(cohort[1])[0])


def test_mask_lies_on_the_lesion_in_the_patients_room(written: Path, cohort: tuple[datasets.Patient, ...]) -> None:
    """NIfTI's RAS and DICOM's LPS, each read by its own library, must meet in the same voxels."""
    for patient in cohort:
        folder = written / "scans" / patient.patient_id
        mask = nib.load(folder / "lesion_mask.nii.gz")
        voxels = np.argwhere(np.asarray(mask.dataobj) == 1)
        lps = nib.affines.apply_affine(mask.affine, voxels) * (-1, -1, 1)
        np.testing.assert_allclose(lps.mean(axis=0), lesion_centre(patient), atol=4)
        slices = [pydicom.dcmread(p) for p in sorted((folder / "ct").iterdir())]
        first = slices[0]
        steps = [*map(float, first.PixelSpacing[::-1]), float(first.SpacingBetweenSlices)]
        place = (lps - np.array(first.ImagePositionPatient, dtype=float)) / steps
        np.testing.assert_allclose(place, np.rint(place), atol=1e-3)
        column, row, level = np.rint(place).astype(int).T
        volume = np.stack([one.pixel_array.astype(int) - 1024 for one in slices])
        inside = np.zeros(volume.shape, dtype=bool)
        inside[level, row, column] = True
        ring = ndimage.binary_dilation(inside, iterations=3) & ~ndimage.binary_dilation(inside, iterations=1)
        assert volume[inside].mean() > -250
        assert np.median(volume[ring]) < -600


def test_tables_agree_with_the_headers(written: Path) -> None:
    labels = list(csv.DictReader((written / "labels.csv").read_text().splitlines()))
    assert list(labels[0]) == ["patient_id", "malignant", "age", "sex", "site", "scanner"]
    assert len(labels) == FEW
    for row in labels:
        one = pydicom.dcmread(written / "scans" / row["patient_id"] / "ct" / "0001.dcm", stop_before_pixels=True)
        assert (one.PatientID, one.PatientSex, int(one.PatientAge[:3])) == (
            row["patient_id"],
            row["sex"],
            int(row["age"]),
        )
        assert f"{one.Manufacturer} {one.ManufacturerModelName}" == row["scanner"]


def test_the_truth_is_no_table_of_labels(written: Path) -> None:
    truth = pd.read_csv(written / "truth.csv")
    assert not {"malignant", "label", "age", "sex"} & set(truth.columns)
    labels = pd.read_csv(written / "labels.csv")
    score = truth.set_index("patient_id").loc[labels.patient_id, "oracle_score"].to_numpy()
    summary = datasets.phantom(written, patients=FEW, seed=3)
    assert float(auc((labels.malignant == 1).to_numpy(), score)) == pytest.approx(summary.oracle_auc)
    assert not list((written / "scans").rglob("*.csv"))


def test_summary_prints_the_difficulty(written: Path) -> None:
    summary = datasets.phantom(written, patients=FEW, seed=3)
    text = "\n".join(summary.lines())
    assert summary.reused
    assert summary.patients == FEW
    assert "no real persons" in text
    for value in (summary.oracle_auc, summary.image_auc, summary.size_auc, summary.scanner_auc, summary.covariate_auc):
        assert f"{value:.3f}" in text
