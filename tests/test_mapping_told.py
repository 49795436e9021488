"""What `cluster` says is true: sites that are missing, the table's method, a failed replication, the target, exclusions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from isocenter import lines, progress
from isocenter.associations import is_no_measurement
from isocenter.errors import EmptyInput
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.reporting.map.clusters import answer

N = 150


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three planted groups (truth), two sites of which B is shifted, 21 cases without a site; one class of one case."""
    rng = np.random.default_rng(5)
    truth, site = np.arange(N) % 3, rng.choice(["A", "B"], N)
    values = rng.normal(size=(N, 9))
    values[:, :6] += (rng.normal(size=(3, 6)) * 4)[truth]
    values[site == "B"] += 1.5
    told = pd.DataFrame(values, columns=[f"f{i}" for i in range(9)]).assign(truth=[f"t{t}" for t in truth], site=site)
    told["age"] = rng.integers(30, 80, N)
    told.loc[rng.choice(N, 21, replace=False), "site"] = None
    told.loc[0, "truth"] = "lonely"
    path = tmp_path_factory.mktemp("told") / "t.csv"
    told.to_csv(path, index=False)
    return path


def clustered(path: Path, project: Path, method: str = "auto", **options: object) -> dict[str, Any]:
    told = {"input": str(path), "target": "truth", "layout": "pca", **options}
    return Mapping(Options().changed(**told), Project(project)).cluster(method)


def said(result: dict[str, Any]) -> str:
    return "\n".join(lines.SECTIONS["clusters"](result["clusters"], result))


@pytest.fixture(scope="module")
def harmonised(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    project = tmp_path_factory.mktemp("harmonised")
    return clustered(table, project, harmonise="site", preserve=("age",)), project


def test_cases_that_harmonisation_did_not_reach_are_told_and_flagged(
    harmonised: tuple[dict[str, Any], Path], table: Path
) -> None:
    result, project = harmonised
    told = "21 of 150 cases: no value of 'site': not harmonised."
    assert f"WARNING   {told}" in said(result)
    assert told in (project / "clusters" / "map.html").read_text("utf-8").replace("&#39;", "'")
    written = pd.read_csv(project / "clusters" / "assignments.csv")
    missing = pd.read_csv(table)["site"].isna()
    assert (written["flags"].notna() == missing).all()


def test_outliers_say_that_they_were_not_harmonised(table: Path, tmp_path: Path) -> None:
    rows = pd.read_csv(table)
    case = int(rows.index[rows["site"].isna()][0])
    rows.loc[case, [f"f{i}" for i in range(9)]] = 80.0
    rows.to_csv(tmp_path / "t.csv", index=False)
    far = clustered(tmp_path / "t.csv", tmp_path / "p", harmonise="site", preserve=("age",))["clusters"]["outliers"]
    assert far["cases"][0] == {**far["cases"][0], "case": str(case), "flag": "no value of 'site': not harmonised"}
    assert 1 <= far["flagged"] <= far["count"]


def test_a_target_is_held_against_the_clusters_that_it_did_not_make(harmonised: tuple[dict[str, Any], Path]) -> None:
    result, project = harmonised
    told = result["clusters"]["subtypes"]["target"]
    clusters = pd.read_csv(project / "clusters" / "assignments.csv")["cluster"]
    truth = ["lonely", *(f"t{i % 3}" for i in range(1, N))]
    assert told["agreement"] == pytest.approx(adjusted_rand_score(truth, clusters))
    assert told["low"] <= told["agreement"] <= told["high"]
    assert "'truth', which was not used to make them" in said(result)
    assert told["sentence"] in answer(result["clusters"])


def test_nothing_is_said_of_models_and_their_parts(harmonised: tuple[dict[str, Any], Path]) -> None:
    warnings = "\n".join(harmonised[0]["warnings"])
    assert "No patient id is known" in warnings
    assert "training" not in warnings
    assert "say little" not in warnings
    assert "could learn" not in warnings


@pytest.mark.parametrize("method,clusters", [("gmm", 5), ("hdbscan", 0)])
def test_sentence_and_table_tell_of_the_same_partition(table: Path, tmp_path: Path, method: str, clusters: int) -> None:
    result = clustered(table, tmp_path, method, clusters=clusters, ignore=("site", "age"))["clusters"]
    own = result["stability"]["own"]
    assert f"agrees with itself to {own['agreement']:.2f}" in result["sentence"]
    assert (own["clusters"], own["agreement"]) == (result["clusters"], result["stability"]["agreement"])
    assert "each by k-means" in result["stability"]["about"]
    assert ("5 come back best" in result["stability"]["about"]) == bool(clusters)
    shown = "\n".join(lines.SECTIONS["clusters"](result, {}))
    assert f"{own['clusters']:<10}{own['agreement']:<12.3f}given: {own['by']}" in shown


def test_what_does_not_come_back_is_in_the_answer(table: Path, tmp_path: Path) -> None:
    result = clustered(table, tmp_path, "kmeans", clusters=30, ignore=("site", "age"))["clusters"]
    assert result["subtypes"]["replication"]["agreement"] < 0.6
    assert any(one.startswith("Not found again in patients who did not make them") for one in answer(result))


def test_what_is_known_of_the_person_is_asked_about_among_the_features(table: Path, tmp_path: Path) -> None:
    notes = "\n".join(clustered(table, tmp_path, ignore=("site",))["clusters"]["notes"])
    assert "taken as features: age, f0, f1, f2, f3, f4, f5, f6 and 2 more. Is that meant for age?" in notes
    named = ["glcm_contrast", "stat_average", "image_field", "mean_site_of_the_mass"]
    assert not any(map(is_no_measurement, named))
    assert all(map(is_no_measurement, ["Age", "patient_sex", "PatientAge", "site"]))


def test_every_case_left_out_is_said_with_the_first_reasons(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(5):
        (tmp_path / "in" / f"s{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    notes: list[Any] = []
    with progress.listening(notes.append), pytest.raises(EmptyInput, match=r"Every case was left out \(5 of 5 found\)"):
        Mapping(Options().changed(input=str(tmp_path / "in")), Project(tmp_path / "p")).cluster()


def test_a_readable_case_is_enough_for_another_message(tmp_path: Path) -> None:
    Image.fromarray(np.eye(20, dtype=np.uint8) * 90).save(tmp_path / "one.png")
    with pytest.raises(Exception, match="One case makes no clusters"):
        Mapping(Options().changed(input=str(tmp_path), features=("intensity",)), Project(None)).cluster()
