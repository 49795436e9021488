"""Clusters and nearest cases in a project: planted groups, planted twins, no labels needed, nothing done twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.preprocessing import StandardScaler

import isocenter
from hospitals import sited
from isocenter import charting, datasets, grouping, ingest, lines, mapping, preparation, progress, unlabelled
from isocenter.case import Case
from isocenter.cli import app
from isocenter.elsewhere import predict_to
from isocenter.errors import (
    InputDoesNotFit,
    IsocenterError,
    MissingPath,
    MissingStep,
    UsageError,
)
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.querying import Query
from isocenter.unsupervised import Clustering

N = 160


def picture(i: int, rng: np.random.Generator) -> Image.Image:
    """Odd cases are bright and rough, even ones dark and smooth."""
    middle, spread = (150, 30) if i % 2 else (70, 8)
    pixels = rng.normal(middle + rng.normal(0, 6), spread + abs(rng.normal(0, 1)), (40, 40))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of pictures, each from a scanner of its own; the age says nothing; a twin and a copy."""
    folder, rng = tmp_path_factory.mktemp("scans"), np.random.default_rng(3)
    (folder / "images").mkdir()
    for i in range(N):
        picture(i, rng).save(folder / "images" / f"s{i:03}.png")
    first = np.asarray(Image.open(folder / "images" / "s010.png")).astype(int)
    Image.fromarray((first + rng.integers(0, 2, first.shape)).astype(np.uint8)).save(folder / "images" / "s020.png")
    Image.fromarray(first.astype(np.uint8)).save(folder / "images" / "s030.png")
    table = pd.DataFrame({"id": [f"s{i:03}" for i in range(N)], "scanner": ["AB"[i % 2] for i in range(N)]})
    table["age"] = rng.integers(30, 80, N)
    table["grade"] = rng.choice(["low", "high"], N)
    table.to_csv(folder / "labels.csv", index=False)
    return folder


def told_of(folder: Path, **options: object) -> Options:
    told = {"input": str(folder / "images"), "labels": str(folder / "labels.csv"), "id_column": "id", **options}
    return Options().changed(**told)


def made(folder: Path, project: Path | None, **options: object) -> Mapping:
    return Mapping(told_of(folder, **options), Project(project))


@pytest.fixture(scope="module")
def project(scans: Path) -> Path:
    place = scans / "project"
    made(scans, place, features="intensity").cluster()
    return place


@pytest.fixture(scope="module")
def found(project: Path) -> dict[str, object]:
    return dict(json.loads((project / "clusters" / "clusters.json").read_text("utf-8")))


def test_planted_groups_are_found_and_named_as_scanners(project: Path, found: dict[str, object]) -> None:
    assert (found["structure"], found["clusters"]) == (True, 2)
    table = pd.read_csv(project / "clusters" / "assignments.csv")
    odd = table["case_id"].str[1:].astype(int) % 2
    assert table.groupby(odd)["cluster"].nunique().tolist() == [1, 1]
    assert found["subtypes"]["named"] == "scanner"  # type: ignore[index]


def test_twins_and_copies_are_listed_apart(found: dict[str, object]) -> None:
    assert found["identical"] == [["s010", "s030"]]
    pairs = [{p["first"], p["second"]} for p in found["near"]["pairs"]]  # type: ignore[index]
    assert pairs == [{"s010", "s020"}, {"s020", "s030"}]


def test_everything_lies_in_the_folder(project: Path) -> None:
    names = {path.name for path in (project / "clusters").iterdir()}
    assert names == {"assignments.csv", "clusters.iso", "clusters.json", "figures", "map.html", "pictures.npz"}
    assert {path.name for path in (project / "clusters" / "figures").iterdir()} == {"scree.svg", "stability.svg"}
    page = (project / "clusters" / "map.html").read_text("utf-8")
    assert page.index("Scanner, not disease") < page.index("Cases in cluster")
    assert page.count("data:image/png") > 10


