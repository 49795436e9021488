"""What the pixels of each case are like: the table that audit, profile and default features read."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter import formats
from isocenter.case import Case, Source
from isocenter.compute import Outcome
from isocenter.errors import Fault, IsocenterError
from isocenter.image import Geometry
from isocenter.imaging.gaps import gaps
from isocenter.preparation.cases import MaskChoice, image_source, mask_source
from isocenter.preparation.grids import agree, empty, on_grid
from isocenter.preparation.results import per_case
from isocenter.store import Row

VERSION = 1  # of the rows below; raise it when their values change
_TYPES = {
    "pixel_digest": "str", "channels": "int64", "depth": "int64", "rows": "int64", "columns": "int64",
    "minimum": "float64", "maximum": "float64", "mean": "float64", "modality": "str", "spacing_slice": "float64",
    "spacing_row": "float64", "spacing_column": "float64", "calibrated": "bool", "mask_voxels": "Int64",
    "voxels": "int64", "gaps": "int64", "laid": "bool",
}  # fmt: skip
Stored = str | Path | None


def facts(
    cases: Sequence[Case], *, image: str | None = None, mask: MaskChoice = None, store: Stored = None
) -> tuple[pd.DataFrame, list[Fault]]:
    """One row a readable case, and a Fault for each other; the rest goes on.

    Index case_id; columns pixel_digest (SHA-256 of decoded pixels, their type and shape), channels,
    depth, rows, columns, minimum, maximum, mean, modality, spacing_slice, spacing_row,
    spacing_column (mm, or 1 where not calibrated), calibrated, mask_voxels (NA without mask), voxels
    (of all channels), gaps (those that are NaN or infinite: minimum, maximum and mean are of the others),
    laid (whether the mask had another grid and was laid on the image's: `grids`, where mask_voxels are counted).
    image, mask: which sources, None for the first.
    """
    faults: dict[int, IsocenterError] = {}
    images, masks = _chosen(cases, image, mask, faults)
    described = _described(_describe_image, "image-facts", images, store)
    regions = _described(_describe_mask, "mask-facts", masks, store)
    moved = _laid(described, regions, images, masks, store)
    rows: dict[int, Row] = {}
    for i, pixels in described.items():
        try:
            region = (moved.get(i) or regions[i]).get() if i in regions else None
            rows[i] = _row(images[i], pixels.get(), region)
        except IsocenterError as fault:
            faults[i] = fault
    return _table(cases, rows), [Fault.of(cases[i].case_id, faults[i]) for i in sorted(faults)]


def _chosen(
    cases: Sequence[Case], image: str | None, mask: MaskChoice, faults: dict[int, IsocenterError]
) -> tuple[dict[int, Source], dict[int, Source]]:
    """Images and masks by position; `faults` gets the cases that lack theirs."""
    images: dict[int, Source] = {}
    masks: dict[int, Source] = {}
    for i, case in enumerate(cases):
        try:
            chosen, region = image_source(case, image), mask_source(case, mask)
        except IsocenterError as fault:
            faults[i] = fault
            continue
        images[i] = chosen
        if region is not None:
            masks[i] = region
    return images, masks


def _described(
    function: Callable[[Source], Row], step: str, sources: Mapping[int, Source], store: Stored
) -> dict[int, Outcome[Row]]:
    """Rows by position."""
    if not sources:
        return {}
    stage, wanted = f"reading {step.split('-')[0]}s", list(sources.values())
    keys = [(source,) for source in wanted]
    outcomes = per_case(step, VERSION, {}, function, wanted, keys, store=store, stage=stage, quick=True)
    return dict(zip(sources, outcomes, strict=True))


def _laid(
    described: Mapping[int, Outcome[Row]],
    regions: Mapping[int, Outcome[Row]],
    images: Mapping[int, Source],
    masks: Mapping[int, Source],
    store: Stored,
) -> dict[int, Outcome[Row]]:
    """Of masks on another grid than their images: what they are like once they are laid there."""
    both = [i for i in regions if i in described and not (described[i].fault or regions[i].fault)]
    grids = {i: _from_plain(described[i].get()) for i in both}
    tasks = {i: (masks[i], grid) for i, grid in grids.items() if not agree(_from_plain(regions[i].get()), grid)}
    if not tasks:
        return {}
    keys = [(images[i], masks[i]) for i in tasks]
    outcomes = per_case("mask-laid", VERSION, {}, _lay, list(tasks.values()), keys, store=store, stage="laying masks")
    return dict(zip(tasks, outcomes, strict=True))


def _lay(task: tuple[Source, Geometry]) -> Row:
    source, image = task
    labels, _ = on_grid(formats.read_mask(source), image, source.name)
    return {"mask_voxels": int((labels > 0).sum()), "laid": True}


def _describe_image(source: Source) -> Row:
    image = formats.read_image(source, gaps=True)
    pixels = np.ascontiguousarray(image.array)
    lost = gaps(pixels)
    known = pixels if lost is None else pixels[~lost]
    return {
        "pixel_digest": _pixel_digest(pixels),
        "channels": pixels.shape[0],
        "gaps": pixels.size - known.size,
        "minimum": float(known.min()),
        "maximum": float(known.max()),
        "mean": float(known.mean(dtype=np.float64)),
        "modality": image.modality,
        **_to_plain(image.geometry),
    }


def _describe_mask(source: Source) -> Row:
    mask = formats.read_mask(source)
    return {"mask_voxels": int((mask.labels > 0).sum()), **_to_plain(mask.geometry)}


def _pixel_digest(pixels: NDArray[np.generic]) -> str:
    digest = hashlib.sha256(f"{pixels.dtype.str}{pixels.shape}".encode())
    digest.update(pixels.data)
    return digest.hexdigest()


def _to_plain(geometry: Geometry) -> Row:
    depth, rows, columns = geometry.shape
    affine = json.dumps(geometry.affine.tolist()) if geometry.calibrated else None
    return {"depth": depth, "rows": rows, "columns": columns, "affine": affine}


def _from_plain(row: Row) -> Geometry:
    depth, rows, columns = (int(str(row[name])) for name in ("depth", "rows", "columns"))
    if (affine := row.get("affine")) is None:
        return Geometry.pixels((depth, rows, columns))
    return Geometry((depth, rows, columns), np.array(json.loads(str(affine)), dtype=np.float64))


def _row(source: Source, pixels: Row, region: Row | None) -> Row:
    """One row of the table: what is known of the image, and of its mask on that grid. BadGeometry: it is empty."""
    if region is not None and region["mask_voxels"] == 0:
        raise empty()
    calibrated = pixels.get("affine") is not None
    spacing = _from_plain(pixels).spacing if calibrated else (1.0, 1.0, 1.0)
    sides = (int(str(pixels[name])) for name in ("channels", "depth", "rows", "columns"))
    return {
        **pixels,
        "voxels": math.prod(sides),
        "gaps": pixels.get("gaps") or 0,
        "laid": region is not None and bool(region.get("laid")),
        "modality": source.modality or pixels.get("modality"),
        **dict(zip(("spacing_slice", "spacing_row", "spacing_column"), spacing, strict=True)),
        "calibrated": calibrated,
        "mask_voxels": None if region is None else region["mask_voxels"],
    }


def _table(cases: Sequence[Case], rows: Mapping[int, Row]) -> pd.DataFrame:
    ordered = sorted(rows)
    index = pd.Index([cases[i].case_id for i in ordered], dtype="str", name="case_id")
    columns = {
        name: pd.Series([rows[i].get(name) for i in ordered], index=index, dtype=kind) for name, kind in _TYPES.items()
    }
    return pd.DataFrame(columns)
