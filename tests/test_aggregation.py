"""Several images, one answer: what each way means, and that order and names do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isocenter.aggregation import ALL, OF_EVENTS, aggregate

PROBA = np.array([[0.8, 0.2], [0.1, 0.9], [0.5, 0.5], [0.7, 0.3]])
GROUPS = np.array([1, 0, 1, 0])


@pytest.mark.parametrize(
    "how, expected",
    [
        ("mean", [0.6, 0.35]),
        ("max", [0.9, 0.5]),
        ("noisy-or", [1 - 0.1 * 0.7, 1 - 0.8 * 0.5]),
    ],
)
def test_the_probability_of_the_event(how: str, expected: list[float]) -> None:
    found = aggregate(PROBA, GROUPS, how, positive=1)
    np.testing.assert_allclose(found[:, 1], expected)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_the_event_may_be_the_first_class() -> None:
    np.testing.assert_allclose(aggregate(PROBA[:, ::-1], GROUPS, "max", positive=0)[:, 0], [0.9, 0.5])


def test_an_unsure_image_weighs_nothing() -> None:
    # Patient 1: one sure image (0.8, 0.2) and a coin toss: the sure one decides.
    np.testing.assert_allclose(aggregate(PROBA, GROUPS, "weighted", positive=1)[1], [0.8, 0.2])
    coin = np.full((3, 2), 0.5)
    np.testing.assert_allclose(aggregate(coin, np.zeros(3, dtype=np.int64), "weighted", positive=1), [[0.5, 0.5]])


def test_measurements_take_mean_or_median() -> None:
    values, groups = np.array([[1.0], [2.0], [30.0], [5.0]]), np.array([0, 0, 0, 1])
    np.testing.assert_allclose(aggregate(values, groups, "median"), [[2.0], [5.0]])
    np.testing.assert_allclose(aggregate(values, groups, "mean"), [[11.0], [5.0]])


def test_labels_are_taken_each_by_itself() -> None:
    labels = np.array([[0.2, 0.9, 0.0], [0.6, 0.1, 0.0]])
    groups = np.zeros(2, dtype=np.int64)
    np.testing.assert_allclose(aggregate(labels, groups, "max"), [[0.6, 0.9, 0.0]])
    np.testing.assert_allclose(aggregate(labels, groups, "noisy-or"), [[0.68, 0.91, 0.0]])


@given(arrays(np.float64, 6, elements=st.floats(0, 1)), st.permutations(range(6)))
def test_no_way_depends_on_the_order_of_the_images(event: np.ndarray, order: list[int]) -> None:
    proba, groups = np.column_stack([1 - event, event]), np.array([0, 0, 0, 1, 1, 2])
    for how in OF_EVENTS:
        one = aggregate(proba, groups, how, positive=1)
        other = aggregate(proba[order], groups[order], how, positive=1)
        np.testing.assert_allclose(one, other, atol=1e-9)
        assert ((one >= -1e-12) & (one <= 1 + 1e-12)).all()


@pytest.mark.parametrize("how", ALL)
def test_one_image_a_patient_stays_as_it_is(how: str) -> None:
    groups = np.array([2, 0, 1, 3])
    np.testing.assert_allclose(aggregate(PROBA, groups, how, positive=1), PROBA[np.argsort(groups)])


@pytest.mark.parametrize("how", ["mean", "weighted"])
def test_images_that_all_say_the_same_tell_no_patients_apart(how: str) -> None:
    # 0.1 summed three times and divided by three is another number: a floor would rank patients by their images.
    groups = np.repeat(np.arange(40), np.arange(40) + 1)
    for share in (0.1, 0.7654, 1 / 3):
        said = aggregate(np.tile([1 - share, share], (len(groups), 1)), groups, how, 1)
        assert len(np.unique(said[:, 1])) == 1
