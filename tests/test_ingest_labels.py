"""The join of a table with scans: found by itself, shown, and every fault collected at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isocenter.errors import (
    AmbiguousId,
    ConflictingRows,
    EmptyInput,
    LostZeros,
    MissingPath,
    NoMatch,
    NoTarget,
    UnknownColumn,
)
from isocenter.ingest import index


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)


def scans(folder: Path, *names: str) -> Path:
    for name in names:
        picture(folder / "scans" / name)
    return folder / "scans"


def labels(folder: Path, *lines: str) -> Path:
    (folder / "l.csv").write_text("\n".join(lines) + "\n")
    return folder / "l.csv"


TEN = [f"{i:02}" for i in range(10)]


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("{i}.png", "{i}", "file name without extension"),
        ("{i}.png", "{i}.png", "file name"),
        ("a/b/{i}.png", "a/b/{i}.png", "path"),
        ("a/b/{i}.png", "a/b/{i}", "path without extension"),
        ("a/{i}.png", "./scans/a/{i}.png", "path seen from the table"),
        ("a/{i}.png", "C:\\data\\{i}.png", "file name at the end of the path"),
        ("{i}/x.png", "{i}", "folder"),
        ("{i}/y/x.png", "{i}", "folder 2 above"),
    ],
)
def test_what_an_id_names_is_found(tmp_path: Path, name: str, value: str, says: str) -> None:
    folder = scans(tmp_path, *(name.format(i=f"s{i}") for i in TEN))
    rows = (f"{value.format(i=f's{i}')},{int(i) % 2},{int(i) * 3}" for i in reversed(TEN))
    cohort = index(folder, labels=labels(tmp_path, "scan,grade,age", *rows), target="grade")
    assert len(cohort) == 10 and not cohort.excluded
    assert list(cohort.codes) == [0, 1] * 5 and list(cohort.table["age"]) == [3 * i for i in range(10)]
    assert any(f"'scan' = {says}: 10 of 10 rows" in n for n in cohort.notes), cohort.notes
    assert cohort.case_ids[3] == name.format(i="s03").removesuffix(".png")
    assert cohort.attributes == ("age",)


def test_the_more_specific_column_wins_and_the_patient_is_known(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"P{i // 2}/{i:02}.png" for i in range(10)))
    table = labels(tmp_path, "PatientID,image,label", *(f"P{i // 2},{i:02}.png,{i % 2}" for i in range(10)))
    cohort = index(folder, labels=table)
    assert len(cohort) == 10 and cohort.table["patient_id"].nunique() == 5 and not cohort.warnings
    assert cohort.cases[0].patient_id == "P0"


def test_one_id_for_several_images_is_never_merged(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"P{i}/{n}.png" for i in range(6) for n in ("x", "y")), "P6/x.png", "P7/x.png")
    table = labels(tmp_path, "patient_id,label", *(f"P{i},{i % 2}" for i in range(8)))
    cohort = index(folder, labels=table)
    assert list(cohort.case_ids) == ["P6/x", "P7/x"] and cohort.found == 8
    assert {f.code for f in cohort.excluded} == {"AmbiguousId"} and "--image 'x.png'" in cohort.excluded[0].remedy
    assert "P0/x.png, P0/y.png" in cohort.excluded[0].reason
    assert len(index(folder, labels=table, image=["x.png"])) == 8
    every = index(folder, labels=table, image=["*.png"])
    assert len(every) == 14 and every.table["patient_id"].nunique() == 8
    (folder / "P6/x.png").unlink(), (folder / "P7/x.png").unlink()
    with pytest.raises(AmbiguousId, match="--image"):
        index(folder, labels=table)


def test_all_label_faults_at_once_with_row_numbers(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in range(10)), "extra.png")
    rows = [f"s{i},{i % 2}" for i in range(10)]
    table = labels(tmp_path, "id,label", *rows, "s1,1", "s2,1", "ghost,0", ",1")
    cohort = index(folder, labels=table)
    faults = {f.where: f for f in cohort.excluded}
    assert {k: f.code for k, f in faults.items()} == {
        "s2": "ConflictingRows", "row 14: ghost": "UnusedRow", "row 15": "UnusedRow", "extra": "NoMatch",
    }  # fmt: skip
    assert "Rows 4, 13" in faults["s2"].reason
    assert len(cohort) == 9 and cohort.found == 13
    with pytest.raises(ConflictingRows, match="Rows 2, 12"):
        index(folder, labels=labels(tmp_path, "id,label", *rows, *(f"s{i},{(i + 1) % 2}" for i in range(10))))


def test_lost_cases_stand_before_rows_that_belong_to_no_file(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in range(10)), "extra.png")
    rows = [f"s{i},{i % 2}" for i in range(10)]
    cohort = index(folder, labels=labels(tmp_path, "id,label", "ghost,0", *rows, "spook,1", ",1"))
    assert [(f.where, f.of_row) for f in cohort.excluded] == [
        ("extra", False), ("row 14", True), ("row 2: ghost", True), ("row 13: spook", True),
    ]  # fmt: skip


def test_nothing_matches(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"{i}.png" for i in TEN))
    with pytest.raises(NoMatch, match=r"other0.*00\.png"):
        index(folder, labels=labels(tmp_path, "id,label", *(f"other{i},{i % 2}" for i in range(10))))
    with pytest.raises(UnknownColumn, match="id, label"):
        index(folder, labels=labels(tmp_path, "id,label", "00,1"), id_column="no")
    with pytest.raises(EmptyInput):
        index(folder, labels=labels(tmp_path, "id,label"))


@pytest.mark.parametrize("first", [0, 95])
def test_lost_zeros(tmp_path: Path, first: int) -> None:
    """Also where some ids, from 100 on, still match."""
    folder = scans(tmp_path, *(f"{i:03}.png" for i in range(first, first + 10)))
    table = labels(tmp_path, "id,label", *(f"{i},{i % 2}" for i in range(first, first + 10)))
    with pytest.raises(LostZeros, match="007"):
        index(folder, labels=table)
    table = labels(tmp_path, "id,label", *(f"{i:03},{i % 2}" for i in range(first, first + 10)))
    assert len(index(folder, labels=table)) == 10


def test_a_table_in_the_folder_is_taken_only_if_it_is_called_labels(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in TEN))
    text = "\n".join(["id,label", *(f"s{i},{int(i) % 2}" for i in TEN)])
    (folder / "data.csv").write_text(text)
    with pytest.raises(NoTarget, match=r"--labels .*data\.csv"):
        index(folder)
    (folder / "data.csv").rename(folder / "labels.csv")
    cohort = index(folder)
    assert len(cohort) == 10 and any("labels.csv, the only table" in n for n in cohort.notes)
    assert len(index(folder, with_labels=False)) == 10


def test_spaces_and_empty_targets(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in TEN))
    lines = [f" s{i} , {'ab'[int(i) % 2]} " for i in TEN[:8]]
    cohort = index(folder, labels=labels(tmp_path, "id, label", *lines, "s08,", "s09,"))
    assert cohort.target is not None and cohort.target.classes == ("a", "b")
    assert cohort.unlabelled == ("s08", "s09") and len(cohort) == 8


def test_zero_bytes_are_listed_with_their_class(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in TEN))
    (folder / "s03.png").write_bytes(b"")
    cohort = index(folder, labels=labels(tmp_path, "id,label", *(f"s{i},{int(i) % 2}" for i in TEN)))
    (fault,) = cohort.excluded
    assert (fault.where, fault.code, fault.label) == ("s03", "UnreadableFile", "1") and cohort.found == 10


def test_mask_column(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in range(10)), *(f"m/s{i}.png" for i in range(9)))
    rows = [f"s{i}.png,m/s{i}.png,{i % 2}" for i in range(9)]
    table = labels(tmp_path, "file,roi,label", *rows, "s9.png,,1")
    cohort = index(folder, labels=table, mask_column="roi", target="label")
    assert len(cohort) == 9 and cohort.excluded[0].where == "s9" and cohort.attributes == ()
    mask = cohort.cases[4].source("mask")
    assert mask is not None and mask.files[0].endswith("m/s4.png")
    table = labels(tmp_path, "file,roi,label", *rows, "s9.png,m/none.png,1")
    assert index(folder, labels=table, mask_column="roi", target="label").excluded[0].code == "MissingPath"
    with pytest.raises(UnknownColumn):
        index(folder, labels=table, mask_column="mask", target="label")
    with pytest.raises(MissingPath):
        index(folder, labels=tmp_path / "no.csv")


def test_columns_called_as_ours_do_not_collide(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in range(10)))
    rows = (f"s{i},x{i},q{i // 2},P{i // 3},{i % 2}" for i in range(10))
    table = labels(tmp_path, "image,case_id,patient_id,owner,label", *rows)
    cohort = index(folder, labels=table, patient_column="owner")
    assert cohort.table["patient_id"].nunique() == 4 and set(cohort.attributes) == {"table_case_id", "table_patient_id"}


def test_the_order_of_the_rows_means_nothing(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"s{i}.png" for i in range(12)))
    rows = [*(f"s{i},{'ab'[i % 2]},{i}" for i in range(10)), "s3,a,3", "ghost,b,1", "s10,,4"]
    first = index(folder, labels=labels(tmp_path, "id,grade,age", *rows), target="grade")
    again = index(folder, labels=labels(tmp_path, "id,grade,age", *reversed(rows)), target="grade")
    assert again.table.equals(first.table) and again.target == first.target
    assert again.unlabelled == first.unlabelled == ("s10",)
    assert [f.code for f in again.excluded] == [f.code for f in first.excluded] and again.found == first.found == 13


def test_odd_numbers_in_a_table_of_labels(tmp_path: Path) -> None:
    folder = scans(tmp_path, *(f"{i}.png" for i in range(1, 11)))
    table = labels(tmp_path, "id,y,size", *(f"{i}.0,{i % 2},{'inf' if i == 3 else i + 0.5}" for i in range(1, 11)))
    assert len(index(folder, labels=table, target="y")) == 10
