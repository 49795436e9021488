"""Questions to a project: they change nothing in it, read new files as it does, and say how they were answered."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter
from isocenter import datasets, lines, preparation, progress
from isocenter.cli import app
from isocenter.elsewhere import predict_to
from isocenter.errors import MissingPath, UsageError
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.querying import Query
from isocenter.unlabelled import Unlabelled

WAYS = {"said": {"mask": "lesion_mask.nii.gz"}, "by habit": {}}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    datasets.phantom(folder, patients=12, seed=5)
    datasets.phantom(folder / "other", patients=4, seed=6)
    return folder


@pytest.fixture(scope="module", params=WAYS, ids=str)
def project(request: pytest.FixtureRequest, phantom: Path) -> Path:
    """Clusters of scans without labels, their masks named by an option or by the naming habit."""
    place = phantom / str(request.param)
    options = Options().changed(input=str(phantom / "scans"), features="intensity", **WAYS[request.param])
    Mapping(options, Project(place)).cluster()
    return place


def remembered(project: Path) -> dict[str, str]:
    """Every file but what answers and costly results are kept in."""
    kept = (p for p in project.rglob("*") if p.is_file() and not {"store", "similar", "thumbnails"} & set(p.parts))
    return {str(p.relative_to(project)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}


def asked(project: Path, case: object, **options: object) -> dict[str, object]:
    saved = Options.from_toml(project / "run.toml")
    told = Query(saved.changed(**options), Project(project)).similar(str(case), 3)["similar"]
    assert isinstance(told, dict)
    return told


def test_a_question_changes_nothing_that_the_project_remembers(project: Path) -> None:
    before, plain = remembered(project), asked(project, "PHANTOM-001")
    other = asked(project, "PHANTOM-001", features="radiomics", preset="ct:bin_width=50")
    assert other["features"] == "radiomics" and other["cases"] != plain["cases"]
    assert remembered(project) == before
    assert asked(project, "PHANTOM-001") == plain


def test_an_answer_says_how_it_was_measured_and_what_was_for_it_alone(project: Path) -> None:
    told = asked(project, "PHANTOM-001", features="radiomics", preset="ct:bin_width=50")
    shown = "\n".join(lines.SECTIONS["similar"](told, {}))
    assert "by preset ct:bin_width=50 in mask" in shown
    assert "For this answer alone: --features radiomics, --preset ct:bin_width=50;" in shown
    assert "alone" not in "\n".join(lines.SECTIONS["similar"](asked(project, "PHANTOM-001"), {}))


def test_a_question_by_other_features_leaves_out_what_the_project_says_of_its_own(
    phantom: Path, tmp_path: Path
) -> None:
    """Nobody asked for a preset: the project's is about radiomics, and is no fault of the question."""
    told = {"features": "radiomics", "preset": "ct:spacing=4", "standardise": "zscore"}
    Mapping(Options().changed(input=str(phantom / "scans"), **told), Project(tmp_path)).cluster()
    before = remembered(tmp_path)
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text)):
        answer = asked(tmp_path, "PHANTOM-001", features="descriptors")
    assert answer["features"] == "descriptors" and answer["only_here"] == ["--features descriptors"]
    assert any("--preset, --standardise say nothing of descriptors" in text for text in heard)
    assert remembered(tmp_path) == before
    with pytest.raises(UsageError, match="about radiomics"):
        asked(tmp_path, "PHANTOM-001", features="descriptors", preset="mr")


def test_clusters_say_by_which_preset_and_window_they_were_measured(phantom: Path) -> None:
    options = Options().changed(input=str(phantom / "scans"), mask="lesion_mask.nii.gz")
    told = options.changed(features="radiomics+descriptors", preset="ct:spacing=4", window="lung")
    done = Mapping(told, Project(None)).measured.done
    assert done == ["Radiomics: image by preset ct:spacing=4 in mask mask.", "Shown from black to white: lung."]


