"""What is done to features and intensities before clusters are sought: sites, filters, scales."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hospitals import sited
from isocenter import lines
from isocenter.elsewhere import predict_to
from isocenter.errors import (
    BadTarget,
    UnknownColumn,
    UsageError,
)
from isocenter.mapping import Mapping
from isocenter.metrics.partitions import adjusted_rand
from isocenter.options import Options
from isocenter.project import Project


@pytest.mark.parametrize("method", ["auto", "minibatch"])
def test_sites_are_harmonised_before_clusters_are_sought_and_when_new_cases_are_placed(
    tmp_path: Path, method: str
) -> None:
    path = sited(tmp_path)
    table = pd.read_csv(path)
    raw = Mapping(Options().changed(input=str(path), target="ill", ignore="age"), Project(None)).cluster()["clusters"]
    assert raw["subtypes"]["named"] == "site"
    assert raw["features"]["done"] == []
    told = {"input": str(path), "target": "ill", "harmonise": "site", "preserve": "age"}
    result = Mapping(Options().changed(**told), Project(tmp_path / "p")).cluster(method)
    found = result["clusters"]
    assert (found["clusters"], found["subtypes"]["named"], found["features"]["columns"]) == (2, None, 8)
    own = pd.read_csv(tmp_path / "p" / "clusters" / "assignments.csv")["cluster"]
    assert adjusted_rand(own, table["ill"].eq("yes")) > 0.9
    said = "\n".join(lines.SECTIONS["clusters"](found, result))
    for text in (said, (tmp_path / "p" / "clusters" / "map.html").read_text("utf-8")):
        assert "harmonised across site by ComBat, preserving age" in text
        assert "after harmonisation" in text
    placed = predict_to(tmp_path / "p" / "clusters" / "clusters.iso", str(path), tmp_path / "again.csv")
    assert pd.read_csv(tmp_path / "again.csv")["cluster"].tolist() == own.tolist()
    assert placed["flags"] == []
    table.assign(site="C").to_csv(tmp_path / "other.csv", index=False)
    placed = predict_to(tmp_path / "p" / "clusters" / "clusters.iso", str(tmp_path / "other.csv"), tmp_path / "o.csv")
    assert "site 'C' was not learned from: not harmonised" in "\n".join(lines.SECTIONS["placed"]("o.csv", placed))
    table.drop(columns="site").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(UnknownColumn, match="site"):
        predict_to(tmp_path / "p" / "clusters" / "clusters.iso", str(tmp_path / "less.csv"), tmp_path / "o.csv")


def test_harmonising_to_a_site_that_is_not_there_or_by_the_outcome_is_refused(tmp_path: Path) -> None:
    path = sited(tmp_path, 60)

    def asked(method: str = "auto", **told: object) -> None:
        Mapping(Options().changed(input=str(path), **told), Project(None)).cluster(method)

    with pytest.raises(UsageError, match="no site 'X'"):
        asked(harmonise="site", reference_site="X")
    with pytest.raises(UsageError, match="about --harmonise"):
        asked(preserve="age")
    for method in ("auto", "minibatch"):
        with pytest.raises(BadTarget, match="outcome"):
            asked(method, target="ill", harmonise="ill")
        with pytest.raises(BadTarget, match="outcome"):
            asked(method, target="ill", harmonise="site", preserve="ill")
    with pytest.raises(UsageError, match="intensity"):
        asked(standardise="zscore")


def test_filters_are_learned_on_what_makes_the_clusters_and_lie_in_the_bundle(tmp_path: Path) -> None:
    path = sited(tmp_path)
    table = pd.read_csv(path)
    table.assign(twin=2 * table["f0"] + 1, flat=1.0).to_csv(path, index=False)
    told = {"input": str(path), "target": "ill", "ignore": "age", "filters": "constant,correlation=0.99"}
    found = Mapping(Options().changed(**told), Project(tmp_path / "p")).cluster()["clusters"]
    assert found["features"]["columns"] == 8
    assert len(found["features"]["done"]) == 2
    predict_to(tmp_path / "p" / "clusters" / "clusters.iso", str(path), tmp_path / "o.csv")
    own = pd.read_csv(tmp_path / "p" / "clusters" / "assignments.csv")
    assert pd.read_csv(tmp_path / "o.csv")["cluster"].tolist() == own["cluster"].tolist()


def test_intensities_are_standardised_first_so_that_gain_makes_no_clusters(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    (tmp_path / "i").mkdir()
    for i in range(60):
        pixels = (rng.random((32, 32)) + np.add.outer(np.arange(32), np.arange(32)) / 40) * (40 if i % 2 else 95)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "i" / f"s{i:02}.png")

    def found(**more: object) -> dict[str, Any]:
        options = Options().changed(input=str(tmp_path / "i"), features="intensity", **more)
        return dict(Mapping(options, Project(None)).cluster()["clusters"])

    assert found()["structure"]
    again = found(standardise="zscore")
    assert not again["structure"]
    assert "standardised" in again["features"]["done"][0]
