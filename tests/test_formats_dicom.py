"""DICOM: order, spacing, faults by name, values of the modality; pydicom's own files and real series."""

from __future__ import annotations

import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from isocenter.case import Source
from isocenter.errors import BadGeometry, BadShape, IsocenterError, UnknownFormat, UnreadableFile
from isocenter.formats import digest, kind_of, read_image, read_mask
from isocenter.formats.dicom import find_series
from isocenter.formats.dicom.headers import age_in_years
from isocenter.progress import Event, listening

WHEEL = Path(pydicom.__file__).parent / "data" / "test_files"
SERIES = "1.2.826.0.1.3680043.8.498.1"


def write_slice(path: Path, z: float, pixels: NDArray[Any] | None = None, **changes: Any) -> Path:
    """A small CT slice at height z, axial unless `changes` say otherwise; None removes an element."""
    pixels = np.full((4, 6), int(z), dtype=np.int16) if pixels is None else pixels
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.Modality, dataset.PatientID = CTImageStorage, "CT", "P1"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID, dataset.StudyInstanceUID = generate_uid(), SERIES, "1.2.3"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, int(pixels.dtype.kind == "i")
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [10.0, 20.0, z], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.SliceThickness, dataset.PatientAge = [0.5, 0.7], 2.5, "045Y"
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    if "PixelData" not in changes:
        dataset.set_pixel_data(
            pixels, dataset.PhotometricInterpretation, dataset.BitsStored, generate_instance_uid=False
        )
        for keyword in {"NumberOfFrames", "SamplesPerPixel", "Rows", "Columns"} & set(changes):
            setattr(dataset, keyword, changes[keyword])
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_series(folder: Path, heights: list[float], **changes: Any) -> list[Path]:
    return [write_slice(folder / f"{i}.dcm", z, **changes) for i, z in enumerate(heights)]


def image(*files: Path | str) -> Any:
    return read_image(Source("image", "image", tuple(str(f) for f in files)))


def only_fault(paths: list[Path]) -> tuple[str, str]:
    series, faults = find_series(paths)
    assert (len(series), len(faults)) == (0, 1), faults
    return faults[0].code, faults[0].reason


def test_slices_are_ordered_along_the_normal_and_placed_in_lps(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [30.0, 10.0, 20.0], RescaleSlope=1, RescaleIntercept=-1024)
    series, faults = find_series(paths)
    assert not faults
    (one,) = series
    assert [Path(f).name for f in one.files] == ["1.dcm", "2.dcm", "0.dcm"]
    assert (one.case_id, one.series_uid, one.patient_id, one.modality) == (SERIES, SERIES, "P1", "CT")
    assert one.shape == (3, 4, 6)
    assert one.attributes["PatientAge"] == 45.0
    read = image(*one.files)
    assert read.array.shape == (1, 3, 4, 6)
    assert read.array.dtype == np.int16
    assert read.array[0, :, 0, 0].tolist() == [-1014, -1004, -994]
    assert read.geometry.calibrated
    np.testing.assert_allclose(read.geometry.spacing, (10.0, 0.5, 0.7))
    # (slice, row, column) = (1, 2, 3): x grows with the column by 0.7 mm, y with the row by 0.5 mm
    np.testing.assert_allclose(read.geometry.affine @ [1, 2, 3, 1], [12.1, 21.0, 20.0, 1])


def test_sagittal_and_descending_series_keep_a_consistent_affine(tmp_path: Path) -> None:
    for i, x in enumerate([5.0, 2.0, -1.0]):
        orientation, position = [0, 1, 0, 0, 0, -1], [x, 0.0, 0.0]
        write_slice(tmp_path / f"{i}.dcm", x, ImageOrientationPatient=orientation, ImagePositionPatient=position)
    (one,), faults = find_series(sorted(tmp_path.iterdir()))
    assert not faults
    read = image(*one.files)
    for k, value in enumerate(read.array[0, :, 0, 0]):
        assert read.geometry.affine @ [k, 0, 0, 1] == pytest.approx([value, 0, 0, 1])


def test_a_missing_slice_is_named(tmp_path: Path) -> None:
    code, reason = only_fault(write_series(tmp_path, [0, 2, 4, 8, 10]))
    assert code == "BadGeometry"
    assert "gap between slices 3 and 4" in reason
    assert "P1" in reason


def test_uneven_spacing_is_named_and_rounding_is_not(tmp_path: Path) -> None:
    code, reason = only_fault(write_series(tmp_path / "a", [0, 2, 4, 6.5, 8.5]))
    assert code == "BadGeometry"
    assert "uneven spacing at slices 3 and 4" in reason
    series, faults = find_series(write_series(tmp_path / "b", [0, 2.01, 4.0, 6.0, 8.0]))
    assert len(series) == 1
    assert not faults


