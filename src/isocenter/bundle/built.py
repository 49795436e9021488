"""The last look at an estimator that was read: what compiled code will follow, and what is made anew.

Types are on the list by now and single trees have been checked; here arrays must fit each other, and
every part the whole it lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from isocenter.bundle import allowed
from isocenter.bundle.machines import check_machine, check_sigmoids
from isocenter.bundle.trees import check_boosting, check_forest


def finish(estimator: object) -> None:
    """Check every part; ValueError where it is no such thing."""
    for part in _parts(estimator):
        name = allowed.name_of(type(part))
        if not any(attribute.endswith("_") and not attribute.startswith("__") for attribute in vars(part)):
            continue  # not fitted, as scikit-learn tells it, so it refuses to predict: the pattern of grades and labels
        if name in allowed.FORESTS:
            check_forest(part)
        elif name in allowed.BOOSTING:
            check_boosting(part)
            _remade(part)
        elif name in allowed.MACHINES:
            check_machine(part, regression=allowed.MACHINES[name] == "regression")
        elif name == allowed.SIGMOIDS:
            check_sigmoids(part)
        elif name in allowed.COMPOSED:
            _check_composed(part)
        elif hasattr(part, "tree_") and part.tree_.n_features != part.n_features_in_:
            raise ValueError("a decision tree is not one: its number of features")


def _parts(value: Any) -> Iterator[Any]:
    """The estimators inside an estimator, itself first, wherever they are kept."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _parts(one)
    elif isinstance(value, dict):
        yield from _parts(list(value.values()))
    elif isinstance(value, np.ndarray):
        if value.dtype == object:
            yield from _parts(value.ravel().tolist())
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield value
        yield from _parts(vars(value))


def _check_composed(whole: Any) -> None:
    """One fitted estimator a question, each on the same columns."""
    wanted = len(whole.classes_) - (allowed.name_of(type(whole)) == allowed.ORDINAL)
    if not len(whole.estimators_) == wanted > 0:
        raise ValueError("grades or labels without their estimators")
    if any(one.n_features_in_ != whole.n_features_in_ for one in whole.estimators_):
        raise ValueError("grades or labels of another number of features")


def _remade(model: Any) -> None:
    """What boosting needs beside its trees, made from its parameters: the file could not choose it."""
    from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper

    bins = _BinMapper()
    bins.is_categorical_ = np.zeros(model.n_features_in_, dtype=np.uint8)
    bins.bin_thresholds_ = [np.empty(0)] * model.n_features_in_
    vars(model).update(_bin_mapper=bins, _loss=model._get_loss(sample_weight=None))  # noqa: SLF001  the only way
