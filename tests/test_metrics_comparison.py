"""Comparisons: values of R, scipy and published examples; what p and intervals promise, by simulation; the edges."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from isocenter.metrics import comparison as c
from isocenter.metrics.intervals import auc_interval, newcombe


@pytest.mark.parametrize("second, z, p", [("wfns", -2.2089835914, 0.0271757822), ("ndka", 1.3907700257, 0.1642951752)])
def test_paired_delong_is_that_of_proc(shared_data: Path, second: str, z: float, p: float) -> None:
    table = pd.read_csv(shared_data / "statistics" / "aSAH.csv")
    events = (table["outcome"] == "Poor").to_numpy()
    scores = [table[name].to_numpy(dtype=float) for name in ("s100b", second)]
    pair, found = c.paired_areas(events, *scores), c.compare_auc(events, *scores)
    error = math.sqrt(pair.variance)
    assert pair.difference / error == pytest.approx(z, abs=5e-11)
    assert found.p == pytest.approx(p, abs=5e-11)
    assert found.difference == pytest.approx(pair.difference)
    plain = pair.difference - 1.959963984540054 * error, pair.difference + 1.959963984540054 * error
    assert found[1:3] == pytest.approx(plain, abs=0.02)  # pROC's, which knows no bounds; ours does
    assert found.how == "delong-paired"
    swapped = c.compare_auc(events, *scores[::-1])
    assert swapped[:4] == pytest.approx((-found.difference, -found.high, -found.low, found.p))


def test_scores_in_the_same_order_do_not_differ() -> None:
    rng = np.random.default_rng(0)
    events, scores = rng.random(60) < 0.4, rng.random(60)
    assert c.compare_auc(events, scores, scores**3) == (0, 0, 0, 1, "same-order")


def test_perfect_and_constant_scores_claim_no_certainty() -> None:
    events = np.arange(40) < 15
    perfect, constant = events + np.linspace(0, 0.1, 40), np.zeros(40)
    found = c.compare_auc(events, perfect, constant)
    assert found.how == "mover"
    low = newcombe(1.0, 15, 25).low
    assert found[:3] == pytest.approx((0.5, low - 0.5, 0.5))
    assert 0 < found.p < 1e-4
    both = c.compare_auc(events, perfect, events + np.linspace(0.1, 0, 40))
    assert (both.difference, both.p) == (0, 1)
    assert both[1:3] == pytest.approx((low - 1, 1 - low))


def test_few_cases_take_the_intervals_of_both_sides() -> None:
    rng = np.random.default_rng(2)
    events = np.arange(60) < 6
    first, second = rng.normal(size=(2, 60)) + [[1.5], [0.5]] * events
    found = c.compare_auc(events, first, second)
    assert found.how == "mover"
    assert found.low < found.difference < found.high
    # Against a score without information, the interval is that of the one AUC, moved by 0.5.
    alone = auc_interval(events, first)
    assert c.compare_auc(events, first, np.zeros(60))[1:3] == pytest.approx((alone.low - 0.5, alone.high - 0.5))
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


@pytest.mark.parametrize("few, many", [(4, 50), (8, 30)])
def test_interval_of_few_cases_covers(few: int, many: int) -> None:
    rng, events, covered = np.random.default_rng(1), np.arange(few + many) < few, []
    truth = stats.norm.cdf(0.75) - stats.norm.cdf(0.5)
    for _ in range(400):
        common = rng.normal(size=few + many)
        first, second = common + rng.normal(size=(2, few + many)) + np.array([[1.5], [1.0]]) * events
        found = c.compare_auc(events, first, second)
        covered.append(found.low <= truth <= found.high)
    assert 0.93 < np.mean(covered) < 0.995


def test_against_a_constant_score_the_interval_is_that_of_the_one_auc() -> None:
    events, rng, truth = np.arange(156) < 30, np.random.default_rng(3), stats.norm.cdf(2 / math.sqrt(2)) - 0.5
    covered = []
    for _ in range(300):
        scores = rng.normal(size=156) + 2.0 * events
        found, alone = c.compare_auc(events, scores, np.zeros(156)), auc_interval(events, scores)
        assert found[1:3] == pytest.approx((alone.low - 0.5, alone.high - 0.5))
        assert found.high <= 0.5
        assert (found.p < 0.05) == (found.low > 0)
        covered.append(found.low <= truth <= found.high)
    assert 0.92 < np.mean(covered) < 0.98


def test_limits_stay_where_a_difference_can_be() -> None:
    rng, events = np.random.default_rng(0), np.arange(24) < 12
    for shift in (2.0, 3.0, 4.0):
        first, second = rng.normal(size=(2, 24)) + shift * np.array([[1], [-1]]) * events
        found = c.compare_auc(events, first, second)
        assert -1 <= found.low <= found.difference <= found.high <= 1


def test_one_kind_of_case_has_no_auc_to_compare() -> None:
    found = c.compare_auc(np.zeros(10, dtype=bool), np.arange(10.0), np.arange(10.0)[::-1])
    assert all(math.isnan(number) for number in found[:4])
    one = c.compare_auc(np.arange(10) < 1, np.arange(10.0), np.arange(10.0)[::-1])
    assert (one.difference, one.how) == (-1, "mover")


def test_delong_keeps_its_level() -> None:
    rng, events, beyond, covered = np.random.default_rng(5), np.arange(120) < 40, [], []
    for _ in range(600):
        common = rng.normal(size=120) + events
        first, second, weaker = common + rng.normal(size=(3, 120))
        beyond.append(c.compare_auc(events, first, second).p < 0.05)
        found = c.compare_auc(events, first, weaker - 0.8 * events)
        truth = stats.norm.cdf(0.5) - stats.norm.cdf(0.1)
        covered.append(found.low <= truth <= found.high)
    assert 0.03 < np.mean(beyond) < 0.075
    assert 0.925 < np.mean(covered) < 0.97


@pytest.mark.parametrize("a, b", [(0, 0), (1, 7), (3, 3), (0, 5), (12, 30), (200, 260)])
def test_discordant_p_is_the_binomial_test_of_scipy(a: int, b: int) -> None:
    exact = stats.binomtest(a, a + b).pvalue if a + b else 1.0
    assert c.discordant_p(a, b) == pytest.approx(exact)
    mid = min(exact - stats.binom.pmf(min(a, b), a + b, 0.5), 1.0) if a != b else 1.0
    assert c.discordant_p(a, b, mid=True) == pytest.approx(mid)
    assert c.discordant_p(b, a) == c.discordant_p(a, b)


def pairs(both: int, only_first: int, only_second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, only_first, only_second, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def test_mcnemar_on_published_pairs() -> None:
    # Airway hyper-responsiveness before and after transplantation (Bentur et al. 2009, in Fagerland et al. 2013):
    # 1 and 7 of 21 discordant; exact p 0.070, mid-p 0.039.
    found = c.mcnemar(*pairs(1, 1, 7, 12))
    assert found.difference == pytest.approx(-6 / 21)
    assert found.p == pytest.approx(0.0703125)
    assert c.discordant_p(1, 7, mid=True) == pytest.approx(0.0390625)
    assert found.how == "mcnemar-exact"
    assert c.mcnemar(*pairs(10, 12, 30, 10)).how == "mcnemar-midp"


def test_agreement_everywhere_is_no_certainty() -> None:
    found = c.mcnemar(*pairs(20, 0, 0, 5))
    assert (found.difference, found.p) == (0, 1)
    assert found.low < 0 < found.high
    assert math.isnan(c.mcnemar(*pairs(0, 0, 0, 0)).difference)


@pytest.mark.parametrize("n", [20, 60])
def test_interval_of_paired_shares_covers(n: int) -> None:
    rng, covered = np.random.default_rng(0), []
    for _ in range(60):
        shares = rng.dirichlet([5, 1.5, 1.5, 2])
        for counts in rng.multinomial(n, shares, 30):
            found = c.mcnemar(*pairs(*counts))
            covered.append(found.low <= shares[1] - shares[2] <= found.high)
    assert 0.94 < np.mean(covered) < 0.985


def test_obuchowski_is_that_of_r() -> None:
    # R's clust.bin.pair prints chi-square 2.8571, p 0.09097 for its thyroid data: 21 patients whose
    # differences have a squared sum three times their sum of squares, as here.
    first, second, patients = np.zeros(63, dtype=bool), np.zeros(63, dtype=bool), np.arange(63) // 3
    second[[0, 3, 6]] = True
    found = c.obuchowski(first, second, patients)
    assert found.p == pytest.approx(0.09097, abs=5e-6)
    assert found.difference == pytest.approx(-3 / 63)
    assert found.low < found.difference < found.high
    gaps = c.obuchowski(first, second, 2 * patients)
    assert gaps == found


def test_obuchowski_of_single_cases_is_mcnemars_chi_squared() -> None:
    first, second = pairs(30, 20, 9, 41)
    chi_squared = (20 - 9) ** 2 / (20 + 9) * 99 / 100
    assert c.obuchowski(first, second, np.arange(100)).p == pytest.approx(stats.chi2.sf(chi_squared, 1))


def test_obuchowski_keeps_its_level_where_mcnemar_does_not() -> None:
    rng, ours, naive, covered = np.random.default_rng(1), [], [], []
    who = np.repeat(np.arange(40), 6)
    for _ in range(500):
        lean = rng.normal(size=(2, 40))[:, who]  # a method that suits a patient suits all of its images
        first, second = lean + rng.normal(size=(2, len(who))) > 0
        found = c.obuchowski(first, second, who)
        ours.append(found.p < 0.05)
        covered.append(found.low <= 0 <= found.high)
        naive.append(c.mcnemar(first, second).p < 0.05)
    assert 0.02 < np.mean(ours) < 0.08
    assert 0.92 < np.mean(covered) < 0.98
    assert np.mean(naive) > 0.15


def test_obuchowski_without_difference_or_patients() -> None:
    same = np.ones(6, dtype=bool)
    assert c.obuchowski(same, same, np.arange(6))[0] == 0
    assert c.obuchowski(same, same, np.arange(6)).p == 1
    one = c.obuchowski(same, ~same, np.zeros(6, dtype=np.int64))
    assert one.difference == 1
    assert math.isnan(one.p)
    assert math.isnan(c.obuchowski(same[:0], same[:0], np.zeros(0, dtype=np.int64)).difference)


def test_p_of_draws_is_never_zero_and_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=1999)
    far = c.compare_drawn(9.0, 0.0, (draws + 9, np.zeros(1999)))
    assert far.p == pytest.approx(2 / 2000)
    for shift in np.linspace(-3, 3, 41):
        found = c.compare_drawn(shift, 0.0, (draws + shift, np.zeros(1999)))
        expected = stats.norm.sf(abs(shift)) * 2
        assert found.p == pytest.approx(expected, abs=0.06)
        if abs(found.p - 0.05) > 0.002:
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_too_many_undefined_draws_give_no_interval() -> None:
    half = np.where(np.arange(100) < 50, np.nan, 0.1)
    lost = c.compare_drawn(0.1, 0.0, (half, np.zeros(100)))
    assert math.isnan(lost.low)
    assert math.isnan(lost.p)


def test_corrected_t_is_the_plain_one_where_nothing_is_shared() -> None:
    d = np.random.default_rng(0).normal(0.02, 0.05, (3, 5))
    plain, found = stats.ttest_1samp(d.ravel(), 0.0), c.corrected_t(d, 100, 0)
    assert found.p == pytest.approx(plain.pvalue)
    assert found[1:3] == pytest.approx(tuple(plain.confidence_interval()))
    # Ten folds of 100 patients: (1/10 + 10/90) of the variance instead of 1/10, 1.4530 times the standard error
    ten = d.ravel()[:10]
    t = stats.ttest_1samp(ten, 0.0)
    corrected = c.corrected_t(ten, 90, 10)
    assert corrected.p == pytest.approx(2 * stats.t.sf(abs(t.statistic) / 1.4529663145, 9))
    assert corrected.high - corrected.low == pytest.approx(1.4529663145 * np.ptp(tuple(t.confidence_interval())))


def test_corrected_t_leaves_undefined_folds_out() -> None:
    d = np.array([0.1, 0.2, 0.15, 0.12])
    assert c.corrected_t([*d, math.nan], 80, 20) == c.corrected_t(d, 80, 20)
    for folds in ([], [0.1], [math.nan], [0.1, 0.1]):
        assert math.isnan(c.corrected_t(folds, 80, 20).low)
    assert c.corrected_t([0.0, 0.0], 80, 20).p == 1


def test_holm_is_that_of_r() -> None:
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    np.testing.assert_allclose(c.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(c.holm([[0.5, math.nan], [0.9, 0.01]]), [[1.0, math.nan], [1.0, 0.03]])
    assert c.holm([]).size == 0


@pytest.mark.parametrize(
    "low, high, margin, expected",
    [
        (0.01, 0.05, 0.0, "better"),
        (0.01, 0.05, 0.02, "better"),
        (-0.01, 0.05, 0.0, "inconclusive"),
        (-0.01, 0.05, 0.02, "non-inferior"),
        (-0.01, -0.005, 0.02, "non-inferior"),
        (-0.03, 0.05, 0.02, "inconclusive"),
        (-0.03, -0.01, 0.02, "inconclusive"),
        (-0.05, -0.03, 0.02, "worse"),
        (-0.05, -0.03, 0.0, "worse"),
        (math.nan, math.nan, 0.02, "inconclusive"),
    ],
)
def test_verdict(low: float, high: float, margin: float, expected: str) -> None:
    assert c.verdict(c.Comparison(0.0, low, high, 0.5, "x"), margin) == expected
    assert c.verdict(c.Comparison(0.0, -high, -low, 0.5, "x"), margin, larger_is_better=False) == expected


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        c.verdict(c.Comparison(0.0, -1.0, 1.0, 0.5, "x"), -0.1)
