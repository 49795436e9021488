"""Figures beside the map, as <svg>: the map standing still, explained variance, stability. No text of the user's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.reporting.canvas import PALETTE, axes_of, level, scaled, thinned
from isocenter.reporting.printing import inline
from isocenter.reporting.printing import svg as svg_file

_STYLES = tuple(f"series-{k}" for k in range(1, 9))


def still_map(places: NDArray[np.floating[Any]], groups: pd.Series) -> str:
    """A dot a case (evenly thinned where many), the first eight groups in colours of their own."""
    numbered = pd.api.types.is_numeric_dtype(groups.dtype)
    codes = np.zeros(len(groups)) if numbered else pd.factorize(groups, sort=True)[0].astype(np.float64)
    x, y, code = thinned(places[:, 0].astype(np.float64), places[:, 1].astype(np.float64), codes)
    with axes_of("", "") as (figure, axes):
        for k in np.unique(code):
            style = _STYLES[int(k)] if 0 <= k < len(_STYLES) else "floor-1"
            of = code == k
            axes.plot(x[of], y[of], "o", color=PALETTE[style], markersize=scaled(3), markeredgewidth=0)
        axes.set(xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
        axes.grid(visible=False)
    return inline(figure, "still", "The map of the cases, standing still")


def scree(explained: Sequence[float]) -> Mapping[str, str]:
    """Share of the variance along each principal component, and together."""
    shares = np.asarray(explained, dtype=np.float64) * 100
    at = np.arange(1, len(shares) + 1)
    with axes_of("Principal component", "Share of the variance, %") as (figure, axes):
        axes.bar(at, shares, color=PALETTE["series-1"], width=0.7)
        axes.plot(at, shares.cumsum(), "o-", color=PALETTE["series-2"], markersize=scaled(4), linewidth=scaled(1.4))
        axes.set(ylim=(0, 102), xlim=(0.4, len(shares) + 0.6))
    about = f"{len(shares)} components hold {shares.sum():.0f} % of what the features vary"
    return {
        "title": "Explained variance",
        "about": about,
        "svg": inline(figure, "scree", "Share of the variance along each principal component"),
        "file": svg_file(figure).decode(),
        "note": "Bars: each component. Line: all up to it.",
    }


def stability(candidates: Sequence[Mapping[str, Any]], given: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Agreement of partitions of bootstrap draws against the number of clusters; a dot for the one that is given."""
    known = [one for one in candidates if np.isfinite(one["agreement"])]
    at = [one["clusters"] for one in known]
    with axes_of("Number of clusters", "Adjusted Rand index between draws") as (figure, axes):
        middle, low = ([one[name] for one in known] for name in ("agreement", "low"))
        axes.fill_between(at, low, middle, color=PALETTE["series-1"], alpha=0.18, linewidth=0)
        axes.plot(at, middle, "o-", color=PALETTE["series-1"], markersize=scaled(5), linewidth=scaled(1.6))
        if given is not None and np.isfinite(given["agreement"]):
            axes.plot([given["clusters"]], [given["agreement"]], "o", color=PALETTE["series-2"], markersize=scaled(9))
        level(axes, 0)
        axes.set(ylim=(min(0, *low) - 0.05, 1.05), xticks=at)
    return {
        "title": "Stability",
        "about": "how much two draws of the cases agree on the clusters",
        "svg": inline(figure, "stability", "Agreement between draws for each number of clusters"),
        "file": svg_file(figure).decode(),
        "note": "Line: k-means. Dot: the clusters that are given, by their own method. 1: always the same clusters; "
        "0: as by chance. The band ends at the 5th percentile of the draws.",
    }
