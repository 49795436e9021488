"""Operating points: chosen on one set of scores, read on another, with what moving along the curve costs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from calibrated import simulated
from isocenter.metrics import operating as o
from isocenter.metrics import thresholds as t


def halves() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    events, scores = simulated()
    return (events[:200], scores[:200]), (events[200:], scores[200:])


def test_points_are_chosen_on_tuning_scores_and_read_on_test_scores() -> None:
    tuning, test = halves()
    half, sensitive, specific = o.operating_points(tuning, test)
    assert half.chosen.threshold == 0.5
    assert sensitive.chosen == t.choose("sensitivity=0.90", *tuning)
    assert specific.chosen == t.choose("specificity=0.90", *tuning)
    for point in (half, sensitive, specific):
        called = test[1] >= point.chosen.threshold
        assert point.test.sensitivity == called[test[0]].mean()
        assert point.test.specificity == (~called)[~test[0]].mean()
        assert point.test.ppv == test[0][called].mean()
        assert point.test.npv == (~test[0])[~called].mean()
        assert point.test.hits + point.test.missed == test[0].sum()
        assert point.test.false_alarms + point.test.rejected == (~test[0]).sum()
    # Other test scores, same thresholds
    again = o.operating_points(tuning, (test[0], test[1] ** 2))
    assert [p.chosen.threshold for p in again] == [p.chosen.threshold for p in (half, sensitive, specific)]


def test_a_trade_is_the_cheapest_way_to_the_gain() -> None:
    events, scores = simulated()
    now = t.reached(events, scores, 0.5)
    up, down = o.trades(events, scores, 0.5)
    assert (up.raised, down.raised) == ("sensitivity", "specificity")
    there = t.reached(events, scores, up.threshold)
    assert up.to == there.sensitivity >= now.sensitivity + 0.05
    assert up.other == there.specificity
    assert up.cost == pytest.approx(now.specificity - there.specificity)
    cheaper = [t.reached(events, scores, s) for s in scores]
    assert up.other == max(r.specificity for r in cheaper if r.sensitivity >= now.sensitivity + 0.05)
    assert down.other == max(r.sensitivity for r in cheaper if r.specificity >= now.specificity + 0.05)


def test_beyond_the_curve_there_is_only_everybody_or_nobody() -> None:
    events, scores = np.array([1, 0, 0, 1, 0], dtype=bool), np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    up, down = o.trades(events, scores, 0.25)
    assert up == o.Trade("sensitivity", 1.0, -math.inf, 0.0, pytest.approx(1 / 3))
    assert (down.raised, down.threshold, down.other) == ("specificity", pytest.approx(0.35), 0.5)
    assert o.trades(events, scores, 0.45)[1] == o.Trade("specificity", 1.0, math.inf, 0.0, 0.0)
    perfect = o.trades(events, events.astype(float), 0.5)
    assert perfect == ()


def test_sentences_tell_what_it_costs() -> None:
    tuning, test = halves()
    text = o.operating_points(tuning, test)[0].elsewhere()
    assert text.startswith(
        "Sensitivity is 0.54 and specificity 0.83. Raising sensitivity to 0.61 costs 0.12 of specificity"
    )


@pytest.mark.parametrize("n", [0, 1])
def test_hostile_parts_give_nan_and_no_trade(n: int) -> None:
    tuning, (events, scores) = halves()
    for one, other in ((tuning, (events[:n], scores[:n])), ((events[:n], scores[:n]), (events, np.full(200, 0.3)))):
        points = o.operating_points(one, other)
        assert len(points) == 3
        for point in points:
            assert point.chosen.met or point.chosen.why
            assert point.elsewhere()
    unmet = o.operating_points((np.ones(9, dtype=bool), np.linspace(0, 1, 9)), (events, scores))[1]
    assert not unmet.chosen.met
    assert math.isnan(unmet.test.sensitivity)
    assert unmet.trades == ()
