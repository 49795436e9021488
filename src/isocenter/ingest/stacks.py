"""Stacks of images in array files, as MedMNIST writes them, become a draft cohort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import formats
from isocenter.case import IMAGE, Source
from isocenter.cohort import PATIENT
from isocenter.errors import BadShape
from isocenter.ingest import counting
from isocenter.ingest.arrays import LABEL, beside, is_mat, label_columns, labels_from, patients_of, pick_data
from isocenter.ingest.columns import count
from isocenter.ingest.draft import Draft, Request
from isocenter.ingest.folders import PARTS

Array = NDArray[Any]
SPLIT = "split"
_IMAGES, _LABELS = "_images", "_labels"


def part_members(found: Mapping[str, NDArray[Any]]) -> list[str]:
    """The members train_images, val_images, test_images that a file has, in this order."""
    names = [n for n in found if n.endswith(_IMAGES) and n.removesuffix(_IMAGES) in PARTS]
    order = list(PARTS)
    return sorted(names, key=lambda n: order.index(n.removesuffix(_IMAGES)))


def is_stack(path: Path, found: Mapping[str, NDArray[Any]]) -> bool:
    """Whether an array file holds images (three dimensions or more) and no feature matrix.

    MATLAB drops a last axis of 1: `images` of H x W with one label are a stack of one.
    """
    if part_members(found):
        return True
    name, data = pick_data(path, found)
    return data.ndim > 2 or counting.is_one_image(path, name, data, counting.labels_within(path, found))


def draft_parts(path: Path, found: Mapping[str, NDArray[Any]]) -> Draft:
    """A file of train, val and test images and labels: its own split is kept."""
    tables, sources = [], []
    sure: list[str] = []
    for member in part_members(found):
        part, images = member.removesuffix(_IMAGES), found[member]
        if images.ndim < 3:
            raise BadShape(f"'{member}' in {path} has {images.ndim} dimensions.", "Images are N x rows x columns.")
        labels = found.get(part + _LABELS)
        counting.check(path, member, images, None if labels is None else counting.length_of(labels))
        index = pd.Index([f"{part}/{i}" for i in range(len(images))], dtype="str", name="case_id")
        table = pd.DataFrame({SPLIT: PARTS[part]}, index=index)
        if labels is not None:
            told = label_columns(path, labels, len(images), found)
            sure = list(told.columns)
            table[sure] = told.to_numpy()
        tables.append(table)
        sources += _sources(path, member, len(images))
    table = pd.concat(tables)
    table[PATIENT] = pd.Series(pd.NA, index=table.index, dtype="str")
    sizes = ", ".join(f"{m.removesuffix(_IMAGES)} {len(found[m])}" for m in part_members(found))
    draft = Draft(table, "array", sources=sources, split=SPLIT, target=LABEL if LABEL in table else None)
    draft.notes = [f"Found {count(len(table), 'image')} in {path.name}; its own split is kept: {sizes}."]
    draft.candidates = [LABEL] if LABEL in table else []
    draft.labels = tuple(sure) if len(sure) > 1 else ()
    return draft


def draft_stack(path: Path, found: Mapping[str, NDArray[Any]], request: Request) -> Draft:
    """A stack N x rows x columns (x channels), labels beside or in another file by the order of rows."""
    member, images = pick_data(path, found)
    n_labels = counting.labels_of(path, found, request) if is_mat(path) else None
    n, what = counting.described(path, member, images, n_labels)
    table, sure = beside(path, found, member, n)
    notes = [f"Found {count(n, 'image')} of {what} in {path.name}."]
    if request.labels is not None and request.reads_labels:
        labels, _, said = labels_from(request.labels, n, None, request)
        table = pd.concat([table.drop(columns=[c for c in table if c in labels]), labels], axis=1)
        notes += said
        sure = [str(c) for c in labels.columns] if formats.kind_of(request.labels) in ("array", "matlab") else []
    named, patients = patients_of(table, request)
    candidates = [str(c) for c in table.columns if c != named]
    table = table.drop(columns=[] if named is None else [named])
    table[PATIENT] = patients
    table.index = pd.RangeIndex(n).astype("str").rename("case_id")
    single = counting.is_one_image(path, member, images, n_labels)
    sources = [_whole(path, member)] if single else _sources(path, member, n)
    draft = Draft(table, "array", sources=sources, candidates=candidates, notes=notes)
    draft.target = LABEL if LABEL in candidates else None
    draft.labels = tuple(sure) if len(sure) > 1 else ()
    return draft


def _whole(path: Path, member: str) -> tuple[Source, ...]:
    return (Source(IMAGE, "image", (str(path),), member=member),)


def _sources(path: Path, member: str, n: int) -> list[tuple[Source, ...]]:
    files = (str(path),)
    return [(Source(IMAGE, "image", files, index=i, member=member or None),) for i in np.arange(n).tolist()]
