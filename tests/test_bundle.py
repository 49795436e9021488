"""A bundle gives back the same predictions, refuses every damaged byte, and runs nothing it holds."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile
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
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC
from sklearn.tree import DecisionTreeClassifier

from isocenter import bundle, methods
from isocenter.bundle import allowed, archive, reader, writer
from isocenter.cohort import Target, Task
from isocenter.errors import DamagedBundle, IsocenterError, MissingPath, NotWritable, OtherVersion, UnsafeFile
from isocenter.features import FEATURES
from isocenter.model import Decision, Model

TWO = Target(Task.CLASSIFICATION, "target", ("benign", "malignant"), "malignant", "declared")
THREE = Target(Task.CLASSIFICATION, "grade", ("1", "2", "3"))
SIZE = Target(Task.REGRESSION, "size")
GRADES = Target(Task.ORDINAL, "grade", ("low", "intermediate", "high"))
FINDINGS = Target(Task.MULTILABEL, "findings", ("edema", "effusion"))


def _data(n: int = 120, width: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(n, width)), columns=[f"f{i}" for i in range(width)])
    score = X["f0"].to_numpy() + 0.5 * rng.normal(size=n)
    return X.mask(rng.random(X.shape) < 0.05), score


def _model(estimator: Any, target: Target = TWO, **card: Any) -> Model:
    X, score = _data()
    y: Any = score
    if target.is_classes:
        y = np.digitize(score, np.linspace(-0.5, 0.5, len(target.classes) + 1)[1:-1])
    decision = Decision(target.classes, target.positive)
    if target.is_labels:
        y = np.column_stack([score > 0.2, score < 0.0]).astype(int)
        decision = Decision(target.classes, thresholds=(0.5, 0.3))
    return Model(estimator.fit(X, y), target, decision, {"name": "m", **card})


def _method(name: str, target: Target) -> Any:
    return make_pipeline(SimpleImputer(), methods.build(name, target.task))


def _members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def _forge(path: Path, estimator: bytes) -> Path:
    """The bundle at `path` with another estimator and a manifest that agrees."""
    content = archive.pack({bundle.CARD: _members(path)[bundle.CARD], bundle.ESTIMATOR: estimator})
    path.write_bytes(content)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.iso"
    bundle.save(_model(make_pipeline(SimpleImputer(), DecisionTreeClassifier(max_depth=2))), path)
    return path


ROUND_TRIPS: dict[str, Callable[[], tuple[Any, Target]]] = {
    "forest": lambda: (make_pipeline(SimpleImputer(), RandomForestClassifier(20, random_state=0)), TWO),
    "300 trees": lambda: (make_pipeline(SimpleImputer(), RandomForestClassifier(300, random_state=0)), TWO),
    "forest, NaN inside": lambda: (RandomForestClassifier(20, random_state=0), TWO),
    "three classes": lambda: (make_pipeline(SimpleImputer(), RandomForestClassifier(20, random_state=0)), THREE),
    "forest, values": lambda: (RandomForestRegressor(20, random_state=0), SIZE),
    "logistic": lambda: (make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), TWO),
    "logistic, three": lambda: (make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), THREE),
    "ridge": lambda: (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), Ridge()), SIZE),
    "floor": lambda: (DummyClassifier(strategy="prior"), THREE),
    "nested": lambda: (
        Pipeline(
            [
                ("union", FeatureUnion([("a", SimpleImputer()), ("b", SimpleImputer(strategy="median"))])),
                ("method", make_pipeline(StandardScaler(), LogisticRegression())),
            ]
        ),
        TWO,
    ),
    **{
        f"{name}, {target.task.value} of {len(target.classes)}": lambda name=name, target=target: (
            _method(name, target),
            target,
        )
        for name in ("boosting", "svm")
        for target in (TWO, THREE, SIZE, GRADES, FINDINGS)
    },
    "boosting, NaN inside": lambda: (HistGradientBoostingClassifier(max_iter=20), TWO),
    "grades, forest": lambda: (_method("forest", GRADES), GRADES),
    "labels, linear": lambda: (_method("linear", FINDINGS), FINDINGS),
    "labels, floor": lambda: (_method("majority", FINDINGS), FINDINGS),
    "one hot": lambda: (make_pipeline(OneHotEncoder(handle_unknown="ignore", dtype=np.float64), Ridge()), SIZE),
}


@pytest.mark.parametrize("what", ROUND_TRIPS)
def test_a_round_trip_predicts_the_same(what: str, tmp_path: Path) -> None:
    model = _model(*ROUND_TRIPS[what](), seed=7, parameters={"depth": None})
    bundle.save(model, tmp_path / "m.iso")
    again = bundle.load(tmp_path / "m.iso")
    X, _ = _data()
    pd.testing.assert_frame_equal(again.predict(X).table(), model.predict(X).table(), check_exact=True)
    assert (again.target, again.decision, again.card) == (model.target, model.decision, model.card)


def test_skops_itself_reads_what_is_written(small: Path) -> None:
    from skops import io as skops

    found = skops.loads(_members(small)[bundle.ESTIMATOR], trusted=[allowed.TREE, "numpy.dtype"])
    X, _ = _data()
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
        found.append(_members(path))
    assert found[0] == found[1]


def test_unused_bytes_of_records_are_not_saved() -> None:
    nodes = DecisionTreeClassifier(max_depth=2).fit(*_clean()).tree_.__reduce__()[2]["nodes"]
    dirty = np.frombuffer(b"\xff" * nodes.nbytes, nodes.dtype).copy()
    for field in nodes.dtype.names:
        dirty[field] = nodes[field]
    assert writer._clean_nodes(dirty).tobytes() == writer._clean_nodes(nodes).tobytes()


def _clean() -> tuple[np.ndarray, np.ndarray]:
    X, score = _data()
    return X.fillna(0.0).to_numpy(), (score > 0).astype(int)


def test_saving_leaves_the_model_alone_and_saves_no_folder(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    model = _model(Pipeline([("i", SimpleImputer()), ("f", RandomForestClassifier(3, n_jobs=2))], memory=str(cache)))
    bundle.save(model, tmp_path / "m.iso")
    assert (model.estimator.memory, model.estimator[-1].n_jobs) == (str(cache), 2)
    assert not any(str(tmp_path).encode() in content for content in _members(tmp_path / "m.iso").values())
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
    bundle.save(_model(make_pipeline(step, SimpleImputer(), DecisionTreeClassifier())), path)
    assert step.store == str(tmp_path / "store")
    assert not any(str(tmp_path).encode() in content for content in _members(path).values())
    assert bundle.load(path).estimator[0].store is None
    with monkeypatch.context() as forging:
        forging.setattr(allowed, "UNSAVED", frozenset())
        content = writer.dumps(step)
    with pytest.raises(UnsafeFile, match="sets 'store'"):
        bundle.load(_forge(path, content))


def test_numbers_of_the_card_are_plain_json(tmp_path: Path) -> None:
    model = _model(DummyClassifier(), low=np.float64(0.5), n=np.int64(3), nan=float("nan"), rows=np.arange(2), t=(1, 2))
    bundle.save(model, tmp_path / "m.iso")
    card = bundle.load(tmp_path / "m.iso").card
    assert card == {"name": "m", "low": 0.5, "n": 3, "nan": None, "rows": [0, 1], "t": [1, 2]}


# Damage


def test_every_flipped_byte_is_found(small: Path) -> None:
    content = bytearray(small.read_bytes())
    assert archive.unpack(bytes(content), bundle.MEMBERS)
    for place in range(len(content)):
        content[place] ^= 1 << (place % 8)
        with pytest.raises(DamagedBundle):
            archive.unpack(bytes(content), bundle.MEMBERS)
        content[place] ^= 1 << (place % 8)


@pytest.mark.parametrize("member", [archive.MANIFEST, bundle.CARD, bundle.ESTIMATOR])
def test_a_flipped_byte_in_a_member_is_found_though_the_zip_is_sound(small: Path, member: str) -> None:
    members = _members(small)
    spot = members[member].index(b"a")
    members[member] = members[member][:spot] + b"e" + members[member][spot + 1 :]
    small.write_bytes(_sealed(archive.zipped(members, level=1, comment=b"0" * 64)))
    with pytest.raises(DamagedBundle):
        bundle.load(small)


def _sealed(content: bytes) -> bytes:
    return content[:-64] + archive.sha256(content[:-64]).encode()


@pytest.mark.parametrize("length", [0, 3, 100, -1, -70])
def test_a_truncated_bundle_is_refused(small: Path, length: int) -> None:
    small.write_bytes(small.read_bytes()[:length])
    with pytest.raises(DamagedBundle):
        bundle.load(small)


def test_extra_missing_and_doubled_members_are_refused(small: Path) -> None:
    members = _members(small)
    for change in ({**members, "../evil.txt": b"x"}, {k: members[k] for k in (archive.MANIFEST, bundle.CARD)}):
        small.write_bytes(_sealed(archive.zipped(change, level=1, comment=b"0" * 64)))
        with pytest.raises(DamagedBundle, match="members"):
            bundle.load(small)
    for names in (["../evil.txt"], ["/etc/passwd"], ["estimator.skops/../x"], ["C:\\x"], ["estimator.pkl"]):
        small.write_bytes(archive.pack({**{n: members[n] for n in bundle.MEMBERS}, **dict.fromkeys(names, b"x")}))
        with pytest.raises(DamagedBundle, match="members"):
            bundle.load(small)
    assert sorted(p.name for p in small.parent.iterdir()) == ["small.iso"]


def test_other_files_and_paths_have_their_own_message(tmp_path: Path) -> None:
    with pytest.raises(MissingPath):
        bundle.load(tmp_path / "nothing.iso")
    (tmp_path / "text.iso").write_text("hello")
    with pytest.raises(DamagedBundle, match="not a model bundle"):
        bundle.load(tmp_path / "text.iso")


def test_a_later_format_says_so(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    members = _members(small)
    monkeypatch.setattr(archive, "VERSION", 2)
    content = archive.pack({name: members[name] for name in (bundle.CARD, bundle.ESTIMATOR)})
    monkeypatch.undo()
    small.write_bytes(content)
    with pytest.raises(OtherVersion, match="version 2"):
        bundle.load(small)


def test_a_disk_that_refuses_leaves_the_old_bundle(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.read_bytes()

    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(NotWritable):
        bundle.save(_model(DummyClassifier()), small)
    monkeypatch.undo()
    assert small.read_bytes() == before
    assert [p.name for p in small.parent.iterdir()] == ["small.iso"]


# Malice: the digests agree, the content does not


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def _schema(node: dict[str, Any], **members: bytes) -> bytes:
    files = {name.replace("_", "."): content for name, content in members.items()}
    return _zip({**files, "schema.json": json.dumps({**node, "protocol": 2}).encode()})


def _node(kind: str, name: str, **content: Any) -> dict[str, Any]:
    module, _, class_name = name.rpartition(".")
    return {"__class__": class_name, "__module__": module, "__loader__": kind, **content}


def _text(value: Any) -> dict[str, Any]:
    return _node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def _list(*nodes: dict[str, Any], kind: str = "ListNode", name: str = "builtins.list") -> dict[str, Any]:
    return _node(kind, name, content=list(nodes))


def _dict(**nodes: dict[str, Any]) -> dict[str, Any]:
    types = _list(*(_node("TypeNode", "builtins.str") for _ in nodes))
    return _node("DictNode", "builtins.dict", content=nodes, key_types=types)


def _object(name: str, **learned: dict[str, Any]) -> dict[str, Any]:
    return _node("ObjectNode", name, content=_dict(**learned))


MARK = "touch ran-it"
RIDGE = "sklearn.linear_model._ridge.Ridge"
ARGS = _list(_text(MARK), kind="TupleNode", name="builtins.tuple")
NONE = _text(None)


def _partial(function: str) -> dict[str, Any]:
    parts = {"func": _node("FunctionNode", function), "args": ARGS, "kwds": _dict(), "namespace": NONE}
    return _node("PartialNode", "functools.partial", content=parts)


PAYLOADS: dict[str, tuple[bytes, str]] = {
    "os.system as function": (_schema(_node("FunctionNode", "os.system")), "os.system"),
    "posix.system as type": (_schema(_node("TypeNode", "posix.system")), "posix.system"),
    "eval as type": (_schema(_node("TypeNode", "builtins.eval")), "builtins.eval"),
    "subprocess by reduce": (
        _schema(_node("ConstructorFromReduceNode", "subprocess.Popen", content=ARGS)),
        "subprocess.Popen",
    ),
    "list by reduce": (_schema(_node("ConstructorFromReduceNode", "builtins.list", content=ARGS)), "builtins.list"),
    "partial": (_schema(_partial("os.system")), "functools.partial"),
    "partial as an attribute": (
        _schema(_object(RIDGE, predict=_partial("os.system"))),
        "functools.partial",
    ),
    "methodcaller": (_schema(_node("OperatorFuncNode", "operator.methodcaller", attrs=ARGS)), "operator.methodcaller"),
    "bound method": (
        _schema(_node("MethodNode", RIDGE, content={"func": "fit", "obj": _object(RIDGE)})),
        "Ridge",
    ),
    "os.system as a class": (_schema(_object("os.system")), "os.system"),
    "a transformer with a function": (
        _schema(_object("sklearn.preprocessing._function_transformer.FunctionTransformer", func=_partial("os.system"))),
        "FunctionTransformer",
    ),
    "a class name with a dot": (
        _schema({**_object(RIDGE), "__class__": "_ridge.Ridge", "__module__": "sklearn.linear_model"}),
        "Ridge",
    ),
    "a list built by a type": (_schema(_list(_text(1), name="os.system")), "os.system"),
    "a set built by a type": (_schema(_node("SetNode", "builtins.eval", content=[])), "builtins.eval"),
    "a dict built by a type": (
        _schema(_node("DictNode", "os.system", content={}, key_types=_list())),
        "os.system",
    ),
    "keys built by a function": (
        _schema(
            _node(
                "DictNode",
                "builtins.dict",
                content={MARK: _text(1)},
                key_types=_list(_node("TypeNode", "posix.system")),
            )
        ),
        "posix.system",
    ),
    "a scalar built by a type": (
        _schema(_node("NdArrayNode", "os.system", type="numpy", file="0.npy")),
        "os.system",
    ),
    "bytes": (_schema(_node("BytesNode", "builtins.bytes", file="0.npy")), "bytes"),
    "a loss": (
        _schema(_node("LossNode", "os.system", content=_dict(), __reduce__={"args": ARGS})),
        "os.system",
    ),
    "random generator": (_schema(_node("RandomGeneratorNode", "numpy.random.Generator", content={})), "Generator"),
    "an unknown kind": (_schema(_node("EvilNode", RIDGE)), "EvilNode"),
    "an old protocol": (_zip({"schema.json": json.dumps({**_object(RIDGE), "protocol": 0}).encode()}), "protocol"),
    "a cached cycle": (_schema({**_list(_node("CachedNode", "builtins.list")), "__id__": 1}), "ListNode"),
    "another support vector machine": (_schema(_object("sklearn.svm._classes.NuSVC")), "NuSVC"),
    "half a support vector machine": (_schema(_object("sklearn.svm._classes.SVC", n_iter_=_text(1))), "cannot be read"),
    "a store to write to": (_schema(_object("sklearn.pipeline.Pipeline", memory=_text("/tmp/evil"))), "memory"),
    "a million threads": (_schema(_object(RIDGE, n_jobs=_text(10**6))), "n_jobs"),
    "a pickle for JSON": (_zip({"schema.json": b"cos\nsystem\n(S'touch ran-it'\ntR."}), "cannot be read"),
    "a pickle for an array": (
        _schema(_node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy"), **{"0_npy": b"\x80\x04cos\nsys\n."}),
        "cannot be read",
    ),
    "nesting": (_zip({"schema.json": b'{"content":' * 100_000 + b"1" + b"}" * 100_000}), "cannot be read"),
    "zip slip": (_zip({"../../evil.npy": b"x", "schema.json": b"{}"}), "strange name"),
    "an absolute name": (_zip({"/tmp/evil.npy": b"x", "schema.json": b"{}"}), "strange name"),
    "a compressed bomb": (_zip({"schema.json": b" " * 10**7}, zipfile.ZIP_DEFLATED), "compressed"),
    "not a zip": (b"\x80\x04.", "cannot be read"),
}


@pytest.mark.parametrize("what", PAYLOADS)
def test_hostile_estimators_do_not_run(what: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, named = PAYLOADS[what]
    started = time.perf_counter()
    with pytest.raises((DamagedBundle, UnsafeFile), match=named):
        bundle.load(_forge(small, content))
    assert time.perf_counter() - started < 1.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["small.iso"]


def _npy(descr: str, shape: tuple[int, ...], data: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + data


@pytest.mark.parametrize(
    "array",
    [
        _npy("|O", (1,), b"\x80\x04."),
        _npy("<f8", (10**12,)),
        _npy("<f8", (-1, -8), b"0" * 64),
        _npy("<f8", (2,), b"0" * 8),
    ],
    ids=["objects", "terabytes", "negative", "short"],
)
def test_arrays_that_lie_are_refused(array: bytes, small: Path) -> None:
    node = _node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy")
    with pytest.raises((DamagedBundle, UnsafeFile)):
        bundle.load(_forge(small, _schema(node, **{"0_npy": array})))


def test_a_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.iso"
    bomb.write_bytes(archive.pack({bundle.CARD: b"{}", bundle.ESTIMATOR: bytes(300 * 2**20)}))
    assert bomb.stat().st_size < 2 * 2**20
    started = time.perf_counter()
    with pytest.raises(DamagedBundle, match="too much"):
        bundle.load(bomb)
    assert time.perf_counter() - started < 1.0


def test_one_array_named_many_times_is_counted_each_time(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LARGEST", 10_000)
    node = _node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy")
    with pytest.raises(DamagedBundle, match="fill the memory"):
        bundle.load(_forge(small, _schema(_list(*[node] * 20), **{"0_npy": _npy("<f8", (100,), bytes(800))})))


# Trees


Change = Callable[[Any, Any], None]


def _nodes(field: str, row: int, value: float) -> Change:
    def change(nodes: Any, schema: Any) -> None:
        nodes[field][row] = value

    return change


def _argument(position: int, value: int) -> Change:
    def change(nodes: Any, schema: Any) -> None:
        _tree(schema)["__reduce__"]["args"]["content"][position] = _text(value)

    return change


def _field(name: str, value: int) -> Change:
    def change(nodes: Any, schema: Any) -> None:
        _tree(schema)["content"]["content"][name] = _text(value)

    return change


def _width(nodes: Any, schema: Any) -> None:
    """The estimator lets fewer features through than its tree asks for."""
    _estimator(schema)["content"]["content"]["n_features_in_"] = _text(1)


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
    inner = _inner(small)
    schema = json.loads(inner["schema.json"])
    member = _tree(schema)["content"]["content"]["nodes"]["file"]
    nodes = np.load(io.BytesIO(inner[member]))
    LIES[lie](nodes, schema)
    buffer = io.BytesIO()
    np.save(buffer, nodes)
    content = _zip({**inner, member: buffer.getvalue(), "schema.json": json.dumps(schema).encode()})
    with pytest.raises(DamagedBundle, match="decision tree"):
        bundle.load(_forge(small, content))


def _inner(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(_members(path)[bundle.ESTIMATOR])) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_forgery_of_these_tests_loads_when_nothing_is_changed(small: Path) -> None:
    X, _ = _data()
    before = bundle.load(small).predict(X).proba
    np.testing.assert_array_equal(bundle.load(_forge(small, _zip(_inner(small)))).predict(X).proba, before)


def test_a_forest_with_a_tree_for_more_features_is_refused(tmp_path: Path) -> None:
    X, y = _clean()
    forest = RandomForestClassifier(3, random_state=0).fit(X[:, :2], y)
    forest.estimators_[1] = DecisionTreeClassifier().fit(X, y)
    path = tmp_path / "m.iso"
    bundle.save(Model(forest, TWO, Decision(TWO.classes)), path)
    with pytest.raises(DamagedBundle, match="number of features"):
        bundle.load(path)


def test_the_card_must_fit_the_estimator(tmp_path: Path) -> None:
    bundle.save(_model(make_pipeline(SimpleImputer(), Ridge()), SIZE, feature_names=list("abcdef")), tmp_path / "a.iso")
    assert bundle.load(tmp_path / "a.iso").card["feature_names"] == list("abcdef")
    bundle.save(_model(make_pipeline(SimpleImputer(), Ridge()), SIZE, feature_names=list("abc")), tmp_path / "b.iso")
    with pytest.raises(DamagedBundle, match="names 3 features, the estimator takes 6"):
        bundle.load(tmp_path / "b.iso")


@pytest.mark.parametrize(
    "estimator", [NuSVC(), make_pipeline(FunctionTransformer(np.nan_to_num), LogisticRegression())]
)
def test_what_could_not_be_loaded_is_not_saved(estimator: Any, tmp_path: Path) -> None:
    X, y = _clean()
    with pytest.raises(UnsafeFile, match=r"SVC|FunctionTransformer"):
        bundle.save(Model(estimator.fit(X, y), TWO, Decision(TWO.classes)), tmp_path / "m.iso")
    assert not (tmp_path / "m.iso").exists()


def test_random_damage_never_escapes_as_another_error(small: Path) -> None:
    """Inside the seal: 300 random changes of the estimator's own bytes, digests made to agree."""
    rng = np.random.default_rng(0)
    estimator = _members(small)[bundle.ESTIMATOR]
    for _ in range(300):
        content = bytearray(estimator)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        try:
            model = bundle.load(_forge(small, bytes(content)))
            model.estimator[-1].tree_.predict(np.zeros((2, 6), np.float32))
        except (IsocenterError, AttributeError, ValueError):
            continue