def test_a_new_scan_is_read_with_the_roles_of_the_project(project: Path, phantom: Path, tmp_path: Path) -> None:
    """A DICOM folder and a NIfTI mask; one more file beside them plays no part, as it plays none in the project."""
    new = tmp_path / "new"
    shutil.copytree(phantom / "other" / "scans" / "PHANTOM-002", new)
    once = asked(project, new)
    placed = predict_to(project / "clusters" / "clusters.iso", str(new.parent), tmp_path / "placed.csv")
    assert placed["cases"] == 1
    shutil.copy(phantom / "other" / "scans" / "PHANTOM-003" / "lesion_mask.nii.gz", new / "ADC.nii.gz")
    if "by habit" in str(project):
        assert asked(project, new)["cases"] == once["cases"]
        bundle = project / "clusters" / "clusters.iso"
        assert predict_to(bundle, str(new.parent), tmp_path / "placed.csv")["cases"] == 1
    assert once["patient"] == "PHANTOM-002" and len(once["cases"]) == 3  # type: ignore[arg-type]


def test_a_model_reads_one_new_case_as_it_was_taught(phantom: Path, tmp_path: Path) -> None:
    """An image and a mask that training did not have, first by their names: they must not stand in for its own."""
    cohort = isocenter.index(phantom / "scans", labels=phantom / "labels.csv", target="malignant")
    assert cohort.kinds == (("image", "CT"), ("mask", "lesion"))
    model = isocenter.fit(cohort, isocenter.split(cohort), "linear", features="intensity")
    new = tmp_path / "new"
    shutil.copytree(phantom / "other" / "scans" / "PHANTOM-002", new)
    once = isocenter.predict(model, new)
    shutil.copy(new / "lesion_mask.nii.gz", new / "ADC.nii.gz")
    lesion = nibabel.load(new / "lesion_mask.nii.gz")
    body = np.zeros(lesion.shape, dtype=np.uint8)
    body[5:40, 5:40] = 1
    nibabel.save(nibabel.Nifti1Image(body, lesion.affine), new / "body_mask.nii.gz")
    again = isocenter.predict(model, new)
    assert len(again) == 1
    np.testing.assert_array_equal(again.proba, once.proba)


def test_a_new_scan_without_its_mask_is_told_what_it_lacks(phantom: Path, tmp_path: Path) -> None:
    options = Options().changed(input=str(phantom / "scans"), features="intensity")
    shutil.copytree(phantom / "other" / "scans" / "PHANTOM-002" / "ct", tmp_path / "new" / "ct")
    with pytest.raises(Exception, match="no mask lesion"):
        Query(options, Project(None)).similar(tmp_path / "new")


