"""Decisions: chosen on tuning data by patient, refused where they do not suit, applied in one order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from designs import cohort_of
from isocenter.cohort import Target, Task
from isocenter.deciding import Wish, decide, torn_patients, torn_warning
from isocenter.errors import CriterionNotMet, UsageError
from isocenter.metrics.calibration import slope_and_intercept
from isocenter.metrics.ranking import auc
from isocenter.model import Decision

TARGET = Target(Task.CLASSIFICATION, "lesion", ("no", "yes"), "yes")
SIZE = Target(Task.REGRESSION, "size")


def score(output: NDArray[np.float64], reference: NDArray[Any]) -> float:
    return float(auc(reference == 1, output[:, 1]))


def scores(n: int, seed: int = 0, slope: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=n) * 1.5 - 0.5
    codes = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    event = 1 / (1 + np.exp(-logit * slope))
    return np.column_stack([1 - event, event]), codes


def names(n: int, per_patient: int = 1) -> NDArray[np.object_]:
    return np.array([f"p{i // per_patient}" for i in range(n)], dtype=object)


def test_without_a_wish_the_most_probable_class_decides() -> None:
    proba, codes = scores(200)
    decision = decide(Wish(), TARGET, proba, codes, names(200), score).decision
    assert decision == Decision(TARGET.classes, "yes")


def test_a_sensitivity_is_met_on_the_tuning_scores_by_patient() -> None:
    # Ten images a patient: the sensitivity is that of patients, not of images.
    rng = np.random.default_rng(1)
    truth = np.repeat((np.arange(60) % 2).astype(np.int64), 10)
    event = np.clip(0.4 + 0.2 * truth + rng.normal(0, 0.2, 600), 0, 1)
    proba = np.column_stack([1 - event, event])
    found = decide(Wish("sensitivity=0.9", aggregate="mean"), TARGET, proba, truth, names(600, 10), score)
    decision = found.decision
    assert decision.threshold is not None and decision.aggregation == "mean"
    by_patient = event.reshape(60, 10).mean(axis=1)
    sensitivity = (by_patient[1::2] >= decision.threshold).mean()
    assert sensitivity >= 0.9 and found.told["n"] == 60
    assert found.told["threshold"]["sensitivity"] == pytest.approx(sensitivity)


def test_one_image_with_the_lesion_makes_max_the_better_way() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat((np.arange(100) % 2).astype(np.int64), 8)
    event = rng.uniform(0.05, 0.2, 800)
    event[(np.arange(800) % 8 == 0) & (truth == 1)] = 0.9  # only one of eight views shows it
    proba = np.column_stack([1 - event, event])
    assert decide(Wish(), TARGET, proba, truth, names(800, 8), score).decision.aggregation == "max"


def test_exaggeration_does_not_win_by_order_alone() -> None:
    # Every image says the same 0.4: noisy-or orders patients as well as mean does, but says 0.99.
    truth = np.repeat((np.arange(100) % 5 < 2).astype(np.int64), 8)
    proba = np.tile([0.6, 0.4], (800, 1))
    assert decide(Wish(), TARGET, proba, truth, names(800, 8), score).decision.aggregation == "mean"


def test_patients_with_two_answers_are_taken_image_by_image() -> None:
    proba, codes = scores(60)
    assert decide(Wish(), TARGET, proba, codes, names(60, 3), score).decision.aggregation is None
    assert (
        decide(Wish(aggregate="none"), TARGET, proba, np.repeat(codes[:20], 3), names(60, 3), score).told[
            "aggregations"
        ]
        == {}
    )


def test_platt_takes_out_overconfidence() -> None:
    proba, codes = scores(4000, slope=3.0)
    decision = decide(Wish(recalibrate="platt"), TARGET, proba, codes, names(4000), score).decision
    assert decision.calibrator is not None
    fresh, truth = scores(4000, seed=5, slope=3.0)
    before, _ = slope_and_intercept(truth == 1, fresh[:, 1])
    after, _ = slope_and_intercept(truth == 1, decision.calibrator.apply(fresh)[:, 1])
    assert before == pytest.approx(1 / 3, abs=0.05)
    assert after == pytest.approx(1.0, abs=0.12)


def test_order_of_the_steps_aggregate_calibrate_decide() -> None:
    proba, codes = scores(300, slope=2.0)
    wish = Wish("specificity=0.8", "platt", "mean")
    truth = np.repeat(codes[:100], 3)
    decision = decide(wish, TARGET, proba, truth, names(300, 3), score).decision
    assert decision.calibrator is not None and decision.threshold is not None
    said = decision.by_patient(decision.predict(names(300), proba), names(300, 3))
    assert said.proba is not None and said.label is not None
    expected = decision.calibrator.apply(proba.reshape(100, 3, 2).mean(axis=1))
    np.testing.assert_allclose(said.proba, expected)
    assert ((said.label == "yes") == (expected[:, 1] >= decision.threshold)).all()


def test_wishes_that_do_not_suit_are_refused() -> None:
    proba, codes = scores(100)
    three = Target(Task.CLASSIFICATION, "grade", ("1", "2", "3"))
    with pytest.raises(UsageError, match="aggregate median"):
        decide(Wish(aggregate="median"), TARGET, proba, np.repeat(codes[:50], 2), names(100, 2), score)
    with pytest.raises(UsageError, match="not known"):
        decide(Wish(aggregate="loudest"), TARGET, proba, codes, names(100), score)
    with pytest.raises(UsageError, match="two classes"):
        decide(Wish("youden"), three, np.full((100, 3), 1 / 3), codes, names(100), score)
    with pytest.raises(UsageError, match="measurement"):
        decide(Wish(recalibrate="platt"), SIZE, proba[:, :1], codes.astype(float), names(100), lambda o, r: 0.0)
    with pytest.raises(CriterionNotMet, match="ppv"):
        decide(Wish("ppv=0.99@0.001"), TARGET, proba, codes, names(100), score)


LABELS = Target(Task.MULTILABEL, "labels", ("edema", "effusion"))
GRADES = Target(Task.ORDINAL, "grade", ("low", "mid", "high"))


def labelled(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    has = (rng.random((n, 2)) < [0.5, 0.2]).astype(np.int64)
    return np.clip(0.35 * has + 0.45 * rng.random((n, 2)), 0.01, 0.99), has


def test_labels_are_decided_at_one_half_each_unless_a_criterion_is_given() -> None:
    proba, has = labelled(300)
    plain = decide(Wish(), LABELS, proba, has, names(300), score).decision
    assert (plain.thresholds, plain.criterion) == ((0.5, 0.5), "probability of one half")
    assert plain.apply(np.array([[0.5, 0.1], [0.9, 0.6], [0.1, 0.49]])).tolist() == ["edema", "edema|effusion", ""]
    chosen = decide(Wish("sensitivity=0.9"), LABELS, proba, has, names(300), score)
    for k, (name, threshold) in enumerate(zip(LABELS.classes, chosen.decision.thresholds, strict=True)):
        reached = (proba[has[:, k] == 1, k] >= threshold).mean()
        assert reached >= 0.9 and chosen.told["threshold"][name]["sensitivity"] == pytest.approx(reached)
    assert len(set(chosen.decision.thresholds)) == 2


def test_each_label_is_recalibrated_by_itself() -> None:
    proba, has = labelled(600)
    decision = decide(Wish(recalibrate="platt"), LABELS, proba, has, names(600), score).decision
    assert decision.calibrator is None and len(decision.calibrators) == 2
    better = decision.calibrated(proba)
    for k in range(2):
        assert [float(v) for v in slope_and_intercept(has[:, k] == 1, better[:, k])] == pytest.approx([1, 0], abs=1e-3)
    said = decision.predict(names(600), proba)
    assert said.uncalibrated is not None and said.label is not None
    np.testing.assert_array_equal(said.proba, better)
    np.testing.assert_array_equal(LABELS.encode(said.label), better >= 0.5)


def test_a_finding_in_one_image_makes_it_the_patients() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat((rng.random((80, 2)) < 0.4).astype(np.int64), 4, axis=0)
    shown = np.zeros((320, 2))
    shown[np.arange(80) * 4 + rng.integers(0, 4, 80)] = 1  # in one of four images
    proba = np.clip(0.1 + 0.8 * truth * shown + 0.05 * rng.random((320, 2)), 0, 1)
    decision = decide(Wish(), LABELS, proba, truth, names(320, 4), score).decision
    assert decision.aggregation == "max"
    said = decision.by_patient(decision.predict(names(320), proba), names(320, 4))
    assert said.label is not None and len(said) == 80
    np.testing.assert_array_equal(LABELS.encode(said.label), truth[::4])


def test_what_does_not_suit_grades_and_labels_is_refused() -> None:
    proba, has = labelled(60)
    twice = np.repeat(proba[:30], 2, axis=0), np.repeat(has[:30], 2, axis=0)
    with pytest.raises(UsageError, match="does not suit"):
        decide(Wish(aggregate="median"), LABELS, *twice, names(60, 2), score)
    with pytest.raises(UsageError, match="needs two classes"):
        decide(Wish("youden"), GRADES, np.full((60, 3), 1 / 3), np.arange(60) % 3, names(60), score)
    with pytest.raises(CriterionNotMet, match="effusion"):
        decide(Wish("sensitivity=0.9"), LABELS, proba, np.column_stack([has[:, 0], 0 * has[:, 1]]), names(60), score)
    with pytest.raises(ValueError, match="one threshold each"):
        Decision(LABELS.classes, thresholds=(0.5,))


def test_an_aggregation_that_was_asked_for_is_not_dropped_in_silence() -> None:
    proba, codes = scores(60)
    with pytest.raises(UsageError, match=r"--aggregate max needs one answer a patient; \d+ patients have"):
        decide(Wish(aggregate="max"), TARGET, proba, codes, names(60, 3), score)


def test_the_first_patient_with_two_answers_is_named() -> None:
    cohort = cohort_of([0, 0, 1, 0, 1, 1], ["a", "a", "b", "b", "c", "c"])
    assert torn_patients(cohort) == ["b"]
    assert "1 patient has cases with different answers, the first is 'b'" in torn_warning(cohort)[0]
    assert torn_warning(cohort_of([0, 0, 1, 1], ["a", "a", "b", "b"])) == ()
    assert torn_warning(cohort_of([0, 1, 1, 1])) == ()


def test_a_floor_takes_the_nearest_threshold() -> None:
    proba, codes = np.tile([0.6, 0.4], (60, 1)), np.arange(60) % 2
    with pytest.raises(CriterionNotMet):
        decide(Wish("sensitivity=0.9"), TARGET, proba, codes, names(60), score)
    found = decide(Wish("sensitivity=0.9"), TARGET, proba, codes, names(60), score, strict=False)
    assert found.decision.threshold == 0.5 and "all scores are the same" in found.unmet
    proba, codes = scores(200)
    nearest = decide(Wish("ppv=0.99@0.001"), TARGET, proba, codes, names(200), score, strict=False)
    assert nearest.decision.threshold is not None and "0.001" in nearest.unmet
    assert nearest.told["unmet"] == nearest.unmet
