"""Trees keep indices that scikit-learn's compiled code follows without looking: look at them first.

A node that is its own child would hang `predict`, a feature out of range would read foreign
memory, a depth too small would write beyond a buffer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def check_forest(forest: Any) -> None:
    """Every tree expects as many features as the forest lets through."""
    for tree in forest.estimators_:
        _require(tree.n_features_in_ == forest.n_features_in_ and hasattr(tree, "tree_"), "its number of features")


def check_boosting(model: Any) -> None:
    """Trees of gradient boosting: plain records, followed by compiled code as those of forests are."""
    told = vars(model)
    trees = [tree for step in told["_predictors"] for tree in step]
    each = model.n_trees_per_iteration_
    classes = len(told["classes_"]) if "classes_" in told else 1
    _require(type(each) is int and each == (1 if classes < 3 else classes), "its number of classes")
    _require(bool(trees) and all(len(step) == each for step in told["_predictors"]), "its number of trees")
    baseline = told["_baseline_prediction"]
    _require(baseline.shape == (1, each) and baseline.dtype == np.float64, "its first guess")
    # Binned input and categories take other paths through the code, which the house never uses.
    plain = told.get("_preprocessor") is None and told.get("is_categorical_") is None and "_in_fit" not in told
    _require(plain, "its input")
    _require(all(tree.raw_left_cat_bitsets.shape == (0, 8) for tree in trees), "categories")
    records = trees[0].nodes.dtype
    _require(all(t.nodes.ndim == 1 and len(t.nodes) and t.nodes.dtype == records for t in trees), "its nodes")
    _check_records(np.concatenate([tree.nodes for tree in trees]), [len(t.nodes) for t in trees], model.n_features_in_)


def _check_records(nodes: NDArray[Any], sizes: Sequence[int], n_features: int) -> None:
    """All trees at once, one after the other; children are numbered within their tree."""
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    size, own = np.repeat(sizes, sizes), np.arange(len(nodes)) - starts
    _require(bool((nodes["is_leaf"] <= 1).all() and (nodes["is_categorical"] == 0).all()), "its kinds of nodes")
    inner = nodes["is_leaf"] == 0
    split, children = nodes[inner], np.stack([nodes["left"][inner], nodes["right"][inner]]).astype(np.int64)
    _require(bool((children > own[inner]).all()), "a node that comes before its parent")
    placed = (children + starts[inner]).ravel()
    _require(bool((children < size[inner]).all()) and len(np.unique(placed)) == len(placed), "its children")
    _require(bool(((split["feature_idx"] >= 0) & (split["feature_idx"] < n_features)).all()), "its features")
    finite = np.isfinite(nodes["value"]).all() and not np.isnan(split["num_threshold"]).any()
    _require(bool(finite), "values that are not finite")


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(f"a decision tree is not one: {what}")
