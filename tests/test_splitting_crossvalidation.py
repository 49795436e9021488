"""Every case tested, nobody in two parts of a split: k-fold, nested, one group at a time."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from designs import cohort_of
from isocenter.cohort import Cohort, Task
from isocenter.errors import CohortError, PatientInTwoParts, TooFewPatients, UnknownColumn, UsageError
from isocenter.splitting import Design, make_design

QUICK = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
rows = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 1), st.integers(0, 3)), min_size=60, max_size=150)


def sound(cohort: Cohort, design: Design, duplicates: list[list[str]]) -> None:
    """What every design must keep: groups whole in every split and fold, each case tested once a repeat."""
    group = dict(zip(cohort.case_ids, cohort.groups(duplicates), strict=True))
    for split in design.splits:
        fitting, test = set(split.fitting), set(split.test)
        assert test and fitting and not fitting & test
        assert not {group[i] for i in fitting} & {group[i] for i in test}
        assert sorted(i for fold in split.folds for i in fold) == sorted(fitting)
        for fold in split.folds:
            assert fold and not {group[i] for i in fold} & {group[i] for i in fitting - set(fold)}
    for repeat in range(design.repeats):
        tested = Counter(i for s in design.splits if s.repeat == repeat for i in s.test)
        assert set(tested.values()) == {1}
        assert set(tested) == set(cohort.case_ids) - set(design.split.unassigned)
    assert design.whole is not None
    assert set(design.whole.training) == set(design.tested) and design.whole.test == ()
    assert sorted(i for fold in design.whole.folds for i in fold) == sorted(design.whole.training)


def made(drawn: list[tuple[int, int, int]]) -> tuple[Cohort, list[list[str]]]:
    y, patients = [v for _, v, _ in drawn], [f"p{p}" for p, _, _ in drawn]
    n = len(drawn)
    return cohort_of(y, patients, site=[f"s{s}" for *_, s in drawn]), [["c0", f"c{n - 1}"], [f"c{n // 2}", "c1"]]


@given(rows, st.sampled_from(["kfold", "nested"]), st.integers(0, 2**20), st.booleans())
@QUICK
def test_folds_keep_every_promise(drawn: list[tuple[int, int, int]], kind: str, seed: int, stratify: bool) -> None:
    cohort, duplicates = made(drawn)
    try:
        design = make_design(cohort, duplicates, design=kind, folds=3, repeats=3, seed=seed, stratify=stratify)
    except TooFewPatients:
        assume(False)
        raise
    assert len(design.splits) == 9
    sound(cohort, design, duplicates)
    firsts = [frozenset(s.test) for s in design.splits]
    assert len(set(firsts)) > 3  # the repeats differ
    if kind == "nested":
        for split in design.splits:
            others = {s.test for s in design.splits if s.repeat == split.repeat and s.fold != split.fold}
            assert set(split.folds) == others


@given(rows, st.integers(0, 2**20))
@QUICK
def test_one_patient_at_a_time(drawn: list[tuple[int, int, int]], seed: int) -> None:
    cohort, duplicates = made(drawn)
    try:
        design = make_design(cohort, duplicates, design="leave-one-out", folds=2, seed=seed)
    except TooFewPatients:
        assume(False)
        raise
    sound(cohort, design, duplicates)
    assert len(design.splits) == len(set(cohort.groups(duplicates)))


@given(rows, st.integers(0, 2**20))
@QUICK
def test_one_site_at_a_time_never_learns_from_a_tested_patient(drawn: list[tuple[int, int, int]], seed: int) -> None:
    cohort, duplicates = made(drawn)
    how = {"design": "leave-one-out", "group_column": "site", "folds": 2, "seed": seed}
    try:
        design = make_design(cohort, duplicates, overlap="drop-training", **how)  # type: ignore[arg-type]
    except (TooFewPatients, CohortError):
        assume(False)
        raise
    sound(cohort, design, duplicates)
    assert {s.group for s in design.splits} == set(cohort.table["site"])
    for split in design.splits:
        assert set(cohort.table.loc[list(split.test), "site"]) == {split.group}


def test_folds_are_stratified_to_one_case() -> None:
    y = np.repeat([0, 1, 2], [70, 23, 10])
    cohort = cohort_of(list(y))
    for split in make_design(cohort, design="kfold", folds=5, repeats=4).splits:
        counts = cohort.select(split.test).table["y"].value_counts()
        assert abs(counts["0"] - 14) <= 1 and abs(counts["1"] - 4.6) < 1 and counts["2"] == 2


def test_a_measurement_is_stratified_by_size() -> None:
    values = np.random.default_rng(0).gamma(2, 10, 200)
    cohort = cohort_of(list(values), task=Task.REGRESSION)
    edges = np.quantile(values, [0.2, 0.4, 0.6, 0.8])
    for split in make_design(cohort, design="kfold").splits:
        fifths = np.bincount(np.searchsorted(edges, cohort.select(split.test).codes), minlength=5)
        assert (abs(fifths - 8) <= 1).all()


def test_the_same_seed_draws_the_same_and_another_others() -> None:
    cohort = cohort_of([0, 1] * 40)
    one, same, other = (make_design(cohort, design="kfold", repeats=2, seed=s) for s in (3, 3, 4))
    assert one == same and one.fingerprint != other.fingerprint
    assert one.test_fingerprint == other.test_fingerprint  # every case is tested either way
    longer = make_design(cohort, design="kfold", repeats=5, seed=3)
    assert longer.splits[:10] == one.splits  # more repeats add, and leave what there is


def test_inner_folds_come_from_the_fitting_part_alone() -> None:
    y = [0, 1] * 30
    cohort = cohort_of(y, [f"p{i // 2}" for i in range(60)])
    split = make_design(cohort, design="kfold", folds=3).splits[1]
    fresh = make_design(cohort.select(split.fitting), [], design="kfold", folds=3)
    assert {len(f) for f in split.folds} == {len(s.test) for s in fresh.splits}
    # A link between two test patients, or labels of the test part, move no inner fold.
    test = list(split.test)
    linked = make_design(cohort, [[test[0], test[-1]]], design="kfold", folds=3)
    same = [s for s in linked.splits if set(s.fitting) == set(split.fitting)]
    assert all(s.folds == split.folds for s in same)


def test_a_patient_at_two_sites_is_refused_by_name_or_not_learned_from() -> None:
    sites = ["A"] * 20 + ["B"] * 20 + ["C"] * 20
    patients = [f"p{i}" for i in range(60)]
    patients[21] = "p0"  # p0 was seen at A and at B
    cohort = cohort_of([0, 1] * 30, patients, site=sites)
    how = {"design": "leave-one-out", "group_column": "site"}
    with pytest.raises(PatientInTwoParts, match=r"p0 \(A, B\).*drop-training"):
        make_design(cohort, **how)  # type: ignore[arg-type]
    splits = {s.group: s for s in make_design(cohort, overlap="drop-training", **how).splits}  # type: ignore[arg-type]
    assert "c21" not in splits["A"].training and "c0" not in splits["B"].training
    assert {"c0", "c21"} <= set(splits["C"].training)
    copies = cohort_of([0, 1] * 30, site=sites)
    with pytest.raises(PatientInTwoParts, match="copies of the same pixels"):
        make_design(copies, [["c3", "c43"]], **how)  # type: ignore[arg-type]


def test_cases_without_a_site_are_named_and_not_used() -> None:
    sites = ["A"] * 20 + ["B"] * 20 + [None, ""]
    cohort = cohort_of([0, 1] * 21, site=sites)
    design = make_design(cohort, design="leave-one-out", group_column="site")
    assert design.split.unassigned == ("c40", "c41")
    assert any("c40, c41" in w for w in design.warnings)
    assert not {"c40", "c41"} & {*design.tested, *design.final.training}


def test_sites_that_are_numbers_keep_their_names_and_order() -> None:
    cohort = cohort_of([0, 1] * 30, site=[10.0, 2.0, 1.0] * 20)
    design = make_design(cohort, design="leave-one-out", group_column="site")
    assert [s.group for s in design.splits] == ["1", "2", "10"]


def test_what_no_cohort_can_carry_has_a_name_and_a_remedy() -> None:
    rare = cohort_of([0] * 40 + [1] * 3)
    with pytest.raises(TooFewPatients, match=r"Class .1. has 3 patients: too few for 5 folds.*--folds 3"):
        make_design(rare, design="kfold")
    assert len(make_design(rare, design="kfold", folds=3).splits) == 3
    with pytest.raises(TooFewPatients, match="Merge it"):
        make_design(cohort_of([0] * 40 + [1]), design="kfold")
    with pytest.raises(TooFewPatients, match="4 patients are too few for 5 folds"):
        make_design(cohort_of([0, 1] * 10, [f"p{i % 4}" for i in range(20)]), design="kfold")
    site = {"design": "leave-one-out", "group_column": "site"}
    with pytest.raises(CohortError, match="one value only: A"):
        make_design(cohort_of([0, 1] * 20, site=["A"] * 40), **site)  # type: ignore[arg-type]
    with pytest.raises(UnknownColumn, match="no group column 'site'"):
        make_design(cohort_of([0, 1] * 20), **site)  # type: ignore[arg-type]
    with pytest.raises(TooFewPatients, match="Without site = A only one class"):
        make_design(cohort_of([0] * 20 + [1] * 20, site=["A"] * 20 + ["B"] * 20), **site)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is the target"):
        make_design(cohort_of([0, 1] * 20), design="leave-one-out", group_column="y")
    with pytest.raises(UsageError, match=r"600 fits.*--group-column"):
        make_design(cohort_of([0, 1] * 300), design="leave-one-out")


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"design": "bootstrap"}, "kfold"),
        ({"design": "kfold", "repeats": 0}, "1 or more"),
        ({"repeats": 3}, "--design kfold"),
        ({"design": "leave-one-out", "repeats": 2}, "--repeats 2 does not suit"),
        ({"group_column": "site"}, "Add --design leave-one-out"),
        ({"design": "nested", "folds": 2}, "At least 3"),
    ],
)
def test_requests_that_contradict_themselves(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make_design(cohort_of([0, 1] * 20, site=["A", "B"] * 20), **wrong)  # type: ignore[arg-type]


def test_a_given_split_is_no_cross_validation() -> None:
    from dataclasses import replace

    given_ = replace(cohort_of([0, 1] * 20, part=["train"] * 30 + ["test"] * 10), split_column="part")
    with pytest.raises(UsageError, match="--split-column none"):
        make_design(given_, design="kfold")


def test_a_design_of_several_splits_survives_json() -> None:
    import json

    cohort = cohort_of([0, 1] * 30, site=["A", "B", "C"] * 20)
    for how in ({"design": "nested", "folds": 3}, {"design": "leave-one-out", "group_column": "site"}):
        design = make_design(cohort, **how)  # type: ignore[arg-type]
        again = Design.from_dict(json.loads(json.dumps(design.to_dict())))
        assert again == design and again.several and again.final == design.whole


def test_the_folds_that_are_offered_are_enough_for_every_class() -> None:
    cohort = cohort_of([0] * 9 + [1] * 5 + [2] * 30)
    with pytest.raises(TooFewPatients, match="Class '1' has 5 patients: too few for 20 folds") as told:
        make_design(cohort, design="kfold", folds=20)
    assert told.value.remedy.startswith("Give --folds 5, or merge")
    assert len(make_design(cohort, design="kfold", folds=5).splits) == 5
    pair = cohort_of([0] * 9 + [1] * 2)
    with pytest.raises(TooFewPatients) as told:  # of nested folds 3 are the least
        make_design(pair, design="nested", folds=5)
    assert "--folds" not in told.value.remedy
    with pytest.raises(TooFewPatients) as told:
        make_design(pair, design="kfold", folds=5)
    assert "--folds 2" in told.value.remedy and len(make_design(pair, design="kfold", folds=2).splits) == 2
