"""Boosting, support vector machines, grades and labels: changed before saving, for the writer checks types only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

import bundles
from isocenter import bundle, methods
from isocenter.bundle import allowed
from isocenter.cohort import Task
from isocenter.errors import DamagedBundle, UnsafeFile
from isocenter.model import Decision, Model


def _boosting() -> Any:
    X, y = bundles.clean()
    return HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5).fit(X, y)


def _boosted(field: str, row: int, value: float) -> Callable[[], Any]:
    def made() -> Any:
        model = _boosting()
        model._predictors[1][0].nodes[field][row] = value
        return model

    return made


def _changed(estimator: Any, **values: Any) -> Callable[[], Any]:
    def made() -> Any:
        X, y = bundles.clean()
        found = estimator().fit(X, X[:, 0] if isinstance(estimator(), SVR) else y)
        for name, value in values.items():
            setattr(found, name, value(getattr(found, name, None)) if callable(value) else value)
        return found

    return made


def _grades(**values: Any) -> Callable[[], Any]:
    return _changed(lambda: methods.build("linear", Task.ORDINAL), **values)


def _twice(values: Any) -> Any:
    return np.concatenate([values, values])


def _categories(model: Any) -> Any:
    model._predictors[0][0].raw_left_cat_bitsets = np.zeros((1, 8), np.uint32)
    return model


def _none(_: Any) -> None:
    return None


def _empty(_: Any) -> list[Any]:
    return []


BENT: dict[str, Callable[[], Any]] = {
    "boosting: its own child": _boosted("left", 0, 0),
    "boosting: a child before its parent": _boosted("right", 1, 0),
    "boosting: a child of two": _boosted("left", 0, 2),
    "boosting: a child outside": _boosted("right", 0, 10**6),
    "boosting: a feature outside": _boosted("feature_idx", 0, 6),
    "boosting: a negative feature": _boosted("feature_idx", 0, -1),
    "boosting: a threshold that is no number": _boosted("num_threshold", 0, np.nan),
    "boosting: an infinite value": _boosted("value", 2, np.inf),
    "boosting: a category": _boosted("is_categorical", 0, 1),
    "boosting: bitsets": lambda: _categories(_boosting()),
    "boosting: a leaf of another kind": _boosted("is_leaf", 0, 7),
    "boosting: fewer features": _changed(HistGradientBoostingClassifier, n_features_in_=1),
    "boosting: no tree": _changed(HistGradientBoostingClassifier, _predictors=_empty),
    "boosting: trees of more classes": _changed(HistGradientBoostingClassifier, n_trees_per_iteration_=3),
    "boosting: an encoder": _changed(HistGradientBoostingClassifier, _preprocessor=StandardScaler()),
    "boosting: binned already": _changed(HistGradientBoostingClassifier, _in_fit=True),
    "boosting: another first guess": _changed(HistGradientBoostingRegressor, _baseline_prediction=np.zeros((1, 9))),
    "svc: more support vectors": _changed(SVC, support_=_twice),
    "svc: indices outside": _changed(SVC, support_=lambda v: v + 10**6),
    "svc: negative indices": _changed(SVC, support_=lambda v: -v - 1),
    "svc: fewer vectors": _changed(SVC, support_vectors_=lambda v: v[:2]),
    "svc: narrower vectors": _changed(SVC, support_vectors_=lambda v: v[:, :2].copy()),
    "svc: counts that lie": _changed(SVC, _n_support=lambda v: v + 10**6),
    "svc: more classes": _changed(SVC, _n_support=lambda v: np.array([*v, 0], np.int32)),
    "svc: fewer coefficients": _changed(SVC, _dual_coef_=lambda v: v[:, :1].copy()),
    "svc: no intercept": _changed(SVC, _intercept_=lambda v: v[:0]),
    "svc: probabilities": _changed(SVC, _probA=np.zeros(1)),
    "svc: a kernel of indices": _changed(SVC, kernel="precomputed"),
    "svc: another kind": _changed(SVC, _impl="one_class"),
    "svc: sparse": _changed(SVC, _sparse=True),
    "svc: no numbers": _changed(SVC, _dual_coef_=lambda v: v * np.nan),
    "svr: counts of three": _changed(SVR, _n_support=lambda v: np.array([*v, 0], np.int32)),
    "svr: more coefficients": _changed(SVR, _dual_coef_=lambda v: np.vstack([v, v])),
    "sigmoids of more classes": _changed(lambda: methods.build("svm", Task.CLASSIFICATION), sigmoids_=_twice),
    "grades without estimators": _grades(estimators_=_none),
    "grades with fewer estimators": _grades(estimators_=_empty),
    "grades of fewer features": _grades(n_features_in_=2),
    "a bent tree inside": _changed(
        lambda: methods.build("boosting", Task.ORDINAL),
        estimators_=lambda found: [_boosted("left", 0, 0)()] * len(found),
    ),
    "a bent machine in an array": _changed(
        lambda: methods.build("linear", Task.ORDINAL),
        estimators_=lambda found: np.array([_changed(SVC, support_=_twice)()] * len(found), dtype=object),
    ),
}


@pytest.mark.parametrize("what", BENT)
def test_a_bent_estimator_is_refused(what: str, tmp_path: Path) -> None:
    path = tmp_path / "m.iso"
    bundle.save(Model(BENT[what](), bundles.TWO, Decision(bundles.TWO.classes)), path)
    with pytest.raises((DamagedBundle, UnsafeFile)):
        bundle.load(path)


@pytest.mark.parametrize(
    "kind",
    [HistGradientBoostingClassifier, HistGradientBoostingRegressor, SVC, lambda: methods.build("svm", Task.ORDINAL)],
)
def test_what_the_attacks_bend_loads_when_it_is_straight(kind: Any, tmp_path: Path) -> None:
    found = _changed(kind)()
    X, _ = bundles.clean()
    bundle.save(Model(found, bundles.TWO, Decision(bundles.TWO.classes)), tmp_path / "m.iso")
    again = bundle.load(tmp_path / "m.iso").estimator
    np.testing.assert_array_equal(again.predict(X), found.predict(X))


def test_boosting_does_not_take_its_loss_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _boosting()
    X, _ = bundles.clean()
    expected = model.predict_proba(X)
    with monkeypatch.context() as forging:
        forging.setattr(allowed, "LEFT_OUT", {})
        model._loss, model._bin_mapper, model._label_encoder = StandardScaler(), None, None
        model._feature_subsample_rng = model._random_seed = None
        bundle.save(Model(model, bundles.TWO, Decision(bundles.TWO.classes)), tmp_path / "m.iso")
    np.testing.assert_array_equal(bundle.load(tmp_path / "m.iso").estimator.predict_proba(X), expected)
