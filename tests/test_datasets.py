"""The phantom is genuine DICOM, sensible anatomy and of the designed difficulty; the tables are the real ones."""

from __future__ import annotations

import csv
import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from scipy import ndimage
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from isocenter import datasets, progress
from isocenter.datasets import patients as drawing
from isocenter.datasets import writing
from isocenter.datasets.phantom import MARKER
from isocenter.datasets.rendering import affine_of, lesion_centre
from isocenter.errors import NotWritable, UsageError
from isocenter.metrics.ranking import auc

FEW = 6


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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


# Who the patients are


@pytest.mark.parametrize("seed", range(10))
def test_difficulty_is_as_designed(seed: int) -> None:
    d = drawing.Difficulty.of(datasets.draw_patients(seed))
    assert 0.85 <= d.oracle <= 0.92
    assert d.size < 0.75
    assert d.scanner < 0.60
    assert 0.60 <= d.covariate <= 0.68
    assert d.covariate < d.image - 0.1


def large(seed: int, n: int = 20000) -> tuple[datasets.Patient, ...]:
    return drawing._draw(np.random.default_rng(seed), seed, n)


def test_no_combination_of_what_was_drawn_beats_the_oracle() -> None:
    patients = large(1)
    malignant = np.array([p.malignant for p in patients])
    known = np.array([[prop.z(getattr(p, prop.name)) for prop in (*drawing.IMAGE, drawing.AGE)] for p in patients])
    known = np.column_stack([known, [p.sex == "M" for p in patients]])
    learned = LogisticRegression(C=1e6).fit(known[:10000], malignant[:10000])
    best = float(auc(malignant[10000:], datasets.oracle(patients[10000:])))
    assert float(auc(malignant[10000:], learned.decision_function(known[10000:]))) <= best + 0.002
    # The coefficients that a large sample teaches are the designed effects: the score is the likelihood's.
    effects = [prop.effect for prop in (*drawing.IMAGE, drawing.AGE)]
    np.testing.assert_allclose(learned.coef_[0][:-1], effects, atol=0.12)


def test_oracle_reaches_the_closed_form() -> None:
    patients = large(2)
    malignant = np.array([p.malignant for p in patients])
    norm_of_effects = np.sqrt(sum(prop.effect**2 for prop in drawing.IMAGE))
    # Cutting the tails off costs about a hundredth.
    assert float(auc(malignant, drawing.image_score(patients))) == pytest.approx(
        norm.cdf(norm_of_effects / 2**0.5), abs=0.02
    )


def test_same_seed_same_patients_other_seed_others() -> None:
    assert datasets.draw_patients(5) == datasets.draw_patients(5)
    assert datasets.draw_patients(5) != datasets.draw_patients(6)


@pytest.mark.parametrize("n", [4, 5, 12, 121])
def test_every_cohort_crosses_class_and_site(n: int) -> None:
    patients = datasets.draw_patients(0, n)
    assert len({p.patient_id for p in patients}) == n
    assert {(p.malignant, p.site) for p in patients} == {(a, b) for a in (False, True) for b in ("A", "B")}


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        datasets.phantom(tmp_path / "phantom", patients=3)
    assert not list(tmp_path.iterdir())


# What their scans look like


