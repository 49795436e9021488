"""Models to save, and bundles forged by hand: what the tests of bundles share."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from isocenter import bundle, methods
from isocenter.bundle import archive
from isocenter.cohort import Target, Task
from isocenter.model import Decision, Model

TWO = Target(Task.CLASSIFICATION, "target", ("benign", "malignant"), "malignant", "declared")
THREE = Target(Task.CLASSIFICATION, "grade", ("1", "2", "3"))
SIZE = Target(Task.REGRESSION, "size")
GRADES = Target(Task.ORDINAL, "grade", ("low", "intermediate", "high"))
FINDINGS = Target(Task.MULTILABEL, "findings", ("edema", "effusion"))


def data(n: int = 120, width: int = 6) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(n, width)), columns=[f"f{i}" for i in range(width)])
    score = X["f0"].to_numpy() + 0.5 * rng.normal(size=n)
    return X.mask(rng.random(X.shape) < 0.05), score


def model(estimator: Any, target: Target = TWO, **card: Any) -> Model:
    X, score = data()
    y: Any = score
    if target.is_classes:
        y = np.digitize(score, np.linspace(-0.5, 0.5, len(target.classes) + 1)[1:-1])
    decision = Decision(target.classes, target.positive)
    if target.is_labels:
        y = np.column_stack([score > 0.2, score < 0.0]).astype(int)
        decision = Decision(target.classes, thresholds=(0.5, 0.3))
    return Model(estimator.fit(X, y), target, decision, {"name": "m", **card})


def method(name: str, target: Target) -> Any:
    return make_pipeline(SimpleImputer(), methods.build(name, target.task))


def clean() -> tuple[np.ndarray, np.ndarray]:
    X, score = data()
    return X.fillna(0.0).to_numpy(), (score > 0).astype(int)


def small(folder: Path) -> Path:
    """A saved tree of two levels."""
    path = folder / "small.iso"
    bundle.save(model(make_pipeline(SimpleImputer(), DecisionTreeClassifier(max_depth=2))), path)
    return path


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def inner(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(members(path)[bundle.ESTIMATOR])) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def forge(path: Path, estimator: bytes) -> Path:
    """The bundle at `path` with another estimator and a manifest that agrees."""
    content = archive.pack({bundle.CARD: members(path)[bundle.CARD], bundle.ESTIMATOR: estimator})
    path.write_bytes(content)
    return path


def sealed(content: bytes) -> bytes:
    return content[:-64] + archive.sha256(content[:-64]).encode()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return buffer.getvalue()


def schema(node: dict[str, Any], **members: bytes) -> bytes:
    files = {name.replace("_", "."): content for name, content in members.items()}
    return zipped({**files, "schema.json": json.dumps({**node, "protocol": 2}).encode()})


def node(kind: str, name: str, **content: Any) -> dict[str, Any]:
    module, _, class_name = name.rpartition(".")
    return {"__class__": class_name, "__module__": module, "__loader__": kind, **content}


def text(value: Any) -> dict[str, Any]:
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def list_of(*nodes: dict[str, Any], kind: str = "ListNode", name: str = "builtins.list") -> dict[str, Any]:
    return node(kind, name, content=list(nodes))


def dict_of(**nodes: dict[str, Any]) -> dict[str, Any]:
    types = list_of(*(node("TypeNode", "builtins.str") for _ in nodes))
    return node("DictNode", "builtins.dict", content=nodes, key_types=types)


def object_of(name: str, **learned: dict[str, Any]) -> dict[str, Any]:
    return node("ObjectNode", name, content=dict_of(**learned))
