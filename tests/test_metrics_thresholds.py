"""Thresholds: the criterion is met on the scores it was chosen on, or the answer says what is lacking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from calibrated import simulated
from isocenter.errors import BadShape, BadValues, CriterionNotMet, UsageError
from isocenter.metrics import Floats
from isocenter.metrics import thresholds as t
from isocenter.metrics.usefulness import npv_at, ppv_at

Events = NDArray[np.bool_]


def every(events: Events, scores: Floats) -> list[t.Reached]:
    """What each distinct score but the lowest gives as a threshold: brute force."""
    return [t.reached(events, scores, value) for value in np.unique(scores)[1:]]


@pytest.mark.parametrize("wanted", [0.5, 0.9, 0.95, 1.0])
def test_sensitivity_is_met_and_costs_as_little_specificity_as_possible(wanted: float) -> None:
    events, scores = simulated()
    scores = np.round(scores, 2)
    chosen = t.choose(f"sensitivity={wanted}", events, scores)
    assert chosen.value == chosen.reached.sensitivity >= wanted
    assert chosen.reached.specificity == max(r.specificity for r in every(events, scores) if r.sensitivity >= wanted)
    mirrored = t.choose(f"specificity={wanted}", ~events, 1 - scores)
    assert mirrored.reached.sensitivity == pytest.approx(chosen.reached.specificity)
    assert mirrored.threshold == pytest.approx(1 - chosen.threshold)


def test_ppv_and_npv_are_judged_at_the_declared_prevalence() -> None:
    events, scores = simulated()
    chosen = t.choose("ppv=0.30@0.05", events, scores)
    n, m = events.sum(), (~events).sum()

    def ppv(r: t.Reached) -> float:
        return float(ppv_at((r.hits + 0.5) / (n + 1), (r.rejected + 0.5) / (m + 1), 0.05))

    assert chosen.value == pytest.approx(ppv(chosen.reached))
    assert chosen.value >= 0.30
    assert chosen.reached.sensitivity == max(r.sensitivity for r in every(events, scores) if ppv(r) >= 0.30)
    # At the prevalence of the data the same PPV is had much lower on the curve
    assert t.choose("ppv=0.30", events, scores).threshold < chosen.threshold
    ruled_out = t.choose("npv=0.99@0.05", events, scores)

    def npv(r: t.Reached) -> float:
        return float(npv_at((r.hits + 0.5) / (n + 1), (r.rejected + 0.5) / (m + 1), 0.05))

    assert ruled_out.reached.specificity == max(r.specificity for r in every(events, scores) if npv(r) >= 0.99)


def test_no_false_alarm_among_few_is_no_ppv_of_1() -> None:
    """7 hits, no false alarm among 265: at a prevalence of 5 % that proves no PPV of 0.8."""
    events, scores = simulated()
    found = t.nearest("ppv=0.8@0.05", events, scores)
    assert not found.met
    assert found.reached.false_alarms == 0
    assert 0.5 < found.value < 0.8
    with pytest.raises(CriterionNotMet, match=r"prevalence of 0.05.*nearest: ppv 0\.6"):
        t.choose("ppv=0.8@0.05", events, scores)


@pytest.mark.parametrize(
    "text, missed, prevalence", [("cost=10:1", 10, None), ("cost=1:2", 0.5, None), ("cost=20:1@0.1", 20, 0.1)]
)
def test_cost_is_the_least_there_is(text: str, missed: float, prevalence: float | None) -> None:
    events, scores = simulated()
    p = events.mean() if prevalence is None else prevalence

    def cost(r: t.Reached) -> float:
        return float(missed * p * (1 - r.sensitivity) + (1 - p) * (1 - r.specificity))

    chosen = t.choose(text, events, scores)
    assert chosen.value == pytest.approx(cost(chosen.reached))
    assert chosen.value == pytest.approx(min(map(cost, every(events, scores))))
    assert chosen.value < min(missed * p, 1 - p)


def test_youden_is_the_largest_and_ties_go_to_the_lowest_threshold() -> None:
    events, scores = simulated()
    chosen = t.choose("youden", events, scores)
    assert chosen.value == pytest.approx(max(r.sensitivity + r.specificity - 1 for r in every(events, scores)))
    tied = t.choose("youden", np.array([0, 1, 0, 1], dtype=bool), np.array([0.1, 0.3, 0.5, 0.7]))
    assert tied.threshold == pytest.approx(0.2)
    assert tied.value == 0.5


@pytest.mark.parametrize("text", ["net-benefit=0.2", "probability=0.2", " Probability = .2 "])
def test_a_declared_probability_is_the_threshold(text: str) -> None:
    events, scores = simulated()
    chosen = t.choose(text, events, scores)
    assert (chosen.threshold, chosen.met) == (0.2, True)
    assert t.choose(text, events[:1], scores[:1]).threshold == 0.2  # no data is needed


def test_thresholds_lie_between_scores_and_call_from_there_up() -> None:
    events, scores = np.array([0, 0, 1, 1], dtype=bool), np.array([0.1, 0.4, 0.4, 0.8])
    chosen = t.choose("specificity=1", events, scores)
    assert chosen.threshold == pytest.approx(0.6)
    assert chosen.reached == t.Reached(0.5, 1.0, 1.0, pytest.approx(2 / 3), 1, 1, 0, 2)
    assert t.reached(events, scores, 0.8).hits == 1  # a score at the threshold is called
    above = np.nextafter(0.4, 1)
    neighbours = np.array([0.1, 0.4, above, above])
    close = t.choose("sensitivity=1", events, neighbours)
    assert close.reached.sensitivity == close.reached.specificity == 1


def test_weights_are_repeats() -> None:
    events, scores = simulated()
    weights = np.arange(400) % 4.0
    rows = np.repeat(np.arange(400), weights.astype(int))
    for text in ("sensitivity=0.9", "ppv=0.5", "cost=3:1", "youden"):
        one, other = t.choose(text, events, scores, weights), t.choose(text, events[rows], scores[rows])
        assert one.threshold == pytest.approx(other.threshold)
        assert one.reached == other.reached


@pytest.mark.parametrize(
    "text", ["sensitivity=0.9", "specificity=0.9", "ppv=0.9@0.1", "npv=0.99@0.1", "cost=5:1", "youden"]
)
@pytest.mark.parametrize(
    "events, scores, told",
    [
        (np.arange(20) < 5, np.full(20, 0.4), "the same"),
        (np.ones(20, dtype=bool), np.linspace(0, 1, 20), "one class"),
        (np.zeros(0, dtype=bool), np.zeros(0), "no case"),
        (np.ones(1, dtype=bool), np.ones(1), "one class"),
        (np.arange(20) < 10, np.repeat([0.2, 0.8], 10), "nearest"),
    ],
    ids=["constant", "one class", "none", "one", "reversed"],
)
def test_a_criterion_out_of_reach_is_a_fault_with_a_remedy(
    text: str, events: Events, scores: Floats, told: str
) -> None:
    with pytest.raises(CriterionNotMet, match=told) as error:
        t.choose(text, events, scores)
    assert "--decide" in error.value.remedy
    found = t.nearest(text, events, scores)
    assert not found.met
    assert found.why
    assert math.isnan(found.threshold) == (told != "nearest")


def test_calling_everybody_is_no_way_to_reach_a_sensitivity() -> None:
    events, scores = np.array([1, 0, 0, 1], dtype=bool), np.array([0.1, 0.2, 0.3, 0.4])
    with pytest.raises(CriterionNotMet, match=r"only calling everybody.*sensitivity 0\.5"):
        t.choose("sensitivity=0.9", events, scores)
    assert t.nearest("sensitivity=0.9", events, scores).threshold == pytest.approx(0.35)


def test_weights_of_0_leave_one_class() -> None:
    events, scores = simulated()
    with pytest.raises(CriterionNotMet, match="one class"):
        t.choose("youden", events, scores, events.astype(float))
    with pytest.raises(CriterionNotMet, match="no case"):
        t.choose("youden", events, scores, np.zeros(400))


def test_each_label_has_its_threshold_and_the_fault_names_it() -> None:
    events, scores = simulated()
    both = np.column_stack([events, ~events]), np.column_stack([scores, scores])
    with pytest.raises(CriterionNotMet, match=r"^nodule: No threshold"):
        t.choose_each("specificity=0.9999", ["mass", "nodule"], *both)
    one, other = t.choose_each("sensitivity=0.9", ["mass", "nodule"], *both)
    assert one == t.choose("sensitivity=0.9", events, scores)
    assert other == t.choose("sensitivity=0.9", ~events, scores)


@pytest.mark.parametrize(
    "text",
    [
        "", "sens=0.9", "sensitivity", "sensitivity=", "sensitivity=high", "sensitivity=0", "sensitivity=90", "sensitivity=nan",
        "sensitivity=0.9@0.1", "youden=1", "youden@0.1", "cost=10", "cost=0:1", "cost=1:0", "cost=-1:-2", "cost=inf:1", "cost=1:1@1",
        "ppv=0.9@0", "ppv=0.9@1", "ppv=0.9@x", "ppv=0.9@", "npv=1.2@0.1", "probability=0", "probability=1", "net-benefit=0.2@0.1",
    ],
)  # fmt: skip
def test_unreadable_criteria_list_what_there_is(text: str) -> None:
    with pytest.raises(UsageError) as error:
        t.Criterion.parse(text)
    for kind in t.KINDS:
        assert kind in error.value.remedy


def test_criteria_are_read() -> None:
    assert t.Criterion.parse("PPV = 0.8 @ 0.05") == t.Criterion("ppv=0.8@0.05", "ppv", 0.8, 0.05)
    assert t.Criterion.parse("cost=10:4@0.2") == t.Criterion("cost=10:4@0.2", "cost", 2.5, 0.2)
    assert t.Criterion.parse("sensitivity=1").value == 1


def test_lengths_must_agree() -> None:
    with pytest.raises(BadShape):
        t.reached(np.ones(3, dtype=bool), np.ones(4), 0.5)


@pytest.mark.parametrize("criterion", ["youden", "sensitivity=0.9", "probability=0.3"])
def test_missing_scores_choose_nothing(criterion: str) -> None:
    events, scores = np.array([1, 1, 0, 0], dtype=bool), np.array([0.9, np.nan, 0.2, 0.1])
    with pytest.raises(BadValues, match="1 of 4 scores"):
        t.choose(criterion, events, scores)
