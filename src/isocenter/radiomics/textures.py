"""Texture of a discretised region: the six families of IBSI 1, in every aggregation.

Each family makes one pass over the region's box for all its directions, on levels that are cropped, padded
and kept in 16 bits once for all of them. Levels are counted from 1; 0 is outside.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from isocenter.errors import TooManyLevels
from isocenter.radiomics.region import MOST_LEVELS, PLANE, STEPS, Region, region

FAMILIES = ("glcm", "glrlm", "glszm", "gldzm", "ngtdm", "ngldm")
AGGREGATIONS = ("2D_avg", "2D_comb", "2_5D_avg", "2_5D_comb", "3D_avg", "3D_comb")

Named = dict[str, float]
Part = Callable[[], Named]


def textures(
    levels: NDArray[np.int32],
    n_levels: int,
    aggregations: tuple[str, ...] = AGGREGATIONS,
    *,
    families: tuple[str, ...] = FAMILIES,
    distance: int = 1,
    coarseness: int = 0,
    inside: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """Features by tag (`cm_contrast_3D_avg`, `szm_sze_2_5D`), in the order of the reference manual.

    levels: (D, H, W), 0 outside and 1..n_levels inside, at least one voxel; n_levels: of the
    discretisation, whether all occur or not; distance: of pairs and neighbourhoods (Chebyshev),
    coarseness: of dependence; inside: (D, H, W) the morphological mask, from whose border zone
    distances are measured (None: the region's own). Families without directions have 2D, 2_5D, 3D.
    NaN where a feature is undefined (one voxel has no pairs; a flat region no correlation); an
    average over directions and slices leaves out those where it is.

    Raises TooManyLevels: more than 65535.
    """
    each = parts(levels, n_levels, aggregations, families, distance=distance, coarseness=coarseness, inside=inside)
    return {name: value for part in each for name, value in part().items()}


def parts(
    levels: NDArray[np.int32],
    n_levels: int,
    aggregations: tuple[str, ...],
    families: tuple[str, ...],
    *,
    distance: int = 1,
    coarseness: int = 0,
    inside: NDArray[np.bool_] | None = None,
) -> list[Part]:
    """The same in pieces that know nothing of each other: they may be worked on side by side."""
    if n_levels > MOST_LEVELS:
        raise TooManyLevels(
            f"The region has {n_levels} grey levels; texture counts up to {MOST_LEVELS}.",
            "Use wider bins, a fixed number, or a range without outliers: --preset ct:bins=32, ct:range=-500..400.",
        )
    whole = region(levels, n_levels, inside, max(distance, 1))
    found: list[Part] = []
    for several in (("2D", "2_5D"), ("3D",)):
        wanted = [name for name in several if any(a.rsplit("_", 1)[0] == name for a in aggregations)]
        for name in wanted:
            ways = tuple(way for way in ("avg", "comb") if f"{name}_{way}" in aggregations)
            found += [partial(_pairs, whole, name, ways, distance)] if "glcm" in families else []
            found += [partial(_runs, whole, name, ways)] if "glrlm" in families else []
        if wanted and {"glszm", "gldzm"} & set(families):
            found.append(partial(_zones, whole, set(wanted), families))
        if wanted and {"ngtdm", "ngldm"} & set(families):
            found.append(partial(_neighbours, whole, set(wanted), families, distance, coarseness))
    return found


def _pairs(whole: Region, aggregation: str, ways: tuple[str, ...], distance: int) -> Named:
    from isocenter.radiomics import cooccurrence

    found = cooccurrence.features(whole, aggregation, distance)
    return _ways(cooccurrence.FEATURES, found, aggregation, ways)


def _runs(whole: Region, aggregation: str, ways: tuple[str, ...]) -> Named:
    from isocenter.radiomics import runs, tables

    found = runs.features(whole, aggregation)
    return _ways(tables.RUNS, found, aggregation, ways)


def _zones(whole: Region, wanted: set[str], families: tuple[str, ...]) -> Named:
    from isocenter.radiomics import tables, zones

    found: Named = {}
    for aggregation, (sizes, depths) in zones.features(whole, wanted).items():
        found |= _named(tables.SIZES, sizes, aggregation) if "glszm" in families else {}
        found |= _named(tables.DISTANCES, depths, aggregation) if "gldzm" in families else {}
    return found


def _neighbours(whole: Region, wanted: set[str], families: tuple[str, ...], distance: int, coarseness: int) -> Named:
    from isocenter.radiomics import neighbours, tables

    found: Named = {}
    for aggregation, (tones, dependences) in neighbours.features(whole, wanted, distance, coarseness).items():
        found |= _named(neighbours.TONES, tones, aggregation) if "ngtdm" in families else {}
        found |= _named(tables.DEPENDENCES, dependences, aggregation) if "ngldm" in families else {}
    return found


def _ways(
    names: tuple[str, ...], found: dict[str, NDArray[np.float64]], aggregation: str, ways: tuple[str, ...]
) -> Named:
    return {f"{name}_{aggregation}_{way}": v for way in ways for name, v in zip(names, found[way].tolist())}


def _named(names: tuple[str, ...], values: NDArray[np.float64], ending: str) -> Named:
    return {f"{name}_{ending}": value for name, value in zip(names, values.tolist())}


def maximal_correlation(
    levels: NDArray[np.int32], n_levels: int, *, planar: bool = False, merged: bool = False, distance: int = 1
) -> float:
    """PyRadiomics' MCC, which IBSI does not have: mean over directions (planar: four), or of them merged.

    NaN where there are no pairs, and above 1000 levels that occur.
    """
    from isocenter.radiomics import cooccurrence

    whole = region(levels, n_levels, None, max(distance, 1))
    return cooccurrence.maximal_correlation(whole, (PLANE if planar else STEPS) * distance, merged=merged)
