"""What acting on a model would bring, where patients have several cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isocenter.evaluation.useful import points
from isocenter.metrics.thresholds import nearest


def told(events: Any, scores: Any, patients: Any) -> dict[str, Any]:
    chosen = [nearest("probability=0.5", events, scores)]
    made = points(chosen, (events, scores), patients, n_tuning=9, prevalences=[0.05])
    found: dict[str, Any] = made[0]["prevalences"][0]
    return found


def width(row: list[float]) -> float:
    assert row[1] < row[0] < row[2]
    return row[2] - row[1]


def test_copies_of_a_case_make_predictive_values_no_surer() -> None:
    rng = np.random.default_rng(0)
    events = np.arange(60) % 2 == 0
    scores = np.clip(0.5 + 0.15 * (2 * events - 1) + rng.normal(0, 0.2, 60), 0.01, 0.99)
    once = told(events, scores, np.arange(60))
    copied = told(np.tile(events, 10), np.tile(scores, 10), np.tile(np.arange(60), 10))
    for name in ("ppv", "npv", "false_alarms", "missed"):
        assert copied[name][0] == pytest.approx(once[name][0])
        assert 0.6 < width(copied[name]) / width(once[name]) < 1.7, name


def test_copies_of_a_case_make_no_false_alarm_no_surer() -> None:
    events, scores = np.arange(40) % 2 == 0, np.where(np.arange(40) % 2 == 0, 0.9, 0.1)
    once = told(events, scores, np.arange(40))
    copied = told(np.tile(events, 10), np.tile(scores, 10), np.tile(np.arange(40), 10))
    for name in ("ppv", "npv", "false_alarms", "missed"):
        np.testing.assert_allclose(copied[name], once[name])
