"""Crafted trees, cards and estimators whose digests agree."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import NuSVC
from sklearn.tree import DecisionTreeClassifier

import bundles
from isocenter import bundle
from isocenter.errors import DamagedBundle, IsocenterError, UnsafeFile
from isocenter.model import Decision, Model


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return bundles.small(tmp_path)


Change = Callable[[Any, Any], None]


def _nodes(field: str, row: int, value: float) -> Change:
    def change(nodes: Any, schema: Any) -> None:
        nodes[field][row] = value

    return change


def _argument(position: int, value: int) -> Change:
    def change(nodes: Any, schema: Any) -> None:
        _tree(schema)["__reduce__"]["args"]["content"][position] = bundles.text(value)

    return change


def _field(name: str, value: int) -> Change:
    def change(nodes: Any, schema: Any) -> None:
        _tree(schema)["content"]["content"][name] = bundles.text(value)

    return change


def _width(nodes: Any, schema: Any) -> None:
    """The estimator lets fewer features through than its tree asks for."""
    _estimator(schema)["content"]["content"]["n_features_in_"] = bundles.text(1)


def _estimator(schema: Any) -> Any:
    return schema["content"]["content"]["steps"]["content"][1]["content"][1]


def _tree(schema: Any) -> Any:
    return _estimator(schema)["content"]["content"]["tree_"]


LIES: dict[str, Change] = {
    "its own child": _nodes("left_child", 0, 0),
    "a child before its parent": _nodes("right_child", 1, 0),
    "a child of two": _nodes("left_child", 0, 2),
    "a child outside": _nodes("right_child", 0, 10**6),
    "a negative child": _nodes("left_child", 0, -2),
    "one child": _nodes("left_child", 0, -1),
    "a feature outside": _nodes("feature", 0, 6),
    "a negative feature": _nodes("feature", 0, -3),
    "a threshold that is no number": _nodes("threshold", 0, np.nan),
    "fewer nodes": _field("node_count", 1),
    "more nodes": _field("node_count", 10**6),
    "a small depth": _field("max_depth", 0),
    "a huge depth": _field("max_depth", 10**9),
    "more outputs": _argument(2, 10**6),
    "no outputs": _argument(2, 0),
    "a negative number of features": _argument(0, -1),
    "fewer features": _width,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_crafted_tree_is_refused(lie: str, small: Path) -> None:
    inner = bundles.inner(small)
    schema = json.loads(inner["schema.json"])
    member = _tree(schema)["content"]["content"]["nodes"]["file"]
    nodes = np.load(io.BytesIO(inner[member]))
    LIES[lie](nodes, schema)
    buffer = io.BytesIO()
    np.save(buffer, nodes)
    content = bundles.zipped({**inner, member: buffer.getvalue(), "schema.json": json.dumps(schema).encode()})
    with pytest.raises(DamagedBundle, match="decision tree"):
        bundle.load(bundles.forge(small, content))


def test_the_forgery_of_these_tests_loads_when_nothing_is_changed(small: Path) -> None:
    X, _ = bundles.data()
    before = bundle.load(small).predict(X).proba
    np.testing.assert_array_equal(
        bundle.load(bundles.forge(small, bundles.zipped(bundles.inner(small)))).predict(X).proba, before
    )


def test_a_forest_with_a_tree_for_more_features_is_refused(tmp_path: Path) -> None:
    X, y = bundles.clean()
    forest = RandomForestClassifier(3, random_state=0).fit(X[:, :2], y)
    forest.estimators_[1] = DecisionTreeClassifier().fit(X, y)
    path = tmp_path / "m.iso"
    bundle.save(Model(forest, bundles.TWO, Decision(bundles.TWO.classes)), path)
    with pytest.raises(DamagedBundle, match="number of features"):
        bundle.load(path)


def test_the_card_must_fit_the_estimator(tmp_path: Path) -> None:
    bundle.save(
        bundles.model(make_pipeline(SimpleImputer(), Ridge()), bundles.SIZE, feature_names=list("abcdef")),
        tmp_path / "a.iso",
    )
    assert bundle.load(tmp_path / "a.iso").card["feature_names"] == list("abcdef")
    bundle.save(
        bundles.model(make_pipeline(SimpleImputer(), Ridge()), bundles.SIZE, feature_names=list("abc")),
        tmp_path / "b.iso",
    )
    with pytest.raises(DamagedBundle, match="names 3 features, the estimator takes 6"):
        bundle.load(tmp_path / "b.iso")


@pytest.mark.parametrize(
    "estimator", [NuSVC(), make_pipeline(FunctionTransformer(np.nan_to_num), LogisticRegression())]
)
def test_what_could_not_be_loaded_is_not_saved(estimator: Any, tmp_path: Path) -> None:
    X, y = bundles.clean()
    with pytest.raises(UnsafeFile, match=r"SVC|FunctionTransformer"):
        bundle.save(Model(estimator.fit(X, y), bundles.TWO, Decision(bundles.TWO.classes)), tmp_path / "m.iso")
    assert not (tmp_path / "m.iso").exists()


def test_random_damage_never_escapes_as_another_error(small: Path) -> None:
    """Inside the seal: 300 random changes of the estimator's own bytes, digests made to agree."""
    rng = np.random.default_rng(0)
    estimator = bundles.members(small)[bundle.ESTIMATOR]
    for _ in range(300):
        content = bytearray(estimator)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        try:
            model = bundle.load(bundles.forge(small, bytes(content)))
            model.estimator[-1].tree_.predict(np.zeros((2, 6), np.float32))
        except (IsocenterError, AttributeError, ValueError):
            continue
