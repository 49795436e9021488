"""The verdict on clusters agrees with the table it stands beside, and copies are groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isocenter import lines
from isocenter.cohort import Cohort
from isocenter.errors import BadTarget, BadValues
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.subtypes import describe
from isocenter.unsupervised import cluster, stability
from isocenter.unsupervised.nouns import Candidate
from isocenter.unsupervised.telling import sentence

BY_GAPS = "2 of them, the largest number that is stable and parted by gaps."


def two_groups() -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(80, 4))
    values[::2, :2] += 8
    return pd.DataFrame(values, columns=list("abcd"))


def tried(k: int, agreement: float, apart: bool) -> Candidate:
    return Candidate(k, agreement, agreement, 0.0, 0.1, 0.1, apart)


@pytest.mark.parametrize("p,apart", [(0.0, True), (1.0, False)])
def test_the_number_is_called_parted_where_its_row_is(monkeypatch: pytest.MonkeyPatch, p: float, apart: bool) -> None:
    """The test of each number is another one than that of any structure: the two may differ."""
    monkeypatch.setattr(stability, "apart_p", lambda *_: p)
    found = cluster(two_groups(), method="kmeans").stability
    row = next(one for one in found.candidates if one.clusters == found.clusters)
    assert found.structure
    assert row.apart is apart
    assert ("stable and parted by gaps" in found.sentence) is apart
    said = "the number that comes back best; none that was tried has every cluster parted from its nearest by a gap."
    assert (said in found.sentence) is not apart


@pytest.mark.parametrize(
    "rows,said",
    [
        ([tried(2, 0.9, True), tried(3, 0.5, False)], BY_GAPS),
        ([tried(2, 0.5, True), tried(3, 0.4, False)], "none that was tried is stable with every cluster parted"),
        ([tried(2, 0.9, False), tried(3, 0.9, True)], "what is left of a larger number"),
    ],
)
def test_why_this_number_is_what_its_row_says(rows: list[Candidate], said: str) -> None:
    assert said in sentence(True, 0.001, "kmeans", np.arange(40) % 2, 2, 0.9, None, rows)


@pytest.mark.parametrize("p,near", [(0.001, False), (0.02, True), (0.049, True), (0.06, True), (0.2, False)])
def test_a_verdict_near_the_limit_says_that_another_seed_may_differ(p: float, near: bool) -> None:
    said = sentence(p <= 0.05, p, "kmeans", np.arange(40) % 2, 2, 0.9, None, [tried(2, 0.9, True)])
    assert ("another seed" in said) is near


def copies(sizes: list[int], *rows: list[float]) -> pd.DataFrame:
    return pd.DataFrame(np.repeat(np.array(rows), sizes, axis=0))


@pytest.mark.parametrize("method", ["auto", "kmeans", "gmm", "hdbscan", "consensus"])
def test_copies_of_two_cases_are_two_groups(method: str) -> None:
    found = cluster(copies([25, 25], [0.0] * 4, [5.0] * 4), method=method)
    assert found.structure
    assert found.sizes == (25, 25)
    assert len(set(found.labels[:25])) == len(set(found.labels[25:])) == 1
    assert found.stability.p < 0.001


def test_copies_of_three_cases_are_three_groups() -> None:
    found = cluster(copies([40, 40, 40], *np.random.default_rng(0).normal(size=(3, 4)).tolist()))
    assert found.sizes == (40, 40, 40)
    assert found.stability.candidates[1].apart


@pytest.mark.parametrize(
    "table",
    [
        copies([25, 25], [0.0], [5.0]),  # one column of two grades
        copies([50, 49], [1.0, 0.0], [1.0, 5.0]),  # and one that is constant
        copies([49, 1], [0.0] * 4, [5.0] * 4),  # one case is no group
        pd.DataFrame(np.random.default_rng(0).integers(0, 3, size=(200, 2)).astype(float)),
        pd.DataFrame(np.random.default_rng(0).integers(0, 2, size=(200, 4)).astype(float)),
    ],
)
def test_grades_that_meet_by_chance_and_single_cases_are_no_groups(table: pd.DataFrame) -> None:
    found = cluster(table)
    assert not found.structure
    assert found.n_clusters == 1


def test_the_copies_of_each_patient_are_no_groups_of_patients() -> None:
    table = copies([10] * 10, *np.random.default_rng(0).normal(size=(10, 4)).tolist())
    assert not cluster(table, groups=np.repeat(np.arange(10), 10)).structure


def test_a_column_with_one_known_value_and_missing_ones_does_no_harm() -> None:
    table = two_groups().assign(mark=np.where(np.arange(80) < 40, 1.0, np.nan))
    assert cluster(table, method="kmeans").sizes == (40, 40)


def test_all_equal_cases_are_refused() -> None:
    with pytest.raises(BadValues, match="same value in all cases"):
        cluster(copies([50], [3.0] * 4))


def test_the_map_counts_equal_rows_as_the_warning_does(tmp_path: Path) -> None:
    copies([25, 25], [0.0] * 4, [5.0] * 4).set_axis(list("abcd"), axis=1).to_csv(tmp_path / "t.csv", index=False)
    result = Mapping(Options().changed(input=str(tmp_path / "t.csv")), Project(tmp_path / "p")).cluster()
    found = result["clusters"]
    assert (found["clusters"], len(found["identical"])) == (2, 2)
    said = "\n".join(lines.SECTIONS["clusters"](found, result))
    assert "2 groups with equal features, first " in said
    assert " and 21 more" in said
    page = (tmp_path / "p" / "clusters" / "map.html").read_text("utf-8")
    assert "2 groups of cases with equal features" in page
    assert "bit-identical" not in said + page


@pytest.mark.parametrize("outcome", [0, "dead", np.nan])
def test_a_column_with_the_name_of_a_target_and_one_class_stops_no_clustering(tmp_path: Path, outcome: object) -> None:
    two_groups().assign(outcome=outcome).to_csv(tmp_path / "t.csv", index=False)
    told = {"input": str(tmp_path / "t.csv")}
    found = Mapping(Options().changed(**told), Project(tmp_path / "p")).cluster()["clusters"]
    assert (found["sizes"], found["features"]["columns"]) == ([40, 40], 4)
    for asked in ({"target": "outcome"}, {"task": "classification"}):  # who asks for it is told
        with pytest.raises(BadTarget, match="outcome"):
            Mapping(Options().changed(**told, **asked), Project(tmp_path / "q")).cluster()


def test_harmonising_by_the_labels_of_a_stack_stays_refused(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, size=(24, 12, 12)).astype(np.uint8)
    np.savez(tmp_path / "s.npz", images=pixels, labels=np.arange(24) % 2)
    options = Options().changed(input=str(tmp_path / "s.npz"), features="intensity", harmonise="label")
    with pytest.raises(BadTarget, match="harmonisation must not know it"):
        Mapping(options, Project(tmp_path / "p")).cluster()


def test_only_columns_of_the_table_are_recommended_for_harmonisation() -> None:
    """What was measured of the images ("channels") is no column that --harmonise could name."""
    table = two_groups()
    table.index = pd.Index([f"c{i}" for i in range(80)], name="case_id")
    grey = pd.Series(np.where(np.arange(80) % 2, "1", "3"), index=table.index, name="channels")
    frame = table.assign(patient_id=table.index)
    measured = describe(cluster(table), Cohort(frame, None), facts=grey.to_frame(), clusters_again=False)
    assert measured.named == "channels"
    assert "--harmonise" not in measured.verdict
    assert "Cluster within each 'channels'" in measured.verdict
    written = describe(cluster(table), Cohort(frame.assign(scanner=grey), None), clusters_again=False)
    assert "Harmonise (--harmonise scanner), or cluster within each 'scanner'" in written.verdict
