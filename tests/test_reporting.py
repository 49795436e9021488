"""The report: what it knows is right, what it shows is whole, and no text of the user's becomes markup."""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import studies
from isocenter.cohort import Target, Task
from isocenter.evaluation import Estimate, Evaluation, evaluate
from isocenter.prediction import Prediction
from isocenter.reporting import Study, canvas, charts, pick_cases, printing, render, scales, words
from isocenter.reporting.baseline import baseline
from isocenter.reporting.flow import flow
from isocenter.reporting.summary import summarize
from studies import EVIL, STUDIES

HERE = Path(__file__).parent
MEGABYTE = 1_000_000


class Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._inside: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def attributes(self, name: str) -> Iterator[str]:
        return (attrs[name] for _, attrs in self.elements if name in attrs)


@pytest.fixture(scope="module", params=sorted(STUDIES))
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]()


@pytest.fixture(scope="module")
def html(study: Study) -> str:
    return render(study)


# -- the page as a whole ---------------------------------------------------------------------------


def test_page_holds_everything_and_asks_for_nothing(html: str) -> None:
    page = Page(html)
    names = [tag for tag, _ in page.elements]
    assert not {"script", "iframe", "object", "embed", "form", "base", "video", "audio"} & set(names)
    assert all(url.startswith(("data:image/", "#")) for name in ("src", "href") for url in page.attributes(name))
    assert not re.search(r"@import|url\((?!#)", html)
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert not [k for _, attrs in page.elements for k in attrs if k.startswith("on")]
    assert len(html.encode()) < 6 * MEGABYTE


def test_ids_are_unique_and_every_reference_is_answered(html: str) -> None:
    page = Page(html)
    ids = list(page.attributes("id"))
    assert len(ids) == len(set(ids))
    wanted = {url[1:] for url in page.attributes("href") if url.startswith("#")}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", html)) | set(page.attributes("aria-labelledby"))
    assert wanted <= set(ids)


def test_same_study_gives_the_same_bytes(study: Study, html: str) -> None:
    assert render(replace(study)) == html


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    script = "import hashlib, studies; from isocenter.reporting import render;"
    script += "print(hashlib.sha256(render(studies.binary()).encode()).hexdigest())"
    path = os.pathsep.join([str(HERE), str(HERE.parent / "src")])
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": path, "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(render(studies.binary()).encode()).hexdigest()


def test_every_estimate_is_shown_with_its_interval(study: Study, html: str) -> None:
    text = Page(html).text
    for evaluation in study.evaluations.values():
        for row in evaluation.estimates:
            if math.isfinite(row.value) and row.part == "test" and row.group is None:
                floor = evaluation.method in ("majority", "covariates") and row.class_name is not None
                assert floor or f"{words.value(row.metric, row.value)} {words.interval(row)}".strip() in text, row


def test_tuning_values_stand_beside_test_values() -> None:
    study = studies.binary()
    comparison = summarize(study)["results"]["comparison"]
    names = [method["name"] for method in comparison["methods"]]
    assert names == ["forest", "linear", "majority", "covariates"]
    assert comparison["methods"][0]["n"] == {"test": "60 / 54", "tuning": "180 / 162"}
    auc = next(row for row in comparison["rows"] if row["title"] == "AUC")
    for name, cell in zip(names, auc["cells"], strict=True):
        assert cell["test"]["value"] == f"{study.evaluations[name].get('auc').value:.3f}"
        assert cell["tuning"]["value"] == f"{study.evaluations[name].get('auc', 'tuning').value:.3f}"
        assert not cell["tuning"]["interval"]


def test_a_study_that_evaluated_nothing_still_has_a_page() -> None:
    study = replace(studies.binary(), evaluations={}, predictions={}, models=(), thumbnails={})
    assert "Nothing has been evaluated yet" in Page(render(study)).text


def test_cards_need_no_more_than_a_name() -> None:
    study = studies.three()
    bare = [{"name": card["name"]} for card in study.models]
    assert "Grade II (intermediate)" in Page(render(replace(study, models=bare, audit={}))).text


def test_page_shows_what_the_real_evaluation_makes() -> None:
    study = studies.binary()
    rows = study.predictions["forest"]
    test = rows[rows["part"] == "test"]
    codes = study.target.encode(test["reference"])
    prediction = Prediction.from_table(test)
    found = evaluate(prediction, codes, study.target, test["patient_id"].to_numpy(), method="forest", part="test")
    told = Evaluation.from_dict(found.to_dict())
    page = Page(render(replace(study, evaluations={"forest": told}, models=study.models[:1]))).text
    auc = told.get("auc")
    assert f"{auc.value:.3f} {auc.low:.3f}–{auc.high:.3f}" in page


