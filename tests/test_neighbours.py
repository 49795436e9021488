"""Who is near whom: against scikit-learn and against planted twins, strangers and wrong labels."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from isocenter import neighbours
from isocenter.errors import UsageError


def drawn(n: int, d: int, seed: int = 0) -> neighbours.Vectors:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize("d", [3, 40])
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_nearest_are_those_of_scikit_learn(d: int, distance: str) -> None:
    vectors, queries = drawn(3000, d), drawn(50, d, 1)
    rows, away = neighbours.nearest(vectors, queries, 7, distance)
    theirs = NearestNeighbors(n_neighbors=7, metric=distance, algorithm="brute").fit(vectors.astype(float))
    distances, indices = theirs.kneighbors(queries.astype(float))
    assert (rows == indices).all()
    assert away == pytest.approx(distances, abs=1e-6)


def test_a_case_is_at_distance_zero_from_its_twin_and_counts_are_bounded() -> None:
    vectors = np.vstack([drawn(30, 20) * 1000, drawn(30, 20)[:1] * 1000])
    rows, away = neighbours.nearest(vectors, vectors[:1], 100)
    assert rows.shape == (1, 31)
    assert list(rows[0, :2]) == [0, 30]
    assert (away[0, :2] == 0).all()
    with pytest.raises(UsageError, match="cosine, euclidean"):
        neighbours.nearest(vectors, vectors, 1, "manhattan")


def test_near_duplicates_are_found_over_blocks_and_what_all_share_does_not_count() -> None:
    vectors = drawn(5000, 64) + 100
    vectors[4321] = vectors[17] + 0.05 * drawn(1, 64, 2)[0]
    found = neighbours.alike(vectors)
    assert [(pair.first, pair.second) for pair in found] == [(17, 4321)]
    assert 0.98 < found[0].likeness < 1


def test_flat_vectors_are_no_duplicates() -> None:
    assert neighbours.alike(np.ones((5, 70), dtype=np.float32)) == []


def test_of_too_many_pairs_the_most_alike_are_kept_and_memory_is_bounded() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(3000, 5)).astype(np.float32)
    every = neighbours.alike(vectors, 0.9, most=10**7)
    assert len(every) > 30_000
    assert neighbours.alike(vectors, 0.9, most=1000) == every[:1000]
    halves = np.repeat(np.eye(2, dtype=np.float32), 3000, axis=0)  # nine million pairs, all as alike
    tracemalloc.start()
    assert len(neighbours.alike(halves, 0.9, most=1000)) == 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5e8


def test_strangers_stand_out_and_equal_distances_do_not() -> None:
    points = drawn(400, 4)
    points[7] += 12
    score = neighbours.outlying(points)
    assert score.argmax() == 7
    assert score[7] > neighbours.FAR
    assert (neighbours.outlying(np.zeros((50, 2), dtype=np.float32)) == 0).all()
    assert (neighbours.outlying(drawn(3, 2)) == 0).all()


def test_wrong_labels_are_found_among_few_and_many() -> None:
    points, codes = drawn(600, 3), np.repeat([0, 1], [500, 100])
    points[codes == 1] += 6
    codes[[3, 550]] = [1, 0]
    found = neighbours.contradicted(points, codes, np.arange(600))
    assert found.tells
    assert set(found.rows) == {3, 550}
    assert (found.other == 1 - codes[found.rows]).all()


def test_neighbours_of_the_same_patient_do_not_vouch() -> None:
    points, codes = drawn(300, 2), np.repeat([0, 1], 150)
    points[codes == 1] += 8
    points[:8] = points[200] + 0.001 * drawn(8, 2, 3)  # eight images of one patient, labelled 0 among the 1
    patients = np.r_[np.zeros(8, dtype=int), np.arange(1, 293)]
    assert set(range(8)) <= set(neighbours.contradicted(points, codes, patients).rows)


def test_labels_by_chance_are_not_known_to_neighbours() -> None:
    codes = np.random.default_rng(5).integers(0, 3, 900)
    assert not neighbours.contradicted(drawn(900, 5), codes, np.arange(900)).tells


def test_labels_of_a_few_cases_neither_vote_nor_are_judged() -> None:
    """One case of a label would count as much as all of a common one, and outvote everybody around it."""
    points = np.concatenate([drawn(300, 5), drawn(300, 5) + 8])
    codes = np.repeat([0, 1], 300)
    codes[[5, 50, 90, 400]] = [2, 3, 4, 5]
    found = neighbours.contradicted(points, codes, np.arange(600))
    assert found.labels == 2 and found.unjudged == 4 and found.chance == 0.5
    assert found.agreement == 1.0 and len(found.rows) == 0
    alone = neighbours.contradicted(points, np.where(codes > 1, codes, 0), np.arange(600))
    assert alone.labels == 1 and not alone.tells


def test_many_cases_of_one_patient_are_one_vote_for_its_label() -> None:
    codes = np.repeat([0, 1, 2], [100, 100, 20])
    patients = np.r_[np.arange(200), np.full(20, 200)]
    found = neighbours.contradicted(drawn(220, 5), codes, patients)
    assert found.labels == 2 and found.unjudged == 20
