"""The paper's folder: what it says are the evaluation's numbers, in files that open; no look at the test part."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import docx
import numpy as np
import openpyxl
import pandas as pd
import pytest

import isocenter
import studies
from isocenter.cohort import Target, Task
from isocenter.errors import MissingPath, MissingStep, NotWritable
from isocenter.evaluation import Evaluation, evaluate
from isocenter.formats.matlab import read_mat
from isocenter.formats.office import steady
from isocenter.paper import Finished, write
from isocenter.paper.data import data
from isocenter.paper.document import manuscript
from isocenter.paper.methods import methods_section
from isocenter.paper.tables import tables
from isocenter.prediction import Prediction
from isocenter.reporting import Study, words
from isocenter.reporting.baseline import baseline
from isocenter.reporting.drawings import result_drawings
from isocenter.reporting.plates import paper_drawings

SVG = "{http://www.w3.org/2000/svg}"


def table_of_patients(path: Path, n: int = 90) -> Path:
    """Ids, class names and a column that a spreadsheet would run; two cases for every third patient."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(n, 3))
    sick = x[:, 0] + 0.7 * rng.normal(size=n) > 0.4
    table = {
        "case": [f"=c{i}" for i in range(n)],
        "patient": [f"@p{i}" for i in range(n)],
        "site": rng.choice(["+North", "South"], n),
        **{f"-f{i}": x[:, i] for i in range(3)},
        "status": np.where(sick, '=HYPERLINK("x")', "well"),
    }
    pd.DataFrame(table).to_csv(path, index=False)
    return path


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


