"""A `.skops` file back to an estimator, after every node and array in it was looked at.

skops audits the types again when it builds them; this comes first because skops cannot look
into arrays, trusts more than a bundle needs, and follows sizes that a file only claims.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy

from isocenter import progress
from isocenter.bundle import allowed
from isocenter.bundle.archive import LARGEST
from isocenter.bundle.built import finish
from isocenter.bundle.trees import check_tree
from isocenter.bundle.writer import PROTOCOL, SCHEMA, State
from isocenter.errors import UnsafeFile

DEPTH = 100  # nodes inside nodes; a forest in a pipeline in a pipeline has about 20
LARGEST_SCHEMA = 512 * 2**20
_MEMBER = re.compile(r"[0-9]{1,9}\.npy|schema\.json")
_COMMON = {"__class__", "__module__", "__loader__", "protocol"}
_FIELDS: dict[str, set[str]] = {
    "JsonNode": {"content", "is_json"},
    "DictNode": {"content", "key_types"},
    "NdArrayNode": {"content", "shape", "type", "file"},
    "TreeNode": {"content", "__reduce__"},
    "TypeNode": set(),
}


def loads(content: bytes) -> Any:
    """The estimator. UnsafeFile names a type that is not on the list; other faults raise what they raise."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _check_members(archive, len(content))
        schema: State = json.loads(archive.read(SCHEMA))
        if schema.get("protocol") != PROTOCOL:
            raise ValueError(f"protocol {schema.get('protocol')!r}")
        checker = _Checker(archive)
        checker.check(schema)
    estimator = _build(content, sorted(checker.types))
    finish(estimator)
    return estimator


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if strange := [name for name in names if not _MEMBER.fullmatch(name)]:
        raise ValueError(f"a member with a strange name, {strange[0]!r}")
    if len(set(names)) != len(names) or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("members twice, or compressed")
    if sum(entry.file_size for entry in entries) > size or archive.getinfo(SCHEMA).file_size > LARGEST_SCHEMA:
        raise ValueError("members that claim more bytes than there are")


def _build(content: bytes, trusted: list[str]) -> Any:
    """What skops makes of it; `trusted`: the types that were found and are on the list."""
    from sklearn.exceptions import InconsistentVersionWarning
    from skops import io as skops

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = skops.loads(content, trusted=trusted)
    for one in caught:
        if isinstance(one.message, InconsistentVersionWarning):
            told = f"The model was fitted with scikit-learn {one.message.original_sklearn_version}, this is "
            progress.warning(f"{told}{one.message.current_sklearn_version}: predictions may differ in the last digits.")
            break
    return estimator


class _Checker:
    """Walks skops' tree of nodes without building anything."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.arrays: dict[str, int] = {}  # member -> bytes it decodes to
        self.types: set[str] = set()
        self.total = 0

    def check(self, node: Any, depth: int = 0) -> None:
        if depth > DEPTH:
            raise ValueError("nodes nested too deeply")
        kind = _kind(node)
        self.types.add(f"{node['__module__']}.{node['__class__']}")
        if kind == "NdArrayNode":
            self._claim(node)
        if kind == "ObjectNode":
            _check_unsaved(node)
        if kind == "JsonNode" and (not isinstance(node["content"], str) or node["content"][:1] in ("", "[", "{")):
            raise ValueError("a scalar that is none")
        for child in _children(kind, node):
            self.check(child, depth + 1)
        if kind == "TreeNode":
            check_tree(self._value(node["__reduce__"]["args"]), self._value(node["content"]))

    def _claim(self, node: State) -> None:
        """Count what the array will take, before anything allocates it."""
        if node["type"] != "numpy":
            return
        member = str(node["file"])
        if member not in self.arrays:
            self.arrays[member] = _array_bytes(self.archive.read(member))
        self.total += self.arrays[member]
        if self.total > LARGEST:
            raise ValueError("arrays that would fill the memory")

    def _value(self, node: State) -> Any:
        """What a node of plain values, already checked, stands for."""
        kind = node["__loader__"]
        if kind == "JsonNode":
            return json.loads(node["content"])
        if kind == "DictNode":
            return {key: self._value(one) for key, one in node["content"].items()}
        if kind in ("ListNode", "TupleNode"):
            return [self._value(one) for one in node["content"]]
        if kind == "NdArrayNode" and node["type"] == "numpy" and node["__class__"] == "ndarray":
            return np.load(io.BytesIO(self.archive.read(node["file"])), allow_pickle=False)
        raise ValueError(f"a {kind} where numbers belong")


def _kind(node: Any) -> str:
    """The node's kind; UnsafeFile where it would build something that is not on the list."""
    if not isinstance(node, dict):
        raise TypeError("a node that is none")
    kind, module, name = str(node["__loader__"]), str(node["__module__"]), str(node["__class__"])
    if "." in name or f"{module}.{name}" not in allowed.kinds().get(kind, frozenset()):
        raise UnsafeFile(
            f"The model would build {module}.{name} ({kind}), which is not on the list of types safe to load.",
            "It was not loaded. Use models that isocenter saved, from a source that you trust.",
        )
    if extra := set(node) - _COMMON - _FIELDS.get(kind, {"content"}):
        raise ValueError(f"a {kind} with {', '.join(sorted(extra))}")
    return kind


def _children(kind: str, node: State) -> Iterator[Any]:
    if kind in ("JsonNode", "TypeNode"):
        return
    content = node.get("content", [])
    if kind == "DictNode":
        yield node["key_types"]
        yield from content.values()
    elif kind in ("ListNode", "TupleNode", "NdArrayNode"):
        yield from content
        if "shape" in node:
            yield node["shape"]
    else:
        yield content
    if kind == "TreeNode":
        yield node["__reduce__"]["args"]


def _check_unsaved(node: State) -> None:
    """An estimator's folder and number of threads are not the file's to choose."""
    if node["content"]["__loader__"] != "DictNode":
        raise ValueError("an estimator without attributes")
    learned: Mapping[str, Any] = node["content"]["content"]
    for name in allowed.UNSAVED & set(learned):
        if learned[name].get("content") != "null":
            raise UnsafeFile(f"The model sets '{name}', which a file may not choose.", "It was not loaded.")


def _array_bytes(content: bytes) -> int:
    """Bytes of the array, from its header; ValueError where the header lies, UnsafeFile for objects."""
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise UnsafeFile("The model holds an array of pickled objects.", "It was not loaded.")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if any(length < 0 for length in shape) or size != len(content) - stream.tell():
        raise ValueError("an array whose header does not fit its bytes")
    return size
