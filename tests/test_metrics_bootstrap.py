"""The patient bootstrap: what a draw is, when it may be stratified, what its percentiles cover."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy.special import ndtri

from isocenter.metrics import Floats, Ints
from isocenter.metrics import bootstrap as b
from isocenter.metrics.intervals import NONE, delong
from isocenter.metrics.ranking import Ranking, auc_of


def test_a_draw_has_as_many_patients_as_there_are() -> None:
    counts = b.Draws.of(30).counts(range(200))
    assert counts.shape == (200, 30)
    assert (counts.sum(axis=1) == 30).all()
    # A patient is left out of a draw with probability (1 - 1/30)^30
    assert (counts == 0).mean() == pytest.approx((29 / 30) ** 30, abs=0.02)
    assert counts.var() == pytest.approx(29 / 30, abs=0.05)


def test_stratified_draws_keep_the_size_of_every_class() -> None:
    strata = np.array([0, 1, 0, 1, 1, 2])
    counts = b.Draws.of(6, 0, strata).counts(range(500))
    for stratum in (0, 1, 2):
        assert (counts[:, strata == stratum].sum(axis=1) == (strata == stratum).sum()).all()
    assert counts[:, 0].std() > 0


def test_every_patient_is_as_likely_as_any_other_and_draws_have_nothing_in_common() -> None:
    counts = b.Draws.of(50, 3).counts(range(4000))
    # Chi-squared of 200,000 picks into 50 patients, 49 degrees of freedom: 24 to 85 holds 0.1 % on either side
    assert 24 < (((counts.sum(axis=0) - 4000) ** 2) / 4000).sum() < 85
    # Streams that overlap make neighbouring draws alike: this sum is then of the order of 4000 x 49
    centred = counts - 1
    for lag in (1, 2, 7):
        common = (centred[lag:] * centred[:-lag]).sum()
        assert abs(common) < 4 * np.sqrt(4000 * 49)


def test_free_and_stratified_draws_of_a_seed_share_no_numbers() -> None:
    one_stratum = b.Draws.of(200, 1, np.zeros(200, dtype=np.int64)).counts(range(5))
    assert (one_stratum != b.Draws.of(200, 1).counts(range(5))).any(axis=1).all()
    assert (b.Draws.of(200, 2).counts(range(5)) != b.Draws.of(200, 1).counts(range(5))).any(axis=1).all()


def test_patients_with_two_classes_have_no_strata() -> None:
    patients = np.array([0, 0, 1, 1])
    assert b.strata_of(patients, np.array([0, 1, 1, 1])) is None
    np.testing.assert_array_equal(b.strata_of(patients, np.array([0, 0, 1, 1])), [0, 1])


def test_cases_of_a_patient_stay_together_and_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    patients = np.array([0, 1, 0, 2, 2])

    def measures(weights: Floats) -> dict[int, Floats]:
        np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
        np.testing.assert_array_equal(weights[:, 3], weights[:, 4])
        return {case: weights[:, case] for case in range(5)}

    whole = b.bootstrap(measures, patients, draws=300, seed=4)
    monkeypatch.setattr(b, "SMALL", 35)
    pieces = b.bootstrap(measures, patients, draws=300, seed=4)
    for case in whole:
        assert whole[case].shape == (300,)
        np.testing.assert_array_equal(whole[case], pieces[case])
    assert (whole[0] != b.bootstrap(measures, patients, draws=300, seed=5)[0]).any()


def test_memory_does_not_grow_with_the_draws() -> None:
    patients = np.arange(20_000)
    b.bootstrap(lambda w: {"mean": w.mean(axis=1)}, patients, draws=300)  # numba itself takes some
    tracemalloc.start()
    b.bootstrap(lambda w: {"mean": w.mean(axis=1)}, patients, draws=300)  # 48 MB of weights in all
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16e6


def test_width_is_that_of_delong() -> None:
    rng = np.random.default_rng(0)
    events = rng.random(2000) < 0.3
    scores = rng.normal(size=2000) + events
    ranking = Ranking.of(scores, events)
    drawn = b.bootstrap(lambda w: {"auc": auc_of(*ranking.tally(w))}, np.arange(2000))["auc"]
    assert drawn.std() == pytest.approx(math.sqrt(delong(events, scores)[1]), rel=0.05)


def test_percentiles_leave_undefined_draws_out_and_count_them() -> None:
    values = np.linspace(0, 1, 1000)
    values[:30] = np.nan
    interval, undefined, draws = b.percentiles(values)
    assert (undefined, draws, interval.how) == (30, 1000, "bootstrap-patients")
    assert interval[:2] == pytest.approx(tuple(np.nanquantile(values, [0.025, 0.975])))
    values[:60] = np.nan
    assert b.percentiles(values)[:2] == (NONE, 60)
    assert b.percentiles(np.full(100, np.nan)).interval == NONE


def test_percentiles_of_few_patients_lie_further_out() -> None:
    values = np.linspace(0, 1, 10_001)
    # Hesterberg (Am Stat 2015): instead of 2.5 % of the draws
    for patients, tail in ((10, 0.0086), (20, 0.0159), (1000, 0.0249)):
        assert b.percentiles(values, patients=patients).interval[:2] == pytest.approx((tail, 1 - tail), abs=2e-4)
    assert b.percentiles(values, patients=1).interval[:2] == (0, 1)


def test_draws_that_all_agree_are_no_interval() -> None:
    assert b.percentiles(np.full(100, 1.0)).interval == NONE
    assert b.percentiles(np.zeros(100)).interval == NONE
    assert b.percentiles(1e-15 * np.arange(1, 101)).interval != NONE  # small units are not rounding


def clustered(rng: np.random.Generator, patients: int = 60, per: int = 5) -> tuple[Ints, Ints, Floats]:
    """Patients of one class each, whose images share half of their variance."""
    who = np.repeat(np.arange(patients), per)
    events = (np.arange(patients) < patients // 3)[who]
    common = rng.normal(size=patients)[who]
    return who, events, (common + rng.normal(size=len(who))) / math.sqrt(2) + math.sqrt(2) * float(ndtri(0.8)) * events


def test_cluster_bootstrap_covers_where_the_naive_interval_does_not() -> None:
    rng, covered, naive = np.random.default_rng(3), [], []
    for _ in range(300):
        who, events, scores = clustered(rng)
        ranking = Ranking.of(scores, events)
        strata = b.strata_of(who, events.astype(np.int64))
        drawn = b.bootstrap(lambda w, r=ranking: {"auc": auc_of(*r.tally(w))}, who, draws=300, strata=strata)
        (low, high, _), *_ = b.percentiles(drawn["auc"])
        covered.append(low <= 0.8 <= high)
        area, variance = delong(events, scores)
        naive.append(abs(area - 0.8) <= 1.96 * math.sqrt(variance))
    assert 0.90 < np.mean(covered) < 0.985
    assert np.mean(naive) < 0.85