def test_large_studies_stay_small() -> None:
    study = studies.crowded()
    picture = studies.thumbnail(3) + bytes(900_000)
    lists = {"excluded": studies.faults(20_000), "unlabelled": [f"case {i}" for i in range(20_000)]}
    audit = {**study.audit, **lists, "found": 40_240, "duplicates": [[f"CT-{i}" for i in range(5000)]] * 50}
    html = render(replace(study, audit=audit, thumbnails=dict.fromkeys(study.thumbnails, picture)))
    assert len(html.encode()) < 6 * MEGABYTE
    assert "and 19\u202f800 more" in html


def test_rendering_is_quick() -> None:
    study = studies.binary()
    render(study)
    start = time.process_time()
    render(study)
    assert time.process_time() - start < 0.6


def test_matplotlib_is_not_imported_before_it_draws() -> None:
    script = "import sys, isocenter.reporting; sys.exit('matplotlib' in sys.modules)"
    path = str(HERE.parent / "src")
    subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=True)


# -- hostile texts ---------------------------------------------------------------------------------


def test_hostile_texts_stay_texts() -> None:
    html = render(studies.hostile())
    page = Page(html)
    assert EVIL in page.text
    assert all(not a.get("src") or a["src"].startswith("data:image/png;base64,") for _, a in page.elements)
    assert "{{ 7*7 }}" in page.text
    assert "{% raw %}" in page.text


def test_hostile_characters_cannot_break_the_file_or_turn_the_text(tmp_path: Path) -> None:
    html = render(studies.hostile())
    (tmp_path / "report.html").write_text(html, "utf-8")  # lone surrogates could not be written
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html)
    assert "肿瘤" in html


def test_what_is_no_png_is_no_picture() -> None:
    study = studies.binary()
    html = render(replace(study, thumbnails=dict.fromkeys(study.thumbnails, b"<svg onload=alert(1)>")))
    assert "<img" not in html


def test_charts_hold_no_text_of_the_user() -> None:
    for figure in summarize(studies.hostile())["figures"]:
        assert "alert" not in figure["svg"]


# -- flow and baseline -----------------------------------------------------------------------------


def test_counts_reconcile(study: Study) -> None:
    found = flow(study)
    assert found["reconciles"]
    assert sum(part["size"] for part in found["parts"]) + sum(int(one["n"]) for one in found["left"]) == len(
        study.cohort
    )


@pytest.mark.parametrize("change", [{"found": 500}, {"used": 3, "found": 15}])
def test_counts_that_do_not_reconcile_are_said(change: dict[str, int]) -> None:
    study = studies.binary()
    html = render(replace(study, audit={**study.audit, **change}))
    assert "do not add up" in html


def test_training_cases_dropped_for_overlap_are_in_the_diagram() -> None:
    study = studies.binary()
    split = study.design.split
    design = replace(study.design, splits=(replace(split, training=split.training[8:]),))
    found = flow(replace(study, design=design))
    assert found["left"] == [{"why": "left out of training: shared with the test part", "n": "8"}]
    assert found["reconciles"]


def test_baseline_describes_each_part() -> None:
    study = studies.binary()
    found = baseline(study)
    assert [c["name"] for c in found["columns"]] == ["All", "Training", "Test"]
    rows = {row["name"]: row["cells"] for row in found["rows"] if "missing" not in row}
    test = study.cohort.select(study.design.split.test).table
    low, middle, high = np.quantile(test["age"], (0.25, 0.5, 0.75))
    assert rows["age"][2] == f"{middle:.1f} [{low:.1f}, {high:.1f}]"
    women, known = int((test["sex"] == "F").sum()), int(test["sex"].notna().sum())
    assert rows["F"][2] == f"{women} ({100 * women / known:.0f}%)"
    assert rows["PatientComment"][0] == "240 values"
    assert rows["Patients"] == ["216", "162", "54"]
    missing = next(row for row in found["rows"] if row.get("missing"))
    assert missing["cells"][0].startswith(f"{study.cohort.table['sex'].isna().sum()} (")


