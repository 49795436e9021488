"""What the pixels of each case are like: the table that audit, profile and default features read."""

from __future__ import annotations

import hashlib
import json
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
from isocenter.preparation.cases import MaskChoice, check_mask, image_source, mask_source
from isocenter.preparation.results import per_case
from isocenter.store import Row

VERSION = 1  # of the rows below; raise it when their values change
_TYPES = {
    "pixel_digest": "str", "channels": "int64", "depth": "int64", "rows": "int64", "columns": "int64",
    "minimum": "float64", "maximum": "float64", "mean": "float64", "modality": "str", "spacing_slice": "float64",
    "spacing_row": "float64", "spacing_column": "float64", "calibrated": "bool", "mask_voxels": "Int64",
}  # fmt: skip
Stored = str | Path | None


def facts(
    cases: Sequence[Case], *, image: str | None = None, mask: MaskChoice = None, store: Stored = None
) -> tuple[pd.DataFrame, list[Fault]]:
    """One row a readable case, and a Fault for each other; the rest goes on.

    Index case_id; columns pixel_digest (SHA-256 of decoded pixels, their type and shape), channels,
    depth, rows, columns, minimum, maximum, mean, modality, spacing_slice, spacing_row,
    spacing_column (mm, or 1 where not calibrated), calibrated, mask_voxels (NA without mask).
    image, mask: which sources, None for the first.
    """
    faults: dict[int, IsocenterError] = {}
    images, masks = _chosen(cases, image, mask, faults)
    described = _described(_describe_image, "image-facts", images, store)
    regions = _described(_describe_mask, "mask-facts", masks, store)
    rows: dict[int, Row] = {}
    for i, pixels in described.items():
        try:
            region = regions[i].get() if i in regions else None
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


def _describe_image(source: Source) -> Row:
    image = formats.read_image(source)
    pixels = np.ascontiguousarray(image.array)
    return {
        "pixel_digest": _pixel_digest(pixels),
        "channels": pixels.shape[0],
        "minimum": float(pixels.min()),
        "maximum": float(pixels.max()),
        "mean": float(pixels.mean(dtype=np.float64)),
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
    """One row of the table: what is known of the image, checked against its mask."""
    calibrated = pixels.get("affine") is not None
    spacing = (1.0, 1.0, 1.0)
    if calibrated or region is not None:
        geometry = _from_plain(pixels)
        spacing = geometry.spacing
        if region is not None:
            check_mask(_from_plain(region), geometry, int(str(region["mask_voxels"])))
    return {
        **pixels,
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