def test_a_new_scan_takes_roles_of_its_own(phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = Options().changed(input=str(phantom / "scans"), features="intensity", mask="lesion_mask.nii.gz")
    Mapping(options, Project(tmp_path / "p")).cluster()
    new = tmp_path / "new"
    shutil.copytree(phantom / "other" / "scans" / "PHANTOM-002", new)
    (new / "lesion_mask.nii.gz").rename(new / "contour.nii.gz")
    words = ["similar", str(new), "--project", str(tmp_path / "p"), "-n", "2"]
    with pytest.raises(isocenter.IsocenterError):
        app(words, standalone_mode=False)
    app([*words, "--mask", "contour.nii.gz"], standalone_mode=False)
    assert "PHANTOM-" in capsys.readouterr().out
    assert 'mask = ["lesion_mask.nii.gz"]' in (tmp_path / "p" / "run.toml").read_text("utf-8")


def test_patients_stand_beside_the_uids_of_their_scans(phantom: Path, tmp_path: Path) -> None:
    options = Options().changed(input=str(phantom / "scans"), features="intensity", mask="lesion_mask.nii.gz")
    Mapping(options, Project(tmp_path / "p")).cluster()
    told = asked(tmp_path / "p", "PHANTOM-001")
    shown = list(lines.SECTIONS["similar"](told, {}))
    assert "(patient PHANTOM-001)" in shown[0]
    assert shown[1].split() == ["case", "patient", "distance"]
    assert all(line.split()[1].startswith("PHANTOM-") for line in shown[2:5])
    predict_to(tmp_path / "p" / "clusters" / "clusters.iso", str(phantom / "other" / "scans"), tmp_path / "placed.csv")
    for path, n in ((tmp_path / "p" / "clusters" / "assignments.csv", 12), (tmp_path / "placed.csv", 4)):
        table = pd.read_csv(path)
        assert list(table)[:2] == ["case_id", "patient_id"]
        assert sorted(table["patient_id"]) == [f"PHANTOM-{i + 1:03}" for i in range(n)]


def test_a_case_of_another_kind_is_flagged(phantom: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "skin").mkdir()
    for i in range(8):
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(tmp_path / "skin" / f"{i}.png")
    study = Query(Options().changed(input=str(tmp_path / "skin"), features="descriptors"), Project(None))
    series = phantom / "other" / "scans" / "PHANTOM-002" / "ct"
    told = study.similar(series, 2)["similar"]
    assert told["unlike"] == "a 3-D volume, the cases here are 2-D images"
    assert any("WARNING" in line and "3-D volume" in line for line in lines.SECTIONS["similar"](told, {}))
    assert study.similar("3", 2)["similar"]["unlike"] == ""
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        isocenter.similar(study.usable, series, features="descriptors", n=2)
    assert any("3-D volume" in text for text in heard)


@pytest.mark.parametrize("words", [["similar", "x"], ["cluster"], ["report"], ["fit"]], ids=" ".join)
def test_a_project_that_does_not_exist_is_said_so(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(MissingPath, match="no project folder"):
        app([*words, "--project", str(tmp_path / "nosuch")], standalone_mode=False)
    assert not (tmp_path / "nosuch").exists()


def test_scans_without_labels_are_clustered_again_as_before(project: Path) -> None:
    """Nothing of the options was forgotten for want of a target."""
    before = remembered(project)
    Mapping(Options.from_toml(project / "run.toml"), Project(project)).cluster()
    assert remembered(project) == before


OF_SCANS = {"preset": "ct", "regions": "labels", "image_filters": "wavelet", "window": "lung", "weights": "w.npz"}
ASKING: dict[str, tuple[type[Unlabelled], Callable[[Any], object]]] = {
    "run": (Mapping, lambda study: study.report()),
    "cluster": (Mapping, lambda study: study.cluster()),
    "minibatch": (Mapping, lambda study: study.cluster("minibatch")),
    "similar": (Query, lambda study: study.similar("3")),
    "python": (Query, lambda s: isocenter.similar(s.usable, "3", **{n: getattr(s.options, n) for n in OF_SCANS})),
}


@pytest.mark.parametrize("command", ASKING)
@pytest.mark.parametrize("name", OF_SCANS)
def test_options_about_scans_are_refused_for_a_table_by_every_command(command: str, name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc")).assign(label=np.arange(60) % 2)
    table.to_csv(path := tmp_path / "t.csv", index=False)
    options = Options().changed(input=str(path), target="label", **{name: OF_SCANS[name]})
    kind, asking = ASKING[command]
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')}: this is about scans"):
        asking(kind(options, Project(None)))


@pytest.mark.parametrize("verb", ["cluster", "features"])
def test_missing_weights_are_told_before_any_pixel_is_read(
    verb: str, phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a store is there it may hold all that the network would say: then nothing is told too early."""

    def fail(*_: object, **__: object) -> object:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(preparation, "facts", fail)
    words = [verb, str(phantom / "scans"), *([str(tmp_path / "t.csv")] if verb == "features" else [])]
    words += [
        "--features",
        "intensity+embedding",
        "--weights",
        str(tmp_path / "gone"),
        "--project",
        str(tmp_path / "p"),
    ]
    with pytest.raises(MissingPath, match="weights"):
        app(words, standalone_mode=False)
    (tmp_path / "p" / "store").mkdir(parents=True)
    with pytest.raises(AssertionError, match="pixels"):
        app(words, standalone_mode=False)
