"""What a design will cost is said once the first split is done."""

from __future__ import annotations

import pytest

from designs import cohort_of
from isocenter import progress
from isocenter.progress import Event
from isocenter.splitting import duration, make_design, shape, walk


def heard(design: object, **how: object) -> list[Event]:
    events: list[Event] = []
    with progress.listening(events.append):
        assert list(walk(design, "forest", **how))  # type: ignore[arg-type]
    return events


def test_progress_over_folds_and_the_cost_after_the_first() -> None:
    design = make_design(cohort_of([0, 1] * 20), design="kfold", repeats=10)
    events = heard(design)
    assert [e.total for e in events if e.kind == "start"] == [50]
    assert sum(e.kind == "advance" for e in events) == 50
    notes = [e for e in events if e.kind == "note"]
    assert len(notes) == 1
    assert notes[0].text.startswith("kfold 5 x 10 repeats: 50 fits of forest, about ")
    assert events.index(notes[0]) < 4  # after the first, not in the end


def test_what_is_there_already_is_told_and_not_counted() -> None:
    design = make_design(cohort_of([0, 1] * 20), design="kfold", repeats=10)
    note = next(e for e in heard(design, splits=design.splits[20:]) if e.kind == "note")
    assert "30 fits of forest (20 are there already)" in note.text
    assert not [e for e in heard(design, told=False) if e.kind == "note"]


def test_a_single_split_says_no_cost() -> None:
    assert not [e for e in heard(make_design(cohort_of([0, 1] * 20))) if e.kind == "note"]


@pytest.mark.parametrize(
    "how, words",
    [
        ({}, "holdout"),
        ({"design": "nested", "folds": 3}, "nested 3"),
        ({"design": "leave-one-out", "group_column": "site"}, "leave-one-out of 2 (site)"),
    ],
)
def test_the_shape_of_a_design(how: dict[str, object], words: str) -> None:
    assert shape(make_design(cohort_of([0, 1] * 20, site=["A", "A", "B", "B"] * 10), **how)) == words  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds, words", [(0.2, "1 s"), (89, "89 s"), (200, "3 min"), (9000, "2.5 h")])
def test_durations_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
