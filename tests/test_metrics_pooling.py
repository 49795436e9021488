"""Random-effects pooling: metafor's values, an independent program, invariants, and sites that cannot be used."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import norm

from isocenter.metrics import Floats
from isocenter.metrics.intervals import NONE, delong
from isocenter.metrics.pooling import _reml, lent, pool, steady_auc, steady_f1, steady_mean

# Colditz et al. (JAMA 1994), BCG trials: cases and others, vaccinated and not (dat.bcg of the R package metadat).
BCG = np.array([
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
])  # fmt: skip


def log_ratios() -> tuple[Floats, Floats]:
    a, b, c, d = BCG.T.astype(float)
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)


def test_reml_is_that_of_metafor() -> None:
    # metafor's front page, rma(yi, vi, test="knha") and predict(transf=exp); tau2 from its test_misc_influence.r.
    found = pool(*log_ratios())
    assert found.tau2 == pytest.approx(0.313243325980895, abs=2e-7)
    assert found.value == pytest.approx(-0.7145, abs=5e-5)
    assert found.error == pytest.approx(0.1808, abs=5e-5)
    assert found.interval[:2] == pytest.approx((-1.1084, -0.3206), abs=5e-5)
    # metafor's 0.14 to 1.76 takes the variance between sites for known: ours is a little wider.
    assert 0.115 < np.exp(found.prediction.low) < 0.135875
    assert 1.762886 < np.exp(found.prediction.high) < 2.1
    assert found.i2 == pytest.approx(0.9222, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    assert (found.sites, found.of_sites) == (13, 13)


@pytest.mark.parametrize(
    "how, tau2, mean, i2",
    [
        ("dersimonian-laird", 0.3088, -0.7141, 0.921173),  # metafor's test_misc_metan_vs_rma.uni_with_dat.bcg.r
        ("paule-mandel", 0.3181, -0.7150, None),  # tau2: DL iterated, which is PM: test_misc_rma_uni.r
    ],
)
def test_other_variances(
    how: Literal["dersimonian-laird", "paule-mandel"], tau2: float, mean: float, i2: float | None
) -> None:
    found = pool(*log_ratios(), tau2=how)
    assert (found.tau2, found.value) == pytest.approx((tau2, mean), abs=5e-5)
    if i2 is not None:
        assert found.i2 == pytest.approx(i2, abs=1e-6)


@pytest.mark.parametrize(
    "how, tau, mean",
    [("paule-mandel", 0.3681, -0.3811), ("dersimonian-laird", 0.2323, -0.3240), ("reml", 0.1843, -0.2980)],
)
def test_clasp(how: Literal["paule-mandel", "dersimonian-laird", "reml"], tau: float, mean: float) -> None:
    """DerSimonian and Kacker (Contemp Clin Trials 2007), Tables 3 and 4, as in metafor's tests."""
    n1, n2 = np.array([156, 303, 565, 1570, 103, 4659]), np.array([74, 303, 477, 1565, 105, 4650])
    a, c = np.array([5, 5, 12, 69, 9, 313]), np.array([8, 17, 9, 94, 11, 352])
    y = np.log(a / (n1 - a)) - np.log(c / (n2 - c))
    found = pool(y, 1 / a + 1 / (n1 - a) + 1 / c + 1 / (n2 - c), tau2=how)
    assert (math.sqrt(found.tau2), found.value) == pytest.approx((tau, mean), abs=2e-4)


def test_prediction_is_close_to_that_of_its_authors() -> None:
    """Hartung and Knapp's cisapride trials: 0.533 to 33.692 in the vignette of the R package pimeta.

    Its authors draw the variance from the distribution of another Q; the odds ratio is 4.141, 2.22 to 7.82.
    """
    hits = np.array([15, 12, 29, 42, 14, 44, 14, 29, 10, 17, 38, 19, 21]) + 0.5
    of = np.array([16, 16, 34, 56, 22, 54, 17, 58, 14, 26, 44, 29, 38]) + 1.0
    hits2 = np.array([9, 1, 18, 31, 6, 17, 7, 23, 3, 6, 12, 22, 19]) + 0.5
    of2 = np.array([16, 16, 34, 56, 22, 55, 15, 58, 15, 27, 45, 30, 38]) + 1.0
    y = np.log(hits / (of - hits)) - np.log(hits2 / (of2 - hits2))
    v = 1 / hits + 1 / (of - hits) + 1 / hits2 + 1 / (of2 - hits2)
    found = pool(y, v, tau2="dersimonian-laird")
    assert (math.exp(found.value), found.tau2) == pytest.approx((4.141, 0.718), abs=6e-4)
    assert found.i2 == pytest.approx(0.699, abs=5e-4)
    assert np.exp(found.interval[:2]) == pytest.approx([2.22, 7.82], abs=0.03)
    assert found.prediction[:2] == pytest.approx((math.log(0.533), math.log(33.692)), abs=0.07)
    assert pool(y, v).prediction == pool(y, v).prediction  # the same draws each time


def test_sites_that_agree_have_no_variance_between_them() -> None:
    found = pool([0.8, 0.8, 0.8], [0.01, 0.02, 0.03])
    assert (found.tau2, found.i2, found.q) == pytest.approx((0.0, 0.0, 0.0))
    assert found.value == pytest.approx(0.8)
    # ... and are still not more certain than chance allows: the usual standard error, with t for z.
    half = 4.302652729911275 / math.sqrt(100 + 50 + 100 / 3)
    assert found.interval[:2] == pytest.approx((0.8 - half, 0.8 + half))
    assert found.prediction[:2] == found.interval[:2]


