"""What a clustering says of itself is true: demanded numbers, missing values, HDBSCAN's noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from isocenter.unsupervised import cluster, project
from isocenter.unsupervised.reduction import beyond_chance


def parted(n: int, p: int, k: int, apart: float, of: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """k round groups `apart` standard deviations from the first to the second, in `of` of p columns."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % k)
    centres = rng.normal(size=(k, of))
    centres *= apart / np.linalg.norm(centres[0] - centres[1])
    values = rng.normal(size=(n, p))
    values[:, :of] += centres[labels]
    return pd.DataFrame(values, columns=[f"f{i}" for i in range(p)]), labels


@pytest.mark.parametrize("seed", [0, 1])
def test_directions_of_noise_do_not_hide_what_is_dense(seed: int) -> None:
    """On all ten components HDBSCAN finds next to nothing here (adjusted Rand 0.09 and 0)."""
    table, truth = parted(240, 24, 3, 12.0, 8, seed)
    found = cluster(table, method="hdbscan")
    assert found.n_clusters == 3
    assert adjusted_rand_score(truth, found.labels) > 0.5
    inside = found.labels >= 0
    assert adjusted_rand_score(truth[inside], found.labels[inside]) > 0.9
    none = int((~inside).sum())
    assert f"{none} of 240 cases ({100 * none / 240:.0f} %) are in none." in found.stability.sentence
    assert "by HDBSCAN agrees with itself" in found.stability.sentence


def test_components_beyond_chance_are_those_that_were_planted() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 20))
    planted = noise + rng.normal(size=(400, 4)) @ (2 * np.linalg.qr(rng.normal(size=(20, 4)))[0].T)
    for values, count in ((planted, 4), (noise, 2)):
        assert beyond_chance(values, project(pd.DataFrame(values)), np.random.default_rng(1)) in (count, count + 1)


def test_one_cluster_that_was_demanded_parts_nothing() -> None:
    table, _ = parted(200, 6, 2, 12.0, 3, 0)
    said = cluster(table, clusters=1).stability.sentence
    assert said.startswith("One cluster was demanded: nothing is parted. There may be clusters: held-out cases")
    assert "agrees" not in said


def test_absurdly_many_clusters_are_remarked_on() -> None:
    table, _ = parted(200, 6, 2, 12.0, 3, 0)
    assert "too few to be called groups" not in cluster(table, clusters=40, method="kmeans").stability.sentence
    said = cluster(table, clusters=100, method="kmeans").stability.sentence
    assert "100 clusters of 200 cases are 2.0 cases each: too few to be called groups." in said


def test_features_without_any_value_are_not_called_constant_and_medians_are_counted() -> None:
    table, _ = parted(100, 8, 2, 12.0, 3, 0)
    table["empty"] = np.nan
    for i in range(7):
        table[f"same{i}"] = 3.0
    table.iloc[:30, 0] = np.nan
    table.iloc[:2, 1] = np.nan
    notes = "\n".join(cluster(table).notes)
    assert "32 missing values in 2 features are the feature's median; most, 30 of 100, in f0." in notes
    assert "1 feature without any value, left out: empty." in notes
    assert (
        "7 features with the same value in all cases, left out: same0, same1, same2, same3, same4 and 2 more." in notes
    )
