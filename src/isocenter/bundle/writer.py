"""An estimator as a `.skops` file whose bytes depend on what was learned, and on nothing else.

skops' own `dumps` writes addresses of objects and random names into the file, and its import
takes a fifth of the time of a small run (it imports all of scikit-learn). This writes the same
format, protocol 2, that `skops.io.loads` reads, for the types in `allowed` only: arrays are
numbered by first appearance, equal arrays are written once, unused bytes are zero.
"""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isocenter.bundle import allowed
from isocenter.bundle.archive import zipped
from isocenter.errors import UnsafeFile

PROTOCOL = 2
SCHEMA = "schema.json"
State = dict[str, Any]


def dumps(estimator: object) -> bytes:
    """The content of a .skops file; UnsafeFile names a type that is not on the list."""
    writer = _Writer()
    schema = {**writer.state(estimator), "protocol": PROTOCOL}
    members = {f"{number}.npy": content for content, number in writer.arrays.items()}
    return zipped({**members, SCHEMA: json.dumps(schema, separators=(",", ":")).encode()}, level=None)


class _Writer:
    """Turns objects into skops' states and collects the arrays on the way."""

    def __init__(self) -> None:
        self.arrays: dict[bytes, int] = {}  # content -> number of its member

    def state(self, value: Any) -> State:
        if value is None or type(value) in (bool, int, float, str):
            return _node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)
        if type(value) is dict:
            return self._dict(value)
        if type(value) in (list, tuple):
            kind = "ListNode" if type(value) is list else "TupleNode"
            return _node(kind, allowed.name_of(type(value)), content=[self.state(one) for one in value])
        if type(value) is np.ndarray or isinstance(value, np.generic):
            return self._array(value)
        if isinstance(value, np.dtype):
            return _node("DTypeNode", "numpy.dtype", content=self._array(np.empty(0, value)))
        if isinstance(value, type) and allowed.name_of(value) in allowed.KEYS | allowed.SCALARS:
            return _node("TypeNode", allowed.name_of(value))
        return self._object(value)

    def _dict(self, value: dict[Any, Any]) -> State:
        types = self.state([type(key) for key in value])
        plain = {key.item() if isinstance(key, np.generic) else key: one for key, one in value.items()}
        return _node("DictNode", "builtins.dict", content={k: self.state(v) for k, v in plain.items()}, key_types=types)

    def _array(self, value: NDArray[Any] | np.generic) -> State:
        name = allowed.name_of(type(value))
        if isinstance(value, np.generic) and name not in allowed.SCALARS:
            raise _not_listed(name)
        if value.dtype == object:
            items = [self.state(one) for one in np.asarray(value).tolist()]
            return _node("NdArrayNode", name, type="json", content=items, shape=self.state(value.shape))
        buffer = io.BytesIO()
        np.save(buffer, _without_gaps(np.asarray(value)), allow_pickle=False)
        number = self.arrays.setdefault(buffer.getvalue(), len(self.arrays))
        return _node("NdArrayNode", name, type="numpy", file=f"{number}.npy")

    def _object(self, value: Any) -> State:
        name = allowed.name_of(type(value))
        if name == allowed.TREE:
            _, arguments, learned = value.__reduce__()
            content, reduced = self.state({**learned, "nodes": _clean_nodes(learned["nodes"])}), self.state(arguments)
            return _node("TreeNode", name, content=content, __reduce__={"args": reduced})
        if name not in allowed.objects():
            raise _not_listed(name)
        left_out = allowed.LEFT_OUT.get(name, frozenset())
        kept = {k: v for k, v in value.__getstate__().items() if k not in left_out}
        learned = {k: None if k in allowed.UNSAVED else v for k, v in kept.items()}
        return _node("ObjectNode", name, content=self.state(learned))


def _node(kind: str, name: str, **content: object) -> State:
    module, _, class_name = name.rpartition(".")
    return {"__class__": class_name, "__module__": module, "__loader__": kind, **content}


def _without_gaps(value: NDArray[Any]) -> NDArray[Any]:
    """Records have unused bytes between fields, with whatever was in memory: make them zero."""
    if value.dtype.names is None:
        return value
    clean = np.zeros(value.shape, value.dtype)
    for field in value.dtype.names:
        clean[field] = value[field]
    return clean


def _clean_nodes(nodes: NDArray[Any]) -> NDArray[Any]:
    """scikit-learn leaves this field of a leaf as it found the memory."""
    clean = _without_gaps(nodes)
    clean["missing_go_to_left"][clean["left_child"] < 0] = 0
    return clean


def _not_listed(name: str) -> UnsafeFile:
    return UnsafeFile(
        f"A model that contains {name} cannot be saved: that type is not on the list of those safe to load.",
        "Use scikit-learn's own forests, linear models, scalers and imputers, or predict without saving.",
    )
