"""What a page of cases shows: plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from isocenter.reporting.map.sheets import Sheets


@dataclass(frozen=True)
class Card:
    """One case, or two that are alike: ids, and lines of text below."""

    cases: tuple[str, ...]
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Cards under a title."""

    title: str
    about: str
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Table:
    """Rows of texts; the first of each names the row."""

    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Section:
    """A part of the page. name: ours, for its anchor; figures: {"title", "about", "svg", "note"}, ours too."""

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[Mapping[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, eq=False)
class Atlas:
    """A map of cases with what was found beside it.

    columns: one row a case (index case_id), what the map can be coloured by, the first at the
    beginning: text is a category, numbers are a scale; places (n, 2): where each case lies, None: no
    map; sheets: small pictures of the cases in the same order, None: there are none; thumbnails: PNG of
    the cases that cards show, by id.
    """

    title: str
    kind: str
    lede: str
    columns: pd.DataFrame
    places: NDArray[np.floating[Any]] | None = None
    about: str = ""
    answer: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    sheets: Sheets | None = None
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def case_ids(self) -> Sequence[str]:
        return [str(one) for one in self.columns.index]
