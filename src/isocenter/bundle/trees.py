"""Trees keep indices that scikit-learn's compiled code follows without looking: look at them first.

A node that is its own child would hang `predict`, a feature out of range would read foreign
memory, a depth too small would write beyond a buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAF = -1
_STATE = {"max_depth", "node_count", "nodes", "values"}


def check_tree(arguments: Sequence[Any], state: Mapping[str, Any]) -> None:
    """What a Tree is built from: (n_features, n_classes, n_outputs) and its state; ValueError if it lies."""
    n_features, n_classes, n_outputs = arguments
    nodes, values = state["nodes"], state["values"]
    counts = [n_features, n_outputs, state["max_depth"], state["node_count"]]
    _require(set(state) == _STATE and all(type(count) is int for count in counts), "its fields")
    _require(n_features > 0 and n_outputs > 0, "its sizes")
    _require(n_classes.dtype.kind == "i" and n_classes.shape == (n_outputs,) and n_classes.min() > 0, "its classes")
    _require(nodes.ndim == 1 and len(nodes) == state["node_count"] > 0, "its number of nodes")
    _require(values.shape == (len(nodes), n_outputs, n_classes.max()), "the shape of its values")
    finite = np.isfinite(values).all() and not np.isnan(nodes["threshold"]).any()  # a split on "missing" has inf
    _require(bool(finite), "values that are not finite")
    _check_children(nodes["left_child"], nodes["right_child"])
    inner = nodes["left_child"] != LEAF
    used = nodes["feature"][inner]
    _require(bool(((used >= 0) & (used < n_features)).all()), "its features")
    _require(depth(nodes["left_child"], nodes["right_child"]) <= state["max_depth"] <= len(nodes), "its depth")


def _check_children(left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
    """Both or neither; after their parent; inside; and nobody is the child of two."""
    own = np.arange(len(left))
    inner = left != LEAF
    _require(bool((inner == (right != LEAF)).all()), "a node with one child")
    children = np.concatenate([left[inner], right[inner]])
    _require(bool((children > np.tile(own[inner], 2)).all()), "a node that comes before its parent")
    _require(bool((children < len(left)).all()) and len(np.unique(children)) == len(children), "its children")


def depth(left: NDArray[np.int64], right: NDArray[np.int64]) -> int:
    """Longest path from the root, in edges."""
    level, deep = np.array([0]), -1
    while len(level):
        deep += 1
        inner = level[left[level] != LEAF]
        level = np.concatenate([left[inner], right[inner]])
    return deep


def check_ensembles(estimator: object) -> None:
    """Every tree of a forest expects as many features as the forest lets through."""
    for found in _parts(estimator):
        width = getattr(found, "n_features_in_", None)
        if hasattr(found, "tree_"):
            _require(found.tree_.n_features == width, "its number of features")
        for tree in getattr(found, "estimators_", []):
            _require(tree.n_features_in_ == width and hasattr(tree, "tree_"), "its number of features")


def _parts(value: Any) -> Iterator[Any]:
    """The estimators inside an estimator, itself first."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _parts(one)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield value
        for one in vars(value).values():
            yield from _parts(one)


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(f"a decision tree is not one: {what}")
