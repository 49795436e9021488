"""Seed bands: what another seed shows lies in them, and a claim is no larger than they allow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isocenter.metrics.intervals import NONE
from isocenter.metrics.seeds import all_beyond_seeds, beyond_seeds, seed_band


def test_band_by_hand() -> None:
    band = seed_band(np.array([0.70, 0.74, 0.78, math.nan]))
    assert (band.seeds, band.mean, band.sd) == (3, pytest.approx(0.74), pytest.approx(0.04))
    assert (band.smallest, band.largest) == (0.70, 0.78)
    half = 4.302652729749 * 0.04 * math.sqrt(4 / 3)  # t with 2 degrees of freedom
    assert band.another[:2] == pytest.approx((0.74 - half, 0.74 + half))


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_another_seed_lies_in_the_band(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    hits = 0
    for values in rng.normal(0.8, 0.03, (2000, seeds + 1)):
        low, high, _ = seed_band(values[:seeds]).another
        hits += low <= values[seeds] <= high
    assert 0.935 <= hits / 2000 <= 0.965


def test_one_seed_has_no_band_and_none_no_value() -> None:
    one = seed_band(np.array([0.8]))
    assert (one.seeds, one.mean, one.another) == (1, 0.8, NONE)
    assert math.isnan(one.sd)
    none = seed_band(np.array([math.nan]))
    assert none.seeds == 0
    assert math.isnan(none.mean)


def test_two_methods_that_are_the_same_but_for_seeds_are_not_told_apart() -> None:
    rng = np.random.default_rng(1)
    told = [bool(beyond_seeds(*rng.normal(0.8, 0.02, (2, 5))).beyond) for _ in range(1000)]
    assert np.mean(told) <= 0.03


def test_pairing_takes_out_what_both_share() -> None:
    rng = np.random.default_rng(2)
    luck = rng.normal(0, 0.05, 5)  # the split's luck moves both
    forest, linear = 0.82 + luck + rng.normal(0, 0.003, 5), 0.78 + luck
    found = beyond_seeds(forest, linear, ("forest", "linear"))
    assert found.beyond is True
    assert found.agreeing == 5
    assert "forest against linear: the difference of +0.04" in found.sentence
    assert "more than another seed would move it" in found.sentence
    assert seed_band(forest).sd > 5 * found.band.sd


def test_a_claim_within_the_band_is_called_so() -> None:
    found = beyond_seeds(np.array([0.80, 0.76, 0.83]), np.array([0.78, 0.79, 0.80]), claimed=0.02)
    assert found.beyond is False
    assert found.claimed == 0.02
    assert found.agreeing == 2
    assert "no more than another seed may move it" in found.sentence


def test_one_lucky_seed_is_no_claim() -> None:
    differences = np.array([0.10, 0.01, -0.02, 0.00, -0.01])
    found = beyond_seeds(differences, np.zeros(5), claimed=0.2)
    assert found.beyond is False
    assert beyond_seeds(np.full(5, 0.1), np.zeros(5), claimed=-0.1).beyond is False


@pytest.mark.parametrize("values", [[], [0.8], [0.8, 0.9], [0.8, math.nan, 0.9]])
def test_too_few_seeds_tell_nothing(values: list[float]) -> None:
    found = beyond_seeds(np.array(values), np.zeros(len(values)))
    assert found.beyond is None
    assert "too few seeds" in found.sentence


def test_methods_without_any_luck_differ_by_what_they_differ() -> None:
    assert beyond_seeds(np.full(5, 0.8), np.full(5, 0.7)).beyond is True
    assert beyond_seeds(np.full(5, 0.8), np.full(5, 0.8)).beyond is False


def test_all_pairs() -> None:
    rng = np.random.default_rng(3)
    found = all_beyond_seeds({name: rng.normal(size=5) for name in ("a", "b", "c")})
    assert [(d.first, d.second) for d in found] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_metric_that_is_not_defined_is_no_lack_of_seeds() -> None:
    found = beyond_seeds(np.full(5, np.nan), np.full(5, 0.5))
    assert "not defined" in found.sentence and "too few" not in found.sentence