def test_two_images_at_one_place_are_refused(tmp_path: Path) -> None:
    code, reason = only_fault(write_series(tmp_path, [0, 2, 2, 4]))
    assert code == "BadGeometry"
    assert "several images at one place" in reason


def test_slices_shifted_sideways_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [0, 2, 4])
    write_slice(paths[1], 2, ImagePositionPatient=[14.0, 20.0, 2.0])
    assert "shifted sideways" in only_fault(paths)[1]


def test_a_tilted_gantry_shears_and_stays_readable(tmp_path: Path) -> None:
    paths = [
        write_slice(tmp_path / f"{k}.dcm", 2.0 * k, ImagePositionPatient=[0.0, 1.0 * k, 2.0 * k]) for k in range(4)
    ]
    (one,), _ = find_series(paths)
    np.testing.assert_allclose(image(*one.files).geometry.affine[:3, 0], [0, 1, 2], atol=1e-12)


def test_copies_are_dropped_and_false_copies_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [0, 2, 4])
    shutil.copy(paths[0], tmp_path / "copy.dcm")
    (one,), faults = find_series([*paths, tmp_path / "copy.dcm"])
    assert len(one.files) == 3
    assert not faults
    uid = pydicom.dcmread(paths[0]).SOPInstanceUID
    write_slice(tmp_path / "copy.dcm", 0, np.ones((4, 6), dtype=np.int16), SOPInstanceUID=uid)
    assert only_fault([*paths, tmp_path / "copy.dcm"])[0] == "ConflictingRows"


def test_two_patients_in_one_series_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [0, 2])
    write_slice(tmp_path / "other.dcm", 4, PatientID="P2")
    code, reason = only_fault([*paths, tmp_path / "other.dcm"])
    assert code == "ConflictingRows"
    assert "P1, P2" in reason


def test_a_scout_in_the_series_becomes_a_case_of_its_own(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [0, 2, 4])
    scout = write_slice(tmp_path / "scout.dcm", 0, ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    series, faults = find_series([scout, *paths])
    assert not faults
    assert [(s.case_id, len(s.files)) for s in series] == [(SERIES, 3), (f"{SERIES}/2", 1)]


def test_radiographs_of_one_series_are_cases_of_their_own(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [0, 0], Modality="DX", ImagePositionPatient=None, PatientID="")
    series, faults = find_series(paths)
    assert not faults
    assert {s.case_id for s in series} == {str(pydicom.dcmread(p).SOPInstanceUID) for p in paths}
    assert {(s.series_uid, s.patient_id) for s in series} == {(SERIES, None)}
    geometry = image(series[0].files[0]).geometry
    assert not geometry.calibrated
    assert geometry.spacing == (1, 1, 1)


def test_ct_slices_without_position_are_refused(tmp_path: Path) -> None:
    code, reason = only_fault(write_series(tmp_path, [0, 2], ImagePositionPatient=None))
    assert code == "BadGeometry"
    assert "without position" in reason


@pytest.mark.parametrize(
    "content", [b"", b"not dicom at all", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 200]
)
def test_files_that_are_not_dicom_are_faults_of_the_file(tmp_path: Path, content: bytes) -> None:
    (path := tmp_path / "x.dcm").write_bytes(content)
    series, faults = find_series([path])
    assert not series
    assert [(f.code, f.where) for f in faults] == [("UnreadableFile", str(path))]


def test_pixels_cut_short_are_found_by_the_header(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "x.dcm", 0)
    path.write_bytes(path.read_bytes()[:-2])
    code, reason = only_fault([path])
    assert code == "UnreadableFile"
    assert "cut short" in reason
    with pytest.raises(UnreadableFile, match="cut short"):
        image(WHEEL / "MR_truncated.dcm")


def test_objects_without_pictures_are_counted_and_left_aside() -> None:
    events: list[Event] = []
    with listening(events.append):
        found = find_series([WHEEL / "rtplan.dcm", WHEEL / "test-SR.dcm", WHEEL / "liver_1frame.dcm"])
    assert found == ([], [])
    assert [e.text for e in events if e.kind == "note"] == [
        "DICOM objects that are no pictures were left aside: 1 RTPLAN, 1 SEG, 1 SR."
    ]
    with pytest.raises(UnknownFormat, match="not a picture"):
        read_mask(Source("mask", "m", (str(WHEEL / "liver_1frame.dcm"),)))


def test_bombs_are_refused_before_decoding(tmp_path: Path) -> None:
    pixels: dict[str, Any] = {"PixelData": b"\0" * 100}
    big = write_slice(tmp_path / "a.dcm", 0, Rows=30000, Columns=30000, **pixels)
    many = write_slice(tmp_path / "b.dcm", 0, NumberOfFrames=2_000_000_000, **pixels)
    wide = write_slice(tmp_path / "c.dcm", 0, Rows=60000, **pixels)
    faults = find_series([big, many, wide])[1]
    assert [f.code for f in faults] == ["UnreadableFile"] * 3
    assert "limit" in faults[0].reason
    assert "60000" in faults[2].reason


def test_a_deflated_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isocenter.formats.dicom.headers.FRAME_BYTES", 2**20)
    head = (WHEEL / "image_dfl.dcm").read_bytes()
    end = 132 + 12 + struct.unpack_from("<I", head, 140)[0]
    squeezer = zlib.compressobj(9, wbits=-15)
    body = squeezer.compress(b"\0" * (40 * 2**20)) + squeezer.flush()
    (path := tmp_path / "bomb.dcm").write_bytes(head[:end] + body)
    assert "limit" in only_fault([path])[1]
    assert image(WHEEL / "image_dfl.dcm").array.shape == (1, 1, 512, 512)


def test_a_codestream_larger_than_its_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.dcm"
    content = (WHEEL / "SC_rgb_jpeg_dcmtk.dcm").read_bytes()
    at = content.index(b"\xff\xc0") + 5
    path.write_bytes(content[:at] + b"\xff\xdc\xff\xdc" + content[at + 4 :])
    with pytest.raises(UnreadableFile, match="65500 x 65500"):
        image(path)


class Panic(BaseException):
    """Like pyo3's: no Exception."""


@pytest.mark.parametrize(
    "thrown", [Panic("decoder"), StopIteration(), RecursionError(), MemoryError(), ValueError("x")]
)
def test_whatever_a_decoder_throws_becomes_a_fault(monkeypatch: pytest.MonkeyPatch, thrown: BaseException) -> None:
    def decode(_: Dataset) -> None:
        raise thrown

    monkeypatch.setattr(Dataset, "pixel_array", property(decode))
    with pytest.raises(UnreadableFile):
        image(WHEEL / "MR_small.dcm")


def test_an_interrupt_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(_: Dataset) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Dataset, "pixel_array", property(decode))
    with pytest.raises(KeyboardInterrupt):
        image(WHEEL / "MR_small.dcm")


