"""A group too small for a cluster: found where one was planted, never in one piece, however shaped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isocenter.bundle.clusters import load_clustering, save_clustering
from isocenter.mapping import Mapping
from isocenter.options import Options
from isocenter.project import Project
from isocenter.unsupervised import Clustering, cluster
from isocenter.unsupervised.rare import LIMIT, rare_p

Draw = Callable[[np.random.Generator, int, int], np.ndarray]


def turned(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return values @ np.linalg.qr(rng.normal(size=(values.shape[1], values.shape[1])))[0]


def banana(rng: np.random.Generator, n: int, p: int) -> np.ndarray:
    along, values = rng.normal(size=n), 0.3 * rng.normal(size=(n, p))
    values[:, 0] += 2 * along
    values[:, 1] += along**2
    return turned(values, rng)


def arc(rng: np.random.Generator, n: int, p: int) -> np.ndarray:
    """Three fifths of a circle, evenly filled: every view across it is thick at the ends."""
    angle, values = rng.uniform(0, 1.2 * np.pi, n), 0.15 * rng.normal(size=(n, p))
    values[:, 0] += 2 * np.cos(angle)
    values[:, 1] += 2 * np.sin(angle)
    return turned(values, rng)


CLOUDS: dict[str, Draw] = {
    "gaussian": lambda rng, n, p: rng.normal(size=(n, p)),
    "correlated": lambda rng, n, p: turned(rng.normal(size=(n, p)) * 3 / np.sqrt(np.arange(1, p + 1)), rng),
    "uniform": lambda rng, n, p: rng.uniform(-1, 1, (n, p)),
    "heavy tails": lambda rng, n, p: rng.standard_t(3, (n, p)),
    "log-normal": lambda rng, n, p: np.exp(0.7 * rng.normal(size=(n, p))),
    "banana": banana,
}


def planted(rng: np.random.Generator, kind: str, n: int, p: int, few: int, apart: float = 10.0) -> np.ndarray:
    """The first `few` cases `apart` standard deviations from the middle, along a direction at random."""
    values = CLOUDS[kind](rng, n, p)
    way = rng.normal(size=p)
    way /= np.linalg.norm(way)
    spread = 0.7 * np.median(values.std(axis=0))
    far = apart * (values @ way).std() * way
    values[:few] = np.median(values, axis=0) + far + spread * rng.normal(size=(few, p))
    return values


@pytest.fixture(scope="module")
def found() -> Clustering:
    values = planted(np.random.default_rng(5), "gaussian", 600, 20, 15)
    return cluster(pd.DataFrame(values, index=[f"case{i}" for i in range(600)]))


def test_a_planted_group_of_a_fortieth_is_found_with_its_cases(found: Clustering) -> None:
    assert not found.structure
    assert found.n_clusters == 1
    assert found.rare is not None
    assert found.rare.p <= LIMIT
    cases = set(found.rare.cases)
    assert len(cases & {f"case{i}" for i in range(15)}) >= 13
    assert len(cases) <= 16
    assert f"But {len(cases)} of them" in found.stability.sentence
    assert "rare group" in found.stability.sentence


def test_it_is_kept_and_older_files_have_none(found: Clustering, tmp_path: Path) -> None:
    save_clustering(found, tmp_path / "c.iso")
    assert load_clustering(tmp_path / "c.iso").rare == found.rare
    plain, arrays = found.state()
    del plain["rare"]
    assert Clustering.from_state(plain, arrays).rare is None


@pytest.mark.parametrize("kind", [*CLOUDS, "arc"])
def test_one_piece_has_no_rare_group(kind: str) -> None:
    rng = np.random.default_rng(7)
    draw = CLOUDS.get(kind, arc)
    for n, p in ((100, 60), (400, 10), (700, 10)):
        assert rare_p(draw(rng, n, p), None, rng) > LIMIT


def test_what_is_cut_off_a_bent_cloud_is_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """By gaps along straight lines alone, and cut off where density is low by chance, an arc has a group at its end."""
    draws = [arc(np.random.default_rng(seed), 1000, 10) for seed in (1014, 1017, 1021, 1026)]
    assert all(rare_p(values, None, np.random.default_rng(0)) > LIMIT for values in draws)
    monkeypatch.setattr("isocenter.unsupervised.rare._ISOLATED", 0.0)
    assert any(rare_p(values, None, np.random.default_rng(0)) <= LIMIT for values in draws)


@pytest.mark.slow
def test_no_false_group_in_48_clouds_and_four_of_five_planted_ones_found() -> None:
    """The short version of benchmarks/rare_groups.py."""
    rng = np.random.default_rng(11)
    for kind, draw in CLOUDS.items():
        for _ in range(8):
            n, p = int(rng.integers(100, 1001)), int(rng.integers(10, 101))
            assert rare_p(draw(rng, n, p), None, rng) > LIMIT, (kind, n, p)
    for kind in ("gaussian", "correlated", "uniform"):
        hits = 0
        for _ in range(10):
            n, p = int(rng.integers(400, 1001)), int(rng.integers(10, 101))
            values = planted(rng, kind, n, p, round(rng.uniform(0.02, 0.03) * n))
            hits += rare_p(values, None, rng) <= LIMIT
        assert hits >= 8, kind


def test_many_images_of_one_patient_are_no_group() -> None:
    values = planted(np.random.default_rng(2), "gaussian", 600, 12, 15)
    patients = np.r_[np.zeros(15, dtype=int), np.arange(1, 586)]
    table = pd.DataFrame(values)
    assert cluster(table).rare is not None
    assert cluster(table, groups=patients).rare is None


def test_a_rare_grade_is_a_step_not_a_gap() -> None:
    """A column of 0 and 1 of which 3 % are 1 lies six standard deviations apart."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(500, 8))
    values[:, 0] = np.arange(500) < 15
    assert cluster(pd.DataFrame(values)).rare is None


def test_it_is_looked_for_only_where_there_is_no_structure_and_no_number_was_asked() -> None:
    values = planted(np.random.default_rng(5), "gaussian", 600, 20, 15)
    assert cluster(pd.DataFrame(values), clusters=2).rare is None
    values[300:] += np.r_[np.full(4, 8.0), np.zeros(16)]
    parted = cluster(pd.DataFrame(values))
    assert parted.structure
    assert parted.rare is None
    assert cluster(pd.DataFrame(values[:60])).rare is None  # too few to tell


def test_page_terminal_and_json_name_the_cases(tmp_path: Path) -> None:
    values = planted(np.random.default_rng(5), "gaussian", 600, 20, 15)
    table = pd.DataFrame(values, columns=[f"f{i}" for i in range(20)])
    table.insert(0, "id", [f"case{i}" for i in range(600)])
    table.to_csv(tmp_path / "t.csv", index=False)
    options = Options().changed(input=str(tmp_path / "t.csv"), id_column="id", layout="pca")
    told = Mapping(options, Project(tmp_path / "p")).cluster()["clusters"]
    assert set(told["rare"]["cases"]) >= {"case3", "case7"}
    assert json.loads((tmp_path / "p" / "clusters" / "clusters.json").read_text("utf-8"))["rare"] == told["rare"]
    page = (tmp_path / "p" / "clusters" / "map.html").read_text("utf-8")
    assert "A rare group" in page
    assert '"rare group"' in page
    assert "rare group" in told["sentence"]
