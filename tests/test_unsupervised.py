"""Clusters: planted ones are found, none are found in one piece, new cases join them, bad input is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from isocenter.bundle.clusters import load_clustering, save_clustering
from isocenter.errors import BadShape, BadValues, DamagedBundle, EmptyInput, InputDoesNotFit, UsageError
from isocenter.unsupervised import cluster, coordinates, project, stream
from isocenter.unsupervised.kernels import dip
from isocenter.unsupervised.kmeans import kmeans, nearest, within
from isocenter.unsupervised.structure import dip_p


def planted(
    n: int = 300, p: int = 12, k: int = 3, apart: float = 6.0, seed: int = 0
) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % k)
    centres = apart / np.sqrt(2) * np.eye(k, p)  # `apart` standard deviations from each other
    values = centres[labels] + rng.normal(size=(n, p))
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(p)], index=[f"case{i}" for i in range(n)]), labels


ONE_PIECE: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "gaussian": lambda rng, n, p: rng.normal(size=(n, p)),
    "stretched": lambda rng, n, p: (
        rng.normal(size=(n, p)) @ np.diag([10, *[1] * (p - 1)]) @ np.linalg.qr(rng.normal(size=(p, p)))[0]
    ),
    "correlated": lambda rng, n, p: rng.normal(size=(n, p)) @ rng.normal(size=(p, p)),
    "uniform": lambda rng, n, p: rng.random((n, p)),
    "heavy tails": lambda rng, n, p: rng.standard_t(2, size=(n, p)),
    "cauchy": lambda rng, n, p: rng.standard_cauchy((n, p)),
    "skewed": lambda rng, n, p: rng.exponential(size=(n, p)),
    "grades": lambda rng, n, p: rng.integers(0, 6, size=(n, p)).astype(float),
    "twice": lambda rng, n, p: np.repeat(rng.normal(size=(n // 2, p)), 2, axis=0),
}


@pytest.mark.parametrize("kind", ONE_PIECE)
@pytest.mark.parametrize("n,p", [(60, 40), (400, 5)])
def test_one_piece_has_no_structure(kind: str, n: int, p: int) -> None:
    values = ONE_PIECE[kind](np.random.default_rng(n), n, p)
    found = cluster(pd.DataFrame(values))
    assert not found.structure
    assert found.n_clusters == 1
    assert set(found.labels) == {0}
    assert found.rare is None
    assert "No structure" in found.stability.sentence


@pytest.mark.parametrize("method", ["auto", "kmeans", "gmm", "consensus"])
def test_planted_clusters_are_found(method: str) -> None:
    table, truth = planted()
    found = cluster(table, method=method)
    assert found.structure
    assert found.n_clusters == 3
    assert adjusted_rand_score(truth, found.labels) >= 0.95
    assert found.stability.agreement > 0.9
    assert found.sizes == (100, 100, 100) or sum(found.sizes) == 300


def test_density_finds_them_too_and_sets_stray_cases_aside() -> None:
    table, truth = planted(n=600, p=5, apart=10.0)
    table.iloc[0] = 60.0
    found = cluster(table, method="hdbscan")
    assert found.n_clusters == 3
    assert found.labels[0] == -1
    inside = found.labels >= 0
    assert adjusted_rand_score(truth[inside], found.labels[inside]) >= 0.95
    far = pd.DataFrame(np.full((1, 5), -40.0), columns=table.columns, index=["far"])
    assert found.assign(far)["cluster"].tolist() == [-1]


def test_a_wide_direction_does_not_hide_the_clusters() -> None:
    """One latent size in twenty features, the groups in two: k-means of the components cuts the size."""
    rng = np.random.default_rng(3)
    truth = np.arange(240) % 2
    size = rng.normal(size=240)
    values = np.column_stack(
        [*(size + 0.3 * rng.normal(size=240) for _ in range(20)), *(5 * truth + rng.normal(size=240) for _ in range(2))]
    )
    found = cluster(pd.DataFrame(values))
    assert adjusted_rand_score(truth, found.labels) >= 0.9


def test_the_same_seed_gives_the_same_clusters_and_columns_may_move() -> None:
    table, _ = planted(n=120)
    first, again = cluster(table, seed=4), cluster(table, seed=4)
    pd.testing.assert_frame_equal(first.assignments, again.assignments)
    pd.testing.assert_frame_equal(first.assign(table[table.columns[::-1]]), first.assignments)


def test_new_cases_join_their_cluster() -> None:
    table, truth = planted(n=400, apart=8.0)
    found = cluster(table.iloc[:200])
    placed = found.assign(table.iloc[200:])
    assert adjusted_rand_score(truth[200:], placed["cluster"]) >= 0.95
    assert placed["confidence"].between(0, 1).all()
    with pytest.raises(InputDoesNotFit, match="f0"):
        found.assign(table.drop(columns="f0"))


def test_medoids_are_typical_and_borderline_cases_are_not() -> None:
    table, _ = planted(p=4, apart=5.0)
    found = cluster(table, method="gmm", clusters=3)
    told = found.assignments
    typical = [case for cluster_ in found.medoids(3) for case in cluster_]
    assert told.loc[typical, "confidence"].min() > 0.95
    assert told.loc[list(found.borderline()), "confidence"].max() < 0.75
    assert abs(found.centres - [table[found.labels == c].mean() for c in range(3)]).max() < 0.6


def test_patients_are_the_unit() -> None:
    """Sixty patients with ten near-identical cases each are sixty cases of one cloud, not sixty clusters."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 10)
    values = rng.normal(size=(60, 4))[patient] + 0.05 * rng.normal(size=(600, 4))
    assert not cluster(pd.DataFrame(values), groups=patient).structure
    few = cluster(pd.DataFrame(values[:100]), groups=patient[:100])
    assert any("may be patients" in note for note in few.notes)