def test_the_second_time_nothing_is_computed(scans: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> object:
        raise AssertionError("computed again")

    monkeypatch.setattr(unlabelled, "measure", fail)
    monkeypatch.setattr(mapping.grouping, "grouped", fail)
    assert made(scans, project, features="intensity").cluster()["clusters"]["clusters"] == 2


def test_the_terminal_says_scanner_first(scans: Path, project: Path) -> None:
    result = made(scans, project, features="intensity").cluster()
    said = list(lines.SECTIONS["clusters"](result["clusters"], result))
    assert "Scanner, not disease" in said[1]
    text = "\n".join(said)
    assert text.index("Scanner") < text.index("Clusters  ") < text.index("agreement") < text.index("Look at")


def test_python_finds_the_same(scans: Path, project: Path) -> None:
    cohort = isocenter.index(scans / "images", labels=scans / "labels.csv", id_column="id", target="grade")
    clustering = isocenter.cluster(cohort, features="intensity")
    assert isinstance(clustering, Clustering)
    table = pd.read_csv(project / "clusters" / "assignments.csv", index_col="case_id")
    assert clustering.assignments["cluster"].to_dict() == table["cluster"].to_dict()


def test_new_scans_are_placed_in_the_clusters(project: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    (tmp_path / "new").mkdir()
    for i in range(10):
        picture(i, rng).save(tmp_path / "new" / f"n{i}.png")
    told = predict_to(project / "clusters" / "clusters.iso", str(tmp_path / "new"), tmp_path / "placed.csv")
    placed = pd.read_csv(tmp_path / "placed.csv", index_col="case_id")["cluster"]
    known = pd.read_csv(project / "clusters" / "assignments.csv", index_col="case_id")["cluster"]
    assert placed.to_dict() == {f"n{i}": known[f"s{i % 2:03}"] for i in range(10)}
    assert told["counts"] == {"1": 5, "2": 5}
    assert "10 cases placed" in next(iter(lines.SECTIONS["placed"](told["placed"], told)))


def test_noise_has_no_structure_and_labels_are_not_doubted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(150, 6)), columns=list("abcdef")).assign(
        diagnosis=rng.choice(["x", "y"], 150)
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    result = Mapping(Options().changed(input=str(tmp_path / "t.csv")), Project(tmp_path / "p")).cluster()["clusters"]
    assert (result["structure"], result["clusters"], result["labels"]["count"]) == (False, 1, 0)
    assert "No structure" in "\n".join(lines.SECTIONS["clusters"](result, {}))
    assert "diagnosis" not in result["features"]["name"]
    assert result["features"]["columns"] == 6


def test_new_rows_need_the_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 4)) + np.repeat([0, 9], 30)[:, None], columns=list("abcd"))
    table.to_csv(tmp_path / "t.csv", index=False)
    Mapping(Options().changed(input=str(tmp_path / "t.csv")), Project(tmp_path / "p")).cluster()
    bundle = tmp_path / "p" / "clusters" / "clusters.iso"
    told = predict_to(bundle, str(tmp_path / "t.csv"), tmp_path / "out.csv")
    assert sorted(told["counts"].values()) == [30, 30]
    table[["a", "b"]].to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(InputDoesNotFit, match="missing: c, d"):
        predict_to(bundle, str(tmp_path / "less.csv"), tmp_path / "out.csv")


def test_similar_finds_copy_and_twin_first(scans: Path, project: Path) -> None:
    told = Query(told_of(scans, features="pixels"), Project(project)).similar("s010", 3)
    assert [one["case_id"] for one in told["similar"]["cases"][:2]] == ["s030", "s020"]
    assert told["similar"]["cases"][0]["distance"] == pytest.approx(0, abs=1e-9)
    page = Path(told["page"]).read_text("utf-8")
    assert page.count("data:image/png") == 4
    assert "<script" not in page
    shown = list(lines.SECTIONS["similar"](told["similar"], told))
    assert shown[0].startswith("Nearest to s010 of 159 cases (pixels, cosine)")


