"""Folders of scans: nesting, class folders, parts, roles, masks and stacks."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from isocenter import formats
from isocenter.case import Source
from isocenter.errors import AmbiguousId, BadShape, EmptyInput, MissingPath, NoTarget
from isocenter.ingest import index, listing


def put(folder: Path, *names: str) -> Path:
    """Pictures and volumes of a few pixels under these names."""
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if ".nii" in name:
            nibabel.Nifti1Image(np.full((3, 3, 2), i, np.int16), np.eye(4)).to_filename(path)
        else:
            Image.fromarray(np.full((4, 4), i, np.uint8)).save(path)
    return folder


def labels(folder: Path, name: str, *lines: str) -> Path:
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def mask_of(sources: tuple[Source, ...]) -> str:
    return next(s.files[0] for s in sources if s.role == "mask")


# -- folders -----------------------------------------------------------------------------------
def test_class_folders_in_any_nesting(tmp_path: Path) -> None:
    put(tmp_path, *(f"benign/{i}.png" for i in range(4)), *(f"malignant/P{i}/a.nii.gz" for i in range(3)), "stray.png")
    (tmp_path / "README.txt").write_text("x")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    cohort = index(tmp_path)
    assert cohort.target is not None and cohort.target.column == "class" and cohort.target.positive == "malignant"
    assert set(cohort.case_ids) >= {"benign/0", "malignant/P0/a"} and len(cohort) == 7
    assert [f.where for f in cohort.excluded] == ["stray"] and cohort.found == 8
    assert any("benign (4), malignant (3)" in n for n in cohort.notes)
    assert any("README.txt" in n for n in cohort.notes)
    assert cohort.attributes == () and cohort.origin == "files"


def test_part_folders_hold_class_folders(tmp_path: Path) -> None:
    names = [f"{part}/{name}/{i}.png" for part in ("train", "val", "test") for name in ("no", "yes") for i in range(3)]
    cohort = index(put(tmp_path, *names))
    assert cohort.split_column == "part" and set(cohort.table["part"]) == {"training", "tuning", "test"}
    assert cohort.target is not None and cohort.target.classes == ("no", "yes")
    assert cohort.table.loc["val/yes/2", "part"] == "tuning"


def test_folders_of_patients_are_no_classes(tmp_path: Path) -> None:
    put(tmp_path, *(f"P{i}/x.png" for i in range(6)))
    with pytest.raises(NoTarget, match="--labels"):
        index(tmp_path)
    assert len(index(tmp_path, with_labels=False)) == 6


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EmptyInput, match="empty"):
        index(tmp_path / "empty")
    (tmp_path / "features.csv").write_text("a,label\n1,0\n")
    with pytest.raises(EmptyInput, match=r"features\.csv"):
        index(tmp_path)
    with pytest.raises(MissingPath):
        index(tmp_path / "nowhere")


def test_one_image_is_a_cohort_of_one(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    assert list(index(tmp_path / "a.png", with_labels=False).case_ids) == ["a"]


def test_case_ids_are_unique(tmp_path: Path) -> None:
    put(tmp_path, "a/x.png", "a/x.jpg", "b/x.png", "b/y.png")
    assert set(index(tmp_path).case_ids) == {"a/x.png", "a/x.jpg", "b/x", "b/y"}


def test_our_own_project_folder_is_not_read(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "a/2.png", "b/1.png", "b/2.png")
    before = listing(tmp_path, None)
    put(tmp_path / "isocenter-project/thumbnails", "0.png")
    (tmp_path / "isocenter-project/project.json").write_text(json.dumps({"layout": 1, "artefacts": {}}))
    assert listing(tmp_path, None) == before and len(index(tmp_path)) == 4


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    put(tmp_path, "a/1.png", "a/2.png", "b/1.png", "b/2.png")
    (tmp_path / "a/again").symlink_to(tmp_path)
    assert len(index(tmp_path)) == 4


# -- roles -------------------------------------------------------------------------------------
def study(folder: Path, *names: str, n: int = 6) -> dict[str, Path]:
    put(folder / "s", *(f"P{i}/{name}" for i in range(n) for name in names))
    return {
        "input": folder / "s",
        "labels": labels(folder, "l.csv", "patient_id,y", *(f"P{i},{i % 2}" for i in range(n))),
    }


def test_image_and_mask_by_glob(tmp_path: Path) -> None:
    files = study(tmp_path, "before.nii.gz", "before_map.nii.gz", "after.nii.gz")
    with pytest.raises(AmbiguousId, match="--image 'after"):
        index(**files)
    files = study(tmp_path / "more", "PET.nii.gz", "PET_mask.nii.gz", "T1.nii.gz", "T1_mask.nii.gz")
    tmp_path = tmp_path / "more"
    cohort = index(**files, image=["PET.nii.gz"], mask=["PET_mask.nii.gz"])
    assert list(cohort.case_ids[:2]) == ["P0/PET", "P1/PET"] and cohort.table["patient_id"].nunique() == 6
    assert all(mask_of(s).endswith(f"P{i}/PET_mask.nii.gz") for i, s in enumerate(cohort.sources))
    assert any("12 images play no part" in n for n in cohort.notes)
    (tmp_path / "s/P2/PET_mask.nii.gz").unlink()
    cohort = index(**files, image=["PET.nii.gz"], mask=["PET_mask.nii.gz"])
    assert [(f.where, f.code) for f in cohort.excluded] == [("P2/PET", "NoMatch")] and cohort.found == 6
    with pytest.raises(EmptyInput, match=r"CT\.nii.*PET"):
        index(**files, image=["CT.nii.gz"])


def test_named_images_make_one_case(tmp_path: Path) -> None:
    files = study(tmp_path, "PET.nii.gz", "T1.nii.gz", "gtv.nii.gz")
    (tmp_path / "s/P3/T1.nii.gz").unlink()
    cohort = index(**files, image=["PET=PET.*", "T1=T1.*"], mask=["tumour=gtv.*"])
    assert len(cohort) == 5 and cohort.excluded[0].where == "P3" and "T1" in cohort.excluded[0].reason
    assert [(s.role, s.name) for s in cohort.sources[0]] == [("image", "PET"), ("image", "T1"), ("mask", "tumour")]
    assert cohort.cases[0].source("image", "T1") is not None


def test_named_images_side_by_side_in_one_folder(tmp_path: Path) -> None:
    put(tmp_path / "s", *(f"P{i}_{n}.nii" for i in range(4) for n in ("T1", "T2")))
    cohort = index(tmp_path / "s", image=["T1=*_T1.nii", "T2=*_T2.nii"], with_labels=False)
    assert list(cohort.case_ids) == [f"P{i}" for i in range(4)]
    assert all(s.files[0].endswith(f"P{i}_{s.name}.nii") for i, c in enumerate(cohort.sources) for s in c)


@pytest.mark.parametrize(
    "image, mask, globs",
    [
        ("P{i}_img.png", "P{i}_mask.png", (["*_img.png"], ["*_mask.png"])),
        ("P{i}.png", "P{i}_mask.png", ([], ["*_mask.png"])),
        ("images/P{i}.png", "masks/P{i}.png", (["images/*"], ["masks/*"])),
        ("P{i}/CT.nii", "P{i}/seg/roi.nii", ([], ["roi.nii"])),
        ("P{i}/ct/a.nii", "P{i}/roi.nii", ([], ["roi.nii"])),
        ("P{i}-ct.png", "P{i}-seg-by-reader.png", (["*-ct.png"], ["*-seg-*"])),
    ],
)
def test_masks_find_their_images(tmp_path: Path, image: str, mask: str, globs: tuple[list[str], list[str]]) -> None:
    names = [pattern.format(i=i) for i in range(13) for pattern in (image, mask)]
    cohort = index(put(tmp_path, *names), image=globs[0], mask=globs[1], with_labels=False)
    assert len(cohort) == 13 and not cohort.excluded, cohort.excluded
    pairs = {s[0].files[0]: mask_of(s) for s in cohort.sources}
    assert pairs == {str(tmp_path / image.format(i=i)): str(tmp_path / mask.format(i=i)) for i in range(13)}


def test_a_mask_is_never_borrowed(tmp_path: Path) -> None:
    """With one mask missing nobody else's is taken in its place."""
    for image, mask, globs in (
        ("P{i}-ct.png", "P{i}-seg-x.png", (["*-ct.png"], ["*-seg-*"])),
        ("P{i}/ct/a.nii", "P{i}/roi.nii", ([], ["roi.nii"])),
        ("images/P{i}.png", "masks/P{i}.png", (["images/*"], ["masks/*"])),
    ):
        folder = tmp_path / str(abs(hash(image)))
        put(folder, *(image.format(i=i) for i in range(12)), *(mask.format(i=i) for i in range(1, 12)))
        cohort = index(folder, image=globs[0], mask=globs[1], with_labels=False)
        assert len(cohort) == 11 and len(cohort.excluded) == 1, (image, cohort.excluded)
        assert image.format(i=0).split(".")[0] == cohort.excluded[0].where


