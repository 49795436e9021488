"""Order, faults and bugs; several processes only where they pay, with the same floats."""

from __future__ import annotations

import os
import threading
import time
from functools import partial

import numpy as np
import pytest

from isocenter import compute, progress
from isocenter.errors import BadValues, UnreadableFile


def halve(n: int) -> float:
    if n % 5 == 0:
        raise BadValues(f"{n} is bad.", "Leave it out.")
    return n / 2


def slow_process(n: int) -> tuple[int, int]:
    time.sleep(0.05)
    return n, os.getpid()


def floats(n: int) -> bytes:
    time.sleep(0.02)
    return np.random.default_rng(n).normal(size=1000).cumsum().tobytes()


def test_order_is_kept_and_user_faults_stay_with_their_item() -> None:
    outcomes = compute.each(halve, range(1, 12))
    assert [o.value for o in outcomes] == [None if n % 5 == 0 else n / 2 for n in range(1, 12)]
    assert [str(o.fault) for o in outcomes if o.fault] == ["5 is bad. Leave it out.", "10 is bad. Leave it out."]
    with pytest.raises(BadValues, match="5 is bad"):
        outcomes[4].get()


def test_nothing_to_do() -> None:
    assert compute.each(halve, [], stage="nothing") == []


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        compute.each(lambda n: 1 // n, [1, 0])


def test_progress_is_told_once_an_item() -> None:
    seen: list[progress.Event] = []
    with progress.listening(seen.append):
        compute.each(halve, [1, 2, 5], stage="halving")
    assert [e.kind for e in seen] == ["start", "advance", "advance", "advance", "end"]
    assert seen[0].total == 3
    assert {e.stage for e in seen} == {"halving"}


def test_quick_work_stays_in_this_process() -> None:
    assert {pid for _, pid in (o.get() for o in compute.each(slow_process, range(5), jobs=2))} == {os.getpid()}


def test_long_work_goes_to_processes_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "WORTH_PROCESSES", 0.2)
    found = [o.get() for o in compute.each(slow_process, range(20), jobs=2)]
    assert [n for n, _ in found] == list(range(20))
    assert found[0][1] == os.getpid()
    assert os.getpid() not in {pid for _, pid in found[3:]}


def test_faults_and_bugs_come_back_from_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "WORTH_PROCESSES", 0.0)
    outcomes = compute.each(halve, range(1, 12), jobs=2)
    assert [type(o.fault) for o in outcomes if o.fault] == [BadValues, BadValues]
    with pytest.raises(ZeroDivisionError):
        compute.each(lambda n: 1 // (n - 9), range(12), jobs=2)


def test_the_same_floats_whether_serial_or_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    serial = compute.each(floats, range(8), jobs=1)
    monkeypatch.setattr(compute, "WORTH_PROCESSES", 0.0)
    assert compute.each(floats, range(8), jobs=2) == serial


def test_workers_do_not_start_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "WORTH_PROCESSES", 0.0)
    outcomes = compute.each(lambda _: compute.processes(), range(6), jobs=2)
    assert [o.value for o in outcomes[3:]] == [1, 1, 1]


def test_an_error_survives_the_way_between_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(UnreadableFile("x is torn.", "Copy it again.")))
    assert (type(error), error.what, error.remedy) == (UnreadableFile, "x is torn.", "Copy it again.")


# -- together -------------------------------------------------------------------------------------
@pytest.mark.parametrize("processors", [1, 2])
def test_together_keeps_order_and_the_first_fault(processors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "processes", lambda: processors)
    assert compute.together([partial(halve, n) for n in (1, 2, 3)]) == [0.5, 1.0, 1.5]
    assert compute.together([]) == []
    with pytest.raises(BadValues, match="5 is bad"):
        compute.together([partial(halve, 1), partial(halve, 5), partial(halve, 10)])


def test_together_begins_nothing_after_a_fault_or_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "processes", lambda: 2)
    met, done = threading.Event(), []

    def stopped() -> None:
        met.set()
        raise KeyboardInterrupt

    def waiting() -> None:
        met.wait(60)
        time.sleep(0.05)

    with pytest.raises(KeyboardInterrupt):
        compute.together([stopped, waiting, *[partial(done.append, i) for i in range(1000)]])
    assert len(done) < 1000


def test_of_faults_at_the_same_time_the_first_task_s_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "processes", lambda: 2)
    meeting = threading.Barrier(2, timeout=60)

    def failing(n: int) -> float:
        meeting.wait()
        time.sleep(0.05 / n)  # the second is there before the first
        return halve(n)

    with pytest.raises(BadValues, match="5 is bad"):
        compute.together([partial(failing, 5), partial(failing, 10)])


def test_together_works_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the other: one after the other would never end."""
    monkeypatch.setattr(compute, "processes", lambda: 2)
    meeting = threading.Barrier(2, timeout=60)
    assert sorted(compute.together([meeting.wait, meeting.wait])) == [0, 1]


# -- ahead ----------------------------------------------------------------------------------------
def test_ahead_keeps_order_and_faults_and_waits_to_be_taken() -> None:
    began: list[int] = []

    def noted(n: int) -> float:
        began.append(n)
        time.sleep(0.001 * (n % 3))
        return halve(n)

    outcomes = compute.ahead(noted, range(1, 200), threads=2)
    assert next(outcomes).value == 0.5
    time.sleep(0.1)
    assert len(began) < 30  # memory is bounded: what is not taken is not made
    rest = list(outcomes)
    assert [o.value for o in rest] == [None if n % 5 == 0 else n / 2 for n in range(2, 200)]
    assert rest[3].fault is not None
    assert list(compute.ahead(halve, [])) == []


def test_ahead_stops_with_its_taker_and_keeps_a_bug() -> None:
    began: list[int] = []
    outcomes = compute.ahead(began.append, range(1000), threads=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert len(began) < 50
    with pytest.raises(ZeroDivisionError):
        list(compute.ahead(lambda n: 1 // n, [1, 0, 1]))
