"""What an external test shows: its page, the terminal, and what the command line takes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter
from hospitals import elsewhere, hospital, saved
from isocenter.elsewhere import evaluate_elsewhere
from isocenter.reporting import render_external
from isocenter.terminal import Terminal


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("home"))


def test_the_page_shows_home_beside_there(tmp_path: Path, home: Path) -> None:
    hospital(120, 3, prefix="c").assign(sex=["F", "M"] * 60).to_csv(tmp_path / "there.csv", index=False)
    path, there = home / "project/models/linear.iso", str(tmp_path / "there.csv")
    how = {"subgroups": "sex", "prevalences": "0.05", "recalibrate": "platt"}
    page = Path(evaluate_elsewhere(path, there, tmp_path / "p", **how)["report"]).read_text("utf-8")
    for told in (
        "ROC curve",
        "Calibration",
        "Decision curve",
        "Internal, test part</bdi>",
        "External, recalibrated</b",
    ):
        assert told in page
    assert "The most probable class is decided; no threshold was chosen." in page
    assert "Operating points" in page and "linear on the external cases" in page and "test part, 95%" not in page
    assert "sex=F" in page and "all external cases" in page
    alone = tmp_path / "models"
    alone.mkdir()
    (alone / "m.iso").write_bytes(path.read_bytes())  # away from its project: nothing of home to draw
    page = Path(evaluate_elsewhere(alone / "m.iso", there, tmp_path / "q")["report"]).read_text("utf-8")
    assert "ROC curve" in page and "Internal, test part" not in page and "By group" not in page


def test_several_classes_have_home_s_curves_beside_and_refusals_are_one_row_a_reason(tmp_path: Path) -> None:
    def three(n: int, seed: int, prefix: str) -> pd.DataFrame:
        x = np.random.default_rng(seed).normal(size=(n, 2))
        grade = np.where(x[:, 0] > 0.5, "a", np.where(x[:, 1] > 0, "b", "c"))
        return pd.DataFrame(
            {"patient_id": [f"{prefix}{i}" for i in range(n)], "grade": grade, "x": x[:, 0], "y": x[:, 1]}
        )

    home = three(150, 0, "h")
    home.to_csv(tmp_path / "h.csv", index=False)
    isocenter.run(tmp_path / "h.csv", project=tmp_path / "p", target="grade", patient_column="patient_id",
                  method="linear", penalty=1.0)  # fmt: skip
    pd.concat([three(60, 1, "e"), home]).to_csv(tmp_path / "t.csv", index=False)
    made = evaluate_elsewhere(tmp_path / "p/models/linear.iso", str(tmp_path / "t.csv"), tmp_path / "p")
    page = Path(made["report"]).read_text("utf-8")
    for told in ("linear, external</bdi>", "linear, internal, test part</bdi>", "roc-test", "calibration-external"):
        assert told in page
    refused = page[page.index('id="refused"') :]
    assert refused.count("Test on other patients.") <= 3  # 150 cases, as many rows as reasons
    assert refused.count("<li><bdi>") == 150


def test_the_page_states_a_chosen_threshold(tmp_path: Path) -> None:
    hospital(160, 0).to_csv(tmp_path / "h.csv", index=False)
    cohort = isocenter.index(tmp_path / "h.csv", target="outcome", patient_column="patient_id", positive="malignant")
    made = isocenter.fit(cohort, isocenter.split(cohort), "linear", decide="sensitivity=0.90")
    found = elsewhere(tmp_path, hospital(80, 1, prefix="b"), made)
    page = render_external(found.to_dict(), made.target, "there")
    assert f"A case is called malignant from a probability of {made.decision.threshold:.3f} on." in page
    assert "Criterion: sensitivity=0.90, met on patient-grouped out-of-fold scores" in page


def test_labels_have_a_row_each_even_one_that_nobody_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def table(seed: int, prefix: str) -> pd.DataFrame:
        found = hospital(160, seed, prefix=prefix)
        edema = (found["outcome"] == "malignant").astype(int)
        return found.drop(columns="outcome").assign(edema=edema, effusion=(found["a"] > 0).astype(int))

    table(0, "a").to_csv(tmp_path / "h.csv", index=False)
    cohort = isocenter.index(tmp_path / "h.csv", target="edema,effusion", patient_column="patient_id")
    isocenter.save(isocenter.fit(cohort, isocenter.split(cohort), "linear"), tmp_path / "m.iso")
    for effusion in (None, 0):
        there = table(1, "b")
        there = there if effusion is None else there.assign(effusion=effusion)
        there.to_csv(tmp_path / "there.csv", index=False)
        how = {"patient_column": "patient_id", "target": "edema,effusion"}
        Terminal(as_json=False).show(
            evaluate_elsewhere(tmp_path / "m.iso", str(tmp_path / "there.csv"), tmp_path / "p", **how)
        )
        shown = capsys.readouterr().out
        assert "Labels of linear on the external cases" in shown
        assert re.search(r"^edema +\d+ +0\.\d+ \(", shown, re.MULTILINE)
        assert re.search(r"^effusion +" + ("\\d+ +[01]\\." if effusion is None else "0 +-"), shown, re.MULTILINE)
        assert "edema: sensitivity=0.90" in shown
        assert "edema" in (tmp_path / "p/external/there/report.html").read_text("utf-8")


def command(*words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "isocenter", *words, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_command_line_takes_a_table_with_labels_of_its_own(tmp_path: Path, home: Path) -> None:
    there = hospital(80, 4, prefix="e").rename_axis("id").reset_index()
    there[["id", "a", "b", "c", "d", "age"]].to_csv(tmp_path / "there.csv", index=False)
    there[["id", "outcome", "patient_id"]].to_csv(tmp_path / "t.csv", index=False)
    said = command(
        "evaluate", str(home / "project/models/linear.iso"), str(tmp_path / "there.csv"), "--labels",
        str(tmp_path / "t.csv"), "--id-column", "id", "--project", str(tmp_path / "p"),
    )  # fmt: skip
    assert said["external"]["counts"] == {"found": 80, "used": 80, "refused": 0, "unlabelled": 0}


def test_the_command_line_takes_a_folder_of_images_with_labels(tmp_path: Path) -> None:
    for name, seed in (("home", 0), ("there", 1)):
        rng, folder = np.random.default_rng(seed), tmp_path / name
        folder.mkdir()
        y = rng.permutation(np.arange(60) % 2)
        for i, grade in enumerate(y):
            pixels = rng.integers(0, 120, (12, 12)) + 60 * grade
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}{i}.png")
        labels = pd.DataFrame({"file": [f"{name}{i}.png" for i in range(60)], "outcome": np.where(y, "ill", "well")})
        labels.to_csv(tmp_path / f"{name}.csv", index=False)
    cohort = isocenter.index(tmp_path / "home", labels=tmp_path / "home.csv", target="outcome", positive="ill")
    made = isocenter.fit(cohort, isocenter.split(cohort), "linear", features="intensity")
    isocenter.save(made, tmp_path / "m.iso")
    said = command(
        "evaluate", str(tmp_path / "m.iso"), str(tmp_path / "there"), "--labels", str(tmp_path / "there.csv"),
        "--project", str(tmp_path / "p"),
    )  # fmt: skip
    assert said["external"]["counts"] == {"found": 60, "used": 60, "refused": 0, "unlabelled": 0}
    assert Path(said["report"]).is_file()