def test_logit_keeps_limits_inside() -> None:
    areas, variances = np.array([0.97, 0.90, 0.99]), np.array([4e-4, 9e-4, 1e-4])
    found = pool(areas, variances, scale="logit")
    assert 0 < found.prediction.low < found.interval.low < found.value < found.interval.high < found.prediction.high < 1
    by_hand = pool(logit(areas), variances / (areas * (1 - areas)) ** 2)
    assert found.interval[:2] == pytest.approx(tuple(expit(by_hand.interval[:2])))
    assert found.tau2 == by_hand.tau2
    mirrored = pool(1 - areas, variances, scale="logit")
    assert mirrored.interval[:2] == pytest.approx((1 - found.interval.high, 1 - found.interval.low))


def test_unusable_sites_are_left_out_and_counted() -> None:
    found = pool([0.8, math.nan, 0.7, 0.9, 1.0], [0.01, 0.01, 0.02, 0.0, 0.01], scale="logit")
    assert (found.sites, found.of_sites) == (2, 5)
    assert found.value == pytest.approx(pool([0.8, 0.7], [0.01, 0.02], scale="logit").value)


def test_one_site_has_no_interval_and_none_has_no_value() -> None:
    two = pool([0.8, 0.7], [0.01, 0.01])
    assert two.interval.high - two.interval.low > 0.6
    assert two.prediction == NONE
    one = pool([0.8], [0.01])
    assert (one.value, one.interval, one.prediction) == (pytest.approx(0.8), NONE, NONE)
    none = pool([math.nan], [0.01])
    assert math.isnan(none.value)
    assert (none.interval, none.sites, none.of_sites) == (NONE, 0, 1)
    assert pool([], []).of_sites == 0


def test_a_perfect_site_can_be_pooled() -> None:
    events = np.repeat([True, False], [3, 10])
    area, variance = steady_auc(*delong(events, events.astype(float)), 3, 10)
    assert area == pytest.approx(1 - 0.5 / 31)
    assert 0 < variance < 0.02
    assert steady_auc(0.8, 0.01, 5, 5) == (0.8, 0.01)
    assert steady_auc(0.75, math.nan, 1, 20)[1] > 0  # DeLong has no variance with one event
    assert all(math.isnan(v) for v in steady_auc(math.nan, math.nan, 0, 20))


@pytest.mark.slow
def test_both_intervals_cover() -> None:
    """Five sites of unequal size: the mean, and a sixth site; 95 % nominal."""
    rng = np.random.default_rng(0)
    variances = np.array([0.02, 0.05, 0.1, 0.1, 0.2])
    hits = np.zeros(2)
    for _ in range(400):
        sites = rng.normal(1.0, math.sqrt(0.1), 6)
        found = pool(sites[:5] + rng.normal(size=5) * np.sqrt(variances), variances)
        hits += [
            limits.low <= truth <= limits.high
            for limits, truth in ((found.interval, 1.0), (found.prediction, sites[5]))
        ]
    assert 0.93 <= hits[0] / 400 <= 0.99  # never narrower than usual: a little wide is meant
    assert 0.93 <= hits[1] / 400 <= 0.99


def test_the_usual_intervals_would_not_cover() -> None:
    """What these mend: z intervals around five sites, for the mean and for a sixth."""
    rng = np.random.default_rng(1)
    hits = np.zeros(2)
    for _ in range(300):
        sites = rng.normal(1.0, math.sqrt(0.1), 6)
        y = sites[:5] + rng.normal(size=5) * 0.2
        tau2 = _reml(y, np.full(5, 0.04))
        error = math.sqrt((0.04 + tau2) / 5)
        hits += [
            abs(y.mean() - 1.0) < norm.ppf(0.975) * error,
            abs(y.mean() - sites[5]) < norm.ppf(0.975) * math.hypot(error, math.sqrt(tau2)),
        ]
    assert (hits / 300 < 0.93).all()


def test_variances_of_balanced_accuracy_and_f1_are_those_of_samples() -> None:
    rng = np.random.default_rng(0)
    hits, alarms = rng.binomial(90, 0.8, 20_000), rng.binomial(200, 0.1, 20_000)
    balanced = (hits / 90 + 1 - alarms / 200) / 2
    value, variance = steady_mean(np.array([0.8, 0.9]), np.array([90.0, 200.0]))
    assert value == pytest.approx(0.85)
    assert variance == pytest.approx(balanced.var(), rel=0.05)
    called = rng.multinomial(110, [72 / 110, 38 / 110], 20_000)[:, 0] / 110  # of those that are or were called
    f1 = 2 * called / (1 + called)
    value, variance = steady_f1(float(2 * 72 / (72 + 110)), 110)
    assert (value, variance) == pytest.approx((144 / 182, f1.var()), rel=0.05)
    assert value == 144 / 182


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_is_never_or_always_right_can_be_pooled(share: float) -> None:
    for value, variance in (steady_mean(np.full(3, share), np.array([4.0, 9, 30])), steady_f1(share, 12)):
        assert 0 < abs(value - share) < 0.08
        assert 0 < variance < 0.1


def test_a_site_without_a_variance_takes_that_of_the_others_patient_by_patient() -> None:
    assert lent([0.0, 0.01, 0.04], [50, 100, 50]) == pytest.approx([(1 + 2) / 2 / 50, 0.01, 0.04])
    assert lent([1e-30, 0.01], [100, 100]).tolist() == [0.01, 0.01]
    assert lent([0.0, 0.0], [5, 5]).tolist() == [0, 0]
    assert np.isnan(lent([math.nan, 0.01, 0.0], [5, 5, 5])).tolist() == [True, False, False]
