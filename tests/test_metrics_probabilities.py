"""What is a probability, and what becomes of 0 and 1."""

from __future__ import annotations

import numpy as np
import pytest

from isocenter.errors import BadValues
from isocenter.metrics import probabilities as p


@pytest.mark.parametrize("wrong", [1.2, -0.1, np.nan, np.inf])
def test_scores_outside_are_refused_with_a_remedy(wrong: float) -> None:
    with pytest.raises(BadValues, match=r"1 of 3 scores.*recalibrate") as error:
        p.checked([0.2, wrong, 1.0])
    assert f"{wrong:g}" in error.value.what


def test_nothing_but_0_and_1_moves() -> None:
    scores = np.array([1e-7, 0.3, 1 - 1e-9])
    np.testing.assert_allclose(p.logit(scores), np.log(scores / (1 - scores)), rtol=1e-6)
    assert p.n_certain(scores) == 0


def test_0_and_1_stand_half_a_step_outside() -> None:
    forest = np.array([0.0, 0.002, 0.5, 1.0])
    assert p.edge_of(forest) == 0.001
    np.testing.assert_allclose(p.expit(p.logit(forest)), [0.001, 0.002, 0.5, 0.999])
    assert p.n_certain(forest) == 2
    assert p.edge_of(np.array([0.0, 1.0])) == p.EDGE
    assert p.edge_of(np.array([])) == p.EDGE
    assert p.edge_of(np.array([0.0, 0.4])) == p.EDGE


def test_saturated_networks_keep_finite_logits() -> None:
    scores = np.array([1e-300, 1e-16, 1e-9, 0.5, 1 - 1e-9, 1 - 2**-53, 1.0])
    logits = p.logit(scores)
    assert np.isfinite(logits).all()
    assert (np.diff(logits) >= 0).all()
    assert p.n_certain(scores) == 4
    np.testing.assert_allclose(logits[[2, 4]], [-20.7232658, 20.7232658], rtol=1e-6)
