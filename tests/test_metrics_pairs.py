"""Methods against each other: which comparison each metric gets, that draws are paired, and what p promises."""

from __future__ import annotations

import numpy as np
import pytest

from isocenter.metrics import Ints
from isocenter.metrics import pairs as c
from isocenter.metrics.comparison import compare_drawn
from isocenter.metrics.estimation import draws_of
from isocenter.metrics.panels import ClassPanel, ValuePanel


def two_panels(n: int = 300, per: int = 1, seed: int = 0, gain: float = 0.0) -> tuple[ClassPanel, ClassPanel, Ints]:
    """The first panel is better by `gain`; cases of a patient share half of what the scores have in common."""
    rng = np.random.default_rng(seed)
    who = np.arange(n) // per
    reference = (rng.random(n) < 0.4).astype(np.int64)[who * per]
    common = reference + rng.normal(size=n)[who] + rng.normal(size=n)

    def panel(extra: float) -> ClassPanel:
        p = 1 / (1 + np.exp(0.5 - common - extra * reference - rng.normal(size=n)))
        return ClassPanel(reference, (p > 0.5).astype(np.int64), np.column_stack([1 - p, p]), 1)

    return panel(gain), panel(0.0), who


def test_independent_cases_get_closed_forms_where_there_are_some() -> None:
    first, second, who = two_panels()
    found = c.compare(first, second, who, draws=400)
    assert list(found) == list(first.keys)
    hows = {name: result.how for (name, _), result in found.items()}
    closed = {"auc": "delong-paired", "accuracy": "mcnemar-midp", "specificity": "mcnemar-midp"}
    assert {name: hows[name] for name in closed} == closed
    assert hows["sensitivity"].startswith("mcnemar-")
    assert {hows[name] for name in ("ppv", "npv", "f1", "brier", "average_precision")} == {"bootstrap-paired"}
    ones = np.ones(300)
    values = [panel.measures(ones) for panel in (first, second)]
    for key, result in found.items():
        assert result.difference == pytest.approx(float(values[0][key] - values[1][key]))
        assert result.low < result.difference < result.high


def test_paired_draws_agree_with_delong_and_are_narrower_than_unpaired_ones() -> None:
    first, second, who = two_panels(n=900, gain=0.3)
    key = ("auc", None)
    samples = [draws_of(panel, who, {key}, draws=2000, seed=3)[key] for panel in (first, second)]
    ones = np.ones(900)
    values = [float(panel.measures(ones, {key})[key]) for panel in (first, second)]
    found = compare_drawn(values[0], values[1], (samples[0], samples[1]))
    expected = c.compare(first, second, who, {key})[key]
    assert found[:3] == pytest.approx(expected[:3], abs=0.004)
    assert found.p == pytest.approx(expected.p, abs=0.01)
    other = draws_of(second, who, {key}, draws=2000, seed=4)[key]
    unpaired = compare_drawn(values[0], values[1], (samples[0], other))
    assert unpaired.high - unpaired.low > 1.15 * (found.high - found.low)


def test_several_cases_a_patient_are_compared_by_patient() -> None:
    first, second, _ = two_panels(n=240, seed=3, gain=0.4)

    def fourfold(panel: ClassPanel) -> ClassPanel:
        return ClassPanel(panel.reference.repeat(4), panel.decided.repeat(4), panel.proba.repeat(4, axis=0), 1)

    # Four copies of every case are not more patients.
    clustered = c.compare(fourfold(first), fourfold(second), np.arange(960) // 4)
    single = c.compare(first, second, np.arange(240))
    for key, found in clustered.items():
        assert found.how == "bootstrap-paired"
        width = single[key].high - single[key].low
        assert found.high - found.low == pytest.approx(width, rel=0.15)
        assert found.difference == pytest.approx(single[key].difference)


def test_optional_metrics_are_compared_when_asked_for() -> None:
    first, second, who = two_panels()
    found = c.compare(first, second, who, [("partial_auc", None)], draws=300)
    assert found["partial_auc", None].how == "bootstrap-paired"
    assert list(found) == [("partial_auc", None)]


def test_panels_of_more_classes_and_of_numbers() -> None:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 3, 150)
    sides = []
    for signal in (2.0, 1.0):
        raw = rng.normal(size=(150, 3)) + signal * np.eye(3)[reference]
        proba = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        sides.append(ClassPanel(reference, proba.argmax(axis=1), proba))
    found = c.compare(*sides, np.arange(150), draws=300)
    assert found["auc", 1].how == "delong-paired"
    assert found["sensitivity", 2].how == "mcnemar-exact"
    assert found["auc", None].how == "bootstrap-paired"
    assert found["auc", None].low > 0
    y = rng.normal(size=150)
    good, poor = ValuePanel(y, y + 0.5 * rng.normal(size=150)), ValuePanel(y, y + rng.normal(size=150))
    errors = c.compare(good, poor, np.arange(150) // 2, draws=300)
    assert errors["mae", None].high < 0 < errors["r2", None].low


def test_panels_of_other_cases_are_refused() -> None:
    first, second, who = two_panels()
    moved = ClassPanel(1 - second.reference, second.decided, second.proba, 1)
    with pytest.raises(ValueError, match="same cases"):
        c.compare(first, moved, who)


def test_the_same_method_twice() -> None:
    first, _, who = two_panels(per=2)
    found = c.compare(first, first, who, draws=200)["auc", None]
    assert (found.difference, found.p, found.how) == (0, 1, "none")


def test_paired_bootstrap_keeps_its_level() -> None:
    beyond, key = [], ("auc", None)
    for seed in range(150):
        first, second, who = two_panels(n=160, per=2, seed=seed)
        beyond.append(c.compare(first, second, who, {key}, draws=300, seed=seed)[key].p < 0.05)
    assert np.mean(beyond) < 0.11


def test_all_pairs_are_the_pairs_one_by_one() -> None:
    first, second, who = two_panels(n=120, per=2)
    third, _, _ = two_panels(n=120, per=2, gain=1.0)
    panels = (first, second, third)
    found = c.compare_all(panels, who, draws=150, seed=2)
    assert list(found) == [(0, 1), (0, 2), (1, 2)]
    for (a, b), results in found.items():
        assert results == c.compare(panels[a], panels[b], who, draws=150, seed=2)
