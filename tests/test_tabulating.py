"""Features as a table: the values of the feature steps, whole counts, no case in another's row, nothing overwritten."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import isocenter
from isocenter import datasets, progress
from isocenter.cli import app
from isocenter.errors import InputDoesNotFit, IsocenterError, NotWritable, UnknownFormat, UsageError
from isocenter.features import Radiomics
from isocenter.features import measured as measuring_regions
from isocenter.lines.tabulated import tabulated
from isocenter.tabulating import features_to

MASK = ["lesion_mask.nii.gz"]
COARSE = "ct:spacing=4"


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tabulated")
    datasets.phantom(folder, patients=6, seed=5)
    return folder / "scans"


def written(scans: Path, output: Path, project: Path, **options: object) -> dict[str, object]:
    told = {"mask": MASK, "features": ["radiomics"], "preset": [COARSE], **options}
    return features_to(str(scans), output, project, **told)


def test_the_table_holds_what_the_feature_step_measures(scans: Path, tmp_path: Path) -> None:
    cohort = isocenter.index(scans, labels=scans.parent / "labels.csv", target="malignant", mask=MASK)
    wanted = Radiomics(COARSE).fit(cohort.cases).transform(cohort.cases)
    for name in ("t.csv", "t.parquet"):
        told = written(scans, tmp_path / name, tmp_path / "p")
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        table = read(told["table"]).set_index("case_id")
        assert sorted(table.pop("patient_id")) == [f"PHANTOM-{i + 1:03}" for i in range(6)]
        pd.testing.assert_frame_equal(table.loc[wanted.index], wanted, check_exact=True, check_index_type=False)
        assert told["tabulated"]["used"] == 6  # type: ignore[index]
    names = pd.read_csv(tmp_path / "t_names.csv").set_index("column")
    assert names.loc["morph_volume", "ibsi"] == "RNU0"  # IBSI reference manual, section 3.1.1
    assert names.loc["stat_mean", "ibsi"] == "Q4LE"  # and section 3.3.1
    assert list(names.index) == list(wanted)


@pytest.mark.parametrize("features", ["radiomics", "intensity", "descriptors", "radiomics+intensity"])
def test_a_row_depends_on_no_other_case(scans: Path, features: str) -> None:
    how = {"mask": MASK, "preset": [COARSE] if "radiomics" in features else []}
    whole = isocenter.feature_table(scans, features, **how)  # type: ignore[arg-type]
    few = isocenter.feature_table(scans / "PHANTOM-004", features, **how)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(few, whole.loc[few.index], check_exact=True)
    assert next(iter(whole)) == "patient_id"
    if "+" in features:
        assert {one.partition(": ")[0] for one in list(whole)[1:]} == {"radiomics", "intensity"}


@pytest.mark.parametrize("features", ["radiomics", "intensity"])
def test_counts_reconcile_and_what_is_left_out_has_a_reason(scans: Path, tmp_path: Path, features: str) -> None:
    shutil.copytree(scans, tmp_path / "scans")
    for name in ("PHANTOM-002", "PHANTOM-003"):
        path = tmp_path / "scans" / name / MASK[0]
        mask = nib.load(path)
        nib.save(nib.Nifti1Image(np.zeros(mask.shape, np.uint8), mask.affine), path)
    (tmp_path / "scans" / "PHANTOM-004" / MASK[0]).unlink()
    preset = [COARSE] if features == "radiomics" else []
    told = written(tmp_path / "scans", tmp_path / "t.csv", tmp_path / "p", features=[features], preset=preset)
    counts: dict[str, object] = told["tabulated"]  # type: ignore[assignment]
    table, left = pd.read_csv(tmp_path / "t.csv"), pd.read_csv(tmp_path / "t_excluded.csv")
    assert (counts["found"], counts["used"], len(left), len(table)) == (6, 3, 3, 3)
    assert not set(table["case_id"]) & set(left["where"])
    assert left["reason"].str.contains("empty|No mask", regex=True).all()
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        found = isocenter.feature_table(tmp_path / "scans", features, mask=MASK, preset=preset)
    assert [one["where"] for one in found.attrs["excluded"]] == list(left["where"])
    assert any(text.startswith("3 of 6 cases are not in the table") for text in heard)


def test_rows_of_the_labels_without_a_scan_are_no_cases(scans: Path, tmp_path: Path) -> None:
    table = pd.read_csv(scans.parent / "labels.csv", dtype=str)
    gone = table.iloc[:2].assign(**{str(table.columns[0]): ["nobody-1", "nobody-2"]})
    pd.concat([gone, table.iloc[1:]]).to_csv(tmp_path / "l.csv", index=False)
    how = {"labels": str(tmp_path / "l.csv"), "id_column": str(table.columns[0])}
    told = written(scans, tmp_path / "t.csv", tmp_path / "p", features=["intensity"], preset=[], **how)
    counts: dict[str, Any] = told["tabulated"]  # type: ignore[assignment]
    assert (counts["found"], counts["used"], len(counts["excluded"]), len(counts["rows"])) == (6, 5, 1, 2)
    said = list(tabulated(counts, told))
    assert "Cases     6 found = 5 in the table" in said[0] and "+ 1 left out" in said[0]
    assert any("2 rows belong to no case: row 2: nobody-1, row 3: nobody-2" in line for line in said)
    assert len(pd.read_csv(tmp_path / "t_excluded.csv")) == 3


def test_what_was_measured_is_not_measured_again(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(scans, tmp_path / "one.csv", tmp_path / "p")

    def fail(*_: object) -> object:
        raise AssertionError("measured again")

    monkeypatch.setattr(measuring_regions, "measure", fail)
    written(scans, tmp_path / "two.csv", tmp_path / "p")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["store"]


def test_nothing_is_overwritten(scans: Path, tmp_path: Path) -> None:
    for there in ("t.csv", "t_names.csv", "t_excluded.csv"):
        (tmp_path / there).write_text("mine")
        with pytest.raises(NotWritable, match=there):
            written(scans, tmp_path / "t.csv", tmp_path / "p")
        assert (tmp_path / there).read_text() == "mine"
        (tmp_path / there).unlink()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options, error, text",
    [
        ({"standardise": "nyul"}, UsageError, "learned from all cases"),
        ({"standardise": "n4+nyul"}, UsageError, "learned from all cases"),
        ({"features": ["radiomics", "intensity"]}, UsageError, "radiomics+intensity"),
        ({"features": ["given"], "preset": []}, UsageError, "do not suit"),
        ({"features": ["intensity"]}, UsageError, "--preset"),
    ],
)
def test_what_cannot_be_is_refused(
    options: dict[str, object], error: type[Exception], text: str, scans: Path, tmp_path: Path
) -> None:
    with pytest.raises(error) as told:
        written(scans, tmp_path / "t.csv", tmp_path / "p", **options)
    assert text in f"{told.value} {getattr(told.value, 'remedy', '')}"
    assert not (tmp_path / "t.csv").exists()


def test_a_table_and_an_unknown_kind_of_output_are_refused(scans: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="nowhere"):
        features_to("nowhere that is read first", tmp_path / "nowhere.doc", tmp_path / "p")
    pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputDoesNotFit, match="already"):
        isocenter.feature_table(tmp_path / "t.csv")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "a.png").write_bytes(b"\x89PNG no more")
    with pytest.raises(IsocenterError, match="None of 1 cases"):
        isocenter.feature_table(tmp_path / "torn")


def test_several_modalities_under_one_preset_are_a_warning(scans: Path) -> None:
    plain = isocenter.index(scans, labels=scans.parent / "labels.csv", target="malignant", mask=MASK)
    plain = plain.select(plain.case_ids[:2])
    other = tuple(replace(s, modality="PT" if s.role == "image" else s.modality) for s in plain.sources[1])
    both = replace(plain, sources=(plain.sources[0], other))
    for cohort, preset, n in ((both, [], 1), (plain, [], 0), (both, [COARSE], 0)):
        audit = isocenter.audit(cohort, features=["radiomics"], preset=preset)
        assert sum("(CT 1, PT 1). The preset of the first case, ct," in text for text in audit.warnings) == n
    heard: list[str] = []
    with progress.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        isocenter.feature_table(both, "radiomics")
    assert any("of several modalities (CT 1, PT 1)" in text for text in heard)


def test_a_cohort_with_sites_is_measured_and_not_harmonised(scans: Path) -> None:
    plain = isocenter.index(scans, labels=scans.parent / "labels.csv", target="malignant", mask=MASK)
    sites = pd.Series(["A", "B"] * 3, index=plain.table.index)
    marked = replace(plain, table=plain.table.assign(place=sites), beside=("place",))
    both = [isocenter.feature_table(one, "intensity") for one in (plain, marked)]
    pd.testing.assert_frame_equal(*both, check_exact=True)


def test_the_table_is_input_of_the_other_commands(
    scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "radiomics.csv"
    words = ["features", str(scans), str(out), "--mask", MASK[0], "--features", "radiomics", "--preset", COARSE]
    app([*words, "--project", str(tmp_path / "p")], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "6 found = 6 in the table of 6 patients + 0 left out" in shown
    assert "by preset ct:spacing=4 in mask mask" in shown
    cohort = isocenter.index(out, labels=scans.parent / "labels.csv", target="malignant")
    assert (len(cohort), cohort.knows_patients) == (6, True)
    assert "patient_id" not in cohort.features and "case_id" not in cohort.features


def test_labels_find_rows_by_patient_where_the_table_calls_them_otherwise(tmp_path: Path) -> None:
    """Ids of the rows are tried first, then their patients; who is in one table only is told."""
    features = pd.DataFrame(
        {"case_id": ["1.2.3", "1.2.4", "1.2.5"], "patient_id": ["P3", "P1", "P2"], "a": [1.0, 2, 3]}
    )
    features.to_csv(tmp_path / "f.csv", index=False)
    pd.DataFrame({"patient_id": ["P1", "P2", "P3", "P4"], "sick": [0, 1, 1, 0]}).to_csv(tmp_path / "l.csv", index=False)
    cohort = isocenter.index(tmp_path / "f.csv", labels=tmp_path / "l.csv", target="sick")
    assert dict(zip(cohort.case_ids, cohort.table["sick"], strict=True)) == {"1.2.3": "1", "1.2.4": "0", "1.2.5": "1"}
    assert dict(zip(cohort.case_ids, cohort.patients, strict=True))["1.2.4"] == "P1"
    assert any("P4" in fault.reason + fault.where for fault in cohort.excluded)