def test_saved_clusters_come_back(tmp_path: Path) -> None:
    table, _ = planted(n=150)
    for method in ("gmm", "hdbscan"):
        found = cluster(table, method=method)
        save_clustering(found, tmp_path / "c.iso")
        loaded = load_clustering(tmp_path / "c.iso")
        pd.testing.assert_frame_equal(loaded.assign(table), found.assign(table))
        assert loaded.stability.sentence == found.stability.sentence
        assert loaded.case_ids == found.case_ids
        content = (tmp_path / "c.iso").read_bytes()
        save_clustering(loaded, tmp_path / "again.iso")
        assert (tmp_path / "again.iso").read_bytes() == content
        (tmp_path / "c.iso").write_bytes(content[:-200] + b"x" + content[-199:])
        with pytest.raises(DamagedBundle):
            load_clustering(tmp_path / "c.iso")


def test_a_stream_gives_what_memory_gives() -> None:
    table, truth = planted(n=1500, p=6)

    def batches() -> list[pd.DataFrame]:
        return [table.iloc[i : i + 250] for i in range(0, 1500, 250)]

    found = stream(batches, sample=500)
    assert found.case_ids == tuple(table.index)
    assert found.n_clusters == 3
    assert adjusted_rand_score(truth, found.labels) >= 0.95
    assert adjusted_rand_score(cluster(table, method="kmeans").labels, found.labels) >= 0.95


def test_components_are_those_of_scikit_learn_and_lead_back() -> None:
    rng = np.random.default_rng(0)
    for shape in ((200, 6), (20, 50)):
        values = np.clip(rng.normal(size=shape) @ rng.normal(size=(shape[1], shape[1])), -8, 8)
        table = pd.DataFrame(values / values.std(axis=0) * 0.9)
        found = project(table, components=4)
        z = (values - values.mean(axis=0)) / values.std(axis=0)
        z = np.where(np.abs(z) > 3, np.sign(z) * (3 + np.log1p(np.maximum(np.abs(z) - 3, 0))), z)
        theirs = PCA(4).fit(z)
        np.testing.assert_allclose(found.explained, theirs.explained_variance_ratio_, rtol=1e-4)
        np.testing.assert_allclose(np.abs(np.sum(found.components * theirs.components_, axis=1)), 1, atol=1e-3)
    table = pd.DataFrame(rng.uniform(size=(30, 6)))
    whole = project(table, components=6)
    np.testing.assert_allclose(whole.back(whole.points(table)), table, atol=1e-4)


def test_missing_and_constant_features() -> None:
    table, truth = planted(n=200, apart=8.0)
    table = table.assign(constant=7.0, never=np.nan)
    table.iloc[::7, 3] = np.nan
    found = cluster(table)
    assert found.projection.left_out == ("constant", "never")
    assert adjusted_rand_score(truth, found.labels) >= 0.9
    assert np.isfinite(found.centres).all()


def test_bad_input_is_told() -> None:
    table, _ = planted(n=30)
    with pytest.raises(BadValues, match="same value"):
        cluster(pd.DataFrame(np.ones((9, 3))))
    with pytest.raises(BadValues, match="Infinite"):
        cluster(table.where(table < 3, np.inf))
    with pytest.raises(BadValues, match="no numbers: site"):
        cluster(table.assign(site="A"))
    with pytest.raises(EmptyInput):
        cluster(table.iloc[:0])
    with pytest.raises(BadShape):
        cluster(table.iloc[:1])
    with pytest.raises(UsageError, match="31 clusters of 30 cases"):
        cluster(table, clusters=31)
    with pytest.raises(UsageError, match="auto, kmeans"):
        cluster(table, method="spectral")


