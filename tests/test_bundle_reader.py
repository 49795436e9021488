"""Hostile bundles: the digests agree, the content does not. Nothing in them runs."""

from __future__ import annotations

import io
import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bundles
from isocenter import bundle
from isocenter.bundle import archive, reader
from isocenter.errors import DamagedBundle, UnsafeFile


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return bundles.small(tmp_path)


MARK = "touch ran-it"
RIDGE = "sklearn.linear_model._ridge.Ridge"
ARGS = bundles.list_of(bundles.text(MARK), kind="TupleNode", name="builtins.tuple")
NONE = bundles.text(None)


def _partial(function: str) -> dict[str, Any]:
    parts = {"func": bundles.node("FunctionNode", function), "args": ARGS, "kwds": bundles.dict_of(), "namespace": NONE}
    return bundles.node("PartialNode", "functools.partial", content=parts)


PAYLOADS: dict[str, tuple[bytes, str]] = {
    "os.system as function": (bundles.schema(bundles.node("FunctionNode", "os.system")), "os.system"),
    "posix.system as type": (bundles.schema(bundles.node("TypeNode", "posix.system")), "posix.system"),
    "eval as type": (bundles.schema(bundles.node("TypeNode", "builtins.eval")), "builtins.eval"),
    "subprocess by reduce": (
        bundles.schema(bundles.node("ConstructorFromReduceNode", "subprocess.Popen", content=ARGS)),
        "subprocess.Popen",
    ),
    "list by reduce": (
        bundles.schema(bundles.node("ConstructorFromReduceNode", "builtins.list", content=ARGS)),
        "builtins.list",
    ),
    "partial": (bundles.schema(_partial("os.system")), "functools.partial"),
    "partial as an attribute": (
        bundles.schema(bundles.object_of(RIDGE, predict=_partial("os.system"))),
        "functools.partial",
    ),
    "methodcaller": (
        bundles.schema(bundles.node("OperatorFuncNode", "operator.methodcaller", attrs=ARGS)),
        "operator.methodcaller",
    ),
    "bound method": (
        bundles.schema(bundles.node("MethodNode", RIDGE, content={"func": "fit", "obj": bundles.object_of(RIDGE)})),
        "Ridge",
    ),
    "os.system as a class": (bundles.schema(bundles.object_of("os.system")), "os.system"),
    "a transformer with a function": (
        bundles.schema(
            bundles.object_of(
                "sklearn.preprocessing._function_transformer.FunctionTransformer", func=_partial("os.system")
            )
        ),
        "FunctionTransformer",
    ),
    "a class name with a dot": (
        bundles.schema({**bundles.object_of(RIDGE), "__class__": "_ridge.Ridge", "__module__": "sklearn.linear_model"}),
        "Ridge",
    ),
    "a list built by a type": (bundles.schema(bundles.list_of(bundles.text(1), name="os.system")), "os.system"),
    "a set built by a type": (bundles.schema(bundles.node("SetNode", "builtins.eval", content=[])), "builtins.eval"),
    "a dict built by a type": (
        bundles.schema(bundles.node("DictNode", "os.system", content={}, key_types=bundles.list_of())),
        "os.system",
    ),
    "keys built by a function": (
        bundles.schema(
            bundles.node(
                "DictNode",
                "builtins.dict",
                content={MARK: bundles.text(1)},
                key_types=bundles.list_of(bundles.node("TypeNode", "posix.system")),
            )
        ),
        "posix.system",
    ),
    "a scalar built by a type": (
        bundles.schema(bundles.node("NdArrayNode", "os.system", type="numpy", file="0.npy")),
        "os.system",
    ),
    "bytes": (bundles.schema(bundles.node("BytesNode", "builtins.bytes", file="0.npy")), "bytes"),
    "a loss": (
        bundles.schema(bundles.node("LossNode", "os.system", content=bundles.dict_of(), __reduce__={"args": ARGS})),
        "os.system",
    ),
    "random generator": (
        bundles.schema(bundles.node("RandomGeneratorNode", "numpy.random.Generator", content={})),
        "Generator",
    ),
    "an unknown kind": (bundles.schema(bundles.node("EvilNode", RIDGE)), "EvilNode"),
    "an old protocol": (
        bundles.zipped({"schema.json": json.dumps({**bundles.object_of(RIDGE), "protocol": 0}).encode()}),
        "protocol",
    ),
    "a cached cycle": (
        bundles.schema({**bundles.list_of(bundles.node("CachedNode", "builtins.list")), "__id__": 1}),
        "ListNode",
    ),
    "another support vector machine": (bundles.schema(bundles.object_of("sklearn.svm._classes.NuSVC")), "NuSVC"),
    "half a support vector machine": (
        bundles.schema(bundles.object_of("sklearn.svm._classes.SVC", n_iter_=bundles.text(1))),
        "cannot be read",
    ),
    "a store to write to": (
        bundles.schema(bundles.object_of("sklearn.pipeline.Pipeline", memory=bundles.text("/tmp/evil"))),
        "memory",
    ),
    "a million threads": (bundles.schema(bundles.object_of(RIDGE, n_jobs=bundles.text(10**6))), "n_jobs"),
    "a pickle for JSON": (bundles.zipped({"schema.json": b"cos\nsystem\n(S'touch ran-it'\ntR."}), "cannot be read"),
    "a pickle for an array": (
        bundles.schema(
            bundles.node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy"),
            **{"0_npy": b"\x80\x04cos\nsys\n."},
        ),
        "cannot be read",
    ),
    "nesting": (bundles.zipped({"schema.json": b'{"content":' * 100_000 + b"1" + b"}" * 100_000}), "cannot be read"),
    "zip slip": (bundles.zipped({"../../evil.npy": b"x", "schema.json": b"{}"}), "strange name"),
    "an absolute name": (bundles.zipped({"/tmp/evil.npy": b"x", "schema.json": b"{}"}), "strange name"),
    "a compressed bomb": (bundles.zipped({"schema.json": b" " * 10**7}, zipfile.ZIP_DEFLATED), "compressed"),
    "not a zip": (b"\x80\x04.", "cannot be read"),
}


@pytest.mark.parametrize("what", PAYLOADS)
def test_hostile_estimators_do_not_run(what: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content, named = PAYLOADS[what]
    started = time.perf_counter()
    with pytest.raises((DamagedBundle, UnsafeFile), match=named):
        bundle.load(bundles.forge(small, content))
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
    node = bundles.node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy")
    with pytest.raises((DamagedBundle, UnsafeFile)):
        bundle.load(bundles.forge(small, bundles.schema(node, **{"0_npy": array})))


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
    node = bundles.node("NdArrayNode", "numpy.ndarray", type="numpy", file="0.npy")
    with pytest.raises(DamagedBundle, match="fill the memory"):
        bundle.load(
            bundles.forge(
                small, bundles.schema(bundles.list_of(*[node] * 20), **{"0_npy": _npy("<f8", (100,), bytes(800))})
            )
        )
