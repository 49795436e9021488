"""Computed once: by whom, after what kill, from which damaged shard."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from isocenter import store
from isocenter.errors import NotWritable
from isocenter.store import Row, Store


class Counting:
    """Computes a row per position and remembers which it was asked for."""

    def __init__(self, row: Row | None = None, skip: Sequence[int] = ()) -> None:
        self.asked: list[int] = []
        self.row = row
        self.skip = skip

    def __call__(self, positions: Sequence[int]) -> Iterator[tuple[int, Row]]:
        for position in positions:
            self.asked.append(position)
            if position not in self.skip:
                yield position, self.row or {"value": position * 1.5, "text": f"t{position}"}


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_second_call_computes_nothing(tmp_path: Path, on_disk: bool) -> None:
    path = tmp_path if on_disk else None
    first, again = Counting(), Counting()
    rows = Store(path).rows("step", 1, {"a": 1}, ["x", "y", "z"], first)
    assert rows == [{"value": i * 1.5, "text": f"t{i}"} for i in range(3)]
    if on_disk:
        store.forget()
    assert Store(path).rows("step", 1, {"a": 1}, ["z", "x"], again) == [rows[2], rows[0]]
    assert (first.asked, again.asked) == ([0, 1, 2], [])


def test_only_the_missing_are_computed_and_equal_bytes_once(tmp_path: Path) -> None:
    Store(tmp_path).rows("step", 1, {}, ["x"], Counting())
    more = Counting()
    rows = Store(tmp_path).rows("step", 1, {}, ["x", "y", "y", "z"], more)
    assert more.asked == [1, 3]
    assert rows[1] == rows[2]


@pytest.mark.parametrize(
    "step, version, parameters", [("other", 1, {"a": (1, 2)}), ("step", 2, {"a": (1, 2)}), ("step", 1, {"a": (1, 3)})]
)
def test_another_step_version_or_parameter_is_another_result(
    tmp_path: Path, step: str, version: int, parameters: dict[str, object]
) -> None:
    Store(tmp_path).rows("step", 1, {"a": (1, 2), "b": None}, ["x"], Counting())
    same, other = Counting(), Counting()
    Store(tmp_path).rows("step", 1, {"b": None, "a": (1, 2)}, ["x"], same)
    Store(tmp_path).rows(step, version, {**parameters, "b": None}, ["x"], other)
    assert (same.asked, other.asked) == ([], [0])


def test_values_come_back_exactly(tmp_path: Path) -> None:
    row: Row = {
        "float": 0.1 + 0.2, "tiny": 5e-324, "nan": math.nan, "int": 2**62, "text": "µ–\n", "bool": True,
        "bytes": b"\x00\xff", "none": None,
    }  # fmt: skip
    made = Store(tmp_path).rows("s", 1, {}, ["x"], Counting(row))
    store.forget()
    read = Store(tmp_path).rows("s", 1, {}, ["x"], Counting())
    for (found,) in (made, read):
        assert found is not None
        assert math.isnan(float(str(found["nan"])))
        assert {k: v for k, v in found.items() if k != "nan"} == {
            k: v for k, v in row.items() if k not in ("nan", "none")
        }
        assert [type(found[k]) for k in ("int", "bool", "bytes")] == [int, bool, bytes]


def test_rows_with_different_columns_share_a_shard(tmp_path: Path) -> None:
    def compute(positions: Sequence[int]) -> Iterator[tuple[int, Row]]:
        yield 0, {"a": 1.0}
        yield 1, {"b": "x"}

    Store(tmp_path).rows("s", 1, {}, ["x", "y"], compute)
    store.forget()
    assert Store(tmp_path).rows("s", 1, {}, ["x", "y"], Counting()) == [{"a": 1.0}, {"b": "x"}]


def test_what_gave_no_row_is_tried_again(tmp_path: Path) -> None:
    again = Counting()
    assert Store(tmp_path).rows("s", 1, {}, ["x", "y"], Counting(skip=[1]))[1] is None
    assert Store(tmp_path).rows("s", 1, {}, ["x", "y"], again)[1] is not None
    assert again.asked == [1]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "garbage"])
def test_a_damaged_shard_is_computed_again(tmp_path: Path, damage: str) -> None:
    Store(tmp_path).rows("s", 1, {}, ["x", "y"], Counting())
    (shard,) = shards(tmp_path)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(
        {"truncated": bytes(content[:50]), "flipped": bytes(content), "empty": b"", "garbage": b"PAR1" * 9}[damage]
    )
    store.forget()
    again = Counting()
    assert Store(tmp_path).rows("s", 1, {}, ["x", "y"], again)[0] == {"value": 0.0, "text": "t0"}
    assert again.asked == [0, 1]
    store.forget()
    assert Store(tmp_path).rows("s", 1, {}, ["x"], Counting(skip=[0]))[0] is not None


def test_a_shard_that_vanishes_while_it_is_read_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path).rows("s", 1, {}, ["x"], Counting())
    store.forget()
    monkeypatch.setattr(Path, "read_bytes", lambda self: (_ for _ in ()).throw(FileNotFoundError(self)))
    again = Counting()
    assert Store(tmp_path).rows("s", 1, {}, ["x"], again)[0] is not None
    assert again.asked == [0]


def test_a_deleted_store_is_made_again(tmp_path: Path) -> None:
    import shutil

    Store(tmp_path / "store").rows("s", 1, {}, ["x"], Counting())
    shutil.rmtree(tmp_path / "store")
    store.forget()
    assert Store(tmp_path / "store").rows("s", 1, {}, ["x"], Counting())[0] is not None
    assert shards(tmp_path)


def test_many_rows_make_few_shards(tmp_path: Path) -> None:
    digests = [str(i) for i in range(2 * store.SHARD_ROWS + 1)]
    Store(tmp_path).rows("s", 1, {}, digests, Counting())
    assert len(shards(tmp_path)) == 3


def test_what_was_finished_before_a_bug_is_kept(tmp_path: Path) -> None:
    def compute(positions: Sequence[int]) -> Iterator[tuple[int, Row]]:
        yield 0, {"a": 1.0}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Store(tmp_path).rows("s", 1, {}, ["x", "y"], compute)
    store.forget()
    again = Counting()
    Store(tmp_path).rows("s", 1, {}, ["x", "y"], again)
    assert again.asked == [1]


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotWritable):
        Store(tmp_path / "file" / "store").rows("s", 1, {}, ["x"], Counting())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MOST_VALUES", 10)
    for n in range(8):
        Store().rows("s", n, {}, ["x", "y"], Counting())
    assert sum(known.size for known in store._memory.values()) <= 10


WORKER = """
import sys, time
from pathlib import Path
from isocenter import store
store.SHARD_SECONDS = 0.1
log = Path(sys.argv[2]).open("a", buffering=1)
def compute(positions):
    for position in positions:
        time.sleep(0.02)
        log.write(f"{position}\\n")
        yield position, {"value": position * 1.5}
