"""Support vector machines hand their arrays to compiled code that trusts their sizes: look at them first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

KERNELS = ("linear", "poly", "rbf", "sigmoid")  # "precomputed" would follow indices into the input


def check_machine(machine: Any, *, regression: bool) -> None:
    """SVC or SVR on dense input; ValueError where one array does not fit the others."""
    told = vars(machine)
    _require(machine.kernel in KERNELS and told["_sparse"] is False, "its kernel")
    _require(not {"_impl", "_sparse_kernels"} & set(told), "its kind")
    vectors, each = told["support_vectors_"], told["_n_support"]
    n, width = vectors.shape
    _require(n > 0 and width == machine.n_features_in_ and _numbers(vectors), "its support vectors")
    support, rows = told["support_"], told["shape_fit_"][0]
    _require(support.dtype == np.int32 and support.shape == (n,), "the number of its support vectors")
    _require(bool(((support >= 0) & (support < rows)).all()), "the indices of its support vectors")
    classes = 2 if regression else len(told["classes_"])
    _require(each.dtype == np.int32 and each.shape == (classes,) and classes > 1, "its number of classes")
    _require(regression or bool((each >= 0).all() and each.sum() == n), "support vectors of its classes")
    _require(told["_dual_coef_"].shape == (classes - 1, n) and _numbers(told["_dual_coef_"]), "its coefficients")
    pairs = classes * (classes - 1) // 2
    _require(told["_intercept_"].shape == (pairs,) and _numbers(told["_intercept_"]), "its intercepts")
    _require(told["_probA"].size == told["_probB"].size == 0, "probabilities of its own")


def check_sigmoids(machine: Any) -> None:
    """The probabilities of `methods.svm.SupportVectors`."""
    sigmoids = machine.sigmoids_
    _require(sigmoids.shape == (len(machine.classes_), 2) and _numbers(sigmoids), "its sigmoids")


def _numbers(values: NDArray[Any]) -> bool:
    return values.dtype == np.float64 and bool(np.isfinite(values).all())


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(f"a support vector machine is not one: {what}")