def test_padding_is_set_aside_over_the_whole_volume(tmp_path: Path) -> None:
    for z in (0, 2):
        pixels = np.full((4, 6), 100 + z, dtype=np.int16)
        pixels[0] = -2000
        write_slice(tmp_path / f"{z}.dcm", z, pixels, PixelPaddingValue=-2000, RescaleSlope=1, RescaleIntercept=-50)
    (one,), _ = find_series(sorted(tmp_path.iterdir()))
    array = image(*one.files).array
    assert array.min() == 50
    assert (array[0, :, 0] == 50).all()
    assert array.max() == 52


def test_monochrome1_is_inverted_except_where_values_are_measured(tmp_path: Path) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    radiograph = write_slice(tmp_path / "a.dcm", 0, pixels, Modality="DX", PhotometricInterpretation="MONOCHROME1")
    density = write_slice(tmp_path / "b.dcm", 0, pixels, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(image(radiograph).array[0, 0], 255 - pixels)
    np.testing.assert_array_equal(image(density).array[0, 0], pixels)


def test_rescaling_by_fractions_is_exact_to_float32(tmp_path: Path) -> None:
    path = write_slice(tmp_path / "a.dcm", 7, RescaleSlope=0.5, RescaleIntercept=0.25, Modality="PT")
    array = image(path).array
    assert array.dtype == np.float32
    assert (array == 3.75).all()
    broken = write_slice(tmp_path / "b.dcm", 7, RescaleSlope=0, RescaleIntercept=0)
    with pytest.raises(UnreadableFile, match="slope"):
        image(broken)


def test_colour_and_palettes_become_rgb_and_grey_colour_grey() -> None:
    assert image(WHEEL / "examples_rgb_color.dcm").array.shape == (3, 1, 240, 320)
    clip = image(WHEEL / "examples_ybr_color.dcm")
    assert clip.array.shape == (3, 30, 240, 320)
    assert not clip.geometry.calibrated
    palette = image(WHEEL / "examples_palette.dcm").array
    assert palette.shape == (3, 1, 350, 800)
    assert palette.dtype == np.uint8


@pytest.mark.parametrize("name", ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless"])
def test_codecs_agree_with_the_uncompressed_truth(name: str) -> None:
    truth = image(WHEEL / "MR_small.dcm")
    other = image(WHEEL / f"MR_small_{name}.dcm")
    np.testing.assert_array_equal(truth.array, other.array)
    assert truth.geometry.same_grid(other.geometry)
    assert (truth.array.min(), truth.array.max(), truth.modality) == (127, 2145, "MR")


def test_pydicoms_ct_has_hounsfield_units() -> None:
    read = image(WHEEL / "CT_small.dcm")
    stored = pydicom.dcmread(WHEEL / "CT_small.dcm").pixel_array
    np.testing.assert_array_equal(read.array[0, 0], stored.astype(int) - 1024)
    np.testing.assert_allclose(read.geometry.spacing, (5.0, 0.661468, 0.661468))


def test_multi_frame_objects_with_a_geometry_of_their_own_are_refused_by_name(shared_data: Path) -> None:
    code, reason = only_fault([shared_data / "dicom/pydicom_data/emri_small.dcm"])
    assert code == "UnknownFormat"
    assert "enhanced MR" in reason
    with pytest.raises(UnknownFormat, match="12 bits"):
        image(WHEEL / "JPEG-lossy.dcm")


def test_slices_of_different_size_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, [0, 2])
    write_slice(paths[1], 2, np.zeros((5, 6), dtype=np.int16))
    with pytest.raises(BadShape):
        image(*paths)
    write_slice(paths[1], 2, PixelSpacing=[0, 0.7])
    with pytest.raises(BadGeometry, match="spacing"):
        image(paths[1])


@pytest.mark.parametrize(
    "text,years", [("045Y", 45.0), ("018M", 1.5), ("000D", 0.0), ("", None), ("45", None), ("Y", None), ("-45Y", None)]
)
def test_age(text: str, years: float | None) -> None:
    assert age_in_years(text) == years


def test_files_without_extension_are_recognised_by_content(tmp_path: Path) -> None:
    shutil.copy(WHEEL / "MR_small.dcm", tmp_path / "IM0001")
    shutil.copy(WHEEL / "MR_small.dcm", tmp_path / "1.2.840.1")
    (tmp_path / "README").write_text("hello")
    (tmp_path / "._IM0001.dcm").write_bytes(b"x")
    kinds = {p.name: kind_of(p) for p in tmp_path.iterdir()}
    assert kinds == {"IM0001": "dicom", "1.2.840.1": "dicom", "README": None, "._IM0001.dcm": None}


def test_digest_follows_the_bytes_and_the_order(tmp_path: Path) -> None:
    a, b = write_series(tmp_path, [0, 2])
    forward = digest(Source("image", "image", (str(a), str(b))))
    assert forward == digest(Source("image", "image", (str(a), str(b)), modality="CT"))
    assert forward != digest(Source("image", "image", (str(b), str(a))))
    assert forward != digest(Source("mask", "image", (str(a), str(b))))
    write_slice(b, 4)
    assert forward != digest(Source("image", "image", (str(a), str(b))))


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_is_a_fault_or_an_image_never_a_crash(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    names = ["MR_small_RLE.dcm", "JPEG2000.dcm", "CT_small.dcm", "SC_rgb_jpeg_dcmtk.dcm", "examples_palette.dcm"]
    content = bytearray((WHEEL / names[seed % len(names)]).read_bytes())
    for at in random.integers(0, len(content), size=30):
        content[at] = random.integers(0, 256)
    (path := tmp_path / "x.dcm").write_bytes(bytes(content))
    series, _ = find_series([path])
    for one in series:
        try:
            image(*one.files)
        except IsocenterError as fault:
            assert fault.remedy  # noqa: PT017  any named fault will do, but it must say what to do


@pytest.mark.parametrize("name,modality", [("CT", "CT"), ("PET", "PT"), ("MR_T1", "MR")])
def test_volumes_lie_where_the_nifti_answer_says(shared_data: Path, name: str, modality: str) -> None:
    folder = shared_data / "dicom/sts_002_ct_pet_mr_rtstruct"
    (one,), faults = find_series(sorted((folder / name / "image").iterdir()))
    assert not faults
    assert (one.modality, one.patient_id) == (modality, "STS_002")
    ours, answer = image(*one.files), image(folder / f"answer_nifti/{name}_image.nii.gz")
    assert ours.geometry.same_grid(answer.geometry, tolerance=1e-3)
    np.testing.assert_allclose(ours.array, answer.array, rtol=1e-6)
    mask = read_mask(Source("mask", "tumour", (str(folder / f"answer_nifti/{name}_mask.nii.gz"),)))
    assert mask.geometry.same_grid(ours.geometry, tolerance=1e-3)
    assert set(np.unique(mask.labels)) == {0, 1}