def test_masks_that_nobody_named_are_warned_of(tmp_path: Path) -> None:
    """A few among many images are no habit."""
    put(tmp_path, *(f"{c}/{i}.png" for c in "ab" for i in range(6)), *(f"{c}/{i}_mask.png" for c in "ab" for i in "01"))
    assert "4 files called like masks" in index(tmp_path).warnings[0]
    assert not any("called like masks" in w for w in index(tmp_path, mask=["*_mask.png"]).warnings)


# -- stacks ------------------------------------------------------------------------------------
def medmnist(folder: Path, **changed: object) -> Path:
    rng = np.random.default_rng(0)
    members: dict[str, object] = {}
    for part, n in (("train", 12), ("val", 4), ("test", 6)):
        members[f"{part}_images"] = rng.integers(0, 255, (n, 5, 5), dtype=np.uint8)
        members[f"{part}_labels"] = (np.arange(n) % 2).reshape(-1, 1)
    np.savez(folder / "m.npz", **{**members, **changed})  # type: ignore[arg-type]
    return folder / "m.npz"


def test_a_file_of_parts_keeps_its_split(tmp_path: Path) -> None:
    path = medmnist(tmp_path)
    cohort = index(path)
    assert (len(cohort), cohort.origin, cohort.split_column) == (22, "array", "split")
    assert list(cohort.table["split"].value_counts()[["training", "tuning", "test"]]) == [12, 4, 6]
    source = cohort.cases[13].sources[0]
    assert (cohort.case_ids[13], source.member, source.index) == ("val/1", "val_images", 1)
    np.testing.assert_array_equal(formats.read_image(source).array[0, 0], np.load(path)["val_images"][1])
    assert list(cohort.codes[:3]) == [0, 1, 0]
    assert len(index(path, with_labels=False)) == 22
    with pytest.raises(BadShape, match=r"12 rows.* 3 labels"):
        index(medmnist(tmp_path, train_labels=np.zeros(3)))