@pytest.mark.parametrize("method", ["auto", "kmeans", "gmm", "hdbscan", "consensus"])
def test_few_cases_and_equal_ones(method: str) -> None:
    table, _ = planted(n=3)
    assert not cluster(table, method=method).structure
    same = pd.DataFrame([[0.0, 1.0]] * 5 + [[1.0, 0.0]] * 5)
    assert len(cluster(same, method=method).labels) == 10
    if method != "hdbscan":
        demanded = cluster(same, method=method, clusters=5)
        assert demanded.n_clusters == 2  # there are no more different cases
        assert not demanded.structure
        assert cluster(table, method=method, clusters=3).n_clusters <= 3


@pytest.mark.parametrize("method", ["auto", "kmeans", "gmm", "consensus"])
def test_any_number_may_be_demanded(method: str) -> None:
    """One, more than can be judged by drawing again, and as many as cases."""
    table, _ = planted(n=30)
    for clusters in (1, 8, 30):
        found = cluster(table, method=method, clusters=clusters)
        assert 1 <= found.n_clusters <= clusters
        assert found.n_clusters > clusters // 2
        assert len(found.medoids()) == found.n_clusters


@pytest.mark.parametrize("how", ["pca", "tsne", pytest.param("umap", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_maps_keep_groups_together(how: str) -> None:
    table, truth = planted(n=90, apart=9.0)
    places = coordinates(cluster(table).points, how, seed=1)  # type: ignore[arg-type]
    assert places.shape == (90, 2)
    labels = ((places[:, None] - kmeans(places, 3, np.random.default_rng(0))) ** 2).sum(axis=2).argmin(axis=1)
    assert adjusted_rand_score(truth, labels) >= 0.9


def test_k_means_is_as_tight_as_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    for k, d in ((3, 2), (5, 7)):
        points = (5 * rng.normal(size=(k, d)))[rng.integers(k, size=400)] + rng.normal(size=(400, d))
        centres = kmeans(points, k, rng, starts=8)
        theirs = KMeans(k, n_init=10, random_state=0).fit(points).inertia_
        assert within(points, centres) <= 1.0001 * theirs
        labels = nearest(points, centres)
        np.testing.assert_allclose(centres, [points[labels == c].mean(axis=0) for c in range(k)], atol=1e-4)
    assert len(kmeans(np.repeat([[0.0], [1.0]], 5, axis=0), 4, rng)) == 2  # no more centres than different points


def test_the_dip_is_that_of_a_linear_program() -> None:
    """The smallest distance to any distribution with one peak, found by an independent optimiser."""
    rng = np.random.default_rng(0)
    for trial in range(12):
        n = int(rng.integers(5, 14))
        values = np.sort(
            [rng.normal(size=n), np.r_[rng.normal(size=n // 2), rng.normal(6, 1, n - n // 2)], rng.exponential(size=n)][
                trial % 3
            ]
        )
        assert dip(values) == pytest.approx(min(_nearest(values, mode) for mode in range(n)), abs=1e-7)


def _nearest(x: np.ndarray, mode: int) -> float:
    """Variables: F at each value, F just above the mode, the distance."""
    n = len(x)
    rows, limits = [], []

    def add(terms: dict[int, float], limit: float) -> None:
        row = np.zeros(n + 2)
        for place, factor in terms.items():
            row[place] += factor
        rows.append(row)
        limits.append(limit)

    def after(i: int) -> int:
        return n if i == mode else i

    for i, (sign) in itertools.product(range(n), (1, -1)):
        add({i: sign, n + 1: -1}, sign * i / n)
        add({after(i): sign, n + 1: -1}, sign * (i + 1) / n)
    for i in range(n - 1):
        add({after(i): 1, i + 1: -1}, 0)
    for i in range(n - 2):
        first, second = 1 / (x[i + 1] - x[i]), 1 / (x[i + 2] - x[i + 1])
        convex = 1 if i + 1 < mode else -1
        if i + 1 != mode:
            row = np.zeros(n + 2)
            for place, factor in ((i + 1, first), (after(i), -first), (i + 2, -second), (after(i + 1), second)):
                row[place] += convex * factor
            rows.append(row)
            limits.append(0)
    add({mode: 1, n: -1}, 0)
    found = linprog([*[0] * (n + 1), 1], A_ub=np.array(rows), b_ub=limits, bounds=[(0, 1)] * (n + 2))
    return float(found.fun or 0.0)


def test_p_of_the_dip_is_even_under_its_null_and_small_for_two_peaks() -> None:
    rng = np.random.default_rng(1)
    p = np.array([dip_p(rng.random(90), rng) for _ in range(600)])
    assert 0.03 <= (p < 0.05).mean() <= 0.07
    assert dip_p(np.r_[rng.normal(size=50), rng.normal(6, 1, 50)], rng) < 0.001
    grades = np.array([dip_p(rng.integers(0, 4, 300).astype(float), rng) for _ in range(200)])
    assert (grades < 0.05).mean() <= 0.1  # four grades are no four peaks
