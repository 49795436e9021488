"""From an image and a mask to features by name."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from isocenter import compute
from isocenter.imaging.intensity import first_order
from isocenter.radiomics.discretise import Floats, Levels, fixed_number, fixed_size
from isocenter.radiomics.grid import Box
from isocenter.radiomics.histogram import histogram, volume_histogram, whole_numbers
from isocenter.radiomics.prepared import PEAK_RADIUS, Prepared, prepare
from isocenter.radiomics.settings import Settings, Spacing
from isocenter.radiomics.textures import FAMILIES as TEXTURES
from isocenter.radiomics.textures import Part, maximal_correlation, parts

_LARGE = 20_000  # voxels of the region's box from which threads pay for their start


def extract(
    image: NDArray[np.generic],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    settings: Settings,
    *,
    place: Box | None = None,
) -> dict[str, float]:
    """Features by IBSI tag, or by PyRadiomics' name where `settings.names` says so; then those of each response.

    Features of a response have its filter's label before them, `log_sigma_mm_3_stat_mean`; the image is read once.
    Of PyRadiomics only the names are taken: filters are IBSI 2's, not its wavelets and LoG.

    image, mask: (D, H, W), the whole image, in any type; place: the mask is of this box of the image only;
    spacing: (slice, row, column) mm. NaN where a feature is undefined (texture of one voxel, skewness of none).
    Raises BadShape, EmptyRegion, TooManyLevels, TooManyVoxels.
    """
    margin = PEAK_RADIUS if "local" in settings.families else 0.0
    one = prepare(image, mask, spacing, settings, margin, place=place)
    found = _prefixed(features(one, settings), "original" if settings.names == "pyradiomics" else "")
    how = settings.of_responses
    for chosen in settings.filters if how.families else ():
        found |= _prefixed(features(one.filtered(chosen), how), chosen.label)
    return found


def _prefixed(found: dict[str, float], before: str) -> dict[str, float]:
    return {f"{before}_{name}": value for name, value in found.items()} if before else found


def features(one: Prepared, settings: Settings) -> dict[str, float]:
    """Features of what is prepared, family by family in the order of the reference manual, filters left out.

    Families of a large region are worked on side by side where this process has several processors.
    """
    each = _parts(one, settings)
    rows = compute.together(each) if one.inside[one.core].size > _LARGE else [part() for part in each]
    found = {name: value for row in rows for name, value in row.items()}
    return _named_otherwise(found, one, settings) if settings.names == "pyradiomics" else found


def _parts(one: Prepared, settings: Settings) -> list[Part]:
    """The families as pieces of work that know nothing of each other."""
    values, wanted = one.values, settings.families
    found: list[Part] = []
    if "morphology" in wanted:
        from isocenter.radiomics.morphology import morphology

        found.append(partial(morphology, one))
    if "autocorrelation" in wanted:
        from isocenter.radiomics.autocorrelation import autocorrelation

        # Its transforms take a gigabyte of ten million voxels, and threads of their own: done before the others begin.
        done = autocorrelation(values, one.inside[one.core], one.spacing)
        found.append(lambda: done)
    if "local" in wanted:
        from isocenter.radiomics.local import local_intensity

        found.append(partial(local_intensity, one))
    if "statistics" in wanted:
        found.append(partial(_statistics, values))
    texture = tuple(family for family in TEXTURES if family in wanted)
    if "histogram" in wanted or texture:
        levels, n_levels = discretised(values, settings)
        found += [partial(histogram, levels, n_levels)] if "histogram" in wanted else []
        if texture:
            inside = one.shape[one.core]
            found += parts(_placed(levels, one), n_levels, settings.aggregations, texture, inside=inside)
    if "ivh" in wanted:
        found.append(partial(volume_histogram, values, settings))
    return found


def _statistics(values: Floats) -> dict[str, float]:
    whole = whole_numbers(values)
    return first_order(values if whole is None else whole)


def _named_otherwise(found: dict[str, float], one: Prepared, settings: Settings) -> dict[str, float]:
    """As PyRadiomics names it, of the one aggregation it would take."""
    from isocenter.radiomics import pyradiomics, pyradiomics_shape

    planar, merged = settings.aggregations[0].startswith("2"), settings.aggregations[0].endswith("comb")
    named = pyradiomics_shape.renamed(found, one) | pyradiomics.renamed(found, planar=planar, merged=merged)
    if "glcm" in settings.families:
        levels, n_levels = leveled(one, settings)
        named["glcm_MCC"] = maximal_correlation(levels, n_levels, planar=planar, merged=merged)
    return named


def discretised(values: Floats, settings: Settings) -> tuple[Levels, int]:
    """Grey levels from 1 on (n,), and their number."""
    if settings.bins is not None:
        return fixed_number(values, settings.bins)
    width = settings.bin_width or 1.0
    low = None if settings.range is None else settings.range[0]
    low = float(values.min()) if low is None else low
    if settings.bin_origin == "zero":
        low = np.floor(values.min() / width) * width
    return fixed_size(values, width, low)


def leveled(one: Prepared, settings: Settings) -> tuple[Levels, int]:
    """Grey levels (d, h, w) in the region's box, 0 outside, and their number."""
    levels, n_levels = discretised(one.values, settings)
    return _placed(levels, one), n_levels


def _placed(levels: Levels, one: Prepared) -> Levels:
    inside = one.inside[one.core]
    volume = np.zeros(inside.shape, dtype=np.int32)
    volume[inside] = levels
    return volume
