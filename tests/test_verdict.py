"""The verdict on clusters agrees with the table it stands beside, and copies are groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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
