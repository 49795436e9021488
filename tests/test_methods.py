"""Every method of the dictionary: the contract, then what is particular to each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from isocenter import methods
from isocenter.cohort import Task
from isocenter.errors import UsageError
from isocenter.methods import METHODS
from isocenter.methods.composed import OneVsRest, Ordinal
from isocenter.methods.svm import SupportVectors

Floats = NDArray[np.float64]
OF_CLASSES = [name for name in METHODS if name != "mean"]
LEARNING = [name for name in OF_CLASSES if name != "majority"]


def data(n: int = 160, seed: int = 0, classes: int = 3) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    z = X[:, 0] + X[:, 1] + 0.5 * rng.normal(size=n)
    return X, np.searchsorted(np.quantile(z, np.linspace(0, 1, classes + 1)[1:-1]), z).astype(np.int64)


def answers(task: Task, y: NDArray[np.int64]) -> NDArray[Any]:
    return np.column_stack([y > 0, y == 2]).astype(np.int64) if task is Task.MULTILABEL else y


CASES = [(name, task) for name in OF_CLASSES for task in (Task.CLASSIFICATION, Task.ORDINAL, Task.MULTILABEL)]


@pytest.mark.parametrize("name, task", CASES)
def test_classes_grades_and_labels_get_probabilities(name: str, task: Task) -> None:
    X, y = data()
    target = answers(task, y)
    first, second = (methods.build(name, task, seed=3).fit(X, target) for _ in range(2))
    proba = first.predict_proba(X)
    assert proba.shape == (len(X), 2 if task is Task.MULTILABEL else 3)
    assert ((proba >= 0) & (proba <= 1)).all()
    if task is not Task.MULTILABEL:
        np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(second.predict_proba(X), proba)
    assert first.predict(X).shape == target.shape


@pytest.mark.parametrize("name, task", [*CASES, *((n, Task.REGRESSION) for n in (*LEARNING, "mean"))])
def test_every_method_is_an_ordinary_estimator(name: str, task: Task) -> None:
    estimator = methods.build(name, task, seed=1)
    assert type(clone(estimator)) is type(estimator)
    X, y = data(90)
    target = y.astype(np.float64) if task is Task.REGRESSION else answers(task, y)
    method = "predict" if task is Task.REGRESSION else "predict_proba"
    said = cross_val_predict(
        make_pipeline(estimator), X, target, cv=GroupKFold(3), groups=np.arange(90) // 3, method=method
    )
    assert np.isfinite(np.asarray(said)).all()


@pytest.mark.parametrize("name", METHODS)
def test_unknown_parameters_are_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UsageError, match="has no parameter 'depth'"):
        methods.build(name, Task.CLASSIFICATION, depth=3)
    assert set(methods.choices(name)) <= set(methods.settings(name))


@pytest.mark.parametrize("name", ["boosting", "svm"])
def test_they_learn_what_others_learn(name: str) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    proba = cross_val_predict(methods.build(name, Task.CLASSIFICATION), X, y, cv=folds, method="predict_proba")
    assert roc_auc_score(y, proba[:, 1]) > 0.985
    X, y = load_diabetes(return_X_y=True)
    said = cross_val_predict(methods.build(name, Task.REGRESSION), X, y, cv=5)
    assert r2_score(y, said) > 0.35


def test_a_measurements_scale_does_not_matter_to_the_machine() -> None:
    X, y = load_diabetes(return_X_y=True)
    small, large = (methods.build("svm", Task.REGRESSION).fit(X, y * scale).predict(X) / scale for scale in (1e-3, 1e3))
    np.testing.assert_allclose(small, large, rtol=1e-9)


def test_boosting_has_trees_in_a_small_cohort_and_no_early_stop() -> None:
    X, y = data(36, classes=2)
    model = methods.build("boosting", Task.CLASSIFICATION).fit(X, y)
    assert not model.do_early_stopping_ and model.n_iter_ == 100
    assert model.predict_proba(X)[:, 1].std() > 0.1


# Support vectors: probabilities


def overlapping(n: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4))
    return X, (rng.random(n) < 1 / (1 + np.exp(-1.5 * X[:, 0]))).astype(np.int64)


def test_probabilities_are_as_good_as_those_of_scikit_learns_calibration() -> None:
    ours, theirs = [], []
    for seed in range(6):
        X, y = overlapping(200, seed)
        unseen, truth = overlapping(2000, 100 + seed)
        machine = make_pipeline(StandardScaler(), SVC())
        rival = CalibratedClassifierCV(machine, method="sigmoid", cv=5, ensemble=False).fit(X, y)
        ours.append(log_loss(truth, SupportVectors().fit(X, y).predict_proba(unseen)))
        theirs.append(log_loss(truth, rival.predict_proba(unseen)))
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.01)


def test_folds_keep_patients_together() -> None:
    """Seven near copies a patient, labels by the toss of a coin: only grouped folds find that nothing was learned."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(40), 7)
    X = np.repeat(rng.normal(size=(40, 6)), 7, axis=0) + 0.02 * rng.normal(size=(280, 6))
    y = np.repeat(rng.permutation(np.arange(40) % 2), 7)
    blind, told = SupportVectors(C=10).fit(X, y), SupportVectors(C=10).fit(X, y, groups=person)
    assert blind.sigmoids_[1, 0] > 1.0  # sure of itself
    assert told.sigmoids_[1, 0] < 0.3
    assert np.ptp(told.predict_proba(X)[:, 1]) < 0.3 < np.ptp(blind.predict_proba(X)[:, 1])


