"""Images and masks of a case by how their files are called, or by columns of the table."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from isocenter.case import Source
from isocenter.cohort import Cohort
from isocenter.errors import AmbiguousId, EmptyInput, UsageError
from isocenter.ingest import index


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.Nifti1Image(np.full((3, 3, 2), 1, np.int16), np.eye(4)).to_filename(path)
    return folder


def kinds(sources: tuple[Source, ...]) -> list[str]:
    return [f"{s.role} {s.name}" for s in sources]


def files(cohort: Cohort, case_id: str) -> list[str]:
    return [Path(s.files[0]).name for s in cohort.sources[list(cohort.case_ids).index(case_id)]]


PET_MR = ("MR_T1.nii.gz", "MR_T1_mask.nii.gz", "PET.nii.gz", "PET_mask.nii.gz")
BRATS = ("_flair.nii.gz", "_seg.nii.gz", "_t1.nii.gz", "_t1ce.nii.gz", "_t2.nii.gz")


@pytest.mark.parametrize(
    "names, case_ids, expected",
    [
        (["P{i}/" + n for n in PET_MR], "P{i}", ["image T1", "image PET", "mask T1", "mask PET"]),
        (["P{i}_" + n for n in PET_MR], "P{i}", ["image T1", "image PET", "mask T1", "mask PET"]),
        (["x/B_0{i}/B_0{i}" + n for n in BRATS], "x/B_0{i}",
         ["image FLAIR", "image T1", "image T1CE", "image T2", "mask seg"]),
        (["B-0{i}" + n.replace("_", "-") for n in BRATS], "B-0{i}",
         ["image FLAIR", "image T1", "image T1CE", "image T2", "mask seg"]),
        (["P{i}/ct.nii", "P{i}/lesion_mask.nii"], "P{i}", ["image CT", "mask lesion"]),
        (["P{i}/T1_post.nii", "P{i}/t1 pre.nii", "P{i}/GTVs.nii"], "P{i}", ["image T1_POST", "image T1_PRE", "mask gtvs"]),
        (["a{i}.nii", "a{i}_mask.nii"], "a{i}", ["image image", "mask mask"]),
        (["c/a{i}.nii", "c/a{i}_mask.nii"], "c/a{i}", ["image image", "mask mask"]),
    ],
)  # fmt: skip
def test_files_of_a_case_by_their_names(tmp_path: Path, names: list[str], case_ids: str, expected: list[str]) -> None:
    put(tmp_path, *(name.format(i=i) for i in range(4) for name in names))
    cohort = index(tmp_path, with_labels=False)
    assert list(cohort.case_ids) == [case_ids.format(i=i) for i in range(4)] and not cohort.excluded
    for i, sources in enumerate(cohort.sources):
        assert kinds(sources) == expected
        assert {s.files[0] for s in sources} == {str(tmp_path / name.format(i=i)) for name in names}
    assert f"{len(names)} files a case, by how they are called: --image" in " ".join(cohort.notes)


@pytest.mark.parametrize(
    "names",
    [["B_{i}" + n for n in BRATS], ["P{i}/" + n for n in PET_MR], ["{i}/CT.nii", "{i}/a_mask.nii", "{i}/b_mask.nii"]],
)
def test_the_habit_that_is_shown_is_what_the_options_take(tmp_path: Path, names: list[str]) -> None:
    put(tmp_path, *(name.format(i=i) for i in range(5) for name in names))
    shown = index(tmp_path, with_labels=False)
    words = next(n for n in shown.notes if "--image" in n).split("'")
    told = index(tmp_path, image=words[1].split(","), mask=words[3].split(","), with_labels=False)
    assert shown.sources == told.sources and len(told.sources[0]) == len(names) and not told.excluded


def test_options_put_the_habit_aside(tmp_path: Path) -> None:
    put(tmp_path, *(f"P{i}/{n}" for i in range(3) for n in PET_MR))
    cohort = index(tmp_path, image=["PET.nii.gz"], with_labels=False)
    assert [kinds(s) for s in cohort.sources] == [["image image"]] * 3
    assert not any("how they are called" in note for note in cohort.notes)


def test_what_a_case_lacks_or_has_twice_is_its_fault(tmp_path: Path) -> None:
    put(tmp_path, *(f"P{i}/{n}" for i in range(12) for n in PET_MR))
    (tmp_path / "P1/PET.nii.gz").unlink()
    (tmp_path / "P2/PET_mask.nii.gz").unlink()
    put(tmp_path, "P3/PET.nii", "P4/PET-mask.nii", "P5/CT.nii.gz", "P6/map.nii.gz")
    (tmp_path / "P7/MR_T1_mask.nii.gz").write_bytes(b"")
    cohort = index(tmp_path, with_labels=False)
    assert set(cohort.case_ids) == {"P0", "P5", "P6", "P8", "P9", "P10", "P11"} and cohort.found == 12
    assert {f.where: f.code for f in cohort.excluded} == {
        "P1": "NoMatch", "P2": "NoMatch", "P3": "AmbiguousId", "P4": "AmbiguousId", "P7": "UnreadableFile",
    }  # fmt: skip
    said = {f.where: f.reason for f in cohort.excluded}
    assert "no PET image" in said["P1"] and "no mask PET" in said["P2"] and "P4/PET-mask.nii" in said["P4"]
    assert files(cohort, "P5") == [PET_MR[0], PET_MR[2], PET_MR[1], PET_MR[3]]
    assert "Called otherwise and not used: 2 files." in cohort.notes


@pytest.mark.parametrize(
    "names, case_id, lacks",
    [
        (["P{i}/CT.nii", "P{i}/lesion_mask.nii"], "P{i}", "no CT image"),
        (["P{i}/" + n for n in PET_MR], "P{i}", "no T1, PET image"),
        (["B_0{i}" + n for n in BRATS], "B_0{i}", "no FLAIR, T1, T1CE, T2 image"),
        (["a{i}.nii", "a{i}_mask.nii"], "a{i}", "and no image"),
    ],
)
def test_a_mask_without_its_image_is_a_case_left_out(
    tmp_path: Path, names: list[str], case_id: str, lacks: str
) -> None:
    put(tmp_path / "s", *(name.format(i=i) for i in range(4) for name in names))
    for name in names:
        if not any(word in name for word in ("mask", "seg")):
            (tmp_path / "s" / name.format(i=2)).unlink()
    table = "".join(f"{case_id.format(i=i)},{i % 2}\n" for i in range(4))
    (tmp_path / "l.csv").write_text("id,y\n" + table)
    for options in ({"with_labels": False}, {"labels": tmp_path / "l.csv"}):
        cohort = index(tmp_path / "s", **options)  # type: ignore[arg-type]
        assert list(cohort.case_ids) == [case_id.format(i=i) for i in (0, 1, 3)] and cohort.found == 4
        assert [f.where for f in cohort.excluded] == [case_id.format(i=2)]
        assert lacks in cohort.excluded[0].reason and "mask" in cohort.excluded[0].reason
        assert not any("Called otherwise" in note for note in cohort.notes)


@pytest.mark.parametrize(
    "names, image, mask, lost",
    [
        (["P{i}/scan.nii", "P{i}/lesion.nii"], "scan.nii", "lesion.nii", "P2"),
        (["P{i}/scan.nii", "P{i}/lesion.nii"], "*scan.nii", "*lesion.nii", "P2"),
        (["img/{i}x.nii", "ann/{i}x.nii"], "img/*.nii", "ann/*.nii", "ann/2x"),
        (["{i}x_scan.nii", "{i}x_lesion.nii"], "*_scan.nii", "*_lesion.nii", "2x"),
        (["P{i}/scan.nii", "P{i}/drawn/lesion.nii"], "scan.nii", "lesion.nii", "P2/drawn"),
    ],
)
def test_a_mask_that_is_named_without_its_image_is_counted_too(
    tmp_path: Path, names: list[str], image: str, mask: str, lost: str
) -> None:
    put(tmp_path, *(name.format(i=i) for i in range(4) for name in names))
    (tmp_path / names[0].format(i=2)).unlink()
    cohort = index(tmp_path, image=[image], mask=[mask], with_labels=False)
    assert len(cohort) == 3 and [(f.where, f.code) for f in cohort.excluded] == [(lost, "NoMatch")]


def test_a_second_mask_of_an_image_is_no_case(tmp_path: Path) -> None:
    put(tmp_path, *(f"x ({i}){end}.nii" for i in range(3) for end in ("", "_mask")), "x (1)_mask_1.nii")
    for options in ({"mask": ["*_mask*.nii"]}, {"image": ["x*).nii"], "mask": ["*_mask*.nii"]}):
        cohort = index(tmp_path, **options, with_labels=False)  # type: ignore[arg-type]
        assert cohort.found == 3


@pytest.mark.parametrize(
    "names",
    [
        ["P{i}/left.nii", "P{i}/right.nii"],  # views are no sequences: each may be a case
        ["P{i}.nii"],
        ["a/{i}_ct.nii", "b/{i}1_mr.nii"],
        ["P{i}/CT/1.nii", "P{i}/CT/2.nii"],
    ],
)
def test_other_names_are_no_habit(tmp_path: Path, names: list[str]) -> None:
    put(tmp_path, *(name.format(i=i) for i in range(4) for name in names))
    cohort = index(tmp_path, with_labels=False)
    assert len(cohort) == 4 * len(names) and not any("how they are called" in note for note in cohort.notes)
    assert all(kinds(s) == ["image image"] for s in cohort.sources)


def test_half_of_the_cases_are_no_habit(tmp_path: Path) -> None:
    put(tmp_path, "P0/T1.nii", "P1/PET.nii", *(f"P{i}/{n}.nii" for i in (2, 3) for n in ("T1", "PET")))
    assert len(index(tmp_path, with_labels=False)) == 6
    put(tmp_path, "P4/T1.nii", "P4/PET.nii")
    cohort = index(tmp_path, with_labels=False)
    assert list(cohort.case_ids) == ["P2", "P3", "P4"] and [f.where for f in cohort.excluded] == ["P0", "P1"]


def test_cases_side_by_side_find_their_rows(tmp_path: Path) -> None:
    put(tmp_path / "s", *(f"B_{i:02}{n}" for i in range(6) for n in BRATS))
    (tmp_path / "l.csv").write_text("id,y\n" + "".join(f"B_{i:02},{i % 2}\n" for i in range(6)))
    cohort = index(tmp_path / "s", labels=tmp_path / "l.csv")
    assert list(cohort.codes) == [0, 1] * 3 and not cohort.excluded
    told = index(tmp_path / "s", labels=tmp_path / "l.csv", image=["T1=*_t1.nii.gz", "T2=*_t2.nii.gz"])
    assert list(told.codes) == [0, 1] * 3 and kinds(told.sources[0]) == ["image T1", "image T2"]


def test_dicom_series_and_their_masks(tmp_path: Path) -> None:
    import pydicom
    from pydicom.data import get_testdata_file

    for p in range(3):
        for z in range(3):
            data = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
            data.SeriesInstanceUID, data.PatientID = f"1.2.826.0.1.{p}", f"{p}"
            data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.{p}.{z + 2}"
            data.ImagePositionPatient, data.InstanceNumber = [0, 0, 5.0 * z], z
            path = tmp_path / f"P{p}" / "CT" / f"{z}.dcm"
            path.parent.mkdir(parents=True, exist_ok=True)
            data.save_as(path)
        put(tmp_path, f"P{p}/lesion_mask.nii.gz")
    cohort = index(tmp_path, with_labels=False)
    assert list(cohort.case_ids) == ["P0", "P1", "P2"] and not cohort.excluded
    assert all(kinds(s) == ["image CT", "mask lesion"] and len(s[0].files) == 3 for s in cohort.sources)
    assert list(cohort.table["patient_id"]) == ["0", "1", "2"]


# -- by column ------------------------------------------------------------------------------------
def by_column(folder: Path, rows: list[tuple[str, str, str, str]]) -> dict[str, Path]:
    lines = [",".join((*row, str(i % 2))) for i, row in enumerate(rows)]
    (folder / "l.csv").write_text("\n".join(["id,pet_file,mr_file,contour,y", *lines]))
    return {"input": folder / "s", "labels": folder / "l.csv"}


ROLES = {"image": ["PET=pet_file", "T1=mr_file"], "mask": ["tumour=contour"]}


def test_columns_name_files_wherever_they_lie(tmp_path: Path) -> None:
    put(tmp_path / "s", *(f"pets/{i}.nii" for i in range(6)), *(f"mr/x{5 - i}.nii" for i in range(6)))
    put(tmp_path / "s", *(f"{i}/roi.nii" for i in range(6)))
    rows = [
        (f"P{i}", f"pets/{i}.nii", f"s/mr/x{i}.nii", str(tmp_path / f"s/{i}/roi.nii")) for i in range(6)
    ]  # from INPUT, from the table, absolute
    cohort = index(**by_column(tmp_path, rows), target="y", **ROLES)
    assert list(cohort.case_ids) == [f"P{i}" for i in range(6)] and list(cohort.codes) == [0, 1] * 3
    assert kinds(cohort.sources[0]) == ["image PET", "image T1", "mask tumour"] and cohort.attributes == ()
    for i, sources in enumerate(cohort.sources):
        ends = [f"pets/{i}.nii", f"mr/x{i}.nii", f"{i}/roi.nii"]
        assert all(s.files[0].endswith(end) for s, end in zip(sources, ends, strict=True))
    assert "Files named by pet_file, mr_file, contour: 6 of 6 rows." in cohort.notes


def test_a_row_without_a_file_is_one_fault(tmp_path: Path) -> None:
    put(tmp_path / "s", *(f"P{i}/{n}.nii" for i in range(8) for n in ("a", "b", "c")))
    rows = [(f"P{i}", f"P{i}/a.nii", f"P{i}/b.nii", f"P{i}/c.nii") for i in range(8)]
    rows[1] = ("P1", "P1/gone.nii", *rows[1][2:])
    rows[2] = ("P2", rows[2][1], "", rows[2][3])
    rows[3] = ("P3", *rows[3][1:3], "P3/gone.nii")
    rows[4] = ("P4", "gone.nii", "gone.nii", "gone.nii")
    cohort = index(**by_column(tmp_path, rows), target="y", **ROLES)
    assert list(cohort.case_ids) == ["P0", "P5", "P6", "P7"] and cohort.found == 8
    assert sorted(f.where.rpartition(" ")[2] for f in cohort.excluded) == ["P1", "P2", "P3", "P4"]
    assert {f.code for f in cohort.excluded} == {"NoMatch"}
    only = index(**by_column(tmp_path, rows), target="y", image=["pet_file"])
    assert len(only) == 6 and {f.where for f in only.excluded} == {"row 3: P1", "row 6: P4"}


def test_the_mask_of_another_row_is_not_borrowed(tmp_path: Path) -> None:
    """However much it is called like the image."""
    names = [(f"{c}-a.nii", f"{c}-b.nii") for c in "pqrs"]
    put(tmp_path / "s", *(name for pair in names for name in pair))
    rows = [(f"P{i}", image, "", mask) for i, (image, mask) in enumerate(names)]
    rows[1], rows[2] = ("P1", "q-a.nii", "", ""), ("P2", "r-a.nii", "", "q-b.nii")
    cohort = index(**by_column(tmp_path, rows), target="y", image=["pet_file"], mask=["contour"])
    assert [f.where for f in cohort.excluded] == ["q-a"] and files(cohort, "r-a") == ["r-a.nii", "q-b.nii"]


def test_columns_and_patterns_do_not_mix(tmp_path: Path) -> None:
    put(tmp_path / "s", *(f"P{i}/{n}.nii" for i in range(4) for n in ("a", "b", "c")))
    rows = [(f"P{i}", f"P{i}/a.nii", f"P{i}/b.nii", f"P{i}/c.nii") for i in range(4)]
    given = by_column(tmp_path, rows)
    with pytest.raises(UsageError, match=r"pet_file is a column of the table, b\.nii is not"):
        index(**given, target="y", image=["PET=pet_file", "T1=b.nii"])
    with pytest.raises(UsageError, match="--mask-column contour"):
        index(**given, target="y", mask=["contour"])
    given = by_column(tmp_path, [(r[0], "x.nii", *r[2:]) for r in rows])
    with pytest.raises(EmptyInput, match="No image is one that column 'pet_file' names"):
        index(**given, target="y", image=["pet_file"])
    with pytest.raises(AmbiguousId):
        index(**given, target="y", id_column="id")
