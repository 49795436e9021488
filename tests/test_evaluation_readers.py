"""Readers and the model: planted disagreement, readers who never overlap, no leak, the whole run."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

import isocenter
from isocenter.cohort import Target, Task
from isocenter.evaluation.readers import OTHERS, Readings, evaluate_readers
from isocenter.lines import beside
from isocenter.metrics.agreement import fleiss_kappa
from isocenter.metrics.readers import pairs
from isocenter.reading import agree

T = Target(Task.CLASSIFICATION, "outcome", ("a", "b"), "b")


def noisy(y: Any, wrong: float, seed: int) -> Any:
    return np.where(np.random.default_rng(seed).random(len(y)) < wrong, 1 - y, y)


def named(codes: Any) -> Any:
    return np.array(["a", "b"], dtype=object)[np.asarray(codes)]


def find(found: dict[str, Any], first: str, second: str, part: str = "test") -> dict[str, Any]:
    """The pair on this part; on all cases where these are the test part too, and so told once."""
    pairs = [p for p in found["pairs"] if (p["first"], p["second"]) == (first, second)]
    return next((p for p in pairs if p["part"] == part), pairs[0])


def evaluated(
    columns: dict[str, Any], model: Any, reference: Any, rule: str | None = None, patients: Any = None
) -> dict[str, Any]:
    n = len(model)
    whose = list(range(n)) if patients is None else patients
    readings = Readings.of(pd.DataFrame(columns), T, whose)
    codes = [np.asarray(c, dtype=np.float64) for c in (model, reference)]
    return evaluate_readers(readings, np.arange(n), *codes, model="forest", rule=rule, draws=400)


def test_kappas_are_those_of_scikit_learn_and_the_planted_reader_stands_out() -> None:
    y = np.arange(200) % 2
    reads = {f"r{i}": noisy(y, wrong, i) for i, wrong in enumerate((0.1, 0.1, 0.5))}
    model = noisy(y, 0.1, 9)
    found = evaluated({k: named(v) for k, v in reads.items()}, model, y)
    for first, second in (("r0", "r1"), ("r0", "r2"), ("r1", "r2")):
        pair = find(found, first, second, "all")
        assert pair["value"] == pytest.approx(cohen_kappa_score(reads[first], reads[second]))
        assert pair["low"] < pair["value"] < pair["high"]
    assert find(found, "r0", "r1")["low"] > find(found, "r0", "r2")["high"]
    assert find(found, "r0", "forest")["value"] == pytest.approx(cohen_kappa_score(reads["r0"], model))
    assert find(found, "forest", "reference")["value"] == pytest.approx(cohen_kappa_score(model, y))
    assert {one["name"] for one in found["overall"]} == {
        "percent_agreement",
        "fleiss_kappa",
        "ac1",
        "krippendorff_alpha",
    }
    json.dumps(found, allow_nan=False)


def test_a_model_like_a_reader_cannot_be_told_from_one_and_a_bad_one_can() -> None:
    y = np.arange(300) % 2
    reads = {f"r{i}": named(noisy(y, 0.1, i)) for i in range(3)}
    like, bad = (evaluated(reads, noisy(y, wrong, 9), y) for wrong in (0.1, 0.4))
    assert like["as_they_do"]["difference"]["low"] < 0 < like["as_they_do"]["difference"]["high"]
    assert "cannot tell these apart" in like["sentence"]
    assert bad["as_they_do"]["difference"]["high"] < 0
    assert "agrees with them less than they do among themselves" in bad["sentence"]


def test_a_reader_has_no_vote_in_the_consensus_that_he_is_compared_with() -> None:
    y = np.arange(120) % 2
    reads = [noisy(y, 0.2, i) for i in range(3)]
    majority = (np.sum(reads, axis=0) > 1).astype(int)
    found = evaluated({f"r{i}": named(r) for i, r in enumerate(reads)}, noisy(y, 0.2, 9), majority, "majority")
    agreed = reads[1] == reads[2]
    alone = find(found, "r0", OTHERS)
    assert alone["n"] == agreed.sum()
    assert alone["value"] == pytest.approx(cohen_kappa_score(reads[0][agreed], reads[1][agreed]))
    assert find(found, "forest", "consensus")["n"] == 120


def test_readers_who_never_overlap_are_a_reason_not_a_crash() -> None:
    y = np.arange(40) % 2
    first, second = named(y), named(y)
    first[:20], second[20:] = None, None
    found = evaluated({"r1": first, "r2": second}, y, y)
    pair = find(found, "r1", "r2", "all")
    assert (pair["n"], pair["value"], pair["why"]) == (0, None, "no case that both have read")
    assert all(one["value"] is None and one["why"] for one in found["overall"])
    assert "cannot be told" in found["sentence"]


def test_patients_with_several_cases_widen_the_intervals() -> None:
    y = np.arange(60).repeat(5) % 2
    reads = {f"r{i}": named(noisy(np.arange(60) % 2, 0.2, i).repeat(5)) for i in range(2)}
    model = noisy(np.arange(60) % 2, 0.2, 9).repeat(5)
    apart = evaluated(reads, model, y)
    together = evaluated(reads, model, y, patients=np.arange(60).repeat(5).tolist())
    wide, narrow = (find(f, "r0", "r1", "all") for f in (together, apart))
    assert wide["value"] == narrow["value"]
    assert wide["high"] - wide["low"] > 1.6 * (narrow["high"] - narrow["low"])


def test_measurements_get_concordance_limits_and_icc() -> None:
    rng = np.random.default_rng(0)
    size = rng.normal(50, 10, 80)
    table = pd.DataFrame({"r1": size + rng.normal(0, 2, 80), "r2": size + 3 + rng.normal(0, 2, 80)})
    readings = Readings.of(table, Target(Task.REGRESSION, "size"), list(range(80)))
    found = evaluate_readers(readings, np.arange(80), size, size, model="forest", rule=None, draws=400)
    pair = find(found, "r1", "r2", "all")
    assert pair["bias"] == pytest.approx(float((table["r2"] - table["r1"]).mean()))
    assert pair["limits"] == pytest.approx([pair["bias"] - 1.96 * 2.83, pair["bias"] + 1.96 * 2.83], abs=1)
    icc = next(one for one in found["overall"] if one["name"] == "icc")
    assert 0.4 < icc["low"] < icc["value"] < icc["high"] < 1
    assert found["as_they_do"]["coefficient"] == "concordance"


def read_by_three(path: Path, n: int = 120) -> Path:
    """Features of nothing; readers in numbers, of which the first is the outcome itself."""
    rng = np.random.default_rng(1)
    y = np.arange(n) % 2
    table = pd.DataFrame({"id": [f"c{i}" for i in range(n)], **{f"x{j}": rng.normal(size=n) for j in range(4)}})
    table = table.assign(r1=y, r2=noisy(y, 0.1, 2), r3=noisy(y, 0.15, 3))
    table.loc[:9, "r3"] = np.nan
    table.assign(outcome=y).to_csv(path, index=False)
    return path


def test_a_reader_who_knows_the_answer_does_not_tell_the_model(tmp_path: Path) -> None:
    path = read_by_three(tmp_path / "t.csv")
    study = isocenter.run(
        path, target="outcome", readers="r1,r2,r3", method="linear", test_fraction=0.4, project=tmp_path / "p"
    )
    assert study.evaluate()["linear"].get("auc").value < 0.75
    summary = study.summary()
    assert find(summary["readers"], "r1", "reference")["value"] == 1.0
    assert (tmp_path / "p" / "readers.json").is_file()
    page = (tmp_path / "p" / "report.html").read_text("utf-8")
    assert "linear and readers: mean kappa" in page
    leaking = isocenter.run(path, target="outcome", method="linear", test_fraction=0.4)
    assert leaking.evaluate()["linear"].get("auc").value > 0.9  # the same column, not declared


def test_the_command_line_makes_the_consensus_and_compares(tmp_path: Path) -> None:
    path = read_by_three(tmp_path / "t.csv")
    pd.read_csv(path).drop(columns="outcome").to_csv(path, index=False)
    words = ["run", str(path), "--readers", "r1,r2,r3", "--method", "linear", "--project", str(tmp_path / "p")]
    done = subprocess.run([sys.executable, "-m", "isocenter", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Target: consensus of r1, r2, r3 by majority" in done.stdout
    assert "Readers   linear and readers: mean kappa" in done.stdout
    assert "r1 and r2 (all cases, 120): " in done.stdout
    assert "r1 and r2 (test part, " in done.stdout
    assert "all readers (all cases, 120): fleiss kappa" in done.stdout
    folded = {"design": {"splits": 5}}
    found = json.loads((tmp_path / "p" / "readers.json").read_text("utf-8"))
    lines = "\n".join(beside.readers(found, folded))
    assert "r1 and r2 (tested cases, " in lines
    assert "test part" not in lines
    assert f"({OTHERS}" not in done.stdout
    done = subprocess.run(
        [sys.executable, "-m", "isocenter", *words[:2], "--readers", "r1,r9", "--project", str(tmp_path / "q")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "There is no reader column 'r9'" in done.stderr


def test_where_every_case_is_tested_a_pair_of_readers_is_told_once() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40).astype(float)
    values = np.column_stack([truth, rng.integers(0, 2, 40)]).astype(float)
    readings = Readings(values, ("A", "B"), np.arange(40), ("no", "yes"))
    parts = {}
    for n in (40, 30):
        found = evaluate_readers(readings, np.arange(n), truth[:n], truth[:n], model="m", rule=None, draws=20)
        parts[n] = [one["part"] for one in found["pairs"] if (one["first"], one["second"]) == ("A", "B")]
        assert ("A", "m") in [(one["first"], one["second"]) for one in found["pairs"]]
    assert parts == {40: ["all"], 30: ["all", "test"]}


def disputed(path: Path, readers: tuple[str, ...] = ("r1", "r2", "r3"), n: int = 150) -> pd.DataFrame:
    """Features that tell the truth; readers who err on 10, 20 and 25 % of it, and differ on many cases."""
    rng = np.random.default_rng(4)
    y = np.arange(n) % 2
    table = pd.DataFrame({"id": [f"c{i}" for i in range(n)], "x": y + rng.normal(0, 0.5, n), "z": rng.normal(size=n)})
    wrong = {"r1": 0.1, "r2": 0.2, "r3": 0.25}
    table = table.assign(**{name: noisy(y, wrong[name], int(name[1])) for name in readers})
    table.to_csv(path, index=False)
    return table


@pytest.mark.parametrize("readers, rule", [(("r1", "r2", "r3"), "unanimous"), (("r1", "r2"), None)])
def test_readers_agree_over_every_case_they_read_whatever_became_of_its_consensus(
    tmp_path: Path, readers: tuple[str, ...], rule: str | None
) -> None:
    table = disputed(tmp_path / "t.csv", readers)
    options = {"readers": readers, "method": "linear", "project": tmp_path / "p"}
    study = isocenter.run(tmp_path / "t.csv", **options, **({"consensus": rule} if rule else {}))
    found = study.summary()["readers"]
    left_out = int((table[list(readers)].nunique(axis=1) > 1).sum())
    assert study.summary()["cohort"]["used"] == len(table) - left_out < len(table)
    for first, second in combinations(readers, 2):
        pair = find(found, first, second, "all")
        assert (pair["part"], pair["n"]) == ("all", len(table))
        assert pair["value"] == pytest.approx(cohen_kappa_score(table[first], table[second]))
        assert find(found, first, second, "test")["value"] == 1.0  # chosen by their agreement
    fleiss = next(one for one in found["overall"] if one["name"] == "fleiss_kappa")
    assert fleiss["n"] == len(table)
    assert fleiss["value"] == pytest.approx(float(fleiss_kappa(table[list(readers)].to_numpy(dtype=float), 2)))
    rest = table[list(readers[1:])]
    others = rest.iloc[:, 0].where(rest.nunique(axis=1) == 1)
    against = find(found, "r1", OTHERS, "all")
    assert (against["part"], against["n"]) == ("all", others.notna().sum())
    assert against["value"] == pytest.approx(
        cohen_kappa_score(table["r1"][others.notna()], others.dropna().astype(int))
    )
    told = found["as_they_do"]
    scores = [cohen_kappa_score(table[a], table[b]) for a, b in combinations(readers, 2)]
    assert (told["unresolved"], told["readers_all"]) == (left_out, pytest.approx(np.mean(scores)))
    assert f"{left_out} cases, on which readers differ, have no consensus" in found["sentence"]
    assert found["sentence"].endswith("cannot be told.")
    assert "than they do among themselves" not in found["sentence"]
    study.paper(tmp_path / "paper")
    methods = (tmp_path / "paper" / "methods.md").read_text("utf-8")
    assert f"by the rule {rule or 'majority'}, the label that" in methods
    assert f"{left_out} cases whose " in methods
    assert "[author: the reference standard" not in methods


def test_a_case_without_a_named_target_counts_among_the_readers_and_takes_no_claim(tmp_path: Path) -> None:
    table = disputed(tmp_path / "t.csv")
    table.assign(dx=[None] * 30 + ["0", "1"] * 60, r1=[7, *table["r1"][1:]]).to_csv(tmp_path / "t.csv", index=False)
    study = isocenter.run(tmp_path / "t.csv", target="dx", readers="r1,r2,r3", method="linear", project=tmp_path / "p")
    found, summary = study.summary()["readers"], study.summary()
    assert summary["cohort"]["used"] == 120
    assert find(found, "r2", "r3", "all")["n"] == 150
    assert find(found, "r2", "r3", "all")["value"] == pytest.approx(cohen_kappa_score(table["r2"], table["r3"]))
    assert "unresolved" not in found["as_they_do"]
    assert any("'dx' does not have, to cases without a value of it: '7' (1)" in w for w in summary["warnings"])


def test_patients_of_cases_without_a_consensus_are_known_too(tmp_path: Path) -> None:
    table = disputed(tmp_path / "t.csv", ("r1", "r2"))
    whose = [f"p{i // 5}" for i in range(len(table))]
    table.assign(patient_id=whose).to_csv(tmp_path / "t.csv", index=False)
    cohort = isocenter.index(tmp_path / "t.csv", readers=["r1", "r2"])
    ids = cohort.case_ids
    scores = pd.DataFrame({"case_id": ids, "part": "test", "prediction": cohort.y, "reference": cohort.y})
    pair = find(agree(cohort, scores, "forest", draws=200), "r1", "r2", "all")
    assert (pair["n"], pair["how"]) == (len(table), "bootstrap-patients")
    readings = table[["r1", "r2"]].to_numpy(dtype=float)
    (alone,) = pairs(readings, 2, patients=np.arange(len(table)) // 5, draws=200)
    assert pair["value"] == pytest.approx(alone.kappa)
    assert pair["high"] - pair["low"] == pytest.approx(alone.kappa_interval.high - alone.kappa_interval.low, rel=0.2)
