"""Several readers: consensus rules, tables of pairs, readers who never overlap, patients with several cases."""

from __future__ import annotations

import math

import numpy as np
import pytest

from isocenter.errors import BadShape, BadValues, UsageError
from isocenter.metrics import agreement as a
from isocenter.metrics import readers
from isocenter.metrics.bootstrap import percentiles
from isocenter.metrics.differences import bland_altman
from isocenter.metrics.intervals import NONE

_ = math.nan
VOTES = np.array(
    [
        [1, 1, 1],
        [0, 1, 1],
        [0, 1, 2],
        [0, 1, _],
        [2, _, _],
        [_, _, _],
    ]
)


def test_majority_has_no_label_for_a_tie() -> None:
    found = readers.consensus(VOTES)
    np.testing.assert_array_equal(found.values, [1, 1, _, _, 2, _])
    assert found.how.tolist() == ["unanimous", "majority", "tie", "tie", "unanimous", "too few readers"]


def test_a_senior_reader_settles_ties_but_outvotes_nobody() -> None:
    found = readers.consensus(VOTES, senior=0)
    np.testing.assert_array_equal(found.values, [1, 1, 0, 0, 2, _])
    assert found.how.tolist() == ["unanimous", "majority", "senior", "senior", "unanimous", "too few readers"]
    silent = readers.consensus(VOTES, senior=2)
    np.testing.assert_array_equal(silent.values, [1, 1, 2, _, 2, _])
    apart = readers.consensus(np.array([[0.0, 0, 1, 1, 2]]), senior=4)
    assert apart.how.tolist() == ["tie"]  # its label is not one of the tied


def test_unanimous_and_enough_readers() -> None:
    found = readers.consensus(VOTES, "unanimous", least=2)
    np.testing.assert_array_equal(found.values, [1, _, _, _, _, _])
    assert found.how.tolist() == ["unanimous", *["disagreement"] * 3, *["too few readers"] * 2]


def test_measurements_have_a_mean_and_a_median() -> None:
    values = np.array([[1.0, 2.0, 6.0], [4.0, _, 5.0], [_, _, _], [3.0, _, _]])
    np.testing.assert_array_equal(readers.consensus(values, "mean").values, [3, 4.5, _, 3])
    np.testing.assert_array_equal(readers.consensus(values, "median").values, [2, 4.5, _, 3])
    assert readers.consensus(values, "median", least=2).how.tolist() == ["median", "median", *["too few readers"] * 2]


@pytest.mark.parametrize("shape", [(0, 3), (4, 0), (0, 0)])
@pytest.mark.parametrize("rule", ["majority", "unanimous", "mean", "median"])
def test_nobody_read_anything(shape: tuple[int, int], rule: readers.Rule) -> None:
    found = readers.consensus(np.zeros(shape), rule)
    assert np.isnan(found.values).all()
    assert set(found.how.tolist()) <= {"too few readers"}


