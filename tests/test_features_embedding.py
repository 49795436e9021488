"""Embeddings in a study: through the store, pooled, faults by case, and what a bundle keeps of them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image as Picture
from sklearn.base import clone

import isocenter
import networks
from isocenter import bundle, store
from isocenter.case import Case, Source
from isocenter.errors import BadValues, InputDoesNotFit, MissingPath, UsageError
from isocenter.features import Descriptors, Embedding
from isocenter.nets import BACKBONES, Embedder

step_module = importlib.import_module("isocenter.features.embedding")


@pytest.fixture(autouse=True)
def _fresh_memory() -> Iterator[None]:
    store.forget()
    yield
    store.forget()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "weights"
    folder.mkdir()
    networks.save(folder, monkeypatch, **networks.arrays())
    known = replace(BACKBONES["squeezenet"], side=48)  # small pictures: quick
    monkeypatch.setitem(BACKBONES, "squeezenet", known)
    return str(folder)


def case(name: str, path: Path, mask: Path | None = None) -> Case:
    masks = () if mask is None else (Source("mask", "mask", (str(mask),)),)
    return Case(name, None, (Source("image", "image", (str(path),)), *masks))


def images(folder: Path, n: int, seed: int = 0) -> list[Case]:
    rng, found = np.random.default_rng(seed), []
    for i in range(n):
        colour = (3,) if i % 3 == 2 else ()
        Picture.fromarray(rng.integers(0, 256, (30 + i, 40, *colour), dtype=np.uint8)).save(folder / f"{i:03}.png")
        found.append(case(f"{i:03}", folder / f"{i:03}.png"))
    return found


def volume(path: Path, array: np.ndarray) -> Path:
    nib.Nifti1Image(array.transpose(2, 1, 0), np.diag([-1.0, -1, 2, 1])).to_filename(path)
    return path


class Looks:
    """Counts the pictures that the network saw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.n = 0
        real = Embedder.__call__

        def counted(embedder: Embedder, pictures: np.ndarray) -> np.ndarray:
            self.n += len(pictures)
            return real(embedder, pictures)

        monkeypatch.setattr(Embedder, "__call__", counted)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


def test_a_row_a_case_whatever_the_size_and_colour(tmp_path: Path, weights: str) -> None:
    cases = images(tmp_path, 11)
    table = Embedding(weights=weights).fit_transform(cases)
    assert table.shape == (11, 512)
    assert list(table.index) == [c.case_id for c in cases]
    assert table.columns[3] == "squeezenet_3"
    assert np.isfinite(table.to_numpy()).all()
    alone = np.concatenate([Embedding(weights=weights, batch=1).fit_transform([c]).to_numpy() for c in cases[:4]])
    store.forget()
    for batch in (1, 3, 64):
        store.forget()
        other = Embedding(weights=weights, batch=batch).fit_transform(cases).to_numpy()
        assert np.abs(other - table.to_numpy()).max() <= 1e-5 * table.to_numpy().max()
    assert np.abs(alone - table.to_numpy()[:4]).max() <= 1e-5 * table.to_numpy().max()


def test_the_second_run_only_reads(tmp_path: Path, weights: str, looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = images(tmp_path, 6)
    step = Embedding(weights=weights, store=str(tmp_path / "store"))
    first = step.fit_transform(cases)
    assert looks.n == 6
    store.forget()
    with monkeypatch.context() as without:  # neither torch nor weights
        without.setattr(step_module, "Embedder", lambda *_: pytest.fail("a network was asked for"))
        again = Embedding(weights="nowhere", store=str(tmp_path / "store")).fit_transform(cases)
    assert np.array_equal(again.to_numpy(), first.to_numpy())
    more = images(tmp_path, 8)  # the same six and two new ones
    step.fit_transform(more)
    assert looks.n == 8


def test_what_changes_values_changes_the_key(tmp_path: Path, weights: str, looks: Looks) -> None:
    cases, place = images(tmp_path, 2), str(tmp_path / "store")
    Embedding(weights=weights, store=place).fit_transform(cases)
    Embedding(weights=weights, store=place, window="10:90").fit_transform(cases)
    assert looks.n == 4
    Embedding(weights=weights, store=place, batch=1, pool="max").fit_transform(cases)
    assert looks.n == 4


def test_slices_are_pooled(tmp_path: Path, weights: str) -> None:
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 256, (5, 48, 48), dtype=np.uint8)
    deep = case("v", volume(tmp_path / "v.nii.gz", voxels))
    for i, plane in enumerate(voxels):
        Picture.fromarray(plane).save(tmp_path / f"{i}.png")
    flat = Embedding(weights=weights).fit_transform([case(str(i), tmp_path / f"{i}.png") for i in range(5)]).to_numpy()
    both = Embedding(weights=weights, pool="mean+max").fit_transform([deep])
    assert both.shape == (1, 1024)
    assert both.columns[-1] == "squeezenet_511_max"
    expected = np.concatenate([flat.mean(axis=0), flat.max(axis=0)])
    assert both.to_numpy()[0] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_region_alone_is_seen(tmp_path: Path, weights: str) -> None:
    rng = np.random.default_rng(0)
    voxels, mask = rng.integers(0, 256, (6, 80, 80), dtype=np.uint8), np.zeros((6, 80, 80), dtype=np.uint8)
    mask[2:4, 30:50, 30:50] = 1
    one = case("a", volume(tmp_path / "i.nii.gz", voxels), volume(tmp_path / "m.nii.gz", mask))
    first = Embedding(weights=weights).fit_transform([one])
    voxels[:, :20], voxels[4:] = 0, 0
    other = case("b", volume(tmp_path / "j.nii.gz", voxels), volume(tmp_path / "m.nii.gz", mask))
    assert np.array_equal(Embedding(weights=weights).fit_transform([other]).to_numpy(), first.to_numpy())
    whole = Embedding(weights=weights, mask=False)
    assert not np.allclose(whole.fit_transform([one]).to_numpy(), whole.fit_transform([other]).to_numpy())