def digests(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def estimates(project: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((project / "evaluations" / f"{name}.json").read_text())["estimates"]
    return found


# -- a real project ----------------------------------------------------------------------------------


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


# -- faults ------------------------------------------------------------------------------------------


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


# -- every shape of data -----------------------------------------------------------------------------


def really_evaluated(study: Study) -> Study:
    """A made-up study with the evaluation's own curves."""
    found: dict[str, Evaluation] = {}
    for name, table in study.predictions.items():
        pieces = [
            evaluate(
                Prediction.from_table(rows), study.target.encode(rows["reference"]), study.target,
                rows["case_id"].to_numpy(object), method=name, part=str(part), draws=50,
            )
            for part, rows in table.groupby("part", sort=False)
        ]  # fmt: skip
        found[name] = pieces[0].joined(*pieces[1:])
    return replace(study, evaluations=found)


def ordinal() -> Study:
    study = studies.three()
    target = replace(study.target, task=Task.ORDINAL)
    return replace(study, cohort=replace(study.cohort, target=target))


def multilabel() -> Study:
    """Two labels a case; curves and numbers of each, as plain data."""
    target = Target(Task.MULTILABEL, "findings", ("edema", "=effusion"))
    values = [["", "edema", "edema|=effusion", "=effusion"][i % 4] for i in range(80)]
    cohort = studies.cohort_of(80, target, values)
    design = studies.design_of(cohort)
    rows = tuple(
        studies.estimate("auc", "forest", "test", 0.8, 20, 18, class_name=name, n_events=10) for name in target.classes
    )
    place: dict[str, Any] = {"part": "test", "group": None}
    line = {"x": [0.0, 0.2, 1.0], "y": [0.0, 0.8, 1.0]}
    curves: dict[str, list[dict[str, object]]] = {"roc": [{**place, "class": c, **line} for c in target.classes]}
    card = studies.card("forest", "primary", ["intensity"], feature_names=["a"])
    return Study("labels", cohort, design, studies.audit_of(cohort), [card],
                 {"forest": Evaluation("forest", rows, curves)}, {})  # fmt: skip


SHAPES: dict[str, tuple[Callable[[], Study], set[str]]] = {
    "binary": (
        lambda: really_evaluated(studies.binary()),
        {"roc", "pr", "calibration", "net_benefit", "confusion", "importance-forest", "importance-linear",
         "importance-map-linear", "forest-plot"},
    ),
    "three": (
        lambda: really_evaluated(studies.three()),
        {"roc", "pr", "calibration", "net_benefit", "confusion", "importance-forest", "importance-linear",
         "importance-map-linear", "forest-plot"},
    ),
    "regression": (
        lambda: really_evaluated(studies.regression()),
        {"agreement", "residuals", "bland-altman", "importance-forest", "forest-plot"},
    ),
    "crowded": (studies.crowded, {"roc", "pr", "confusion", "forest-plot"}),
    "hostile": (studies.hostile, {"roc", "pr", "confusion", "forest-plot"}),
    "ordinal": (ordinal, {"roc", "pr", "confusion", "forest-plot"}),
    "multilabel": (multilabel, {"roc"}),
}  # fmt: skip


_SLOW = ("binary", "three", "ordinal", "crowded")


@pytest.mark.parametrize("shape", [pytest.param(s, marks=pytest.mark.slow if s in _SLOW else ()) for s in SHAPES])
def test_every_shape_has_its_figures_tables_and_document(shape: str, tmp_path: Path) -> None:
    make, wanted = SHAPES[shape]
    study = make()
    written = write(Finished(study, study.predictions), tmp_path)
    assert set(written) == set(digests(tmp_path))
    assert wanted <= {p.stem for p in (tmp_path / "figures").glob("*.svg")}
    for path in (tmp_path / "figures").glob("*.svg"):
        ET.fromstring(path.read_bytes())
    frames = {table.name: table.frame for table in tables(Finished(study, study.predictions))}
    assert len(frames["results"]) == sum(e.group is None for v in study.evaluations.values() for e in v.estimates)
    book = openpyxl.load_workbook(tmp_path / "tables" / "tables.xlsx")
    assert book.sheetnames == list(frames)
    assert docx.Document(str(tmp_path / "manuscript.docx")).tables


def test_left_out_cases_are_counted_by_reason() -> None:
    study = studies.crowded()
    text = methods_section(Finished(study, {}))[0].text
    excluded, unlabelled = len(study.audit["excluded"]), len(study.audit["unlabelled"])
    assert f"{excluded} excluded (" in text
    assert "unreadable file" in text
    assert f"{unlabelled} without a value of the target, and 240 used." in text
    frame = next(t.frame for t in tables(Finished(study, {})) if t.name == "excluded")
    assert len(frame) == excluded + unlabelled


def test_labels_are_counted_one_by_one_in_table_1() -> None:
    rows = baseline(multilabel())["rows"]
    assert next(r for r in rows if r["name"] == "edema")["cells"][0] == "40 (50%)"


def test_comparisons_and_readers_appear_where_the_project_has_them(tmp_path: Path) -> None:
    study = studies.binary()
    row = {"metric": "auc", "method": "forest", "against": "covariates", "part": "test", "group": None, "difference": 0.1234,
           "low": -0.02, "high": 0.26, "p": 0.0004, "p_adjusted": None, "how": "delong", "n_patients": 54,
           "sentence": "No better than age and sex."}  # fmt: skip
    readers = {
        "pairs": [{"first": "A", "second": "B", "coefficient": "kappa", "value": 0.5, "low": None}],
        "names": ["A"],
    }
    seeds = {"how": "Two seeds.", "bands": [{"method": "forest", "mean": 0.8, "another": {"low": 0.7, "high": None}}]}
    write(Finished(study, study.predictions, comparisons=[row], readers=readers, seeds=seeds), tmp_path)
    bands = pd.read_csv(tmp_path / "tables" / "seeds.csv")
    assert (bands["another low"].tolist(), bands["mean"].tolist()) == ([0.7], [0.8])
    frame = pd.read_csv(tmp_path / "tables" / "comparisons.csv")
    assert frame["difference"].tolist() == [0.1234]
    assert pd.read_csv(tmp_path / "tables" / "readers.csv")["value"].tolist() == [0.5]
    document = docx.Document(str(tmp_path / "manuscript.docx"))
    cells = [cell.text for cell in document.tables[-1].rows[1].cells]
    assert cells == ["AUC", "forest", "covariates", "0.123 (−0.020 to 0.260)", "<0.001", "—"]
    assert "No better than age and sex." in [p.text for p in document.paragraphs]
    assert "Methods were compared on the same cases (AUC: DeLong)." in (tmp_path / "methods.md").read_text("utf-8")


def test_many_methods_share_several_tables() -> None:
    study = studies.binary()
    cards = [dict(study.models[0]) | {"name": f"m{i}"} for i in range(6)]
    evaluations = {card["name"]: study.evaluations["forest"] for card in cards}
    study = replace(study, models=cards, evaluations=evaluations)
    document = docx.Document(io.BytesIO(manuscript(Finished(study, {}), [], [])))
    shown = [[c.text for c in t.rows[0].cells] for t in document.tables if t.cell(0, 0).text == "Metric"]
    assert shown == [["Metric", "m0", "m1", "m2", "m3"], ["Metric", "m4", "m5"]]


@pytest.mark.slow
def test_a_design_of_folds(tmp_path: Path) -> None:
    study = isocenter.run(
        table_of_patients(tmp_path / "rows.csv", 60), target="status", id_column="case", patient_column="patient",
        method="linear", penalty=1.0, design="kfold", folds=3, repeats=2,
    )  # fmt: skip
    study.paper(tmp_path / "paper")
    design = pd.read_csv(tmp_path / "paper" / "tables" / "design.csv")
    assert len(design) == 6
    assert design.groupby("repeat")["test cases"].sum().tolist() == [60, 60]
    scores = pd.read_parquet(tmp_path / "paper" / "data" / "scores.parquet")
    tested = scores[(scores["part"] == "test") & (scores["method"] == "linear")]
    assert tested.groupby(["repeat", "case_id"]).size().eq(1).all()
    assert len(tested) == 120
    folds = pd.read_parquet(tmp_path / "paper" / "data" / "folds.parquet")
    assert (folds["part"] == "test").sum() == 120
    text = (tmp_path / "paper" / "methods.md").read_text("utf-8")
    assert "60 cases were tested in 6 splits, repeated 2 times." not in text
    assert "60 cases were each tested 2 times, in 6 splits." in text
    assert "not itself tested" in text


def test_the_kept_model_of_several_splits_lends_them_no_threshold() -> None:
    study = studies.binary()
    name = str(study.evaluated[0]["name"])
    decided = {name: {"threshold": 0.25, "criterion": "youden"}}
    design = replace(study.design, whole=study.design.split)
    told = {p.heading: p.text for p in methods_section(Finished(replace(study, design=design), {}, decided))}
    assert f"For {name}, each split had its own threshold (youden)." in told["Decisions"]
    assert f"For the kept model of {name}, the threshold was 0.25 (youden)." in told["Decisions"]
    alone = {p.heading: p.text for p in methods_section(Finished(study, {}, decided))}
    assert f"For {name}, the threshold was 0.25 (youden)." in alone["Decisions"]


@pytest.mark.parametrize("prevalences", [(), ("0.05",)])
def test_predictive_values_that_were_asked_for_are_not_said_to_be_unasked(
    tmp_path: Path, prevalences: tuple[str, ...]
) -> None:
    study = replace(studies.regression(), options={"prevalences": prevalences})
    write(Finished(study, study.predictions), tmp_path)
    said = (tmp_path / "README.txt").read_text("utf-8")
    assert ("No predictive values at other prevalences were asked for" in said) is (not prevalences)
    assert ("were asked for, but" in said) is bool(prevalences)


# -- charts ------------------------------------------------------------------------------------------


def test_the_page_and_the_paper_show_the_same_charts() -> None:
    study = really_evaluated(studies.binary())
    page, paper = [d.name for d in result_drawings(study)], [d.name for d in paper_drawings(study)]
    assert page == ["roc", "pr", "calibration", "net_benefit"]
    assert paper[:4] == page


def test_calibration_is_drawn_with_its_band_and_every_score() -> None:
    study = really_evaluated(studies.binary())
    drawing = next(d for d in result_drawings(study) if d.name == "calibration")
    axes = drawing.draw().axes[0]
    curve = next(c for c in study.first.curves["calibration"] if c["part"] == "test")
    assert any(line.get_xdata().tolist() == curve["x"] for line in axes.lines)  # type: ignore[union-attr]
    kinds = [type(c).__name__ for c in axes.collections]
    assert kinds.count("FillBetweenPolyCollection") == 1
    assert kinds.count("LineCollection") == 2  # with the condition, and without


def test_decision_curve_shows_both_simple_policies() -> None:
    study = really_evaluated(studies.binary())
    axes = next(d for d in result_drawings(study) if d.name == "net_benefit").draw().axes[0]
    curve = next(c for c in study.first.curves["net_benefit"] if c["part"] == "test")
    drawn = [list(line.get_ydata()) for line in axes.lines]  # type: ignore[arg-type]
    assert curve["treat_all"] in drawn
    assert [0.0, 0.0] in drawn


def test_bland_altman_has_the_published_lines() -> None:
    study = really_evaluated(studies.regression())
    rows = study.test_rows
    assert rows is not None
    difference = rows["prediction"].astype(float) - rows["reference"].astype(float)
    axes = next(d for d in result_drawings(study) if d.name == "bland-altman").draw().axes[0]
    heights = [line.get_ydata()[0] for line in axes.lines if len(line.get_ydata()) == 2]  # type: ignore[arg-type,index]
    spread = 1.959964 * difference.std(ddof=1)
    for wanted in (difference.mean(), difference.mean() - spread, difference.mean() + spread):
        assert any(abs(h - wanted) < 1e-5 for h in heights)


def test_data_without_curves_or_scores_is_absent() -> None:
    study = studies.regression()
    assert [t.name for t in data(Finished(study, {}))] == ["folds"]


def test_office_files_lose_their_dates() -> None:
    def book() -> bytes:
        out = io.BytesIO()
        openpyxl.Workbook().save(out)
        return out.getvalue()

    one, other = book(), book().replace(b"nothing", b"nothing")
    assert steady(one) == steady(other)
    assert openpyxl.load_workbook(io.BytesIO(steady(one))).properties.modified.year == 2000