def test_noise_gets_the_share_of_each_class() -> None:
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(60, 8)), np.arange(60) % 3
    model = SupportVectors().fit(X, y)
    flat = model.sigmoids_[:, 0] == 0
    proba = model.predict_proba(X)
    assert flat.any() and (model.sigmoids_[:, 0] >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_separable_classes_and_a_lonely_case_do_not_break_the_sigmoid() -> None:
    X = np.concatenate([np.full((20, 2), -3.0), np.full((20, 2), 3.0), [[40.0, 0.0]]])
    X += np.random.default_rng(0).normal(size=X.shape) * 0.1
    y = np.array([0] * 20 + [1] * 20 + [2])
    proba = SupportVectors().fit(X, y).predict_proba(X)
    assert np.isfinite(proba).all() and (proba.argmax(axis=1)[:40] == y[:40]).all()


# Grades and labels


def test_grades_by_hand() -> None:
    """Two questions with fixed answers: probabilities are differences, and contradictions are put in order."""

    class Fixed:
        def __init__(self, yes: float) -> None:
            self.yes, self.classes_ = yes, np.array([0, 1])

        def predict_proba(self, X: Floats) -> Floats:
            return np.tile([1 - self.yes, self.yes], (len(X), 1))

    for above, expected in (((0.7, 0.2), [0.3, 0.5, 0.2]), ((0.2, 0.7), [0.3, 0.5, 0.2]), ((1.0, 1.0), [0, 0, 1])):
        model = Ordinal(methods.build("linear", Task.CLASSIFICATION))
        model.fit(np.zeros((3, 1)), [0, 1, 2])
        model.estimators_ = [Fixed(one) for one in above]
        np.testing.assert_allclose(model.predict_proba(np.zeros((1, 1)))[0], expected, atol=1e-12)


@pytest.mark.parametrize("name, how", [("linear", {}), ("boosting", {"max_iter": 30})])
def test_order_helps_where_there_is_order(name: str, how: dict[str, object]) -> None:
    """Planted: five grades of one latent number. Same method, same cases, with and without the order."""
    gains = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(1650, 8))
        y = np.digitize(X[:, 0] + X[:, 1] + 0.7 * rng.normal(size=1650), [-1.8, -0.7, 0.7, 1.8])
        errors = []
        for task in (Task.CLASSIFICATION, Task.ORDINAL):
            model = methods.build(name, task, seed=seed, **how).fit(X[:150], y[:150])
            errors.append(np.abs(model.predict(X[150:]) - y[150:]).mean())
        gains.append(errors[0] - errors[1])
    assert np.mean(gains) > 0.015


def test_a_constant_label_is_a_constant_probability_without_a_warning() -> None:
    X, y = data(60)
    labels = np.column_stack([np.zeros(60), y > 0, np.ones(60)]).astype(int)
    model = methods.build("linear", Task.MULTILABEL).fit(X, labels)
    proba = model.predict_proba(X)
    assert (proba[:, 0] == 0).all() and (proba[:, 2] == 1).all()
    alone = methods.build("linear", Task.CLASSIFICATION).fit(X, y > 0)
    np.testing.assert_array_equal(proba[:, 1], alone.predict_proba(X)[:, 1])


def test_patients_reach_the_machine_inside() -> None:
    X, y = data(80)
    groups = np.arange(80) // 4
    inner = SupportVectors().fit(X, y > 0, groups=groups)
    for task in (Task.ORDINAL, Task.MULTILABEL):
        whole = methods.build("svm", task).fit(X, answers(task, y), groups=groups)
        np.testing.assert_array_equal(whole.estimators_[0].sigmoids_, inner.sigmoids_)


def test_a_grid_search_reaches_through() -> None:
    X, y = data(90)
    search = GridSearchCV(methods.build("svm", Task.ORDINAL), {"estimator__C": [0.1, 10.0]}, cv=GroupKFold(3))
    search.fit(X, y, groups=np.arange(90) // 3)
    assert search.best_params_["estimator__C"] == search.best_estimator_.estimators_[0].C


TABLE_ONLY = "labels are a table of 0 and 1; one column of classes is the classifier's own"
EXPECTED = {"check_classifiers_classes": TABLE_ONLY, "check_classifiers_train": TABLE_ONLY}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the checks themselves warn
@pytest.mark.parametrize(
    "estimator, fails",
    [
        (Ordinal(methods.build("linear", Task.CLASSIFICATION)), {}),
        (OneVsRest(methods.build("linear", Task.CLASSIFICATION)), EXPECTED),
        (SupportVectors(), {}),
    ],
    ids=["Ordinal", "OneVsRest", "SupportVectors"],
)
def test_scikit_learns_own_checks(estimator: Any, fails: dict[str, str]) -> None:
    check_estimator(estimator, expected_failed_checks=fails, on_skip=None)