def test_feature_sets_beside_the_first_are_told_not_passed_over(scans: Path, project: Path) -> None:
    notes: list[str] = []
    with progress.listening(lambda event: notes.append(event.text) if event.kind == "note" else None):
        measured = made(scans, project, features="intensity,pixels").measured
    assert measured.name == "intensity"
    assert any("not pixels (join them with +)" in note for note in notes)


def test_a_case_that_is_not_there_is_answered_with_those_like_it(scans: Path, project: Path) -> None:
    cohort = made(scans, project).usable
    with pytest.raises(UsageError, match="s01"):
        isocenter.similar(cohort, "s01x", features="intensity")
    with pytest.raises(UsageError, match="1 or more"):
        isocenter.similar(cohort, "s010", n=0, features="intensity")
    with pytest.raises(UsageError, match="Features here"):
        isocenter.similar(cohort, "s010", features="given")
    assert len(isocenter.similar(cohort, "s010", n=1000, features="intensity")) == N - 1


def test_a_scan_from_outside_finds_its_like(scans: Path, project: Path, tmp_path: Path) -> None:
    """A copy of s011 under the name of another case, beside a mask that is not asked for."""
    outside = tmp_path / "s000.png"
    outside.write_bytes((scans / "images" / "s011.png").read_bytes())
    told = Query(told_of(scans, features="pixels"), Project(project)).similar(str(outside), 3)
    inside = Query(told_of(scans, features="pixels"), Project(project)).similar("s011", 3)
    cases = [(one["case_id"], one["distance"]) for one in told["similar"]["cases"]]
    assert cases[0] == ("s011", pytest.approx(0, abs=1e-9))
    known = [(one["case_id"], pytest.approx(one["distance"])) for one in inside["similar"]["cases"]]
    assert cases[1:] == known[:2]
    assert (told["similar"]["case"], told["similar"]["of"], inside["similar"]["of"]) == (str(outside), N, N - 1)
    page = Path(told["page"]).read_text("utf-8")
    assert page.count("data:image/png") == 4
    assert f"of {N} cases" in page
    study = made(scans, project)  # the picture that is kept of the real s000 is its own
    real = study.usable.select(["s000"]).cases[0]
    assert study._thumbnail(real) == preparation.thumbnail(real) != preparation.thumbnail(_case_at(outside))


def _case_at(path: Path) -> Case:
    return ingest.index(path, with_labels=False).cases[0]


