"""Standardised intensities in a feature step: scanners' gains vanish, the scale is the training cases', fields are found once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isocenter import store
from isocenter.bundle.reader import loads
from isocenter.bundle.writer import dumps
from isocenter.case import Case, Source
from isocenter.errors import UsageError
from isocenter.features import Intensity, standard


def scans(folder: Path, gains: np.ndarray, seed: int = 0) -> list[Case]:
    rng = np.random.default_rng(seed)
    _, y, x = np.mgrid[0 : len(gains), -16:16, -16:16]
    tissue = np.where(x**2 + y**2 < 13**2, 50 + 10 * rng.random(x.shape) + 3 * x, rng.random(x.shape))
    np.save(folder / f"scans{seed}.npy", (tissue * gains[:, None, None]).astype(np.float32))
    file = str(folder / f"scans{seed}.npy")
    return [Case(f"c{i}", None, (Source("image", "image", (file,), i),)) for i in range(len(gains))]


@pytest.mark.parametrize("how", ["zscore", "nyul", "n4+zscore", "n4+nyul"])
def test_gains_vanish_and_bundles_keep_the_step(tmp_path: Path, how: str) -> None:
    gains = np.array([1.0, 4.0, 0.5, 9.0])
    cases = scans(tmp_path, gains)
    raw, step = Intensity().fit_transform(cases)["stat_median"], Intensity(standardise=how).fit(cases)
    found = step.transform(cases)
    assert raw.std() / raw.mean() > 0.5
    spread = (found["stat_p90"] - found["stat_p10"]).mean()
    assert found["stat_median"].std() < 0.1 * spread
    again = loads(dumps(step))
    assert again.transform(cases).equals(found)
    assert (step.scale_ is None) == ("nyul" not in how)


def test_the_scale_is_learned_from_training_cases_only(tmp_path: Path) -> None:
    cases, others = scans(tmp_path, np.ones(4)), scans(tmp_path, np.arange(1.0, 4), 1)
    step = Intensity(standardise="nyul").fit(cases)
    before = step.scale_.copy()
    step.transform(others)
    assert (step.scale_ == before).all()
    assert (Intensity(standardise="nyul").fit(cases[::-1]).scale_ == before).all()


def test_a_field_is_found_once_whatever_the_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.forget()
    calls: list[int] = []
    real = standard.bias_field
    monkeypatch.setattr(standard, "bias_field", lambda *a: calls.append(1) or real(*a))
    cases = scans(tmp_path, np.ones(4))
    for fold in (cases[:3], cases[1:], cases):
        Intensity(standardise="n4+nyul", store=str(tmp_path / "store")).fit(fold).transform(cases)
    assert len(calls) == 4


def test_an_unknown_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no standardisation 'white'"):
        Intensity(standardise="white").fit(scans(tmp_path, np.ones(2)))
