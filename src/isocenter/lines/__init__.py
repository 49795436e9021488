"""Plain data as lines of text: `SECTIONS`, in the order in which they are shown.

Each takes its own part of a result and the whole of it. `study` tells what there is, `numbers` the tables, `beside` the
rest; `GROWING` are lists of which a later result holds more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from isocenter.lines import beside, clusters, numbers, patches, study, tabulated

__all__ = ["GROWING", "SECTIONS"]


def _nested(title: str) -> Callable[[Any, dict[str, Any]], Iterator[str]]:
    def lines(inner: dict[str, Any], _: dict[str, Any]) -> Iterator[str]:
        yield ""
        yield f"== {title} =="
        for key, shown in SECTIONS.items():
            if inner.get(key):
                yield from shown(inner[key], inner)

    return lines


GROWING = ("notes", "warnings")


SECTIONS: dict[str, Callable[[Any, dict[str, Any]], Iterator[str]]] = {
    "lines": study.listed(""),
    "breast_cancer": _nested("Breast cancer: real features"),
    "phantom": _nested("Phantom: synthetic CT scans"),
    "notes": study.listed("Note"),
    "cohort": study.cohort,
    "target": study.target,
    "duplicates": study.groups("Bit-identical pixels"),
    "conflicts": study.groups("Identical pixels with different labels"),
    "parts": study.parts,
    "sample_size": study.sample,
    "models": study.models,
    "warnings": study.listed("WARNING"),
    "results": numbers.results,
    "comparisons": beside.comparisons,
    "seeds": beside.seeds,
    "learning": beside.learning,
    "readers": beside.readers,
    "external": numbers.external,
    "clusters": clusters.clusters,
    "similar": clusters.similar,
    "placed": clusters.placed,
    "patches": patches.patches,
    "tabulated": tabulated.tabulated,
    "output": study.predicted,
    "map": clusters.page,
    "page": clusters.page,
    "report": study.report,
    "paper": study.paper,
}
