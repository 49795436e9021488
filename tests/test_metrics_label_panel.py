"""Labels: each as two classes, and over all of them; values from scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from isocenter.metrics.estimation import estimate
from isocenter.metrics.label_panel import LabelPanel
from isocenter.metrics.panels import ClassPanel


def panel(n: int = 150, seed: int = 0) -> LabelPanel:
    rng = np.random.default_rng(seed)
    has = (rng.random((n, 3)) < [0.5, 0.3, 0.1]).astype(np.int64)
    proba = np.clip(0.3 * has + 0.7 * rng.random((n, 3)), 0, 1)
    return LabelPanel(has, (proba >= 0.5).astype(np.int64), proba)


def test_numbers_over_all_labels_are_those_of_scikit_learn() -> None:
    p = panel()
    found = {key: float(value) for key, value in p.measures(np.ones(150)).items()}
    y, d = p.reference, p.decided
    expected = {
        "auc": sk.roc_auc_score(y, p.proba, average="macro"),
        "average_precision": sk.average_precision_score(y, p.proba, average="macro"),
        "f1": sk.f1_score(y, d, average="macro"),
        "micro_f1": sk.f1_score(y, d, average="micro"),
        "exact_match": sk.accuracy_score(y, d),
        "hamming_loss": sk.hamming_loss(y, d),
    }
    for name, value in expected.items():
        assert found[name, None] == pytest.approx(value), name
    assert list(found) == list(p.keys)


def test_each_label_is_a_panel_of_two_classes() -> None:
    p = panel()
    found = estimate(p, np.arange(150), draws=300, seed=1)
    for k in range(3):
        proba = np.column_stack([1 - p.proba[:, k], p.proba[:, k]])
        alone = estimate(ClassPanel(p.reference[:, k], p.decided[:, k], proba, 1), np.arange(150), draws=300, seed=1)
        assert {name: found[name, k] for name, _ in alone} == {name: one for (name, _), one in alone.items()}
    assert found["exact_match", None].interval.how == "wilson"
    assert found["micro_f1", None].interval.how.startswith("bootstrap-patients")
    for key, one in found.items():
        assert one.interval.low <= one.value <= one.interval.high, key


def test_every_draw_is_what_its_cases_repeated_would_be() -> None:
    p = panel(50)
    weights = np.random.default_rng(1).integers(0, 4, (4, 50)).astype(float)
    drawn = p.measures(weights)
    for row, w in enumerate(weights.astype(int)):
        again = LabelPanel(*(np.repeat(a, w, axis=0) for a in (p.reference, p.decided, p.proba)))
        alone = again.measures(np.ones(w.sum()))
        if len(again.present) < 3:
            continue
        for key, value in drawn.items():
            assert value[row] == pytest.approx(float(alone[key]), nan_ok=True), key
    assert list(p.measures(weights, {("auc", None), ("f1", 2)})) == [("auc", None), ("f1", 2)]


def test_a_label_that_does_not_vary_is_left_out_of_means() -> None:
    p = panel()
    has = np.column_stack([p.reference, np.zeros(150, dtype=np.int64)])
    proba = np.column_stack([p.proba, np.full(150, 0.1)])
    more = LabelPanel(has, (proba >= 0.5).astype(np.int64), proba)
    assert more.present.tolist() == [0, 1, 2]
    one, other = (x.measures(np.ones(150), {("auc", None)})["auc", None] for x in (p, more))
    assert one == other
    nothing = LabelPanel(has[:, 3:], has[:, 3:], proba[:, 3:])
    assert np.isnan(nothing.measures(np.ones(150))["auc", None])
