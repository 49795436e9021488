"""The paper's folder of a real project: the evaluation's numbers, in files that open; no look at the test part."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import numpy as np
import openpyxl
import pandas as pd
import pytest

import isocenter
from isocenter.errors import MissingPath, MissingStep, NotWritable
from isocenter.formats.matlab import read_mat
from isocenter.formats.office import steady
from isocenter.paper.nouns import Table
from isocenter.paper.writing import TABLES, _tables
from isocenter.reporting import words
from papers import digests, table_of_patients

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    isocenter.run(
        table_of_patients(folder / "rows.csv"), project=folder / "project", target="status", id_column="case",
        patient_column="patient", method="linear", penalty=1.0, decide="youden", prevalences="0.05",
    )  # fmt: skip
    return folder / "project"


@pytest.fixture(scope="module")
def paper(project: Path) -> Path:
    return isocenter.export(project)


def estimates(project: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((project / "evaluations" / f"{name}.json").read_text())["estimates"]
    return found


def test_nothing_of_the_project_changes_and_nobody_looks_again(project: Path, tmp_path: Path) -> None:
    def mine() -> dict[str, str]:
        return {k: v for k, v in digests(project).items() if not k.startswith("paper/")}

    before = mine()
    assert isocenter.export(project, tmp_path / "out") == tmp_path / "out"
    assert mine() == before


def test_the_input_may_be_gone(project: Path, tmp_path: Path) -> None:
    rows = project.parent / "rows.csv"
    away = rows.rename(tmp_path / "away.csv")
    try:
        isocenter.export(project, tmp_path / "out")
    finally:
        away.rename(rows)
    assert (tmp_path / "out" / "manuscript.docx").is_file()


def test_same_bytes_twice(paper: Path, project: Path, tmp_path: Path) -> None:
    again = isocenter.export(project, tmp_path / "out")
    assert digests(again) == digests(paper)


def test_readme_names_every_file(paper: Path) -> None:
    text = (paper / "README.txt").read_text("utf-8")
    for name in digests(paper):
        if name not in ("README.txt", "tables/tables.xlsx"):
            assert f"{Path(name).stem}:" in text or name in text, name
    assert "No readers.json" in text


def test_workbook_and_csv_hold_the_evaluations_numbers(paper: Path, project: Path) -> None:
    wanted = [row for name in ("linear", "majority") for row in estimates(project, name) if row["group"] is None]
    sheet = openpyxl.load_workbook(paper / "tables" / "tables.xlsx")["results"]
    header, *cells = list(sheet.iter_rows(values_only=True))
    rows = [dict(zip(header, row, strict=True)) for row in cells]
    csv = pd.read_csv(paper / "tables" / "results.csv")
    assert len(rows) == len(csv) == len(wanted)
    for row, line, want in zip(rows, csv.to_dict("records"), wanted, strict=True):
        for name in ("metric", "method", "part", "value", "low", "high", "interval", "n_cases", "n_patients"):
            same = row[name] == want[name]  # a workbook keeps 16 digits
            assert same or row[name] == pytest.approx(want[name], rel=1e-15, abs=0)
            assert line[name] == want[name] or (want[name] is None and np.isnan(line[name]))


def test_document_shows_the_evaluations_numbers(paper: Path, project: Path) -> None:
    document = docx.Document(str(paper / "manuscript.docx"))
    results = next(t for t in document.tables if t.cell(0, 0).text == "Metric")
    shown = {row.cells[0].text: row.cells[1].text for row in results.rows}
    for metric, name in (("auc", "AUC"), ("sensitivity", "Sensitivity"), ("brier", "Brier score")):
        row = next(r for r in estimates(project, "linear") if (r["metric"], r["part"]) == (metric, "test"))
        assert shown[name] == f"{row['value']:.3f} ({row['low']:.3f}–{row['high']:.3f})"
    first = document.tables[0]
    assert first.cell(0, 0).text == "Characteristic"
    n = {cell.text for cell in first.rows[0].cells}
    test = next(r for r in estimates(project, "linear") if r["part"] == "test")
    assert f"Test (n = {test['n_cases']})" in n
    texts = [p.text for p in document.paragraphs]
    assert "Table 1. Baseline characteristics" in texts
    legends = [t for t in texts if re.match(r"Figure \d", t)]
    assert len(legends) == len(list((paper / "figures").glob("*.svg")))


def test_places_of_the_author_are_marked(paper: Path) -> None:
    from docx.enum.text import WD_COLOR_INDEX

    document = docx.Document(str(paper / "manuscript.docx"))
    runs = [run for p in document.paragraphs for run in p.runs if run.text.startswith("[author: ")]
    assert len(runs) > 5
    assert {run.font.highlight_color for run in runs} == {WD_COLOR_INDEX.YELLOW}


def test_methods_tell_what_was_done_in_the_projects_numbers(paper: Path, project: Path) -> None:
    text = (paper / "methods.md").read_text("utf-8")
    parts = json.loads((project / "split.json").read_text())["parts"]
    assert "90 cases were found, all of them used." in text
    assert f"The training part held {len(parts['training'])} cases of {len(parts['training'])} patients" in text
    assert f"the test part held {len(parts['test'])} cases" in text
    assert "penalty = 1" in text
    assert "The random seed was 0." in text
    assert "The test part was looked at once." in text
    assert "(youden)" in text
    told = isocenter.load(project / "models" / "linear.iso").decision.threshold
    assert told is not None
    assert words.quantity(told) in text
    assert f"numpy {np.__version__}" in text
    document = docx.Document(str(paper / "manuscript.docx"))
    shown = "\n".join(p.text for p in document.paragraphs)
    for line in text.splitlines():
        assert line.lstrip("# ") in shown


def test_data_are_equal_in_every_format(paper: Path) -> None:
    names = {p.stem for p in (paper / "data").glob("*.csv")}
    assert names == {"roc_points", "pr_points", "calibration_points", "net_benefit_points", "scores", "folds"}
    for name in names:
        csv, parquet = pd.read_csv(paper / f"data/{name}.csv"), pd.read_parquet(paper / f"data/{name}.parquet")
        mat = read_mat(paper / f"data/{name}.mat").arrays
        columns = list(mat)[1:]  # behind `names`
        assert list(csv.columns) == [c if c[0] not in "=-+@" else f"'{c}" for c in parquet.columns]
        assert len(columns) == parquet.shape[1]
        for i, column in enumerate(columns):
            ours, values = parquet.iloc[:, i], mat[column].ravel()
            if pd.api.types.is_numeric_dtype(ours):
                np.testing.assert_array_equal(csv.iloc[:, i].to_numpy(float), ours.to_numpy(float))
                np.testing.assert_array_equal(values.astype(float), ours.to_numpy(float))
            else:
                assert [str(v) for v in values] == ours.fillna("").tolist()


OCTAVE_READS = """
files = glob('tables/*.mat');
for i = 1:numel(files)
  t = load(files{i}); names = fieldnames(t)(2:end);
  assert(numel(names), numel(t.names)); assert(all(cellfun(@isvarname, names)));
  for j = 1:numel(names)
    column = t.(names{j});
    assert(iscellstr(column) || isnumeric(column) || islogical(column)); assert(columns(column), 1);
    assert(rows(column), rows(t.(names{1})));
  end
  printf('%s %d %d\\n', files{i}, rows(t.(names{1})), numel(names));
