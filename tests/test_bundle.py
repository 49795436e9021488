"""Models as files: what is written is what is read again, the same bytes from every process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import bundles
from isocenter import bundle
from isocenter.bundle import allowed, reader, writer
from isocenter.cohort import Target
from isocenter.errors import UnsafeFile
from isocenter.features import FEATURES


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return bundles.small(tmp_path)


ROUND_TRIPS: dict[str, Callable[[], tuple[Any, Target]]] = {
    "forest": lambda: (make_pipeline(SimpleImputer(), RandomForestClassifier(20, random_state=0)), bundles.TWO),
    "300 trees": lambda: (make_pipeline(SimpleImputer(), RandomForestClassifier(300, random_state=0)), bundles.TWO),
    "forest, NaN inside": lambda: (RandomForestClassifier(20, random_state=0), bundles.TWO),
    "three classes": lambda: (
        make_pipeline(SimpleImputer(), RandomForestClassifier(20, random_state=0)),
        bundles.THREE,
    ),
    "forest, values": lambda: (RandomForestRegressor(20, random_state=0), bundles.SIZE),
    "logistic": lambda: (make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), bundles.TWO),
    "logistic, three": lambda: (make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), bundles.THREE),
    "ridge": lambda: (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), Ridge()), bundles.SIZE),
    "floor": lambda: (DummyClassifier(strategy="prior"), bundles.THREE),
    "nested": lambda: (
        Pipeline(
            [
                ("union", FeatureUnion([("a", SimpleImputer()), ("b", SimpleImputer(strategy="median"))])),
                ("method", make_pipeline(StandardScaler(), LogisticRegression())),
            ]
        ),
        bundles.TWO,
    ),
    **{
        f"{name}, {target.task.value} of {len(target.classes)}": lambda name=name, target=target: (
            bundles.method(name, target),
            target,
        )
        for name in ("boosting", "svm")
        for target in (bundles.TWO, bundles.THREE, bundles.SIZE, bundles.GRADES, bundles.FINDINGS)
    },
    "boosting, NaN inside": lambda: (HistGradientBoostingClassifier(max_iter=20), bundles.TWO),
    "grades, forest": lambda: (bundles.method("forest", bundles.GRADES), bundles.GRADES),
    "labels, linear": lambda: (bundles.method("linear", bundles.FINDINGS), bundles.FINDINGS),
    "labels, floor": lambda: (bundles.method("majority", bundles.FINDINGS), bundles.FINDINGS),
    "one hot": lambda: (make_pipeline(OneHotEncoder(handle_unknown="ignore", dtype=np.float64), Ridge()), bundles.SIZE),
}


@pytest.mark.parametrize("what", ROUND_TRIPS)
def test_a_round_trip_predicts_the_same(what: str, tmp_path: Path) -> None:
    model = bundles.model(*ROUND_TRIPS[what](), seed=7, parameters={"depth": None})
    bundle.save(model, tmp_path / "m.iso")
    again = bundle.load(tmp_path / "m.iso")
    X, _ = bundles.data()
    pd.testing.assert_frame_equal(again.predict(X).table(), model.predict(X).table(), check_exact=True)
    assert (again.target, again.decision, again.card) == (model.target, model.decision, model.card)


def test_skops_itself_reads_what_is_written(small: Path) -> None:
    from skops import io as skops

    found = skops.loads(bundles.members(small)[bundle.ESTIMATOR], trusted=[allowed.TREE, "numpy.dtype"])
    X, _ = bundles.data()
    np.testing.assert_array_equal(found.predict(X), bundle.load(small).estimator.predict(X))


def test_every_name_on_the_list_exists() -> None:
    for name in allowed.objects() | allowed.SCALARS | allowed.KEYS | {allowed.TREE}:
        module, _, attribute = name.rpartition(".")
        found = getattr(__import__(module, fromlist=[attribute]), attribute)
        assert allowed.name_of(found) == name


def test_saving_does_not_import_skops(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from sklearn.linear_model import Ridge; from isocenter import bundle\n"
        "from isocenter.cohort import Target, Task; from isocenter.model import Decision, Model\n"
        "model = Model(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), Target(Task.REGRESSION, 'y'), Decision(()))\n"
        "bundle.save(model, Path(sys.argv[1])); assert 'skops' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "m.iso")], check=True)


TRAIN = """
import sys
from pathlib import Path
import numpy as np, pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from isocenter import bundle, methods
from isocenter.cohort import Target, Task
from isocenter.model import Decision, Model
noise = [np.empty(int(n)) for n in np.random.default_rng(int(sys.argv[2])).integers(1, 5000, 500)]
for one in noise: one.fill(np.pi)
del noise[::2]
rng = np.random.default_rng(1)
X = pd.DataFrame(rng.normal(size=(90, 5)), columns=list("abcde"))
X.iloc[3, 2] = np.nan
y = (X["a"] > 0).to_numpy().astype(int)
method = methods.build(sys.argv[3], Task.CLASSIFICATION)
estimator = make_pipeline(SimpleImputer(), method).fit(X, y)
target = Target(Task.CLASSIFICATION, "y", ("0", "1"), "1")
bundle.save(Model(estimator, target, Decision(target.classes, "1"), {"name": "m"}), Path(sys.argv[1]))
"""


@pytest.mark.parametrize("method", ["forest", "boosting", "svm"])
def test_the_same_training_gives_the_same_bytes_in_every_process(method: str, tmp_path: Path) -> None:
    found = []
    for seed, threads in (("1", "1"), ("2", "3")):
        path = tmp_path / f"{seed}.iso"
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "LOKY_MAX_CPU_COUNT": threads}
        subprocess.run([sys.executable, "-c", TRAIN, str(path), seed, method], check=True, env=environment)
        found.append(bundles.members(path))
    assert found[0] == found[1]


def test_unused_bytes_of_records_are_not_saved() -> None:
    nodes = DecisionTreeClassifier(max_depth=2).fit(*bundles.clean()).tree_.__reduce__()[2]["nodes"]
    dirty = np.frombuffer(b"\xff" * nodes.nbytes, nodes.dtype).copy()
    for field in nodes.dtype.names:
        dirty[field] = nodes[field]
    assert writer._clean_nodes(dirty).tobytes() == writer._clean_nodes(nodes).tobytes()


def test_saving_leaves_the_model_alone_and_saves_no_folder(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    model = bundles.model(
        Pipeline([("i", SimpleImputer()), ("f", RandomForestClassifier(3, n_jobs=2))], memory=str(cache))
    )
    bundle.save(model, tmp_path / "m.iso")
    assert (model.estimator.memory, model.estimator[-1].n_jobs) == (str(cache), 2)
    assert not any(str(tmp_path).encode() in content for content in bundles.members(tmp_path / "m.iso").values())
    again = bundle.load(tmp_path / "m.iso").estimator
    assert (again.memory, again[-1].n_jobs) == (None, None)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_steps_store_is_not_saved(name: str, tmp_path: Path) -> None:
    module, _, attribute = FEATURES[name].partition(":")
    step = getattr(__import__(module, fromlist=[attribute]), attribute)
    settings: dict[str, Any] = {"columns": ("a",)} if "columns" in step._get_param_names() else {}
    if "store" in step._get_param_names():
        settings["store"] = str(tmp_path / "store")
    content = writer.dumps(step(**settings))
    assert str(tmp_path).encode() not in content
    assert isinstance(reader.loads(content), step)


class Stored(TransformerMixin, BaseEstimator):
    """A feature step with a store, as `isocenter.features` would have it."""

    def __init__(self, store: str | None = None) -> None:
        self.store = store

    def fit(self, X: Any, y: Any = None) -> Stored:
        return self

    def transform(self, X: Any) -> Any:
        return X


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Stored]]:
    module = ModuleType("isocenter.features.stored")
    module.Stored = Stored  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(Stored, "__module__", module.__name__)
    monkeypatch.setitem(FEATURES, "stored", f"{module.__name__}:Stored")
    allowed.objects.cache_clear()
    allowed.kinds.cache_clear()
    yield Stored
    allowed.objects.cache_clear()
    allowed.kinds.cache_clear()


def test_a_store_is_neither_saved_nor_taken_from_a_file(
    stored: type[Stored], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = stored(store=str(tmp_path / "store"))
    path = tmp_path / "m.iso"
    bundle.save(bundles.model(make_pipeline(step, SimpleImputer(), DecisionTreeClassifier())), path)
    assert step.store == str(tmp_path / "store")
    assert not any(str(tmp_path).encode() in content for content in bundles.members(path).values())
    assert bundle.load(path).estimator[0].store is None
    with monkeypatch.context() as forging:
        forging.setattr(allowed, "UNSAVED", frozenset())
        content = writer.dumps(step)
    with pytest.raises(UnsafeFile, match="sets 'store'"):
        bundle.load(bundles.forge(path, content))


def test_numbers_of_the_card_are_plain_json(tmp_path: Path) -> None:
    model = bundles.model(
        DummyClassifier(), low=np.float64(0.5), n=np.int64(3), nan=float("nan"), rows=np.arange(2), t=(1, 2)
    )
    bundle.save(model, tmp_path / "m.iso")
    card = bundle.load(tmp_path / "m.iso").card
    assert card == {"name": "m", "low": 0.5, "n": 3, "nan": None, "rows": [0, 1], "t": [1, 2]}
