"""The seed band: rows of every seed, honest looks, resumed where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isocenter
from designs import write_table
from isocenter import ledger
from isocenter.errors import UsageError
from test_crossing import counted

QUICK: dict[str, Any] = {"target": "label", "method": "linear", "seeds": 3}


def test_each_seed_is_the_study_with_that_seed(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    found = isocenter.run(table, seed=4, **QUICK).seed_band
    assert found["seeds"] == [4, 5, 6] and found["metric"] == "auc"
    for seed in (4, 6):
        alone = isocenter.run(table, target="label", method="linear", seed=seed).evaluate()
        for row in found["rows"]:
            if row["seed"] == seed:
                value = alone[row["method"]].get(row["metric"]).value
                assert row["value"] == pytest.approx(value) or (row["value"] is None and np.isnan(value))


def test_bands_and_verdicts_stand_beside_the_rows(tmp_path: Path) -> None:
    study = isocenter.run(write_table(tmp_path / "t.csv", 90), project=tmp_path / "p", **QUICK)
    found = study.summary()["seeds"]
    assert json.loads((tmp_path / "p/seeds.json").read_text()) == found
    band = next(b for b in found["bands"] if (b["method"], b["metric"]) == ("linear", "auc"))
    values = [r["value"] for r in found["rows"] if (r["method"], r["metric"]) == ("linear", "auc")]
    assert band["smallest"] == min(values) and band["largest"] == max(values) and band["seeds"] == 3
    difference = next(d for d in found["differences"] if d["second"] == "majority")
    claimed = study.evaluate()["linear"].get("auc").value - study.evaluate()["majority"].get("auc").value
    assert difference["claimed"] == pytest.approx(claimed)
    assert "over 3 seeds" in difference["sentence"]


def test_looks_of_other_seeds_are_recorded_and_do_not_count_as_the_studys_own(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    study = isocenter.run(table, project=tmp_path / "p", **QUICK)
    assert study.seed_band
    assert [e["event"] for e in ledger.read(tmp_path / "p")] == ["test-look", "seed-look", "seed-look"]
    assert study.summary()["looks"] == 1
    again = isocenter.run(table, project=tmp_path / "p", seed=1, target="label", method="linear")
    assert again.summary()["looks"] == 1  # nobody chose by what seed 1 showed before
    assert again.summary()["seeds"] == {}


def test_a_finished_seed_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    whole = isocenter.run(table, project=tmp_path / "whole", **QUICK).seed_band
    with monkeypatch.context() as patched:
        counted(patched, stop_after=4)  # two for the study itself, two for the next seed
        with pytest.raises(KeyboardInterrupt):
            _ = isocenter.run(table, project=tmp_path / "torn", **QUICK).seed_band
    made = counted(monkeypatch)
    assert isocenter.run(table, project=tmp_path / "torn", **QUICK).seed_band == whole
    assert made == ["linear", "majority"]  # of the last seed only


def test_a_given_split_is_only_fitted_again(tmp_path: Path) -> None:
    part = np.where(np.arange(90) < 60, "train", "test")
    table = write_table(tmp_path / "t.csv", 90, part=part)
    how: dict[str, Any] = {**QUICK, "method": "forest", "n_estimators": 5}
    found = isocenter.run(table, project=tmp_path / "p", split_column="part", **how).seed_band
    assert "the split is given" in found["how"]
    tests = {e["test"] for e in ledger.read(tmp_path / "p")}
    assert len(tests) == 1
    values = [r["value"] for r in found["rows"] if (r["method"], r["metric"]) == ("forest", "auc")]
    assert len(set(values)) > 1
    assert {r["value"] for r in found["rows"] if (r["method"], r["metric"]) == ("majority", "auc")} == {0.5}


def test_seeds_of_a_cross_validation_repeat_it_whole(tmp_path: Path) -> None:
    table = write_table(tmp_path / "t.csv", 90)
    how: dict[str, Any] = {"target": "label", "method": "linear", "design": "kfold", "folds": 3}
    found = isocenter.run(table, seeds=3, **how).seed_band
    other = isocenter.run(table, seed=1, **how).evaluate()["linear"].get("auc").value
    row = next(r for r in found["rows"] if (r["seed"], r["method"], r["metric"]) == (1, "linear", "auc"))
    assert row["value"] == pytest.approx(other)


def test_no_seed_is_no_band(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--seeds 0"):
        _ = isocenter.run(write_table(tmp_path / "t.csv", 60), target="label", method="linear", seeds=0).seed_band