end
r = load('tables/results.mat');
printf('%.17g %.17g %.17g\\n', [r.value, r.low, r.high]');
printf('%s\\n', r.metric{:});
"""


def test_octave_reads_every_table(paper: Path, octave: Callable[[str], str], tmp_path: Path) -> None:
    shutil.copytree(paper / "tables", tmp_path / "tables", dirs_exist_ok=True)
    printed = octave(OCTAVE_READS).splitlines()
    tables = {p.stem: pd.read_csv(p) for p in sorted((paper / "tables").glob("*.csv"))}
    assert {"results", "comparisons", "confusion", "operating_points", "predictive_values", "methods"} <= set(tables)
    assert printed[: len(tables)] == [f"tables/{n}.mat {len(t)} {t.shape[1]}" for n, t in tables.items()]
    results, printed = tables["results"], printed[len(tables) :]
    numbers = [[float(x) for x in line.split()] for line in printed[: len(results)]]  # missing is NaN
    np.testing.assert_array_equal(numbers, results[["value", "low", "high"]].to_numpy())
    assert printed[len(results) :] == results["metric"].tolist()


def test_tables_in_mat_keep_what_is_missing_and_odd_names(tmp_path: Path) -> None:
    odd = pd.DataFrame({
        "n (test)": pd.Series([1, None], dtype="Int64"), "2nd": [0.1, np.nan], "met": pd.Series([True, None], dtype="boolean"),
        "why": pd.Series(["=a", None], dtype=object), "x" * 80: [1.0, 2.0], "end": ["é", ""],
    })  # fmt: skip
    assert _tables([Table("odd", "", odd)], tmp_path) == ["tables/odd.csv", "tables/odd.mat", "tables/tables.xlsx"]
    held = read_mat(tmp_path / TABLES / "odd.mat").arrays
    assert held.pop("names").ravel().tolist() == list(odd)
    assert all(re.fullmatch(r"[A-Za-z]\w{0,62}", name) for name in held)
    columns = [values.ravel().tolist() for values in held.values()]
    np.testing.assert_array_equal(columns[:3], [[1, np.nan], [0.1, np.nan], [1, np.nan]])
    assert columns[3:] == [["=a", ""], [1.0, 2.0], ["é", ""]]


def test_points_and_scores_are_those_of_the_project(paper: Path, project: Path) -> None:
    curves = json.loads((project / "evaluations" / "linear.json").read_text())["curves"]
    points = pd.read_parquet(paper / "data" / "roc_points.parquet")
    mine = points[(points["method"] == "linear") & (points["part"] == "test")]
    curve = next(c for c in curves["roc"] if c["part"] == "test")
    assert mine["x"].tolist() == curve["x"]
    assert mine["y"].tolist() == curve["y"]
    scores = pd.read_parquet(paper / "data" / "scores.parquet")
    own = pd.read_parquet(project / "predictions" / "linear.parquet")
    assert scores[scores["method"] == "linear"]["case_id"].tolist() == own["case_id"].tolist()
    assert scores["method"].unique().tolist() == ["linear", "majority"]
    split = json.loads((project / "split.json").read_text())["splits"][0]
    folds = pd.read_parquet(paper / "data" / "folds.parquet").set_index("case_id")
    for k, ids in enumerate(split["folds"], start=1):
        assert set(folds.loc[list(ids), "inner_fold"]) == {k}
    assert set(folds.loc[split["test"], "part"]) == {"test"}


def test_no_cell_is_a_formula(paper: Path) -> None:
    book = openpyxl.load_workbook(paper / "tables" / "tables.xlsx")
    texts = []
    for sheet in book:
        for row in sheet.iter_rows():
            assert all(cell.data_type != "f" for cell in row)
            texts += [cell.value for cell in row if isinstance(cell.value, str)]
    assert '\'=HYPERLINK("x")' in texts
    assert not [t for t in texts if t[:1] in ("=", "+", "@")]
    for path in (paper / "tables").glob("*.csv"):
        values = pd.read_csv(path, dtype=str, header=None, keep_default_na=False).to_numpy().ravel()
        assert not [v for v in values if v[:1] in ("=", "+", "@")], path.name


def test_figures_are_whole_files(paper: Path) -> None:
    for path in (paper / "figures").glob("*.svg"):
        root = ET.fromstring(path.read_bytes())
        assert root.tag == f"{SVG}svg"
        assert root.attrib["width"].startswith("240.9")  # points: 85 mm
        assert root.iter(f"{SVG}text")
        pdf = path.with_suffix(".pdf").read_bytes()
        assert pdf.startswith(b"%PDF-")
        assert pdf.rstrip().endswith(b"%%EOF")
        assert b"CreationDate" not in pdf
    root = ET.fromstring((paper / "figures" / "roc.svg").read_bytes())
    texts = ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]
    assert {"Sensitivity", "1 − specificity", "linear", "majority"} <= set(texts)
    sizes = re.findall(r"font-size: ([\d.]+)px", (paper / "figures" / "roc.svg").read_text("utf-8"))
    assert 6.9 < min(map(float, sizes)) < max(map(float, sizes)) < 9  # points


def test_text_of_the_manuscript_opens_without_dates(paper: Path) -> None:
    document = docx.Document(str(paper / "manuscript.docx"))
    assert document.core_properties.modified is not None
    assert document.core_properties.modified.year == 2000
    content = (paper / "manuscript.docx").read_bytes()
    assert steady(content) == content


def test_a_project_without_evaluation_is_told_the_step(project: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingPath):
        isocenter.export(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingStep, match="isocenter evaluate"):
        isocenter.export(tmp_path / "empty")
    assert not (tmp_path / "empty" / "paper").exists()


@pytest.mark.slow
def test_the_command_line_says_so_without_a_traceback(project: Path, tmp_path: Path) -> None:
    def said(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "isocenter", "export", *words], capture_output=True, text=True)

    (tmp_path / "empty").mkdir()
    done = said("--project", str(tmp_path / "empty"))
    assert done.returncode == 1
    assert done.stderr.startswith("MissingStep")
    done = said("--project", str(project), "--output", str(tmp_path / "out"), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"paper": str(tmp_path / "out")}


def test_a_changed_split_is_not_exported(project: Path, tmp_path: Path) -> None:
    text = (project / "run.toml").read_text("utf-8")
    (project / "run.toml").write_text(text.replace("seed = 0", "seed = 1"))
    try:
        with pytest.raises(MissingStep, match="changed after the evaluation"):
            isocenter.export(project, tmp_path / "out")
    finally:
        (project / "run.toml").write_text(text)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_not_a_bug(project: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(NotWritable):
        isocenter.export(project, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"
