"""Intensity histogram and intensity-volume histogram (reference manual, sections 3.4 and 3.5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isocenter.imaging.intensity import first_order
from isocenter.radiomics.discretise import Floats, fixed_number, fixed_size
from isocenter.radiomics.settings import Settings

_NOT_OF_LEVELS = ("energy", "rms")
_MOST = 1 << 20  # levels that are counted rather than sorted


def histogram(levels: NDArray[np.int32], n_levels: int) -> dict[str, float]:
    """Features of the levels (n,) of a region, at least one voxel."""
    found = {
        tag.replace("stat_", "ih_"): value
        for tag, value in first_order(levels).items()
        if not tag.endswith(_NOT_OF_LEVELS)
    }
    counts = np.bincount(levels, minlength=n_levels + 1)[1:].astype(np.float64)
    p = counts[counts > 0] / len(levels)
    slope = np.gradient(counts) if len(counts) > 1 else np.full(1, np.nan)
    return found | {
        "ih_mode": _mode(counts, found["ih_mean"]),
        "ih_entropy": float(-(p * np.log2(p)).sum() + 0.0),
        "ih_uniformity": float((p * p).sum()),
        "ih_max_grad": float(slope.max()),
        "ih_max_grad_g": float(np.argmax(slope) + 1) if len(slope) > 1 else float("nan"),
        "ih_min_grad": float(slope.min()),
        "ih_min_grad_g": float(np.argmin(slope) + 1) if len(slope) > 1 else float("nan"),
    }


def _mode(counts: Floats, mean: float) -> float:
    """The most frequent level; of several the closest to the mean, then the lower."""
    best = np.flatnonzero(counts == counts.max()) + 1
    return float(best[np.argmin(np.abs(best - mean))])


def volume_histogram(values: Floats, settings: Settings) -> dict[str, float]:
    """Features of the intensities (n,) of a region, in fractions of volume and of the intensity range.

    Bins of a given width stand for their centres, a given number of bins for 1, 2...; without bins each
    intensity stands for itself. The range is that of re-segmentation where it is closed, else the region's.
    `ivh_auc` is the area under volume fraction over intensity fraction, by trapezoids; no value of it was
    agreed on.
    """
    whole = None if settings.ivh_bins or settings.ivh_width else whole_numbers(values)
    low, high, step = _range(values, whole, settings)
    order, counts = _counted(values, whole, settings)
    volume = np.cumsum(counts[::-1])[::-1] / len(values)  # fraction at this intensity or above
    fraction = (order - low) / (high - low) if high > low else np.full(len(order), np.nan)
    v10, v90 = (_volume(volume, fraction, x) for x in (0.1, 0.9))
    i10, i90 = (_intensity(order, volume, x, step) for x in (0.1, 0.9))
    area = np.trapezoid(volume, fraction) if len(order) > 1 else float("nan")
    return {
        "ivh_v10": v10,
        "ivh_v90": v90,
        "ivh_i10": i10,
        "ivh_i90": i90,
        "ivh_diff_v10_v90": v10 - v90,
        "ivh_diff_i10_i90": i10 - i90,
        "ivh_auc": float(area),
    }


def _range(values: Floats, whole: NDArray[np.int32] | None, settings: Settings) -> tuple[float, float, float]:
    """The ends of the range of intensities, and the step between bins (0: continuous)."""
    if settings.ivh_bins is not None:
        return 1.0, float(settings.ivh_bins), 1.0
    low, high = settings.range or (None, None)
    low, high = float(values.min()) if low is None else low, float(values.max()) if high is None else high
    if settings.ivh_width is not None:
        return low + settings.ivh_width / 2, high - settings.ivh_width / 2, settings.ivh_width
    return low, high, 0.0 if whole is None else 1.0


def _counted(values: Floats, whole: NDArray[np.int32] | None, settings: Settings) -> tuple[Floats, Floats]:
    """What stands for voxels, ascending, and how many each stands for."""
    if settings.ivh_bins is not None:
        return _levels(fixed_number(values, settings.ivh_bins)[0])
    if settings.ivh_width is not None:
        low = values.min() if settings.range is None or settings.range[0] is None else settings.range[0]
        levels, counts = _levels(fixed_size(values, settings.ivh_width, float(low))[0])
        return low + (levels - 0.5) * settings.ivh_width, counts
    if whole is not None and int(whole.max()) - int(whole.min()) < _MOST:
        levels, counts = _levels(whole - whole.min())
        return levels + whole.min(), counts
    found, number = np.unique(values, return_counts=True)
    return found, number.astype(np.float64)


def _levels(levels: NDArray[np.int32]) -> tuple[Floats, Floats]:
    counts = np.bincount(levels)
    present = np.flatnonzero(counts)
    return present.astype(np.float64), counts[present].astype(np.float64)


def whole_numbers(values: Floats) -> NDArray[np.int32] | None:
    """As integers (n,), where they are that: they can be counted rather than sorted."""
    few = values[:1000]  # most of what is not whole shows there
    if (few != np.rint(few)).any() or max(-values.min(), values.max()) >= 2**31:
        return None
    whole = values.astype(np.int32)
    return whole if np.array_equal(whole, values) else None


def _volume(volume: Floats, fraction: Floats, x: float) -> float:
    """Volume fraction from the intensity fraction x on."""
    if np.isnan(fraction).any():
        return float("nan")
    reached = np.flatnonzero(fraction >= x)
    return float(volume[reached[0]]) if len(reached) else 0.0


def _intensity(order: Floats, volume: Floats, x: float, step: float) -> float:
    """Lowest intensity that at most a fraction x of the volume reaches; bins that hold no voxel count."""
    first = int(np.argmax(volume <= x)) if volume[-1] <= x else len(order)
    return float(order[first - 1] + step) if step or first == len(order) else float(order[first])