def test_nothing_is_fitted_again_for_a_case_from_outside(tmp_path: Path) -> None:
    """The distance is that of a scikit-learn scaler which saw the database only; one row of a table in its own order."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(50, 3)) * [1, 10, 100] + 5, columns=list("abc"))
    table.to_csv(tmp_path / "t.csv", index=False)
    row = pd.DataFrame({"c": [300.0], "a": [40.0], "other": [1.0], "b": [np.nan]})
    row.to_csv(tmp_path / "one.csv", index=False)
    cohort = ingest.index(tmp_path / "t.csv", with_labels=False)
    found = isocenter.similar(cohort, tmp_path / "one.csv", n=50)
    scaler = StandardScaler().fit(table)
    asked = scaler.transform(table.iloc[[0]].assign(a=40.0, b=table["b"].mean(), c=300.0))
    away = np.linalg.norm(scaler.transform(table) - asked, axis=1)
    np.testing.assert_allclose(found["distance"], np.sort(away), rtol=1e-5)
    assert list(found.index) == [str(i) for i in np.argsort(away)]


def test_what_is_no_case_and_no_single_case_is_refused(scans: Path, project: Path, tmp_path: Path) -> None:
    cohort = made(scans, project).usable
    with pytest.raises(UsageError, match=r"no case 's01x' here, and no file or folder.*"):
        isocenter.similar(cohort, "s01x", features="intensity")
    with pytest.raises(UsageError, match="no file or folder"):
        isocenter.similar(cohort, "x" * 5000, features="intensity")
    with pytest.raises(UsageError, match="no file or folder"):  # a Path is never an id
        isocenter.similar(cohort, Path("s010"), features="intensity")
    with pytest.raises(UsageError, match="holds 160 cases"):
        isocenter.similar(cohort, scans / "images", features="intensity")
    pd.DataFrame({"a": [1.0], "b": [2.0]}).to_csv(tmp_path / "row.csv", index=False)
    with pytest.raises(InputDoesNotFit, match="row of features"):
        isocenter.similar(cohort, tmp_path / "row.csv", features="intensity")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(IsocenterError):
        isocenter.similar(cohort, tmp_path / "torn.png", features="intensity")


def test_a_dicom_series_from_outside(tmp_path: Path) -> None:
    """With its mask beside it, named as for the cases of the project."""
    datasets.phantom(tmp_path / "data", patients=6, seed=5)
    scans = tmp_path / "data" / "scans"
    asked = next(path.parent for path in sorted(scans.rglob("*.dcm")))
    asked = asked if list(asked.glob("lesion_mask*")) else asked.parent
    shutil.move(asked, tmp_path / "new")
    told: dict[str, object] = {"input": str(scans), "mask": "lesion_mask.nii.gz", "features": "radiomics"}
    study = Query(Options().changed(**told), Project(tmp_path / "p"))
    result = study.similar(str(tmp_path / "new"), 2)
    assert (len(study.usable), result["similar"]["of"], len(result["similar"]["cases"])) == (5, 5, 2)
    assert Path(result["page"]).read_text("utf-8").count("data:image/png") == 3
    steps = dict(study.measured.pipeline.named_steps["features"].transformer_list)
    whole = ingest.index(tmp_path / "new", with_labels=False, mask=["lesion_mask.nii.gz"])
    assert steps["radiomics"].transform(whole.X).notna().all(axis=None)


def test_what_cannot_be_is_refused_before_anything_is_read(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="layout"):
        made(scans, None, layout="globe").cluster()
    with pytest.raises(UsageError, match="method"):
        made(scans, None, features="intensity").cluster("magic")
    with pytest.raises(UsageError, match="cannot be"):
        made(scans, None, features="intensity", clusters=-1).cluster()
    with pytest.raises(MissingStep):
        Query(Options(), Project(tmp_path / "empty")).similar("x")


def test_the_command_line_says_the_same(scans: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [
        str(scans / "images"),
        "--labels",
        str(scans / "labels.csv"),
        "--id-column",
        "id",
        "--features",
        "intensity",
    ]
    app(["cluster", *told, "--project", str(project), "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["clusters"]["clusters"] == 2
    app(["similar", "s010", "-n", "2", "--project", str(project)], standalone_mode=False)
    assert "s030" in capsys.readouterr().out


def test_columns_of_the_map_have_few_values(scans: Path) -> None:
    study = made(scans, None, features="intensity", target="grade")
    columns = charting.columns_of(
        study.usable, grouping.grouped(study.usable, study.measured, method="kmeans", clusters=3, seed=0)
    )
    assert list(columns)[:2] == ["cluster", "grade"]
    assert set(columns["cluster"]) == {"1", "2", "3"}
    assert columns["age"].dtype.kind in "if"


def test_the_identical_pair_of_busi_is_found_and_shown(shared_data: Path, tmp_path: Path) -> None:
    names = ["benign/benign (433).png", "malignant/malignant (145).png"]
    others = sorted((shared_data / "busi").rglob("*.png"))[::12]
    for path in dict.fromkeys([*(shared_data / "busi" / name for name in names), *others]):
        place = tmp_path / "busi" / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)
    study = Mapping(
        Options().changed(input=str(tmp_path / "busi"), features="intensity"), Project(tmp_path / "project")
    )
    found = study.cluster()["clusters"]
    assert found["identical"] == [["benign/benign (433)", "malignant/malignant (145)"]]
    assert "malignant (145)" in (tmp_path / "project" / "clusters" / "map.html").read_text("utf-8")


def test_clusters_have_one_number_wherever_people_see_them(tmp_path: Path) -> None:
    """In none: -1, as HDBSCAN finds it."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], [60, 40])
    table = pd.DataFrame(rng.normal(size=(100, 3)) + 12 * kind[:, None], columns=list("abc"))
    table.iloc[0] = [300.0, -300.0, 300.0]
    table["sex"] = np.where(kind, "F", "M")
    table.to_csv(tmp_path / "t.csv", index=False)
    study = Mapping(Options().changed(input=str(tmp_path / "t.csv")), Project(tmp_path / "p"))
    found = study.cluster("hdbscan")["clusters"]
    csv = pd.read_csv(tmp_path / "p" / "clusters" / "assignments.csv")["cluster"]
    assert csv.value_counts().to_dict() == {1: 59, 2: 40, -1: 1}
    subtypes = found["subtypes"]
    assert [(one["cluster"], one["cases"]) for one in subtypes["sizes"]] == [(-1, 1), (1, 59), (2, 40)]
    assert {one["cluster"] for one in subtypes["features"]} == {1, 2}
    assert [one["cluster"] for one in subtypes["others"][0]["groups"]] == [1, 2]
    said = "\n".join(lines.SECTIONS["clusters"](found, {}))
    assert "  1       59 cases" in said and "  2       40 cases" in said and "in none 1 cases" in said
    page = (tmp_path / "p" / "clusters" / "map.html").read_text("utf-8")
    assert "Cases in cluster 1: 59, 2: 40; in none 1." in page
    told = predict_to(tmp_path / "p" / "clusters" / "clusters.iso", str(tmp_path / "t.csv"), tmp_path / "o.csv")
    assert told["counts"] == {"-1": 1, "1": 59, "2": 40}
    assert pd.read_csv(tmp_path / "o.csv")["cluster"].tolist() == csv.tolist()
    shown = next(iter(lines.SECTIONS["placed"]("o.csv", told)))
    assert "in none 1, 1: 59, 2: 40" in shown