def three_readers(n: int = 60, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    return np.column_stack([np.where(rng.random(n) < 0.8, truth, rng.integers(0, 3, n)) for _ in range(3)]).astype(
        float
    )


def test_pairs_are_every_reader_against_every_other() -> None:
    readings = three_readers()
    found = readers.pairs(readings, 3, ["model", "Ann", "Bo"], "quadratic")
    assert [(p.first, p.second) for p in found] == [("model", "Ann"), ("model", "Bo"), ("Ann", "Bo")]
    for p, (i, j) in zip(found, [(0, 1), (0, 2), (1, 2)], strict=True):
        assert (p.n, p.why) == (60, "")
        assert p.agreement == pytest.approx((readings[:, i] == readings[:, j]).mean())
        assert p.kappa == pytest.approx(float(a.cohen_kappa(readings[:, i], readings[:, j], 3, "quadratic")))
        assert p.kappa_interval == a.cohen_interval(readings[:, i], readings[:, j], 3, "quadratic")
        assert p.agreement_interval.how == "wilson"


def test_readers_who_never_overlap_are_nan_with_a_reason() -> None:
    readings = np.full((10, 3), np.nan)
    readings[:5, 0], readings[5:, 1], readings[4:, 2] = 1, 0, 1
    none, one, several = readers.pairs(readings, 2)
    assert (none.n, none.why, none.kappa_interval) == (0, readers.NO_OVERLAP, NONE)
    assert math.isnan(none.agreement)
    assert math.isnan(none.kappa)
    assert (one.n, one.agreement, one.why) == (1, 1.0, readers.ONE_CASE)
    assert math.isnan(one.kappa)
    assert (several.n, several.agreement, several.kappa) == (5, 0.0, 0.0)
    measured = readers.measured_pairs(readings)
    assert (measured[0].differences.n, measured[0].why) == (0, readers.NO_OVERLAP)
    assert math.isnan(measured[0].concordance)
    apart = readers.coefficients(np.array([[1.0, _], [_, 0.0]]), 2)
    assert [(c.why, c.interval) for c in apart] == [(readers.NOT_TWO, NONE)] * 4
    assert all(math.isnan(c.value) for c in apart)


def test_one_class_only_is_said() -> None:
    (pair,) = readers.pairs(np.ones((8, 2)), 2)
    assert (pair.agreement, pair.why) == (1.0, readers.ONE_CLASS)
    assert math.isnan(pair.kappa)
    found = {c.name: c for c in readers.coefficients(np.ones((8, 2)), 2)}
    assert found["fleiss_kappa"].why == found["krippendorff_alpha"].why == readers.ONE_CLASS
    assert (found["ac1"].value, found["percent_agreement"].value) == (1.0, 1.0)
    assert 0.5 < found["percent_agreement"].interval.low < 0.8


def test_several_cases_a_patient_widen_what_they_share() -> None:
    readings = three_readers(40)
    patients = np.repeat(np.arange(40), 4)
    again = np.repeat(readings, 4, axis=0)
    alone, clustered = readers.pairs(readings, 3)[0], readers.pairs(again, 3, patients=patients)[0]
    naive = readers.pairs(again, 3)[0]
    assert clustered.kappa == pytest.approx(alone.kappa)
    assert clustered.kappa_interval.how == clustered.agreement_interval.how == "bootstrap-patients"
    width = {p: p.kappa_interval.high - p.kappa_interval.low for p in (alone, clustered, naive)}
    assert width[clustered] == pytest.approx(width[alone], rel=0.15)
    assert width[naive] < 0.6 * width[alone]
    assert readers.pairs(again, 3, patients=patients)[0] == clustered  # one seed, same numbers
    assert readers.pairs(again, 3, patients=patients, seed=1)[0].kappa_interval != clustered.kappa_interval


def test_perfect_agreement_of_clustered_readers_counts_patients() -> None:
    halves, patients = np.repeat(np.arange(20.0) % 2, 3), np.repeat(np.arange(20), 3)
    (pair,) = readers.pairs(np.column_stack([halves, halves]), 2, patients=patients)
    assert pair.kappa == 1.0
    assert pair.kappa_interval.how == "fleiss-cohen-everitt-wilson-patients"
    once = a.cohen_interval(halves[::3], halves[::3], 2)
    assert pair.kappa_interval[:2] == pytest.approx(once[:2])
    found = {c.name: c for c in readers.coefficients(np.column_stack([halves] * 3), 2, patients=patients)}
    assert found["ac1"].interval[:2] == pytest.approx(a.ac1_interval(np.column_stack([halves[::3]] * 3), 2)[:2])
    assert found["krippendorff_alpha"].interval == NONE
    assert found["krippendorff_alpha"].why == "no interval: the same in all 2000 draws, which is no certainty"


def test_why_draws_give_no_interval_is_true() -> None:
    same, several = np.ones(100), np.ones(100)
    same[:3], several[:30] = np.nan, np.nan
    several[30:40] = 0.5
    why = [readers.no_interval(percentiles(values)) for values in (np.ones(100), same, several)]
    assert why == [
        "no interval: the same in all 100 draws, which is no certainty",
        "no interval: the same in 97 of 100 draws, which is no certainty",
        "not defined in 30 of 100 draws",
    ]


def test_all_coefficients_have_intervals() -> None:
    readings = three_readers()
    readings[::7, 1] = np.nan
    found = {c.name: c for c in readers.coefficients(readings, 3, "ordinal")}
    assert list(found) == ["percent_agreement", "fleiss_kappa", "ac1", "krippendorff_alpha"]
    assert all(c.interval.low < c.value < c.interval.high and not c.why for c in found.values())
    assert found["fleiss_kappa"].interval == a.fleiss_interval(readings, 3)
    assert found["krippendorff_alpha"].interval.how == "bootstrap-patients"
    assert found["krippendorff_alpha"].value == pytest.approx(float(a.krippendorff_alpha(readings, "ordinal")))


def test_measurements_of_pairs() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(30, 8, 40)
    values = truth[:, None] + rng.normal(0, 1, (40, 2)) + np.array([0.0, 3.0])
    (pair,) = readers.measured_pairs(values, ["Ann", "Bo"])
    assert pair.differences == bland_altman(values[:, 0], values[:, 1])
    assert pair.differences.bias == pytest.approx(3, abs=0.5)
    assert pair.concordance_interval.low < pair.concordance < pair.concordance_interval.high
    (clustered,) = readers.measured_pairs(np.repeat(values, 3, axis=0), patients=np.repeat(np.arange(40), 3))
    assert clustered.concordance_interval.how == "bootstrap-patients"
    assert clustered.differences.n_patients == 40


def test_no_draws_and_a_single_patient_have_no_bootstrap() -> None:
    readings = three_readers(12)
    clustered = readers.pairs(readings, 3, patients=np.zeros(12, dtype=np.int64))[0]
    assert clustered.kappa_interval == NONE
    assert {c.name for c in readers.coefficients(readings, 3, draws=0) if c.interval is NONE} == {
        "percent_agreement",
        "krippendorff_alpha",
    }


def test_what_does_not_fit_is_said() -> None:
    readings = three_readers(12)
    with pytest.raises(UsageError, match="Choose one of majority, unanimous"):
        readers.consensus(readings, "loudest")  # type: ignore[arg-type]
    with pytest.raises(BadValues, match="no reader 3 among 3"):
        readers.consensus(readings, senior=3)
    with pytest.raises(BadShape, match="one column a reader"):
        readers.consensus(readings[:, 0])
    with pytest.raises(BadShape, match="2 names"):
        readers.pairs(readings, 3, ["Ann", "Bo"])
    with pytest.raises(BadShape, match="5 patients"):
        readers.coefficients(readings, 3, patients=np.arange(5))
    with pytest.raises(BadValues, match="no class code 0 to 1"):
        readers.pairs(readings, 2)
