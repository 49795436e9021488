"""Masks on other grids, voxels without a value, and what cannot be measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

import isocenter
from isocenter import formats, ingest
from isocenter.case import Case
from isocenter.errors import BadGeometry
from isocenter.features import Radiomics, measured
from regions import ball, case_of, volume


def test_a_mask_on_another_grid_is_resampled_or_refused(tmp_path: Path) -> None:
    values = np.zeros((48, 44, 24), np.uint8)
    values[8:40, 10:32, 6:18] = 1
    corner = np.array(
        [[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 1, -0.5], [0, 0, 0, 1]]
    )  # the same voxels, halved
    shifted = nibabel.Nifti1Image(values, corner)
    same = Radiomics("mr").fit_transform([case_of(tmp_path, "same", {"image": volume(0)}, {"mask": ball()})])
    other = Radiomics("mr").fit_transform([case_of(tmp_path, "other", {"image": volume(0)}, {"mask": shifted})])
    assert other.iloc[0].to_dict() == pytest.approx(same.iloc[0].to_dict(), nan_ok=True)
    away = nibabel.Nifti1Image(values, np.array([[0.5, 0, 0, 300], [0, 0.5, 0, 300], [0, 0, 1, 300], [0, 0, 0, 1]]))
    with pytest.raises(BadGeometry, match="does not reach"):
        Radiomics("mr").fit([case_of(tmp_path, "away", {"image": volume(0)}, {"mask": away})])


def _with(folder: Path, name: str, values: np.ndarray, mask: nibabel.Nifti1Image) -> Case:
    content = nibabel.Nifti1Image(values.astype(np.float32), mask.affine)
    return case_of(folder, name, {"image": content}, {"mask": mask})


def test_gaps_inside_a_region_are_re_segmented_away(tmp_path: Path) -> None:
    """On the image's own grid a gap is what IBSI's re-segmentation makes of a value out of range; shape keeps it."""
    values, mask = np.asarray(volume(0).dataobj).copy(), ball()
    holes = (np.random.default_rng(1).random(values.shape) < 0.1) & (np.asarray(mask.dataobj) > 0)
    gone = _with(tmp_path, "gone", np.where(holes, np.where(values > 100, np.nan, -np.inf), values), mask)
    out = _with(tmp_path, "out", np.where(holes, 1e6, values), mask)
    whole = _with(tmp_path, "whole", values, mask)
    near = "mr:spacing=none:outliers=none:bins=16"
    step = Radiomics(near)
    found = step.fit_transform([gone]).iloc[0]
    expected = Radiomics(f"{near}:range=-1000..100000").fit_transform([out]).iloc[0]
    peaks = ["loc_peak_loc", "loc_peak_glob"]  # those see what lies around, and 1e6 there is
    assert expected[peaks].min() > 1000 > found[peaks].max()
    expected[peaks] = found[peaks]
    assert found.to_dict() == pytest.approx(expected.to_dict(), nan_ok=True)
    plain = Radiomics(near).fit_transform([whole]).iloc[0]
    shape = [n for n in plain.index if n.startswith("morph_") and n not in ("morph_com", "morph_integ_int")]
    assert found[shape].to_dict() == pytest.approx(plain[shape].to_dict(), nan_ok=True)
    assert found["stat_mean"] != plain["stat_mean"]
    told = step.measured([gone, whole]).set_index("case_id")
    assert told["gaps"].tolist() == [holes.sum(), 0] and told["voxels"].tolist() == [16 * 11 * 6] * 2
    assert told.loc["gone", "lost"] == pytest.approx(holes.mean())


@pytest.mark.parametrize("chosen", ["mr", "ct:spacing=1", "ibsi-D"])
def test_gaps_far_from_a_region_change_nothing(chosen: str, tmp_path: Path) -> None:
    """Splines of the interpolation and filters included: what they need around the region is all that counts."""
    size = (24, 60, 70)
    values = np.random.default_rng(0).normal(100, 20, size).cumsum(axis=0) / 10
    labels = np.zeros(size, np.uint8)
    labels[8:16, 8:16, 8:16] = 1
    mask = nibabel.Nifti1Image(labels, np.diag([1.0, 1.0, 1.5, 1.0]))
    broken = values.copy()
    broken[:, 56:, :] = np.nan
    broken[3, 3, 66:] = np.inf
    filters = () if chosen == "ibsi-D" else ("log:sigma_mm=1",)
    rows = [
        Radiomics(chosen, image_filters=filters).fit_transform([_with(tmp_path, name, array, mask)]).iloc[0]
        for name, array in (("whole", values), ("broken", broken))
    ]
    assert len(rows[0]) > 100
    assert rows[1].to_dict() == pytest.approx(rows[0].to_dict(), nan_ok=True, rel=1e-9)


def test_a_gap_beside_a_region_stays_a_gap(tmp_path: Path) -> None:
    """Splines do not carry it through the volume: only the voxels that need it lose their value."""
    values, mask = np.asarray(volume(0).dataobj).copy(), ball()
    values[12, 4, 5] = np.nan  # one voxel outside of the region's rows 5 to 15
    row = Radiomics("mr:spacing=0.7:interpolation=cubic").fit_transform([_with(tmp_path, "near", values, mask)])
    values[12, 4, 5] = np.asarray(volume(0).dataobj)[12, 4, 5]
    whole = Radiomics("mr:spacing=0.7:interpolation=cubic").fit_transform([_with(tmp_path, "whole", values, mask)])
    for name in ("stat_mean", "stat_var", "cm_contrast_3D_avg"):
        assert row[name].item() == pytest.approx(whole[name].item(), rel=0.02)
        assert row[name].item() != whole[name].item()


def test_what_cannot_be_measured_is_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults are not kept: who asks twice reads the file twice."""
    for i in range(3):
        image = volume(i)
        values = np.asarray(image.dataobj).copy()
        values[np.asarray(ball().dataobj) > 0] += np.nan if i == 1 else 0  # nothing of the region is left
        case_of(tmp_path / "scans", f"c{i}", {"x": nibabel.Nifti1Image(values, image.affine)}, {"x": ball()})
    tried: list[str] = []
    whole = measured.measure

    def counted(task: measured.Task) -> object:
        tried.append(str(task.case.case_id))
        return whole(task)

    monkeypatch.setattr(measured, "measure", counted)
    cohort = ingest.index(tmp_path / "scans", image=["x_image.nii.gz"], mask=["x_mask.nii.gz"], with_labels=False)
    audit = isocenter.audit(cohort, features=["radiomics"])
    assert len(tried) == len(set(tried)) == 3
    assert [fault.code for fault in audit.excluded] == ["EmptyRegion"]


