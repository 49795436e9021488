"""Cells of like vectors: what they find against looking at everything, what they say of it, and how they are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isocenter import neighbours
from isocenter.bundle.cells import VECTORS, Kept, load_cells, save_cells
from isocenter.errors import DamagedBundle, UsageError
from isocenter.neighbours import Cells, Vectors, celled, nearest

N = 12_000


def embedded(n: int = N, seed: int = 0, p: int = 60) -> Vectors:
    """Few things vary, seen in many columns, as in an embedding."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 6)) + 2 * rng.normal(size=(20, 6))[rng.integers(0, 20, n)]
    seen = np.maximum(hidden @ rng.normal(size=(6, p)) + rng.normal(size=p), 0) + 0.05 * rng.normal(size=(n, p))
    return seen.astype(np.float32)


@pytest.fixture(scope="module", params=["euclidean", "cosine"])
def pair(request: pytest.FixtureRequest) -> tuple[Vectors, Cells]:
    vectors = embedded()
    return vectors, celled(vectors, request.param)


def test_every_vector_is_in_one_cell_as_it_was(pair: tuple[Vectors, Cells]) -> None:
    vectors, cells = pair
    assert not cells.exact
    assert sorted(cells.rows) == list(range(N))
    assert (cells.vectors == vectors[cells.rows]).all()
    assert (cells.vector(77) == vectors[[77]]).all()


def test_the_recall_that_is_told_is_the_true_one(pair: tuple[Vectors, Cells]) -> None:
    """Counted over 1,500 cases, most of which had no part in it; each of the first, tenth and fiftieth neighbours."""
    vectors, cells = pair
    assert cells.looked < 0.1
    asked = vectors[::8]
    found, true = cells.nearest(asked, 51), nearest(vectors, asked, 51, cells.distance)
    for k in (1, 10, 50):
        counted = np.mean(
            [len(set(a) & set(b)) for a, b in zip(found[0][:, : k + 1], true[0][:, : k + 1], strict=True)]
        )
        assert cells.recall(k) == pytest.approx((counted - 1) / k, abs=0.015)
    assert cells.recall(10) > 0.97
    assert cells.recall(100) <= cells.recall(10)
    assert cells.recall(10**6) == cells.recall(100)


def test_fewer_probes_find_less_and_the_recall_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isocenter.neighbours.cells.RECALL", 0.6)
    monkeypatch.setattr("isocenter.neighbours.cells.FAIR", 0.5)
    vectors = embedded()
    cells = celled(vectors)
    true = nearest(vectors, vectors[::8], 11)[0][:, 1:]
    found = cells.nearest(vectors[::8], 11)[0][:, 1:]
    counted = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, true, strict=True)])
    assert counted < 0.9
    assert cells.recall(10) == pytest.approx(counted, abs=0.05)


