"""The room itself: the literal dict, default features, what every step has in common."""

from __future__ import annotations

import importlib
import inspect

import pandas as pd
import pytest
from sklearn.base import clone

from isocenter import features
from isocenter.features import FEATURES, default_features
from isocenter.features.base import FeatureStep


@pytest.mark.parametrize("name", FEATURES)
def test_every_step_has_plain_parameters_and_survives_clone(name: str) -> None:
    module, _, attribute = FEATURES[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    assert getattr(features, attribute) is kind
    assert issubclass(kind, FeatureStep)
    step = kind()
    assert clone(step).get_params() == step.get_params()
    plain = (str, int, float, bool, tuple, type(None))
    assert all(isinstance(p.default, plain) for p in inspect.signature(kind).parameters.values())


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nosuch'"):
        _ = features.Nosuch


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ([(1, 28, 28)] * 2, "pixels"), ([(1, 64, 50)] * 2, "pixels"), ([(1, 65, 28)] * 2, "intensity"),
        ([(1, 28, 28), (1, 28, 29)], "intensity"), ([(28, 28, 28)] * 2, "intensity"), ([], "intensity"),
    ],
)  # fmt: skip
def test_default_features(sizes: list[tuple[int, int, int]], expected: str) -> None:
    assert default_features(pd.DataFrame(sizes, columns=["depth", "rows", "columns"])) == expected
