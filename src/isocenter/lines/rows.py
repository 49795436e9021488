"""Rows of a table that no case came from, as a line: they are neither images nor cases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from isocenter.wording import listed


def rows_alone(rows: Sequence[dict[str, Any]], things: str, place: str = "") -> Iterator[str]:
    """How many rows belong to no image or case, and the first of them; nothing where there are none.

    place: the file that names all of them.
    """
    if rows:
        belong = "row belongs" if len(rows) == 1 else "rows belong"
        where = f", all in {place}" if place and len(rows) > 6 else ""
        yield f"Table     {len(rows)} {belong} to no {things}: {listed((row['where'] for row in rows), 6)}{where}"
