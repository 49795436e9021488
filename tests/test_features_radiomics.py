"""Radiomics as a feature step: names, masks, grids, whole images, and bad regions through the real command."""

from __future__ import annotations

import html
import subprocess
import sys
from pathlib import Path

import docx
import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image as Picture
from scipy import ndimage
from sklearn.base import clone

import isocenter
from isocenter import preparation, presenting
from isocenter.auditing import suspicions
from isocenter.case import IMAGE, MASK, Case, Source
from isocenter.errors import BadValues, UsageError
from isocenter.features import Radiomics
from isocenter.features import measured as measuring
from isocenter.radiomics import extract, preset
from isocenter.radiomics.filters import LoG, Wavelet
from isocenter.radiomics.worded import phrase
from regions import SIZE, ball, case_of, volume


def test_a_row_is_what_extract_gives(tmp_path: Path) -> None:
    case = case_of(tmp_path, "a", {"image": volume(0)}, {"mask": ball()})
    row = Radiomics("mr").fit_transform([case]).iloc[0]
    image, mask = preparation.read_case(case)
    assert mask is not None
    expected = extract(image.array[0], mask.labels > 0, image.geometry.spacing, preset("mr"))
    assert row.to_dict() == pytest.approx(expected, nan_ok=True)


def test_several_images_and_masks_become_one_row(tmp_path: Path) -> None:
    """One mask for both images, one of its own for T1; the PET's grid is another."""
    pet, own = volume(1, (2.0, 2.0, 2.0), (12, 11, 12)), ball()
    case = case_of(tmp_path, "a", {"PET": pet, "T1": volume(2)}, {"tumour": own, "core": own})
    row = Radiomics().fit_transform([case]).iloc[0]
    assert row["PET_tumour_morph_vol_approx"] == pytest.approx(16 * 11 * 6 * 2, rel=0.4)  # voxels of 3 mm
    assert row["T1_tumour_morph_vol_approx"] == pytest.approx(16 * 11 * 6 * 2, rel=0.15)
    assert {name.split("_")[1] for name in row.index} == {"tumour", "core"}
    own_only = case_of(
        tmp_path, "b", {"PET": pet, "T1": volume(2)}, {"PET": ball(1, (12, 11, 12), (2.0, 2.0, 2.0)), "T1": own}
    )
    plan = Radiomics().plan([own_only])
    assert plan == (("PET", ("PET",), "pet"), ("T1", ("T1",), "mr"))


def test_presets_are_named_for_all_or_for_each_image(tmp_path: Path) -> None:
    case = case_of(tmp_path, "a", {"PET": volume(1), "T1": volume(2)}, {})
    assert [p for *_, p in Radiomics("T1=ibsi-C").plan([case])] == ["pet", "ibsi-C"]
    assert [p for *_, p in Radiomics(("ct", "T1=ibsi-C")).plan([case])] == ["ct", "ibsi-C"]
    changed = Radiomics(("ct:bins=8", "T1=mr:bins=4:families=histogram"))
    assert [p for *_, p in changed.plan([case])] == ["ct:bins=8", "mr:bins=4:families=histogram"]
    row = changed.fit_transform([case]).iloc[0]
    assert row["T1_ih_max"] == 4
    assert row["PET_ih_max"] == 8
    assert not any(name.startswith("T1_stat_") for name in row.index)
    for wrong in ("nosuch", "CT=ct", ("ct", "mr")):
        with pytest.raises(UsageError):
            Radiomics(wrong).plan([case])
    with pytest.raises(UsageError, match="labels"):
        Radiomics(regions="all").plan([case])


