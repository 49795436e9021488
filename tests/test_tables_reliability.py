"""Reliability from tables: given, or from repeated rows; the value of Shrout and Fleiss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isocenter.errors import BadShape, UnknownColumn
from isocenter.tables.reliability import iccs

# Shrout and Fleiss 1979, table 2: six cases, four judges; ICC(2,1) = .29
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])


def repeated() -> pd.DataFrame:
    return pd.DataFrame({"patient": np.repeat(list("abcdef"), 4), "x": JUDGES.ravel() * 1.0, "site": "A"})


def test_repeated_rows_give_the_published_value() -> None:
    found = dict(iccs(repeated()))
    assert list(found) == ["x"]
    assert found["x"] == pytest.approx(0.29, abs=0.005)


def test_numeric_ids_mixed_rows_and_a_case_measured_once_too_few() -> None:
    table = repeated().assign(patient=lambda t: t["patient"].map(ord))
    order = np.argsort(np.tile(np.arange(4), 6), kind="stable")
    assert dict(iccs(table.iloc[order]))["x"] == dict(iccs(repeated()))["x"]
    more = pd.concat([table, pd.DataFrame({"patient": [1, 1], "x": [99.0, 0.0], "site": "A"})])
    assert dict(iccs(more)) == dict(iccs(table))


def test_given_values_pass_and_text_is_unknown() -> None:
    found = iccs(pd.DataFrame({"Feature": ["a", "b"], "ICC": ["0.9", "n/a"]}))
    assert found[0] == ("a", 0.9) and found[1][0] == "b" and np.isnan(found[1][1])


def test_a_feature_that_never_differs_has_no_reliability() -> None:
    assert np.isnan(dict(iccs(repeated().assign(flat=1.0)))["flat"])


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(UnknownColumn, match="no column of case ids"):
        iccs(pd.DataFrame({"id": ["a", "b"], "x": [1.0, 2.0]}))
    with pytest.raises(BadShape, match="1 cases"):
        iccs(pd.DataFrame({"id": ["a", "a"], "x": [1.0, 2.0]}))
