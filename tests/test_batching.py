"""Clusters of a database in batches: the planted ones, every case placed, one id once, no more in memory than said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

import isocenter
from isocenter import batching, ingest, lines
from isocenter.cli import app
from isocenter.elsewhere import predict_to
from isocenter.errors import BadValues, ConflictingRows, UsageError
from isocenter.formats import batches
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.unsupervised import streaming

N, P = 3000, 8


def planted(seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Four groups, ten standard deviations apart, each from its own site; the smaller ones later in the file."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(4, N, p=[0.4, 0.3, 0.2, 0.1])
    table = pd.DataFrame(7 * np.eye(4, P)[truth] + rng.normal(size=(N, P)), columns=[f"x{i}" for i in range(P)])
    table.insert(0, "case", [f"c{i:05}" for i in range(N)])
    table["site"] = np.array(list("ABCD"))[truth]
    table["age"] = rng.integers(20, 80, N)
    return table, truth


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 400 rows and samples of 1,000 cases."""
    monkeypatch.setattr(batches, "_ROWS", (400, 400))
    monkeypatch.setattr(streaming, "SAMPLE", 1000)
    monkeypatch.setattr(batching, "SAMPLE", 1000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place, (table, _) = tmp_path_factory.mktemp("rows"), planted()
    table.to_parquet(place / "t.parquet")
    table.to_csv(place / "t.csv", index=False)
    np.save(place / "t.npy", table.filter(like="x").to_numpy())
    return place


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.npy"])
def test_planted_groups_are_found_in_a_file_and_every_row_is_placed(folder: Path, name: str) -> None:
    database = batching.of_file(folder / name, id_column=None if name == "t.npy" else "case",
                                ignore=() if name == "t.npy" else ("age",))  # fmt: skip
    found = batching.minibatch(database)
    table, truth = planted()
    assert found.n_clusters == 4
    assert adjusted_rand_score(truth, found.labels) >= 0.99
    assert list(found.sizes) == sorted(found.sizes, reverse=True) == [np.sum(truth == c) for c in range(4)]
    ids = [str(i) for i in range(N)] if name == "t.npy" else list(table["case"])
    assert list(found.case_ids) == ids
    assert "1,000 cases drawn at random" in found.notes[-1]


def test_python_takes_a_file_and_a_cohort(folder: Path) -> None:
    from_file = isocenter.cluster(folder / "t.npy", method="minibatch", seed=1)
    from_cohort = isocenter.cluster(ingest.index(folder / "t.npy", with_labels=False), method="minibatch", seed=1)
    np.testing.assert_array_equal(from_file.labels, from_cohort.labels)
    demanded = isocenter.cluster(folder / "t.npy", method="minibatch", clusters=2)
    assert demanded.n_clusters == 2
    with pytest.raises(UsageError, match="minibatch"):
        isocenter.cluster(folder / "t.npy", method="magic")


@pytest.mark.slow
def test_patients_stay_whole_in_the_draws(tmp_path: Path) -> None:
    """Patients far apart, each with many cases alike: no structure once their cases count once."""
    rng = np.random.default_rng(3)
    of = rng.integers(0, 60, N)
    values = rng.normal(size=(60, 3))[of] + 0.01 * rng.normal(size=(N, 3))
    table = pd.DataFrame(values, columns=list("abc")).assign(patient_id=[f"P{i}" for i in of])
    table.to_parquet(tmp_path / "t.parquet")
    assert not isocenter.cluster(tmp_path / "t.parquet", method="minibatch").structure
    table.drop(columns="patient_id").to_parquet(tmp_path / "without.parquet")
    assert isocenter.cluster(tmp_path / "without.parquet", method="minibatch").structure


def test_labels_are_not_checked_in_batches_and_that_is_said(folder: Path) -> None:
    options = Options().changed(input=str(folder / "t.csv"), id_column="case", ignore="age", target="site")
    found = Mapping(options, Project(None)).cluster("minibatch")["clusters"]
    assert found["labels"]["sentence"] == "Labels are not checked in a table that is read in batches."


def test_the_command_writes_all_cases_and_a_map_of_a_sample(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "p"
    told = [str(folder / "t.csv"), "--id-column", "case", "--ignore", "age", "--method", "minibatch"]
    app(["cluster", *told, "--project", str(project)], standalone_mode=False)
    said = capsys.readouterr().out
    assert "3000 cases" in said
    assert "In memory at once" in said
    table, truth = planted()
    placed = pd.read_csv(project / "clusters" / "assignments.csv")
    assert list(placed["case_id"]) == list(table["case"])
    assert adjusted_rand_score(truth, placed["cluster"]) >= 0.99
    assert placed["map_x"].notna().sum() == 1000
    found = json.loads((project / "clusters" / "clusters.json").read_text("utf-8"))
    assert (found["n"], found["shown"], sum(found["sizes"])) == (N, 1000, N)
    assert found["subtypes"]["named"] == "site"
    assert "1,000 drawn at random of 3,000" in (project / "clusters" / "map.html").read_text("utf-8")
    assert not (project / "cohort.parquet").exists()  # it would hold all
    predict_to(project / "clusters" / "clusters.iso", str(folder / "t.csv"), tmp_path / "again.csv", id_column="case")
    again = pd.read_csv(tmp_path / "again.csv")
    assert again["cluster"].tolist() == placed["cluster"].tolist()


@pytest.mark.slow
def test_a_cohort_goes_in_batches_too(folder: Path) -> None:
    """What batches of a file cannot take (a .mat or .xlsx, scans) is indexed; its features are batched."""
    study = Mapping(Options().changed(input=str(folder / "t.npy"), layout="pca"), Project(None))
    study._is_streamed = lambda _: False  # type: ignore[method-assign]
    result = study.cluster("minibatch")
    assert (result["clusters"]["clusters"], result["clusters"]["n"], result["clusters"]["shown"]) == (4, N, 1000)
    assert "3000" in "\n".join(lines.SECTIONS["clusters"](result["clusters"], result))


def test_columns_are_what_the_first_batch_says(tmp_path: Path) -> None:
    table = planted()[0]
    table["late"] = ["1.5"] * 2000 + ["none yet"] * 1000
    table.to_csv(tmp_path / "late.csv", index=False)
    table.astype({"late": "str"}).to_parquet(tmp_path / "late.parquet")
    batches_of = list(ingest.in_batches(tmp_path / "late.parquet"))
    assert "late" in batches_of[0].attributes
    parts = [table.assign(late=1.5).iloc[:2000], table.iloc[2000:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isocenter.ingest.batches.read_batches", lambda _: iter(parts))
        with pytest.raises(BadValues, match=r"late: numbers at first, no numbers in rows 2,001 to 3,000"):
            list(ingest.in_batches(tmp_path / "late.csv"))


def test_what_cannot_be_is_refused(folder: Path, tmp_path: Path) -> None:
    table = planted()[0]
    table.loc[2500, "case"] = table.loc[3, "case"]
    table.to_parquet(tmp_path / "twice.parquet")
    for more in ({}, {"patient_column": "site"}):
        with pytest.raises(ConflictingRows, match="c00003"):
            batching.minibatch(batching.of_file(tmp_path / "twice.parquet", id_column="case", **more))
    options = Options().changed(input=str(folder / "t.npy"), labels=str(folder / "t.csv"))
    with pytest.raises(UsageError, match="--labels"):
        Mapping(options, Project(None)).cluster("minibatch")