def test_baseline_of_a_column_without_values() -> None:
    study = studies.binary()
    table = study.cohort.table.assign(age=np.nan, flag=[i % 3 == 0 for i in range(240)])
    rows = {r["name"]: r["cells"] for r in baseline(replace(study, cohort=replace(study.cohort, table=table)))["rows"]}
    assert rows["True"][0] == "80 (33%)"


# -- headline, story, warnings ---------------------------------------------------------------------


def test_headline_is_the_primary_method_on_the_test_part() -> None:
    study = studies.binary()
    found = summarize(study)["headline"]
    auc = study.evaluations["forest"].get("auc")
    assert (found["metric"], found["value"]) == ("AUC", f"{auc.value:.3f}")
    assert found["interval"] == f"{auc.low:.3f}–{auc.high:.3f}"
    assert [row["name"] for row in found["bars"]["rows"]] == ["forest", "linear", "majority", "covariates"]
    for row in found["bars"]["rows"]:
        assert 0 <= row["at"] <= 100
        assert row["from"] is None or 0 <= row["from"] <= row["at"] <= row["to"] <= 100


def test_headline_falls_back_where_there_is_no_auc() -> None:
    study = studies.binary()
    first = study.evaluations["forest"]
    without = replace(
        first, estimates=tuple(replace(e, value=math.nan) if e.metric == "auc" else e for e in first.estimates)
    )
    found = summarize(replace(study, evaluations={**study.evaluations, "forest": without}))["headline"]
    assert found["metric"] == "Accuracy"


def test_constant_scores_have_no_interval() -> None:
    rows = summarize(studies.binary())["headline"]["bars"]["rows"]
    majority = next(row for row in rows if row["name"] == "majority")
    assert (majority["value"], majority["interval"], majority["from"]) == ("0.500", "", None)


def test_story_compares_with_the_floors() -> None:
    story = " ".join(summarize(studies.binary())["story"])
    assert "180 cases of 162 patients to tell malignant from benign" in story
    assert "60 test cases that it had never seen (54 patients)" in story
    assert "a guess by class frequency (0.500)" in story


def test_classes_that_are_numbers_are_named_with_their_column() -> None:
    study = studies.classes_study(("0", "1"), "1", n=120, left_out=0)
    said = summarize(study)
    assert "to tell diagnosis = 1 from diagnosis = 0" in " ".join(said["story"])
    assert said["headline"]["counts"]["events"].endswith(" diagnosis = 1")


@pytest.mark.parametrize(
    "metric, interval, floor, said",
    [
        ("auc", (0.7, 0.9), 0.6, "lies above that of"),
        ("auc", (0.7, 0.9), 0.8, "includes the value of"),
        ("auc", (0.3, 0.4), 0.5, "lies below, and so is worse than, that of"),
        ("mae", (3.0, 5.0), 9.0, "lies below that of"),
        ("mae", (3.0, 5.0), 2.0, "lies above, and so is worse than, that of"),
    ],
)
def test_side_of_the_floor(metric: str, interval: tuple[float, float], floor: float, said: str) -> None:
    from isocenter.reporting.story import _side

    assert _side(Estimate(metric, "forest", "test", 0.5, *interval, "wilson", 9, 9), floor) == said


def test_unknown_patients_are_said_loudly_and_once() -> None:
    assert sum("patient ids" in text for text in summarize(studies.regression())["warnings"]) == 1
    told = "No patient ids are known. Name the column with --patient-column."
    again = summarize(replace(studies.regression(), warnings=(told,)))["warnings"]
    assert [text for text in again if "patient ids" in text] == [told]


def test_warnings_of_all_rooms_are_there_once() -> None:
    study = studies.crowded()
    twice = replace(study, warnings=study.audit["warnings"])
    assert summarize(twice)["warnings"] == summarize(study)["warnings"]
    assert any("bit-identical" in text for text in summarize(study)["warnings"])
    assert any("4 times" in text for text in summarize(study)["warnings"])
    assert any("7 test cases share" in text for text in summarize(study)["warnings"])


@pytest.mark.parametrize("flag", ["option", "note", "attrs", "none"])
def test_synthetic_data_wear_a_ribbon(flag: str) -> None:
    study = replace(studies.three(), options={"synthetic": flag == "option"})
    if flag == "note":
        study = replace(study, notes=("All images are synthetic phantoms.",))
    if flag == "attrs":
        table = study.cohort.table.copy()
        table.attrs["synthetic"] = True
        study = replace(study, cohort=replace(study.cohort, table=table))
    assert ("Synthetic phantom data" in Page(render(study)).text) == (flag != "none")


