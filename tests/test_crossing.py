"""A design of several splits in a project: resumed, repeated, isolated, and never better than it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import isocenter
from designs import write_table
from isocenter import ledger, progress, training
from isocenter.errors import UsageError
from isocenter.progress import Event

QUICK: dict[str, Any] = {"target": "label", "method": "linear", "design": "kfold", "folds": 3}


def counted(monkeypatch: pytest.MonkeyPatch, stop_after: int | None = None) -> list[str]:
    """Names of the recipes that are really fitted; stops the study after so many."""
    made: list[str] = []
    fit: Callable[..., Any] = training.fit_recipe

    def counting(recipe: Any, *given: Any, **how: Any) -> Any:
        if stop_after is not None and len(made) >= stop_after:
            raise KeyboardInterrupt
        made.append(recipe.name)
        return fit(recipe, *given, **how)

    monkeypatch.setattr(training, "fit_recipe", counting)
    return made


def numbers(study: isocenter.Study) -> dict[str, Any]:
    return {name: e.to_dict() for name, e in study.evaluate().items()}


def test_a_finished_fold_is_not_fitted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    whole = isocenter.run(table, project=tmp_path / "whole", **QUICK)
    with monkeypatch.context() as patched:
        counted(patched, stop_after=3)
        with pytest.raises(KeyboardInterrupt):
            isocenter.run(table, project=tmp_path / "torn", **QUICK)
    made = counted(monkeypatch)
    again = isocenter.run(table, project=tmp_path / "torn", **QUICK)
    assert made == ["linear", "linear", *["majority"] * 3]  # the models that are kept and one fold are there
    assert numbers(again) == numbers(whole)
    made.clear()
    isocenter.run(table, project=tmp_path / "torn", **QUICK)
    assert made == []


def test_more_repeats_leave_the_folds_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    isocenter.run(table, project=tmp_path / "p", **QUICK)
    made = counted(monkeypatch)
    study = isocenter.run(table, project=tmp_path / "p", repeats=2, **QUICK)
    assert made.count("linear") == 3 + 1  # a second repeat, and the kept model of another design
    assert study.evaluate()["linear"].get("auc").n_cases == 90


def test_the_look_is_one_for_the_whole_design(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    study = isocenter.run(table, project=tmp_path / "p", **QUICK)
    assert [e["event"] for e in ledger.read(tmp_path / "p")] == ["test-look"]
    assert study.evaluate()["linear"].looks == 1
    other = isocenter.run(table, project=tmp_path / "p", seed=1, **QUICK)
    assert other.evaluate()["linear"].looks == 2  # other folds test the same cases again


def test_the_model_that_is_kept_says_that_it_is_not_tested(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    study = isocenter.run(table, project=tmp_path / "p", **QUICK)
    kept = isocenter.load(tmp_path / "p/models/linear.iso")
    assert kept.card["tested"] is False and kept.card["n_cases"] == 90
    fold = isocenter.load(tmp_path / "p/folds/linear/0-0.iso")
    assert fold.card["tested"] is True and fold.card["n_cases"] == 60
    assert "not itself tested" in study.summary()["how"]
    assert isocenter.run(table, target="label", method="linear").fit()["linear"].card["tested"] is True


def test_the_table_holds_every_split_and_the_numbers_are_made_from_it(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    study = isocenter.run(table, project=tmp_path / "p", repeats=2, **QUICK)
    rows = pd.read_parquet(tmp_path / "p/predictions/linear.parquet")
    assert (rows.groupby(["repeat", "fold", "part"]).size().unstack() == [30, 60]).all().all()
    found = isocenter.evaluate("linear", study.usable, study.design)
    assert found.get("auc").value == study.evaluate()["linear"].get("auc").value


def parameters(project: Path) -> dict[str, dict[str, bytes]]:
    """Members of each fold's bundle but card and manifest."""
    found = {}
    for path in sorted((project / "folds").rglob("*.iso")):
        with zipfile.ZipFile(path) as members:
            names = [n for n in members.namelist() if n not in ("manifest.json", "card.json")]
            found[f"{path.parent.name}/{path.stem}"] = {n: members.read(n) for n in names}
    return found


def test_noise_in_the_rows_of_a_fold_leaves_its_model_byte_identical(tmp_path: Path) -> None:
    how = {**QUICK, "method": "linear,forest", "set": "n_estimators=10", "covariates": "age"}
    age = np.random.default_rng(5).integers(30, 80, 90).astype(float)
    clean = write_table(tmp_path / "clean.csv", 90, age=age)
    isocenter.run(clean, project=tmp_path / "a", **how)
    split = json.loads((tmp_path / "a/split.json").read_text())["splits"]
    frame = pd.read_csv(clean)
    rows = [int(i) for i in split[1]["test"]]
    frame.loc[rows, [f"x{k}" for k in range(6)]] = np.random.default_rng(9).normal(size=(len(rows), 6)) * 1e3
    frame.loc[rows, "age"] = 999.0
    frame.loc[rows[:5], "x2"] = np.nan
    frame.to_csv(tmp_path / "noisy.csv", index=False)
    isocenter.run(tmp_path / "noisy.csv", project=tmp_path / "b", **how)
    one, other = parameters(tmp_path / "a"), parameters(tmp_path / "b")
    assert set(one) == {f"{m}/0-{k}" for m in ("linear", "forest", "majority", "covariates") for k in range(3)}
    for name, members in one.items():
        if name.endswith("0-1"):
            assert members == other[name], name
        else:
            assert members != other[name], name  # the noise did arrive where it is learned from


