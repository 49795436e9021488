"""Readers' columns: a consensus as target, ties without one, no reader among the features, faults by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import isocenter
from isocenter import artefacts
from isocenter.cohort import Task
from isocenter.errors import BadTarget, UnknownColumn, UsageError


def written(tmp_path: Path, **columns: Any) -> Path:
    n = len(next(iter(columns.values())))
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"id": [f"c{i}" for i in range(n)], "x": rng.normal(size=n), "z": rng.normal(size=n), **columns}
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


R3 = {
    "r1": ["a", "a", "b", "b", "a", None],
    "r2": ["a", "b", " b", "a", "b", None],
    "r3": ["a", "a", "b", "b", None, None],
}
NAMES = ["r1", "r2", "r3"]


def test_majority_is_the_target_and_ties_have_none(tmp_path: Path) -> None:
    path = written(tmp_path, **R3)
    cohort = isocenter.index(path, readers=NAMES)
    assert cohort.target is not None
    assert cohort.target.classes == ("a", "b")
    assert list(cohort.y) == ["a", "a", "b", "b"]  # type: ignore[arg-type]
    assert cohort.unlabelled == ("c4", "c5")
    note = next(n for n in cohort.notes if n.startswith("Target: consensus"))
    assert note == (
        "Target: consensus of r1, r2, r3 by majority: 2 unanimous, 2 by majority. Without a target, ties: 1 case (c4). "
        "Without a target, without a reading: 1 case (c5)."
    )
    unanimous = isocenter.index(path, readers=NAMES, consensus="unanimous")
    assert list(unanimous.case_ids) == ["c0", "c2"]
    one = isocenter.index(path, readers=NAMES, consensus="r2")
    assert list(one.y) == ["a", "b", "b", "a", "b"]  # type: ignore[arg-type]


def test_a_readers_column_is_neither_feature_nor_attribute(tmp_path: Path) -> None:
    y = np.arange(40) % 2
    path = written(tmp_path, r1=y, r2=np.roll(y, 1), outcome=y, age=y + 40)
    for target in ("outcome", None):
        cohort = isocenter.index(path, target=target, readers=["r1", "r2"], consensus=None if target else "r1")
        assert not {"r1", "r2"} & {*cohort.features, *cohort.attributes, *cohort.covariates}
        assert cohort.readers == ("r1", "r2")
        assert not {"r1", "r2"} & set(cohort.X.columns)  # type: ignore[union-attr]
    artefacts.COHORT.save(cohort, tmp_path / "c.parquet")
    assert artefacts.COHORT.load(tmp_path / "c.parquet").readers == ("r1", "r2")
    with pytest.raises(BadTarget, match="reader's label"):
        isocenter.index(path, target="outcome", readers=["r1", "r2"], covariates=["r1"])


def test_readers_of_a_measurement(tmp_path: Path) -> None:
    path = written(tmp_path, r1=[1.5, 2.5, 7, 8], r2=[2.5, 3.5, 8, None], r3=[5, 3, 9, None])
    with pytest.raises(BadTarget, match="mean or median"):
        isocenter.index(path, readers=NAMES)
    mean = isocenter.index(path, readers=NAMES, consensus="mean")
    assert mean.target is not None
    assert mean.target.task is Task.REGRESSION
    assert list(mean.y) == [3, 3, 8, 8]  # type: ignore[arg-type]
    assert list(isocenter.index(path, readers=NAMES, consensus="median").y) == [2.5, 3, 8, 8]  # type: ignore[arg-type]


def test_numbers_written_differently_are_one_class(tmp_path: Path) -> None:
    cohort = isocenter.index(written(tmp_path, r1=[0, 1, 1, 0], r2=[0.0, 1.0, None, 0.0]), readers=["r1", "r2"])
    assert cohort.target is not None
    assert cohort.target.classes == ("0", "1")
    assert list(cohort.table["r2"].dropna()) == ["0", "1", "0"]


def test_faults_are_named(tmp_path: Path) -> None:
    path = written(tmp_path, **R3, outcome=["a", "b", "a", "b", "a", "b"])
    with pytest.raises(UnknownColumn, match="no reader column 'r9'"):
        isocenter.index(path, readers=["r1", "r9"])
    with pytest.raises(UsageError, match="one reader only"):
        isocenter.index(path, readers=["r1"])
    with pytest.raises(UsageError, match="no consensus 'most'"):
        isocenter.index(path, readers=NAMES, consensus="most")
    with pytest.raises(UsageError, match="without readers"):
        isocenter.index(path, target="outcome", consensus="mean")
    for rule in ("majority", "unanimous", "r1"):
        with pytest.raises(UsageError, match=f"--consensus {rule} makes a target .* --target outcome names another"):
            isocenter.index(path, target="outcome", readers=NAMES, consensus=rule)
    with pytest.raises(UsageError, match="without readers"):
        isocenter.index(path, target="outcome", consensus="majority")
    with pytest.raises(BadTarget, match="target and reader"):
        isocenter.index(path, target="r1", readers=NAMES)
    with pytest.raises(BadTarget, match="not all numbers"):
        isocenter.index(path, readers=NAMES, consensus="mean")
    odd = written(tmp_path, r1=["a", "x", "b"], r2=["A", "a", "b"], outcome=["a", "a", "b"])
    with pytest.raises(BadTarget, match=r"labels that 'outcome' does not have: 'x' \(1\)"):
        isocenter.index(odd, target="outcome", readers=["r1", "r2"])


def test_a_label_that_always_loses_is_kept_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, r1=["a", "b", "a", "b"], r2=["a", "b", "a", "b"], r3=["a", "x", "a", "b"])
    cohort = isocenter.index(path, readers=NAMES)
    assert any("no consensus has: 'x' (1)" in w for w in cohort.warnings)
    assert cohort.table.at["c1", "r3"] == "x"


def test_what_was_said_of_cases_without_a_target_is_kept(tmp_path: Path) -> None:
    cohort = isocenter.index(written(tmp_path, **R3), readers=NAMES)
    assert cohort.aside is not None
    assert list(cohort.aside.index) == ["c4"]  # nobody has read c5
    assert list(cohort.aside.loc["c4", ["r1", "r2"]]) == ["a", "b"]
    assert (cohort.consensus, cohort.unresolved) == ("majority", 1)
    unanimous = isocenter.index(tmp_path / "t.csv", readers=NAMES, consensus="unanimous")
    assert (unanimous.consensus, unanimous.unresolved) == ("unanimous", 3)
    one = isocenter.index(tmp_path / "t.csv", readers=NAMES, consensus="r3")
    assert (one.consensus, one.unresolved) == ("r3", 0)
    named = isocenter.index(written(tmp_path, **R3, dx=["a", "b", None, "a", "b", None]), target="dx", readers=NAMES)
    assert named.aside is not None
    assert (list(named.aside.index), named.consensus, named.unresolved) == (["c2"], "", 0)
    assert isocenter.index(tmp_path / "t.csv", target="dx", ignore=NAMES).aside is None


@pytest.mark.parametrize("measured", [False, True])
def test_what_is_kept_is_written_and_read_again(tmp_path: Path, measured: bool) -> None:
    columns = {"r1": [1.5, 2.5, 7, 8], "r2": [2.5, None, 8, 9], "size": [1.5, None, 7, 8]} if measured else R3
    path = written(tmp_path, **columns)
    how = {"target": "size", "readers": ["r1", "r2"]} if measured else {"readers": NAMES, "consensus": "unanimous"}
    cohort = isocenter.index(path, **how)  # type: ignore[arg-type]
    artefacts.COHORT.save(cohort, tmp_path / "c.parquet")
    again = artefacts.COHORT.load(tmp_path / "c.parquet")
    assert cohort.aside is not None
    assert again.aside is not None
    pd.testing.assert_frame_equal(again.aside, cohort.aside)
    assert (again.consensus, again.unresolved) == (cohort.consensus, cohort.unresolved)


def test_a_single_reading_is_no_consensus(tmp_path: Path) -> None:
    first, second = ["a", None, "b", None], [None, "b", None, "a"]
    cohort = isocenter.index(written(tmp_path, r1=first, r2=second), readers=NAMES[:2])
    assert "Target: consensus of r1, r2 by majority: 4 with one reading only." in cohort.notes
    assert any(w.startswith("No case was read by two readers") for w in cohort.warnings)
    some = isocenter.index(written(tmp_path, r1=first, r2=["a", "b", "b", "a"]), readers=NAMES[:2])
    assert "Target: consensus of r1, r2 by majority: 2 unanimous, 2 with one reading only." in some.notes
    assert any("Of 4 cases with a consensus 2 had one reader only" in w for w in some.warnings)
    both = isocenter.index(written(tmp_path, r1=["a", "b"], r2=["a", "b"]), readers=NAMES[:2])
    assert not any("reader" in w for w in both.warnings)
    sizes = isocenter.index(written(tmp_path, r1=[1.5, 2], r2=[None, 4]), readers=NAMES[:2], consensus="mean")
    assert any("with one reading only" in n for n in sizes.notes)
    chosen = isocenter.index(written(tmp_path, r1=first, r2=second), readers=NAMES[:2], consensus="r1")
    assert not any("reader" in w for w in chosen.warnings)
