"""Digests of whom a model knows: found again under every spelling that is the same, and no other; small; no names."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pandas as pd

from isocenter.auditing import fingerprints, seen
from isocenter.cohort import Cohort, Target, Task

TARGET = Target(Task.CLASSIFICATION, "outcome", ("benign", "malignant"), "malignant")


def cohort(patients: list[Any], **features: list[float]) -> Cohort:
    ids = [f"c{i}" for i in range(len(patients))]
    table = pd.DataFrame({"patient_id": pd.array(patients, dtype=object), **features}, index=ids)
    return Cohort(table.assign(outcome="benign"), TARGET, features=tuple(features))


def known(trained: Cohort, facts: pd.DataFrame | None = None, part: str = "seen") -> dict[str, Any]:
    return {"inputs": list(trained.features), "covariates": [], part: fingerprints(trained, facts)}


def found(card: dict[str, Any], other: Cohort, facts: pd.DataFrame | None = None, *, local: bool = False) -> list[str]:
    return [fault.where for fault in seen(card, other, facts, ids_are_local=local)]


def pixels(*digests: str | None) -> pd.DataFrame:
    return pd.DataFrame({"pixel_digest": list(digests)}, index=[f"c{i}" for i in range(len(digests))])


def test_patients_are_found_again_and_others_are_not() -> None:
    card = known(cohort(["anna", "bert", "bert"]))
    assert found(card, cohort(["carl", "bert", "Anna", "anna"])) == ["c1", "c3"]
    assert found(card, cohort(["bert", "anna"]), local=True) == []


def test_what_is_said_of_a_case_names_the_part_it_was_in_training_first() -> None:
    card = known(cohort(["anna"])) | {"tested_on": fingerprints(cohort(["bert", "anna"]), None)}
    faults = seen(card, cohort(["bert", "anna"]), None, ids_are_local=False)
    assert {f.where: f.reason for f in faults} == {
        "c0": "its patient is in the model's own test part: not external.",
        "c1": "its patient is in the model's training data.",
    }
    assert {f.code for f in faults} == {"SeenInTraining"}


def test_missing_ids_match_nobody() -> None:
    card = known(cohort(["anna", None, float("nan"), pd.NA]))
    assert found(card, cohort([None, float("nan"), pd.NA, "nan", "None", "<NA>", "anna"])) == ["c6"]
    nobody = cohort([None, None])
    assert "patients" not in fingerprints(nobody, None)
    assert found(known(nobody), cohort(["anna", None])) == []
    assert found(card, nobody) == []


def test_spaces_around_an_id_are_no_other_patient_but_those_inside_are() -> None:
    card = known(cohort(["anna b", " carl "]))
    assert found(card, cohort(["anna b ", "annab", "anna  b", "carl"])) == ["c0", "c3"]


def test_numbers_are_their_text_and_leading_zeros_count() -> None:
    card = known(cohort([7, "012"]))
    assert found(card, cohort(["7", "007", "12", "012", 12])) == ["c0", "c3"]


def test_rows_are_found_whatever_the_sign_of_zero_and_the_order_of_columns() -> None:
    trained = cohort(["a", "b", "c"], x=[0.0, 1.0, np.nan], y=[2.0, 3.0, 4.0])
    card = known(trained)
    assert found(card, cohort(["d", "e", "f", "g"], x=[-0.0, 2.0, np.nan, 1.0], y=[2.0, 3.0, 4.0, np.nan])) == [
        "c0",
        "c2",
    ]
    turned = cohort(["d", "e"], y=[2.0, 0.0], x=[0.0, 2.0])  # the second has the values, under each other's names
    assert found(card, turned) == ["c0"]
    assert found(card, turned, local=True) == ["c0"]  # ids are local, rows are not


def test_rows_are_not_compared_where_a_column_is_missing_or_there_is_but_one() -> None:
    card = known(cohort(["a"], x=[1.0], y=[2.0]))
    assert found(card, cohort(["d"], x=[1.0])) == []
    alone = known(cohort(["a"], x=[1.0]))
    assert alone["seen"].keys() == {"patients"}
    assert found(alone, cohort(["d"], x=[1.0])) == []


def test_pixels_are_found_under_other_names_and_unread_ones_are_nobody_s() -> None:
    card = known(cohort(["a", "b", "c"]), pixels("ff01", "ff02", None))
    assert found(card, cohort(["d", "e", "f"]), pixels("ff03", "ff02", None)) == ["c1"]
    assert found(card, cohort(["d", "e"]), pixels("ff01", "ff02"), local=True) == ["c0", "c1"]
    assert found(card, cohort(["d", "e"]), pixels("ff01")) == ["c0"]  # e was not read


def test_a_model_of_before_has_no_digests_and_refuses_nobody() -> None:
    assert found({"inputs": [], "covariates": []}, cohort(["anna"])) == []


def test_the_card_grows_by_eight_bytes_a_patient_and_holds_no_name() -> None:
    n = 3000
    names = [f"patient-{i}" for i in range(n // 3) for _ in range(3)]
    told = fingerprints(cohort(names), pixels(*(f"{i:064x}" for i in range(n))))
    assert told.keys() == {"patients", "pixels"}
    assert len(told["patients"]) <= 4 * (8 * n // 3 + 2) / 3 and len(told["pixels"]) <= 4 * (8 * n + 2) / 3
    held = base64.b64decode(told["patients"])
    assert b"patient" not in held and len(held) == 8 * n // 3


def test_rows_that_coincide_in_training_tell_nobody() -> None:
    table = pd.DataFrame({"a": [0.0, 1.0, 0.0, 1.0], "b": [1.0, 1.0, 1.0, 0.0]}, index=list("wxyz"))
    table["patient_id"] = ["p", "q", "r", "s"]
    assert set(fingerprints(Cohort(table, features=("a", "b")), None)) == {"patients"}
    assert set(fingerprints(Cohort(table.iloc[1:], features=("a", "b")), None)) == {"patients", "rows"}