@pytest.mark.parametrize(
    "chosen, filters, masked, said",
    [
        ("pyradiomics:families=ivh", None, True, "no names"),
        ("pyradiomics:families=local+autocorrelation+gldzm", "wavelet", True, "no names"),
        ("mr:families=morphology+local", None, False, "need a mask"),
        ("mr:families=morphology", "wavelet", True, "would change nothing"),
        ("pyradiomics:families=morphology+ivh", "wavelet", True, "would change nothing"),
    ],
)
def test_nothing_to_measure_is_refused_before_anything_is_read(
    chosen: str, filters: str | None, masked: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(tmp_path, "a", {"image": volume(0)}, {"mask": ball()} if masked else {})
    monkeypatch.setattr(measuring, "per_case", lambda *a, **k: pytest.fail("read"))
    with pytest.raises(UsageError, match=said) as refused:
        Radiomics(chosen, image_filters=filters).faults([case])
    assert "histogram" in refused.value.remedy


def test_settings_under_which_no_feature_has_a_name_are_refused(tmp_path: Path) -> None:
    case = case_of(tmp_path, "a", {"image": volume(0)}, {"mask": ball()})
    with pytest.raises(UsageError, match="nothing to measure"):
        Radiomics("pyradiomics:families=glrlm:aggregations=2D_avg").faults([case])


def test_one_preset_for_several_modalities_is_told(tmp_path: Path) -> None:
    """The preset of the first case is taken for all, which --preset or a name for each would have decided."""
    codes = ("MR", "PT", "CT", "MR")
    cases = [
        Case(str(i), None, (Source(IMAGE, "image", (f"{i}.dcm",), modality=code),)) for i, code in enumerate(codes)
    ]
    (said,) = Radiomics().mixed(cases)
    assert "image is of several modalities (MR 2, PT 1, CT 1)" in said and "first case, mr, was taken" in said
    assert "--preset mr" in said and "--image CT=GLOB" in said
    assert "first case, pet," in Radiomics().mixed(cases[1:])[0]
    assert not Radiomics("mr").mixed(cases) and not Radiomics("image=pet:bins=8").mixed(cases)
    assert not Radiomics().mixed([cases[0], cases[3]])
    named = [Case("a", None, (Source(IMAGE, "CT", ("a",), modality="CT"), Source(IMAGE, "PET", ("b",), modality="PT")))]
    assert not Radiomics().mixed(named * 2)
    unsaid = Case("n", None, (Source(IMAGE, "image", ("n.nii",)),))
    assert "unknown 1, CT 1" in Radiomics().mixed([unsaid, cases[2]])[0]


def test_responses_are_said_of_the_images_that_have_them(tmp_path: Path) -> None:
    case = case_of(tmp_path, "a", {"PET": volume(1), "T1": volume(2)}, {"mask": ball()})
    step = Radiomics(("PET=pet:families=statistics", "T1=mr:families=morphology"), image_filters="mean")
    assert step.said([case]).endswith("and of responses to mean of PET.")
    filtered = [name for name in step.fit_transform([case]) if "_mean_" in name and name.endswith("_stat_var")]
    assert filtered and all(name.startswith("PET_") for name in filtered)


def test_what_has_a_unit_is_not_standardised_and_that_is_said(tmp_path: Path) -> None:
    case = case_of(tmp_path, "a", {"CT": volume(1), "T1": volume(2)}, {})
    said = Radiomics(standardise="zscore").said([case])
    assert "T1 by preset mr" in said
    assert "not standardised, as it has a unit: CT" in said


def test_labels_have_columns_of_their_own_or_a_mean(tmp_path: Path) -> None:
    cases = [
        case_of(tmp_path, "a", {"image": volume(0)}, {"mask": ball(2)}),
        case_of(tmp_path, "b", {"image": volume(1)}, {"mask": ball(1)}),
    ]
    labels = Radiomics("mr", regions="labels").fit_transform(cases)
    assert labels.loc["b", "2_stat_mean"] != labels.loc["b", "2_stat_mean"]  # b has no label 2
    mean = Radiomics("mr", regions="mean").fit_transform(cases)
    assert mean["regions"].tolist() == [2, 1]
    both = (labels.loc["a", "1_stat_mean"] + labels.loc["a", "2_stat_mean"]) / 2
    assert mean.loc["a", "stat_mean"] == pytest.approx(both)


def test_labels_taken_for_one_and_features_without_a_value_are_told(tmp_path: Path) -> None:
    """Each once, with cases and counts; not where each label is measured, nor where all is defined."""
    dot, two = np.zeros(SIZE, np.uint8), np.asarray(ball(2).dataobj) * 3
    dot[12, 10, 5] = 1
    cases = [
        case_of(tmp_path, name, {"image": volume(i)}, {"mask": mask})
        for i, (name, mask) in enumerate(
            [
                ("dot", nibabel.Nifti1Image(dot, ball().affine)),
                ("two", nibabel.Nifti1Image(two, ball().affine)),
                ("one", ball()),
            ]
        )
    ]
    step = Radiomics("mr:spacing=none", store=str(tmp_path / "store"))
    labels, undefined = suspicions.about_regions(step.measured(cases))
    assert labels.startswith("1 case has a mask of several labels (3, 6), which were taken for one region: two.")
    table = step.fit_transform(cases)
    n = int(table.loc["dot"].isna().sum())
    assert n > 20 and not table.loc[["two", "one"]].isna().any(axis=None)
    assert f"not defined, {n} values in all: dot ({n} of {table.shape[1]})" in undefined
    assert list(suspicions.about_regions(step.measured(cases[2:]))) == []
    each = Radiomics("mr:spacing=none", regions="labels").measured(cases[1:2])
    assert list(suspicions.about_regions(each)) == []
    again = Radiomics("mr:spacing=none", store=str(tmp_path / "store")).measured(cases)  # from the store as well
    assert list(suspicions.about_regions(again)) == [labels, undefined]


def test_a_single_slice_among_volumes_is_named_and_no_other_case(tmp_path: Path) -> None:
    """Its texture is in plane, theirs in space: what one has and others have not is no value that is not defined."""
    mask = np.zeros(SIZE, np.uint8)
    mask[6:18, 5:16, 5] = 1
    cases = [case_of(tmp_path, str(i), {"image": volume(i)}, {"mask": ball()}) for i in range(3)]
    pixels = nibabel.Nifti1Image(np.asarray(volume(5).dataobj)[:, :, 5:6], volume(5).affine)
    cases.append(
        case_of(tmp_path, "flat", {"image": pixels}, {"mask": nibabel.Nifti1Image(mask[:, :, 5:6], pixels.affine)})
    )
    step = Radiomics("mr:spacing=none:families=statistics+glcm")
    (said,) = suspicions.about_regions(step.measured(cases))
    columns = [str(name) for name in step.fit_transform(cases)]
    own = sum("_2D_" in name or name.startswith("shape_") for name in columns)
    lacking = sum("_3D_" in name for name in columns)
    assert own > 20 and lacking > 20
    told = f"flat ({own} of its own, {lacking} lacking)"
    assert said.startswith(f"1 case has other columns of radiomics than most: {told}. A picture or a single slice")
    assert list(suspicions.about_regions(step.measured(cases[:3]))) == []
    (alone,) = presenting.without_models([said])
    assert "median" in said and "median" not in alone and alone.endswith("--exclude.")


def test_a_thousand_regions_are_no_columns_but_a_mean(tmp_path: Path) -> None:
    mask = np.zeros((60, 40, 8), np.uint16)
    mask[::2, ::2, ::4] = np.arange(1, 1201).reshape(30, 20, 2)
    mask[1::2, ::2, ::4] = mask[::2, ::2, ::4]
    many = nibabel.Nifti1Image(mask, np.diag([1.0, 1.0, 2.0, 1.0]))
    case = case_of(tmp_path, "a", {"image": volume(0, size=(60, 40, 8))}, {"mask": many})
    with pytest.raises(BadValues, match="1200 labels"):
        Radiomics("mr", regions="labels").fit([case])
    assert Radiomics("mr", regions="mean").fit_transform([case])["regions"].item() == 1200


@pytest.mark.parametrize("chosen", ["mr", "pyradiomics"])
@pytest.mark.parametrize("depth", [1, 10])
def test_a_whole_image_does_not_tell_its_size(depth: int, chosen: str, tmp_path: Path) -> None:
    """Noise of the same kind in images of two sizes: no feature grows with it, of its responses neither."""
    cases = []
    for side in (40, 120):
        noise = np.random.default_rng(side).gamma(2, 20, (side, side, depth))
        pixels = ndimage.gaussian_filter(noise, (0.6, 0.6, 0.5 if depth > 1 else 0)).round().clip(0, 255)
        if depth == 1:
            path = tmp_path / f"{side}.png"
            Picture.fromarray(pixels[..., 0].astype(np.uint8)).save(path)
            cases.append(Case(str(side), None, (Source(IMAGE, "image", (str(path),)),)))
        else:
            content = nibabel.Nifti1Image(pixels.astype(np.float32), np.eye(4))
            cases.append(case_of(tmp_path, str(side), {"image": content}, {}))
    table = Radiomics(chosen, image_filters=("log:sigma_mm=2", "mean:size=3")).fit_transform(cases)
    flat, bare = "_by_slice" if depth == 1 else "", {name.removeprefix("original_") for name in table.columns}
    log = {name.removeprefix(f"log_sigma_mm_2{flat}_") for name in table.columns if name.startswith("log_")}
    assert len(log) > 60 and log == {name for name in bare if not name.startswith(("log_", "mean_"))}
    table = table[[name for name in table.columns if not name.startswith("log_")]]  # their mean is 0: no ratio
    assert len(table.columns) == 2 * len(log)
    small, large = table.to_numpy()
    apart = np.abs(small - large) / np.maximum(np.abs(small) + np.abs(large), 1e-9)
    near_0 = ("mean_size_3_by_slice_stat_kurt", "mean_size_3_by_slice_ih_kurt")  # excess of what is nearly normal
    assert [
        n for n, a in zip(table.columns, apart) if a > 0.4 and n not in near_0
    ] == []  # what grows with the area, 9 times, has 0.8


def test_a_region_of_a_picture_has_shape_in_plane(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, pixels in (
        ("i.png", rng.integers(0, 255, (40, 50), dtype=np.uint8)),
        ("m.png", np.zeros((40, 50), np.uint8)),
    ):
        if name == "m.png":
            pixels[10:20, 10:30] = 255
        Picture.fromarray(pixels).save(tmp_path / name)
    case = Case(
        "a",
        None,
        (Source(IMAGE, "image", (str(tmp_path / "i.png"),)), Source(MASK, "mask", (str(tmp_path / "m.png"),))),
    )
    row = Radiomics().fit_transform([case]).iloc[0]
    assert row["shape_area"] == 200 and row["stat_energy"] > 0
    assert not [n for n in row.index if n.startswith("morph_")] and "cm_contrast_2D_avg" in row


def test_responses_are_measured_beside_the_image(tmp_path: Path) -> None:
    """In space for a volume, in the plane for a preset by slice and for a picture; the columns say which."""
    case = case_of(tmp_path, "a", {"PET": volume(0), "T1": volume(1)}, {"mask": ball()})
    texts = ("wavelet", "log:sigma_mm=2")
    row = Radiomics(("PET=mr", "T1=ibsi-B"), image_filters=texts).fit_transform([case]).iloc[0]
    image, mask = preparation.read_case(case, image="PET", mask="mask")
    assert mask is not None
    bands = [Wavelet(band=band) for band in ("LLL", "LLH", "LHH", "HHH")]
    settings = preset("mr", filters=(*bands, LoG(sigma_mm=2.0)))
    expected = extract(image.array[0], mask.labels > 0, image.geometry.spacing, settings)
    own = {name.removeprefix("PET_"): value for name, value in row.items() if str(name).startswith("PET_")}
    assert own == pytest.approx(expected, nan_ok=True)
    assert row["T1_wavelet_band_HH_by_slice_stat_var"] > 0 and "T1_wavelet_band_HHH_stat_var" not in row
    flat = _picture(tmp_path)
    row = Radiomics(image_filters=texts).fit_transform([flat]).iloc[0]
    assert {"log_sigma_mm_2_by_slice_cm_contrast_2D_avg", "wavelet_band_LL_by_slice_stat_mean"} < set(row.index)
    assert not [name for name in row.index if "by_slice_shape_" in name]


def _picture(folder: Path) -> Case:
    path = folder / "picture.png"
    Picture.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50), dtype=np.uint8)).save(path)
    return Case("picture", None, (Source(IMAGE, "image", (str(path),)),))