# Boosting, support vector machines, grades and labels: changed before saving, for the writer checks types only.


def _boosting() -> Any:
    X, y = _clean()
    return HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5).fit(X, y)


def _boosted(field: str, row: int, value: float) -> Callable[[], Any]:
    def made() -> Any:
        model = _boosting()
        model._predictors[1][0].nodes[field][row] = value
        return model

    return made


def _changed(estimator: Any, **values: Any) -> Callable[[], Any]:
    def made() -> Any:
        X, y = _clean()
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
    bundle.save(Model(BENT[what](), TWO, Decision(TWO.classes)), path)
    with pytest.raises((DamagedBundle, UnsafeFile)):
        bundle.load(path)


@pytest.mark.parametrize(
    "kind",
    [HistGradientBoostingClassifier, HistGradientBoostingRegressor, SVC, lambda: methods.build("svm", Task.ORDINAL)],
)
def test_what_the_attacks_bend_loads_when_it_is_straight(kind: Any, tmp_path: Path) -> None:
    found = _changed(kind)()
    X, _ = _clean()
    bundle.save(Model(found, TWO, Decision(TWO.classes)), tmp_path / "m.iso")
    again = bundle.load(tmp_path / "m.iso").estimator
    np.testing.assert_array_equal(again.predict(X), found.predict(X))


def test_boosting_does_not_take_its_loss_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _boosting()
    X, _ = _clean()
    expected = model.predict_proba(X)
    with monkeypatch.context() as forging:
        forging.setattr(allowed, "LEFT_OUT", {})
        model._loss, model._bin_mapper, model._label_encoder = StandardScaler(), None, None
        model._feature_subsample_rng = model._random_seed = None
        bundle.save(Model(model, TWO, Decision(TWO.classes)), tmp_path / "m.iso")
    np.testing.assert_array_equal(bundle.load(tmp_path / "m.iso").estimator.predict_proba(X), expected)
