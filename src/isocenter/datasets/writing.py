"""A phantom patient as files: a DICOM CT series and the lesion's mask as NIfTI, byte for byte repeatable.

Every object says in its attributes that it is synthetic. UIDs are name-based UUIDs under 2.25
(DICOM PS3.5 B.2), so the same patient has the same UIDs everywhere.
"""

from __future__ import annotations

import gzip
import io
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isocenter.datasets.patients import Patient
from isocenter.datasets.rendering import affine_of, render

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

NAME = "SYNTHETIC^PHANTOM"
MASK = "lesion_mask.nii.gz"
_COMMENT = "SYNTHETIC: computer-made phantom, no real person"
_INTERCEPT = -1024
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "isocenter/phantom")


def slice_names(patient: Patient) -> list[str]:
    """Files of the series in slice order, relative to the patient's folder."""
    return [f"ct/{i + 1:04d}.dcm" for i in range(patient.scanner.shape[0])]


def write_patient(patient: Patient, folder: Path) -> None:
    """Write the series and the mask into `folder`; files are complete once the call returns."""
    volume, mask = render(patient)
    affine = affine_of(patient)
    (folder / "ct").mkdir(parents=True, exist_ok=True)
    for name, content in zip(slice_names(patient), _instances(patient, volume, affine), strict=True):
        (folder / name).write_bytes(content)
    (folder / MASK).write_bytes(_nifti(mask, affine))


def _uid(patient: Patient, *what: object) -> UID:
    from pydicom.uid import UID

    name = "/".join(str(part) for part in (*patient.key, *what))
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, name).int}")


def _instances(patient: Patient, volume: NDArray[np.int16], affine: NDArray[np.float64]) -> Iterator[bytes]:
    """One CT image (DICOM Part 10, explicit VR little endian) a slice."""
    header = _header(patient, affine)
    for i, pixels in enumerate(volume):
        x, y, z = affine[:3, 3] + i * affine[:3, 0]
        uid = _uid(patient, "instance", i)
        header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = uid
        header.InstanceNumber = i + 1
        header.ImagePositionPatient = [_decimal(x), _decimal(y), _decimal(z)]
        header.SliceLocation = _decimal(z)
        header.PixelData = (pixels - _INTERCEPT).astype("<u2").tobytes()
        buffer = io.BytesIO()
        header.save_as(buffer, enforce_file_format=True)
        yield buffer.getvalue()


def _decimal(value: float) -> str:
    """A DICOM decimal string: four places at most, no negative zero."""
    return f"{round(float(value), 4) + 0.0:.4f}".rstrip("0").rstrip(".")


def _header(patient: Patient, affine: NDArray[np.float64]) -> Dataset:
    """What all instances of the series share."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.MediaStorageSOPClassUID = CTImageStorage
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.ImplementationClassUID = UID(f"2.25.{_NAMESPACE.int}")
    header.file_meta.ImplementationVersionName = "ISOCENTER"
    header.SOPClassUID = CTImageStorage
    _describe_patient(header, patient)
    _describe_series(header, patient)
    _describe_scanner(header, patient)
    _describe_pixels(header, patient, affine)
    return header


def _describe_patient(header: Dataset, patient: Patient) -> None:
    header.PatientName = NAME
    header.PatientID = patient.patient_id
    header.PatientBirthDate = ""
    header.PatientSex = patient.sex
    header.PatientAge = f"{patient.age:03d}Y"
    header.PatientComments = _COMMENT
    header.QualityControlSubject = "YES"  # the standard's word for a phantom


def _describe_series(header: Dataset, patient: Patient) -> None:
    day = (date(2020, 1, 1) + timedelta(days=patient.key[-1])).strftime("%Y%m%d")
    header.StudyInstanceUID = _uid(patient, "study")
    header.StudyDate = header.SeriesDate = header.AcquisitionDate = header.ContentDate = day
    header.StudyTime = header.SeriesTime = header.AcquisitionTime = header.ContentTime = "120000"
    header.StudyID = str(patient.key[-1])
    header.StudyDescription = "SYNTHETIC chest phantom"
    header.AccessionNumber = ""
    header.ReferringPhysicianName = ""
    header.Modality = "CT"
    header.SeriesInstanceUID = _uid(patient, "series")
    header.SeriesNumber = 1
    header.SeriesDescription = f"SYNTHETIC chest CT {patient.scanner.kernel}"
    header.BodyPartExamined = "CHEST"
    header.PatientPosition = "HFS"
    header.FrameOfReferenceUID = _uid(patient, "frame of reference")
    header.PositionReferenceIndicator = ""


def _describe_scanner(header: Dataset, patient: Patient) -> None:
    scanner = patient.scanner
    header.Manufacturer = scanner.manufacturer
    header.ManufacturerModelName = scanner.model
    header.InstitutionName = f"SYNTHETIC SITE {scanner.site}"
    header.DeviceSerialNumber = "0"
    header.SoftwareVersions = "isocenter phantom"
    header.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "SYNTHETIC"]
    header.ImageComments = _COMMENT
    header.AcquisitionNumber = 1
    header.KVP = str(scanner.kvp)
    header.ConvolutionKernel = scanner.kernel
    header.ReconstructionDiameter = _decimal(scanner.shape[2] * scanner.pixel_spacing)


def _describe_pixels(header: Dataset, patient: Patient, affine: NDArray[np.float64]) -> None:
    scanner = patient.scanner
    header.Rows, header.Columns = scanner.shape[1:]
    header.PixelSpacing = [_decimal(scanner.pixel_spacing)] * 2
    header.SliceThickness = header.SpacingBetweenSlices = _decimal(scanner.slice_thickness)
    # Direction of a row (along its columns), then of a column.
    along = [affine[:3, axis] / np.linalg.norm(affine[:3, axis]) for axis in (2, 1)]
    header.ImageOrientationPatient = [_decimal(cosine) for cosine in np.concatenate(along)]
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, 12, 11
    header.PixelRepresentation = 0
    header.RescaleIntercept, header.RescaleSlope, header.RescaleType = str(_INTERCEPT), "1", "HU"
    header.WindowCenter, header.WindowWidth = "-350", "1500"
    header.BurnedInAnnotation = "NO"
    header.LossyImageCompression = "00"


def _nifti(mask: NDArray[np.uint8], affine: NDArray[np.float64]) -> bytes:
    """The mask on the series' grid: axes column, row, slice; RAS millimetres; gzip without a date."""
    from nibabel.nifti1 import Nifti1Image

    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine[:, [2, 1, 0, 3]]
    image = Nifti1Image(np.ascontiguousarray(mask.transpose(2, 1, 0)), to_ras)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    image.header["descrip"] = b"SYNTHETIC lesion mask"
    image.set_qform(to_ras, code="scanner")  # type: ignore[no-untyped-call]
    image.set_sform(to_ras, code="scanner")  # type: ignore[no-untyped-call]
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