def test_a_filter_that_does_not_suit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat, case = _picture(tmp_path), case_of(tmp_path, "a", {"image": volume(0)}, {"mask": ball()})
    for what, texts in ((flat, "wavelet:band=LLH"), (case, "wavelet:band=LH")):
        for ask in ("faults", "fit"):
            with pytest.raises(UsageError, match="wavelet:band=L"):
                getattr(Radiomics(image_filters=texts), ask)([what])
    learned = Radiomics(mask=False, image_filters="wavelet:band=LLH").fit([case])
    assert list(learned.faults([flat, case])) == ["picture"]  # a new case that does not suit is left out
    monkeypatch.setattr(measuring, "per_case", lambda *a, **k: pytest.fail("read"))
    for wrong in ("nosuch", "log:sigma=2", "log:sigma_mm=-2"):
        with pytest.raises(UsageError, match="filter"):
            Radiomics(image_filters=("mean", wrong)).faults([case])
    with pytest.raises(UsageError, match="in the plane"):
        Radiomics("ibsi-A", image_filters="wavelet:band=LLH").plan([case])


def test_sequences_in_one_file_are_measured_each(tmp_path: Path) -> None:
    values = np.stack([np.asarray(volume(i).dataobj) for i in range(4)], axis=-1)
    case = case_of(
        tmp_path, "a", {"image": nibabel.Nifti1Image(values, np.diag([1.0, 1.0, 2.0, 1.0]))}, {"mask": ball()}
    )
    row = Radiomics().fit_transform([case]).iloc[0]
    one = case_of(tmp_path, "b", {"image": volume(2)}, {"mask": ball()})
    assert row["c3_stat_mean"] == Radiomics().fit_transform([one]).iloc[0]["stat_mean"]