print(len(store.Store(sys.argv[1]).rows("s", 1, {}, [str(i) for i in range(60)], compute)))
"""


def test_kill_9_loses_only_the_last_moments(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", WORKER, str(tmp_path / "store"), str(log)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not log.exists() or len(log.read_text().splitlines()) < 25:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = len(log.read_text().splitlines())
    assert not any("partial" in p.name for p in shards(tmp_path) if not p.name.startswith("."))
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "60\n"
    twice = len(log.read_text().splitlines()) - 60
    assert before >= 25
    assert twice <= 12  # 0.1 s of work, and a shard that was being written


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", WORKER, str(tmp_path / "store"), str(tmp_path / f"log{i}")] for i in (0, 1)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    assert [process.communicate()[0] for process in running] == ["60\n", "60\n"]
    rows = Store(tmp_path / "store").rows("s", 1, {}, [str(i) for i in range(60)], Counting(skip=range(60)))
    assert rows == [{"value": i * 1.5} for i in range(60)]


def test_a_costly_row_is_kept_at_once_and_gathered_later(tmp_path: Path) -> None:
    for i in range(70):
        Store(tmp_path).keep("step", 1, {"a": 1}, f"d{i}", {"value": i * 1.5, "nothing": None})
    assert len(shards(tmp_path)) == 70
    again = Counting()
    digests = [f"d{i}" for i in range(70)]
    rows = Store(tmp_path).rows("step", 1, {"a": 1}, digests, again)
    assert again.asked == [] and rows == [{"value": i * 1.5} for i in range(70)]
    assert len(shards(tmp_path)) == 1
    store.forget()
    assert Store(tmp_path).rows("step", 1, {"a": 1}, digests, again) == rows
    assert again.asked == []


def test_a_row_that_was_kept_is_in_the_shard_only(tmp_path: Path) -> None:
    def compute(positions: Sequence[int]) -> Iterator[tuple[int, Row]]:
        for position in positions:
            row: Row = {"value": position}
            Store(tmp_path).keep("step", 1, {}, "xyz"[position], row)
            yield position, row

    Store(tmp_path).rows("step", 1, {}, ["x", "y", "z"], compute)
    assert len(shards(tmp_path)) == 1


def test_a_damaged_single_row_is_computed_again(tmp_path: Path) -> None:
    Store(tmp_path).keep("step", 1, {}, "x", {"value": 1})
    one = shards(tmp_path)[0]
    one.write_bytes(one.read_bytes()[:-1] + b"x")
    again = Counting()
    assert Store(tmp_path).rows("step", 1, {}, ["x"], again) == [{"value": 0.0, "text": "t0"}]
    assert again.asked == [0]


def test_pruned_by_size_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    before: set[Path] = set()
    for i, name in enumerate("abcd"):
        Store(tmp_path).rows("step", i, {}, [name], Counting())
        (new,) = set(shards(tmp_path)) - before
        before.add(new)
        os.utime(new, (i, i))
    store.forget()
    Store(tmp_path).rows("step", 0, {}, ["a"], Counting())  # read now: it stays longest
    sizes = sum(path.stat().st_size for path in shards(tmp_path))
    assert Store(tmp_path).prune(sizes) == 0
    removed = Store(tmp_path).prune(sizes // 2)
    left = sum(path.stat().st_size for path in shards(tmp_path))
    assert left <= sizes // 2 and removed == sizes - left
    store.forget()
    again = Counting()
    Store(tmp_path).rows("step", 0, {}, ["a"], again)
    assert again.asked == []
    assert Store(tmp_path).prune(0) == left and shards(tmp_path) == [] and Store(None).prune(0) == 0
