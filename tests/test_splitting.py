"""Parts and folds: nobody in two parts, strata kept, the plain split equal to scikit-learn's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from isocenter.cohort import Cohort, Target, Task, label_texts
from isocenter.errors import CohortError, TooFewPatients, UnknownColumn, UsageError
from isocenter.splitting import Design, allocate, make_design


def cohort(y: list[object], patients: list[str | None] | None = None, **columns: object) -> Cohort:
    names = tuple(sorted({str(v) for v in y}))
    table = pd.DataFrame(
        {"patient_id": pd.array(patients or [None] * len(y), dtype="str"), "y": [str(v) for v in y], **columns},
        index=pd.Index([f"c{i}" for i in range(len(y))], name="case_id", dtype=object),
    )
    split_column = "part" if "part" in columns else None
    return Cohort(table, Target(Task.CLASSIFICATION, "y", names, names[-1]), split_column=split_column)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=40, max_size=200),
    st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_groups_stay_whole_and_every_part_is_near_its_share(rows: list[tuple[int, int]], seed: int) -> None:
    groups = pd.factorize(np.array([g for g, _ in rows]))[0].astype(np.int64)
    strata = np.array([s for _, s in rows], dtype=np.int64)
    parts = allocate(groups, strata, (0.8, 0.2), np.random.default_rng(seed))
    assert all(len(set(parts[groups == g])) == 1 for g in set(groups))
    largest = np.bincount(groups).max()
    assert abs((parts == 1).sum() - 0.2 * len(rows)) <= largest + 1


@given(st.lists(st.tuples(st.integers(2, 80), st.integers(0, 2)), min_size=5, max_size=9), st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_few_patients_of_many_images_leave_no_fold_empty(patients: list[tuple[int, int]], seed: int) -> None:
    """Six patients of 210 patches, three of each class, once filled three folds of five: each class the same three."""
    for known in (patients, [(210, k) for k in (0, 0, 0, 1, 1, 1)]):
        groups = np.repeat(np.arange(len(known)), [n for n, _ in known])
        strata = np.repeat([k for _, k in known], [n for n, _ in known])
        parts = allocate(groups, strata, (0.2,) * 5, np.random.default_rng(seed))
        assert set(parts) == set(range(5))
        assert all(len(set(parts[groups == g])) == 1 for g in set(groups))


def test_patients_of_many_images_of_two_classes_do_not_pile_up_in_the_first_folds() -> None:
    """Beside single images, which alone would fill the last folds."""
    groups = np.r_[np.repeat(np.arange(6), 210), np.arange(6, 26)]
    strata = np.r_[np.repeat([0, 0, 0, 1, 1, 1], 210), np.arange(20) % 2]
    for seed in range(10):
        parts = allocate(groups, strata, (0.2,) * 5, np.random.default_rng(seed))
        assert sorted(np.bincount(parts[:1260], minlength=5)) == [210, 210, 210, 210, 420]


@pytest.mark.parametrize("n", [50, 101, 569])
def test_single_cases_keep_the_strata_to_one_case(n: int) -> None:
    rng = np.random.default_rng(n)
    strata = rng.choice(3, n, p=[0.7, 0.2, 0.1])
    parts = allocate(np.arange(n), strata, (1 / 5,) * 5, rng)
    counts = np.array([[((parts == k) & (strata == s)).sum() for s in range(3)] for k in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    sizes = counts.sum(axis=1)
    assert sizes.max() - sizes.min() <= 2


@pytest.mark.parametrize("seed", [0, 1, 42])
@pytest.mark.parametrize("n", [20, 97, 569])
def test_the_plain_split_is_scikit_learns(n: int, seed: int) -> None:
    some = cohort(list(np.arange(n) % 2))
    split = make_design(some, seed=seed, stratify=False).split
    training, test = train_test_split(some.case_ids, test_size=0.2, random_state=seed)
    assert list(split.training) == list(training)  # the order, too: a forest's bootstrap depends on it
    assert list(split.test) == list(test)


def test_patients_and_duplicates_are_never_separated() -> None:
    patients = [f"p{i // 3}" for i in range(90)]
    some = cohort([i // 3 % 2 for i in range(90)], patients)
    duplicates = [["c0", "c89"], ["c89", "c45"]]
    for seed in range(20):
        split = make_design(some, duplicates, seed=seed).split
        part = {c: name for name, ids in split.parts.items() for c in ids}
        assert part["c0"] == part["c89"] == part["c45"]
        assert all(part[f"c{i}"] == part[f"c{i - i % 3}"] for i in range(90))
        fold = {c: k for k, ids in enumerate(split.folds) for c in ids}
        assert set(fold) == set(split.fitting)
        assert all(fold.get(f"c{i}") == fold.get(f"c{i - i % 3}") for i in range(90))


def test_a_given_split_stands_and_its_overlaps_are_told() -> None:
    parts = ["train"] * 30 + ["val"] * 10 + ["test"] * 20
    some = cohort([i % 2 for i in range(60)], part=parts)
    design = make_design(some, [["c0", "c59"], ["c1", "c2"]])
    assert design.split.overlap == ("c59",)
    assert len(design.split.training) == 30 and len(design.split.tuning) == 10
    assert any("1 test case shares" in w for w in design.warnings)
    dropped = make_design(some, [["c0", "c59"]], overlap="drop-training").split
    assert "c0" not in dropped.training and dropped.overlap == ()


def test_a_column_value_names_the_test_part() -> None:
    some = cohort([i % 2 for i in range(60)], part=["A"] * 40 + ["B"] * 20)
    with pytest.raises(CohortError, match="name no part: A, B"):
        make_design(some)
    from dataclasses import replace

    assert len(make_design(replace(some, split_column="part=B")).split.test) == 20
    with pytest.raises(CohortError, match="no value C"):
        make_design(replace(some, split_column="part=C"))
    with pytest.raises(UnknownColumn):
        make_design(replace(some, split_column="nowhere"))


def test_inner_folds_do_not_depend_on_the_test_part() -> None:
    parts = ["train"] * 40 + ["test"] * 20
    before = make_design(cohort([i % 2 for i in range(60)], part=parts), [["c0", "c50"], ["c1", "c50"]])
    after = make_design(cohort([i % 2 for i in range(40)] + [1] * 20, part=parts), [])
    assert before.split.folds == after.split.folds


def test_too_few_and_wrong_requests_have_names() -> None:
    with pytest.raises(TooFewPatients, match="too few"):
        make_design(cohort([0, 1] * 10, [f"p{i // 5}" for i in range(20)]))
    with pytest.raises(TooFewPatients, match="has one patient"):
        make_design(cohort([0] * 30 + [1]))
    for wrong in ({"test_fraction": 1.5}, {"folds": 1}, {"overlap": "merge"}):
        with pytest.raises(UsageError):
            make_design(cohort([0, 1] * 20), **wrong)  # type: ignore[arg-type]


def test_a_design_survives_json() -> None:
    import json

    design = make_design(cohort([i % 2 for i in range(60)]), seed=3)
    again = Design.from_dict(json.loads(json.dumps(design.to_dict())))
    assert again == design and again.fingerprint == design.fingerprint
    assert set(design.to_dict()["parts"]) == {"training", "tuning", "test"}


def test_labels_are_shared_out_by_the_rarest_one() -> None:
    """14 labels of very different frequency in 400 cases: every part has its share of each, the rarest too."""
    rng = np.random.default_rng(0)
    names = tuple(f"l{k:02}" for k in range(14))
    has = rng.random((400, 14)) < np.geomspace(0.4, 0.02, 14)
    table = pd.DataFrame(
        {"patient_id": pd.array([None] * 400, dtype="str"), "labels": label_texts(names, has)},
        index=pd.Index([f"c{i}" for i in range(400)], name="case_id", dtype=object),
    )
    some = Cohort(table, Target(Task.MULTILABEL, "labels", names))
    split = make_design(some, seed=1).split
    test, whole = some.select(split.test).counts, some.counts
    for name in names:
        assert test[name] == pytest.approx(0.2 * whole[name], abs=max(2.5, 0.1 * whole[name])), name
    rare = names[-3:]
    for fold in split.folds:
        assert all(some.select(fold).counts[name] >= 1 for name in rare)
    worst = max(abs(some.select(make_design(some, seed=s, stratify=False).split.test).counts[n] - 0.2 * whole[n]) / whole[n]
                for s in range(5) for n in rare)  # fmt: skip
    assert worst > max(abs(test[n] - 0.2 * whole[n]) / whole[n] for n in rare)


def test_a_label_of_one_patient_is_said_and_not_refused() -> None:
    has = np.zeros((40, 2), dtype=bool)
    has[::2, 0], has[3, 1] = True, True
    table = pd.DataFrame({"patient_id": [f"p{i}" for i in range(40)], "labels": label_texts(("a", "b"), has)})
    table.index = pd.Index([f"c{i}" for i in range(40)], name="case_id", dtype=object)
    design = make_design(Cohort(table, Target(Task.MULTILABEL, "labels", ("a", "b"))))
    assert "stratified by each case's rarest label" in design.how
    assert any("Label 'b' has" in w or "lacks a label" in w for w in design.warnings)
