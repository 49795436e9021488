"""What another share of events in the training sample would do to decisions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit

from isocenter.evaluation.shifted import shift_of
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel, ValuePanel


def panel(n: int = 200, positive: int | None = 1, threshold: float = 0.5) -> ClassPanel:
    rng = np.random.default_rng(0)
    y = (np.arange(n) % 10 < 3).astype(np.int64)
    score = expit(rng.normal(size=n) + y - 1.2)
    return ClassPanel(y, (score >= threshold).astype(np.int64), np.column_stack([1 - score, score]), positive)


def test_it_is_half_of_what_one_standard_error_of_the_log_odds_does() -> None:
    one = panel()
    error = 1 / math.sqrt(200 * 0.3 * 0.7)
    events = one.reference == 1
    scores = logit(one.proba[:, 1])
    high, low = ((scores[events] + e > 0).mean() for e in (error, -error))
    assert shift_of(one, np.arange(200), ("sensitivity", None)) == pytest.approx((high - low) / 2)
    high, low = ((scores[~events] + e <= 0).mean() for e in (-error, error))
    assert shift_of(one, np.arange(200), ("specificity", None)) == pytest.approx((high - low) / 2)


def test_patients_carry_the_error_and_not_their_images() -> None:
    one = panel(400)
    alone = shift_of(one, np.arange(400), ("sensitivity", None))
    assert shift_of(one, np.arange(400) // 10, ("sensitivity", None)) > alone


def test_other_numbers_and_thresholds_that_were_chosen_do_not_move() -> None:
    assert shift_of(panel(), np.arange(200), ("auc", None)) == 0
    assert shift_of(panel(), np.arange(200), ("accuracy", None)) == 0
    assert shift_of(panel(threshold=0.3), np.arange(200), ("sensitivity", None)) == 0
    values = ValuePanel(np.arange(9.0), np.arange(9.0))
    assert shift_of(values, np.arange(9), ("mae", None)) == 0


def test_several_classes_and_labels_one_at_a_time() -> None:
    rng = np.random.default_rng(1)
    proba = rng.dirichlet(np.ones(3), 150)
    y = np.array([rng.choice(3, p=p) for p in proba])
    three = ClassPanel(y, proba.argmax(axis=1), proba, None)
    assert shift_of(three, np.arange(150), ("sensitivity", 2)) > 0
    assert shift_of(three, np.arange(150), ("auc", None)) == 0
    chance = rng.random((150, 2))
    labels = LabelPanel((rng.random((150, 2)) < chance).astype(np.int64), (chance > 0.5).astype(np.int64), chance)
    expected = shift_of(labels.labels[1], np.arange(150), ("sensitivity", None))
    assert shift_of(labels, np.arange(150), ("sensitivity", 1)) == expected > 0


def test_one_class_alone_has_no_share_to_err_about() -> None:
    y = np.zeros(20, dtype=np.int64)
    one = ClassPanel(y, y, np.column_stack([np.ones(20), np.zeros(20)]), 1)
    assert shift_of(one, np.arange(20), ("specificity", None)) == 0
