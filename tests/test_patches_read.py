"""What other commands make of a folder of patches: whose they are, and which are there."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import isocenter
from isocenter import ingest
from isocenter.cli import app
from isocenter.cutting import patches
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.querying import Query
from slides import STAINED, save, slide, table_of


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight slides of four patients, two kinds of tissue; a table of them."""
    folder = tmp_path_factory.mktemp("slides")
    for i in range(8):
        save(folder / "in", f"s{i}.png", slide(seed=i, colour=STAINED if i % 4 < 2 else (120, 80, 160)))
    told = {"slide": [f"s{i}.png" for i in range(8)], "patient": [f"{i // 2:03}" for i in range(8)]}
    pd.DataFrame(told | {"grade": ["low", "low", "high", "high"] * 2}).to_csv(folder / "slides.csv", index=False)
    patches(folder / "in", folder / "out", size=64, labels=folder / "slides.csv", patient_column="patient")
    return folder


def test_folders_of_classes_stay_classes_and_slides_do_not_become_them(tmp_path: Path) -> None:
    for kind in ("benign", "malignant"):
        for i in range(3):
            save(tmp_path / "in" / kind, f"s{i}.png", slide(seed=i))
    patches(tmp_path / "in", tmp_path / "out", size=64)
    cohort = isocenter.index(tmp_path / "out")
    assert cohort.counts == {"benign": 18, "malignant": 18}
    assert len(set(cohort.patients)) == 6
    flat = tmp_path / "in" / "benign"
    patches(flat, tmp_path / "flat", size=64)
    with pytest.raises(isocenter.IsocenterError, match="no labels"):
        isocenter.index(tmp_path / "flat")


def test_patients_come_from_the_table_and_are_the_unit_everywhere(slides: Path) -> None:
    table = table_of(slides / "out")
    assert table.groupby("patient_id").size().to_dict() == {f"{i:03}": 12 for i in range(4)}
    assert list(table.columns) == ["path", "patient_id", "source", "x", "y", "tissue", "grade"]
    cohort = isocenter.index(slides / "out", target="grade")
    assert cohort.table.groupby("patient_id")["grade"].nunique().tolist() == [1] * 4
    design = isocenter.split(cohort, isocenter.audit(cohort), design="kfold", folds=2)
    for split in design.splits:
        parts = [set(cohort.select(ids).patients) for ids in (split.fitting, split.test)]
        assert not parts[0] & parts[1]
    assert not [w for w in (*cohort.warnings, *isocenter.audit(cohort).warnings) if "patient" in w or "learn" in w]


def test_a_table_of_slides_or_of_patients_labels_every_patch(slides: Path, tmp_path: Path) -> None:
    save(slides / "again", "s0.png", slide())
    pd.DataFrame({"slide": [f"s{i}" for i in range(8)], "stage": list("aabbccdd")}).to_csv(
        tmp_path / "t.csv", index=False
    )
    cohort = isocenter.index(slides / "out", labels=tmp_path / "t.csv", target="stage")
    assert cohort.counts == dict.fromkeys("abcd", 12)
    assert sorted(set(cohort.patients)) == ["000", "001", "002", "003"]
    table = pd.DataFrame({"patient": ["000", "001", "002", "003"], "died": [0, 1, 1, 0]}).astype({"patient": str})
    table.to_csv(tmp_path / "p.csv", index=False)
    cohort = isocenter.index(slides / "out", labels=tmp_path / "p.csv", target="died")
    assert cohort.counts == {"0": 24, "1": 24}


def test_without_patients_the_image_is_one_and_that_is_said(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "in", f"s{i}.png", slide(seed=i))
    told = patches(tmp_path / "in", tmp_path / "out", size=64)
    cohort = ingest.index(tmp_path / "out", with_labels=False)
    assert told["warnings"] == list(cohort.warnings)
    assert "all patches of an image count as those of one patient" in told["warnings"][0]
    assert set(cohort.patients) == {"s0.png", "s1.png", "s2.png"}


def test_cluster_takes_the_folder_and_knows_whose_patches_they_are(slides: Path, tmp_path: Path) -> None:
    study = Mapping(Options().changed(input=str(slides / "out"), features="intensity"), Project(tmp_path / "p"))
    found = study.cluster()["clusters"]
    assert (found["n"], found["patients"], found["clusters"]) == (48, 4, 2)
    rows = pd.read_csv(tmp_path / "p" / "clusters" / "assignments.csv", index_col="case_id")["cluster"]
    own = study.usable.table["grade"]
    assert pd.crosstab(rows, own).gt(0).sum(axis=1).tolist() == [1, 1]


def test_a_folder_or_file_of_complete_patches_is_read_with_its_patient(slides: Path) -> None:
    """Each image's folder has a record of its own, which is no sign that cutting was interrupted."""
    table = table_of(slides / "out")
    file = slides / "out" / table["path"][0]
    alone, image = ingest.index(file, with_labels=False), ingest.index(file.parent, with_labels=False)
    assert list(alone.patients) == [table["patient_id"][0]]
    assert len(image) == sum(table["source"] == table["source"][0])
    assert set(image.patients) == {table["patient_id"][0]}
    assert (len(alone.excluded), len(image.excluded)) == (0, 0)
    study = Query(Options().changed(input=str(slides / "out"), features="intensity"), Project(None))
    assert study.similar(file, 2)["similar"]["cases"][0]["distance"] == pytest.approx(0, abs=1e-6)


def test_other_images_and_missing_patches_are_left_out_by_name(slides: Path, tmp_path: Path) -> None:
    save(tmp_path / "in", "s.png", slide())
    patches(tmp_path / "in", tmp_path / "out", size=64)
    save(tmp_path / "out", "stranger.png", slide())
    (tmp_path / "out" / "s" / "x000128_y000064.png").unlink()
    cohort = ingest.index(tmp_path / "out", with_labels=False)
    assert {(f.where, f.code) for f in cohort.excluded} == {
        ("stranger", "NoMatch"),
        ("s/x000128_y000064", "MissingPath"),
    }
    assert (cohort.found, len(cohort)) == (7, 5)


def test_the_command_line_says_the_same(slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["patches", str(slides / "in"), str(tmp_path / "o"), "--size", "64", "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert (told["patches"]["kept"], told["table"]) == (48, str(tmp_path / "o" / "patches.csv"))
    app(["patches", str(slides / "in"), str(tmp_path / "o"), "--size", "64"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "8 found = 8 cut into patches + 0 left out" in said
    assert "48 kept of 280" in said