# -- results ---------------------------------------------------------------------------------------


def test_groups_are_shown_with_and_without() -> None:
    groups = summarize(studies.crowded())["results"]["groups"]
    first, second = groups["rows"][:2]
    assert (first["group"], second["group"]) == ("whole test part", "without shared cases")
    assert (first["n"], second["n"]) == ("60 / 54", "53 / 48")
    assert first["cells"] != second["cells"]


def test_confusion_matrix_rows_are_true() -> None:
    study = studies.three()
    rows = study.predictions["forest"]
    test = rows[rows["part"] == "test"]
    counted = pd.crosstab(test["reference"], test["prediction"])
    matrix = summarize(study)["results"]["confusions"][0]
    assert (matrix["name"], matrix["part"]) == ("forest", "test")
    for row in matrix["rows"]:
        for name, cell in zip(matrix["classes"], row["cells"], strict=True):
            assert int(cell["n"]) == counted.at[row["name"], name]
        assert sum(cell["weight"] for cell in row["cells"]) == pytest.approx(1)


def test_class_by_class() -> None:
    found = summarize(studies.three())["results"]["classes"]
    assert [method["name"] for method in found] == ["forest", "linear"]
    assert [row["name"] for row in found[0]["rows"]] == list(studies.three().target.classes)
    assert found[0]["titles"] == ["AUC", "Average precision", "Sensitivity", "Specificity", "PPV", "NPV", "F1"]


def test_remarks_name_their_methods() -> None:
    study = studies.binary()
    noted = {n: replace(e, warnings=("Test part: few patients.",)) for n, e in study.evaluations.items()}
    remarks = summarize(replace(study, evaluations=noted))["results"]["remarks"]
    assert remarks == [{"text": "Test part: few patients.", "methods": ["forest", "linear", "majority", "covariates"]}]


# -- cases -----------------------------------------------------------------------------------------


def _told(reference: list[str], prediction: list[str], sure: list[float]) -> pd.DataFrame:
    yes = [p if said == "yes" else 1 - p for said, p in zip(prediction, sure, strict=True)]
    columns: dict[str, Any] = {"case_id": [f"c{i}" for i in range(len(sure))], "part": "test", "reference": reference}
    return pd.DataFrame(
        columns | {"prediction": prediction, "probability_no": 1 - np.array(yes), "probability_yes": yes}
    )


def test_worst_cases_are_the_most_confident_errors() -> None:
    target = Target(Task.CLASSIFICATION, "y", ("no", "yes"), "yes")
    table = _told(["no", "no", "yes", "yes", "yes"], ["yes", "yes", "no", "yes", "yes"], [0.6, 0.9, 0.8, 0.7, 0.99])
    assert pick_cases(table, target) == {"worst": ["c1", "c2", "c0"], "typical": ["c3", "c4"]}


def test_typical_cases_are_of_median_confidence_of_each_class() -> None:
    target = Target(Task.CLASSIFICATION, "y", ("no", "yes"), "yes")
    names = ["no"] * 21 + ["yes"] * 21
    sure = [0.5 + i / 50 for i in range(21)] * 2
    found = pick_cases(_told(names, names, sure), target)
    assert found["worst"] == []
    assert set(found["typical"]) == {"c9", "c10", "c11", "c30", "c31", "c32", "c8", "c29"}


def test_cases_of_a_measurement() -> None:
    target = Target(Task.REGRESSION, "y")
    table = pd.DataFrame({"case_id": [f"c{i}" for i in range(40)], "reference": 0.0, "prediction": np.arange(40.0)})
    table.loc[3, "prediction"] = np.nan
    found = pick_cases(table, target)
    assert found["worst"] == [f"c{i}" for i in range(39, 31, -1)]
    assert "c20" in found["typical"]
    assert len(found["typical"]) == 8


def test_only_the_test_part_is_shown() -> None:
    study = studies.binary()
    test = set(study.design.split.test)
    chosen = pick_cases(study.predictions["forest"], study.target)
    assert set(chosen["worst"]) | set(chosen["typical"]) <= test
    assert max(len(ids) for ids in chosen.values()) <= 8


