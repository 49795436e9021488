"""What goes into a paper: a finished study as plain data, and a table as it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from isocenter.reporting import Study


@dataclass(frozen=True, eq=False)
class Finished:
    """A study with an evaluation, and what stands beside its page.

    study: as the report has it; scores: predictions by method, every part, repeat and fold;
    decisions: `Decision.told()` by method; comparisons, readers, seeds, sample_size, learning: the contents of these
    JSON files, empty where there are none; external: {name: contents of external.json}.
    """

    study: Study
    scores: Mapping[str, pd.DataFrame]
    decisions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    comparisons: Sequence[Mapping[str, Any]] = ()
    readers: Mapping[str, Any] = field(default_factory=dict)
    seeds: Mapping[str, Any] = field(default_factory=dict)
    external: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sample_size: Mapping[str, Any] = field(default_factory=dict)
    learning: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Table:
    """name: of its file and sheet; title: what it is, one line; frame: its cells at full precision."""

    name: str
    title: str
    frame: pd.DataFrame
