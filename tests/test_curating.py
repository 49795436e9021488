"""Duplicates and near-duplicates as lists: what joins parts of a split, or labels, stands first; on two real sets as well."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate

import isocenter
from isocenter import curating, lines
from isocenter.cohort import Cohort
from isocenter.mapping import Mapping
from isocenter.measuring import measure
from isocenter.options import Options
from isocenter.project import Project
from isocenter.steps import Study

EXACT = ["test/76", "train/115"]  # of BreastMNIST: one image, two parts, two labels


def planted(path: Path) -> Path:
    """A MedMNIST-like file of noise: near twins within train (the likest), in train and val, in test and train."""
    rng = np.random.default_rng(0)
    made: dict[str, np.ndarray] = {}
    for part, n in (("train", 60), ("val", 20), ("test", 20)):
        made[f"{part}_images"] = rng.integers(0, 250, (n, 16, 16), dtype=np.uint8)
        made[f"{part}_labels"] = (np.arange(n) % 2)[:, None].astype(np.uint8)
    for (part, i), (other, j), noise in ((("train", 3), ("train", 8), 1), (("train", 4), ("val", 2), 3),
                                         (("train", 10), ("test", 6), 6), (("train", 12), ("train", 15), 2)):  # fmt: skip
        twin = made[f"{part}_images"][i].astype(int) + rng.integers(0, noise + 1, (16, 16))
        made[f"{other}_images"][j] = twin.clip(0, 255)
    made["test_images"][1] = made["val_images"][1] = made["train_images"][20]  # the same pixels
    np.savez(path, **made)
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], str]:
    """clusters.json, the result, the page."""
    folder = tmp_path_factory.mktemp("planted")
    options = Options().changed(input=str(planted(folder / "twins.npz")), features="pixels")
    result = Mapping(options, Project(folder / "p")).cluster()
    told = json.loads((folder / "p" / "clusters" / "clusters.json").read_text("utf-8"))
    return told, result, (folder / "p" / "clusters" / "map.html").read_text("utf-8")


def test_what_joins_the_test_part_stands_first_then_other_parts_then_labels(
    found: tuple[dict[str, Any], dict[str, Any], str],
) -> None:
    near = found[0]["near"]
    pairs = [(p["first"], p["second"], p["apart"]) for p in near["pairs"]]
    assert pairs == [
        ("train/10", "test/6", {"parts": ["test", "training"]}),
        ("train/4", "val/2", {"parts": ["training", "tuning"]}),
        ("train/12", "train/15", {"labels": ["0", "1"]}),
        ("train/3", "train/8", {"labels": ["0", "1"]}),
    ][:2] + sorted(pairs[2:], key=lambda one: one[0], reverse=True)  # the likest of the two first
    assert near["pairs"][0]["likeness"] < near["pairs"][1]["likeness"] < near["pairs"][2]["likeness"]
    assert near["across"] == {"test and training": 1, "training and tuning": 1, "labels": 2}
    assert near["sentence"] == (
        "Of them 1 between test and training, 1 between training and tuning, 2 of different labels: "
        "results on this split are too good."
    )


def test_the_terminal_and_the_page_say_which_parts(found: tuple[dict[str, Any], dict[str, Any], str]) -> None:
    told, result, page = found
    assert told["identical"] == [["test/1", "train/20", "val/1"]]
    assert told["identical_apart"] == [{"parts": ["test", "training", "tuning"], "labels": ["0", "1"]}]
    said = list(lines.SECTIONS["clusters"](told, result))
    at = next(i for i, line in enumerate(said) if line.startswith("Look at"))
    assert said[at].endswith("first test/1 = train/20 = val/1 (parts test and training and tuning, labels 0 and 1)")
    assert said[at + 1].endswith("4 near-duplicate pairs, first train/10 = test/6 (parts test and training)")
    assert "between test and training" in said[at + 2]
    assert (
        page.index("in test and training and tuning")
        < page.index("in test and training<")
        < page.index("in training and tuning<")
    )


def test_pairs_within_a_patient_come_last_and_are_counted() -> None:
    table = pd.DataFrame(
        {"patient_id": ["a", "a", "b", "c"]}, index=pd.Index(list("wxyz"), name="case_id"), dtype="str"
    )
    divided = curating.Divided.of(Cohort(table, None))
    assert divided.apart(["w", "x"]) == {}
    assert divided.apart(["x", "y"]) == {"patients": ["a", "b"]}
    order = [divided.order(divided.apart(pair)) for pair in (["x", "y"], ["w", "x"])]
    assert all(first < second for first, second in pairwise(order))
    unknown = curating.Divided.of(Cohort(table.assign(patient_id=pd.NA), None))
    assert unknown.order(unknown.apart(["w", "x"])) == divided.order({"patients": ["a", "b"]})


def test_one_side_of_a_split_by_column_is_the_test_part() -> None:
    table = pd.DataFrame({"patient_id": pd.NA, "site": ["A", "B", "B"]}, index=pd.Index(list("xyz"), name="case_id"))
    divided = curating.Divided.of(Cohort(table, None, split_column="site=B"))
    assert divided.apart(["x", "y"]) == {"parts": ["test", "training"]}
    assert divided.apart(["y", "z"]) == {}


# -- real pictures -------------------------------------------------------------------------------------
def test_the_image_that_breastmnist_has_in_train_and_test_is_what_a_user_sees(
    shared_data: Path, tmp_path: Path
) -> None:
    options = Options().changed(input=str(shared_data / "medmnist" / "breastmnist.npz"), features="pixels")
    study = Study(options, Project(None))
    told = study.describe_design()
    assert [sorted(group) for group in told["duplicates"]] == [EXACT]
    assert [sorted(group) for group in told["conflicts"]] == [EXACT]
    assert study.design.final.overlap == ("test/76",)
    assert any("1 test case shares a patient or the very pixels with the training part" in w for w in told["warnings"])
    shown = [line for key in ("duplicates", "warnings") for line in lines.SECTIONS[key](told[key], told)]
    assert shown[0] == "Bit-identical pixels: 1 group, for instance test/76 = train/115"
    seen = curating.lists(study.usable, measure(study.usable, "pixels"), np.zeros((780, 2), np.float32), [EXACT])
    assert seen["identical_apart"] == [{"parts": ["test", "training"], "labels": ["0", "1"]}]
    parts = [pair["apart"].get("parts", []) for pair in seen["near"]["pairs"]]
    joined = ["test" in names for names in parts]
    assert joined == sorted(joined, reverse=True)
    with np.load(shared_data / "medmnist" / "breastmnist.npz") as held:
        images = {
            f"{part}/{i}": one for part in ("train", "val", "test") for i, one in enumerate(held[f"{part}_images"])
        }
    pairs = [(images[p["first"]], images[p["second"]]) for p in seen["near"]["pairs"]]
    looked = np.array([_fine(one, other) for one, other in pairs])
    mirrored = max(_fine(one, other[:, ::-1]) for one, other in pairs)
    assert sum(joined) > 30  # the official split is not clean of them
    assert (looked > mirrored).mean() > 0.95


def test_the_pair_of_busi_is_found_among_all_420_by_its_pixels(shared_data: Path) -> None:
    cohort = isocenter.index(shared_data / "busi")
    audit = isocenter.audit(cohort)
    assert audit.duplicates == (("benign/benign (433)", "malignant/malignant (145)"),) == audit.conflicts
    assert any("benign/benign (433) (benign) = malignant/malignant (145) (malignant)" in w for w in audit.warnings)


@pytest.mark.slow
def test_near_duplicates_of_busi_by_embedding_share_their_speckle(shared_data: Path) -> None:
    """Fine detail at half size, an independent look, against that of pairs of which one is mirrored."""
    cohort = isocenter.index(shared_data / "busi")
    measured = measure(cohort, "embedding", weights=str(shared_data / "weights_squeezenet11"))
    same = isocenter.audit(cohort).duplicates
    near = curating.near_duplicates(list(cohort.case_ids), measured, same, None, curating.Divided.of(cohort))
    pairs = [[_picture(shared_data, p[k]) for k in ("first", "second")] for p in near["pairs"]]
    assert near["count"] == len(pairs) > 25
    assert near["pairs"][0]["apart"] == {"labels": ["benign", "malignant"]}
    mirrored = max(_fine(one, other[:, ::-1]) for one, other in pairs)
    assert min(_fine(one, other) for one, other in pairs) > mirrored


def _picture(data: Path, case_id: str) -> np.ndarray:
    return np.asarray(Image.open(data / "busi" / f"{case_id}.png").convert("L").reduce(2))


def _fine(one: np.ndarray, other: np.ndarray) -> float:
    """Largest correlation of two pictures less their blur, over shifts of an eighth of the side; as in the benchmark."""
    sharp = [a - gaussian_filter(a, 2) for a in (one.astype(float), other.astype(float))]
    faded = np.outer(*[np.hanning(len(one) + 2)[1:-1]] * 2)
    sharp = [(a - a.mean()) * faded for a in sharp]
    sharp = [a / np.linalg.norm(a) for a in sharp]
    middle, reach = one.shape[0] - 1, one.shape[0] // 8
    found = correlate(*sharp, method="fft")
    return float(found[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1].max())