def test_hounsfield_units_of_the_anatomy() -> None:
    for patient in datasets.draw_patients(1, 8):
        volume, mask = datasets.render(patient)
        assert volume.dtype == np.int16
        assert volume.shape == mask.shape == patient.scanner.shape
        air, body = volume[:, :3, :3], volume > -400
        lungs = volume < -600
        labels, _ = ndimage.label(lungs[: volume.shape[0] // 2])
        sizes = np.sort(np.bincount(labels.ravel())[1:])[::-1]
        voxel = float(np.prod(patient.scanner.spacing)) / 1000
        assert air.mean() == pytest.approx(-1000, abs=30)
        assert np.median(volume[mask == 1]) > -150
        # Air around the body, then two lungs of some hundred millilitres each in the lower half.
        assert (sizes[1:3] * voxel > 150).all()
        assert np.median(volume[(volume < -600) & (volume > -950)]) == pytest.approx(-860, abs=40)
        assert np.median(volume[body]) == pytest.approx(45, abs=40)
        assert np.percentile(volume, 99.5) > 200  # bone


def test_lesion_is_as_drawn() -> None:
    patients = [p for seed in range(3) for p in datasets.draw_patients(seed, 20)]
    ratios, means, spreads = [], [], []
    for patient in patients:
        volume, mask = datasets.render(patient)
        assert ndimage.label(mask)[1] == 1
        ratios.append(mask.sum() * np.prod(patient.scanner.spacing) / (np.pi / 6 * patient.diameter**3))
        core = ndimage.binary_erosion(mask)
        if core.sum() > 20:
            means.append((patient.attenuation, volume[core].mean()))
            spreads.append((patient.heterogeneity, volume[core].std()))
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert min(ratios) > 0.8
    assert max(ratios) < 1.2
    assert np.corrcoef(np.array(spreads).T)[0, 1] > 0.7
    assert np.mean(np.diff(means)) == pytest.approx(0, abs=25)


def test_spiculation_lowers_sphericity() -> None:
    patient = datasets.draw_patients(0, 8)[0]

    def surface(spiculation: float) -> int:
        mask = datasets.render(replace(patient, spiculation=spiculation, diameter=28.0))[1].astype(int)
        return sum(int(np.abs(np.diff(mask, axis=axis)).sum()) for axis in range(3))

    assert surface(0.8) > 1.1 * surface(0.1)


def test_follow_up_changes_the_lesion_only() -> None:
    moved = []
    for patient in datasets.draw_patients(0, 8):
        later = replace(patient, diameter=patient.diameter * 1.25)
        (before, mask_before), (after, mask_after) = datasets.render(patient), datasets.render(later)
        assert mask_after.sum() > 1.5 * mask_before.sum()
        far = ~ndimage.binary_dilation(mask_before | mask_after, iterations=4)
        np.testing.assert_array_equal(before[far], after[far])
        np.testing.assert_array_equal(affine_of(patient), affine_of(later))
        moved.append(np.linalg.norm(np.subtract(lesion_centre(patient), lesion_centre(later))))
    assert np.median(moved) < 2.8  # a pixel; only a lesion at the edge of its room moves away from it


# What is on disk


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


def test_same_arguments_same_bytes(written: Path, tmp_path: Path) -> None:
    datasets.phantom(tmp_path, patients=FEW, seed=3)
    assert contents(tmp_path) == contents(written)


def test_complete_phantom_is_reused_untouched(tmp_path: Path) -> None:
    assert not datasets.phantom(tmp_path, patients=4).reused
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert datasets.phantom(tmp_path, patients=4).reused
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == times


@pytest.mark.parametrize("harm", ["cut", "missing", "marker", "label"])
def test_damaged_phantom_is_written_anew(tmp_path: Path, harm: str) -> None:
    datasets.phantom(tmp_path, patients=4)
    whole = contents(tmp_path)
    scan = tmp_path / "scans" / "PHANTOM-003" / "ct" / "0004.dcm"
    match harm:
        case "cut":
            scan.write_bytes(scan.read_bytes()[:1000])
        case "missing":
            scan.unlink()
        case "marker":
            (tmp_path / MARKER).write_text('{"synthetic": tr')
        case "label":
            (tmp_path / "labels.csv").write_text((tmp_path / "labels.csv").read_text().replace(",1,", ",0,"))
    assert not datasets.phantom(tmp_path, patients=4).reused
    assert contents(tmp_path) == whole


def test_other_arguments_replace_it_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    datasets.phantom(tmp_path, patients=5, seed=1)
    datasets.phantom(tmp_path, patients=4, seed=2)
    assert len(list((tmp_path / "scans").iterdir())) == 4
    assert json.loads((tmp_path / MARKER).read_text())["seed"] == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_folder_of_others_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("patient_id,malignant\n")
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=r"labels\.csv"):
        datasets.phantom(tmp_path, patients=4)
    assert contents(tmp_path) == before
    with pytest.raises(UsageError, match="is a file"):
        datasets.phantom(tmp_path / "labels.csv", patients=4)


class Failing:
    """Stands in for `write_patient`: writes some patients, then fails."""

    def __init__(self, fault: BaseException, after: int = 2) -> None:
        self.fault, self.left, self.write = fault, after, writing.write_patient

    def __call__(self, patient: datasets.Patient, folder: Path) -> None:
        if self.left == 0:
            raise self.fault
        self.left -= 1
        self.write(patient, folder)


def test_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "write_patient", Failing(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(NotWritable, match="No space left"):
        datasets.phantom(tmp_path / "phantom", patients=4)
    assert not contents(tmp_path)


def test_interrupted_phantom_keeps_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.phantom(tmp_path, patients=4)
    before = contents(tmp_path)
    monkeypatch.setattr(writing, "write_patient", Failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        datasets.phantom(tmp_path, patients=5)
    assert contents(tmp_path) == before
    assert datasets.phantom(tmp_path, patients=4).reused


@pytest.mark.parametrize("moved", [[], ["scans"], ["scans", "labels.csv", "truth.csv", "README.txt"]])
def test_killed_process_is_made_good(written: Path, tmp_path: Path, moved: list[str]) -> None:
    """What `kill -9` leaves: no marker, a part in place, the rest unfinished."""
    unfinished = tmp_path / ".phantom-unfinished"
    for name, content in contents(written).items():
        if name != MARKER:
            place = (tmp_path if name.split("/")[0] in moved else unfinished) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    unfinished.mkdir(exist_ok=True)
    assert not datasets.phantom(tmp_path, patients=FEW, seed=3).reused
    assert contents(tmp_path) == contents(written)


def test_progress_counts_patients(tmp_path: Path) -> None:
    seen: list[progress.Event] = []
    with progress.listening(seen.append):
        datasets.phantom(tmp_path, patients=4)
    assert [e.kind for e in seen] == ["start", *["advance"] * 4, "end"]


@pytest.mark.slow
def test_images_carry_the_class() -> None:
    """A few plain measurements inside the mask reach well beyond size alone, in cross-validation."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    def measured(patient: datasets.Patient) -> Iterator[float]:
        volume, mask = datasets.render(patient)
        values, size = volume[mask == 1].astype(float), float(mask.sum() * np.prod(patient.scanner.spacing))
        area = np.prod(patient.scanner.spacing) / np.array(patient.scanner.spacing)
        surface = sum(np.abs(np.diff(mask.astype(int), axis=a)).sum() * area[a] for a in range(3))
        yield from (size, surface / size ** (2 / 3), values.std(), *np.percentile(values, (25, 50, 75, 90, 100)))

    patients = datasets.draw_patients(0)
    features = np.array([list(measured(p)) for p in patients])
    malignant = np.array([p.malignant for p in patients])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    forest = RandomForestClassifier(300, random_state=0)
    score = cross_val_predict(forest, features, malignant, cv=folds, method="predict_proba")[:, 1]
    assert 0.70 < float(auc(malignant, score)) < 0.90


# Real tables


def test_breast_cancer_is_written_in_words_and_arrays(tmp_path: Path) -> None:
    path = datasets.breast_cancer(tmp_path / "table")
    table = pd.read_csv(path)
    assert path.name == "features.csv"
    assert table.shape == (569, 31)
    assert table["diagnosis"].value_counts().to_dict() == {"benign": 357, "malignant": 212}
    features, labels = np.load(path.with_name("features.npy")), np.load(path.with_name("labels.npy"))
    np.testing.assert_array_equal(features, table.drop(columns="diagnosis").to_numpy())
    np.testing.assert_array_equal(labels == 1, table["diagnosis"] == "malignant")
    # Malignant nuclei are larger: the words are the right way round.
    means = table.groupby("diagnosis")["mean_radius"].mean()
    assert means["malignant"] > means["benign"] + 4


def test_diabetes_is_a_measurement(tmp_path: Path) -> None:
    path = datasets.diabetes(tmp_path)
    table = pd.read_csv(path)
    assert table.shape == (442, 11)
    assert (table["progression"].min(), table["progression"].max()) == (25, 346)
    assert table["age"].between(19, 79).all()
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), table["progression"])
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), table.drop(columns="progression"))


def test_import_is_light() -> None:
    script = (
        "import sys, isocenter.datasets; print([m for m in ('pydicom', 'nibabel', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
