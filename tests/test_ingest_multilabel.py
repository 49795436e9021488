"""Labels of a case: from columns of 0 and 1, from texts, from arrays; how they were read is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from isocenter.cohort import Target, Task
from isocenter.errors import BadTarget, UnknownColumn
from isocenter.ingest import index
from isocenter.ingest.multilabel import infer, recognise

N = 24
X = np.random.default_rng(0).normal(size=(N, 3))
HAS = np.column_stack([np.arange(N) % 2, np.arange(N) % 3 == 0, np.arange(N) % 4 == 1]).astype(int)
TEXTS = ["|".join(name for name, one in zip("abc", row, strict=True) if one) for row in HAS]


def table(folder: Path, **columns: object) -> Path:
    path = folder / "t.csv"
    pd.DataFrame(X, columns=["x", "y", "z"]).assign(**columns).to_csv(path, index=False)  # type: ignore[arg-type]
    return path


def read(values: list[object]) -> tuple[Target, list[object], list[str]]:
    target, found, warnings = infer(pd.Series(values, dtype="str"), "t", (), None)
    return target, [None if missing else v for v, missing in zip(found, found.isna(), strict=True)], warnings


def test_columns_of_every_kind_of_truth_become_one_text(tmp_path: Path) -> None:
    yes_no = np.where(HAS[:, 1] == 1, "Yes", "no")
    path = table(tmp_path, a=HAS[:, 0].astype(float), b=yes_no, c=HAS[:, 2].astype(bool), sex=["f", "m"] * 12)
    cohort = index(path, target="c, a,b")
    assert cohort.target is not None
    assert (cohort.target.task, cohort.target.classes) == (Task.MULTILABEL, ("c", "a", "b"))
    np.testing.assert_array_equal(cohort.codes, HAS[:, [2, 0, 1]])
    np.testing.assert_array_equal(cohort.y, HAS[:, [2, 0, 1]].astype(bool))
    assert cohort.features == ("x", "y", "z") and cohort.attributes == ("sex",)  # no label is left to learn from
    none = int((HAS.sum(axis=1) == 0).sum())
    assert f"3 labels. {none} cases of 24 have none." in cohort.target.how
    assert cohort.counts == {"c": 6, "a": 12, "b": 8}


def test_a_case_that_lacks_one_label_is_set_aside_and_listed(tmp_path: Path) -> None:
    a = HAS[:, 0].astype(float)
    a[[3, 7]] = np.nan
    cohort = index(table(tmp_path, a=a, b=HAS[:, 1]), target="a,b")
    assert cohort.unlabelled == ("3", "7") and len(cohort) == N - 2
    assert any("2 cases have no value" in note for note in cohort.notes)


def test_a_bad_label_of_a_case_that_is_left_out_stops_nothing(tmp_path: Path) -> None:
    a = HAS[:, 0].astype(object)
    a[3] = "unknown"
    path = table(tmp_path, a=a, b=HAS[:, 1])
    with pytest.raises(BadTarget, match="'a' holds unknown"):
        index(path, target="a,b")
    assert len(index(path, target="a,b", exclude=["3"])) == N - 1


def test_a_column_with_a_comma_in_its_name_is_one_column(tmp_path: Path) -> None:
    cohort = index(table(tmp_path, **{"a,b": HAS[:, 0]}), target="a,b")
    assert cohort.target is not None and cohort.target.task is Task.CLASSIFICATION
    with pytest.raises(UnknownColumn, match="'q'"):
        index(table(tmp_path, a=HAS[:, 0]), target="a,q")


@pytest.mark.parametrize("separator", ["|", ";", ","])
def test_texts_of_labels(separator: str) -> None:
    given = [text.replace("|", f" {separator}") for text in TEXTS]
    target, values, warnings = read([text or "No Finding" for text in given])
    assert target.classes == ("a", "b", "c") and values == TEXTS and warnings == []
    assert f"parted by {separator}" in target.how and "3 labels" in target.how
    np.testing.assert_array_equal(target.encode(values), HAS)


def test_empty_text_is_no_label_and_a_missing_cell_is_missing() -> None:
    target, values, _ = read(["a|b", "", None, "b", "NO FINDING", "b|a|a"])
    assert values == ["a|b", "", None, "b", "", "a|b"]
    assert "2 cases of 5 have none" in target.how


def test_a_label_together_with_none_is_set_aside_by_name() -> None:
    _, values, warnings = read(["a|b", "a|No Finding", "b", "", "a"])
    assert values[1] is None
    assert warnings == ["1 case set aside: labels together with none (a|No Finding)."]


@pytest.mark.parametrize(
    "values, says",
    [
        (["a|b", "a", "a"], "All 3 cases have label 'a'"),
        (["a", "a", ""], "holds 1 label"),
        ([None, None], "no case with a value"),
    ],
)
def test_texts_that_cannot_be_learned(values: list[object], says: str) -> None:
    with pytest.raises(BadTarget, match=says):
        read(values)


def test_a_lonely_label_and_one_hot_columns_are_warned_of(tmp_path: Path) -> None:
    assert "Only one case has label b" in read(["a|b", "a", ""])[2][0]
    cohort = index(table(tmp_path, a=HAS[:, 0], b=1 - HAS[:, 0]), target="a,b")
    assert any("exactly one of the labels" in warning for warning in cohort.warnings)


@pytest.mark.parametrize("kind", ["npy", "mat", "npz", "beside"])
def test_arrays_of_n_by_k_zeros_and_ones(tmp_path: Path, kind: str) -> None:
    names = np.array(["edema", "effusion", "mass"])
    labels: Path | None = tmp_path / f"y.{kind}"
    np.save(tmp_path / "X.npy", X)
    path, expected = tmp_path / "X.npy", ("label0", "label1", "label2")
    if kind == "npy":
        np.save(tmp_path / "y.npy", HAS)
    elif kind == "mat":
        savemat(tmp_path / "y.mat", {"labels": HAS.astype(bool)})
    elif kind == "npz":
        np.savez(tmp_path / "y.npz", labels=HAS, label_names=names)
        expected = tuple(names)
    else:
        np.savez(tmp_path / "all.npz", features=X, labels=HAS, label_names=names)
        path, labels, expected = tmp_path / "all.npz", None, tuple(names)
    cohort = index(path, labels=labels)
    assert cohort.target is not None and cohort.target.classes == expected
    np.testing.assert_array_equal(cohort.codes, HAS)
    assert cohort.features == ("f0", "f1", "f2")


def test_medmnist_labels_of_many_columns(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (N, 8, 8)).astype(np.uint8)
    parts = {"train": slice(0, 14), "val": slice(14, 18), "test": slice(18, N)}
    arrays = {f"{p}_images": images[rows] for p, rows in parts.items()}
    np.savez(tmp_path / "m.npz", **arrays, **{f"{p}_labels": HAS[rows] for p, rows in parts.items()})
    cohort = index(tmp_path / "m.npz")
    assert cohort.target is not None and cohort.target.task is Task.MULTILABEL
    np.testing.assert_array_equal(cohort.codes, HAS)
    assert cohort.split_column == "split"


def test_a_models_labels_are_found_again_in_columns_and_in_texts(tmp_path: Path) -> None:
    target = Target(Task.MULTILABEL, "labels", ("b", "a", "c"))
    path = table(tmp_path, **{name: HAS[:, k] for k, name in enumerate("abc")}, texts=[t.upper() for t in TEXTS])
    for how in ({}, {"target": "texts"}):
        cohort = index(path, known=target, **how)  # type: ignore[arg-type]
        assert cohort.target is not None and cohort.target.classes == target.classes
        expected = HAS[:, [1, 0, 2]] if not how else HAS[[t != "" for t in TEXTS]][:, [1, 0, 2]]
        np.testing.assert_array_equal(cohort.codes, expected)
    with pytest.raises(BadTarget, match="does not know: d"):
        recognise(pd.Series(["a|d", "b"]), "t", target, {})
    assert recognise(pd.Series(["a|oedema", "b"]), "t", target, {"oedema": "c"}).tolist() == ["a|c", "b"]
