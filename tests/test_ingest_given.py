"""Extracted features from tables and arrays: what is a feature, whose labels, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from isocenter.cohort import Task
from isocenter.errors import (
    BadShape,
    BadTarget,
    BadValues,
    EmptyInput,
    LostZeros,
    MissingPath,
    NoMatch,
    NoTarget,
    UnknownColumn,
    UnknownFormat,
    UnsafeFile,
    UsageError,
)
from isocenter.ingest import index, listing
from isocenter.presenting import without_models

N = 24
X = np.random.default_rng(0).normal(size=(N, 3))
Y = np.arange(N) % 2


def table(folder: Path, name: str = "t.csv", **columns: object) -> Path:
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(**columns)  # type: ignore[arg-type]
    path = folder / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_excel(path, index=False)
    return path


def save(folder: Path, features: object = X, labels: object = Y) -> dict[str, Path]:
    np.save(folder / "X.npy", np.asarray(features))
    np.save(folder / "y.npy", np.asarray(labels))
    return {"input": folder / "X.npy", "labels": folder / "y.npy"}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.xlsx"])
def test_every_kind_of_table(tmp_path: Path, name: str) -> None:
    cohort = index(table(tmp_path, name, label=Y, sex=["f", "m"] * 12, flag=[True, False] * 12))
    assert cohort.features == ("a", "b", "c", "flag")
    assert cohort.attributes == ("sex",)
    assert cohort.target is not None and cohort.target.classes == ("0", "1")
    assert list(cohort.table.index[:2]) == ["0", "1"] and cohort.origin == "table"
    np.testing.assert_allclose(cohort.table[["a", "b", "c"]], X, rtol=1e-14)
    assert cohort.y is not None and list(cohort.y) == [str(v) for v in Y]


def test_what_is_no_feature(tmp_path: Path) -> None:
    path = table(
        tmp_path, target=Y, patient_id=np.arange(N) // 2, study_id=np.arange(N), age=50, part=["train", "test"] * 12,
        year=2020 + Y, text=["x", "y"] * 12, pid2=np.arange(N),
    )  # fmt: skip
    cohort = index(path, covariates=["age"], split_column="part")
    assert cohort.features == ("a", "b", "c", "year", "pid2")
    assert set(cohort.attributes) == {"part", "age", "text"}
    assert cohort.covariates == ("age",) and cohort.split_column == "part"
    assert cohort.knows_patients and not cohort.warnings
    assert list(cohort.case_ids[:2]) == ["0", "1"]  # study_id differs from row to row
    assert any("text" in n for n in cohort.notes) and any("a, b, c" in n for n in cohort.notes)


def test_row_numbers_of_a_data_frame_are_no_feature(tmp_path: Path) -> None:
    pd.DataFrame(X, columns=["a", "b", "c"]).assign(label=Y).to_csv(tmp_path / "t.csv")
    assert index(tmp_path / "t.csv").features == ("a", "b", "c")


def test_an_id_column_names_the_cases_and_a_patient_column_groups_them(tmp_path: Path) -> None:
    path = table(tmp_path, label=Y, id=[f"{i:03}" for i in range(N)], Subject=[f"S{i // 3}" for i in range(N)])
    cohort = index(path)
    assert cohort.case_ids[7] == "007"
    assert cohort.table["patient_id"].nunique() == 8
    assert cohort.table["patient_id"].dtype == "str"
    assert cohort.features == ("a", "b", "c")
    assert len(index(path, exclude=["S0", "007"])) == N - 4


def test_duplicate_rows_once_and_conflicting_ones_out(tmp_path: Path) -> None:
    path = table(tmp_path, label=Y, id=[f"c{i}" for i in range(N)])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], lines[5].replace(",0,", ",1,")]) + "\n")
    cohort = index(path, id_column="id")
    assert cohort.found == N and len(cohort) == N - 1
    (fault,) = cohort.excluded
    assert fault.code == "ConflictingRows" and fault.where == "c4"
    assert "6, 27" in fault.reason and "label" in fault.reason
    assert any("repeat" in n for n in cohort.notes)


def test_arrays_with_labels_in_another_file(tmp_path: Path) -> None:
    cohort = index(**save(tmp_path, X, Y[:, None]))
    assert cohort.features == ("f0", "f1", "f2") and len(cohort) == N
    assert list(cohort.case_ids) == [str(i) for i in range(N)]
    np.testing.assert_array_equal(cohort.table[["f0", "f1", "f2"]].to_numpy(), X)
    np.testing.assert_array_equal(cohort.codes, Y)
    assert "No patient id is known" in cohort.warnings[0]
    assert index(**save(tmp_path, X, X[:, 0])).target.task is Task.REGRESSION  # type: ignore[union-attr]


def test_npz_and_mat_hold_both(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=X, y=Y, patient_id=np.arange(N) // 2, site=np.array(["A", "B"] * 12))
    cohort = index(tmp_path / "a.npz")
    assert cohort.features == ("f0", "f1", "f2") and cohort.attributes == ("site",) and cohort.knows_patients
    savemat(tmp_path / "a.mat", {"features": X, "labels": Y[:, None].astype(float)})
    twin = index(tmp_path / "a.mat")
    np.testing.assert_array_equal(twin.X, cohort.X)
    np.testing.assert_array_equal(twin.codes, cohort.codes)


@pytest.mark.parametrize("labels", [Y.astype(float), Y.astype(bool), [["neg", "pos"][i] for i in Y]])
def test_labels_of_mat_are_those_of_npy(tmp_path: Path, labels: object) -> None:
    files = save(tmp_path)
    savemat(
        tmp_path / "labels.mat",
        {"labels": np.array(labels, dtype=object if isinstance(labels, list) else None).reshape(-1, 1)},
    )
    cohort = index(files["input"], labels=tmp_path / "labels.mat")
    np.testing.assert_array_equal(cohort.codes, Y)
    assert cohort.target is not None
    assert cohort.target.classes == (("neg", "pos") if isinstance(labels, list) else ("0", "1"))


def test_labels_table_by_id_and_by_the_order_of_rows(tmp_path: Path) -> None:
    path = table(tmp_path, id=[f"c{i}" for i in range(N)])
    labels = pd.DataFrame({"id": [f"c{i}" for i in reversed(range(N))], "grade": Y[::-1], "age": 40.0})
    labels.to_csv(tmp_path / "l.csv", index=False)
    cohort = index(path, labels=tmp_path / "l.csv", target="grade")
    np.testing.assert_array_equal(cohort.codes, Y)
    assert cohort.features == ("a", "b", "c") and cohort.attributes == ("age",)  # labels' columns describe
    assert any("'id' = id: 24 of 24" in n for n in cohort.notes)
    labels.drop(columns="id").to_csv(tmp_path / "l.csv", index=False)
    cohort = index(path, labels=tmp_path / "l.csv", target="grade")
    np.testing.assert_array_equal(cohort.codes, Y[::-1])
    assert any("order of the rows" in n for n in cohort.notes)


def test_labels_table_faults(tmp_path: Path) -> None:
    path = table(tmp_path, id=[f"{i:03}" for i in range(N)])
    pd.DataFrame({"id": range(N), "y": Y}).to_csv(tmp_path / "l.csv", index=False)
    with pytest.raises(LostZeros, match="007"):
        index(path, labels=tmp_path / "l.csv")
    pd.DataFrame({"id": [f"z{i}" for i in range(N)], "y": Y}).to_csv(tmp_path / "l.csv", index=False)
    with pytest.raises(NoMatch, match=r"z0.*000"):
        index(path, labels=tmp_path / "l.csv")
    pd.DataFrame({"id": [f"{i:03}" for i in range(1, N + 1)], "y": Y}).to_csv(tmp_path / "l.csv", index=False)
    cohort = index(path, labels=tmp_path / "l.csv")
    assert {f.where for f in cohort.excluded} == {"000", f"row {N + 1}: 0{N}"} and len(cohort) == N - 1
    assert list(cohort.case_ids[:2]) == ["001", "002"]
    np.testing.assert_allclose(cohort.table["a"], X[1:, 0])


def test_unlabelled_rows_are_set_aside(tmp_path: Path) -> None:
    cohort = index(table(tmp_path, label=["a", "b", " "] * 8))
    assert len(cohort.unlabelled) == 8 and len(cohort) == 16 and cohort.found == N
    assert cohort.y is not None and set(cohort.y) == {"a", "b"}


def test_values(tmp_path: Path) -> None:
    bad = X.copy()
    bad[3, 1] = np.inf
    with pytest.raises(BadValues, match="column f1, cases 3"):
        index(**save(tmp_path, bad))
    assert len(index(**save(tmp_path, bad), exclude=["3"])) == N - 1
    bad[3, 1] = np.nan
    (said,) = (n for n in index(**save(tmp_path, bad)).notes if "missing" in n)
    assert said == "1 value missing in 1 of 3 features; they are imputed, learned anew inside each fold."
    assert without_models([said]) == ["1 value missing in 1 of 3 features."]
    bare = index(save(tmp_path, bad)["input"], with_labels=False)
    assert "1 value missing in 1 of 3 features." in bare.notes
    bad[:, 2] = np.nan
    with pytest.raises(BadValues, match="without a single value: f2") as told:
        index(**save(tmp_path, bad))
    assert told.value.remedy == "Leave these columns out: --ignore f2."
    assert len(index(tmp_path / "X.npy", with_labels=False)) == N  # one new row may lack a value
    with pytest.raises(BadValues, match="b"):
        index(table(tmp_path, label=Y, b=np.nan))


@pytest.mark.parametrize(
    "features, labels, error, says",
    [
        (X, Y[:-1], BadShape, "24 rows and 23 labels"),
        (X, np.zeros((N, 2, 2)), BadShape, "24 x 2 x 2"),
        (X, np.full((N, 2), 0.5), BadShape, "24 x 2"),
        (X[:, 0], Y, BadShape, "1 dimension"),
        (X[:0], Y[:0], EmptyInput, "nothing"),
        (np.array([{}] * N), Y, UnsafeFile, "object"),
        (X, np.array([{}] * N), UnsafeFile, "object"),
        (X, np.zeros(N), BadTarget, "one class only"),
    ],
)
def test_arrays_that_are_refused(tmp_path: Path, features: object, labels: object, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        index(**save(tmp_path, features, labels))


def test_requests_that_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, label=Y, sex=["f", "m"] * 12)
    for options, error, says in (
        ({"target": "grade"}, UnknownColumn, "a, b, c, label, sex"),
        ({"covariates": ["age"]}, UnknownColumn, "age"),
        ({"covariates": ["label"], "target": "label"}, BadTarget, "covariate"),
        ({"split_column": "site"}, UnknownColumn, "site"),
        ({"split_column": "site=A"}, UnknownColumn, "'site'"),
        ({"patient_column": "p"}, UnknownColumn, "p"),
        ({"id_column": "p"}, UnknownColumn, "p"),
        ({"labels": tmp_path / "no.csv"}, MissingPath, "no.csv"),
    ):
        with pytest.raises(error, match=says):
            index(path, **options)  # type: ignore[arg-type]
    with pytest.raises(MissingPath, match="nowhere"):
        index(tmp_path / "nowhere")
    (tmp_path / "t.docx").write_bytes(b"PK")
    with pytest.raises(UnknownFormat, match="docx"):
        index(tmp_path / "t.docx")
    with pytest.raises(NoTarget, match="--target"):
        index(table(tmp_path))
    with pytest.raises(NoTarget, match="--labels"):
        index(save(tmp_path)["input"])


def test_new_rows_keep_every_column_and_need_no_target(tmp_path: Path) -> None:
    cohort = index(table(tmp_path, label=Y, sex="f", id=range(N)), with_labels=False)
    assert cohort.target is None and cohort.features == ("a", "b", "c") and {"label", "sex"} <= set(cohort.attributes)
    assert len(index(save(tmp_path)["input"], with_labels=False)) == N


def test_excluded_by_request(tmp_path: Path) -> None:
    cohort = index(table(tmp_path, label=Y, patient_id=[f"P{i // 2}" for i in range(N)]), exclude=["P0", "5", "X9"])
    assert [f.where for f in cohort.excluded] == ["0", "1", "5"] and cohort.found == N
    assert cohort.excluded[0].label == "0" and any("X9" in w for w in cohort.warnings)


def test_text_in_a_numeric_column_is_warned_of(tmp_path: Path) -> None:
    cohort = index(table(tmp_path, label=Y, crp=["<5", *map(str, range(1, N))]))
    assert "crp" not in cohort.features and any("crp" in w and "<5" in w for w in cohort.warnings)


def test_a_listing_changes_with_the_files(tmp_path: Path) -> None:
    path = table(tmp_path, label=Y)
    first = listing(path, None)
    assert listing(path, None) == first != listing(path, path)
    path.write_text(path.read_text() + "1,2,3,0\n")
    assert listing(path, None) != first
    assert listing(tmp_path / "nowhere", None) != listing(tmp_path, None)


def test_a_million_rows_without_loops(tmp_path: Path) -> None:
    import time

    n = 200_000
    files = save(tmp_path, np.random.default_rng(0).normal(size=(n, 20)), np.arange(n) % 3)
    start = time.perf_counter()
    assert len(index(**files)) == n
    assert time.perf_counter() - start < 2


def test_ignored_columns_are_nothing_at_all(tmp_path: Path) -> None:
    path = table(tmp_path, label=Y, stage=Y + 1.0, drug=np.where(Y, "yes", "no"), class_=Y)
    cohort = index(path, target="label", ignore=["stage", "drug"])
    assert cohort.features == ("a", "b", "c", "class_") and "drug" not in cohort.attributes
    assert not {"stage", "drug"} & {*cohort.table.columns, *cohort.cases[0].attributes}
    assert any("--ignore: stage, drug" in note for note in cohort.notes)


def test_an_ignored_column_of_the_labels_is_gone_and_never_the_target(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    pd.DataFrame({"outcome": Y, "late": Y}).to_csv(tmp_path / "l.csv", index=False)
    cohort = index(tmp_path / "x.npy", labels=tmp_path / "l.csv", ignore=["late", "f1"])
    assert cohort.target is not None and cohort.target.column == "outcome"
    assert cohort.features == ("f0", "f2") and cohort.attributes == ()
    with pytest.raises(NoTarget):
        index(table(tmp_path, label=Y), ignore=["label"])


@pytest.mark.parametrize("given, error, says", [
    ({"ignore": ["nowhere"]}, UnknownColumn, "no column 'nowhere' that --ignore"),
    ({"ignore": ["label"]}, UsageError, "'label' is to be ignored"),
    ({"ignore": ["a"], "covariates": ["a"]}, UsageError, "'a' is to be ignored"),
    ({"ignore": ["site"], "group_column": "site"}, UsageError, "'site' is to be ignored"),
])  # fmt: skip
def test_what_cannot_be_ignored(tmp_path: Path, given: dict[str, list[str]], error: type, says: str) -> None:
    path = table(tmp_path, label=Y, site=np.where(Y, "A", "B"))
    with pytest.raises(error, match=says):
        index(path, target="label", **given)  # type: ignore[arg-type]
