"""The report as a page: whole, self-contained, the same twice, and no text of the user's becomes markup."""

from __future__ import annotations

import hashlib
import math
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import studies
from isocenter.evaluation import Evaluation, evaluate
from isocenter.prediction import Prediction
from isocenter.reporting import Study, render, words
from isocenter.reporting.summary import summarize
from pages import Page
from studies import EVIL, STUDIES

HERE = Path(__file__).parent
MEGABYTE = 1_000_000


@pytest.fixture(scope="module", params=sorted(STUDIES))
def study(request: pytest.FixtureRequest) -> Study:
    return STUDIES[request.param]()


@pytest.fixture(scope="module")
def html(study: Study) -> str:
    return render(study)


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