def test_cards_show_reference_prediction_and_probability() -> None:
    worst = summarize(studies.binary())["gallery"][0]["cards"][0]
    row = studies.binary().predictions["forest"].set_index("case_id").loc[worst["id"]]
    assert (worst["reference"], worst["prediction"]) == (row["reference"], row["prediction"])
    assert worst["probability"] == f"{row['probability_' + row['prediction']]:.2f}"
    assert worst["picture"].startswith("data:image/png;base64,")


# -- charts and numbers ----------------------------------------------------------------------------


def test_chart_takes_its_colours_from_the_page() -> None:
    line = charts.Line([0, 0.2, 1], [0, 0.8, 1], "series-2", (0.2, 0.8))
    svg = printing.inline(charts.roc([line]), "one", "ROC")
    assert "var(--series-2)" in svg
    assert "currentColor" in svg
    assert not re.findall(r"#[0-9a-f]{6}\b", svg)
    assert 'role="img" aria-label="ROC"' in svg
    assert all(name.startswith("one-") for name in re.findall(r'\sid="([^"]+)"', svg))
    assert "<style" not in svg


def test_every_chart_colour_is_in_the_style_sheet() -> None:
    style = (Path(canvas.__file__).parent / "style.css").read_text("utf-8")
    for name in canvas.PALETTE:
        assert style.count(f"--{name}: #") == 2, name  # light and dark


def test_figures_serve_the_paper_too() -> None:
    out = io.BytesIO()
    charts.roc([charts.Line([0, 1], [0, 1], "series-1")]).savefig(out, format="pdf")
    assert out.getvalue().startswith(b"%PDF")


def test_scatter_plots_are_thinned() -> None:
    x = np.arange(50_000.0)
    assert all(len(a) <= canvas.MOST_POINTS for a in canvas.thinned(x, x))
    assert canvas.thinned(x[:5])[0].tolist() == [0, 1, 2, 3, 4]


def test_charts_of_one_point_and_of_equal_values() -> None:
    same = np.full(3, 7.0)
    assert "<svg" in printing.inline(charts.agreement(same, same), "a", "x")
    assert "<svg" in printing.inline(charts.residuals(same[:1], same[:1]), "b", "x")


def test_pixels_are_mapped() -> None:
    found = summarize(studies.binary())["importance"]
    assert [one["name"] for one in found] == ["forest", "linear"]
    assert not found[0]["map"]
    assert "<svg" in found[1]["map"]
    assert found[1]["bars"][0]["feature"].startswith("row ")
    assert len(found[1]["bars"]) == 15


@pytest.mark.parametrize(
    "number, text",
    [
        (0.1234567, "0.1235"),
        (12345678.0, "1.235e+07"),
        (-3.5, "−3.5"),
        (12.0, "12"),
        (12345, "12\u202f345"),
        (math.nan, "—"),
    ],
)
def test_quantities(number: float, text: str) -> None:
    assert words.quantity(number) == text


def test_shares_that_are_nearly_nothing_are_not_nothing() -> None:
    assert [words.percent(*pair) for pair in ((1, 500), (499, 500), (0, 5), (5, 5), (0, 0))] == [
        "0.2%", "99.8%", "0%", "100%", "—",
    ]  # fmt: skip


def test_negative_limits_are_joined_by_a_word() -> None:
    row = Estimate("r2", "forest", "test", 0.1, -0.2, 0.3, "bootstrap-patients", 30, 30)
    assert words.interval(row) == "−0.200 to 0.300"


@pytest.mark.parametrize(
    "how, said",
    [
        ("wilson", "Wilson"),
        ("newcombe-patients", "Newcombe, by patients"),
        ("new-kind", "new kind"),
        ("delong-logit-mover", "DeLong, logit scale, combined"),
        ("wilson-mover", "Wilson, combined"),
        ("bootstrap-patients-hall", "bootstrap over patients, corrected for skewness"),
    ],
)
def test_interval_names(how: str, said: str) -> None:
    assert words.interval_name(how) == said


@pytest.mark.parametrize("low, high", [(0, 1), (0, 9.3), (-0.37, 1), (0, 1e-6), (0, 4.2e7), (3, 3)])
def test_scales_hold_their_numbers_on_few_ticks(low: float, high: float) -> None:
    scale = scales.nice(low, high)
    assert scale.low <= low
    assert scale.high >= high
    assert 2 <= len(scale.ticks) <= 8
    assert all(0 <= tick["at"] <= 100 for tick in scale.ticks)