@pytest.mark.parametrize("kind", [Embedding, Descriptors])
def test_a_faulty_case_is_named_and_the_others_are_kept(tmp_path: Path, weights: str, looks: Looks, kind: type) -> None:
    cases = images(tmp_path, 4)
    np.save(tmp_path / "nan.npy", np.full((1, 9, 9), np.nan))
    bad = Case("bad", None, (Source("image", "image", (str(tmp_path / "nan.npy"),), 0),))
    named = {"weights": weights} if kind is Embedding else {}
    step = kind(store=str(tmp_path / "store"), **named)
    with pytest.raises(BadValues, match=r"'bad'.*NaN"):
        step.fit(cases).transform([*cases[:2], bad, *cases[2:]])
    seen = looks.n
    step.transform(cases)
    assert looks.n == seen


@pytest.mark.parametrize("kind", [Embedding, Descriptors])
@pytest.mark.parametrize("wrong", [{"window": "bright"}, {"pool": "median"}, {"slices": 0}])
def test_settings_that_cannot_be_are_refused_before_work(tmp_path: Path, kind: type, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be"):
        kind(**wrong).fit(images(tmp_path, 1))


def test_descriptors_are_stored_and_repeat(tmp_path: Path) -> None:
    cases = images(tmp_path, 5)
    step = Descriptors(store=str(tmp_path / "store"))
    first = step.fit_transform(cases)
    assert first.shape == (5, 422)
    store.forget()
    assert np.array_equal(clone(step).fit_transform(cases).to_numpy(), first.to_numpy())


# -- in a study -----------------------------------------------------------------------------------
def study(folder: Path, n: int = 60) -> Path:
    rng = np.random.default_rng(3)
    for i in range(n):
        name = ("fine", "coarse")[i % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        size = 40 if name == "fine" else 10
        plane = Picture.fromarray(rng.integers(0, 256, (size, size), dtype=np.uint8)).resize((40, 40), 0)
        plane.save(folder / name / f"{i}.png")
    return folder


def test_run_embeds_each_image_once_and_the_bundle_predicts_where_weights_are(
    tmp_path: Path, weights: str, looks: Looks
) -> None:
    scans, project = study(tmp_path / "scans"), tmp_path / "project"
    options = {"features": "embedding", "method": "linear", "design": "kfold", "folds": 3, "weights": weights,
               "set": {"penalty": 10}, "project": project}  # fmt: skip
    found = isocenter.run(scans, **options)
    assert looks.n == 60  # all folds, the kept model and its test read the same store
    assert next(e for e in found.evaluate()["embedding-linear"].estimates if e.metric == "auc").value > 0.95
    store.forget()
    isocenter.run(scans, **{**options, "seed": 1, "weights": None})  # other folds, other fits, no weights
    assert looks.n == 60
    saved = bundle.load(project / "models" / "embedding-linear.iso")
    assert saved.estimator[0].weights is None
    store.forget()
    with pytest.raises(MissingPath, match="--weights"):
        isocenter.predict(saved, scans, weights=str(tmp_path))
    said = isocenter.predict(saved, scans, weights=weights)
    assert np.isfinite(said.output).all()


def test_a_model_of_other_weights_is_refused(tmp_path: Path, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = images(tmp_path, 2)
    step = Embedding(weights=weights).fit(cases)
    networks.save(Path(weights), monkeypatch, **networks.arrays(seed=1))
    with pytest.raises(InputDoesNotFit, match="other weights"):
        step.transform(cases)


@pytest.mark.slow
def test_real_weights_tell_tumours_apart_better_than_random_ones(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    files = [p for name in ("benign", "malignant") for p in sorted((shared_data / "busi" / name).glob("*.png"))]
    y = np.array([p.parent.name == "malignant" for p in files])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=3000))

    def auc(weights: Path) -> float:
        X = Embedding(weights=str(weights)).fit_transform([case(str(p), p) for p in files])
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        return float(roc_auc_score(y, cross_val_predict(probe, X, y, cv=folds, method="predict_proba")[:, 1]))

    real = auc(shared_data / "weights_squeezenet11")
    networks.save(tmp_path, monkeypatch, **networks.arrays())
    assert real > 0.89
    assert auc(tmp_path) < real - 0.06
