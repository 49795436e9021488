"""Several labels at once: every number equals scikit-learn's, draw by draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from isocenter.errors import BadShape
from isocenter.metrics import Floats, larger_is_better
from isocenter.metrics import classification as c
from isocenter.metrics import multilabel as m


def sample(n: int = 90, k: int = 5) -> tuple[m.Labels, m.Labels, Floats, NDArray[np.int64]]:
    """Reference, decisions, tied scores, draws' weights; some cases have no label."""
    rng = np.random.default_rng(0)
    reference = rng.random((n, k)) < np.linspace(0.15, 0.6, k)
    scores = np.round(rng.random((n, k)) * 0.7 + 0.3 * reference, 1)
    reference[:3] = scores[:2] = False
    reference[3] = True
    return reference, scores > 0.5, scores, rng.multinomial(n, np.full(n, 1 / n), size=4)


def test_decisions_are_scikit_learns() -> None:
    reference, decided, _, weights = sample()
    t = m.tally(reference, decided, weights)
    exact, hamming = m.exact_match(reference, decided, weights), m.hamming_loss(reference, decided, weights)
    for row, w in enumerate(weights):
        options = {"sample_weight": w, "zero_division": np.nan}
        assert exact[row] == pytest.approx(sk.accuracy_score(reference, decided, sample_weight=w))
        assert hamming[row] == pytest.approx(sk.hamming_loss(reference, decided, sample_weight=w))
        for function, metric in ((sk.f1_score, c.f1), (sk.precision_score, c.ppv), (sk.recall_score, c.sensitivity)):
            np.testing.assert_allclose(metric(t)[row], function(reference, decided, average=None, **options))
        np.testing.assert_allclose(
            m.jaccard(t)[row], sk.jaccard_score(reference, decided, average=None, sample_weight=w)
        )
        assert m.macro(c.f1(t), reference)[row] == pytest.approx(
            sk.f1_score(reference, decided, average="macro", **options)
        )
        assert m.micro_f1(t)[row] == pytest.approx(sk.f1_score(reference, decided, average="micro", **options))
        for j in range(5):
            expected = sk.recall_score(~reference[:, j], ~decided[:, j], sample_weight=w)
            assert c.specificity(t)[row, j] == pytest.approx(expected)
            expected = sk.precision_score(~reference[:, j], ~decided[:, j], sample_weight=w)
            assert c.npv(t)[row, j] == pytest.approx(expected)


def test_jaccard_of_cases_is_scikit_learns() -> None:
    reference, decided, _, weights = sample()
    assert (~reference & ~decided).all(axis=1).any()
    found = m.jaccard_of_cases(reference, decided, weights)
    for row, w in enumerate(weights):
        expected = sk.jaccard_score(reference, decided, average="samples", sample_weight=w, zero_division=1.0)
        assert found[row] == pytest.approx(expected)


def test_rankings_are_scikit_learns() -> None:
    reference, _, scores, weights = sample()
    areas, precisions = m.aucs(reference, scores, weights), m.average_precisions(reference, scores, weights)
    lrap, brier = m.ranking_average_precision(reference, scores, weights), m.brier(reference, scores, weights)
    for row, w in enumerate(weights):
        options = {"sample_weight": w, "average": None}
        np.testing.assert_allclose(areas[row], sk.roc_auc_score(reference, scores, **options))
        np.testing.assert_allclose(precisions[row], sk.average_precision_score(reference, scores, **options))
        expected = sk.label_ranking_average_precision_score(reference, scores, sample_weight=w)
        assert lrap[row] == pytest.approx(expected)
        for j in range(5):
            assert brier[row, j] == pytest.approx(sk.brier_score_loss(reference[:, j], scores[:, j], sample_weight=w))
        expected = sk.roc_auc_score(reference, scores, sample_weight=w, average="macro")
        assert m.macro(areas, reference)[row] == pytest.approx(expected)


def test_macro_is_over_labels_that_occur() -> None:
    reference = np.array([[True, False], [False, False], [True, False]])
    scores = np.array([[0.9, 0.1], [0.2, 0.1], [0.8, 0.7]])
    areas = m.aucs(reference, scores)
    np.testing.assert_array_equal(areas, [1.0, np.nan])
    assert float(m.macro(areas, reference)) == 1.0
    assert math.isnan(float(m.macro(areas[1:], reference[:, 1:])))
    lost = m.aucs(reference, scores, np.array([[0.0, 3.0, 0.0]]))  # a draw without the label
    assert np.isnan(m.macro(lost, reference)).tolist() == [True]


def test_a_missing_score_spoils_its_label_only() -> None:
    reference, _, scores, _ = sample()
    whole = m.aucs(reference, scores)
    scores[7, 2] = np.nan
    spoilt = m.aucs(reference, scores)
    assert np.isnan(spoilt).tolist() == [False, False, True, False, False]
    np.testing.assert_array_equal(np.delete(spoilt, 2), np.delete(whole, 2))
    assert math.isnan(float(m.ranking_average_precision(reference, scores)))
    assert np.isnan(m.brier(reference, scores)).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("shape", [(0, 3), (0, 0)])
def test_no_case_is_nan(shape: tuple[int, int]) -> None:
    nothing, scores = np.zeros(shape, dtype=bool), np.zeros(shape)
    for metric in (m.exact_match, m.hamming_loss, m.jaccard_of_cases, m.ranking_average_precision):
        assert math.isnan(float(metric(nothing, scores)))
    assert m.aucs(nothing, scores, np.ones((2, 0))).shape == (2, shape[1])
    assert math.isnan(float(m.micro_f1(m.tally(nothing, nothing))))


def test_all_labels_or_none_are_ranked_rightly_whatever_the_scores() -> None:
    reference = np.array([[True, True], [False, False]])
    assert m.ranking_precisions(reference, np.array([[0.1, 0.9], [0.5, 0.2]])).tolist() == [1.0, 1.0]
    assert not larger_is_better("hamming_loss")


def test_shapes_are_checked() -> None:
    reference, decided, scores, _ = sample()
    for function, other in ((m.tally, decided), (m.exact_match, decided), (m.aucs, scores), (m.brier, scores)):
        with pytest.raises(BadShape, match="cannot be compared"):
            function(reference, other[:, :3])
        with pytest.raises(BadShape, match="cannot be compared"):
            function(reference[:, 0], other[:, 0])
        with pytest.raises(BadShape, match="for 90 cases"):
            function(reference, other, np.ones(4))