def test_what_cannot_be_measured_is_a_fault_of_its_case(tmp_path: Path) -> None:
    """Through the command: empty, one voxel, one slice, NaN, at the border, out of range, truncated; counts reconcile.

    A NaN is no reason to lose a case, a region or an image of nothing else is; masks on other grids are laid, or refused.
    """
    scans, rng, lines = tmp_path / "scans", np.random.default_rng(0), ["case,label"]
    for i in range(30):
        image, mask = volume(i), ball()
        values, labels = np.asarray(image.dataobj).copy(), np.asarray(mask.dataobj).copy()
        values += i % 2 * 30
        if i == 0:
            labels[:] = 0
        elif i == 1:
            labels[:] = 0
            labels[5, 5, 5] = 1
        elif i == 2:
            labels[:, :, :5] = labels[:, :, 6:] = 0
        elif i == 3:
            values[5, 5, 5] = np.nan
        elif i == 4:
            labels[:] = rng.integers(0, 2, labels.shape)
        elif i == 5:
            values[:] = -500.0  # below the range of PET: nothing is left
        elif i == 6:
            values[:] = 7.0
        elif i == 8:
            values[labels > 0] = np.nan
        elif i == 9:
            values[:] = np.nan
        elif i == 10:
            values[:, :12] = values[0] = -np.inf  # more than half, and some of the region
        affine = image.affine
        if i == 11:
            labels, affine = labels.repeat(2, axis=0), np.diag([0.5, 1.0, 2.0, 1.0])
            affine[0, 3] = -0.25
        elif i == 12:
            affine = image.affine.copy()
            affine[:3, 3] = 500
        case_of(
            scans,
            f"c{i:02}",
            {"x": nibabel.Nifti1Image(values, image.affine)},
            {"x": nibabel.Nifti1Image(labels, affine)},
        )
        lines.append(f"c{i:02},{i % 2}")
    torn = scans / "c07" / "x_mask.nii.gz"
    torn.write_bytes(torn.read_bytes()[:60])
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    done = subprocess.run(
        [sys.executable, "-m", "isocenter", "run", str(scans), "--labels", str(tmp_path / "labels.csv"), "--image", "x_image.nii.gz",
         "--mask", "x_mask.nii.gz", "--features", "radiomics", "--preset", "pet", "--method", "linear", "--allow-excluded",
         "--project", str(tmp_path / "project"), "--json"], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    audit = json.loads((tmp_path / "project" / "audit.json").read_text())
    audit = audit.get("content", audit)
    left = {fault["where"][:3]: fault["code"] for fault in audit["excluded"]}
    assert left == {
        "c00": "BadGeometry",
        "c01": "EmptyRegion",
        "c05": "EmptyRegion",
        "c07": "UnreadableFile",
        "c08": "EmptyRegion",
        "c09": "BadValues",
        "c12": "BadGeometry",
    }
    assert audit["found"] == 30 == audit["used"] + len(left)
    said = "\n".join(audit["warnings"])
    assert "2 cases have voxels that are NaN or infinite: c03/x_image (1 of 6,336), c10/x_image (" in said
    assert "2 cases have such voxels inside the region: c03/x_image (1 of 1,056), c10/x_image (672 of" in said
    assert "More than half of the image is NaN or infinite: c10/x_image (" in said
    assert "1 case has a mask on another grid than the image: it was laid" in said
    away = next(fault["reason"] for fault in audit["excluded"] if fault["where"].startswith("c12"))
    assert "All of the mask lies" in away and "x -520 to -504, y -516 to -504, z 505 to 517" in away
    assert "the image covers x -24 to 0, y -22 to 0, z -1 to 23" in away
    new = subprocess.run(
        [sys.executable, "-m", "isocenter", "predict", str(tmp_path / "project" / "models" / "radiomics-linear.iso"), str(scans), "--json",
         "--project", str(tmp_path / "project")], capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert new.returncode == 0, new.stderr
    assert formats.kind_of(scans / "c00" / "x_image.nii.gz") == "nifti"