def test_the_second_time_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [case_of(tmp_path, f"{i}", {"image": volume(i)}, {"mask": ball()}) for i in range(3)]
    radiomics = Radiomics("mr", store=str(tmp_path / "store"))
    first = radiomics.fit_transform(cases)
    from isocenter.store import forget

    forget()
    monkeypatch.setattr(measuring, "extract", lambda *a, **k: pytest.fail("computed twice"))
    second = clone(radiomics).fit_transform(cases)
    assert second.equals(first)
    with pytest.raises(pytest.fail.Exception):
        Radiomics("mr", regions="mean", store=str(tmp_path / "store")).fit(cases)
    with pytest.raises(pytest.fail.Exception):
        Radiomics("mr", store=str(tmp_path / "store"), image_filters="mean").fit(cases)


@pytest.mark.slow
def test_image_filters_through_the_command(tmp_path: Path) -> None:
    """Texture that only a band of the wavelet tells apart; the saved model filters new cases, and says what it did."""
    lines = ["case,label"]
    for i in range(24):
        case_of(tmp_path / "scans", f"c{i:02}", {"x": _rough(i, i % 2)}, {"x": ball()})
        lines.append(f"c{i:02},{i % 2}")
    for i in (0, 1):
        case_of(tmp_path / "new", f"n{i}", {"x": _rough(50 + i, i)}, {"x": ball()})
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    run = ["run", str(tmp_path / "scans"), "--labels", str(tmp_path / "labels.csv"), "--image", "x_image.nii.gz",
           "--mask", "x_mask.nii.gz", "--features", "radiomics", "--preset", "mr", "--method", "linear",
           "--project", str(tmp_path / "project"), "--json"]  # fmt: skip
    wrong = _isocenter(tmp_path, *run, "--image-filters", "wavelet:bnad=LLH")
    assert wrong.returncode == 2 and "wavelet knows by_slice, boundary, wavelet" in wrong.stderr
    assert not (tmp_path / "project" / "store").exists()  # refused before any scan was read
    done = _isocenter(tmp_path, *run, "--image-filters", "wavelet,log:sigma_mm=2")
    assert done.returncode == 0, done.stderr
    model = isocenter.load(tmp_path / "project" / "models" / "radiomics-linear.iso")
    names = model.card["feature_names"]
    assert "wavelet_band_HHH_cm_contrast_3D_avg" in names and "log_sigma_mm_2_stat_mean" in names
    assert model.card["radiomics"]["image_filters"] == ["wavelet", "log:sigma_mm=2"]
    new = _isocenter(tmp_path, "predict", str(tmp_path / "project" / "models" / "radiomics-linear.iso"),
                     str(tmp_path / "new"), "--output", str(tmp_path / "new.csv"))  # fmt: skip
    assert new.returncode == 0, new.stderr
    said = pd.read_csv(tmp_path / "new.csv")
    assert said["prediction"].tolist() == [0, 1]
    paper = _isocenter(tmp_path, "export", "--project", str(tmp_path / "project"), "--output", str(tmp_path / "paper"))
    assert paper.returncode == 0, paper.stderr
    text = "\n".join(one.text for one in docx.Document(str(tmp_path / "paper" / "manuscript.docx")).paragraphs)
    how = phrase(preset("mr"))
    assert f"Radiomics of image were computed by preset mr ({how}). They were computed of the responses" in text
    page = html.unescape((tmp_path / "project" / "report.html").read_text(encoding="utf-8"))
    assert f"by preset mr ({how})." in page and "responses to image filters too (wavelet, log:" in page
    table = pd.read_csv(next((tmp_path / "paper").rglob("importance.csv")))
    codes = table.dropna(subset=["ibsi_code"]).set_index("feature")["ibsi_code"].to_dict()
    assert len(codes) == table["feature"].nunique(), set(table["feature"]) - set(codes)
    useless = [word if word != "radiomics" else "intensity" for word in run]
    alone = _isocenter(tmp_path, *useless[: useless.index("--preset")], "--image-filters", "mean")
    assert alone.returncode == 2 and "are about radiomics" in alone.stderr


def _rough(seed: int, rough: int) -> nibabel.Nifti1Image:
    """The same intensities in each voxel's neighbourhood, shuffled: only how fine they change differs."""
    values = np.random.default_rng(seed).normal(100, 20, SIZE)
    fine = values if rough else ndimage.gaussian_filter(values, 1.0)
    fine = (fine - fine.mean()) / fine.std() * 20 + 100
    return nibabel.Nifti1Image(fine.astype(np.float32), np.diag([1.0, 1.0, 2.0, 1.0]))


def _isocenter(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "isocenter", *words], capture_output=True, text=True, cwd=folder)