def test_a_stack_with_labels_in_another_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(10 * 4 * 5, dtype=np.uint8).reshape(10, 4, 5))
    np.save(tmp_path / "y.npy", np.arange(10) % 2)
    cohort = index(tmp_path / "x.npy", labels=tmp_path / "y.npy")
    assert len(cohort) == 10 and cohort.origin == "array" and cohort.sources[3][0].index == 3
    assert formats.read_image(cohort.sources[3][0]).array[0, 0, 0, 0] == 60
    rows = labels(tmp_path, "l.csv", "grade,age,patient", *(f"{i % 2},{i},P{i // 2}" for i in range(10)))
    cohort = index(tmp_path / "x.npy", labels=rows, target="grade", covariates=["age"])
    assert cohort.covariates == ("age",) and cohort.table["patient_id"].nunique() == 5
    np.save(tmp_path / "y.npy", np.arange(9))
    with pytest.raises(BadShape, match="9 labels"):
        index(tmp_path / "x.npy", labels=tmp_path / "y.npy")


# -- DICOM -------------------------------------------------------------------------------------
@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """Four patients with a CT of five slices each, P0 and P1 from one folder."""
    import pydicom
    from pydicom.data import get_testdata_file

    for p in range(4):
        series = f"1.2.826.0.1.{p}"
        for z in range(5):
            data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
            data.SeriesInstanceUID, data.PatientID, data.PatientSex = series, f"{p:03}", "FM"[p % 2]
            data.StudyInstanceUID = series + ".1"
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"{series}.{z + 2}"
            data.ImagePositionPatient, data.InstanceNumber = [0, 0, 5.0 * z], z
            path = tmp_path / "ct" / f"site{p // 2}" / f"P{p}" / f"{z}"
            path.parent.mkdir(parents=True, exist_ok=True)
            data.save_as(path)
    return tmp_path / "ct"


def test_dicom_series_are_joined_by_patient_or_uid(ct: Path, tmp_path: Path) -> None:
    table = labels(tmp_path, "l.csv", "PatientID,y,Age", *(f"{p:03},{p % 2},{50 + p}" for p in range(4)))
    cohort = index(ct, labels=table, target="y")
    assert len(cohort) == 4 and not cohort.warnings and len(cohort.sources[0][0].files) == 5
    assert cohort.case_ids[0] == cohort.sources[0][0].series_uid
    assert "'PatientID' = PatientID: 4 of 4 rows" in " ".join(cohort.notes)
    assert {"sex", "modality", "manufacturer", "Age"} <= set(cohort.attributes) and "age" not in cohort.attributes
    assert dict(zip(cohort.table["patient_id"], cohort.table["sex"], strict=True))["001"] == "M"
    uids = labels(tmp_path, "u.csv", "study,y", *(f"{s[0].study_uid},{i % 2}" for i, s in enumerate(cohort.sources)))
    by_uid = index(ct, labels=uids, target="y")
    assert len(by_uid) == 4 and by_uid.table["patient_id"].nunique() == 4


def test_dicom_in_class_folders_with_masks(ct: Path) -> None:
    put(ct, *(f"site{p // 2}/P{p}/roi.nii.gz" for p in range(4)))
    cohort = index(ct, mask=["roi.nii.gz"])
    assert cohort.target is not None and cohort.target.classes == ("site0", "site1") and not cohort.excluded
    assert all(f"P{int(p)}/" in mask_of(s) for p, s in zip(cohort.table["patient_id"], cohort.sources, strict=True))
    assert index(ct, target="sex").target.classes == ("F", "M")  # type: ignore[union-attr]


def test_a_broken_slice_is_one_fault(ct: Path, tmp_path: Path) -> None:
    (ct / "site0/P1/1").unlink()
    table = labels(tmp_path, "l.csv", "id,y", *(f"{p:03},{p % 2}" for p in range(4)))
    cohort = index(ct, labels=table, target="y")
    assert cohort.found == 4 and [f.code for f in cohort.excluded] == ["BadGeometry"]
