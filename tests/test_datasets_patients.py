"""Phantom patients: as hard to tell apart as designed, and scans that look as drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from isocenter import datasets
from isocenter.datasets import patients as drawing
from isocenter.datasets.rendering import affine_of, lesion_centre
from isocenter.errors import UsageError
from isocenter.metrics.ranking import auc

# Who the patients are


@pytest.mark.parametrize("seed", range(10))
def test_difficulty_is_as_designed(seed: int) -> None:
    d = drawing.Difficulty.of(datasets.draw_patients(seed))
    assert 0.85 <= d.oracle <= 0.92
    assert d.size < 0.75
    assert d.scanner < 0.60
    assert 0.60 <= d.covariate <= 0.68
    assert d.covariate < d.image - 0.1


def large(seed: int, n: int = 20000) -> tuple[datasets.Patient, ...]:
    return drawing._draw(np.random.default_rng(seed), seed, n)


def test_no_combination_of_what_was_drawn_beats_the_oracle() -> None:
    patients = large(1)
    malignant = np.array([p.malignant for p in patients])
    known = np.array([[prop.z(getattr(p, prop.name)) for prop in (*drawing.IMAGE, drawing.AGE)] for p in patients])
    known = np.column_stack([known, [p.sex == "M" for p in patients]])
    learned = LogisticRegression(C=1e6).fit(known[:10000], malignant[:10000])
    best = float(auc(malignant[10000:], datasets.oracle(patients[10000:])))
    assert float(auc(malignant[10000:], learned.decision_function(known[10000:]))) <= best + 0.002
    # The coefficients that a large sample teaches are the designed effects: the score is the likelihood's.
    effects = [prop.effect for prop in (*drawing.IMAGE, drawing.AGE)]
    np.testing.assert_allclose(learned.coef_[0][:-1], effects, atol=0.12)


def test_oracle_reaches_the_closed_form() -> None:
    patients = large(2)
    malignant = np.array([p.malignant for p in patients])
    norm_of_effects = np.sqrt(sum(prop.effect**2 for prop in drawing.IMAGE))
    # Cutting the tails off costs about a hundredth.
    assert float(auc(malignant, drawing.image_score(patients))) == pytest.approx(
        norm.cdf(norm_of_effects / 2**0.5), abs=0.02
    )


def test_same_seed_same_patients_other_seed_others() -> None:
    assert datasets.draw_patients(5) == datasets.draw_patients(5)
    assert datasets.draw_patients(5) != datasets.draw_patients(6)


@pytest.mark.parametrize("n", [4, 5, 12, 121])
def test_every_cohort_crosses_class_and_site(n: int) -> None:
    patients = datasets.draw_patients(0, n)
    assert len({p.patient_id for p in patients}) == n
    assert {(p.malignant, p.site) for p in patients} == {(a, b) for a in (False, True) for b in ("A", "B")}


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        datasets.phantom(tmp_path / "phantom", patients=3)
    assert not list(tmp_path.iterdir())


# What their scans look like


def test_hounsfield_units_of_the_anatomy() -> None:
    for patient in datasets.draw_patients(1, 8):
        volume, mask = datasets.render(patient)
        assert volume.dtype == np.int16
        assert volume.shape == mask.shape == patient.scanner.shape
        air, body = volume[:, :3, :3], volume > -400
        lungs = volume < -600
        labels, _ = ndimage.label(lungs[: volume.shape[0] // 2])
        sizes = np.sort(np.bincount(labels.ravel())[1:])[::-1]
        voxel = float(np.prod(patient.scanner.spacing)) / 1000
        assert air.mean() == pytest.approx(-1000, abs=30)
        assert np.median(volume[mask == 1]) > -150
        # Air around the body, then two lungs of some hundred millilitres each in the lower half.
        assert (sizes[1:3] * voxel > 150).all()
        assert np.median(volume[(volume < -600) & (volume > -950)]) == pytest.approx(-860, abs=40)
        assert np.median(volume[body]) == pytest.approx(45, abs=40)
        assert np.percentile(volume, 99.5) > 200  # bone


def test_lesion_is_as_drawn() -> None:
    patients = [p for seed in range(3) for p in datasets.draw_patients(seed, 20)]
    ratios, means, spreads = [], [], []
    for patient in patients:
        volume, mask = datasets.render(patient)
        assert ndimage.label(mask)[1] == 1
        ratios.append(mask.sum() * np.prod(patient.scanner.spacing) / (np.pi / 6 * patient.diameter**3))
        core = ndimage.binary_erosion(mask)
        if core.sum() > 20:
            means.append((patient.attenuation, volume[core].mean()))
            spreads.append((patient.heterogeneity, volume[core].std()))
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert min(ratios) > 0.8
    assert max(ratios) < 1.2
    assert np.corrcoef(np.array(spreads).T)[0, 1] > 0.7
    assert np.mean(np.diff(means)) == pytest.approx(0, abs=25)


def test_spiculation_lowers_sphericity() -> None:
    patient = datasets.draw_patients(0, 8)[0]

    def surface(spiculation: float) -> int:
        mask = datasets.render(replace(patient, spiculation=spiculation, diameter=28.0))[1].astype(int)
        return sum(int(np.abs(np.diff(mask, axis=axis)).sum()) for axis in range(3))

    assert surface(0.8) > 1.1 * surface(0.1)


def test_follow_up_changes_the_lesion_only() -> None:
    moved = []
    for patient in datasets.draw_patients(0, 8):
        later = replace(patient, diameter=patient.diameter * 1.25)
        (before, mask_before), (after, mask_after) = datasets.render(patient), datasets.render(later)
        assert mask_after.sum() > 1.5 * mask_before.sum()
        far = ~ndimage.binary_dilation(mask_before | mask_after, iterations=4)
        np.testing.assert_array_equal(before[far], after[far])
        np.testing.assert_array_equal(affine_of(patient), affine_of(later))
        moved.append(np.linalg.norm(np.subtract(lesion_centre(patient), lesion_centre(later))))
    assert np.median(moved) < 2.8  # a pixel; only a lesion at the edge of its room moves away from it


@pytest.mark.slow
def test_images_carry_the_class() -> None:
    """A few plain measurements inside the mask reach well beyond size alone, in cross-validation."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    def measured(patient: datasets.Patient) -> Iterator[float]:
        volume, mask = datasets.render(patient)
        values, size = volume[mask == 1].astype(float), float(mask.sum() * np.prod(patient.scanner.spacing))
        area = np.prod(patient.scanner.spacing) / np.array(patient.scanner.spacing)
        surface = sum(np.abs(np.diff(mask.astype(int), axis=a)).sum() * area[a] for a in range(3))
        yield from (size, surface / size ** (2 / 3), values.std(), *np.percentile(values, (25, 50, 75, 90, 100)))

    patients = datasets.draw_patients(0)
    features = np.array([list(measured(p)) for p in patients])
    malignant = np.array([p.malignant for p in patients])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    forest = RandomForestClassifier(300, random_state=0)
    score = cross_val_predict(forest, features, malignant, cv=folds, method="predict_proba")[:, 1]
    assert 0.70 < float(auc(malignant, score)) < 0.90