def test_several_feature_sets_are_refused_with_the_way_to_join_them(scans: Path) -> None:
    with pytest.raises(UsageError, match=r"one table.*\n?.*") as refused:
        made(scans, None, features="intensity,pixels").cluster()
    assert "intensity+pixels" in refused.value.remedy


@pytest.mark.parametrize("verb", ["cluster", "run"])
def test_an_input_that_is_not_there_is_never_replaced_by_the_cohort_of_the_project(
    tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, project = sited(tmp_path, 60), tmp_path / "p"
    app(["cluster", str(path), "--target", "ill", "--project", str(project)], standalone_mode=False)
    before = {one: one.read_bytes() for one in project.rglob("*") if one.is_file()}
    for place in (project, tmp_path / "new"):
        with pytest.raises(MissingPath, match="no file or folder"):
            app([verb, str(tmp_path / "gone"), "--target", "ill", "--project", str(place)], standalone_mode=False)
    assert {one: one.read_bytes() for one in project.rglob("*") if one.is_file()} == before
    assert "results are replaced" not in "".join(capsys.readouterr())
    assert not (tmp_path / "new").exists()
    options = Options().changed(input=str(tmp_path / "gone"), target="ill")
    for where in (project, None):
        with pytest.raises(MissingPath):
            Mapping(options, Project(where)).cluster()
    path.unlink()  # the cohort's own input: it serves without
    app(["cluster", "--project", str(project), "--layout", "pca"], standalone_mode=False)


def test_a_request_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["similar", "x"], ["cluster"], ["report"]):
        with pytest.raises(MissingStep):
            app(words, standalone_mode=False)
        assert not list(tmp_path.iterdir())
