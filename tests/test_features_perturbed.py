"""Regions drawn otherwise: volumes, places, hostile shapes, and which features of radiomics they leave."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

import isocenter
from isocenter import training
from isocenter.case import IMAGE, MASK, Case, Source
from isocenter.compute import Outcome
from isocenter.errors import NothingLeft, UsageError
from isocenter.features import Radiomics
from isocenter.features import measured as measuring
from isocenter.features import radiomics as step
from isocenter.features.perturbed import WAYS, perturbed, reliable
from isocenter.features.regions import Bools, Region, whole
from isocenter.options import Options
from isocenter.store import Row
from isocenter.tables.told import sentences

SPACING = (3.0, 1.0, 1.0)


def full(region: Region, shape: tuple[int, ...]) -> Bools:
    found = np.zeros(shape, dtype=np.bool_)
    found[region.place] = region.mask
    return found


def boxed(mask: Bools, name: str = "") -> Region:
    place = ndimage.find_objects(mask.astype(np.int8))[0]
    return Region(name, mask[place], place)


def test_volume_and_place_change_as_the_way_says() -> None:
    z, y, x = np.ogrid[:20, :50, :60]
    ball = ((z - 10) * 3 / 15) ** 2 + ((y - 25) / 15) ** 2 + ((x - 30) / 15) ** 2 < 1
    found = {way: full(perturbed(boxed(ball, "a"), ball.shape, SPACING, way), ball.shape) for way in WAYS}
    n = ball.sum()
    assert found["grown"].sum() == round(1.15 * n) and found["shrunk"].sum() == round(0.85 * n)
    assert (found["grown"] & ball).sum() > 0.999 * n and (found["shrunk"] & ~ball).sum() < 0.001 * n
    middle = np.array(ndimage.center_of_mass(ball))
    for way, sign in (("forth", 1), ("back", -1)):
        assert found[way].sum() == n
        moved = np.array(ndimage.center_of_mass(found[way])) - middle
        assert moved == pytest.approx([sign * 0.5] * 3, abs=0.15)
    for way in ("grown", "shrunk"):
        assert ndimage.center_of_mass(found[way]) == pytest.approx(middle, abs=0.05)
    deep = ndimage.distance_transform_edt(ball, sampling=SPACING)
    assert deep[ball & ~found["shrunk"]].max() <= deep[found["shrunk"]].min() + 0.01
    grown = ndimage.distance_transform_edt(~ball, sampling=SPACING)[found["grown"] & ~ball]
    assert grown.max() <= 3  # voxels that touch it, not somewhere else


def test_the_border_of_the_image_is_a_border_of_the_region() -> None:
    shape = (20, 20, 20)
    lost = ~full(perturbed(whole(shape), shape, (1.0, 1.0, 1.0), "shrunk"), shape)
    assert lost.any() and not lost[1:-1, 1:-1, 1:-1].any()


@pytest.mark.parametrize("way", WAYS)
def test_hostile_regions_stay_regions(way: str) -> None:
    """One voxel, a corner, a flat picture, an image that is marked all over, a line: the same each time."""
    shape = (6, 9, 9)
    masks = [np.zeros(shape, dtype=np.bool_) for _ in range(3)]
    masks[0][3, 4, 4] = masks[1][0, 0, 0] = True
    masks[2][:, 4, 4] = True
    flat = np.zeros((1, 9, 9), dtype=np.bool_)
    flat[0, 2:7, 2:7] = True
    for mask in (*masks, flat, np.ones(shape, dtype=np.bool_)):
        one = whole(mask.shape) if mask.all() else boxed(mask)
        found = perturbed(one, mask.shape, SPACING, way)
        assert found.mask.any() and found.mask.sum() == min(round(WAYS[way][0] * mask.sum()), mask.size)
        assert all(0 <= side.start < side.stop <= n for side, n in zip(found.place, mask.shape))
        assert np.array_equal(full(found, mask.shape), full(perturbed(one, mask.shape, SPACING, way), mask.shape))


def test_reliable_is_icc_of_absolute_agreement() -> None:
    """Shrout and Fleiss 1979, table 2: ICC(2,1) is .29; a constant has none, a missing case does not count."""
    judges = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    tables = [np.column_stack([one, np.ones(6), np.arange(6.0)]) for one in judges.T]
    gap = [np.vstack([one, [np.nan, 5.0 * i, 9.0]]) for i, one in enumerate(tables)]
    assert reliable(tables, 0.28).tolist() == [True, False, True]
    assert reliable(tables, 0.30).tolist() == [False, False, True]
    assert reliable(gap, 0.28)[0] and not reliable(gap, 0.30)[0]


def cases_of(folder: Path, n: int) -> list[Case]:
    """Uneven balls of differing size and brightness, a bright rim of one voxel around each: it comes and goes."""
    rng, found = np.random.default_rng(0), []
    for i in range(n):
        z, y, x = np.ogrid[:16, :32, :32]
        away = np.sqrt((z - 8.0) ** 2 + (y - 16.0) ** 2 + (x - 16.0) ** 2)
        ball = away < 5 + i % 3
        rim = ndimage.binary_dilation(ball) & ~ball
        values = rng.normal(100 + 20 * i, 5, ball.shape) + rng.uniform(0, 4000) * rim
        for role, array in ((IMAGE, values.astype(np.float32)), (MASK, ball.astype(np.uint8))):
            (folder / f"c{i}").mkdir(exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(array.T, np.eye(4)), folder / f"c{i}" / f"{role}.nii.gz")
        paths = {role: (str(folder / f"c{i}" / f"{role}.nii.gz"),) for role in (IMAGE, MASK)}
        found.append(Case(str(i), str(i), (Source(IMAGE, "image", paths[IMAGE]), Source(MASK, "mask", paths[MASK]))))
    return found


def test_radiomics_keep_what_perturbed_masks_leave_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = cases_of(tmp_path, 8)
    texts = ("mean:size=3",)
    everything = Radiomics("mr", image_filters=texts).fit_transform(cases)
    strict = Radiomics("mr", image_filters=texts, perturbed=0.9, store=str(tmp_path / "store")).fit(cases)
    table = strict.transform(cases)
    assert table.equals(everything[table.columns])  # the values are those of the masks as they are
    assert {"stat_median", "morph_volume"} <= set(table.columns)
    assert "stat_max" not in table.columns  # the rim
    assert len(strict.unreliable_) == len(everything.columns) - len(table.columns) > 10
    loose = Radiomics("mr", image_filters=texts, perturbed=0.0, store=str(tmp_path / "store")).fit(cases)
    assert set(table.columns) < set(loose.names_)
    monkeypatch.setattr(measuring, "measure", lambda *_: pytest.fail("measured again"))
    assert Radiomics("mr", image_filters=texts, perturbed=0.9, store=str(tmp_path / "store")).fit(cases).names_


def test_nothing_left_and_no_mask_are_said(tmp_path: Path) -> None:
    cases = cases_of(tmp_path, 3)
    with pytest.raises(NothingLeft, match="--min-icc"):
        Radiomics("mr", perturbed=0.5).fit(cases[:1])
    with pytest.raises(UsageError, match="changes masks"):
        Radiomics("mr", mask=False, perturbed=0.5).fit(cases)


def test_only_training_cases_are_perturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From scans to a model by the name that stands for a table; the card and the sentence say what went."""
    scans = tmp_path / "scans"
    scans.mkdir()
    cases_of(scans, 24)
    labels = pd.DataFrame({"case": [f"c{i}" for i in range(24)], "label": [int(i % 24 > 11) for i in range(24)]})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    cohort = isocenter.index(
        scans, labels=tmp_path / "labels.csv", image=["image.nii.gz"], mask=["mask.nii.gz"], target="label"
    )
    design = isocenter.split(cohort)
    seen: set[str] = set()
    measured = step.measured

    def spied(tasks: list[measuring.Task], store: str | None) -> list[Outcome[Row]]:
        seen.update(str(task.case.case_id) for task in tasks if task.way)
        return measured(tasks, store)

    monkeypatch.setattr(step, "measured", spied)
    how = {"reliable": "perturbed", "min_icc": 0.9}
    model = isocenter.fit(
        cohort, design, "linear", features="radiomics", preset=["mr"], refine=how, store=str(tmp_path / "store")
    )
    assert seen == set(design.split.fitting) and not seen & set(design.split.test)
    (told,) = [one for one in model.card["refining"] if one["step"] == "perturbed"]
    assert told["left"] == len(model.card["feature_names"]) and told["removed"] > 10 and told["least"] == 0.9
    assert "below 0.9 over perturbed masks of the training cases were removed" in sentences([told])[0]
    asked = training.refining(cohort, Options(reliable="perturbed"))
    recipe = training.plan(cohort, design, ["linear"], ["radiomics"], preset=["mr"], refining=asked)[0]
    candidates = told["left"] + told["removed"]
    assert training.predictors(recipe, cohort, design) == candidates
    isocenter.save(model, tmp_path / "model.iso")
    again = isocenter.load(tmp_path / "model.iso").predict(cohort.select(design.split.test).cases)
    assert np.array_equal(again.proba, model.predict(cohort.select(design.split.test).cases).proba)
    with pytest.raises(UsageError, match="is about radiomics"):
        isocenter.fit(cohort, design, "linear", features="intensity", refine=how)
    bare = isocenter.index(scans, labels=tmp_path / "labels.csv", image=["image.nii.gz"], target="label")
    with pytest.raises(UsageError, match="changes masks"):  # before anything is fitted
        training.plan(bare, design, ["linear"], ["radiomics"], refining=asked)