@pytest.mark.slow
def test_images_of_a_patient_in_two_folds_would_make_noise_look_like_a_finding(tmp_path: Path) -> None:
    """A planted leak: features that tell the patient, labels that tell nothing."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 4)
    own = rng.normal(size=(60, 6))[patients] + rng.normal(0, 0.05, (240, 6))
    frame = pd.DataFrame(own, columns=[f"x{k}" for k in range(6)])
    frame["label"] = rng.permutation(np.arange(60) % 2)[patients]
    how: dict[str, Any] = {"target": "label", "design": "kfold", "n_estimators": 30}
    frame.assign(patient_id=[f"P{p}" for p in patients]).to_csv(tmp_path / "known.csv", index=False)
    frame.to_csv(tmp_path / "unknown.csv", index=False)
    honest = isocenter.run(tmp_path / "known.csv", **how).evaluate()["forest"].get("auc").value
    leaking = isocenter.run(tmp_path / "unknown.csv", **how).evaluate()["forest"].get("auc").value
    assert 0.25 < honest < 0.75
    assert leaking > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("design", ["kfold", "nested"])
def test_shuffled_labels_find_nothing(tmp_path: Path, design: str) -> None:
    values = []
    for seed in range(4):
        table = write_table(tmp_path / f"{seed}.csv", 120, signal=0.0, seed=seed)
        study = isocenter.run(table, target="label", method="linear", design=design, seed=seed)
        row = study.evaluate()["linear"].get("auc")
        values.append(row.value)
        assert row.low < 0.5 < row.high
    assert abs(np.mean(values) - 0.5) < 0.1


def test_the_cost_is_said_after_the_first_fold_and_floors_are_silent(tmp_path: Path) -> None:
    events: list[Event] = []
    with progress.listening(events.append):
        isocenter.run(write_table(tmp_path / "t.csv", 90), **QUICK)
    notes = [e.text for e in events if e.kind == "note"]
    assert len([n for n in notes if "fits of linear" in n]) == 1
    assert not [n for n in notes if "majority" in n]


def test_python_takes_the_name_of_a_method_where_there_is_no_one_model(tmp_path: Path) -> None:
    cohort = isocenter.index(write_table(tmp_path / "t.csv", 90), target="label")
    design = isocenter.split(cohort, design="kfold", folds=3)
    model = isocenter.fit(cohort, design, "linear")
    assert model.card["tested"] is False
    with pytest.raises(UsageError, match=r'evaluate\("linear", cohort, design\)'):
        isocenter.evaluate(model, cohort, design)
    found = isocenter.evaluate("linear", cohort, design, penalty=10.0)
    assert found.method == "linear" and found.get("auc").interval == "corrected-resampled"
    single = isocenter.split(cohort)
    by_name = isocenter.evaluate("linear", cohort, single)
    assert by_name.get("auc") == isocenter.evaluate(isocenter.fit(cohort, single, "linear"), cohort, single).get("auc")
    with pytest.raises(UsageError):
        isocenter.report(cohort, design, [model])


def test_the_report_of_a_cross_validation_says_what_it_is(tmp_path: Path) -> None:
    study = isocenter.run(write_table(tmp_path / "t.csv", 90), project=tmp_path / "p", **QUICK)
    page = study.report()
    assert "Cross-validation" in page and "over 3 folds" in page
    assert "not itself tested" in page and "do not add up" not in page
    assert "on the test part</p>" not in page


def test_leave_one_site_out_from_a_numeric_column_learns_nothing_from_it(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90, site=np.arange(90) % 3)
    study = isocenter.run(table, target="label", method="linear", design="leave-one-out", group_column="site")
    assert "site" not in study.cohort.features
    found = study.evaluate()["linear"]
    assert {e.group for e in found.estimates} == {None, "site=0", "site=1", "site=2", "the next site"}


def test_a_split_found_in_folders_can_be_set_aside(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for kind in ("dark", "light"):
            (tmp_path / "scans" / part / kind).mkdir(parents=True)
            for i in range(8):
                pixels = rng.integers(0, 120, (8, 8)) + 60 * (kind == "light")
                Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "scans" / part / kind / f"{part}{i}.png")
    assert isocenter.index(tmp_path / "scans").split_column == "part"
    cohort = isocenter.index(tmp_path / "scans", split_column="none")
    assert cohort.split_column is None
    assert len(isocenter.split(cohort, design="kfold", folds=4).splits) == 4
