"""Decision metrics against scikit-learn, for values and for weighted draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from isocenter.metrics import Floats, Ints, larger_is_better
from isocenter.metrics import classification as c


def sample(n_classes: int, n: int = 150, seed: int = 0) -> tuple[Ints, Ints, Floats, NDArray[np.int64]]:
    """Reference, decisions, probabilities and five draws' integer weights."""
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes))
    logits[np.arange(n), reference] += 1
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return reference, proba.argmax(axis=1), proba, rng.multinomial(n, np.full(n, 1 / n), size=5)


@pytest.mark.parametrize("k", [2, 4])
def test_confusion_matrix_has_true_rows_and_predicted_columns(k: int) -> None:
    reference, decided, _, _ = sample(k)
    np.testing.assert_array_equal(c.confusion_matrix(reference, decided, k), sk.confusion_matrix(reference, decided))
    np.testing.assert_array_equal(c.confusion_matrix(np.array([0, 0]), np.array([1, 1]), 2), [[0, 2], [0, 0]])


@pytest.mark.parametrize("k", [2, 4])
def test_every_draw_equals_scikit_learn_with_its_weights(k: int) -> None:
    reference, decided, _, weights = sample(k)
    t = c.tally(reference, decided, k, weights)
    for row, w in enumerate(weights):
        precision, recall, f1, _ = sk.precision_recall_fscore_support(reference, decided, sample_weight=w)
        np.testing.assert_allclose(c.ppv(t)[row], precision)
        np.testing.assert_allclose(c.sensitivity(t)[row], recall)
        np.testing.assert_allclose(c.f1(t)[row], f1)
        assert c.accuracy(t)[row] == pytest.approx(sk.accuracy_score(reference, decided, sample_weight=w))
        balanced = sk.balanced_accuracy_score(reference, decided, sample_weight=w)
        assert c.balanced_accuracy(t)[row] == pytest.approx(balanced)
        for j in range(k):
            others = {"sample_weight": w, "pos_label": 0}
            assert c.specificity(t)[row, j] == pytest.approx(sk.recall_score(reference == j, decided == j, **others))
            assert c.npv(t)[row, j] == pytest.approx(sk.precision_score(reference == j, decided == j, **others))


def test_a_weight_of_two_is_a_case_that_is_there_twice() -> None:
    reference, decided, proba, weights = sample(3)
    w = weights[0]
    twice = np.repeat(np.arange(len(w)), w)
    many, few = c.tally(reference[twice], decided[twice], 3), c.tally(reference, decided, 3, w)
    np.testing.assert_allclose(many.hits, few.hits)
    np.testing.assert_allclose(c.npv(many), c.npv(few))
    assert c.brier(reference, proba, None, w) == pytest.approx(float(c.brier(reference[twice], proba[twice])))


def test_brier_is_scikit_learns_for_two_and_for_more_classes() -> None:
    reference, _, proba, weights = sample(2)
    for row, w in enumerate(weights):
        expected = sk.brier_score_loss(reference, proba[:, 1], sample_weight=w)
        assert c.brier(reference, proba, 1, weights)[row] == pytest.approx(expected)
    reference, _, proba, weights = sample(4)
    expected = sk.brier_score_loss(reference, proba, sample_weight=weights[0])
    assert c.brier(reference, proba, None, weights[0]) == pytest.approx(expected)


def test_what_is_not_defined_is_nan_and_warns_nobody() -> None:
    nobody_called = c.tally(np.array([0, 0, 1]), np.array([0, 0, 0]), 2)
    assert np.isnan(c.ppv(nobody_called)[1])
    assert c.f1(nobody_called)[1] == 0.0
    assert c.sensitivity(nobody_called)[1] == 0.0
    one_class = c.tally(np.array([0, 0]), np.array([0, 0]), 2)
    assert np.isnan(c.sensitivity(one_class)[1])
    assert np.isnan(c.specificity(one_class)[0])
    assert np.isnan(c.f1(one_class)[1])
    assert np.isnan(c.balanced_accuracy(one_class))
    assert np.isnan(c.accuracy(c.tally(np.array([0, 1]), np.array([0, 1]), 2, np.zeros(2))))


def test_losses_are_better_small() -> None:
    assert [larger_is_better(m) for m in ("auc", "r2", "brier", "mae", "rmse")] == [True, True, False, False, False]