def test_where_cells_hold_fewer_neighbours_less_is_found_within_the_share_or_all_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twelve things vary instead of six: a tenth of the cases finds 0.9 and more, but not 0.99; a hundredth not 0.9."""
    rng = np.random.default_rng(1)
    vectors = (rng.normal(size=(N, 10)) @ rng.normal(size=(10, 60))).astype(np.float32)
    cells = celled(vectors)
    assert not cells.exact
    assert 0.07 < cells.looked <= 0.1
    assert 0.88 < cells.recall(10) < 0.985
    monkeypatch.setattr("isocenter.neighbours.cells.SHARE", 0.01)
    assert celled(vectors).exact


def test_planted_neighbours_come_first_with_the_distances_of_the_exact_search(pair: tuple[Vectors, Cells]) -> None:
    _, cells = pair
    vectors = embedded()
    rng = np.random.default_rng(9)
    vectors[5000:5005] = vectors[123] + 0.001 * rng.normal(size=(5, 60)).astype(np.float32)
    cells = celled(vectors, cells.distance)
    rows, away = cells.nearest(vectors[[123]], 6)
    assert rows[0, 0] == 123
    assert set(rows[0, 1:]) == set(range(5000, 5005))
    true = nearest(vectors, vectors[[123]], 6, cells.distance)
    assert (rows == true[0]).all()
    assert (away == true[1]).all()


def test_copies_are_at_distance_zero_in_the_order_of_rows(pair: tuple[Vectors, Cells]) -> None:
    _, cells = pair
    vectors = embedded()
    vectors[[40, 8000, 9000, 11_000]] = vectors[7]
    rows, away = celled(vectors, cells.distance).nearest(vectors[[7]], 5)
    assert list(rows[0]) == [7, 40, 8000, 9000, 11_000]
    assert (away == 0).all()


def test_equal_distances_count_as_found_whichever_case_it_is() -> None:
    """Each vector 200 times: any ten of the copies are the nearest ten."""
    vectors = np.repeat(embedded(100), 200, axis=0)
    cells = celled(vectors)
    assert (cells.nearest(vectors[::1000], 11)[1] == 0).all()
    assert cells.recall(10) == 1


def test_all_alike_is_no_fault() -> None:
    vectors = np.ones((N, 40), dtype=np.float32)
    for distance in neighbours.DISTANCES:
        rows, away = celled(vectors, distance).nearest(vectors[:2], 5)
        assert (rows == np.arange(5)).all() or (away == 0).all()
        assert np.isfinite(away).all()


def test_more_cases_than_the_cells_hold_are_found_and_never_more_than_there_are(pair: tuple[Vectors, Cells]) -> None:
    vectors, cells = pair
    rows, away = cells.nearest(vectors[:1], 7000)
    assert len(set(rows[0])) == 7000
    assert (np.diff(away[0]) >= 0).all()
    rows, away = cells.nearest(vectors[:1], 10**6)
    true = nearest(vectors, vectors[:1], N, cells.distance)
    assert sorted(rows[0]) == list(range(N))
    np.testing.assert_array_equal(away, true[1])


def test_few_cases_few_columns_and_noise_are_searched_exactly() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(N, 200)).astype(np.float32)
    for vectors in (embedded(500), rng.normal(size=(N, 3)).astype(np.float32), noise):
        cells = celled(vectors)
        assert cells.exact
        assert cells.recall(10) == cells.looked == 1
        asked = vectors[:20]
        assert (cells.nearest(asked, 8)[0] == nearest(vectors, asked, 8)[0]).all()
    assert celled(noise[:3]).nearest(noise[:1], 10)[0].shape == (1, 3)
    with pytest.raises(UsageError, match="cosine, euclidean"):
        celled(noise, "manhattan")


def test_the_same_seed_gives_the_same_cells() -> None:
    first, second = celled(embedded(), seed=4), celled(embedded(), seed=4)
    assert (first.rows == second.rows).all()
    assert first.probes == second.probes
    assert (first.recalls == second.recalls).all()


def test_what_is_kept_finds_the_same_and_reads_only_its_cells(pair: tuple[Vectors, Cells], tmp_path: Path) -> None:
    vectors, cells = pair
    save_cells(Kept(cells, "embedding", ("By SqueezeNet.",)), tmp_path / "cells.npz")
    kept = load_cells(tmp_path / "cells.npz")
    assert (kept.features, kept.done) == ("embedding", ("By SqueezeNet.",))
    assert kept.cells.recall(10) == cells.recall(10)
    for asked in (vectors[:1], vectors[100:140]):
        for mine, theirs in zip(kept.cells.nearest(asked, 9), cells.nearest(asked, 9), strict=True):
            assert (mine == theirs).all()
    one = load_cells(tmp_path / "cells.npz").cells
    one.nearest(vectors[:1], 9)
    assert len(one.check.right) == one.probes < len(one.centres) / 2  # type: ignore[attr-defined]


def test_a_damaged_cell_is_noticed_when_it_is_used(pair: tuple[Vectors, Cells], tmp_path: Path) -> None:
    vectors, cells = pair
    path = tmp_path / "cells.npz"
    save_cells(Kept(cells, "embedding"), path)
    content = bytearray((tmp_path / VECTORS).read_bytes())
    at = len(content) - cells.vectors.nbytes + 4 * 60 * int(np.flatnonzero(cells.rows == 5)[0])
    content[at] ^= 1
    (tmp_path / VECTORS).write_bytes(content)
    with pytest.raises(DamagedBundle, match="damaged"):
        load_cells(path).cells.nearest(vectors[[5]], 3)
    with pytest.raises(DamagedBundle):
        load_cells(path).cells.vector(5)
    (tmp_path / VECTORS).write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedBundle):
        load_cells(path)
    (tmp_path / VECTORS).unlink()
    with pytest.raises(DamagedBundle):
        load_cells(path)
    path.write_bytes(b"PK nothing")
    with pytest.raises(DamagedBundle):
        load_cells(path)
